/* SPDX-License-Identifier: Apache-2.0
 * test_verdict.c - from named checks to a verdict, its words and its document.
 */
#include "verdict/verdict.h"

#include "base/json.h"
#include "check_main.h"

#include <string.h>

static struct cl_verify_result *result_of(enum cl_check_status status, enum cl_tristate authentic,
                                          bool compared, bool authenticity_only)
{
    struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_verdict_new(0, &r, NULL), CL_OK);
    r->authentic = authentic;
    (void)cl_verdict_add(r, "a.first", CL_CHECK_PASS);
    (void)cl_verdict_add(r, "a.second", status);
    cl_verdict_conclude(r, compared, authenticity_only);
    return r;
}

static const struct {
    enum cl_check_status status;
    enum cl_tristate authentic;
    bool compared, authenticity_only;
    enum cl_verdict verdict;
    enum cl_appraisal appraisal;
} rows[] = {
    {CL_CHECK_PASS, CL_YES, true, false, CL_VERDICT_ACCEPTED, CL_APPRAISAL_AFFIRMING},
    {CL_CHECK_SKIPPED, CL_YES, true, false, CL_VERDICT_ACCEPTED, CL_APPRAISAL_AFFIRMING},
    {CL_CHECK_PASS, CL_YES, false, true, CL_VERDICT_ACCEPTED, CL_APPRAISAL_NONE},
    {CL_CHECK_PASS, CL_YES, false, false, CL_VERDICT_UNDETERMINED, CL_APPRAISAL_NONE},
    {CL_CHECK_PASS, CL_UNKNOWN, true, true, CL_VERDICT_UNDETERMINED, CL_APPRAISAL_NONE},
    {CL_CHECK_PASS, CL_NO, true, true, CL_VERDICT_UNDETERMINED, CL_APPRAISAL_NONE},
    {CL_CHECK_UNKNOWN, CL_YES, true, true, CL_VERDICT_UNDETERMINED, CL_APPRAISAL_NONE},
    {CL_CHECK_FAIL, CL_YES, true, true, CL_VERDICT_REJECTED, CL_APPRAISAL_CONTRAINDICATED},
};

START_TEST(test_conclusions)
{
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(rows[_i].status, rows[_i].authentic, rows[_i].compared,
                                           rows[_i].authenticity_only);
    ck_assert_int_eq(r->verdict, rows[_i].verdict);
    ck_assert_int_eq(r->appraisal, rows[_i].appraisal);
    const struct cl_check *c = cl_verify_result_deciding(r);
    bool decides = rows[_i].status == CL_CHECK_FAIL || rows[_i].status == CL_CHECK_UNKNOWN;
    ck_assert_str_eq(c != NULL ? c->id : "", decides ? "a.second" : "");
}
END_TEST

START_TEST(test_status_says_what_decided)
{
    struct cl_err err = {0};
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *nothing = result_of(CL_CHECK_PASS, CL_YES, false, false);
    ck_assert_int_eq(cl_verify_result_status(nothing, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "undetermined: nothing trusted to compare the evidence with");
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *failed = result_of(CL_CHECK_FAIL, CL_NO, true, false);
    cl_check_why(&failed->checks[1], "because");
    ck_assert_int_eq(cl_verify_result_status(failed, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "rejected: a.second: because");
    cl_check_expected(&failed->checks[1], "one");
    cl_check_actual(&failed->checks[1], "t\x1bw\xc3o");
    ck_assert_int_eq(cl_verify_result_status(failed, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "rejected: a.second: expected one, got t?w?o"); /* no escapes */
    ck_assert_ptr_null(cl_verify_result_check(failed, "a.third"));
    ck_assert_ptr_eq(cl_verify_result_check(failed, "a.first"), &failed->checks[0]);
}
END_TEST

START_TEST(test_hex_is_cut_to_its_room)
{
    static const uint8_t bytes[100] = {0xAB};
    struct cl_check c = {0};
    cl_check_hex(&c, bytes, NULL, sizeof(bytes));
    ck_assert_uint_eq(strlen(c.expected), 2 * ((CL_CHECK_TEXT_SIZE - 1) / 2));
    ck_assert_int_eq(strncmp(c.expected, "ab00", 4), 0);
    ck_assert_str_eq(c.actual, "");
}
END_TEST

START_TEST(test_document)
{
    static const enum cl_check_status all[] = {CL_CHECK_PASS, CL_CHECK_FAIL, CL_CHECK_UNKNOWN,
                                               CL_CHECK_SKIPPED};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(cl_verdict_new(1767225600, &r, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(all); i++) {
        (void)cl_verdict_add(r, "x", all[i]);
    }
    r->checks[0].warning = true;
    ck_assert_int_eq(cl_verify_result_to_json(r, NULL, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&text, "", 1, NULL), CL_OK);
#define CHECK(status, more)                                                                        \
    "{\"id\":\"x\",\"status\":\"" status "\",\"expected\":\"\",\"actual\":\"\",\"why\":\"\"" more  \
    "}"
    ck_assert_str_eq(
        (const char *)text.data,
        "{\"schema\":\"cloister.verify/1\",\"verdict\":\"undetermined\","
        "\"authentic\":null,\"appraisal\":\"none\",\"tee\":\"none\",\"product\":null,"
        "\"time\":\"2026-01-01T00:00:00Z\",\"checks\":[" CHECK(
            "pass", ",\"warning\":"
                    "true") "," CHECK("fail", "") "," CHECK("unknown",
                                                            "") "," CHECK("skipped",
                                                                          "") "],\"claims\":{}}");
}
END_TEST

START_TEST(test_words)
{
    enum cl_tee_class c = CL_TEE_CLASS_NONE;
    struct cl_err err = {0};
    for (unsigned i = CL_TEE_CLASS_NONE + 1; i < CL_TEE_CLASS_COUNT; i++) {
        ck_assert_int_eq(cl_tee_class_parse(cl_tee_class_name((enum cl_tee_class)i), &c, &err),
                         CL_OK);
        ck_assert_uint_eq((unsigned)c, i);
        ck_assert_int_eq(cl_tee_class_is_simulated(c),
                         strncmp(cl_tee_class_name(c), "sim-", 4) == 0);
    }
    ck_assert_int_eq(cl_tee_class_parse("none", &c, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(cl_tee_class_name(CL_TEE_CLASS_COUNT), "none");
    ck_assert_str_eq(cl_verdict_name(CL_VERDICT_ACCEPTED), "accepted");
    ck_assert_str_eq(cl_verdict_name(CL_VERDICT_REJECTED), "rejected");
    ck_assert_str_eq(cl_appraisal_name(CL_APPRAISAL_NONE), "none");
    ck_assert_str_eq(cl_appraisal_name(CL_APPRAISAL_AFFIRMING), "affirming");
    ck_assert_str_eq(cl_appraisal_name(CL_APPRAISAL_WARNING), "warning");
    ck_assert_str_eq(cl_appraisal_name(CL_APPRAISAL_CONTRAINDICATED), "contraindicated");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("verdict");
    TCase *t = tcase_create("verdict");
    tcase_add_loop_test(t, test_conclusions, 0, (int)CL_ARRAY_LEN(rows));
    tcase_add_test(t, test_status_says_what_decided);
    tcase_add_test(t, test_hex_is_cut_to_its_room);
    tcase_add_test(t, test_document);
    tcase_add_test(t, test_words);
    suite_add_tcase(s, t);
    return run_suite(s);
}
