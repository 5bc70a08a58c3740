/* SPDX-License-Identifier: Apache-2.0
 * identity.c - the broker's keys: TLS (P-256, self-signed), tokens (P-256), first admin (Ed25519).
 * Private keys are sealed in the database; the certificate and the admin's public key are in clear.
 */
#include "state_internal.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CERT_DAYS 3650
#define NAME_TLS_KEY "tls-key"
#define NAME_TOKEN_KEY "token-key"
#define NAME_TLS_CERT "tls-cert"
#define NAME_ADMIN_PUB "admin-public"
#define MAX_SANS 32u

const char *const cl_identity_names[] = {NAME_TLS_KEY, NAME_TOKEN_KEY, NULL};

static void pkey_freep(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static void x509_freep(X509 **p)
{
    X509_free(*p);
}
static void bio_freep(BIO **p)
{
    BIO_free(*p);
}

static enum cl_status failed(struct cl_err *err, const char *what)
{
    ERR_clear_error();
    return cl_err_set(err, CL_ERR_SYS, "%s: OpenSSL failed", what);
}

static enum cl_status put_sealed_key(struct cl_store *store, const struct cl_vault *vault,
                                     const char *name, EVP_PKEY *key, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    uint8_t *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    if (len <= 0) {
        return failed(err, name);
    }
    enum cl_status st =
        cl_vault_seal(vault, CL_DOMAIN_IDENTITY, name, der, (size_t)len, &sealed, err);
    OPENSSL_clear_free(der, (size_t)len);
    return st == CL_OK ? cl_store_meta_put(store, name, sealed.data, sealed.len, err) : st;
}

/* "DNS:a,IP:127.0.0.1"; names of other bytes would become other fields of the extension. */
static enum cl_status san_text(const char *const *sans, struct cl_buf *out, struct cl_err *err)
{
    size_t n = 0;
    for (; sans[n] != NULL; n++) {
        uint8_t addr[16];
        bool ip = inet_pton(AF_INET, sans[n], addr) == 1 || inet_pton(AF_INET6, sans[n], addr) == 1;
        size_t len = strlen(sans[n]);
        bool name = len > 0 && len < 254 &&
                    strspn(sans[n], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    ".-_*") == len;
        if (n >= MAX_SANS || (!ip && !name)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "init: san '%.64s': expected a DNS name or an address", sans[n]);
        }
        CL_TRY(cl_buf_printf(out, err, "%s%s:%s", n > 0 ? "," : "", ip ? "IP" : "DNS", sans[n]));
    }
    return n > 0 ? CL_OK : cl_err_set(err, CL_ERR_MALFORMED, "init: no san");
}

static bool add_ext(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool fill_cert(X509 *cert, EVP_PKEY *key, const char *san)
{
    uint8_t serial[16];
    X509_NAME *name = X509_get_subject_name(cert);
    if (cl_random(serial, sizeof(serial), NULL) != CL_OK) {
        return false;
    }
    serial[0] &= 0x7f;
    BIGNUM *bn = BN_bin2bn(serial, sizeof(serial), NULL);
    bool ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL;
    BN_free(bn);
    return ok && X509_set_version(cert, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(cert), (long)CERT_DAYS * 86400) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"Cloister broker", -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
           add_ext(cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_ext(cert, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           add_ext(cert, NID_ext_key_usage, "serverAuth") &&
           add_ext(cert, NID_subject_alt_name, san) && X509_sign(cert, key, EVP_sha256()) > 0;
}

static enum cl_status make_tls(struct cl_store *store, const struct cl_vault *vault,
                               const char *const *sans, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf san = {0};
    CL_TRY(san_text(sans, &san, err));
    CL_CLEANUP(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    CL_CLEANUP(x509_freep) X509 *cert = X509_new();
    if (key == NULL || cert == NULL || !fill_cert(cert, key, (const char *)san.data)) {
        return failed(err, "TLS certificate");
    }
    uint8_t *der = NULL;
    int len = i2d_X509(cert, &der);
    if (len <= 0) {
        return failed(err, "TLS certificate");
    }
    enum cl_status st = cl_store_meta_put(store, NAME_TLS_CERT, der, (size_t)len, err);
    OPENSSL_free(der);
    return st == CL_OK ? put_sealed_key(store, vault, NAME_TLS_KEY, key, err) : st;
}

static enum cl_status make_admin(struct cl_store *store, struct cl_secret *ret_pem,
                                 struct cl_err *err)
{
    uint8_t pub[32];
    size_t pub_len = sizeof(pub);
    char *text = NULL;
    CL_CLEANUP(pkey_freep) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    CL_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());
    if (key == NULL || bio == NULL || EVP_PKEY_get_raw_public_key(key, pub, &pub_len) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        return failed(err, "admin key");
    }
    long len = BIO_get_mem_data(bio, &text);
    CL_TRY(cl_secret_from(ret_pem, text, (size_t)len, err));
    cl_wipe(text, (size_t)len);
    return cl_store_meta_put(store, NAME_ADMIN_PUB, pub, pub_len, err);
}

enum cl_status cl_identity_make(struct cl_store *store, const struct cl_vault *vault,
                                const char *const *sans, struct cl_secret *ret_admin_pem,
                                struct cl_err *err)
{
    CL_TRY(make_tls(store, vault, sans, err));
    CL_CLEANUP(pkey_freep) EVP_PKEY *token_key = EVP_EC_gen("P-256");
    if (token_key == NULL) {
        return failed(err, "token key");
    }
    CL_TRY(put_sealed_key(store, vault, NAME_TOKEN_KEY, token_key, err));
    return make_admin(store, ret_admin_pem, err);
}

static enum cl_status load_key(struct cl_state *s, const char *name, EVP_PKEY **ret_key,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret der = {0};
    CL_TRY(cl_store_meta_get(s->store, name, &sealed, err));
    CL_TRY(cl_vault_open(&s->vault, CL_DOMAIN_IDENTITY, name, sealed.data, sealed.len, &der, err));
    const uint8_t *p = der.data;
    *ret_key = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
    return *ret_key != NULL ? CL_OK : failed(err, name);
}

enum cl_status cl_identity_load(struct cl_state *s, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pub = {0};
    CL_TRY(load_key(s, NAME_TLS_KEY, &s->tls_key, err));
    CL_TRY(load_key(s, NAME_TOKEN_KEY, &s->token_key, err));
    CL_TRY(cl_store_meta_get(s->store, NAME_TLS_CERT, &cert, err));
    CL_TRY(cl_store_meta_get(s->store, NAME_ADMIN_PUB, &pub, err));
    const uint8_t *p = cert.data;
    s->tls_cert = d2i_X509(NULL, &p, (long)cert.len);
    s->admin_pub = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub.data, pub.len);
    if (s->tls_cert == NULL || s->admin_pub == NULL ||
        X509_check_private_key(s->tls_cert, s->tls_key) != 1) {
        return failed(err, "identity");
    }
    return CL_OK;
}

enum cl_status cl_identity_cert_pem(struct cl_store *store, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    CL_TRY(cl_store_meta_get(store, NAME_TLS_CERT, &der, err));
    const uint8_t *p = der.data;
    CL_CLEANUP(x509_freep) X509 *cert = d2i_X509(NULL, &p, (long)der.len);
    CL_CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (cert == NULL || bio == NULL || PEM_write_bio_X509(bio, cert) != 1) {
        return failed(err, "TLS certificate");
    }
    long len = BIO_get_mem_data(bio, &text);
    return cl_buf_append(out, text, (size_t)len, err);
}
