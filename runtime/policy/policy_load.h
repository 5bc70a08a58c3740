/* SPDX-License-Identifier: Apache-2.0
 * policy_load.h - a policy of a file, for people: in words, and compared with another.
 * Trust: the file may be anybody's; it is parsed strictly, and what is made of it is ASCII without
 *        control characters. Threads: no shared state. Memory: bounded by the file's size.
 */
#ifndef POLICY_POLICY_LOAD_H
#define POLICY_POLICY_LOAD_H

#include "base/json.h"

struct cl_pod_policy;

struct policy_file {
    struct cl_pod_policy *policy; /* owned */
    /* All that counts, with defaults in place: lists whose order does not count are objects (env by
     * name, mounts by destination, containers by name, ...). Owned. */
    json_t *document;
    bool is_initdata;
    char *kbs_url;   /* owned; initdata's; NULL: none */
    char *kbs_cert;  /* owned */
    char digest[65]; /* hex: of initdata; empty for a policy alone */
};

void policy_file_done(struct policy_file *f); /* zeroed is fine */
/* A JSON policy, or initdata (TOML) with one. CL_ERR_SYS for the file; CL_ERR_REJECTED for initdata
 * without a policy; what the parsers say. */
CL_NODISCARD enum cl_status policy_file_load(const char *path, struct policy_file *ret,
                                             struct cl_err *err);

/* ret: new array of lines. */
CL_NODISCARD enum cl_status policy_explain(const struct policy_file *f, json_t **ret,
                                           struct cl_err *err);

/* ret: new array of {"member", "a", "b"}, empty when they are equal; null: not there. The broker
 * counts when both are initdata. */
CL_NODISCARD enum cl_status policy_diff(const struct policy_file *a, const struct policy_file *b,
                                        json_t **ret, struct cl_err *err);
/* "<member>: <a> -> <b>" */
CL_NODISCARD enum cl_status policy_difference_line(const json_t *difference, struct cl_buf *out,
                                                   struct cl_err *err);

#endif
