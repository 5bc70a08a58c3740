/* SPDX-License-Identifier: Apache-2.0
 * forward.c - a port of the pod for the host (I-10.5): one connection to who listens on it, one to
 * the host, and a thread that copies between them, each half-close too.
 * Trust: the host says which port, within the policy; what passes is not looked at.
 * Threads: one for each, detached; a pod ends with its guest. Memory: 32 KiB and a stack of 64 KiB
 * for each, at most AGENT_POD_MAX_FORWARDS.
 */
#include "engine.h"

#include "agent/ports.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)
#define CHUNK 16384u
#define CONNECT_MS 2000 /* to a listener whose queue is full */

struct forward {
    struct agent_pod *pod;
    struct cl_ttrpc_call call;
    uint64_t id;
    uint16_t port;
};

/* --- connecting ------------------------------------------------------------------------------- */

static int connect_to(const struct sockaddr *a, socklen_t len)
{
    CL_CLEANUP(cl_close_fdp)
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd >= 0 && connect(fd, a, len) == 0 ? 0 : errno;
    if (fd >= 0 && error == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof(error);
        error = ETIMEDOUT;
        if (poll(&p, 1, CONNECT_MS) == 1 &&
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        errno = error;
        return -1;
    }
    int ret = fd;
    fd = -1;
    return ret;
}

/* In the order of a host that asks for "localhost". */
static enum cl_ttrpc_code connect_port(uint16_t port, int *ret_fd, struct cl_err *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {.in = {.sin_family = AF_INET,
                  .sin_port = htons(port),
                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = connect_to(&a.any, sizeof(a.in));
    int error = errno;
    if (fd < 0) {
        a.in6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
        fd = connect_to(&a.any, sizeof(a.in6));
    }
    if (fd < 0) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION, "port %u: %s", (unsigned)port,
                         strerror(error));
    }
    *ret_fd = fd;
    return CL_TTRPC_OK;
}

static enum cl_status connect_host(struct agent_pod *p, uint64_t id, int *ret_fd,
                                   struct cl_err *err)
{
    char line[40];
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    int n = snprintf(line, sizeof(line), "CLFWD1 %llu\n", (unsigned long long)id);
    CL_TRY(p->config.dial(p->config.ctx, AGENT_PORT_STDIO, /* patient= */ true, &fd, err));
    CL_TRY(cl_write_all(fd, line, (size_t)n, "port-forward request", err));
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "port-forward");
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* --- copying ---------------------------------------------------------------------------------- */

struct way {
    int from;
    int to;
    size_t off;
    size_t len;
    bool ended; /* the source has, and the other side was told */
    uint8_t data[CHUNK];
};

static bool not_now(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* False when the connection is broken. */
static bool move(struct way *w)
{
    if (w->len == 0 && !w->ended) {
        ssize_t n = recv(w->from, w->data, sizeof(w->data), 0);
        if (n < 0) {
            return not_now();
        }
        w->off = 0;
        w->len = (size_t)n;
        if (n == 0) {
            w->ended = true;
            (void)shutdown(w->to, SHUT_WR);
        }
    }
    if (w->len > 0) {
        ssize_t n = send(w->to, w->data + w->off, w->len, MSG_NOSIGNAL);
        if (n < 0) {
            return not_now();
        }
        w->off += (size_t)n;
        w->len -= (size_t)n;
    }
    return true;
}

/* What side `i` can be waited for: w[i] reads from it, the other writes to it. */
static short wanted(const struct way w[static 2], unsigned i)
{
    bool in = w[i].len == 0 && !w[i].ended;
    bool out = w[1 - i].len > 0;
    return (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
}

static void copy_both_ways(struct way w[static 2])
{
    bool good = true;
    while (good && !(w[0].ended && w[1].ended)) {
        struct pollfd p[2];
        for (unsigned i = 0; i < 2; i++) {
            p[i] = (struct pollfd){.fd = w[i].from, .events = wanted(w, i)};
        }
        if (poll(p, 2, -1) < 0) {
            good = errno == EINTR;
            continue;
        }
        for (unsigned i = 0; i < 2; i++) {
            /* Broken, and no read or write of ours would say so. */
            good = good && ((p[i].revents & (POLLERR | POLLHUP)) == 0 || p[i].events != 0);
        }
        good = good && move(&w[0]) && move(&w[1]);
    }
}

/* --- the call --------------------------------------------------------------------------------- */

static void answer(const struct forward *f, enum cl_ttrpc_code code, const struct cl_err *err)
{
    const struct cl_buf empty = {0};
    (void)pthread_mutex_lock(&f->pod->lock);
    pod_answer(f->pod, f->call, code, code == CL_TTRPC_OK ? NULL : err->msg,
               code == CL_TTRPC_OK ? &empty : NULL);
    (void)pthread_mutex_unlock(&f->pod->lock);
}

static void *forward_thread(void *arg)
{
    struct forward f = *(struct forward *)arg;
    struct cl_err err = {0};
    CL_CLEANUP(cl_close_fdp) int port = -1;
    CL_CLEANUP(cl_close_fdp) int host = -1;
    free(arg);
    struct way *w = calloc(2, sizeof(*w));
    enum cl_ttrpc_code code =
        w == NULL ? pod_error(&err, CL_TTRPC_RESOURCE_EXHAUSTED, "port-forward: out of memory")
                  : connect_port(f.port, &port, &err);
    code = code == CL_TTRPC_OK ? pod_code(connect_host(f.pod, f.id, &host, &err)) : code;
    answer(&f, code, &err);
    if (w != NULL && code == CL_TTRPC_OK) {
        w[0].from = w[1].to = port;
        w[1].from = w[0].to = host;
        copy_both_ways(w);
    }
    free(w);
    (void)pthread_mutex_lock(&f.pod->lock);
    f.pod->forwards--;
    (void)pthread_mutex_unlock(&f.pod->lock);
    return NULL;
}

static bool start(struct agent_pod *p, struct cl_ttrpc_call call,
                  const Cloister__Pod__V1__ForwardRequest *r)
{
    struct forward *f = malloc(sizeof(*f));
    pthread_attr_t attr;
    pthread_t thread;
    if (f == NULL) {
        return false;
    }
    *f = (struct forward){.pod = p, .call = call, .id = r->id, .port = (uint16_t)r->port};
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, forward_thread, f);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        free(f);
    }
    return rc == 0;
}

static enum cl_ttrpc_code check(const struct agent_pod *p,
                                const Cloister__Pod__V1__ForwardRequest *r, struct cl_err *err)
{
    if (!p->sandbox) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION, "Forward: expected Sandbox first");
    }
    if (r->port == 0 || r->port > UINT16_MAX) {
        return pod_error(err, CL_TTRPC_INVALID_ARGUMENT, "port: expected 1 to 65535, got %u",
                         (unsigned)r->port);
    }
    enum cl_status st = pod_policy_forward(p, (uint16_t)r->port, err);
    if (st != CL_OK) {
        return pod_code(st);
    }
    return p->forwards < AGENT_POD_MAX_FORWARDS
               ? CL_TTRPC_OK
               : pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED,
                           "port-forward: expected at most %u connections, got more",
                           AGENT_POD_MAX_FORWARDS);
}

POD_NOW(pod_forward)
{
    const Cloister__Pod__V1__ForwardRequest *r = (const Cloister__Pod__V1__ForwardRequest *)m;
    struct cl_err err = {0};
    enum cl_ttrpc_code code = check(p, r, &err);
    if (code == CL_TTRPC_OK) {
        p->forwards++;
        if (start(p, call, r)) {
            return;
        }
        p->forwards--;
        code = pod_error(&err, CL_TTRPC_RESOURCE_EXHAUSTED, "port-forward: no thread");
    }
    pod_answer(p, call, code, err.msg, NULL);
}
