/* SPDX-License-Identifier: Apache-2.0
 * test_broker.c - the handshake with the real broker: the way that works, and each denial with the
 * exact check that the audit names and what the client hears of it.
 */
#include "broker_fixture.h"
#include "state.h"

static char *detail_of(const struct cl_http_response *resp, const char *type)
{
    json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(resp->body.data, resp->body.len, "error", &j, NULL), CL_OK);
    const char *t = json_string_value(json_object_get(j, "type"));
    const char *slash = strrchr(t, '/');
    ck_assert_str_eq(slash + 1, type);
    ck_assert_int_eq(strncmp(t, "https://github.com/confidential-containers/kbs/errors/", 54), 0);
    char *detail = strdup(json_string_value(json_object_get(j, "detail")));
    json_decref(j);
    return detail;
}

static void expect_error(const struct cl_http_response *resp, unsigned status, const char *type,
                         const char *detail)
{
    char *got = detail_of(resp, type);
    ck_assert_uint_eq(resp->status, status);
    ck_assert_str_eq(got, detail);
    free(got);
}

START_TEST(test_attested_guest_gets_its_resource)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_ok(cl_kbs_attest(k, &err), &err);
    fx_expect_audit(&f, "attest", "allowed", NULL);
    ck_assert_ptr_nonnull(cl_kbs_token(k));
    fx_ok(cl_kbs_get_resource(k, "default/key/1", &secret, &err), &err);
    ck_assert_uint_eq(secret.len, 6);
    ck_assert_int_eq(memcmp(secret.data, "sesame", 6), 0);
    fx_expect_audit(&f, "get-resource", "allowed", "policy 2 rule 0");
    cl_secret_done(&secret);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

/* ---- one guest that is refused, in one way ---- */

static json_t *report_of(json_t *evidence)
{
    return json_object_get(evidence, "attestation_report");
}
static void flip(json_t *array, size_t i)
{
    json_int_t v = json_integer_value(json_array_get(array, i));
    ck_assert_int_eq(json_array_set_new(array, i, json_integer(v ^ 1)), 0);
}
static void tamper_measurement(json_t *e)
{
    flip(json_object_get(report_of(e), "measurement"), 0);
}
static void tamper_signature(json_t *e)
{
    flip(json_object_get(json_object_get(report_of(e), "signature"), "r"), 3);
}
static void tamper_no_certs(json_t *e)
{
    json_object_set_new(e, "cert_chain", json_null());
}
static void tamper_cert(json_t *e)
{
    json_t *vcek = json_array_get(json_object_get(e, "cert_chain"), 0);
    flip(json_object_get(vcek, "data"), 700);
}
static void tamper_format(json_t *e)
{
    json_object_del(report_of(e), "measurement");
}
static void tamper_report_data(json_t *e)
{
    flip(json_object_get(report_of(e), "report_data"), 0);
}

static void debug_guest(struct fx *f, struct guest *g)
{
    (void)f;
    g->launch.policy |= 1u << 19;
}
static void vmpl_guest(struct fx *f, struct guest *g)
{
    (void)f;
    g->vmpl = 1;
}
static void other_measurement(struct fx *f, struct guest *g)
{
    (void)f;
    g->launch.digest[47] ^= 1;
}
static void other_host_data(struct fx *f, struct guest *g)
{
    (void)f;
    g->launch.host_data[31] ^= 1;
}
static void expired_reference(struct fx *f, struct guest *g)
{
    fx_reference(f, "sim-snp", g->launch.digest, 100);
    atomic_store(&f->skew, 200);
}
static void snp_reference_only(struct fx *f, struct guest *g)
{
    char path[160];
    char hex[97];
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    cl_hex(hex, g->launch.digest, 48);
    (void)snprintf(path, sizeof(path), "/kbs/v0/reference-value/sim-snp/%s", hex);
    fx_admin(f, "admin", "DELETE", path, NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    fx_reference(f, "snp", g->launch.digest, 86400);
}
static void revoke_value(const struct fx *f, const char *kind, const uint8_t *value, size_t len)
{
    char hex[129];
    char body[256];
    cl_hex(hex, value, len);
    (void)snprintf(body, sizeof(body), "{\"kind\":\"%s\",\"value\":\"%s\"}", kind, hex);
    fx_post(f, "/kbs/v0/revocation", body);
}
static void revoked_chip(struct fx *f, struct guest *g)
{
    revoke_value(f, "chip", g->pki.chip_id, 64);
}
static void revoked_measurement(struct fx *f, struct guest *g)
{
    revoke_value(f, "measurement", g->launch.digest, 48);
}

static const struct {
    const char *name;
    void (*prepare)(struct fx *f, struct guest *g);
    void (*tamper)(json_t *evidence);
    const char *check;
} attest_cases[] = {
    {"measurement changed in the report", NULL, tamper_measurement, "snp.signature"},
    {"signature", NULL, tamper_signature, "snp.signature"},
    {"report data changed in the report", NULL, tamper_report_data, "snp.signature"},
    {"no certificates", NULL, tamper_no_certs, "snp.ek.key"},
    {"certificate", NULL, tamper_cert, NULL},
    {"not a report", NULL, tamper_format, "evidence.format"},
    {"debug guest", debug_guest, NULL, "snp.policy.debug"},
    {"VMPL 1", vmpl_guest, NULL, "snp.vmpl"},
    {"another measurement", other_measurement, NULL, "reference.measurement"},
    {"initdata is not the measured one", other_host_data, NULL, "snp.host_data"},
    {"expired reference", expired_reference, NULL, "reference.expired"},
    {"reference of another class", snp_reference_only, NULL, "reference.measurement"},
    {"revoked chip", revoked_chip, NULL, "revoked.chip"},
    {"revoked measurement", revoked_measurement, NULL, "revoked.measurement"},
};

START_TEST(test_attest_denials)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    char expected[256];
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    if (attest_cases[_i].prepare != NULL) {
        attest_cases[_i].prepare(&f, &g);
    }
    g.tamper = attest_cases[_i].tamper;
    struct cl_kbs *k = fx_client(&f, &g);
    ck_assert_msg(cl_kbs_attest(k, &err) == CL_ERR_REJECTED, "%s: %s", attest_cases[_i].name,
                  err.msg);
    fx_expect_audit(&f, "attest", "denied", attest_cases[_i].check);
    if (attest_cases[_i].check != NULL) {
        (void)snprintf(expected, sizeof(expected),
                       "attest: refused: Attestation error: RCAR handshake Attest failed: %s",
                       attest_cases[_i].check);
        ck_assert_str_eq(err.msg, expected);
    }
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_root_of_another_machine_is_refused)
{
    struct fx f;
    struct guest g;
    struct guest other;
    struct cl_err err = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    guest_init(&other, fx_base.other_pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &other);
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_REJECTED);
    fx_expect_audit(&f, "attest", "denied", "snp.chain.root");
    cl_kbs_free(k);
    guest_done(&g);
    guest_done(&other);
    fx_done(&f);
}
END_TEST

static const struct {
    const char *rule; /* %s: the guest's initdata digest */
    const char *path, *check;
} policy_cases[] = {
    {"", "default/key/1", "policy.resource"},
    {"{\"resource\":\"default/key/*\",\"classes\":[\"snp\"],\"initdata\":[\"%s\"]}",
     "default/key/1", "policy.class"},
    {"{\"resource\":\"default/key/*\",\"classes\":[\"sim-snp\"],\"initdata\":[\"00%.62s\"]}",
     "default/key/1", "policy.initdata"},
    {"{\"resource\":\"default/other/*\",\"classes\":[\"sim-snp\"],\"initdata\":[\"%s\"]}",
     "default/key/1", "policy.resource"},
    {"{\"resource\":\"default/other/*\",\"classes\":[\"sim-snp\"],\"initdata\":[\"%s\"]}",
     "default/key/absent", "policy.resource"},
};

START_TEST(test_policy_denials)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    char hex[65];
    char rule[256] = "";
    char expected[256];
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    cl_hex(hex, g.launch.host_data, 32);
    const char *at = strstr(policy_cases[_i].rule, "[\"%s\"]");
    if (at != NULL) {
        (void)snprintf(rule, sizeof(rule), "%.*s[\"%s\"]}", (int)(at - policy_cases[_i].rule),
                       policy_cases[_i].rule, hex);
    } else if ((at = strstr(policy_cases[_i].rule, "[\"00")) != NULL) {
        (void)snprintf(rule, sizeof(rule), "%.*s[\"00%.62s\"]}", (int)(at - policy_cases[_i].rule),
                       policy_cases[_i].rule, hex);
    }
    fx_policy(&f, rule);
    struct cl_kbs *k = fx_client(&f, &g);
    ck_assert_int_eq(cl_kbs_get_resource(k, policy_cases[_i].path, &secret, &err), CL_ERR_REJECTED);
    ck_assert_ptr_null(secret.data);
    (void)snprintf(expected, sizeof(expected),
                   "resource '%s': resource: refused: Access denied by policy: %s",
                   policy_cases[_i].path, policy_cases[_i].check);
    ck_assert_str_eq(err.msg, expected);
    fx_expect_audit(&f, "get-resource", "denied", policy_cases[_i].check);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_missing_resource_is_404_after_the_policy)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    struct cl_secret secret = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &g);
    ck_assert_int_eq(cl_kbs_get_resource(k, "default/key/2", &secret, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "resource 'default/key/2': resource: refused: Plugin internal "
                              "error: no such resource");
    fx_expect_audit(&f, "get-resource", "denied", "resource.exists");
    ck_assert_int_eq(cl_kbs_get_resource(k, "default/../1", &secret, &err), CL_ERR_MALFORMED);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

/* ---- the handshake by hand ---- */

struct session {
    char cookie_header[80];
    char nonce[64];
    struct cl_jwk *key;
};

static void auth(struct fx *f, const char *version, struct session *s)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    char body[128];
    json_t *j = NULL;
    (void)snprintf(body, sizeof(body), "{\"version\":\"%s\",\"tee\":\"snp\",\"extra-params\":\"\"}",
                   version);
    fx_send(f->guest, "POST", "/kbs/v0/auth", NULL, body, strlen(body), &resp);
    ck_assert_uint_eq(resp.status, 200);
    ck_assert_int_eq(cl_json_parse(resp.body.data, resp.body.len, "auth", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "extra-params")), "");
    (void)snprintf(s->nonce, sizeof(s->nonce), "%s",
                   json_string_value(json_object_get(j, "nonce")));
    ck_assert_uint_eq(strlen(s->nonce), 44);
    ck_assert_uint_eq(strlen(resp.cookie), 32);
    (void)snprintf(s->cookie_header, sizeof(s->cookie_header), "Cookie: kbs-session-id=%.32s\r\n",
                   resp.cookie);
    ck_assert_int_eq(cl_jwk_generate(CL_JWK_P256, &s->key, NULL), CL_OK);
    json_decref(j);
}

/* The attest body of 0.4.0; the caller may change it before it is sent. */
static json_t *attest_body(struct guest *g, const struct session *s)
{
    uint8_t report_data[64];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    json_t *evidence = NULL;
    json_t *jwk = NULL;
    ck_assert_int_eq(cl_rcar_report_data(CL_RCAR_0_4_0, s->nonce, s->key, "", report_data, NULL),
                     CL_OK);
    ck_assert_int_eq(guest_evidence(g, report_data, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "evidence", &evidence, NULL), CL_OK);
    ck_assert_int_eq(cl_jwk_emit(s->key, CL_JWK_WRAP, &jwk, NULL), CL_OK);
    json_t *j = json_pack("{s:n, s:{s:s, s:o}, s:{s:o, s:s}}", "init-data", "runtime-data", "nonce",
                          s->nonce, "tee-pubkey", jwk, "tee-evidence", "primary_evidence", evidence,
                          "additional_evidence", "");
    ck_assert_ptr_nonnull(j);
    return j;
}

static void send_attest(struct fx *f, const struct session *s, const json_t *body,
                        struct cl_http_response *resp)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(cl_json_compact(body, &text, NULL), CL_OK);
    fx_send(f->guest, "POST", "/kbs/v0/attest", s->cookie_header, text.data, text.len, resp);
}

static void expect_attest_denied(struct fx *f, const struct cl_http_response *resp,
                                 const char *check)
{
    char detail[200];
    (void)snprintf(detail, sizeof(detail), "Attestation error: RCAR handshake Attest failed: %s",
                   check);
    expect_error(resp, 401, "AttestationError", detail);
    fx_expect_audit(f, "attest", "denied", check);
}

static void setup(struct fx *f, struct guest *g, const struct cl_broker_config *limits)
{
    fx_start(f, limits);
    guest_init(g, fx_base.pki);
    fx_provision(f, g);
}

START_TEST(test_nonce_is_spent_by_its_first_valid_attest)
{
    struct fx f;
    struct guest g;
    struct session s = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    setup(&f, &g, NULL);
    auth(&f, "0.4.0", &s);
    json_t *body = attest_body(&g, &s);
    json_t *bad = json_deep_copy(body); /* a failed attempt does not spend it */
    flip(json_object_get(
             report_of(json_object_get(json_object_get(bad, "tee-evidence"), "primary_evidence")),
             "measurement"),
         0);
    send_attest(&f, &s, bad, &resp);
    expect_attest_denied(&f, &resp, "snp.signature");
    send_attest(&f, &s, body, &resp);
    ck_assert_uint_eq(resp.status, 200);
    ck_assert_uint_eq(strlen(resp.cookie), 32); /* sent again */
    send_attest(&f, &s, body, &resp);
    expect_attest_denied(&f, &resp, "challenge.spent");
    /* init-data is optional: HOST_DATA is what the policy sees */
    fx_send(f.guest, "GET", "/kbs/v0/resource/default/key/1", s.cookie_header, NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    struct cl_secret plain = {0};
    ck_assert_int_eq(cl_jwe_open(s.key, resp.body.data, resp.body.len, &plain, NULL), CL_OK);
    ck_assert_int_eq(memcmp(plain.data, "sesame", 6), 0);
    cl_secret_done(&plain);
    json_decref(body);
    json_decref(bad);
    cl_jwk_free(s.key);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_challenge_denials)
{
    struct fx f;
    struct guest g;
    struct session s = {0};
    struct session other = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    setup(&f, &g, NULL);
    auth(&f, "0.4.0", &s);
    auth(&f, "0.4.0", &other);
    json_t *body = attest_body(&g, &s);

    struct session no_cookie = s;
    no_cookie.cookie_header[0] = '\0';
    send_attest(&f, &no_cookie, body, &resp);
    expect_attest_denied(&f, &resp, "challenge.cookie");

    send_attest(&f, &other, body, &resp); /* the nonce of another session */
    expect_attest_denied(&f, &resp, "challenge.nonce");

    struct session forged = s; /* a cookie of our own making, with a later expiry */
    forged.cookie_header[strlen("Cookie: kbs-session-id=")] ^= 1;
    send_attest(&f, &forged, body, &resp);
    ck_assert_uint_eq(resp.status, 401);

    json_t *swapped = json_deep_copy(body); /* a relay that puts in its own key */
    json_t *jwk = NULL;
    ck_assert_int_eq(cl_jwk_emit(other.key, CL_JWK_WRAP, &jwk, NULL), CL_OK);
    json_object_set_new(json_object_get(swapped, "runtime-data"), "tee-pubkey", jwk);
    send_attest(&f, &s, swapped, &resp);
    expect_attest_denied(&f, &resp, "snp.report_data");

    json_t *devices = json_deep_copy(body);
    json_object_set_new(json_object_get(devices, "tee-evidence"), "additional_evidence",
                        json_string("{\"nvidia\":{}}"));
    send_attest(&f, &s, devices, &resp);
    expect_attest_denied(&f, &resp, "message.format");

    atomic_store(&f.skew, 301);
    send_attest(&f, &s, body, &resp);
    expect_attest_denied(&f, &resp, "challenge.expired");
    atomic_store(&f.skew, 0);
    send_attest(&f, &s, body, &resp); /* the control: nothing of the above spent it */
    ck_assert_uint_eq(resp.status, 200);
    json_decref(body);
    json_decref(swapped);
    json_decref(devices);
    cl_jwk_free(s.key);
    cl_jwk_free(other.key);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_protocol_0_2_0)
{
    struct fx f;
    struct guest g;
    struct session s = {0};
    uint8_t report_data[64];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    json_t *evidence = NULL;
    json_t *jwk = NULL;
    setup(&f, &g, NULL);
    auth(&f, "0.2.0", &s);
    ck_assert_int_eq(cl_rcar_report_data(CL_RCAR_0_2_0, s.nonce, s.key, "", report_data, NULL),
                     CL_OK);
    ck_assert_int_eq(guest_evidence(&g, report_data, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "evidence", &evidence, NULL), CL_OK);
    ck_assert_int_eq(cl_jwk_emit(s.key, CL_JWK_WRAP, &jwk, NULL), CL_OK);
    json_t *body = json_pack("{s:o, s:o}", "tee-pubkey", jwk, "tee-evidence", evidence);
    send_attest(&f, &s, body, &resp);
    ck_assert_uint_eq(resp.status, 200);
    json_decref(body);
    /* the nonce of one version is none of the other */
    struct session t = {0};
    auth(&f, "0.2.0", &t);
    body = attest_body(&g, &t);
    send_attest(&f, &t, body, &resp);
    expect_attest_denied(&f, &resp, "challenge.nonce");
    json_decref(body);
    cl_jwk_free(s.key);
    cl_jwk_free(t.key);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

static const struct {
    const char *body, *detail;
} auth_cases[] = {
    {"", "auth request: expected a JSON document, got nothing"},
    {"[]", "auth request: expected object"},
    {"{\"tee\":\"snp\",\"extra-params\":\"\"}",
     "auth request: version: expected string, got nothing"},
    {"{\"version\":\"0.4.0\",\"extra-params\":\"\"}",
     "auth request: tee: expected string, got nothing"},
    {"{\"version\":\"0.4.0\",\"tee\":\"snp\"}",
     "auth request: extra-params: expected any value, got nothing"},
    {"{\"version\":\"0.1.0\",\"tee\":\"snp\",\"extra-params\":\"\"}",
     "KBS Client Protocol Version Mismatch: expect =0.4.0 or =0.2.0 while the request is 0.1.0"},
    {"{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":\"\"}",
     "auth request: tee: expected snp, tdx, az-snp-vtpm, az-tdx-vtpm or tpm, got sample"},
    {"{\"version\":\"0.4.0\",\"tee\":\"sgx\",\"extra-params\":{}}",
     "auth request: tee: expected snp, tdx, az-snp-vtpm, az-tdx-vtpm or tpm, got sgx"},
};

START_TEST(test_auth_refusals)
{
    struct fx f;
    char detail[300];
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_start(&f, NULL);
    for (size_t i = 0; i < CL_ARRAY_LEN(auth_cases); i++) {
        fx_send(f.guest, "POST", "/kbs/v0/auth", NULL, auth_cases[i].body,
                strlen(auth_cases[i].body), &resp);
        (void)snprintf(detail, sizeof(detail), "Attestation error: RCAR handshake Auth failed: %s",
                       auth_cases[i].detail);
        expect_error(&resp, 401, "AttestationError", detail);
        ck_assert_str_eq(resp.cookie, "");
    }
    fx_done(&f);
}
END_TEST

START_TEST(test_first_get_without_cookie_is_401_with_the_protocols_error)
{
    struct fx f;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_start(&f, NULL);
    fx_send(f.guest, "GET", "/kbs/v0/resource/default/key/1", NULL, NULL, 0, &resp);
    expect_error(&resp, 401, "TokenNotFound", "Attestation Token not found");
    fx_send(f.guest, "GET", "/kbs/v0/resource/default/key/1", "Authorization: Bearer a.b.c\r\n",
            NULL, 0, &resp);
    expect_error(&resp, 401, "TokenVerifierError", "Token Verifier error: token");
    fx_expect_audit(&f, "get-resource", "denied", "token");
    fx_send(f.guest, "GET", "/kbs/v0/unknown/x", NULL, NULL, 0, &resp);
    expect_error(&resp, 404, "PluginNotFound", "Plugin unknown not found");
    fx_send(f.guest, "GET", "/kbs/v0/auth", NULL, NULL, 0, &resp);
    expect_error(&resp, 404, "PluginNotFound", "Plugin auth not found");
    fx_send(f.guest, "GET", "/elsewhere", NULL, NULL, 0, &resp);
    expect_error(&resp, 404, "InvalidRequestPath", "Invalid request path");
    fx_send(f.guest, "GET", "/healthz", NULL, NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    fx_done(&f);
}
END_TEST

static void bearer_of(const char *token, struct cl_buf *out)
{
    cl_buf_reset(out);
    ck_assert_int_eq(cl_buf_printf(out, NULL, "Authorization: Bearer %s\r\n", token), CL_OK);
}

START_TEST(test_token_as_bearer_and_its_end)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    static const char path[] = "/kbs/v0/resource/default/key/1";
    setup(&f, &g, NULL);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_ok(cl_kbs_attest(k, &err), &err);
    bearer_of(cl_kbs_token(k), &header);
    fx_send(f.guest, "GET", path, (const char *)header.data, NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    atomic_store(&f.skew, 302); /* expired, though within the leeway of clocks */
    fx_send(f.guest, "GET", path, (const char *)header.data, NULL, 0, &resp);
    expect_error(&resp, 401, "TokenVerifierError", "Token Verifier error: token.expired");
    atomic_store(&f.skew, 0);
    /* revoked by its id */
    json_t *line = fx_audit(&f);
    json_t *id = json_object_get(json_object_get(line, "evidence"), "token-id");
    char body[128];
    (void)snprintf(body, sizeof(body), "{\"kind\":\"token\",\"value\":\"%s\"}",
                   json_string_value(id));
    fx_post(&f, "/kbs/v0/revocation", body);
    fx_send(f.guest, "GET", path, (const char *)header.data, NULL, 0, &resp);
    expect_error(&resp, 401, "TokenVerifierError", "Token Verifier error: revoked.token");
    /* an admin's token is no guest's */
    cl_buf_reset(&header);
    fx_bearer(&f, NULL, "admin", 300, &header);
    fx_send(f.guest, "GET", path, (const char *)header.data, NULL, 0, &resp);
    expect_error(&resp, 401, "TokenVerifierError", "Token Verifier error: token");
    json_decref(line);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_trust_withdrawn_ends_a_running_session)
{
    struct fx f;
    struct guest g;
    struct session s = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    static const char path[] = "/kbs/v0/resource/default/key/1";
    setup(&f, &g, NULL);
    auth(&f, "0.4.0", &s);
    json_t *body = attest_body(&g, &s);
    send_attest(&f, &s, body, &resp);
    ck_assert_uint_eq(resp.status, 200);
    fx_send(f.guest, "GET", path, s.cookie_header, NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    revoked_chip(&f, &g);
    fx_send(f.guest, "GET", path, s.cookie_header, NULL, 0, &resp);
    expect_error(&resp, 401, "TokenVerifierError", "Token Verifier error: revoked.chip");
    json_decref(body);
    cl_jwk_free(s.key);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_full_table_refuses_and_forgets_nothing)
{
    struct fx f;
    struct guest g;
    struct session s[3] = {{{0}, {0}, NULL}};
    json_t *bodies[3];
    struct cl_broker_config limits = {.max_sessions = 2};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    setup(&f, &g, &limits);
    for (int i = 0; i < 3; i++) {
        auth(&f, "0.4.0", &s[i]);
        bodies[i] = attest_body(&g, &s[i]);
        send_attest(&f, &s[i], bodies[i], &resp);
        if (i < 2) {
            ck_assert_uint_eq(resp.status, 200);
        } else {
            expect_attest_denied(&f, &resp, "challenge.table");
        }
    }
    send_attest(&f, &s[0], bodies[0], &resp); /* still remembered as spent */
    expect_attest_denied(&f, &resp, "challenge.spent");
    atomic_store(&f.skew, 602); /* the sessions ended: there is room again */
    struct session later = {0};
    auth(&f, "0.4.0", &later);
    json_t *body = attest_body(&g, &later);
    send_attest(&f, &later, body, &resp);
    ck_assert_uint_eq(resp.status, 200);
    json_decref(body);
    cl_jwk_free(later.key);
    for (int i = 0; i < 3; i++) {
        json_decref(bodies[i]);
        cl_jwk_free(s[i].key);
    }
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_client_refuses_a_server_with_another_certificate)
{
    struct fx f;
    struct fx other;
    struct guest g;
    struct cl_err err = {0};
    char path[256];
    static const char *const sans[] = {"127.0.0.1", NULL};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    other = f;
    (void)snprintf(path, sizeof(path), "%s/other", fx_base.dir);
    fx_ok(cl_state_init(path, sans, &err), &err);
    (void)snprintf(path, sizeof(path), "%s/other/tls.crt", fx_base.dir);
    other.cert_pem = (struct cl_buf){0};
    fx_ok(cl_buf_read_file(&other.cert_pem, path, 65536, &err), &err);
    struct cl_kbs *k = fx_client(&other, &g);
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "certificate: expected the pinned one, got another"));
    cl_kbs_free(k);
    cl_buf_done(&other.cert_pem);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_client_says_unreachable)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_stop(&f);
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "Connection refused"));
    cl_kbs_free(k);
    guest_done(&g);
    cl_buf_done(&f.cert_pem);
    EVP_PKEY_free(f.admin_key);
}
END_TEST

int main(void)
{
    fx_base_make();
    Suite *s = suite_create("broker");
    TCase *t = tcase_create("broker");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_attested_guest_gets_its_resource);
    tcase_add_loop_test(t, test_attest_denials, 0, CL_ARRAY_LEN(attest_cases));
    tcase_add_test(t, test_root_of_another_machine_is_refused);
    tcase_add_loop_test(t, test_policy_denials, 0, CL_ARRAY_LEN(policy_cases));
    tcase_add_test(t, test_missing_resource_is_404_after_the_policy);
    tcase_add_test(t, test_nonce_is_spent_by_its_first_valid_attest);
    tcase_add_test(t, test_challenge_denials);
    tcase_add_test(t, test_protocol_0_2_0);
    tcase_add_test(t, test_auth_refusals);
    tcase_add_test(t, test_first_get_without_cookie_is_401_with_the_protocols_error);
    tcase_add_test(t, test_token_as_bearer_and_its_end);
    tcase_add_test(t, test_trust_withdrawn_ends_a_running_session);
    tcase_add_test(t, test_full_table_refuses_and_forgets_nothing);
    tcase_add_test(t, test_client_refuses_a_server_with_another_certificate);
    tcase_add_test(t, test_client_says_unreachable);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
