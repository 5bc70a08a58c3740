/* SPDX-License-Identifier: Apache-2.0
 * family.h - the kinds of evidence that the broker can judge, each one table entry and one file,
 * family_<kind>.c: how its JSON (kbs-protocol.md 13) is read and what the library says of it.
 * Trust: evidence is hostile. The class follows from the root that verified.
 */
#ifndef CL_BROKER_FAMILY_H
#define CL_BROKER_FAMILY_H

#include "cloister/initdata.h"
#include "cloister/rcar.h"
#include "cloister/verify.h"
#include "trust.h"
#include "value.h"

#define CL_INITDATA_SIZE 48u /* the widest field that binds initdata: MRCONFIGID */
#define CL_INITDATA_DIGEST_MAX 64u

/* What the evidence must be bound to. */
struct cl_binding {
    const uint8_t *report_data; /* CL_RCAR_REPORT_DATA_SIZE bytes; NULL: not compared */
    const uint8_t *initdata;    /* digest of the initdata that was sent; NULL: none was */
    size_t initdata_len;
};

struct cl_appraised { /* zeroed is fine */
    /* What evidence says of the guest, filled as far as it could be read, also when it was refused:
     * believed only when `result` is accepted. */
    struct cl_values values;
    uint8_t initdata[CL_INITDATA_SIZE]; /* as bound, zeros behind it; all zero when none is */
    json_t *events; /* {"rtmr1":["<96 hex>",...]}: what the event log says; NULL; owned */
    struct cl_verify_result *result; /* owned */
    json_t *claims;                  /* in Trustee's words; only when accepted; owned */
};
void cl_appraised_done(struct cl_appraised *a);

struct cl_family {
    const char *tee;      /* its name in the protocol, and of its claims in the token */
    const char *alias;    /* the name that older clients use; NULL: none */
    unsigned classes;     /* bits 1u << enum cl_tee_class that its evidence may turn out to be */
    size_t initdata_size; /* that a digest of initdata must have to be bound; 0: it is fitted */
    /* CL_OK with a result, whatever the verdict. CL_ERR_MALFORMED, CL_ERR_TRUNCATED or
     * CL_ERR_UNSUPPORTED for what is no such evidence. */
    enum cl_status (*verify)(const struct cl_trust *t, const json_t *evidence,
                             const struct cl_binding *b, struct cl_appraised *ret,
                             struct cl_err *err);
};

extern const struct cl_family cl_family_snp, cl_family_tdx, cl_family_az_snp_vtpm,
    cl_family_az_tdx_vtpm, cl_family_tpm;

struct cl_snp_evidence;
/* Adds what the collateral has for this report: also that of a paravisor. */
CL_NODISCARD enum cl_status cl_family_add_amd_collateral(const struct cl_trust *t,
                                                         struct cl_snp_evidence *ev,
                                                         struct cl_err *err);

struct cl_tdx_quote;
struct cl_tdx_verifier;
struct cl_tdx_policy;
/* The same for TD quotes: MRTD and the platform's own number; the verifier with the collateral that
 * there is for this platform; all its measurements, without a class; what the verify policy demands
 * of any. */
CL_NODISCARD enum cl_status cl_family_add_td(const struct cl_tdx_quote *quote, struct cl_values *v,
                                             struct cl_err *err);
CL_NODISCARD enum cl_status cl_family_tdx_verifier(const struct cl_trust *t,
                                                   const struct cl_tdx_quote *quote,
                                                   struct cl_tdx_verifier **ret_v,
                                                   struct cl_err *err);
struct cl_tdx_reference;
void cl_family_td_as_reference(const struct cl_tdx_quote *quote, struct cl_tdx_reference *ret_r);
void cl_family_tdx_policy(const struct cl_trust *t, struct cl_tdx_policy *ret_p);

/* By its name or alias, NULL when there is none; and by the number it has in this process. */
const struct cl_family *cl_family_find(const char *tee);
const struct cl_family *cl_family_by_number(unsigned n);
unsigned cl_family_number(const struct cl_family *f);
/* "snp, tdx or tpm" */
const char *cl_family_names(char *ret, size_t size);

#endif
