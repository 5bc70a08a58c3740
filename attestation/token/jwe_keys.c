/* SPDX-License-Identifier: Apache-2.0
 * jwe_keys.c - how a content key travels: ECDH-ES+A256KW and RSA-OAEP-256 (RFC 7518 4.3, 4.6).
 * Trust: peer keys and wrapped keys are hostile; a failed unwrap says nothing but "no".
 * Threads: no shared state. Memory: every key lives in a struct cl_secret.
 */
#include "base/bytes.h"
#include "base/digest.h"
#include "token_internal.h"

#include <openssl/rsa.h>
#include <string.h>

static const char kdf_alg[] = "ECDH-ES+A256KW";

/* Z, the x coordinate of the shared point in full field length. */
static enum cl_status ecdh(const struct cl_jwk *own, const struct cl_jwk *peer,
                           struct cl_secret *ret_z, struct cl_err *err)
{
    size_t len = 0;
    if (cl_jwk_kind(own) != cl_jwk_kind(peer) || cl_jwk_kind(own) == CL_JWK_RSA) {
        return cl_err_set(err, CL_ERR_MALFORMED, "ECDH: keys are not of one curve");
    }
    CL_CLEANUP(cl_pkey_ctx_freep)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, cl_jwk_pkey(own), NULL);
    if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
        EVP_PKEY_derive_set_peer(ctx, cl_jwk_pkey(peer)) != 1 ||
        EVP_PKEY_derive(ctx, NULL, &len) != 1) {
        return cl_ossl_failed(err, "ECDH");
    }
    CL_CLEANUP(cl_secret_done) struct cl_secret z = {0};
    CL_TRY(cl_secret_alloc(&z, len, err));
    if (EVP_PKEY_derive(ctx, z.data, &len) != 1 || len != z.len) {
        return cl_ossl_failed(err, "ECDH");
    }
    *ret_z = z;
    z = (struct cl_secret){0};
    return CL_OK;
}

enum cl_status cl_ecdh_kek(const struct cl_jwk *own, const struct cl_jwk *peer,
                           struct cl_secret *ret_kek, struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret z = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret input = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_TRY(ecdh(own, peer, &z, err));
    /* RFC 7518 4.6.2: round 1, Z, AlgorithmID, PartyUInfo, PartyVInfo, SuppPubInfo (256 bits) */
    CL_TRY(cl_secret_alloc(&input, 4 + z.len + 4 + sizeof(kdf_alg) - 1 + 12, err));
    struct cl_writer w = cl_writer_init(input.data, input.len);
    cl_writer_be32(&w, 1);
    cl_writer_bytes(&w, z.data, z.len);
    cl_writer_be32(&w, sizeof(kdf_alg) - 1);
    cl_writer_bytes(&w, kdf_alg, sizeof(kdf_alg) - 1);
    cl_writer_be32(&w, 0);
    cl_writer_be32(&w, 0);
    cl_writer_be32(&w, 256);
    CL_TRY(cl_writer_check(&w, "ConcatKDF input", err));
    CL_TRY(cl_secret_alloc(&kek, CL_SHA256_SIZE, err));
    CL_TRY(cl_sha256(kek.data, input.data, input.len, err));
    *ret_kek = kek;
    kek = (struct cl_secret){0};
    return CL_OK;
}

enum cl_status cl_aes_kw_wrap(const struct cl_secret *kek, const struct cl_secret *cek,
                              uint8_t ret[static CL_WRAPPED_CEK_SIZE], struct cl_err *err)
{
    uint8_t out[CL_WRAPPED_CEK_SIZE + 16];
    int len = 0;
    CL_CLEANUP(cl_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || kek->len != 32 || cek->len != CL_CEK_SIZE) {
        return cl_ossl_failed(err, "AES key wrap");
    }
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_EncryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, kek->data, NULL) != 1 ||
        EVP_EncryptUpdate(ctx, out, &len, cek->data, (int)cek->len) != 1 ||
        len != (int)CL_WRAPPED_CEK_SIZE) {
        return cl_ossl_failed(err, "AES key wrap");
    }
    memcpy(ret, out, CL_WRAPPED_CEK_SIZE);
    return CL_OK;
}

enum cl_status cl_aes_kw_unwrap(const struct cl_secret *kek,
                                const uint8_t wrapped[static CL_WRAPPED_CEK_SIZE],
                                struct cl_secret *ret_cek, struct cl_err *err)
{
    int len = 0;
    CL_CLEANUP(cl_secret_done) struct cl_secret cek = {0};
    CL_TRY(cl_secret_alloc(&cek, CL_WRAPPED_CEK_SIZE, err)); /* OpenSSL may write past the key */
    CL_CLEANUP(cl_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || kek->len != 32) {
        return cl_ossl_failed(err, "AES key unwrap");
    }
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, kek->data, NULL) != 1) {
        return cl_ossl_failed(err, "AES key unwrap");
    }
    if (EVP_DecryptUpdate(ctx, cek.data, &len, wrapped, CL_WRAPPED_CEK_SIZE) != 1 ||
        len != (int)CL_CEK_SIZE) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_REJECTED, "encrypted_key: not sealed to this key");
    }
    return cl_secret_from(ret_cek, cek.data, CL_CEK_SIZE, err);
}

static EVP_PKEY_CTX *oaep_ctx(const struct cl_jwk *k, int (*init)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, cl_jwk_pkey(k), NULL);
    if (ctx != NULL && init(ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1) {
        return ctx;
    }
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

enum cl_status cl_rsa_oaep_seal(const struct cl_jwk *to, const struct cl_secret *cek,
                                struct cl_buf *out, struct cl_err *err)
{
    uint8_t sealed[512];
    size_t len = sizeof(sealed);
    CL_CLEANUP(cl_pkey_ctx_freep) EVP_PKEY_CTX *ctx = oaep_ctx(to, EVP_PKEY_encrypt_init);
    if (ctx == NULL || EVP_PKEY_encrypt(ctx, sealed, &len, cek->data, cek->len) != 1) {
        return cl_ossl_failed(err, "RSA-OAEP");
    }
    return cl_buf_append(out, sealed, len, err);
}

enum cl_status cl_rsa_oaep_open(const struct cl_jwk *key, const struct cl_buf *sealed,
                                struct cl_secret *ret_cek, struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret cek = {0};
    CL_TRY(cl_secret_alloc(&cek, 512, err));
    size_t len = cek.len;
    CL_CLEANUP(cl_pkey_ctx_freep) EVP_PKEY_CTX *ctx = oaep_ctx(key, EVP_PKEY_decrypt_init);
    if (ctx == NULL) {
        return cl_ossl_failed(err, "RSA-OAEP");
    }
    if (EVP_PKEY_decrypt(ctx, cek.data, &len, sealed->data, sealed->len) != 1 ||
        len != CL_CEK_SIZE) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_REJECTED, "encrypted_key: not sealed to this key");
    }
    return cl_secret_from(ret_cek, cek.data, CL_CEK_SIZE, err);
}
