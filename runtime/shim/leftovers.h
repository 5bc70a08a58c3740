/* SPDX-License-Identifier: Apache-2.0
 * leftovers.h - which processes make up the VM of a pod, written to `cloister.json` in the
 * sandbox's bundle, so that `delete` can end them when the daemon could not (containerd-shim.md
 * 1.4). A process is known by its id and the time of its start: an id that was given to another
 * process is left alone.
 * Trust: the bundle is root's. Threads: no shared state.
 */
#ifndef SHIM_LEFTOVERS_H
#define SHIM_LEFTOVERS_H

#include "base/err.h"

#include <stddef.h>
#include <sys/types.h>

#define SHIM_MAX_LEFTOVERS 32u
#define SHIM_LEFTOVERS_FILE "cloister.json"

/* Replaces the file with one that names the calling process, the daemon, and these, each of which
 * must be there (CL_ERR_SYS otherwise). Folders (absolute) are removed by `delete` too, with what
 * is in them, but not past a mount point; and our rules are taken off the network namespace netns
 * (NULL: none). */
CL_NODISCARD enum cl_status shim_leftovers_write(const char *bundle, const pid_t *pid, size_t count,
                                                 const char *const *folder, size_t folder_count,
                                                 const char *netns, struct cl_err *err);
/* Nothing is left: removes the file. */
void shim_leftovers_forget(const char *bundle);
/* Ends what still runs: the daemon is asked (SIGTERM) and has half of the time to end the rest and
 * itself, then all are killed. Then removes the folders, and leaves the namespace, if it is there.
 * CL_ERR_UNAVAILABLE when some have not ended in time. Without a file, or with one from before the
 * machine was started, there is nothing to do. */
CL_NODISCARD enum cl_status shim_leftovers_kill(const char *bundle, int timeout_ms,
                                                struct cl_err *err);

#endif
