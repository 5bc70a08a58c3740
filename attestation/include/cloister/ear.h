/* SPDX-License-Identifier: Apache-2.0
 * ear.h - attestation results as an EAR token (an EAT in an ES256 JWT; draft-fv-rats-ear) with an
 * AR4SI trustworthiness vector (draft-ietf-rats-ar4si): what `verify --ear` writes, and the frame
 * of the broker's RCAR token. Trust: a token is hostile until its signature verified under the
 * caller's key. A simulated class is never affirming: its hardware is "not recognised", whatever
 * the checks said. Threads: pure. Memory: one JSON document, bounded by CL_JWT_MAX_SIZE once
 * signed.
 */
#ifndef CLOISTER_EAR_H
#define CLOISTER_EAR_H

#include "base/buf.h"
#include "cloister/verify.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

#define CL_EAR_ANNOTATED "ear.veraison.annotated-evidence"
#define CL_EAR_LIFETIME_SECONDS 300 /* of a token of `verify`, as Trustee's */

enum cl_ar4si_claim { /* in the order in which they are written */
                      CL_AR4SI_INSTANCE_IDENTITY,
                      CL_AR4SI_CONFIGURATION,
                      CL_AR4SI_EXECUTABLES,
                      CL_AR4SI_FILE_SYSTEM,
                      CL_AR4SI_HARDWARE,
                      CL_AR4SI_RUNTIME_OPAQUE,
                      CL_AR4SI_STORAGE_OPAQUE,
                      CL_AR4SI_SOURCED_DATA,
                      CL_AR4SI_COUNT,
};

struct cl_ar4si { /* zeroed: no claim is made */
    int8_t value[CL_AR4SI_COUNT];
};

/* What evidence of that class claims once every check passed and an approved measurement matched.
 */
struct cl_ar4si cl_ar4si_approved(enum cl_tee_class c);
/* From the checks of a result: each claim is as bad as its worst check; 99 throughout for evidence
 * whose signature or chain is wrong. */
struct cl_ar4si cl_ar4si_of_result(const struct cl_verify_result *result);
/* The worst tier among the values. */
enum cl_appraisal cl_ar4si_tier(const struct cl_ar4si *v);
/* The overall status: never better than the verdict, nor than the vector. */
enum cl_appraisal cl_ear_status(const struct cl_verify_result *result);

struct cl_ear_token {
    const char *profile, *issuer, *build; /* build: the verifier's name and version */
    const char *id;                       /* `jti`, or NULL */
    int64_t issued, expires;              /* seconds since 1970 */
    const char *policy_id;
    enum cl_appraisal status;
    struct cl_ar4si vector;
    json_t *annotated; /* the evidence's claims; borrowed */
};

/* Signs a token with the one submodule `cpu0`. The key must be P-256; its public half goes into the
 * header. Appends to out. */
CL_NODISCARD enum cl_status cl_ear_token_sign(struct evp_pkey_st *key, const struct cl_ear_token *t,
                                              struct cl_buf *out, struct cl_err *err);
/* Signature, times and frame of a token. *ret_claims is new; *ret_cpu0 and *ret_annotated are
 * borrowed from it. CL_ERR_REJECTED, CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status cl_ear_token_open(struct evp_pkey_st *key, const char *token,
                                              size_t len, int64_t now, json_t **ret_claims,
                                              json_t **ret_cpu0, json_t **ret_annotated,
                                              struct cl_err *err);

/* The token of `verify`: verdict, checks and claims (an object, or NULL) of one result. */
CL_NODISCARD enum cl_status cl_ear_of_result(struct evp_pkey_st *key,
                                             const struct cl_verify_result *result, json_t *claims,
                                             int64_t now, struct cl_buf *out, struct cl_err *err);

#endif
