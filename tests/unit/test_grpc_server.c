/* SPDX-License-Identifier: Apache-2.0
 * test_grpc_server.c - the gRPC server against clients that ask well, badly, partly, or too much.
 */
#include "grpc/server.h"

#include "base/io.h"
#include "conn.h"
#include "grpc/client.h"
#include "grpc_frames.h"
#include "image_fixture.h"

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define NOW UINT64_C(1000000)
#define HEAD ":status=200 content-type=application/grpc "

/* --- a service
 * ------------------------------------------------------------------------------------------- */

static void say(struct cl_grpc_answer *a, const void *data, size_t len)
{
    ck_assert_int_eq(cl_grpc_message_encode(data, len, &a->messages, NULL), CL_OK);
}

static void serve(void *ctx, const char *path, const uint8_t *message, size_t len,
                  struct cl_grpc_answer *a)
{
    unsigned *calls = ctx;
    if (calls != NULL) {
        (*calls)++;
    }
    if (strcmp(path, "/t.T/Echo") == 0) {
        say(a, message, len);
    } else if (strcmp(path, "/t.T/Many") == 0) {
        say(a, "one", 3);
        say(a, "two", 3);
        say(a, "", 0);
    } else if (strcmp(path, "/t.T/None") != 0) {
        cl_grpc_refuse(a, CL_GRPC_NOT_FOUND, "path '%s': 50%% m\xc3\xbc\n", path);
    }
}

static const struct cl_grpc_service service = {.call = serve};

/* --- requests, as bytes
 * ---------------------------------------------------------------------------------- */

static const char *const good_request[] = {
    ":method",    "POST",      ":scheme", "http",     ":path",        "/t.T/Echo",
    ":authority", "localhost", "te",      "trailers", "content-type", "application/grpc",
    NULL};

static void put_preface(struct cl_buf *b)
{
    put_bytes(b, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    put_frame(b, H2_SETTINGS, 0, 0, NULL, 0);
}

static void put_call_headers(struct cl_buf *b, unsigned stream, int flags, const char *const *nv)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf block = {0};
    put_block(&block, nv);
    put_frame(b, H2_HEADERS, H2_END_HEADERS | flags, stream, block.data, block.len);
}

/* A copy of the good request with one header's value changed, or with one more. */
static void change(const char *ret[32], const char *name, const char *value)
{
    size_t n = 0;
    bool found = false;
    for (; good_request[n] != NULL; n += 2) {
        bool same = strcmp(good_request[n], name) == 0;
        ret[n] = good_request[n];
        ret[n + 1] = same ? value : good_request[n + 1];
        found = found || same;
    }
    if (!found) {
        ret[n++] = name;
        ret[n++] = value;
    }
    ret[n] = NULL;
}

static void put_good_request(struct cl_buf *b, unsigned stream)
{
    put_call_headers(b, stream, 0, good_request);
    put_frame(b, H2_DATA, H2_END_STREAM, stream, "\0\0\0\0\3abc", 8);
}

/* --- answers, as text: "<stream> <headers>" or "<stream> [<data>]", '.' where the stream ends
 * ------------------------------------------------------------------------------------------- */

struct reader {
    nghttp2_hd_inflater *inflater;
    struct cl_buf text;
};

static void reader_done(struct reader *r)
{
    nghttp2_hd_inflate_del(r->inflater);
    cl_buf_done(&r->text);
}

static const char *said(const struct reader *r)
{
    return r->text.data != NULL ? (const char *)r->text.data : "";
}

static void read_block(struct reader *r, const uint8_t *data, size_t len)
{
    int flags = 0;
    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        ssize_t n = nghttp2_hd_inflate_hd2(r->inflater, &nv, &flags, data, len, 1);
        ck_assert_int_ge(n, 0);
        data += n;
        len -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            ck_assert_int_eq(cl_buf_printf(&r->text, NULL, "%.*s=%.*s ", (int)nv.namelen,
                                           (const char *)nv.name, (int)nv.valuelen,
                                           (const char *)nv.value),
                             CL_OK);
        }
    }
    (void)nghttp2_hd_inflate_end_headers(r->inflater);
}

static void read_frame(struct reader *r, int type, int flags, unsigned stream, const uint8_t *data,
                       size_t len)
{
    if (type == H2_SETTINGS || type == H2_WINDOW || type == H2_PING) {
        return;
    }
    ck_assert_int_eq(cl_buf_printf(&r->text, NULL, "%u ", stream), CL_OK);
    if (type == H2_HEADERS) {
        read_block(r, data, len);
    } else if (type == H2_DATA) {
        ck_assert_int_eq(cl_buf_append_str(&r->text, "[", NULL), CL_OK);
        for (size_t i = 0; i < len && i < 100; i++) {
            ck_assert_int_eq(cl_buf_printf(&r->text, NULL, data[i] < 0x20 ? "%u" : "%c", data[i]),
                             CL_OK);
        }
        ck_assert_int_eq(cl_buf_append_str(&r->text, "]", NULL), CL_OK);
    } else {
        ck_assert(type == H2_RST || type == H2_GOAWAY);
        ck_assert_int_eq(cl_buf_printf(&r->text, NULL, "%s %u ", type == H2_RST ? "rst" : "goaway",
                                       (unsigned)data[len >= 8 ? 7 : 3]),
                         CL_OK);
    }
    bool end = (type == H2_HEADERS || type == H2_DATA) && (flags & H2_END_STREAM) != 0;
    ck_assert_int_eq(cl_buf_append_str(&r->text, end ? ".\n" : "\n", NULL), CL_OK);
}

/* What the server has to say now, appended to r->text; "" is something to compare with. */
static void take_output(struct grpc_conn *c, struct reader *r)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf all = {0};
    const uint8_t *out = NULL;
    size_t len = 0;
    if (r->inflater == NULL) {
        ck_assert_int_eq(nghttp2_hd_inflate_new(&r->inflater), 0);
    }
    for (;;) {
        ck_assert_int_eq(grpc_conn_output(c, &out, &len, NULL), CL_OK);
        if (len == 0) {
            break;
        }
        put_bytes(&all, out, len);
    }
    ck_assert_int_eq(cl_buf_append_str(&r->text, "", NULL), CL_OK);
    for (size_t pos = 0; pos < all.len;) {
        const uint8_t *h = all.data + pos;
        size_t size = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
        read_frame(r, h[3], h[4], (unsigned)h[7] << 8 | h[8], h + 9, size);
        pos += 9 + size;
    }
}

/* A new connection that is sent these bytes in pieces of `step`; CL_OK or why it ended. */
static enum cl_status converse_with(const struct cl_grpc_service *s, size_t *pending,
                                    const struct cl_buf *b, size_t step, struct reader *r)
{
    CL_CLEANUP(grpc_conn_freep) struct grpc_conn *c = NULL;
    enum cl_status st = CL_OK;
    ck_assert_int_eq(grpc_conn_new(s, pending, &c, NULL), CL_OK);
    for (size_t pos = 0; pos < b->len && st == CL_OK && !grpc_conn_over(c); pos += step) {
        size_t n = b->len - pos < step ? b->len - pos : step;
        st = grpc_conn_input(c, b->data + pos, n, NOW, NULL);
        take_output(c, r);
    }
    return st;
}

static void expect_conversation(const struct cl_buf *b, size_t step, const char *want)
{
    CL_CLEANUP(reader_done) struct reader r = {0};
    size_t pending = 100000;
    ck_assert_int_eq(converse_with(&service, &pending, b, step, &r), CL_OK);
    ck_assert_str_eq(said(&r), want);
    ck_assert_uint_eq(pending, 100000);
}

static void expect_answer(const char *const *headers, const void *data, size_t len,
                          const char *want)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_preface(&b);
    put_call_headers(&b, 1, 0, headers);
    put_frame(&b, H2_DATA, H2_END_STREAM, 1, data, len);
    expect_conversation(&b, b.len, want);
}

#define ABC "\0\0\0\0\3abc", 8
#define ABC_ANSWER "1 " HEAD "\n1 [00003abc]\n1 grpc-status=0 .\n"

/* --- tests
 * ---------------------------------------------------------------------------------------------- */

START_TEST(test_a_call_in_pieces_of_any_size)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_preface(&b);
    put_good_request(&b, 1);
    for (size_t step = 1; step <= b.len; step++) {
        expect_conversation(&b, step, ABC_ANSWER);
    }
}
END_TEST

START_TEST(test_no_answer_before_the_request_is_complete)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_preface(&b);
    put_good_request(&b, 1);
    for (b.len--; b.len > 0; b.len--) {
        CL_CLEANUP(reader_done) struct reader r = {0};
        size_t pending = 100;
        unsigned calls = 0;
        const struct cl_grpc_service s = {.call = serve, .ctx = &calls};
        ck_assert_int_eq(converse_with(&s, &pending, &b, b.len, &r), CL_OK);
        ck_assert_str_eq(said(&r), "");
        ck_assert_uint_eq(calls, 0);
        ck_assert_uint_eq(pending, 100);
    }
}
END_TEST

START_TEST(test_each_changed_byte)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_preface(&b);
    put_good_request(&b, 1);
    for (size_t n = 0; n < 256 * b.len; n++) {
        CL_CLEANUP(reader_done) struct reader r = {0};
        size_t pending = 100;
        uint8_t was = b.data[n / 256];
        b.data[n / 256] = (uint8_t)n;
        (void)!converse_with(&service, &pending, &b, b.len, &r);
        ck_assert_uint_eq(pending, 100);
        b.data[n / 256] = was;
    }
}
END_TEST

START_TEST(test_no_message_one_and_many)
{
    const char *h[32];
    change(h, ":path", "/t.T/Many");
    expect_answer(h, ABC, "1 " HEAD "\n1 [00003one00003two00000]\n1 grpc-status=0 .\n");
    change(h, ":path", "/t.T/None");
    expect_answer(h, ABC, "1 " HEAD "grpc-status=0 .\n");
    change(h, ":path", "/t.T/No");
    expect_answer(h, ABC,
                  "1 " HEAD "grpc-status=5 grpc-message=path '/t.T/No': 50%25 m%C3%BC%0A .\n");
    change(h, "content-type", "application/grpc+proto");
    expect_answer(h, ABC, ABC_ANSWER);
    change(h, "grpc-encoding", "identity");
    expect_answer(h, ABC, ABC_ANSWER);
    change(h, "grpc-timeout", "1S");
    expect_answer(h, ABC, ABC_ANSWER);
}
END_TEST

START_TEST(test_what_is_not_grpc_is_an_http_error)
{
    const char *h[32];
    change(h, ":method", "GET");
    expect_answer(h, ABC, "1 :status=405 .\n");
    change(h, "content-type", "application/json");
    expect_answer(h, ABC, "1 :status=415 .\n");
    change(h, "content-type", "application/grpcx");
    expect_answer(h, ABC, "1 :status=415 .\n");
}
END_TEST

START_TEST(test_compression_is_refused)
{
    const char *h[32];
    change(h, "grpc-encoding", "gzip");
    expect_answer(h, ABC,
                  "1 " HEAD "grpc-status=12 grpc-message=grpc-encoding: expected identity .\n");
    expect_answer(good_request, "\1\0\0\0\3abc", 8,
                  "1 " HEAD
                  "grpc-status=12 grpc-message=message: compressed: expected 0, got 1 .\n");
}
END_TEST

START_TEST(test_messages_that_are_none)
{
    static const struct {
        const char *data;
        size_t len;
    } t[] = {{"", 0},
             {"\0\0\0\0", 4},
             {"\0\0\0\0\4abc", 8},
             {"\0\0\0\0\2abc", 8},
             {"\2\0\0\0\3abc", 8},
             {"\0\0\0\0\0\0\0\0\0\0", 10}};
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        CL_CLEANUP(reader_done) struct reader r = {0};
        size_t pending = 100;
        put_preface(&b);
        put_call_headers(&b, 1, 0, good_request);
        put_frame(&b, H2_DATA, H2_END_STREAM, 1, t[i].data, t[i].len);
        ck_assert_int_eq(converse_with(&service, &pending, &b, b.len, &r), CL_OK);
        const char *want = "1 " HEAD "grpc-status=13 grpc-message=message: ";
        ck_assert_msg(strncmp(said(&r), want, strlen(want)) == 0, "%zu: %s", i, said(&r));
    }
}
END_TEST

START_TEST(test_timeouts)
{
    static const char *const bad[] = {"", "1", "S", "1s", "123456789S", "-1S", "1SS", "1.5S"};
    static const char *const over[] = {"0S", "0n", "999n", "00000000H"};
    static const struct {
        const char *text;
        uint64_t us;
    } good[] = {{"1H", 3600000000},
                {"2M", 120000000},
                {"3S", 3000000},
                {"4m", 4000},
                {"5u", 5},
                {"6000n", 6},
                {"99999999H", UINT64_C(359999996400000000)}};
    const char *h[32];
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        change(h, "grpc-timeout", bad[i]);
        expect_answer(h, ABC,
                      "1 " HEAD "grpc-status=3 grpc-message=grpc-timeout: expected up to eight "
                      "digits and a unit .\n");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(over); i++) {
        change(h, "grpc-timeout", over[i]);
        expect_answer(h, ABC, "1 " HEAD "grpc-status=4 grpc-message=grpc-timeout: it is over .\n");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        uint64_t us = 0;
        ck_assert_int_eq(cl_grpc_timeout_parse(good[i].text, &us, NULL), CL_OK);
        ck_assert_uint_eq(us, good[i].us);
    }
}
END_TEST

/* Open connection with a request that has not ended. */
static struct grpc_conn *half_a_request(size_t *pending, const char *timeout, struct reader *r)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct grpc_conn *c = NULL;
    const char *h[32];
    change(h, "grpc-timeout", timeout);
    put_preface(&b);
    put_call_headers(&b, 1, 0, h);
    put_frame(&b, H2_DATA, 0, 1, "\0\0\0\0\3a", 6);
    ck_assert_int_eq(grpc_conn_new(&service, pending, &c, NULL), CL_OK);
    ck_assert_uint_eq(grpc_conn_deadline_us(c), UINT64_MAX);
    ck_assert(grpc_conn_idle(c));
    ck_assert_int_eq(grpc_conn_input(c, b.data, b.len, NOW, NULL), CL_OK);
    take_output(c, r);
    ck_assert(!grpc_conn_idle(c));
    ck_assert_str_eq(said(r), "");
    return c;
}

START_TEST(test_a_request_that_does_not_end_in_time)
{
    static const struct {
        const char *timeout;
        uint64_t us;
    } t[] = {{"2S", 2000000}, {"5M", CL_GRPC_SERVER_MAX_CALL_MS * UINT64_C(1000)}};
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        CL_CLEANUP(reader_done) struct reader r = {0};
        size_t pending = 100;
        CL_CLEANUP(grpc_conn_freep)
        struct grpc_conn *c = half_a_request(&pending, t[i].timeout, &r);
        ck_assert_uint_eq(pending, 94);
        ck_assert_uint_eq(grpc_conn_deadline_us(c), NOW + t[i].us);
        ck_assert_int_eq(grpc_conn_tick(c, NOW + t[i].us - 1, NULL), CL_OK);
        take_output(c, &r);
        ck_assert_str_eq(said(&r), "");
        ck_assert_int_eq(grpc_conn_tick(c, NOW + t[i].us, NULL), CL_OK);
        take_output(c, &r);
        ck_assert_str_eq(said(&r),
                         "1 " HEAD "grpc-status=4 grpc-message=request: expected its end in time, "
                         "got none .\n1 rst 0 \n");
        ck_assert(grpc_conn_idle(c));
        ck_assert_uint_eq(pending, 100);
    }
}
END_TEST

/* A window of 4 bytes: the answer does not fit, and nobody makes room. */
START_TEST(test_an_answer_that_is_not_taken_in_time)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(reader_done) struct reader r = {0};
    CL_CLEANUP(grpc_conn_freep) struct grpc_conn *c = NULL;
    size_t pending = 100;
    put_bytes(&b, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    put_frame(&b, H2_SETTINGS, 0, 0, "\0\4\0\0\0\4", 6);
    put_good_request(&b, 1);
    ck_assert_int_eq(grpc_conn_new(&service, &pending, &c, NULL), CL_OK);
    ck_assert_int_eq(grpc_conn_input(c, b.data, b.len, NOW, NULL), CL_OK);
    take_output(c, &r);
    ck_assert_str_eq(said(&r), "1 " HEAD "\n1 [0000]\n");
    cl_buf_reset(&b);
    put_frame(&b, H2_WINDOW, 0, 1, "\0\0\0\2", 4);
    ck_assert_int_eq(grpc_conn_input(c, b.data, b.len, NOW, NULL), CL_OK);
    cl_buf_reset(&r.text);
    take_output(c, &r);
    ck_assert_str_eq(said(&r), "1 [3a]\n");
    ck_assert_int_eq(grpc_conn_tick(c, grpc_conn_deadline_us(c), NULL), CL_OK);
    cl_buf_reset(&r.text);
    take_output(c, &r);
    ck_assert_str_eq(said(&r), "1 rst 8 \n");
    ck_assert(grpc_conn_idle(c));
}
END_TEST

START_TEST(test_sizes_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    static char value[CL_GRPC_SERVER_MAX_HEADERS];
    const char *h[32];
    /* A length that is too much, before the bytes are sent. */
    put_preface(&b);
    put_call_headers(&b, 1, 0, good_request);
    put_frame(&b, H2_DATA, 0, 1, "\0\0\x40\0\1", 5);
    expect_conversation(&b, b.len,
                        "1 " HEAD "grpc-status=8 grpc-message=message: size: expected at most "
                        "4194304, got 4194305 .\n1 rst 0 \n");
    /* Headers. */
    memset(value, 'a', sizeof(value) - 1);
    change(h, "x", value);
    cl_buf_reset(&b);
    put_preface(&b);
    CL_CLEANUP(cl_buf_done) struct cl_buf block = {0};
    put_block(&block, h);
    put_frame(&b, H2_HEADERS, 0, 1, block.data, 16000);
    put_frame(&b, H2_CONTINUATION, H2_END_HEADERS, 1, block.data + 16000, block.len - 16000);
    put_good_request(&b, 3);
    CL_CLEANUP(reader_done) struct reader r = {0};
    size_t pending = 100;
    ck_assert_int_eq(converse_with(&service, &pending, &b, b.len, &r), CL_OK);
    ck_assert_ptr_nonnull(strstr(said(&r), "1 rst "));
    ck_assert_ptr_nonnull(strstr(said(&r), "3 grpc-status=0 ."));
    /* A path that is too long is none of ours. */
    memset(value, 'p', 300);
    value[0] = '/';
    value[300] = '\0';
    change(h, ":path", value);
    cl_buf_reset(&b);
    cl_buf_reset(&r.text);
    put_preface(&b);
    put_call_headers(&b, 1, 0, h);
    put_frame(&b, H2_DATA, H2_END_STREAM, 1, ABC);
    nghttp2_hd_inflate_del(r.inflater);
    r.inflater = NULL;
    ck_assert_int_eq(converse_with(&service, &pending, &b, b.len, &r), CL_OK);
    ck_assert_ptr_nonnull(strstr(said(&r), "grpc-status=5"));
}
END_TEST

START_TEST(test_what_all_requests_take_is_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(reader_done) struct reader r = {0};
    size_t pending = 10;
    put_preface(&b);
    put_call_headers(&b, 1, 0, good_request);
    put_call_headers(&b, 3, 0, good_request);
    put_frame(&b, H2_DATA, 0, 1, "\0\0\0\0\3a", 6);
    put_frame(&b, H2_DATA, 0, 3, "\0\0\0\0\3a", 6);
    put_frame(&b, H2_DATA, H2_END_STREAM, 1, "bc", 2);
    ck_assert_int_eq(converse_with(&service, &pending, &b, b.len, &r), CL_OK);
    ck_assert_ptr_nonnull(strstr(said(&r),
                                 "3 " HEAD "grpc-status=8 grpc-message=message: expected less, or "
                                 "less at once .\n"));
    ck_assert_ptr_nonnull(strstr(said(&r), "1 [00003abc]\n1 grpc-status=0 .\n"));
    ck_assert_uint_eq(pending, 10);
}
END_TEST

START_TEST(test_streams_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(reader_done) struct reader r = {0};
    size_t pending = 100;
    put_preface(&b);
    for (unsigned i = 0; i < CL_GRPC_SERVER_MAX_STREAMS + 2; i++) {
        put_call_headers(&b, 2 * i + 1, 0, good_request);
    }
    (void)!converse_with(&service, &pending, &b, b.len, &r);
    ck_assert(strstr(said(&r), "129 rst 7") != NULL || strstr(said(&r), "goaway") != NULL);
    /* One after the other is no matter. */
    cl_buf_reset(&b);
    put_preface(&b);
    for (unsigned i = 0; i < 10 * CL_GRPC_SERVER_MAX_STREAMS; i++) {
        put_good_request(&b, 2 * i + 1);
    }
    nghttp2_hd_inflate_del(r.inflater);
    r.inflater = NULL;
    cl_buf_reset(&r.text);
    ck_assert_int_eq(converse_with(&service, &pending, &b, 150, &r), CL_OK);
    ck_assert_ptr_nonnull(strstr(said(&r), "1279 grpc-status=0 ."));
}
END_TEST

START_TEST(test_cancelled_calls_are_forgotten)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(reader_done) struct reader r = {0};
    size_t pending = 100;
    CL_CLEANUP(grpc_conn_freep) struct grpc_conn *c = half_a_request(&pending, "9S", &r);
    put_frame(&b, H2_RST, 0, 1, "\0\0\0\x8", 4);
    put_good_request(&b, 3);
    ck_assert_int_eq(grpc_conn_input(c, b.data, b.len, NOW, NULL), CL_OK);
    ck_assert_uint_eq(pending, 100);
    take_output(c, &r);
    ck_assert_ptr_nonnull(strstr(said(&r), "3 grpc-status=0 ."));
}
END_TEST

START_TEST(test_trailers_of_a_request)
{
    static const char *const trailer[] = {"x-late", "1", "grpc-timeout", "0S", NULL};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    put_preface(&b);
    put_call_headers(&b, 1, 0, good_request);
    put_frame(&b, H2_DATA, 0, 1, ABC);
    put_call_headers(&b, 1, H2_END_STREAM, trailer);
    expect_conversation(&b, b.len, ABC_ANSWER);
}
END_TEST

START_TEST(test_not_http2_at_all)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(reader_done) struct reader r = {0};
    size_t pending = 100;
    put_bytes(&b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
    ck_assert_int_eq(converse_with(&service, &pending, &b, b.len, &r), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_texts_are_coded)
{
    static const struct {
        const char *text, *coded;
    } t[] = {
        {"", ""}, {"a b~", "a b~"}, {"100%", "100%25"}, {"a\nb", "a%0Ab"}, {"\xc3\xa4", "%C3%A4"}};
    static char longest[2 * CL_GRPC_TEXT_SIZE];
    char coded[3 * CL_GRPC_TEXT_SIZE], back[CL_GRPC_TEXT_SIZE];
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        cl_grpc_text_encode(t[i].text, coded);
        ck_assert_str_eq(coded, t[i].coded);
        cl_grpc_text_decode(coded, back);
        ck_assert_str_eq(back, t[i].text);
    }
    memset(longest, '\n', sizeof(longest) - 1);
    cl_grpc_text_encode(longest, coded);
    ck_assert_uint_eq(strlen(coded), 3 * (CL_GRPC_TEXT_SIZE - 1));
}
END_TEST

/* --- with sockets
 * ---------------------------------------------------------------------------------------- */

struct running {
    pthread_t thread;
    int listen_fd, stop_fd;
    unsigned calls;
    struct cl_grpc_service service;
    enum cl_status status;
};

static void *run_server(void *arg)
{
    struct running *s = arg;
    s->status = cl_grpc_serve(&s->service, s->listen_fd, s->stop_fd, NULL);
    return NULL;
}

static void start(struct running *s)
{
    s->service = (struct cl_grpc_service){.call = serve, .ctx = &s->calls};
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_int_ge(s->stop_fd, 0);
    ck_assert_int_eq(cl_unix_listen("s", &s->listen_fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, run_server, s), 0);
}

static void stop(struct running *s)
{
    ck_assert_int_eq(eventfd_write(s->stop_fd, 1), 0);
    ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
    ck_assert_int_eq(s->status, CL_OK);
    cl_close_fdp(&s->listen_fd);
    cl_close_fdp(&s->stop_fd);
}

static void expect_echo(const void *data, size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf got = {0};
    struct cl_err err = {0};
    const struct cl_grpc_call call = {.path = "/t.T/Echo",
                                      .message = data,
                                      .len = len,
                                      .max_reply = CL_GRPC_MAX_REPLY,
                                      .timeout_ms = 60000};
    ck_assert_msg(cl_grpc_unary("s", &call, NULL, &got, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(got.len, len);
    ck_assert_mem_eq(got.data, data, len);
}

START_TEST(test_calls_by_our_client)
{
    struct running s = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf big = {0};
    start(&s);
    expect_echo("abc", 3);
    ck_assert_int_eq(cl_buf_reserve(&big, CL_GRPC_SERVER_MAX_REQUEST, NULL), CL_OK);
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_REQUEST; i++) {
        big.data[i] = (uint8_t)(i * 31 >> 8);
    }
    expect_echo(big.data, CL_GRPC_SERVER_MAX_REQUEST); /* many windows each way */
    expect_echo("abc", 3);
    stop(&s);
    ck_assert_uint_eq(s.calls, 3);
}
END_TEST

static void *call_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50; i++) {
        expect_echo("abc", 3);
    }
    return NULL;
}

START_TEST(test_many_clients_at_once)
{
    struct running s = {0};
    pthread_t t[8];
    start(&s);
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        ck_assert_int_eq(pthread_create(&t[i], NULL, call_often, NULL), 0);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        ck_assert_int_eq(pthread_join(t[i], NULL), 0);
    }
    stop(&s);
    ck_assert_uint_eq(s.calls, 400);
}
END_TEST

/* More than there is room for, saying nothing, or nonsense: a call gets through. */
START_TEST(test_idle_and_mad_clients_do_not_keep_others_out)
{
    struct running s = {0};
    int fd[CL_GRPC_SERVER_MAX_CONNECTIONS + 8];
    start(&s);
    for (size_t i = 0; i < CL_ARRAY_LEN(fd); i++) {
        ck_assert_int_eq(cl_unix_connect("s", &fd[i], NULL), CL_OK);
        if (i % 2 == 0) {
            ck_assert_int_eq(send(fd[i], "nonsense nonsense nonsense", 26, MSG_NOSIGNAL), 26);
        }
    }
    expect_echo("abc", 3);
    for (size_t i = 0; i < CL_ARRAY_LEN(fd); i++) {
        (void)close(fd[i]);
    }
    expect_echo("abc", 3);
    stop(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grpc server");
    TCase *tc = tcase_create("bytes");
    tcase_add_test(tc, test_a_call_in_pieces_of_any_size);
    tcase_add_test(tc, test_no_answer_before_the_request_is_complete);
    tcase_add_test(tc, test_each_changed_byte);
    tcase_add_test(tc, test_no_message_one_and_many);
    tcase_add_test(tc, test_what_is_not_grpc_is_an_http_error);
    tcase_add_test(tc, test_compression_is_refused);
    tcase_add_test(tc, test_messages_that_are_none);
    tcase_add_test(tc, test_timeouts);
    tcase_add_test(tc, test_a_request_that_does_not_end_in_time);
    tcase_add_test(tc, test_an_answer_that_is_not_taken_in_time);
    tcase_add_test(tc, test_sizes_are_bounded);
    tcase_add_test(tc, test_what_all_requests_take_is_bounded);
    tcase_add_test(tc, test_streams_are_bounded);
    tcase_add_test(tc, test_cancelled_calls_are_forgotten);
    tcase_add_test(tc, test_trailers_of_a_request);
    tcase_add_test(tc, test_not_http2_at_all);
    tcase_add_test(tc, test_texts_are_coded);
    suite_add_tcase(s, tc);
    TCase *sockets = tcase_create("sockets");
    tcase_add_checked_fixture(sockets, fixture_up, fixture_down);
    tcase_add_test(sockets, test_calls_by_our_client);
    tcase_add_test(sockets, test_many_clients_at_once);
    tcase_add_test(sockets, test_idle_and_mad_clients_do_not_keep_others_out);
    suite_add_tcase(s, sockets);
    return run_suite(s);
}
