/* SPDX-License-Identifier: Apache-2.0
 * streams.h - the host's ends of a process's streams, as containerd names them: FIFOs that outlive
 * a restart of containerd, files, and loggers (containerd-shim.md 3.2). runtime/host copies between
 * them and the guest, one pump a stream: a stream that nobody reads stops itself and no other.
 * Trust: paths come from containerd. The guest only chooses when to open a stream, once each.
 * Threads: the loop's. Memory: descriptors only.
 */
#ifndef SHIM_STREAMS_H
#define SHIM_STREAMS_H

#include "base/err.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

struct shim_streams; /* opaque */

struct shim_streams_config {
    struct event_base *base;  /* for loggers */
    const char *path[3];      /* stdin, stdout, stderr; NULL or empty: none */
    bool terminal;            /* stderr is not used then */
    bool hang_up_ends;        /* end of input is also when its last writer goes */
    const char *container_id; /* for loggers */
    const char *name_space;
};

/* Opens all of them: CL_ERR_MALFORMED for what is not a FIFO or a file, or a scheme that we do not
 * have (`binary-v2:`, `ttrpc+unix:`); CL_ERR_SYS. A FIFO without a reader is fine: it will have
 * one. */
CL_NODISCARD enum cl_status shim_streams_open(const struct shim_streams_config *cfg,
                                              struct shim_streams **ret_io, struct cl_err *err);
/* Calls `done` once, at once or later, when nothing of it is waited for any more: as
 * shim_logger_when_ready() has it. NULL has nothing to wait for. */
void shim_streams_when_ready(struct shim_streams *io,
                             void (*done)(void *ctx, const struct cl_err *why), void *ctx);
/* NULL is fine. What was taken is not ours any more. */
void shim_streams_free(struct shim_streams *io);
/* Does the host carry this stream (0, 1, 2)? */
bool shim_streams_has(const struct shim_streams *io, unsigned stream);
/* Hands out the descriptor of a stream, once each: the caller closes it, and with output that is
 * the end that the reader sees. */
bool shim_streams_take(struct shim_streams *io, unsigned stream, int *ret_fd);
/* CloseIO: end of input, once what is in the FIFO was read. */
void shim_streams_close_stdin(struct shim_streams *io);
/* The copying of an output stream has ended. */
void shim_streams_output_end(struct shim_streams *io, unsigned stream);
/* Some output that was taken has not ended. */
bool shim_streams_pending(const struct shim_streams *io);
/* Closes the write ends of output that nobody took: no more can come. */
void shim_streams_close_unused(struct shim_streams *io);

#endif
