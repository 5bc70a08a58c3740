/* SPDX-License-Identifier: Apache-2.0
 * logger.c - a program that takes a container's output. Trust, threads: logger.h.
 */
#include "logger.h"

#include "base/buf.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FREE 10 /* our ends lie above the child's 3, 4 and 5 */

enum { OUT, ERRORS, READY, PIPES };

/* One that is being started. */
struct logger {
    struct cl_buf text; /* the URI, cut into strings */
    char *argv[SHIM_LOGGER_MAX_ARGS + 2];
    struct cl_buf id;
    struct cl_buf name_space;
    int theirs[PIPES];
    int ours[PIPES];
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %41 -> A and + -> space, in place. */
static bool unescape(char *s)
{
    char *to = s;
    for (; *s != '\0'; s++) {
        if (*s != '%') {
            *to++ = *s == '+' ? ' ' : *s;
            continue;
        }
        int high = hex_digit(s[1]);
        int low = high >= 0 ? hex_digit(s[2]) : -1;
        if (low < 0 || high * 16 + low == 0) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        s += 2;
    }
    *to = '\0';
    return true;
}

/* "/path?a=b&c" -> { "/path", "a", "b", "c" } */
static enum cl_status parse(struct logger *l, const char *uri, struct cl_err *err)
{
    size_t count = 0;
    CL_TRY(cl_buf_append_str(&l->text, uri, err));
    char *rest = (char *)l->text.data;
    const char *cut = "?";
    while (rest != NULL && count < CL_ARRAY_LEN(l->argv) - 1) {
        l->argv[count++] = strsep(&rest, cut);
        cut = "&=";
    }
    bool good = rest == NULL && count > 0 && l->argv[0][0] == '/';
    for (size_t i = 0; good && i < count; i++) {
        good = unescape(l->argv[i]);
    }
    return good ? CL_OK
                : cl_err_set(err, CL_ERR_MALFORMED,
                             "logger '%.200s': expected /path?name=value, at most %u words", uri,
                             SHIM_LOGGER_MAX_ARGS);
}

static enum cl_status make_pipe(struct logger *l, unsigned which, struct cl_err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "logger");
    }
    bool reads = which != READY;
    l->ours[which] = fds[reads ? 1 : 0];
    l->theirs[which] = fcntl(fds[reads ? 0 : 1], F_DUPFD_CLOEXEC, FIRST_FREE);
    int error = errno;
    (void)close(fds[reads ? 0 : 1]);
    if (l->theirs[which] < 0 || fcntl(l->ours[which], F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, l->theirs[which] < 0 ? error : errno, "logger");
    }
    return CL_OK;
}

/* In the grandchild: only what is allowed after fork() in a program with threads. */
CL_NORETURN static void run(struct logger *l, char **envp)
{
    int null = open("/dev/null", O_RDWR);
    bool ok = null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0;
    for (int i = 0; ok && i < PIPES; i++) {
        ok = dup2(l->theirs[i], 3 + i) >= 0;
    }
    if (ok && setsid() >= 0) {
        (void)execve(l->argv[0], l->argv, envp);
    }
    _exit(127);
}

/* Twice, so that nobody here has to wait for it. */
static enum cl_status spawn(struct logger *l, struct cl_err *err)
{
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *envp[] = {path, (char *)l->id.data, (char *)l->name_space.data, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        pid = fork();
        if (pid == 0) {
            run(l, envp);
        }
        _exit(pid > 0 ? 0 : 1);
    }
    int status = 1;
    if (pid < 0) {
        return cl_err_sys(err, errno, "logger '%.200s'", l->argv[0]);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0 ? CL_OK
                       : cl_err_set(err, CL_ERR_SYS, "logger '%.200s': fork failed", l->argv[0]);
}

/* --- until it is ready -------------------------------------------------------------------------
 */

struct shim_logger {
    struct event *ready;
    int fd; /* -1: decided */
    struct cl_err why;
    void (*done)(void *ctx, const struct cl_err *why); /* NULL: nobody waits */
    void *ctx;
    char program[256];
};

/* It closes descriptor 5, or writes to it; or it has ended. */
static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_logger *l = ctx;
    void (*done)(void *ctx, const struct cl_err *why) = l->done;
    (void)fd;
    (void)event_del(l->ready);
    cl_close_fdp(&l->fd);
    if ((what & EV_TIMEOUT) != 0) {
        (void)cl_err_set(&l->why, CL_ERR_UNAVAILABLE, "logger '%s': not ready within %d ms",
                         l->program, SHIM_LOGGER_READY_MS);
    }
    if (done != NULL) {
        struct cl_err why = l->why;
        l->done = NULL;
        done(l->ctx, &why); /* may free l */
    }
}

void shim_logger_when_ready(struct shim_logger *l,
                            void (*done)(void *ctx, const struct cl_err *why), void *ctx)
{
    if (l->fd < 0) {
        struct cl_err why = l->why;
        done(ctx, &why);
        return;
    }
    l->done = done;
    l->ctx = ctx;
}

void shim_logger_free(struct shim_logger *l)
{
    if (l == NULL) {
        return;
    }
    if (l->ready != NULL) {
        event_free(l->ready);
    }
    cl_close_fdp(&l->fd);
    free(l);
}

/* fd: taken. */
static enum cl_status watch(struct event_base *base, const char *program, int fd,
                            struct shim_logger **ret, struct cl_err *err)
{
    static const struct timeval limit = {.tv_sec = SHIM_LOGGER_READY_MS / 1000};
    struct shim_logger *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "logger");
    }
    l->fd = fd;
    (void)snprintf(l->program, sizeof(l->program), "%.200s", program);
    l->ready = event_new(base, fd, EV_READ, on_ready, l);
    if (l->ready == NULL || event_add(l->ready, &limit) != 0) {
        shim_logger_free(l);
        return cl_err_nomem(err, "logger");
    }
    *ret = l;
    return CL_OK;
}

/* --- starting ----------------------------------------------------------------------------------
 */

static enum cl_status start(struct logger *l, const struct shim_logger_config *cfg,
                            struct shim_logger **ret, struct cl_err *err)
{
    CL_TRY(parse(l, cfg->uri, err));
    if (access(l->argv[0], X_OK) != 0) {
        return cl_err_sys(err, errno, "logger '%.200s'", l->argv[0]);
    }
    CL_TRY(cl_buf_printf(&l->id, err, "CONTAINER_ID=%s", cfg->container_id));
    CL_TRY(cl_buf_printf(&l->name_space, err, "CONTAINER_NAMESPACE=%s", cfg->name_space));
    for (unsigned i = 0; i < PIPES; i++) {
        CL_TRY(make_pipe(l, i, err));
    }
    CL_TRY(spawn(l, err));
    int ready = l->ours[READY];
    l->ours[READY] = -1;
    return watch(cfg->base, l->argv[0], ready, ret, err);
}

enum cl_status shim_logger_start(const struct shim_logger_config *cfg, int *ret_out, int *ret_err,
                                 struct shim_logger **ret_logger, struct cl_err *err)
{
    struct logger l = {.theirs = {-1, -1, -1}, .ours = {-1, -1, -1}};
    enum cl_status st = start(&l, cfg, ret_logger, err);
    if (st == CL_OK) {
        *ret_out = l.ours[OUT];
        *ret_err = l.ours[ERRORS];
        l.ours[OUT] = -1;
        l.ours[ERRORS] = -1;
    }
    for (unsigned i = 0; i < PIPES; i++) {
        cl_close_fdp(&l.theirs[i]);
        cl_close_fdp(&l.ours[i]);
    }
    cl_buf_done(&l.text);
    cl_buf_done(&l.id);
    cl_buf_done(&l.name_space);
    return st;
}
