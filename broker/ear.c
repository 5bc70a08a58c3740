/* SPDX-License-Identifier: Apache-2.0
 * ear.c - attestation tokens (see ear.h).
 * Trust: a token is hostile until its signature verified under our key; it is parsed strictly even
 *        then. A simulated class is marked so that no relying party takes it for hardware.
 */
#include "ear.h"

#include "base/encode.h"
#include "cloister/rcar.h"

#include <stdio.h>
#include <string.h>

#define PROFILE "tag:github.com,2024:confidential-containers/Trustee"
#define ISSUER "CoCo-Attestation-Service"
#define MAX_TIME ((int64_t)1 << 40)

static json_t *hex_json(const uint8_t *data, size_t len)
{
    char hex[2 * CL_SNP_CHIP_ID_SIZE + 1];
    cl_hex(hex, data, len);
    return json_string(hex);
}

enum cl_status cl_ear_snp_claims(const struct cl_snp_report *r, json_t **ret_j, struct cl_err *err)
{
    bool turin = cl_snp_product_from_fms(r->cpuid_fam_id, r->cpuid_mod_id) == CL_SNP_PRODUCT_TURIN;
    struct cl_snp_tcb t = cl_snp_tcb_decode(r->reported_tcb, turin && r->version >= 3);
    json_t *j = json_pack(
        "{s:i, s:i, s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:b, s:b, s:o, s:o}",
        "policy_abi_minor", (int)(r->policy & 0xff), "policy_abi_major",
        (int)((r->policy >> 8) & 0xff), "policy_smt_allowed", (int)((r->policy >> 16) & 1),
        "policy_migrate_ma", (int)((r->policy >> 18) & 1), "policy_debug_allowed",
        (int)((r->policy >> 19) & 1), "policy_single_socket", (int)((r->policy >> 20) & 1),
        "reported_tcb_bootloader", t.bootloader, "reported_tcb_tee", t.tee, "reported_tcb_snp",
        t.snp, "reported_tcb_microcode", t.microcode, "platform_smt_enabled",
        (int)(r->platform_info & 1), "platform_tsme_enabled", (int)((r->platform_info >> 1) & 1),
        "measurement", hex_json(r->measurement, sizeof(r->measurement)), "chip_id",
        hex_json(r->chip_id, sizeof(r->chip_id)));
    if (j == NULL) {
        return cl_err_nomem(err, "claims");
    }
    *ret_j = j;
    return CL_OK;
}

/* What cl_ear_verify() makes the grant of again. */
static enum cl_status grant_json(const struct cl_grant *g, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *values = json_object();
    bool good = values != NULL;
    for (size_t i = 0; i < g->value_count && good; i++) {
        good = cl_value_put_hex(values, g->values[i].name, g->values[i].data, g->values[i].size);
    }
    json_t *j = good ? json_pack("{s:s, s:I, s:o, s:O}", "reference", g->reference, "trust",
                                 (json_int_t)g->trust, "initdata",
                                 hex_json(g->initdata, sizeof(g->initdata)), "values", values)
                     : NULL;
    if (j == NULL) {
        return cl_err_nomem(err, "token");
    }
    *ret_j = j;
    return CL_OK;
}

/* MRCONFIGID has 48 bytes, what else binds initdata has 32. */
static size_t initdata_size(enum cl_tee_class c)
{
    return c == CL_TEE_CLASS_TDX || c == CL_TEE_CLASS_SIM_TDX ? 48 : 32;
}

static enum cl_status annotated_json(const struct cl_ear_input *in, json_t **ret_j,
                                     struct cl_err *err)
{
    const struct cl_grant *g = in->grant;
    json_t *jwk = NULL;
    json_t *grant = NULL;
    CL_TRY(grant_json(g, &grant, err));
    enum cl_status st = cl_jwk_emit(g->tee_key, CL_JWK_WRAP, &jwk, err);
    if (st != CL_OK) {
        json_decref(grant);
        return st;
    }
    json_t *runtime = json_pack("{s:o, s:s, s:s}", "tee-pubkey", jwk, "nonce", in->nonce,
                                "additional-evidence", in->additional);
    json_t *j = json_pack("{s:O, s:s, s:o, s:o, s:o, s:o, s:n}", in->tee, in->claims,
                          "cloister_class", cl_tee_class_name(g->tee_class), "cloister_grant",
                          grant, "report_data", hex_json(in->report_data, CL_RCAR_REPORT_DATA_SIZE),
                          "init_data", hex_json(g->initdata, initdata_size(g->tee_class)),
                          "runtime_data_claims", runtime, "init_data_claims");
    if (j == NULL) {
        return cl_err_nomem(err, "token");
    }
    *ret_j = j;
    return CL_OK;
}

enum cl_status cl_ear_sign(EVP_PKEY *key, const struct cl_ear_input *in, struct cl_buf *out,
                           struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *annotated = NULL;
    char id[2 * CL_JTI_SIZE + 1];
    CL_TRY(annotated_json(in, &annotated, err));
    cl_hex(id, in->grant->token_id, CL_JTI_SIZE);
    struct cl_ear_token t = {.profile = PROFILE,
                             .issuer = ISSUER,
                             .build = "cloister-broker " CL_VERSION,
                             .id = id,
                             .issued = in->now,
                             .expires = in->grant->expires,
                             .policy_id = "default",
                             .status = cl_ar4si_tier(&in->vector),
                             .vector = in->vector,
                             .annotated = annotated};
    return cl_ear_token_sign(key, &t, out, err);
}

static enum cl_status get_hex(const json_t *j, const char *key, uint8_t *ret, size_t size,
                              struct cl_err *err)
{
    const char *hex = NULL;
    CL_TRY(cl_json_get_string(j, "token", key, &hex, err));
    return cl_unhex(ret, size, hex, key, err);
}

static enum cl_status read_values(json_t *values, struct cl_grant *g, struct cl_err *err)
{
    const char *name = NULL;
    json_t *unused = NULL;
    json_object_foreach(values, name, unused)
    {
        struct cl_value *v = &g->values[g->value_count];
        size_t size = cl_value_size(name);
        if (g->value_count >= CL_GRANT_MAX_VALUES || cl_value_revocation(name) == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "token: values: expected known ones");
        }
        CL_TRY(get_hex(values, name, v->data, size, err));
        (void)snprintf(v->name, sizeof(v->name), "%s", name);
        v->size = (uint8_t)size;
        g->value_count++;
    }
    return CL_OK;
}

static enum cl_status read_grant(const json_t *j, struct cl_grant *g, struct cl_err *err)
{
    uint8_t id[CL_REFERENCE_ID_SIZE];
    json_t *values = NULL;
    CL_TRY(get_hex(j, "reference", id, sizeof(id), err));
    cl_hex(g->reference, id, sizeof(id));
    CL_TRY(get_hex(j, "initdata", g->initdata, sizeof(g->initdata), err));
    CL_TRY(cl_json_get_int(j, "token", "trust", 0, INT64_MAX, &g->trust, err));
    CL_TRY(cl_json_get_object(j, "token", "values", &values, err));
    return read_values(values, g, err);
}

static enum cl_status read_claims(const json_t *claims, const json_t *evidence, struct cl_grant *g,
                                  struct cl_err *err)
{
    json_t *grant = NULL;
    json_t *runtime = NULL;
    json_t *key = NULL;
    const char *class_name = NULL;
    CL_TRY(cl_json_get_int(claims, "token", "exp", 0, MAX_TIME, &g->expires, err));
    CL_TRY(get_hex(claims, "jti", g->token_id, sizeof(g->token_id), err));
    CL_TRY(cl_json_get_string(evidence, "token", "cloister_class", &class_name, err));
    CL_TRY(cl_tee_class_parse(class_name, &g->tee_class, err));
    CL_TRY(cl_json_get_object(evidence, "token", "cloister_grant", &grant, err));
    CL_TRY(read_grant(grant, g, err));
    CL_TRY(cl_json_get_object(evidence, "token", "runtime_data_claims", &runtime, err));
    CL_TRY(cl_json_get_object(runtime, "token", "tee-pubkey", &key, err));
    return cl_jwk_parse(key, "tee-pubkey", CL_JWK_WRAP, &g->tee_key, err);
}

enum cl_status cl_ear_verify(EVP_PKEY *key, const char *token, size_t len, int64_t now,
                             struct cl_grant *ret_grant, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_CLEANUP(cl_grant_done) struct cl_grant g = {0};
    json_t *cpu0 = NULL;
    json_t *evidence = NULL;
    CL_TRY(cl_ear_token_open(key, token, len, now, &claims, &cpu0, &evidence, err));
    CL_TRY(read_claims(claims, evidence, &g, err));
    *ret_grant = g;
    g = (struct cl_grant){0};
    return CL_OK;
}
