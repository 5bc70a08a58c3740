/* SPDX-License-Identifier: Apache-2.0
 * ocicrypt_cipher.c - the layer cipher: AES-256-CTR, and HMAC-SHA256 over the ciphertext under the
 * same key, as one stream of any length.
 * Trust: nothing that came out of decryption is believed before _final() compared the HMAC.
 * Threads: an object belongs to one thread. Memory: fixed. OpenSSL wipes its key schedules on free.
 */
#include "oci/ocicrypt.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#define STEP (1u << 16) /* HMAC and cipher take turns on what the cache still holds */

struct cl_ocicrypt_cipher {
    EVP_CIPHER_CTX *ctr;
    EVP_MAC_CTX *hmac;
    bool encrypt;
    bool finished;
};

void cl_ocicrypt_free(struct cl_ocicrypt_cipher *c)
{
    if (c != NULL) {
        EVP_CIPHER_CTX_free(c->ctr);
        EVP_MAC_CTX_free(c->hmac);
        free(c);
    }
}

void cl_ocicrypt_freep(struct cl_ocicrypt_cipher **c)
{
    cl_ocicrypt_free(*c);
}

static bool start(struct cl_ocicrypt_cipher *c, const struct cl_secret *key, const uint8_t *nonce)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    c->ctr = EVP_CIPHER_CTX_new();
    c->hmac = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    return c->ctr != NULL && c->hmac != NULL &&
           EVP_CipherInit_ex(c->ctr, EVP_aes_256_ctr(), NULL, key->data, nonce, 1) == 1 &&
           EVP_MAC_init(c->hmac, key->data, key->len, params) == 1;
}

static enum cl_status cipher_new(const struct cl_secret *key, const uint8_t *nonce, bool encrypt,
                                 struct cl_ocicrypt_cipher **ret_c, struct cl_err *err)
{
    if (key->len != CL_OCICRYPT_KEY_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "layer key: expected %u bytes, got %zu",
                          CL_OCICRYPT_KEY_SIZE, key->len);
    }
    struct cl_ocicrypt_cipher *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return cl_err_nomem(err, "layer cipher");
    }
    c->encrypt = encrypt;
    if (!start(c, key, nonce)) {
        cl_ocicrypt_free(c);
        return cl_err_set(err, CL_ERR_SYS, "layer cipher: OpenSSL could not start AES-256-CTR");
    }
    *ret_c = c;
    return CL_OK;
}

enum cl_status cl_ocicrypt_encrypt_new(const struct cl_secret *key, const uint8_t nonce[static 16],
                                       struct cl_ocicrypt_cipher **ret_c, struct cl_err *err)
{
    return cipher_new(key, nonce, true, ret_c, err);
}

enum cl_status cl_ocicrypt_decrypt_new(const struct cl_secret *key, const uint8_t nonce[static 16],
                                       struct cl_ocicrypt_cipher **ret_c, struct cl_err *err)
{
    return cipher_new(key, nonce, false, ret_c, err);
}

static bool step(struct cl_ocicrypt_cipher *c, uint8_t *dst, const uint8_t *src, size_t len)
{
    int n = 0;
    if (!c->encrypt && EVP_MAC_update(c->hmac, src, len) != 1) {
        return false; /* before the cipher: dst may be src */
    }
    if (EVP_CipherUpdate(c->ctr, dst, &n, src, (int)len) != 1 || n != (int)len) {
        return false;
    }
    return !c->encrypt || EVP_MAC_update(c->hmac, dst, len) == 1;
}

enum cl_status cl_ocicrypt_update(struct cl_ocicrypt_cipher *c, uint8_t *dst, const uint8_t *src,
                                  size_t len, struct cl_err *err)
{
    if (c->finished) {
        return cl_err_set(err, CL_ERR_SYS, "layer cipher: used after its end");
    }
    for (size_t done = 0; done < len;) {
        size_t n = len - done < STEP ? len - done : STEP;
        if (!step(c, dst + done, src + done, n)) {
            return cl_err_set(err, CL_ERR_SYS, "layer cipher: OpenSSL failed");
        }
        done += n;
    }
    return CL_OK;
}

static enum cl_status finish(struct cl_ocicrypt_cipher *c, uint8_t ret_hmac[static 32],
                             struct cl_err *err)
{
    size_t n = 0;
    if (c->finished || EVP_MAC_final(c->hmac, ret_hmac, &n, 32) != 1 || n != 32) {
        return cl_err_set(err, CL_ERR_SYS, "layer cipher: HMAC failed");
    }
    c->finished = true;
    return CL_OK;
}

enum cl_status cl_ocicrypt_encrypt_final(struct cl_ocicrypt_cipher *c, uint8_t ret_hmac[static 32],
                                         struct cl_err *err)
{
    return finish(c, ret_hmac, err);
}

enum cl_status cl_ocicrypt_decrypt_final(struct cl_ocicrypt_cipher *c,
                                         const uint8_t expected_hmac[static 32], struct cl_err *err)
{
    uint8_t got[32];
    CL_TRY(finish(c, got, err));
    if (!cl_ct_equal(got, expected_hmac, sizeof(got))) {
        return cl_err_set(err, CL_ERR_REJECTED, "layer: HMAC: the ciphertext was changed");
    }
    return CL_OK;
}
