/* SPDX-License-Identifier: Apache-2.0
 * logger.h - a program of containerd's user that takes a container's output ("binary:///path?key=
 * value", containerd-shim.md 3.2): output on its descriptor 3, errors on 4, and 5 to be closed when
 * it is ready.
 * Trust: the program is named by whoever makes tasks, that is root. Threads: the loop's, which
 * never waits for the program.
 */
#ifndef SHIM_LOGGER_H
#define SHIM_LOGGER_H

#include "base/err.h"

#include <event2/event.h>

#define SHIM_LOGGER_MAX_ARGS 32u
#define SHIM_LOGGER_READY_MS 2000

struct shim_logger; /* opaque */

struct shim_logger_config {
    struct event_base *base;
    const char *uri; /* what stands behind "binary://" */
    const char *container_id;
    const char *name_space;
};

/* Starts it; *ret_out and *ret_err are the write ends of its two pipes, non-blocking, and the
 * caller's. The program is not waited for: it ends when they are closed, and is init's child.
 * CL_ERR_MALFORMED, CL_ERR_SYS. */
CL_NODISCARD enum cl_status shim_logger_start(const struct shim_logger_config *cfg, int *ret_out,
                                              int *ret_err, struct shim_logger **ret_logger,
                                              struct cl_err *err);
/* Calls `done` once, at once or later: with CL_OK in why->status when the program is ready (or has
 * ended, which nobody notices sooner than with the first output), with CL_ERR_UNAVAILABLE when it
 * is not within SHIM_LOGGER_READY_MS of its start. At most one waits. */
void shim_logger_when_ready(struct shim_logger *l,
                            void (*done)(void *ctx, const struct cl_err *why), void *ctx);
/* Whoever waits is not called any more; the program stays. NULL is fine. */
void shim_logger_free(struct shim_logger *l);

#endif
