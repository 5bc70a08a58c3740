/* SPDX-License-Identifier: Apache-2.0
 * container.c - runs the one container with crun, reaps whatever loses its parent, and tells crun's
 * failures from the container's own exit status.
 */
#include "agent.h"

#include "agent/spec.h"
#include "agent/user.h"

#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
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
#define MAX_LOG 65536u
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
    char name[CL_AGENT_ID_MAX + 1];
    (void)snprintf(name, sizeof(name), "%s", id);
    char *argv[] = {(char[]){"crun"},
                    (char[]){"--root=/run/crun"},
                    (char[]){"--cgroup-manager=cgroupfs"},
                    (char[]){"--log=" LOG_FILE},
                    (char[]){"--log-format=json"},
                    (char[]){"run"},
                    (char[]){"--bundle=" AGENT_BUNDLE},
                    (char[]){"--pid-file=" PID_FILE},
                    terminal ? (char[]){"--console-socket=" CONSOLE_SOCKET} : name,
                    terminal ? name : NULL,
                    NULL};
    char *env[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t set;
    pid_t pid = -1;
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attr);
    for (int i = 0; i < (int)AGENT_STREAMS; i++) {
        (void)posix_spawn_file_actions_adddup2(&files, io->child[i], i);
    }
    (void)sigemptyset(&set);
    (void)posix_spawnattr_setsigmask(&attr, &set);
    (void)sigaddset(&set, SIGPIPE);
    (void)posix_spawnattr_setsigdefault(&attr, &set);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = posix_spawn(&pid, CRUN, &files, &attr, argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    if (rc != 0) {
        return cl_err_sys(err, rc, "start '" CRUN "'");
    }
    *ret_pid = pid;
    return CL_OK;
}

/* The descriptor that crun sends beside one byte or more. */
static enum cl_status receive_fd(int conn, int *ret_fd, struct cl_err *err)
{
    char data[256];
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(conn, &m, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "terminal: expected a descriptor, got none");
    }
    memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
    return CL_OK;
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
            return receive_fd(conn, ret_master, err);
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

/* The last error in crun's log; false when there is none. */
static bool last_error(char *ret, size_t size)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf log = {0};
    const char *text = NULL;
    bool found = false;
    if (cl_buf_read_file(&log, LOG_FILE, MAX_LOG, NULL) != CL_OK || log.len == 0 ||
        cl_buf_cstr(&log, LOG_FILE, &text, NULL) != CL_OK) {
        return false;
    }
    char *rest = (char *)log.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
        const char *level = NULL;
        const char *msg = NULL;
        if (cl_json_parse(line, strlen(line), "crun log", &j, NULL) == CL_OK &&
            cl_json_get_string(j, "crun log", "level", &level, NULL) == CL_OK &&
            cl_json_get_string(j, "crun log", "msg", &msg, NULL) == CL_OK &&
            strcmp(level, "error") == 0) {
            (void)snprintf(ret, size, "%s", msg);
            found = true;
        }
    }
    return found;
}

/* crun gives 1 for all its failures; its log tells which it was. */
static enum cl_status judge(int status, int *ret_status, struct cl_err *err)
{
    char msg[256];
    pid_t pid = 0;
    if (status == 0 || !last_error(msg, sizeof(msg))) {
        *ret_status = status;
        return CL_OK;
    }
    bool exec = strncmp(msg, "exec container process", 22) == 0 ||
                strncmp(msg, "open executable", 15) == 0 ||
                strncmp(msg, "executable file", 15) == 0;
    if (exec) {
        agent_say("crun: %s", msg);
        *ret_status = strstr(msg, "No such file or directory") != NULL ? 127 : 126;
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
    enum cl_status st = agent_stdio_open(&io, i, id, err);
    if (st == CL_OK) {
        st = run(c, &io, id, started, ctx, ret_status, err);
    }
    end(c);
    agent_stdio_finish(&io);
    return st;
}
