/* SPDX-License-Identifier: Apache-2.0
 * token_internal.h - what the token files share: cleanups for OpenSSL's types, the one way to
 * report that OpenSSL failed, and the deterministic half of sealing, which the tests drive with the
 * worked examples.
 */
#ifndef CL_TOKEN_INTERNAL_H
#define CL_TOKEN_INTERNAL_H

#include "base/secret.h"
#include "cloister/jwk.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#define CL_CEK_SIZE 32u
#define CL_GCM_IV_SIZE 12u
#define CL_GCM_TAG_SIZE 16u
#define CL_WRAPPED_CEK_SIZE 40u

static inline void cl_pkey_freep(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static inline void cl_pkey_ctx_freep(EVP_PKEY_CTX **p)
{
    EVP_PKEY_CTX_free(*p);
}
static inline void cl_md_ctx_freep(EVP_MD_CTX **p)
{
    EVP_MD_CTX_free(*p);
}
static inline void cl_cipher_ctx_freep(EVP_CIPHER_CTX **p)
{
    EVP_CIPHER_CTX_free(*p);
}

/* OpenSSL failed where only memory or a broken installation explains it. */
static inline enum cl_status cl_ossl_failed(struct cl_err *err, const char *what)
{
    ERR_clear_error();
    return cl_err_set(err, CL_ERR_SYS, "%s: OpenSSL failed", what);
}

/* A member that is base64url of exactly size bytes. */
CL_NODISCARD enum cl_status cl_b64url_member(const json_t *obj, const char *what, const char *key,
                                             uint8_t *ret, size_t size, struct cl_err *err);

/* JSON object of the EC members {kty, crv, x, y} out of which epk and the public key are made. */
CL_NODISCARD enum cl_status cl_jwk_ec_from_members(const json_t *j, const char *what,
                                                   struct cl_jwk **ret_k, struct cl_err *err);
/* x and y as base64url text, appended. */
CL_NODISCARD enum cl_status cl_jwk_ec_xy(const struct cl_jwk *k, struct cl_buf *ret_x,
                                         struct cl_buf *ret_y, struct cl_err *err);
const char *cl_jwk_crv(enum cl_jwk_kind kind);
const char *cl_jwk_alg(enum cl_jwk_kind kind, enum cl_jwk_use use);

/* Everything random in one seal. ephemeral is NULL for RSA. */
struct cl_jwe_random {
    struct cl_jwk *ephemeral;
    struct cl_secret cek;
    uint8_t iv[CL_GCM_IV_SIZE];
};
CL_NODISCARD enum cl_status cl_jwe_seal_with(const struct cl_jwk *to,
                                             const struct cl_jwe_random *random, const void *plain,
                                             size_t len, struct cl_buf *out, struct cl_err *err);

/* kek = ConcatKDF(ECDH(own private, peer public)), for ECDH-ES+A256KW. */
CL_NODISCARD enum cl_status cl_ecdh_kek(const struct cl_jwk *own, const struct cl_jwk *peer,
                                        struct cl_secret *ret_kek, struct cl_err *err);
/* RFC 3394 with AES-256. */
CL_NODISCARD enum cl_status cl_aes_kw_wrap(const struct cl_secret *kek, const struct cl_secret *cek,
                                           uint8_t ret[static CL_WRAPPED_CEK_SIZE],
                                           struct cl_err *err);
CL_NODISCARD enum cl_status cl_aes_kw_unwrap(const struct cl_secret *kek,
                                             const uint8_t wrapped[static CL_WRAPPED_CEK_SIZE],
                                             struct cl_secret *ret_cek, struct cl_err *err);
/* RSAES-OAEP, SHA-256 for hash and MGF1, empty label. */
CL_NODISCARD enum cl_status cl_rsa_oaep_seal(const struct cl_jwk *to, const struct cl_secret *cek,
                                             struct cl_buf *out, struct cl_err *err);
CL_NODISCARD enum cl_status cl_rsa_oaep_open(const struct cl_jwk *key, const struct cl_buf *sealed,
                                             struct cl_secret *ret_cek, struct cl_err *err);

#endif
