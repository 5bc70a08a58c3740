/* SPDX-License-Identifier: Apache-2.0
 * test_fetch_forms.c - what tells cloister-fetch where blobs come from and who may have them:
 * hosts.toml, docker's config.json, challenges, tokens, the environment's proxies.
 */
#include "challenge.h"
#include "creds.h"
#include "hosts.h"
#include "image/http.h"
#include "proxy.h"

#include "image_fixture.h"

/* --- hosts.toml
 * -------------------------------------------------------------------------------------- */

static const char full[] = "server = \"https://docker.io\"\n"
                           "ca = \"/etc/ca.pem\"\n"
                           "[host.\"https://mirror.example:5000/path/\"]\n"
                           "  capabilities = [\"pull\", \"resolve\"]\n"
                           "  ca = [\"one.pem\", \"/two.pem\"]\n"
                           "  client = [[\"c.pem\", \"k.pem\"]]\n"
                           "  skip_verify = true\n"
                           "  override_path = true\n"
                           "[host.\"https://mirror.example:5000/path/\".header]\n"
                           "  X-One = \"1\"\n"
                           "  X-Two = [\"2\", \"3\"]\n"
                           "[host.\"http://10.0.0.1\"]\n"
                           "  capabilities = [\"resolve\"]\n";

static enum cl_status parse(const char *text, size_t len, struct fetch_hosts *h, struct cl_err *err)
{
    *err = (struct cl_err){0};
    return fetch_hosts_parse(text, len, "t", "/dir", "docker.io", h, err);
}

START_TEST(test_hosts_whole)
{
    struct fetch_hosts h;
    struct cl_err err;
    ck_assert_msg(parse(full, strlen(full), &h, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(h.count, 3);
    const struct fetch_host *m = &h.host[0];
    ck_assert_str_eq(m->url, "https://mirror.example:5000/path");
    ck_assert_str_eq(m->name, "mirror.example:5000");
    ck_assert(m->pull && m->skip_verify && !m->plain && !m->is_server);
    ck_assert_uint_eq(m->ca_count, 2);
    ck_assert_str_eq(m->ca[0], "/dir/one.pem");
    ck_assert_str_eq(m->ca[1], "/two.pem");
    ck_assert_str_eq(m->client_cert, "/dir/c.pem");
    ck_assert_str_eq(m->client_key, "/dir/k.pem");
    ck_assert_uint_eq(m->header_count, 3);
    ck_assert_str_eq(m->headers[0], "X-One: 1");
    ck_assert_str_eq(m->headers[2], "X-Two: 3");
    ck_assert_ptr_null(m->headers[3]);
    ck_assert_str_eq(h.host[1].url, "http://10.0.0.1/v2");
    ck_assert(h.host[1].plain && !h.host[1].pull);
    ck_assert_str_eq(h.host[2].url, "https://registry-1.docker.io/v2");
    ck_assert_str_eq(h.host[2].name, "docker.io");
    ck_assert(h.host[2].is_server && h.host[2].pull);
    fetch_hosts_done(&h);
    for (size_t n = 0; n < strlen(full); n++) { /* never worse than an error */
        if (parse(full, n, &h, &err) == CL_OK) {
            fetch_hosts_done(&h);
        }
    }
}
END_TEST

START_TEST(test_hosts_defaults)
{
    static const struct {
        const char *registry, *url;
        bool tls;
    } cases[] = {
        {"docker.io", "https://registry-1.docker.io/v2", false},
        {"registry.example:5000", "https://registry.example:5000/v2", false},
        {"localhost:5000", "http://localhost:5000/v2", false},
        {"127.0.0.1", "http://127.0.0.1/v2", false},
        {"[::1]:5000", "http://[::1]:5000/v2", false},
        {"127.0.0.1:5000", "https://127.0.0.1:5000/v2", true},
    };
    struct fetch_hosts h;
    struct cl_err err = {0};
    ck_assert_msg(fetch_hosts_find(_i == 0 ? "none" : NULL, cases[_i].registry, cases[_i].tls, &h,
                                   &err) == CL_OK,
                  "%s", err.msg);
    ck_assert_uint_eq(h.count, 1);
    ck_assert_str_eq(h.host[0].url, cases[_i].url);
    ck_assert(h.host[0].pull && h.host[0].is_server);
    fetch_hosts_done(&h);
}
END_TEST

START_TEST(test_hosts_file_is_found)
{
    static const char *const dirs[] = {"certs/r.example_5000_", "certs/r.example:5000",
                                       "certs/_default"};
    static const char text[] = "[host.\"https://m.example\"]\n";
    char path[100];
    struct fetch_hosts h;
    ck_assert_int_eq(mkdir("certs", 0700), 0);
    ck_assert_int_eq(mkdir(dirs[_i], 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/hosts.toml", dirs[_i]);
    fixture_write(path, text, strlen(text));
    ck_assert_int_eq(fetch_hosts_find("certs", "r.example:5000", false, &h, NULL), CL_OK);
    ck_assert_uint_eq(h.count, 2);
    ck_assert_str_eq(h.host[0].url, "https://m.example/v2");
    ck_assert_str_eq(h.host[1].url, "https://r.example:5000/v2");
    fetch_hosts_done(&h);
    fixture_write(path, "x = 1\n", 6); /* one that is wrong is not passed over */
    ck_assert_int_eq(fetch_hosts_find("certs", "r.example:5000", false, &h, NULL),
                     CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_hosts_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"mirror = \"x\"\n", "'t': file: unknown member 'mirror'"},
        {"host = 1\n", "host: expected object"},
        {"[host]\nx = 1\n", "expected tables [host.\"URL\"]"},
        {"[host.\"https://m\"]\npush = true\n", "https://m: unknown member 'push'"},
        {"[host.\"https://m\"]\ncapabilities = [\"eat\"]\n", "capabilities: expected a list of"},
        {"[host.\"https://m\"]\ncapabilities = \"pull\"\n", "capabilities: expected a list of"},
        {"[host.\"https://m\"]\nskip_verify = \"no\"\n", "skip_verify: expected boolean"},
        {"[host.\"ftp://m\"]\n", "URL: expected [http[s]://]host"},
        {"[host.\"https://m?x\"]\n", "URL: expected [http[s]://]host"},
        {"[host.\"https://u@m\"]\n", "URL: expected [http[s]://]host"},
        {"[host.\"https://\"]\n", "URL: expected [http[s]://]host"},
        {"ca = 1\n", "ca: expected the name of a file"},
        {"ca = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]\n", "at most 8 files"},
        {"client = [[\"a\", \"b\"], [\"c\", \"d\"]]\n", "client: expected the name of a file"},
        {"client = [\"a\", \"b\", \"c\"]\n", "client: expected one certificate with its key"},
        {"[header]\nHost = \"x\"\n", "header: Host: expected printable text"},
        {"[header]\nrange = \"x\"\n", "header: range: expected printable text"},
        {"[header]\nX = \"a\\r\\nY: b\"\n", "header: X: expected printable text"},
        {"[header]\n\"X Y\" = \"a\"\n", "header: X Y: expected printable text"},
        {"[header]\nX = 1\n", "header: X: expected printable text"},
    };
    struct fetch_hosts h;
    struct cl_err err;
    ck_assert_int_eq(parse(cases[_i].text, strlen(cases[_i].text), &h, &err), CL_ERR_MALFORMED);
    ck_assert_msg(strstr(err.msg, cases[_i].message) != NULL, "expected '%s', got '%s'",
                  cases[_i].message, err.msg);
}
END_TEST

START_TEST(test_hosts_too_many)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct fetch_hosts h;
    struct cl_err err;
    for (unsigned i = 0; i < FETCH_MAX_HOSTS; i++) {
        ck_assert_int_eq(cl_buf_printf(&text, NULL, "[host.\"https://m%u\"]\n", i), CL_OK);
    }
    ck_assert_int_eq(parse((const char *)text.data, text.len, &h, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "host: expected at most 16, got more"));
}
END_TEST

START_TEST(test_ca_files)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    char names[] = "a.pem";
    struct fetch_host h = {.ca = {names}, .ca_count = 1};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    ck_assert_int_eq(fetch_host_ca(&h, &out, NULL), CL_ERR_SYS);
    fixture_write("a.pem", "key", 3);
    ck_assert_int_eq(fetch_host_ca(&h, &out, NULL), CL_ERR_MALFORMED);
    fixture_write("a.pem", pem, strlen(pem));
    ck_assert_int_eq(fetch_host_ca(&h, &out, NULL), CL_OK);
    ck_assert_uint_eq(out.len, strlen(pem) + 1);
}
END_TEST

/* --- docker's config.json
 * ---------------------------------------------------------------------------- */

static const char config[] = "{\"auths\":{"
                             "\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},"
                             "\"r.example:5000\":{\"username\":\"u\",\"password\":\"p:q\"},"
                             "\"https://r.example:5000/team\":{\"identitytoken\":\"id\"},"
                             "\"r.example:5000/team/app\":{\"registrytoken\":\"tok\"},"
                             "\"empty.example\":{}},\"credsStore\":\"x\",\"HttpHeaders\":{}}";

START_TEST(test_credentials)
{
    static const struct {
        const char *host, *repository, *user, *password, *identity, *token;
    } cases[] = {
        {"docker.io", "library/x", "hub", "pw", NULL, NULL},
        {"registry-1.docker.io", "x/y", "hub", "pw", NULL, NULL},
        {"r.example:5000", "other", "u", "p:q", NULL, NULL},
        {"r.example:5000", "team", NULL, NULL, "id", NULL},
        {"r.example:5000", "team/two", NULL, NULL, "id", NULL},
        {"r.example:5000", "teams", "u", "p:q", NULL, NULL},
        {"R.example:5000", "team/app", NULL, NULL, NULL, "tok"},
        {"r.example", "team/app", NULL, NULL, NULL, NULL},
        {"empty.example", "x", NULL, NULL, NULL, NULL},
        {"evil-r.example:5000", "x", NULL, NULL, NULL, NULL},
    };
    struct fetch_creds c;
    ck_assert_int_eq(fetch_creds_parse(config, strlen(config), "c", cases[_i].host,
                                       cases[_i].repository, &c, NULL),
                     CL_OK);
    const char *const want[] = {cases[_i].user, cases[_i].password, cases[_i].identity,
                                cases[_i].token};
    const char *const got[] = {c.user, c.password, c.identity, c.registry_token};
    for (size_t i = 0; i < CL_ARRAY_LEN(want); i++) {
        ck_assert_int_eq(want[i] == NULL, got[i] == NULL);
        if (want[i] != NULL) {
            ck_assert_str_eq(want[i], got[i]);
        }
    }
    fetch_creds_done(&c);
    for (size_t n = 0; n < strlen(config); n++) {
        ck_assert_int_ne(fetch_creds_parse(config, n, "c", "docker.io", "x", &c, NULL), CL_OK);
    }
}
END_TEST

START_TEST(test_credentials_refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "'c': expected an object"},
        {"{\"auths\":[]}", "auths: expected object"},
        {"{\"auths\":{\"h\":1}}", "'c': auths.h: expected an object"},
        {"{\"auths\":{\"h\":{\"auth\":\"!\"}}}", "auth: expected base64 of user:password"},
        {"{\"auths\":{\"h\":{\"auth\":\"dXNlcg==\"}}}", "auth: expected base64 of user:password"},
        {"{\"auths\":{\"h\":{\"auth\":\"OnB3\"}}}", "auth: expected base64 of user:password"},
        {"{\"auths\":{\"h\":{\"auth\":\"dToKcA==\"}}}", "auth: expected printable text"},
        {"{\"auths\":{\"h\":{\"username\":\"u\"}}}", "expected a user and a password, got one"},
        {"{\"auths\":{\"h\":{\"username\":1}}}", "username: expected a string"},
        {"{\"auths\":{\"h\":{\"identitytoken\":\"a\\nb\"}}}", "identitytoken: expected printable"},
    };
    struct fetch_creds c;
    struct cl_err err = {0};
    ck_assert_int_eq(
        fetch_creds_parse(cases[_i].text, strlen(cases[_i].text), "c", "h", "x", &c, &err),
        CL_ERR_MALFORMED);
    ck_assert_msg(strstr(err.msg, cases[_i].message) != NULL, "expected '%s', got '%s'",
                  cases[_i].message, err.msg);
}
END_TEST

/* --- challenges and tokens
 * --------------------------------------------------------------------------- */

START_TEST(test_challenges)
{
    static const struct {
        const char *text;
        enum cl_status status;
        const char *realm, *service, *scope;
    } cases[] = {
        {"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"", CL_OK,
         "https://a/t", "s", "repository:x:pull"},
        {"bearer  Realm=https://a , error=\"x\\\"y\"", CL_OK, "https://a", "", ""},
        {"Basic realm=\"x\"", CL_OK, "x", "", ""},
        {"Basic", CL_OK, "", "", ""},
        {"Bearer", CL_ERR_MALFORMED, NULL, NULL, NULL},
        {"Bearer realm=\"x", CL_ERR_MALFORMED, NULL, NULL, NULL},
        {"Bearer realm", CL_ERR_MALFORMED, NULL, NULL, NULL},
        {"Bearer =x", CL_ERR_MALFORMED, NULL, NULL, NULL},
        {"Bearer realm=\"x\"y=z", CL_ERR_MALFORMED, NULL, NULL, NULL},
        {"Bearer realm=\"x\ty\"", CL_ERR_MALFORMED, NULL, NULL, NULL},
        {"Negotiate", CL_ERR_UNSUPPORTED, NULL, NULL, NULL},
        {"", CL_ERR_UNSUPPORTED, NULL, NULL, NULL},
    };
    struct fetch_challenge c;
    ck_assert_int_eq(fetch_challenge_parse(cases[_i].text, &c, NULL), cases[_i].status);
    if (cases[_i].status == CL_OK) {
        ck_assert_str_eq(c.realm, cases[_i].realm);
        ck_assert_str_eq(c.service, cases[_i].service);
        ck_assert_str_eq(c.scope, cases[_i].scope);
    }
}
END_TEST

START_TEST(test_token_url)
{
    struct fetch_challenge c = {.bearer = true, .realm = "https://a/t?x=1", .service = "a b&c"};
    CL_CLEANUP(cl_buf_done) struct cl_buf url = {0};
    ck_assert_int_eq(fetch_challenge_url(&c, "repository:x/y:pull", &url, NULL), CL_OK);
    ck_assert_str_eq((const char *)url.data,
                     "https://a/t?x=1&scope=repository%3Ax%2Fy%3Apull&service=a%20b%26c");
}
END_TEST

START_TEST(test_tokens)
{
    static const struct {
        const char *text;
        enum cl_status status;
    } cases[] = {
        {"{\"token\":\"a.b\"}", CL_OK},
        {"{\"token\":\"\",\"access_token\":\"a.b\"}", CL_OK},
        {"{\"access_token\":\"a.b\",\"expires_in\":1}", CL_OK},
        {"{}", CL_ERR_MALFORMED},
        {"{\"token\":1}", CL_ERR_MALFORMED},
        {"{\"token\":\"a\\r\\nX: y\"}", CL_ERR_MALFORMED},
        {"{\"token\":\"a b\"}", CL_ERR_MALFORMED},
        {"[]", CL_ERR_MALFORMED},
        {"{\"token\":\"a\"", CL_ERR_MALFORMED},
    };
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    ck_assert_int_eq(fetch_token_parse(cases[_i].text, strlen(cases[_i].text), &out, NULL),
                     cases[_i].status);
    if (cases[_i].status == CL_OK) {
        ck_assert_str_eq((const char *)out.data, "Authorization: Bearer a.b");
    }
}
END_TEST

/* --- ranges and proxies
 * ------------------------------------------------------------------------------ */

START_TEST(test_ranges)
{
    uint64_t start = 7;
    ck_assert(cl_http_range_parse("bytes 100-199/200", &start));
    ck_assert_uint_eq(start, 100);
    ck_assert(cl_http_range_parse(" Bytes 0-1/*", &start));
    ck_assert_uint_eq(start, 0);
    static const char *const bad[] = {"",
                                      "bytes",
                                      "bytes */200",
                                      "bytes -1-2/3",
                                      "bytes 1 -2/3",
                                      "lines 1-2/3",
                                      "bytes 99999999999999999999-1/2"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(!cl_http_range_parse(bad[i], &start), "'%s'", bad[i]);
    }
}
END_TEST

START_TEST(test_no_proxy)
{
    static const struct {
        const char *list, *host;
        bool excluded;
    } cases[] = {
        {NULL, "a", false},
        {"", "a", false},
        {"*", "a", true},
        {"a.example, b.example", "b.example", true},
        {"example", "a.EXAMPLE", true},
        {".example", "a.example", true},
        {"example", "badexample", false},
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.0.0.0/8", "11.1.2.3", false},
        {"10.1.2.0/23", "10.1.3.9", true},
        {"10.1.2.0/23", "10.1.4.9", false},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "10.0.0.1", false},
        {"10.0.0.0/33", "10.0.0.1", false},
        {"10.0.0.0/x", "10.0.0.1", false},
        {"10.0.0.1", "10.0.0.1", true},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        ck_assert_msg(image_proxy_excluded(cases[i].list, cases[i].host) == cases[i].excluded,
                      "'%s' '%s'", cases[i].list, cases[i].host);
    }
}
END_TEST

START_TEST(test_proxy)
{
    (void)unsetenv("https_proxy");
    (void)unsetenv("no_proxy");
    (void)setenv("HTTPS_PROXY", "http://p:1", 1);
    (void)setenv("NO_PROXY", "inside.example", 1);
    ck_assert_str_eq(image_proxy_for(true, "r.example"), "http://p:1");
    ck_assert_ptr_null(image_proxy_for(true, "r.inside.example"));
    ck_assert_ptr_null(image_proxy_for(true, "127.0.0.1"));
    ck_assert_ptr_null(image_proxy_for(true, "localhost"));
    ck_assert_ptr_null(image_proxy_for(true, "::1"));
    (void)setenv("https_proxy", "http://q:1", 1);
    ck_assert_str_eq(image_proxy_for(true, "r.example"), "http://q:1");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fetch_forms");
    TCase *tc = tcase_create("forms");
    tcase_add_checked_fixture(tc, fixture_up, fixture_down);
    tcase_add_test(tc, test_hosts_whole);
    tcase_add_loop_test(tc, test_hosts_defaults, 0, 6);
    tcase_add_loop_test(tc, test_hosts_file_is_found, 0, 3);
    tcase_add_loop_test(tc, test_hosts_refused, 0, 20);
    tcase_add_test(tc, test_hosts_too_many);
    tcase_add_test(tc, test_ca_files);
    tcase_add_loop_test(tc, test_credentials, 0, 10);
    tcase_add_loop_test(tc, test_credentials_refused, 0, 10);
    tcase_add_loop_test(tc, test_challenges, 0, 12);
    tcase_add_test(tc, test_token_url);
    tcase_add_loop_test(tc, test_tokens, 0, 9);
    tcase_add_test(tc, test_ranges);
    tcase_add_test(tc, test_no_proxy);
    tcase_add_test(tc, test_proxy);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
