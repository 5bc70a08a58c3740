/* SPDX-License-Identifier: Apache-2.0
 * test_jwt.c - signed tokens: the worked example of an admin's token, both algorithms, and the
 * tricks that must not work.
 */
#include "base/encode.h"
#include "check_main.h"
#include "cloister/jwt.h"
#include "token_keys.h"
#include "token_vectors.h"

#include <string.h>

static EVP_PKEY *ed25519_public(void)
{
    uint8_t raw[32];
    ck_assert_int_eq(cl_unhex(raw, sizeof(raw), V_ED25519_PUBLIC, "key", NULL), CL_OK);
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static EVP_PKEY *ed25519_private(void)
{
    uint8_t raw[32];
    ck_assert_int_eq(cl_unhex(raw, sizeof(raw), V_ED25519_SEED, "key", NULL), CL_OK);
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static enum cl_status verify(enum cl_jwt_alg alg, EVP_PKEY *key, const char *token, json_t **claims,
                             struct cl_err *err)
{
    return cl_jwt_verify(alg, key, token, strlen(token), claims, err);
}

START_TEST(test_admin_token_of_the_worked_example)
{
    EVP_PKEY *pub = ed25519_public();
    EVP_PKEY *priv = ed25519_private();
    json_t *claims = NULL;
    struct cl_buf out = {0};
    ck_assert_int_eq(verify(CL_JWT_EDDSA, pub, V_ADMIN_JWT, &claims, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(claims, "role")), "admin");
    ck_assert_int_eq(json_integer_value(json_object_get(claims, "exp")), 4102444800);
    json_decref(claims);
    /* Ed25519 is deterministic; the example writes alg before typ, we write typ first */
    claims = json_of("{\"iat\":1700000000,\"exp\":4102444800,\"iss\":\"cloister-admin\","
                     "\"role\":\"admin\"}");
    ck_assert_int_eq(cl_jwt_sign(CL_JWT_EDDSA, priv, NULL, claims, &out, NULL), CL_OK);
    const char *theirs = strchr(V_ADMIN_JWT, '.');
    const char *ours = strchr((const char *)out.data, '.');
    size_t n = (size_t)(strrchr(V_ADMIN_JWT, '.') - theirs);
    ck_assert_int_eq(strncmp(theirs, ours, n + 1), 0);
    json_decref(claims);
    claims = NULL;
    ck_assert_int_eq(verify(CL_JWT_EDDSA, pub, (const char *)out.data, &claims, NULL), CL_OK);
    json_decref(claims);
    cl_buf_done(&out);
    EVP_PKEY_free(pub);
    EVP_PKEY_free(priv);
}
END_TEST

START_TEST(test_every_changed_byte_is_refused)
{
    EVP_PKEY *pub = ed25519_public();
    char token[] = V_ADMIN_JWT;
    for (size_t i = 0; i < strlen(token); i++) {
        json_t *claims = NULL;
        char keep = token[i];
        token[i] = keep == 'B' ? 'C' : 'B';
        ck_assert_msg(verify(CL_JWT_EDDSA, pub, token, &claims, NULL) != CL_OK, "byte %zu", i);
        ck_assert_ptr_null(claims);
        token[i] = keep;
    }
    for (size_t n = 0; n < strlen(token); n++) {
        json_t *claims = NULL;
        ck_assert_msg(cl_jwt_verify(CL_JWT_EDDSA, pub, token, n, &claims, NULL) != CL_OK,
                      "length %zu", n);
    }
    EVP_PKEY_free(pub);
}
END_TEST

START_TEST(test_es256_round_trip)
{
    struct cl_jwk *key = NULL;
    struct cl_jwk *other = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_jwk_generate(CL_JWK_P256, &key, NULL), CL_OK);
    ck_assert_int_eq(cl_jwk_generate(CL_JWK_P256, &other, NULL), CL_OK);
    json_t *claims = json_of("{\"a\":\"b\"}");
    json_t *extra = json_of("{\"kid\":\"1\",\"alg\":\"none\"}"); /* alg is not replaced */
    for (int i = 0; i < 50; i++) {                               /* r and s of every length */
        struct cl_buf out = {0};
        json_t *back = NULL;
        ck_assert_int_eq(cl_jwt_sign(CL_JWT_ES256, cl_jwk_pkey(key), extra, claims, &out, NULL),
                         CL_OK);
        const char *token = (const char *)out.data;
        ck_assert_int_eq(verify(CL_JWT_ES256, cl_jwk_pkey(key), token, &back, NULL), CL_OK);
        ck_assert_int_eq(json_equal(back, claims), 1);
        json_decref(back);
        ck_assert_int_eq(verify(CL_JWT_ES256, cl_jwk_pkey(other), token, &back, &err),
                         CL_ERR_REJECTED);
        ck_assert_str_eq(err.msg, "JWT: signature does not verify");
        cl_buf_done(&out);
    }
    json_decref(claims);
    json_decref(extra);
    cl_jwk_free(key);
    cl_jwk_free(other);
}
END_TEST

/* A token with the given header, the example's claims, and a signature of 64 zero bytes. */
static char *forged(const char *header, struct cl_buf *out)
{
    static const uint8_t zero[64];
    ck_assert_int_eq(cl_b64url_encode(out, header, strlen(header), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(out, ".eyJyb2xlIjoiYWRtaW4ifQ.", NULL), CL_OK);
    ck_assert_int_eq(cl_b64url_encode(out, zero, sizeof(zero), NULL), CL_OK);
    return (char *)out->data;
}

static const struct {
    const char *header;
    enum cl_status st;
    const char *msg;
} header_cases[] = {
    {"{\"alg\":\"none\"}", CL_ERR_REJECTED, "JWT header: alg: expected EdDSA, got none"},
    {"{\"alg\":\"HS256\"}", CL_ERR_REJECTED, "JWT header: alg: expected EdDSA, got HS256"},
    {"{\"alg\":\"ES256\"}", CL_ERR_REJECTED, "JWT header: alg: expected EdDSA, got ES256"},
    {"{\"alg\":\"eddsa\"}", CL_ERR_REJECTED, "JWT header: alg: expected EdDSA, got eddsa"},
    {"{}", CL_ERR_MALFORMED, "JWT header: alg: expected string, got nothing"},
    {"{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}", CL_ERR_UNSUPPORTED,
     "JWT header: crit: not supported"},
    {"{\"alg\":\"EdDSA\"}", CL_ERR_REJECTED, "JWT: signature does not verify"},
};

START_TEST(test_forged_headers_are_refused)
{
    EVP_PKEY *pub = ed25519_public();
    struct cl_buf out = {0};
    struct cl_err err = {0};
    json_t *claims = NULL;
    ck_assert_int_eq(
        verify(CL_JWT_EDDSA, pub, forged(header_cases[_i].header, &out), &claims, &err),
        header_cases[_i].st);
    ck_assert_str_eq(err.msg, header_cases[_i].msg);
    ck_assert_ptr_null(claims);
    cl_buf_done(&out);
    EVP_PKEY_free(pub);
}
END_TEST

START_TEST(test_key_must_fit_the_algorithm)
{
    EVP_PKEY *pub = ed25519_public();
    json_t *claims = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(verify(CL_JWT_ES256, pub, V_ADMIN_JWT, &claims, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "JWT: key does not fit ES256");
    EVP_PKEY_free(pub);
}
END_TEST

static const struct {
    const char *claims;
    enum cl_status st;
    const char *msg;
} time_cases[] = {
    {"{\"exp\":1000}", CL_OK, ""},
    {"{\"exp\":940}", CL_OK, ""},
    {"{\"exp\":939}", CL_ERR_REJECTED, "JWT: exp: expired 61 seconds ago"},
    {"{}", CL_ERR_MALFORMED, "JWT claims: exp: expected integer, got nothing"},
    {"{\"exp\":\"2000\"}", CL_ERR_MALFORMED, "JWT claims: exp: expected integer, got string"},
    {"{\"exp\":2000,\"nbf\":1060}", CL_OK, ""},
    {"{\"exp\":2000,\"nbf\":1061}", CL_ERR_REJECTED, "JWT: nbf: 61 seconds in the future"},
    {"{\"exp\":2000,\"iat\":1061}", CL_ERR_REJECTED, "JWT: iat: 61 seconds in the future"},
};

START_TEST(test_times)
{
    struct cl_err err = {0};
    json_t *claims = json_of(time_cases[_i].claims);
    ck_assert_int_eq(cl_jwt_check_times(claims, 1000, &err), time_cases[_i].st);
    ck_assert_str_eq(err.msg, time_cases[_i].msg);
    json_decref(claims);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("jwt");
    TCase *t = tcase_create("jwt");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_admin_token_of_the_worked_example);
    tcase_add_test(t, test_every_changed_byte_is_refused);
    tcase_add_test(t, test_es256_round_trip);
    tcase_add_loop_test(t, test_forged_headers_are_refused, 0, CL_ARRAY_LEN(header_cases));
    tcase_add_test(t, test_key_must_fit_the_algorithm);
    tcase_add_loop_test(t, test_times, 0, CL_ARRAY_LEN(time_cases));
    suite_add_tcase(s, t);
    return run_suite(s);
}
