/* SPDX-License-Identifier: Apache-2.0
 * tdx_pki.c - a test root, Platform CA, PCK and TCB signing certificate with the names, extensions
 * and algorithms of Intel's (tdx.md a.6, a.7, a.8).
 */
#include "report_tdx.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define DER_MAX 1024u

/* A DER value being written from its end backwards, so that lengths are known when they are due. */
struct der {
    uint8_t bytes[DER_MAX];
    size_t at; /* the first byte in use */
};

static void put(struct der *d, const uint8_t *data, size_t size)
{
    d->at -= size;
    memcpy(d->bytes + d->at, data, size);
}

static void put_header(struct der *d, uint8_t tag, size_t end)
{
    size_t size = end - d->at;
    const uint8_t brief[] = {tag, (uint8_t)size};
    const uint8_t middle[] = {tag, 0x81, (uint8_t)size};
    const uint8_t wide[] = {tag, 0x82, (uint8_t)(size >> 8), (uint8_t)size};
    if (size < 0x80) {
        put(d, brief, sizeof(brief));
    } else if (size < 0x100) {
        put(d, middle, sizeof(middle));
    } else {
        put(d, wide, sizeof(wide));
    }
}

static void put_value(struct der *d, uint8_t tag, const uint8_t *data, size_t size)
{
    size_t end = d->at;
    put(d, data, size);
    put_header(d, tag, end);
}

/* The pair {OID, value} of a.8, whose value stands from d->at to `end` already; b 0: one arc. */
static void put_pair(struct der *d, size_t end, uint8_t a, uint8_t b)
{
    const uint8_t oid[] = {0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01, a, b};
    put_value(d, 6, oid, b != 0 ? sizeof(oid) : sizeof(oid) - 1);
    put_header(d, 0x30, end);
}

static void put_octets(struct der *d, uint8_t a, uint8_t b, const uint8_t *data, size_t size)
{
    size_t end = d->at;
    put_value(d, 4, data, size);
    put_pair(d, end, a, b);
}

static void put_integer(struct der *d, uint8_t a, uint8_t b, uint16_t value)
{
    const uint8_t bytes[] = {0, (uint8_t)(value >> 8), (uint8_t)value};
    size_t from = value >= 0x8000 ? 0 : value >= 0x80 ? 1 : 2; /* a.8: a leading 00 */
    size_t end = d->at;
    put_value(d, 2, bytes + from, sizeof(bytes) - from);
    put_pair(d, end, a, b);
}

static void put_bool(struct der *d, uint8_t b, uint8_t value)
{
    size_t end = d->at;
    put_value(d, 1, &value, 1);
    put_pair(d, end, 7, b);
}

/* a.8: the leaf's SGX extension, from its last member to its first. */
static void sgx_extension(const struct model_pki *p, struct der *d)
{
    const uint8_t ppid[16] = {0x99, 1}, instance[16] = {0x77, 2}, pceid[2] = {0}, type = 1;
    size_t all = d->at, end = d->at;
    put_bool(d, 3, 0);    /* SMTEnabled */
    put_bool(d, 2, 0xFF); /* CachedKeys */
    put_bool(d, 1, 0xFF); /* DynamicPlatform */
    put_header(d, 0x30, end);
    put_pair(d, end, 7, 0);
    put_octets(d, 6, 0, instance, sizeof(instance));
    end = d->at;
    put_value(d, 10, &type, 1);
    put_pair(d, end, 5, 0);
    put_octets(d, 4, 0, p->fmspc, sizeof(p->fmspc));
    put_octets(d, 3, 0, pceid, sizeof(pceid));
    end = d->at;
    put_octets(d, 2, 18, p->component_svn, 16); /* CPUSVN: here the same numbers */
    put_integer(d, 2, 17, p->pce_svn);
    for (uint8_t i = 16; i >= 1; i--) {
        put_integer(d, 2, i, p->component_svn[i - 1]);
    }
    put_header(d, 0x30, end);
    put_pair(d, end, 2, 0);
    put_octets(d, 1, 0, ppid, sizeof(ppid));
    put_header(d, 0x30, all);
}

static bool add_sgx(X509 *x, const struct model_pki *p)
{
    struct der d = {.at = DER_MAX};
    sgx_extension(p, &d);
    ASN1_OBJECT *object = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool good = object != NULL && value != NULL &&
                ASN1_OCTET_STRING_set(value, d.bytes + d.at, (int)(DER_MAX - d.at)) == 1 &&
                (e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value)) != NULL &&
                X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return good;
}

static bool add_name(X509_NAME *name, const char *cn)
{
    const struct {
        const char *field, *value;
    } parts[] = {
        {"CN", cn}, {"O", "Intel Corporation"}, {"L", "Santa Clara"}, {"ST", "CA"}, {"C", "US"}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (X509_NAME_add_entry_by_txt(name, parts[i].field, MBSTRING_ASC,
                                       (const unsigned char *)parts[i].value, -1, -1, 0) != 1) {
            return false;
        }
    }
    return true;
}

static bool add_usual(X509 *x, X509 *issuer, const char *constraints, const char *usage)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    const struct {
        int nid;
        const char *value;
    } list[] = {
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_crl_distribution_points, "URI:https://pki.invalid/crl.der"},
        {NID_key_usage, usage},
        {NID_basic_constraints, constraints},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, list[i].nid, list[i].value);
        bool good = e != NULL && X509_add_ext(x, e, -1) == 1;
        X509_EXTENSION_free(e);
        if (!good) {
            return false;
        }
    }
    return true;
}

struct order {
    const char *cn, *constraints, *usage;
    long serial;
    int years;
};

/* Issued by `issuer`, or by itself when there is none. */
static X509 *certificate(const struct order *o, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                         const struct model_pki *sgx)
{
    X509 *x = X509_new();
    bool good = x != NULL && X509_set_version(x, 2) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(x), o->serial) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL &&
                X509_time_adj_ex(X509_getm_notAfter(x), 365 * o->years, 0, NULL) != NULL &&
                add_name(X509_get_subject_name(x), o->cn) &&
                X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x)) == 1 &&
                X509_set_pubkey(x, key) == 1 &&
                add_usual(x, issuer != NULL ? issuer : x, o->constraints, o->usage) &&
                (sgx == NULL || add_sgx(x, sgx)) && X509_sign(x, issuer_key, EVP_sha256()) > 0;
    if (!good) {
        X509_free(x);
        return NULL;
    }
    return x;
}

static bool make_keys(struct model_pki *p)
{
    EVP_PKEY **const keys[] = {&p->root_key, &p->ca_key, &p->pck_key, &p->tcb_key,
                               &p->attestation_key};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        *keys[i] = EVP_EC_gen("P-256");
        if (*keys[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool make_certificates(struct model_pki *p)
{
    const char *const sign = "critical,keyCertSign,cRLSign";
    const char *const leaf = "critical,digitalSignature,nonRepudiation";
    const struct order root = {"Intel SGX Root CA", "critical,CA:TRUE,pathlen:1", sign, 0x1001, 25};
    const struct order ca = {"Intel SGX PCK Platform CA", "critical,CA:TRUE,pathlen:0", sign,
                             0x1002, 15};
    const struct order pck = {"Intel SGX PCK Certificate", "critical,CA:FALSE", leaf, 0x1003, 7};
    const struct order tcb = {"Intel SGX TCB Signing", "critical,CA:FALSE", leaf, 0x1004, 7};
    p->root = certificate(&root, p->root_key, NULL, p->root_key, NULL);
    if (p->root == NULL) {
        return false;
    }
    p->ca = certificate(&ca, p->ca_key, p->root, p->root_key, NULL);
    p->tcb_signing = certificate(&tcb, p->tcb_key, p->root, p->root_key, NULL);
    if (p->ca != NULL) {
        p->pck = certificate(&pck, p->pck_key, p->ca, p->ca_key, p);
    }
    return p->pck != NULL && p->tcb_signing != NULL;
}

bool model_pki_make(struct model_pki *ret_pki)
{
    struct model_pki p = {.fmspc = {0xB0, 0xC0, 0x6F, 0, 0, 0},
                          .component_svn = {3, 3, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0},
                          .pce_svn = 11,
                          .qe_svn = 4};
    if (!make_keys(&p) || !make_certificates(&p)) {
        model_pki_done(&p);
        return false;
    }
    *ret_pki = p;
    return true;
}

void model_pki_done(struct model_pki *p)
{
    X509 *const certificates[] = {p->root, p->ca, p->pck, p->tcb_signing};
    EVP_PKEY *const keys[] = {p->root_key, p->ca_key, p->pck_key, p->tcb_key, p->attestation_key};
    for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++) {
        X509_free(certificates[i]);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        EVP_PKEY_free(keys[i]);
    }
    memset(p, 0, sizeof(*p));
}

char *model_pki_chain(const struct model_pki *p, bool tcb)
{
    X509 *const list[] = {tcb ? p->tcb_signing : p->pck, tcb ? p->root : p->ca,
                          tcb ? NULL : p->root};
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = bio != NULL;
    for (size_t i = 0; good && i < 3 && list[i] != NULL; i++) {
        good = PEM_write_bio_X509(bio, list[i]) == 1;
    }
    char *data = NULL;
    long size = good ? BIO_get_mem_data(bio, &data) : 0;
    char *text = size > 0 ? malloc((size_t)size + 1) : NULL;
    if (text != NULL) {
        memcpy(text, data, (size_t)size);
        text[size] = '\0';
    }
    BIO_free(bio);
    return text;
}
