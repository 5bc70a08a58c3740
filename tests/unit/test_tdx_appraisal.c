/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_appraisal.c - what becomes of a genuine quote: each of Intel's statuses comes out as
 * their library would have it, and a policy's demands on platform and TD are met or missed by one
 * thing.
 */
#include "tdx_rig.h"

static struct cl_tdx_tcb tcb_of_world(void)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    struct cl_tdx_tcb tcb;
    cl_verify_result_free(verify_quote(q, &tcb));
    return tcb;
}

static void expect_status(const char *want)
{
    struct cl_tdx_tcb tcb = tcb_of_world();
    ck_assert_str_eq(cl_tdx_tcb_status_name(tcb.status), want);
}

/* Intel's table of what platform and module, or platform and QE, come to. */
START_TEST(test_every_status_and_how_they_converge)
{
    static const struct {
        const char *platform, *with_good, *with_old, *with_revoked;
    } cases[] = {
        {"UpToDate", "UpToDate", "OutOfDate", "Revoked"},
        {"SWHardeningNeeded", "SWHardeningNeeded", "OutOfDate", "Revoked"},
        {"ConfigurationNeeded", "ConfigurationNeeded", "OutOfDateConfigurationNeeded", "Revoked"},
        {"ConfigurationAndSWHardeningNeeded", "ConfigurationAndSWHardeningNeeded",
         "OutOfDateConfigurationNeeded", "Revoked"},
        {"OutOfDate", "OutOfDate", "OutOfDate", "Revoked"},
        {"OutOfDateConfigurationNeeded", "OutOfDateConfigurationNeeded",
         "OutOfDateConfigurationNeeded", "Revoked"},
        {"Revoked", "Revoked", "Revoked", "Revoked"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        const char *const others[][2] = {{"UpToDate", cases[i].with_good},
                                         {"OutOfDate", cases[i].with_old},
                                         {"Revoked", cases[i].with_revoked}};
        for (size_t k = 0; k < CL_ARRAY_LEN(others); k++) {
            fresh();
            w.levels[0].words.status = cases[i].platform;
            w.module_levels[0].words.status = others[k][0];
            expect_status(others[k][1]);
            w.module_levels[0].words.status = "UpToDate";
            w.qe_levels[0].words.status = others[k][0];
            expect_status(others[k][1]);
            expect(strcmp(others[k][1], "UpToDate") == 0 ? CL_VERDICT_ACCEPTED
                                                         : CL_VERDICT_REJECTED,
                   strcmp(others[k][1], "UpToDate") == 0 ? NULL : "tdx.tcb.status");
        }
    }
    fresh();
    w.levels[0].words.status = "TDRelaunchAdvised"; /* never of a level */
    expect_status("NotSupported");
}
END_TEST

START_TEST(test_levels_are_matched_as_intel_does)
{
    fresh();
    w.sgx.comp_svn[15] = 2; /* one component is enough to fall to the next level */
    expect_status("OutOfDate");
    w.sgx.comp_svn[15] = 1;
    rejected("tdx.tcb.platform");
    w.sgx.pcesvn = 12;
    rejected("tdx.tcb.platform");
    w.td.tee_tcb_svn[2] = 1;
    expect_status("OutOfDate");
    w.td.tee_tcb_svn[2] = 0;
    rejected("tdx.tcb.platform");
    w.sgx.pcesvn = 300; /* more than one byte */
    w.sgx.comp_svn[0] = 200;
    accepted();
    /* With a module of version 1 its SVN is the identity's business, not the platform level's. */
    w.td.tee_tcb_svn[0] = 4;
    struct cl_tdx_tcb tcb = tcb_of_world();
    ck_assert_int_eq(tcb.platform, CL_TDX_TCB_UP_TO_DATE);
    ck_assert_int_eq(tcb.module, CL_TDX_TCB_OUT_OF_DATE);
    w.td.tee_tcb_svn[0] = 3;
    rejected("tdx.tcb.module");
    w.td.tee_tcb_svn[1] = 0; /* version 0: compared with the level, no identity */
    accepted();
    w.td.tee_tcb_svn[1] = 0;
    w.td.tee_tcb_svn[0] = 4;
    rejected("tdx.tcb.platform");
    w.td.tee_tcb_svn[1] = 2;
    rejected("tdx.module.identity");
    w.module_id = "TDX_FF";
    rejected("tdx.module.identity");
    cl_le16_put(&w.qe.isvsvn, 5);
    expect_status("OutOfDate");
    cl_le16_put(&w.qe.isvsvn, 4);
    rejected("tdx.tcb.qe");
}
END_TEST

START_TEST(test_relaunch_is_advised_when_the_module_loaded_now_is_good)
{
    static const struct {
        const char *platform;
        uint8_t svn2[3];
        const char *qe, *want;
    } cases[] = {
        {"UpToDate", {5, 1, 2}, "UpToDate", "TDRelaunchAdvised"},
        {"ConfigurationNeeded", {5, 1, 2}, "UpToDate", "TDRelaunchAdvisedConfigurationNeeded"},
        {"SWHardeningNeeded", {5, 1, 2}, "UpToDate", "TDRelaunchAdvised"},
        {"OutOfDate", {5, 1, 2}, "UpToDate", "OutOfDate"},
        {"UpToDate", {4, 1, 2}, "UpToDate", "OutOfDate"},
        {"UpToDate", {5, 1, 1}, "UpToDate", "OutOfDate"},
        {"UpToDate", {5, 3, 2}, "UpToDate", "OutOfDate"}, /* no identity of that version */
        {"UpToDate", {5, 0, 2}, "UpToDate", "TDRelaunchAdvised"},
        {"UpToDate", {4, 0, 2}, "UpToDate", "OutOfDate"},
        {"UpToDate", {5, 1, 2}, "OutOfDate", "OutOfDate"},
        {"UpToDate", {5, 1, 2}, "Revoked", "Revoked"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        fresh();
        w.version = 5;
        w.td.tee_tcb_svn[0] = 4;
        w.levels[0].words.status = cases[i].platform;
        w.qe_levels[0].words.status = cases[i].qe;
        memcpy(w.td.tee_tcb_svn2, cases[i].svn2, 3);
        expect_status(cases[i].want);
    }
    fresh();
    w.version = 5;
    w.td.tee_tcb_svn[0] = 4;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_TD_RELAUNCH_ADVISED;
    accepted();
}
END_TEST

START_TEST(test_policy_of_statuses_and_advisories)
{
    static const char allowed[2][CL_TDX_ADVISORY_SIZE] = {"INTEL-SA-00001", "INTEL-SA-00002"};
    static const struct tw_words old = {.status = "OutOfDate",
                                        .date = "2025-12-01T00:00:00Z",
                                        .advisories = {"INTEL-SA-00001", "INTEL-SA-00002"}};
    fresh();
    const struct tw_words sw = {.status = "SWHardeningNeeded",
                                .date = "2025-12-01T00:00:00Z",
                                .advisories = {"INTEL-SA-00001", "INTEL-SA-00003"}};
    w.levels[0].words = old;
    w.qe_levels[0].words = sw;
    struct cl_tdx_tcb tcb = tcb_of_world();
    ck_assert_uint_eq(tcb.advisory_count, 3);
    ck_assert_str_eq(tcb.advisory_ids[2], "INTEL-SA-00003");
    rejected("tdx.tcb.status");

    w.levels[0].words = old;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_OUT_OF_DATE;
    accepted();
    w.levels[0].words = old;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_OUT_OF_DATE;
    rules.grace_days[CL_TDX_TCB_OUT_OF_DATE] = 31;
    accepted();
    w.levels[0].words = old;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_OUT_OF_DATE;
    rules.grace_days[CL_TDX_TCB_OUT_OF_DATE] = 30;
    rejected("tdx.tcb.status");
    w.levels[0].words = old;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_OUT_OF_DATE;
    rules.allowed_advisories = list_of(allowed, 2, CL_TDX_ADVISORY_SIZE);
    accepted();
    w.levels[0].words = old;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_OUT_OF_DATE;
    rules.allowed_advisories = list_of(allowed, 1, CL_TDX_ADVISORY_SIZE);
    rejected("tdx.tcb.advisories");
    w.levels[0].words = old;
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_OUT_OF_DATE;
    rules.denied_advisories = list_of(allowed[1], 1, CL_TDX_ADVISORY_SIZE);
    rejected("tdx.tcb.advisories");
    w.levels[0].words.status = "Revoked"; /* no policy accepts it */
    rules.statuses |= UINT64_C(1) << CL_TDX_TCB_REVOKED;
    rejected("tdx.tcb.status");
    rules.min_evaluation_number = 19;
    rejected("tdx.tcb.evaluation_number");
    rules.min_evaluation_number = 18;
    accepted();
}
END_TEST

START_TEST(test_each_bit_of_attributes_and_xfam)
{
    const uint64_t free_bits = UINT64_C(1) << 30 | UINT64_C(1) << 31 | UINT64_C(1) << 63;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t bit = UINT64_C(1) << i;
        fresh();
        cl_le64_put(&w.td.td_attributes, (UINT64_C(1) << 28) ^ bit);
        if ((free_bits & bit) != 0) {
            accepted();
        } else {
            rejected(i == 0    ? "tdx.td.debug"
                     : i == 28 ? "tdx.td.sept_ve_disable"
                     : i == 29 ? "tdx.td.migratable"
                               : "tdx.td.attributes");
            cl_le64_put(&w.td.td_attributes, (UINT64_C(1) << 28) ^ bit);
            rules.attributes_allowed = UINT64_MAX;
            rules.allow_sept_ve = true;
            if (i == 0) { /* never */
                rejected("tdx.td.debug");
            } else {
                accepted();
            }
        }
        cl_le64_put(&w.td.xfam, 3 ^ bit);
        if (i >= 2 && (UINT64_C(0x6DBE7) & bit) != 0) {
            accepted();
        } else {
            rejected("tdx.td.xfam");
            cl_le64_put(&w.td.xfam, 3 ^ bit);
            rules.xfam_allowed = UINT64_MAX;
            if (i < 2) {
                rejected("tdx.td.xfam");
            } else {
                accepted();
            }
        }
        cl_le64_put(&w.td.seam_attributes, bit);
        rejected("tdx.module.identity");
    }
}
END_TEST

START_TEST(test_the_td_is_what_the_policy_expects)
{
    uint8_t other[64] = {0};
    uint8_t seam[1][48];
    fresh();
    memset(w.td.mrsignerseam, 1, 1);
    rejected("tdx.module.identity");
    policy.report_data = w.td.report_data;
    accepted();
    policy.report_data = other;
    rejected("tdx.report_data");
    policy.mrconfigid = w.td.mrconfigid;
    accepted();
    policy.mrconfigid = other;
    rejected("tdx.mrconfigid");
    other[63] = other[47] = 1;
    rules.mrowner = list_of(other, 1, 48);
    rejected("tdx.mrowner");
    rules.mrownerconfig = list_of(other, 1, 48);
    rejected("tdx.mrownerconfig");
    memcpy(seam[0], w.td.mrseam, 48);
    rules.mrseam = list_of(seam, 1, 48);
    accepted();
    seam[0][47] ^= 1;
    rules.mrseam = list_of(seam, 1, 48);
    rejected("tdx.mrseam");
    reference.mrtd[47] ^= 1;
    rejected("tdx.mrtd");
    reference.rtmr[2][0] ^= 1;
    rejected("tdx.rtmr2");
    reference.rtmr_mask = 0;
    accepted();
    policy.reference_count = 0;
    undetermined("tdx.mrtd");
    rules.require_event_log = true;
    rejected("tdx.event_log");
    w.version = 5;
    w.td.mrservicetd[0] = 1;
    rejected("tdx.td.service_td");
    w.version = 5;
    w.td.mrservicetd[0] = 1;
    rules.allow_service_td = true;
    accepted();
}
END_TEST

/* Of several references the one that fits is taken, as a whole: no RTMR of one with MRTD of
 * another. */
START_TEST(test_references_are_taken_as_a_whole)
{
    struct cl_tdx_reference refs[3];
    fresh();
    refs[0] = refs[1] = refs[2] = reference;
    refs[0].mrtd[0] ^= 1;
    refs[1].rtmr[1][0] ^= 1;
    policy.references = refs;
    policy.reference_count = 2;
    expect(CL_VERDICT_REJECTED, "tdx.rtmr1");
    policy.reference_count = 3;
    expect(CL_VERDICT_ACCEPTED, NULL);
    refs[2].tee_class = CL_TEE_CLASS_TDX;
    expect(CL_VERDICT_REJECTED, "tdx.rtmr1");
}
END_TEST

/* The policy's own lists, without any reference. */
START_TEST(test_the_lists_of_a_policy)
{
    uint8_t two[2][64] = {{0}};
    fresh();
    policy.reference_count = 0;
    rules.mrtd = list_of(w.td.mrtd, 1, 48);
    accepted();
    policy.reference_count = 0;
    rules.mrtd = list_of(two, 2, 48);
    rejected("tdx.mrtd");
    rules.mrtd = list_of(two, 1, 48); /* the reference knows it */
    accepted();
    reference.mrtd[0] ^= 1; /* the list knows it */
    rules.mrtd = list_of(w.td.mrtd, 1, 48);
    accepted();
    reference.tee_class = CL_TEE_CLASS_TDX; /* a list is of its section's class */
    rules.mrtd = list_of(w.td.mrtd, 1, 48);
    accepted();
    rules.rtmr[1] = list_of(two, 2, 48);
    rejected("tdx.rtmr1");
    rules.rtmr[1] = list_of(w.td.rtmr[1], 1, 48);
    accepted();
    rules.rtmr[3] = list_of(two, 1, 48);
    accepted();
    rules.report_data = list_of(two, 2, 64);
    rejected("tdx.report_data");
    policy.report_data = w.td.report_data; /* the caller's and the policy's must both hold */
    rules.report_data = list_of(two, 1, 64);
    rejected("tdx.report_data");
    memcpy(two[1], w.td.mrconfigid, 48);
    rules.mrconfigid = list_of(w.td.mrconfigid, 1, 48);
    accepted();
}
END_TEST

static void le(struct cl_buf *out, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t b = (uint8_t)(v >> (8 * i));
        ck_assert_int_eq(cl_buf_append(out, &b, 1, NULL), CL_OK);
    }
}

/* A log with one event in each of RTMR0 to RTMR[count - 1]. */
static struct cl_tdx_event_log *make_log(unsigned count)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_event_log *log = NULL;
    le(&raw, 1, 4);
    le(&raw, CL_TDX_EVENT_NO_ACTION, 4);
    for (int i = 0; i < 20; i++) {
        le(&raw, 0, 1);
    }
    le(&raw, 33, 4);
    ck_assert_int_eq(cl_buf_append(&raw, "Spec ID Event03", 16, NULL), CL_OK);
    le(&raw, 0, 8);
    le(&raw, 1, 4);
    le(&raw, 0x0030000C, 4); /* SHA-384, 48 bytes */
    le(&raw, 0, 1);
    for (unsigned k = 1; k <= count; k++) {
        le(&raw, k, 4);
        le(&raw, 4, 4);
        le(&raw, 1, 4);
        le(&raw, 0x000C, 2);
        for (int i = 0; i < 6; i++) {
            le(&raw, k, 8);
        }
        le(&raw, 0, 4);
    }
    ck_assert_int_eq(cl_tdx_event_log_parse(raw.data, raw.len, &log, NULL), CL_OK);
    return log;
}

/* A world whose RTMRs the log leads to. */
static void fresh_with(const struct cl_tdx_event_log *log)
{
    struct cl_tdx_replay replay;
    fresh();
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &replay, NULL), CL_OK);
    memcpy(w.td.rtmr, replay.rtmr, sizeof(w.td.rtmr));
    memcpy(reference.rtmr, replay.rtmr, sizeof(reference.rtmr));
    policy.event_log = log;
    rules.require_event_log = true;
}

START_TEST(test_an_event_log_must_lead_to_the_rtmrs)
{
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *three = make_log(3);
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *four = make_log(4);
    fresh_with(four);
    accepted();
    fresh_with(three);
    accepted();
    fresh_with(three);
    memset(w.td.rtmr[3], 7, 48); /* user space extended it, and the firmware's log ends before */
    accepted();
    fresh_with(four);
    memset(w.td.rtmr[3], 7, 48);
    rejected("tdx.event_log.rtmr3");
    fresh_with(three);
    memset(w.td.rtmr[2], 0, 48); /* the event is too much */
    reference.rtmr_mask = 0;
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    struct cl_verify_result *r = verify_quote(q, NULL);
    ck_assert_ptr_nonnull(strstr(cl_verify_result_deciding(r)->why, "event 2 of the log"));
    expect_result(r, CL_VERDICT_REJECTED, "tdx.event_log.rtmr2");
    fresh_with(three);
    memset(w.td.rtmr[0], 9, 48);
    reference.rtmr_mask = 0;
    rejected("tdx.event_log.rtmr0");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_appraisal");
    TCase *t = tcase_create("tdx_appraisal");
    tw_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_every_status_and_how_they_converge);
    tcase_add_test(t, test_levels_are_matched_as_intel_does);
    tcase_add_test(t, test_relaunch_is_advised_when_the_module_loaded_now_is_good);
    tcase_add_test(t, test_policy_of_statuses_and_advisories);
    tcase_add_test(t, test_each_bit_of_attributes_and_xfam);
    tcase_add_test(t, test_the_td_is_what_the_policy_expects);
    tcase_add_test(t, test_references_are_taken_as_a_whole);
    tcase_add_test(t, test_the_lists_of_a_policy);
    tcase_add_test(t, test_an_event_log_must_lead_to_the_rtmrs);
    suite_add_tcase(s, t);
    return run_suite(s);
}
