/* SPDX-License-Identifier: Apache-2.0
 * keys.c - the public keys that we verify with, over OpenSSL: ECDSA on P-256, RSA (PKCS#1 v1.5),
 * Ed25519.
 */
#include "imagesig_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

static void ctx_freep(EVP_PKEY_CTX **c)
{
    EVP_PKEY_CTX_free(*c);
}

static void md_freep(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

/* --- kinds ------------------------------------------------------------------------------------ */

static bool is_p256(const EVP_PKEY *key)
{
    char group[64] = "";
    size_t len = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

enum cl_status imagesig_key_kind(const EVP_PKEY *key, const char *what, enum imagesig_key_kind *ret,
                                 struct cl_err *err)
{
    int bits = EVP_PKEY_get_bits(key);
    if (is_p256(key)) {
        *ret = IMAGESIG_P256;
    } else if (EVP_PKEY_is_a(key, "ED25519") == 1) {
        *ret = IMAGESIG_ED25519;
    } else if (EVP_PKEY_is_a(key, "RSA") == 1 && bits >= IMAGESIG_MIN_RSA_BITS &&
               bits <= IMAGESIG_MAX_RSA_BITS) {
        *ret = IMAGESIG_RSA;
    } else {
        const char *name = EVP_PKEY_get0_type_name(key);
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "%s: expected a P-256, Ed25519 or RSA key of %d to %d bits, got %s of %d",
                          what, IMAGESIG_MIN_RSA_BITS, IMAGESIG_MAX_RSA_BITS,
                          name != NULL ? name : "another", bits);
    }
    return CL_OK;
}

/* --- where they come from --------------------------------------------------------------------- */

/* Never asks at the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf, (void)size, (void)rwflag, (void)ctx;
    return -1;
}

static bool only_space(BIO *bio)
{
    char rest[64];
    int n = 0;
    bool good = true;
    while (good && (n = BIO_read(bio, rest, sizeof(rest))) > 0) {
        for (int i = 0; i < n; i++) {
            good = good && strchr(" \t\r\n", rest[i]) != NULL && rest[i] != '\0';
        }
    }
    return good;
}

enum cl_status imagesig_key_from_pem(const char *pem, size_t len, const char *what, EVP_PKEY **ret,
                                     struct cl_err *err)
{
    static const char begin[] = "-----BEGIN PUBLIC KEY-----";
    size_t space = strspn(pem, " \t\r\n");
    if (len > CL_IMAGE_SIG_MAX_PEM || strncmp(pem + space, begin, strlen(begin)) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected a PUBLIC KEY in PEM of at most %u bytes, got another text",
                          what, CL_IMAGE_SIG_MAX_PEM);
    }
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
    bool alone = key != NULL && only_space(bio);
    BIO_free(bio);
    ERR_clear_error();
    if (!alone) {
        EVP_PKEY_free(key);
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected one PUBLIC KEY in PEM, got %s", what,
                          key != NULL ? "more" : "a damaged one");
    }
    *ret = key;
    return CL_OK;
}

static enum cl_status from_params(const char *type, OSSL_PARAM_BLD *bld, EVP_PKEY **ret,
                                  struct cl_err *err)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    CL_CLEANUP(ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    bool good = params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
                EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
    OSSL_PARAM_free(params);
    ERR_clear_error();
    if (!good) {
        EVP_PKEY_free(key);
        return cl_err_set(err, CL_ERR_MALFORMED, "expected a public key of kind %s, got no such",
                          type);
    }
    *ret = key;
    return CL_OK;
}

enum cl_status imagesig_key_from_rsa(const uint8_t *n, size_t n_len, const uint8_t *e, size_t e_len,
                                     EVP_PKEY **ret, struct cl_err *err)
{
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL);
    BIGNUM *exponent = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    enum cl_status st = CL_ERR_NOMEM;
    if (modulus != NULL && exponent != NULL && bld != NULL &&
        (!BN_is_odd(modulus) || !BN_is_odd(exponent) || BN_num_bits(exponent) < 2 ||
         BN_num_bits(exponent) > 64)) {
        st = cl_err_set(err, CL_ERR_MALFORMED, "expected an odd modulus and exponent, got others");
    } else if (modulus != NULL && exponent != NULL && bld != NULL &&
               OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
               OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        st = from_params("RSA", bld, ret, err);
    } else {
        st = cl_err_nomem(err, "key");
    }
    OSSL_PARAM_BLD_free(bld);
    BN_free(modulus);
    BN_free(exponent);
    return st;
}

enum cl_status imagesig_key_from_p256(const uint8_t *point, size_t len, EVP_PKEY **ret,
                                      struct cl_err *err)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    enum cl_status st = CL_OK;
    if (len != 65 || point[0] != 4) {
        st = cl_err_set(err, CL_ERR_MALFORMED,
                        "expected an uncompressed point of 65 bytes, got %zu", len);
    } else if (bld == NULL ||
               OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
               OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, len) != 1) {
        st = cl_err_nomem(err, "key");
    } else {
        st = from_params("EC", bld, ret, err);
    }
    OSSL_PARAM_BLD_free(bld);
    return st;
}

enum cl_status imagesig_key_from_ed25519(const uint8_t *point, size_t len, EVP_PKEY **ret,
                                         struct cl_err *err)
{
    *ret = len == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, len) : NULL;
    ERR_clear_error();
    return *ret != NULL ? CL_OK
                        : cl_err_set(err, CL_ERR_MALFORMED,
                                     "expected an Ed25519 point of 32 bytes, got %zu", len);
}

/* --- signatures ------------------------------------------------------------------------------- */

static bool ed25519_verifies(EVP_PKEY *key, const uint8_t *data, size_t len, const uint8_t *sig,
                             size_t sig_len)
{
    CL_CLEANUP(md_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    return ctx != NULL && sig_len == 64 && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
}

static bool hash_verifies(EVP_PKEY *key, const EVP_MD *md, const uint8_t *hash, size_t hash_len,
                          const uint8_t *sig, size_t sig_len)
{
    CL_CLEANUP(ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    return ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
           (!rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
           EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
           EVP_PKEY_verify(ctx, sig, sig_len, hash, hash_len) == 1;
}

bool imagesig_key_verifies(EVP_PKEY *key, const EVP_MD *md, const uint8_t *hash, size_t hash_len,
                           const uint8_t *sig, size_t sig_len)
{
    bool good = EVP_PKEY_is_a(key, "ED25519") == 1
                    ? ed25519_verifies(key, hash, hash_len, sig, sig_len)
                    : hash_verifies(key, md, hash, hash_len, sig, sig_len);
    ERR_clear_error();
    return good;
}

bool imagesig_ecdsa_der(const uint8_t *r, size_t r_len, const uint8_t *s, size_t s_len,
                        uint8_t ret[static IMAGESIG_MAX_SIGNATURE], size_t *ret_len)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *a = BN_bin2bn(r, (int)r_len, NULL);
    BIGNUM *b = BN_bin2bn(s, (int)s_len, NULL);
    if (sig == NULL || a == NULL || b == NULL || ECDSA_SIG_set0(sig, a, b) != 1) {
        BN_free(a);
        BN_free(b);
        ECDSA_SIG_free(sig);
        return false;
    }
    int len = i2d_ECDSA_SIG(sig, NULL);
    bool good = len > 0 && (size_t)len <= IMAGESIG_MAX_SIGNATURE;
    if (good) {
        *ret_len = (size_t)i2d_ECDSA_SIG(sig, &ret);
    }
    ECDSA_SIG_free(sig);
    return good;
}
