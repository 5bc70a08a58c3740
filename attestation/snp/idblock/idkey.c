/* SPDX-License-Identifier: Apache-2.0
 * idkey.c - P-384 keys and signatures in the security processor's form: numbers of 72 bytes,
 * little-endian.
 * Trust: keys and signatures that are read are hostile. Threads: pure. Memory: OpenSSL's, while a
 * function runs. Spec: AMD 56860, ECDSA formats; snp.md b.
 */
#include "snp/idblock/idblock.h"

#include "base/digest.h"
#include "snp/snp_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#define P384_SIZE 48u

bool id_all_zero(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return any == 0;
}

static bool is_p384(const EVP_PKEY *key)
{
    char group[32];
    size_t n = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
           strcmp(group, "secp384r1") == 0;
}

static bool put_param(const EVP_PKEY *key, const char *name, uint8_t ret[static ID_NUMBER_SIZE])
{
    BIGNUM *bn = NULL;
    bool good = EVP_PKEY_get_bn_param(key, name, &bn) == 1 &&
                BN_bn2lebinpad(bn, ret, (int)ID_NUMBER_SIZE) == (int)ID_NUMBER_SIZE;
    BN_free(bn);
    return good;
}

enum cl_status id_key_encode(EVP_PKEY *key, struct id_key_wire *ret_w, struct cl_err *err)
{
    struct id_key_wire w = {0};
    bool p384 = is_p384(key);
    bool good = p384 && put_param(key, OSSL_PKEY_PARAM_EC_PUB_X, w.qx) &&
                put_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, w.qy);
    ERR_clear_error();
    if (!good) {
        return p384 ? cl_err_nomem(err, "ID key")
                    : cl_err_set(err, CL_ERR_UNSUPPORTED,
                                 "key: expected ECDSA P-384, got another kind");
    }
    cl_le32_put(&w.curve, ID_CURVE_P384);
    *ret_w = w;
    return CL_OK;
}

enum cl_status cl_snp_id_key_digest(EVP_PKEY *key, uint8_t ret[static CL_SNP_ID_DIGEST_SIZE],
                                    struct cl_err *err)
{
    struct id_key_wire w;
    CL_TRY(id_key_encode(key, &w, err));
    return cl_sha384(ret, &w, sizeof(w), err);
}

/* Little-endian to big-endian; the upper bytes must be zero. */
static bool coordinate(const uint8_t le[static ID_NUMBER_SIZE], uint8_t ret_be[static P384_SIZE])
{
    for (size_t i = 0; i < P384_SIZE; i++) {
        ret_be[i] = le[P384_SIZE - 1 - i];
    }
    return id_all_zero(le + P384_SIZE, ID_NUMBER_SIZE - P384_SIZE);
}

EVP_PKEY *id_key_decode(const struct id_key_wire *w)
{
    uint8_t point[1 + 2 * P384_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    char group[] = "P-384";
    EVP_PKEY *key = NULL;
    if (cl_le32_get(&w->curve) != ID_CURVE_P384 || !id_all_zero(w->zero, sizeof(w->zero)) ||
        !coordinate(w->qx, point + 1) || !coordinate(w->qy, point + 1 + P384_SIZE)) {
        return NULL;
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    /* OpenSSL refuses a point that is not on the curve. */
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return key;
}

static bool put_signature(const unsigned char *der, size_t len, struct id_signature_wire *w)
{
    const unsigned char *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    bool good =
        sig != NULL &&
        BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), w->r, (int)sizeof(w->r)) == (int)sizeof(w->r) &&
        BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), w->s, (int)sizeof(w->s)) == (int)sizeof(w->s);
    ECDSA_SIG_free(sig);
    return good;
}

enum cl_status id_sign(EVP_PKEY *key, const void *data, size_t n, struct id_signature_wire *ret_w,
                       struct cl_err *err)
{
    unsigned char der[256];
    size_t len = sizeof(der);
    struct id_signature_wire w = {0};
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha384(), NULL, key) == 1 &&
                EVP_DigestSign(md, der, &len, data, n) == 1 && put_signature(der, len, &w);
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED, "key: expected a private key, got none");
    }
    *ret_w = w;
    return CL_OK;
}

bool id_signature_good(const struct id_signature_wire *w, const struct id_key_wire *key,
                       const void *data, size_t n)
{
    EVP_PKEY *pkey = id_key_decode(key);
    bool good = pkey != NULL && id_all_zero(w->zero, sizeof(w->zero)) &&
                snp_ecdsa_verify(w->r, w->s, data, n, pkey);
    EVP_PKEY_free(pkey);
    return good;
}
