/* SPDX-License-Identifier: Apache-2.0
 * snp_world.c - see snp_world.h. Written apart from runtime/sim-psp, so that a mistake there shows.
 */
#include "snp_world.h"

#include "snp/snp_internal.h"

#include <openssl/ecdsa.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARC "1.3.6.1.4.1.3704.1."
#define YEAR (INT64_C(365) * 86400)

/* Not Check's assertions: the world is also made before any test runs. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "snp_world.c:%d: %s\n", __LINE__, #condition);                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static EVP_PKEY *keys[WORLD_KEY_COUNT];

void world_init(void)
{
    keys[WORLD_ARK] = EVP_RSA_gen(4096);
    keys[WORLD_ASK] = EVP_RSA_gen(4096);
    keys[WORLD_OTHER_RSA] = EVP_RSA_gen(2048);
    keys[WORLD_EK] = EVP_EC_gen("P-384");
    keys[WORLD_P256] = EVP_EC_gen("P-256");
    for (size_t i = 0; i < WORLD_KEY_COUNT; i++) {
        if (keys[i] == NULL) {
            abort();
        }
    }
}

void world_save(const char *path)
{
    FILE *f = fopen(path, "we");
    MUST(f != NULL);
    for (size_t i = 0; i < WORLD_KEY_COUNT; i++) {
        MUST(PEM_write_PrivateKey(f, keys[i], NULL, NULL, 0, NULL, NULL) == 1);
    }
    MUST(fclose(f) == 0);
}

void world_load(const char *path)
{
    FILE *f = fopen(path, "re");
    MUST(f != NULL);
    for (size_t i = 0; i < WORLD_KEY_COUNT; i++) {
        keys[i] = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        MUST(keys[i] != NULL);
    }
    (void)fclose(f);
}

EVP_PKEY *world_pkey(enum world_key key)
{
    return keys[key];
}

struct world_cert world_ark(void)
{
    return (struct world_cert){.cn = "Cloister simulated ARK",
                               .issuer_cn = "Cloister simulated ARK",
                               .key = WORLD_ARK,
                               .issuer_key = WORLD_ARK,
                               .from = WORLD_TIME - YEAR,
                               .until = WORLD_TIME + 20 * YEAR,
                               .basic_constraints = "critical,CA:TRUE",
                               .key_usage = "critical,keyCertSign,cRLSign"};
}

struct world_cert world_ask(void)
{
    struct world_cert c = world_ark();
    c.cn = "Cloister simulated ASK";
    c.key = WORLD_ASK;
    c.basic_constraints = "critical,CA:TRUE,pathlen:0";
    return c;
}

void world_add_ext(struct world_cert *c, const char *oid, const void *value, size_t len)
{
    MUST(c->ext_count < WORLD_MAX_EXT && value != NULL);
    struct world_ext *e = &c->ext[c->ext_count++];
    *e = (struct world_ext){.oid = oid, .len = len};
    memcpy(e->value, value, len);
}

static void add_int(struct world_cert *c, const char *oid, uint8_t v)
{
    const uint8_t small[] = {2, 1, v}, large[] = {2, 2, 0, v};
    world_add_ext(c, oid, v < 128 ? small : large, v < 128 ? sizeof(small) : sizeof(large));
}

struct world_cert world_vcek(void)
{
    struct world_cert c = {.cn = "Cloister simulated VCEK",
                           .issuer_cn = "Cloister simulated ASK",
                           .key = WORLD_EK,
                           .issuer_key = WORLD_ASK,
                           .from = WORLD_TIME - YEAR,
                           .until = WORLD_TIME + YEAR};
    uint8_t chip[64];
    memset(chip, 0xC1, sizeof(chip));
    add_int(&c, "1", 0);
    world_add_ext(&c, "2", "\x16\x08Milan-B0", 10);
    add_int(&c, "3.1", 4);
    add_int(&c, "3.2", 0);
    add_int(&c, "3.3", 24);
    add_int(&c, "3.4", 0);
    add_int(&c, "3.5", 0);
    add_int(&c, "3.6", 0);
    add_int(&c, "3.7", 0);
    add_int(&c, "3.8", 219);
    world_add_ext(&c, "4", chip, sizeof(chip));
    return c;
}

static void set_int(struct world_cert *c, const char *oid, uint8_t v)
{
    world_drop_ext(c, oid);
    add_int(c, oid, v);
}

static void make_turin(struct world_cert *c)
{
    set_int(c, "1", 1);
    add_int(c, "3.9", 1); /* fmc */
    set_int(c, "3.1", 2);
    set_int(c, "3.3", 3);
    set_int(c, "3.8", 71);
    size_t at = world_ext_at(c, "4");
    c->ext[at].len = 8;
}

static void make_vlek(struct world_cert *c)
{
    static const char csp[] = "\x16\x0d"
                              "CN=csp.test.x";
    world_drop_ext(c, "4");
    world_add_ext(c, "5", csp, sizeof(csp) - 1);
    c->cn = "SEV-VLEK";
}

struct world_chain world_amd(enum cl_snp_product product, bool vlek)
{
    static const struct {
        const char *ark, *ask, *asvk, *name;
        uint8_t name_len;
    } names[CL_SNP_PRODUCT_COUNT] = {
        [CL_SNP_PRODUCT_MILAN] = {"ARK-Milan", "SEV-Milan", "SEV-VLEK-Milan", "\x16\x05Milan", 7},
        [CL_SNP_PRODUCT_GENOA] = {"ARK-Genoa", "SEV-Genoa", "SEV-VLEK-Genoa", "\x16\x05Genoa", 7},
        [CL_SNP_PRODUCT_TURIN] = {"ARK-Turin", "SEV-Turin", "SEV-VLEK-Turin", "\x16\x05Turin", 7},
    };
    struct world_chain w = {.ek = world_vcek(), .ask = world_ask(), .ark = world_ark()};
    w.ark.cn = w.ark.issuer_cn = w.ask.issuer_cn = names[product].ark;
    w.ask.cn = w.ek.issuer_cn = vlek ? names[product].asvk : names[product].ask;
    w.ek.cn = "SEV-VCEK";
    world_drop_ext(&w.ek, "2");
    world_add_ext(&w.ek, "2", names[product].name, names[product].name_len);
    w.ark.serial = 0x10000;
    w.ask.serial = 0x10001;
    if (product == CL_SNP_PRODUCT_TURIN) {
        make_turin(&w.ek);
    }
    if (vlek) {
        make_vlek(&w.ek);
    }
    return w;
}

void world_pinned_root(enum cl_snp_product product, struct snp_root *ret_two)
{
    ret_two[0] = (struct snp_root){.product = product};
    world_root(ret_two[0].spki_sha384);
    ret_two[1] = (struct snp_root){.product = CL_SNP_PRODUCT_UNKNOWN};
}

size_t world_ext_at(const struct world_cert *c, const char *oid)
{
    for (size_t i = 0; i < c->ext_count; i++) {
        if (strcmp(c->ext[i].oid, oid) == 0) {
            return i;
        }
    }
    const bool extension_of_that_name = false;
    MUST(extension_of_that_name);
    return 0;
}

void world_drop_ext(struct world_cert *c, const char *oid)
{
    size_t at = world_ext_at(c, oid);
    memmove(&c->ext[at], &c->ext[at + 1], (c->ext_count - at - 1) * sizeof(c->ext[0]));
    c->ext_count--;
}

static void set_name(X509_NAME *n, const char *cn)
{
    MUST((X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                     0)) == 1);
}

static void add_v3(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = value != NULL ? X509V3_EXT_conf_nid(NULL, &ctx, nid, value) : NULL;
    if (e != NULL) {
        MUST((X509_add_ext(x, e, -1)) == 1);
    }
    X509_EXTENSION_free(e);
}

static void add_ext(X509 *x, const struct world_ext *ext)
{
    char oid[64];
    (void)snprintf(oid, sizeof(oid), "%s%s", ext->oid[0] == '=' ? "" : ARC,
                   ext->oid[0] == '=' ? ext->oid + 1 : ext->oid);
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    MUST((ASN1_OCTET_STRING_set(value, ext->value, (int)ext->len)) == 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, obj, ext->critical, value);
    MUST((X509_add_ext(x, e, -1)) == 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(obj);
}

static EVP_MD_CTX *signing_context(EVP_PKEY *key, enum world_signing how)
{
    EVP_PKEY_CTX *p = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = how == WORLD_PSS_256 ? EVP_sha256() : EVP_sha384();
    MUST((EVP_DigestSignInit(ctx, &p, md, NULL, key)) == 1);
    if (how != WORLD_PKCS1) {
        MUST((EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING)) > 0);
        MUST((EVP_PKEY_CTX_set_rsa_pss_saltlen(p, how == WORLD_PSS_SALT_32 ? 32 : 48)) > 0);
    }
    return ctx;
}

static void sign_cert(X509 *x, EVP_PKEY *key, enum world_signing how)
{
    EVP_MD_CTX *ctx = signing_context(key, how);
    MUST((X509_sign_ctx(x, ctx)) > 0);
    EVP_MD_CTX_free(ctx);
}

void world_cert_der(const struct world_cert *c, struct cl_buf *out)
{
    unsigned char *der = NULL;
    X509 *x = X509_new();
    MUST((X509_set_version(x, X509_VERSION_3)) == 1);
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x), c->serial) == 1);
    set_name(X509_get_subject_name(x), c->cn);
    set_name(X509_get_issuer_name(x), c->issuer_cn);
    MUST((ASN1_TIME_set(X509_getm_notBefore(x), (time_t)c->from)) != NULL);
    MUST((ASN1_TIME_set(X509_getm_notAfter(x), (time_t)c->until)) != NULL);
    MUST((X509_set_pubkey(x, keys[c->key])) == 1);
    add_v3(x, NID_basic_constraints, c->basic_constraints);
    add_v3(x, NID_key_usage, c->key_usage);
    for (size_t i = 0; i < c->ext_count; i++) {
        add_ext(x, &c->ext[i]);
    }
    sign_cert(x, keys[c->issuer_key], c->signing);
    int len = i2d_X509(x, &der);
    MUST((len) > 0);
    MUST((cl_buf_append(out, der, (size_t)len, NULL)) == CL_OK);
    OPENSSL_free(der);
    X509_free(x);
}

struct world_crl world_crl(void)
{
    return (struct world_crl){.issuer_cn = "Cloister simulated ARK",
                              .issuer_key = WORLD_ARK,
                              .from = WORLD_TIME - 86400,
                              .until = WORLD_TIME + YEAR,
                              .serials = {-1}};
}

static void sign_crl(X509_CRL *crl, EVP_PKEY *key, enum world_signing how)
{
    EVP_MD_CTX *ctx = signing_context(key, how);
    MUST((X509_CRL_sign_ctx(crl, ctx)) > 0);
    EVP_MD_CTX_free(ctx);
}

static void revoke(X509_CRL *crl, long serial, int64_t when)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_INTEGER *n = ASN1_INTEGER_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)when);
    MUST(ASN1_INTEGER_set(n, serial) == 1);
    MUST(X509_REVOKED_set_serialNumber(r, n) == 1);
    MUST(X509_REVOKED_set_revocationDate(r, t) == 1);
    MUST(X509_CRL_add0_revoked(crl, r) == 1);
    ASN1_INTEGER_free(n);
    ASN1_TIME_free(t);
}

void world_crl_der(const struct world_crl *c, struct cl_buf *out)
{
    unsigned char *der = NULL;
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)c->from);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)c->until);
    set_name(name, c->issuer_cn);
    MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
    MUST(X509_CRL_set_issuer_name(crl, name) == 1);
    MUST(X509_CRL_set1_lastUpdate(crl, from) == 1);
    if (c->until != 0) {
        MUST(X509_CRL_set1_nextUpdate(crl, until) == 1);
    }
    for (size_t i = 0; i < 4 && c->serials[i] >= 0; i++) {
        revoke(crl, c->serials[i], c->from);
    }
    if (c->extra_nid != 0) {
        bool delta = c->extra_nid == NID_delta_crl; /* a number; else {onlyContainsUserCerts} */
        ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
        MUST(ASN1_OCTET_STRING_set(
                 value, (const uint8_t *)(delta ? "\x02\x01\x01" : "\x30\x03\x81\x01\xff"),
                 delta ? 3 : 5) == 1);
        X509_EXTENSION *e = X509_EXTENSION_create_by_NID(NULL, c->extra_nid, !delta, value);
        ASN1_OCTET_STRING_free(value);
        MUST(e != NULL);
        MUST(X509_CRL_add_ext(crl, e, -1) == 1);
        X509_EXTENSION_free(e);
    }
    sign_crl(crl, keys[c->issuer_key], c->signing);
    int len = i2d_X509_CRL(crl, &der);
    MUST(len > 0);
    MUST(cl_buf_append(out, der, (size_t)len, NULL) == CL_OK);
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_NAME_free(name);
    X509_CRL_free(crl);
}

void world_add_crl(struct cl_snp_evidence *ev, const struct world_crl *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_crl_der(c, &der);
    MUST(cl_snp_evidence_add_der(ev, CL_SNP_CERT_CRL, der.data, der.len, NULL) == CL_OK);
}

void world_report_of(struct cl_snp_report *r, enum cl_snp_product product, uint32_t version,
                     bool vlek)
{
    static const struct cl_snp_tcb turin = {
        .has_fmc = true, .fmc = 1, .bootloader = 2, .snp = 3, .microcode = 71};
    world_report(r);
    r->version = version;
    r->key_info = vlek ? 1u << 2 : 0;
    r->cpuid_fam_id = product == CL_SNP_PRODUCT_TURIN ? 0x1A : 0x19;
    r->cpuid_mod_id = product == CL_SNP_PRODUCT_MILAN   ? 1
                      : product == CL_SNP_PRODUCT_GENOA ? 0x11
                                                        : 2;
    if (version < 3) {
        r->cpuid_fam_id = r->cpuid_mod_id = r->cpuid_step = 0;
    }
    if (version >= 5) {
        r->launch_mit_vector = 1;
        r->current_mit_vector = 3;
    }
    if (product == CL_SNP_PRODUCT_TURIN) {
        memset(r->chip_id + 8, 0, sizeof(r->chip_id) - 8);
        cl_snp_tcb_encode(&turin, r->current_tcb);
        cl_snp_tcb_encode(&turin, r->reported_tcb);
        cl_snp_tcb_encode(&turin, r->committed_tcb);
        cl_snp_tcb_encode(&turin, r->launch_tcb);
    }
}

void world_report(struct cl_snp_report *r)
{
    static const struct cl_snp_tcb tcb = {.bootloader = 4, .snp = 24, .microcode = 219};
    *r = (struct cl_snp_report){.version = 3,
                                .policy = 0x30000,
                                .signature_algo = 1,
                                .platform_info = 0x25,
                                .cpuid_fam_id = 0x19,
                                .cpuid_mod_id = 1,
                                .cpuid_step = 1,
                                .current = {1, 55, 29},
                                .committed = {1, 55, 29}};
    cl_snp_tcb_encode(&tcb, r->current_tcb);
    cl_snp_tcb_encode(&tcb, r->reported_tcb);
    cl_snp_tcb_encode(&tcb, r->committed_tcb);
    cl_snp_tcb_encode(&tcb, r->launch_tcb);
    memset(r->report_data, 0xDA, sizeof(r->report_data));
    memset(r->measurement, 0x3E, sizeof(r->measurement));
    memset(r->host_data, 0x40, sizeof(r->host_data));
    memset(r->report_id, 0x1D, sizeof(r->report_id));
    memset(r->report_id_ma, 0xFF, sizeof(r->report_id_ma));
    memset(r->chip_id, 0xC1, sizeof(r->chip_id));
}

void world_sign(struct cl_snp_report *r, uint8_t ret_raw[static CL_SNP_REPORT_SIZE])
{
    unsigned char der[128];
    const unsigned char *p = der;
    size_t len = sizeof(der);
    cl_snp_report_encode(r, ret_raw);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    MUST((EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, keys[WORLD_EK])) == 1);
    MUST((EVP_DigestSign(ctx, der, &len, ret_raw, CL_SNP_SIGNED_SIZE)) == 1);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    MUST((BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), r->signature_r, 72)) > 0);
    MUST((BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), r->signature_s, 72)) > 0);
    cl_snp_report_encode(r, ret_raw);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

static void add(struct cl_snp_evidence *ev, enum cl_snp_cert_type type, const struct world_cert *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    if (c != NULL) {
        world_cert_der(c, &der);
        MUST((cl_snp_evidence_add_der(ev, type, der.data, der.len, NULL)) == CL_OK);
    }
}

struct cl_snp_evidence *world_evidence(const struct cl_snp_report *r, const struct world_cert *ek,
                                       const struct world_cert *ask, const struct world_cert *ark)
{
    struct cl_snp_report copy = *r;
    struct cl_snp_evidence *ev = NULL;
    uint8_t raw[CL_SNP_REPORT_SIZE];
    world_sign(&copy, raw);
    MUST((cl_snp_evidence_from_report(raw, sizeof(raw), &ev, NULL)) == CL_OK);
    add(ev, CL_SNP_CERT_VCEK, ek);
    add(ev, CL_SNP_CERT_ASK, ask);
    add(ev, CL_SNP_CERT_ARK, ark);
    return ev;
}

void world_root(uint8_t ret[static CL_SNP_ROOT_SIZE])
{
    struct world_cert ark = world_ark();
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_cert_der(&ark, &der);
    MUST((cl_snp_root_digest(der.data, der.len, ret, NULL)) == CL_OK);
}
