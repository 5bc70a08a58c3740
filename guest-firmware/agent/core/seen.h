/* SPDX-License-Identifier: Apache-2.0
 * seen.h - the set of paths that a layer has brought, so that its whiteouts spare them.
 * Memory: 8 bytes a slot, at most half of the slots used. Paths are kept as 64-bit hashes: two
 * paths that collide make a whiteout spare one file of the layer below, in an image that was
 * authenticated as a whole.
 */
#ifndef AGENT_SEEN_H
#define AGENT_SEEN_H

#include "base/err.h"

#include <stdbool.h>

struct agent_seen {
    uint64_t *slots; /* owned; 0: free */
    size_t size;     /* a power of two */
    size_t count;
};

void agent_seen_done(struct agent_seen *s);
/* Adds the path (its first len bytes). */
CL_NODISCARD enum cl_status agent_seen_add(struct agent_seen *s, const char *path, size_t len,
                                           struct cl_err *err);
bool agent_seen_has(const struct agent_seen *s, const char *path, size_t len);

#endif
