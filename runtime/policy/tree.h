/* SPDX-License-Identifier: Apache-2.0
 * tree.h - members of a manifest that may be absent. null counts as absent, as Kubernetes has it.
 * Trust: the tree is hostile. Threads: no shared state.
 */
#ifndef POLICY_TREE_H
#define POLICY_TREE_H

#include "base/json.h"

/* NULL when absent or null; borrowed. */
json_t *policy_member(const json_t *obj, const char *key);

/* CL_OK with *ret NULL (false, 0 members) when absent; CL_ERR_MALFORMED "<what>: <key>: expected
 * <x>, got <y>" for another type. What is handed out is borrowed. */
CL_NODISCARD enum cl_status policy_text(const json_t *obj, const char *what, const char *key,
                                        const char **ret, struct cl_err *err);
CL_NODISCARD enum cl_status policy_object(const json_t *obj, const char *what, const char *key,
                                          json_t **ret, struct cl_err *err);
CL_NODISCARD enum cl_status policy_array(const json_t *obj, const char *what, const char *key,
                                         size_t max, json_t **ret, struct cl_err *err);
CL_NODISCARD enum cl_status policy_flag(const json_t *obj, const char *what, const char *key,
                                        bool *ret, struct cl_err *err);
/* The member is there, and an object / a text that is not empty. */
CL_NODISCARD enum cl_status policy_need_text(const json_t *obj, const char *what, const char *key,
                                             const char **ret, struct cl_err *err);

/* CL_ERR_UNSUPPORTED "<what>: <key>: expected none, got one" for a member that is neither in
 * `known`, nor null. */
CL_NODISCARD enum cl_status policy_only(const json_t *obj, const char *what,
                                        const char *const *known, struct cl_err *err);

/* Gives `value` (taken, may be NULL) to an object or an array; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status policy_put(json_t *obj, const char *key, json_t *value,
                                       struct cl_err *err);
CL_NODISCARD enum cl_status policy_append(json_t *array, json_t *value, struct cl_err *err);

bool policy_one_of(const char *text, const char *const *words); /* NULL-terminated */

#endif
