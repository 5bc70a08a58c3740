/* SPDX-License-Identifier: Apache-2.0
 * appraise.h - from evidence to a grant: verification, reference values, revocations. And again,
 * without the evidence, each time a grant is used.
 */
#ifndef CL_BROKER_APPRAISE_H
#define CL_BROKER_APPRAISE_H

#include "cloister/ear.h"
#include "grant.h"
#include "rcar_msg.h"
#include "resource_policy.h"

struct cl_appraisal_answer { /* zeroed is fine */
    /* tee_key, expires and token_id are left to the caller. Filled as far as the evidence says even
     * when it was refused, for the audit. */
    struct cl_grant grant;
    bool authentic;          /* what the grant says can be believed */
    json_t *claims;          /* in Trustee's words; owned */
    struct cl_ar4si vector;  /* for the token */
    struct cl_denial denial; /* why not */
};
void cl_appraisal_answer_done(struct cl_appraisal_answer *a);

/* CL_OK with a grant and claims; CL_ERR_REJECTED with a denial; other statuses when the broker
 * itself failed.
 * report_data: the 64 bytes that the evidence must carry; NULL when a policy is only tried out. */
CL_NODISCARD enum cl_status cl_appraise(const struct cl_trust *t, const struct cl_family *family,
                                        const struct cl_attest_request *req,
                                        const uint8_t *report_data,
                                        struct cl_appraisal_answer *ret_a, struct cl_err *err);

/* Is the grant still good: not expired, nothing revoked, its reference value still trusted? */
CL_NODISCARD enum cl_status cl_appraise_again(const struct cl_trust *t,
                                              const struct cl_grant *grant,
                                              struct cl_denial *ret_denial, struct cl_err *err);

/* {"class", each value by its name, what binds initdata, "token-id"} for the audit. NULL without
 * memory. */
json_t *cl_grant_summary(const struct cl_grant *g);

#endif
