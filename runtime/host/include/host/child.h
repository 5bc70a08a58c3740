/* SPDX-License-Identifier: Apache-2.0
 * child.h - the programs that a run starts: found beside our own executable, in a process group of
 * their own (so that a Ctrl-C of the terminal reaches only us), and gone when we are.
 * Trust: the folder our executable lies in. Threads: the main thread only (the death signal is tied
 * to the thread that forks). Memory: none.
 */
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define HOST_CHILD_MAX_ARGS 64u
#define HOST_CHILD_MAX_KEEP 6u

/* Descriptors that the child has, too: as 3, 4 and so on. */
struct host_keep {
    int fd[HOST_CHILD_MAX_KEEP];
    size_t count;
};

struct host_child {
    const char *program; /* "cloister-vmm" */
    pid_t pid;           /* 0: not running */
    bool ended;
    int wait_status;
};

/* Path of a program of ours: beside the running executable, then /usr/libexec/cloister (I-6). */
CL_NODISCARD enum cl_status host_program_find(const char *program, char *ret, size_t size,
                                              struct cl_err *err);
/* argv[0] is replaced by the path. keep: NULL for none. stdin is /dev/null, stdout is our stderr.
 */
CL_NODISCARD enum cl_status host_child_start(struct host_child *c, const char *program,
                                             const char *const *argv, const struct host_keep *keep,
                                             struct cl_err *err);
/* Looks whether it has ended; true when it has (now or before). */
bool host_child_poll(struct host_child *c);
void host_child_signal(const struct host_child *c, int signo);
/* SIGKILL and wait. */
void host_child_kill(struct host_child *c);
/* "ended with status 5", "was killed by signal 9" */
/* It ended, and with status 0. */
bool host_child_good(const struct host_child *c);
void host_child_words(const struct host_child *c, char *ret, size_t size);

#endif
