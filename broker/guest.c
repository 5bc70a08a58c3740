/* SPDX-License-Identifier: Apache-2.0
 * guest.c - the guests' listener: auth, attest, resource (kbs-protocol.md 4 to 8).
 * Trust: every byte is hostile. State is kept only after evidence verified; a grant is looked at
 *        again each time it is used. What the client learns of a denial is the name of the check;
 *        expected and actual values stand in the audit log.
 */
#include "broker_internal.h"

#include "base/encode.h"
#include "cloister/jwe.h"
#include "ear.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void reply_denied(struct cl_request *req, const char *name, const char *head,
                         const char *check)
{
    char detail[320];
    (void)snprintf(detail, sizeof(detail), "%s%s%.250s", head, check != NULL ? ": " : "",
                   check != NULL ? check : "");
    cl_http_reply_error(req, 401, name, detail);
}

/* "kbs-session-id=<cookie>; Expires=<HTTP date>" */
static void cookie_header(const char *cookie, int64_t expires, char ret[static 128])
{
    struct tm tm;
    char date[40] = "";
    time_t t = (time_t)expires;
    if (gmtime_r(&t, &tm) != NULL) {
        (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm); /* C locale */
    }
    (void)snprintf(ret, 128, "kbs-session-id=%s; Expires=%s", cookie, date);
}

static void handle_auth(struct cl_broker *b, struct cl_request *req)
{
    struct cl_err err = {0};
    struct cl_auth_request auth = {0};
    char cookie[CL_COOKIE_TEXT_SIZE];
    char nonce[CL_NONCE_TEXT_SIZE];
    char header[128];
    char body[128];
    static const char head[] = "Attestation error: RCAR handshake Auth failed";
    if (cl_auth_request_parse(req->body, req->body_len, &auth, &err) != CL_OK) {
        reply_denied(req, "AttestationError", head, err.msg);
        return;
    }
    int64_t expires = cl_broker_now(b) + b->cfg.session_seconds;
    if (cl_challenge_cookie(expires, cl_family_number(auth.family), cookie, &err) != CL_OK ||
        cl_challenge_nonce(&b->challenge, cookie, auth.family->tee, auth.version, nonce, &err) !=
            CL_OK) {
        cl_broker_reply_failure(req, "auth", &err);
        return;
    }
    int n = snprintf(body, sizeof(body), "{\"nonce\":\"%s\",\"extra-params\":\"\"}", nonce);
    cookie_header(cookie, expires, header);
    cl_http_reply(req, 200, "application/json", body, (size_t)n, "Set-Cookie", header);
}

/* One attestation on its way. */
struct attest {
    struct cl_attest_request msg;
    const struct cl_family *family; /* NULL until the cookie told it */
    uint8_t cookie[CL_COOKIE_SIZE];
    int64_t cookie_expires;
    char nonce[CL_NONCE_TEXT_SIZE];
    struct cl_appraisal_answer answer;
    struct cl_buf token;
    bool appraised; /* evidence was looked at */
};

static void attest_done(struct attest *a)
{
    cl_attest_request_done(&a->msg);
    cl_appraisal_answer_done(&a->answer);
    cl_buf_done(&a->token);
}

static enum cl_status denied(struct attest *a, const char *check, const char *actual,
                             const char *expected, struct cl_err *err)
{
    cl_deny(&a->answer.denial, check, actual, "%s", expected);
    return cl_err_set(err, CL_ERR_REJECTED, "%s", check);
}

/* The challenge: ours, not expired, not spent, and the one the message was made for. */
static enum cl_status check_challenge(struct cl_broker *b, const struct cl_request *req,
                                      struct attest *a, struct cl_err *err)
{
    unsigned number = 0;
    if (!cl_challenge_cookie_parse(req->cookie, a->cookie, &a->cookie_expires, &number) ||
        (a->family = cl_family_by_number(number)) == NULL) {
        return denied(a, "challenge.cookie", "none", "a session cookie", err);
    }
    if (cl_broker_now(b) > a->cookie_expires) {
        return denied(a, "challenge.expired", "an expired cookie", "a cookie not expired", err);
    }
    CL_TRY(cl_challenge_nonce(&b->challenge, req->cookie, a->family->tee, a->msg.version, a->nonce,
                              err));
    if (a->msg.nonce != NULL && (strlen(a->msg.nonce) != CL_NONCE_TEXT_SIZE - 1 ||
                                 !cl_ct_equal(a->msg.nonce, a->nonce, CL_NONCE_TEXT_SIZE - 1))) {
        return denied(a, "challenge.nonce", "another", "the nonce of this session", err);
    }
    if (cl_sessions_get(b->sessions, a->cookie) != NULL) {
        return denied(a, "challenge.spent", "spent", "a nonce not yet used", err);
    }
    if (cl_sessions_full(b->sessions, cl_broker_now(b))) { /* before the expensive part */
        return denied(a, "challenge.table", "full", "room for one more session", err);
    }
    return CL_OK;
}

static enum cl_status make_token(struct cl_broker *b, struct attest *a, const uint8_t *report_data,
                                 struct cl_err *err)
{
    int64_t now = cl_broker_now(b);
    struct cl_grant *g = &a->answer.grant;
    g->expires = now + b->cfg.session_seconds;
    g->tee_key = CL_TAKE(a->msg.tee_key);
    CL_TRY(cl_random(g->token_id, sizeof(g->token_id), err));
    struct cl_ear_input in = {.grant = g,
                              .tee = a->family->tee,
                              .claims = a->answer.claims,
                              .vector = a->answer.vector,
                              .report_data = report_data,
                              .nonce = a->nonce,
                              .additional = a->msg.additional,
                              .now = now};
    return cl_ear_sign(b->state.token_key, &in, &a->token, err);
}

static enum cl_status attest(struct cl_broker *b, const struct cl_request *req, struct attest *a,
                             struct cl_err *err)
{
    uint8_t report_data[CL_RCAR_REPORT_DATA_SIZE];
    enum cl_status st = cl_attest_request_parse(req->body, req->body_len, &a->msg, err);
    if (st != CL_OK && st != CL_ERR_NOMEM && st != CL_ERR_SYS) {
        return denied(a, "message.format", err->msg, "a well-formed attest request", err);
    }
    CL_TRY(st);
    CL_TRY(check_challenge(b, req, a, err));
    CL_TRY(cl_rcar_report_data(a->msg.version, a->nonce, a->msg.tee_key, a->msg.additional,
                               report_data, err));
    a->appraised = true;
    struct cl_trust trust = cl_broker_trust(b);
    CL_TRY(cl_appraise(&trust, a->family, &a->msg, report_data, &a->answer, err));
    return make_token(b, a, report_data, err);
}

static enum cl_status audit_attest(struct cl_broker *b, const struct cl_request *req,
                                   const struct attest *a, bool allowed, struct cl_err *err)
{
    const struct cl_denial *d = &a->answer.denial;
    CL_CLEANUP(cl_json_decrefp)
    json_t *summary = a->appraised ? cl_grant_summary(&a->answer.grant) : NULL;
    struct cl_audit line = {.action = "attest",
                            .object = a->family != NULL ? a->family->tee : "unknown",
                            .verdict = allowed ? "allowed" : "denied",
                            .check = d->check,
                            .expected = d->expected,
                            .actual = d->actual,
                            .evidence = summary,
                            .ring = allowed               ? CL_AUDIT_KEEP
                                    : a->answer.authentic ? CL_AUDIT_DENIED
                                                          : CL_AUDIT_ANONYMOUS};
    return cl_broker_audit(b, req, "guest", &line, err);
}

static void handle_attest(struct cl_broker *b, struct cl_request *req)
{
    struct cl_err err = {0};
    CL_CLEANUP(attest_done) struct attest a = {0};
    char header[128];
    char cookie[CL_COOKIE_TEXT_SIZE];
    static const char head[] = "Attestation error: RCAR handshake Attest failed";
    enum cl_status st = attest(b, req, &a, &err);
    if (st == CL_OK || a.answer.denial.check[0] != '\0') {
        bool allowed = st == CL_OK;
        st = audit_attest(b, req, &a, allowed, &err); /* durable before anybody is told */
        if (st == CL_OK && !allowed) {
            reply_denied(req, "AttestationError", head, a.answer.denial.check);
            return;
        }
    }
    struct cl_grant *g = &a.answer.grant;
    int64_t until = g->expires > a.cookie_expires ? g->expires : a.cookie_expires;
    if (st == CL_OK) {
        st = cl_sessions_add(b->sessions, a.cookie, until, cl_broker_now(b), g, &err);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    if (st != CL_OK ||
        cl_buf_printf(&body, &err, "{\"token\":\"%s\"}", (const char *)a.token.data) != CL_OK) {
        cl_broker_reply_failure(req, "attest", &err);
        return;
    }
    memcpy(cookie, req->cookie, sizeof(cookie));
    cookie_header(cookie, a.cookie_expires, header);
    cl_http_reply(req, 200, "application/json", body.data, body.len, "Set-Cookie", header);
}

/* The grant behind cookie or token: an attested cookie wins (kbs-protocol.md 8). Borrowed from the
 * table, or from *own. */
static const struct cl_grant *find_grant(struct cl_broker *b, const struct cl_request *req,
                                         struct cl_grant *own, const char **ret_error)
{
    uint8_t cookie[CL_COOKIE_SIZE];
    int64_t expires = 0;
    unsigned number = 0;
    struct cl_err err = {0};
    if (cl_challenge_cookie_parse(req->cookie, cookie, &expires, &number) &&
        cl_sessions_get(b->sessions, cookie) != NULL) {
        return cl_sessions_get(b->sessions, cookie);
    }
    if (req->bearer == NULL) {
        *ret_error = "TokenNotFound";
        return NULL;
    }
    if (cl_ear_verify(b->state.token_key, req->bearer, strlen(req->bearer), cl_broker_now(b), own,
                      &err) != CL_OK) {
        *ret_error = "TokenVerifierError";
        return NULL;
    }
    return own;
}

struct fetch {
    const char *path; /* of the resource */
    const struct cl_grant *grant;
    struct cl_denial denial;
    const char *error; /* name for the client */
    struct cl_buf jwe;
    bool missing;
};

static enum cl_status seal_resource(struct cl_broker *b, struct fetch *f, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret plain = {0};
    bool found = false;
    CL_TRY(cl_store_resource_get(b->state.store, f->path, &sealed, &found, err));
    if (!found) {
        f->missing = true;
        f->error = "PluginInternalError";
        cl_deny(&f->denial, "resource.exists", "none", "a resource of this name");
        return cl_err_set(err, CL_ERR_REJECTED, "no such resource");
    }
    CL_TRY(cl_vault_open(&b->state.vault, CL_DOMAIN_RESOURCE, f->path, sealed.data, sealed.len,
                         &plain, err));
    return cl_jwe_seal(f->grant->tee_key, plain.data, plain.len, &f->jwe, err);
}

/* Policy before existence: nobody learns which resources exist that may not have them. */
static enum cl_status fetch(struct cl_broker *b, struct fetch *f, struct cl_err *err)
{
    size_t rule = 0;
    f->error = "TokenVerifierError";
    struct cl_trust trust = cl_broker_trust(b);
    CL_TRY(cl_appraise_again(&trust, f->grant, &f->denial, err));
    f->error = "PolicyDeny";
    if (!cl_resource_policy_allows(b->policy, f->path, f->grant->tee_class, f->grant->initdata,
                                   &rule, &f->denial)) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s", f->denial.check);
    }
    f->denial = (struct cl_denial){0};
    CL_TRY(seal_resource(b, f, err));
    (void)snprintf(f->denial.check, sizeof(f->denial.check), "policy %lld rule %zu",
                   (long long)b->policy_version, rule);
    return CL_OK;
}

static enum cl_status audit_fetch(struct cl_broker *b, const struct cl_request *req,
                                  const struct fetch *f, bool allowed, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *summary = f->grant != NULL ? cl_grant_summary(f->grant) : NULL;
    struct cl_audit line = {.action = "get-resource",
                            .object = f->path,
                            .verdict = allowed ? "allowed" : "denied",
                            .check = f->denial.check,
                            .expected = f->denial.expected,
                            .actual = f->denial.actual,
                            .evidence = summary,
                            .ring = allowed            ? CL_AUDIT_KEEP
                                    : f->grant != NULL ? CL_AUDIT_DENIED
                                                       : CL_AUDIT_ANONYMOUS};
    return cl_broker_audit(b, req, "guest", &line, err);
}

static void reply_fetch_denied(struct cl_request *req, const struct fetch *f)
{
    if (f->missing) { /* CoCo's clients take 404 as final, 401 as "attest again" */
        cl_http_reply_error(req, 404, f->error, "Plugin internal error: no such resource");
    } else if (strcmp(f->error, "TokenNotFound") == 0) {
        reply_denied(req, f->error, "Attestation Token not found", NULL);
    } else if (strcmp(f->error, "PolicyDeny") == 0) {
        reply_denied(req, f->error, "Access denied by policy", f->denial.check);
    } else if (strcmp(f->error, "TokenVerifierError") == 0) {
        reply_denied(req, f->error, "Token Verifier error", f->denial.check);
    } else {
        reply_denied(req, f->error, "Plugin internal error", f->denial.check);
    }
}

static void handle_resource(struct cl_broker *b, struct cl_request *req, const char *path)
{
    struct cl_err err = {0};
    CL_CLEANUP(cl_grant_done) struct cl_grant own = {0};
    struct fetch f = {.path = path};
    enum cl_status st = CL_ERR_REJECTED;
    f.grant = find_grant(b, req, &own, &f.error);
    if (f.grant == NULL) {
        cl_deny(&f.denial, "token", f.error, "an attested session or a token of this broker");
    } else if (!cl_resource_path_good(path)) {
        f.error = "PluginInternalError";
        cl_deny(&f.denial, "resource.path", path, "repository/type/tag");
    } else {
        st = fetch(b, &f, &err);
    }
    bool allowed = st == CL_OK;
    if (st == CL_OK || f.denial.check[0] != '\0') {
        enum cl_status logged = audit_fetch(b, req, &f, allowed, &err);
        st = logged != CL_OK ? logged : st;
        if (logged == CL_OK && !allowed) {
            reply_fetch_denied(req, &f);
            cl_buf_done(&f.jwe);
            return;
        }
    }
    if (st != CL_OK) {
        cl_broker_reply_failure(req, "resource", &err);
    } else {
        cl_http_reply(req, 200, "application/json", f.jwe.data, f.jwe.len, NULL, NULL);
    }
    cl_buf_done(&f.jwe);
}

void cl_broker_handle_guest(void *ctx, struct cl_request *req)
{
    struct cl_broker *b = ctx;
    char detail[160];
    static const char resource[] = CL_KBS_PREFIX "resource/";
    if (req->method == CL_GET && strcmp(req->path, "/healthz") == 0) {
        cl_http_reply(req, 200, NULL, NULL, 0, NULL, NULL);
    } else if (req->method == CL_POST && strcmp(req->path, CL_KBS_PREFIX "auth") == 0) {
        handle_auth(b, req);
    } else if (req->method == CL_POST && strcmp(req->path, CL_KBS_PREFIX "attest") == 0) {
        handle_attest(b, req);
    } else if (req->method == CL_GET && strncmp(req->path, resource, sizeof(resource) - 1) == 0) {
        char path[CL_HTTP_PATH_MAX];
        (void)snprintf(path, sizeof(path), "%s", req->path + sizeof(resource) - 1);
        handle_resource(b, req, path);
    } else if (strncmp(req->path, CL_KBS_PREFIX, sizeof(CL_KBS_PREFIX) - 1) != 0) {
        cl_http_reply_error(req, 404, "InvalidRequestPath", "Invalid request path");
    } else { /* admin routes are not served here */
        const char *plugin = req->path + sizeof(CL_KBS_PREFIX) - 1;
        size_t n = strcspn(plugin, "/");
        (void)snprintf(detail, sizeof(detail), "Plugin %.*s not found", (int)(n < 100 ? n : 100),
                       plugin);
        cl_http_reply_error(req, 404, "PluginNotFound", detail);
    }
}
