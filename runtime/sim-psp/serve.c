/* SPDX-License-Identifier: Apache-2.0
 * serve.c - see serve.h. Every socket is non-blocking. A connection reads one message, answers it,
 * and only then reads the next: so memory is bounded by the size of one message each.
 */
#include "serve.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
    int fd;         /* -1: free */
    uint8_t *in;    /* owned: header and body */
    size_t in_size; /* allocated */
    size_t in_len;  /* read so far */
    struct cl_buf out;
    size_t out_sent;
    bool ending; /* close once `out` is sent */
};

struct server {
    const struct psp_listeners *in;
    struct psp_launch *launch;
    const struct psp_reporter *reporter;
    struct conn vmm;
    struct conn guests[PSP_GUESTS_MAX];
    bool over;
};

static void conn_close(struct conn *c)
{
    cl_close_fdp(&c->fd);
    cl_buf_done(&c->out);
    free(c->in);
    *c = (struct conn){.fd = -1};
}

static enum cl_status conn_open(struct conn *c, int fd, size_t body_max, struct cl_err *err)
{
    *c = (struct conn){.fd = fd, .in_size = PSP_MSG_HEADER + body_max};
    c->in = malloc(c->in_size);
    if (c->in == NULL) {
        conn_close(c);
        return cl_err_nomem(err, "connection");
    }
    return CL_OK;
}

static enum cl_status answer(struct conn *c, uint32_t op, const void *body, size_t len,
                             struct cl_err *err)
{
    uint8_t head[PSP_MSG_HEADER];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le32(&w, op);
    cl_writer_le32(&w, (uint32_t)len);
    CL_TRY(cl_buf_append(&c->out, head, sizeof(head), err));
    return cl_buf_append(&c->out, body, len, err);
}

static enum cl_status answer_status(struct conn *c, uint32_t op, uint32_t status,
                                    struct cl_err *err)
{
    uint8_t body[4];
    struct cl_writer w = cl_writer_init(body, sizeof(body));
    cl_writer_le32(&w, status);
    return answer(c, op, body, sizeof(body), err);
}

static enum cl_status on_vmm_message(struct server *s, uint32_t op, const uint8_t *body, size_t len,
                                     struct cl_err *err)
{
    uint8_t out[PSP_LAUNCH_ANSWER_MAX];
    size_t out_len = 0;
    bool gone = false;
    psp_launch_message(s->launch, op, body, len, out, &out_len, &gone);
    s->over = s->over || gone;
    return gone ? CL_OK : answer(&s->vmm, op, out, out_len, err);
}

static enum cl_status on_guest_message(struct server *s, struct conn *c, uint32_t op,
                                       const uint8_t *body, size_t len, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    if (op != PSP_OP_REPORT_REQ) {
        return answer_status(c, op, PSP_INVALID_COMMAND, err);
    }
    CL_TRY(psp_report_answer(s->reporter, body, len, &out, err));
    return answer(c, op, out.data, out.len, err);
}

/* Sends what is waiting; false when the connection is over. */
static bool flush(struct conn *c)
{
    while (c->out_sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN;
        }
        c->out_sent += (size_t)n;
    }
    cl_buf_reset(&c->out);
    c->out_sent = 0;
    return !c->ending;
}

/* A whole message is in; handles it and makes room for the next. */
static enum cl_status handle(struct server *s, struct conn *c, uint32_t op, size_t len,
                             struct cl_err *err)
{
    const uint8_t *body = c->in + PSP_MSG_HEADER;
    c->in_len = 0;
    return c == &s->vmm ? on_vmm_message(s, op, body, len, err)
                        : on_guest_message(s, c, op, body, len, err);
}

/* Reads at most one message; false when the connection is over. */
static bool receive(struct server *s, struct conn *c)
{
    uint32_t op = 0, len = 0;
    size_t want = PSP_MSG_HEADER;
    for (;;) {
        if (c->in_len >= PSP_MSG_HEADER) {
            struct cl_reader r = cl_reader_init(c->in, PSP_MSG_HEADER);
            op = cl_reader_le32(&r, "op");
            len = cl_reader_le32(&r, "len");
            if (len > c->in_size - PSP_MSG_HEADER) { /* nothing behind it can be understood */
                c->ending = true;
                return answer_status(c, op, PSP_INVALID_LEN, NULL) == CL_OK && flush(c);
            }
            want = PSP_MSG_HEADER + len;
            if (c->in_len == want) {
                return handle(s, c, op, len, NULL) == CL_OK && !s->over && flush(c);
            }
        }
        ssize_t n = recv(c->fd, c->in + c->in_len, want - c->in_len, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n <= 0) {
            return false;
        }
        c->in_len += (size_t)n;
    }
}

static bool step(struct server *s, struct conn *c)
{
    return c->out.len > 0 ? flush(c) : receive(s, c);
}

static void accept_guest(struct server *s)
{
    int fd = accept4(s->in->guest_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < PSP_GUESTS_MAX; i++) {
        if (s->guests[i].fd < 0) {
            (void)conn_open(&s->guests[i], fd, PSP_REPORT_REQ_SIZE, NULL);
            return;
        }
    }
    (void)close(fd); /* a guest needs one connection; it has eight */
}

static void turn(struct server *s)
{
    struct pollfd p[2 + PSP_GUESTS_MAX];
    p[0] = (struct pollfd){.fd = s->vmm.fd, .events = s->vmm.out.len > 0 ? POLLOUT : POLLIN};
    p[1] = (struct pollfd){.fd = s->in->guest_fd, .events = POLLIN};
    for (size_t i = 0; i < PSP_GUESTS_MAX; i++) {
        struct conn *c = &s->guests[i];
        p[2 + i] = (struct pollfd){.fd = c->fd, .events = c->out.len > 0 ? POLLOUT : POLLIN};
    }
    if (poll(p, 2 + PSP_GUESTS_MAX, -1) < 0) {
        s->over = s->over || errno != EINTR;
        return;
    }
    if (p[0].revents != 0 && !step(s, &s->vmm)) {
        s->over = true;
    }
    for (size_t i = 0; !s->over && i < PSP_GUESTS_MAX; i++) {
        if (p[2 + i].revents != 0 && !step(s, &s->guests[i])) {
            conn_close(&s->guests[i]);
        }
    }
    if (!s->over && p[1].revents != 0) {
        accept_guest(s);
    }
}

/* The one launch connection. Its listening socket is closed and taken away behind it. */
static enum cl_status accept_vmm(struct server *s, struct cl_err *err)
{
    struct pollfd p = {.fd = s->in->launch_fd, .events = POLLIN};
    int rc = 0;
    do {
        rc = poll(&p, 1, PSP_LAUNCH_WAIT_MS);
    } while (rc < 0 && errno == EINTR);
    if (rc == 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "launch socket '%s': expected a VMM, got nobody",
                          s->in->launch_path);
    }
    int fd = rc < 0 ? -1 : accept4(s->in->launch_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return cl_err_sys(err, errno, "accept on '%s'", s->in->launch_path);
    }
    (void)close(s->in->launch_fd);
    (void)unlink(s->in->launch_path);
    return conn_open(&s->vmm, fd, PSP_MSG_MAX, err);
}

enum cl_status psp_serve(const struct psp_listeners *in, struct psp_launch *launch,
                         const struct psp_reporter *reporter, struct cl_err *err)
{
    struct server s = {.in = in, .launch = launch, .reporter = reporter, .vmm = {.fd = -1}};
    for (size_t i = 0; i < PSP_GUESTS_MAX; i++) {
        s.guests[i].fd = -1;
    }
    enum cl_status st = accept_vmm(&s, err);
    while (st == CL_OK && !s.over) {
        turn(&s);
    }
    conn_close(&s.vmm);
    for (size_t i = 0; i < PSP_GUESTS_MAX; i++) {
        conn_close(&s.guests[i]);
    }
    (void)close(in->guest_fd);
    (void)unlink(in->guest_path);
    return st;
}
