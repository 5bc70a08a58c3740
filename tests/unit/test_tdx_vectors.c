/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_vectors.c - real, published TDX quotes and collateral: each gives the outcome and the
 * status that the vectors' INDEX states.
 */
#include "cloister/ear.h"
#include "cloister/tdx_verify.h"

#include "check_main.h"
#include "tdx_vectors.h"

#define JULY_2025 INT64_C(1751328000) /* 2025-07-01T00:00:00Z */
#define JUNE_2023 INT64_C(1687651200) /* 2023-06-25 */
#define FEB_2026 INT64_C(1771200000)  /* 2026-02-16 */

struct outcome {
    struct cl_verify_result *result;
    struct cl_tdx_tcb tcb;
};

static void outcome_done(struct outcome *o)
{
    cl_verify_result_free(o->result);
}

static void verify(const char *file, const struct tdx_material *m, const struct cl_tdx_policy *p,
                   struct outcome *ret)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tdx_load_quote(file);
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    struct cl_tdx_reference ref = {.tee_class = CL_TEE_CLASS_TDX};
    struct cl_tdx_policy policy = *p;
    struct cl_err err = {0};
    if (m != NULL) {
        struct cl_tdx_collateral views = tdx_views(m);
        ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    }
    memcpy(ref.mrtd, cl_tdx_quote_td(q)->mrtd, sizeof(ref.mrtd));
    memcpy(ref.rtmr, cl_tdx_quote_td(q)->rtmr, sizeof(ref.rtmr));
    ref.rtmr_mask = 0xF;
    if (!policy.authenticity_only) {
        policy.references = &ref;
        policy.reference_count = 1;
    }
    ck_assert_msg(cl_tdx_verify(v, q, &policy, &ret->result, &ret->tcb, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_str_eq(ret->result->checks[0].id, "tdx.pck.chain");
}

static void expect(const struct outcome *o, enum cl_verdict verdict, const char *deciding)
{
    const struct cl_check *k = cl_verify_result_deciding(o->result);
    ck_assert_msg(
        o->result->verdict == verdict &&
            (k == NULL ? deciding == NULL : deciding != NULL && strcmp(k->id, deciding) == 0),
        "%s: %s: expected %s, got %s: %s", cl_verdict_name(o->result->verdict),
        k != NULL ? k->id : "-", k != NULL ? k->expected : "", k != NULL ? k->actual : "",
        k != NULL ? k->why : "");
}

static void expect_tcb(const struct outcome *o, enum cl_tdx_tcb_status want)
{
    ck_assert_msg(o->tcb.status == want, "%s", cl_tdx_tcb_status_name(o->tcb.status));
}

static const struct cl_tdx_policy at_july = {.time = JULY_2025};

START_TEST(test_an_up_to_date_quote_is_accepted_within_its_collaterals_time)
{
    static const struct {
        int64_t time;
        enum cl_verdict verdict;
        const char *deciding;
    } cases[] = {
        {JULY_2025, CL_VERDICT_ACCEPTED, NULL},
        {1750329147, CL_VERDICT_ACCEPTED, NULL}, /* 2025-06-19T10:32:27Z, QE identity's issueDate */
        {1750329146, CL_VERDICT_UNDETERMINED, "tdx.qe_identity.validity"},
        {1752919235, CL_VERDICT_ACCEPTED,
         NULL}, /* 2025-07-19T10:00:35Z, nextUpdate of the PCK CRL */
        {1752919236, CL_VERDICT_UNDETERMINED, "tdx.pck_crl.validity"},
    };
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(outcome_done) struct outcome o = {0};
        const struct cl_tdx_policy p = {.time = cases[i].time};
        verify("v4_dcapqvl_uptodate.quote.bin", &m, &p, &o);
        expect(&o, cases[i].verdict, cases[i].deciding);
        expect_tcb(&o, CL_TDX_TCB_UP_TO_DATE);
        ck_assert_uint_eq(o.tcb.evaluation_number, 17);
        ck_assert_uint_eq(o.tcb.advisory_count, 0);
        ck_assert_int_eq(o.tcb.date, 1710288000); /* 2024-03-13 */
        ck_assert_int_eq(o.tcb.collateral_expires, 1752919235);
        ck_assert_int_eq(o.result->authentic, CL_YES);
        ck_assert_int_eq(o.result->tee_class, CL_TEE_CLASS_TDX);
    }
}
END_TEST

/* Accepted, with all registers compared: what an EAR token says of it. */
START_TEST(test_ar4si_of_an_accepted_td)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    verify("v4_dcapqvl_uptodate.quote.bin", &m, &at_july, &o);
    struct cl_ar4si v = cl_ar4si_of_result(o.result);
    ck_assert_int_eq(v.value[CL_AR4SI_INSTANCE_IDENTITY], 0); /* no check asks which chip it is */
    ck_assert_int_eq(v.value[CL_AR4SI_CONFIGURATION], 3);
    ck_assert_int_eq(v.value[CL_AR4SI_EXECUTABLES], 3);
    ck_assert_int_eq(v.value[CL_AR4SI_HARDWARE], 2);
    ck_assert_int_eq(cl_ear_status(o.result), CL_APPRAISAL_AFFIRMING);
}
END_TEST

START_TEST(test_grace_and_age_of_collateral)
{
    static const struct {
        int64_t time;
        struct cl_tdx_rules rules; /* and the defaults */
        uint32_t max_age_days;
        enum cl_verdict verdict;
        const char *deciding;
    } cases[] = {
        {1752919235 + 86400, {.collateral_grace_days = 1}, 0, CL_VERDICT_ACCEPTED, NULL},
        {1752919236 + 86400,
         {.collateral_grace_days = 1},
         0,
         CL_VERDICT_UNDETERMINED,
         "tdx.pck_crl.validity"},
        {JULY_2025, {.statuses = 0}, 1, CL_VERDICT_UNDETERMINED, "tdx.tcb_info.validity"},
        {JULY_2025, {.statuses = 0}, 365, CL_VERDICT_ACCEPTED, NULL},
        {JULY_2025, {.min_evaluation_number = 17}, 0, CL_VERDICT_ACCEPTED, NULL},
        {JULY_2025,
         {.min_evaluation_number = 18},
         0,
         CL_VERDICT_REJECTED,
         "tdx.tcb.evaluation_number"},
    };
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(outcome_done) struct outcome o = {0};
        struct cl_tdx_rules rules = cases[i].rules;
        const struct cl_policy_common common = {.max_collateral_age_days = cases[i].max_age_days};
        rules.statuses = cl_tdx_rules_default().statuses;
        const struct cl_tdx_policy p = {.time = cases[i].time, .rules = &rules, .common = &common};
        verify("v4_dcapqvl_uptodate.quote.bin", &m, &p, &o);
        expect(&o, cases[i].verdict, cases[i].deciding);
    }
}
END_TEST

START_TEST(test_a_platform_below_every_level_is_rejected)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    verify("v4_dcapqvl_rtmr3.quote.hex", &m, &at_july, &o);
    expect(&o, CL_VERDICT_REJECTED, "tdx.tcb.platform");
    expect_tcb(&o, CL_TDX_TCB_NOT_SUPPORTED);
    ck_assert_int_eq(o.tcb.module, CL_TDX_TCB_UP_TO_DATE);
    ck_assert_int_eq(o.result->authentic, CL_YES);
}
END_TEST

/* The quote of 2026 has TCB Info of its time, and QE Identity and CRLs only of another. */
START_TEST(test_tdx15_quote_is_up_to_date)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    static const char *const files[] = {"v5_gotdx_sample.quote.bin", "v4_dstack_quote_report.json"};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    tdx_load_served("v5_gotdx_tcbinfo_90c06f.json", "tcbInfo", &m.tcb_info, m.tcb_signature);
    for (size_t i = 0; i < CL_ARRAY_LEN(files); i++) {
        CL_CLEANUP(outcome_done) struct outcome o = {0};
        struct cl_tdx_rules rules = cl_tdx_rules_default();
        const struct cl_tdx_policy p = {.time = FEB_2026, .rules = &rules};
        rules.collateral_grace_days = 300;
        verify(files[i], &m, &p, &o);
        expect(&o, CL_VERDICT_ACCEPTED, NULL);
        expect_tcb(&o, CL_TDX_TCB_UP_TO_DATE);
        ck_assert_int_eq(o.result->appraisal, CL_APPRAISAL_WARNING);
    }
    CL_CLEANUP(outcome_done) struct outcome late = {0};
    const struct cl_tdx_policy p = {.time = FEB_2026};
    verify(files[0], &m, &p, &late);
    expect(&late, CL_VERDICT_UNDETERMINED, "tdx.qe_identity.validity");
    expect_tcb(&late, CL_TDX_TCB_UP_TO_DATE);
}
END_TEST

static void load_2023(struct tdx_material *m)
{
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", m); /* for its chains */
    tdx_load_served("v4_gotdx_tcbinfo_50806f.json", "tcbInfo", &m->tcb_info, m->tcb_signature);
    tdx_load_served("gotdx_qeidentity_2023.json", "enclaveIdentity", &m->qe_identity,
                    m->qe_signature);
    cl_buf_done(&m->pck_crl);
    cl_buf_done(&m->root_crl);
    tdx_load("gotdx_pckcrl_platform_2023.der", &m->pck_crl);
    tdx_load("gotdx_rootca_2023.crl.der", &m->root_crl);
}

START_TEST(test_a_debug_td_is_rejected_although_its_platform_is_up_to_date)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    CL_CLEANUP(outcome_done) struct outcome only = {0};
    const struct cl_tdx_policy p = {.time = JUNE_2023};
    const struct cl_tdx_policy authenticity = {.time = JUNE_2023, .authenticity_only = true};
    if (!shared_available("tdx")) {
        return;
    }
    load_2023(&m);
    verify("v4_trustee_debug_td.quote.bin", &m, &p, &o);
    expect(&o, CL_VERDICT_REJECTED, "tdx.td.debug");
    expect_tcb(&o, CL_TDX_TCB_UP_TO_DATE);
    verify("v4_trustee_debug_td.quote.bin", NULL, &authenticity, &only);
    expect(&only, CL_VERDICT_REJECTED, "tdx.td.debug");
    ck_assert_int_eq(only.result->authentic, CL_YES);
}
END_TEST

START_TEST(test_sept_ve_and_an_old_platform)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    const struct cl_tdx_policy p = {.time = JUNE_2023};
    if (!shared_available("tdx")) {
        return;
    }
    load_2023(&m);
    verify("v4_gotdx_spr_e4.quote.bin", &m, &p, &o);
    expect(&o, CL_VERDICT_REJECTED, "tdx.tcb.platform");
    expect_tcb(&o, CL_TDX_TCB_NOT_SUPPORTED);
    ck_assert_int_eq(cl_verify_result_check(o.result, "tdx.td.sept_ve_disable")->status,
                     CL_CHECK_FAIL);
}
END_TEST

START_TEST(test_without_collateral_only_authenticity_can_be_told)
{
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    CL_CLEANUP(outcome_done) struct outcome only = {0};
    const struct cl_tdx_policy authenticity = {.time = JULY_2025, .authenticity_only = true};
    if (!shared_available("tdx")) {
        return;
    }
    verify("v4_cos113.quote.bin", NULL, &at_july, &o);
    expect(&o, CL_VERDICT_UNDETERMINED, "tdx.tcb_info.signature");
    verify("v4_cos113.quote.bin", NULL, &authenticity, &only);
    expect(&only, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_collateral_of_another_platform_is_refused)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    verify("v4_cos113.quote.bin", &m, &at_july, &o);
    expect(&o, CL_VERDICT_REJECTED, "tdx.tcb_info.platform");
    expect_tcb(&o, CL_TDX_TCB_UNKNOWN);
}
END_TEST

START_TEST(test_sgx_collateral_is_not_of_a_td)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v3_sgx.collateral.json", &m);
    verify("v4_dcapqvl_uptodate.quote.bin", &m, &at_july, &o);
    expect(&o, CL_VERDICT_REJECTED, "tdx.tcb_info.contents");
}
END_TEST

START_TEST(test_reserialised_json_is_refused)
{
    CL_CLEANUP(tdx_material_done) struct tdx_material m = {0};
    CL_CLEANUP(outcome_done) struct outcome o = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf again = {0};
    if (!shared_available("tdx")) {
        return;
    }
    tdx_load_collateral("v4_dcapqvl_uptodate.collateral.json", &m);
    ck_assert_int_eq(cl_json_parse(m.tcb_info.data, m.tcb_info.len, "x", &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_canonical(j, &again, NULL), CL_OK);
    tdx_put(&m.tcb_info, again.data, again.len);
    verify("v4_dcapqvl_uptodate.quote.bin", &m, &at_july, &o);
    expect(&o, CL_VERDICT_REJECTED, "tdx.tcb_info.signature");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_vectors");
    TCase *t = tcase_create("tdx_vectors");
    tcase_add_test(t, test_an_up_to_date_quote_is_accepted_within_its_collaterals_time);
    tcase_add_test(t, test_ar4si_of_an_accepted_td);
    tcase_add_test(t, test_grace_and_age_of_collateral);
    tcase_add_test(t, test_a_platform_below_every_level_is_rejected);
    tcase_add_test(t, test_tdx15_quote_is_up_to_date);
    tcase_add_test(t, test_a_debug_td_is_rejected_although_its_platform_is_up_to_date);
    tcase_add_test(t, test_sept_ve_and_an_old_platform);
    tcase_add_test(t, test_without_collateral_only_authenticity_can_be_told);
    tcase_add_test(t, test_collateral_of_another_platform_is_refused);
    tcase_add_test(t, test_sgx_collateral_is_not_of_a_td);
    tcase_add_test(t, test_reserialised_json_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
