/* SPDX-License-Identifier: Apache-2.0
 * vault.c - sealing at rest (see vault.h).
 */
#include "vault.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define NONCE_SIZE 12u
#define TAG_SIZE 16u
#define MAX_SIZE (64u << 20)

static void kdf_ctx_freep(EVP_KDF_CTX **p)
{
    EVP_KDF_CTX_free(*p);
}
static void cipher_ctx_freep(EVP_CIPHER_CTX **p)
{
    EVP_CIPHER_CTX_free(*p);
}

static enum cl_status failed(struct cl_err *err, const char *what)
{
    ERR_clear_error();
    return cl_err_set(err, CL_ERR_SYS, "%s: OpenSSL failed", what);
}

/* HKDF-SHA256 without salt; info tells the uses apart. */
static enum cl_status derive(const struct cl_secret *master, const char *info, uint8_t *out,
                             size_t len, struct cl_err *err)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    CL_CLEANUP(kdf_ctx_freep) EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    EVP_KDF_free(kdf);
    char digest[] = "SHA256";
    char info_copy[64];
    size_t info_len = strlen(info);
    if (ctx == NULL || info_len > sizeof(info_copy)) {
        return failed(err, "HKDF");
    }
    memcpy(info_copy, info, info_len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master->data, master->len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_copy, info_len),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(ctx, out, len, params) == 1 ? CL_OK : failed(err, "HKDF");
}

enum cl_status cl_vault_init(struct cl_vault *ret_v, const struct cl_secret *master,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_vault_done) struct cl_vault v = {0};
    if (master->len != CL_MASTER_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "master key: expected %u bytes, got %zu",
                          CL_MASTER_SIZE, master->len);
    }
    CL_TRY(cl_secret_alloc(&v.key, 32, err));
    CL_TRY(derive(master, "cloister broker seal 1", v.key.data, v.key.len, err));
    CL_TRY(derive(master, "cloister broker id 1", v.id, sizeof(v.id), err));
    *ret_v = v;
    v = (struct cl_vault){0};
    return CL_OK;
}

void cl_vault_done(struct cl_vault *v)
{
    if (v != NULL) {
        cl_secret_done(&v->key);
        *v = (struct cl_vault){0};
    }
}

/* domain, NUL, name: no two pairs give one text. */
static int put_aad(EVP_CIPHER_CTX *ctx,
                   int (*update)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *,
                                 int),
                   const char *domain, const char *name)
{
    int n = 0;
    return update(ctx, NULL, &n, (const uint8_t *)domain, (int)strlen(domain) + 1) == 1 &&
           update(ctx, NULL, &n, (const uint8_t *)name, (int)strlen(name)) == 1;
}

enum cl_status cl_vault_seal(const struct cl_vault *v, const char *domain, const char *name,
                             const void *data, size_t len, struct cl_buf *out, struct cl_err *err)
{
    int n = 0;
    if (len > MAX_SIZE) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "seal '%s': too large", name);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    CL_TRY(cl_buf_reserve(&sealed, len + CL_VAULT_OVERHEAD, err));
    uint8_t *nonce = sealed.data;
    uint8_t *ct = nonce + NONCE_SIZE;
    CL_TRY(cl_random(nonce, NONCE_SIZE, err));
    CL_CLEANUP(cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, v->key.data, nonce) != 1 ||
        !put_aad(ctx, EVP_EncryptUpdate, domain, name) ||
        (len > 0 && EVP_EncryptUpdate(ctx, ct, &n, data, (int)len) != 1) ||
        EVP_EncryptFinal_ex(ctx, ct + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, ct + len) != 1) {
        return failed(err, "seal");
    }
    return cl_buf_append(out, sealed.data, len + CL_VAULT_OVERHEAD, err);
}

enum cl_status cl_vault_open(const struct cl_vault *v, const char *domain, const char *name,
                             const void *sealed, size_t len, struct cl_secret *ret_plain,
                             struct cl_err *err)
{
    int n = 0;
    const uint8_t *nonce = sealed;
    uint8_t tag[TAG_SIZE];
    uint8_t none[16];
    if (len < CL_VAULT_OVERHEAD || len > MAX_SIZE + CL_VAULT_OVERHEAD) {
        return cl_err_set(err, CL_ERR_MALFORMED, "unseal '%s': %zu bytes", name, len);
    }
    size_t plain_len = len - CL_VAULT_OVERHEAD;
    memcpy(tag, nonce + len - TAG_SIZE, TAG_SIZE);
    CL_CLEANUP(cl_secret_done) struct cl_secret plain = {0};
    CL_TRY(cl_secret_alloc(&plain, plain_len, err));
    CL_CLEANUP(cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, v->key.data, nonce) != 1 ||
        !put_aad(ctx, EVP_DecryptUpdate, domain, name) ||
        (plain_len > 0 &&
         EVP_DecryptUpdate(ctx, plain.data, &n, nonce + NONCE_SIZE, (int)plain_len) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) != 1) {
        return failed(err, "unseal");
    }
    if (EVP_DecryptFinal_ex(ctx, none, &n) != 1) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_REJECTED,
                          "unseal '%s': expected what this master key sealed, got something else",
                          name);
    }
    *ret_plain = plain;
    plain = (struct cl_secret){0};
    return CL_OK;
}
