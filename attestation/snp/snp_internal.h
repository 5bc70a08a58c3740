/* SPDX-License-Identifier: Apache-2.0
 * snp_internal.h - one verification in progress, and the steps it consists of.
 * Trust: everything reached from here is hostile until `root_class` says which root vouches for it.
 */
#ifndef CL_ATTESTATION_SNP_INTERNAL_H
#define CL_ATTESTATION_SNP_INTERNAL_H

#include "cloister/snp_verify.h"
#include "snp/snp_chain.h"
#include "verdict/verdict.h"

/* A pinned root key; a table of them ends with one of no product. */
struct snp_root {
    enum cl_snp_product product;
    uint8_t spki_sha384[CL_SNP_ROOT_SIZE];
};

struct snp_ctx {
    const struct cl_snp_report *report;
    const struct cl_snp_policy *policy;
    const struct cl_snp_rules *rules; /* those for root_class; set once that is known */
    struct cl_verify_result *result;
    enum cl_snp_product product;
    enum snp_signing_key signing_key;
    const struct cl_snp_chain *chain;
    const struct snp_root *roots; /* of class snp */
    enum cl_tee_class root_class; /* of the root found; trusted only with authentic == CL_YES */
};

/* snp_roots.c */
extern const struct snp_root snp_amd_roots[];
const uint8_t *snp_root_of(const struct snp_root *roots,
                           enum cl_snp_product product); /* NULL when there is none */
enum cl_snp_product snp_root_product(const struct snp_root *roots,
                                     const uint8_t spki_sha384[static CL_SNP_ROOT_SIZE]);

/* snp_verify.c. What cl_snp_verify() and cl_snp_verify_chain() do, which give it AMD's roots: tests
 * of class snp give it their own. Nothing else in the library calls it. */
CL_NODISCARD enum cl_status
snp_verify_with_roots(const struct cl_snp_report *report, const struct cl_snp_chain *chain,
                      const struct cl_snp_policy *policy, const struct snp_root *roots,
                      struct cl_verify_result **ret_result, struct cl_err *err);

/* snp_chain_check.c */
void snp_chain_check(struct snp_ctx *c);

/* snp_crl.c: after snp_chain_check(). */
void snp_crl_check(struct snp_ctx *c);

/* snp_distrust.c */
void snp_distrust_check(struct snp_ctx *c);

/* snp_identity.c: is the guest one that the policy trusts? True when it was compared. */
bool snp_identity_check(struct snp_ctx *c);

/* snp_signature.c */
void snp_signature_check_format(struct snp_ctx *c);
void snp_signature_check(struct snp_ctx *c);
/* ECDSA P-384 with SHA-384 in the processor's form: numbers little-endian. False when out of range
 * or wrong. */
bool snp_ecdsa_verify(const uint8_t r[static CL_SNP_SIG_PART_SIZE],
                      const uint8_t s[static CL_SNP_SIG_PART_SIZE], const void *data, size_t n,
                      EVP_PKEY *key);

/* snp_appraise.c: what the policy says of the report. True when the guest was compared with
 * something trusted. */
bool snp_appraise(struct snp_ctx *c);

bool snp_all_zero(const uint8_t *p, size_t n);
/* Adds a check that passes or fails. */
struct cl_check *snp_check(struct snp_ctx *c, const char *id, bool good);
/* Adds one that could not run; `why` says what was missing. */
void snp_cannot(struct snp_ctx *c, const char *id, const char *why);
void snp_skip(struct snp_ctx *c, const char *id, const char *why);

#endif
