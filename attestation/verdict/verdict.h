/* SPDX-License-Identifier: Apache-2.0
 * verdict.h - how a verifier writes down its checks; shared by every evidence family.
 * Trust: texts may be hostile and are escaped here. Threads: one result, one thread.
 */
#ifndef CL_ATTESTATION_VERDICT_H
#define CL_ATTESTATION_VERDICT_H

#include "cloister/verify.h"

/* A new, empty result for time t. */
CL_NODISCARD enum cl_status cl_verdict_new(int64_t t, struct cl_verify_result **ret_result,
                                           struct cl_err *err);

/* Appends a check; never fails: a result that would overflow is our own mistake (assert). */
struct cl_check *cl_verdict_add(struct cl_verify_result *result, const char *id,
                                enum cl_check_status status);
/* Appends a check that passes or fails; one that could not run, for want of something that `why`
 * names; one that does not apply. */
struct cl_check *cl_verdict_check(struct cl_verify_result *result, const char *id, bool good);
void cl_verdict_cannot(struct cl_verify_result *result, const char *id, const char *why);
void cl_verdict_skip(struct cl_verify_result *result, const char *id, const char *why);
/* NO when a check so far failed, else UNKNOWN when one is unknown, else YES. */
enum cl_tristate cl_verdict_so_far(const struct cl_verify_result *result);
/* Sets one text of a check, escaped and cut to its room. NULL check is fine. */
CL_PRINTF(2, 3) void cl_check_expected(struct cl_check *c, const char *fmt, ...);
CL_PRINTF(2, 3) void cl_check_actual(struct cl_check *c, const char *fmt, ...);
CL_PRINTF(2, 3) void cl_check_why(struct cl_check *c, const char *fmt, ...);
/* Expected and actual as hex of n bytes (cut when longer than the room). */
void cl_check_hex(struct cl_check *c, const void *expected, const void *actual, size_t n);

/* Appends a passed check that a person should know of; an affirming appraisal becomes a warning.
 * For what is known only after cl_verdict_conclude(). */
struct cl_check *cl_verdict_warn(struct cl_verify_result *result, const char *id);

/* Verdict and appraisal out of the checks. compared: something trusted was compared with. */
void cl_verdict_conclude(struct cl_verify_result *result, bool compared, bool authenticity_only);

#endif
