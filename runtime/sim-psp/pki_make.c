/* SPDX-License-Identifier: Apache-2.0
 * pki_make.c - makes the simulated ARK, ASK and VCEK with the algorithms and extensions of real
 * ones and with names that nobody can take for real ones.
 * Trust: none needed. Threads: none. Memory: key texts live in secrets and are wiped.
 * Spec: snp.md a.6, a.7; docs/interfaces.md I-3.3.
 */
#include "pki.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/secret.h"

#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY INT64_C(86400)
#define YEAR (365 * DAY)

static void pkey_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
    *k = NULL;
}

static void x509_freep(X509 **x)
{
    X509_free(*x);
    *x = NULL;
}

static enum cl_status failed(struct cl_err *err, const char *what)
{
    return cl_err_set(err, CL_ERR_SYS, "simulated PKI: %s: OpenSSL refused", what);
}

static enum cl_status save_key(const char *dir, const char *name, EVP_PKEY *key, struct cl_err *err)
{
    char path[PSP_PATH_SIZE];
    CL_TRY(psp_path(path, dir, name, err));
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        BIO_free(bio);
        return failed(err, name);
    }
    long len = BIO_get_mem_data(bio, &text);
    enum cl_status st = cl_write_file(path, text, (size_t)len, 0600, err);
    cl_wipe(text, (size_t)len);
    BIO_free(bio);
    return st;
}

static enum cl_status save_cert(const char *dir, const char *name, X509 *x, struct cl_err *err)
{
    char path[PSP_PATH_SIZE];
    unsigned char *der = NULL;
    CL_TRY(psp_path(path, dir, name, err));
    int len = i2d_X509(x, &der);
    if (len <= 0) {
        return failed(err, name);
    }
    enum cl_status st = cl_write_file(path, der, (size_t)len, 0644, err);
    OPENSSL_free(der);
    return st;
}

static bool set_name(X509_NAME *n, const char *cn)
{
    static const char organisation[] = "SIMULATED - protects nothing";
    return X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC, (const unsigned char *)organisation, -1,
                                      -1, 0) == 1 &&
           X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                      0) == 1;
}

static bool add_v3(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool good = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return good;
}

static bool add_amd(X509 *x, const struct psp_extension *ext)
{
    char oid[64];
    (void)snprintf(oid, sizeof(oid), PSP_AMD_ARC "%s", ext->tail);
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, /* no_name= */ 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool good = obj != NULL && value != NULL &&
                ASN1_OCTET_STRING_set(value, ext->value, (int)ext->len) == 1;
    if (good) {
        e = X509_EXTENSION_create_by_OBJ(NULL, obj, /* crit= */ 0, value);
        good = e != NULL && X509_add_ext(x, e, -1) == 1;
    }
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(obj);
    return good;
}

/* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48: as AMD signs. */
static bool sign(X509 *x, EVP_PKEY *key)
{
    EVP_PKEY_CTX *pctx = NULL; /* belongs to ctx */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, &pctx, EVP_sha384(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 48) > 0 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha384()) > 0 && X509_sign_ctx(x, ctx) > 0;
    EVP_MD_CTX_free(ctx);
    return good;
}

struct cert_spec {
    const char *cn;
    const char *issuer_cn;
    long serial;
    int64_t years;
    const char *basic_constraints; /* NULL: a leaf */
    const struct psp_extension *amd;
};

/* issuer: NULL makes it self-signed. */
static X509 *make_cert(const struct cert_spec *s, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *x = X509_new();
    time_t now = time(NULL);
    bool good = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(x), s->serial) == 1 &&
                set_name(X509_get_subject_name(x), s->cn) &&
                set_name(X509_get_issuer_name(x), s->issuer_cn) &&
                ASN1_TIME_set(X509_getm_notBefore(x), now - (time_t)DAY) != NULL &&
                ASN1_TIME_set(X509_getm_notAfter(x), now + (time_t)(s->years * YEAR)) != NULL &&
                X509_set_pubkey(x, key) == 1;
    if (good && s->basic_constraints != NULL) {
        X509 *up = issuer != NULL ? issuer : x;
        good = add_v3(x, up, NID_basic_constraints, s->basic_constraints) &&
               add_v3(x, up, NID_key_usage, "critical,keyCertSign,cRLSign") &&
               add_v3(x, up, NID_subject_key_identifier, "hash") &&
               add_v3(x, up, NID_authority_key_identifier, "keyid:always");
    }
    for (size_t i = 0; good && s->amd != NULL && i < PSP_EXTENSION_COUNT; i++) {
        good = add_amd(x, &s->amd[i]);
    }
    if (!good || !sign(x, issuer_key)) {
        X509_free(x);
        return NULL;
    }
    return x;
}

enum cl_status psp_pki_make(const char *dir, struct cl_err *err)
{
    static const char ark_cn[] = "Cloister simulated ARK", ask_cn[] = "Cloister simulated ASK";
    uint8_t chip_id[PSP_CHIP_ID_SIZE];
    char hex[2 * PSP_CHIP_ID_SIZE + 1], path[PSP_PATH_SIZE];
    struct psp_extension amd[PSP_EXTENSION_COUNT];
    CL_TRY(cl_random(chip_id, sizeof(chip_id), err));
    psp_pki_extensions(chip_id, amd);
    const struct cert_spec ark = {ark_cn, ark_cn, 1, 25, "critical,CA:TRUE", NULL};
    const struct cert_spec ask = {ask_cn, ark_cn, 2, 25, "critical,CA:TRUE,pathlen:0", NULL};
    const struct cert_spec vcek = {"Cloister simulated VCEK", ask_cn, 3, 7, NULL, amd};

    CL_CLEANUP(pkey_freep) EVP_PKEY *ark_key = EVP_RSA_gen(4096);
    CL_CLEANUP(pkey_freep) EVP_PKEY *ask_key = EVP_RSA_gen(4096);
    CL_CLEANUP(pkey_freep) EVP_PKEY *vcek_key = EVP_EC_gen("P-384");
    if (ark_key == NULL || ask_key == NULL || vcek_key == NULL) {
        return failed(err, "keys");
    }
    CL_CLEANUP(x509_freep) X509 *ark_x = make_cert(&ark, ark_key, NULL, ark_key);
    CL_CLEANUP(x509_freep)
    X509 *ask_x = ark_x != NULL ? make_cert(&ask, ask_key, ark_x, ark_key) : NULL;
    CL_CLEANUP(x509_freep)
    X509 *vcek_x = ask_x != NULL ? make_cert(&vcek, vcek_key, ask_x, ask_key) : NULL;
    if (vcek_x == NULL) {
        return failed(err, "certificates");
    }
    cl_hex(hex, chip_id, sizeof(chip_id));
    CL_TRY(psp_path(path, dir, "chip-id", err));
    CL_TRY(cl_write_file(path, hex, 2 * sizeof(chip_id), 0644, err));
    CL_TRY(save_key(dir, "ark.key", ark_key, err));
    CL_TRY(save_key(dir, "ask.key", ask_key, err));
    CL_TRY(save_key(dir, "vcek.key", vcek_key, err));
    CL_TRY(save_cert(dir, "ark.der", ark_x, err));
    CL_TRY(save_cert(dir, "ask.der", ask_x, err));
    return save_cert(dir, "vcek.der", vcek_x, err); /* last: its presence says all are there */
}
