/* SPDX-License-Identifier: Apache-2.0
 * test_host_allow.c - the relay's allow-list: who may be named, what a name may resolve to.
 */
#include "host/allow.h"

#include "check_main.h"

#include <netdb.h>
#include <string.h>

START_TEST(test_endpoints)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {{"broker.example:8443", "broker.example", 8443},
                {"127.0.0.1:1", "127.0.0.1", 1},
                {"[::1]:65535", "::1", 65535}};
    static const char *const bad[] = {"",           "host",     "host:",  ":80",     "host:0",
                                      "host:65536", "host:8x",  "::1:80", "[::1]",   "[]:80",
                                      "ho st:80",   "host/:80", "a@b:80", "[::1:80", "[host]:80:"};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        struct host_endpoint e;
        ck_assert_msg(host_endpoint_parse(good[i].text, "--x", &e, NULL) == CL_OK, "%s",
                      good[i].text);
        ck_assert_str_eq(e.host, good[i].host);
        ck_assert_uint_eq(e.port, good[i].port);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct host_endpoint e;
        struct cl_err err = {0};
        ck_assert_msg(host_endpoint_parse(bad[i], "--x", &e, &err) == CL_ERR_MALFORMED, "%s",
                      bad[i]);
        ck_assert_ptr_nonnull(strstr(err.msg, "--x: expected host:port, got '"));
    }
}
END_TEST

START_TEST(test_requests)
{
    static const char *const bad[] = {"",
                                      "CLRELAY1",
                                      "CLRELAY1 ",
                                      "CLRELAY1 host",
                                      "CLRELAY1 host ",
                                      "CLRELAY1 host 0",
                                      "CLRELAY1 host 80 ",
                                      "CLRELAY1 host 80x",
                                      "CLRELAY1  80",
                                      "CLRELAY1 ho/st 80",
                                      "CLRELAY2 host 80",
                                      "clrelay1 host 80",
                                      "CLRELAY1 host -1",
                                      "CLRELAY1 host 99999999999999999999"};
    struct host_endpoint e;
    ck_assert_int_eq(host_relay_request_parse("CLRELAY1 broker 8443", &e, NULL), CL_OK);
    ck_assert_str_eq(e.host, "broker");
    ck_assert_uint_eq(e.port, 8443);
    ck_assert_int_eq(host_relay_request_parse("CLRELAY1 ::1 80", &e, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(host_relay_request_parse(bad[i], &e, NULL) == CL_ERR_MALFORMED, "%s", bad[i]);
    }
}
END_TEST

START_TEST(test_both_must_name_it)
{
    const struct host_allow a = {.named = {{"broker", 8443}, {"other", 1}},
                                 .count = 2,
                                 .has_initdata = true,
                                 .initdata = {"broker", 8443}};
    static const struct {
        struct host_endpoint want;
        const char *msg;
    } t[] = {
        {{"broker", 8443}, NULL},
        {{"BROKER", 8443}, NULL},
        {{"broker", 8444}, "expected a broker that the operator named"},
        {{"broke", 8443}, "expected a broker that the operator named"},
        {{"brokers", 8443}, "expected a broker that the operator named"},
        {{"other", 1}, "expected the broker that initdata names, got another"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        struct cl_err err = {0};
        enum cl_status st = host_allow_endpoint(&a, &t[i].want, &err);
        ck_assert_int_eq(st, t[i].msg == NULL ? CL_OK : CL_ERR_REJECTED);
        ck_assert(t[i].msg == NULL || strstr(err.msg, t[i].msg) != NULL);
    }
    const struct host_endpoint want = {"broker", 8443};
    struct host_allow none = a;
    none.has_initdata = false;
    ck_assert_int_eq(host_allow_endpoint(&none, &want, NULL), CL_ERR_REJECTED);
    none = a;
    none.count = 0; /* initdata alone is not enough: the operator decides what his node dials */
    ck_assert_int_eq(host_allow_endpoint(&none, &want, NULL), CL_ERR_REJECTED);
}
END_TEST

START_TEST(test_addresses)
{
    static const struct {
        const char *named, *resolved;
        bool ok;
    } t[] = {
        {"broker.example", "192.0.2.1", true},
        {"broker.example", "10.1.2.3", true},
        {"broker.example", "127.0.0.1", false}, /* a name that points back at the node */
        {"broker.example", "::1", false},
        {"broker.example", "::ffff:127.0.0.1", false},
        {"broker.example", "169.254.169.254", false},
        {"broker.example", "fe80::1", false},
        {"broker.example", "0.0.0.0", false},
        {"broker.example", "224.0.0.1", false},
        {"127.0.0.1", "127.0.0.1", true}, /* the operator wrote it */
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.2", "127.0.0.2", true},
        {"localhost", "127.0.0.1", true},
        {"localhost", "::1", true},
        {"localhost", "169.254.169.254", false},
        {"::1", "::1", true},
        {"0:0:0:0:0:0:0:1", "::1", true},
        {"169.254.169.254", "169.254.169.254", true},
        {"0.0.0.0", "0.0.0.0", false},
        {"localhost.example", "127.0.0.1", false},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
        struct addrinfo *list = NULL;
        struct host_endpoint want = {.port = 443};
        struct cl_err err = {0};
        memcpy(want.host, t[i].named, strlen(t[i].named) + 1);
        ck_assert_int_eq(getaddrinfo(t[i].resolved, "443", &hints, &list), 0);
        enum cl_status st = host_allow_address(&want, list->ai_addr, list->ai_addrlen, &err);
        ck_assert_msg(st == (t[i].ok ? CL_OK : CL_ERR_REJECTED), "%s -> %s: %s", t[i].named,
                      t[i].resolved, err.msg);
        ck_assert(t[i].ok || strstr(err.msg, ":443': address: expected ") != NULL);
        freeaddrinfo(list);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host_allow");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_endpoints);
    tcase_add_test(t, test_requests);
    tcase_add_test(t, test_both_must_name_it);
    tcase_add_test(t, test_addresses);
    suite_add_tcase(s, t);
    return run_suite(s);
}
