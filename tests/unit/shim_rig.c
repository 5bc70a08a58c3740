/* SPDX-License-Identifier: Apache-2.0
 * shim_rig.c - one end of a ttrpc connection held by hand.
 */
#include "shim_rig.h"

#include "base/bytes.h"
#include "base/io.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_US 20000000u

bool rig_until(struct event_base *base, const bool *done)
{
    uint64_t end = cl_monotonic_us() + PATIENCE_US;
    while (!*done && cl_monotonic_us() < end) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        if (!*done) {
            (void)poll(NULL, 0, 1);
        }
    }
    return *done;
}

void rig_settle(struct event_base *base)
{
    for (int i = 0; i < 20; i++) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
}

void rig_put(int fd, uint32_t len, uint32_t stream, uint8_t type, uint8_t flags, const void *body,
             size_t body_len)
{
    uint8_t raw[CL_TTRPC_HEADER_SIZE];
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_be32(&w, len);
    cl_writer_be32(&w, stream);
    cl_writer_u8(&w, type);
    cl_writer_u8(&w, flags);
    ck_assert_int_eq(cl_write_all(fd, raw, sizeof(raw), "header", NULL), CL_OK);
    ck_assert_int_eq(cl_write_all(fd, body, body_len, "body", NULL), CL_OK);
}

void rig_request(int fd, uint32_t stream, const char *service, const char *method,
                 const void *payload, size_t len)
{
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_ttrpc_request_encode(service, method, payload, len, &b, NULL), CL_OK);
    rig_put(fd, (uint32_t)b.len, stream, CL_TTRPC_REQUEST, 0, b.data, b.len);
    cl_buf_done(&b);
}

/* Exactly n bytes, while the other end's loop turns. */
static bool read_turning(struct event_base *base, int fd, uint8_t *p, size_t n)
{
    uint64_t end = cl_monotonic_us() + PATIENCE_US;
    while (n > 0 && cl_monotonic_us() < end) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        ssize_t got = recv(fd, p, n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return false;
        }
        if (got < 0) {
            (void)poll(NULL, 0, 1);
            continue;
        }
        p += got;
        n -= (size_t)got;
    }
    return n == 0;
}

bool rig_frame(struct event_base *base, int fd, struct cl_ttrpc_header *ret_h, struct cl_buf *body)
{
    uint8_t raw[CL_TTRPC_HEADER_SIZE];
    if (!read_turning(base, fd, raw, sizeof(raw))) {
        return false;
    }
    struct cl_reader r = cl_reader_init(raw, sizeof(raw));
    ret_h->data_len = cl_reader_be32(&r, "length");
    ret_h->stream = cl_reader_be32(&r, "stream");
    ret_h->type = cl_reader_u8(&r, "type");
    ret_h->flags = cl_reader_u8(&r, "flags");
    cl_buf_reset(body);
    ck_assert_int_eq(cl_buf_reserve(body, ret_h->data_len, NULL), CL_OK);
    body->len = ret_h->data_len;
    return read_turning(base, fd, body->data, body->len);
}

struct cl_ttrpc_response rig_response(struct event_base *base, int fd, uint32_t stream, int code)
{
    struct cl_ttrpc_header h = {0};
    struct cl_ttrpc_response r = {0};
    struct cl_buf body = {0};
    ck_assert_msg(rig_frame(base, fd, &h, &body), "no answer on stream %u", (unsigned)stream);
    ck_assert_uint_eq(h.type, CL_TTRPC_RESPONSE);
    ck_assert_uint_eq(h.flags, 0);
    ck_assert_uint_eq(h.stream, stream);
    ck_assert_int_eq(cl_ttrpc_response_parse(body.data, body.len, &r, NULL), CL_OK);
    ck_assert_msg(r.code == code, "stream %u: code %d, expected %d: %s", (unsigned)stream, r.code,
                  code, r.message);
    cl_buf_done(&body);
    return r;
}
