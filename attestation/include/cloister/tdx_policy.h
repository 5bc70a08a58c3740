/* SPDX-License-Identifier: Apache-2.0
 * tdx_policy.h - what a policy demands of TDX evidence: its sections "tdx" and "sim-tdx".
 * Trust: the user's word. Threads: immutable once filled. Memory: the lists belong to whoever
 * filled them. Spec: tdx.md a.2; a.10, step 12; a.11.
 */
#ifndef CLOISTER_TDX_POLICY_H
#define CLOISTER_TDX_POLICY_H

#include "cloister/tdx_quote.h"
#include "cloister/verify_policy.h"

#define CL_TDX_ADVISORY_SIZE 32u /* bytes of an advisory id with its NUL */

/* Intel's words for the state of a platform, and two that only a TD of TDX 1.5 can have. */
enum cl_tdx_tcb_status {
    CL_TDX_TCB_UNKNOWN = 0, /* not judged: collateral is missing or not genuine */
    CL_TDX_TCB_UP_TO_DATE,
    CL_TDX_TCB_SW_HARDENING_NEEDED,
    CL_TDX_TCB_CONFIGURATION_NEEDED,
    CL_TDX_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    CL_TDX_TCB_OUT_OF_DATE,
    CL_TDX_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    CL_TDX_TCB_REVOKED,
    CL_TDX_TCB_TD_RELAUNCH_ADVISED,
    CL_TDX_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    CL_TDX_TCB_NOT_SUPPORTED, /* below every level that Intel lists */
    CL_TDX_TCB_STATUS_COUNT,
};
const char *cl_tdx_tcb_status_name(enum cl_tdx_tcb_status s); /* "UpToDate"; "unknown" */
/* CL_ERR_MALFORMED for a word that is none of Intel's. */
CL_NODISCARD enum cl_status cl_tdx_tcb_status_parse(const char *name, enum cl_tdx_tcb_status *ret_s,
                                                    struct cl_err *err);

/* All zero accepts nothing; cl_tdx_rules_default() is where to start from. */
struct cl_tdx_rules {
    /* Who the TD is: each list that has values must have the quote's. A listed MRTD is something
     * trusted that the quote was compared with. */
    struct cl_policy_list mrtd, rtmr[CL_TDX_RTMR_COUNT];      /* 48 bytes */
    struct cl_policy_list mrconfigid, mrowner, mrownerconfig; /* 48 bytes */
    struct cl_policy_list report_data;                        /* 64 bytes */
    bool require_event_log; /* one that leads to the RTMRs of the quote */

    /* Where it runs. */
    struct cl_policy_list mrseam; /* 48 bytes: TDX modules */
    uint64_t statuses;            /* bits 1 << enum cl_tdx_tcb_status; never Revoked */
    uint32_t grace_days[CL_TDX_TCB_STATUS_COUNT]; /* a status counts for so long after the tcbDate
                                                     of the level that has it; 0: without end */
    struct cl_policy_list allowed_advisories;     /* CL_TDX_ADVISORY_SIZE: others are refused */
    struct cl_policy_list denied_advisories;
    uint32_t min_evaluation_number; /* tcbEvaluationDataNumber */
    uint32_t collateral_grace_days; /* after nextUpdate */

    /* What it may be; never a debug TD. */
    uint64_t attributes_allowed; /* TD attribute bits besides the ones allowed by default */
    uint64_t xfam_allowed;       /* the same for XFAM */
    bool allow_sept_ve;          /* SEPT_VE_DISABLE may be 0 */
    bool allow_service_td;       /* MRSERVICETD may be bound */
    bool forbid_trailing_bytes;  /* nothing behind the quote */
};

/* UpToDate alone, any of Intel's modules: the defaults of a section. */
struct cl_tdx_rules cl_tdx_rules_default(void);

/* The section of a policy for class tdx, or sim-tdx; borrowed. All zero when the policy has none.
 */
const struct cl_tdx_rules *cl_verify_policy_tdx(const struct cl_verify_policy *policy);
const struct cl_tdx_rules *cl_verify_policy_sim_tdx(const struct cl_verify_policy *policy);

#endif
