/* SPDX-License-Identifier: Apache-2.0
 * pause.c - holds a pod's namespaces: sleeps, takes in orphans (it may be process 1 of them all),
 * ends with SIGTERM or SIGINT. Static, the only file of the rig's pause image.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, /* oldset= */ NULL);
    for (;;) {
        int sig = 0;
        if (sigwait(&set, &sig) == 0 && sig != SIGCHLD) {
            return 0;
        }
        while (waitpid(-1, /* wstatus= */ NULL, WNOHANG) > 0) {
        }
    }
}
