/* SPDX-License-Identifier: Apache-2.0
 * jail.h - what surrounds a running VMM: namespaces of its own, an empty root, no capabilities, no
 * new privileges, resource limits, system-call filters. Every layer must apply; one that cannot is
 * an error that names it.
 * Trust: the host's kernel. Threads: entered while there is one.
 */
#ifndef VMM_JAIL_H
#define VMM_JAIL_H

#include "base/err.h"

#include <sys/types.h>

#define VMM_EXIT_JAIL 125

/* Makes the user and PID namespaces and forks. In the child *ret_child is 0, and it goes on; in the
 * parent it is the child's process id. */
CL_NODISCARD enum cl_status vmm_jail_fork(pid_t *ret_child, struct cl_err *err);

/* In the child: mount, net, IPC and UTS namespaces, an empty read-only root in which only the vsock
 * directory is left (it becomes the working directory), no capabilities, no new privileges, limits,
 * no core dumps. */
CL_NODISCARD enum cl_status vmm_jail_enter(const char *vsock_dir, struct cl_err *err);

/* In the parent: passes signals on and waits. Returns the exit status: the child's, or 5 with a
 * message when it was killed. Drops every privilege first. */
CL_NODISCARD enum cl_status vmm_jail_keep(pid_t child, int *ret_exit_status, struct cl_err *err);

#endif
