/* SPDX-License-Identifier: Apache-2.0
 * token_keys.h - private keys out of the worked examples, for tests. The library itself never reads
 * a private JWK.
 */
#ifndef CL_TEST_TOKEN_KEYS_H
#define CL_TEST_TOKEN_KEYS_H

#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/jwk.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

static inline json_t *json_of(const char *text)
{
    json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(text, strlen(text), "test", &j, NULL), CL_OK);
    return j;
}

static inline struct cl_jwk *public_jwk(const char *text)
{
    struct cl_err err = {0};
    struct cl_jwk *k = NULL;
    json_t *j = json_of(text);
    enum cl_status st = cl_jwk_parse(j, "key", CL_JWK_WRAP, &k, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    json_decref(j);
    return k;
}

/* The EC key of a public JWK and its d in hex. */
static inline struct cl_jwk *private_jwk(const char *text, const char *d_hex)
{
    struct cl_jwk *pub = public_jwk(text);
    struct cl_jwk *k = NULL;
    uint8_t point[133];
    size_t point_len = 0;
    ck_assert_int_eq(EVP_PKEY_get_octet_string_param(cl_jwk_pkey(pub), OSSL_PKEY_PARAM_PUB_KEY,
                                                     point, sizeof(point), &point_len),
                     1);
    BIGNUM *d = NULL;
    ck_assert_int_gt(BN_hex2bn(&d, d_hex), 0);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    const char *group = cl_jwk_kind(pub) == CL_JWK_P521 ? "P-521" : "P-256";
    ck_assert_int_eq(OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0), 1);
    ck_assert_int_eq(
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, point_len), 1);
    ck_assert_int_eq(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *pkey = NULL;
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params), 1);
    ck_assert_int_eq(cl_jwk_from_pkey(pkey, &k, NULL), CL_OK);
    EVP_PKEY_free(pkey);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(d);
    cl_jwk_free(pub);
    return k;
}

static inline EVP_PKEY *pem_pkey(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(pkey);
    return pkey;
}

#endif
