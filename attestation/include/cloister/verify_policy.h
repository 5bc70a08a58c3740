/* SPDX-License-Identifier: Apache-2.0
 * verify_policy.h - what a verifier demands of evidence, as one JSON document
 * (cloister.verify-policy/1): a section for each family of evidence, and one for what they share.
 *
 *   {"schema": "cloister.verify-policy/1",
 *    "common": {"require_crls": true},
 *    "snp": {"measurements": ["..."], "min_tcb": {"milan": {"snp": 24}}}}
 *
 * A family without a section is not accepted. In a section, what is not said has its default, which
 * the schema (docs/schema/verify-policy.schema.json) names. Members that this version does not know
 * are an error: a demand that nobody checks must not look like one.
 *
 * Trust: the document is the user's word, but its bytes may be anything.
 * Threads: a policy is immutable. Memory: bounded by CL_VERIFY_POLICY_MAX_SIZE of text.
 */
#ifndef CLOISTER_VERIFY_POLICY_H
#define CLOISTER_VERIFY_POLICY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CL_VERIFY_POLICY_MAX_SIZE (1u << 20) /* bytes of JSON */
#define CL_VERIFY_POLICY_LIST_MAX 10000u     /* values in one list */

/* Values of one size, one behind the other. */
struct cl_policy_list {
    uint8_t *data; /* owned by the policy it belongs to */
    size_t count;  /* 0: not given (a list in a policy has at least one value) */
    size_t size;   /* of each value, in bytes */
};

/* Is the value (list->size bytes) in the list? Not constant-time: policies are public. */
bool cl_policy_list_has(const struct cl_policy_list *list, const void *value);

/* The section "common". */
struct cl_policy_common {
    bool require_crls;                /* no revocation list in its period: undetermined */
    bool require_distrust;            /* no platform-distrust document: undetermined */
    uint32_t max_collateral_age_days; /* since it was issued; 0: its own period alone */
};

struct cl_verify_policy; /* opaque */

/* Parses one document. CL_ERR_MALFORMED or CL_ERR_TRUNCATED, naming the member;
 * CL_ERR_UNSUPPORTED for another schema or a section of a family that this version does not
 * know; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status cl_verify_policy_parse(const void *data, size_t len,
                                                   struct cl_verify_policy **ret_policy,
                                                   struct cl_err *err);

/* One of the built-in policies: "default" or "regulated". CL_ERR_MALFORMED for another name. */
CL_NODISCARD enum cl_status cl_verify_policy_profile(const char *name,
                                                     struct cl_verify_policy **ret_policy,
                                                     struct cl_err *err);
/* The text of a built-in policy, or NULL; static. */
const char *cl_verify_policy_profile_text(const char *name);

void cl_verify_policy_free(struct cl_verify_policy *policy);   /* NULL is fine */
void cl_verify_policy_freep(struct cl_verify_policy **policy); /* for CL_CLEANUP */

const struct cl_policy_common *cl_verify_policy_common(const struct cl_verify_policy *policy);

#endif
