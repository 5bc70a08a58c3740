/* SPDX-License-Identifier: Apache-2.0
 * client.c - a socket and a deadline around one exchange. Trust, threads, memory: grpc/client.h.
 */
#include "grpc/client.h"

#include "base/io.h"
#include "exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP 16384u

struct output {
    const uint8_t *data;
    size_t len;
};

/* Sends what there is. *ret_blocked: the socket takes no more for now. */
static enum cl_status flush(int fd, struct grpc_exchange *x, struct output *o, bool *ret_blocked,
                            struct cl_err *err)
{
    *ret_blocked = false;
    for (;;) {
        if (o->len == 0) {
            CL_TRY(grpc_exchange_output(x, &o->data, &o->len, err));
        }
        if (o->len == 0) {
            return CL_OK;
        }
        ssize_t n = send(fd, o->data, o->len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EINTR) {
            *ret_blocked = errno == EAGAIN || errno == EWOULDBLOCK;
            /* A server that has closed may have answered before. */
            return *ret_blocked || errno == EPIPE || errno == ECONNRESET
                       ? CL_OK
                       : cl_err_sys(err, errno, "send");
        }
        o->data += n > 0 ? n : 0;
        o->len -= n > 0 ? (size_t)n : 0;
    }
}

static enum cl_status wait_readable(int fd, bool also_writable, uint64_t deadline_us,
                                    struct cl_err *err)
{
    uint64_t now = cl_monotonic_us();
    struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (also_writable ? POLLOUT : 0))};
    int left = now < deadline_us ? (int)((deadline_us - now) / 1000) + 1 : 0;
    int rc = left > 0 ? poll(&p, 1, left) : 0;
    if (rc == 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "deadline: expected an answer, got none in time");
    }
    return rc > 0 || errno == EINTR ? CL_OK : cl_err_sys(err, errno, "poll");
}

/* One turn: sends, waits, takes what came. *ret_end: the server has closed. */
static enum cl_status turn(int fd, struct grpc_exchange *x, struct output *o, uint64_t deadline_us,
                           bool *ret_end, struct cl_err *err)
{
    uint8_t data[STEP];
    bool blocked = false;
    CL_TRY(flush(fd, x, o, &blocked, err));
    if (grpc_exchange_over(x)) { /* what was sent has ended it */
        return CL_OK;
    }
    CL_TRY(wait_readable(fd, blocked, deadline_us, err));
    ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return CL_OK;
    }
    *ret_end = n == 0 || (n < 0 && errno == ECONNRESET);
    if (n < 0 && !*ret_end) {
        return cl_err_sys(err, errno, "receive");
    }
    return n > 0 ? grpc_exchange_input(x, data, (size_t)n, err) : CL_OK;
}

static enum cl_status call_over(const char *path, const struct cl_grpc_call *call,
                                unsigned *ret_code, struct cl_buf *ret_message, struct cl_err *err)
{
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct output o = {0};
    bool end = false;
    uint64_t deadline_us = cl_monotonic_us() + (uint64_t)call->timeout_ms * 1000;
    CL_TRY(grpc_exchange_new(call, &x, err));
    CL_TRY(cl_unix_connect_within(path, call->timeout_ms, &fd, err));
    while (!end && !grpc_exchange_over(x)) {
        CL_TRY(turn(fd, x, &o, deadline_us, &end, err));
    }
    return grpc_exchange_result(x, ret_code, ret_message, err);
}

enum cl_status cl_grpc_unary(const char *path, const struct cl_grpc_call *call, unsigned *ret_code,
                             struct cl_buf *ret_message, struct cl_err *err)
{
    unsigned code = CL_GRPC_UNKNOWN;
    enum cl_status st = call_over(path, call, &code, ret_message, err);
    if (ret_code != NULL) {
        *ret_code = code;
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "'%.107s': %.100s", path, call->path);
}
