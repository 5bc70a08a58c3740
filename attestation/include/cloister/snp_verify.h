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

#include "cloister/snp_evidence.h"
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
    const uint8_t *report_data;                   /* 64 bytes, or NULL: not compared */
    const uint8_t *host_data;                     /* 32 bytes, or NULL: not compared */
    uint32_t vmpl;                                /* the exact VMPL expected: 0 */
    const struct cl_snp_tcb *min_tcb;             /* for REPORTED and COMMITTED, or NULL */
    uint32_t min_version;                         /* of the report; 0: any known one */
    enum cl_tee_class require_class;              /* NONE: either */
    const uint8_t (*sim_roots)[CL_SNP_ROOT_SIZE]; /* SPKI digests of simulated roots */
    size_t sim_root_count;
    bool allow_masked_chip_id; /* CHIP_ID all zero: the chip cannot be told */
    bool strict_tcb;           /* CURRENT must equal COMMITTED (no provisional firmware) */
    bool authenticity_only;    /* accept authentic evidence that is compared with nothing */
};

/* Verifies. CL_OK with a result also when the verdict is `rejected`; an error (CL_ERR_NOMEM,
 * CL_ERR_SYS) only when verification could not be carried out. */
CL_NODISCARD enum cl_status cl_snp_verify(const struct cl_snp_evidence *ev,
                                          const struct cl_snp_policy *policy,
                                          struct cl_verify_result **ret_result, struct cl_err *err);

/* Every decoded field under its specification name, for cl_verify_result_to_json(). */
CL_NODISCARD enum cl_status cl_snp_verify_claims(const struct cl_snp_evidence *ev,
                                                 const struct cl_verify_result *result,
                                                 json_t **ret_claims, struct cl_err *err);

/* The SPKI digest of a certificate in DER or PEM: how a simulated root is named. */
CL_NODISCARD enum cl_status cl_snp_root_digest(const uint8_t *cert, size_t len,
                                               uint8_t ret[static CL_SNP_ROOT_SIZE],
                                               struct cl_err *err);

#endif
