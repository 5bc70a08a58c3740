/* SPDX-License-Identifier: Apache-2.0
 * snp_claims.c - the decoded fields of a report under their specification names, for
 * `verify --json`. Table-driven: one row per claim.
 * Trust: the report is hostile; every value is printed as hex or a bounded integer.
 * Threads: pure. Memory: one JSON object.
 */
#include "cloister/snp_report.h"

#include "base/encode.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

enum claim_kind { CLAIM_U8, CLAIM_U32, CLAIM_U64, CLAIM_BYTES, CLAIM_TCB, CLAIM_FW };

static const struct {
    const char *name;
    enum claim_kind kind;
    uint32_t from_version; /* absent from reports before that version */
    size_t offset, size;   /* in struct cl_snp_report */
} claims[] = {
#define ROW(field, kind, from)                                                                     \
    {                                                                                              \
#field, kind, from, offsetof(struct cl_snp_report, field),                                 \
            sizeof(((struct cl_snp_report *)NULL)->field)                                          \
    }
    ROW(version, CLAIM_U32, 0),
    ROW(guest_svn, CLAIM_U32, 0),
    ROW(policy, CLAIM_U64, 0),
    ROW(family_id, CLAIM_BYTES, 0),
    ROW(image_id, CLAIM_BYTES, 0),
    ROW(vmpl, CLAIM_U32, 0),
    ROW(signature_algo, CLAIM_U32, 0),
    ROW(current_tcb, CLAIM_TCB, 0),
    ROW(platform_info, CLAIM_U64, 0),
    ROW(key_info, CLAIM_U32, 0),
    ROW(report_data, CLAIM_BYTES, 0),
    ROW(measurement, CLAIM_BYTES, 0),
    ROW(host_data, CLAIM_BYTES, 0),
    ROW(id_key_digest, CLAIM_BYTES, 0),
    ROW(author_key_digest, CLAIM_BYTES, 0),
    ROW(report_id, CLAIM_BYTES, 0),
    ROW(report_id_ma, CLAIM_BYTES, 0),
    ROW(reported_tcb, CLAIM_TCB, 0),
    ROW(cpuid_fam_id, CLAIM_U8, 3),
    ROW(cpuid_mod_id, CLAIM_U8, 3),
    ROW(cpuid_step, CLAIM_U8, 3),
    ROW(chip_id, CLAIM_BYTES, 0),
    ROW(committed_tcb, CLAIM_TCB, 0),
    ROW(current, CLAIM_FW, 0),
    ROW(committed, CLAIM_FW, 0),
    ROW(launch_tcb, CLAIM_TCB, 0),
    ROW(launch_mit_vector, CLAIM_U64, 5),
    ROW(current_mit_vector, CLAIM_U64, 5),
#undef ROW
};

static json_t *tcb_value(const uint8_t raw[static 8], enum cl_snp_product product)
{
    char hex[17];
    cl_hex(hex, raw, 8);
    if (product == CL_SNP_PRODUCT_UNKNOWN) { /* the layout cannot be told */
        return json_pack("{s:s}", "raw", hex);
    }
    struct cl_snp_tcb t = cl_snp_tcb_decode(raw, product == CL_SNP_PRODUCT_TURIN);
    json_t *j = json_pack("{s:i,s:i,s:i,s:i,s:s}", "bootloader", t.bootloader, "tee", t.tee, "snp",
                          t.snp, "microcode", t.microcode, "raw", hex);
    if (j != NULL && t.has_fmc && json_object_set_new(j, "fmc", json_integer(t.fmc)) != 0) {
        json_decref(j);
        return NULL;
    }
    return j;
}

static json_t *claim_value(const uint8_t *at, enum claim_kind kind, size_t size,
                           enum cl_snp_product product)
{
    char text[2 * CL_SNP_CHIP_ID_SIZE + 1];
    switch (kind) {
    case CLAIM_U8:
        return json_integer(*at);
    case CLAIM_U32: {
        uint32_t v;
        __builtin_memcpy(&v, at, sizeof(v));
        return json_integer(v);
    }
    case CLAIM_U64: { /* 64-bit values are hex strings: not every reader of JSON keeps 64 bits */
        uint64_t v;
        __builtin_memcpy(&v, at, sizeof(v));
        (void)snprintf(text, sizeof(text), "%016" PRIx64, v);
        return json_string(text);
    }
    case CLAIM_BYTES:
        if (2 * size + 1 > sizeof(text)) {
            return NULL;
        }
        cl_hex(text, at, size);
        return json_string(text);
    case CLAIM_TCB:
        return tcb_value(at, product);
    case CLAIM_FW: {
        struct cl_snp_fw_version v;
        __builtin_memcpy(&v, at, sizeof(v));
        return json_pack("{s:i,s:i,s:i}", "major", v.major, "minor", v.minor, "build", v.build);
    }
    }
    return NULL;
}

enum cl_status cl_snp_report_claims(const struct cl_snp_report *r, enum cl_snp_product product,
                                    json_t **ret_claims, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    if (out == NULL) {
        return cl_err_nomem(err, "claims");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(claims); i++) {
        if (r->version < claims[i].from_version) {
            continue;
        }
        json_t *v = claim_value((const uint8_t *)r + claims[i].offset, claims[i].kind,
                                claims[i].size, product);
        if (v == NULL || json_object_set_new(out, claims[i].name, v) != 0) {
            return cl_err_nomem(err, "claims");
        }
    }
    *ret_claims = CL_TAKE(out);
    return CL_OK;
}
