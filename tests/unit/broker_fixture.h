/* SPDX-License-Identifier: Apache-2.0
 * broker_fixture.h - the real broker in a thread of the test, on loopback with real TLS; evidence
 * signed by the real simulated processor; an admin with a real key.
 */
#ifndef CL_TEST_BROKER_FIXTURE_H
#define CL_TEST_BROKER_FIXTURE_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "broker/broker.h"
#include "check_main.h"
#include "cloister/jwe.h"
#include "cloister/jwt.h"
#include "cloister/kbs_client.h"
#include "cloister/rcar.h"
#include "cloister/snp_evidence.h"
#include "link.h"
#include "report.h"
#include "state.h"

#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- made once, before any test forks ---- */

struct base_state {
    char dir[64];
    char state[96]; /* a broker's state directory, copied by each test */
    char pki[96];
    char other_pki[96];
};
static struct base_state fx_base;

static inline void fx_base_make(void)
{
    static const char *const sans[] = {"127.0.0.1", "localhost", NULL};
    struct cl_err err = {0};
    struct psp_pki pki = {0};
    (void)snprintf(fx_base.dir, sizeof(fx_base.dir), "/tmp/cl-test-broker-XXXXXX");
    if (mkdtemp(fx_base.dir) == NULL) {
        abort();
    }
    (void)snprintf(fx_base.state, sizeof(fx_base.state), "%s/state", fx_base.dir);
    (void)snprintf(fx_base.pki, sizeof(fx_base.pki), "%s/pki", fx_base.dir);
    (void)snprintf(fx_base.other_pki, sizeof(fx_base.other_pki), "%s/pki2", fx_base.dir);
    if (cl_state_init(fx_base.state, sans, &err) != CL_OK ||
        psp_pki_open(&pki, fx_base.pki, &err) != CL_OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    psp_pki_done(&pki);
    if (psp_pki_open(&pki, fx_base.other_pki, &err) != CL_OK) {
        abort();
    }
    psp_pki_done(&pki);
}

/* Removes it all; passes the exit status on. */
static inline int fx_base_done(int status)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", fx_base.dir);
    return system(command) == 0 ? status : 1;
}

struct fx {
    char dir[128];
    struct cl_broker *broker;
    pthread_t thread;
    _Atomic int64_t skew; /* seconds added to the broker's clock */
    struct cl_buf cert_pem;
    EVP_PKEY *admin_key;
    struct cl_kbs_link *guest;
    struct cl_kbs_link *admin;
    char url[64];
};

static inline void fx_ok(enum cl_status st, const struct cl_err *err)
{
    ck_assert_msg(st == CL_OK, "%s", err->msg);
}

static inline int64_t fx_now(void *ctx)
{
    struct fx *f = ctx;
    return (int64_t)time(NULL) + atomic_load(&f->skew);
}

/* What time it is for the broker. */
static inline int64_t fx_time(const struct fx *f)
{
    return (int64_t)time(NULL) + atomic_load(&f->skew);
}

static inline void *fx_thread(void *arg)
{
    struct cl_err err = {0};
    (void)!cl_broker_run(arg, &err);
    return NULL;
}

static inline void fx_copy(const char *from, const char *to, const char *name, mode_t mode)
{
    char path[256];
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    (void)snprintf(path, sizeof(path), "%s/%s", from, name);
    fx_ok(cl_buf_read_file(&b, path, 1u << 24, &err), &err);
    (void)snprintf(path, sizeof(path), "%s/%s", to, name);
    fx_ok(cl_write_file(path, b.data, b.len, mode, &err), &err);
}

static inline struct cl_kbs_link *fx_link(const struct fx *f, uint16_t port)
{
    struct cl_err err = {0};
    struct cl_kbs_link *l = NULL;
    struct cl_kbs_transport t = {.dial = cl_kbs_dial_tcp};
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", (unsigned)port);
    fx_ok(cl_kbs_link_new(url, (const char *)f->cert_pem.data, &t, &l, &err), &err);
    return l;
}

/* Serves the state in f->dir. cfg: limits only. */
static inline void fx_serve(struct fx *f, const struct cl_broker_config *limits)
{
    struct cl_err err = {0};
    struct cl_broker_config cfg = limits != NULL ? *limits : (struct cl_broker_config){0};
    cfg.state_dir = f->dir;
    cfg.listen = "127.0.0.1:0";
    cfg.admin_listen = "127.0.0.1:0";
    cfg.now = fx_now;
    cfg.now_ctx = f;
    fx_ok(cl_broker_new(&cfg, &f->broker, &err), &err);
    ck_assert_int_eq(pthread_create(&f->thread, NULL, fx_thread, f->broker), 0);
    f->guest = fx_link(f, cl_broker_port(f->broker));
    f->admin = fx_link(f, cl_broker_admin_port(f->broker));
    (void)snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u",
                   (unsigned)cl_broker_port(f->broker));
}

static inline void fx_start(struct fx *f, const struct cl_broker_config *limits)
{
    char path[256];
    struct cl_err err = {0};
    (void)memset(f, 0, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "%s/run.%d.%ld", fx_base.dir, (int)getpid(), random());
    ck_assert_int_eq(mkdir(f->dir, 0700), 0);
    fx_copy(fx_base.state, f->dir, "broker.db", 0600);
    fx_copy(fx_base.state, f->dir, "master.key", 0600);
    fx_copy(fx_base.state, f->dir, "tls.crt", 0644);
    (void)snprintf(path, sizeof(path), "%s/tls.crt", fx_base.state);
    fx_ok(cl_buf_read_file(&f->cert_pem, path, 65536, &err), &err);
    (void)snprintf(path, sizeof(path), "%s/admin.key", fx_base.state);
    FILE *in = fopen(path, "r");
    f->admin_key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    (void)fclose(in);
    ck_assert_ptr_nonnull(f->admin_key);
    fx_serve(f, limits);
}

static inline void fx_stop(struct fx *f)
{
    cl_kbs_link_free(f->guest);
    cl_kbs_link_free(f->admin);
    cl_broker_stop(f->broker);
    ck_assert_int_eq(pthread_join(f->thread, NULL), 0);
    cl_broker_free(f->broker);
    f->broker = NULL;
}

static inline void fx_done(struct fx *f)
{
    fx_stop(f);
    cl_buf_done(&f->cert_pem);
    EVP_PKEY_free(f->admin_key);
}

/* ---- requests ---- */

static inline void fx_send(struct cl_kbs_link *l, const char *method, const char *path,
                           const char *headers, const void *body, size_t len,
                           struct cl_http_response *resp)
{
    struct cl_err err = {0};
    struct cl_kbs_request req = {
        .method = method, .path = path, .headers = headers, .body = body, .body_len = len};
    cl_http_response_done(resp);
    fx_ok(cl_kbs_link_request(l, &req, resp, &err), &err);
}

/* A bearer header for a role; lifetime in seconds. */
static inline void fx_bearer(const struct fx *f, EVP_PKEY *key, const char *role, int64_t lifetime,
                             struct cl_buf *out)
{
    struct cl_err err = {0};
    int64_t now = fx_time(f);
    json_t *claims = json_pack("{s:I, s:I, s:s}", "iat", (json_int_t)now, "exp",
                               (json_int_t)now + lifetime, "role", role);
    fx_ok(cl_buf_append_str(out, "Authorization: Bearer ", &err), &err);
    fx_ok(cl_jwt_sign(CL_JWT_EDDSA, key != NULL ? key : f->admin_key, NULL, claims, out, &err),
          &err);
    fx_ok(cl_buf_append_str(out, "\r\n", &err), &err);
    json_decref(claims);
}

static inline void fx_admin(const struct fx *f, const char *role, const char *method,
                            const char *path, const void *body, size_t len,
                            struct cl_http_response *resp)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf bearer = {0};
    fx_bearer(f, NULL, role, 300, &bearer);
    fx_send(f->admin, method, path, (const char *)bearer.data, body, len, resp);
}

/* An admin's POST that must succeed. */
static inline void fx_post(const struct fx *f, const char *path, const char *body)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_admin(f, "admin", "POST", path, body, strlen(body), &resp);
    ck_assert_msg(resp.status == 200, "%s: %u %s", path, resp.status, (const char *)resp.body.data);
}

static inline void fx_policy(const struct fx *f, const char *rules)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf doc = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    struct cl_err err = {0};
    fx_ok(cl_buf_printf(&doc, &err, "{\"schema\":\"cloister.resource-policy/1\",\"rules\":[%s]}",
                        rules),
          &err);
    fx_ok(cl_buf_append_str(&body, "{\"policy\":\"", &err), &err);
    fx_ok(cl_b64url_encode(&body, doc.data, doc.len, &err), &err);
    fx_ok(cl_buf_append_str(&body, "\"}", &err), &err);
    fx_post(f, "/kbs/v0/resource-policy", (const char *)body.data);
}

static inline void fx_reference(const struct fx *f, const char *tee_class, const uint8_t *digest,
                                int64_t seconds)
{
    char hex[97];
    char when[21];
    char body[400];
    cl_hex(hex, digest, 48);
    cl_time_format(when, fx_time(f) + seconds);
    (void)snprintf(body, sizeof(body),
                   "{\"schema\":\"cloister.reference/1\",\"class\":\"%s\",\"measurement\":\"%s\","
                   "\"expires\":\"%s\",\"note\":\"test\"}",
                   tee_class, hex, when);
    fx_post(f, "/kbs/v0/reference-value", body);
}

/* The newest line of the audit. */
static inline json_t *fx_audit(const struct fx *f)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    json_t *j = NULL;
    fx_admin(f, "auditor", "GET", "/kbs/v0/audit", NULL, 0, &resp);
    ck_assert_uint_eq(resp.status, 200);
    ck_assert_int_eq(cl_json_parse(resp.body.data, resp.body.len, "audit", &j, NULL), CL_OK);
    json_t *lines = json_object_get(j, "lines");
    json_t *last = json_incref(json_array_get(lines, json_array_size(lines) - 1));
    ck_assert_ptr_nonnull(last);
    json_decref(j);
    return last;
}

static inline void fx_expect_audit(const struct fx *f, const char *action, const char *verdict,
                                   const char *check)
{
    json_t *line = fx_audit(f);
    const char *got = json_string_value(json_object_get(line, "check"));
    char *text = json_dumps(line, 0);
    ck_assert_msg(strcmp(json_string_value(json_object_get(line, "action")), action) == 0, "%s",
                  text);
    ck_assert_msg(strcmp(json_string_value(json_object_get(line, "verdict")), verdict) == 0, "%s",
                  text);
    ck_assert_msg(check == NULL || (got != NULL && strcmp(got, check) == 0), "expected %s in %s",
                  check != NULL ? check : "", text);
    free(text);
    json_decref(line);
}

/* ---- a guest ---- */

struct guest {
    struct psp_pki pki;
    struct psp_launch launch;
    struct psp_reporter reporter;
    uint32_t vmpl;
    void (*tamper)(json_t *evidence); /* NULL: none */
};

static const char guest_initdata[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n";

static inline void guest_init(struct guest *g, const char *pki_dir)
{
    struct cl_err err = {0};
    memset(g, 0, sizeof(*g));
    fx_ok(psp_pki_open(&g->pki, pki_dir, &err), &err);
    g->launch.state = PSP_LAUNCH_DONE;
    g->launch.policy = 0x30000;
    g->launch.vcpu_count = 1;
    memset(g->launch.digest, 0x4d, sizeof(g->launch.digest));
    fx_ok(cl_sha256(g->launch.host_data, guest_initdata, strlen(guest_initdata), &err), &err);
    fx_ok(psp_reporter_init(&g->reporter, &g->pki, &g->launch, &err), &err);
}

static inline void guest_done(struct guest *g)
{
    psp_reporter_done(&g->reporter);
    psp_pki_done(&g->pki);
}

/* Evidence JSON for REPORT_DATA, as an agent makes it. */
static inline enum cl_status guest_evidence(void *ctx, const uint8_t report_data[64],
                                            struct cl_buf *out, struct cl_err *err)
{
    struct guest *g = ctx;
    uint8_t req[PSP_REPORT_REQ_SIZE] = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf answer = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    memcpy(req, report_data, 64);
    req[64] = (uint8_t)g->vmpl;
    CL_TRY(psp_report_answer(&g->reporter, req, sizeof(req), &answer, err));
    struct cl_reader r = cl_reader_init(answer.data, answer.len);
    ck_assert_uint_eq(cl_reader_le32(&r, "status"), 0);
    uint32_t report_len = cl_reader_le32(&r, "report_len");
    uint32_t certs_len = cl_reader_le32(&r, "certs_len");
    const uint8_t *report = cl_reader_bytes(&r, report_len, "report");
    const uint8_t *certs = cl_reader_bytes(&r, certs_len, "certs");
    ck_assert_ptr_nonnull(certs);
    CL_TRY(cl_snp_evidence_from_report(report, report_len, &ev, err));
    CL_TRY(cl_snp_evidence_add_table(ev, certs, certs_len, err));
    CL_TRY(cl_snp_evidence_to_json(ev, &j, err));
    if (g->tamper != NULL) {
        g->tamper(j);
    }
    return cl_json_compact(j, out, err);
}

static inline struct cl_kbs *fx_client(const struct fx *f, struct guest *g)
{
    struct cl_err err = {0};
    struct cl_kbs *k = NULL;
    struct cl_kbs_config cfg = {.url = f->url,
                                .cert_pem = (const char *)f->cert_pem.data,
                                .initdata = (const uint8_t *)guest_initdata,
                                .initdata_len = strlen(guest_initdata),
                                .transport = {.dial = cl_kbs_dial_tcp},
                                .evidence = {.ctx = g, .tee = "snp", .get = guest_evidence}};
    fx_ok(cl_kbs_new(&cfg, &k, &err), &err);
    return k;
}

/* Everything a guest needs: root, reference, resource default/key/1 = "sesame", a rule for it. */
static inline void fx_provision(const struct fx *f, const struct guest *g)
{
    uint8_t root[48];
    char hex[97];
    char body[400];
    struct cl_err err = {0};
    fx_ok(psp_pki_root(&g->pki, root, &err), &err);
    cl_hex(hex, root, sizeof(root));
    (void)snprintf(body, sizeof(body), "{\"spki-sha384\":\"%s\",\"note\":\"test\"}", hex);
    fx_post(f, "/kbs/v0/sim-root", body);
    fx_reference(f, "sim-snp", g->launch.digest, 86400);
    fx_post(f, "/kbs/v0/resource/default/key/1", "sesame");
    cl_hex(hex, g->launch.host_data, 32);
    (void)snprintf(
        body, sizeof(body),
        "{\"resource\":\"default/key/*\",\"classes\":[\"sim-snp\"],\"initdata\":[\"%s\"]}", hex);
    fx_policy(f, body);
}

#endif
