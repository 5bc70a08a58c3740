/* SPDX-License-Identifier: Apache-2.0
 * test_collateral_forms.c - each form of collateral with one thing wrong in it: certificates, CRLs,
 * signed JSON, bundles and their signatures, files and folders. What test_collateral.c accepts is
 * refused here for the one change, with words that name it.
 */
#include "check_main.h"
#include "collateral_world.h"
#include "edit.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1790000000)

static struct cl_collateral *fresh(void)
{
    struct cl_collateral *c = NULL;
    ck_assert_int_eq(cl_collateral_new(&c, NULL), CL_OK);
    return c;
}

/* The one item is refused with this message. */
static void expect_item(enum cl_collateral_kind kind, const struct cl_buf *data,
                        const struct cl_buf *chain, const char *message)
{
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    enum cl_status st = cl_collateral_add_item(c, kind, data->data, data->len,
                                               chain != NULL ? (const char *)chain->data : NULL,
                                               chain != NULL ? chain->len : 0, &err);
    ck_assert_int_eq(st, CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, message);
    ck_assert_uint_eq(cl_collateral_count(c), 0);
    cl_collateral_free(c);
}

/* ---- AMD's certificates and CRLs ---- */

static void expect_cert(enum cl_collateral_kind kind, const struct world_cert *x,
                        const char *message)
{
    struct cl_buf der = {0};
    world_cert_der(x, &der);
    expect_item(kind, &der, NULL, message);
    cl_buf_done(&der);
}

START_TEST(test_endorsements_hold_what_their_issuer_says)
{
    struct world_chain w = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ false);
    struct world_cert no_tcb = w.ek, other_product = w.ek, vlek = w.ek;
    world_drop_ext(&no_tcb, "3.1");
    expect_cert(CL_COLLATERAL_AMD_VCEK, &no_tcb,
                "amd-vcek: certificate: blSPL: expected one extension, got none");
    other_product.issuer_cn = "SEV-Genoa";
    expect_cert(CL_COLLATERAL_AMD_VCEK, &other_product,
                "amd-vcek: certificate: extensions: expected productName of the issuer and hwID, "
                "got others");
    vlek.issuer_cn = "SEV-VLEK-Milan"; /* names a chip, which a VLEK does not */
    expect_cert(CL_COLLATERAL_AMD_VLEK, &vlek,
                "amd-vlek: certificate: extensions: expected productName of the issuer and cspID, "
                "got others");
    vlek = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ true).ek;
    vlek.issuer_cn = "SEV-Milan"; /* names none, which a VCEK does */
    expect_cert(CL_COLLATERAL_AMD_VCEK, &vlek,
                "amd-vcek: certificate: extensions: expected productName of the issuer and hwID, "
                "got others");
}
END_TEST

static void append_cert(struct cl_buf *pem, const struct world_cert *x)
{
    struct cl_buf der = {0};
    world_cert_der(x, &der);
    cw_append_pem(pem, &der);
    cl_buf_done(&der);
}

START_TEST(test_chains_of_amd_are_two_certificates_of_one_product)
{
    struct world_chain w = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ false);
    struct cl_buf pem = {0};
    append_cert(&pem, &w.ark);
    expect_item(CL_COLLATERAL_AMD_VCEK_CHAIN, &pem, NULL,
                "amd-vcek-chain: chain: expected 2 certificates, got 1");
    cl_buf_reset(&pem);
    append_cert(&pem, &w.ek);
    append_cert(&pem, &w.ask);
    append_cert(&pem, &w.ark);
    expect_item(CL_COLLATERAL_AMD_VCEK_CHAIN, &pem, NULL,
                "amd-vcek-chain: chain: expected 2 certificates, got 3");
    cl_buf_reset(&pem);
    w.ask.issuer_cn = w.ark.cn = w.ark.issuer_cn = "ARK-Genoa";
    append_cert(&pem, &w.ask);
    append_cert(&pem, &w.ark);
    expect_item(CL_COLLATERAL_AMD_VCEK_CHAIN, &pem, NULL,
                "amd-vcek-chain: root: expected ARK- and a known product, got 'ARK-Genoa'");
    cl_buf_done(&pem);
}
END_TEST

/* The last digit of the nth UTCTime of `der` becomes a letter. */
static void spoil_date(struct cl_buf *der, unsigned nth)
{
    for (size_t i = 0; i + 15 <= der->len; i++) {
        bool date = der->data[i] == 0x17 && der->data[i + 1] == 13 && der->data[i + 14] == 'Z';
        if (date && nth-- == 0) {
            der->data[i + 13] = 'x';
            return;
        }
    }
    ck_abort_msg("no such date");
}

START_TEST(test_dates_that_are_none)
{
    static const struct {
        enum cl_collateral_kind kind;
        const char *message;
    } rows[] = {
        {CL_COLLATERAL_AMD_VCEK, "amd-vcek: certificate: validity: expected two dates, got others"},
        {CL_COLLATERAL_AMD_VCEK_CRL,
         "amd-vcek-crl: CRL: dates: expected thisUpdate and nextUpdate, got others"},
        {CL_COLLATERAL_INTEL_ROOT_CRL,
         "intel-root-crl: CRL: dates: expected thisUpdate and nextUpdate, got others"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        for (unsigned nth = 0; nth < 2; nth++) {
            struct cl_buf der = {0};
            const struct cl_buf *good = cw_doc(cw_good(rows[i].kind));
            ck_assert_int_eq(cl_buf_append(&der, good->data, good->len, NULL), CL_OK);
            spoil_date(&der, nth);
            expect_item(rows[i].kind, &der, NULL, rows[i].message);
            cl_buf_done(&der);
        }
    }
}
END_TEST

START_TEST(test_a_crl_says_when_the_next_one_comes)
{
    struct cl_buf der = {0};
    struct world_crl crl = world_crl();
    crl.issuer_cn = "ARK-Milan";
    crl.until = 0;
    world_crl_der(&crl, &der);
    expect_item(CL_COLLATERAL_AMD_VCEK_CRL, &der, NULL,
                "amd-vcek-crl: CRL: dates: expected thisUpdate and nextUpdate, got others");
    cl_buf_reset(&der);
    crl.until = crl.from;
    world_crl_der(&crl, &der);
    expect_item(CL_COLLATERAL_AMD_VCEK_CRL, &der, NULL,
                "amd-vcek-crl: dates: expected an end after the beginning, got the reverse");
    cl_buf_done(&der);
}
END_TEST

/* ---- Intel's signed JSON ---- */

static const struct {
    const char *from, *to, *message;
} wrong_members[] = {
    {"\"id\":\"TDX\", ", "", "intel-tcb-info: tcbInfo: id: expected string, got nothing"},
    {"\"id\":\"TDX\"", "\"id\":7", "intel-tcb-info: tcbInfo: id: expected string, got integer"},
    {"\"fmspc\":\"B0C06F000000\"", "\"fmspc\":[]",
     "intel-tcb-info: tcbInfo: fmspc: expected string, got array"},
    {"B0C06F000000", "B0C06F0000",
     "intel-tcb-info: tcbInfo: fmspc: expected 12 hex digits, got 10 characters"},
    {"B0C06F000000", "B0C06F00000G",
     "intel-tcb-info: tcbInfo: fmspc: expected lower-case hex, got another character at 11"},
    {"\"issueDate\"", "\"issuedate\"",
     "intel-tcb-info: tcbInfo: issueDate: expected string, got nothing"},
    {"\"issueDate\":\"20", "\"issueDate\":\"x0",
     "intel-tcb-info: tcbInfo: issueDate: time: expected YYYY-MM-DDTHH:MM:SSZ, got "
     "'x026-09-21T13:13:20Z'"},
    {"\"nextUpdate\"", "\"nextupdate\"",
     "intel-tcb-info: tcbInfo: nextUpdate: expected string, got nothing"},
    {"\"nextUpdate\":\"20", "\"nextUpdate\":\"x0",
     "intel-tcb-info: tcbInfo: nextUpdate: time: expected YYYY-MM-DDTHH:MM:SSZ, got "
     "'x026-10-21T14:13:20Z'"},
    {"Number\":17", "Number\":\"17\"",
     "intel-tcb-info: tcbInfo: tcbEvaluationDataNumber: expected integer, got string"},
    {"\"signature\":", "\"signatur\":", "intel-tcb-info: document: unknown member 'signatur'"},
    {"\"signature\":\"", "\"signature\":\"00",
     "intel-tcb-info: signature: expected 128 hex digits, got 130 characters"},
    {"\"signature\":\"", "\"signature\":\"g",
     "intel-tcb-info: signature: expected 128 hex digits, got 129 characters"},
};

START_TEST(test_each_member_of_signed_json)
{
    char *text =
        edit((const char *)cw_doc(CW_TCB_INFO)->data, wrong_members[_i].from, wrong_members[_i].to);
    struct cl_buf data = {.data = (uint8_t *)text, .len = strlen(text)};
    expect_item(CL_COLLATERAL_INTEL_TCB_INFO, &data, cw_doc(CW_TCB_CHAIN),
                wrong_members[_i].message);
    free(text);
}
END_TEST

START_TEST(test_signed_json_needs_its_signature)
{
    struct cl_buf data = {.data = (uint8_t *)(uintptr_t) "{\"tcbInfo\":{}}", .len = 14};
    expect_item(CL_COLLATERAL_INTEL_TCB_INFO, &data, cw_doc(CW_TCB_CHAIN),
                "intel-tcb-info: document: signature: expected string, got nothing");
}
END_TEST

/* White space of every kind around, and the members the other way round: the same bytes count. */
START_TEST(test_the_signed_value_is_found_wherever_it_stands)
{
    struct cl_collateral *c = fresh();
    struct cl_buf text = {0};
    struct cl_err err = {0};
    char hex[2 * CL_COLLATERAL_SIGNATURE_SIZE + 1];
    const struct cl_buf *chain = cw_doc(CW_TCB_CHAIN);
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_TCB_INFO, CW_TCB_INFO, CW_TCB_CHAIN, NULL),
                     CL_OK);
    const struct cl_collateral_item *it = cl_collateral_item(c, 0);
    cl_hex(hex, it->signature, sizeof(it->signature));
    ck_assert_int_eq(cl_buf_printf(&text, NULL,
                                   "\r\n{ \"signature\"\t:\n\"%s\" ,\r\n\t\"tcbInfo\" : %.*s\n} \n",
                                   hex, (int)it->body_len, (const char *)it->body),
                     CL_OK);
    ck_assert_msg(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_TCB_INFO, text.data, text.len,
                                         (const char *)chain->data, chain->len, &err) == CL_OK,
                  "%s", err.msg);
    const struct cl_collateral_item *other = cl_collateral_item(c, 1);
    ck_assert_uint_eq(other->body_len, it->body_len);
    ck_assert_mem_eq(other->body, it->body, it->body_len);
    ck_assert_int_eq(cl_collateral_check_issuer(c, other, NULL), CL_OK);
    cl_buf_done(&text);
    cl_collateral_free(c);
}
END_TEST

/* ---- issuers ---- */

/* TCB info whose issuer has a key that Intel does not sign with. */
START_TEST(test_only_p256_signs_json)
{
    static const enum world_key keys[] = {WORLD_ASK, WORLD_EK}; /* RSA, P-384 */
    struct cl_collateral *c = fresh();
    struct cl_buf pem = {0};
    struct cl_err err = {0};
    struct world_cert root = world_ark(), signing = world_ask();
    root.cn = root.issuer_cn = signing.issuer_cn = "Intel SGX Root CA";
    signing.cn = "Intel SGX TCB Signing";
    signing.key = keys[_i];
    append_cert(&pem, &signing);
    append_cert(&pem, &root);
    const struct cl_buf *d = cw_doc(CW_TCB_INFO);
    ck_assert_int_eq(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_TCB_INFO, d->data, d->len,
                                            (const char *)pem.data, pem.len, NULL),
                     CL_OK);
    ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, 0), &err),
                     CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "intel-tcb-info: signature: expected its issuer's, got another");
    cl_buf_done(&pem);
    cl_collateral_free(c);
}
END_TEST

/* RSA of 4104 bits; nobody has its private half. */
static EVP_PKEY *large_key(void)
{
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_new(), *e = BN_new();
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    ck_assert(BN_set_bit(n, 4103) == 1 && BN_set_bit(n, 0) == 1 && BN_set_word(e, 65537) == 1);
    ck_assert(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
              OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return key;
}

/* A key that would keep us busy is not used, however well its certificate is signed. */
START_TEST(test_keys_larger_than_amds_are_not_used)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    struct world_chain w = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ false);
    struct cl_err err = {0};
    unsigned char *out = NULL;
    EVP_PKEY *key = large_key();
    world_cert_der(&w.ask, &der);
    const unsigned char *p = der.data;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    ck_assert_int_eq(X509_set_pubkey(x, key), 1);
    ck_assert_int_gt(X509_sign(x, world_pkey(WORLD_ARK), EVP_sha384()), 0);
    int len = i2d_X509(x, &out);
    cl_buf_reset(&der);
    ck_assert_int_eq(cl_buf_append(&der, out, (size_t)len, NULL), CL_OK);
    cw_append_pem(&pem, &der);
    append_cert(&pem, &w.ark);
    ck_assert_int_eq(
        cl_collateral_add_item(c, CL_COLLATERAL_AMD_VCEK_CHAIN, pem.data, pem.len, NULL, 0, NULL),
        CL_OK);
    ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, 0), &err),
                     CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "amd-vcek-chain: signature: expected its issuer's, got another");
    OPENSSL_free(out);
    X509_free(x);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_an_item_without_its_chain_is_not_checked)
{
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_ROOT_CRL, CW_ROOT_CRL, CW_NO_DOC, NULL), CL_OK);
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_AMD_VLEK_CRL, CW_AMD_CRL, CW_NO_DOC, NULL), CL_OK);
    ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, 0), &err),
                     CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "intel-root-crl: signature: expected a chain to the root, got none");
    ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, 1), &err),
                     CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "amd-vlek-crl: signature: expected the chain of milan, got none");
    cl_collateral_free(c);
}
END_TEST

/* ---- the store ---- */

START_TEST(test_bounds_of_the_store)
{
    static char chain[CL_COLLATERAL_MAX_CHAIN + 1];
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    struct cl_collateral_options o = {.time = NOW};
    uint8_t *big = calloc(1, CL_COLLATERAL_MAX_BUNDLE_SIZE + 1);
    ck_assert_ptr_nonnull(big);
    ck_assert_int_eq(
        cl_collateral_add_item(c, CL_COLLATERAL_INTEL_PCK_CRL, big, 1, chain, sizeof(chain), &err),
        CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "intel-pck-crl: issuer chain: expected at most 65536 bytes, got 65537");
    ck_assert_int_eq(
        cl_collateral_add_document(c, big, CL_COLLATERAL_MAX_BUNDLE_SIZE + 1, &o, &err),
        CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "collateral: size: expected at most 33554432 bytes, got more");
    free(big);
    cl_collateral_free(c);
}
END_TEST

/* As many bytes as the limit: the item that would pass it is refused. */
START_TEST(test_all_items_together_are_bounded)
{
    const size_t size = CL_COLLATERAL_MAX_DATA;
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    const struct cl_buf *good = cw_doc(CW_AMD_CHAIN);
    uint8_t *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, '\n', size);
    memcpy(text + 2, good->data, good->len);
    for (size_t i = 0; i < CL_COLLATERAL_MAX_TOTAL / size; i++) {
        text[0] = (uint8_t)('a' + i); /* text around PEM blocks makes each another */
        ck_assert_int_eq(
            cl_collateral_add_item(c, CL_COLLATERAL_AMD_VCEK_CHAIN, text, size, NULL, 0, NULL),
            CL_OK);
    }
    text[0] = '-';
    ck_assert_int_eq(
        cl_collateral_add_item(c, CL_COLLATERAL_AMD_VCEK_CHAIN, text, good->len + 2, NULL, 0, &err),
        CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "collateral: expected at most 256 items of 16777216 bytes together, "
                              "got more");
    free(text);
    cl_collateral_free(c);
}
END_TEST

/* The same document with another chain is another item; of equal numbers the later one counts. */
START_TEST(test_which_of_two_items_is_newer)
{
    static const uint8_t fmspc[] = {0xb0, 0xc0, 0x6f, 0, 0, 0};
    const struct cl_collateral_key key = {.kind = CL_COLLATERAL_INTEL_TCB_INFO, .fmspc = fmspc};
    const struct cl_buf *d = cw_doc(CW_TCB_INFO), *chain = cw_doc(CW_TCB_CHAIN);
    struct cl_collateral *c = fresh();
    struct cl_buf other = {0};
    ck_assert_int_eq(cw_add(c, key.kind, CW_EXPIRED_TCB_INFO, CW_TCB_CHAIN, NULL), CL_OK);
    ck_assert_int_eq(cw_add(c, key.kind, CW_TCB_INFO, CW_TCB_CHAIN, NULL), CL_OK);
    ck_assert_int_eq(cl_collateral_find(c, &key)->issued, NOW - 3600);
    ck_assert_int_eq(cw_add(c, key.kind, CW_OLD_TCB_INFO, CW_TCB_CHAIN, NULL), CL_OK);
    ck_assert_uint_eq(cl_collateral_find(c, &key)->tcb_evaluation_number, 17);
    ck_assert_int_eq(cl_buf_append(&other, chain->data, chain->len, NULL), CL_OK);
    other.data[other.len - 1] = ' '; /* behind the last line */
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(cl_collateral_add_item(c, key.kind, d->data, d->len,
                                                (const char *)other.data, other.len, NULL),
                         CL_OK);
        ck_assert_uint_eq(cl_collateral_count(c), 4);
    }
    ck_assert_ptr_null(
        cl_collateral_find(c, &(struct cl_collateral_key){.kind = CL_COLLATERAL_INTEL_TCB_INFO}));
    cl_buf_done(&other);
    cl_collateral_free(c);
}
END_TEST

START_TEST(test_words)
{
    ck_assert_str_eq(cl_collateral_kind_name(CL_COLLATERAL_KIND_COUNT), "unknown");
    ck_assert_str_eq(cl_collateral_tee_name(CL_COLLATERAL_TDX), "tdx");
    ck_assert_str_eq(cl_collateral_tee_name(CL_COLLATERAL_SGX), "sgx");
    ck_assert_str_eq(cl_collateral_ca_name(CL_COLLATERAL_PLATFORM), "platform");
    ck_assert_str_eq(cl_collateral_ca_name(CL_COLLATERAL_PROCESSOR), "processor");
}
END_TEST

/* ---- documents ---- */

static void expect_document(json_t *doc, enum cl_status want, const char *message)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_json_compact(doc, &text, NULL), CL_OK);
    enum cl_status st = cl_collateral_add_document(c, text.data, text.len, &o, &err);
    ck_assert_msg(st == want && strcmp(err.msg, message) == 0, "%s: %s, not %s: %s",
                  cl_status_name(st), err.msg, cl_status_name(want), message);
}

START_TEST(test_quote_collateral_needs_each_member)
{
    json_t *good = cw_quote_collateral(), *value = NULL;
    const char *key = NULL;
    json_object_foreach(good, key, value)
    {
        char message[128];
        CL_CLEANUP(cl_json_decrefp) json_t *doc = json_deep_copy(good);
        (void)snprintf(message, sizeof(message), "collateral: %s: expected string, got integer",
                       key);
        ck_assert_int_eq(json_object_set_new(doc, key, json_integer(7)), 0);
        expect_document(doc, CL_ERR_MALFORMED, message);
    }
    json_decref(good);
}
END_TEST

/* Texts are put together again: none of them may break out of its place. */
START_TEST(test_parts_of_quote_collateral_stay_in_their_place)
{
    static const struct {
        const char *key, *value, *message;
    } rows[] = {
        {"pck_crl", "0g", "pck_crl: expected lower-case hex, got another character at 1"},
        {"pck_crl", "000", "pck_crl: expected 2 hex digits, got 3 characters"},
        {"tcb_info_signature", "00\",\"x\":\"",
         "tcb_info_signature: expected 128 hex digits, got 9 characters"},
        {"tcb_info", "{},\"x\":{}", "intel-tcb-info: document: unknown member 'x'"},
        {"tcb_info", "7", "intel-tcb-info: document: tcbInfo: expected object, got integer"},
        {"qe_identity", "{}}",
         "intel-qe-identity: document: not JSON at byte 23: end of file expected near ','"},
        {"pck_crl_issuer_chain", "", "intel-pck-crl: issuer chain: expected one, got none"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(cl_json_decrefp) json_t *doc = cw_quote_collateral();
        ck_assert_int_eq(json_object_set_new(doc, rows[i].key, json_string(rows[i].value)), 0);
        expect_document(doc, CL_ERR_MALFORMED, rows[i].message);
    }
}
END_TEST

/* ---- bundles ---- */

#define PAYLOAD                                                                                    \
    "{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\","                  \
    "\"expires\":\"2096-01-01T00:00:00Z\",\"items\":[{\"kind\":\"amd-vcek\",\"data\":\"AAAA\"}]}"

START_TEST(test_each_member_of_a_payload)
{
    static const struct {
        const char *from, *to, *message;
    } rows[] = {
        {"\"created\":\"2026-01-01T00:00:00Z\",", "",
         "bundle: created: expected string, got nothing"},
        {"2026-01-01T00:00:00Z", "yesterday",
         "bundle: created: time: expected YYYY-MM-DDTHH:MM:SSZ, got 'yesterday'"},
        {"2096-01-01T00:00:00Z", "tomorrow",
         "bundle: expires: time: expected YYYY-MM-DDTHH:MM:SSZ, got 'tomorrow'"},
        {"[{\"kind\":\"amd-vcek\",\"data\":\"AAAA\"}]", "{}",
         "bundle: items: expected array, got object"},
        {"\"data\":\"AAAA\"", "\"data\":7",
         "bundle: item 0: item: data: expected string, got integer"},
        {"\"data\":\"AAAA\"", "\"data\":\"A\"",
         "bundle: item 0: data: expected padded base64, got 1 characters"},
        {"\"data\":\"AAAA\"", "\"data\":\"AAAA\",\"label\":\"x\"",
         "bundle: item 0: item: unknown member 'label'"},
        {"\"data\":\"AAAA\"", "\"data\":\"AAAA\",\"chain\":null",
         "bundle: item 0: item: chain: expected string, got null"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
        char *text = edit(PAYLOAD, rows[i].from, rows[i].to);
        ck_assert_int_eq(cl_b64url_encode(&payload, text, strlen(text), NULL), CL_OK);
        CL_CLEANUP(cl_json_decrefp)
        json_t *doc = json_pack("{s:s,s:s}", "schema", "cloister.collateral/1", "payload",
                                (const char *)payload.data);
        expect_document(doc, CL_ERR_MALFORMED, rows[i].message);
        free(text);
    }
}
END_TEST

static json_t *signed_bundle(EVP_PKEY *key)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    json_t *j = NULL;
    ck_assert_int_eq(cl_collateral_write_bundle(c, NOW, NOW + 1, key, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "x", &j, NULL), CL_OK);
    return j;
}

static void set_header(json_t *bundle, const char *header)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(cl_b64url_encode(&text, header, strlen(header), NULL), CL_OK);
    ck_assert_int_eq(json_object_set_new(bundle, "protected", json_string((const char *)text.data)),
                     0);
}

/* {"alg":"ES256","typ":"cloister.collateral","spki":"<SPKI>"} */
static void header_of(const json_t *bundle, struct cl_buf *out)
{
    const char *text = json_string_value(json_object_get(bundle, "protected"));
    ck_assert_int_eq(cl_b64url_decode(out, text, strlen(text), "header", NULL), CL_OK);
}

START_TEST(test_what_a_protected_header_may_say)
{
    static const struct {
        const char *from, *to;
        enum cl_status want;
        const char *message;
    } rows[] = {
        {"{", "[", CL_ERR_MALFORMED, "bundle signature: not JSON at byte 7: ']' expected near ':'"},
        {"{", "{\"kid\":\"1\",", CL_ERR_MALFORMED, "bundle signature: unknown member 'kid'"},
        {"\"alg\":\"ES256\",", "", CL_ERR_MALFORMED,
         "bundle signature: alg: expected string, got nothing"},
        {"\"typ\":\"cloister.collateral\",", "", CL_ERR_MALFORMED,
         "bundle signature: typ: expected string, got nothing"},
        {"\"spki\":\"", "\"spki\":\"!", CL_ERR_MALFORMED,
         "bundle signature: spki: expected base64, got another character at 0"},
        {"\"spki\":\"", "\"spki\":\"AAAA", CL_ERR_MALFORMED,
         "bundle signature: spki: expected a public key in DER, got something else"},
        {"\"}", "AAAA\"}", CL_ERR_MALFORMED, /* behind the key */
         "bundle signature: spki: expected a public key in DER, got something else"},
        {"ES256", "none", CL_ERR_REJECTED,
         "bundle signature: alg, typ: expected ES256, cloister.collateral, got 'none', "
         "'cloister.collateral'"},
        {"ES256", "EdDSA", CL_ERR_REJECTED,
         "bundle signature: alg, typ: expected ES256, cloister.collateral, got 'EdDSA', "
         "'cloister.collateral'"},
        {"cloister.collateral", "JWT", CL_ERR_REJECTED,
         "bundle signature: alg, typ: expected ES256, cloister.collateral, got 'ES256', 'JWT'"},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
        CL_CLEANUP(cl_json_decrefp) json_t *bundle = signed_bundle(key);
        header_of(bundle, &header);
        char *text = edit((const char *)header.data, rows[i].from, rows[i].to);
        set_header(bundle, text);
        expect_document(bundle, rows[i].want, rows[i].message);
        free(text);
    }
    EVP_PKEY_free(key);
}
END_TEST

static void set_spki(json_t *bundle, const void *der, size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    ck_assert_int_eq(
        cl_buf_append_str(&header, "{\"alg\":\"ES256\",\"typ\":\"cloister.collateral\",\"spki\":\"",
                          NULL),
        CL_OK);
    ck_assert_int_eq(cl_b64url_encode(&header, der, len, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(&header, "\"}", NULL), CL_OK);
    set_header(bundle, (const char *)header.data);
}

START_TEST(test_keys_and_signatures_of_other_sizes)
{
    static const uint8_t large[513];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *bundle = signed_bundle(key);
    ck_assert_int_eq(json_object_set_new(bundle, "signature", json_string("AAAA")), 0);
    expect_document(bundle, CL_ERR_MALFORMED, "bundle signature: size: expected 64 bytes, got 3");
    ck_assert_int_eq(json_object_set_new(bundle, "signature", json_string("!")), 0);
    expect_document(bundle, CL_ERR_MALFORMED,
                    "bundle signature: signature: expected base64, got 1 characters");
    set_header(bundle, "{\"alg\":\"ES256\",\"typ\":\"cloister.collateral\"}");
    expect_document(bundle, CL_ERR_MALFORMED,
                    "bundle signature: spki: expected string, got nothing");
    set_spki(bundle, large, sizeof(large));
    expect_document(bundle, CL_ERR_MALFORMED,
                    "bundle signature: spki: expected a public key in DER, got something else");
    int len = i2d_PUBKEY(world_pkey(WORLD_EK), &der); /* P-384 */
    set_spki(bundle, der, (size_t)len);
    expect_document(bundle, CL_ERR_UNSUPPORTED,
                    "bundle signature: key: expected EC P-256 or Ed25519, got another kind");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}
END_TEST

/* ---- the name of a signer ---- */

static char dir[] = "/tmp/cloister-forms-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const void *data, size_t len)
{
    ck_assert_int_eq(cl_write_file(path_of(name), data, len, 0600, NULL), CL_OK);
}

static void put_doc(const char *name, enum cw_doc doc)
{
    put(name, cw_doc(doc)->data, cw_doc(doc)->len);
}

static void expect_signer(const char *text, enum cl_status want, const char *message)
{
    uint8_t got[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_err err = {0};
    ck_assert_int_eq(cl_collateral_signer_read(text, got, &err), want);
    ck_assert_msg(strstr(err.msg, message) != NULL, "%s", err.msg);
}

/* The same key as hex, and in files: digest, public key, private key, certificate. */
START_TEST(test_a_signer_is_read_from_each_form)
{
    uint8_t want[CL_COLLATERAL_SIGNER_SIZE], got[CL_COLLATERAL_SIGNER_SIZE];
    char hex[2 * CL_COLLATERAL_SIGNER_SIZE + 2];
    EVP_PKEY *key = world_pkey(WORLD_P256);
    struct world_cert self = world_ask();
    struct cl_buf pem = {0};
    char *text[3] = {NULL};
    BIO *bios[3] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    ck_assert_int_eq(cl_collateral_signer_of(key, want, NULL), CL_OK);
    cl_hex(hex, want, sizeof(want));
    ck_assert_int_eq(cl_collateral_signer_read(hex, got, NULL), CL_OK);
    ck_assert_mem_eq(got, want, sizeof(want));
    hex[64] = '\n';
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bios[0], key), 1);
    ck_assert_int_eq(PEM_write_bio_PrivateKey(bios[1], key, NULL, NULL, 0, NULL, NULL), 1);
    self.key = WORLD_P256;
    append_cert(&pem, &self);
    ck_assert_int_eq(BIO_write(bios[2], pem.data, (int)pem.len), (int)pem.len);
    for (size_t i = 0; i <= CL_ARRAY_LEN(bios); i++) {
        long len = i < CL_ARRAY_LEN(bios) ? BIO_get_mem_data(bios[i], &text[i]) : 65;
        put("signer", i < CL_ARRAY_LEN(bios) ? text[i] : hex, (size_t)len);
        memset(got, 0, sizeof(got));
        ck_assert_int_eq(cl_collateral_signer_read(path_of("signer"), got, NULL), CL_OK);
        ck_assert_mem_eq(got, want, sizeof(want));
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(bios); i++) {
        BIO_free(bios[i]);
    }
    cl_buf_done(&pem);
}
END_TEST

START_TEST(test_signers_that_are_none)
{
    static uint8_t large[16385];
    struct world_cert p384 = world_ask();
    struct cl_buf pem = {0};
    expect_signer(path_of("absent"), CL_ERR_SYS, "absent': No such file or directory");
    put("signer", "", 0);
    expect_signer(path_of("signer"), CL_ERR_MALFORMED,
                  "signer': signer: expected a key or certificate in PEM or 64 hex digits, got "
                  "something else");
    put("signer", large, sizeof(large));
    expect_signer(path_of("signer"), CL_ERR_MALFORMED,
                  "signer': size: expected at most 16384 bytes, got more");
    memset(large, 'x', 64);
    put("signer", large, 64);
    expect_signer(path_of("signer"), CL_ERR_MALFORMED, "signer: expected lower-case hex");
    uint8_t digest[CL_COLLATERAL_SIGNER_SIZE];
    ck_assert_int_eq(cl_collateral_signer_parse(large, sizeof(large), digest, NULL),
                     CL_ERR_MALFORMED);
    p384.key = WORLD_EK;
    append_cert(&pem, &p384);
    put("signer", pem.data, pem.len);
    expect_signer(path_of("signer"), CL_ERR_UNSUPPORTED,
                  "key: expected EC P-256 or Ed25519, got another kind");
    cl_buf_done(&pem);
}
END_TEST

/* ---- files and folders ---- */

static void expect_path(const char *path, enum cl_status want, const char *message)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    struct cl_err err = {0};
    enum cl_status st = cl_collateral_add_path(c, path, &o, &err);
    ck_assert_msg(st == want && strstr(err.msg, message) != NULL, "%s: %s", cl_status_name(st),
                  err.msg);
}

START_TEST(test_files_that_hold_something_else)
{
    static uint8_t large[CL_COLLATERAL_MAX_DATA + 1];
    expect_path(path_of("absent"), CL_ERR_SYS, "absent': No such file or directory");
    put("amd-vcek.der", "", 0);
    expect_path(path_of("amd-vcek.der"), CL_ERR_TRUNCATED, "expected contents, got none");
    put("amd-vcek.der", large, sizeof(large));
    expect_path(path_of("amd-vcek.der"), CL_ERR_MALFORMED, "size: expected at most 1048576 bytes");
    put("amd-vcek.der", "x", 1);
    expect_path(path_of("amd-vcek.der"), CL_ERR_MALFORMED,
                "amd-vcek.der': amd-vcek: certificate: contents: expected X.509 in DER");
    put("bundle.json", "", 0);
    expect_path(path_of("bundle.json"), CL_ERR_TRUNCATED, "expected contents, got none");
    put("bundle.json", "[]", 2);
    expect_path(path_of("bundle.json"), CL_ERR_MALFORMED,
                "bundle.json': collateral: contents: expected a bundle");
    (void)unlink(path_of("amd-vcek.der"));
    (void)unlink(path_of("bundle.json"));
}
END_TEST

/* A name without a folder; documents among raw files; hidden ones are passed over. */
START_TEST(test_names_that_count)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *doc = cw_quote_collateral();
    struct cl_collateral_options o = {.time = NOW};
    ck_assert_int_eq(cl_json_compact(doc, &text, NULL), CL_OK);
    put_doc("amd-vcek.der", CW_AMD_VCEK);
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(cl_collateral_add_path(c, "amd-vcek.der", &o, NULL), CL_OK);
    ck_assert_int_eq(chdir("/"), 0);
    put("platform.collateral.json", text.data, text.len);
    put(".half.collateral.json", "{", 1);
    ck_assert_int_eq(cl_collateral_add_path(c, dir, &o, NULL), CL_OK);
    ck_assert_uint_eq(cl_collateral_count(c), 5);
    (void)unlink(path_of("amd-vcek.der"));
    (void)unlink(path_of("platform.collateral.json"));
    (void)unlink(path_of(".half.collateral.json"));
}
END_TEST

static void expect_too_long(const char *path)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_collateral_add_path(c, path, &o, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENAMETOOLONG);
}

/* A path that can be opened, but not with what would have to be put behind it. */
START_TEST(test_paths_that_are_too_long)
{
    static const char file[] = "intel-tcb-info.json";
    char path[4096];
    size_t end = sizeof(path) - 1, at = strlen(dir);
    put_doc(file, CW_TCB_INFO);
    memset(path, '/', end);
    path[end] = '\0';
    memcpy(path, dir, at);
    expect_too_long(path);
    memcpy(path + end - strlen(file), file, strlen(file));
    expect_too_long(path);
    (void)unlink(path_of(file));
}
END_TEST

int main(void)
{
    cw_init(NOW);
    if (mkdtemp(dir) == NULL) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("collateral_forms");
    TCase *t = tcase_create("collateral_forms");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_endorsements_hold_what_their_issuer_says);
    tcase_add_test(t, test_chains_of_amd_are_two_certificates_of_one_product);
    tcase_add_test(t, test_dates_that_are_none);
    tcase_add_test(t, test_a_crl_says_when_the_next_one_comes);
    tcase_add_loop_test(t, test_each_member_of_signed_json, 0, (int)CL_ARRAY_LEN(wrong_members));
    tcase_add_test(t, test_signed_json_needs_its_signature);
    tcase_add_test(t, test_the_signed_value_is_found_wherever_it_stands);
    tcase_add_loop_test(t, test_only_p256_signs_json, 0, 2);
    tcase_add_test(t, test_keys_larger_than_amds_are_not_used);
    tcase_add_test(t, test_an_item_without_its_chain_is_not_checked);
    tcase_add_test(t, test_bounds_of_the_store);
    tcase_add_test(t, test_all_items_together_are_bounded);
    tcase_add_test(t, test_which_of_two_items_is_newer);
    tcase_add_test(t, test_words);
    tcase_add_test(t, test_quote_collateral_needs_each_member);
    tcase_add_test(t, test_parts_of_quote_collateral_stay_in_their_place);
    tcase_add_test(t, test_each_member_of_a_payload);
    tcase_add_test(t, test_what_a_protected_header_may_say);
    tcase_add_test(t, test_keys_and_signatures_of_other_sizes);
    tcase_add_test(t, test_a_signer_is_read_from_each_form);
    tcase_add_test(t, test_signers_that_are_none);
    tcase_add_test(t, test_files_that_hold_something_else);
    tcase_add_test(t, test_names_that_count);
    tcase_add_test(t, test_paths_that_are_too_long);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    (void)unlink(path_of("signer"));
    (void)rmdir(dir);
    return rc;
}
