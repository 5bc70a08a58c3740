/* SPDX-License-Identifier: Apache-2.0
 * tpm_signature.c - TPMT_SIGNATURE: parsing, and verification with exactly the algorithms it names.
 * Trust: signature, key and data are hostile. Threads: pure. Memory: OpenSSL's, while it runs.
 * Spec: TPM 2.0 Part 2, 11.3.4; Part 1, annex B (RSA) and C (ECC).
 */
#include "tpm/tpm_internal.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum cl_status cl_tpm_signature_parse(const uint8_t *data, size_t len,
                                      struct cl_tpm_signature *ret_s, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    struct cl_tpm_signature s = {0};
    s.scheme = cl_reader_be16(&r, "sigAlg");
    s.hash = cl_reader_be16(&r, "hash");
    CL_TRY(cl_reader_check(&r, "TPM signature", err));
    if ((s.scheme != CL_TPM_ALG_RSASSA && s.scheme != CL_TPM_ALG_RSAPSS &&
         s.scheme != CL_TPM_ALG_ECDSA) ||
        cl_tpm_hash_size(s.hash) == 0) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, 0,
                         "TPM signature: sigAlg: expected RSASSA, RSAPSS or ECDSA with SHA, got "
                         "0x%04x with 0x%04x",
                         (unsigned)s.scheme, (unsigned)s.hash);
    }
    s.a_len = tpm_read_2b(&r, s.a, sizeof(s.a), "signature");
    if (s.scheme == CL_TPM_ALG_ECDSA) {
        s.b_len = tpm_read_2b(&r, s.b, sizeof(s.b), "signatureS");
    }
    CL_TRY(cl_reader_finish(&r, "TPM signature", err));
    *ret_s = s;
    return CL_OK;
}

static bool digest_verify(const struct cl_tpm_signature *s, EVP_PKEY *key, const uint8_t *sig,
                          size_t sig_len, const uint8_t *data, size_t len)
{
    EVP_PKEY_CTX *p = NULL; /* owned by md */
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const EVP_MD *hash = EVP_get_digestbyname(cl_tpm_alg_name(s->hash));
    bool good = md != NULL && hash != NULL && EVP_DigestVerifyInit(md, &p, hash, NULL, key) == 1 &&
                (s->scheme != CL_TPM_ALG_RSASSA ||
                 EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PADDING) > 0) &&
                /* Part 1, B.7: TPMs of different age use a salt of another length; MGF1 has the
                   same hash. */
                (s->scheme != CL_TPM_ALG_RSAPSS ||
                 (EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) > 0 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_AUTO) > 0)) &&
                EVP_DigestVerify(md, sig, sig_len, data, len) == 1;
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return good;
}

static bool ecdsa_verify(const struct cl_tpm_signature *s, EVP_PKEY *key, const uint8_t *data,
                         size_t len)
{
    unsigned char *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *bn_r = BN_bin2bn(s->a, (int)s->a_len, NULL);
    BIGNUM *bn_s = BN_bin2bn(s->b, (int)s->b_len, NULL);
    if (sig == NULL || bn_r == NULL || bn_s == NULL || ECDSA_SIG_set0(sig, bn_r, bn_s) != 1) {
        BN_free(bn_r);
        BN_free(bn_s);
        ECDSA_SIG_free(sig);
        return false;
    }
    int n = i2d_ECDSA_SIG(sig, &der); /* OpenSSL refuses values outside 1 to the order */
    bool good = n > 0 && digest_verify(s, key, der, (size_t)n, data, len);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return good;
}

/* Why this scheme, with this key, is refused before anything is computed; NULL when it is not. */
static const char *misfit(const struct cl_tpm_signature *s, EVP_PKEY *key)
{
    bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    if (!tpm_key_is_strong(key)) {
        return "the key is neither RSA of 2048 to 4096 bits nor P-256 nor P-384";
    }
    if (rsa == (s->scheme == CL_TPM_ALG_ECDSA)) {
        return "the scheme is of another kind of key";
    }
    if (s->hash == CL_TPM_ALG_SHA1) {
        return "SHA-1 does not make a signature that proves anything";
    }
    size_t size = (size_t)EVP_PKEY_get_bits(key) / 8;
    if (rsa) {
        return s->a_len == size ? NULL : "the signature is not as long as the modulus";
    }
    if (cl_tpm_hash_size(s->hash) != size) {
        return "the hash is not the one of the curve's size";
    }
    return s->a_len <= size && s->b_len <= size ? NULL : "R or S is longer than the curve's field";
}

bool cl_tpm_signature_verify(const struct cl_tpm_signature *s, EVP_PKEY *key, const uint8_t *data,
                             size_t len, const char **ret_why)
{
    const char *why = misfit(s, key);
    if (why == NULL) {
        bool good = s->scheme == CL_TPM_ALG_ECDSA
                        ? ecdsa_verify(s, key, data, len)
                        : digest_verify(s, key, s->a, s->a_len, data, len);
        why = good ? NULL : "the signature does not verify";
    }
    *ret_why = why;
    return why == NULL;
}
