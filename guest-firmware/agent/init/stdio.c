/* SPDX-License-Identifier: Apache-2.0
 * stdio.c - one connection and one thread for each stream that initdata lets the host carry. The
 * container gets pipes (or a terminal) and never the connection itself.
 */
#include "agent.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536u
#define DRAIN_S 30 /* for the host to take the last output */
#define CLOSE_S 5  /* for the host to close after it has seen the end */

void agent_stdio_init(struct agent_stdio *s)
{
    *s = (struct agent_stdio){0};
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        s->child[i] = -1;
        s->ours[i] = -1;
        s->host[i] = -1;
    }
}

static enum cl_status open_stream(struct agent_stdio *s, unsigned i, const char *id,
                                  struct cl_err *err)
{
    char line[CL_AGENT_ID_MAX + 32];
    int ends[2];
    int n = snprintf(line, sizeof(line), "CLSTDIO1 %s %u\n", id, i);
    CL_TRY(agent_dial(AGENT_PORT_STDIO, /* patient= */ true, &s->host[i], err));
    CL_TRY(cl_write_all(s->host[i], line, (size_t)n, "stdio request", err));
    if (s->terminal) {
        return CL_OK;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    s->child[i] = i == 0 ? ends[0] : ends[1];
    s->ours[i] = i == 0 ? ends[1] : ends[0];
    return CL_OK;
}

enum cl_status agent_stdio_open(struct agent_stdio *s, const struct cl_initdata *i, const char *id,
                                struct cl_err *err)
{
    const bool allowed[AGENT_STREAMS] = {i->stdin_allowed, i->stdout_allowed,
                                         i->stderr_allowed && !i->terminal};
    s->terminal = i->terminal;
    for (unsigned k = 0; k < AGENT_STREAMS; k++) {
        if (allowed[k]) {
            CL_TRY(open_stream(s, k, id, err));
        }
        if (s->child[k] < 0) { /* refused by initdata, or crun's own output beside a terminal */
            s->child[k] = open("/dev/null", O_RDWR | O_CLOEXEC);
        }
        if (s->child[k] < 0) {
            return cl_err_sys(err, errno, "open '/dev/null'");
        }
    }
    return CL_OK;
}

enum cl_status agent_stdio_console(struct agent_stdio *s, int master, struct cl_err *err)
{
    for (size_t i = 0; i < 2; i++) {
        s->ours[i] = fcntl(master, F_DUPFD_CLOEXEC, 0);
        if (s->ours[i] < 0) {
            return cl_err_sys(err, errno, "terminal");
        }
    }
    return CL_OK;
}

/* Copies until either side ends. A terminal whose other side is closed reads EIO. */
static void copy_bytes(int from, int to)
{
    uint8_t *data = malloc(CHUNK);
    ssize_t n = 1;
    while (data != NULL && n > 0) {
        n = read(from, data, CHUNK);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n > 0 && cl_write_all(to, data, (size_t)n, "stdio", NULL) != CL_OK) {
            n = 0;
        }
    }
    free(data);
}

struct pump {
    int from;
    int to;
    int host;
    bool output;
    bool keep_open; /* a terminal stays when the host's input has ended */
};

static void *pump_thread(void *arg)
{
    struct pump p = *(struct pump *)arg;
    free(arg);
    copy_bytes(p.from, p.to);
    if (p.output) {
        (void)shutdown(p.host, SHUT_WR);
    } else if (!p.keep_open) {
        (void)close(p.to);
    }
    return NULL;
}

static enum cl_status start_pump(struct agent_stdio *s, size_t i, struct cl_err *err)
{
    struct pump *p = malloc(sizeof(*p));
    if (p == NULL) {
        return cl_err_nomem(err, "stdio");
    }
    bool output = i > 0;
    *p = (struct pump){.from = output ? s->ours[i] : s->host[i],
                       .to = output ? s->host[i] : s->ours[i],
                       .host = s->host[i],
                       .output = output,
                       .keep_open = s->terminal};
    int rc = pthread_create(&s->thread[i], NULL, pump_thread, p);
    if (rc != 0) {
        free(p);
        return cl_err_sys(err, rc, "thread for stdio");
    }
    s->running[i] = true;
    if (!output && !s->terminal) {
        s->ours[i] = -1; /* the thread closes it, so that the container sees the end */
    }
    return CL_OK;
}

enum cl_status agent_stdio_pump(struct agent_stdio *s, struct cl_err *err)
{
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        cl_close_fdp(&s->child[i]);
        if (s->host[i] >= 0 && s->ours[i] >= 0) {
            CL_TRY(start_pump(s, i, err));
        }
    }
    return CL_OK;
}

static void join_output(struct agent_stdio *s, size_t i)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DRAIN_S;
    if (pthread_timedjoin_np(s->thread[i], NULL, &until) != 0) {
        (void)shutdown(s->host[i], SHUT_RDWR);
        (void)pthread_join(s->thread[i], NULL);
    }
    s->running[i] = false;
}

/* The host closes once it has everything; then nothing is lost when the guest powers off. */
static void await_close(int fd)
{
    struct timeval tv = {.tv_sec = CLOSE_S};
    char c;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    while (recv(fd, &c, sizeof(c), 0) > 0) {
        continue;
    }
}

void agent_stdio_finish(struct agent_stdio *s)
{
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        cl_close_fdp(&s->child[i]);
    }
    for (size_t i = 1; i < AGENT_STREAMS; i++) {
        if (s->running[i]) {
            join_output(s, i);
            await_close(s->host[i]);
        }
    }
    if (s->running[0]) {
        (void)shutdown(s->host[0], SHUT_RDWR);
        (void)pthread_join(s->thread[0], NULL);
        s->running[0] = false;
    }
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        cl_close_fdp(&s->ours[i]);
        cl_close_fdp(&s->host[i]);
    }
}
