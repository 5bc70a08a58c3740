/* SPDX-License-Identifier: Apache-2.0
 * snp_verify.h - decides whether SEV-SNP evidence is genuine and what we expected.
 *
 *   struct cl_snp_policy policy = {.time = now, .references = refs, .reference_count = n,
 *                                  .report_data = data, .host_data = initdata_digest};
 *   CL_TRY(cl_snp_verify(evidence, &policy, &result, err));
 *   CL_TRY(cl_verify_result_status(result, err)); // only CL_OK may release anything
 *
 * Trust: the evidence is hostile; the policy is the caller's. Roots of class `snp` are pinned in
 *        this library by the SHA-384 of their public key, and no input adds one. Simulated roots
 * come from the policy and give class `sim-snp`, whatever the evidence calls itself. Threads: pure;
 * no shared state, no network. Memory: one result; certificates while it runs. Spec: snp.md a.10,
 * each step a named check. All checks that can run do run.
 */
#ifndef CLOISTER_SNP_VERIFY_H
#define CLOISTER_SNP_VERIFY_H

#include "cloister/distrust.h"
#include "cloister/snp_evidence.h"
#include "cloister/snp_policy.h"
#include "cloister/verify.h"

#define CL_SNP_ROOT_SIZE 48u /* SHA-384 of a SubjectPublicKeyInfo in DER */

/* A trusted measurement, valid for evidence of one class only. */
struct cl_snp_reference {
    enum cl_tee_class tee_class;
    uint8_t measurement[CL_SNP_MEASUREMENT_SIZE];
};

struct cl_snp_policy { /* all zero: the strict default, which accepts nothing; pointers borrowed */
    int64_t time;      /* when to verify, seconds since 1970: certificates must be valid then */
    const struct cl_snp_reference *references;
    size_t reference_count;
    const uint8_t *report_data; /* 64 bytes, or NULL: not compared */
    const uint8_t *host_data;   /* 32 bytes, or NULL: not compared */
    /* What is demanded of evidence of class snp, and of class sim-snp: sections of a
     * cl_verify_policy, or filled by hand. NULL: cl_snp_rules_default(). */
    const struct cl_snp_rules *rules, *sim_rules;
    const struct cl_policy_common *common;        /* NULL: nothing */
    const struct cl_distrust *distrust;           /* what is known of broken platforms, or NULL */
    enum cl_tee_class require_class;              /* NONE: either */
    const uint8_t (*sim_roots)[CL_SNP_ROOT_SIZE]; /* SPKI digests of simulated roots */
    size_t sim_root_count;
    bool authenticity_only; /* accept authentic evidence that is compared with nothing */
};

/* Verifies. CL_OK with a result also when the verdict is `rejected`; an error (CL_ERR_NOMEM,
 * CL_ERR_SYS) only when verification could not be carried out. */
CL_NODISCARD enum cl_status cl_snp_verify(const struct cl_snp_evidence *ev,
                                          const struct cl_snp_policy *policy,
                                          struct cl_verify_result **ret_result, struct cl_err *err);

/* The certificates and revocation lists of ev, picked for its report and examined once: what is
 * slow in verification (RSA signatures), and the same for every report of one chip at one TCB. */
struct cl_snp_chain; /* opaque, immutable: threads may share one */
CL_NODISCARD enum cl_status cl_snp_chain_new(const struct cl_snp_evidence *ev,
                                             struct cl_snp_chain **ret_chain, struct cl_err *err);
void cl_snp_chain_free(struct cl_snp_chain *chain);   /* NULL is fine */
void cl_snp_chain_freep(struct cl_snp_chain **chain); /* for CL_CLEANUP */

/* As cl_snp_verify(), of a report under certificates examined before. Root, dates, revocation and
 * binding are decided anew each time: a chain made for another chip is refused, not accepted. */
CL_NODISCARD enum cl_status cl_snp_verify_chain(const struct cl_snp_report *report,
                                                const struct cl_snp_chain *chain,
                                                const struct cl_snp_policy *policy,
                                                struct cl_verify_result **ret_result,
                                                struct cl_err *err);

/* Every decoded field under its specification name, for cl_verify_result_to_json(). */
CL_NODISCARD enum cl_status cl_snp_verify_claims(const struct cl_snp_evidence *ev,
                                                 const struct cl_verify_result *result,
                                                 json_t **ret_claims, struct cl_err *err);

/* The SPKI digest of a certificate in DER or PEM: how a simulated root is named. */
CL_NODISCARD enum cl_status cl_snp_root_digest(const uint8_t *cert, size_t len,
                                               uint8_t ret[static CL_SNP_ROOT_SIZE],
                                               struct cl_err *err);

#endif
