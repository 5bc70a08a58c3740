/* SPDX-License-Identifier: Apache-2.0
 * expand.h - $(NAME) in commands, arguments and values, as kubelet expands it: $$ is a dollar, and
 * a name that nobody knows stays as it is.
 * Trust: text and names are hostile. Memory: the result.
 */
#ifndef POLICY_EXPAND_H
#define POLICY_EXPAND_H

#include "base/buf.h"

#include <stdbool.h>

#define POLICY_MAX_EXPANDED 131072u /* bytes of a text once expanded */

/* The value of a name (len bytes), borrowed; NULL: nobody knows it. A failure ends the expansion:
 * *ret is not looked at then. */
typedef enum cl_status (*policy_lookup)(void *ctx, const char *name, size_t len, const char **ret,
                                        struct cl_err *err);

/* Appends to out, which is text (NUL behind it) afterwards even when empty.
 * CL_ERR_MALFORMED when longer than POLICY_MAX_EXPANDED; what `lookup` returns. */
CL_NODISCARD enum cl_status policy_expand(const char *text, policy_lookup lookup, void *ctx,
                                          struct cl_buf *out, struct cl_err *err);

#endif
