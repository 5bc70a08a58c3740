/* SPDX-License-Identifier: Apache-2.0
 * test_http_response.c - the strict response parser of the broker's client, and URLs.
 */
#include "check_main.h"
#include "http_response.h"
#include "link.h"

#include <string.h>

static enum cl_status parse(const char *text, struct cl_http_response *r, struct cl_err *err)
{
    return cl_http_response_parse((const uint8_t *)text, strlen(text), 8, r, err);
}

static const char good_length[] = "HTTP/1.1 200 OK\r\n"
                                  "content-length: 5\r\n"
                                  "Set-Cookie: other=1\r\n"
                                  "Set-Cookie: kbs-session-id=0a1b; Expires=Thu, 01 Jan 1970\r\n"
                                  "X-Empty:\r\n"
                                  "\r\nhello";
static const char good_chunked[] = "HTTP/1.1 401 \r\nTransfer-Encoding: Chunked\r\n"
                                   "Connection: close\r\n\r\n"
                                   "3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";

START_TEST(test_good_responses)
{
    struct cl_http_response r = {0};
    ck_assert_int_eq(parse(good_length, &r, NULL), CL_OK);
    ck_assert_uint_eq(r.status, 200);
    ck_assert_str_eq(r.cookie, "0a1b");
    ck_assert_str_eq((const char *)r.body.data, "hello");
    ck_assert(!r.close);
    cl_http_response_done(&r);
    ck_assert_int_eq(parse(good_chunked, &r, NULL), CL_OK);
    ck_assert_uint_eq(r.status, 401);
    ck_assert_str_eq(r.cookie, "");
    ck_assert_str_eq((const char *)r.body.data, "hello");
    ck_assert(r.close);
    cl_http_response_done(&r);
}
END_TEST

START_TEST(test_every_truncation_asks_for_more)
{
    static const char *const texts[] = {good_length, good_chunked};
    for (size_t t = 0; t < CL_ARRAY_LEN(texts); t++) {
        for (size_t n = 0; n < strlen(texts[t]); n++) {
            struct cl_http_response r = {0};
            ck_assert_msg(cl_http_response_parse((const uint8_t *)texts[t], n, 8, &r, NULL) ==
                              CL_ERR_TRUNCATED,
                          "text %zu, %zu bytes", t, n);
            ck_assert_ptr_null(r.body.data);
        }
    }
}
END_TEST

#define OK "HTTP/1.1 200 OK\r\n"
#define COOKIE_33 "0123456789abcdef0123456789abcdef0"
static const struct {
    const char *text, *msg;
} bad_cases[] = {
    {OK "Content-Length: 2\r\n\r\n{}x", "HTTP response: bytes behind its end"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP response: status line"},
    {"HTTP/1.1 20 OK\r\n\r\n", "HTTP response: status line"},
    {"HTTP/1.1 2000 OK\r\n\r\n", "HTTP response: status line"},
    {"HTTP/1.1 100 Continue\r\n\r\n", "HTTP response: status out of range"},
    {"HTTP/1.1 600 X\r\n\r\n", "HTTP response: status out of range"},
    {"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", "HTTP response: line without CR"},
    {OK "A\x01: b\r\n\r\n", "HTTP response: control character"},
    {OK " folded: b\r\n\r\n", "HTTP response: header field"},
    {OK "no colon\r\n\r\n", "HTTP response: header field"},
    {OK ": b\r\n\r\n", "HTTP response: header field"},
    {OK "\r\n", "HTTP response: expected exactly one of Content-Length and chunked"},
    {OK "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
     "HTTP response: expected exactly one of Content-Length and chunked"},
    {OK "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "HTTP response: Content-Length"},
    {OK "Content-Length: -1\r\n\r\n", "HTTP response: Content-Length"},
    {OK "Content-Length: 0x1\r\n\r\n", "HTTP response: Content-Length"},
    {OK "Content-Length:\r\n\r\n", "HTTP response: Content-Length"},
    {OK "Content-Length: 99999999999\r\n\r\n", "HTTP response: Content-Length"},
    {OK "Content-Length: 9\r\n\r\n", "HTTP response: body too large"},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "HTTP response: Transfer-Encoding"},
    {OK "Transfer-Encoding: chunked\r\n\r\n9\r\n", "HTTP response: body too large"},
    {OK "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n5\r\n", "HTTP response: body too large"},
    {OK "Transfer-Encoding: chunked\r\n\r\n\r\n", "HTTP response: chunk size"},
    {OK "Transfer-Encoding: chunked\r\n\r\ng\r\n", "HTTP response: chunk size"},
    {OK "Transfer-Encoding: chunked\r\n\r\n00000001\r\na\r\n0\r\n\r\n",
     "HTTP response: chunk size"},
    {OK "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "HTTP response: line too long"},
    {OK "Set-Cookie: kbs-session-id=\r\n\r\n", "HTTP response: session cookie"},
    {OK "Set-Cookie: kbs-session-id=a b\r\n\r\n", "HTTP response: session cookie"},
    {OK "Set-Cookie: kbs-session-id=a\r\nSet-Cookie: kbs-session-id=b\r\n\r\n",
     "HTTP response: session cookie"},
    {OK "Set-Cookie: kbs-session-id=" COOKIE_33 COOKIE_33 COOKIE_33 COOKIE_33 "\r\n\r\n",
     "HTTP response: session cookie"},
};

START_TEST(test_bad_responses)
{
    struct cl_http_response r = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(parse(bad_cases[_i].text, &r, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, bad_cases[_i].msg);
    ck_assert_ptr_null(r.body.data);
}
END_TEST

START_TEST(test_head_is_bounded)
{
    static char text[CL_HTTP_MAX_HEAD + 64];
    struct cl_http_response r = {0};
    struct cl_err err = {0};
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, OK, strlen(OK));
    ck_assert_int_eq(parse(text, &r, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "HTTP response: line too long");
    size_t n = strlen(OK);
    for (unsigned i = 0; i <= CL_HTTP_MAX_FIELDS; i++) {
        memcpy(text + n, "a: b\r\n", 7);
        n += 6;
    }
    ck_assert_int_eq(parse(text, &r, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "HTTP response: header field");
}
END_TEST

START_TEST(test_urls)
{
    static const struct {
        const char *url, *host;
        uint16_t port;
    } good[] = {{"https://kbs.example:8080", "kbs.example", 8080},
                {"https://kbs.example/", "kbs.example", 443},
                {"https://127.0.0.1:1/", "127.0.0.1", 1},
                {"https://[::1]:65535", "::1", 65535},
                {"https://[::1]", "::1", 443}};
    static const char *const bad[] = {"",
                                      "http://a:1",
                                      "https://",
                                      "https://:1",
                                      "https://a:",
                                      "https://a:0",
                                      "https://a:65536",
                                      "https://a:1/path",
                                      "https://a:1?q",
                                      "https://u@a:1",
                                      "https://[::1",
                                      "https://a b:1",
                                      "https://a:1x",
                                      "https://a:123456",
                                      "HTTPS://a:1"};
    char host[CL_KBS_HOST_SIZE];
    uint16_t port = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        ck_assert_int_eq(cl_kbs_url_parse(good[i].url, host, &port, NULL), CL_OK);
        ck_assert_str_eq(host, good[i].host);
        ck_assert_uint_eq(port, good[i].port);
    }
    struct cl_err err = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(cl_kbs_url_parse(bad[i], host, &port, &err) == CL_ERR_MALFORMED, "%s",
                      bad[i]);
    }
    ck_assert_str_eq(err.msg, "broker 'HTTPS://a:1': URL: expected https://host:port");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http_response");
    TCase *t = tcase_create("http_response");
    tcase_add_test(t, test_good_responses);
    tcase_add_test(t, test_every_truncation_asks_for_more);
    tcase_add_loop_test(t, test_bad_responses, 0, CL_ARRAY_LEN(bad_cases));
    tcase_add_test(t, test_head_is_bounded);
    tcase_add_test(t, test_urls);
    suite_add_tcase(s, t);
    return run_suite(s);
}
