/* SPDX-License-Identifier: Apache-2.0
 * resource_policy.h - the resource policy: a list of rules, each naming resources, classes and
 * initdata digests (32 bytes, or the 48 of a TDX guest's SHA-384). What no rule allows is denied
 * (docs/interfaces.md I-7). Trust: documents come from admins, and are parsed as strictly as
 * anything else: an unknown member is an error, for it would be a wish that nobody fulfils.
 */
#ifndef CL_BROKER_RESOURCE_POLICY_H
#define CL_BROKER_RESOURCE_POLICY_H

#include "base/json.h"
#include "cloister/verify.h"
#include "family.h"

#define CL_RESOURCE_POLICY_MAX_RULES 1000u
#define CL_RESOURCE_POLICY_MAX_INITDATA 10000u /* digests in one rule */
#define CL_RESOURCE_POLICY_MAX_SIZE (1u << 20)
#define CL_RESOURCE_MAX 256u /* characters of repository/type/tag */

struct cl_resource_policy; /* opaque */

/* Why something was denied; or, for a policy, which rule allowed it. */
struct cl_denial {
    char check[64]; /* "policy.class" */
    char expected[256];
    char actual[440];
};
/* Fills a denial; hostile text is escaped. */
CL_PRINTF(4, 5)
void cl_deny(struct cl_denial *d, const char *check, const char *actual, const char *expected, ...);

/* True for repository/type/tag, each [A-Za-z0-9_-][A-Za-z0-9_.-]*. */
bool cl_resource_path_good(const char *path);

CL_NODISCARD enum cl_status cl_resource_policy_parse(const void *data, size_t len,
                                                     struct cl_resource_policy **ret_p,
                                                     struct cl_err *err);
void cl_resource_policy_free(struct cl_resource_policy *p);
void cl_resource_policy_freep(struct cl_resource_policy **p);

/* True when a rule allows it; *ret_rule is its index. Else ret_denial says how far the nearest rule
 * came: policy.resource (none names it), policy.class, policy.initdata. */
bool cl_resource_policy_allows(const struct cl_resource_policy *p, const char *path,
                               enum cl_tee_class tee_class,
                               const uint8_t initdata[static CL_INITDATA_SIZE], size_t *ret_rule,
                               struct cl_denial *ret_denial);

#endif
