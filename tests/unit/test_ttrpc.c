/* SPDX-License-Identifier: Apache-2.0
 * test_ttrpc.c - frames and inner messages of ttrpc.
 */
#include "rpc/ttrpc.h"

#include "base/io.h"
#include "check_main.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t good_header[] = {0, 0, 0, 5, 0, 0, 0, 7, 1, 0};

START_TEST(test_header_is_read_big_endian)
{
    struct cl_ttrpc_header h;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_ttrpc_header_parse(good_header, &h, &err), CL_OK);
    ck_assert_uint_eq(h.data_len, 5);
    ck_assert_uint_eq(h.stream, 7);
    ck_assert_uint_eq(h.type, CL_TTRPC_REQUEST);
}
END_TEST

START_TEST(test_header_rejects_each_field_out_of_range)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *message;
        size_t offset;
    } cases[] = {
        {0, 1, "ttrpc header: length: expected at most 262144, got 16777221", 0},
        {7, 8, "ttrpc header: stream: expected odd, got 8", 4},
        {8, 3, "ttrpc header: type: expected 1 or 2, got 3", 8},
        {8, 0, "ttrpc header: type: expected 1 or 2, got 0", 8},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        uint8_t raw[CL_TTRPC_HEADER_SIZE];
        struct cl_ttrpc_header h;
        struct cl_err err = {0};
        memcpy(raw, good_header, sizeof(raw));
        raw[cases[i].at] = cases[i].value;
        ck_assert_int_eq(cl_ttrpc_header_parse(raw, &h, &err), CL_ERR_MALFORMED);
        ck_assert_str_eq(err.msg, cases[i].message);
        ck_assert_uint_eq(err.offset, cases[i].offset);
    }
}
END_TEST

/* What cl_ttrpc_read makes of these bytes followed by the end of the stream. */
static enum cl_status read_bytes(const uint8_t *data, size_t len, bool *ret_eof, struct cl_buf *out,
                                 struct cl_err *err)
{
    int sv[2];
    struct cl_ttrpc_header h;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
    ck_assert_int_eq(cl_write_all(sv[0], data, len, "test", NULL), CL_OK);
    (void)close(sv[0]);
    enum cl_status st = cl_ttrpc_read(sv[1], &h, out, ret_eof, err);
    (void)close(sv[1]);
    return st;
}

START_TEST(test_frame_every_truncation)
{
    const uint8_t frame[] = {0, 0, 0, 5, 0, 0, 0, 7, 1, 0, 'h', 'e', 'l', 'l', 'o'};
    for (size_t len = 0; len <= sizeof(frame); len++) {
        struct cl_buf out = {0};
        struct cl_err err = {0};
        bool eof = false;
        enum cl_status st = read_bytes(frame, len, &eof, &out, &err);
        if (len == 0) {
            ck_assert_int_eq(st, CL_OK);
            ck_assert(eof);
        } else if (len < sizeof(frame)) {
            ck_assert_int_eq(st, CL_ERR_TRUNCATED);
        } else {
            ck_assert_int_eq(st, CL_OK);
            ck_assert(!eof);
            ck_assert_uint_eq(out.len, 5);
            ck_assert_mem_eq(out.data, "hello", 5);
        }
        cl_buf_done(&out);
    }
}
END_TEST

START_TEST(test_write_refuses_more_than_a_frame)
{
    struct cl_err err = {0};
    char *big = calloc(1, CL_TTRPC_MAX_FRAME + 1);
    ck_assert_ptr_nonnull(big);
    ck_assert_int_eq(cl_ttrpc_write(-1, 1, CL_TTRPC_REQUEST, big, CL_TTRPC_MAX_FRAME + 1, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "ttrpc frame: length: expected at most 262144, got 262145");
    free(big);
}
END_TEST

START_TEST(test_request_bytes_are_containerds)
{
    /* service = "s", method = "m", payload = 01 02 */
    const uint8_t wire[] = {0x0a, 1, 's', 0x12, 1, 'm', 0x1a, 2, 1, 2};
    struct cl_buf out = {0};
    struct cl_err err = {0};
    struct cl_ttrpc_request r = {0};
    ck_assert_int_eq(cl_ttrpc_request_encode("s", "m", "\x01\x02", 2, &out, &err), CL_OK);
    ck_assert_uint_eq(out.len, sizeof(wire));
    ck_assert_mem_eq(out.data, wire, sizeof(wire));
    ck_assert_int_eq(cl_ttrpc_request_parse(wire, sizeof(wire), &r, &err), CL_OK);
    ck_assert_str_eq(r.service, "s");
    ck_assert_str_eq(r.method, "m");
    ck_assert_uint_eq(r.payload_len, 2);
    cl_ttrpc_request_done(&r);
    cl_buf_done(&out);
}
END_TEST

START_TEST(test_response_carries_status)
{
    const uint8_t wire[] = {0x0a, 6, 0x08, 9, 0x12, 2, 'n', 'o'};
    struct cl_buf out = {0};
    struct cl_err err = {0};
    struct cl_ttrpc_response r = {0};
    ck_assert_int_eq(
        cl_ttrpc_response_encode(CL_TTRPC_FAILED_PRECONDITION, "no", NULL, 0, &out, &err), CL_OK);
    ck_assert_uint_eq(out.len, sizeof(wire));
    ck_assert_mem_eq(out.data, wire, sizeof(wire));
    ck_assert_int_eq(cl_ttrpc_response_parse(wire, sizeof(wire), &r, &err), CL_OK);
    ck_assert_int_eq(r.code, 9);
    ck_assert_str_eq(r.message, "no");
    cl_ttrpc_response_done(&r);
    cl_buf_done(&out);
}
END_TEST

START_TEST(test_inner_messages_reject_garbage)
{
    const uint8_t bad[] = {0x0a, 0xff, 'x'}; /* a string longer than the input */
    struct cl_err err = {0};
    struct cl_ttrpc_request q = {0};
    struct cl_ttrpc_response r = {0};
    ck_assert_int_eq(cl_ttrpc_request_parse(bad, sizeof(bad), &q, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "ttrpc request: not a protobuf message");
    ck_assert_int_eq(cl_ttrpc_response_parse(bad, sizeof(bad), &r, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "ttrpc response: not a protobuf message");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ttrpc");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_header_is_read_big_endian);
    tcase_add_test(t, test_header_rejects_each_field_out_of_range);
    tcase_add_test(t, test_frame_every_truncation);
    tcase_add_test(t, test_write_refuses_more_than_a_frame);
    tcase_add_test(t, test_request_bytes_are_containerds);
    tcase_add_test(t, test_response_carries_status);
    tcase_add_test(t, test_inner_messages_reject_garbage);
    suite_add_tcase(s, t);
    return run_suite(s);
}
