/* SPDX-License-Identifier: Apache-2.0
 * snp_evidence_json.c - Trustee's JSON form of SNP evidence, in both directions, from one table.
 * Trust: the JSON is hostile. The binary report is rebuilt from its members, so that reserved bytes
 *        are zero and a report with others cannot pass; the signature is then checked over the
 *        rebuilt bytes.
 * Threads: pure. Memory: one evidence object, or one JSON document.
 * Spec: kbs-protocol 13 `snp`.
 */
#include "snp/snp_evidence.h"

#include "base/json.h"

#include <string.h>

enum member_kind {
    MEMBER_U8_OR_NULL, /* from version 3 */
    MEMBER_U32,
    MEMBER_U64,
    MEMBER_U64_OR_NULL, /* from version 5 */
    MEMBER_BYTES,
    MEMBER_TCB,
    MEMBER_FW,
};

static const struct member {
    const char *name;
    enum member_kind kind;
    size_t offset, size; /* in struct cl_snp_report */
} members[] = {
#define ROW(name, field, kind)                                                                     \
    {                                                                                              \
        name, kind, offsetof(struct cl_snp_report, field),                                         \
            sizeof(((struct cl_snp_report *)NULL)->field)                                          \
    }
    ROW("version", version, MEMBER_U32),
    ROW("guest_svn", guest_svn, MEMBER_U32),
    ROW("policy", policy, MEMBER_U64),
    ROW("family_id", family_id, MEMBER_BYTES),
    ROW("image_id", image_id, MEMBER_BYTES),
    ROW("vmpl", vmpl, MEMBER_U32),
    ROW("sig_algo", signature_algo, MEMBER_U32),
    ROW("current_tcb", current_tcb, MEMBER_TCB),
    ROW("plat_info", platform_info, MEMBER_U64),
    ROW("key_info", key_info, MEMBER_U32),
    ROW("report_data", report_data, MEMBER_BYTES),
    ROW("measurement", measurement, MEMBER_BYTES),
    ROW("host_data", host_data, MEMBER_BYTES),
    ROW("id_key_digest", id_key_digest, MEMBER_BYTES),
    ROW("author_key_digest", author_key_digest, MEMBER_BYTES),
    ROW("report_id", report_id, MEMBER_BYTES),
    ROW("report_id_ma", report_id_ma, MEMBER_BYTES),
    ROW("reported_tcb", reported_tcb, MEMBER_TCB),
    ROW("cpuid_fam_id", cpuid_fam_id, MEMBER_U8_OR_NULL),
    ROW("cpuid_mod_id", cpuid_mod_id, MEMBER_U8_OR_NULL),
    ROW("cpuid_step", cpuid_step, MEMBER_U8_OR_NULL),
    ROW("chip_id", chip_id, MEMBER_BYTES),
    ROW("committed_tcb", committed_tcb, MEMBER_TCB),
    ROW("current", current, MEMBER_FW),
    ROW("committed", committed, MEMBER_FW),
    ROW("launch_tcb", launch_tcb, MEMBER_TCB),
    ROW("launch_mit_vector", launch_mit_vector, MEMBER_U64_OR_NULL),
    ROW("current_mit_vector", current_mit_vector, MEMBER_U64_OR_NULL),
#undef ROW
};

static const struct {
    const char *name;
    enum cl_snp_cert_type type;
} cert_names[] = {
    {"VCEK", CL_SNP_CERT_VCEK}, {"VLEK", CL_SNP_CERT_VLEK}, {"ASK", CL_SNP_CERT_ASK},
    {"ARK", CL_SNP_CERT_ARK},   {"CRL", CL_SNP_CERT_CRL},
};

/* Turin has a TCB layout of its own; the family tells, from version 3 on. */
static bool is_turin(const struct cl_snp_report *r)
{
    return r->version >= 3 && r->cpuid_fam_id == 0x1A;
}

/* ---- JSON to report ---- */

static enum cl_status get_bytes(const json_t *obj, const char *what, const char *key, uint8_t *ret,
                                size_t size, struct cl_err *err)
{
    json_t *a = NULL;
    CL_TRY(cl_json_get_array(obj, what, key, &a, err));
    if (json_array_size(a) != size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %zu bytes, got %zu", what, key,
                          size, json_array_size(a));
    }
    for (size_t i = 0; i < size; i++) {
        const json_t *v = json_array_get(a, i);
        json_int_t x = json_integer_value(v);
        if (!json_is_integer(v) || x < 0 || x > 255) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: %s: expected integers from 0 to 255, got another value at %zu",
                              what, key, i);
        }
        ret[i] = (uint8_t)x;
    }
    return CL_OK;
}

static enum cl_status get_u8(const json_t *obj, const char *what, const char *key, uint8_t *ret,
                             struct cl_err *err)
{
    int64_t v = 0;
    CL_TRY(cl_json_get_int(obj, what, key, 0, 255, &v, err));
    *ret = (uint8_t)v;
    return CL_OK;
}

static enum cl_status get_tcb(const json_t *obj, const char *key, bool turin, uint8_t ret[static 8],
                              struct cl_err *err)
{
    struct cl_snp_tcb t = {0};
    json_t *j = NULL;
    CL_TRY(cl_json_get_object(obj, "SNP evidence", key, &j, err));
    const json_t *fmc = json_object_get(j, "fmc");
    t.has_fmc = fmc != NULL && !json_is_null(fmc);
    if (t.has_fmc != turin) { /* the layout decides where every component goes */
        return cl_err_set(err, CL_ERR_MALFORMED, "SNP evidence: %s.fmc: expected %s, got %s", key,
                          turin ? "an integer" : "null", turin ? "null" : "a value");
    }
    if (t.has_fmc) {
        CL_TRY(get_u8(j, key, "fmc", &t.fmc, err));
    }
    CL_TRY(get_u8(j, key, "bootloader", &t.bootloader, err));
    CL_TRY(get_u8(j, key, "tee", &t.tee, err));
    CL_TRY(get_u8(j, key, "snp", &t.snp, err));
    CL_TRY(get_u8(j, key, "microcode", &t.microcode, err));
    cl_snp_tcb_encode(&t, ret);
    return CL_OK;
}

static enum cl_status get_fw(const json_t *obj, const char *key, struct cl_snp_fw_version *ret,
                             struct cl_err *err)
{
    json_t *j = NULL;
    CL_TRY(cl_json_get_object(obj, "SNP evidence", key, &j, err));
    CL_TRY(get_u8(j, key, "major", &ret->major, err));
    CL_TRY(get_u8(j, key, "minor", &ret->minor, err));
    return get_u8(j, key, "build", &ret->build, err);
}

/* A member that stands only from some version on: absent and null are the same there. */
static enum cl_status get_optional(const json_t *obj, const struct member *m, int64_t max,
                                   bool has_meaning, int64_t *ret, struct cl_err *err)
{
    const json_t *v = json_object_get(obj, m->name);
    *ret = 0;
    if (v == NULL || json_is_null(v)) {
        return has_meaning ? cl_err_set(err, CL_ERR_MALFORMED,
                                        "SNP evidence: %s: expected an integer, got null", m->name)
                           : CL_OK;
    }
    CL_TRY(cl_json_get_int(obj, "SNP evidence", m->name, 0, max, ret, err));
    if (!has_meaning && *ret != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SNP evidence: %s: expected null in this report version, got %lld",
                          m->name, (long long)*ret);
    }
    return CL_OK;
}

static enum cl_status get_member(const json_t *obj, const struct member *m, struct cl_snp_report *r,
                                 struct cl_err *err)
{
    uint8_t *at = (uint8_t *)r + m->offset;
    int64_t v = 0;
    switch (m->kind) {
    case MEMBER_U32:
        CL_TRY(cl_json_get_int(obj, "SNP evidence", m->name, 0, UINT32_MAX, &v, err));
        memcpy(at, &(uint32_t){(uint32_t)v}, sizeof(uint32_t));
        return CL_OK;
    case MEMBER_U64:
        CL_TRY(cl_json_get_int(obj, "SNP evidence", m->name, 0, INT64_MAX, &v, err));
        memcpy(at, &(uint64_t){(uint64_t)v}, sizeof(uint64_t));
        return CL_OK;
    case MEMBER_U64_OR_NULL:
        CL_TRY(get_optional(obj, m, INT64_MAX, r->version >= 5, &v, err));
        memcpy(at, &(uint64_t){(uint64_t)v}, sizeof(uint64_t));
        return CL_OK;
    case MEMBER_U8_OR_NULL:
        CL_TRY(get_optional(obj, m, 255, r->version >= 3, &v, err));
        *at = (uint8_t)v;
        return CL_OK;
    case MEMBER_BYTES:
        return get_bytes(obj, "SNP evidence", m->name, at, m->size, err);
    case MEMBER_FW:
        return get_fw(obj, m->name, (struct cl_snp_fw_version *)(void *)at, err);
    case MEMBER_TCB:
        return CL_OK; /* second pass: needs the family */
    }
    return CL_OK;
}

static enum cl_status report_from_json(const json_t *obj, struct cl_snp_report *ret_r,
                                       struct cl_err *err)
{
    struct cl_snp_report r = {0};
    uint8_t raw[CL_SNP_REPORT_SIZE];
    json_t *sig = NULL;
    for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) { /* version is the first row */
        CL_TRY(get_member(obj, &members[i], &r, err));
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) {
        if (members[i].kind == MEMBER_TCB) {
            CL_TRY(get_tcb(obj, members[i].name, is_turin(&r), (uint8_t *)&r + members[i].offset,
                           err));
        }
    }
    CL_TRY(cl_json_get_object(obj, "SNP evidence", "signature", &sig, err));
    CL_TRY(get_bytes(sig, "signature", "r", r.signature_r, sizeof(r.signature_r), err));
    CL_TRY(get_bytes(sig, "signature", "s", r.signature_s, sizeof(r.signature_s), err));
    cl_snp_report_encode(&r, raw);
    return cl_snp_report_decode(raw, sizeof(raw), ret_r, err);
}

static enum cl_status cert_type_from_json(const json_t *j, enum cl_snp_cert_type *ret_type,
                                          uint8_t ret_guid[static 16], bool *ret_empty,
                                          struct cl_err *err)
{
    const char *name = json_string_value(j);
    *ret_empty = name != NULL && strcmp(name, "Empty") == 0;
    for (size_t i = 0; name != NULL && i < CL_ARRAY_LEN(cert_names); i++) {
        if (strcmp(cert_names[i].name, name) == 0) {
            *ret_type = cert_names[i].type;
            return CL_OK;
        }
    }
    if (*ret_empty) {
        return CL_OK;
    }
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SNP evidence: cert_type: expected ARK, ASK, VCEK, VLEK, CRL, Empty or "
                          "OTHER, got '%.32s'",
                          name != NULL ? name : "another type");
    }
    const char *guid = NULL;
    *ret_type = CL_SNP_CERT_OTHER;
    CL_TRY(cl_json_get_string(j, "cert_type", "OTHER", &guid, err));
    return snp_guid_parse(guid, ret_guid, err);
}

static enum cl_status cert_from_json(const json_t *j, struct cl_snp_evidence *ev,
                                     struct cl_err *err)
{
    enum cl_snp_cert_type type = CL_SNP_CERT_OTHER;
    uint8_t guid[16] = {0};
    bool empty = false;
    json_t *data = NULL;
    uint8_t bytes[CL_SNP_CERT_MAX_SIZE];
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SNP evidence: cert_chain: expected objects, got another value");
    }
    CL_TRY(cert_type_from_json(json_object_get(j, "cert_type"), &type, guid, &empty, err));
    if (empty) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_array(j, "SNP evidence", "data", &data, err));
    size_t len = json_array_size(data);
    if (len > sizeof(bytes)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SNP evidence: certificate: expected at most %u bytes, got %zu",
                          CL_SNP_CERT_MAX_SIZE, len);
    }
    CL_TRY(get_bytes(j, "SNP evidence", "data", bytes, len, err));
    return snp_evidence_add(ev, type, type == CL_SNP_CERT_OTHER ? guid : NULL, bytes, len, err);
}

enum cl_status cl_snp_evidence_from_json(const json_t *j, struct cl_snp_evidence **ret_ev,
                                         struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    json_t *report = NULL;
    CL_TRY(snp_evidence_new(&ev, err));
    CL_TRY(cl_json_get_object(j, "SNP evidence", "attestation_report", &report, err));
    CL_TRY(report_from_json(report, &ev->report, err));
    json_t *chain = json_object_get(j, "cert_chain");
    if (chain != NULL && !json_is_null(chain)) {
        CL_TRY(cl_json_get_array(j, "SNP evidence", "cert_chain", &chain, err));
        for (size_t i = 0; i < json_array_size(chain); i++) {
            CL_TRY(cert_from_json(json_array_get(chain, i), ev, err));
        }
    }
    *ret_ev = CL_TAKE(ev);
    return CL_OK;
}

enum cl_status cl_snp_evidence_from_json_text(const void *data, size_t len,
                                              struct cl_snp_evidence **ret_ev, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(data, len, "SNP evidence", &j, err));
    return cl_snp_evidence_from_json(j, ret_ev, err);
}

/* ---- report to JSON ---- */

static json_t *bytes_to_json(const uint8_t *data, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; a != NULL && i < n; i++) {
        if (json_array_append_new(a, json_integer(data[i])) != 0) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

static json_t *tcb_to_json(const uint8_t raw[static 8], bool turin)
{
    struct cl_snp_tcb t = cl_snp_tcb_decode(raw, turin);
    return json_pack("{s:o,s:i,s:i,s:i,s:i}", "fmc", turin ? json_integer(t.fmc) : json_null(),
                     "bootloader", t.bootloader, "tee", t.tee, "snp", t.snp, "microcode",
                     t.microcode);
}

static json_t *member_to_json(const struct member *m, const struct cl_snp_report *r)
{
    const uint8_t *at = (const uint8_t *)r + m->offset;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    struct cl_snp_fw_version fw;
    switch (m->kind) {
    case MEMBER_U8_OR_NULL:
        return r->version >= 3 ? json_integer(*at) : json_null();
    case MEMBER_U32:
        memcpy(&u32, at, sizeof(u32));
        return json_integer(u32);
    case MEMBER_U64:
    case MEMBER_U64_OR_NULL:
        memcpy(&u64, at, sizeof(u64));
        return m->kind == MEMBER_U64 || r->version >= 5 ? json_integer((json_int_t)u64)
                                                        : json_null();
    case MEMBER_BYTES:
        return bytes_to_json(at, m->size);
    case MEMBER_TCB:
        return tcb_to_json(at, is_turin(r));
    case MEMBER_FW:
        memcpy(&fw, at, sizeof(fw));
        return json_pack("{s:i,s:i,s:i}", "major", fw.major, "minor", fw.minor, "build", fw.build);
    }
    return NULL;
}

static enum cl_status report_to_json(const struct cl_snp_report *r, json_t **ret_j,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) {
        if (json_object_set_new(out, members[i].name, member_to_json(&members[i], r)) != 0) {
            return cl_err_nomem(err, "SNP evidence");
        }
    }
    json_t *sig = json_pack("{s:o,s:o}", "r", bytes_to_json(r->signature_r, CL_SNP_SIG_PART_SIZE),
                            "s", bytes_to_json(r->signature_s, CL_SNP_SIG_PART_SIZE));
    if (json_object_set_new(out, "signature", sig) != 0) {
        return cl_err_nomem(err, "SNP evidence");
    }
    *ret_j = CL_TAKE(out);
    return CL_OK;
}

static json_t *cert_type_to_json(const struct snp_cert *c)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(cert_names); i++) {
        if (cert_names[i].type == c->type) {
            return json_string(cert_names[i].name);
        }
    }
    char guid[SNP_GUID_TEXT_SIZE];
    snp_guid_format(c->other_guid, guid);
    return json_pack("{s:s}", "OTHER", guid);
}

static enum cl_status chain_to_json(const struct cl_snp_evidence *ev, json_t **ret_j,
                                    struct cl_err *err)
{
    if (ev->cert_count == 0) {
        *ret_j = json_null();
        return CL_OK;
    }
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    for (size_t i = 0; i < ev->cert_count; i++) {
        const struct snp_cert *c = &ev->certs[i];
        json_t *j = json_pack("{s:o,s:o}", "cert_type", cert_type_to_json(c), "data",
                              bytes_to_json(c->der, c->len));
        if (json_array_append_new(out, j) != 0) {
            return cl_err_nomem(err, "SNP evidence");
        }
    }
    *ret_j = CL_TAKE(out);
    return CL_OK;
}

enum cl_status cl_snp_evidence_to_json(const struct cl_snp_evidence *ev, json_t **ret_j,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *report = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *chain = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    struct cl_snp_report again;
    CL_TRY(report_to_json(&ev->report, &report, err));
    /* Whatever JSON cannot carry shows when the report is rebuilt from it. */
    if (report_from_json(report, &again, /* err= */ NULL) != CL_OK ||
        memcmp(again.raw, ev->report.raw, sizeof(again.raw)) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "SNP report: contents: expected what its JSON form can carry, got a "
                          "reserved byte or an integer of 2^63 and more");
    }
    CL_TRY(chain_to_json(ev, &chain, err));
    if (json_object_set(out, "attestation_report", report) != 0 ||
        json_object_set(out, "cert_chain", chain) != 0) {
        return cl_err_nomem(err, "SNP evidence");
    }
    *ret_j = CL_TAKE(out);
    return CL_OK;
}
