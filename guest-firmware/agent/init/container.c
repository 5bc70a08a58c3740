/* SPDX-License-Identifier: Apache-2.0
 * container.c - runs the one container with crun, reaps whatever loses its parent, and tells crun's
 * failures from the container's own exit status.
 */
#include "agent.h"

#include "agent/spec.h"
#include "agent/user.h"
#include "crun.h"
#include "streams.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CRUN "/bin/crun"
#define PID_FILE AGENT_BUNDLE "/pid"
#define LOG_FILE AGENT_BUNDLE "/crun.log"
#define CONSOLE_SOCKET AGENT_BUNDLE "/console.sock"
#define SIGNAL_TRIES 250  /* of 20 ms: crun is making the container */
#define CONSOLE_TRIES 300 /* of 100 ms: crun sends the terminal, or ends */

void agent_container_init(struct agent_container *c)
{
    *c = (struct agent_container){.console = -1};
    (void)pthread_mutex_init(&c->lock, NULL);
}

static enum cl_status read_pid(pid_t *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    uint64_t pid = 0;
    if (cl_buf_read_file(&b, PID_FILE, 16, NULL) != CL_OK || b.len == 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "no container runs");
    }
    b.data[strcspn((const char *)b.data, "\n")] = '\0';
    CL_TRY(cl_uint_parse((const char *)b.data, "pid", 2, INT32_MAX, &pid, err));
    *ret = (pid_t)pid;
    return CL_OK;
}

/* The pid stays the container's while crun, its parent, has not been reaped: the lock holds that
 * off. *ret_again: crun has not made the container yet. */
static enum cl_status signal_once(struct agent_container *c, uint32_t signo, bool *ret_again,
                                  struct cl_err *err)
{
    pid_t pid = 0;
    *ret_again = false;
    if (c->ended) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "no container runs");
    }
    if (!c->running) {
        c->pending = c->pending != SIGKILL ? (int)signo : c->pending;
        return CL_OK;
    }
    *ret_again = read_pid(&pid, err) != CL_OK;
    if (!*ret_again && kill(pid, (int)signo) != 0) {
        return cl_err_sys(err, errno, "signal %u", (unsigned)signo);
    }
    return *ret_again ? CL_ERR_UNAVAILABLE : CL_OK;
}

enum cl_status agent_container_signal(struct agent_container *c, uint32_t signo, struct cl_err *err)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    enum cl_status st = CL_OK;
    bool again = true;
    for (int i = 0; again && i < SIGNAL_TRIES; i++) {
        if (i > 0) {
            (void)nanosleep(&pause, NULL);
        }
        (void)pthread_mutex_lock(&c->lock);
        st = signal_once(c, signo, &again, err);
        (void)pthread_mutex_unlock(&c->lock);
    }
    return st;
}

/* With the lock held. */
static void apply_size(const struct agent_container *c)
{
    struct winsize w = {.ws_row = (unsigned short)c->rows, .ws_col = (unsigned short)c->cols};
    if (c->console >= 0 && c->rows > 0 && c->cols > 0) {
        (void)ioctl(c->console, TIOCSWINSZ, &w);
    }
}

enum cl_status agent_container_resize(struct agent_container *c, uint32_t rows, uint32_t cols,
                                      struct cl_err *err)
{
    (void)err;
    (void)pthread_mutex_lock(&c->lock);
    c->rows = rows;
    c->cols = cols;
    apply_size(c);
    (void)pthread_mutex_unlock(&c->lock);
    return CL_OK;
}

static enum cl_status write_bundle(const struct agent_container *c, const struct cl_initdata *i,
                                   const struct cl_oci_config *config, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf spec = {0};
    struct agent_user user;
    const char *workdir = NULL;
    CL_CLEANUP(cl_close_fdp) int root = open(AGENT_ROOTFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return cl_err_sys(err, errno, "open '" AGENT_ROOTFS "'");
    }
    CL_TRY(agent_user_resolve(root, i->user != NULL ? i->user : config->user, &user, err));
    CL_TRY(agent_spec_workdir(i, config, &workdir, err));
    CL_TRY(agent_spec_make_workdir(root, workdir, err));
    CL_TRY(agent_spec_build(i, config, &user, c->rows, c->cols, &spec, err));
    return cl_write_file(AGENT_BUNDLE "/config.json", spec.data, spec.len, 0600, err);
}

static enum cl_status spawn_crun(const char *id, bool terminal, const struct agent_stdio *io,
                                 pid_t *ret_pid, struct cl_err *err)
{
    const struct agent_crun crun = {CRUN, "/run/crun"};
    const char *const args[] = {"run",
                                "--bundle=" AGENT_BUNDLE,
                                "--pid-file=" PID_FILE,
                                terminal ? "--console-socket=" CONSOLE_SOCKET : id,
                                terminal ? id : NULL,
                                NULL};
    return agent_crun_spawn(&crun, args, io->child, LOG_FILE, AGENT_CRUN_OWN_SCORE, ret_pid, err);
}

/* Waits for the terminal, but not longer than crun lives (its exit is left for the caller to reap).
 */
static enum cl_status await_console(int listener, pid_t crun, int *ret_master, struct cl_err *err)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    for (int i = 0; i < CONSOLE_TRIES; i++) {
        siginfo_t info = {0};
        if (poll(&p, 1, 100) > 0) {
            CL_CLEANUP(cl_close_fdp) int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (conn < 0) {
                return cl_err_sys(err, errno, "terminal");
            }
            return agent_crun_receive_console(conn, ret_master, err);
        }
        if (waitid(P_PID, (id_t)crun, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid != 0) {
            return CL_ERR_UNAVAILABLE; /* crun's log tells why */
        }
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "terminal: crun did not send it");
}

static void set_console(struct agent_container *c, int master)
{
    (void)pthread_mutex_lock(&c->lock);
    c->console = master;
    apply_size(c);
    (void)pthread_mutex_unlock(&c->lock);
}

/* Either a signal has come already and ends the run (then its number), or from now on signals go to
 * the container. */
static int begin(struct agent_container *c)
{
    (void)pthread_mutex_lock(&c->lock);
    int pending = c->pending;
    c->running = pending == 0;
    c->ended = pending != 0;
    (void)pthread_mutex_unlock(&c->lock);
    return pending;
}

static void end(struct agent_container *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->running = false;
    c->ended = true;
    cl_close_fdp(&c->console);
    (void)pthread_mutex_unlock(&c->lock);
}

/* PID 1 inherits orphans; they are reaped here, beside the one we wait for. */
static int reap_until(struct agent_container *c, pid_t crun)
{
    for (;;) {
        siginfo_t info = {0};
        int status = 0;
        if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) != 0) {
            if (errno == EINTR) {
                continue;
            }
            return 255;
        }
        if (info.si_pid == crun) {
            end(c); /* before its pid can be used again */
        }
        if (waitpid(info.si_pid, &status, 0) != crun) {
            continue;
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

/* crun gives 1 for all its failures; its log tells which it was. */
static enum cl_status judge(int status, int *ret_status, struct cl_err *err)
{
    char msg[256];
    pid_t pid = 0;
    if (status == 0 || !agent_crun_last_error(LOG_FILE, msg, sizeof(msg))) {
        *ret_status = status;
        return CL_OK;
    }
    int exec = agent_crun_exec_failure(msg);
    if (exec != 0) {
        agent_say("crun: %s", msg);
        *ret_status = exec;
        return CL_OK;
    }
    if (read_pid(&pid, NULL) == CL_OK) { /* it ran; what crun says is about cleaning up */
        *ret_status = status;
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "crun: %s", msg);
}

static enum cl_status attach(struct agent_container *c, struct agent_stdio *io, int listener,
                             pid_t crun, struct cl_err *err)
{
    int master = -1;
    if (io->terminal) {
        CL_TRY(await_console(listener, crun, &master, err));
        enum cl_status st = agent_stdio_console(io, master, err);
        if (st != CL_OK) {
            (void)close(master);
            return st;
        }
    }
    set_console(c, master);
    return agent_stdio_pump(io, err);
}

static enum cl_status run(struct agent_container *c, struct agent_stdio *io, const char *id,
                          void (*started)(void *ctx), void *ctx, int *ret_status,
                          struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int listener = -1;
    pid_t crun = -1;
    if (io->terminal) {
        CL_TRY(cl_unix_listen(CONSOLE_SOCKET, &listener, err));
    }
    (void)umask(022);
    CL_TRY(spawn_crun(id, io->terminal, io, &crun, err));
    started(ctx);
    enum cl_status st = attach(c, io, listener, crun, err);
    if (st != CL_OK && err->status != CL_OK) {
        (void)kill(crun, SIGKILL);
    }
    int status = reap_until(c, crun);
    if (st != CL_OK && err->status != CL_OK) {
        return st;
    }
    return judge(status, ret_status, err);
}

static enum cl_status dial_stdio(void *ctx, int *ret_fd, struct cl_err *err)
{
    (void)ctx;
    return agent_dial(AGENT_PORT_STDIO, /* patient= */ true, ret_fd, err);
}

static enum cl_status open_stdio(struct agent_stdio *io, const struct cl_initdata *i,
                                 const char *id, struct cl_err *err)
{
    const struct agent_stdio_want want = {
        .id = id,
        .terminal = i->terminal,
        .stream = {i->stdin_allowed, i->stdout_allowed, i->stderr_allowed},
        .dial = dial_stdio,
    };
    io->linger = true; /* the guest powers off afterwards */
    return agent_stdio_open(io, &want, err);
}

enum cl_status agent_container_run(struct agent_container *c, const struct cl_initdata *i,
                                   const struct cl_oci_config *config, const char *id,
                                   void (*started)(void *ctx), void *ctx, int *ret_status,
                                   struct cl_err *err)
{
    struct agent_stdio io;
    agent_stdio_init(&io);
    CL_TRY(write_bundle(c, i, config, err));
    int pending = begin(c);
    if (pending != 0) {
        *ret_status = 128 + pending;
        return CL_OK;
    }
    enum cl_status st = open_stdio(&io, i, id, err);
    if (st == CL_OK) {
        st = run(c, &io, id, started, ctx, ret_status, err);
    }
    end(c);
    agent_stdio_end(&io);
    agent_stdio_done(&io);
    return st;
}
