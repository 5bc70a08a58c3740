/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_verify.c - verification of TDX quotes in a world of the tests' own: each check fails for
 * its own reason, each status of Intel's comes out, nobody smuggles a root in.
 */
#include "cloister/tdx_verify.h"

#include "base/json.h"
#include "check_main.h"
#include "tdx_world.h"

#include <stdio.h>

static struct tw w; /* each test runs in its own process */
static uint8_t sim_root[1][CL_TDX_ROOT_SIZE];
static struct cl_tdx_reference reference;
static struct cl_tdx_policy policy;
static struct cl_tdx_rules rules;
static struct cl_policy_common common;
static struct tdx_material m;
static bool keep_material; /* a test has put its own */

static void fresh(void)
{
    tw_default(&w);
    tw_root_digest(&w, sim_root[0]);
    reference = (struct cl_tdx_reference){.tee_class = CL_TEE_CLASS_SIM_TDX, .rtmr_mask = 7};
    memcpy(reference.mrtd, w.td.mrtd, sizeof(reference.mrtd));
    memcpy(reference.rtmr, w.td.rtmr, sizeof(reference.rtmr));
    policy = (struct cl_tdx_policy){.time = TW_TIME,
                                    .references = &reference,
                                    .reference_count = 1,
                                    .sim_roots = (const uint8_t(*)[CL_TDX_ROOT_SIZE])sim_root,
                                    .sim_root_count = 1};
    rules = cl_tdx_rules_default();
    common = (struct cl_policy_common){0};
    policy.sim_rules = &rules;
    policy.common = &common;
    keep_material = false;
}

/* A list with these values, which the caller keeps. */
static struct cl_policy_list list_of(const void *data, size_t count, size_t size)
{
    return (struct cl_policy_list){(uint8_t *)(uintptr_t)data, count, size};
}

static struct cl_verify_result *verify_quote(const struct cl_tdx_quote *q, struct cl_tdx_tcb *tcb)
{
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    struct cl_verify_result *r = NULL;
    if (!keep_material) {
        tw_material(&w, &m);
    }
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_verify(v, q, &policy, &r, tcb, NULL), CL_OK);
    return r;
}

static void expect_result(struct cl_verify_result *r, enum cl_verdict verdict, const char *deciding)
{
    const struct cl_check *k = cl_verify_result_deciding(r);
    ck_assert_msg(
        r->verdict == verdict &&
            (k == NULL ? deciding == NULL : deciding != NULL && strcmp(k->id, deciding) == 0),
        "%s: %s: expected %s, got %s: %s (wanted %s)", cl_verdict_name(r->verdict),
        k != NULL ? k->id : "-", k != NULL ? k->expected : "", k != NULL ? k->actual : "",
        k != NULL ? k->why : "", deciding != NULL ? deciding : "-");
    cl_verify_result_free(r);
}

static void expect(enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    expect_result(verify_quote(q, NULL), verdict, deciding);
}

static void rejected(const char *id)
{
    expect(CL_VERDICT_REJECTED, id);
    fresh();
}

static void undetermined(const char *id)
{
    expect(CL_VERDICT_UNDETERMINED, id);
    fresh();
}

static void accepted(void)
{
    expect(CL_VERDICT_ACCEPTED, NULL);
    fresh();
}

START_TEST(test_a_perfect_world_is_accepted_as_simulated)
{
    struct cl_tdx_tcb tcb;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    fresh();
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    struct cl_verify_result *r = verify_quote(q, &tcb);
    ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_SIM_TDX);
    ck_assert_int_eq(r->authentic, CL_YES);
    ck_assert_int_eq(r->appraisal, CL_APPRAISAL_WARNING);
    ck_assert_int_eq(cl_tdx_verify_claims(q, &tcb, &claims, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(claims, "tcb_status")), "UpToDate");
    ck_assert_str_eq(json_string_value(json_object_get(claims, "fmspc")), "b0c06f000000");
    ck_assert_str_eq(json_string_value(json_object_get(claims, "tcb_date")),
                     "2025-08-13T00:00:00Z");
    expect_result(r, CL_VERDICT_ACCEPTED, NULL);
    w.version = 5;
    accepted();
}
END_TEST

START_TEST(test_a_forged_world_is_never_of_class_tdx)
{
    fresh();
    policy.sim_root_count = 0; /* names, chain, quote, collateral: all perfect */
    rejected("tdx.pck.root");
    policy.sim_root_count = 0;
    policy.authenticity_only = true;
    rejected("tdx.pck.root");
    policy.require_class = CL_TEE_CLASS_TDX;
    rejected("tdx.class");
    reference.tee_class = CL_TEE_CLASS_TDX;
    rejected("tdx.mrtd");
    policy.require_class = CL_TEE_CLASS_SIM_TDX;
    accepted();
}
END_TEST

/* The chain in the quote: other orders, one more, one less, a root that did not sign. */
START_TEST(test_chains_of_other_shapes)
{
    fresh();
    struct tw_cert other_root = w.root;
    other_root.key = other_root.issuer_key = TW_OTHER;
    const struct {
        const struct tw_cert *certs[4];
        const char *id;
    } cases[] = {
        {{&w.pck, &w.ca}, "tdx.pck.chain"},
        {{&w.pck, &w.ca, &w.root, &w.root}, "tdx.pck.chain"},
        {{&w.ca, &w.pck, &w.root}, "tdx.pck.names"},
        {{&w.pck, &w.ca, &other_root}, "tdx.pck.root"},
        {{&w.pck, &other_root, &w.root}, "tdx.pck.names"},
        {{&w.pck, &w.ca, &w.signer}, "tdx.pck.root"},
        {{&w.signer, &w.ca, &w.root}, "tdx.pck.names"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
        for (size_t k = 0; k < 4 && cases[i].certs[k] != NULL; k++) {
            tw_cert_pem(&w, cases[i].certs[k], &pem);
        }
        tw_quote_with_chain(&w, &pem, &raw);
        ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
        expect_result(verify_quote(q, NULL), CL_VERDICT_REJECTED, cases[i].id);
    }
}
END_TEST

START_TEST(test_certificates_that_are_not_what_they_should_be)
{
    fresh();
    struct {
        struct tw_cert *cert;
        const char *constraints, *algorithms;
    } cases[] = {{&w.pck, "tdx.pck.constraints", "tdx.pck.algorithms"},
                 {&w.ca, "tdx.pck.constraints", "tdx.pck.algorithms"},
                 {&w.root, "tdx.pck.constraints", "tdx.pck.algorithms"},
                 {&w.signer, "tdx.tcb_info.chain", "tdx.tcb_info.chain"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct tw_cert *c = cases[i].cert;
        c->key_usage = NULL;
        rejected(cases[i].constraints);
        c->key_usage = "critical,keyAgreement";
        rejected(cases[i].constraints);
        c->unknown_critical = true;
        rejected(cases[i].constraints);
        c->basic_constraints = i == 0 || i == 3 ? "critical,CA:TRUE" : "critical,CA:FALSE";
        rejected(cases[i].constraints);
        c->sha384 = true;
        rejected(cases[i].algorithms);
        if (c != &w.root) {
            c->issuer_key = TW_OTHER;
            rejected(i == 3 ? cases[i].algorithms : "tdx.pck.signatures");
        }
    }
    w.root.basic_constraints = "critical,CA:TRUE,pathlen:0";
    rejected("tdx.pck.constraints");
    w.pck.key = TW_P384;
    rejected("tdx.pck.algorithms");
    w.ca.cn = w.pck.issuer_cn = "Intel SGX PCK Someone CA";
    rejected("tdx.pck.names");
    w.signer.cn = "Intel SGX TCB Signed";
    rejected("tdx.tcb_info.chain");
}
END_TEST

/* Each date: one second too early or too late, and just right. */
START_TEST(test_validity_to_the_second)
{
    fresh();
    struct tw_cert *const certs[] = {&w.pck, &w.ca, &w.root};
    for (size_t i = 0; i < CL_ARRAY_LEN(certs); i++) {
        certs[i]->until = TW_TIME;
        rejected("tdx.pck.validity");
        certs[i]->until = TW_TIME + 1;
        accepted();
        certs[i]->from = TW_TIME + 1;
        rejected("tdx.pck.validity");
        certs[i]->from = TW_TIME;
        accepted();
    }
    w.signer.until = TW_TIME;
    undetermined("tdx.tcb_info.validity");
    w.signer.until = TW_TIME + 1;
    accepted();
    const struct {
        const char **issued, **next, *id;
    } documents[] = {{&w.tcb_issued, &w.tcb_next, "tdx.tcb_info.validity"},
                     {&w.qe_issued, &w.qe_next, "tdx.qe_identity.validity"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(documents); i++) {
        *documents[i].next = "2025-12-31T23:59:59Z";
        undetermined(documents[i].id);
        *documents[i].next = "2026-01-01T00:00:00Z";
        accepted();
        *documents[i].issued = "2026-01-01T00:00:01Z";
        undetermined(documents[i].id);
        *documents[i].issued = "2026-01-01T00:00:00Z";
        accepted();
    }
    const struct {
        struct tw_crl *crl;
        const char *id;
    } crls[] = {{&w.pck_crl, "tdx.pck_crl.validity"}, {&w.root_crl, "tdx.root_crl.validity"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(crls); i++) {
        crls[i].crl->until = TW_TIME - 1;
        undetermined(crls[i].id);
        crls[i].crl->until = TW_TIME;
        accepted();
        crls[i].crl->from = TW_TIME + 1;
        undetermined(crls[i].id);
        crls[i].crl->until = TW_TIME - 1;
        rules.collateral_grace_days = 1;
        accepted();
        crls[i].crl->from = TW_TIME - 401 * TW_DAY;
        common.max_collateral_age_days = 400;
        undetermined(crls[i].id);
    }
}
END_TEST

START_TEST(test_revocation_at_each_level)
{
    fresh();
    w.pck_crl.revoked = w.pck.serial;
    rejected("tdx.pck.revocation");
    w.pck_crl.revoked = w.pck.serial + 1;
    accepted();
    w.root_crl.revoked = w.ca.serial;
    rejected("tdx.pck.ca_revocation");
    w.root_crl.revoked = w.signer.serial;
    rejected("tdx.collateral.revocation");
    w.root_crl.revoked = w.pck.serial; /* not of that issuer */
    accepted();
    struct tw_crl *const crls[] = {&w.pck_crl, &w.root_crl};
    static const char *const ids[] = {"tdx.pck_crl.signature", "tdx.root_crl.signature"};
    for (size_t i = 0; i < CL_ARRAY_LEN(crls); i++) {
        crls[i]->key = TW_OTHER;
        rejected(ids[i]);
        crls[i]->issuer_cn = "Intel SGX PCK Processor CA";
        rejected(ids[i]);
        crls[i]->critical = true;
        rejected(ids[i]);
    }
}
END_TEST

/* The CRL of the other CA: nothing is known of this PCK certificate. */
START_TEST(test_a_crl_of_another_ca_decides_nothing)
{
    struct tw other;
    fresh();
    tw_material(&w, &m);
    tw_default(&other);
    other.ca.cn = other.pck_crl.issuer_cn = "Intel SGX PCK Processor CA";
    struct tdx_material theirs = {0};
    tw_material(&other, &theirs);
    tdx_put(&m.pck_crl, theirs.pck_crl.data, theirs.pck_crl.len);
    tdx_put(&m.pck_chain, theirs.pck_chain.data, theirs.pck_chain.len);
    keep_material = true;
    undetermined("tdx.pck.revocation");
    tdx_material_done(&theirs);
}
END_TEST

START_TEST(test_missing_collateral_is_cannot_tell)
{
    static const char *const ids[] = {"tdx.tcb_info.signature", "tdx.qe_identity.signature",
                                      "tdx.pck_crl.signature", "tdx.root_crl.signature"};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        for (int only = 0; only < 2; only++) {
            fresh();
            tw_material(&w, &m);
            struct cl_buf *const pieces[] = {&m.tcb_info, &m.qe_identity, &m.pck_crl, &m.root_crl};
            cl_buf_done(pieces[i]);
            keep_material = true;
            policy.authenticity_only = only == 1;
            if (only == 1) {
                accepted();
            } else {
                undetermined(ids[i]);
            }
        }
    }
}
END_TEST

START_TEST(test_collateral_from_another_root_is_refused)
{
    fresh();
    tw_material(&w, &m);
    struct tw other;
    struct tdx_material theirs = {0};
    tw_default(&other);
    other.root.key = other.root.issuer_key = other.signer.issuer_key = TW_OTHER;
    tw_material(&other, &theirs);
    tdx_put(&m.tcb_chain, theirs.tcb_chain.data, theirs.tcb_chain.len);
    keep_material = true;
    rejected("tdx.collateral.root");
    tdx_material_done(&theirs);
    tw_material(&w, &m);
    tdx_put(&m.tcb_chain, m.pck_chain.data, m.pck_chain.len); /* swapped */
    keep_material = true;
    rejected("tdx.tcb_info.chain");
    tw_material(&w, &m);
    tdx_put(&m.pck_chain, m.tcb_chain.data, m.tcb_chain.len);
    keep_material = true;
    rejected("tdx.pck_crl.chain");
    tw_material(&w, &m);
    cl_buf_done(&m.qe_chain);
    keep_material = true;
    rejected("tdx.qe_identity.chain");
}
END_TEST

START_TEST(test_tcb_info_is_about_the_platform)
{
    fresh();
    w.fmspc[5] = 1;
    rejected("tdx.tcb_info.platform");
    w.pceid[1] = 1;
    rejected("tdx.tcb_info.platform");
    w.sgx.fmspc[0] = 0x90;
    rejected("tdx.tcb_info.platform");
}
END_TEST

/* Documents that their signer has signed and that are wrong all the same; one that was signed in
 * another spelling; one that says more. */
START_TEST(test_documents_out_of_form)
{
    static const struct {
        bool qe;
        const char *from, *to;
    } cases[] = {
        {false, "\"id\":\"TDX\"", "\"id\":\"SGX\""},
        {false, "\"version\":3", "\"version\":2"},
        {false, "\"tcbType\":0", "\"tcbType\":1"},
        {false, "\"fmspc\":\"b0c06f000000\"", "\"fmspc\":\"b0c06f0000\""},
        {false, "\"pceId\":\"0000\"", "\"pceId\":\"zz00\""},
        {false, "\"issueDate\":\"2025", "\"issueDate\":\"x025"},
        {false, "\"nextUpdate\"", "\"nextupdate\""},
        {false, "\"tcbEvaluationDataNumber\":18", "\"tcbEvaluationDataNumber\":-1"},
        {false, "\"tdxModule\":{", "\"tdxmodule\":{"},
        {false, "\"id\":\"TDX_01\"", "\"id\":\"TDX_0+\""},
        {false, "\"id\":\"TDX_01\"", "\"id\":\"TDX_001\""},
        {false, "\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"Uptodate\""},
        {false, "\"tcbDate\":\"2025-08-13T00:00:00Z\"", "\"tcbDate\":\"2025-08-13\""},
        {false, "\"svn\":3", "\"svn\":256"},
        {false, "{\"svn\":3},", ""},
        {false, "\"pcesvn\":13", "\"pcesvn\":65536"},
        {false, "\"isvsvn\":5", "\"isvsvn\":\"5\""},
        {false, "\"INTEL-SA-00001\"", "1"},
        {false, "\"INTEL-SA-00001\"", "\"INTEL-SA-00001-00001-00001-00001\""},
        {false, "\"advisoryIDs\":[]", "\"advisoryIDs\":{}"},
        {false, "\"tcbType\":0", "\"tcbType\":0,\"tcbType\":0"},
        {true, "\"id\":\"TD_QE\"", "\"id\":\"QE\""},
        {true, "\"version\":2", "\"version\":3"},
        {true, "\"isvprodid\":2", "\"isvprodid\":70000"},
        {true, "\"miscselect\":\"00000000\"", "\"miscselect\":\"0000\""},
        {true, "\"miscselectMask\"", "\"miscselectmask\""},
        {true, "\"attributes\"", "\"attribute\""},
        {true, "\"attributesMask\"", "\"attributeMask\""},
        {true, "\"mrsigner\"", "\"mrSigner\""},
        {true, "\"tcbLevels\":[", "\"tcblevels\":["},
        {true, "\"tcb\":{\"isvsvn\":6}", "\"tcb\":6"},
        {true, "}]}", "}]"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        fresh();
        tw_material(&w, &m);
        struct cl_buf *body = cases[i].qe ? &m.qe_identity : &m.tcb_info;
        CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
        const char *all = (const char *)body->data;
        const char *at = strstr(all, cases[i].from);
        ck_assert_msg(at != NULL, "%s", cases[i].from);
        ck_assert_int_eq(cl_buf_append(&text, all, (size_t)(at - all), NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&text, cases[i].to, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&text, at + strlen(cases[i].from), NULL), CL_OK);
        tdx_put(body, text.data, text.len);
        keep_material = true;
        expect(CL_VERDICT_REJECTED,
               cases[i].qe ? "tdx.qe_identity.signature" : "tdx.tcb_info.signature");
        tw_sign(TW_SIGNER, body->data, body->len, cases[i].qe ? m.qe_signature : m.tcb_signature);
        rejected(cases[i].qe ? "tdx.qe_identity.contents" : "tdx.tcb_info.contents");
    }
}
END_TEST

START_TEST(test_levels_and_modules_have_maxima)
{
    static const char *const lists[] = {"tcbLevels", "tdxModuleIdentities"};
    for (size_t i = 0; i < 2; i++) {
        for (int many = 0; many < 2; many++) {
            CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
            fresh();
            tw_material(&w, &m);
            ck_assert_int_eq(cl_json_parse(m.tcb_info.data, m.tcb_info.len, "x", &j, NULL), CL_OK);
            json_t *list = json_object_get(j, lists[i]);
            json_t *one = json_deep_copy(json_array_get(list, 0));
            for (int k = 0; many == 1 && k < 70; k++) {
                ck_assert_int_eq(json_array_append(list, one), 0);
            }
            if (many == 0 && i == 0) {
                json_array_clear(list);
            } else if (many == 0) {
                ck_assert_int_eq(json_array_append(list, one), 0); /* the same id twice */
            }
            json_decref(one);
            cl_buf_done(&m.tcb_info);
            ck_assert_int_eq(cl_json_compact(j, &m.tcb_info, NULL), CL_OK);
            tw_sign(TW_SIGNER, m.tcb_info.data, m.tcb_info.len, m.tcb_signature);
            keep_material = true;
            rejected("tdx.tcb_info.contents");
        }
    }
}
END_TEST

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

START_TEST(test_the_quoting_enclave_must_be_intels)
{
    fresh();
    w.qe.mrsigner[31] ^= 1;
    rejected("tdx.qe.identity");
    cl_le16_put(&w.qe.isvprodid, 1);
    rejected("tdx.qe.identity");
    w.qe.attributes[0] |= 2; /* DEBUG */
    rejected("tdx.qe.identity");
    w.qe.attributes[0] |= 8;
    rejected("tdx.qe.identity");
    w.qe.attributes[0] |= 4; /* outside of the mask */
    accepted();
    cl_le32_put(&w.qe.miscselect, 1);
    rejected("tdx.qe.identity");
    /* and without a QE Identity as well */
    w.qe.mrsigner[0] ^= 1;
    tw_material(&w, &m);
    cl_buf_done(&m.qe_identity);
    keep_material = true;
    policy.authenticity_only = true;
    rejected("tdx.qe.identity");
}
END_TEST

START_TEST(test_the_sgx_extension_is_complete_and_has_nothing_else)
{
    static const char *const members[] = {"1",   "2",   "3",    "4",    "5",    "6",   "7",  "2.1",
                                          "2.2", "2.9", "2.16", "2.17", "2.18", "7.1", "7.2"};
    for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) {
        bool optional = members[i][0] >= '6';
        fresh();
        w.sgx.drop = members[i];
        if (optional) {
            accepted();
        } else {
            rejected("tdx.pck.extension");
        }
        w.sgx.twice = members[i];
        rejected("tdx.pck.extension");
        w.sgx.unknown = members[i];
        rejected("tdx.pck.extension");
        w.sgx.damaged = members[i];
        rejected("tdx.pck.extension");
    }
    fresh();
    w.sgx.none = true;
    rejected("tdx.pck.extension");
    w.sgx.two_extensions = true;
    rejected("tdx.pck.extension");
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

START_TEST(test_frame_and_bytes_behind_the_quote)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    fresh();
    tw_quote_bytes(&w, &raw);
    ck_assert_int_eq(cl_buf_append(&raw, "more", 4, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    expect_result(verify_quote(q, NULL), CL_VERDICT_ACCEPTED, NULL);
    rules.forbid_trailing_bytes = true;
    expect_result(verify_quote(q, NULL), CL_VERDICT_REJECTED, "tdx.quote.trailing");
}
END_TEST

/* Every bit of a quote, without the certificates' PEM, which test_tdx_flips looks at. */
START_TEST(test_no_bit_of_a_quote_can_be_changed)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    fresh();
    tw_quote_bytes(&w, &raw);
    tw_material(&w, &m);
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    for (size_t i = 0; i < 8 * raw.len; i += 1) {
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        raw.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (cl_tdx_quote_parse(raw.data, raw.len, &q, NULL) == CL_OK) {
            ck_assert_int_eq(cl_tdx_verify(v, q, &policy, &r, NULL, NULL), CL_OK);
            ck_assert_msg(r->verdict == CL_VERDICT_REJECTED && r->authentic == CL_NO,
                          "bit %zu %d %d", i, r->verdict, r->authentic);
        }
        raw.data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_verify");
    TCase *t = tcase_create("tdx_verify");
    tw_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_a_perfect_world_is_accepted_as_simulated);
    tcase_add_test(t, test_a_forged_world_is_never_of_class_tdx);
    tcase_add_test(t, test_chains_of_other_shapes);
    tcase_add_test(t, test_certificates_that_are_not_what_they_should_be);
    tcase_add_test(t, test_validity_to_the_second);
    tcase_add_test(t, test_revocation_at_each_level);
    tcase_add_test(t, test_a_crl_of_another_ca_decides_nothing);
    tcase_add_test(t, test_missing_collateral_is_cannot_tell);
    tcase_add_test(t, test_collateral_from_another_root_is_refused);
    tcase_add_test(t, test_tcb_info_is_about_the_platform);
    tcase_add_test(t, test_documents_out_of_form);
    tcase_add_test(t, test_levels_and_modules_have_maxima);
    tcase_add_test(t, test_every_status_and_how_they_converge);
    tcase_add_test(t, test_levels_are_matched_as_intel_does);
    tcase_add_test(t, test_relaunch_is_advised_when_the_module_loaded_now_is_good);
    tcase_add_test(t, test_policy_of_statuses_and_advisories);
    tcase_add_test(t, test_the_quoting_enclave_must_be_intels);
    tcase_add_test(t, test_the_sgx_extension_is_complete_and_has_nothing_else);
    tcase_add_test(t, test_each_bit_of_attributes_and_xfam);
    tcase_add_test(t, test_the_td_is_what_the_policy_expects);
    tcase_add_test(t, test_references_are_taken_as_a_whole);
    tcase_add_test(t, test_frame_and_bytes_behind_the_quote);
    tcase_add_test(t, test_no_bit_of_a_quote_can_be_changed);
    suite_add_tcase(s, t);
    return run_suite(s);
}
