/* SPDX-License-Identifier: Apache-2.0
 * tdx_verify.h - decides whether a TDX quote is genuine, what the state of its platform is, and
 * whether it says what we expected.
 *
 *   struct cl_tdx_collateral views = {.tcb_info = ..., .qe_identity = ..., ...};
 *   CL_TRY(cl_tdx_verifier_new(&views, &verifier, err)); // once; then for each quote:
 *   CL_TRY(cl_tdx_verify(verifier, quote, &policy, &result, &tcb, err));
 *   CL_TRY(cl_verify_result_status(result, err)); // only CL_OK may release anything
 *
 * Trust: quote and collateral are hostile; the policy is the caller's. The root of class `tdx` is
 *        pinned in this library by the SHA-384 of its public key, and no input adds one. Simulated
 *        roots come from the policy and give class `sim-tdx`. Collateral counts only when it comes
 *        from the same root as the quote.
 * Threads: any number may use one verifier: it is immutable once made, but for a table, behind a
 *        lock, of the last 64 platforms whose certificates it has verified. No network.
 * Memory: a verifier keeps its collateral parsed, below 1 MiB for real ones; one result a quote.
 * Spec: tdx.md a.10 and a.11, each step a named check. All checks that can run do run.
 */
#ifndef CLOISTER_TDX_VERIFY_H
#define CLOISTER_TDX_VERIFY_H

#include "cloister/tdx_event_log.h"
#include "cloister/tdx_policy.h"
#include "cloister/tdx_quote.h"
#include "cloister/verify.h"

#define CL_TDX_ROOT_SIZE 48u             /* SHA-384 of a SubjectPublicKeyInfo in DER */
#define CL_TDX_SIGNATURE_SIZE 64u        /* r || s */
#define CL_TDX_COLLATERAL_MAX (1u << 20) /* bytes of one body or CRL */
#define CL_TDX_MAX_ADVISORIES 64u        /* advisory ids of one level */

/* Raw bytes as they were served; all borrowed. A NULL body or der: not there. */
struct cl_tdx_signed_json {
    const uint8_t *body; /* the exact bytes of the value of `tcbInfo` or `enclaveIdentity` */
    size_t body_len;
    const uint8_t *signature; /* CL_TDX_SIGNATURE_SIZE bytes over the body */
    const char *chain;        /* PEM: Intel SGX TCB Signing, Intel SGX Root CA */
    size_t chain_len;
};
struct cl_tdx_crl {
    const uint8_t *der;
    size_t len;
    const char *chain; /* PEM: the issuer, Intel SGX Root CA; not used for the root's CRL */
    size_t chain_len;
};
struct cl_tdx_collateral {
    struct cl_tdx_signed_json tcb_info, qe_identity;
    struct cl_tdx_crl pck_crl, root_crl;
};

struct cl_collateral;
/* What a store of collateral (cloister/collateral.h) holds for a platform: the newest of each kind;
 * what is not there stays NULL. Borrowed from the store. */
void cl_tdx_collateral_select(const struct cl_collateral *store,
                              const struct cl_tdx_platform *platform,
                              struct cl_tdx_collateral *ret_views);

/* What collateral says of a quote's platform. Unverified unless the result says `accepted`. */
struct cl_tdx_tcb {
    enum cl_tdx_tcb_status status;               /* of all three together */
    enum cl_tdx_tcb_status platform, module, qe; /* as their levels say */
    int64_t date;                                /* tcbDate: the earliest of the three */
    uint32_t evaluation_number;                  /* the lower one of TCB info and QE identity */
    int64_t collateral_expires;                  /* the earliest end of any of it */
    size_t advisory_count;
    char advisory_ids[3 * CL_TDX_MAX_ADVISORIES][CL_TDX_ADVISORY_SIZE];
    bool platform_known; /* the PCK certificate could be read */
    struct cl_tdx_platform pck;
};

/* A trusted measurement, valid for evidence of one class only. */
struct cl_tdx_reference {
    enum cl_tee_class tee_class;
    uint8_t mrtd[CL_TDX_MR_SIZE];
    unsigned rtmr_mask; /* bit i: rtmr[i] must be equal as well */
    uint8_t rtmr[CL_TDX_RTMR_COUNT][CL_TDX_MR_SIZE];
};

struct cl_tdx_policy { /* all zero: the strict default, which accepts nothing; pointers borrowed */
    int64_t time;      /* when to verify, seconds since 1970 */
    const struct cl_tdx_reference *references; /* besides the MRTDs that the rules list */
    size_t reference_count;
    const uint8_t *report_data;               /* 64 bytes, or NULL: not compared */
    const uint8_t *mrconfigid;                /* 48 bytes, or NULL: not compared */
    const struct cl_tdx_event_log *event_log; /* to replay against the RTMRs, or NULL */
    /* For class tdx and for class sim-tdx; NULL: cl_tdx_rules_default(). */
    const struct cl_tdx_rules *rules, *sim_rules;
    const struct cl_policy_common *common;        /* NULL: nothing besides */
    enum cl_tee_class require_class;              /* NONE: either */
    const uint8_t (*sim_roots)[CL_TDX_ROOT_SIZE]; /* SPKI digests of simulated roots */
    size_t sim_root_count;
    bool authenticity_only; /* accept authentic evidence that is compared with nothing; collateral
                               that is not there is not missed */
};

struct cl_tdx_verifier; /* opaque */

/* Checks collateral once: forms, chains, signatures. What is wrong with it shows as failed checks
 * of each verification, not here. views: borrowed for the call; NULL: no collateral.
 * Returns CL_OK; CL_ERR_NOMEM, CL_ERR_SYS */
CL_NODISCARD enum cl_status cl_tdx_verifier_new(const struct cl_tdx_collateral *views,
                                                struct cl_tdx_verifier **ret_v, struct cl_err *err);
void cl_tdx_verifier_free(struct cl_tdx_verifier *v); /* NULL is fine */
void cl_tdx_verifier_freep(struct cl_tdx_verifier **v);

/* Verifies. CL_OK with a result also when the verdict is `rejected`; an error (CL_ERR_NOMEM,
 * CL_ERR_SYS) only when verification could not be carried out. ret_tcb may be NULL. */
CL_NODISCARD enum cl_status cl_tdx_verify(const struct cl_tdx_verifier *v,
                                          const struct cl_tdx_quote *quote,
                                          const struct cl_tdx_policy *policy,
                                          struct cl_verify_result **ret_result,
                                          struct cl_tdx_tcb *ret_tcb, struct cl_err *err);

/* Every decoded field under its specification name, and what `tcb` holds, for
 * cl_verify_result_to_json(). */
CL_NODISCARD enum cl_status cl_tdx_verify_claims(const struct cl_tdx_quote *quote,
                                                 const struct cl_tdx_tcb *tcb, json_t **ret_claims,
                                                 struct cl_err *err);

/* The SPKI digest of a certificate in DER or PEM: how a simulated root is named. */
CL_NODISCARD enum cl_status cl_tdx_root_digest(const uint8_t *cert, size_t len,
                                               uint8_t ret[static CL_TDX_ROOT_SIZE],
                                               struct cl_err *err);

#endif
