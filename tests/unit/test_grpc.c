/* SPDX-License-Identifier: Apache-2.0
 * test_grpc.c - one gRPC call against servers that answer well, badly, partly, or not at all.
 */
#include "grpc/client.h"

#include "base/io.h"
#include "exchange.h"
#include "grpc_frames.h"
#include "image_fixture.h"

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <sys/socket.h>

static const struct cl_grpc_call call = {.path = "/a.b.C/Get",
                                         .metadata = {{"containerd-namespace", "k8s.io"}},
                                         .metadata_count = 1,
                                         .message = "request",
                                         .len = 7,
                                         .max_reply = 1000,
                                         .timeout_ms = 5000};

/* --- wire.h
 * --------------------------------------------------------------------------------------------- */

START_TEST(test_messages)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    const uint8_t *data = NULL;
    size_t len = 0;
    ck_assert_int_eq(cl_grpc_message_encode("hello", 5, &b, NULL), CL_OK);
    ck_assert_uint_eq(b.len, 10);
    ck_assert_int_eq(cl_grpc_message_parse(b.data, b.len, &data, &len, NULL), CL_OK);
    ck_assert_uint_eq(len, 5);
    ck_assert_mem_eq(data, "hello", 5);
    for (size_t n = 0; n < b.len; n++) {
        ck_assert_int_eq(cl_grpc_message_parse(b.data, n, &data, &len, NULL), CL_ERR_TRUNCATED);
    }
    put_bytes(&b, "x", 1);
    ck_assert_int_eq(cl_grpc_message_parse(b.data, b.len, &data, &len, NULL), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_grpc_message_parse("\1\0\0\0\0", 5, &data, &len, NULL), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_grpc_message_parse("\0\xff\xff\xff\xff", 5, &data, &len, NULL),
                     CL_ERR_TRUNCATED);
    ck_assert_int_eq(cl_grpc_message_parse("\0\0\0\0\0", 5, &data, &len, NULL), CL_OK);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(test_texts)
{
    static const struct {
        const char *coded, *text;
    } t[] = {{"", ""},           {"plain", "plain"}, {"a%20b", "a b"}, {"%C3%a4", "\xc3\xa4"},
             {"%", "%"},         {"%4", "%4"},       {"%4g", "%4g"},   {"%00x", "%00x"},
             {"100%25", "100%"}, {"%%41", "%A"},     {"a%0Ab", "a\nb"}};
    static char longest[3 * CL_GRPC_TEXT_SIZE + 1];
    char got[CL_GRPC_TEXT_SIZE];
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        cl_grpc_text_decode(t[i].coded, got);
        ck_assert_str_eq(got, t[i].text);
    }
    memset(longest, '%', sizeof(longest) - 1);
    cl_grpc_text_decode(longest, got);
    ck_assert_uint_eq(strlen(got), CL_GRPC_TEXT_SIZE - 1);
}
END_TEST

START_TEST(test_codes)
{
    ck_assert_str_eq(cl_grpc_code_name(CL_GRPC_NOT_FOUND), "NotFound");
    ck_assert_str_eq(cl_grpc_code_name(17), "Unknown");
    ck_assert_int_eq(cl_grpc_code_status(CL_GRPC_NOT_FOUND), CL_ERR_REJECTED);
    ck_assert_int_eq(cl_grpc_code_status(CL_GRPC_UNIMPLEMENTED), CL_ERR_UNSUPPORTED);
    ck_assert_int_eq(cl_grpc_code_status(999), CL_ERR_UNAVAILABLE);
    for (unsigned i = 1; i < 20; i++) {
        ck_assert_int_ne(cl_grpc_code_status(i), CL_OK);
    }
}
END_TEST

/* --- the request, as a real HTTP/2 server reads it
 * ------------------------------------------------------ */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct cl_buf *b = user;
    (void)session;
    (void)frame;
    (void)flags;
    ck_assert_int_eq(cl_buf_printf(b, NULL, "%.*s=%.*s ", (int)name_len, (const char *)name,
                                   (int)value_len, (const char *)value),
                     CL_OK);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    struct cl_buf *b = user;
    (void)session;
    (void)flags;
    ck_assert_int_eq(stream, 1);
    ck_assert_uint_gt(len, CL_GRPC_PREFIX_SIZE);
    ck_assert_int_eq(cl_buf_printf(b, NULL, "[%.*s]", (int)(len - CL_GRPC_PREFIX_SIZE),
                                   (const char *)data + CL_GRPC_PREFIX_SIZE),
                     CL_OK);
    return 0;
}

static void feed_session(struct grpc_exchange *x, nghttp2_session *server)
{
    const uint8_t *data = NULL;
    size_t len = 0;
    for (;;) {
        ck_assert_int_eq(grpc_exchange_output(x, &data, &len, NULL), CL_OK);
        if (len == 0) {
            return;
        }
        ck_assert_int_eq(nghttp2_session_mem_recv(server, data, len), (ssize_t)len);
    }
}

START_TEST(test_the_request)
{
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf seen = {0};
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_session *server = NULL;
    ck_assert_int_eq(nghttp2_session_callbacks_new(&cb), 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    ck_assert_int_eq(nghttp2_session_server_new(&server, cb, &seen), 0);
    ck_assert_int_eq(grpc_exchange_new(&call, &x, NULL), CL_OK);
    feed_session(x, server);
    const char *want =
        ":method=POST :scheme=http :path=/a.b.C/Get :authority=localhost te=trailers "
        "content-type=application/grpc user-agent=cloister/" CL_VERSION
        " grpc-timeout=5000m containerd-namespace=k8s.io [request]";
    ck_assert_str_eq((char *)seen.data, want);
    nghttp2_session_del(server);
    nghttp2_session_callbacks_del(cb);
}
END_TEST

START_TEST(test_calls_that_break_their_limits)
{
    struct cl_grpc_call c[9];
    for (size_t i = 0; i < CL_ARRAY_LEN(c); i++) {
        c[i] = call;
    }
    c[0].path = "a.b.C/Get";
    c[1].timeout_ms = 0;
    c[2].timeout_ms = CL_GRPC_MAX_TIMEOUT_MS + 1;
    c[3].max_reply = 0;
    c[4].max_reply = CL_GRPC_MAX_REPLY + 1;
    c[5].metadata_count = CL_GRPC_MAX_METADATA + 1;
    c[6].metadata[0].name = "Upper";
    c[7].metadata[0].value = "two\nlines";
    c[8].metadata[0].name = "grpc-status";
    for (size_t i = 0; i < CL_ARRAY_LEN(c); i++) {
        struct grpc_exchange *x = NULL;
        ck_assert_msg(grpc_exchange_new(&c[i], &x, NULL) == CL_ERR_MALFORMED, "%zu", i);
        ck_assert_ptr_null(x);
    }
}
END_TEST

/* --- replies
 * -------------------------------------------------------------------------------------------- */

static void drain(struct grpc_exchange *x)
{
    const uint8_t *out = NULL;
    size_t len = 0;
    do {
        ck_assert_int_eq(grpc_exchange_output(x, &out, &len, NULL), CL_OK);
    } while (len > 0);
}

/* The call with these bytes as everything the server says. */
static enum cl_status reply(const void *data, size_t len, unsigned *ret_code, struct cl_buf *ret,
                            struct cl_err *err)
{
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
    *ret_code = CL_GRPC_UNKNOWN;
    *err = (struct cl_err){0};
    ck_assert_int_eq(grpc_exchange_new(&call, &x, NULL), CL_OK);
    drain(x);
    CL_TRY(grpc_exchange_input(x, data, len, err));
    drain(x);
    return grpc_exchange_result(x, ret_code, ret, err);
}

START_TEST(test_a_good_reply_and_each_truncation)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    struct cl_err err;
    unsigned code = 0;
    put_good_reply(&b);
    ck_assert_msg(reply(b.data, b.len, &code, &m, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(code, 0);
    ck_assert_str_eq((char *)m.data, "abc");
    for (size_t n = 0; n < b.len; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf none = {0};
        ck_assert_int_eq(reply(b.data, n, &code, &none, &err), CL_ERR_UNAVAILABLE);
        ck_assert_str_eq(err.msg, "connection: expected an answer, got its end");
        ck_assert_uint_eq(none.len, 0);
        ck_assert_uint_eq(code, CL_GRPC_UNKNOWN);
    }
    /* In any two pieces. */
    for (size_t n = 0; n < b.len; n++) {
        CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
        CL_CLEANUP(cl_buf_done) struct cl_buf again = {0};
        ck_assert_int_eq(grpc_exchange_new(&call, &x, NULL), CL_OK);
        drain(x);
        ck_assert_int_eq(grpc_exchange_input(x, b.data, n, NULL), CL_OK);
        ck_assert(!grpc_exchange_over(x));
        ck_assert_int_eq(grpc_exchange_input(x, b.data + n, b.len - n, NULL), CL_OK);
        ck_assert(grpc_exchange_over(x));
        ck_assert_int_eq(grpc_exchange_result(x, &code, &again, NULL), CL_OK);
        ck_assert_uint_eq(again.len, 3);
    }
}
END_TEST

START_TEST(test_each_changed_byte)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct cl_err err;
    unsigned code = 0;
    put_good_reply(&b);
    for (size_t n = 0; n < 256 * b.len; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
        uint8_t was = b.data[n / 256];
        b.data[n / 256] = (uint8_t)n;
        if (reply(b.data, b.len, &code, &m, &err) != CL_OK) {
            ck_assert_uint_eq(m.len, 0);
        }
        b.data[n / 256] = was;
    }
}
END_TEST

/* Head, data and trailers; NULL leaves one out. */
static enum cl_status reply_of(const char *const *head, const void *data, size_t len,
                               const char *const *trailer, unsigned *ret_code, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    put_frame(&b, H2_SETTINGS, 0, 0, NULL, 0);
    if (head != NULL) {
        put_headers(&b, trailer == NULL && data == NULL ? H2_END_STREAM : 0, head);
    }
    if (data != NULL) {
        put_frame(&b, H2_DATA, trailer == NULL ? H2_END_STREAM : 0, 1, data, len);
    }
    if (trailer != NULL) {
        put_headers(&b, H2_END_STREAM, trailer);
    }
    enum cl_status st = reply(b.data, b.len, ret_code, &m, err);
    ck_assert(st == CL_OK || m.len == 0);
    return st;
}

#define ABC "\0\0\0\0\3abc", 8

START_TEST(test_statuses_from_trailers)
{
    static const struct {
        const char *code, *text, *msg;
        enum cl_status status;
        unsigned want;
    } t[] = {
        {"5", "image%20%22x%22: not found",
         "grpc-status: expected OK, got NotFound: image \"x\": not found", CL_ERR_REJECTED, 5},
        {"14", "", "grpc-status: expected OK, got Unavailable: ", CL_ERR_UNAVAILABLE, 14},
        {"12", "unknown service", "grpc-status: expected OK, got Unimplemented: unknown service",
         CL_ERR_UNSUPPORTED, 12},
        {"77", "x", "grpc-status: expected OK, got Unknown: x", CL_ERR_UNAVAILABLE, 77},
    };
    struct cl_err err;
    unsigned code = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        const char *const trailer[] = {"grpc-status", t[i].code, "grpc-message", t[i].text, NULL};
        const char *const only[] = {
            ":status",     "200",     "content-type", "application/grpc+proto",
            "grpc-status", t[i].code, "grpc-message", t[i].text,
            NULL};
        /* After a message, without one, and as the only block of headers. */
        ck_assert_int_eq(reply_of(good_head, ABC, trailer, &code, &err), t[i].status);
        ck_assert_str_eq(err.msg, t[i].msg);
        ck_assert_uint_eq(code, t[i].want);
        ck_assert_int_eq(reply_of(good_head, NULL, 0, trailer, &code, &err), t[i].status);
        ck_assert_int_eq(reply_of(only, NULL, 0, NULL, &code, &err), t[i].status);
        ck_assert_str_eq(err.msg, t[i].msg);
    }
    /* What a terminal would act on does not come through. */
    const char *const escape[] = {"grpc-status", "2", "grpc-message", "%1B[2J%07", NULL};
    ck_assert_int_eq(reply_of(good_head, NULL, 0, escape, &code, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_null(strchr(err.msg, '\x1b'));
}
END_TEST

START_TEST(test_replies_that_are_none)
{
    static const char *const no_type[] = {":status", "200", NULL};
    static const char *const html[] = {":status", "200", "content-type", "text/html", NULL};
    static const char *const like[] = {":status", "200", "content-type", "application/grpcx", NULL};
    static const char *const not_found[] = {":status", "404", "content-type", "application/grpc",
                                            NULL};
    static const char *const early[] = {
        ":status", "200", "content-type", "application/grpc", "grpc-status", "0", NULL};
    static const char *const no_code[] = {"grpc-message", "x", NULL};
    static const char *const bad_code[] = {"grpc-status", "0x0", NULL};
    static const char *const minus[] = {"grpc-status", "-1", NULL};
    static const char *const empty[] = {"grpc-status", "", NULL};
    static const char *const two[] = {"grpc-status", "0", "grpc-status", "5", NULL};
    static const char *const huge[] = {"grpc-status", "18446744073709551616", NULL};
    static const struct {
        const char *const *head;
        const char *data;
        size_t len;
        const char *const *trailer;
        enum cl_status status;
        const char *msg;
    } t[] = {
        {html, ABC, good_trailer, CL_ERR_MALFORMED,
         "content-type: expected application/grpc, got 'text/html'"},
        {like, ABC, good_trailer, CL_ERR_MALFORMED,
         "content-type: expected application/grpc, got 'application/grpcx'"},
        {no_type, ABC, good_trailer, CL_ERR_MALFORMED, "reply: expected a content-type, got none"},
        {not_found, ABC, good_trailer, CL_ERR_MALFORMED, "HTTP status: expected 200, got 404"},
        /* Missing trailers: the stream ends with the message. */
        {good_head, ABC, NULL, CL_ERR_MALFORMED, "reply: expected a grpc-status, got none"},
        {early, ABC, NULL, CL_ERR_MALFORMED, "reply: expected a grpc-status, got none"},
        {good_head, NULL, 0, NULL, CL_ERR_MALFORMED, "reply: expected a grpc-status, got none"},
        {good_head, ABC, no_code, CL_ERR_MALFORMED, "reply: expected a grpc-status, got none"},
        {good_head, ABC, bad_code, CL_ERR_MALFORMED, "grpc-status"},
        {good_head, ABC, minus, CL_ERR_MALFORMED, "grpc-status"},
        {good_head, ABC, empty, CL_ERR_MALFORMED, "grpc-status"},
        {good_head, ABC, huge, CL_ERR_MALFORMED, "grpc-status"},
        {good_head, ABC, two, CL_ERR_MALFORMED, "grpc-status: expected one, got two"},
        /* OK without a message, with two, with half of one, with a compressed one. */
        {good_head, NULL, 0, good_trailer, CL_ERR_TRUNCATED, "message"},
        {good_head, "\0\0\0\0\1a\0\0\0\0\1b", 12, good_trailer, CL_ERR_MALFORMED, "message"},
        {good_head, "\0\0\0\0\4abc", 8, good_trailer, CL_ERR_TRUNCATED, "message"},
        {good_head, "\0\0\0", 3, good_trailer, CL_ERR_TRUNCATED, "message"},
        {good_head, "\1\0\0\0\3abc", 8, good_trailer, CL_ERR_MALFORMED,
         "message: compressed: expected 0, got 1"},
    };
    struct cl_err err;
    unsigned code = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        enum cl_status st = reply_of(t[i].head, t[i].data, t[i].len, t[i].trailer, &code, &err);
        ck_assert_msg(st == t[i].status && strncmp(err.msg, t[i].msg, strlen(t[i].msg)) == 0,
                      "%zu: %d %s", i, (int)st, err.msg);
    }
}
END_TEST

START_TEST(test_sizes_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    struct cl_err err;
    unsigned code = 0;
    uint8_t data[1 + 4 + 1001] = {0, 0, 0, 1001 >> 8, 1001 & 255};
    ck_assert_int_eq(reply_of(good_head, data, sizeof(data), good_trailer, &code, &err),
                     CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "message: size: expected at most 1000, got more");
    data[4]--;
    ck_assert_int_eq(reply_of(good_head, data, sizeof(data) - 1, good_trailer, &code, &err), CL_OK);
    /* The same in many small frames. */
    put_frame(&b, H2_SETTINGS, 0, 0, NULL, 0);
    put_headers(&b, 0, good_head);
    for (size_t i = 0; i < 2000; i++) {
        put_frame(&b, H2_DATA, 0, 1, "", 1);
    }
    ck_assert_int_eq(reply(b.data, b.len, &code, &m, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "message: size: expected at most 1000, got more");
}
END_TEST

START_TEST(test_headers_are_bounded)
{
    static char value[8001];
    struct cl_err err;
    unsigned code = 0;
    memset(value, 'v', sizeof(value) - 1);
    const char *const one[] = {":status", "200", "content-type", "application/grpc", "a",
                               value,     NULL};
    const char *const three[] = {
        ":status", "200", "content-type", "application/grpc", "a", value, "b", value, "c",
        value,     NULL};
    ck_assert_int_eq(reply_of(one, ABC, good_trailer, &code, &err), CL_OK);
    ck_assert_int_eq(reply_of(three, ABC, good_trailer, &code, &err), CL_ERR_MALFORMED);
    /* Head and trailers count together. */
    const char *const trailer[] = {"grpc-status", "0", "a", value, "b", value, NULL};
    ck_assert_int_eq(reply_of(one, ABC, trailer, &code, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "headers: expected at most 16384 bytes, got more");
}
END_TEST

/* A block that never ends, in CONTINUATION frames. */
START_TEST(test_endless_continuations)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf block = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    struct cl_err err;
    unsigned code = 0;
    const char *const small[] = {"x", "y", NULL};
    put_block(&block, good_head);
    put_frame(&b, H2_SETTINGS, 0, 0, NULL, 0);
    put_frame(&b, H2_HEADERS, 0, 1, block.data, block.len);
    cl_buf_reset(&block);
    put_block(&block, small);
    for (size_t i = 0; i < 5000; i++) {
        put_frame(&b, H2_CONTINUATION, 0, 1, block.data, block.len);
    }
    ck_assert_int_eq(reply(b.data, b.len, &code, &m, &err), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_other_frames)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    static const uint8_t goaway_0[8] = {0};
    static const uint8_t goaway_1[8] = {0, 0, 0, 1};
    static const uint8_t window[4] = {0x7f, 0xff, 0xff, 0xff};
    struct cl_err err;
    unsigned code = 0;
    for (int i = 0; i < 8; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
        enum cl_status want = CL_ERR_MALFORMED;
        put_frame(&b, H2_SETTINGS, 0, 0, NULL, 0);
        switch (i) {
        case 0: /* no HTTP/2 at all */
            cl_buf_reset(&b);
            put_bytes(&b, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
            break;
        case 1: /* reset before an answer */
            put_frame(&b, H2_RST, 0, 1, cancel, sizeof(cancel));
            want = CL_ERR_UNAVAILABLE;
            break;
        case 2: /* the server takes no streams any more */
            put_frame(&b, H2_GOAWAY, 0, 0, goaway_0, sizeof(goaway_0));
            want = CL_ERR_UNAVAILABLE;
            break;
        case 3: /* it goes, but answers first */
            put_frame(&b, H2_GOAWAY, 0, 0, goaway_1, sizeof(goaway_1));
            put_headers(&b, 0, good_head);
            put_frame(&b, H2_DATA, 0, 1, ABC);
            put_headers(&b, H2_END_STREAM, good_trailer);
            want = CL_OK;
            break;
        case 4: /* a frame that is too long */
            put_bytes(&b, "\xff\xff\xff\0\0\0\0\0\1", 9);
            break;
        case 5: /* a window that overflows */
            put_frame(&b, H2_WINDOW, 0, 0, window, sizeof(window));
            put_frame(&b, H2_WINDOW, 0, 0, window, sizeof(window));
            break;
        case 6: /* data before headers */
            put_frame(&b, H2_DATA, 0, 1, ABC);
            break;
        default: /* a push, which nobody asked for, on our stream */
            put_frame(&b, H2_PUSH, H2_END_HEADERS, 1, "\0\0\0\1", 4);
        }
        enum cl_status st = reply(b.data, b.len, &code, &m, &err);
        ck_assert_msg(st == want, "%d: %d %s", i, (int)st, err.msg);
    }
}
END_TEST

START_TEST(test_pings_without_end_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
    enum cl_status st = CL_OK;
    put_frame(&b, H2_SETTINGS, 0, 0, NULL, 0);
    ck_assert_int_eq(grpc_exchange_new(&call, &x, NULL), CL_OK);
    ck_assert_int_eq(grpc_exchange_input(x, b.data, b.len, NULL), CL_OK);
    cl_buf_reset(&b);
    put_frame(&b, H2_PING, 0, 0, "12345678", 8);
    for (unsigned i = 0; i < 100000 && st == CL_OK; i++) {
        drain(x);
        st = grpc_exchange_input(x, b.data, b.len, NULL);
    }
    ck_assert_int_eq(st, CL_ERR_MALFORMED);
}
END_TEST

/* --- over a socket
 * --------------------------------------------------------------------------------------- */

struct server {
    int fd;
    const void *data;
    size_t len;
    bool hold;    /* keep the connection open */
    bool trickle; /* a byte at a time */
    pthread_t thread;
};

/* Is the frame that opens the stream among these bytes? No server answers before. */
static bool has_request(const uint8_t *p, size_t len)
{
    size_t at = 24; /* the preface */
    while (at + 9 <= len && p[at + 3] != H2_HEADERS) {
        at += 9 + ((size_t)p[at] << 16 | (size_t)p[at + 1] << 8 | p[at + 2]);
    }
    return at + 9 <= len;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    uint8_t sink[4096];
    size_t got = 0;
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    while (!has_request(sink, got)) {
        ssize_t n = recv(fd, sink + got, sizeof(sink) - got, 0);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    for (size_t i = 0; s->trickle && i < s->len; i++) {
        (void)send(fd, (const char *)s->data + i, 1, MSG_NOSIGNAL);
        (void)usleep(100);
    }
    if (!s->trickle && s->len > 0) {
        (void)send(fd, s->data, s->len, MSG_NOSIGNAL);
    }
    while (s->hold && recv(fd, sink, sizeof(sink), 0) > 0) {
    }
    (void)close(fd);
    return NULL;
}

static enum cl_status over_socket(struct server *s, unsigned timeout_ms, size_t request,
                                  struct cl_buf *ret, struct cl_err *err)
{
    static char big[CL_GRPC_MAX_REPLY];
    struct cl_grpc_call c = call;
    unsigned code = 0;
    *err = (struct cl_err){0};
    c.timeout_ms = timeout_ms;
    c.message = big;
    c.len = request;
    ck_assert_int_eq(cl_unix_listen("s", &s->fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
    enum cl_status st = cl_grpc_unary("s", &c, &code, ret, err);
    ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
    (void)close(s->fd);
    return st;
}

START_TEST(test_over_a_socket)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    struct cl_err err;
    put_good_reply(&b);
    for (int i = 0; i < 4; i++) {
        struct server s = {.data = b.data, .len = b.len, .hold = i % 2 == 0, .trickle = i < 2};
        cl_buf_reset(&m);
        ck_assert_msg(over_socket(&s, 20000, 7, &m, &err) == CL_OK, "%s", err.msg);
        ck_assert_uint_eq(m.len, 3);
    }
}
END_TEST

START_TEST(test_servers_that_are_silent_or_gone)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    struct cl_err err;
    put_good_reply(&b);
    struct server silent = {.hold = true};
    uint64_t begin = cl_monotonic_us();
    ck_assert_int_eq(over_socket(&silent, 300, 7, &m, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "'s': /a.b.C/Get: deadline: expected an answer, got none in time");
    ck_assert_uint_ge(cl_monotonic_us() - begin, 290000);
    /* Half an answer, and nothing more; a request that does not fit into the window. */
    struct server half = {.data = b.data, .len = b.len / 2, .hold = true};
    ck_assert_int_eq(over_socket(&half, 300, 7, &m, &err), CL_ERR_UNAVAILABLE);
    struct server full = {.hold = true};
    ck_assert_int_eq(over_socket(&full, 300, CL_GRPC_MAX_REPLY, &m, &err), CL_ERR_UNAVAILABLE);
    struct server gone = {.hold = false};
    ck_assert_int_eq(over_socket(&gone, 20000, 7, &m, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "'s': /a.b.C/Get: connection: expected an answer, got its end");
    ck_assert_int_eq(cl_grpc_unary("none", &call, NULL, &m, &err), CL_ERR_SYS);
    ck_assert_uint_eq(m.len, 0);
    /* A listener whose backlog is full. */
    int fd = -1;
    int fill[200];
    size_t count = 0;
    ck_assert_int_eq(cl_unix_listen("s", &fd, NULL), CL_OK);
    struct cl_grpc_call c = call;
    c.timeout_ms = 300;
    while (count < CL_ARRAY_LEN(fill) &&
           cl_unix_connect_within("s", 100, &fill[count], NULL) == CL_OK) {
        count++;
    }
    ck_assert_uint_lt(count, CL_ARRAY_LEN(fill));
    ck_assert_int_eq(cl_grpc_unary("s", &c, NULL, &m, &err), CL_ERR_SYS);
    while (count > 0) {
        (void)close(fill[--count]);
    }
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grpc");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_messages);
    tcase_add_test(t, test_texts);
    tcase_add_test(t, test_codes);
    tcase_add_test(t, test_the_request);
    tcase_add_test(t, test_calls_that_break_their_limits);
    tcase_add_test(t, test_a_good_reply_and_each_truncation);
    tcase_add_test(t, test_each_changed_byte);
    tcase_add_test(t, test_statuses_from_trailers);
    tcase_add_test(t, test_replies_that_are_none);
    tcase_add_test(t, test_sizes_are_bounded);
    tcase_add_test(t, test_headers_are_bounded);
    tcase_add_test(t, test_endless_continuations);
    tcase_add_test(t, test_other_frames);
    tcase_add_test(t, test_pings_without_end_are_bounded);
    tcase_add_test(t, test_over_a_socket);
    tcase_add_test(t, test_servers_that_are_silent_or_gone);
    suite_add_tcase(s, t);
    return run_suite(s);
}
