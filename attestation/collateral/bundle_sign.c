/* SPDX-License-Identifier: Apache-2.0
 * bundle_sign.c - the signature of a bundle, and how its key is named.
 * Trust: the protected header is hostile. The key in it is only a suggestion: it counts when the
 *        SHA-256 of its SubjectPublicKeyInfo is the one that the caller pinned. The algorithm
 *        follows from the key, and `typ` keeps such signatures apart from tokens.
 * Threads: pure. Memory: OpenSSL's; private keys are wiped by it.
 * Spec: RFC 7515 5, 7.2.2.
 */
#include "collateral/collateral_internal.h"

#include "base/digest.h"
#include "base/encode.h"
#include "token/sign.h"
#include "token/token_internal.h"

#include <openssl/pem.h>
#include <string.h>

#define TYP "cloister.collateral"
#define WHAT "bundle signature"
#define MAX_SPKI 512u
#define MAX_KEY_FILE 16384u

/* The algorithm of the key, of the two that bundles are signed with. */
static enum cl_status alg_of(EVP_PKEY *key, enum cl_sig_alg *ret_alg, struct cl_err *err)
{
    enum cl_sig_alg alg = CL_SIG_ES256;
    if (!cl_sig_alg_of_key(key, &alg) || (alg != CL_SIG_ES256 && alg != CL_SIG_EDDSA)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          WHAT ": key: expected EC P-256 or Ed25519, got another kind");
    }
    *ret_alg = alg;
    return CL_OK;
}

static enum cl_status spki_of(EVP_PKEY *key, struct cl_buf *out, struct cl_err *err)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len <= 0) {
        return cl_ossl_failed(err, WHAT);
    }
    enum cl_status st = cl_buf_append(out, der, (size_t)len, err);
    OPENSSL_free(der);
    return st;
}

enum cl_status cl_collateral_signer_of(EVP_PKEY *key, uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE],
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf spki = {0};
    CL_TRY(spki_of(key, &spki, err));
    return cl_sha256(ret, spki.data, spki.len, err);
}

static EVP_PKEY *key_of_certificate(BIO *bio, EVP_PKEY **unused, pem_password_cb *cb, void *arg)
{
    (void)unused;
    CL_CLEANUP(cl_x509_freep) X509 *x = PEM_read_bio_X509(bio, NULL, cb, arg);
    return x != NULL ? X509_get_pubkey(x) : NULL;
}

static EVP_PKEY *key_from_pem(const void *data, size_t len)
{
    static EVP_PKEY *(*const forms[])(BIO *, EVP_PKEY **, pem_password_cb *, void *) = {
        PEM_read_bio_PUBKEY, PEM_read_bio_PrivateKey, key_of_certificate};
    char no_passphrase[] = ""; /* never asks at the terminal */
    EVP_PKEY *key = NULL;
    for (size_t i = 0; key == NULL && i < CL_ARRAY_LEN(forms); i++) {
        BIO *bio = BIO_new_mem_buf(data, (int)len);
        key = bio != NULL ? forms[i](bio, NULL, NULL, no_passphrase) : NULL;
        BIO_free(bio);
    }
    ERR_clear_error();
    return key;
}

enum cl_status cl_collateral_signer_parse(const void *data, size_t len,
                                          uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE],
                                          struct cl_err *err)
{
    char hex[2 * CL_COLLATERAL_SIGNER_SIZE + 1];
    enum cl_sig_alg alg = CL_SIG_ES256;
    if (len >= sizeof(hex) - 1 && len <= sizeof(hex) && memchr(data, '-', len) == NULL) {
        memcpy(hex, data, sizeof(hex) - 1); /* perhaps with a line's end behind */
        hex[sizeof(hex) - 1] = '\0';
        return cl_unhex(ret, CL_COLLATERAL_SIGNER_SIZE, hex, "signer", err);
    }
    CL_CLEANUP(cl_pkey_freep) EVP_PKEY *key = len <= MAX_KEY_FILE ? key_from_pem(data, len) : NULL;
    if (key == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "signer: expected a key or certificate in PEM or 64 hex digits, got "
                          "something else");
    }
    CL_TRY(alg_of(key, &alg, err));
    return cl_collateral_signer_of(key, ret, err);
}

enum cl_status cl_collateral_signer_read(const char *text,
                                         uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE],
                                         struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    if (cl_unhex(ret, CL_COLLATERAL_SIGNER_SIZE, text, "signer", /* err= */ NULL) == CL_OK) {
        return CL_OK;
    }
    CL_TRY(cl_buf_read_file(&raw, text, MAX_KEY_FILE, err));
    enum cl_status st = cl_collateral_signer_parse(raw.data, raw.len, ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "signer '%s'", text);
}

static enum cl_status join(struct cl_buf *out, const char *header, const char *payload,
                           struct cl_err *err)
{
    CL_TRY(cl_buf_append_str(out, header, err));
    CL_TRY(cl_buf_append_str(out, ".", err));
    return cl_buf_append_str(out, payload, err);
}

enum cl_status collateral_sign(EVP_PKEY *key, const struct cl_buf *payload,
                               struct cl_buf *ret_protected, struct cl_buf *ret_signature,
                               struct cl_err *err)
{
    uint8_t sig[CL_SIG_MAX_SIZE];
    enum cl_sig_alg alg = CL_SIG_ES256;
    CL_CLEANUP(cl_buf_done) struct cl_buf spki = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf input = {0};
    CL_TRY(alg_of(key, &alg, err));
    CL_TRY(cl_buf_printf(&text, err, "{\"alg\":\"%s\",\"typ\":\"" TYP "\",\"spki\":\"",
                         cl_sig_alg_name(alg)));
    CL_TRY(spki_of(key, &spki, err));
    CL_TRY(cl_b64url_encode(&text, spki.data, spki.len, err));
    CL_TRY(cl_buf_append_str(&text, "\"}", err));
    CL_TRY(cl_b64url_encode(ret_protected, text.data, text.len, err));
    CL_TRY(join(&input, (const char *)ret_protected->data, (const char *)payload->data, err));
    CL_TRY(cl_sig_make(alg, key, input.data, input.len, sig, err));
    return cl_b64url_encode(ret_signature, sig, cl_sig_size(alg), err);
}

/* The key and the algorithm that the header names; they must belong together. */
static enum cl_status read_header(const char *header, struct cl_buf *ret_spki, EVP_PKEY **ret_key,
                                  enum cl_sig_alg *ret_alg, struct cl_err *err)
{
    static const char *const keys[] = {"alg", "typ", "spki", NULL};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *alg = NULL, *typ = NULL, *spki = NULL;
    CL_TRY(cl_b64url_decode(&text, header, strlen(header), WHAT ": protected", err));
    CL_TRY(cl_json_parse(text.data, text.len, WHAT, &j, err));
    CL_TRY(cl_json_only_keys(j, WHAT, keys, err));
    CL_TRY(cl_json_get_string(j, WHAT, "alg", &alg, err));
    CL_TRY(cl_json_get_string(j, WHAT, "typ", &typ, err));
    CL_TRY(cl_json_get_string(j, WHAT, "spki", &spki, err));
    CL_TRY(cl_b64url_decode(ret_spki, spki, strlen(spki), WHAT ": spki", err));
    const unsigned char *p = ret_spki->data;
    CL_CLEANUP(cl_pkey_freep)
    EVP_PKEY *key = ret_spki->len <= MAX_SPKI ? d2i_PUBKEY(NULL, &p, (long)ret_spki->len) : NULL;
    ERR_clear_error();
    if (key == NULL || p != ret_spki->data + ret_spki->len) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": spki: expected a public key in DER, got something else");
    }
    CL_TRY(alg_of(key, ret_alg, err));
    if (strcmp(alg, cl_sig_alg_name(*ret_alg)) != 0 || strcmp(typ, TYP) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          WHAT ": alg, typ: expected %s, " TYP ", got '%.16s', '%.32s'",
                          cl_sig_alg_name(*ret_alg), alg, typ);
    }
    *ret_key = CL_TAKE(key);
    return CL_OK;
}

enum cl_status collateral_check_signature(const char *payload, const char *protected_header,
                                          const char *signature,
                                          uint8_t ret_signer[static CL_COLLATERAL_SIGNER_SIZE],
                                          struct cl_err *err)
{
    enum cl_sig_alg alg = CL_SIG_ES256;
    CL_CLEANUP(cl_buf_done) struct cl_buf spki = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf input = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf sig = {0};
    CL_CLEANUP(cl_pkey_freep) EVP_PKEY *key = NULL;
    CL_TRY(read_header(protected_header, &spki, &key, &alg, err));
    CL_TRY(cl_b64url_decode(&sig, signature, strlen(signature), WHAT ": signature", err));
    if (sig.len != cl_sig_size(alg)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": size: expected %zu bytes, got %zu",
                          cl_sig_size(alg), sig.len);
    }
    CL_TRY(join(&input, protected_header, payload, err));
    enum cl_status st = cl_sig_check(alg, key, input.data, input.len, sig.data, err);
    if (st == CL_ERR_REJECTED) {
        return cl_err_set(err, st, WHAT ": expected one that verifies, got another");
    }
    return st == CL_OK ? cl_sha256(ret_signer, spki.data, spki.len, err) : st;
}
