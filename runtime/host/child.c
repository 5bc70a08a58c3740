/* SPDX-License-Identifier: Apache-2.0
 * child.c - starts and ends the programs of a run. Trust, threads, memory: child.h.
 */
#include "host/child.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP_FD 3

enum cl_status host_program_find(const char *program, char *ret, size_t size, struct cl_err *err)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (snprintf(ret, size, "%s/%s", self, program) < (int)size && access(ret, X_OK) == 0) {
            return CL_OK;
        }
    }
    if (snprintf(ret, size, "/usr/libexec/cloister/%s", program) < (int)size &&
        access(ret, X_OK) == 0) {
        return CL_OK;
    }
    return cl_err_sys(err, ENOENT, "program '%s'", program);
}

/* In the child, with all signals blocked. Only what may be called between fork and exec. */
CL_NORETURN static void become(const char *path, char *const *argv, const struct host_keep *keep,
                               pid_t parent)
{
    int other[HOST_CHILD_MAX_KEEP];
    sigset_t none;
    (void)sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) {
        (void)signal(s, SIG_DFL);
    }
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(125);
    }
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0) {
        _exit(125);
    }
    /* By way of other numbers: none of them is lost before its turn, and dup2 onto itself would
     * keep close-on-exec. */
    for (size_t i = 0; i < keep->count; i++) {
        other[i] = fcntl(keep->fd[i], F_DUPFD_CLOEXEC, (int)(KEEP_FD + HOST_CHILD_MAX_KEEP));
        if (other[i] < 0) {
            _exit(125);
        }
    }
    for (size_t i = 0; i < keep->count; i++) {
        if (dup2(other[i], KEEP_FD + (int)i) < 0) {
            _exit(125);
        }
    }
    (void)execv(path, argv);
    _exit(125);
}

enum cl_status host_child_start(struct host_child *c, const char *program, const char *const *argv,
                                const struct host_keep *keep, struct cl_err *err)
{
    static const struct host_keep none = {.count = 0};
    char path[4200];
    char *args[HOST_CHILD_MAX_ARGS + 1];
    size_t count = 0;
    CL_TRY(host_program_find(program, path, sizeof(path), err));
    while (argv[count] != NULL && count < HOST_CHILD_MAX_ARGS) {
        args[count] = strdup(argv[count]);
        count++;
    }
    args[count] = NULL;
    pid_t parent = getpid();
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    /* Our handlers must not run in the child: they would tell our loop of its signals. */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        become(path, args, keep != NULL ? keep : &none, parent);
    }
    int error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (count > 0) {
        free(args[--count]);
    }
    if (pid < 0) {
        return cl_err_sys(err, error, "start '%s'", program);
    }
    *c = (struct host_child){.program = program, .pid = pid};
    return CL_OK;
}

bool host_child_poll(struct host_child *c)
{
    if (c->pid > 0 && !c->ended && waitpid(c->pid, &c->wait_status, WNOHANG) == c->pid) {
        c->ended = true;
    }
    return c->pid <= 0 || c->ended;
}

void host_child_signal(const struct host_child *c, int signo)
{
    if (c->pid > 0 && !c->ended) {
        (void)kill(c->pid, signo);
    }
}

void host_child_kill(struct host_child *c)
{
    if (c->pid <= 0 || c->ended) {
        return;
    }
    (void)kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &c->wait_status, 0) < 0 && errno == EINTR) {
    }
    c->ended = true;
}

bool host_child_good(const struct host_child *c)
{
    return c->ended && WIFEXITED(c->wait_status) && WEXITSTATUS(c->wait_status) == 0;
}

void host_child_words(const struct host_child *c, char *ret, size_t size)
{
    if (WIFSIGNALED(c->wait_status)) {
        (void)snprintf(ret, size, "was killed by signal %d", WTERMSIG(c->wait_status));
    } else {
        (void)snprintf(ret, size, "ended with status %d", WEXITSTATUS(c->wait_status));
    }
}
