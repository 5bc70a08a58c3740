/* SPDX-License-Identifier: Apache-2.0
 * snp_chain.c - a test ARK, ASK and VCEK with the names, algorithms and extensions of AMD's
 * (snp.md a.6, a.7).
 */
#include "report.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#define RSA_BITS 4096u
#define SALT 48 /* a.6: RSASSA-PSS, SHA-384, MGF1-SHA384 */

static bool add_name(X509_NAME *name, const char *cn)
{
    const struct {
        const char *field, *value;
    } parts[] = {{"OU", "Engineering"},           {"C", "US"}, {"L", "Santa Clara"}, {"ST", "CA"},
                 {"O", "Advanced Micro Devices"}, {"CN", cn}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (X509_NAME_add_entry_by_txt(name, parts[i].field, MBSTRING_ASC,
                                       (const unsigned char *)parts[i].value, -1, -1, 0) != 1) {
            return false;
        }
    }
    return true;
}

static bool add_extension(X509 *x, const char *oid, const uint8_t *der, size_t size)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool good = object != NULL && value != NULL &&
                ASN1_OCTET_STRING_set(value, der, (int)size) == 1 &&
                (e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value)) != NULL &&
                X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return good;
}

static bool add_integer(X509 *x, const char *oid, uint8_t value)
{
    const uint8_t small[] = {2, 1, value};
    const uint8_t large[] = {2, 2, 0, value}; /* a.6: 128 and above */
    return value < 128 ? add_extension(x, oid, small, sizeof(small))
                       : add_extension(x, oid, large, sizeof(large));
}

static bool add_ca(X509 *x, X509 *issuer, const char *constraints)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    const struct {
        int nid;
        const char *value;
    } list[] = {{NID_subject_key_identifier, "hash"},
                {NID_authority_key_identifier, "keyid:always"},
                {NID_basic_constraints, constraints},
                {NID_key_usage, "critical,keyCertSign"}};
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

static bool add_vcek(X509 *x, const struct model_chain *c)
{
    const uint8_t product[] = {0x16, 8, 'M', 'i', 'l', 'a', 'n', '-', 'B', '0'};
    const char *const reserved[] = {"1.3.6.1.4.1.3704.1.3.4", "1.3.6.1.4.1.3704.1.3.5",
                                    "1.3.6.1.4.1.3704.1.3.6", "1.3.6.1.4.1.3704.1.3.7"};
    bool good = add_integer(x, "1.3.6.1.4.1.3704.1.1", 0) &&
                add_extension(x, "1.3.6.1.4.1.3704.1.2", product, sizeof(product)) &&
                add_integer(x, "1.3.6.1.4.1.3704.1.3.1", c->tcb[0]) &&
                add_integer(x, "1.3.6.1.4.1.3704.1.3.2", c->tcb[1]) &&
                add_integer(x, "1.3.6.1.4.1.3704.1.3.3", c->tcb[6]);
    for (unsigned i = 0; good && i < 4; i++) {
        good = add_integer(x, reserved[i], 0);
    }
    return good && add_integer(x, "1.3.6.1.4.1.3704.1.3.8", c->tcb[7]) &&
           add_extension(x, "1.3.6.1.4.1.3704.1.4", c->chip_id, sizeof(c->chip_id));
}

static bool sign(X509 *x, EVP_PKEY *key)
{
    EVP_PKEY_CTX *p = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, &p, EVP_sha384(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(p, EVP_sha384()) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(p, SALT) == 1 && X509_sign_ctx(x, ctx) > 0;
    EVP_MD_CTX_free(ctx);
    return good;
}

static X509 *certificate(const char *cn, EVP_PKEY *key, long serial, int years, X509 *issuer)
{
    X509 *x = X509_new();
    bool good = x != NULL && X509_set_version(x, 2) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(x), serial) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL &&
                X509_time_adj_ex(X509_getm_notAfter(x), 365 * years, 0, NULL) != NULL &&
                add_name(X509_get_subject_name(x), cn) &&
                X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x)) == 1 &&
                X509_set_pubkey(x, key) == 1;
    if (!good) {
        X509_free(x);
        return NULL;
    }
    return x;
}

bool model_chain_make(struct model_chain *ret_chain)
{
    struct model_chain c = {.tcb = {4, 0, 0, 0, 0, 0, 0x18, 0xDB}};
    for (unsigned i = 0; i < sizeof(c.chip_id); i++) {
        c.chip_id[i] = (uint8_t)(0xC0 + i);
    }
    EVP_PKEY *ark = EVP_RSA_gen(RSA_BITS);
    EVP_PKEY *ask = EVP_RSA_gen(RSA_BITS);
    c.vcek_key = EVP_EC_gen("P-384");
    bool good = ark != NULL && ask != NULL && c.vcek_key != NULL &&
                (c.ark = certificate("ARK-Milan", ark, 0x10000, 25, NULL)) != NULL &&
                add_ca(c.ark, c.ark, "critical,CA:TRUE") && sign(c.ark, ark) &&
                (c.ask = certificate("SEV-Milan", ask, 0x10001, 25, c.ark)) != NULL &&
                add_ca(c.ask, c.ark, "critical,CA:TRUE,pathlen:0") && sign(c.ask, ark) &&
                (c.vcek = certificate("SEV-VCEK", c.vcek_key, 0, 7, c.ask)) != NULL &&
                add_vcek(c.vcek, &c) && sign(c.vcek, ask);
    EVP_PKEY_free(ark);
    EVP_PKEY_free(ask);
    if (!good) {
        model_chain_done(&c);
        return false;
    }
    *ret_chain = c;
    return true;
}

void model_chain_done(struct model_chain *c)
{
    X509_free(c->ark);
    X509_free(c->ask);
    X509_free(c->vcek);
    EVP_PKEY_free(c->vcek_key);
    memset(c, 0, sizeof(*c));
}
