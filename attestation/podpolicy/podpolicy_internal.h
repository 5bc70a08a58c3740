/* SPDX-License-Identifier: Apache-2.0
 * podpolicy_internal.h - what the files of this folder share.
 */
#ifndef CL_PODPOLICY_INTERNAL_H
#define CL_PODPOLICY_INTERNAL_H

#include "cloister/pod_policy.h"

/* --- read.c: members of the document. An absent one is its default, but where it says otherwise.
 * `what` is the object's place and comes first in every message. ---------------------------------
 */

#define PODPOLICY_WHAT_SIZE 160u

CL_NODISCARD enum cl_status podpolicy_strings(const json_t *obj, const char *what, const char *key,
                                              struct cl_strv *ret, struct cl_err *err);
/* Each of them once, and one that `good` takes. */
CL_NODISCARD enum cl_status podpolicy_names(const json_t *obj, const char *what, const char *key,
                                            bool (*good)(const char *), const char *expected,
                                            struct cl_strv *ret, struct cl_err *err);
/* Required, and absolute. */
CL_NODISCARD enum cl_status podpolicy_path(const json_t *obj, const char *what, const char *key,
                                           char **ret, struct cl_err *err);
/* Required: a volume's name, or the beginning of one and '*'. */
CL_NODISCARD enum cl_status podpolicy_volume_name(const json_t *obj, const char *what,
                                                  const char *key,
                                                  char ret[static CL_POD_POLICY_MAX_NAME + 2],
                                                  struct cl_err *err);
/* Required: one of a NULL-terminated list, whose index it gives. */
CL_NODISCARD enum cl_status podpolicy_word(const json_t *obj, const char *what, const char *key,
                                           const char *const *words, size_t *ret,
                                           struct cl_err *err);
CL_NODISCARD enum cl_status podpolicy_dup(const char *text, char **ret, struct cl_err *err);
/* No component is "..". */
bool podpolicy_stays_below(const char *path);

/* container.c */
CL_NODISCARD enum cl_status podpolicy_container(const json_t *j, const struct cl_pod_policy *p,
                                                struct cl_pod_policy_container *ret,
                                                struct cl_err *err);
void podpolicy_container_done(struct cl_pod_policy_container *c);

/* --- checks: each is CL_ERR_REJECTED "<what>: <member>: expected <x>, got <y>". ------------------
 */

/* name: a plain one. pattern: the same, or its beginning and '*'. */
bool podpolicy_fits(const char *pattern, const char *name);
bool podpolicy_has(const struct cl_strv *list, const char *text);

/* check.c: members of what the host sends. An absent one is the default. */
CL_NODISCARD enum cl_status podpolicy_same_flag(const json_t *obj, const char *what,
                                                const char *key, bool expected, struct cl_err *err);
CL_NODISCARD enum cl_status podpolicy_same_text(const json_t *obj, const char *what,
                                                const char *key, const char *expected,
                                                struct cl_err *err);
CL_NODISCARD enum cl_status podpolicy_none(const json_t *obj, const char *what, const char *key,
                                           struct cl_err *err);

/* check_env.c */
CL_NODISCARD enum cl_status podpolicy_env(const struct cl_pod_policy_container *c,
                                          const json_t *env, const char *what, struct cl_err *err);

/* check_process.c: all of a process but its arguments and terminal. */
CL_NODISCARD enum cl_status podpolicy_process(const struct cl_pod_policy_container *c,
                                              const json_t *process, const char *what,
                                              struct cl_err *err);
CL_NODISCARD enum cl_status podpolicy_args(const struct cl_strv *expected, const json_t *process,
                                           const char *what, struct cl_err *err);

/* check_mounts.c */
CL_NODISCARD enum cl_status podpolicy_mounts(const struct cl_pod_policy_container *c,
                                             const json_t *mounts, const char *what,
                                             struct cl_err *err);
CL_NODISCARD enum cl_status podpolicy_devices(const struct cl_pod_policy_container *c,
                                              const json_t *devices, const char *what,
                                              struct cl_err *err);

#endif
