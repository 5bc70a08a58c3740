/* SPDX-License-Identifier: Apache-2.0
 * cmd_start.c - `start`: the socket, the daemon behind it, and what containerd is told
 * (containerd-shim.md 1.2).
 */
#include "commands.h"

#include "base/io.h"
#include "bootstrap.pb-c.h"
#include "group.h"
#include "pb.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 10000
#define OOM_SCORE_MAX 1000

struct spawn {
    const struct shim_args *args;
    const struct shim_daemon_service *service;
    const char *socket_path;
    int listen_fd;
    int ready_fd; /* one NUL when it serves, or why it does not */
};

/* In the daemon. */

static void tell_ready(void *ctx)
{
    struct spawn *s = ctx;
    if (write(s->ready_fd, "", 1) != 1) {
        return; /* `start` has been killed: containerd will call `delete` */
    }
    (void)close(s->ready_fd);
    s->ready_fd = -1;
}

static enum cl_status null_stdio(struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        if (fd < 0 || dup2(fd, i) < 0) {
            return cl_err_sys(err, errno, "open '/dev/null'");
        }
    }
    if (fd <= STDERR_FILENO) {
        fd = -1;
    }
    return CL_OK;
}

/* Whatever else containerd, or who stands in its place, has left open. */
static void close_others(int a, int b)
{
    unsigned low = (unsigned)(a < b ? a : b);
    unsigned high = (unsigned)(a < b ? b : a);
    if (low > 3) {
        (void)close_range(3, low - 1, 0);
    }
    if (high > low + 1) {
        (void)close_range(low + 1, high - 1, 0);
    }
    (void)close_range(high + 1, ~0u, 0);
}

/* So that no other program runs beside the VM's threads on a core (SCHED_CORE=1). */
static enum cl_status own_cores(struct cl_err *err)
{
    const char *asked = getenv("SCHED_CORE");
    if (asked == NULL || strcmp(asked, "1") != 0) {
        return CL_OK;
    }
    return prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0) == 0
               ? CL_OK
               : cl_err_sys(err, errno, "SCHED_CORE: core scheduling");
}

static enum cl_status daemon_main(struct spawn *s, struct cl_err *err)
{
    if (setsid() < 0) {
        return cl_err_sys(err, errno, "setsid");
    }
    CL_TRY(null_stdio(err));
    close_others(s->listen_fd, s->ready_fd);
    CL_TRY(own_cores(err));
    return shim_daemon_run(s->args, s->listen_fd, s->socket_path, s->service, tell_ready, s, err);
}

CL_NORETURN static void run_daemon(struct spawn *s)
{
    struct cl_err err = {0};
    enum cl_status st = daemon_main(s, &err);
    if (st != CL_OK && s->ready_fd >= 0 &&
        write(s->ready_fd, err.msg, strlen(err.msg)) != (ssize_t)strlen(err.msg)) {
        exit(EXIT_FAILURE);
    }
    exit(st == CL_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* In `start`. */

static enum cl_status wait_ready(int fd, struct cl_err *err)
{
    char text[CL_ERR_MSG_SIZE];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = 0;
    do {
        rc = poll(&p, 1, READY_MS);
    } while (rc < 0 && errno == EINTR);
    if (rc <= 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "daemon: expected it to serve within %d ms, it does not", READY_MS);
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n <= 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "daemon: expected it to serve, it has ended");
    }
    text[n] = '\0';
    return text[0] == '\0' ? CL_OK : cl_err_set(err, CL_ERR_UNAVAILABLE, "daemon: %s", text);
}

/* One more than containerd's: when memory runs out, containerd stays. Not having the right to is no
 * failure. */
static void adjust_oom_score(pid_t pid)
{
    char path[64];
    char text[16];
    long score = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)getppid());
    FILE *f = fopen(path, "re");
    if (f == NULL || fgets(text, sizeof(text), f) == NULL) {
        text[0] = '\0';
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    score = strtol(text, NULL, 10) + 1;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    f = text[0] != '\0' ? fopen(path, "we") : NULL;
    if (f != NULL) {
        (void)fprintf(f, "%ld", score > OOM_SCORE_MAX ? OOM_SCORE_MAX : score);
        (void)fclose(f);
    }
}

static enum cl_status spawn_daemon(struct spawn *s, pid_t *ret_pid, struct cl_err *err)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ready[0]);
        s->ready_fd = ready[1];
        run_daemon(s);
    }
    (void)close(ready[1]);
    enum cl_status st = pid < 0 ? cl_err_sys(err, errno, "fork") : wait_ready(ready[0], err);
    (void)close(ready[0]);
    if (st != CL_OK && pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (st == CL_OK) {
        *ret_pid = pid;
    }
    return st;
}

static enum cl_status write_address(const struct shim_args *a, const char *address,
                                    struct cl_err *err)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/address", a->bundle) >= (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "bundle: expected a shorter path");
    }
    return cl_write_file(path, address, strlen(address), 0600, err);
}

/* A plain address is what every containerd understands; the third version of the protocol is for
 * those that have shown to know it. */
static enum cl_status tell_address(const struct shim_args *a, const char *address,
                                   struct cl_buf *out, struct cl_err *err)
{
    if (!a->bootstrap) {
        return cl_buf_append_str(out, address, err);
    }
    Containerd__Runtime__Bootstrap__V1__BootstrapResult r;
    containerd__runtime__bootstrap__v1__bootstrap_result__init(&r);
    r.version = 3;
    r.address = shim_pb_ref(address);
    r.protocol = shim_pb_ref("ttrpc");
    return shim_pb_pack(&r.base, out, err);
}

static enum cl_status start_new(struct spawn *s, const char *address, struct cl_buf *out,
                                struct cl_err *err)
{
    pid_t pid = 0;
    enum cl_status st = spawn_daemon(s, &pid, err);
    if (st == CL_OK) {
        adjust_oom_score(pid);
        st = write_address(s->args, address, err);
    }
    if (st == CL_OK) {
        st = tell_address(s->args, address, out, err);
    }
    if (st != CL_OK) {
        if (pid > 0) {
            (void)kill(pid, SIGKILL);
        }
        (void)unlink(s->socket_path);
    }
    return st;
}

enum cl_status shim_start(const struct shim_args *a, const struct shim_daemon_service *service,
                          struct cl_buf *out, struct cl_err *err)
{
    struct shim_group g;
    char path[SHIM_SOCKET_SIZE];
    char address[SHIM_SOCKET_SIZE + 8];
    struct spawn s = {
        .args = a, .service = service, .socket_path = path, .listen_fd = -1, .ready_fd = -1};
    CL_TRY(shim_group_read(a, &g, err));
    CL_TRY(shim_socket_path(a, g.id, path, err));
    (void)snprintf(address, sizeof(address), "unix://%s", path);
    if (g.member) {
        if (!shim_socket_answers(path)) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE,
                              "sandbox '%s': expected its shim to answer at '%s', got no one", g.id,
                              path);
        }
    } else {
        CL_TRY(shim_socket_listen(path, &s.listen_fd, err));
    }
    if (s.listen_fd >= 0) {
        enum cl_status st = start_new(&s, address, out, err);
        (void)close(s.listen_fd); /* the daemon has its own */
        return st;
    }
    CL_TRY(write_address(a, address, err));
    return tell_address(a, address, out, err);
}
