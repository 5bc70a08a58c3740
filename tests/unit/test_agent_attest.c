/* SPDX-License-Identifier: Apache-2.0
 * test_agent_attest.c - the agent's own evidence at the real broker: a guest of class snp or tdx
 * whose kernel is played (tee_kernel.c) and whose reports are signed under roots that this program
 * alone pins. Good ones get the key; with each binding broken there is none, and the broker, or the
 * agent before it, says which.
 */
#include "pinned_roots.h"
#include "tee_fixture.h"
#include "tee_kernel.h"

#include "cloister/initdata.h"

struct guest_of {
    struct tee t;
    struct tee_kernel kernel;
    struct agent_evidence evidence;
    bool tdx;
    bool other_question;
    bool other_signature;
    struct agent_runtime_log log;
};

static void make_snp(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                     struct cl_buf *aux)
{
    struct guest_of *g = ctx;
    uint8_t raw[CL_SNP_REPORT_SIZE];
    struct cl_snp_evidence *ev = bw_snp(&g->t.g, report_data, raw);
    raw[0x2A0] ^= g->other_signature ? 1 : 0;
    ck_assert_int_eq(cl_buf_append(out, raw, sizeof(raw), NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_table(ev, aux, NULL), CL_OK);
    cl_snp_evidence_free(ev);
}

static void make_quote(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                       struct cl_buf *aux)
{
    struct guest_of *g = ctx;
    (void)aux;
    (void)bw_td(&g->t.g, report_data);
    tw_quote_bytes(&g->t.g.td, out);
}

static int make_tdreport(void *ctx, const uint8_t report_data[64], uint8_t ret_report[1024])
{
    struct guest_of *g = ctx;
    tw_tdreport(bw_td(&g->t.g, report_data), ret_report);
    return 0;
}

static int extend(void *ctx, unsigned rtmr, const uint8_t digest[48])
{
    struct guest_of *g = ctx;
    uint8_t both[96];
    ck_assert_uint_eq(rtmr, 3);
    memcpy(both, g->t.g.rtmr3, 48);
    memcpy(both + 48, digest, 48);
    ck_assert_int_eq(cl_sha384(g->t.g.rtmr3, both, sizeof(both), NULL), CL_OK);
    return 0;
}

static void start(struct guest_of *g, bool tdx)
{
    char rule[256];
    char hex[65];
    uint8_t log[1024];
    *g = (struct guest_of){.tdx = tdx};
    tee_serve(&g->t, tdx ? BW_TDX : BW_SNP, /* tee_class= */ NULL);
    fx_post(&g->t.f, "/kbs/v0/resource/default/key/1", "sesame");
    cl_hex(hex, g->t.g.initdata, 32);
    (void)snprintf(rule, sizeof(rule),
                   "{\"resource\":\"default/key/*\",\"classes\":[\"%s\"],\"initdata\":[\"%s\"]}",
                   tdx ? "tdx" : "snp", hex);
    fx_policy(&g->t.f, rule);
    g->kernel = (struct tee_kernel){.provider = tdx ? "tdx_guest\n" : "sev_guest\n",
                                    .outblob = tdx ? make_quote : make_snp,
                                    .tdreport = tdx ? make_tdreport : NULL,
                                    .ctx = g};
    tee_kernel_start(&g->kernel);
    if (tdx) {
        tee_kernel_ccel(&g->kernel, log, bw_event_log(&g->t.g, log, sizeof(log)));
    }
    g->evidence = tee_kernel_evidence(&g->kernel, tdx ? AGENT_TEE_TDX : AGENT_TEE_SNP);
    agent_runtime_log_init(&g->log);
    g->evidence.runtime = &g->log;
}

static void finish(struct guest_of *g)
{
    agent_runtime_log_done(&g->log);
    tee_kernel_stop(&g->kernel);
    fx_done(&g->t.f);
}

/* As the agent's step_attest(). */
static enum cl_status get_evidence(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                                   struct cl_err *err)
{
    struct guest_of *g = ctx;
    uint8_t asked[64];
    memcpy(asked, report_data, sizeof(asked));
    asked[5] ^= g->other_question ? 1 : 0; /* an agent that binds another key, or nonce */
    return agent_evidence_json(&g->evidence, asked, out, err);
}

static struct cl_kbs *client(struct guest_of *g, const char *initdata)
{
    struct cl_err err = {0};
    struct cl_kbs *k = NULL;
    struct cl_kbs_config cfg = {
        .url = g->t.f.url,
        .cert_pem = (const char *)g->t.f.cert_pem.data,
        .initdata = (const uint8_t *)initdata,
        .initdata_len = strlen(initdata),
        .transport = {.dial = cl_kbs_dial_tcp},
        .evidence = {g, agent_evidence_form(g->evidence.tee), get_evidence}};
    fx_ok(cl_kbs_new(&cfg, &k, &err), &err);
    return k;
}

START_TEST(test_the_guest_gets_its_key)
{
    struct guest_of g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    uint8_t field[AGENT_LAUNCH_FIELD_MAX];
    size_t size = 0;
    start(&g, _i == 1);
    fx_ok(agent_evidence_launch_field(&g.evidence, field, &size, &err), &err);
    fx_ok(cl_initdata_verify(guest_initdata, strlen(guest_initdata), field, size, &err), &err);
    struct cl_kbs *k = client(&g, guest_initdata);
    enum cl_status st = cl_kbs_get_resource(k, "default/key/1", &secret, &err);
    if (st != CL_OK) {
        char *line = json_dumps(fx_audit(&g.t.f), 0);
        ck_abort_msg("%s: %s", err.msg, line);
    }
    ck_assert_uint_eq(secret.len, 6);
    ck_assert_mem_eq(secret.data, "sesame", 6);
    fx_expect_audit(&g.t.f, "get-resource", "allowed", "policy 2 rule 0");
    const char *status = NULL;
    json_t *claims = tee_claims(cl_kbs_token(k));
    const json_t *evidence = tee_annotated(claims, &status);
    ck_assert_str_eq(json_string_value(json_object_get(evidence, "cloister_class")),
                     g.tdx ? "tdx" : "snp");
    json_decref(claims);
    cl_secret_done(&secret);
    cl_kbs_free(k);
    finish(&g);
}
END_TEST

/* ---- each binding, broken ---- */

static void other_measurement(struct guest_of *g)
{
    g->t.g.report.measurement[0] ^= 1;
    g->t.g.td.td.mrtd[0] ^= 1;
}
static void other_kernel(struct guest_of *g) /* the log is still that of the right one */
{
    g->t.g.kernel_events[0] ^= 1;
}
static void other_kernel_logged(struct guest_of *g)
{
    uint8_t log[1024];
    other_kernel(g);
    tee_kernel_ccel(&g->kernel, log, bw_event_log(&g->t.g, log, sizeof(log)));
}
static void no_log(struct guest_of *g)
{
    ck_assert_int_eq(unlink(g->kernel.ccel), 0);
}
static void other_field(struct guest_of *g)
{
    g->t.g.report.host_data[31] ^= 1;
    g->t.g.td.td.mrconfigid[31] ^= 1;
}
static void padded_field(struct guest_of *g) /* behind the digest are zeros, and nothing else */
{
    g->t.g.td.td.mrconfigid[47] = 1;
}
static void other_question(struct guest_of *g)
{
    g->other_question = true;
}
static void debug(struct guest_of *g)
{
    g->t.g.report.policy |= UINT64_C(1) << 19;
    cl_le64_put(&g->t.g.td.td.td_attributes, (UINT64_C(1) << 28) | 1);
}
static void vmpl(struct guest_of *g)
{
    g->t.g.report.vmpl = 1;
}
static void other_signature(struct guest_of *g)
{
    g->other_signature = true;
}
static void other_class(struct guest_of *g)
{
    fx_policy(&g->t.f, "{\"resource\":\"default/key/*\",\"classes\":[\"sim-snp\",\"tpm\"],"
                       "\"initdata\":["
                       "\"00000000000000000000000000000000000000000000000000000000000000ff\"]}");
}

static const struct {
    const char *name;
    bool tdx;
    void (*prepare)(struct guest_of *g);
    const char *initdata; /* sent; NULL: the right one */
    const char *check;
} broken[] = {
    {"measurement", false, other_measurement, NULL, "reference.measurement"},
    {"HOST_DATA", false, other_field, NULL, "snp.host_data"},
    {"initdata", false, NULL, "version = \"0.1.0\"\nalgorithm = \"sha256\"\n", "snp.host_data"},
    {"REPORT_DATA", false, other_question, NULL, "snp.report_data"},
    {"debug", false, debug, NULL, "snp.policy.debug"},
    {"VMPL", false, vmpl, NULL, "snp.vmpl"},
    {"signature", false, other_signature, NULL, "snp.signature"},
    {"class", false, other_class, NULL, "policy.class"},
    {"MRTD", true, other_measurement, NULL, "reference.mrtd"},
    {"kernel behind the log's back", true, other_kernel, NULL, "tdx.event_log.rtmr1"},
    {"kernel", true, other_kernel_logged, NULL, "reference.rtmr1"},
    {"no log", true, no_log, NULL, "tdx.event_log"},
    {"MRCONFIGID", true, other_field, NULL, "tdx.mrconfigid"},
    {"MRCONFIGID's end", true, padded_field, NULL, "tdx.mrconfigid"},
    {"initdata", true, NULL, "version = \"0.1.0\"\nalgorithm = \"sha256\"\n", "tdx.mrconfigid"},
    {"REPORT_DATA", true, other_question, NULL, "tdx.report_data"},
    {"debug", true, debug, NULL, "tdx.td.debug"},
    {"class", true, other_class, NULL, "policy.class"},
};

START_TEST(test_a_broken_binding_gets_nothing)
{
    struct guest_of g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    start(&g, broken[_i].tdx);
    if (broken[_i].prepare != NULL) {
        broken[_i].prepare(&g);
    }
    const char *initdata = broken[_i].initdata;
    struct cl_kbs *k = client(&g, initdata != NULL ? initdata : guest_initdata);
    enum cl_status st = cl_kbs_get_resource(k, "default/key/1", &secret, &err);
    json_t *line = fx_audit(&g.t.f);
    char *text = json_dumps(line, 0);
    const char *got = json_string_value(json_object_get(line, "check"));
    ck_assert_msg(st == CL_ERR_REJECTED && got != NULL && strcmp(got, broken[_i].check) == 0,
                  "%s: %s: %s", broken[_i].name, cl_status_name(st), text);
    ck_assert_uint_eq(secret.len, 0);
    free(text);
    json_decref(line);
    cl_kbs_free(k);
    finish(&g);
}
END_TEST

/* ---- what the agent itself refuses, before anybody is asked ---- */

START_TEST(test_initdata_that_was_not_launched_is_not_used)
{
    static const char *const others[] = {"", "version = \"0.1.0\"\nalgorithm = \"sha256\"\n"};
    struct guest_of g;
    struct cl_err err = {0};
    uint8_t field[AGENT_LAUNCH_FIELD_MAX];
    size_t size = 0;
    start(&g, _i == 1);
    fx_ok(agent_evidence_launch_field(&g.evidence, field, &size, &err), &err);
    for (size_t i = 0; i < CL_ARRAY_LEN(others); i++) {
        ck_assert_int_eq(cl_initdata_verify(others[i], strlen(others[i]), field, size, &err),
                         CL_ERR_REJECTED);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        field[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(
            cl_initdata_verify(guest_initdata, strlen(guest_initdata), field, size, &err),
            CL_ERR_REJECTED);
        field[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    memset(field, 0, sizeof(field)); /* launched with none */
    ck_assert_int_eq(cl_initdata_verify(guest_initdata, strlen(guest_initdata), field, size, &err),
                     CL_ERR_REJECTED);
    finish(&g);
}
END_TEST

/* ---- what runs, in RTMR3 ---- */

static const struct {
    bool named, extends;
    const char *check; /* NULL: the key comes */
} images[] = {
    {false, false, NULL}, /* nobody asks: a kernel without it does */
    {false, true, NULL},
    {true, true, NULL},
    {true, false, "reference.rtmr3"}, /* the policy demands it */
};

static void forget_references(const struct guest_of *g)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    size_t i = 0;
    json_t *one = NULL;
    fx_admin(&g->t.f, "admin", "GET", "/kbs/v0/reference-value", NULL, 0, &resp);
    ck_assert_int_eq(cl_json_parse(resp.body.data, resp.body.len, "list", &j, NULL), CL_OK);
    json_array_foreach(json_object_get(j, "references"), i, one)
    {
        CL_CLEANUP(cl_http_response_done) struct cl_http_response gone = {0};
        char path[192];
        (void)snprintf(path, sizeof(path), "/kbs/v0/reference-value/%s/%s",
                       json_string_value(json_object_get(one, "class")),
                       json_string_value(json_object_get(one, "id")));
        fx_admin(&g->t.f, "admin", "DELETE", path, NULL, 0, &gone);
        ck_assert_uint_eq(gone.status, 200);
    }
}

START_TEST(test_the_image_is_measured_where_the_policy_demands_it)
{
    static const uint8_t manifest[32] = {0x0c, 0x0c};
    struct guest_of g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    start(&g, /* tdx= */ true);
    g.kernel.extend = extend;
    fx_ok(agent_runtime_image(&g.log, &g.evidence, manifest, &err), &err);
    if (images[_i].named) { /* a reference that only such a guest meets */
        forget_references(&g);
        g.t.g.rtmr3_named = true;
        tee_set_reference(&g.t, "2026-06-01T00:00:00Z");
    }
    if (!images[_i].extends) {
        memset(g.t.g.rtmr3, 0, 48);
        cl_buf_reset(&g.log.records);
        g.log.count = 0;
        g.kernel.extend = NULL;
        ck_assert_int_eq(agent_runtime_image(&g.log, &g.evidence, manifest, &err),
                         CL_ERR_UNAVAILABLE);
    }
    struct cl_kbs *k = client(&g, guest_initdata);
    enum cl_status st = cl_kbs_get_resource(k, "default/key/1", &secret, &err);
    json_t *line = fx_audit(&g.t.f);
    char *text = json_dumps(line, 0);
    const char *got = json_string_value(json_object_get(line, "check"));
    if (images[_i].check == NULL) {
        ck_assert_msg(st == CL_OK, "%s: %s", err.msg, text);
        ck_assert_uint_eq(secret.len, 6);
    } else {
        ck_assert_msg(st == CL_ERR_REJECTED && strcmp(got, images[_i].check) == 0, "%s", text);
    }
    free(text);
    json_decref(line);
    cl_secret_done(&secret);
    cl_kbs_free(k);
    finish(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_attest");
    TCase *t = tcase_create("all");
    uint8_t amd[CL_SNP_ROOT_SIZE], intel[CL_TDX_ROOT_SIZE];
    struct tw world;
    fx_base_make();
    world_init();
    tw_init();
    tw_default(&world);
    world_root(amd);
    tw_root_digest(&world, intel);
    pinned_roots_set(amd, intel);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_the_guest_gets_its_key, 0, 2);
    tcase_add_loop_test(t, test_a_broken_binding_gets_nothing, 0, (int)CL_ARRAY_LEN(broken));
    tcase_add_loop_test(t, test_the_image_is_measured_where_the_policy_demands_it, 0,
                        (int)CL_ARRAY_LEN(images));
    tcase_add_loop_test(t, test_initdata_that_was_not_launched_is_not_used, 0, 2);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
