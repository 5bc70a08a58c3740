/* SPDX-License-Identifier: Apache-2.0
 * logger.h - a program of containerd's user that takes a container's output ("binary:///path?key=
 * value", containerd-shim.md 3.2): output on its descriptor 3, errors on 4, and 5 to be closed when
 * it is ready.
 * Trust: the program is named by whoever makes tasks, that is root. Threads: the loop's; waits at
 * most SHIM_LOGGER_READY_MS for the program.
 */
#ifndef SHIM_LOGGER_H
#define SHIM_LOGGER_H

#include "base/err.h"

#define SHIM_LOGGER_MAX_ARGS 32u
#define SHIM_LOGGER_READY_MS 2000

struct shim_logger_config {
    const char *uri; /* what stands behind "binary://" */
    const char *container_id;
    const char *name_space;
};

/* The write ends of its two pipes, non-blocking. The program is not waited for: it ends when they
 * are closed, and is init's child. CL_ERR_MALFORMED, CL_ERR_SYS, CL_ERR_UNAVAILABLE when it is not
 * ready in time or ended. */
CL_NODISCARD enum cl_status shim_logger_start(const struct shim_logger_config *cfg, int *ret_out,
                                              int *ret_err, struct cl_err *err);

#endif
