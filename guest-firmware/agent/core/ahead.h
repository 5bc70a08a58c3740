/* SPDX-License-Identifier: Apache-2.0
 * ahead.h - reads a source ahead in a thread of its own, a few buffers deep, so that hashing,
 * decrypting and decompressing of one layer share the guest's CPUs. Trust: none of its own; the
 * bytes come in order, and what the source says about them (end, failure) comes behind the last of
 * them. Threads: one reads the source, one (any, but one at a time) takes. Memory: fixed.
 */
#ifndef AGENT_AHEAD_H
#define AGENT_AHEAD_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define AGENT_AHEAD_CHUNK 65536u

struct agent_ahead; /* opaque */

/* At most `size` bytes to `data`; *ret_len 0 at the end. Not called again after that, nor after a
 * failure. */
typedef enum cl_status agent_fill_fn(void *ctx, uint8_t *data, size_t size, size_t *ret_len,
                                     struct cl_err *err);

/* ctx is borrowed until _stop or _free. All signals are blocked in the thread. */
CL_NODISCARD enum cl_status agent_ahead_new(agent_fill_fn *fill, void *ctx,
                                            struct agent_ahead **ret_a, struct cl_err *err);
/* The next bytes (at most AGENT_AHEAD_CHUNK), borrowed until the next call; *ret_len 0 at the end.
 * End and failure are given again and again. */
CL_NODISCARD enum cl_status agent_ahead_next(struct agent_ahead *a, const uint8_t **ret_data,
                                             size_t *ret_len, struct cl_err *err);
/* Ends the thread once the fill it is in returns; what was filled before can still be taken. */
void agent_ahead_stop(struct agent_ahead *a);
void agent_ahead_free(struct agent_ahead *a); /* stops; wipes the buffers */

#endif
