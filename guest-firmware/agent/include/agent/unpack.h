/* SPDX-License-Identifier: Apache-2.0
 * unpack.h - tar layers into one root file system, one above the other, with whiteouts.
 * Trust: the tar is hostile until the whole layer was verified, so every path is taken apart and
 * walked by descriptor: no
 *        "..", no symbolic link is ever followed, nothing outside the root is named. What the
 * caller finds wrong afterwards it must throw away as a whole. Kept: owner, mode with setuid and
 * setgid, times, security.capability. Refused: device nodes except the harmless (null, zero, full,
 * random, urandom, tty, console, ptmx), sockets, what exceeds the limits. Threads: one; the process
 * must not share its umask with others meanwhile (it is set to 0). Memory: fixed, and 16 bytes for
 * each entry of the layer being unpacked.
 */
#ifndef AGENT_UNPACK_H
#define AGENT_UNPACK_H

#include "agent/limits.h"
#include "agent/stream.h"

struct agent_unpack; /* opaque */

/* root_fd: an empty directory on a file system without other mounts in it; borrowed. */
CL_NODISCARD enum cl_status agent_unpack_new(int root_fd, const struct agent_limits *limits,
                                             struct agent_unpack **ret_u, struct cl_err *err);
void agent_unpack_free(struct agent_unpack *u);
void agent_unpack_freep(struct agent_unpack **u);

/* One layer. Reads up to the archive's end; what stands behind it is left to the caller.
 * Errors name the entry: "tar entry 'etc/x': path: expected no '..', got 'a/../b'". */
CL_NODISCARD enum cl_status agent_unpack_layer(struct agent_unpack *u,
                                               const struct agent_stream *in, struct cl_err *err);

#endif
