/* SPDX-License-Identifier: Apache-2.0
 * jwe.c - flattened JWE with A256GCM: seal and open (see cloister/jwe.h).
 * Trust: the text is hostile, the key is ours. The AAD is the received `protected` text.
 * Threads: no shared state. Memory: plaintext and keys in struct cl_secret; bounded by
 *          CL_JWE_MAX_TEXT.
 */
#include "cloister/jwe.h"

#include "base/encode.h"
#include "token_internal.h"

#include <string.h>

/* The exact text of kbs-protocol.md 7: alg, enc, epk{crv,kty,x,y}, no white space. */
static enum cl_status header_text(const struct cl_jwk *to, const struct cl_jwk *epk,
                                  struct cl_buf *out, struct cl_err *err)
{
    const char *alg = cl_jwk_alg(cl_jwk_kind(to), CL_JWK_WRAP);
    if (epk == NULL) {
        return cl_buf_printf(out, err, "{\"alg\":\"%s\",\"enc\":\"A256GCM\"}", alg);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf x = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf y = {0};
    CL_TRY(cl_jwk_ec_xy(epk, &x, &y, err));
    return cl_buf_printf(out, err,
                         "{\"alg\":\"%s\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"%s\",\"kty\":"
                         "\"EC\",\"x\":\"%s\",\"y\":\"%s\"}}",
                         alg, cl_jwk_crv(cl_jwk_kind(epk)), (const char *)x.data,
                         (const char *)y.data);
}

/* ct holds len bytes. */
static enum cl_status gcm_seal(const struct cl_jwe_random *rnd, const struct cl_buf *aad,
                               const void *plain, size_t len, uint8_t *ct,
                               uint8_t tag[static CL_GCM_TAG_SIZE], struct cl_err *err)
{
    int n = 0;
    CL_CLEANUP(cl_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL ||
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, rnd->cek.data, rnd->iv) != 1 ||
        EVP_EncryptUpdate(ctx, NULL, &n, aad->data, (int)aad->len) != 1 ||
        (len > 0 && EVP_EncryptUpdate(ctx, ct, &n, plain, (int)len) != 1) ||
        EVP_EncryptFinal_ex(ctx, ct + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, CL_GCM_TAG_SIZE, tag) != 1) {
        return cl_ossl_failed(err, "AES-256-GCM");
    }
    return CL_OK;
}

static enum cl_status wrap_cek(const struct cl_jwk *to, const struct cl_jwe_random *rnd,
                               struct cl_buf *out, struct cl_err *err)
{
    if (cl_jwk_kind(to) == CL_JWK_RSA) {
        return cl_rsa_oaep_seal(to, &rnd->cek, out, err);
    }
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    uint8_t wrapped[CL_WRAPPED_CEK_SIZE];
    CL_TRY(cl_ecdh_kek(rnd->ephemeral, to, &kek, err));
    CL_TRY(cl_aes_kw_wrap(&kek, &rnd->cek, wrapped, err));
    return cl_buf_append(out, wrapped, sizeof(wrapped), err);
}

static enum cl_status put_member(struct cl_buf *out, const char *before, const void *data,
                                 size_t len, struct cl_err *err)
{
    CL_TRY(cl_buf_append_str(out, before, err));
    return cl_b64url_encode(out, data, len, err);
}

enum cl_status cl_jwe_seal_with(const struct cl_jwk *to, const struct cl_jwe_random *rnd,
                                const void *plain, size_t len, struct cl_buf *out,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf protected_text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf wrapped = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ct = {0};
    uint8_t tag[CL_GCM_TAG_SIZE];
    if (len > CL_JWE_MAX_PLAIN) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "JWE: plaintext: expected at most %u bytes, got %zu", CL_JWE_MAX_PLAIN,
                          len);
    }
    CL_TRY(header_text(to, rnd->ephemeral, &header, err));
    CL_TRY(cl_b64url_encode(&protected_text, header.data, header.len, err));
    CL_TRY(wrap_cek(to, rnd, &wrapped, err));
    CL_TRY(cl_buf_reserve(&ct, len + 1, err));
    CL_TRY(gcm_seal(rnd, &protected_text, plain, len, ct.data, tag, err));
    CL_TRY(cl_buf_append_str(out, "{\"protected\":\"", err));
    CL_TRY(cl_buf_append(out, protected_text.data, protected_text.len, err));
    CL_TRY(put_member(out, "\",\"encrypted_key\":\"", wrapped.data, wrapped.len, err));
    CL_TRY(put_member(out, "\",\"iv\":\"", rnd->iv, sizeof(rnd->iv), err));
    CL_TRY(put_member(out, "\",\"ciphertext\":\"", ct.data, len, err));
    CL_TRY(put_member(out, "\",\"tag\":\"", tag, sizeof(tag), err));
    return cl_buf_append_str(out, "\"}", err);
}

static void random_done(struct cl_jwe_random *rnd)
{
    cl_jwk_free(rnd->ephemeral);
    cl_secret_done(&rnd->cek);
}

enum cl_status cl_jwe_seal(const struct cl_jwk *to, const void *plain, size_t len,
                           struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(random_done) struct cl_jwe_random rnd = {0};
    if (cl_jwk_kind(to) != CL_JWK_RSA) {
        CL_TRY(cl_jwk_generate(cl_jwk_kind(to), &rnd.ephemeral, err));
    }
    CL_TRY(cl_secret_random(&rnd.cek, CL_CEK_SIZE, err));
    CL_TRY(cl_random(rnd.iv, sizeof(rnd.iv), err));
    return cl_jwe_seal_with(to, &rnd, plain, len, out, err);
}

/* The header must say what the key implies, and nothing else. ret_epk is NULL for RSA. */
static enum cl_status check_header(const struct cl_jwk *key, const char *protected_text,
                                   struct cl_jwk **ret_epk, struct cl_err *err)
{
    static const char *const rsa_keys[] = {"alg", "enc", NULL};
    static const char *const ec_keys[] = {"alg", "enc", "epk", NULL};
    const char *expected = cl_jwk_alg(cl_jwk_kind(key), CL_JWK_WRAP);
    bool rsa = cl_jwk_kind(key) == CL_JWK_RSA;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *header = NULL;
    const char *alg = NULL;
    const char *enc = NULL;
    CL_TRY(cl_b64url_decode(&text, protected_text, strlen(protected_text), "protected", err));
    CL_TRY(cl_json_parse(text.data, text.len, "protected", &header, err));
    CL_TRY(cl_json_get_string(header, "protected", "alg", &alg, err));
    CL_TRY(cl_json_get_string(header, "protected", "enc", &enc, err));
    if (strcmp(alg, expected) != 0 || strcmp(enc, "A256GCM") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "protected: expected %s with A256GCM, got %.32s with %.32s", expected,
                          alg, enc);
    }
    /* zip, crit, apu, apv would change the meaning: refuse whatever is not ours */
    CL_TRY(cl_json_only_keys(header, "protected", rsa ? rsa_keys : ec_keys, err));
    if (rsa) {
        return CL_OK;
    }
    json_t *epk_json = NULL;
    const char *kty = NULL;
    CL_TRY(cl_json_get_object(header, "protected", "epk", &epk_json, err));
    CL_TRY(cl_json_get_string(epk_json, "epk", "kty", &kty, err));
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *epk = NULL;
    CL_TRY(cl_jwk_ec_from_members(epk_json, "epk", &epk, err));
    if (strcmp(kty, "EC") != 0 || cl_jwk_kind(epk) != cl_jwk_kind(key)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "epk: crv: expected %s, got %s",
                          cl_jwk_crv(cl_jwk_kind(key)), cl_jwk_crv(cl_jwk_kind(epk)));
    }
    *ret_epk = CL_TAKE(epk);
    return CL_OK;
}

static enum cl_status unwrap_cek(const struct cl_jwk *key, const struct cl_jwk *epk,
                                 const json_t *j, struct cl_secret *ret_cek, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(j, "JWE", "encrypted_key", &text, err));
    if (epk == NULL) {
        CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
        CL_TRY(cl_b64url_decode(&sealed, text, strlen(text), "encrypted_key", err));
        return cl_rsa_oaep_open(key, &sealed, ret_cek, err);
    }
    uint8_t wrapped[CL_WRAPPED_CEK_SIZE];
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_TRY(cl_b64url_member(j, "JWE", "encrypted_key", wrapped, sizeof(wrapped), err));
    CL_TRY(cl_ecdh_kek(key, epk, &kek, err));
    return cl_aes_kw_unwrap(&kek, wrapped, ret_cek, err);
}

static enum cl_status gcm_open(const struct cl_secret *cek, const uint8_t *iv, const char *aad,
                               const struct cl_buf *ct, uint8_t *tag, struct cl_secret *ret_plain,
                               struct cl_err *err)
{
    int n = 0;
    CL_CLEANUP(cl_secret_done) struct cl_secret plain = {0};
    CL_TRY(cl_secret_alloc(&plain, ct->len, err));
    CL_CLEANUP(cl_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cek->data, iv) != 1 ||
        EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) != 1 ||
        (ct->len > 0 && EVP_DecryptUpdate(ctx, plain.data, &n, ct->data, (int)ct->len) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, CL_GCM_TAG_SIZE, tag) != 1) {
        return cl_ossl_failed(err, "AES-256-GCM");
    }
    uint8_t none[16];
    if (EVP_DecryptFinal_ex(ctx, none, &n) != 1) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_REJECTED, "JWE: does not authenticate under this key");
    }
    *ret_plain = plain;
    plain = (struct cl_secret){0};
    return CL_OK;
}

enum cl_status cl_jwe_open(const struct cl_jwk *key, const void *text, size_t len,
                           struct cl_secret *ret_plain, struct cl_err *err)
{
    static const char *const keys[] = {"protected",  "encrypted_key", "iv",
                                       "ciphertext", "tag",           NULL};
    if (len > CL_JWE_MAX_TEXT) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWE: expected at most %u bytes, got %zu",
                          CL_JWE_MAX_TEXT, len);
    }
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *epk = NULL;
    CL_CLEANUP(cl_secret_done) struct cl_secret cek = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ct = {0};
    const char *protected_text = NULL;
    const char *ct_text = NULL;
    uint8_t iv[CL_GCM_IV_SIZE];
    uint8_t tag[CL_GCM_TAG_SIZE];
    CL_TRY(cl_json_parse(text, len, "JWE", &j, err));
    CL_TRY(cl_json_get_string(j, "JWE", "protected", &protected_text, err));
    CL_TRY(cl_json_get_string(j, "JWE", "ciphertext", &ct_text, err));
    CL_TRY(cl_json_only_keys(j, "JWE", keys, err));
    CL_TRY(cl_b64url_member(j, "JWE", "iv", iv, sizeof(iv), err));
    CL_TRY(cl_b64url_member(j, "JWE", "tag", tag, sizeof(tag), err));
    CL_TRY(cl_b64url_decode(&ct, ct_text, strlen(ct_text), "ciphertext", err));
    CL_TRY(check_header(key, protected_text, &epk, err));
    CL_TRY(unwrap_cek(key, epk, j, &cek, err));
    return gcm_open(&cek, iv, protected_text, &ct, tag, ret_plain, err);
}
