/* SPDX-License-Identifier: Apache-2.0
 * vtpm_claims.c - every decoded field of TPM evidence, as JSON for people and policies.
 * Trust: what stands here is worth what the verdict beside it says. Threads: pure. Memory: JSON.
 */
#include "tpm/vtpm_internal.h"

#include "base/encode.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

static json_t *hex(const uint8_t *data, size_t n)
{
    char text[2 * 128 + 1];
    cl_hex(text, data, n < 128 ? n : 128);
    return json_string(text);
}

static json_t *hex64(uint64_t v)
{
    char text[17];
    (void)snprintf(text, sizeof(text), "%016" PRIx64, v);
    return json_string(text);
}

/* Takes obj; NULL when there is no memory for it or its new member. */
static json_t *with(json_t *obj, const char *name, json_t *value)
{
    if (json_object_set_new(obj, name, value) != 0) {
        json_decref(obj);
        return NULL;
    }
    return obj;
}

static json_t *bank_claims(const struct cl_tpm_pcrs *pcrs, uint16_t alg, uint32_t mask)
{
    json_t *bank = json_object();
    for (uint32_t i = 0; bank != NULL && i < CL_TPM_PCR_COUNT; i++) {
        const uint8_t *v = cl_tpm_pcrs_get(pcrs, alg, i);
        char name[8];
        (void)snprintf(name, sizeof(name), "pcr%02u", (unsigned)i);
        if ((mask >> i & 1u) != 0 && v != NULL) {
            bank = with(bank, name, hex(v, cl_tpm_hash_size(alg)));
        }
    }
    return bank;
}

/* Only what the quote covers: other values that came along prove nothing. */
static json_t *registers(const struct cl_vtpm_evidence *ev)
{
    json_t *banks = json_object();
    const struct cl_tpm_selection *s = &ev->quote.selection;
    for (size_t b = 0; banks != NULL && b < s->bank_count; b++) {
        uint16_t alg = s->bank[b].alg;
        banks =
            with(banks, cl_tpm_alg_name(alg), bank_claims(&ev->parts.pcrs, alg, s->bank[b].mask));
    }
    return banks;
}

static json_t *tpm_claims(const struct cl_vtpm_evidence *ev)
{
    const struct cl_tpm_quote *q = &ev->quote;
    return json_pack("{s:o,s:o,s:o,s:I,s:I,s:b,s:o,s:s,s:s,s:o}", "qualified_signer",
                     hex(q->signer, q->signer_len), "extra_data",
                     hex(q->extra_data, q->extra_data_len), "clock", hex64(q->clock), "reset_count",
                     (json_int_t)q->reset_count, "restart_count", (json_int_t)q->restart_count,
                     "safe", q->safe ? 1 : 0, "firmware_version", hex64(q->firmware_version),
                     "signature_scheme", cl_tpm_alg_name(ev->signature.scheme), "signature_hash",
                     cl_tpm_alg_name(ev->signature.hash), "pcrs", registers(ev));
}

static json_t *key_claim(EVP_PKEY *key)
{
    uint8_t digest[CL_SHA256_SIZE];
    if (key == NULL) {
        return json_null();
    }
    return cl_tpm_key_digest(key, digest, NULL) == CL_OK ? hex(digest, sizeof(digest)) : NULL;
}

static json_t *flag(enum cl_tristate t)
{
    return t == CL_UNKNOWN ? json_null() : json_boolean(t == CL_YES);
}

static json_t *hcl_claims(const struct cl_vtpm_evidence *ev)
{
    CL_CLEANUP(cl_hcl_claims_done) struct cl_hcl_claims c = {0};
    enum cl_status st = cl_hcl_claims_parse(ev->hcl.runtime, ev->hcl.runtime_len, &c, NULL);
    bool good = st == CL_OK;
    if (st == CL_ERR_NOMEM) { /* other errors are the evidence's: what it claims is not known */
        return NULL;
    }
    return json_pack("{s:I,s:s,s:o,s:o,s:o,s:s?,s:o}", "version", (json_int_t)ev->hcl.version,
                     "hash", cl_tpm_alg_name(ev->hcl.hash), "ak_sha256", key_claim(c.ak),
                     "secure_boot", flag(c.secure_boot), "tpm_enabled", flag(c.tpm_enabled),
                     "vm_unique_id", good && c.vm_id[0] != '\0' ? c.vm_id : NULL, "user_data",
                     c.has_user_data ? hex(c.user_data, sizeof(c.user_data)) : json_null());
}

static json_t *ak_claims(const struct cl_vtpm_evidence *ev)
{
    const struct cl_tpm_public *a = &ev->area;
    return json_pack("{s:o,s:o,s:o}", "sha256", key_claim(ev->ak), "name",
                     a->key != NULL ? hex(a->name, a->name_len) : json_null(), "attributes",
                     a->key != NULL ? json_integer((json_int_t)a->attributes) : json_null());
}

enum cl_status cl_vtpm_verify_claims(const struct cl_vtpm_evidence *ev,
                                     const struct cl_verify_result *result,
                                     const struct cl_tdx_tcb *tcb, json_t **ret_claims,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = NULL;
    if (ev->snp != NULL) {
        CL_TRY(cl_snp_verify_claims(ev->snp, result, &out, err));
    } else if (ev->tdx != NULL) {
        CL_TRY(cl_tdx_verify_claims(ev->tdx, tcb, &out, err));
    } else {
        out = json_object();
    }
    bool generic = ev->parts.kind == CL_TEE_CLASS_TPM;
    if (json_object_set_new(out, "tpm", tpm_claims(ev)) != 0 ||
        json_object_set_new(out, generic ? "ak" : "hcl",
                            generic ? ak_claims(ev) : hcl_claims(ev)) != 0) {
        return cl_err_nomem(err, "claims");
    }
    *ret_claims = CL_TAKE(out);
    return CL_OK;
}
