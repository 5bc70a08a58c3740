/* SPDX-License-Identifier: Apache-2.0
 * jwt.c - compact JWS with claims: sign and verify, ES256 and EdDSA (see cloister/jwt.h).
 * Trust: tokens are hostile; keys and algorithm come from the caller only.
 * Threads: no shared state. Memory: bounded by CL_JWT_MAX_SIZE.
 */
#include "cloister/jwt.h"

#include "base/encode.h"
#include "token_internal.h"

#include <openssl/ecdsa.h>
#include <string.h>

#define SIG_HALF 32
#define DER_SIG_MAX 80u
#define MAX_TIME ((int64_t)1 << 40)

static const char *alg_name(enum cl_jwt_alg alg)
{
    return alg == CL_JWT_ES256 ? "ES256" : "EdDSA";
}

static void ecdsa_sig_freep(ECDSA_SIG **p)
{
    ECDSA_SIG_free(*p);
}

/* DER to r || s. */
static bool der_to_raw(const uint8_t *der, size_t len, uint8_t raw[static CL_JWS_SIG_SIZE])
{
    CL_CLEANUP(ecdsa_sig_freep) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    return sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, SIG_HALF) == SIG_HALF &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + SIG_HALF, SIG_HALF) == SIG_HALF;
}

static bool raw_to_der(const uint8_t raw[static CL_JWS_SIG_SIZE], uint8_t der[static DER_SIG_MAX],
                       size_t *ret_len)
{
    CL_CLEANUP(ecdsa_sig_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, SIG_HALF, NULL);
    BIGNUM *s = BN_bin2bn(raw + SIG_HALF, SIG_HALF, NULL);
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

/* The key must be of the kind that alg names: a P-256 key for ES256, Ed25519 for EdDSA. */
static enum cl_status check_key(enum cl_jwt_alg alg, EVP_PKEY *key, struct cl_err *err)
{
    bool fits = alg == CL_JWT_EDDSA
                    ? EVP_PKEY_is_a(key, "ED25519") == 1
                    : EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_bits(key) == 256;
    return fits ? CL_OK
                : cl_err_set(err, CL_ERR_UNSUPPORTED, "JWT: key does not fit %s", alg_name(alg));
}

enum cl_status cl_jws_sign(enum cl_jwt_alg alg, EVP_PKEY *key, const struct cl_buf *input,
                           uint8_t sig[static CL_JWS_SIG_SIZE], struct cl_err *err)
{
    uint8_t der[DER_SIG_MAX];
    bool es256 = alg == CL_JWT_ES256;
    size_t len = es256 ? sizeof(der) : CL_JWS_SIG_SIZE;
    CL_CLEANUP(cl_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, es256 ? EVP_sha256() : NULL, NULL, key) != 1 ||
        EVP_DigestSign(ctx, es256 ? der : sig, &len, input->data, input->len) != 1 ||
        (es256 && !der_to_raw(der, len, sig))) {
        return cl_ossl_failed(err, "JWT: sign");
    }
    return CL_OK;
}

static enum cl_status put_part(struct cl_buf *out, const json_t *j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_json_compact(j, &text, err));
    return cl_b64url_encode(out, text.data, text.len, err);
}

enum cl_status cl_jwt_sign(enum cl_jwt_alg alg, EVP_PKEY *key, json_t *extra_header,
                           const json_t *claims, struct cl_buf *out, struct cl_err *err)
{
    uint8_t sig[CL_JWS_SIG_SIZE];
    CL_TRY(check_key(alg, key, err));
    CL_CLEANUP(cl_buf_done) struct cl_buf input = {0};
    CL_CLEANUP(cl_json_decrefp)
    json_t *header = json_pack("{s:s, s:s}", "typ", "JWT", "alg", alg_name(alg));
    if (header == NULL ||
        (extra_header != NULL && json_object_update_missing(header, extra_header) != 0)) {
        return cl_err_nomem(err, "JWT header");
    }
    CL_TRY(put_part(&input, header, err));
    CL_TRY(cl_buf_append_str(&input, ".", err));
    CL_TRY(put_part(&input, claims, err));
    CL_TRY(cl_jws_sign(alg, key, &input, sig, err));
    CL_TRY(cl_buf_append_str(&input, ".", err));
    CL_TRY(cl_b64url_encode(&input, sig, sizeof(sig), err));
    if (input.len > CL_JWT_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWT: expected at most %u bytes, got %zu",
                          CL_JWT_MAX_SIZE, input.len);
    }
    return cl_buf_append(out, input.data, input.len, err);
}

static enum cl_status check_header(enum cl_jwt_alg alg, const char *part, size_t len,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *header = NULL;
    const char *name = NULL;
    CL_TRY(cl_b64url_decode(&text, part, len, "JWT header", err));
    CL_TRY(cl_json_parse(text.data, text.len, "JWT header", &header, err));
    CL_TRY(cl_json_get_string(header, "JWT header", "alg", &name, err));
    if (strcmp(name, alg_name(alg)) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "JWT header: alg: expected %s, got %.32s",
                          alg_name(alg), name);
    }
    if (json_object_get(header, "crit") != NULL) { /* RFC 7515 4.1.11 */
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWT header: crit: not supported");
    }
    return CL_OK;
}

enum cl_status cl_jws_verify(enum cl_jwt_alg alg, EVP_PKEY *key, const char *input, size_t len,
                             const uint8_t sig[static CL_JWS_SIG_SIZE], struct cl_err *err)
{
    uint8_t der[DER_SIG_MAX];
    size_t der_len = 0;
    bool es256 = alg == CL_JWT_ES256;
    CL_CLEANUP(cl_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || (es256 && !raw_to_der(sig, der, &der_len)) ||
        EVP_DigestVerifyInit(ctx, NULL, es256 ? EVP_sha256() : NULL, NULL, key) != 1) {
        return cl_ossl_failed(err, "JWT: verify");
    }
    if (EVP_DigestVerify(ctx, es256 ? der : sig, es256 ? der_len : CL_JWS_SIG_SIZE,
                         (const uint8_t *)input, len) != 1) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_REJECTED, "JWT: signature does not verify");
    }
    return CL_OK;
}

enum cl_status cl_jwt_verify(enum cl_jwt_alg alg, EVP_PKEY *key, const char *token, size_t len,
                             json_t **ret_claims, struct cl_err *err)
{
    CL_TRY(check_key(alg, key, err));
    const char *dot1 = len <= CL_JWT_MAX_SIZE ? memchr(token, '.', len) : NULL;
    const char *end = token + len;
    const char *dot2 = dot1 != NULL ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
    if (dot2 == NULL || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)) != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWT: expected three parts in at most %u bytes",
                          CL_JWT_MAX_SIZE);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf sig = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_TRY(check_header(alg, token, (size_t)(dot1 - token), err));
    CL_TRY(cl_b64url_decode(&sig, dot2 + 1, (size_t)(end - dot2 - 1), "JWT signature", err));
    if (sig.len != CL_JWS_SIG_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWT signature: expected %u bytes, got %zu",
                          CL_JWS_SIG_SIZE, sig.len);
    }
    CL_TRY(cl_jws_verify(alg, key, token, (size_t)(dot2 - token), sig.data, err));
    CL_TRY(cl_b64url_decode(&text, dot1 + 1, (size_t)(dot2 - dot1 - 1), "JWT claims", err));
    CL_TRY(cl_json_parse(text.data, text.len, "JWT claims", &claims, err));
    if (!json_is_object(claims)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWT claims: expected an object");
    }
    *ret_claims = CL_TAKE(claims);
    return CL_OK;
}

enum cl_status cl_jwt_check_times(const json_t *claims, int64_t now, struct cl_err *err)
{
    int64_t t = 0;
    CL_TRY(cl_json_get_int(claims, "JWT claims", "exp", 0, MAX_TIME, &t, err));
    if (now > t + CL_JWT_LEEWAY_SECONDS) {
        return cl_err_set(err, CL_ERR_REJECTED, "JWT: exp: expired %lld seconds ago",
                          (long long)(now - t));
    }
    static const char *const starts[] = {"nbf", "iat"};
    for (size_t i = 0; i < CL_ARRAY_LEN(starts); i++) {
        if (json_object_get(claims, starts[i]) == NULL) {
            continue;
        }
        CL_TRY(cl_json_get_int(claims, "JWT claims", starts[i], 0, MAX_TIME, &t, err));
        if (now + CL_JWT_LEEWAY_SECONDS < t) {
            return cl_err_set(err, CL_ERR_REJECTED, "JWT: %s: %lld seconds in the future",
                              starts[i], (long long)(t - now));
        }
    }
    return CL_OK;
}
