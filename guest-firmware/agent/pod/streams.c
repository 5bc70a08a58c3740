/* SPDX-License-Identifier: Apache-2.0
 * streams.c - moves the bytes of one process's streams.
 */
#include "streams.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 32768u
#define STACK_SIZE (64u << 10)
#define READ_US 10000000u /* after the process's end, for whoever else holds its output */
#define HOST_US 30000000u /* and then for the host to take the last of it */
#define CLOSE_S 5         /* for the host to close after it has seen the end */

void agent_stdio_init(struct agent_stdio *s)
{
    *s = (struct agent_stdio){.ended = -1};
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        s->child[i] = -1;
        s->ours[i] = -1;
        s->host[i] = -1;
    }
}

static enum cl_status open_stream(struct agent_stdio *s, unsigned i,
                                  const struct agent_stdio_want *want, struct cl_err *err)
{
    char line[256];
    int ends[2];
    int n = snprintf(line, sizeof(line), "CLSTDIO1 %s %u\n", want->id, i);
    if (n < 0 || (size_t)n >= sizeof(line)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "stdio: the id is too long");
    }
    CL_TRY(want->dial(want->dial_ctx, &s->host[i], err));
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

enum cl_status agent_stdio_open(struct agent_stdio *s, const struct agent_stdio_want *want,
                                struct cl_err *err)
{
    s->terminal = want->terminal;
    s->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->ended < 0) {
        return cl_err_sys(err, errno, "eventfd");
    }
    for (unsigned i = 0; i < AGENT_STREAMS; i++) {
        if (want->stream[i] && !(want->terminal && i == 2)) {
            CL_TRY(open_stream(s, i, want, err));
        }
        if (s->child[i] < 0) { /* not wanted, or crun's own output beside a terminal */
            s->child[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        }
        if (s->child[i] < 0) {
            return cl_err_sys(err, errno, "open '/dev/null'");
        }
    }
    return CL_OK;
}

unsigned agent_stdio_outputs(const struct agent_stdio *s)
{
    return (unsigned)(s->host[1] >= 0) + (unsigned)(s->host[2] >= 0);
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

/* One stream; everything in it belongs to the thread. */
struct pump {
    int from;
    int to;
    int host; /* one of the two above */
    int ended;
    bool output;
    bool keep_open; /* a terminal stays when the host's input has ended */
    bool linger;
    uint64_t deadline_us; /* for reading, once the process has ended; 0: it has not */
    void (*closed)(void *ctx);
    void *ctx;
};

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}

/* Milliseconds left; -1: no limit. extra_us: granted beyond the reading deadline. */
static int time_left(const struct pump *p, uint64_t extra_us)
{
    uint64_t now = cl_monotonic_us();
    uint64_t until = p->deadline_us + extra_us;
    if (p->deadline_us == 0) {
        return -1;
    }
    return until > now ? (int)((until - now) / 1000 + 1) : 0;
}

/* Waits until fd is ready; false when time is up, or an input stream has nobody left to read it. */
static bool await(struct pump *p, int fd, short events, uint64_t extra_us)
{
    for (;;) {
        struct pollfd f[2] = {{.fd = fd, .events = events},
                              {.fd = p->deadline_us == 0 ? p->ended : -1, .events = POLLIN}};
        int rc = poll(f, 2, time_left(p, extra_us));
        if (rc < 0 && errno != EINTR) {
            return false;
        }
        if (rc == 0) {
            return false;
        }
        if (rc > 0 && f[1].revents != 0) {
            if (!p->output) {
                return false;
            }
            p->deadline_us = cl_monotonic_us() + READ_US;
        }
        if (rc > 0 && f[0].revents != 0) {
            return true;
        }
    }
}

/* False when the other side takes nothing more. */
static bool put(struct pump *p, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(p->to, data, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && (errno != EAGAIN || !await(p, p->to, POLLOUT, HOST_US))) {
            return false;
        }
        if (done > 0) {
            data += done;
            n -= (size_t)done;
        }
    }
    return true;
}

/* Until the source has ended. Output that the host does not take any more is read and dropped: the
 * process must not stand still for it. A terminal whose other side is closed reads EIO. */
static void copy_bytes(struct pump *p)
{
    uint8_t *data = malloc(CHUNK);
    bool taken = true;
    set_nonblocking(p->from);
    set_nonblocking(p->to);
    while (data != NULL && (taken || p->output)) {
        ssize_t n = read(p->from, data, CHUNK);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            if (!await(p, p->from, POLLIN, 0)) {
                break;
            }
            continue;
        }
        if (n <= 0) {
            break;
        }
        taken = taken && put(p, data, (size_t)n);
    }
    free(data);
}

/* The host closes once it has everything; then nothing is lost when the guest powers off. */
static void await_close(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;
    while (poll(&p, 1, CLOSE_S * 1000) > 0 && recv(fd, &c, sizeof(c), MSG_DONTWAIT) > 0) {
        continue;
    }
}

static void *pump_thread(void *arg)
{
    struct pump p = *(struct pump *)arg;
    free(arg);
    copy_bytes(&p);
    (void)shutdown(p.host, p.output ? SHUT_WR : SHUT_RDWR);
    if (p.output && p.linger) {
        await_close(p.host);
    }
    if (!p.output && p.keep_open) { /* the process's end is somebody else's to see */
        struct pollfd f = {.fd = p.ended, .events = POLLIN};
        while (poll(&f, 1, -1) < 0 && errno == EINTR) {
            continue;
        }
    }
    (void)close(p.from);
    (void)close(p.to);
    if (p.output && p.closed != NULL) {
        p.closed(p.ctx);
    }
    return NULL;
}

static enum cl_status start_pump(struct agent_stdio *s, size_t i, struct cl_err *err)
{
    struct pump *p = malloc(sizeof(*p));
    pthread_attr_t attr;
    if (p == NULL) {
        return cl_err_nomem(err, "stdio");
    }
    bool output = i > 0;
    *p = (struct pump){.from = output ? s->ours[i] : s->host[i],
                       .to = output ? s->host[i] : s->ours[i],
                       .host = s->host[i],
                       .ended = s->ended,
                       .output = output,
                       .keep_open = s->terminal,
                       .linger = s->linger,
                       .closed = s->closed,
                       .ctx = s->ctx};
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    int rc = pthread_create(&s->thread[i], &attr, pump_thread, p);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        free(p);
        return cl_err_sys(err, rc, "thread for stdio");
    }
    s->running[i] = true;
    s->ours[i] = -1;
    s->host[i] = -1;
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

void agent_stdio_end(struct agent_stdio *s)
{
    const uint64_t one = 1;
    if (s->ended >= 0) {
        ssize_t done = write(s->ended, &one, sizeof(one)); /* cannot fail below 2^64 - 1 calls */
        (void)done;
    }
}

void agent_stdio_done(struct agent_stdio *s)
{
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        if (s->running[i]) {
            (void)pthread_join(s->thread[i], NULL);
            s->running[i] = false;
        }
        cl_close_fdp(&s->child[i]);
        cl_close_fdp(&s->ours[i]);
        cl_close_fdp(&s->host[i]);
    }
    cl_close_fdp(&s->ended);
}
