/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_tdx.c - quotes, collateral and verdicts of TDX while memory runs out at every point in
 * turn: an error or a verdict that does not accept, and never a crash or a leak.
 */
#include "base/encode.h"
#include "base/json.h"
#include "cloister/tdx_evidence.h"
#include "failing_alloc.h"
#include "tdx_rig.h"

static struct cl_buf raw, evidence_json;
static struct cl_tdx_collateral views;

static enum cl_status parse_quote(void)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    struct cl_tdx_platform platform;
    CL_TRY(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL));
    return cl_tdx_quote_platform(q, &platform, NULL);
}

static enum cl_status read_evidence(void)
{
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    return cl_tdx_evidence_from_bytes(evidence_json.data, evidence_json.len, &ev, NULL);
}

static enum cl_status verify(void)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    struct cl_tdx_tcb tcb;
    CL_TRY(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL));
    CL_TRY(cl_tdx_verifier_new(&views, &v, NULL));
    CL_TRY(cl_tdx_verify(v, q, &policy, &r, &tcb, NULL));
    CL_TRY(cl_tdx_verify_claims(q, &tcb, &claims, NULL));
    return r->verdict == CL_VERDICT_ACCEPTED ? CL_OK : CL_ERR_UNAVAILABLE;
}

START_TEST(test_parsers)
{
    failing_alloc_each(parse_quote, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(read_evidence, EVERY_ONE_COUNTS, 1);
}
END_TEST

START_TEST(test_verdict)
{
    failing_alloc_each(verify, OURS_MAY_CACHE, 23);
}
END_TEST

int main(void)
{
    failing_alloc_init();
    tw_init();
    fresh();
    tw_material(&w, &m);
    views = tdx_views(&m);
    tw_quote_bytes(&w, &raw);
    if (cl_buf_append_str(&evidence_json, "{\"quote\":\"", NULL) != CL_OK ||
        cl_b64_encode(&evidence_json, raw.data, raw.len, NULL) != CL_OK ||
        cl_buf_append_str(&evidence_json, "\"}", NULL) != CL_OK) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("alloc_tdx");
    TCase *t = tcase_create("alloc_tdx");
    tcase_set_timeout(t, 240);
    tcase_add_test(t, test_parsers);
    tcase_add_test(t, test_verdict);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    cl_buf_done(&raw);
    cl_buf_done(&evidence_json);
    return rc;
}
