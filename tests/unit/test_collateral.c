/* SPDX-License-Identifier: Apache-2.0
 * test_collateral.c - items of collateral, the documents and folders they come in, and the
 * signature of a bundle.
 */
#include "check_main.h"
#include "collateral_world.h"
#include "shared_vectors.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/collateral.h"

#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1790000000)
#define EXPIRES (NOW + 86400)

static struct cl_collateral *fresh(void)
{
    struct cl_collateral *c = NULL;
    ck_assert_int_eq(cl_collateral_new(&c, NULL), CL_OK);
    return c;
}

static struct cl_collateral *all_kinds(void)
{
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    ck_assert_msg(cw_add_all(c, &err) == CL_OK, "%s", err.msg);
    return c;
}

START_TEST(test_items_say_what_they_are_about)
{
    static const uint8_t fmspc[] = {0xb0, 0xc0, 0x6f, 0, 0, 0};
    struct cl_collateral *c = all_kinds();
    ck_assert_uint_eq(cl_collateral_count(c), CL_COLLATERAL_KIND_COUNT);
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        const struct cl_collateral_item *it = cl_collateral_item(c, i);
        struct cl_err err = {0};
        ck_assert_uint_eq(it->kind, i);
        ck_assert_msg(cl_collateral_check_issuer(c, it, &err) == CL_OK, "%s", err.msg);
        ck_assert_mem_eq(it->data, cw_doc(cw_good(it->kind))->data, it->len);
        if (it->kind < CL_COLLATERAL_INTEL_TCB_INFO) {
            ck_assert_int_eq(it->product, CL_SNP_PRODUCT_MILAN);
        }
    }
    const struct cl_collateral_item *vcek = cl_collateral_item(c, CL_COLLATERAL_AMD_VCEK);
    ck_assert_uint_eq(vcek->hw_id_len, 64);
    ck_assert_uint_eq(vcek->hw_id[0], 0xC1);
    ck_assert_uint_eq(vcek->tcb.microcode, 219);
    const struct cl_collateral_item *tcb = cl_collateral_item(c, CL_COLLATERAL_INTEL_TCB_INFO);
    ck_assert_mem_eq(tcb->fmspc, fmspc, sizeof(fmspc));
    ck_assert_uint_eq(tcb->tcb_evaluation_number, 17);
    ck_assert_int_eq(tcb->issued, NOW - 3600);
    ck_assert_int_eq(tcb->expires, NOW + 30 * 86400);
    ck_assert_uint_eq(tcb->body[0], '{');
    ck_assert_uint_eq(tcb->body[tcb->body_len - 1], '}');
    ck_assert_ptr_eq(tcb->body, tcb->data + strlen("{\"tcbInfo\":"));
    ck_assert_int_eq(cl_collateral_item(c, CL_COLLATERAL_INTEL_PCK_CRL)->ca,
                     CL_COLLATERAL_PLATFORM);
    cl_collateral_free(c);
}
END_TEST

static const struct {
    enum cl_collateral_kind kind;
    enum cw_doc doc, chain;
    enum cl_status status;
    const char *message;
} bad[] = {
    {CL_COLLATERAL_AMD_VCEK, CW_AMD_VLEK, CW_NO_DOC, CL_ERR_MALFORMED,
     "amd-vcek: issuer: expected SEV- and a known product, got 'SEV-VLEK-Milan'"},
    {CL_COLLATERAL_AMD_VLEK, CW_AMD_VCEK, CW_NO_DOC, CL_ERR_MALFORMED,
     "amd-vlek: issuer: expected SEV-VLEK- and a known product, got 'SEV-Milan'"},
    {CL_COLLATERAL_AMD_VCEK, CW_AMD_CRL, CW_NO_DOC, CL_ERR_MALFORMED,
     "amd-vcek: certificate: contents: expected X.509 in DER, got something else"},
    {CL_COLLATERAL_AMD_VCEK_CHAIN, CW_AMD_VLEK_CHAIN, CW_NO_DOC, CL_ERR_MALFORMED,
     "amd-vcek-chain: intermediate: expected SEV- and a known product, got 'SEV-VLEK-Milan'"},
    {CL_COLLATERAL_AMD_VCEK_CHAIN, CW_TCB_CHAIN, CW_NO_DOC, CL_ERR_MALFORMED,
     "amd-vcek-chain: intermediate: expected SEV- and a known product, got 'Intel SGX TCB "
     "Signing'"},
    {CL_COLLATERAL_AMD_VCEK_CRL, CW_ROOT_CRL, CW_NO_DOC, CL_ERR_MALFORMED,
     "amd-vcek-crl: issuer: expected ARK- and a known product, got 'Intel SGX Root CA'"},
    {CL_COLLATERAL_AMD_VCEK_CRL, CW_AMD_CRL, CW_AMD_CHAIN, CL_ERR_MALFORMED,
     "amd-vcek-crl: issuer chain: expected none, got one"},
    {CL_COLLATERAL_INTEL_TCB_INFO, CW_TCB_INFO, CW_NO_DOC, CL_ERR_MALFORMED,
     "intel-tcb-info: issuer chain: expected one, got none"},
    {CL_COLLATERAL_INTEL_TCB_INFO, CW_TCB_INFO, CW_PCK_CHAIN, CL_ERR_MALFORMED,
     "intel-tcb-info: issuer chain: first certificate: expected Intel SGX TCB Signing, got 'Intel "
     "SGX PCK Platform CA'"},
    {CL_COLLATERAL_INTEL_TCB_INFO, CW_QE_IDENTITY, CW_TCB_CHAIN, CL_ERR_MALFORMED,
     "intel-tcb-info: document: tcbInfo: expected object, got nothing"},
    {CL_COLLATERAL_INTEL_PCK_CRL, CW_PCK_CRL, CW_PROCESSOR_CHAIN, CL_ERR_MALFORMED,
     "intel-pck-crl: issuer chain: first certificate: expected the CRL's issuer, got 'Intel SGX "
     "PCK Processor CA'"},
    {CL_COLLATERAL_INTEL_PCK_CRL, CW_ROOT_CRL, CW_PCK_CHAIN, CL_ERR_MALFORMED,
     "intel-pck-crl: CRL: issuer: expected Intel SGX PCK Platform or Processor CA, got 'Intel SGX "
     "Root CA'"},
    {CL_COLLATERAL_INTEL_ROOT_CRL, CW_PCK_CRL, CW_NO_DOC, CL_ERR_MALFORMED,
     "intel-root-crl: CRL: issuer: expected Intel SGX Root CA, got 'Intel SGX PCK Platform CA'"},
    {CL_COLLATERAL_INTEL_ROOT_CRL, CW_TCB_CHAIN, CW_NO_DOC, CL_ERR_MALFORMED,
     "intel-root-crl: CRL: contents: expected a CRL in DER, got something else"},
};

START_TEST(test_wrong_items_are_refused)
{
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    ck_assert_int_eq(cw_add(c, bad[_i].kind, bad[_i].doc, bad[_i].chain, &err), bad[_i].status);
    ck_assert_str_eq(err.msg, bad[_i].message);
    ck_assert_uint_eq(cl_collateral_count(c), 0);
    cl_collateral_free(c);
}
END_TEST

/* Of a PEM document, the end of its last line may go. */
START_TEST(test_every_truncation_is_refused)
{
    struct cl_collateral *c = fresh();
    enum cl_collateral_kind kind = (enum cl_collateral_kind)_i;
    const struct cl_buf *d = cw_doc(cw_good(kind));
    const struct cl_buf *ch = cw_good_chain(kind) != CW_NO_DOC ? cw_doc(cw_good_chain(kind)) : NULL;
    bool pem = kind == CL_COLLATERAL_AMD_VCEK_CHAIN || kind == CL_COLLATERAL_AMD_VLEK_CHAIN;
    const char *chain = ch != NULL ? (const char *)ch->data : NULL;
    size_t chain_len = ch != NULL ? ch->len : 0;
    for (size_t n = 0; n < d->len - (pem ? 1 : 0); n++) {
        ck_assert_int_ne(cl_collateral_add_item(c, kind, d->data, n, chain, chain_len, NULL),
                         CL_OK);
    }
    for (size_t n = 0; chain_len > 0 && n < chain_len - 1; n++) {
        ck_assert_int_ne(cl_collateral_add_item(c, kind, d->data, d->len, chain, n, NULL), CL_OK);
    }
    struct cl_buf longer = {0};
    ck_assert_int_eq(cl_buf_append(&longer, d->data, d->len, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(&longer, "x", NULL), CL_OK);
    if (!pem) { /* text around PEM blocks is no part of them */
        ck_assert_int_ne(
            cl_collateral_add_item(c, kind, longer.data, longer.len, chain, chain_len, NULL),
            CL_OK);
    }
    cl_buf_done(&longer);
    ck_assert_uint_eq(cl_collateral_count(c), 0);
    cl_collateral_free(c);
}
END_TEST

static const struct {
    const char *json;
    const char *message;
} bad_json[] = {
    {"{\"tcbInfo\":{},\"signature\":\"00\"}",
     "intel-tcb-info: signature: expected 128 hex digits, got 2 characters"},
    {"{\"tcbInfo\":[],\"signature\":\"@\"}",
     "intel-tcb-info: document: tcbInfo: expected object, got array"},
    {"{\"tcbInfo\":{},\"tcbInfo\":{},\"signature\":\"@\"}", NULL},
    {"{\"tcbInfo\":{},\"signature\":\"@\",\"more\":1}",
     "intel-tcb-info: document: unknown member 'more'"},
    {"{\"tcb\\u0049nfo\":{\"fmspc\":\"000000000000\"},\"signature\":\"@\"}",
     "intel-tcb-info: document: tcbInfo: expected it under its plain name, got an escaped one"},
    {"{\"tcbInfo\":{\"fmspc\":\"00000000000g\"},\"signature\":\"@\"}",
     "intel-tcb-info: tcbInfo: fmspc: expected lower-case hex, got another character at 11"},
    {"{\"tcbInfo\":{\"fmspc\":\"000000000000\",\"id\":\"XYZ\"},\"signature\":\"@\"}",
     "intel-tcb-info: tcbInfo: id: expected TDX or SGX, got 'XYZ'"},
    {"{\"tcbInfo\":{\"fmspc\":\"000000000000\",\"id\":\"TDX\",\"issueDate\":\"2026-01-01T00:00:"
     "00Z\","
     "\"nextUpdate\":\"2026-01-01T00:00:00Z\",\"tcbEvaluationDataNumber\":1},\"signature\":\"@\"}",
     "intel-tcb-info: dates: expected an end after the beginning, got the reverse"},
    {"{\"tcbInfo\":{\"fmspc\":\"000000000000\",\"id\":\"TDX\",\"issueDate\":\"2026-01-01T00:00:"
     "00Z\","
     "\"nextUpdate\":\"2026-02-01T00:00:00Z\",\"tcbEvaluationDataNumber\":-1},\"signature\":\"@\"}",
     "intel-tcb-info: tcbInfo: tcbEvaluationDataNumber: expected 0 to 4294967295, got -1"},
};

START_TEST(test_wrong_json_is_refused)
{
    char sig[129], text[1024];
    const char *j = bad_json[_i].json, *at = strchr(j, '@');
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    const struct cl_buf *chain = cw_doc(CW_TCB_CHAIN);
    memset(sig, '0', 128);
    sig[128] = '\0';
    int n = at == NULL ? snprintf(text, sizeof(text), "%s", j)
                       : snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - j), j, sig, at + 1);
    ck_assert_int_ne(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_TCB_INFO, (uint8_t *)text,
                                            (size_t)n, (const char *)chain->data, chain->len, &err),
                     CL_OK);
    if (bad_json[_i].message != NULL) {
        ck_assert_str_eq(err.msg, bad_json[_i].message);
    }
    cl_collateral_free(c);
}
END_TEST

START_TEST(test_issuers_that_did_not_sign_are_told)
{
    static const struct {
        enum cl_collateral_kind kind;
        enum cw_doc doc, chain;
        enum cl_status status;
    } rows[] = {
        {CL_COLLATERAL_AMD_VCEK, CW_AMD_VCEK, CW_FOREIGN_CHAIN, CL_ERR_REJECTED},
        {CL_COLLATERAL_AMD_VCEK, CW_AMD_VCEK, CW_GENOA_CHAIN, CL_ERR_UNAVAILABLE},
        {CL_COLLATERAL_AMD_VCEK, CW_AMD_VCEK, CW_NO_DOC, CL_ERR_UNAVAILABLE},
        {CL_COLLATERAL_AMD_VCEK_CRL, CW_FORGED_CRL, CW_AMD_CHAIN, CL_ERR_REJECTED},
        {CL_COLLATERAL_AMD_VCEK_CRL, CW_AMD_CRL, CW_FOREIGN_CHAIN, CL_OK}, /* the same root */
        {CL_COLLATERAL_INTEL_TCB_INFO, CW_FORGED_TCB_INFO, CW_TCB_CHAIN, CL_ERR_REJECTED},
        {CL_COLLATERAL_INTEL_ROOT_CRL, CW_ROOT_CRL, CW_NO_DOC, CL_ERR_UNAVAILABLE},
    };
    struct cl_collateral *c = fresh();
    bool amd = rows[_i].kind < CL_COLLATERAL_INTEL_TCB_INFO;
    ck_assert_int_eq(cw_add(c, rows[_i].kind, rows[_i].doc, amd ? CW_NO_DOC : rows[_i].chain, NULL),
                     CL_OK);
    if (amd && rows[_i].chain != CW_NO_DOC) {
        ck_assert_int_eq(cw_add(c, CL_COLLATERAL_AMD_VCEK_CHAIN, rows[_i].chain, CW_NO_DOC, NULL),
                         CL_OK);
    }
    ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, 0), NULL),
                     rows[_i].status);
    cl_collateral_free(c);
}
END_TEST

/* What Intel signed are bytes, not a value: the same value written anew is another document. */
START_TEST(test_reserialised_json_is_not_what_was_signed)
{
    struct cl_collateral *c = fresh();
    struct cl_buf text = {0};
    json_t *j = NULL;
    const struct cl_buf *d = cw_doc(CW_TCB_INFO), *chain = cw_doc(CW_TCB_CHAIN);
    ck_assert_int_eq(cl_json_parse(d->data, d->len, "x", &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_TCB_INFO, text.data, text.len,
                                            (const char *)chain->data, chain->len, NULL),
                     CL_OK);
    ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, 0), NULL),
                     CL_ERR_REJECTED);
    json_decref(j);
    cl_buf_done(&text);
    cl_collateral_free(c);
}
END_TEST

START_TEST(test_the_newest_item_is_found)
{
    static const uint8_t fmspc[] = {0xb0, 0xc0, 0x6f, 0, 0, 0}, other[] = {0, 0x80, 0x6f, 5, 0, 1};
    struct cl_collateral *c = fresh();
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_TCB_INFO, CW_OLD_TCB_INFO, CW_TCB_CHAIN, NULL),
                     CL_OK);
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_TCB_INFO, CW_TCB_INFO, CW_TCB_CHAIN, NULL),
                     CL_OK);
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_TCB_INFO, CW_TCB_INFO, CW_TCB_CHAIN, NULL),
                     CL_OK);
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_TCB_INFO, CW_OTHER_TCB_INFO, CW_TCB_CHAIN, NULL),
                     CL_OK);
    ck_assert_uint_eq(cl_collateral_count(c), 3); /* the same item twice is one */
    struct cl_collateral_key key = {.kind = CL_COLLATERAL_INTEL_TCB_INFO, .fmspc = fmspc};
    ck_assert_uint_eq(cl_collateral_find(c, &key)->tcb_evaluation_number, 17);
    key.fmspc = other;
    ck_assert_ptr_null(cl_collateral_find(c, &key));
    key = (struct cl_collateral_key){
        .kind = CL_COLLATERAL_INTEL_TCB_INFO, .fmspc = fmspc, .tee = CL_COLLATERAL_SGX};
    ck_assert_ptr_null(cl_collateral_find(c, &key));
    key = (struct cl_collateral_key){.kind = CL_COLLATERAL_INTEL_PCK_CRL};
    ck_assert_ptr_null(cl_collateral_find(c, &key));
    cl_collateral_free(c);
}
END_TEST

START_TEST(test_the_number_and_size_of_items_are_bounded)
{
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    uint8_t *big = calloc(1, CL_COLLATERAL_MAX_DATA + 1);
    ck_assert_int_eq(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_ROOT_CRL, big,
                                            CL_COLLATERAL_MAX_DATA + 1, NULL, 0, &err),
                     CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "intel-root-crl: size: expected 1 to 1048576 bytes, got 1048577");
    free(big);
    struct cl_buf chain = {0}; /* text around PEM blocks makes each another */
    enum cl_status st = CL_OK;
    for (size_t i = 0; i <= CL_COLLATERAL_MAX_ITEMS; i++) {
        cl_buf_reset(&chain);
        ck_assert_int_eq(
            cl_buf_printf(&chain, NULL, "%zu\n%s", i, (const char *)cw_doc(CW_AMD_CHAIN)->data),
            CL_OK);
        st = cl_collateral_add_item(c, CL_COLLATERAL_AMD_VCEK_CHAIN, chain.data, chain.len, NULL, 0,
                                    &err);
        ck_assert_int_eq(st, i < CL_COLLATERAL_MAX_ITEMS ? CL_OK : CL_ERR_MALFORMED);
    }
    cl_buf_done(&chain);
    cl_collateral_free(c);
}
END_TEST

/* --- bundles --- */

static EVP_PKEY *new_key(bool ed25519)
{
    EVP_PKEY *key = ed25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(key);
    return key;
}

static void bundle_of(const struct cl_collateral *c, EVP_PKEY *key, struct cl_buf *out)
{
    struct cl_err err = {0};
    ck_assert_msg(cl_collateral_write_bundle(c, NOW, EXPIRES, key, out, &err) == CL_OK, "%s",
                  err.msg);
}

static void small_bundle(EVP_PKEY *key, struct cl_buf *out)
{
    struct cl_collateral *c = fresh();
    ck_assert_int_eq(cw_add(c, CL_COLLATERAL_INTEL_ROOT_CRL, CW_ROOT_CRL, CW_NO_DOC, NULL), CL_OK);
    bundle_of(c, key, out);
    cl_collateral_free(c);
}

static enum cl_status load(const struct cl_buf *text, const struct cl_collateral_options *o,
                           struct cl_err *err)
{
    struct cl_collateral *c = fresh();
    enum cl_status st = cl_collateral_add_document(c, text->data, text->len, o, err);
    cl_collateral_free(c);
    return st;
}

START_TEST(test_bundles_carry_every_byte)
{
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_collateral *c = all_kinds(), *d = fresh();
    struct cl_buf text = {0};
    struct cl_err err = {0};
    EVP_PKEY *key = _i < 2 ? new_key(_i == 1) : NULL;
    bundle_of(c, key, &text);
    struct cl_collateral_options o = {.time = NOW};
    if (key != NULL) {
        ck_assert_int_eq(cl_collateral_signer_of(key, signer, NULL), CL_OK);
        o.signer = signer;
    }
    ck_assert_msg(cl_collateral_add_document(d, text.data, text.len, &o, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_uint_eq(cl_collateral_count(d), cl_collateral_count(c));
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        const struct cl_collateral_item *a = cl_collateral_item(c, i),
                                        *b = cl_collateral_item(d, i);
        ck_assert_int_eq(a->kind, b->kind);
        ck_assert_uint_eq(a->len, b->len);
        ck_assert_mem_eq(a->data, b->data, a->len);
        ck_assert_uint_eq(a->chain_len, b->chain_len);
        ck_assert(a->chain_len == 0 || memcmp(a->chain, b->chain, a->chain_len) == 0);
    }
    const struct cl_collateral_bundle *info = cl_collateral_bundle(d);
    ck_assert(info->present && info->is_signed == (key != NULL));
    ck_assert_int_eq(info->created, NOW);
    ck_assert_int_eq(info->expires, EXPIRES);
    EVP_PKEY_free(key);
    cl_buf_done(&text);
    cl_collateral_free(c);
    cl_collateral_free(d);
}
END_TEST

START_TEST(test_a_bundle_ends_when_it_says)
{
    struct cl_buf text = {0};
    struct cl_err err = {0};
    EVP_PKEY *key = new_key(false);
    small_bundle(key, &text);
    struct cl_collateral_options o = {.time = EXPIRES - 1};
    ck_assert_int_eq(load(&text, &o, NULL), CL_OK);
    o.time = EXPIRES;
    ck_assert_int_eq(load(&text, &o, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "bundle: expires: expected after "));
    o.allow_expired = true;
    ck_assert_int_eq(load(&text, &o, NULL), CL_OK);
    EVP_PKEY_free(key);
    cl_buf_done(&text);
}
END_TEST

START_TEST(test_only_the_pinned_signer_counts)
{
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_buf mine = {0}, other = {0}, none = {0};
    struct cl_err err = {0};
    EVP_PKEY *a = new_key(false), *b = new_key(false);
    small_bundle(a, &mine);
    small_bundle(b, &other);
    small_bundle(NULL, &none);
    ck_assert_int_eq(cl_collateral_signer_of(a, signer, NULL), CL_OK);
    struct cl_collateral_options o = {.time = NOW, .signer = signer};
    ck_assert_int_eq(load(&mine, &o, NULL), CL_OK);
    ck_assert_int_eq(load(&other, &o, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "bundle: signer: expected "));
    ck_assert_int_eq(load(&none, &o, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "got no signature"));
    o.signer = NULL;
    ck_assert_int_eq(load(&other, &o, NULL), CL_OK);
    ck_assert_int_eq(load(&none, &o, NULL), CL_OK);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    cl_buf_done(&mine);
    cl_buf_done(&other);
    cl_buf_done(&none);
}
END_TEST

/* Every character changed, and every truncation: the bundle never counts as the signer's. */
START_TEST(test_no_change_of_a_signed_bundle_passes)
{
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_buf text = {0};
    EVP_PKEY *key = new_key(_i == 1);
    small_bundle(key, &text);
    ck_assert_int_eq(cl_collateral_signer_of(key, signer, NULL), CL_OK);
    struct cl_collateral_options o = {.time = NOW, .signer = signer};
    size_t end = text.len - 1; /* the line's end is no part of the document */
    for (size_t i = 0; i < end; i++) {
        for (unsigned bit = 0; bit < 8; bit += 1) {
            text.data[i] ^= (uint8_t)(1u << bit);
            ck_assert_msg(load(&text, &o, NULL) != CL_OK, "byte %zu, bit %u", i, bit);
            text.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t n = 0; n < end; n++) {
        struct cl_buf cut = {.data = text.data, .len = n};
        ck_assert_int_ne(load(&cut, &o, NULL), CL_OK);
    }
    ck_assert_int_eq(load(&text, &o, NULL), CL_OK);
    EVP_PKEY_free(key);
    cl_buf_done(&text);
}
END_TEST

static const struct {
    const char *text; /* P: a good payload; the rest as it stands */
    enum cl_status status;
    const char *message;
} bad_bundles[] = {
    {"{\"schema\":\"cloister.collateral/2\",\"payload\":\"P\"}", CL_ERR_UNSUPPORTED,
     "bundle: schema: expected cloister.collateral/1, got 'cloister.collateral/2'"},
    {"{\"schema\":1,\"payload\":\"P\"}", CL_ERR_MALFORMED,
     "bundle: schema: expected string, got integer"},
    {"{\"schema\":\"cloister.collateral/1\"}", CL_ERR_MALFORMED,
     "bundle: payload: expected string, got nothing"},
    {"{\"schema\":\"cloister.collateral/1\",\"payload\":\"P\",\"header\":{}}", CL_ERR_MALFORMED,
     "bundle: unknown member 'header'"},
    {"{\"schema\":\"cloister.collateral/1\",\"payload\":\"P\",\"signature\":\"AA\"}",
     CL_ERR_MALFORMED, "bundle: protected: expected string, got nothing"},
    {"{\"schema\":\"cloister.collateral/1\",\"payload\":\"P\",\"protected\":\"AA\"}",
     CL_ERR_MALFORMED, "bundle: signature: expected string, got nothing"},
    {"{\"x\":1}", CL_ERR_MALFORMED,
     "collateral: contents: expected a bundle (schema) or the collateral of a quote (tcb_info), "
     "got another document"},
    {"[]", CL_ERR_MALFORMED,
     "collateral: contents: expected a bundle (schema) or the collateral of a quote (tcb_info), "
     "got another document"},
    {"", CL_ERR_TRUNCATED, "collateral: expected a JSON document, got nothing"},
};

START_TEST(test_wrong_bundles_are_refused)
{
    struct cl_buf text = {0};
    struct cl_err err = {0};
    struct cl_collateral_options o = {.time = NOW};
    ck_assert_int_eq(cl_buf_append_str(&text, bad_bundles[_i].text, NULL), CL_OK);
    ck_assert_int_eq(load(&text, &o, &err), bad_bundles[_i].status);
    ck_assert_str_eq(err.msg, bad_bundles[_i].message);
    cl_buf_done(&text);
}
END_TEST

static const struct {
    const char *payload;
    enum cl_status status;
    const char *message;
} bad_payloads[] = {
    {"{\"schema\":\"cloister.collateral/9\"}", CL_ERR_UNSUPPORTED,
     "bundle: schema: expected cloister.collateral/1, got 'cloister.collateral/9'"},
    {"{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\",\"items\":[]}",
     CL_ERR_MALFORMED, "bundle: expires: expected string, got nothing"},
    {"{\"schema\":\"cloister.collateral/1\",\"created\":\"2096-01-01T00:00:00Z\",\"expires\":"
     "\"2096-01-01T00:00:00Z\",\"items\":[]}",
     CL_ERR_MALFORMED,
     "bundle: expires: expected a time after 2096-01-01T00:00:00Z, got 2096-01-01T00:00:00Z"},
    {"{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\",\"expires\":"
     "\"2096-01-01T00:00:00Z\",\"items\":[],\"more\":1}",
     CL_ERR_MALFORMED, "bundle: unknown member 'more'"},
    {"{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\",\"expires\":"
     "\"2096-01-01T00:00:00Z\",\"items\":[{\"kind\":\"amd-x\",\"data\":\"AAAA\"}]}",
     CL_ERR_UNSUPPORTED, "bundle: item 0: item: kind: expected a known one, got 'amd-x'"},
    {"{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\",\"expires\":"
     "\"2096-01-01T00:00:00Z\",\"items\":[{\"kind\":\"amd-vcek\",\"data\":\"AAAA\"}]}",
     CL_ERR_MALFORMED,
     "bundle: item 0: amd-vcek: certificate: contents: expected X.509 in DER, got something else"},
    {"{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\",\"expires\":"
     "\"2096-01-01T00:00:00Z\",\"items\":[3]}",
     CL_ERR_MALFORMED, "bundle: item 0: item: kind: expected string, got nothing"},
};

START_TEST(test_wrong_payloads_are_refused)
{
    struct cl_buf text = {0}, payload = {0};
    struct cl_err err = {0};
    struct cl_collateral_options o = {.time = NOW};
    const char *p = bad_payloads[_i].payload;
    ck_assert_int_eq(cl_b64url_encode(&payload, p, strlen(p), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_printf(&text, NULL,
                                   "{\"schema\":\"cloister.collateral/1\",\"payload\":\"%s\"}",
                                   (const char *)payload.data),
                     CL_OK);
    ck_assert_int_eq(load(&text, &o, &err), bad_payloads[_i].status);
    ck_assert_str_eq(err.msg, bad_payloads[_i].message);
    cl_buf_done(&text);
    cl_buf_done(&payload);
}
END_TEST

START_TEST(test_keys_of_other_kinds_do_not_sign)
{
    struct cl_buf text = {0};
    struct cl_err err = {0};
    struct cl_collateral *c = fresh();
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    ck_assert_int_eq(cl_collateral_write_bundle(c, NOW, EXPIRES, p384, &text, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg,
                     "bundle signature: key: expected EC P-256 or Ed25519, got another kind");
    ck_assert_int_eq(cl_collateral_write_bundle(c, NOW, NOW, NULL, &text, &err), CL_ERR_MALFORMED);
    EVP_PKEY_free(p384);
    cl_buf_done(&text);
    cl_collateral_free(c);
}
END_TEST

START_TEST(test_signers_are_named_by_key_or_digest)
{
    uint8_t want[CL_COLLATERAL_SIGNER_SIZE], got[CL_COLLATERAL_SIGNER_SIZE];
    char hex[2 * CL_COLLATERAL_SIGNER_SIZE + 2], *pem = NULL;
    EVP_PKEY *key = new_key(_i == 1);
    ck_assert_int_eq(cl_collateral_signer_of(key, want, NULL), CL_OK);
    cl_hex(hex, want, sizeof(want));
    ck_assert_int_eq(cl_collateral_signer_parse(hex, 64, got, NULL), CL_OK);
    ck_assert_mem_eq(got, want, sizeof(want));
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &pem);
    memset(got, 0, sizeof(got));
    ck_assert_int_eq(cl_collateral_signer_parse(pem, (size_t)len, got, NULL), CL_OK);
    ck_assert_mem_eq(got, want, sizeof(want));
    BIO_free(bio);
    ck_assert_int_eq(cl_collateral_signer_parse("x", 1, got, NULL), CL_ERR_MALFORMED);
    EVP_PKEY_free(key);
}
END_TEST

/* --- files and folders --- */

static char *new_dir(void)
{
    static char dir[] = "/tmp/cloister-collateral-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    return dir;
}

static void put(const char *dir, const char *name, const void *data, size_t len)
{
    char path[512];
    struct cl_err err = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_msg(cl_write_file(path, data, len, 0644, &err) == CL_OK, "%s", err.msg);
}

static void put_doc(const char *dir, const char *name, enum cw_doc doc)
{
    put(dir, name, cw_doc(doc)->data, cw_doc(doc)->len);
}

static void drop(const char *dir, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    (void)unlink(path);
}

static const char *const folder[] = {"amd-vcek.der",
                                     "amd-vcek-chain.milan.pem",
                                     "intel-tcb-info.tdx.json",
                                     "intel-tcb-info.tdx.chain.pem",
                                     "notes.txt",
                                     "amd-vcek-crl.milan.der.AbCdEf",
                                     "bundle.json"};

START_TEST(test_folders_are_read_by_name)
{
    const char *dir = new_dir();
    struct cl_collateral *c = fresh();
    struct cl_err err = {0};
    struct cl_collateral_options o = {.time = NOW};
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE] = {0};
    ck_assert_int_eq(cl_collateral_add_path(c, dir, &o, &err), CL_ERR_MALFORMED); /* empty */
    put_doc(dir, folder[0], CW_AMD_VCEK);
    put_doc(dir, folder[1], CW_AMD_CHAIN);
    put_doc(dir, folder[2], CW_TCB_INFO);
    put(dir, folder[4], "x", 1);
    put_doc(dir, folder[5], CW_AMD_CRL); /* half-written, by another process */
    ck_assert_int_eq(cl_collateral_add_path(c, dir, &o, &err), CL_ERR_SYS);
    ck_assert_ptr_nonnull(strstr(err.msg, "intel-tcb-info.tdx.chain.pem': No such file"));
    cl_collateral_free(c);
    put_doc(dir, folder[3], CW_TCB_CHAIN);
    c = fresh();
    ck_assert_msg(cl_collateral_add_path(c, dir, &o, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(cl_collateral_count(c), 3);
    ck_assert(!cl_collateral_bundle(c)->present);
    o.signer = signer;
    ck_assert_int_eq(cl_collateral_add_path(c, dir, &o, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected a signed bundle, got a raw file"));
    cl_collateral_free(c);
    for (size_t i = 0; i < CL_ARRAY_LEN(folder); i++) {
        drop(dir, folder[i]);
    }
    (void)rmdir(dir);
}
END_TEST

static void quote_collateral(struct cl_buf *out)
{
    json_t *j = cw_quote_collateral();
    ck_assert_int_eq(cl_json_compact(j, out, NULL), CL_OK);
    json_decref(j);
}

START_TEST(test_quote_collateral_keeps_the_signed_bytes)
{
    struct cl_buf text = {0};
    struct cl_err err = {0};
    struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE] = {0};
    quote_collateral(&text);
    ck_assert_msg(cl_collateral_add_document(c, text.data, text.len, &o, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_uint_eq(cl_collateral_count(c), 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, i), NULL), CL_OK);
    }
    const struct cl_collateral_item *it = cl_collateral_item(c, 0);
    ck_assert_uint_eq(it->len, cw_doc(CW_TCB_INFO)->len); /* the envelope, as it is served */
    ck_assert_mem_eq(it->data, cw_doc(CW_TCB_INFO)->data, it->len);
    o.signer = signer;
    ck_assert_int_eq(load(&text, &o, &err), CL_ERR_REJECTED);
    for (size_t n = 0; n + 1 < text.len; n += 7) {
        struct cl_buf cut = {.data = text.data, .len = n};
        o.signer = NULL;
        ck_assert_int_ne(load(&cut, &o, NULL), CL_OK);
    }
    cl_buf_done(&text);
    cl_collateral_free(c);
}
END_TEST

START_TEST(test_real_quote_collateral)
{
    static const char *const names[] = {"tdx/v4_dcapqvl_uptodate.collateral.json",
                                        "tdx/v3_sgx.collateral.json"};
    char path[1024];
    struct cl_err err = {0};
    struct cl_collateral_options o = {.time = NOW};
    if (!shared_available("tdx")) {
        return;
    }
    shared_path(path, "%s", names[_i]);
    struct cl_collateral *c = fresh();
    ck_assert_msg(cl_collateral_add_path(c, path, &o, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(cl_collateral_count(c), 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_msg(cl_collateral_check_issuer(c, cl_collateral_item(c, i), &err) == CL_OK, "%s",
                      err.msg);
    }
    const struct cl_collateral_item *tcb = cl_collateral_item(c, 0);
    ck_assert_int_eq(tcb->tee, _i == 0 ? CL_COLLATERAL_TDX : CL_COLLATERAL_SGX);
    ck_assert_uint_eq(tcb->tcb_evaluation_number, 17);
    cl_collateral_free(c);
}
END_TEST

int main(void)
{
    cw_init(NOW);
    Suite *s = suite_create("collateral");
    TCase *t = tcase_create("collateral");
    tcase_add_test(t, test_items_say_what_they_are_about);
    tcase_add_loop_test(t, test_wrong_items_are_refused, 0, (int)CL_ARRAY_LEN(bad));
    tcase_add_loop_test(t, test_every_truncation_is_refused, 0, CL_COLLATERAL_KIND_COUNT);
    tcase_add_loop_test(t, test_wrong_json_is_refused, 0, (int)CL_ARRAY_LEN(bad_json));
    tcase_add_loop_test(t, test_issuers_that_did_not_sign_are_told, 0, 7);
    tcase_add_test(t, test_reserialised_json_is_not_what_was_signed);
    tcase_add_test(t, test_the_newest_item_is_found);
    tcase_add_test(t, test_the_number_and_size_of_items_are_bounded);
    tcase_add_loop_test(t, test_bundles_carry_every_byte, 0, 3);
    tcase_add_test(t, test_a_bundle_ends_when_it_says);
    tcase_add_test(t, test_only_the_pinned_signer_counts);
    tcase_add_loop_test(t, test_no_change_of_a_signed_bundle_passes, 0, 2);
    tcase_add_loop_test(t, test_wrong_bundles_are_refused, 0, (int)CL_ARRAY_LEN(bad_bundles));
    tcase_add_loop_test(t, test_wrong_payloads_are_refused, 0, (int)CL_ARRAY_LEN(bad_payloads));
    tcase_add_test(t, test_keys_of_other_kinds_do_not_sign);
    tcase_add_loop_test(t, test_signers_are_named_by_key_or_digest, 0, 2);
    tcase_add_test(t, test_folders_are_read_by_name);
    tcase_add_test(t, test_quote_collateral_keeps_the_signed_bytes);
    tcase_add_loop_test(t, test_real_quote_collateral, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
