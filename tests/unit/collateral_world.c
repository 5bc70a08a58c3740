/* SPDX-License-Identifier: Apache-2.0
 * collateral_world.c - see collateral_world.h.
 */
#include "collateral_world.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400)

/* Not Check's assertions: the world is also made before any test runs. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "collateral_world.c:%d: %s\n", __LINE__, #condition);            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct cl_buf docs[CW_COUNT];
static int64_t issued, ends;

const struct cl_buf *cw_doc(enum cw_doc doc)
{
    return &docs[doc];
}

/* The good document of each kind. */
static const struct {
    enum cw_doc doc, chain;
} good[CL_COLLATERAL_KIND_COUNT] = {
    [CL_COLLATERAL_AMD_VCEK] = {CW_AMD_VCEK, CW_NO_DOC},
    [CL_COLLATERAL_AMD_VLEK] = {CW_AMD_VLEK, CW_NO_DOC},
    [CL_COLLATERAL_AMD_VCEK_CHAIN] = {CW_AMD_CHAIN, CW_NO_DOC},
    [CL_COLLATERAL_AMD_VLEK_CHAIN] = {CW_AMD_VLEK_CHAIN, CW_NO_DOC},
    [CL_COLLATERAL_AMD_VCEK_CRL] = {CW_AMD_CRL, CW_NO_DOC},
    [CL_COLLATERAL_AMD_VLEK_CRL] = {CW_AMD_CRL, CW_NO_DOC},
    [CL_COLLATERAL_INTEL_TCB_INFO] = {CW_TCB_INFO, CW_TCB_CHAIN},
    [CL_COLLATERAL_INTEL_QE_IDENTITY] = {CW_QE_IDENTITY, CW_TCB_CHAIN},
    [CL_COLLATERAL_INTEL_PCK_CRL] = {CW_PCK_CRL, CW_PCK_CHAIN},
    [CL_COLLATERAL_INTEL_ROOT_CRL] = {CW_ROOT_CRL, CW_NO_DOC},
};

enum cw_doc cw_good(enum cl_collateral_kind kind)
{
    return good[kind].doc;
}

enum cw_doc cw_good_chain(enum cl_collateral_kind kind)
{
    return good[kind].chain;
}

enum cl_status cw_add(struct cl_collateral *c, enum cl_collateral_kind kind, enum cw_doc doc,
                      enum cw_doc chain, struct cl_err *err)
{
    const struct cl_buf none = {0}, *d = cw_doc(doc),
                        *ch = chain != CW_NO_DOC ? cw_doc(chain) : &none;
    return cl_collateral_add_item(c, kind, d->data, d->len, (const char *)ch->data, ch->len, err);
}

enum cl_status cw_add_all(struct cl_collateral *c, struct cl_err *err)
{
    for (enum cl_collateral_kind k = 0; k < CL_COLLATERAL_KIND_COUNT; k++) {
        CL_TRY(cw_add(c, k, good[k].doc, good[k].chain, err));
    }
    return CL_OK;
}

/* --- AMD --- */

static struct world_cert amd_cert(struct world_cert c, const char *cn, const char *issuer)
{
    c.cn = cn;
    c.issuer_cn = issuer;
    c.from = issued - 365 * DAY;
    c.until = issued + 365 * DAY;
    return c;
}

void cw_append_pem(struct cl_buf *out, const struct cl_buf *der)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio(bio, "CERTIFICATE", "", der->data, (long)der->len) > 0);
    long len = BIO_get_mem_data(bio, &text);
    MUST(cl_buf_append(out, text, (size_t)len, NULL) == CL_OK);
    BIO_free(bio);
}

void cw_append_cert(struct cl_buf *out, const struct world_cert *x)
{
    struct cl_buf der = {0};
    world_cert_der(x, &der);
    cw_append_pem(out, &der);
    cl_buf_done(&der);
}

static void amd_chain(enum cw_doc doc, const char *ca_cn, const char *root_cn,
                      enum world_key ca_key)
{
    struct world_cert ca = amd_cert(world_ask(), ca_cn, root_cn);
    struct world_cert root = amd_cert(world_ark(), root_cn, root_cn);
    ca.key = ca_key;
    cw_append_cert(&docs[doc], &ca);
    cw_append_cert(&docs[doc], &root);
}

static void sign_crl(X509_CRL *crl, EVP_PKEY *key)
{
    EVP_PKEY_CTX *p = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    MUST(EVP_DigestSignInit(ctx, &p, rsa ? EVP_sha384() : EVP_sha256(), NULL, key) == 1);
    if (rsa) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) > 0);
        MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 48) > 0);
    }
    MUST(X509_CRL_sign_ctx(crl, ctx) > 0);
    EVP_MD_CTX_free(ctx);
}

static void make_crl(enum cw_doc doc, const char *issuer, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)issued);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)ends);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)issuer, -1, -1,
                                    0) == 1);
    MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
    MUST(X509_CRL_set_issuer_name(crl, name) == 1);
    MUST(X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1);
    sign_crl(crl, key);
    int len = i2d_X509_CRL(crl, &der);
    MUST(len > 0 && cl_buf_append(&docs[doc], der, (size_t)len, NULL) == CL_OK);
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_NAME_free(name);
    X509_CRL_free(crl);
}

static void make_amd(void)
{
    struct world_cert vcek = amd_cert(world_vcek(), "SEV-VCEK", "SEV-Milan");
    amd_chain(CW_AMD_CHAIN, "SEV-Milan", "ARK-Milan", WORLD_ASK);
    amd_chain(CW_AMD_VLEK_CHAIN, "SEV-VLEK-Milan", "ARK-Milan", WORLD_ASK);
    amd_chain(CW_GENOA_CHAIN, "SEV-Genoa", "ARK-Genoa", WORLD_ASK);
    amd_chain(CW_FOREIGN_CHAIN, "SEV-Milan", "ARK-Milan", WORLD_OTHER_RSA);
    make_crl(CW_AMD_CRL, "ARK-Milan", world_pkey(WORLD_ARK));
    make_crl(CW_FORGED_CRL, "ARK-Milan", world_pkey(WORLD_OTHER_RSA));
    world_cert_der(&vcek, &docs[CW_AMD_VCEK]);
    vcek.ext[world_ext_at(&vcek, "3.1")].value[2]++; /* blSPL */
    world_cert_der(&vcek, &docs[CW_OTHER_VCEK]);
    struct world_cert vlek = amd_cert(world_vcek(), "SEV-VLEK", "SEV-VLEK-Milan");
    world_drop_ext(&vlek, "4");
    world_add_ext(&vlek, "5",
                  "\x16\x03"
                  "CSP",
                  5);
    world_cert_der(&vlek, &docs[CW_AMD_VLEK]);
}

void cw_report(uint8_t ret[static CL_SNP_REPORT_SIZE])
{
    struct cl_snp_report r;
    world_report(&r);
    world_sign(&r, ret);
}

/* --- Intel --- */

enum intel_key { ROOT, PLATFORM, PROCESSOR, TCB_SIGNING, PCK, INTEL_KEYS };
static EVP_PKEY *intel_keys[INTEL_KEYS];
static const char *const intel_names[] = {"Intel SGX Root CA", "Intel SGX PCK Platform CA",
                                          "Intel SGX PCK Processor CA", "Intel SGX TCB Signing",
                                          "Intel SGX PCK Certificate"};

static void set_name(X509_NAME *n, enum intel_key key)
{
    MUST(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)intel_names[key],
                                    -1, -1, 0) == 1);
}

/* FMSPC as it stands in the SGX extension (tdx.md a.8); nothing else of that is here. */
static void add_fmspc(X509 *x)
{
    static const uint8_t value[] = {0x30, 0x14, 0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86,
                                    0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x04, 0x04, 0x06,
                                    0xb0, 0xc0, 0x6f, 0x00, 0x00, 0x00};
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    MUST(ASN1_OCTET_STRING_set(s, value, sizeof(value)) == 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, s);
    MUST(X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(oid);
}

static void append_intel_cert(struct cl_buf *out, enum intel_key key)
{
    enum intel_key issuer = key == PCK ? PLATFORM : ROOT;
    struct cl_buf der = {0};
    unsigned char *p = NULL;
    X509 *x = X509_new();
    MUST(X509_set_version(x, X509_VERSION_3) == 1);
    set_name(X509_get_subject_name(x), key);
    set_name(X509_get_issuer_name(x), issuer);
    MUST(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(issued - 365 * DAY)) != NULL);
    MUST(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(issued + 365 * DAY)) != NULL);
    MUST(X509_set_pubkey(x, intel_keys[key]) == 1);
    if (key == PCK) {
        add_fmspc(x);
    }
    MUST(X509_sign(x, intel_keys[issuer], EVP_sha256()) > 0);
    int len = i2d_X509(x, &p);
    MUST(len > 0 && cl_buf_append(&der, p, (size_t)len, NULL) == CL_OK);
    cw_append_pem(out, &der);
    OPENSSL_free(p);
    cl_buf_done(&der);
    X509_free(x);
}

static void intel_chain(enum cw_doc doc, enum intel_key key)
{
    append_intel_cert(&docs[doc], key);
    append_intel_cert(&docs[doc], ROOT);
}

static void make_quote(void)
{
    static const uint8_t header[48] = {4, 0, 2, 0, 0x81};
    struct cl_buf *q = &docs[CW_QUOTE];
    MUST(cl_buf_append(q, header, sizeof(header), NULL) == CL_OK);
    append_intel_cert(q, PCK);
    append_intel_cert(q, PLATFORM);
    append_intel_cert(q, ROOT);
    MUST(cl_buf_append(q, "", 1, NULL) == CL_OK);
}

/* ECDSA P-256 over SHA-256, as r || s in hex. */
static void signature_hex(const char *body, char ret[static 129])
{
    uint8_t der[80], raw[64];
    size_t len = sizeof(der);
    const unsigned char *p = der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    MUST(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, intel_keys[TCB_SIGNING]) == 1);
    MUST(EVP_DigestSign(ctx, der, &len, (const unsigned char *)body, strlen(body)) == 1);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    MUST(sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) == 32);
    cl_hex(ret, raw, sizeof(raw));
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

/* With spaces that a re-serialisation would lose. */
static void signed_json(enum cw_doc doc, const char *member, const char *id, const char *fmspc,
                        unsigned number, int64_t from, int64_t until)
{
    char a[21], b[21], hex[129], place[64] = "";
    struct cl_buf body = {0};
    cl_time_format(a, from);
    cl_time_format(b, until);
    if (fmspc != NULL) {
        (void)snprintf(place, sizeof(place), "\"fmspc\":\"%s\", \"pceId\":\"0000\",", fmspc);
    }
    MUST(cl_buf_printf(&body, NULL,
                       "{\"id\":\"%s\", \"version\":3,%s\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
                       "\"tcbEvaluationDataNumber\":%u, \"tcbLevels\":[{\"}\":\"\\\"]\"}]}",
                       id, place, a, b, number) == CL_OK);
    signature_hex((const char *)body.data, hex);
    MUST(cl_buf_printf(&docs[doc], NULL, "{\"%s\":%s,\"signature\":\"%s\"}", member,
                       (const char *)body.data, hex) == CL_OK);
    cl_buf_done(&body);
}

static void make_intel(void)
{
    for (size_t i = 0; i < INTEL_KEYS; i++) {
        intel_keys[i] = EVP_EC_gen("P-256");
        MUST(intel_keys[i] != NULL);
    }
    make_quote();
    intel_chain(CW_TCB_CHAIN, TCB_SIGNING);
    intel_chain(CW_PCK_CHAIN, PLATFORM);
    intel_chain(CW_PROCESSOR_CHAIN, PROCESSOR);
    signed_json(CW_TCB_INFO, "tcbInfo", "TDX", "B0C06F000000", 17, issued, ends);
    signed_json(CW_OTHER_TCB_INFO, "tcbInfo", "TDX", "00806F050000", 17, issued, ends);
    signed_json(CW_OLD_TCB_INFO, "tcbInfo", "TDX", "b0c06f000000", 15, issued - DAY, ends - DAY);
    signed_json(CW_EXPIRED_TCB_INFO, "tcbInfo", "TDX", "b0c06f000000", 17, issued - DAY, issued);
    signed_json(CW_QE_IDENTITY, "enclaveIdentity", "TD_QE", NULL, 17, issued, ends);
    struct cl_buf *forged = &docs[CW_FORGED_TCB_INFO];
    MUST(cl_buf_append(forged, docs[CW_TCB_INFO].data, docs[CW_TCB_INFO].len, NULL) == CL_OK);
    char *number = strstr((char *)forged->data, "Number\":17");
    MUST(number != NULL);
    number[9] = '8';
    make_crl(CW_PCK_CRL, intel_names[PLATFORM], intel_keys[PLATFORM]);
    make_crl(CW_PROCESSOR_CRL, intel_names[PROCESSOR], intel_keys[PROCESSOR]);
    make_crl(CW_ROOT_CRL, intel_names[ROOT], intel_keys[ROOT]);
}

/* The value that is signed in a document, and its signature. */
static void put_signed(json_t *j, enum cl_collateral_kind kind, const char *body,
                       const char *signature)
{
    const struct cl_collateral_item *it = NULL;
    struct cl_collateral *c = NULL;
    char hex[2 * CL_COLLATERAL_SIGNATURE_SIZE + 1];
    MUST(cl_collateral_new(&c, NULL) == CL_OK);
    MUST(cw_add(c, kind, good[kind].doc, good[kind].chain, NULL) == CL_OK);
    it = cl_collateral_item(c, 0);
    cl_hex(hex, it->signature, sizeof(it->signature));
    MUST(json_object_set_new(j, body, json_stringn((const char *)it->body, it->body_len)) == 0);
    MUST(json_object_set_new(j, signature, json_string(hex)) == 0);
    cl_collateral_free(c);
}

static void put_hex(json_t *j, const char *key, const struct cl_buf *doc)
{
    char *hex = malloc(2 * doc->len + 1);
    MUST(hex != NULL);
    cl_hex(hex, doc->data, doc->len);
    MUST(json_object_set_new(j, key, json_string(hex)) == 0);
    free(hex);
}

json_t *cw_quote_collateral(void)
{
    const char *tcb = (const char *)docs[CW_TCB_CHAIN].data;
    json_t *j =
        json_pack("{s:s,s:s,s:s}", "pck_crl_issuer_chain", (const char *)docs[CW_PCK_CHAIN].data,
                  "tcb_info_issuer_chain", tcb, "qe_identity_issuer_chain", tcb);
    MUST(j != NULL);
    put_signed(j, CL_COLLATERAL_INTEL_TCB_INFO, "tcb_info", "tcb_info_signature");
    put_signed(j, CL_COLLATERAL_INTEL_QE_IDENTITY, "qe_identity", "qe_identity_signature");
    put_hex(j, "pck_crl", &docs[CW_PCK_CRL]);
    put_hex(j, "root_ca_crl", &docs[CW_ROOT_CRL]);
    return j;
}

void cw_init(int64_t now)
{
    issued = now - 3600;
    ends = now + 30 * DAY;
    world_init();
    make_amd();
    make_intel();
}
