/* SPDX-License-Identifier: Apache-2.0
 * test_broker_admin.c - the admins' listener: every route with every role, what each change does,
 * and that nothing of it exists on the guests' listener.
 */
#include "admin.h"
#include "broker_fixture.h"

static const char *const method_names[] = {
    [CL_GET] = "GET", [CL_POST] = "POST", [CL_PUT] = "PUT", [CL_DELETE] = "DELETE"};

enum role {
    NOBODY,
    GARBAGE,
    FORGED,
    EXPIRED,
    NO_ROLE,
    UNKNOWN_ROLE,
    GUEST_TOKEN,
    AUDITOR,
    ADMIN,
    ROLE_COUNT
};

static void role_header(const struct fx *f, enum role role, const char *guest_token,
                        struct cl_buf *out)
{
    EVP_PKEY *other = NULL;
    cl_buf_reset(out);
    switch (role) {
    case NOBODY:
        ck_assert_int_eq(cl_buf_append_str(out, "X-None: 1\r\n", NULL), CL_OK);
        break;
    case GARBAGE:
        ck_assert_int_eq(cl_buf_append_str(out, "Authorization: Bearer x\r\n", NULL), CL_OK);
        break;
    case FORGED:
        other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        fx_bearer(f, other, "admin", 300, out);
        EVP_PKEY_free(other);
        break;
    case EXPIRED:
        fx_bearer(f, NULL, "admin", -120, out);
        break;
    case NO_ROLE:
        fx_bearer(f, NULL, "", 300, out);
        break;
    case UNKNOWN_ROLE:
        fx_bearer(f, NULL, "root", 300, out);
        break;
    case GUEST_TOKEN:
        ck_assert_int_eq(cl_buf_printf(out, NULL, "Authorization: Bearer %s\r\n", guest_token),
                         CL_OK);
        break;
    case AUDITOR:
        fx_bearer(f, NULL, "auditor", 300, out);
        break;
    case ADMIN:
        fx_bearer(f, NULL, "admin", 300, out);
        break;
    case ROLE_COUNT:
        break;
    }
}

START_TEST(test_every_route_with_every_role)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    size_t count = 0;
    const struct cl_admin_route *routes = cl_admin_routes(&count);
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &g);
    fx_ok(cl_kbs_attest(k, &err), &err);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        size_t n = strlen(routes[i].path);
        (void)snprintf(path, sizeof(path), "/%s%s", routes[i].path,
                       routes[i].path[n - 1] == '/' ? "zz" : "");
        for (enum role role = NOBODY; role < ROLE_COUNT; role++) {
            bool allowed = routes[i].roles == CL_ROLE_ANYBODY ||
                           (role == ADMIN && (routes[i].roles & CL_ROLE_ADMIN) != 0) ||
                           (role == AUDITOR && (routes[i].roles & CL_ROLE_AUDITOR) != 0);
            role_header(&f, role, cl_kbs_token(k), &header);
            const char *body = routes[i].method == CL_POST ? "{" : NULL;
            fx_send(f.admin, method_names[routes[i].method], path, (const char *)header.data, body,
                    body != NULL ? 1 : 0, &resp);
            /* allowed: read lists answer 200, others complain of "zz" or of the body */
            bool good = allowed ? resp.status == 200 || resp.status == 400 || resp.status == 404
                                : resp.status == 401;
            ck_assert_msg(good, "%s %s as %d: %u", method_names[routes[i].method], path, (int)role,
                          resp.status);
            if (!allowed) {
                ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "AdminAuthAccess"));
            }
        }
    }
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_guests_listener_has_no_admin_route)
{
    struct fx f;
    size_t count = 0;
    const struct cl_admin_route *routes = cl_admin_routes(&count);
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    fx_start(&f, NULL);
    fx_post(&f, "/kbs/v0/resource/default/key/1", "sesame");
    fx_bearer(&f, NULL, "admin", 300, &header);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        size_t n = strlen(routes[i].path);
        (void)snprintf(path, sizeof(path), "/%s%s", routes[i].path,
                       routes[i].path[n - 1] == '/' ? "default/key/1" : "");
        if (strcmp(path, "/healthz") == 0) {
            continue;
        }
        fx_send(f.guest, method_names[routes[i].method], path, (const char *)header.data,
                routes[i].method == CL_POST ? "{}" : NULL, routes[i].method == CL_POST ? 2 : 0,
                &resp);
        bool guest_route =
            routes[i].method == CL_GET && strncmp(path, "/kbs/v0/resource/", 17) == 0;
        ck_assert_msg(resp.status == (guest_route ? 401 : 404), "%s: %u", path, resp.status);
        ck_assert_ptr_null(strstr((const char *)resp.body.data, "sesame"));
    }
    /* and the admins' listener has no guest route */
    fx_send(f.admin, "POST", "/kbs/v0/auth", NULL, "{}", 2, &resp);
    ck_assert_uint_eq(resp.status, 404);
    fx_send(f.admin, "PUT", "/kbs/v0/audit", NULL, "{}", 2, &resp);
    ck_assert_uint_eq(resp.status, 405);
    fx_done(&f);
}
END_TEST

static void expect(const struct fx *f, const char *method, const char *path, const char *body,
                   unsigned status, const char *part)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_admin(f, "admin", method, path, body, body != NULL ? strlen(body) : 0, &resp);
    const char *text = resp.body.data != NULL ? (const char *)resp.body.data : "";
    ck_assert_msg(resp.status == status, "%s %s: %u %s", method, path, resp.status, text);
    ck_assert_msg(strstr(text, part) != NULL, "%s %s: %s", method, path, text);
}

START_TEST(test_resources)
{
    struct fx f;
    fx_start(&f, NULL);
    expect(&f, "POST", "/kbs/v0/resource/a/b/c", "one", 200, "");
    fx_expect_audit(&f, "set-resource", "allowed", NULL);
    expect(&f, "GET", "/kbs/v0/resource/a/b/c", NULL, 200, "one");
    fx_expect_audit(&f, "read-resource", "allowed", NULL);
    expect(&f, "POST", "/kbs/v0/resource/a/b/c", "two", 200, "");
    expect(&f, "GET", "/kbs/v0/resource/a/b/c", NULL, 200, "two");
    expect(&f, "GET", "/kbs/v0/resources", NULL, 200, "{\"path\":\"a/b/c\",\"bytes\":3,");
    expect(&f, "DELETE", "/kbs/v0/resource/a/b/c", NULL, 200, "");
    fx_expect_audit(&f, "delete-resource", "allowed", NULL);
    expect(&f, "GET", "/kbs/v0/resource/a/b/c", NULL, 404, "resource 'a/b/c': not found");
    expect(&f, "DELETE", "/kbs/v0/resource/a/b/c", NULL, 404, "not found");
    static const char *const bad[] = {"a/b", "a/b/c/d", "a//c", ".a/b/c", "a/../c", "a/b/"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/kbs/v0/resource/%s", bad[i]);
        expect(&f, "POST", path, "x", 400, "path: expected repository/type/tag");
    }
    expect(&f, "POST", "/kbs/v0/resource/a/b/c", "", 400, "expected 1 to 2097152 bytes, got 0");
    fx_done(&f);
}
END_TEST

START_TEST(test_policy_history_and_versions)
{
    struct fx f;
    fx_start(&f, NULL);
    expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 200,
           "{\"schema\":\"cloister.policy-state/1\",\"version\":1,\"policy\":{\"schema\":"
           "\"cloister.resource-policy/1\",\"rules\":[]}}");
    fx_policy(&f, "");
    fx_expect_audit(&f, "set-policy", "allowed", NULL);
    expect(&f, "GET", "/kbs/v0/resource-policy/history", NULL, 200, "\"version\":2");
    expect(&f, "GET", "/kbs/v0/resource-policy/history", NULL, 200, "\"author\":\"init\"");
    static const char doc[] = "eyJzY2hlbWEiOiJjbG9pc3Rlci5yZXNvdXJjZS1wb2xpY3kvMSIsInJ1bGVzIjpbXX0";
    char body[256];
    (void)snprintf(body, sizeof(body), "{\"policy\":\"%s\",\"expect-version\":1}", doc);
    expect(&f, "POST", "/kbs/v0/resource-policy", body, 409, "policy: version: expected 1, got 2");
    (void)snprintf(body, sizeof(body), "{\"policy\":\"%s\",\"expect-version\":2}", doc);
    expect(&f, "POST", "/kbs/v0/resource-policy", body, 200, "\"version\":3");
    expect(&f, "POST", "/kbs/v0/resource-policy", "{\"policy\":\"e30\"}", 400,
           "policy: schema: expected string, got nothing");
    expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 200, "\"version\":3"); /* unchanged */
    fx_done(&f);
}
END_TEST

#define HEX96                                                                                      \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab" \
    "cdef"
static const struct {
    const char *path, *body;
    unsigned status;
    const char *part;
} trust_cases[] = {
    {"reference-value", "{}", 400, "reference: schema: expected string, got nothing"},
    {"reference-value", "{\"schema\":\"x\"}", 400,
     "reference: schema: expected cloister.reference/1, got x"},
    {"reference-value",
     "{\"schema\":\"cloister.reference/1\",\"class\":\"sim-snp\",\"measurement\":\"" HEX96
     "\",\"expires\":\"2020-01-01T00:00:00Z\"}",
     400, "reference: expires: expected a time to come"},
    {"reference-value",
     "{\"schema\":\"cloister.reference/1\",\"class\":\"none\",\"measurement\":\"" HEX96
     "\",\"expires\":\"2120-01-01T00:00:00Z\"}",
     400, ""},
    {"reference-value",
     "{\"schema\":\"cloister.reference/1\",\"class\":\"snp\",\"measurement\":\"00\",\"expires\":"
     "\"2120-01-01T00:00:00Z\"}",
     400, "reference: measurement"},
    {"reference-value",
     "{\"schema\":\"cloister.reference/1\",\"class\":\"snp\",\"measurement\":\"" HEX96
     "\",\"expires\":\"2120-01-01T00:00:00Z\",\"wish\":1}",
     400, "wish"},
    {"reference-value",
     "{\"schema\":\"cloister.reference/1\",\"class\":\"snp\",\"measurement\":\"" HEX96
     "\",\"expires\":\"2120-01-01T00:00:00Z\"}",
     200, ""},
    {"sim-root", "{\"spki-sha384\":\"00\"}", 400, "spki-sha384"},
    {"sim-root", "{\"certificate\":\"nonsense\"}", 400, ""},
    {"sim-root", "{\"spki-sha384\":\"" HEX96 "\"}", 200, ""},
    {"revocation", "{\"kind\":\"guest\",\"value\":\"00\"}", 400,
     "revocation: kind: expected chip, measurement, token, platform or ak, got guest"},
    {"revocation", "{\"kind\":\"chip\",\"value\":\"00\"}", 400, "revocation: value"},
    {"revocation", "{\"kind\":\"measurement\",\"value\":\"" HEX96 "\"}", 200, ""},
    {"revocation", "[]", 400, "request: expected object"},
    {"resource-policy/test", "{}", 400, "request: policy: expected object, got nothing"},
    {"resource-policy/test",
     "{\"policy\":{},\"evidence\":{},\"resource\":\"a/b/c\",\"tee\":\"sample\"}", 400,
     "request: tee: expected snp, tdx, az-snp-vtpm, az-tdx-vtpm or tpm, got sample"},
    {"reference-value",
     "{\"schema\":\"cloister.reference/1\",\"class\":\"tdx\",\"mrtd\":\"" HEX96
     "\",\"expires\":\"2120-01-01T00:00:00Z\"}",
     400, "reference: rtmr1: expected string, got nothing"},
    {"revocation", "{\"kind\":\"platform\",\"value\":\"00112233445566778899aabbccddeeff\"}", 200,
     ""},
    {"revocation", "{\"kind\":\"ak\",\"value\":\"00112233445566778899aabbccddeeff\"}", 400,
     "revocation: value"},
    {"verify-policy", "{}", 400, "schema"},
    {"verify-policy", "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{\"wish\":1}}", 400,
     "wish"},
    {"verify-policy", "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{}}", 200, "\"version\":1"},
    {"collateral", "{}", 400, ""},
    {"collateral", "", 400, ""},
    {"distrust", "{}", 400, "distrust: document: expected string, got nothing"},
    {"distrust", "{\"document\":\"a.b.c\",\"key\":\"x\"}", 400, "distrust: key"},
    {"distrust", "{\"document\":\"a.b.c\",\"key\":\"x\",\"wish\":1}", 400, "wish"},
};

START_TEST(test_what_is_trusted)
{
    struct fx f;
    fx_start(&f, NULL);
    for (size_t i = 0; i < CL_ARRAY_LEN(trust_cases); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/kbs/v0/%s", trust_cases[i].path);
        expect(&f, "POST", path, trust_cases[i].body, trust_cases[i].status, trust_cases[i].part);
    }
    expect(&f, "GET", "/kbs/v0/reference-value", NULL, 200, "\"measurement\":\"" HEX96 "\"");
    expect(&f, "GET", "/kbs/v0/sim-root", NULL, 200, "\"spki-sha384\":\"" HEX96 "\"");
    expect(&f, "GET", "/kbs/v0/revocation", NULL, 200, "\"value\":\"" HEX96 "\"");
    expect(&f, "DELETE", "/kbs/v0/reference-value/snp/" HEX96, NULL, 200, "");
    expect(&f, "DELETE", "/kbs/v0/reference-value/snp/" HEX96, NULL, 404, "not found");
    expect(&f, "DELETE", "/kbs/v0/sim-root/" HEX96, NULL, 200, "");
    expect(&f, "DELETE", "/kbs/v0/sim-root/" HEX96, NULL, 404, "not found");
    expect(&f, "DELETE", "/kbs/v0/revocation/measurement/" HEX96, NULL, 200, "");
    expect(&f, "DELETE", "/kbs/v0/revocation/measurement/" HEX96, NULL, 404, "not found");
    expect(&f, "GET", "/kbs/v0/reference-value", NULL, 200, "\"references\":[]");
    expect(&f, "GET", "/kbs/v0/verify-policy", NULL, 200, "\"version\":1,\"policy\":{\"schema\"");
    expect(&f, "GET", "/kbs/v0/collateral", NULL, 200,
           "\"version\":0,\"signer\":\"\",\"items\":[]");
    expect(&f, "DELETE", "/kbs/v0/collateral", NULL, 404, "not found");
    expect(&f, "DELETE", "/kbs/v0/distrust", NULL, 404, "not found");
    fx_done(&f);
}
END_TEST

START_TEST(test_policy_is_tried_out_on_evidence)
{
    struct fx f;
    struct guest g;
    uint8_t report_data[64] = {0};
    char hex[65];
    CL_CLEANUP(cl_buf_done) struct cl_buf evidence = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    cl_hex(hex, g.launch.host_data, 32);
    ck_assert_int_eq(guest_evidence(&g, report_data, &evidence, NULL), CL_OK);
    static const char format[] =
        "{\"resource\":\"%s\",\"policy\":{\"schema\":\"cloister.resource-policy/1\",\"rules\":[{"
        "\"resource\":\"a/b/*\",\"classes\":[\"snp\",\"sim-snp\"],\"initdata\":[\"%s\"]}]},"
        "\"evidence\":%s}";
    ck_assert_int_eq(cl_buf_printf(&body, NULL, format, "a/b/c", hex, (const char *)evidence.data),
                     CL_OK);
    expect(&f, "POST", "/kbs/v0/resource-policy/test", (const char *)body.data, 200,
           "\"allowed\":true,\"resource\":\"a/b/c\",\"rule\":0");
    cl_buf_reset(&body);
    ck_assert_int_eq(cl_buf_printf(&body, NULL, format, "x/b/c", hex, (const char *)evidence.data),
                     CL_OK);
    expect(&f, "POST", "/kbs/v0/resource-policy/test", (const char *)body.data, 200,
           "\"allowed\":false,\"resource\":\"x/b/c\",\"check\":\"policy.resource\"");
    guest_done(&g);
    fx_done(&f);
}
END_TEST

/* A document of distrusted platforms that lists the guest's own class, signed here. */
static void set_distrust(const struct fx *f, const char *family, int64_t lifetime)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    char *pem = NULL;
    int64_t now = (int64_t)time(NULL);
    json_t *claims = json_pack("{s:s, s:I, s:I, s:[{s:s, s:s, s:s, s:s}]}", "schema",
                               "cloister.platform-distrust/1", "iat", (json_int_t)now, "exp",
                               (json_int_t)now + lifetime, "entries", "id", "TEST-1", "source",
                               "here", "reason", "a test", "family", family);
    ck_assert_ptr_nonnull(claims);
    ck_assert_int_eq(cl_jwt_sign(CL_JWT_ES256, key, NULL, claims, &token, NULL), CL_OK);
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long n = BIO_get_mem_data(bio, &pem);
    json_t *j =
        json_pack("{s:s, s:s%}", "document", (const char *)token.data, "key", pem, (size_t)n);
    ck_assert_int_eq(cl_json_compact(j, &body, NULL), CL_OK);
    fx_post(f, "/kbs/v0/distrust", (const char *)body.data);
    json_decref(claims);
    json_decref(j);
    BIO_free(bio);
    EVP_PKEY_free(key);
}

START_TEST(test_distrusted_platforms)
{
    struct fx f;
    struct guest g;
    struct cl_err err = {0};
    fx_start(&f, NULL);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    struct cl_kbs *k = fx_client(&f, &g);
    set_distrust(&f, "snp", 1000); /* not this class */
    fx_ok(cl_kbs_attest(k, &err), &err);
    set_distrust(&f, "sim-snp", 1000);
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_REJECTED);
    fx_expect_audit(&f, "attest", "denied", "snp.distrust");
    set_distrust(&f, "snp", 1000);
    atomic_store(&f.skew, 2000); /* it has expired: nobody knows any more */
    ck_assert_int_eq(cl_kbs_attest(k, &err), CL_ERR_REJECTED);
    fx_expect_audit(&f, "attest", "denied", "distrust.expired");
    expect(&f, "GET", "/kbs/v0/distrust", NULL, 200, "\"documents\":[{\"version\":");
    expect(&f, "DELETE", "/kbs/v0/distrust", NULL, 200, "");
    fx_ok(cl_kbs_attest(k, &err), &err);
    cl_kbs_free(k);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

START_TEST(test_audit_pages_and_never_holds_secrets)
{
    struct fx f;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_start(&f, NULL);
    fx_post(&f, "/kbs/v0/resource/a/b/c", "a-marker-that-is-secret");
    fx_post(&f, "/kbs/v0/resource/a/b/d", "x");
    fx_admin(&f, "auditor", "GET", "/kbs/v0/audit?after=1&limit=1", NULL, 0, &resp);
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"object\":\"a/b/d\""));
    ck_assert_ptr_null(strstr((const char *)resp.body.data, "\"object\":\"a/b/c\""));
    fx_admin(&f, "auditor", "GET", "/kbs/v0/audit", NULL, 0, &resp);
    ck_assert_ptr_nonnull(strstr((const char *)resp.body.data, "\"object\":\"a/b/c\""));
    ck_assert_ptr_null(strstr((const char *)resp.body.data, "marker"));
    fx_done(&f);
}
END_TEST

int main(void)
{
    fx_base_make();
    Suite *s = suite_create("broker_admin");
    TCase *t = tcase_create("broker_admin");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_every_route_with_every_role);
    tcase_add_test(t, test_guests_listener_has_no_admin_route);
    tcase_add_test(t, test_resources);
    tcase_add_test(t, test_policy_history_and_versions);
    tcase_add_test(t, test_what_is_trusted);
    tcase_add_test(t, test_policy_is_tried_out_on_evidence);
    tcase_add_test(t, test_distrusted_platforms);
    tcase_add_test(t, test_audit_pages_and_never_holds_secrets);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
