/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_select.c - from a store of collateral to what one platform needs: the newest of each
 * kind, of this platform and of no other, and nothing where there is nothing.
 */
#include "tdx_rig.h"

#include "cloister/collateral.h"

static struct cl_collateral *store;
static struct cl_tdx_platform platform;

static void setup(void)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    fresh();
    tw_material(&w, &m);
    q = tw_quote(&w);
    ck_assert_int_eq(cl_tdx_quote_platform(q, &platform, NULL), CL_OK);
    ck_assert_int_eq(cl_collateral_new(&store, NULL), CL_OK);
}

static void teardown(void)
{
    cl_collateral_freep(&store);
    tdx_material_done(&m);
}

static struct cl_tdx_collateral select_views(void)
{
    struct cl_tdx_collateral v;
    memset(&v, 0xEE, sizeof(v)); /* every member is written */
    cl_tdx_collateral_select(store, &platform, &v);
    return v;
}

static void same(const void *a, size_t a_len, const void *b, size_t b_len)
{
    ck_assert_uint_eq(a_len, b_len);
    ck_assert_mem_eq(a, b, a_len);
}

static void same_json(const struct cl_tdx_signed_json *a, const struct cl_tdx_signed_json *b)
{
    same(a->body, a->body_len, b->body, b->body_len);
    same(a->signature, CL_TDX_SIGNATURE_SIZE, b->signature, CL_TDX_SIGNATURE_SIZE);
    same(a->chain, a->chain_len, b->chain, b->chain_len);
}

START_TEST(test_each_kind_is_found)
{
    struct cl_tdx_collateral want = tdx_views(&m);
    tw_store(&m, /* tcb_info= */ true, store);
    struct cl_tdx_collateral got = select_views();
    same_json(&got.tcb_info, &want.tcb_info);
    same_json(&got.qe_identity, &want.qe_identity);
    same(got.pck_crl.der, got.pck_crl.len, want.pck_crl.der, want.pck_crl.len);
    same(got.pck_crl.chain, got.pck_crl.chain_len, want.pck_crl.chain, want.pck_crl.chain_len);
    same(got.root_crl.der, got.root_crl.len, want.root_crl.der, want.root_crl.len);
    ck_assert_ptr_null(got.root_crl.chain);
}
END_TEST

/* With what was found a quote is accepted; with nothing it is not. */
static void expect_with(const struct cl_tdx_collateral *views, enum cl_verdict verdict,
                        const char *deciding)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_tdx_verifier_new(views, &v, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_verify(v, q, &policy, &r, NULL, NULL), CL_OK);
    expect_result(r, verdict, deciding);
}

START_TEST(test_what_was_found_verifies)
{
    tw_store(&m, /* tcb_info= */ true, store);
    struct cl_tdx_collateral views = select_views();
    expect_with(&views, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_what_is_not_there_stays_null)
{
    struct cl_tdx_collateral views = select_views();
    ck_assert_ptr_null(views.tcb_info.body);
    ck_assert_ptr_null(views.qe_identity.body);
    ck_assert_ptr_null(views.pck_crl.der);
    ck_assert_ptr_null(views.root_crl.der);
    tw_store(&m, /* tcb_info= */ false, store);
    views = select_views();
    ck_assert_ptr_null(views.tcb_info.body);
    ck_assert_ptr_nonnull(views.qe_identity.body);
    expect_with(&views, CL_VERDICT_UNDETERMINED, "tdx.tcb_info.signature");
}
END_TEST

START_TEST(test_another_platform_has_nothing_here)
{
    tw_store(&m, /* tcb_info= */ true, store);
    platform.fmspc[5] ^= 1;
    struct cl_tdx_collateral views = select_views();
    ck_assert_ptr_null(views.tcb_info.body);
    ck_assert_ptr_nonnull(views.qe_identity.body); /* one for all */
    ck_assert_ptr_nonnull(views.pck_crl.der);
    platform.ca = CL_TDX_PCK_CA_PROCESSOR;
    views = select_views();
    ck_assert_ptr_null(views.pck_crl.der);
    ck_assert_ptr_nonnull(views.root_crl.der);
}
END_TEST

START_TEST(test_the_newest_counts)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material newer = {0};
    struct cl_tdx_collateral want;
    tw_store(&m, /* tcb_info= */ true, store);
    w.evaluation_number++;
    tw_material(&w, &newer);
    tw_store(&newer, /* tcb_info= */ true, store);
    want = tdx_views(&newer);
    struct cl_tdx_collateral got = select_views();
    same_json(&got.tcb_info, &want.tcb_info);
    same_json(&got.qe_identity, &want.qe_identity);
}
END_TEST

int main(void)
{
    tw_init();
    Suite *s = suite_create("tdx_select");
    TCase *t = tcase_create("tdx_select");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_each_kind_is_found);
    tcase_add_test(t, test_what_was_found_verifies);
    tcase_add_test(t, test_what_is_not_there_stays_null);
    tcase_add_test(t, test_another_platform_has_nothing_here);
    tcase_add_test(t, test_the_newest_counts);
    suite_add_tcase(s, t);
    return run_suite(s);
}
