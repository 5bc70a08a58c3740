/* SPDX-License-Identifier: Apache-2.0
 * test_distrust.c - platform-distrust documents: signature, dates, every member, and the look-up
 * with what a platform tells and what it does not.
 */
#include "cloister/distrust.h"

#include "base/json.h"
#include "check_main.h"
#include "cloister/jwt.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define NOW INT64_C(1767225600)
#define HEAD "\"schema\":\"cloister.platform-distrust/1\",\"iat\":1767000000,\"exp\":1768000000"
#define TEXTS "\"id\":\"X-1\",\"source\":\"a paper\",\"reason\":\"keys are out\""
#define ENTRY(more) "{" HEAD ",\"entries\":[{" TEXTS ",\"family\":\"snp\"" more "}]}"

static EVP_PKEY *ed25519, *p256, *other;

static void sign(enum cl_jwt_alg alg, EVP_PKEY *key, const char *text, struct cl_buf *token)
{
    struct cl_err err = {0};
    json_t *claims = json_loads(text, 0, NULL);
    ck_assert_msg(claims != NULL, "%s", text);
    ck_assert_msg(cl_jwt_sign(alg, key, NULL, claims, token, &err) == CL_OK, "%s", err.msg);
    json_decref(claims);
}

static enum cl_status read_text(const char *text, int64_t now, struct cl_distrust **ret,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    sign(CL_JWT_EDDSA, ed25519, text, &token);
    return cl_distrust_read((const char *)token.data, token.len, ed25519, now, ret, err);
}

START_TEST(test_forged_and_expired_documents)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf es256 = {0};
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    struct cl_err err = {0};
    sign(CL_JWT_EDDSA, ed25519, ENTRY(""), &token);
    sign(CL_JWT_ES256, p256, ENTRY(""), &es256);
    char *t = (char *)token.data;
    ck_assert_int_eq(cl_distrust_read(t, token.len, other, NOW, &d, &err), CL_ERR_REJECTED);
    ck_assert_int_eq(cl_distrust_read(t, token.len, p256, NOW, &d, &err), CL_ERR_REJECTED);
    for (size_t n = 0; n < token.len; n++) {
        ck_assert_int_ne(cl_distrust_read(t, n, ed25519, NOW, &d, NULL), CL_OK);
        t[n] ^= 1;
        ck_assert_int_ne(cl_distrust_read(t, token.len, ed25519, NOW, &d, NULL), CL_OK);
        t[n] ^= 1;
    }
    ck_assert_ptr_null(d);
    ck_assert_int_eq(cl_distrust_read(t, token.len, ed25519, 1768000000, &d, &err),
                     CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "distrust: exp: expected a time to come, got 0 seconds ago");
    ck_assert_int_eq(cl_distrust_read(t, token.len, ed25519, 1767999999, &d, &err), CL_OK);
    cl_distrust_freep(&d);
    /* Archived evidence, judged by what was learned since. */
    ck_assert_int_eq(cl_distrust_read(t, token.len, ed25519, 1000000000, &d, &err), CL_OK);
    cl_distrust_freep(&d);
    ck_assert_int_eq(cl_distrust_read((const char *)es256.data, es256.len, p256, NOW, &d, &err),
                     CL_OK);
    cl_distrust_free(NULL);
}
END_TEST

static const struct {
    const char *text;
    enum cl_status status;
    const char *message;
} bad[] = {
    {"{}", CL_ERR_MALFORMED, "distrust: schema: expected string, got nothing"},
    {"{\"schema\":\"cloister.platform-distrust/2\"}", CL_ERR_UNSUPPORTED,
     "distrust: schema: expected cloister.platform-distrust/1"},
    {"{" HEAD "}", CL_ERR_MALFORMED, "distrust: entries: expected array, got nothing"},
    {"{" HEAD ",\"entries\":{}}", CL_ERR_MALFORMED, "distrust: entries: expected array"},
    {"{" HEAD ",\"entries\":[],\"x\":1}", CL_ERR_MALFORMED, "unknown member 'x'"},
    {"{\"schema\":\"cloister.platform-distrust/1\",\"entries\":[]}", CL_ERR_MALFORMED,
     "distrust: iat: expected integer, got nothing"},
    {"{\"schema\":\"cloister.platform-distrust/1\",\"iat\":1,\"entries\":[]}", CL_ERR_MALFORMED,
     "distrust: exp: expected integer, got nothing"},
    {"{\"schema\":\"cloister.platform-distrust/1\",\"iat\":5,\"exp\":4,\"entries\":[]}",
     CL_ERR_MALFORMED, "distrust: exp: expected 5 to"},
    {"{" HEAD ",\"entries\":[1]}", CL_ERR_MALFORMED,
     "distrust: entry 0: entry: expected an object"},
    {"{" HEAD ",\"entries\":[{}]}", CL_ERR_MALFORMED, "entry: id: expected string, got nothing"},
    {"{" HEAD ",\"entries\":[{" TEXTS "}]}", CL_ERR_MALFORMED, "entry: family: expected string"},
    {"{" HEAD ",\"entries\":[{\"id\":\"\",\"source\":\"s\",\"reason\":\"r\",\"family\":\"snp\"}]}",
     CL_ERR_MALFORMED, "entry: id: expected a text, got an empty one"},
    {ENTRY(",\"when\":1"), CL_ERR_MALFORMED, "unknown member 'when'"},
    {ENTRY(",\"product\":1"), CL_ERR_MALFORMED, "entry: product: expected string"},
    {ENTRY(",\"fmspc\":\"00\""), CL_ERR_MALFORMED, "fmspc: expected 12"},
    {ENTRY(",\"fmspc\":1"), CL_ERR_MALFORMED, "entry: fmspc: expected string"},
    {ENTRY(",\"chip_id\":\"\""), CL_ERR_MALFORMED, "entry: chip_id: expected 1 to 64 bytes in hex"},
    {ENTRY(",\"chip_id\":\"abc\""), CL_ERR_MALFORMED, "chip_id: expected 2"},
    {ENTRY(",\"chip_id\":1"), CL_ERR_MALFORMED, "entry: chip_id: expected string"},
    {ENTRY(",\"tcb_below\":[]"), CL_ERR_MALFORMED, "entry: tcb_below: expected object"},
    {ENTRY(",\"tcb_below\":{}"), CL_ERR_MALFORMED, "entry: tcb_below: expected 1 to 16 components"},
    {ENTRY(",\"tcb_below\":{\"snp\":0}"), CL_ERR_MALFORMED, "tcb_below: snp: expected 1 to 65535"},
};

START_TEST(test_bad_documents)
{
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    struct cl_err err = {0};
    enum cl_status st = read_text(bad[_i].text, NOW, &d, &err);
    ck_assert_msg(st == bad[_i].status, "%s: %s: %s", bad[_i].text, cl_status_name(st), err.msg);
    ck_assert_msg(strstr(err.msg, bad[_i].message) != NULL, "%s: %s", bad[_i].text, err.msg);
}
END_TEST

START_TEST(test_entries_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_buf_append_str(&text, "{" HEAD ",\"entries\":[1", NULL), CL_OK);
    for (size_t i = 0; i < CL_DISTRUST_MAX_ENTRIES; i++) {
        ck_assert_int_eq(cl_buf_append_str(&text, ",1", NULL), CL_OK);
    }
    ck_assert_int_eq(cl_buf_append(&text, "]}", 3, NULL), CL_OK);
    ck_assert_int_eq(read_text((const char *)text.data, NOW, &d, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "distrust: entries: expected at most 512, got 513");
}
END_TEST

static const uint8_t fmspc[] = {0, 0x80, 0x6F, 5, 0, 0}, chip[] = {0xAB, 0xCD};
static const struct cl_distrust_component components[] = {{"snp", 24}, {"microcode", 219}};
/* Everything is told; nothing but the family is. */
static const struct cl_distrust_platform whole = {.family = "snp",
                                                  .product = "milan",
                                                  .fmspc = fmspc,
                                                  .chip_id = chip,
                                                  .chip_id_len = 2,
                                                  .components = components,
                                                  .component_count = 2};
static const struct cl_distrust_platform bare = {.family = "snp"};

static const struct {
    const char *entry;
    enum cl_tristate of_whole, of_bare;
} finds[] = {
    {"", CL_YES, CL_YES},
    {",\"product\":\"milan\"", CL_YES, CL_UNKNOWN},
    {",\"product\":\"genoa\"", CL_NO, CL_UNKNOWN},
    {",\"fmspc\":\"00806f050000\"", CL_YES, CL_UNKNOWN},
    {",\"fmspc\":\"00806f050001\"", CL_NO, CL_UNKNOWN},
    {",\"chip_id\":\"abcd\"", CL_YES, CL_UNKNOWN},
    {",\"chip_id\":\"abce\"", CL_NO, CL_UNKNOWN},
    {",\"chip_id\":\"abcd00\"", CL_NO, CL_UNKNOWN},
    {",\"tcb_below\":{\"snp\":25}", CL_YES, CL_UNKNOWN},
    {",\"tcb_below\":{\"snp\":24}", CL_NO, CL_UNKNOWN},
    {",\"tcb_below\":{\"snp\":24,\"microcode\":220}", CL_YES, CL_UNKNOWN},
    {",\"tcb_below\":{\"nobody\":1}", CL_UNKNOWN, CL_UNKNOWN},
    {",\"tcb_below\":{\"nobody\":1,\"snp\":25}", CL_YES, CL_UNKNOWN},
    {",\"product\":\"genoa\",\"tcb_below\":{\"nobody\":1}", CL_NO, CL_UNKNOWN},
    {",\"product\":\"milan\",\"chip_id\":\"abcd\",\"tcb_below\":{\"snp\":24}", CL_NO, CL_UNKNOWN},
};

START_TEST(test_finding)
{
    char text[1024];
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    struct cl_err err = {0};
    struct cl_distrust_hit hit = {0};
    (void)snprintf(text, sizeof(text), ENTRY("%s"), finds[_i].entry);
    ck_assert_msg(read_text(text, NOW, &d, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(cl_distrust_find(d, &whole, &hit) == finds[_i].of_whole, "%s", text);
    ck_assert_int_eq(hit.id != NULL, finds[_i].of_whole != CL_NO);
    ck_assert_msg(cl_distrust_find(d, &bare, &hit) == finds[_i].of_bare, "%s", text);
    ck_assert_str_eq(hit.source, "a paper");
    const struct cl_distrust_platform tdx = {.family = "tdx"};
    ck_assert_int_eq(cl_distrust_find(d, &tdx, &hit), CL_NO);
}
END_TEST

START_TEST(test_certain_hit_goes_before_a_possible_one)
{
    static const char text[] =
        "{" HEAD ",\"entries\":[{" TEXTS ",\"family\":\"snp\",\"tcb_below\":{\"nobody\":1}},"
        "{\"id\":\"X-2\",\"source\":\"s\",\"reason\":\"r\",\"family\":\"snp\"}]}";
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    struct cl_distrust_hit hit = {0};
    ck_assert_int_eq(read_text(text, NOW, &d, NULL), CL_OK);
    ck_assert_int_eq(cl_distrust_find(d, &whole, &hit), CL_YES);
    ck_assert_str_eq(hit.id, "X-2");
}
END_TEST

int main(void)
{
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    p256 = EVP_EC_gen("P-256");
    Suite *s = suite_create("distrust");
    TCase *t = tcase_create("distrust");
    tcase_add_test(t, test_forged_and_expired_documents);
    tcase_add_loop_test(t, test_bad_documents, 0, (int)CL_ARRAY_LEN(bad));
    tcase_add_test(t, test_entries_are_bounded);
    tcase_add_loop_test(t, test_finding, 0, (int)CL_ARRAY_LEN(finds));
    tcase_add_test(t, test_certain_hit_goes_before_a_possible_one);
    suite_add_tcase(s, t);
    int status = run_suite(s);
    EVP_PKEY_free(ed25519);
    EVP_PKEY_free(other);
    EVP_PKEY_free(p256);
    return status;
}
