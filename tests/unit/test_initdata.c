/* SPDX-License-Identifier: Apache-2.0
 * test_initdata.c - initdata: the round trip, the digest, and everything that is refused.
 */
#include "cloister/initdata.h"

#include "edit.h"

#include <stdio.h>

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define CERT "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
#define TEXT                                                                                       \
    "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = '''\n[token_configs]\n"    \
    "[token_configs.kbs]\nurl = \"https://broker.example:8080\"\ncert = \"\"\"\n" CERT             \
    "\"\"\"\n'''\n\"cloister.toml\" = '''\n[image]\nmanifest = \"" D1                              \
    "\"\nencryption = \"required\"\n[container]\ncommand = [\"/bin/a\", \"b c\"]\n"                \
    "env = [\"K=V\"]\nworkdir = \"/w\"\nuser = \"1:2\"\nterminal = false\nstdin = true\n"          \
    "stdout = true\nstderr = false\n'''\n"

static enum cl_status parse(const char *text, struct cl_err *err)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    return cl_initdata_parse(text, strlen(text), &i, err);
}

START_TEST(test_reads_every_field)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    struct cl_err err = {0};
    enum cl_status st = cl_initdata_parse(TEXT, strlen(TEXT), &i, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_str_eq(i.kbs_url, "https://broker.example:8080");
    ck_assert_str_eq(i.kbs_cert, CERT);
    ck_assert_uint_eq(i.manifest[5], 0x11);
    ck_assert(i.encryption_required && i.has_command);
    ck_assert_uint_eq(i.command.count, 2);
    ck_assert_str_eq(i.command.v[1], "b c");
    ck_assert_str_eq(i.env.v[0], "K=V");
    ck_assert_str_eq(i.workdir, "/w");
    ck_assert_str_eq(i.user, "1:2");
    ck_assert(!i.terminal && i.stdin_allowed && i.stdout_allowed && !i.stderr_allowed);
    char host[256];
    uint16_t port = 0;
    ck_assert_int_eq(cl_initdata_broker(&i, host, &port, NULL), CL_OK);
    ck_assert_str_eq(host, "broker.example");
    ck_assert_uint_eq(port, 8080);
}
END_TEST

START_TEST(test_what_is_absent_is_not_allowed)
{
    const char *text = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"cloister.toml\" = "
                       "'''\n[image]\nmanifest = \"" D1 "\"\nencryption = \"optional\"\n'''\n";
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    ck_assert_int_eq(cl_initdata_parse(text, strlen(text), &i, NULL), CL_OK);
    ck_assert(!i.has_command && !i.encryption_required && !i.terminal);
    ck_assert(!i.stdin_allowed && !i.stdout_allowed && !i.stderr_allowed);
    ck_assert_ptr_null(i.kbs_url);
}
END_TEST

START_TEST(test_refusals)
{
    static const struct {
        const char *from, *to, *msg;
        enum cl_status st;
    } t[] = {
        {"0.1.0", "0.2.0", "initdata: version: expected 0.1.0, got '0.2.0'", CL_ERR_UNSUPPORTED},
        {"= \"sha256\"", "= \"sha384\"", "initdata: algorithm: expected sha256, got 'sha384'",
         CL_ERR_UNSUPPORTED},
        {"version", "surprise = 1\nversion", "surprise", CL_ERR_MALFORMED},
        {"[data]\n", "[data]\n\"policy.rego\" = \"\"\n", "policy.rego", CL_ERR_MALFORMED},
        {"\"cloister.toml\"", "\"other.toml\"", "other.toml", CL_ERR_MALFORMED},
        {"[image]", "[image]\nextra = 1", "extra", CL_ERR_MALFORMED},
        {"[image]", "[volumes]\n[image]", "volumes", CL_ERR_MALFORMED},
        {"[image]", "[pod]\n[image]", "unknown member 'pod'", CL_ERR_MALFORMED},
        {"[container]", "[container]\nprivileged = true", "privileged", CL_ERR_MALFORMED},
        {"\"required\"", "\"maybe\"",
         "initdata: cloister.toml: image: encryption: expected required or optional, got 'maybe'",
         CL_ERR_UNSUPPORTED},
        {"encryption = \"required\"", "", "encryption", CL_ERR_MALFORMED},
        {"sha256:11", "sha256:1", "image: manifest", CL_ERR_MALFORMED},
        {"sha256:11", "sha512:11", "image: manifest", CL_ERR_UNSUPPORTED},
        {"[\"/bin/a\", \"b c\"]", "[]", "command: expected a program, got none", CL_ERR_MALFORMED},
        {"[\"/bin/a\", \"b c\"]", "[1]", "command: item 0: expected string", CL_ERR_MALFORMED},
        {"K=V", "KV", "env: item 0: expected NAME=value", CL_ERR_MALFORMED},
        {"\"/w\"", "\"w\"", "workdir: expected an absolute path, got 'w'", CL_ERR_MALFORMED},
        {"\"1:2\"", "\"\"", "user: expected text, got none", CL_ERR_MALFORMED},
        {"stdin = true", "stdin = \"yes\"", "stdin: expected boolean, got string",
         CL_ERR_MALFORMED},
        {"terminal = false", "terminal = true", "", CL_OK},
        {"stdin = true", "terminal2 = true", "terminal2", CL_ERR_MALFORMED},
        {"https:", "http:", "url: expected https://host:port, got 'http://broker.example:8080'",
         CL_ERR_MALFORMED},
        {":8080", "", "url: expected https://host:port", CL_ERR_MALFORMED},
        {":8080", ":0", "url", CL_ERR_MALFORMED},
        {":8080", ":65536", "url", CL_ERR_MALFORMED},
        {":8080", ":8080/x", "url: expected https://host:port", CL_ERR_MALFORMED},
        {"broker.ex", "user@broker.ex", "url: expected https://host:port", CL_ERR_MALFORMED},
        {"BEGIN CERT", "BEGIN PRIV", "cert: expected a PEM certificate", CL_ERR_MALFORMED},
        {"[token_configs.kbs]", "[token_configs.coco_as]", "coco_as", CL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        char *text = edit(TEXT, t[i].from, t[i].to);
        struct cl_err err = {0};
        enum cl_status st = parse(text, &err);
        ck_assert_msg(st == t[i].st, "%s -> %s: %d %s", t[i].from, t[i].to, st, err.msg);
        ck_assert_msg(strstr(err.msg, t[i].msg) != NULL, "%s -> %s: %s", t[i].from, t[i].to,
                      err.msg);
        free(text);
    }
}
END_TEST

START_TEST(test_terminal_carries_both)
{
    char *text = edit(TEXT, "terminal = false\nstdin = true", "terminal = true\nstdin = false");
    struct cl_err err = {0};
    ck_assert_int_eq(parse(text, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "terminal: expected stdin and stdout allowed"));
    free(text);
}
END_TEST

START_TEST(test_encryption_needs_a_broker)
{
    char *head = edit(TEXT,
                      "\"aa.toml\" = '''\n[token_configs]\n[token_configs.kbs]\nurl = "
                      "\"https://broker.example:8080\"\ncert = \"\"\"\n" CERT "\"\"\"\n'''\n",
                      "");
    struct cl_err err = {0};
    ck_assert_int_eq(parse(head, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "initdata: data: aa.toml: expected a broker, as encryption is required");
    free(head);
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    for (size_t n = 0; n + 1 < strlen(TEXT); n++) { /* the last line end may be missing */
        char *exact = malloc(n > 0 ? n : 1);
        CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, TEXT, n);
        ck_assert_msg(cl_initdata_parse(exact, n, &i, NULL) != CL_OK, "%zu bytes", n);
        free(exact);
    }
}
END_TEST

START_TEST(test_made_text_reads_back_equal)
{
    static const char *const hard[] = {"plain",  "two words", "\"quoted\"",   "back\\slash", "'''",
                                       "\"\"\"", "line\nend", "tab\tand\x01", "\xc3\xa4",    ""};
    for (size_t n = 0; n < CL_ARRAY_LEN(hard); n++) {
        CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
        CL_CLEANUP(cl_initdata_done) struct cl_initdata again = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        struct cl_err err = {0};
        char env[64];
        (void)snprintf(env, sizeof(env), "K=%s", hard[n]);
        ck_assert_int_eq(cl_initdata_parse(TEXT, strlen(TEXT), &i, NULL), CL_OK);
        ck_assert_int_eq(cl_strv_add(&i.command, hard[n], NULL), CL_OK);
        ck_assert_int_eq(cl_strv_add(&i.env, env, NULL), CL_OK);
        enum cl_status st = cl_initdata_make(&i, &out, &err);
        ck_assert_msg(st == CL_OK, "%s: %s", hard[n], err.msg);
        ck_assert_int_eq(cl_initdata_parse(out.data, out.len, &again, NULL), CL_OK);
        ck_assert(cl_initdata_equal(&i, &again));
        again.stdin_allowed = !again.stdin_allowed;
        ck_assert(!cl_initdata_equal(&i, &again));
    }
}
END_TEST

START_TEST(test_make_refuses_what_would_not_read_back)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    ck_assert_int_eq(cl_initdata_parse(TEXT, strlen(TEXT), &i, NULL), CL_OK);
    free(i.workdir);
    i.workdir = strdup("relative");
    ck_assert_int_eq(cl_initdata_make(&i, &out, NULL), CL_ERR_MALFORMED);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(test_digest_of_the_bytes)
{
    uint8_t digest[32];
    uint8_t zero[32] = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_initdata_digest("abc", 3, digest, NULL), CL_OK);
    ck_assert_int_eq(cl_initdata_verify("abc", 3, digest, sizeof(digest), NULL), CL_OK);
    for (size_t i = 0; i < 256; i++) {
        digest[i / 8] ^= (uint8_t)(1u << (i % 8));
        ck_assert_int_eq(cl_initdata_verify("abc", 3, digest, sizeof(digest), &err),
                         CL_ERR_REJECTED);
        digest[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    ck_assert_ptr_nonnull(strstr(err.msg, "initdata: digest: expected ba7816bf"));
    ck_assert_int_eq(cl_initdata_verify("abc", 3, zero, sizeof(zero), &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "initdata: measured digest: expected one, got all zero");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("initdata");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_reads_every_field);
    tcase_add_test(t, test_what_is_absent_is_not_allowed);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_terminal_carries_both);
    tcase_add_test(t, test_encryption_needs_a_broker);
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_made_text_reads_back_equal);
    tcase_add_test(t, test_make_refuses_what_would_not_read_back);
    tcase_add_test(t, test_digest_of_the_bytes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
