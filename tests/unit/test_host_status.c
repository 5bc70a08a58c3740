/* SPDX-License-Identifier: Apache-2.0
 * test_host_status.c - the VMM's events as hostile bytes: in any pieces, too long, of wrong types.
 */
#include "host/status.h"

#include "check_main.h"

#include <stdio.h>
#include <string.h>

#define HEX96                                                                                      \
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d" \
    "2e2f"

struct heard {
    struct host_event e[8];
    size_t count;
};

static void on_event(void *ctx, const struct host_event *e)
{
    struct heard *h = ctx;
    ck_assert_uint_lt(h->count, CL_ARRAY_LEN(h->e));
    h->e[h->count++] = *e;
}

static const char three[] =
    "{\"event\":\"mark\",\"name\":\"vmm.start\",\"us\":17}\n"
    "{\"event\":\"launched\",\"measurement\":\"" HEX96 "\"}\n"
    "{\"event\":\"end\",\"status\":\"refused\",\"code\":12,\"reason\":\"a \\u001b[31m word\"}\n";

static void check_three(const struct heard *h)
{
    ck_assert_uint_eq(h->count, 3);
    ck_assert_int_eq(h->e[0].kind, HOST_EVENT_MARK);
    ck_assert_str_eq(h->e[0].name, "vmm.start");
    ck_assert_uint_eq(h->e[0].us, 17);
    ck_assert_int_eq(h->e[1].kind, HOST_EVENT_LAUNCHED);
    ck_assert_str_eq(h->e[1].name, HEX96);
    ck_assert_int_eq(h->e[2].kind, HOST_EVENT_END);
    ck_assert_str_eq(h->e[2].name, "refused");
    ck_assert_int_eq(h->e[2].code, 12);
    ck_assert_ptr_null(strchr(h->e[2].reason, '\x1b'));
    ck_assert_ptr_nonnull(strstr(h->e[2].reason, " word"));
}

START_TEST(test_events_in_any_pieces)
{
    for (size_t cut = 0; cut < sizeof(three); cut++) {
        struct host_status s = {0};
        struct heard h = {0};
        host_status_feed(&s, three, cut, on_event, &h);
        host_status_feed(&s, three + cut, sizeof(three) - 1 - cut, on_event, &h);
        check_three(&h);
    }
}
END_TEST

START_TEST(test_every_truncated_line_is_no_event)
{
    const char *line = strchr(strchr(three, '\n') + 1, '\n') + 1;
    for (size_t len = 0; len < strlen(line) - 1; len++) {
        struct host_status s = {0};
        struct heard h = {0};
        host_status_feed(&s, line, len, on_event, &h);
        host_status_feed(&s, "\n", 1, on_event, &h);
        ck_assert_uint_eq(h.count, 0);
    }
}
END_TEST

START_TEST(test_what_is_no_event_is_passed_over)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"event\":1}",
        "{\"event\":\"other\"}",
        "{\"event\":\"mark\",\"name\":\"a\"}",
        "{\"event\":\"mark\",\"name\":\"a\",\"us\":-1}",
        "{\"event\":\"mark\",\"name\":1,\"us\":1}",
        "{\"event\":\"launched\"}",
        "{\"event\":\"launched\",\"measurement\":\"00\"}",
        "{\"event\":\"launched\",\"measurement\":\"" HEX96 "00\"}",
        "{\"event\":\"end\",\"status\":\"panic\"}",
        "{\"event\":\"end\",\"reason\":\"panic\"}",
        "{\"event\":\"mark\",\"name\":\"a\",\"us\":1}x",
    };
    struct host_status s = {0};
    struct heard h = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        host_status_feed(&s, bad[i], strlen(bad[i]), on_event, &h);
        host_status_feed(&s, "\n", 1, on_event, &h);
        ck_assert_msg(h.count == 0, "%s", bad[i]);
    }
    host_status_feed(&s, three, sizeof(three) - 1, on_event, &h);
    check_three(&h);
}
END_TEST

START_TEST(test_a_line_that_is_too_long_is_passed_over_whole)
{
    static char longest[3 * HOST_STATUS_LINE];
    struct host_status s = {0};
    struct heard h = {0};
    memset(longest, ' ', sizeof(longest));
    /* What stands at its end would be an event by itself. */
    memcpy(longest + sizeof(longest) - 41, "{\"event\":\"mark\",\"name\":\"vmm.start\",\"us\":1}",
           41);
    host_status_feed(&s, longest, sizeof(longest), on_event, &h);
    host_status_feed(&s, "\n", 1, on_event, &h);
    ck_assert_uint_eq(h.count, 0);
    host_status_feed(&s, three, sizeof(three) - 1, on_event, &h);
    check_three(&h);
}
END_TEST

START_TEST(test_long_texts_are_cut)
{
    struct host_status s = {0};
    struct heard h = {0};
    char line[1500];
    char name[1001];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    int n = snprintf(line, sizeof(line), "{\"event\":\"end\",\"status\":\"%s\",\"reason\":\"r\"}\n",
                     name);
    host_status_feed(&s, line, (size_t)n, on_event, &h);
    ck_assert_uint_eq(h.count, 1);
    ck_assert_uint_eq(strlen(h.e[0].name), sizeof(h.e[0].name) - 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host_status");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_events_in_any_pieces);
    tcase_add_test(t, test_every_truncated_line_is_no_event);
    tcase_add_test(t, test_what_is_no_event_is_passed_over);
    tcase_add_test(t, test_a_line_that_is_too_long_is_passed_over_whole);
    tcase_add_test(t, test_long_texts_are_cut);
    suite_add_tcase(s, t);
    return run_suite(s);
}
