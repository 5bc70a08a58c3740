/* SPDX-License-Identifier: Apache-2.0
 * snp_policy.h - what a policy demands of SEV-SNP evidence: its sections "snp" and "sim-snp".
 * Trust: the user's word. Threads: immutable once filled. Memory: the lists belong to whoever
 * filled them. Spec: snp.md a.2, a.3, a.10 steps 6 to 12.
 */
#ifndef CLOISTER_SNP_POLICY_H
#define CLOISTER_SNP_POLICY_H

#include "cloister/snp_report.h"
#include "cloister/verify_policy.h"

#define CL_SNP_CSP_ID_SIZE 128u /* bytes of a cspID with its NUL, padded with zeros */

enum cl_snp_tcb_kind { /* which TCBs of a report must reach the minimum */
                       CL_SNP_TCB_REPORTED = 1,
                       CL_SNP_TCB_COMMITTED = 2,
                       CL_SNP_TCB_LAUNCH = 4,
};
enum cl_snp_key_kind { CL_SNP_KEY_VCEK = 1, CL_SNP_KEY_VLEK = 2 };

/* All zero accepts nothing; cl_snp_rules_default() is where to start from. */
struct cl_snp_rules {
    uint64_t products;         /* bits 1 << enum cl_snp_product that are accepted */
    uint64_t products_by_chip; /* of these, only chips in chips_allowed */
    uint64_t signing_keys;     /* enum cl_snp_key_kind */
    uint64_t vmpls;            /* bits 1 << VMPL */
    uint32_t min_version;      /* of the report */

    /* Who the guest is. A listed measurement is enough; so is a listed ID or author key, together
     * with min_guest_svn and the family or image ids: a key vouches for every image it signed. */
    struct cl_policy_list measurements, id_keys, author_keys; /* 48 bytes */
    uint32_t min_guest_svn;
    struct cl_policy_list family_ids, image_ids; /* 16 bytes */
    struct cl_policy_list report_data;           /* 64 bytes */
    struct cl_policy_list host_data;             /* 32 bytes */
    struct cl_policy_list
        migration_agents; /* 32 bytes: REPORT_ID_MA with which MIGRATE_MA may be */

    /* Where it runs. */
    struct cl_policy_list chips_allowed, chips_denied; /* 64 bytes: CHIP_ID */
    struct cl_policy_list csp_ids;                     /* CL_SNP_CSP_ID_SIZE: who loaded the VLEK */
    bool allow_masked_chip; /* CHIP_ID all zero: the chip cannot be told */

    struct cl_snp_tcb min_tcb[CL_SNP_PRODUCT_COUNT];  /* those of min_tcb_given */
    uint64_t min_tcb_given;                           /* bits 1 << enum cl_snp_product */
    uint64_t tcbs_compared;                           /* enum cl_snp_tcb_kind */
    struct cl_snp_fw_version min_firmware;            /* of COMMITTED; all zero: any */
    bool refuse_provisional_firmware;                 /* CURRENT must equal COMMITTED */
    uint64_t launch_mitigations, current_mitigations; /* bits that must be set; version 5 */

    uint64_t guest_policy_required, guest_policy_forbidden; /* bits of POLICY */
    uint32_t min_abi_major, min_abi_minor;                  /* that POLICY demands */
    uint64_t platform_required, platform_forbidden;         /* bits of PLATFORM_INFO */
    bool refuse_unknown_platform_bits;
};

/* Every product line, VCEK and VLEK, VMPL 0, minimums for all three TCBs: the defaults of a
 * section. */
struct cl_snp_rules cl_snp_rules_default(void);

/* The section of a policy for class snp, or sim-snp; borrowed. All zero when the policy has none.
 */
const struct cl_snp_rules *cl_verify_policy_snp(const struct cl_verify_policy *policy);
const struct cl_snp_rules *cl_verify_policy_sim_snp(const struct cl_verify_policy *policy);

#endif
