/* SPDX-License-Identifier: Apache-2.0
 * test_broker_tees.c - evidence of every kind through the real broker, under roots that this
 * program alone pins (pinned_roots.c): good evidence is accepted as its class, each tampered one
 * refused with its check in the audit.
 */
#include "pinned_roots.h"
#include "tee_fixture.h"

static void set_policy(struct tee *t, const char *text)
{
    struct cl_buf body = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    tee_post(t, "/kbs/v0/verify-policy", &body);
}

static void tee_start(struct tee *t, enum bw_kind kind)
{
    char rule[256];
    char hex[65];
    tee_serve(t, kind, /* tee_class= */ NULL);
    fx_post(&t->f, "/kbs/v0/resource/default/key/1", "sesame");
    cl_hex(hex, t->g.initdata, 32);
    (void)snprintf(rule, sizeof(rule),
                   "{\"resource\":\"default/key/*\",\"classes\":[\"%s\"],\"initdata\":[\"%s\"]}",
                   t->g.tee_class, hex);
    fx_policy(&t->f, rule);
}

START_TEST(test_good_evidence_is_accepted_as_its_class)
{
    struct tee t;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    const char *status = NULL;
    tee_start(&t, (enum bw_kind)_i);
    struct cl_kbs *k = tee_client(&t);
    enum cl_status st = cl_kbs_attest(k, &err);
    if (st != CL_OK) {
        char *line = json_dumps(fx_audit(&t.f), 0);
        ck_abort_msg("%s: %s", err.msg, line);
    }
    fx_expect_audit(&t.f, "attest", "allowed", NULL);
    json_t *claims = tee_claims(cl_kbs_token(k));
    const json_t *evidence = tee_annotated(claims, &status);
    ck_assert_str_eq(json_string_value(json_object_get(evidence, "cloister_class")), t.g.tee_class);
    ck_assert_ptr_nonnull(json_object_get(evidence, t.g.tee));
    ck_assert_str_eq(status, "affirming");
    fx_ok(cl_kbs_get_resource(k, "default/key/1", &secret, &err), &err);
    ck_assert_uint_eq(secret.len, 6);
    fx_expect_audit(&t.f, "get-resource", "allowed", "policy 2 rule 0");
    cl_secret_done(&secret);
    json_decref(claims);
    cl_kbs_free(k);
    fx_done(&t.f);
}
END_TEST

/* ---- what is wrong with it ---- */

static void flip_text(json_t *j, const char *key, size_t at)
{
    char *text = strdup(json_string_value(json_object_get(j, key)));
    text[at] = text[at] == 'A' ? 'B' : text[at] == '0' ? '1' : text[at] == '1' ? '0' : 'A';
    json_object_set_new(j, key, json_string(text));
    free(text);
}
static void flip_hex(json_t *j, const char *key, size_t at)
{
    char *text = strdup(json_string_value(json_object_get(j, key)));
    text[at] = text[at] == '0' ? '1' : '0';
    json_object_set_new(j, key, json_string(text));
    free(text);
}
static void tamper_report(json_t *e)
{
    json_t *m = json_object_get(json_object_get(e, "attestation_report"), "measurement");
    json_array_set_new(m, 0, json_integer(json_integer_value(json_array_get(m, 0)) ^ 1));
}
static void tamper_quote(json_t *e) /* in MRTD */
{
    flip_text(e, "quote", (48 + 136 + 20) / 3 * 4);
}
static void tamper_quote_end(json_t *e)
{
    json_object_set_new(e, "quote", json_string("BAACAIEAAAAAAAAA"));
}
static void tamper_log(json_t *e)
{
    json_object_set_new(e, "cc_eventlog", json_string("AAAA"));
}
static void tamper_hcl(json_t *e) /* in the runtime data */
{
    flip_text(e, "hcl_report", 1300 / 3 * 4);
}
static void tamper_hardware(json_t *e) /* in the measurement of the report */
{
    flip_text(e, "hcl_report", (32 + 0x90 + 20) / 3 * 4);
}
static void tamper_td(json_t *e)
{
    flip_text(e, "td_quote", (48 + 136 + 20) / 3 * 4);
}
static void tamper_pcr(json_t *e)
{
    json_t *pcrs = json_object_get(json_object_get(e, "tpm_quote"), "pcrs");
    char *text = strdup(json_string_value(json_array_get(pcrs, 4)));
    text[0] = text[0] == '0' ? '1' : '0';
    json_array_set_new(pcrs, 4, json_string(text));
    free(text);
}
static void tamper_tpm_signature(json_t *e)
{
    flip_hex(json_object_get(e, "tpm_quote"), "signature", 100);
}
static void tamper_tpm_signature_b64(json_t *e)
{
    flip_text(json_object_get(e, "tpm_quote"), "signature", 100);
}
static void tamper_no_quote(json_t *e)
{
    json_object_del(e, "tpm_quote");
}

static void other_measurement(struct tee *t)
{
    t->g.report.measurement[0] ^= 1;
}
static void other_initdata(struct tee *t)
{
    t->g.report.host_data[0] ^= 1;
    t->g.td.td.mrconfigid[0] ^= 1;
    t->g.wrong_initdata = true;
}
static void snp_debug(struct tee *t)
{
    t->g.report.policy |= UINT64_C(1) << 19;
}
static void snp_minimum(struct tee *t)
{
    set_policy(t, "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{\"min_tcb\":{\"milan\":{"
                  "\"snp\":255}}}}");
}
static void no_section(struct tee *t)
{
    set_policy(t, "{\"schema\":\"cloister.verify-policy/1\",\"sim-snp\":{}}");
}
static void amd_revoked(struct tee *t)
{
    t->c.amd_crl.serials[0] = t->c.chain.ask.serial;
    t->c.amd_crl.serials[1] = -1;
    tee_set_collateral(t);
}
static void crl_required(struct tee *t)
{
    t->c.no_amd_crl = true;
    tee_set_collateral(t);
    set_policy(t, "{\"schema\":\"cloister.verify-policy/1\",\"common\":{\"require_crls\":true},"
                  "\"snp\":{}}");
}
static void bundle_expired(struct tee *t)
{
    atomic_fetch_add(&t->f.skew, 11 * 86400);
}
static void no_collateral(struct tee *t)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_admin(&t->f, "admin", "DELETE", "/kbs/v0/collateral", NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
}
static void no_tcb_info(struct tee *t)
{
    t->c.no_tcb_info = true;
    tee_set_collateral(t);
}
static void tcb_info_old(struct tee *t)
{
    t->c.td.tcb_next = "2025-12-31T00:00:00Z";
    tee_set_collateral(t);
}
static void td_debug(struct tee *t)
{
    cl_le64_put(&t->g.td.td.td_attributes, (UINT64_C(1) << 28) | 1);
}
static void td_old(struct tee *t)
{
    t->g.td.sgx.comp_svn[0] = 2;
}
static void pck_revoked(struct tee *t)
{
    t->c.td.pck_crl.revoked = t->c.td.pck.serial;
    tee_set_collateral(t);
}
static void no_event_log(struct tee *t)
{
    t->g.no_event_log = true;
}
static void log_differs(struct tee *t)
{
    t->g.log_differs = true;
}
static void other_kernel(struct tee *t)
{
    t->g.kernel_events[1] = 0x77;
}
static void other_mrtd(struct tee *t)
{
    t->g.td.td.mrtd[0] ^= 1;
}
static void other_pcr(struct tee *t)
{
    t->g.pcr4 = 5;
}
static void wrong_nonce(struct tee *t)
{
    t->g.wrong_nonce = true;
}
static void wrong_user_data(struct tee *t)
{
    t->g.wrong_user_data = true;
}
static void other_ak(struct tee *t)
{
    t->g.ak = TPM_RSA_OTHER;
}
static void revoke_value(struct tee *t, const char *kind, const void *data, size_t len)
{
    char hex[129];
    char body[256];
    cl_hex(hex, data, len);
    (void)snprintf(body, sizeof(body), "{\"kind\":\"%s\",\"value\":\"%s\"}", kind, hex);
    fx_post(&t->f, "/kbs/v0/revocation", body);
}
static void revoked_chip(struct tee *t)
{
    revoke_value(t, "chip", t->g.report.chip_id, 64);
}
static void revoked_mrtd(struct tee *t)
{
    revoke_value(t, "measurement", t->g.td.td.mrtd, 48);
}
static void reference_expired(struct tee *t)
{
    tee_set_reference(t, "2026-01-02T00:00:00Z");
    atomic_fetch_add(&t->f.skew, 2 * 86400);
}

static void td_evaluation(struct tee *t)
{
    set_policy(t,
               "{\"schema\":\"cloister.verify-policy/1\",\"tdx\":{\"min_evaluation_number\":99}}");
}
static void az_listed_pcr(struct tee *t) /* the policy's own list, beside the reference value */
{
    set_policy(t,
               "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{},\"az-snp-vtpm\":{\"pcrs\":{"
               "\"sha256\":{\"4\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               "aa\"]}}}}");
}
static void az_listed_paravisor(struct tee *t)
{
    set_policy(
        t, "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{},\"az-snp-vtpm\":{"
           "\"measurements\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}");
}
static void tpm_listed_key(struct tee *t)
{
    set_policy(t, "{\"schema\":\"cloister.verify-policy/1\",\"tpm\":{\"aks\":{\"keys\":["
                  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}}");
}

static const struct {
    enum bw_kind kind;
    const char *name;
    void (*prepare)(struct tee *t);
    void (*tamper)(json_t *evidence);
    const char *check;
    const char *actual; /* part of what the audit says; NULL: anything */
} cases[] = {
    {BW_SNP, "report", NULL, tamper_report, "snp.signature", NULL},
    {BW_SNP, "measurement", other_measurement, NULL, "reference.measurement", NULL},
    {BW_SNP, "initdata", other_initdata, NULL, "snp.host_data", NULL},
    {BW_SNP, "debug", snp_debug, NULL, "snp.policy.debug", NULL},
    {BW_SNP, "minimum TCB", snp_minimum, NULL, "snp.tcb.minimum", NULL},
    {BW_SNP, "no section", no_section, NULL, "snp.product.allowed", NULL},
    {BW_SNP, "revoked by AMD", amd_revoked, NULL, "snp.revocation", "intermediate"},
    {BW_SNP, "no CRL", crl_required, NULL, "snp.crl", NULL},
    {BW_SNP, "bundle expired", bundle_expired, NULL, "collateral.expired", NULL},
    {BW_SNP, "revoked chip", revoked_chip, NULL, "revoked.chip", NULL},
    {BW_SNP, "reference expired", reference_expired, NULL, "reference.expired", NULL},
    {BW_TDX, "quote", NULL, tamper_quote, "tdx.quote.signature", NULL},
    {BW_TDX, "no quote", NULL, tamper_quote_end, "evidence.format", NULL},
    {BW_TDX, "no log", NULL, tamper_log, "evidence.format", NULL},
    {BW_TDX, "MRTD", other_mrtd, NULL, "reference.mrtd", NULL},
    {BW_TDX, "kernel", other_kernel, NULL, "reference.rtmr1", "rtmr1 event 1 7777"},
    {BW_TDX, "without a log", no_event_log, NULL, "tdx.event_log", NULL},
    {BW_TDX, "log of another boot", log_differs, NULL, "tdx.event_log.rtmr1", "events"},
    {BW_TDX, "initdata", other_initdata, NULL, "tdx.mrconfigid", NULL},
    {BW_TDX, "debug", td_debug, NULL, "tdx.td.debug", NULL},
    {BW_TDX, "old TCB", td_old, NULL, "tdx.tcb.status", NULL},
    {BW_TDX, "revoked by Intel", pck_revoked, NULL, "tdx.pck.revocation", NULL},
    {BW_TDX, "no section", no_section, NULL, "tdx.tcb.status", NULL},
    {BW_TDX, "evaluation number", td_evaluation, NULL, "tdx.tcb.evaluation_number", NULL},
    {BW_TDX, "no collateral", no_collateral, NULL, "tdx.tcb_info.signature", NULL},
    {BW_TDX, "no TCB info", no_tcb_info, NULL, "tdx.tcb_info.signature", NULL},
    {BW_TDX, "old TCB info", tcb_info_old, NULL, "tdx.tcb_info.validity", "expired"},
    {BW_TDX, "bundle expired", bundle_expired, NULL, "collateral.expired", NULL},
    {BW_TDX, "revoked MRTD", revoked_mrtd, NULL, "revoked.measurement", NULL},
    {BW_TDX, "reference expired", reference_expired, NULL, "reference.expired", NULL},
    {BW_AZ_SNP, "register", NULL, tamper_pcr, "tpm.pcr.digest", NULL},
    {BW_AZ_SNP, "signature", NULL, tamper_tpm_signature, "tpm.signature", NULL},
    {BW_AZ_SNP, "runtime data", NULL, tamper_hcl, "hcl.binding", NULL},
    {BW_AZ_SNP, "hardware report", NULL, tamper_hardware, "snp.signature", NULL},
    {BW_AZ_SNP, "no quote", NULL, tamper_no_quote, "evidence.format", NULL},
    {BW_AZ_SNP, "nonce", wrong_nonce, NULL, "tpm.quote.nonce", NULL},
    {BW_AZ_SNP, "user data", wrong_user_data, NULL, "hcl.user_data", NULL},
    {BW_AZ_SNP, "initdata", other_initdata, NULL, "tpm.pcr.initdata", NULL},
    {BW_AZ_SNP, "paravisor", other_measurement, NULL, "reference.measurement", NULL},
    {BW_AZ_SNP, "boot", other_pcr, NULL, "reference.sha256:4", NULL},
    {BW_AZ_SNP, "no chain", no_collateral, NULL, "snp.chain.root", NULL},
    {BW_AZ_SNP, "revoked by AMD", amd_revoked, NULL, "snp.revocation", NULL},
    {BW_AZ_SNP, "no section", no_section, NULL, "tpm.policy", NULL},
    {BW_AZ_SNP, "listed register", az_listed_pcr, NULL, "tpm.pcr.values", NULL},
    {BW_AZ_SNP, "listed paravisor", az_listed_paravisor, NULL, "snp.measurement", NULL},
    {BW_AZ_TDX, "register", NULL, tamper_pcr, "tpm.pcr.digest", NULL},
    {BW_AZ_TDX, "TD quote", NULL, tamper_td, "tdx.quote.signature", NULL},
    {BW_AZ_TDX, "nonce", wrong_nonce, NULL, "tpm.quote.nonce", NULL},
    {BW_AZ_TDX, "initdata", other_initdata, NULL, "tpm.pcr.initdata", NULL},
    {BW_AZ_TDX, "paravisor", other_mrtd, NULL, "reference.mrtd", NULL},
    {BW_AZ_TDX, "boot", other_pcr, NULL, "reference.sha256:4", NULL},
    {BW_AZ_TDX, "no collateral", no_collateral, NULL, "tdx.tcb_info.signature", NULL},
    {BW_TPM, "register", NULL, tamper_pcr, "tpm.pcr.digest", NULL},
    {BW_TPM, "signature", NULL, tamper_tpm_signature_b64, "tpm.signature", NULL},
    {BW_TPM, "nonce", wrong_nonce, NULL, "tpm.quote.nonce", NULL},
    {BW_TPM, "initdata", other_initdata, NULL, "tpm.pcr.initdata", NULL},
    {BW_TPM, "key", other_ak, NULL, "tpm.ak.trusted", NULL},
    {BW_TPM, "no section", no_section, NULL, "tpm.policy", NULL},
    {BW_TPM, "listed key", tpm_listed_key, NULL, "tpm.ak.trusted", NULL},
    {BW_TPM, "boot", other_pcr, NULL, "reference.sha256:4", NULL},
    {BW_TPM, "reference expired", reference_expired, NULL, "reference.expired", NULL},
};

START_TEST(test_each_wrong_one_is_refused_with_its_check)
{
    struct tee t;
    tee_start(&t, cases[_i].kind);
    if (cases[_i].prepare != NULL) {
        cases[_i].prepare(&t);
    }
    t.g.tamper = cases[_i].tamper;
    tee_expect_denied(&t, cases[_i].name, cases[_i].check, cases[_i].actual);
    fx_done(&t.f);
}
END_TEST

/* A register that something was measured into, of which the reference does not speak. */
START_TEST(test_an_unnamed_register_is_a_warning_in_the_token)
{
    struct tee t;
    struct cl_err err = {0};
    const char *status = NULL;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    json_t *j = NULL;
    char path[200];
    tee_start(&t, BW_TDX);
    fx_admin(&t.f, "admin", "GET", "/kbs/v0/reference-value", NULL, 0, &resp);
    ck_assert_int_eq(cl_json_parse(resp.body.data, resp.body.len, "list", &j, NULL), CL_OK);
    (void)snprintf(path, sizeof(path), "/kbs/v0/reference-value/tdx/%s",
                   json_string_value(
                       json_object_get(json_array_get(json_object_get(j, "references"), 0), "id")));
    json_decref(j);
    fx_admin(&t.f, "admin", "DELETE", path, NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    t.g.rtmr0_unnamed = true;
    tee_set_reference(&t, "2026-06-01T00:00:00Z");
    struct cl_kbs *k = tee_client(&t);
    fx_ok(cl_kbs_attest(k, &err), &err);
    json_t *claims = tee_claims(cl_kbs_token(k));
    (void)tee_annotated(claims, &status);
    ck_assert_str_eq(status, "warning");
    json_decref(claims);
    cl_kbs_free(k);
    fx_done(&t.f);
}
END_TEST

static void bearer_get(struct tee *t, const char *token, struct cl_http_response *resp)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    ck_assert_int_eq(cl_buf_printf(&header, NULL, "Authorization: Bearer %s\r\n", token), CL_OK);
    fx_send(t->f.guest, "GET", "/kbs/v0/resource/default/key/1", (const char *)header.data, NULL, 0,
            resp);
}

/* A token of each kind is read back in full; it is good only under what judged its evidence. */
START_TEST(test_another_policy_or_collateral_ends_what_was_granted)
{
    struct tee t;
    struct cl_err err = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    tee_start(&t, (enum bw_kind)_i);
    struct cl_kbs *k = tee_client(&t);
    fx_ok(cl_kbs_attest(k, &err), &err);
    bearer_get(&t, cl_kbs_token(k), &resp);
    ck_assert_uint_eq(resp.status, 200);
    tee_set_collateral(&t);
    bearer_get(&t, cl_kbs_token(k), &resp);
    ck_assert_uint_eq(resp.status, 401);
    fx_expect_audit(&t.f, "get-resource", "denied", "trust.changed");
    cl_kbs_free(k);
    fx_done(&t.f);
}
END_TEST

/* What admins set is there after a restart, and its history says who set it. */
START_TEST(test_policy_and_collateral_are_durable)
{
    struct tee t;
    struct cl_err err = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    int64_t skew = 0;
    tee_start(&t, BW_SNP);
    snp_minimum(&t);
    skew = atomic_load(&t.f.skew);
    fx_stop(&t.f);
    fx_serve(&t.f, NULL);
    atomic_store(&t.f.skew, skew);
    struct cl_kbs *k = tee_client(&t);
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_REJECTED);
    fx_expect_audit(&t.f, "attest", "denied", "snp.tcb.minimum");
    fx_admin(&t.f, "auditor", "GET", "/kbs/v0/collateral", NULL, 0, &resp);
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"kind\":\"amd-vcek-crl\""));
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"author\":\"admin\""));
    fx_admin(&t.f, "auditor", "GET", "/kbs/v0/verify-policy", NULL, 0, &resp);
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"min_tcb\""));
    cl_kbs_free(k);
    fx_done(&t.f);
}
END_TEST

/* PCR 8 has room for 32 bytes: another algorithm is an answer, not an accident. */
START_TEST(test_initdata_of_another_size_is_refused_by_name)
{
    struct tee t;
    struct cl_err err = {0};
    static const char initdata[] = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n\n[data]\n";
    tee_start(&t, (enum bw_kind)_i);
    struct cl_kbs *k = tee_client_with(&t, initdata);
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_REJECTED);
    fx_expect_audit(&t.f, "attest", "denied", "initdata.format");
    cl_kbs_free(k);
    fx_done(&t.f);
}
END_TEST

int main(void)
{
    uint8_t amd[CL_SNP_ROOT_SIZE];
    uint8_t intel[CL_TDX_ROOT_SIZE];
    struct tw td;
    fx_base_make();
    bw_init();
    world_root(amd);
    tw_default(&td);
    tw_root_digest(&td, intel);
    pinned_roots_set(amd, intel);
    Suite *s = suite_create("broker_tees");
    TCase *t = tcase_create("broker_tees");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_good_evidence_is_accepted_as_its_class, 0, BW_KIND_COUNT);
    tcase_add_loop_test(t, test_each_wrong_one_is_refused_with_its_check, 0,
                        (int)CL_ARRAY_LEN(cases));
    tcase_add_test(t, test_an_unnamed_register_is_a_warning_in_the_token);
    tcase_add_loop_test(t, test_another_policy_or_collateral_ends_what_was_granted, 0,
                        BW_KIND_COUNT);
    tcase_add_test(t, test_policy_and_collateral_are_durable);
    tcase_add_loop_test(t, test_initdata_of_another_size_is_refused_by_name, BW_AZ_SNP,
                        BW_KIND_COUNT);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
