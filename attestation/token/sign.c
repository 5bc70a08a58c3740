/* SPDX-License-Identifier: Apache-2.0
 * sign.c - signatures of JOSE and COSE over OpenSSL (see sign.h).
 * Trust: data and signature are hostile; the key and, through it, the algorithm are the caller's.
 * Threads: no shared state.
 */
#include "sign.h"

#include "token_internal.h"

#include <openssl/ecdsa.h>
#include <string.h>

#define DER_SIG_MAX 112u /* two integers of 49 bytes, and their heads */

static const struct {
    const char *name, *key_type, *group; /* group: NULL for Ed25519 */
    int half;                            /* bytes of r and of s */
} algs[] = {
    [CL_SIG_ES256] = {"ES256", "EC", "prime256v1", 32},
    [CL_SIG_ES384] = {"ES384", "EC", "secp384r1", 48},
    [CL_SIG_EDDSA] = {"EdDSA", "ED25519", NULL, 32},
};

static const EVP_MD *digest_of(enum cl_sig_alg alg)
{
    return alg == CL_SIG_ES256 ? EVP_sha256() : alg == CL_SIG_ES384 ? EVP_sha384() : NULL;
}

const char *cl_sig_alg_name(enum cl_sig_alg alg)
{
    return algs[alg].name;
}

size_t cl_sig_size(enum cl_sig_alg alg)
{
    return 2 * (size_t)algs[alg].half;
}

static bool key_fits(enum cl_sig_alg alg, const EVP_PKEY *key)
{
    char group[32];
    size_t len = 0;
    if (EVP_PKEY_is_a(key, algs[alg].key_type) != 1) {
        return false;
    }
    return algs[alg].group == NULL ||
           (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
            strcmp(group, algs[alg].group) == 0);
}

bool cl_sig_alg_of_key(const EVP_PKEY *key, enum cl_sig_alg *ret_alg)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(algs); i++) {
        if (key_fits((enum cl_sig_alg)i, key)) {
            *ret_alg = (enum cl_sig_alg)i;
            return true;
        }
    }
    return false;
}

static void ecdsa_sig_freep(ECDSA_SIG **p)
{
    ECDSA_SIG_free(*p);
}

/* DER to r || s. */
static bool der_to_raw(const uint8_t *der, size_t len, uint8_t *raw, int half)
{
    CL_CLEANUP(ecdsa_sig_freep) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    return sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half) == half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half) == half;
}

static bool raw_to_der(const uint8_t *raw, int half, uint8_t der[static DER_SIG_MAX],
                       size_t *ret_len)
{
    CL_CLEANUP(ecdsa_sig_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, half, NULL);
    BIGNUM *s = BN_bin2bn(raw + half, half, NULL);
    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return false;
    }
    int len = i2d_ECDSA_SIG(sig, NULL);
    if (len <= 0 || (size_t)len > DER_SIG_MAX) {
        return false;
    }
    *ret_len = (size_t)i2d_ECDSA_SIG(sig, &der);
    return true;
}

enum cl_status cl_sig_check_key(enum cl_sig_alg alg, const EVP_PKEY *key, struct cl_err *err)
{
    return key_fits(alg, key)
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNSUPPORTED, "key does not fit %s", cl_sig_alg_name(alg));
}

enum cl_status cl_sig_make(enum cl_sig_alg alg, EVP_PKEY *key, const void *data, size_t len,
                           uint8_t ret[static CL_SIG_MAX_SIZE], struct cl_err *err)
{
    uint8_t der[DER_SIG_MAX];
    const EVP_MD *md = digest_of(alg);
    size_t n = md != NULL ? sizeof(der) : CL_SIG_MAX_SIZE;
    CL_TRY(cl_sig_check_key(alg, key, err));
    CL_CLEANUP(cl_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, md, NULL, key) != 1 ||
        EVP_DigestSign(ctx, md != NULL ? der : ret, &n, data, len) != 1 ||
        (md != NULL && !der_to_raw(der, n, ret, algs[alg].half))) {
        return cl_ossl_failed(err, "sign");
    }
    return CL_OK;
}

enum cl_status cl_sig_check(enum cl_sig_alg alg, EVP_PKEY *key, const void *data, size_t len,
                            const uint8_t *sig, struct cl_err *err)
{
    uint8_t der[DER_SIG_MAX];
    size_t der_len = 0;
    const EVP_MD *md = digest_of(alg);
    CL_TRY(cl_sig_check_key(alg, key, err));
    CL_CLEANUP(cl_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || (md != NULL && !raw_to_der(sig, algs[alg].half, der, &der_len)) ||
        EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) != 1) {
        return cl_ossl_failed(err, "verify");
    }
    if (EVP_DigestVerify(ctx, md != NULL ? der : sig, md != NULL ? der_len : cl_sig_size(alg), data,
                         len) != 1) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_REJECTED, "signature does not verify");
    }
    return CL_OK;
}
