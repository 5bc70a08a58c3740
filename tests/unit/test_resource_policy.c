/* SPDX-License-Identifier: Apache-2.0
 * test_resource_policy.c - resource policies: what parses, what a pattern covers, what decides; and
 * the messages of the handshake.
 */
#include "base/encode.h"
#include "check_main.h"
#include "rcar_msg.h"
#include "resource_policy.h"
#include "token_vectors.h"

#include <stdio.h>
#include <string.h>

#define D1 "1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "2222222222222222222222222222222222222222222222222222222222222222"
#define D0 "0000000000000000000000000000000000000000000000000000000000000000"
#define RULE(resource, classes, initdata)                                                          \
    "{\"resource\":\"" resource "\",\"classes\":[" classes "],\"initdata\":[" initdata "]}"
#define POLICY(rules) "{\"schema\":\"cloister.resource-policy/1\",\"rules\":[" rules "]}"

static enum cl_status parse(const char *text, struct cl_resource_policy **p, struct cl_err *err)
{
    return cl_resource_policy_parse(text, strlen(text), p, err);
}

static const char good[] =
    POLICY(RULE("default/image-kek/*", "\"sim-snp\"", "\"" D1 "\",\"" D2 "\""));

static const struct {
    const char *text;
    enum cl_status st;
    const char *msg;
} bad_cases[] = {
    {"", CL_ERR_TRUNCATED, "policy: expected a JSON document, got nothing"},
    {"{}", CL_ERR_MALFORMED, "policy: schema: expected string, got nothing"},
    {"{\"schema\":\"cloister.resource-policy/2\",\"rules\":[]}", CL_ERR_UNSUPPORTED,
     "policy: schema: expected cloister.resource-policy/1, got cloister.resource-policy/2"},
    {"{\"schema\":\"cloister.resource-policy/1\"}", CL_ERR_MALFORMED,
     "policy: rules: expected array, got nothing"},
    {"{\"schema\":\"cloister.resource-policy/1\",\"rules\":[],\"default\":\"allow\"}",
     CL_ERR_MALFORMED, NULL},
    {POLICY("7"), CL_ERR_MALFORMED, "policy: rule 0: expected object"},
    {POLICY("{}"), CL_ERR_MALFORMED, "policy: rule 0: resource: expected string, got nothing"},
    {POLICY(RULE("a/b", "\"snp\"", "\"" D1 "\"")), CL_ERR_MALFORMED,
     "policy: rule 0: resource: expected repository/type/tag, got 'a/b'"},
    {POLICY(RULE("*", "\"snp\"", "\"" D1 "\"")), CL_ERR_MALFORMED,
     "policy: rule 0: resource: expected repository/type/tag, got '*'"},
    {POLICY("{\"resource\":\"a/b/c\",\"initdata\":[\"" D1 "\"]}"), CL_ERR_MALFORMED,
     "policy: rule 0: classes: expected array, got nothing"},
    {POLICY("{\"resource\":\"a/b/c\",\"classes\":[\"snp\"]}"), CL_ERR_MALFORMED,
     "policy: rule 0: initdata: expected array, got nothing"},
    {POLICY(RULE("a/b/c", "", "\"" D1 "\"")), CL_ERR_MALFORMED,
     "policy: rule 0: classes: expected at least one, got none"},
    {POLICY(RULE("a/b/c", "\"any\"", "\"" D1 "\"")), CL_ERR_MALFORMED,
     "policy: rule 0: classes: class: "
     "expected one of snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm, sim-snp, sim-tdx, got 'any'"},
    {POLICY(RULE("a/b/c", "7", "\"" D1 "\"")), CL_ERR_MALFORMED,
     "policy: rule 0: classes: class: "
     "expected one of snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm, sim-snp, sim-tdx, got ''"},
    {POLICY(RULE("a/b/c", "\"snp\"", "")), CL_ERR_MALFORMED,
     "policy: rule 0: initdata: expected 1 to 10000 digests, got 0"},
    {POLICY(RULE("a/b/c", "\"snp\"", "\"" D0 "\"")), CL_ERR_MALFORMED,
     "policy: rule 0: initdata: all zero"},
    {POLICY(RULE("a/b/c", "\"snp\"", "\"*\"")), CL_ERR_MALFORMED, NULL},
    {POLICY(RULE("a/b/c", "\"snp\"", "\"" D1 "\"") "," RULE("a/b/c", "\"snp\"", "7")),
     CL_ERR_MALFORMED, NULL},
};

START_TEST(test_bad_policies)
{
    struct cl_resource_policy *p = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(parse(bad_cases[_i].text, &p, &err), bad_cases[_i].st);
    if (bad_cases[_i].msg != NULL) {
        ck_assert_str_eq(err.msg, bad_cases[_i].msg);
    }
    ck_assert_ptr_null(p);
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    for (size_t n = 0; n < strlen(good); n++) {
        struct cl_resource_policy *p = NULL;
        ck_assert_msg(cl_resource_policy_parse(good, n, &p, NULL) != CL_OK, "%zu bytes", n);
    }
}
END_TEST

static const struct {
    const char *glob, *path;
    bool covers;
} glob_cases[] = {
    {"a/b/c", "a/b/c", true},
    {"a/b/c", "a/b/cc", false},
    {"a/b/c", "a/b/", false},
    {"a/b/*", "a/b/c", true},
    {"a/b/*", "a/b/c/d", false},
    {"a/b/*", "a/c/b", false},
    {"*/*/*", "x/y/z", true},
    {"*/*/*", "x/y", false},
    {"a/*/c", "a/anything.at-all/c", true},
    {"a/*/c", "a/b/d", false},
    {"a/k*y/c", "a/key/c", true},
    {"a/k*y/c", "a/ky/c", true},
    {"a/k*y/c", "a/kyx/c", false},
    {"a/*b*/c", "a/xbx/c", true},
    {"a/*b/*b", "a/bbb/bbbb", true},
    {"a/*b/*b", "a/bba/bbbb", false},
    {"a/*ab/c", "a/aab/c", true},
    {"a/b/*a*a*a*b", "a/b/aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

START_TEST(test_patterns)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(glob_cases); i++) {
        struct cl_resource_policy *p = NULL;
        struct cl_err err = {0};
        struct cl_denial d = {{0}, {0}, {0}};
        char text[512];
        uint8_t digest[CL_INITDATA_SIZE] = {0};
        size_t rule = 99;
        memset(digest, 0x11, 32);
        (void)snprintf(text, sizeof(text),
                       "{\"schema\":\"cloister.resource-policy/1\",\"rules\":[{\"resource\":\"%s\","
                       "\"classes\":[\"snp\"],\"initdata\":[\"" D1 "\"]}]}",
                       glob_cases[i].glob);
        ck_assert_msg(parse(text, &p, &err) == CL_OK, "%s", err.msg);
        ck_assert_msg(cl_resource_policy_allows(p, glob_cases[i].path, CL_TEE_CLASS_SNP, digest,
                                                &rule, &d) == glob_cases[i].covers,
                      "%s %s", glob_cases[i].glob, glob_cases[i].path);
        cl_resource_policy_free(p);
    }
}
END_TEST

START_TEST(test_the_nearest_rule_explains_a_denial)
{
    static const char text[] = POLICY(RULE("a/b/*", "\"snp\"", "\"" D1 "\"") "," RULE(
        "a/b/c", "\"sim-snp\"", "\"" D1 "\",\"" D2 "\""));
    struct cl_resource_policy *p = NULL;
    struct cl_denial d = {{0}, {0}, {0}};
    uint8_t one[CL_INITDATA_SIZE] = {0};
    uint8_t three[CL_INITDATA_SIZE] = {0};
    size_t rule = 99;
    memset(one, 0x11, 32);
    memset(three, 0x33, 32);
    ck_assert_int_eq(parse(text, &p, NULL), CL_OK);
    ck_assert(cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_SIM_SNP, one, &rule, &d));
    ck_assert_uint_eq(rule, 1);
    ck_assert(!cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_SIM_SNP, three, &rule, &d));
    ck_assert_str_eq(d.check, "policy.initdata");
    ck_assert_str_eq(d.expected, D1 " or 1 others");
    ck_assert(!cl_resource_policy_allows(p, "a/b/d", CL_TEE_CLASS_SIM_SNP, one, &rule, &d));
    ck_assert_str_eq(d.check, "policy.class");
    ck_assert_str_eq(d.expected, "snp");
    ck_assert_str_eq(d.actual, "sim-snp");
    ck_assert(!cl_resource_policy_allows(p, "x/b/d", CL_TEE_CLASS_SNP, one, &rule, &d));
    ck_assert_str_eq(d.check, "policy.resource");
    ck_assert(!cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_NONE, one, &rule, &d));
    ck_assert_str_eq(d.check, "policy.class");
    cl_resource_policy_free(p);
}
END_TEST

/* MRCONFIGID has room for a SHA-384; a SHA-256 stands there with zeros behind it. */
START_TEST(test_initdata_of_48_bytes)
{
    static const char text[] =
        POLICY(RULE("a/b/c", "\"tdx\"", "\"" D1 "\",\"" D2 "22222222222222222222222222222222\""));
    struct cl_resource_policy *p = NULL;
    struct cl_denial d = {{0}, {0}, {0}};
    uint8_t digest[CL_INITDATA_SIZE] = {0};
    size_t rule = 99;
    ck_assert_int_eq(parse(text, &p, NULL), CL_OK);
    memset(digest, 0x11, 32);
    ck_assert(cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_TDX, digest, &rule, &d));
    digest[47] = 1;
    ck_assert(!cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_TDX, digest, &rule, &d));
    ck_assert_uint_eq(strlen(d.actual), 96);
    memset(digest, 0x22, 48);
    ck_assert(cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_TDX, digest, &rule, &d));
    memset(digest + 32, 0, 16);
    ck_assert(!cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_TDX, digest, &rule, &d));
    cl_resource_policy_free(p);
    p = NULL;
    static const char between[] = POLICY(RULE("a/b/c", "\"tdx\"", "\"" D1 "11\""));
    ck_assert_int_eq(parse(between, &p, NULL), CL_ERR_MALFORMED);
}
END_TEST

/* ---- messages ---- */

START_TEST(test_initdata_of_the_worked_example)
{
    uint8_t digest[CL_INITDATA_DIGEST_MAX];
    uint8_t host_data[32];
    size_t len = 0;
    char hex[65];
    struct cl_err err = {0};
    ck_assert_int_eq(cl_initdata_text_digest(V_INITDATA, strlen(V_INITDATA), digest, &len, &err),
                     CL_OK);
    ck_assert_uint_eq(len, 32);
    cl_initdata_fit(host_data, sizeof(host_data), digest, len);
    cl_hex(hex, host_data, sizeof(host_data));
    ck_assert_str_eq(hex, V_INITDATA_SHA256);
    char longer[sizeof(V_INITDATA)];
    memcpy(longer, V_INITDATA, sizeof(longer));
    memcpy(strstr(longer, "sha256"), "sha384", 6); /* cut to 32 bytes */
    ck_assert_int_eq(cl_initdata_text_digest(longer, strlen(longer), digest, &len, &err), CL_OK);
    ck_assert_uint_eq(len, 48);
    cl_initdata_fit(host_data, sizeof(host_data), digest, len);
    cl_hex(hex, host_data, sizeof(host_data));
    ck_assert_str_eq(hex, V_INITDATA_SHA384_CUT);
    memcpy(strstr(longer, "sha384"), "md5sum", 6);
    ck_assert_int_eq(cl_initdata_text_digest(longer, strlen(longer), digest, &len, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg,
                     "init-data: algorithm: expected sha256, sha384 or sha512, got md5sum");
}
END_TEST

#define KEY "\"tee-pubkey\":" V_P256_JWK
#define RUNTIME "\"runtime-data\":{\"nonce\":\"n\"," KEY "}"
#define EVIDENCE "\"tee-evidence\":{\"primary_evidence\":{},\"additional_evidence\":\"\"}"
static const struct {
    const char *text;
    enum cl_status st;
    const char *msg;
} attest_cases[] = {
    {"{" RUNTIME "," EVIDENCE "}", CL_OK, ""},
    {"{\"init-data\":null," RUNTIME "," EVIDENCE "}", CL_OK, ""},
    {"{\"init-data\":{\"format\":\"toml\",\"body\":\"x\"}," RUNTIME "," EVIDENCE "}", CL_OK, ""},
    {"{" KEY ",\"tee-evidence\":{}}", CL_OK, ""},
    {"{" EVIDENCE "}", CL_ERR_MALFORMED,
     "attest request: runtime-data: expected object, got nothing"},
    {"{" RUNTIME "}", CL_ERR_MALFORMED,
     "attest request: tee-evidence: expected object, got nothing"},
    {"{\"runtime-data\":{" KEY "}," EVIDENCE "}", CL_ERR_MALFORMED,
     "runtime-data: nonce: expected string, got nothing"},
    {"{\"runtime-data\":{\"nonce\":\"n\"}," EVIDENCE "}", CL_ERR_MALFORMED,
     "runtime-data: tee-pubkey: expected object, got nothing"},
    {"{" RUNTIME ",\"tee-evidence\":{\"primary_evidence\":\"x\",\"additional_evidence\":\"\"}}",
     CL_ERR_MALFORMED, "tee-evidence: primary_evidence: expected object, got string"},
    {"{" RUNTIME ",\"tee-evidence\":{\"primary_evidence\":{}}}", CL_ERR_MALFORMED,
     "tee-evidence: additional_evidence: expected string, got nothing"},
    {"{" RUNTIME ",\"tee-evidence\":{\"primary_evidence\":{},\"additional_evidence\":\"{}\"}}",
     CL_OK, ""},
    {"{" RUNTIME
     ",\"tee-evidence\":{\"primary_evidence\":{},\"additional_evidence\":\"{\\\"tpm\\\":1}\"}}",
     CL_ERR_UNSUPPORTED, "additional_evidence: expected none, got 1 entries"},
    {"{\"init-data\":{\"format\":\"json\",\"body\":\"x\"}," RUNTIME "," EVIDENCE "}",
     CL_ERR_UNSUPPORTED, "init-data: format: expected toml, got json"},
    {"{\"init-data\":7," RUNTIME "," EVIDENCE "}", CL_ERR_MALFORMED, NULL},
    {"{" RUNTIME "," EVIDENCE "}x", CL_ERR_MALFORMED, NULL},
};

START_TEST(test_attest_requests)
{
    struct cl_attest_request r = {0};
    struct cl_err err = {0};
    const char *text = attest_cases[_i].text;
    ck_assert_int_eq(cl_attest_request_parse(text, strlen(text), &r, &err), attest_cases[_i].st);
    if (attest_cases[_i].msg != NULL) {
        ck_assert_str_eq(err.msg, attest_cases[_i].msg);
    }
    cl_attest_request_done(&r);
    for (size_t n = 0; n < strlen(text) && attest_cases[_i].st == CL_OK; n++) {
        ck_assert_msg(cl_attest_request_parse(text, n, &r, NULL) != CL_OK, "%zu bytes", n);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy");
    TCase *t = tcase_create("policy");
    tcase_add_loop_test(t, test_bad_policies, 0, CL_ARRAY_LEN(bad_cases));
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_patterns);
    tcase_add_test(t, test_initdata_of_48_bytes);
    tcase_add_test(t, test_the_nearest_rule_explains_a_denial);
    tcase_add_test(t, test_initdata_of_the_worked_example);
    tcase_add_loop_test(t, test_attest_requests, 0, CL_ARRAY_LEN(attest_cases));
    suite_add_tcase(s, t);
    return run_suite(s);
}
