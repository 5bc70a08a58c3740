/* SPDX-License-Identifier: Apache-2.0
 * crun.h - starting crun, and what it says when it fails.
 * Trust: crun and its files are ours; what it quotes in its log is hostile text. Threads: no shared
 * state.
 */
#ifndef AGENT_CRUN_H
#define AGENT_CRUN_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define AGENT_CRUN_MAX_ARGS 12u
#define AGENT_CRUN_OWN_SCORE (-1000) /* the caller's own, which no container may have */

struct agent_crun {
    const char *program; /* "/bin/crun" */
    const char *root;    /* where it keeps its state */
};

/* args: behind the global options, NULL-terminated, at most AGENT_CRUN_MAX_ARGS. fds: its 0, 1, 2.
 * oom_score: /proc/PID/oom_score_adj of crun and what it leaves behind. The caller reaps *ret_pid.
 */
CL_NODISCARD enum cl_status agent_crun_spawn(const struct agent_crun *c, const char *const *args,
                                             const int fds[static 3], const char *log,
                                             int oom_score, pid_t *ret_pid, struct cl_err *err);

/* The last error in crun's log; false when there is none. */
bool agent_crun_last_error(const char *log, char *ret, size_t size);

/* What crun's last error means: the exit status that a shell would give (127 when the program is
 * not there, 126 when it cannot be executed); 0 when the error is about something else. */
int agent_crun_exec_failure(const char *message);

/* The terminal that crun sends beside one byte or more. */
CL_NODISCARD enum cl_status agent_crun_receive_console(int conn, int *ret_fd, struct cl_err *err);

#endif
