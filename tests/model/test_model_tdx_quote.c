/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_quote.c - the TD's report, quotes over it by the test PKI, the service that makes
 * them, and the collateral: each hash and signature of tdx.md a.1, a.5, a.6 done again here.
 * MODEL_QUOTE_DIR=folder: also leaves a quote, its collateral and its root there, for other tools.
 */
#include "bench_tdx.h"
#include "report_tdx.h"
#include "tdx_internal.h"

#include "../unit/check_main.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Alignas(4096) const uint8_t page[4096] = {0xEB, 0xFE};

struct world {
    struct bench b;
    struct model_vm *vm;
    struct model_pki pki;
    uint8_t data[64];
    uint8_t report[MODEL_TDREPORT_SIZE];
};

static void setup(struct world *w)
{
    memset(w, 0, sizeof(*w));
    struct model_config config = model_config_tdx();
    w->b.m = model_new(&config);
    ck_assert_ptr_nonnull(w->b.m);
    ck_assert_int_eq(td_open(&w->b.t, w->b.m), 0);
    memset(w->b.t.mrconfigid, 0xC1, 48);
    memset(w->b.t.mrowner, 0xC2, 48);
    memset(w->b.t.mrownerconfig, 0xC3, 48);
    w->b.t.xfam = 0xE7;
    ck_assert_int_eq(td_init(&w->b.t), 0);
    ck_assert_int_eq(launcher_slot(&w->b.t.l, 0, BENCH_RAM), 0);
    ck_assert_int_eq(td_vcpus(&w->b.t, 1, 0), 0);
    ck_assert_int_eq(td_region(&w->b.t, 0x1000, 4096, page, true), 0);
    w->vm = model_vm_of(w->b.m, w->b.t.l.vm);
    for (unsigned i = 0; i < 64; i++) {
        w->data[i] = (uint8_t)(i + 1);
    }
    ck_assert(!model_tdreport(w->vm, w->data, w->report)); /* not finalized: no TD to report on */
    ck_assert_int_eq(td_finalize(&w->b.t), 0);
    const uint8_t event[48] = {1};
    ck_assert(tdx_rtmr_extend(w->vm->td, 2, event));
    ck_assert(model_tdreport(w->vm, w->data, w->report));
    ck_assert(model_pki_make(&w->pki));
}

static void teardown(struct world *w)
{
    model_pki_done(&w->pki);
    bench_done(&w->b);
}

START_TEST(test_report)
{
    struct world w;
    uint8_t hash[48], zero[48] = {0};
    setup(&w);
    const uint8_t *r = w.report;
    ck_assert(r[0] == 0x81 && r[1] == 0 && r[2] == 0);
    ck_assert_mem_eq(r + 128, w.data, 64);
    model_sha384(r + 256, 239, hash);
    ck_assert_mem_eq(r + 32, hash, 48);
    model_sha384(r + 512, 512, hash);
    ck_assert_mem_eq(r + 80, hash, 48);
    ck_assert_uint_eq(model_le(r + 512, 8), TDX_ATTR_SEPT_VE_DISABLE);
    ck_assert_uint_eq(model_le(r + 520, 8), 0xE7);
    ck_assert_mem_eq(r + 512 + 16, model_mrtd(w.vm), 48);
    ck_assert(r[512 + 64] == 0xC1 && r[512 + 112] == 0xC2 && r[512 + 160] == 0xC3);
    ck_assert_mem_eq(r + 512 + 208, zero, 48);
    ck_assert_mem_eq(r + 512 + 304, model_rtmr(w.vm, 2), 48);
    ck_assert(tdx_report_genuine(w.vm, r));
    for (size_t at = 0; at < MODEL_TDREPORT_SIZE; at += 17) { /* reserved bytes, too */
        bool covered = (at < 256) || (at >= 256 && at < 495) || at >= 512;
        w.report[at] ^= 0x10;
        ck_assert(tdx_report_genuine(w.vm, w.report) == !covered);
        w.report[at] ^= 0x10;
    }
    teardown(&w);
}
END_TEST

static EVP_PKEY *point(const uint8_t xy[64])
{
    uint8_t encoded[65] = {4};
    memcpy(encoded + 1, xy, 64);
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    ck_assert(OSSL_PARAM_BLD_push_utf8_string(bld, "group", "P-256", 0) == 1 &&
              OSSL_PARAM_BLD_push_octet_string(bld, "pub", encoded, sizeof(encoded)) == 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ck_assert(EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    return key;
}

static bool holds(EVP_PKEY *key, const void *data, size_t size, const uint8_t rs[64])
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char *der = NULL;
    ck_assert(ECDSA_SIG_set0(sig, BN_bin2bn(rs, 32, NULL), BN_bin2bn(rs + 32, 32, NULL)) == 1);
    int len = i2d_ECDSA_SIG(sig, &der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = len > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, der, (size_t)len, data, size) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return good;
}

START_TEST(test_quote)
{
    struct world w;
    uint8_t *q = calloc(1, MODEL_QUOTE_MAX), hash[32], zero[32] = {0};
    setup(&w);
    size_t size = model_quote(w.vm, &w.pki, w.report, q);
    ck_assert_uint_gt(size, 48 + 584 + 4 + 134 + 384);
    ck_assert(model_le(q, 2) == 4 && model_le(q + 2, 2) == 2 && model_le(q + 4, 4) == 0x81);
    const uint8_t *b = q + 48;
    ck_assert_mem_eq(b + 136, model_mrtd(w.vm), 48);
    ck_assert_mem_eq(b + 184, w.b.t.mrconfigid, 48);
    ck_assert_mem_eq(b + 328 + 96, model_rtmr(w.vm, 2), 48);
    ck_assert_mem_eq(b + 520, w.data, 64);
    ck_assert_uint_eq(model_le(b + 120, 8), TDX_ATTR_SEPT_VE_DISABLE);
    ck_assert(b[0] == TDX_MODULE_SVN && b[1] == TDX_MODULE_MAJOR);
    const uint8_t *s = b + 584;
    ck_assert_uint_eq(model_le(s, 4), size - 48 - 584 - 4);
    s += 4;
    EVP_PKEY *attestation = point(s + 64);
    ck_assert(holds(attestation, q, 48 + 584, s));
    q[100] ^= 1;
    ck_assert(!holds(attestation, q, 48 + 584, s));
    q[100] ^= 1;
    ck_assert_uint_eq(model_le(s + 128, 2), 6);
    const uint8_t *qe = s + 134;
    ck_assert(holds(w.pki.pck_key, qe, 384, qe + 384));
    size_t auth = model_le(qe + 448, 2);
    uint8_t bound[64 + 512];
    memcpy(bound, s + 64, 64);
    memcpy(bound + 64, qe + 450, auth);
    ck_assert_int_eq(EVP_Digest(bound, 64 + auth, hash, NULL, EVP_sha256(), NULL), 1);
    ck_assert_mem_eq(qe + 320, hash, 32);
    ck_assert_mem_eq(qe + 352, zero, 32);
    const uint8_t *c = qe + 450 + auth;
    ck_assert_uint_eq(model_le(c, 2), 5);
    ck_assert_uint_eq(model_le(c + 2, 4), size - (size_t)(c + 6 - q)); /* to the end */
    ck_assert_uint_eq(model_le(s + 130, 4), size - (size_t)(qe - q));
    ck_assert_int_eq(strncmp((const char *)c + 6, "-----BEGIN CERTIFICATE-----", 27), 0);
    w.report[600] ^= 1;
    ck_assert_uint_eq(model_quote(w.vm, &w.pki, w.report, q), 0); /* a report of nobody's */
    EVP_PKEY_free(attestation);
    free(q);
    teardown(&w);
}
END_TEST

START_TEST(test_certificates)
{
    struct world w;
    setup(&w);
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    ck_assert(X509_STORE_add_cert(store, w.pki.root) == 1 && sk_X509_push(between, w.pki.ca) == 1);
    X509 *const leaves[] = {w.pki.pck, w.pki.tcb_signing};
    for (size_t i = 0; i < 2; i++) {
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        ck_assert_int_eq(X509_STORE_CTX_init(ctx, store, leaves[i], between), 1);
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
        ck_assert_msg(X509_verify_cert(ctx) == 1, "%s",
                      X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        X509_STORE_CTX_free(ctx);
    }
    ASN1_OBJECT *sgx = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
    int at = X509_get_ext_by_OBJ(w.pki.pck, sgx, -1);
    ck_assert_int_ge(at, 0);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(w.pki.pck, at));
    const uint8_t *der = ASN1_STRING_get0_data(value);
    size_t size = (size_t)ASN1_STRING_length(value);
    ck_assert(der[0] == 0x30 && der[1] == 0x82 && model_le(der + 3, 1) + 256u * der[2] == size - 4);
    /* FMSPC: OID ending .1.4, then an octet string of six */
    const uint8_t fmspc[] = {0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01,
                             0x04, 0x04, 0x06, 0xB0, 0xC0, 0x6F};
    ck_assert_ptr_nonnull(memmem(der, size, fmspc, sizeof(fmspc)));
    const uint8_t pce[] = {0x0D, 0x01, 0x02, 0x11, 0x02, 0x01, 11}; /* .2.17 INTEGER */
    ck_assert_ptr_nonnull(memmem(der, size, pce, sizeof(pce)));
    ASN1_OBJECT_free(sgx);
    sk_X509_free(between);
    X509_STORE_free(store);
    teardown(&w);
}
END_TEST

static size_t message(const struct world *w, uint8_t m[static 2048])
{
    memset(m, 0, 2048);
    m[2] = 0x04; /* 16 + 8 + 1024 = 0x418, most significant byte first */
    m[3] = 0x18;
    m[4] = m[6] = 1;
    model_put_le(m + 12, 4, 0x418);
    model_put_le(m + 20, 4, 1024);
    memcpy(m + 28, w->report, 1024);
    return 4 + 0x418;
}

START_TEST(test_service)
{
    struct world w;
    uint8_t m[2048], *a = calloc(1, MODEL_QGS_MAX);
    setup(&w);
    size_t size = message(&w, m);
    size_t got = model_qgs(w.vm, &w.pki, m, size, a);
    size_t length = (size_t)a[0] << 24 | (size_t)a[1] << 16 | (size_t)a[2] << 8 | a[3];
    ck_assert_uint_eq(length, got - 4);
    ck_assert_uint_eq(model_le(a + 12, 4), length);
    ck_assert(model_le(a + 8, 4) == 1 && model_le(a + 16, 4) == 0 && model_le(a + 20, 4) == 0);
    ck_assert_uint_eq(model_le(a + 24, 4), got - 28);
    ck_assert_uint_eq(model_le(a + 28, 2), 4);
    const struct {
        unsigned at, size;
        uint64_t value;
        uint32_t error;
    } rows[] = {
        {0, 4, 0x418, 0x12006}, /* little endian */
        {3, 1, 0x17, 0x12006},     {12, 4, 0x417, 0x12006}, {4, 2, 2, 0x12004},
        {6, 2, 2, 0x12004},        {8, 4, 1, 0x12005},      {8, 4, 7, 0x12005},
        {16, 4, 1, 0x12003},       {20, 4, 1023, 0x12003},  {24, 4, 1, 0x12003},
        {28 + 700, 1, 1, 0x12001}, /* a forged report */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size = message(&w, m);
        model_put_le(m + rows[i].at, rows[i].size, rows[i].value);
        ck_assert_uint_eq(model_qgs(w.vm, &w.pki, m, size, a), 20);
        ck_assert_msg(model_le(a + 16, 4) == rows[i].error, "row %zu: %#lx", i,
                      (unsigned long)model_le(a + 16, 4));
    }
    for (size = 0; size < 4 + 0x418; size++) { /* every truncation */
        (void)message(&w, m);
        (void)model_qgs(w.vm, &w.pki, m, size, a);
        ck_assert_uint_eq(model_le(a + 16, 4), 0x12006);
    }
    free(a);
    teardown(&w);
}
END_TEST

static const char *member(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    ck_assert_msg(s != NULL, "%s", name);
    return s;
}

static void unhex(const char *s, uint8_t *ret, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {s[2 * i], s[2 * i + 1], '\0'};
        char *end;
        ret[i] = (uint8_t)strtoul(pair, &end, 16);
        ck_assert(end == pair + 2);
    }
}

static X509_CRL *crl(const json_t *o, const char *name)
{
    const char *s = member(o, name);
    uint8_t der[2048];
    const uint8_t *p = der;
    size_t size = strlen(s) / 2;
    ck_assert_uint_le(size, sizeof(der));
    unhex(s, der, size);
    X509_CRL *c = d2i_X509_CRL(NULL, &p, (long)size);
    ck_assert_ptr_nonnull(c);
    return c;
}

START_TEST(test_collateral)
{
    struct world w;
    json_error_t e;
    X509_REVOKED *entry = NULL;
    setup(&w);
    const struct model_collateral_plan plan = {
        .platform_status = "SWHardeningNeeded", .revoke_pck = true, .spoil_qe_identity = true};
    char *text = model_collateral(&w.pki, time(NULL), &plan);
    ck_assert_ptr_nonnull(text);
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    ck_assert_msg(o != NULL, "%s", e.text);
    const char *const names[] = {"tcb_info", "qe_identity"};
    for (size_t i = 0; i < 2; i++) {
        char signature_name[64];
        uint8_t rs[64];
        (void)snprintf(signature_name, sizeof(signature_name), "%s_signature", names[i]);
        unhex(member(o, signature_name), rs, sizeof(rs));
        const char *value = member(o, names[i]);
        ck_assert_int_eq(holds(w.pki.tcb_key, value, strlen(value), rs), i == 0);
        json_t *inner = json_loads(value, JSON_REJECT_DUPLICATES, &e);
        ck_assert_msg(inner != NULL, "%s: %s", names[i], e.text);
        json_decref(inner);
    }
    json_t *tcb = json_loads(member(o, "tcb_info"), 0, &e);
    ck_assert_str_eq(member(tcb, "fmspc"), "b0c06f000000");
    ck_assert_str_eq(member(json_array_get(json_object_get(tcb, "tcbLevels"), 0), "tcbStatus"),
                     "SWHardeningNeeded");
    json_decref(tcb);
    X509_CRL *root = crl(o, "root_ca_crl"), *pck = crl(o, "pck_crl");
    ck_assert_int_eq(X509_CRL_verify(root, w.pki.root_key), 1);
    ck_assert_int_eq(X509_CRL_verify(pck, w.pki.ca_key), 1);
    ck_assert_int_eq(X509_CRL_get0_by_cert(root, &entry, w.pki.ca), 0);
    ck_assert_int_eq(X509_CRL_get0_by_cert(pck, &entry, w.pki.pck), 1);
    X509_CRL_free(root);
    X509_CRL_free(pck);
    json_decref(o);
    free(text);
    teardown(&w);
}
END_TEST

static void leave(const char *folder, const char *name, const void *data, size_t size)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, size, f), size);
    (void)fclose(f);
}

/* What verify/check_verdicts holds against the product's verifier. */
static const struct {
    const char *name;
    struct model_collateral_plan plan;
} variants[] = {
    {"good", {0}},
    {"platform-out-of-date", {.platform_status = "OutOfDate"}},
    {"platform-hardening", {.platform_status = "SWHardeningNeeded"}},
    {"module-out-of-date", {.module_status = "OutOfDate"}},
    {"module-revoked", {.module_status = "Revoked"}},
    {"qe-out-of-date", {.qe_status = "OutOfDate"}},
    {"pck-revoked", {.revoke_pck = true}},
    {"ca-revoked", {.revoke_ca = true}},
    {"tcb-info-spoilt", {.spoil_tcb_info = true}},
    {"qe-identity-spoilt", {.spoil_qe_identity = true}},
    {"other-platform", {.other_fmspc = true}},
};

static void leave_quotes(const char *folder, const struct world *w)
{
    uint8_t *q = calloc(1, MODEL_QUOTE_MAX);
    char mrtd[97];
    ck_assert_ptr_nonnull(q);
    size_t size = model_quote(w->vm, &w->pki, w->report, q);
    ck_assert_uint_gt(size, 0);
    leave(folder, "quote.bin", q, size);
    q[48 + 136] ^= 1; /* MRTD */
    leave(folder, "tampered.bin", q, size);
    free(q);
    for (unsigned i = 0; i < 48; i++) {
        (void)snprintf(mrtd + (size_t)2 * i, 3, "%02x", model_mrtd(w->vm)[i]);
    }
    leave(folder, "mrtd", mrtd, 96);
}

START_TEST(test_leaves_files_when_asked)
{
    const char *folder = getenv("MODEL_QUOTE_DIR");
    struct world w;
    uint8_t *der = NULL;
    char name[64];
    if (folder == NULL) {
        return;
    }
    setup(&w);
    leave_quotes(folder, &w);
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        char *text = model_collateral(&w.pki, time(NULL), &variants[i].plan);
        ck_assert_ptr_nonnull(text);
        (void)snprintf(name, sizeof(name), "%s.json", variants[i].name);
        leave(folder, name, text, strlen(text));
        free(text);
    }
    int size = i2d_X509(w.pki.root, &der);
    ck_assert_int_gt(size, 0);
    leave(folder, "root.der", der, (size_t)size);
    OPENSSL_free(der);
    teardown(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_quote");
    TCase *t = tcase_create("quote");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_report);
    tcase_add_test(t, test_quote);
    tcase_add_test(t, test_certificates);
    tcase_add_test(t, test_service);
    tcase_add_test(t, test_collateral);
    tcase_add_test(t, test_leaves_files_when_asked);
    suite_add_tcase(s, t);
    return run_suite(s);
}
