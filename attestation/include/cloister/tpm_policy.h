/* SPDX-License-Identifier: Apache-2.0
 * tpm_policy.h - what a policy demands of TPM evidence: its sections "tpm", "az-snp-vtpm" and
 * "az-tdx-vtpm".
 *
 *   {"measurements": ["<96 hex>"], "pcrs": {"sha256": {"4": ["<64 hex>", ...]}},
 *    "pcr_events": {"sha256": {"4": ["<64 hex>", ...]}},
 *    "required_pcrs": {"sha256": [0, 1, 7]}, "aks": {"keys": ["<64 hex>"], "names": ["<68 hex>"]},
 *    "require_secure_boot": true, "require_user_data": true}
 *
 * Trust: the user's word, but its bytes may be anything. Threads: immutable once filled.
 * Memory: fixed, and one list.
 */
#ifndef CLOISTER_TPM_POLICY_H
#define CLOISTER_TPM_POLICY_H

#include "cloister/verify_policy.h"
#include "cloister/vtpm_verify.h"

#define CL_TPM_RULES_PCRS_MAX 256u /* values of registers in one section; digests of events */
#define CL_TPM_RULES_AKS_MAX 64u   /* keys and names together */

struct cl_tpm_rules {                   /* all zero accepts nothing */
    bool accepted;                      /* the policy has this section */
    struct cl_policy_list measurements; /* 48 bytes: paravisors; not in section "tpm" */
    size_t pcr_count;
    struct cl_tpm_pcr_value pcrs[CL_TPM_RULES_PCRS_MAX];
    size_t event_count;
    struct cl_tpm_pcr_value events[CL_TPM_RULES_PCRS_MAX]; /* of each register, in order */
    struct cl_tpm_selection required;
    size_t ak_count;
    struct cl_tpm_ak_id aks[CL_TPM_RULES_AKS_MAX]; /* section "tpm" only */
    bool require_secure_boot, require_user_data;   /* not in section "tpm" */
};

/* The section of a policy for class tpm, az-snp-vtpm or az-tdx-vtpm; borrowed. All zero when the
 * policy has none. */
const struct cl_tpm_rules *cl_verify_policy_tpm(const struct cl_verify_policy *policy,
                                                enum cl_tee_class c);

/* Has the policy demand what the rules do, besides the rest of it; the policy borrows from them. */
void cl_tpm_rules_apply(const struct cl_tpm_rules *rules, struct cl_vtpm_policy *policy);

#endif
