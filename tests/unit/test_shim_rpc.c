/* SPDX-License-Identifier: Apache-2.0
 * test_shim_rpc.c - ttrpc in an event loop: two endpoints that talk, and one against bytes of every
 * kind (containerd-shim.md 2).
 */
#include "check_main.h"

#include "base/io.h"
#include "rpc.h"
#include "shim_rig.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_KEPT 600

static uint8_t big_answer[60000];

/* The served end. Method "echo" answers at once, "big" with much, "keep" later, "fail" with a code,
 * "drop" frees the connection while it is being called. */
struct served {
    struct event_base *base;
    struct shim_rpc *rpc;
    struct shim_rpc_call *kept[MAX_KEPT];
    size_t kept_count;
    size_t requests;
    bool closed;
    struct cl_err why;
};

static void on_request(void *ctx, struct shim_rpc_call *call, const char *service,
                       const char *method, const void *payload, size_t len)
{
    struct served *s = ctx;
    s->requests++;
    if (strcmp(method, "echo") == 0) {
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, payload, len);
    } else if (strcmp(method, "fail") == 0) {
        shim_rpc_answer(call, SHIM_CODE_PRECONDITION, "because\n\x1b[31m", payload, len);
    } else if (strcmp(method, "drop") == 0) {
        shim_rpc_free(s->rpc);
        s->rpc = NULL;
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, NULL, 0);
    } else if (strcmp(method, "big") == 0) {
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, big_answer, sizeof(big_answer));
    } else if (strcmp(method, "keep") == 0 && s->kept_count < MAX_KEPT) {
        s->kept[s->kept_count++] = call;
    } else {
        shim_rpc_answer(call, SHIM_CODE_UNIMPLEMENTED, service, NULL, 0);
    }
}

static void on_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    struct served *s = ctx;
    ck_assert_ptr_eq(rpc, s->rpc);
    s->closed = true;
    s->why = *why;
    shim_rpc_free(rpc);
    s->rpc = NULL;
}

static struct served served_new(int *ret_fd, struct served *place, bool takes)
{
    int sv[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    struct served s = {.base = event_base_new()};
    struct shim_rpc_callbacks cb = {
        .request = takes ? on_request : NULL, .closed = on_closed, .ctx = place};
    ck_assert_ptr_nonnull(s.base);
    ck_assert_int_eq(shim_rpc_new(s.base, sv[0], &cb, &s.rpc, NULL), CL_OK);
    *ret_fd = sv[1];
    return s;
}

static void served_done(struct served *s, int fd)
{
    for (size_t i = 0; i < s->kept_count; i++) {
        shim_rpc_answer(s->kept[i], SHIM_CODE_CANCELED, "test ends", NULL, 0);
    }
    shim_rpc_free(s->rpc);
    event_base_free(s->base);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void expect(struct served *s, int fd, uint32_t stream, int code, const char *payload)
{
    struct cl_ttrpc_response r = rig_response(s->base, fd, stream, code);
    ck_assert_uint_eq(r.payload_len, strlen(payload));
    ck_assert_mem_eq(r.payload, payload, r.payload_len);
    cl_ttrpc_response_done(&r);
}

START_TEST(test_answers_on_the_same_stream)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    rig_request(fd, 1, "svc", "echo", "hello", 5);
    expect(&s, fd, 1, SHIM_CODE_OK, "hello");
    rig_request(fd, 9, "svc", "echo", "", 0); /* streams may leap */
    expect(&s, fd, 9, SHIM_CODE_OK, "");
    rig_request(fd, 11, "svc", "nothing", "", 0);
    expect(&s, fd, 11, SHIM_CODE_UNIMPLEMENTED, "");
    ck_assert(shim_rpc_idle(s.rpc));
    served_done(&s, fd);
}
END_TEST

START_TEST(test_failure_has_its_message_and_no_payload)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    rig_request(fd, 1, "svc", "fail", "x", 1);
    struct cl_ttrpc_response r = rig_response(s.base, fd, 1, SHIM_CODE_PRECONDITION);
    ck_assert_str_eq(r.message, "because\n\x1b[31m");
    ck_assert_uint_eq(r.payload_len, 0);
    cl_ttrpc_response_done(&r);
    served_done(&s, fd);
}
END_TEST

START_TEST(test_waits_do_not_hold_up_what_comes_behind)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    for (uint32_t i = 0; i < SHIM_RPC_MAX_REQUESTS - 1; i++) {
        rig_request(fd, 2 * i + 1, "svc", "keep", "", 0);
        rig_settle(s.base);
    }
    ck_assert_uint_eq(s.kept_count, SHIM_RPC_MAX_REQUESTS - 1);
    rig_request(fd, 2001, "svc", "echo", "still", 5);
    expect(&s, fd, 2001, SHIM_CODE_OK, "still");
    /* The last place, one too many, and a place made free again; out of order. */
    rig_request(fd, 2003, "svc", "keep", "", 0);
    rig_request(fd, 2005, "svc", "echo", "", 0);
    expect(&s, fd, 2005, SHIM_CODE_EXHAUSTED, "");
    shim_rpc_answer(s.kept[--s.kept_count], SHIM_CODE_OK, NULL, "late", 4);
    expect(&s, fd, 2003, SHIM_CODE_OK, "late");
    rig_request(fd, 2007, "svc", "echo", "free", 4);
    expect(&s, fd, 2007, SHIM_CODE_OK, "free");
    while (s.kept_count > 0) {
        s.kept_count--;
        shim_rpc_answer(s.kept[s.kept_count], SHIM_CODE_OK, NULL, "", 0);
        expect(&s, fd, (uint32_t)(2 * s.kept_count + 1), SHIM_CODE_OK, "");
    }
    served_done(&s, fd);
}
END_TEST

START_TEST(test_wrong_streams_are_answered_and_the_connection_stays)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    rig_request(fd, 2, "svc", "echo", "", 0); /* even */
    expect(&s, fd, 2, SHIM_CODE_INVALID, "");
    rig_request(fd, 0, "svc", "echo", "", 0);
    expect(&s, fd, 0, SHIM_CODE_INVALID, "");
    rig_request(fd, 7, "svc", "echo", "", 0);
    expect(&s, fd, 7, SHIM_CODE_OK, "");
    rig_request(fd, 7, "svc", "echo", "", 0); /* again */
    expect(&s, fd, 7, SHIM_CODE_INVALID, "");
    rig_request(fd, 5, "svc", "echo", "", 0); /* back */
    expect(&s, fd, 5, SHIM_CODE_INVALID, "");
    rig_put(fd, 3, 9, CL_TTRPC_REQUEST, 0, "\xff\xff\xff", 3); /* no message */
    expect(&s, fd, 9, SHIM_CODE_INVALID, "");
    rig_put(fd, 0, 4294967295u, CL_TTRPC_REQUEST, 0, "", 0); /* the last there is; no service */
    expect(&s, fd, 4294967295u, SHIM_CODE_UNIMPLEMENTED, "");
    ck_assert_uint_eq(s.requests, 2);
    ck_assert(!s.closed);
    served_done(&s, fd);
}
END_TEST

START_TEST(test_unknown_types_are_ignored)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    for (unsigned type = 0; type < 256; type++) {
        if (type != CL_TTRPC_REQUEST && type != 3) {
            rig_put(fd, 5, type & 1, (uint8_t)type, 0xff, "what?", 5);
            rig_settle(s.base);
        }
    }
    rig_request(fd, 1, "svc", "echo", "on", 2);
    expect(&s, fd, 1, SHIM_CODE_OK, "on");
    served_done(&s, fd);
}
END_TEST

START_TEST(test_data_frames_belong_to_a_request)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    rig_put(fd, 1, 1, 3, 0, "x", 1);
    expect(&s, fd, 1, SHIM_CODE_INVALID, ""); /* of no request */
    rig_request(fd, 3, "svc", "keep", "", 0);
    rig_put(fd, 0, 3, 3, 0x05, "", 0); /* no more of it: nothing to say */
    rig_settle(s.base);
    shim_rpc_answer(s.kept[--s.kept_count], SHIM_CODE_OK, NULL, "one", 3);
    expect(&s, fd, 3, SHIM_CODE_OK, "one");
    rig_request(fd, 5, "svc", "keep", "", 0);
    rig_put(fd, 1, 5, 3, 0, "x", 1); /* a stream of data: answered once */
    expect(&s, fd, 5, SHIM_CODE_UNIMPLEMENTED, "");
    ck_assert(!shim_rpc_call_wanted(s.kept[0]));
    shim_rpc_answer(s.kept[--s.kept_count], SHIM_CODE_OK, NULL, "two", 3);
    rig_request(fd, 7, "svc", "echo", "next", 4);
    expect(&s, fd, 7, SHIM_CODE_OK, "next");
    served_done(&s, fd);
}
END_TEST

/* Writes what the socket takes and turns the loop. */
static void pour(struct served *s, int fd, size_t n)
{
    static const uint8_t zero[65536];
    while (n > 0) {
        ssize_t put = send(fd, zero, n < sizeof(zero) ? n : sizeof(zero), MSG_DONTWAIT);
        n -= put > 0 ? (size_t)put : 0;
        (void)event_base_loop(s->base, EVLOOP_NONBLOCK);
    }
}

START_TEST(test_larger_frames_are_drained_and_answered)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    rig_put(fd, SHIM_RPC_MAX_FRAME + 1, 1, CL_TTRPC_REQUEST, 0, "", 0);
    expect(&s, fd, 1, SHIM_CODE_EXHAUSTED, "");
    pour(&s, fd, SHIM_RPC_MAX_FRAME + 1);
    rig_request(fd, 3, "svc", "echo", "behind", 6);
    expect(&s, fd, 3, SHIM_CODE_OK, "behind");
    /* The largest there may be is taken (and is no message). */
    rig_put(fd, SHIM_RPC_MAX_FRAME, 5, CL_TTRPC_REQUEST, 0, "", 0);
    pour(&s, fd, SHIM_RPC_MAX_FRAME);
    expect(&s, fd, 5, SHIM_CODE_INVALID, "");
    ck_assert_uint_eq(s.requests, 1);
    served_done(&s, fd);
}
END_TEST

START_TEST(test_answer_larger_than_a_frame_is_a_failure)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    char *big = calloc(1, SHIM_RPC_MAX_FRAME);
    ck_assert_ptr_nonnull(big);
    rig_request(fd, 1, "svc", "keep", "", 0);
    rig_settle(s.base);
    shim_rpc_answer(s.kept[--s.kept_count], SHIM_CODE_OK, NULL, big, SHIM_RPC_MAX_FRAME);
    expect(&s, fd, 1, SHIM_CODE_EXHAUSTED, "");
    free(big);
    served_done(&s, fd);
}
END_TEST

START_TEST(test_every_truncation_ends_the_connection)
{
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_ttrpc_request_encode("svc", "echo", "abc", 3, &b, NULL), CL_OK);
    uint8_t wire[64] = {0, 0, 0, (uint8_t)b.len, 0, 0, 0, 1, CL_TTRPC_REQUEST, 0};
    memcpy(wire + CL_TTRPC_HEADER_SIZE, b.data, b.len);
    size_t all = CL_TTRPC_HEADER_SIZE + b.len;
    for (size_t len = 0; len <= all; len++) {
        int fd = -1;
        struct served s = served_new(&fd, &s, true);
        for (size_t i = 0; i < len; i++) { /* byte by byte */
            ck_assert_int_eq(cl_write_all(fd, wire + i, 1, "test", NULL), CL_OK);
            rig_settle(s.base);
        }
        ck_assert(!s.closed);
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        ck_assert(rig_until(s.base, &s.closed));
        ck_assert_int_eq(s.why.status, len == 0 || len == all ? CL_OK : CL_ERR_TRUNCATED);
        ck_assert_uint_eq(s.requests, len == all);
        served_done(&s, fd);
    }
    cl_buf_done(&b);
}
END_TEST

/* Many small requests with large answers, in one write, and nobody who reads. */
START_TEST(test_slow_reader_stops_being_read)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    for (uint32_t i = 0; i < 100; i++) {
        rig_request(fd, 2 * i + 1, "svc", "big", "", 0);
    }
    for (int i = 0; i < 50; i++) {
        rig_settle(s.base);
    }
    ck_assert(!shim_rpc_idle(s.rpc));
    size_t taken = s.requests;
    ck_assert_uint_lt(taken * sizeof(big_answer), SHIM_RPC_MAX_UNSENT + (2u << 20));
    for (uint32_t i = 0; i < 100; i++) { /* it reads: all are taken, in their order */
        struct cl_ttrpc_response r = rig_response(s.base, fd, 2 * i + 1, SHIM_CODE_OK);
        ck_assert_uint_eq(r.payload_len, sizeof(big_answer));
        cl_ttrpc_response_done(&r);
    }
    rig_settle(s.base);
    ck_assert(shim_rpc_idle(s.rpc));
    served_done(&s, fd);
}
END_TEST

/* ttrpc's timeout_nano is field 4. */
static void put_with_timeout(int fd, uint32_t stream, const char *method, const char *varint,
                             size_t varint_len)
{
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_ttrpc_request_encode("svc", method, "", 0, &b, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&b, "\x20", 1, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&b, varint, varint_len, NULL), CL_OK);
    rig_put(fd, (uint32_t)b.len, stream, CL_TTRPC_REQUEST, 0, b.data, b.len);
    cl_buf_done(&b);
}

START_TEST(test_deadline_of_a_request_is_kept)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    put_with_timeout(fd, 1, "keep", "\x80\x84\xaf\x5f", 4); /* 200,000,000 ns */
    rig_settle(s.base);
    ck_assert_uint_eq(s.kept_count, 1);
    ck_assert(shim_rpc_call_wanted(s.kept[0]));
    expect(&s, fd, 1, SHIM_CODE_DEADLINE, "");
    ck_assert(!shim_rpc_call_wanted(s.kept[0]));
    shim_rpc_answer(s.kept[--s.kept_count], SHIM_CODE_OK, NULL, "late", 4);
    put_with_timeout(fd, 3, "keep", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10); /* -1 */
    expect(&s, fd, 3, SHIM_CODE_DEADLINE, "");
    ck_assert_uint_eq(s.kept_count, 0);
    put_with_timeout(fd, 5, "keep", "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9); /* 292 years */
    rig_request(fd, 7, "svc", "echo", "ok", 2);
    expect(&s, fd, 7, SHIM_CODE_OK, "ok");
    ck_assert(shim_rpc_call_wanted(s.kept[0]));
    served_done(&s, fd);
}
END_TEST

START_TEST(test_request_may_free_the_connection)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    rig_request(fd, 1, "svc", "keep", "", 0);
    rig_request(fd, 3, "svc", "drop", "", 0);
    rig_request(fd, 5, "svc", "echo", "", 0);
    rig_settle(s.base);
    ck_assert_uint_eq(s.requests, 2);
    ck_assert(!s.closed); /* who frees it knows */
    ck_assert(!shim_rpc_call_wanted(s.kept[0]));
    served_done(&s, fd);
}
END_TEST

/* Two endpoints. */

struct asked {
    bool done;
    int code;
    char message[256];
    char payload[64];
    size_t len;
    struct shim_rpc *free_it; /* within the callback */
};

static void on_done(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    struct asked *a = ctx;
    ck_assert(!a->done);
    a->done = true;
    a->code = code;
    a->len = len;
    (void)snprintf(a->message, sizeof(a->message), "%s", message);
    if (len > 0 && len <= sizeof(a->payload)) {
        memcpy(a->payload, payload, len);
    }
    shim_rpc_free(a->free_it);
}

static struct shim_rpc *client_new(struct served *s, int fd)
{
    struct shim_rpc *rpc = NULL;
    struct shim_rpc_callbacks none = {0};
    ck_assert_int_eq(shim_rpc_new(s->base, fd, &none, &rpc, NULL), CL_OK);
    return rpc;
}

START_TEST(test_two_endpoints_ask_each_other)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    struct shim_rpc *c = client_new(&s, fd);
    struct asked a = {0};
    struct asked b = {0};
    struct asked back = {0};
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "echo", "abc", 3, -1, on_done, &a, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "fail", "abc", 3, 5000, on_done, &b, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_invoke(s.rpc, "svc", "x", "", 0, 5000, on_done, &back, NULL), CL_OK);
    ck_assert(rig_until(s.base, &a.done));
    ck_assert(rig_until(s.base, &b.done));
    ck_assert(rig_until(s.base, &back.done));
    ck_assert_int_eq(a.code, SHIM_CODE_OK);
    ck_assert_uint_eq(a.len, 3);
    ck_assert_mem_eq(a.payload, "abc", 3);
    ck_assert_int_eq(b.code, SHIM_CODE_PRECONDITION);
    ck_assert_str_eq(b.message, "because\\x0a\\x1b[31m"); /* printable */
    ck_assert_int_eq(back.code, SHIM_CODE_UNIMPLEMENTED); /* the client takes no requests */
    shim_rpc_free(c);
    ck_assert(rig_until(s.base, &s.closed));
    ck_assert_int_eq(s.why.status, CL_OK);
    served_done(&s, -1);
}
END_TEST

START_TEST(test_call_without_answer_meets_its_deadline)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    struct shim_rpc *c = client_new(&s, fd);
    struct asked a = {0};
    struct asked b = {0};
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "keep", "", 0, 20, on_done, &a, NULL), CL_OK);
    ck_assert(rig_until(s.base, &a.done));
    ck_assert_int_eq(a.code, SHIM_CODE_DEADLINE);
    ck_assert_uint_eq(s.kept_count, 1);
    shim_rpc_answer(s.kept[--s.kept_count], SHIM_CODE_OK, NULL, "late", 4); /* is dropped */
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "echo", "b", 1, -1, on_done, &b, NULL), CL_OK);
    ck_assert(rig_until(s.base, &b.done));
    ck_assert_int_eq(b.code, SHIM_CODE_OK);
    shim_rpc_free(c);
    served_done(&s, -1);
}
END_TEST

START_TEST(test_calls_end_with_the_connection)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, true);
    struct shim_rpc *c = client_new(&s, fd);
    struct asked a = {0};
    struct asked b = {0};
    struct asked freed = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "keep", "", 0, 20000, on_done, &a, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "drop", "", 0, -1, on_done, &b, NULL), CL_OK);
    ck_assert(rig_until(s.base, &a.done));
    ck_assert(b.done);
    ck_assert_int_eq(a.code, SHIM_CODE_UNAVAILABLE);
    ck_assert_int_eq(b.code, SHIM_CODE_UNAVAILABLE);
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "echo", "", 0, -1, on_done, &b, &err),
                     CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "ttrpc call 'echo': the connection has ended");
    shim_rpc_free(c);
    served_done(&s, -1);
    /* By our own hand, out of the callback of another call, and with the loop gone. */
    s = served_new(&fd, &s, true);
    c = client_new(&s, fd);
    a = (struct asked){0};
    b = (struct asked){.free_it = c};
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "keep", "", 0, -1, on_done, &a, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_invoke(c, "svc", "echo", "", 0, -1, on_done, &b, NULL), CL_OK);
    ck_assert(rig_until(s.base, &b.done));
    ck_assert_int_eq(b.code, SHIM_CODE_OK);
    ck_assert(a.done);
    ck_assert_int_eq(a.code, SHIM_CODE_UNAVAILABLE);
    ck_assert(!freed.done);
    served_done(&s, -1);
}
END_TEST

START_TEST(test_hostile_answers)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, false);
    struct asked a[4] = {0};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(shim_rpc_invoke(s.rpc, "svc", "m", "", 0, -1, on_done, &a[i], NULL),
                         CL_OK);
    }
    rig_put(fd, 0, 2, CL_TTRPC_RESPONSE, 0, "", 0);  /* never asked */
    rig_put(fd, 0, 99, CL_TTRPC_RESPONSE, 0, "", 0); /* nor this */
    rig_put(fd, 2, 1, CL_TTRPC_RESPONSE, 0, "\xff\xff", 2);
    rig_put(fd, SHIM_RPC_MAX_FRAME + 1, 3, CL_TTRPC_RESPONSE, 0, "", 0);
    pour(&s, fd, SHIM_RPC_MAX_FRAME + 1);
    /* status: code -7, message of control characters */
    rig_put(fd, 17, 5, CL_TTRPC_RESPONSE, 0,
            "\x0a\x0f\x08\xf9\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x02\x07\x7f", 17);
    rig_put(fd, 0, 5, CL_TTRPC_RESPONSE, 0, "", 0); /* a second time */
    rig_put(fd, 1, 7, 3, 0, "x", 1);                /* a stream of data in the place of an answer */
    rig_put(fd, 0, 7, CL_TTRPC_RESPONSE, 0, "", 0);
    ck_assert(rig_until(s.base, &a[3].done));
    ck_assert_int_eq(a[0].code, SHIM_CODE_INTERNAL);
    ck_assert_int_eq(a[1].code, SHIM_CODE_EXHAUSTED);
    ck_assert_int_eq(a[2].code, -7);
    ck_assert_str_eq(a[2].message, "\\x07\\x7f");
    ck_assert_int_eq(a[3].code, SHIM_CODE_OK);
    rig_request(fd, 1, "svc", "echo", "", 0); /* and it may not ask */
    struct cl_ttrpc_header h = {0};
    struct cl_buf body = {0};
    for (int i = 0; i < 4; i++) {
        ck_assert(rig_frame(s.base, fd, &h, &body));
        ck_assert_uint_eq(h.type, CL_TTRPC_REQUEST);
        ck_assert_uint_eq(h.stream, 2u * (unsigned)i + 1);
    }
    cl_buf_done(&body);
    expect(&s, fd, 1, SHIM_CODE_UNIMPLEMENTED, "");
    served_done(&s, fd);
}
END_TEST

START_TEST(test_calls_are_bounded)
{
    int fd = -1;
    struct served s = served_new(&fd, &s, false);
    struct asked *a = calloc(SHIM_RPC_MAX_REQUESTS, sizeof(*a));
    struct cl_err err = {0};
    static char big[SHIM_RPC_MAX_FRAME];
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(shim_rpc_invoke(s.rpc, "svc", "m", big, sizeof(big), -1, on_done, a, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "ttrpc call 'm': length: expected at most 4194304, got 4194317");
    for (unsigned i = 0; i < SHIM_RPC_MAX_REQUESTS; i++) {
        ck_assert_int_eq(shim_rpc_invoke(s.rpc, "svc", "m", "", 0, -1, on_done, &a[i], NULL),
                         CL_OK);
    }
    ck_assert_int_eq(shim_rpc_invoke(s.rpc, "svc", "m", "", 0, -1, on_done, a, &err),
                     CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "ttrpc call 'm': too much waits for the peer");
    served_done(&s, fd);
    ck_assert(a[0].done);
    free(a);
    /* Bytes that wait count too. */
    s = served_new(&fd, &s, false);
    struct asked b = {0};
    struct asked c = {0};
    ck_assert_int_eq(
        shim_rpc_invoke(s.rpc, "svc", "m", big, sizeof(big) - 64, -1, on_done, &b, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_invoke(s.rpc, "svc", "m", "", 0, -1, on_done, &c, NULL),
                     CL_ERR_UNAVAILABLE);
    served_done(&s, fd);
    ck_assert(b.done && !c.done);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_rpc");
    TCase *t = tcase_create("shim_rpc");
    tcase_add_test(t, test_answers_on_the_same_stream);
    tcase_add_test(t, test_failure_has_its_message_and_no_payload);
    tcase_add_test(t, test_waits_do_not_hold_up_what_comes_behind);
    tcase_add_test(t, test_wrong_streams_are_answered_and_the_connection_stays);
    tcase_add_test(t, test_unknown_types_are_ignored);
    tcase_add_test(t, test_data_frames_belong_to_a_request);
    tcase_add_test(t, test_larger_frames_are_drained_and_answered);
    tcase_add_test(t, test_answer_larger_than_a_frame_is_a_failure);
    tcase_add_test(t, test_every_truncation_ends_the_connection);
    tcase_add_test(t, test_slow_reader_stops_being_read);
    tcase_add_test(t, test_deadline_of_a_request_is_kept);
    tcase_add_test(t, test_request_may_free_the_connection);
    tcase_add_test(t, test_two_endpoints_ask_each_other);
    tcase_add_test(t, test_call_without_answer_meets_its_deadline);
    tcase_add_test(t, test_calls_end_with_the_connection);
    tcase_add_test(t, test_hostile_answers);
    tcase_add_test(t, test_calls_are_bounded);
    suite_add_tcase(s, t);
    return run_suite(s);
}
