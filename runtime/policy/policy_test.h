/* SPDX-License-Identifier: Apache-2.0
 * policy_test.h - what a policy says to each request that a pod leads to, by the checks of the
 * guest. Trust: both may be anybody's; lines are printable (base/err.h). Threads: no shared state.
 * Memory: bounded by cloister/pod_policy.h.
 */
#ifndef POLICY_POLICY_TEST_H
#define POLICY_POLICY_TEST_H

#include "base/json.h"

#include <stdbool.h>

struct cl_pod_policy;

/* pod: the policy that the pod's manifest leads to (policy_from_pod()), of which the requests are
 * made: the sandbox, each volume, container and further process.
 * ret: new array, one object for each request: {"request": "sandbox" | "volume" | "create" |
 * "exec", "object": name, "allowed": bool, "decides": the member that allows or denies it,
 * "reason":
 *      "<member>: expected <x>, got <y>" or, where it is allowed, what is still to be seen; ""}
 * ret_allowed: all of them are. CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status policy_test(const struct cl_pod_policy *policy,
                                        const struct cl_pod_policy *pod, json_t **ret,
                                        bool *ret_allowed, struct cl_err *err);

#endif
