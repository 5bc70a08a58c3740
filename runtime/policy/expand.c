/* SPDX-License-Identifier: Apache-2.0
 * expand.c - see expand.h.
 */
#include "expand.h"

#include <string.h>

static enum cl_status append(struct cl_buf *out, const char *text, size_t len, struct cl_err *err)
{
    if (len > POLICY_MAX_EXPANDED - out->len) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expansion: expected at most %u bytes, got more",
                          POLICY_MAX_EXPANDED);
    }
    return cl_buf_append(out, text, len, err);
}

/* at: behind "$(". Returns what follows the reference; NULL on failure with *st set. */
static enum cl_status reference(const char **at, policy_lookup lookup, void *ctx,
                                struct cl_buf *out, struct cl_err *err)
{
    const char *end = strchr(*at, ')');
    const char *value = NULL;
    if (end == NULL) { /* never closed: two characters like any other */
        return append(out, "$(", 2, err);
    }
    CL_TRY(lookup(ctx, *at, (size_t)(end - *at), &value, err));
    if (value != NULL) {
        CL_TRY(append(out, value, strlen(value), err));
    } else {
        CL_TRY(append(out, *at - 2, (size_t)(end - *at) + 3, err));
    }
    *at = end + 1;
    return CL_OK;
}

enum cl_status policy_expand(const char *text, policy_lookup lookup, void *ctx, struct cl_buf *out,
                             struct cl_err *err)
{
    const char *p = text;
    CL_TRY(append(out, "", 0, err));
    CL_TRY(cl_buf_reserve(out, 1, err));
    while (*p != '\0') {
        size_t plain = strcspn(p, "$");
        CL_TRY(append(out, p, plain, err));
        p += plain;
        if (p[0] == '$' && p[1] == '(') {
            p += 2;
            CL_TRY(reference(&p, lookup, ctx, out, err));
        } else if (p[0] == '$') { /* "$$" is one; "$x" is itself */
            bool twice = p[1] == '$';
            CL_TRY(append(out, "$", 1, err));
            p += twice ? 2 : 1;
        }
    }
    return CL_OK;
}
