/* SPDX-License-Identifier: Apache-2.0
 * tpm_public.c - attestation keys: a TPM's public area with its name and attributes, and a bare
 * SubjectPublicKeyInfo. Trust: hostile bytes; a point must lie on its curve. Threads: pure.
 * Memory: OpenSSL's key. Spec: TPM 2.0 Part 2, 12.2.4 TPMT_PUBLIC; Part 1, 16 (names).
 */
#include "tpm/tpm_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

#define RSA_EXPONENT 65537u
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 4096
#define EC_MAX_FIELD 48u

enum { ECC_P256 = 0x0003, ECC_P384 = 0x0004 }; /* TPM_ECC_CURVE */

bool tpm_key_is_strong(EVP_PKEY *key)
{
    char group[32] = "", encoding[32] = "";
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        BIGNUM *e = NULL;
        bool good = bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS && bits % 8 == 0 &&
                    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                    BN_is_word(e, RSA_EXPONENT);
        BN_free(e);
        return good;
    }
    /* The curve must be named: explicit parameters could describe another one. */
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding,
                                          sizeof(encoding), NULL) == 1 &&
           strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) == 0 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

/* A public key out of its numbers; takes nothing. */
static enum cl_status from_params(const char *type, OSSL_PARAM_BLD *bld, EVP_PKEY **ret_key,
                                  struct cl_err *err)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    enum cl_status st = CL_OK;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1) {
        st = cl_err_nomem(err, "attestation key");
    } else if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1 ||
               !tpm_key_is_strong(key)) {
        EVP_PKEY_free(key);
        st = cl_err_set(err, CL_ERR_MALFORMED,
                        "attestation key: expected RSA of 2048 to 4096 bits, or a point of P-256 "
                        "or P-384, got another key");
    } else {
        *ret_key = key;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    ERR_clear_error();
    return st;
}

enum cl_status tpm_key_from_rsa(const uint8_t *n, size_t n_len, EVP_PKEY **ret_key,
                                struct cl_err *err)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *bn_n = BN_bin2bn(n, (int)n_len, NULL);
    BIGNUM *bn_e = BN_new();
    enum cl_status st = CL_OK;
    if (n_len == 0 || (n[0] & 0x80u) == 0 || (n[n_len - 1] & 1u) == 0) {
        st = cl_err_set(err, CL_ERR_MALFORMED,
                        "attestation key: modulus: expected an odd number whose highest bit is "
                        "set, got another of %zu bytes",
                        n_len);
    } else if (bld == NULL || bn_n == NULL || bn_e == NULL ||
               BN_set_word(bn_e, RSA_EXPONENT) != 1 ||
               OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) != 1 ||
               OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) != 1) {
        st = cl_err_nomem(err, "attestation key");
    } else {
        st = from_params("RSA", bld, ret_key, err);
    }
    OSSL_PARAM_BLD_free(bld);
    BN_free(bn_n);
    BN_free(bn_e);
    return st;
}

/* point: 0x04, X, Y. */
static enum cl_status key_from_ec(const char *group, const uint8_t *point, size_t len,
                                  EVP_PKEY **ret_key, struct cl_err *err)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    enum cl_status st = CL_OK;
    if (bld == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, len) != 1) {
        st = cl_err_nomem(err, "attestation key");
    } else {
        st = from_params("EC", bld, ret_key, err);
    }
    OSSL_PARAM_BLD_free(bld);
    return st;
}

/* TPMT_RSA_SCHEME or TPMT_ECC_SCHEME of a signing key. */
static void read_scheme(struct cl_reader *r, struct cl_tpm_public *p)
{
    p->scheme = cl_reader_be16(r, "scheme");
    if (p->scheme == CL_TPM_ALG_RSASSA || p->scheme == CL_TPM_ALG_RSAPSS ||
        p->scheme == CL_TPM_ALG_ECDSA) {
        p->scheme_hash = cl_reader_be16(r, "scheme.hash");
    } else if (p->scheme != CL_TPM_ALG_NULL && r->failed == NULL) {
        r->failed = "scheme";
    }
}

static enum cl_status read_rsa(struct cl_reader *r, struct cl_tpm_public *p, struct cl_err *err)
{
    uint8_t n[512];
    read_scheme(r, p);
    uint16_t bits = cl_reader_be16(r, "keyBits");
    uint32_t exponent = cl_reader_be32(r, "exponent");
    size_t len = tpm_read_2b(r, n, sizeof(n), "unique");
    CL_TRY(cl_reader_finish(r, "TPM public area", err));
    if ((exponent != 0 && exponent != RSA_EXPONENT) || len * 8 != bits) { /* 0: the default */
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "TPM public area: exponent: expected 65537 and a modulus of keyBits, got "
                          "%u and %zu bytes",
                          (unsigned)exponent, len);
    }
    return tpm_key_from_rsa(n, len, &p->key, err);
}

static enum cl_status read_ecc(struct cl_reader *r, struct cl_tpm_public *p, struct cl_err *err)
{
    uint8_t point[1 + 2 * EC_MAX_FIELD] = {POINT_CONVERSION_UNCOMPRESSED};
    read_scheme(r, p);
    uint16_t curve = cl_reader_be16(r, "curveID");
    uint16_t kdf = cl_reader_be16(r, "kdf");
    size_t field = curve == ECC_P256 ? 32u : EC_MAX_FIELD;
    size_t x = tpm_read_2b(r, point + 1, field, "unique.x");
    size_t y = tpm_read_2b(r, point + 1 + field, field, "unique.y");
    CL_TRY(cl_reader_finish(r, "TPM public area", err));
    if ((curve != ECC_P256 && curve != ECC_P384) || kdf != CL_TPM_ALG_NULL || x != field ||
        y != field) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "TPM public area: curveID: expected P-256 or P-384 with whole "
                          "coordinates, got 0x%04x with %zu and %zu bytes",
                          (unsigned)curve, x, y);
    }
    return key_from_ec(curve == ECC_P256 ? "P-256" : "P-384", point, 1 + 2 * field, &p->key, err);
}

static enum cl_status make_name(const uint8_t *data, size_t len, struct cl_tpm_public *p,
                                struct cl_err *err)
{
    size_t size = cl_tpm_hash_size(p->name_alg);
    unsigned made = 0;
    p->name[0] = (uint8_t)(p->name_alg >> 8);
    p->name[1] = (uint8_t)p->name_alg;
    if (size < CL_SHA256_SIZE) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "TPM public area: nameAlg: expected sha256 or longer, got 0x%04x",
                          (unsigned)p->name_alg);
    }
    if (EVP_Digest(data, len, p->name + 2, &made,
                   EVP_get_digestbyname(cl_tpm_alg_name(p->name_alg)), NULL) != 1) {
        return cl_err_nomem(err, "name of a TPM key");
    }
    p->name_len = 2 + size;
    return CL_OK;
}

enum cl_status cl_tpm_public_parse(const uint8_t *data, size_t len, struct cl_tpm_public *ret_p,
                                   struct cl_err *err)
{
    struct cl_tpm_public p = {0};
    uint8_t auth_policy[CL_TPM_DIGEST_MAX];
    if (len >= 2 && (size_t)(data[0] << 8 | data[1]) == len - 2) { /* TPM2B: its size first */
        data += 2;
        len -= 2;
    }
    struct cl_reader r = cl_reader_init(data, len);
    p.type = cl_reader_be16(&r, "type");
    p.name_alg = cl_reader_be16(&r, "nameAlg");
    p.attributes = cl_reader_be32(&r, "objectAttributes");
    (void)tpm_read_2b(&r, auth_policy, sizeof(auth_policy), "authPolicy");
    uint16_t symmetric = cl_reader_be16(&r, "symmetric");
    CL_TRY(cl_reader_check(&r, "TPM public area", err));
    if ((p.type != CL_TPM_ALG_RSA && p.type != CL_TPM_ALG_ECC) || symmetric != CL_TPM_ALG_NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "TPM public area: type: expected a signing key, RSA or ECC, got 0x%04x",
                          (unsigned)p.type);
    }
    CL_TRY(make_name(data, len, &p, err));
    CL_TRY(p.type == CL_TPM_ALG_RSA ? read_rsa(&r, &p, err) : read_ecc(&r, &p, err));
    *ret_p = p;
    return CL_OK;
}

void cl_tpm_public_done(struct cl_tpm_public *p)
{
    EVP_PKEY_free(p->key);
    *p = (struct cl_tpm_public){0};
}

enum cl_status cl_tpm_key_from_spki(const uint8_t *der, size_t len, EVP_PKEY **ret_key,
                                    struct cl_err *err)
{
    unsigned char *again = NULL;
    const unsigned char *p = der;
    EVP_PKEY *key = len <= CL_TPM_QUOTE_MAX_SIZE ? d2i_PUBKEY(NULL, &p, (long)len) : NULL;
    int n = key != NULL ? i2d_PUBKEY(key, &again) : 0;
    /* One encoding for one key: its digest is how a policy names it. */
    bool good = n > 0 && (size_t)n == len && memcmp(again, der, len) == 0 && tpm_key_is_strong(key);
    OPENSSL_free(again);
    ERR_clear_error();
    if (!good) {
        EVP_PKEY_free(key);
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "attestation key: expected a SubjectPublicKeyInfo in DER of RSA (2048 to "
                          "4096 bits, e = 65537), P-256 or P-384, got something else");
    }
    *ret_key = key;
    return CL_OK;
}

enum cl_status cl_tpm_key_digest(EVP_PKEY *key, uint8_t ret[static CL_SHA256_SIZE],
                                 struct cl_err *err)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    if (n <= 0) {
        return cl_err_nomem(err, "digest of an attestation key");
    }
    enum cl_status st = cl_sha256(ret, der, (size_t)n, err);
    OPENSSL_free(der);
    return st;
}
