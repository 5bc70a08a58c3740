/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_flips.c - every single bit of two real TDX quotes, every byte of their collateral, every
 * truncation: none is ever accepted. Bits that nobody cares about are listed here, with the reason:
 *   the bytes behind a quote: not signed by anybody; configfs and clouds leave filler there;
 *   the case of letters and the line ends of PEM around collateral's chains: the certificates in it
 *   are what counts, and each bit of those is tried.
 */
#include "cloister/tdx_verify.h"

#include "check_main.h"
#include "tdx_vectors.h"
#include "x509/x509.h"

#include <openssl/pem.h>

#define JULY_2025 INT64_C(1751328000)
#define FEB_2026 INT64_C(1771200000)

static const struct cl_tdx_rules lenient = {.statuses = UINT64_C(1) << CL_TDX_TCB_UP_TO_DATE,
                                            .collateral_grace_days = 300};

static const struct subject {
    const char *quote, *tcb_info; /* NULL: the one of the collateral document */
    struct cl_tdx_policy policy;
} subjects[] = {
    {"v4_dcapqvl_uptodate.quote.bin", NULL, {.time = JULY_2025, .authenticity_only = true}},
    {"v5_gotdx_sample.quote.bin",
     "v5_gotdx_tcbinfo_90c06f.json",
     {.time = FEB_2026, .rules = &lenient, .authenticity_only = true}},
};

static void load(const struct subject *s, struct tdx_material *m, struct cl_buf *raw)
{
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", m);
    if (s->tcb_info != NULL) {
        tdx_load_served(s->tcb_info, "tcbInfo", &m->tcb_info, m->tcb_signature);
    }
    tdx_load(s->quote, raw);
}

static enum cl_verdict verdict_of(const struct cl_tdx_verifier *v, const uint8_t *data, size_t len,
                                  const struct cl_tdx_policy *policy)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    if (cl_tdx_quote_parse(data, len, &q, NULL) != CL_OK) {
        return CL_VERDICT_REJECTED;
    }
    ck_assert_int_eq(cl_tdx_verify(v, q, policy, &r, NULL, NULL), CL_OK);
    return r->verdict;
}

static enum cl_verdict verdict_with(const struct tdx_material *m, const struct cl_buf *raw,
                                    const struct cl_tdx_policy *policy)
{
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    struct cl_tdx_collateral views = tdx_views(m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    return verdict_of(v, raw->data, raw->len, policy);
}

/* In parts, so that they can run side by side and none runs into its time limit. */
#define PARTS 8

START_TEST(test_no_bit_of_a_real_quote_can_be_changed)
{
    const struct subject *s = &subjects[_i / PARTS];
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    if (!shared_available("tdx")) {
        return;
    }
    load(s, &m, &raw);
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    ck_assert_int_eq(verdict_of(v, raw.data, raw.len, &s->policy), CL_VERDICT_ACCEPTED);
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    size_t end = raw.len - cl_tdx_quote_trailing(q);
    for (size_t i = (size_t)(_i % PARTS); i < 8 * raw.len; i += PARTS) {
        bool free_bit = i / 8 >= end;
        if (free_bit && i % 64 != 0) {
            continue;
        }
        raw.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        ck_assert_msg((verdict_of(v, raw.data, raw.len, &s->policy) == CL_VERDICT_ACCEPTED) ==
                          free_bit,
                      "%s: byte %zu, bit %zu", s->quote, i / 8, i % 8);
        raw.data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}
END_TEST

START_TEST(test_no_truncation_of_a_real_quote)
{
    for (size_t k = 0; k < CL_ARRAY_LEN(subjects); k++) {
        CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
        if (!shared_available("tdx")) {
            return;
        }
        load(&subjects[k], &m, &raw);
        ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
        for (size_t n = 0; n < raw.len - cl_tdx_quote_trailing(q); n++) {
            CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *cut = NULL;
            ck_assert_int_ne(cl_tdx_quote_parse(raw.data, n, &cut, NULL), CL_OK);
        }
    }
}
END_TEST

/* One bit of each byte, another one each time; and each 16th truncation of what has a length. */
static void try_piece(struct tdx_material *m, const struct cl_buf *raw,
                      const struct cl_tdx_policy *policy, uint8_t *data, size_t *len,
                      const char *what)
{
    size_t whole = *len;
    for (size_t i = 0; i < whole; i++) {
        data[i] ^= (uint8_t)(1u << (i % 8));
        ck_assert_msg(verdict_with(m, raw, policy) != CL_VERDICT_ACCEPTED, "%s: byte %zu", what, i);
        data[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t n = 1; n < whole && whole != sizeof(m->tcb_signature); n += 16) {
        *len = n;
        ck_assert_msg(verdict_with(m, raw, policy) != CL_VERDICT_ACCEPTED, "%s: %zu bytes", what,
                      n);
    }
    *len = whole;
}

START_TEST(test_no_byte_of_collateral_can_be_changed)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    const struct cl_tdx_policy *p = &subjects[0].policy;
    size_t signature_len = 64;
    if (!shared_available("tdx")) {
        return;
    }
    load(&subjects[0], &m, &raw);
    ck_assert_int_eq(verdict_with(&m, &raw, p), CL_VERDICT_ACCEPTED);
    switch (_i) {
    case 0:
        try_piece(&m, &raw, p, m.tcb_info.data, &m.tcb_info.len, "TCB info");
        break;
    case 1:
        try_piece(&m, &raw, p, m.qe_identity.data, &m.qe_identity.len, "QE identity");
        try_piece(&m, &raw, p, m.root_crl.data, &m.root_crl.len, "root CRL");
        break;
    case 2:
        try_piece(&m, &raw, p, m.pck_crl.data, &m.pck_crl.len, "PCK CRL");
        break;
    default:
        for (size_t i = 0; i < 8; i++) { /* each bit */
            try_piece(&m, &raw, p, m.tcb_signature, &signature_len, "TCB info's signature");
            try_piece(&m, &raw, p, m.qe_signature, &signature_len, "QE identity's signature");
        }
    }
}
END_TEST

struct ders {
    uint8_t der[2][2048];
    size_t len[2], count;
};

static enum cl_status keep_der(void *ctx, const uint8_t *der, size_t len, struct cl_err *err)
{
    struct ders *d = ctx;
    (void)err;
    ck_assert(d->count < 2 && len <= sizeof(d->der[0]));
    memcpy(d->der[d->count], der, len);
    d->len[d->count++] = len;
    return CL_OK;
}

static void put_pem(struct cl_buf *out, const struct ders *d)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    for (size_t i = 0; i < d->count; i++) {
        ck_assert(PEM_write_bio(bio, "CERTIFICATE", "", d->der[i], (long)d->len[i]) > 0);
    }
    long n = BIO_get_mem_data(bio, &text);
    tdx_put(out, text, (size_t)n);
    BIO_free(bio);
}

/* One bit of each byte of each certificate in the issuers' chains. */
START_TEST(test_no_byte_of_an_issuers_certificate_can_be_changed)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    if (!shared_available("tdx")) {
        return;
    }
    load(&subjects[0], &m, &raw);
    struct cl_buf *const chains[] = {&m.tcb_chain, &m.qe_chain, &m.pck_chain};
    struct ders d = {0};
    ck_assert_int_eq(cl_x509_pem_each(chains[_i]->data, chains[_i]->len, keep_der, &d, NULL),
                     CL_OK);
    ck_assert_uint_eq(d.count, 2);
    for (size_t c = 0; c < 2; c++) {
        for (size_t i = 0; i < d.len[c]; i++) {
            d.der[c][i] ^= (uint8_t)(1u << (i % 8));
            put_pem(chains[_i], &d);
            ck_assert_msg(verdict_with(&m, &raw, &subjects[0].policy) != CL_VERDICT_ACCEPTED,
                          "chain %d, certificate %zu, byte %zu", _i, c, i);
            d.der[c][i] ^= (uint8_t)(1u << (i % 8));
        }
    }
    put_pem(chains[_i], &d);
    ck_assert_int_eq(verdict_with(&m, &raw, &subjects[0].policy), CL_VERDICT_ACCEPTED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_flips");
    TCase *t = tcase_create("tdx_flips");
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, test_no_bit_of_a_real_quote_can_be_changed, 0,
                        PARTS * (int)CL_ARRAY_LEN(subjects));
    tcase_add_test(t, test_no_truncation_of_a_real_quote);
    tcase_add_loop_test(t, test_no_byte_of_collateral_can_be_changed, 0, 4);
    tcase_add_loop_test(t, test_no_byte_of_an_issuers_certificate_can_be_changed, 0, 3);
    suite_add_tcase(s, t);
    return run_suite(s);
}
