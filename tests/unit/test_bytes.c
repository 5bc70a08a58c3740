/* SPDX-License-Identifier: Apache-2.0
 * test_bytes.c - reader, writer, buffers, secrets, errors.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "check_main.h"

#include <string.h>

START_TEST(test_reader_reads_each_width)
{
    const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct cl_reader r = cl_reader_init(in, sizeof(in));
    ck_assert_uint_eq(cl_reader_u8(&r, "a"), 1);
    ck_assert_uint_eq(cl_reader_le16(&r, "b"), 0x0302);
    ck_assert_uint_eq(cl_reader_be32(&r, "c"), 0x04050607);
    ck_assert(cl_reader_le64(&r, "d") == 0x0f0e0d0c0b0a0908ull);
    ck_assert_int_eq(cl_reader_finish(&r, "t", NULL), CL_OK);
}
END_TEST

START_TEST(test_reader_rejects_length_past_end)
{
    const uint8_t in[4] = {1, 2, 3, 4};
    struct cl_reader r = cl_reader_init(in, sizeof(in));
    struct cl_err err = {0};
    ck_assert_uint_eq(cl_reader_be16(&r, "first"), 0x0102);
    ck_assert_ptr_null(cl_reader_bytes(&r, SIZE_MAX, "huge"));
    ck_assert_uint_eq(cl_reader_u8(&r, "later"), 0); /* the failure sticks */
    ck_assert_int_eq(cl_reader_check(&r, "thing", &err), CL_ERR_TRUNCATED);
    ck_assert_str_eq(err.msg,
                     "thing: huge at byte 2: expected more bytes, got the end of the input");
    ck_assert_uint_eq(err.offset, 2);
}
END_TEST

START_TEST(test_reader_rejects_trailing_bytes)
{
    const uint8_t in[3] = {0};
    struct cl_reader r = cl_reader_init(in, sizeof(in));
    struct cl_err err = {0};
    cl_reader_skip(&r, 1, "x");
    ck_assert_int_eq(cl_reader_finish(&r, "thing", &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "thing: 2 bytes left over at byte 1");
}
END_TEST

START_TEST(test_sub_reader_is_confined)
{
    const uint8_t in[6] = {1, 2, 3, 4, 5, 6};
    struct cl_reader r = cl_reader_init(in, sizeof(in));
    struct cl_reader sub = cl_reader_sub(&r, 2, "sub");
    ck_assert_uint_eq(cl_reader_be16(&sub, "a"), 0x0102);
    ck_assert_uint_eq(cl_reader_u8(&sub, "b"), 0);
    ck_assert_ptr_nonnull(sub.failed);
    ck_assert_uint_eq(cl_reader_u8(&r, "c"), 3);
    ck_assert_ptr_null(r.failed);
    struct cl_reader none = cl_reader_sub(&r, 9, "too long");
    ck_assert_str_eq(none.failed, "too long");
}
END_TEST

START_TEST(test_writer_refuses_overflow)
{
    uint8_t out[7];
    struct cl_writer w = cl_writer_init(out, sizeof(out));
    cl_writer_be32(&w, 0x01020304);
    cl_writer_le16(&w, 0x0605);
    ck_assert_int_eq(cl_writer_check(&w, "w", NULL), CL_OK);
    ck_assert_mem_eq(out, ((const uint8_t[]){1, 2, 3, 4, 5, 6}), 6);
    cl_writer_le64(&w, 1);
    cl_writer_u8(&w, 1); /* would fit, but the failure sticks */
    ck_assert_uint_eq(w.len, 6);
    ck_assert_int_eq(cl_writer_check(&w, "w", NULL), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_checked_sizes)
{
    size_t s = 77;
    ck_assert(!cl_add_size(SIZE_MAX, 1, &s));
    ck_assert(!cl_mul_size(SIZE_MAX / 2, 3, &s));
    ck_assert_uint_eq(s, 77);
    ck_assert(cl_add_size(1, 2, &s) && s == 3);
}
END_TEST

START_TEST(test_buffer_keeps_a_nul_behind)
{
    struct cl_buf b = {0};
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(cl_buf_printf(&b, NULL, "%d,", i), CL_OK);
    }
    ck_assert_uint_eq(b.len, strlen((char *)b.data));
    const char *s = NULL;
    ck_assert_int_eq(cl_buf_cstr(&b, "b", &s, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&b, "\0x", 2, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_cstr(&b, "b", &s, NULL), CL_ERR_MALFORMED);
    cl_buf_done(&b);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_error_text_is_escaped_and_wrapped)
{
    struct cl_err err = {0};
    ck_assert_int_eq(cl_err_set(&err, CL_ERR_REJECTED, "name '%s'", "a\x1b[2J\n\xff"),
                     CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "name 'a\\x1b[2J\\x0a\\xff'");
    (void)cl_err_wrap(&err, CL_ERR_REJECTED, "file '%s'", "x");
    ck_assert_str_eq(err.msg, "file 'x': name 'a\\x1b[2J\\x0a\\xff'");
    (void)cl_err_sys(&err, 2, "open '%s'", "y");
    ck_assert_str_eq(err.msg, "open 'y': No such file or directory");
    ck_assert_int_eq(cl_err_set(NULL, CL_ERR_NOMEM, "x"), CL_ERR_NOMEM);
    char big[2 * CL_ERR_MSG_SIZE];
    memset(big, '\n', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    (void)cl_err_set(&err, CL_ERR_REJECTED, "%s", big);
    ck_assert_uint_lt(strlen(err.msg), CL_ERR_MSG_SIZE);
}
END_TEST

START_TEST(test_exit_codes_follow_the_contract)
{
    ck_assert_int_eq(cl_status_exit_code(CL_OK), 0);
    ck_assert_int_eq(cl_status_exit_code(CL_ERR_REJECTED), 1);
    ck_assert_int_eq(cl_status_exit_code(CL_ERR_UNAVAILABLE), 3);
    ck_assert_int_eq(cl_status_exit_code(CL_ERR_MALFORMED), 4);
    ck_assert_int_eq(cl_status_exit_code(CL_ERR_TRUNCATED), 4);
    ck_assert_int_eq(cl_status_exit_code(CL_ERR_SYS), 5);
}
END_TEST

START_TEST(test_secret_is_its_own_copy)
{
    char text[] = "hush";
    struct cl_secret s = {0};
    ck_assert_int_eq(cl_secret_from(&s, text, 4, NULL), CL_OK);
    cl_wipe(text, 4);
    ck_assert(cl_ct_equal(s.data, "hush", 4));
    ck_assert(!cl_ct_equal(s.data, "husk", 4));
    cl_secret_done(&s);
    ck_assert_ptr_null(s.data);
    cl_secret_done(&s);
    cl_secret_done(NULL);
    ck_assert_int_eq(cl_secret_random(&s, 0, NULL), CL_OK);
    cl_secret_done(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bytes");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_reader_reads_each_width);
    tcase_add_test(tc, test_reader_rejects_length_past_end);
    tcase_add_test(tc, test_reader_rejects_trailing_bytes);
    tcase_add_test(tc, test_sub_reader_is_confined);
    tcase_add_test(tc, test_writer_refuses_overflow);
    tcase_add_test(tc, test_checked_sizes);
    tcase_add_test(tc, test_buffer_keeps_a_nul_behind);
    tcase_add_test(tc, test_error_text_is_escaped_and_wrapped);
    tcase_add_test(tc, test_exit_codes_follow_the_contract);
    tcase_add_test(tc, test_secret_is_its_own_copy);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
