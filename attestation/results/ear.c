/* SPDX-License-Identifier: Apache-2.0
 * ear.c - EAR tokens: the frame that `verify` and the broker share, and the token of `verify` (see
 * cloister/ear.h). Spec: kbs-protocol.md 10; draft-fv-rats-ear.
 */
#include "cloister/ear.h"

#include "base/io.h"
#include "base/json.h"
#include "cloister/jwk.h"
#include "cloister/jwt.h"
#include "token/sign.h"

#include <string.h>

#define PROFILE "tag:github.com,2023:veraison/ear"
#define SUBMODULE "cpu0"

static json_t *vector_json(const struct cl_ar4si *v)
{
    static const char *const names[CL_AR4SI_COUNT] = {
        [CL_AR4SI_INSTANCE_IDENTITY] = "instance-identity",
        [CL_AR4SI_CONFIGURATION] = "configuration",
        [CL_AR4SI_EXECUTABLES] = "executables",
        [CL_AR4SI_FILE_SYSTEM] = "file-system",
        [CL_AR4SI_HARDWARE] = "hardware",
        [CL_AR4SI_RUNTIME_OPAQUE] = "runtime-opaque",
        [CL_AR4SI_STORAGE_OPAQUE] = "storage-opaque",
        [CL_AR4SI_SOURCED_DATA] = "sourced-data",
    };
    json_t *j = json_object();
    for (size_t i = 0; j != NULL && i < CL_AR4SI_COUNT; i++) {
        if (json_object_set_new(j, names[i], json_integer(v->value[i])) != 0) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

static json_t *claims_json(const struct cl_ear_token *t)
{
    json_t *cpu0 = json_pack("{s:s, s:s, s:o, s:O}", "ear.status", cl_appraisal_name(t->status),
                             "ear.appraisal-policy-id", t->policy_id, "ear.trustworthiness-vector",
                             vector_json(&t->vector), CL_EAR_ANNOTATED, t->annotated);
    return json_pack("{s:s, s:s, s:I, s:I, s:s*, s:{s:s, s:s}, s:{s:o}}", "eat_profile", t->profile,
                     "iss", t->issuer, "iat", (json_int_t)t->issued, "exp", (json_int_t)t->expires,
                     "jti", t->id, "ear.verifier-id", "developer", "Cloister", "build", t->build,
                     "submods", SUBMODULE, cpu0);
}

enum cl_status cl_ear_token_sign(struct evp_pkey_st *key, const struct cl_ear_token *t,
                                 struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *signer = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *jwk = NULL;
    CL_TRY(cl_sig_check_key(CL_SIG_ES256, key, err));
    CL_TRY(cl_jwk_from_pkey(key, &signer, err));
    CL_TRY(cl_jwk_emit(signer, CL_JWK_ES256, &jwk, err));
    CL_CLEANUP(cl_json_decrefp) json_t *claims = claims_json(t);
    CL_CLEANUP(cl_json_decrefp) json_t *header = json_pack("{s:O}", "jwk", jwk);
    if (claims == NULL || header == NULL) {
        return cl_err_nomem(err, "token");
    }
    return cl_jwt_sign(CL_JWT_ES256, key, header, claims, out, err);
}

enum cl_status cl_ear_token_open(struct evp_pkey_st *key, const char *token, size_t len,
                                 int64_t now, json_t **ret_claims, json_t **ret_cpu0,
                                 json_t **ret_annotated, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    json_t *submods = NULL;
    CL_TRY(cl_jwt_verify(CL_JWT_ES256, key, token, len, &claims, err));
    CL_TRY(cl_jwt_check_times(claims, now, err));
    CL_TRY(cl_json_get_object(claims, "token", "submods", &submods, err));
    CL_TRY(cl_json_get_object(submods, "token", SUBMODULE, ret_cpu0, err));
    CL_TRY(cl_json_get_object(*ret_cpu0, "token", CL_EAR_ANNOTATED, ret_annotated, err));
    *ret_claims = CL_TAKE(claims);
    return CL_OK;
}

static json_t *checks_json(const struct cl_verify_result *result)
{
    json_t *j = json_object();
    for (size_t i = 0; j != NULL && i < result->check_count; i++) {
        const struct cl_check *k = &result->checks[i];
        const char *status = k->warning ? "warning" : cl_check_status_name(k->status);
        if (json_object_set_new(j, k->id, json_string(status)) != 0) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

/* "snp" of "snp.report.version": evidence that is not authentic has no class. */
static void family_name(const struct cl_verify_result *result, char ret[static 16])
{
    const char *id = result->check_count > 0 ? result->checks[0].id : "none";
    size_t n = strcspn(id, ".");
    n = n < 15 ? n : 15;
    memcpy(ret, id, n);
    ret[n] = '\0';
}

enum cl_status cl_ear_of_result(struct evp_pkey_st *key, const struct cl_verify_result *result,
                                json_t *claims, int64_t now, struct cl_buf *out, struct cl_err *err)
{
    char family[16], when[21];
    family_name(result, family);
    cl_time_format(when, result->time);
    CL_CLEANUP(cl_json_decrefp)
    json_t *annotated = json_pack("{s:O*, s:s, s:s, s:s, s:o}", family, claims, "cloister_class",
                                  cl_tee_class_name(result->tee_class), "cloister_verdict",
                                  cl_verdict_name(result->verdict), "cloister_verified_as_of", when,
                                  "cloister_checks", checks_json(result));
    if (annotated == NULL) {
        return cl_err_nomem(err, "token");
    }
    struct cl_ear_token t = {.profile = PROFILE,
                             .issuer = "cloister verify",
                             .build = "cloister " CL_VERSION,
                             .issued = now,
                             .expires = now + CL_EAR_LIFETIME_SECONDS,
                             .policy_id = "cloister.verify/1",
                             .status = cl_ear_status(result),
                             .vector = cl_ar4si_of_result(result),
                             .annotated = annotated};
    return cl_ear_token_sign(key, &t, out, err);
}
