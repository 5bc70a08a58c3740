/* SPDX-License-Identifier: Apache-2.0
 * commands.h - what the program does when containerd runs it (containerd-shim.md 1).
 */
#ifndef SHIM_COMMANDS_H
#define SHIM_COMMANDS_H

#include "args.h"
#include "daemon.h"

/* Starts the daemon of the container's group, or finds the one that serves already; writes
 * `address` into the bundle and appends to `out` what containerd reads on stdout. */
CL_NODISCARD enum cl_status shim_start(const struct shim_args *a,
                                       const struct shim_daemon_service *service,
                                       struct cl_buf *out, struct cl_err *err);
/* Cleans up after one container, and after the whole VM where the bundle is the sandbox's, whether
 * or not any of it still runs; appends the DeleteResponse. May be run again. */
CL_NODISCARD enum cl_status shim_delete(const struct shim_args *a, struct cl_buf *out,
                                        struct cl_err *err);
/* Appends the RuntimeInfo. */
CL_NODISCARD enum cl_status shim_info(struct cl_buf *out, struct cl_err *err);

#endif
