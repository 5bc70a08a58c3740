/* SPDX-License-Identifier: Apache-2.0
 * test_token.c - JWK, JWE and RCAR runtime data: the worked examples, and what is refused.
 */
#include "base/digest.h"
#include "check_main.h"
#include "cloister/jwe.h"
#include "cloister/rcar.h"
#include "token_internal.h"
#include "token_keys.h"
#include "token_vectors.h"

#include <string.h>

static void check_sha384(const char *text, const char *hex)
{
    uint8_t digest[CL_SHA384_SIZE];
    char got[2 * CL_SHA384_SIZE + 1];
    ck_assert_int_eq(cl_sha384(digest, text, strlen(text), NULL), CL_OK);
    cl_hex(got, digest, sizeof(digest));
    ck_assert_str_eq(got, hex);
}

static void check_runtime(enum cl_rcar_version v, const char *additional, const char *text,
                          const char *hash)
{
    struct cl_jwk *key = public_jwk(V_P256_JWK);
    struct cl_buf out = {0};
    uint8_t report_data[CL_RCAR_REPORT_DATA_SIZE];
    char hex[2 * CL_RCAR_REPORT_DATA_SIZE + 1];
    ck_assert_int_eq(cl_rcar_runtime_text(v, V_NONCE, key, additional, &out, NULL), CL_OK);
    ck_assert_str_eq((const char *)out.data, text);
    check_sha384(text, hash);
    ck_assert_int_eq(cl_rcar_report_data(v, V_NONCE, key, additional, report_data, NULL), CL_OK);
    cl_hex(hex, report_data, sizeof(report_data));
    ck_assert_int_eq(strncmp(hex, hash, 96), 0);
    ck_assert_str_eq(hex + 96, "00000000000000000000000000000000");
    cl_buf_done(&out);
    cl_jwk_free(key);
}

START_TEST(test_runtime_data_of_the_worked_examples)
{
    check_runtime(CL_RCAR_0_2_0, "", V_TEXT_0_2_0, V_SHA384_0_2_0);
    check_runtime(CL_RCAR_0_4_0, "", V_TEXT_0_4_0, V_SHA384_0_4_0);
    check_runtime(CL_RCAR_0_4_0, V_DEVICE, V_TEXT_DEVICE, V_SHA384_DEVICE);
}
END_TEST

START_TEST(test_canonical_json_of_trustees_unit_vector)
{
    json_t *j = json_of("{\"c\":{\"d\":\"e\"},\"b\":1,\"a\":\"test\"}");
    struct cl_buf out = {0};
    ck_assert_int_eq(cl_json_canonical(j, &out, NULL), CL_OK);
    check_sha384((const char *)out.data, V_JCS_SHA384);
    cl_buf_done(&out);
    json_decref(j);
}
END_TEST

START_TEST(test_runtime_text_escapes_as_rfc_8785_does)
{
    struct cl_jwk *key = public_jwk(V_P256_JWK);
    struct cl_buf out = {0};
    ck_assert_int_eq(cl_rcar_runtime_text(CL_RCAR_0_4_0, "n/\xc3\xa9", key,
                                          "\"\\/\b\f\n\r\t\x01\x1f\x7f", &out, NULL),
                     CL_OK);
    ck_assert_ptr_nonnull(strstr((const char *)out.data,
                                 "{\"additional-evidence\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f"
                                 "\x7f\",\"nonce\":\"n/\xc3\xa9\",\"tee-pubkey\":{\"alg\":"));
    cl_buf_done(&out);
    cl_jwk_free(key);
}
END_TEST

START_TEST(test_versions)
{
    enum cl_rcar_version v;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_rcar_version_parse("0.4.0", &v, NULL), CL_OK);
    ck_assert_int_eq(v, CL_RCAR_0_4_0);
    ck_assert_int_eq(cl_rcar_version_parse("0.2.0+meta.1", &v, NULL), CL_OK);
    ck_assert_int_eq(v, CL_RCAR_0_2_0);
    static const char *const bad[] = {"",       "0.4",    "0.4.0-rc1", "0.4.0+", "0.4.1",
                                      "0.4.00", "v0.4.0", "0.1.0",     "0.3.0",  "1.0.0"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(cl_rcar_version_parse(bad[i], &v, &err) == CL_ERR_UNSUPPORTED, "%s", bad[i]);
    }
    ck_assert_str_eq(err.msg, "version: expected 0.4.0 or 0.2.0, got 1.0.0");
}
END_TEST

START_TEST(test_jwk_round_trip_drops_unknown_members)
{
    static const char *const texts[] = {V_P256_JWK, V_P521_JWK};
    for (size_t i = 0; i < CL_ARRAY_LEN(texts); i++) {
        json_t *j = json_of(texts[i]);
        json_t *out = NULL;
        struct cl_jwk *k = NULL;
        ck_assert_int_eq(json_object_set_new(j, "kid", json_string("x")), 0);
        ck_assert_int_eq(cl_jwk_parse(j, "key", CL_JWK_WRAP, &k, NULL), CL_OK);
        ck_assert_int_eq(cl_jwk_emit(k, CL_JWK_WRAP, &out, NULL), CL_OK);
        ck_assert_int_eq(json_object_del(j, "kid"), 0);
        ck_assert_int_eq(json_equal(j, out), 1);
        json_decref(j);
        json_decref(out);
        cl_jwk_free(k);
    }
}
END_TEST

START_TEST(test_jwk_rsa_round_trip)
{
    EVP_PKEY *pkey = pem_pkey(V_RSA_PEM);
    struct cl_jwk *k = NULL;
    struct cl_jwk *again = NULL;
    json_t *j = NULL;
    ck_assert_int_eq(cl_jwk_from_pkey(pkey, &k, NULL), CL_OK);
    ck_assert_int_eq(cl_jwk_emit(k, CL_JWK_WRAP, &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "alg")), "RSA-OAEP-256");
    ck_assert_int_eq(cl_jwk_parse(j, "key", CL_JWK_WRAP, &again, NULL), CL_OK);
    ck_assert_int_eq(EVP_PKEY_eq(cl_jwk_pkey(k), cl_jwk_pkey(again)), 1);
    ck_assert_int_eq(cl_jwk_emit(k, CL_JWK_ES256, &j, NULL), CL_ERR_UNSUPPORTED);
    struct cl_err err = {0};
    ck_assert_int_eq(json_object_set_new(j, "alg", json_string("RSA1_5")), 0);
    cl_jwk_free(again);
    again = NULL;
    ck_assert_int_eq(cl_jwk_parse(j, "key", CL_JWK_WRAP, &again, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "key: alg: expected RSA-OAEP-256, got RSA1_5");
    json_decref(j);
    cl_jwk_free(k);
    EVP_PKEY_free(pkey);
}
END_TEST

/* One member of the good P-256 key replaced. */
static const struct {
    const char *member, *value;
    enum cl_status st;
    const char *msg;
} jwk_cases[] = {
    {"kty", "OKP", CL_ERR_UNSUPPORTED, "key: kty: expected EC or RSA, got OKP"},
    {"kty", NULL, CL_ERR_MALFORMED, "key: kty: expected string, got nothing"},
    {"crv", "P-384", CL_ERR_UNSUPPORTED, "key: crv: expected P-256 or P-521, got P-384"},
    {"alg", "none", CL_ERR_UNSUPPORTED, "key: alg: expected ECDH-ES+A256KW, got none"},
    {"alg", "ES256", CL_ERR_UNSUPPORTED, "key: alg: expected ECDH-ES+A256KW, got ES256"},
    {"alg", NULL, CL_ERR_MALFORMED, "key: alg: expected string, got nothing"},
    {"x", "AAAA", CL_ERR_MALFORMED, "key: x: expected 32 bytes, got 3"},
    {"x", "eV9hFc7NphGkmnZamLEW3vuiKIqsxOgGkNwZZQXuxNY", CL_ERR_MALFORMED,
     "key: not a point of its curve"},
    {"y", NULL, CL_ERR_MALFORMED, "key: y: expected string, got nothing"},
};

START_TEST(test_jwk_refuses)
{
    struct cl_err err = {0};
    struct cl_jwk *k = NULL;
    json_t *j = json_of(V_P256_JWK);
    if (jwk_cases[_i].value != NULL) {
        json_object_set_new(j, jwk_cases[_i].member, json_string(jwk_cases[_i].value));
    } else {
        json_object_del(j, jwk_cases[_i].member);
    }
    ck_assert_int_eq(cl_jwk_parse(j, "key", CL_JWK_WRAP, &k, &err), jwk_cases[_i].st);
    ck_assert_str_eq(err.msg, jwk_cases[_i].msg);
    ck_assert_ptr_null(k);
    json_decref(j);
}
END_TEST

static void check_open(const struct cl_jwk *key, const char *jwe)
{
    struct cl_secret plain = {0};
    struct cl_err err = {0};
    enum cl_status st = cl_jwe_open(key, jwe, strlen(jwe), &plain, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(plain.len, strlen(V_PLAIN));
    ck_assert_int_eq(memcmp(plain.data, V_PLAIN, plain.len), 0);
    cl_secret_done(&plain);
}

START_TEST(test_jwe_opens_the_worked_examples)
{
    struct cl_jwk *p256 = private_jwk(V_P256_JWK, V_P256_D);
    struct cl_jwk *p521 = private_jwk(V_P521_JWK, V_P521_D);
    EVP_PKEY *rsa_pkey = pem_pkey(V_RSA_PEM);
    struct cl_jwk *rsa = NULL;
    ck_assert_int_eq(cl_jwk_from_pkey(rsa_pkey, &rsa, NULL), CL_OK);
    check_open(p256, V_JWE_P256);
    check_open(p521, V_JWE_P521);
    check_open(rsa, V_JWE_RSA);
    struct cl_secret plain = {0};
    ck_assert_int_eq(cl_jwe_open(p521, V_JWE_P256, strlen(V_JWE_P256), &plain, NULL),
                     CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_jwe_open(rsa, V_JWE_P256, strlen(V_JWE_P256), &plain, NULL),
                     CL_ERR_UNSUPPORTED);
    cl_jwk_free(p256);
    cl_jwk_free(p521);
    cl_jwk_free(rsa);
    EVP_PKEY_free(rsa_pkey);
}
END_TEST

START_TEST(test_jwe_seals_the_worked_example_byte_for_byte)
{
    struct cl_jwk *to = public_jwk(V_P256_JWK);
    uint8_t cek[CL_CEK_SIZE];
    char kek_hex[65];
    struct cl_jwe_random rnd = {.ephemeral = private_jwk(V_EPH_JWK, V_EPH_D)};
    ck_assert_int_eq(cl_unhex(cek, sizeof(cek), V_CEK_P256, "cek", NULL), CL_OK);
    ck_assert_int_eq(cl_unhex(rnd.iv, sizeof(rnd.iv), V_IV_P256, "iv", NULL), CL_OK);
    ck_assert_int_eq(cl_secret_from(&rnd.cek, cek, sizeof(cek), NULL), CL_OK);
    struct cl_secret kek = {0};
    ck_assert_int_eq(cl_ecdh_kek(rnd.ephemeral, to, &kek, NULL), CL_OK);
    cl_hex(kek_hex, kek.data, kek.len);
    ck_assert_str_eq(kek_hex, V_KEK_P256);
    struct cl_buf out = {0};
    ck_assert_int_eq(cl_jwe_seal_with(to, &rnd, V_PLAIN, strlen(V_PLAIN), &out, NULL), CL_OK);
    ck_assert_str_eq((const char *)out.data, V_JWE_P256);
    cl_buf_done(&out);
    cl_secret_done(&kek);
    cl_secret_done(&rnd.cek);
    cl_jwk_free(rnd.ephemeral);
    cl_jwk_free(to);
}
END_TEST

START_TEST(test_jwe_round_trip_of_every_kind_and_size)
{
    EVP_PKEY *rsa_pkey = pem_pkey(V_RSA_PEM);
    struct cl_jwk *keys[3] = {NULL};
    ck_assert_int_eq(cl_jwk_generate(CL_JWK_P256, &keys[0], NULL), CL_OK);
    ck_assert_int_eq(cl_jwk_generate(CL_JWK_P521, &keys[1], NULL), CL_OK);
    ck_assert_int_eq(cl_jwk_from_pkey(rsa_pkey, &keys[2], NULL), CL_OK);
    static const size_t sizes[] = {0, 1, 32, 100000};
    static uint8_t data[100000];
    ck_assert_int_eq(cl_random(data, sizeof(data), NULL), CL_OK);
    for (size_t i = 0; i < 3 * CL_ARRAY_LEN(sizes); i++) {
        struct cl_buf out = {0};
        struct cl_secret plain = {0};
        size_t n = sizes[i / 3];
        ck_assert_int_eq(cl_jwe_seal(keys[i % 3], data, n, &out, NULL), CL_OK);
        ck_assert_int_eq(cl_jwe_open(keys[i % 3], out.data, out.len, &plain, NULL), CL_OK);
        ck_assert_uint_eq(plain.len, n);
        ck_assert_int_eq(n == 0 ? 0 : memcmp(plain.data, data, n), 0);
        cl_secret_done(&plain);
        cl_buf_done(&out);
    }
    for (size_t i = 0; i < 3; i++) {
        cl_jwk_free(keys[i]);
    }
    EVP_PKEY_free(rsa_pkey);
}
END_TEST

START_TEST(test_jwe_every_changed_byte_is_refused)
{
    struct cl_jwk *key = private_jwk(V_P256_JWK, V_P256_D);
    char text[] = V_JWE_P256;
    for (size_t i = 0; i < strlen(text); i++) {
        struct cl_secret plain = {0};
        char keep = text[i];
        text[i] = keep == 'B' ? 'C' : 'B';
        enum cl_status st = cl_jwe_open(key, text, strlen(text), &plain, NULL);
        ck_assert_msg(st == CL_ERR_MALFORMED || st == CL_ERR_REJECTED || st == CL_ERR_UNSUPPORTED,
                      "byte %zu: status %d", i, (int)st);
        text[i] = keep;
    }
    for (size_t n = 0; n < strlen(text); n++) {
        struct cl_secret plain = {0};
        enum cl_status st = cl_jwe_open(key, text, n, &plain, NULL);
        ck_assert_msg(st == (n == 0 ? CL_ERR_TRUNCATED : CL_ERR_MALFORMED), "length %zu", n);
    }
    cl_jwk_free(key);
}
END_TEST

/* The worked example with another header. */
static const struct {
    const char *header;
    enum cl_status st;
    const char *msg;
} header_cases[] = {
    {"{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", CL_ERR_UNSUPPORTED,
     "protected: expected ECDH-ES+A256KW with A256GCM, got dir with A256GCM"},
    {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A128GCM\"}", CL_ERR_UNSUPPORTED,
     "protected: expected ECDH-ES+A256KW with A256GCM, got ECDH-ES+A256KW with A128GCM"},
    {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\"}", CL_ERR_MALFORMED,
     "protected: epk: expected object, got nothing"},
    {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"}", CL_ERR_MALFORMED, NULL},
    {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":" V_P521_JWK "}", CL_ERR_MALFORMED,
     "epk: crv: expected P-256, got P-521"},
    {"[]", CL_ERR_MALFORMED, NULL},
};

START_TEST(test_jwe_refuses_other_headers)
{
    struct cl_jwk *key = private_jwk(V_P256_JWK, V_P256_D);
    struct cl_buf b64 = {0};
    struct cl_buf text = {0};
    struct cl_secret plain = {0};
    struct cl_err err = {0};
    const char *header = header_cases[_i].header;
    json_t *j = json_of(V_JWE_P256);
    ck_assert_int_eq(cl_b64url_encode(&b64, header, strlen(header), NULL), CL_OK);
    json_object_set_new(j, "protected", json_string((const char *)b64.data));
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_jwe_open(key, text.data, text.len, &plain, &err), header_cases[_i].st);
    if (header_cases[_i].msg != NULL) {
        ck_assert_str_eq(err.msg, header_cases[_i].msg);
    }
    json_decref(j);
    cl_buf_done(&b64);
    cl_buf_done(&text);
    cl_jwk_free(key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("token");
    TCase *t = tcase_create("token");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_runtime_data_of_the_worked_examples);
    tcase_add_test(t, test_canonical_json_of_trustees_unit_vector);
    tcase_add_test(t, test_runtime_text_escapes_as_rfc_8785_does);
    tcase_add_test(t, test_versions);
    tcase_add_test(t, test_jwk_round_trip_drops_unknown_members);
    tcase_add_test(t, test_jwk_rsa_round_trip);
    tcase_add_loop_test(t, test_jwk_refuses, 0, CL_ARRAY_LEN(jwk_cases));
    tcase_add_test(t, test_jwe_opens_the_worked_examples);
    tcase_add_test(t, test_jwe_seals_the_worked_example_byte_for_byte);
    tcase_add_test(t, test_jwe_round_trip_of_every_kind_and_size);
    tcase_add_test(t, test_jwe_every_changed_byte_is_refused);
    tcase_add_loop_test(t, test_jwe_refuses_other_headers, 0, CL_ARRAY_LEN(header_cases));
    suite_add_tcase(s, t);
    return run_suite(s);
}
