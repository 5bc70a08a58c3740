/* SPDX-License-Identifier: Apache-2.0
 * rundir.h - the folder of one run: its sockets and the initdata disk. It goes away with the run;
 * what a killed run left behind is removed by the next one, which finds its lock free.
 * Trust: the folders above must be ours alone (checked), for /tmp is everybody's.
 * Threads: one. Memory: none.
 */
#ifndef HOST_RUNDIR_H
#define HOST_RUNDIR_H

#include "base/err.h"

struct host_rundir {
    char path[80]; /* short, so that names of sockets in it fit into sockaddr_un */
    int lock_fd;   /* held while the run lives */
};

/* Removes left-overs, then makes a folder below $XDG_RUNTIME_DIR/cloister, /run/cloister (root) or
 * /tmp/cloister-<uid>, mode 0700. */
CL_NODISCARD enum cl_status host_rundir_make(struct host_rundir *ret, struct cl_err *err);
/* The same below a given base, for tests. */
CL_NODISCARD enum cl_status host_rundir_make_at(const char *base, struct host_rundir *ret,
                                                struct cl_err *err);
void host_rundir_remove(struct host_rundir *d); /* zeroed (lock_fd 0 or -1) is fine */
/* path/name; ret holds 108 bytes (sun_path). */
void host_rundir_path(const struct host_rundir *d, const char *name, char ret[static 108]);

#endif
