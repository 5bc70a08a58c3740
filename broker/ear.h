/* SPDX-License-Identifier: Apache-2.0
 * ear.h - attestation tokens: EAR claims in an ES256 JWT (kbs-protocol.md 10), made from a grant
 * and read back into one.
 */
#ifndef CL_BROKER_EAR_H
#define CL_BROKER_EAR_H

#include "cloister/ear.h"
#include "cloister/snp_report.h"
#include "grant.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Trustee's names for what an SNP report says. */
CL_NODISCARD enum cl_status cl_ear_snp_claims(const struct cl_snp_report *r, json_t **ret_j,
                                              struct cl_err *err);

struct cl_tdx_quote;
struct cl_tdx_tcb;
struct cl_vtpm_evidence;
/* Of a TD quote, and of TPM quotes with what vouches for them (ear_claims.c). */
CL_NODISCARD enum cl_status cl_ear_tdx_claims(const struct cl_tdx_quote *quote,
                                              const struct cl_tdx_tcb *tcb, json_t **ret_j,
                                              struct cl_err *err);
CL_NODISCARD enum cl_status cl_ear_vtpm_claims(struct cl_vtpm_evidence *ev,
                                               const struct cl_tdx_tcb *tcb, json_t **ret_j,
                                               struct cl_err *err);

struct cl_ear_input {
    const struct cl_grant *grant; /* complete */
    const char *tee;              /* the kind of evidence: name of its claims */
    json_t *claims;               /* in Trustee's words */
    struct cl_ar4si vector;
    const uint8_t *report_data; /* 64 bytes */
    const char *nonce;
    const char *additional;
    int64_t now;
};
CL_NODISCARD enum cl_status cl_ear_sign(EVP_PKEY *key, const struct cl_ear_input *in,
                                        struct cl_buf *out, struct cl_err *err);
/* Signature, times and form; what the token says may still be out of date: cl_appraise_again(). */
CL_NODISCARD enum cl_status cl_ear_verify(EVP_PKEY *key, const char *token, size_t len, int64_t now,
                                          struct cl_grant *ret_grant, struct cl_err *err);

#endif
