/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_event_log.c - event logs of TDs: real ones replay to the RTMRs of their quotes; each
 * field out of range, each truncation and each changed event shows.
 */
#include "cloister/tdx_event_log.h"

#include "base/digest.h"
#include "base/encode.h"
#include "check_main.h"
#include "tdx_vectors.h"

#define NONE SIZE_MAX

static void le(struct cl_buf *out, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t b = (uint8_t)(v >> (8 * i));
        ck_assert_int_eq(cl_buf_append(out, &b, 1, NULL), CL_OK);
    }
}

static void zeros(struct cl_buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        le(out, 0, 1);
    }
}

static void put_head(struct cl_buf *out)
{
    le(out, 1, 4);
    le(out, CL_TDX_EVENT_NO_ACTION, 4);
    zeros(out, 20);
    le(out, 33, 4);
    ck_assert_int_eq(cl_buf_append(out, "Spec ID Event03", 16, NULL), CL_OK);
    zeros(out, 8);
    le(out, 1, 4);
    le(out, 0x000C, 2);
    le(out, 48, 2);
    le(out, 0, 1);
}

/* An event whose digest is 48 times `fill`. */
static void put_event(struct cl_buf *out, uint32_t mr, uint32_t type, uint8_t fill)
{
    le(out, mr, 4);
    le(out, type, 4);
    le(out, 1, 4);
    le(out, 0x000C, 2);
    for (int i = 0; i < 48; i++) {
        le(out, fill, 1);
    }
    le(out, 5, 4);
    ck_assert_int_eq(cl_buf_append(out, "words", 5, NULL), CL_OK);
}

static void put_log(struct cl_buf *out)
{
    put_head(out);
    put_event(out, 1, 4, 0);
    put_event(out, 2, 4, 1);
    put_event(out, 2, CL_TDX_EVENT_NO_ACTION, 2);
    put_event(out, 2, 4, 3);
    put_event(out, 3, 4, 4);
}

static struct cl_tdx_event_log *parse(const struct cl_buf *raw)
{
    struct cl_tdx_event_log *log = NULL;
    struct cl_err err = {0};
    ck_assert_msg(cl_tdx_event_log_parse(raw->data, raw->len, &log, &err) == CL_OK, "%s", err.msg);
    return log;
}

static void expect_hex(const uint8_t got[static 48], const char *want)
{
    char text[97];
    cl_hex(text, got, 48);
    ck_assert_str_eq(text, want);
}

START_TEST(test_a_real_log_replays_to_its_quotes_rtmrs)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_replay replay;
    if (!shared_available("tdx")) {
        return;
    }
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tdx_load_quote("v4_cos113.quote.bin");
    tdx_load("cos113_ccel_data.head.bin", &raw);
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = parse(&raw);
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &replay, NULL), CL_OK);
    ck_assert_mem_eq(replay.rtmr, cl_tdx_quote_td(q)->rtmr, sizeof(replay.rtmr));
    ck_assert_uint_gt(replay.extended[0], 0);
    ck_assert_uint_eq(replay.extended[3], 0);
    for (unsigned i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        struct cl_tdx_replay_mismatch mm;
        ck_assert_int_eq(cl_tdx_event_log_explain(log, i, cl_tdx_quote_td(q)->rtmr[i], &mm, NULL),
                         CL_OK);
        ck_assert(!mm.mismatch);
        ck_assert_uint_eq(mm.matched, replay.extended[i]);
    }
}
END_TEST

START_TEST(test_a_direct_boot_log_gives_its_published_values)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_replay replay;
    uint8_t hob[48];
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load("ovmf_direct_boot_ccel_data.bin", &raw);
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = parse(&raw);
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &replay, NULL), CL_OK);
    expect_hex(replay.rtmr[0], "8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e901773"
                               "29ec5aba3bb484404f2ab9cc90abe193");
    expect_hex(replay.rtmr[1], "775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f"
                               "082cda1a5567c1c16305f1fc210c13c6");
    expect_hex(replay.rtmr[2], "94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a76ca7f0b5055ac9d"
                               "2241de43cd58d9e8b49c503bbf25f34a");
    ck_assert_int_eq(cl_unhex(hob, 48,
                              "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fd"
                              "acbb37948f821ebaf8bc9c938ba8a749",
                              "hob", NULL),
                     CL_OK);
    ck_assert_ptr_eq(cl_tdx_event_log_find(log, 0, hob), cl_tdx_event_log_event(log, 0));
    ck_assert_ptr_null(cl_tdx_event_log_find(log, 1, hob));
}
END_TEST

START_TEST(test_published_extensions)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_replay replay;
    put_head(&raw);
    put_event(&raw, 1, 4, 0);
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = parse(&raw);
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &replay, NULL), CL_OK);
    expect_hex(replay.rtmr[0], "f57bb7ed82c6ae4a29e6c9879338c592c7d42a39135583e8ccbe3940f2344b0e"
                               "b6eb8503db0ffd6a39ddd00cd07d8317");
    ck_assert_ptr_null(cl_tdx_event_log_event(log, 1));
}
END_TEST

START_TEST(test_a_mismatch_names_the_first_event_that_is_too_much)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf shorter = {0};
    struct cl_tdx_replay before, after;
    struct cl_tdx_replay_mismatch mm;
    const uint8_t zero[48] = {0}, other[48] = {9};
    put_head(&shorter);
    put_event(&shorter, 2, 4, 1);
    put_log(&raw);
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = parse(&raw);
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *first = parse(&shorter);
    ck_assert_int_eq(cl_tdx_event_log_replay(first, &before, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &after, NULL), CL_OK);
    ck_assert_uint_eq(after.extended[1], 2);
    const struct {
        const uint8_t *value;
        bool mismatch;
        size_t matched, event;
    } cases[] = {{after.rtmr[1], false, 2, NONE},
                 {before.rtmr[1], true, 1, 3}, /* the last event of the register is not in it */
                 {zero, true, 0, 1},
                 {other, true, 0, NONE}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(cl_tdx_event_log_explain(log, 1, cases[i].value, &mm, NULL), CL_OK);
        ck_assert(mm.mismatch == cases[i].mismatch);
        ck_assert_uint_eq(mm.matched, cases[i].matched);
        ck_assert_uint_eq(mm.event, cases[i].event);
    }
}
END_TEST

START_TEST(test_filler_and_end_of_the_log)
{
    static const struct {
        const char *tail;
        size_t len;
        enum cl_status status;
    } cases[] = {
        {"", 0, CL_OK},
        {"\xff\xff\xff", 3, CL_OK},
        {"\0\0\0\0\0\0\0", 7, CL_OK},
        {"\xff\xff\xff\xffrest", 8, CL_OK},
        {"\xff\xff\xfe", 3, CL_ERR_TRUNCATED},
        {"\1\0\0\0", 4, CL_ERR_TRUNCATED},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = NULL;
        put_log(&raw);
        ck_assert_int_eq(cl_buf_append(&raw, cases[i].tail, cases[i].len, NULL), CL_OK);
        ck_assert_msg(cl_tdx_event_log_parse(raw.data, raw.len, &log, NULL) == cases[i].status,
                      "%zu", i);
        if (log != NULL) {
            ck_assert_uint_eq(cl_tdx_event_log_count(log), 5);
        }
    }
}
END_TEST

START_TEST(test_every_truncation_ends_between_events_or_is_refused)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    put_log(&raw);
    const size_t head = 65, event = 71;
    for (size_t n = 0; n < raw.len; n++) {
        CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = NULL;
        bool whole = n >= head && (n - head) % event == 0;
        enum cl_status st = cl_tdx_event_log_parse(raw.data, n, &log, NULL);
        ck_assert_msg((st == CL_OK) == whole, "%zu: %d", n, st);
    }
}
END_TEST

START_TEST(test_fields_out_of_range)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum cl_status status;
        const char *message;
    } cases[] = {
        {4, 4, CL_ERR_UNSUPPORTED, "first event before byte 32: expected the crypto-agile form"},
        {29, 0xFF, CL_ERR_TRUNCATED, "first event"},
        {32, 'X', CL_ERR_UNSUPPORTED, "expected Spec ID Event03"},
        {56, 9, CL_ERR_MALFORMED, "number of algorithms"},
        {56, 0, CL_ERR_MALFORMED, "number of algorithms"},
        {60, 0x0B, CL_ERR_UNSUPPORTED, "expected SHA-384 among them"},
        {62, 32, CL_ERR_UNSUPPORTED, "expected SHA-384 among them"},
        {64, 1, CL_ERR_TRUNCATED, "vendor info"},
        {65, 5, CL_ERR_MALFORMED, "register before byte 73: expected 0 to 4"},
        {73, 0, CL_ERR_MALFORMED, "digest count"},
        {73, 2, CL_ERR_MALFORMED, "expected one that the log announced, once"},
        {73, 9, CL_ERR_MALFORMED, "digest count"},
        {77, 0x0B, CL_ERR_MALFORMED, "expected one that the log announced, once"},
        {128, 0xFF, CL_ERR_TRUNCATED, "event"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        struct cl_tdx_event_log *log = NULL;
        struct cl_err err = {0};
        put_log(&raw);
        raw.data[cases[i].at] = cases[i].value;
        enum cl_status st = cl_tdx_event_log_parse(raw.data, raw.len, &log, &err);
        ck_assert_msg(st == cases[i].status && strstr(err.msg, cases[i].message) != NULL,
                      "%zu: %d %s", i, st, err.msg);
    }
}
END_TEST

START_TEST(test_maxima)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf big = {0};
    struct cl_tdx_event_log *log = NULL;
    struct cl_err err = {0};
    put_head(&raw);
    for (size_t i = 0; i <= CL_TDX_EVENT_LOG_MAX_EVENTS; i++) {
        put_event(&raw, 1, 4, 0);
    }
    ck_assert_int_eq(cl_tdx_event_log_parse(raw.data, raw.len, &log, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "at most 4096"));
    ck_assert_int_eq(cl_buf_reserve(&big, CL_TDX_EVENT_LOG_MAX_SIZE + 1, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_event_log_parse(big.data, CL_TDX_EVENT_LOG_MAX_SIZE + 1, &log, &err),
                     CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "size: expected at most"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_event_log");
    TCase *t = tcase_create("tdx_event_log");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_a_real_log_replays_to_its_quotes_rtmrs);
    tcase_add_test(t, test_a_direct_boot_log_gives_its_published_values);
    tcase_add_test(t, test_published_extensions);
    tcase_add_test(t, test_a_mismatch_names_the_first_event_that_is_too_much);
    tcase_add_test(t, test_filler_and_end_of_the_log);
    tcase_add_test(t, test_every_truncation_ends_between_events_or_is_refused);
    tcase_add_test(t, test_fields_out_of_range);
    tcase_add_test(t, test_maxima);
    suite_add_tcase(s, t);
    return run_suite(s);
}
