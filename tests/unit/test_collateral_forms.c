/* SPDX-License-Identifier: Apache-2.0
 * test_collateral_forms.c - each form of an item of collateral with one thing wrong in it:
 * certificates, CRLs, signed JSON; and issuers, and the bounds of a store. What test_collateral.c
 * accepts is refused here for the one change, with words that name it.
 */
#include "check_main.h"
#include "collateral_world.h"
#include "edit.h"

#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

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

START_TEST(test_chains_of_amd_are_two_certificates_of_one_product)
{
    struct world_chain w = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ false);
    struct cl_buf pem = {0};
    cw_append_cert(&pem, &w.ark);
    expect_item(CL_COLLATERAL_AMD_VCEK_CHAIN, &pem, NULL,
                "amd-vcek-chain: chain: expected 2 certificates, got 1");
    cl_buf_reset(&pem);
    cw_append_cert(&pem, &w.ek);
    cw_append_cert(&pem, &w.ask);
    cw_append_cert(&pem, &w.ark);
    expect_item(CL_COLLATERAL_AMD_VCEK_CHAIN, &pem, NULL,
                "amd-vcek-chain: chain: expected 2 certificates, got 3");
    cl_buf_reset(&pem);
    w.ask.issuer_cn = w.ark.cn = w.ark.issuer_cn = "ARK-Genoa";
    cw_append_cert(&pem, &w.ask);
    cw_append_cert(&pem, &w.ark);
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
    cw_append_cert(&pem, &signing);
    cw_append_cert(&pem, &root);
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
    cw_append_cert(&pem, &w.ark);
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

int main(void)
{
    cw_init(NOW);
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
    suite_add_tcase(s, t);
    return run_suite(s);
}
