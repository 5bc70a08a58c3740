/* SPDX-License-Identifier: Apache-2.0
 * appraise.h - from evidence to a grant: verification, reference values, revocations. And again,
 * without the evidence, each time a grant is used.
 */
#ifndef CL_BROKER_APPRAISE_H
#define CL_BROKER_APPRAISE_H

#include "grant.h"
#include "policy.h"
#include "rcar_msg.h"
#include "store.h"

/* CL_OK with a grant (tee_key, expires and token_id are left to the caller) and the token's claims;
 * CL_ERR_REJECTED with ret_denial filled; other statuses when the broker itself failed.
 * report_data: the 64 bytes that the report must carry; NULL when a policy is only tried out.
 * *ret_grant is filled as far as the report says even when rejected, for the audit; *ret_authentic
 * tells whether that can be believed. */
CL_NODISCARD enum cl_status cl_appraise(struct cl_store *store, const struct cl_attest_request *req,
                                        const uint8_t *report_data, int64_t now,
                                        struct cl_grant *ret_grant, json_t **ret_claims,
                                        struct cl_denial *ret_denial, bool *ret_authentic,
                                        struct cl_err *err);

/* Is the grant still good: not expired, nothing revoked, its measurement still referenced? */
CL_NODISCARD enum cl_status cl_appraise_again(struct cl_store *store, const struct cl_grant *grant,
                                              int64_t now, struct cl_denial *ret_denial,
                                              struct cl_err *err);

/* {"class","measurement","host-data","chip-id","token-id"} for the audit. NULL without memory. */
json_t *cl_grant_summary(const struct cl_grant *g);

#endif
