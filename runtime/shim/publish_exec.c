/* SPDX-License-Identifier: Apache-2.0
 * publish_exec.c - containerd's own program that publishes one event, for a containerd that gave no
 * TTRPC_ADDRESS (containerd-shim.md 3.3).
 */
#include "publish_internal.h"

#include "base/io.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct shim_publish_exec {
    pid_t pid; /* 0: reaped */
    int pidfd;
    struct event *ended;
    void (*done)(void *ctx, bool good);
    void *ctx;
};

void shim_publish_exec_free(struct shim_publish_exec *x)
{
    if (x == NULL) {
        return;
    }
    if (x->ended != NULL) {
        event_free(x->ended);
    }
    if (x->pid > 0) {
        (void)kill(x->pid, SIGKILL);
        (void)waitpid(x->pid, NULL, 0);
    }
    if (x->pidfd >= 0) {
        (void)close(x->pidfd);
    }
    free(x);
}

static void on_ended(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    struct shim_publish_exec *x = ctx;
    int status = -1;
    if ((what & EV_TIMEOUT) != 0) {
        (void)kill(x->pid, SIGKILL);
    }
    bool reaped = waitpid(x->pid, &status, 0) == x->pid;
    x->pid = 0;
    x->done(x->ctx, reaped && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* All of it, to be read from its start. */
static enum cl_status in_memory(const struct cl_buf *any, int *ret_fd, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = memfd_create("event", MFD_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "memory for an event");
    }
    CL_TRY(cl_write_all(fd, any->data, any->len, "event", err));
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return cl_err_sys(err, errno, "memory for an event");
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status spawn(const char *const *argv, int stdin_fd, pid_t *ret_pid,
                            struct cl_err *err)
{
    posix_spawn_file_actions_t actions;
    union {
        const char *const *c;
        char *const *v;
    } args = {.c = argv};
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO);
        rc = rc != 0 ? rc : posix_spawn(ret_pid, argv[0], &actions, NULL, args.v, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    return rc != 0 ? cl_err_sys(err, rc, "run '%s'", argv[0]) : CL_OK;
}

enum cl_status shim_publish_exec_new(struct event_base *base, const char *const *argv,
                                     const struct cl_buf *any, int timeout_ms,
                                     void (*done)(void *ctx, bool good), void *ctx,
                                     struct shim_publish_exec **ret_x, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(in_memory(any, &fd, err));
    struct shim_publish_exec *x = calloc(1, sizeof(*x));
    if (x == NULL) {
        return cl_err_nomem(err, "event");
    }
    x->pidfd = -1;
    x->done = done;
    x->ctx = ctx;
    enum cl_status st = spawn(argv, fd, &x->pid, err);
    if (st != CL_OK) {
        shim_publish_exec_free(x);
        return st;
    }
    struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    x->pidfd = (int)syscall(SYS_pidfd_open, x->pid, 0);
    x->ended = event_new(base, x->pidfd, EV_READ, on_ended, x);
    if (x->pidfd < 0 || x->ended == NULL || event_add(x->ended, &tv) != 0) {
        shim_publish_exec_free(x);
        return cl_err_set(err, CL_ERR_SYS, "run '%s': its end cannot be waited for", argv[0]);
    }
    *ret_x = x;
    return CL_OK;
}
