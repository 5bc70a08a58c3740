/* SPDX-License-Identifier: Apache-2.0
 * jwk.c - JSON Web Keys: parse and emit (see cloister/jwk.h).
 * Trust: the JSON is hostile; the point must lie on its curve, lengths are exact.
 * Threads: none of its own. Memory: one small object and OpenSSL's key.
 */
#include "cloister/jwk.h"

#include "base/encode.h"
#include "token_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define EC_MAX_FIELD 66u
#define RSA_MIN_SIZE 256u /* bytes: 2048 bits */
#define RSA_MAX_SIZE 512u
#define RSA_E "AQAB" /* 65537 */

struct cl_jwk {
    enum cl_jwk_kind kind;
    EVP_PKEY *pkey;
};

static void bld_freep(OSSL_PARAM_BLD **p)
{
    OSSL_PARAM_BLD_free(*p);
}
static void params_freep(OSSL_PARAM **p)
{
    OSSL_PARAM_free(*p);
}
static void bn_freep(BIGNUM **p)
{
    BN_free(*p);
}

static size_t ec_field(enum cl_jwk_kind kind)
{
    return kind == CL_JWK_P521 ? 66u : 32u;
}

static const char *ec_group(enum cl_jwk_kind kind)
{
    return kind == CL_JWK_P521 ? "P-521" : "P-256";
}

const char *cl_jwk_crv(enum cl_jwk_kind kind)
{
    return kind == CL_JWK_RSA ? NULL : ec_group(kind);
}

const char *cl_jwk_alg(enum cl_jwk_kind kind, enum cl_jwk_use use)
{
    if (use == CL_JWK_ES256) {
        return kind == CL_JWK_P256 ? "ES256" : NULL;
    }
    return kind == CL_JWK_RSA ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
}

void cl_jwk_free(struct cl_jwk *k)
{
    if (k != NULL) {
        EVP_PKEY_free(k->pkey);
        free(k);
    }
}

void cl_jwk_freep(struct cl_jwk **k)
{
    cl_jwk_free(*k);
}

enum cl_jwk_kind cl_jwk_kind(const struct cl_jwk *k)
{
    return k->kind;
}

EVP_PKEY *cl_jwk_pkey(const struct cl_jwk *k)
{
    return k->pkey;
}

/* Takes pkey. */
static enum cl_status jwk_wrap(enum cl_jwk_kind kind, EVP_PKEY *pkey, struct cl_jwk **ret_k,
                               struct cl_err *err)
{
    struct cl_jwk *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return cl_err_nomem(err, "JWK");
    }
    k->kind = kind;
    k->pkey = pkey;
    *ret_k = k;
    return CL_OK;
}

enum cl_status cl_b64url_member(const json_t *obj, const char *what, const char *key, uint8_t *ret,
                                size_t size, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(obj, what, key, &text, err));
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    enum cl_status st = cl_b64url_decode(&raw, text, strlen(text), key, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    if (raw.len != size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %zu bytes, got %zu", what, key,
                          size, raw.len);
    }
    memcpy(ret, raw.data, size);
    return CL_OK;
}

static enum cl_status pkey_fromdata(const char *type, OSSL_PARAM_BLD *bld, const char *what,
                                    EVP_PKEY **ret_pkey, struct cl_err *err)
{
    CL_CLEANUP(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    CL_CLEANUP(cl_pkey_ctx_freep)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1) {
        return cl_ossl_failed(err, what);
    }
    EVP_PKEY *pkey = NULL;
    if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: not a point of its curve", what);
    }
    *ret_pkey = pkey;
    return CL_OK;
}

enum cl_status cl_jwk_ec_from_members(const json_t *j, const char *what, struct cl_jwk **ret_k,
                                      struct cl_err *err)
{
    const char *crv = NULL;
    CL_TRY(cl_json_get_string(j, what, "crv", &crv, err));
    enum cl_jwk_kind kind = CL_JWK_P256;
    if (strcmp(crv, "P-521") == 0) {
        kind = CL_JWK_P521;
    } else if (strcmp(crv, "P-256") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: crv: expected P-256 or P-521, got %.32s",
                          what, crv);
    }
    size_t field = ec_field(kind);
    uint8_t point[1 + 2 * EC_MAX_FIELD] = {POINT_CONVERSION_UNCOMPRESSED};
    CL_TRY(cl_b64url_member(j, what, "x", point + 1, field, err));
    CL_TRY(cl_b64url_member(j, what, "y", point + 1 + field, field, err));
    CL_CLEANUP(bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (bld == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, ec_group(kind), 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * field) != 1) {
        return cl_ossl_failed(err, what);
    }
    EVP_PKEY *pkey = NULL;
    CL_TRY(pkey_fromdata("EC", bld, what, &pkey, err)); /* refuses points off the curve */
    return jwk_wrap(kind, pkey, ret_k, err);
}

static enum cl_status rsa_from_members(const json_t *j, const char *what, struct cl_jwk **ret_k,
                                       struct cl_err *err)
{
    const char *e_text = NULL;
    const char *n_text = NULL;
    CL_TRY(cl_json_get_string(j, what, "e", &e_text, err));
    CL_TRY(cl_json_get_string(j, what, "n", &n_text, err));
    if (strcmp(e_text, RSA_E) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: e: expected " RSA_E ", got %.16s", what,
                          e_text);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf n = {0};
    enum cl_status st = cl_b64url_decode(&n, n_text, strlen(n_text), "n", err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    /* Minimal big-endian of a whole number of bytes: the top bit of the modulus is set. */
    if (n.len < RSA_MIN_SIZE || n.len > RSA_MAX_SIZE || (n.data[0] & 0x80u) == 0 ||
        (n.data[n.len - 1] & 1u) == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: n: expected an odd modulus of 2048 to 4096 bits, got %zu bytes",
                          what, n.len);
    }
    CL_CLEANUP(bn_freep) BIGNUM *bn_n = BN_bin2bn(n.data, (int)n.len, NULL);
    CL_CLEANUP(bn_freep) BIGNUM *bn_e = BN_new();
    CL_CLEANUP(bld_freep) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (bn_n == NULL || bn_e == NULL || bld == NULL || BN_set_word(bn_e, RSA_F4) != 1 ||
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) != 1 ||
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) != 1) {
        return cl_ossl_failed(err, what);
    }
    EVP_PKEY *pkey = NULL;
    CL_TRY(pkey_fromdata("RSA", bld, what, &pkey, err));
    return jwk_wrap(CL_JWK_RSA, pkey, ret_k, err);
}

static enum cl_status check_alg(const json_t *j, const char *what, const struct cl_jwk *k,
                                enum cl_jwk_use use, struct cl_err *err)
{
    const char *expected = cl_jwk_alg(k->kind, use);
    const char *alg = NULL;
    CL_TRY(cl_json_get_string(j, what, "alg", &alg, err));
    if (expected == NULL || strcmp(alg, expected) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: alg: expected %s, got %.32s", what,
                          expected != NULL ? expected : "a P-256 key", alg);
    }
    return CL_OK;
}

enum cl_status cl_jwk_parse(const json_t *j, const char *what, enum cl_jwk_use use,
                            struct cl_jwk **ret_k, struct cl_err *err)
{
    const char *kty = NULL;
    CL_TRY(cl_json_get_string(j, what, "kty", &kty, err));
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *k = NULL;
    if (strcmp(kty, "EC") == 0) {
        CL_TRY(cl_jwk_ec_from_members(j, what, &k, err));
    } else if (strcmp(kty, "RSA") == 0) {
        CL_TRY(rsa_from_members(j, what, &k, err));
    } else {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: kty: expected EC or RSA, got %.32s", what,
                          kty);
    }
    CL_TRY(check_alg(j, what, k, use, err));
    *ret_k = CL_TAKE(k);
    return CL_OK;
}

enum cl_status cl_jwk_ec_xy(const struct cl_jwk *k, struct cl_buf *ret_x, struct cl_buf *ret_y,
                            struct cl_err *err)
{
    uint8_t point[1 + 2 * EC_MAX_FIELD];
    size_t len = 0;
    size_t field = ec_field(k->kind);
    /* OpenSSL gives uncompressed points unless the key was set up otherwise; ours never are. */
    if (k->kind == CL_JWK_RSA ||
        EVP_PKEY_get_octet_string_param(k->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                        &len) != 1 ||
        len != 1 + 2 * field || point[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return cl_ossl_failed(err, "JWK: public point");
    }
    CL_TRY(cl_b64url_encode(ret_x, point + 1, field, err));
    return cl_b64url_encode(ret_y, point + 1 + field, field, err);
}

static enum cl_status rsa_n(const struct cl_jwk *k, struct cl_buf *ret_n, struct cl_err *err)
{
    BIGNUM *raw = NULL;
    if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &raw) != 1) {
        return cl_ossl_failed(err, "JWK: modulus");
    }
    CL_CLEANUP(bn_freep) BIGNUM *n = raw;
    uint8_t bytes[RSA_MAX_SIZE];
    int len = BN_num_bytes(n);
    if (len < 0 || (size_t)len > sizeof(bytes) || BN_bn2bin(n, bytes) != len) {
        return cl_ossl_failed(err, "JWK: modulus");
    }
    return cl_b64url_encode(ret_n, bytes, (size_t)len, err);
}

enum cl_status cl_jwk_emit(const struct cl_jwk *k, enum cl_jwk_use use, json_t **ret_j,
                           struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf a = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    const char *alg = cl_jwk_alg(k->kind, use);
    if (alg == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWK: key cannot sign ES256");
    }
    json_t *j = NULL;
    if (k->kind == CL_JWK_RSA) {
        CL_TRY(rsa_n(k, &a, err));
        j = json_pack("{s:s, s:s, s:s, s:s}", "kty", "RSA", "alg", alg, "n", (const char *)a.data,
                      "e", RSA_E);
    } else {
        CL_TRY(cl_jwk_ec_xy(k, &a, &b, err));
        j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", cl_jwk_crv(k->kind), "alg",
                      alg, "x", (const char *)a.data, "y", (const char *)b.data);
    }
    if (j == NULL) {
        return cl_err_nomem(err, "JWK");
    }
    *ret_j = j;
    return CL_OK;
}

enum cl_status cl_jwk_generate(enum cl_jwk_kind kind, struct cl_jwk **ret_k, struct cl_err *err)
{
    if (kind == CL_JWK_RSA) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWK: only EC keys are generated");
    }
    EVP_PKEY *pkey = EVP_EC_gen(ec_group(kind));
    if (pkey == NULL) {
        return cl_ossl_failed(err, "JWK: generate");
    }
    return jwk_wrap(kind, pkey, ret_k, err);
}

enum cl_status cl_jwk_from_pkey(EVP_PKEY *pkey, struct cl_jwk **ret_k, struct cl_err *err)
{
    char group[32] = "";
    enum cl_jwk_kind kind = CL_JWK_RSA;
    if (EVP_PKEY_is_a(pkey, "EC") &&
        EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                       NULL) == 1 &&
        strcmp(group, "prime256v1") == 0) {
        kind = CL_JWK_P256;
    } else if (strcmp(group, "secp521r1") == 0) {
        kind = CL_JWK_P521;
    } else if (!EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_get_bits(pkey) < (int)RSA_MIN_SIZE * 8 ||
               EVP_PKEY_get_bits(pkey) > (int)RSA_MAX_SIZE * 8) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWK: expected EC P-256, P-521 or RSA");
    }
    if (EVP_PKEY_up_ref(pkey) != 1) {
        return cl_ossl_failed(err, "JWK");
    }
    return jwk_wrap(kind, pkey, ret_k, err);
}
