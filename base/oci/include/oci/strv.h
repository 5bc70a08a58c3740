/* SPDX-License-Identifier: Apache-2.0
 * strv.h - a list of owned strings, as image configurations and initdata hold them.
 * Threads: no shared state. Memory: each string and the NULL-terminated array are owned.
 */
#ifndef CL_OCI_STRV_H
#define CL_OCI_STRV_H

#include "base/json.h"

#include <stdbool.h>

struct cl_strv {
    char **v; /* owned, NULL-terminated when not NULL */
    size_t count;
};

void cl_strv_done(struct cl_strv *s); /* zeroed is fine */
CL_NODISCARD enum cl_status cl_strv_add(struct cl_strv *s, const char *text, struct cl_err *err);
CL_NODISCARD enum cl_status cl_strv_copy(struct cl_strv *ret, const struct cl_strv *from,
                                         struct cl_err *err);
bool cl_strv_equal(const struct cl_strv *a, const struct cl_strv *b);

/* An optional array of strings: absent or null leaves *ret empty. At most max_count strings of at
 * most max_len bytes each; anything else is CL_ERR_MALFORMED naming `what` and `key`. */
CL_NODISCARD enum cl_status cl_strv_from_json(const json_t *obj, const char *what, const char *key,
                                              size_t max_count, size_t max_len, struct cl_strv *ret,
                                              struct cl_err *err);

#endif
