/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_evidence.c - TDX evidence in the forms in which it travels, and TDREPORT.
 */
#include "cloister/tdx_evidence.h"

#include "base/digest.h"
#include "base/json.h"
#include "check_main.h"
#include "tdx_vectors.h"
#include "tdx_world.h"

#include <ctype.h>

#define REPORT_AT 32 /* in an HCL report of Azure */

static struct tw w;

static void quote_bytes(struct cl_buf *out)
{
    tw_default(&w);
    tw_quote_bytes(&w, out);
}

static enum cl_status read_text(const char *text, struct cl_tdx_evidence *ret, struct cl_err *err)
{
    return cl_tdx_evidence_from_bytes((const uint8_t *)text, strlen(text), ret, err);
}

static void expect_quote(const void *data, size_t len)
{
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    struct cl_err err = {0};
    ck_assert(cl_tdx_evidence_detect(data, len));
    ck_assert_msg(cl_tdx_evidence_from_bytes(data, len, &ev, &err) == CL_OK, "%s", err.msg);
    ck_assert_mem_eq(cl_tdx_quote_td(ev.quote)->mrtd, w.td.mrtd, 48);
}

static void wrap(struct cl_buf *out, const char *head, const struct cl_buf *raw, const char *tail)
{
    ck_assert_int_eq(cl_buf_append_str(out, head, NULL), CL_OK);
    ck_assert_int_eq(cl_b64_encode(out, raw->data, raw->len, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(out, tail, NULL), CL_OK);
}

START_TEST(test_each_form_gives_the_quote)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    char *hex = NULL, *text = NULL;
    quote_bytes(&raw);
    expect_quote(raw.data, raw.len);
    hex = malloc(2 * raw.len + 1);
    text = malloc(2 * raw.len + 64);
    ck_assert(hex != NULL && text != NULL);
    cl_hex(hex, raw.data, raw.len);
    expect_quote(hex, strlen(hex));
    (void)snprintf(text, 2 * raw.len + 64, "0x%s\n", hex);
    for (char *c = text + 2; *c != '\0'; c++) { /* either case */
        *c = (char)toupper((unsigned char)*c);
    }
    expect_quote(text, strlen(text));
    (void)snprintf(text, 2 * raw.len + 64, " {\"quote\":\"%s\",\"event_log\":\"x\"}", hex);
    expect_quote(text, strlen(text));
    wrap(&json, "{\"cc_eventlog\":null,\"quote\":\"", &raw, "\"}");
    expect_quote(json.data, json.len);
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(json.data, json.len, "x", &j, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_evidence_from_json(j, &ev, NULL), CL_OK);
    ck_assert_ptr_null(ev.event_log);
    ck_assert_int_eq(json_object_set_new(j, "more", json_true()), 0); /* on the wire it is strict */
    ck_assert_int_eq(cl_tdx_evidence_from_json(j, &ev, NULL), CL_ERR_MALFORMED);
    free(hex);
    free(text);
}
END_TEST

START_TEST(test_an_event_log_travels_beside_the_quote)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf log = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf damaged = {0};
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    if (!shared_available("tdx")) {
        return;
    }
    quote_bytes(&raw);
    tdx_load("cos113_ccel_data.head.bin", &log);
    wrap(&json, "{\"cc_eventlog\":\"", &log, "\",");
    wrap(&json, "\"quote\":\"", &raw, "\"}");
    ck_assert_int_eq(cl_tdx_evidence_from_bytes(json.data, json.len, &ev, NULL), CL_OK);
    ck_assert_uint_gt(cl_tdx_event_log_count(ev.event_log), 0);
    log.len = 100;
    wrap(&damaged, "{\"cc_eventlog\":\"", &log, "\",");
    wrap(&damaged, "\"quote\":\"", &raw, "\"}");
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence none = {0};
    ck_assert_int_eq(cl_tdx_evidence_from_bytes(damaged.data, damaged.len, &none, NULL),
                     CL_ERR_TRUNCATED);
}
END_TEST

START_TEST(test_what_is_no_evidence)
{
    static const struct {
        const char *text, *message;
        enum cl_status status;
        bool detected;
    } cases[] = {
        {"{}", "quote: expected string, got nothing", CL_ERR_MALFORMED, false},
        {"{\"quote\":1}", "quote: expected string, got integer", CL_ERR_MALFORMED, false},
        {"{\"quote\":\"!\"}", "quote", CL_ERR_MALFORMED, true},
        {"{\"quote\":\"\"}", "quote", CL_ERR_TRUNCATED, true},
        {"{\"quote\":\"\",\"hcl_report\":\"\"}", "quote", CL_ERR_TRUNCATED, false},
        {"{\"quote\":", "TDX evidence: not JSON", CL_ERR_MALFORMED, false},
        {"0400", "quote: att_key_type", CL_ERR_TRUNCATED, false},
        {"0x", "quote: att_key_type", CL_ERR_TRUNCATED, false},
        {"some text", "quote: ", CL_ERR_UNSUPPORTED, false},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
        struct cl_err err = {0};
        enum cl_status st = read_text(cases[i].text, &ev, &err);
        ck_assert(cl_tdx_evidence_detect((const uint8_t *)cases[i].text, strlen(cases[i].text)) ==
                  cases[i].detected);
        ck_assert_msg(st != CL_OK, "%s", cases[i].text);
        ck_assert_msg(strstr(err.msg, cases[i].message) != NULL || cases[i].text[0] == 's',
                      "%s: %s", cases[i].text, err.msg);
    }
}
END_TEST

START_TEST(test_a_paravisors_quote_needs_a_policy_of_its_own)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *strict = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *allowed = NULL;
    struct cl_tdx_rules rules = cl_tdx_rules_default();
    struct cl_tdx_policy p = {.time = INT64_C(1751328000), .authenticity_only = true};
    char path[1024];
    if (!shared_available("vtpm")) {
        return;
    }
    shared_path(path, "vtpm/az_tdx_td_quote.bin");
    read_whole(path, &raw);
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_verify(NULL, q, &p, &strict, NULL, NULL), CL_OK);
    ck_assert_str_eq(cl_verify_result_deciding(strict)->id, "tdx.td.sept_ve_disable");
    ck_assert_int_eq(strict->authentic, CL_YES);
    rules.allow_sept_ve = true;
    p.rules = &rules;
    ck_assert_int_eq(cl_tdx_verify(NULL, q, &p, &allowed, NULL, NULL), CL_OK);
    ck_assert_int_eq(allowed->verdict, CL_VERDICT_ACCEPTED);
}
END_TEST

static void seal_report(uint8_t r[static CL_TDX_REPORT_SIZE])
{
    ck_assert_int_eq(cl_sha384(r + 32, r + 256, 239, NULL), CL_OK);
    ck_assert_int_eq(cl_sha384(r + 80, r + 512, 512, NULL), CL_OK);
}

static void make_report(uint8_t r[static CL_TDX_REPORT_SIZE])
{
    memset(r, 0, CL_TDX_REPORT_SIZE);
    r[0] = 0x81;
    memset(r + 128, 0xDA, 64);
    r[264] = 5;
    memset(r + 528, 0x3E, 48);
    memset(r + 720 + 48, 0xA1, 48);
    seal_report(r);
}

START_TEST(test_a_tdreport_decodes)
{
    uint8_t r[CL_TDX_REPORT_SIZE];
    struct cl_tdx_td td;
    bool tdx15 = true;
    make_report(r);
    ck_assert_int_eq(cl_tdx_report_decode(r, sizeof(r), &td, &tdx15, NULL), CL_OK);
    ck_assert(!tdx15);
    ck_assert_uint_eq(td.tee_tcb_svn[0], 5);
    ck_assert_mem_eq(td.mrtd, r + 528, 48);
    ck_assert_mem_eq(td.rtmr[1], r + 768, 48);
    ck_assert_mem_eq(td.report_data, r + 128, 64);
    r[2] = 1;
    r[384] = 7;
    seal_report(r);
    ck_assert_int_eq(cl_tdx_report_decode(r, sizeof(r), &td, &tdx15, NULL), CL_OK);
    ck_assert(tdx15);
    ck_assert_uint_eq(td.tee_tcb_svn2[0], 7);
}
END_TEST

START_TEST(test_a_tdreport_out_of_form)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *message;
    } cases[] = {
        {0, 0, "type: expected 0x81 (TDX), got 0x00"},
        {1, 1, "expected subtype 0, version 0 or 1, got 1, 0"},
        {2, 2, "got 0, 2"},
        {3, 1, "reserved bytes"},
        {4, 1, "reserved bytes"},
        {192, 1, "reserved bytes"},
        {400, 1, "reserved bytes"},
        {500, 1, "reserved bytes"},
        {1000, 1, "reserved bytes"},
        {264, 6, "tee_tcb_info_hash"},
        {528, 0, "tee_info_hash"},
    };
    uint8_t r[CL_TDX_REPORT_SIZE + 1] = {0};
    struct cl_tdx_td td;
    struct cl_err err = {0};
    bool tdx15 = false;
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        make_report(r);
        r[cases[i].at] = cases[i].value;
        ck_assert_int_ne(cl_tdx_report_decode(r, CL_TDX_REPORT_SIZE, &td, &tdx15, &err), CL_OK);
        ck_assert_msg(strstr(err.msg, cases[i].message) != NULL, "%s", err.msg);
    }
    make_report(r);
    for (size_t n = 0; n < CL_TDX_REPORT_SIZE; n++) {
        ck_assert_int_eq(cl_tdx_report_decode(r, n, &td, &tdx15, NULL), CL_ERR_TRUNCATED);
    }
    ck_assert_int_eq(cl_tdx_report_decode(r, sizeof(r), &td, &tdx15, NULL), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_a_real_tdreport_says_what_its_quote_says)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf hcl = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    struct cl_tdx_td td;
    struct cl_err err = {0};
    bool tdx15 = false;
    char path[1024];
    if (!shared_available("vtpm")) {
        return;
    }
    shared_path(path, "vtpm/az_tdx_hcl_report.bin");
    read_whole(path, &hcl);
    shared_path(path, "vtpm/az_tdx_td_quote.bin");
    read_whole(path, &raw);
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    ck_assert_msg(
        cl_tdx_report_decode(hcl.data + REPORT_AT, CL_TDX_REPORT_SIZE, &td, &tdx15, &err) == CL_OK,
        "%s", err.msg);
    ck_assert_mem_eq(td.mrtd, cl_tdx_quote_td(q)->mrtd, 48);
    ck_assert_mem_eq(td.report_data, cl_tdx_quote_td(q)->report_data, 64);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_evidence");
    TCase *t = tcase_create("tdx_evidence");
    tw_init();
    tcase_add_test(t, test_each_form_gives_the_quote);
    tcase_add_test(t, test_an_event_log_travels_beside_the_quote);
    tcase_add_test(t, test_what_is_no_evidence);
    tcase_add_test(t, test_a_paravisors_quote_needs_a_policy_of_its_own);
    tcase_add_test(t, test_a_tdreport_decodes);
    tcase_add_test(t, test_a_tdreport_out_of_form);
    tcase_add_test(t, test_a_real_tdreport_says_what_its_quote_says);
    suite_add_tcase(s, t);
    return run_suite(s);
}
