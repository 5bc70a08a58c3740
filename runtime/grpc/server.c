/* SPDX-License-Identifier: Apache-2.0
 * server.c - sockets around the connections. Trust, threads, memory: grpc/server.h.
 * A connection is read only when all that it was told has been sent, so that what waits for a
 * client that does not read is bounded.
 */
#include "grpc/server.h"

#include "base/io.h"
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP 16384u
#define FIXED 2u /* places before the connections': stop, listen */

struct slot {
    int fd; /* -1: free */
    struct grpc_conn *conn;
    const uint8_t *out; /* borrowed from conn: not sent yet */
    size_t out_len;
    uint64_t active_us; /* when something last came or went */
};

struct server {
    const struct cl_grpc_service *service;
    size_t pending;
    struct slot slots[CL_GRPC_SERVER_MAX_CONNECTIONS];
};

static void slot_close(struct slot *s)
{
    cl_close_fdp(&s->fd);
    grpc_conn_free(s->conn);
    *s = (struct slot){.fd = -1};
}

/* Sends what there is; false when the connection is over. */
static bool flush(struct slot *s, uint64_t now_us)
{
    for (;;) {
        if (s->out_len == 0 &&
            grpc_conn_output(s->conn, &s->out, &s->out_len, /* err= */ NULL) != CL_OK) {
            return false;
        }
        if (s->out_len == 0) {
            return !grpc_conn_over(s->conn);
        }
        ssize_t n = send(s->fd, s->out, s->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EINTR) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        if (n > 0) {
            s->active_us = now_us;
            s->out += n;
            s->out_len -= (size_t)n;
        }
    }
}

static bool receive(struct slot *s, uint64_t now_us)
{
    uint8_t data[STEP];
    ssize_t n = recv(s->fd, data, sizeof(data), MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    }
    s->active_us = now_us;
    return n > 0 && grpc_conn_input(s->conn, data, (size_t)n, now_us, /* err= */ NULL) == CL_OK;
}

static bool step(struct slot *s, short revents, uint64_t now_us)
{
    bool stuck =
        s->out_len > 0 && now_us - s->active_us > CL_GRPC_SERVER_MAX_CALL_MS * UINT64_C(1000);
    if (stuck || (s->out_len == 0 && revents != 0 && !receive(s, now_us))) {
        return false;
    }
    return grpc_conn_tick(s->conn, now_us, /* err= */ NULL) == CL_OK && flush(s, now_us);
}

/* A free place, or that of the connection which has been without a call for longest. */
static struct slot *find_slot(struct server *s)
{
    struct slot *idle = NULL;
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_CONNECTIONS; i++) {
        struct slot *c = &s->slots[i];
        if (c->fd < 0) {
            return c;
        }
        if (grpc_conn_idle(c->conn) && (idle == NULL || c->active_us < idle->active_us)) {
            idle = c;
        }
    }
    if (idle != NULL) {
        slot_close(idle);
    }
    return idle;
}

static enum cl_status accept_one(struct server *s, int listen_fd, uint64_t now_us,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        bool gone =
            errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED;
        return gone ? CL_OK : cl_err_sys(err, errno, "accept");
    }
    struct slot *slot = find_slot(s);
    struct grpc_conn *conn = NULL;
    if (slot == NULL || grpc_conn_new(s->service, &s->pending, &conn, /* err= */ NULL) != CL_OK) {
        return CL_OK; /* the client sees a connection that ends */
    }
    *slot = (struct slot){.fd = fd, .conn = conn, .active_us = now_us};
    fd = -1;
    if (!flush(slot, now_us)) {
        slot_close(slot);
    }
    return CL_OK;
}

/* Until the first call's or the first unsent byte's time is over; -1: no such. */
static int wait_ms(const struct server *s, uint64_t now_us)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_CONNECTIONS; i++) {
        const struct slot *c = &s->slots[i];
        if (c->fd < 0) {
            continue;
        }
        uint64_t call = grpc_conn_deadline_us(c->conn);
        uint64_t stuck = c->out_len > 0 ? c->active_us + CL_GRPC_SERVER_MAX_CALL_MS * UINT64_C(1000)
                                        : UINT64_MAX;
        first = call < first ? call : first;
        first = stuck < first ? stuck : first;
    }
    if (first == UINT64_MAX) {
        return -1;
    }
    uint64_t ms = first > now_us ? (first - now_us) / 1000 + 1 : 0;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static enum cl_status turn(struct server *s, int listen_fd, int stop_fd, bool *ret_stop,
                           struct cl_err *err)
{
    struct pollfd p[FIXED + CL_GRPC_SERVER_MAX_CONNECTIONS];
    p[0] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
    p[1] = (struct pollfd){.fd = listen_fd, .events = POLLIN};
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_CONNECTIONS; i++) {
        const struct slot *c = &s->slots[i];
        p[FIXED + i] = (struct pollfd){.fd = c->fd, .events = c->out_len > 0 ? POLLOUT : POLLIN};
    }
    int rc = poll(p, CL_ARRAY_LEN(p), wait_ms(s, cl_monotonic_us()));
    if (rc < 0) {
        return errno == EINTR ? CL_OK : cl_err_sys(err, errno, "poll");
    }
    uint64_t now_us = cl_monotonic_us();
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_CONNECTIONS; i++) {
        struct slot *c = &s->slots[i];
        if (c->fd >= 0 && !step(c, p[FIXED + i].revents, now_us)) {
            slot_close(c);
        }
    }
    *ret_stop = p[0].revents != 0;
    return p[1].revents != 0 ? accept_one(s, listen_fd, now_us, err) : CL_OK;
}

enum cl_status cl_grpc_serve(const struct cl_grpc_service *service, int listen_fd, int stop_fd,
                             struct cl_err *err)
{
    struct server s = {.service = service, .pending = CL_GRPC_SERVER_MAX_PENDING};
    bool stop = false;
    enum cl_status st = CL_OK;
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_CONNECTIONS; i++) {
        s.slots[i].fd = -1;
    }
    if (fcntl(listen_fd, F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "listening socket");
    }
    while (st == CL_OK && !stop) {
        st = turn(&s, listen_fd, stop_fd, &stop, err);
    }
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_CONNECTIONS; i++) {
        slot_close(&s.slots[i]);
    }
    return st;
}
