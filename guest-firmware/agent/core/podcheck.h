/* SPDX-License-Identifier: Apache-2.0
 * podcheck.h - what the parts of podspec.h share: checks of one member at a time. `what` is the
 * object's place ("spec: process") and comes first in every message. An absent member is fine, but
 * where the name says otherwise.
 */
#ifndef AGENT_PODCHECK_H
#define AGENT_PODCHECK_H

#include "base/json.h"

#define AGENT_POD_MAX_STRINGS 1024u /* of a list */
#define AGENT_POD_MAX_STRING 131072u

/* A whole document, which is an object; owned by the caller. */
CL_NODISCARD enum cl_status agent_podcheck_document(const void *data, size_t len, const char *what,
                                                    json_t **ret, struct cl_err *err);
CL_NODISCARD enum cl_status agent_podcheck_int(const json_t *obj, const char *what, const char *key,
                                               int64_t min, int64_t max, struct cl_err *err);
/* A list of strings, each of which `good` takes (NULL: any). *ret is NULL when absent; borrowed. */
CL_NODISCARD enum cl_status agent_podcheck_strings(const json_t *obj, const char *what,
                                                   const char *key, bool (*good)(const char *),
                                                   const char *expected, json_t **ret,
                                                   struct cl_err *err);
/* A string that `good` takes. */
CL_NODISCARD enum cl_status agent_podcheck_string(const json_t *obj, const char *what,
                                                  const char *key, bool (*good)(const char *),
                                                  const char *expected, struct cl_err *err);
/* An object or an array; *ret is NULL when absent; borrowed. */
/* Absolute, at most 4095 bytes, no component "..". */
bool agent_podcheck_is_path(const char *text);
/* One of a NULL-terminated list. */
bool agent_podcheck_is_one_of(const char *text, const char *const *list);
/* Copies the members of `keys` (NULL-terminated) that are there. */
CL_NODISCARD enum cl_status agent_podcheck_copy(json_t *to, const json_t *from,
                                                const char *const *keys, struct cl_err *err);

/* --- podprocess.c, podmounts.c, podlinux.c, podseccomp.c: each gives a new object. */
struct agent_podspec;
CL_NODISCARD enum cl_status agent_podprocess_build(const json_t *process, const char *what,
                                                   json_t **ret, bool *ret_terminal,
                                                   struct cl_err *err);
/* The devices of a specification's linux part, into s->device. */
CL_NODISCARD enum cl_status agent_poddevices_read(const json_t *linux_, struct agent_podspec *s,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status agent_podmounts_build(const json_t *spec, struct agent_podspec *s,
                                                  json_t **ret, struct cl_err *err);
CL_NODISCARD enum cl_status agent_podlinux_build(const json_t *spec, struct agent_podspec *s,
                                                 const char *cgroup, json_t **ret,
                                                 struct cl_err *err);
CL_NODISCARD enum cl_status agent_podresources_build(const json_t *resources, const char *what,
                                                     json_t **ret, struct cl_err *err);
CL_NODISCARD enum cl_status agent_podseccomp_build(const json_t *seccomp, json_t **ret,
                                                   struct cl_err *err);

#endif
