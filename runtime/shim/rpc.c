/* SPDX-License-Identifier: Apache-2.0
 * rpc.c - a connection of ttrpc: bytes in, frames to their takers, frames out. rpc_calls.c keeps
 * the requests and the calls.
 */
#include "rpc_internal.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 16384u /* at once */
#define KEEP_SIZE 65536u /* a buffer that has grown past this is given back when empty */
#define UNSENT_LOW (SHIM_RPC_MAX_UNSENT / 2)

static size_t unsent(const struct shim_rpc *rpc)
{
    return rpc->out.len - rpc->out_pos;
}

static void empty(struct cl_buf *b)
{
    b->len = 0;
    if (b->size > KEEP_SIZE) {
        cl_buf_done(b);
    }
}

static void destroy(struct shim_rpc *rpc)
{
    if (rpc->readable != NULL) {
        event_free(rpc->readable);
    }
    if (rpc->writable != NULL) {
        event_free(rpc->writable);
    }
    if (rpc->fd >= 0) {
        (void)close(rpc->fd);
    }
    cl_buf_done(&rpc->frame);
    cl_buf_done(&rpc->rest);
    cl_buf_done(&rpc->out);
    free(rpc);
}

void rpc_enter(struct shim_rpc *rpc)
{
    rpc->depth++;
}

void rpc_leave(struct shim_rpc *rpc)
{
    if (--rpc->depth == 0 && rpc->released) {
        destroy(rpc);
    }
}

/* The connection is over for everyone who waits on it. */
static void cut(struct shim_rpc *rpc)
{
    rpc->ended = true;
    (void)event_del(rpc->readable);
    (void)event_del(rpc->writable);
    (void)close(rpc->fd);
    rpc->fd = -1;
    cl_buf_done(&rpc->frame);
    cl_buf_done(&rpc->rest);
    cl_buf_done(&rpc->out);
    rpc->out_pos = 0;
    rpc_calls_end(rpc);
}

static void end(struct shim_rpc *rpc, const struct cl_err *why)
{
    if (!rpc->ended) {
        cut(rpc);
        if (!rpc->released && rpc->cb.closed != NULL) {
            rpc->cb.closed(rpc->cb.ctx, rpc, why);
        }
    }
}

void shim_rpc_free(struct shim_rpc *rpc)
{
    if (rpc == NULL || rpc->released) {
        return;
    }
    rpc_enter(rpc);
    rpc->released = true;
    if (!rpc->ended) {
        cut(rpc);
    }
    rpc_leave(rpc);
}

/* Out. */

/* Runs from the loop, so that whoever answers is never called back out of it. */
void rpc_send(struct shim_rpc *rpc, uint32_t stream, enum cl_ttrpc_type type,
              const struct cl_buf *message)
{
    if (rpc->ended) {
        return;
    }
    event_active(rpc->writable, EV_WRITE, 0);
    uint8_t raw[CL_TTRPC_HEADER_SIZE];
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_be32(&w, (uint32_t)message->len);
    cl_writer_be32(&w, stream);
    cl_writer_u8(&w, (uint8_t)type);
    cl_writer_u8(&w, 0);
    if (cl_buf_reserve(&rpc->out, sizeof(raw) + message->len, NULL) != CL_OK ||
        cl_buf_append(&rpc->out, raw, sizeof(raw), NULL) != CL_OK ||
        cl_buf_append(&rpc->out, message->data, message->len, NULL) != CL_OK) {
        rpc->broken = true; /* an answer that is missing would be waited for */
    }
}

/* Bytes that are sent make room; moved only when they are the larger half. */
static void forget_sent(struct shim_rpc *rpc, size_t n)
{
    rpc->out_pos += n;
    size_t left = unsent(rpc);
    if (left == 0) {
        rpc->out_pos = 0;
        empty(&rpc->out);
    } else if (rpc->out_pos > KEEP_SIZE && rpc->out_pos > left) {
        memmove(rpc->out.data, rpc->out.data + rpc->out_pos, left);
        rpc->out.len = left;
        rpc->out_pos = 0;
    }
}

static void write_some(struct shim_rpc *rpc)
{
    struct cl_err why = {0};
    if (rpc->broken) {
        (void)cl_err_nomem(&why, "ttrpc frame");
        end(rpc, &why);
        return;
    }
    while (unsent(rpc) > 0) {
        ssize_t n = send(rpc->fd, rpc->out.data + rpc->out_pos, unsent(rpc), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            (void)event_add(rpc->writable, NULL);
            return;
        }
        if (n < 0) {
            (void)cl_err_sys(&why, errno, "send ttrpc frame");
            end(rpc, &why);
            return;
        }
        forget_sent(rpc, (size_t)n);
    }
}

int shim_rpc_idle(const struct shim_rpc *rpc)
{
    return unsent(rpc) == 0;
}

bool rpc_congested(const struct shim_rpc *rpc)
{
    return unsent(rpc) > SHIM_RPC_MAX_UNSENT;
}

/* In. */

static void begin_frame(struct shim_rpc *rpc)
{
    struct cl_reader r = cl_reader_init(rpc->header, sizeof(rpc->header));
    rpc->h.data_len = cl_reader_be32(&r, "length");
    rpc->h.stream = cl_reader_be32(&r, "stream");
    rpc->h.type = cl_reader_u8(&r, "type");
    rpc->h.flags = cl_reader_u8(&r, "flags");
    rpc->left = rpc->h.data_len;
    rpc->draining = rpc->left > SHIM_RPC_MAX_FRAME;
    if (rpc->draining) {
        rpc_frame_too_large(rpc, &rpc->h);
    }
}

/* The body as far as it is there: memory is taken for bytes that have come, not for a length that
 * was claimed. */
static enum cl_status take_body(struct shim_rpc *rpc, struct cl_reader *in, struct cl_err *err)
{
    size_t n = cl_reader_left(in) < rpc->left ? cl_reader_left(in) : rpc->left;
    const uint8_t *p = cl_reader_bytes(in, n, "body");
    if (!rpc->draining) {
        CL_TRY(cl_buf_append(&rpc->frame, p, n, err));
    }
    rpc->left -= (uint32_t)n;
    return CL_OK;
}

static void end_frame(struct shim_rpc *rpc)
{
    if (!rpc->draining) {
        rpc_frame(rpc, &rpc->h, &rpc->frame);
    }
    rpc->header_len = 0;
    empty(&rpc->frame);
}

/* Takes frames until the bytes end, or more waits to be sent than may: the rest waits, too. */
static void feed(struct shim_rpc *rpc, const void *data, size_t len)
{
    struct cl_reader in = cl_reader_init(data, len);
    struct cl_err why = {0};
    enum cl_status st = CL_OK;
    while (st == CL_OK && cl_reader_left(&in) > 0 && !rpc->ended && !rpc_congested(rpc)) {
        if (rpc->header_len < sizeof(rpc->header)) {
            rpc->header[rpc->header_len++] = cl_reader_u8(&in, "header");
            if (rpc->header_len < sizeof(rpc->header)) {
                continue;
            }
            begin_frame(rpc);
        }
        st = take_body(rpc, &in, &why);
        if (st == CL_OK && rpc->left == 0 && !rpc->ended) {
            end_frame(rpc);
        }
    }
    size_t left = cl_reader_left(&in);
    if (st == CL_OK && left > 0 && !rpc->ended) {
        st = cl_buf_append(&rpc->rest, cl_reader_bytes(&in, left, "rest"), left, &why);
    }
    if (st != CL_OK) {
        end(rpc, &why);
    }
}

/* After anything that may have filled or emptied the way out. */
static void pause_or_go_on(struct shim_rpc *rpc)
{
    if (!rpc->ended && rpc->paused && unsent(rpc) <= UNSENT_LOW) {
        CL_CLEANUP(cl_buf_done) struct cl_buf rest = rpc->rest;
        rpc->rest = (struct cl_buf){0};
        rpc->paused = false;
        (void)event_add(rpc->readable, NULL);
        feed(rpc, rest.data, rest.len);
    }
    if (!rpc->ended && !rpc->paused && rpc_congested(rpc)) {
        rpc->paused = true;
        (void)event_del(rpc->readable);
    }
}

static void read_some(struct shim_rpc *rpc)
{
    uint8_t data[READ_SIZE];
    struct cl_err why = {0};
    ssize_t n = read(rpc->fd, data, sizeof(data));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n < 0) {
        (void)cl_err_sys(&why, errno, "read ttrpc frame");
        end(rpc, &why);
        return;
    }
    if (n == 0) {
        (void)cl_err_set(&why, rpc->header_len > 0 ? CL_ERR_TRUNCATED : CL_OK, "%s",
                         rpc->header_len > 0 ? "ttrpc frame: connection ended inside it"
                                             : "ttrpc: connection ended");
        end(rpc, &why);
        return;
    }
    feed(rpc, data, (size_t)n);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct shim_rpc *rpc = ctx;
    rpc_enter(rpc);
    read_some(rpc);
    pause_or_go_on(rpc);
    rpc_leave(rpc);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct shim_rpc *rpc = ctx;
    if (rpc->ended) {
        return;
    }
    rpc_enter(rpc);
    write_some(rpc);
    pause_or_go_on(rpc);
    rpc_leave(rpc);
}

enum cl_status shim_rpc_new(struct event_base *base, int fd, const struct shim_rpc_callbacks *cb,
                            struct shim_rpc **ret_rpc, struct cl_err *err)
{
    struct shim_rpc *rpc = calloc(1, sizeof(*rpc));
    if (rpc == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "ttrpc connection");
    }
    rpc->base = base;
    rpc->fd = fd;
    rpc->cb = *cb;
    LIST_INIT(&rpc->requests);
    LIST_INIT(&rpc->calls);
    rpc->next_stream = 1;
    rpc->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, rpc);
    rpc->writable = event_new(base, fd, EV_WRITE, on_writable, rpc);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || rpc->readable == NULL || rpc->writable == NULL ||
        event_add(rpc->readable, NULL) != 0) {
        destroy(rpc);
        return cl_err_set(err, CL_ERR_SYS, "ttrpc connection: cannot be watched");
    }
    *ret_rpc = rpc;
    return CL_OK;
}
