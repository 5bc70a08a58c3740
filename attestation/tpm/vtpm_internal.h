/* SPDX-License-Identifier: Apache-2.0
 * vtpm_internal.h - the body of struct cl_vtpm_evidence, and one verification in progress.
 * Trust: everything reached from here is hostile until the checks have passed.
 */
#ifndef CL_ATTESTATION_VTPM_INTERNAL_H
#define CL_ATTESTATION_VTPM_INTERNAL_H

#include "cloister/hcl_report.h"
#include "cloister/vtpm_verify.h"
#include "tpm/tpm_internal.h"
#include "verdict/verdict.h"

struct cl_vtpm_evidence {
    struct cl_vtpm_parts parts;
    struct cl_tpm_quote quote;
    struct cl_tpm_signature signature;
    struct cl_hcl_report hcl;    /* az: borrows parts.hcl */
    struct cl_snp_evidence *snp; /* az-snp; owned */
    struct cl_tdx_quote *tdx;    /* az-tdx; owned */
    EVP_PKEY *ak;                /* tpm: out of ak_spki; owned */
    struct cl_tpm_public area;   /* tpm: of ak_area; key is NULL when there is none */
};

struct vtpm_ctx {
    const struct cl_vtpm_evidence *ev;
    const struct cl_vtpm_policy *policy;
    const uint8_t (*sim_roots)[CL_SNP_ROOT_SIZE];
    size_t sim_root_count;
    struct cl_verify_result *result;
    struct cl_tdx_tcb *tcb;     /* borrowed; NULL: not asked for */
    const uint8_t *report_data; /* of the hardware report, 64 bytes; NULL when there is none */
    struct cl_hcl_claims hcl;   /* zeroed when the runtime data is not good */
    bool hcl_good;
    EVP_PKEY *ak;         /* borrowed; NULL when there is none */
    bool paravisor_known; /* its measurement was compared, or there is none */
};

/* vtpm_checks.c: the steps after the hardware's. Those that decide authenticity: */
void vtpm_check_hcl(struct vtpm_ctx *c);
void vtpm_check_ak(struct vtpm_ctx *c);
void vtpm_check_quote(struct vtpm_ctx *c);
/* What the policy says; true when registers were compared with trusted values. */
void vtpm_check_hcl_policy(struct vtpm_ctx *c);
bool vtpm_check_quote_policy(struct vtpm_ctx *c);
/* The value of a register, if the quote covers it; borrowed, or NULL. */
const uint8_t *vtpm_quoted(const struct vtpm_ctx *c, uint16_t alg, uint32_t index);
/* vtpm_event_log.c: whether the log of the policy leads to the quoted registers. */
CL_NODISCARD enum cl_status vtpm_check_event_log(struct vtpm_ctx *c, struct cl_err *err);

/* cl_vtpm_verify() with simulated roots (SPKI digests) for the hardware report, whose class then
 * stays the simulated one. Only tests reach it: the public function gives none. */
CL_NODISCARD enum cl_status vtpm_verify_with(const struct cl_vtpm_evidence *ev,
                                             const struct cl_vtpm_policy *policy,
                                             const uint8_t (*sim_roots)[CL_SNP_ROOT_SIZE],
                                             size_t sim_root_count,
                                             struct cl_verify_result **ret_result,
                                             struct cl_tdx_tcb *ret_tcb, struct cl_err *err);

#endif
