/* SPDX-License-Identifier: Apache-2.0
 * admin.c - the admins' listener: who may do what, and one function for each route.
 * Trust: nothing before the Ed25519 token verified (alg EdDSA, exp required, role). Every change is
 *        one transaction together with its line in the audit.
 */
#include "broker_internal.h"

#include "admin.h"
#include "base/encode.h"
#include "cloister/jwt.h"

#include <stdio.h>
#include <string.h>

static const struct cl_admin_route routes[] = {
    /* method, path (a '/' at its end: something follows), roles, audited, handler */
    {CL_GET, "healthz", CL_ROLE_ANYBODY, NULL, cl_admin_health},
    {CL_POST, "kbs/v0/resource/", CL_ROLE_ADMIN, "set-resource", cl_admin_resource_put},
    {CL_GET, "kbs/v0/resource/", CL_ROLE_ADMIN, "read-resource", cl_admin_resource_get},
    {CL_DELETE, "kbs/v0/resource/", CL_ROLE_ADMIN, "delete-resource", cl_admin_resource_delete},
    {CL_GET, "kbs/v0/resources", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_resource_list},
    {CL_POST, "kbs/v0/resource-policy", CL_ROLE_ADMIN, "set-policy", cl_admin_policy_put},
    {CL_GET, "kbs/v0/resource-policy", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_policy_get},
    {CL_GET, "kbs/v0/resource-policy/history", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL,
     cl_admin_policy_history},
    {CL_POST, "kbs/v0/resource-policy/test", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL,
     cl_admin_policy_test},
    {CL_POST, "kbs/v0/reference-value", CL_ROLE_ADMIN, "set-reference", cl_admin_reference_put},
    {CL_GET, "kbs/v0/reference-value", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL,
     cl_admin_reference_list},
    {CL_DELETE, "kbs/v0/reference-value/", CL_ROLE_ADMIN, "delete-reference",
     cl_admin_reference_delete},
    {CL_POST, "kbs/v0/sim-root", CL_ROLE_ADMIN, "set-sim-root", cl_admin_root_put},
    {CL_GET, "kbs/v0/sim-root", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_root_list},
    {CL_DELETE, "kbs/v0/sim-root/", CL_ROLE_ADMIN, "delete-sim-root", cl_admin_root_delete},
    {CL_POST, "kbs/v0/revocation", CL_ROLE_ADMIN, "revoke", cl_admin_revoke},
    {CL_GET, "kbs/v0/revocation", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_revoked_list},
    {CL_DELETE, "kbs/v0/revocation/", CL_ROLE_ADMIN, "unrevoke", cl_admin_unrevoke},
    {CL_POST, "kbs/v0/verify-policy", CL_ROLE_ADMIN, "set-verify-policy",
     cl_admin_verify_policy_put},
    {CL_GET, "kbs/v0/verify-policy", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL,
     cl_admin_verify_policy_get},
    {CL_GET, "kbs/v0/verify-policy/history", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL,
     cl_admin_verify_policy_history},
    {CL_POST, "kbs/v0/collateral", CL_ROLE_ADMIN, "set-collateral", cl_admin_collateral_put},
    {CL_GET, "kbs/v0/collateral", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_collateral_get},
    {CL_DELETE, "kbs/v0/collateral", CL_ROLE_ADMIN, "delete-collateral",
     cl_admin_collateral_delete},
    {CL_POST, "kbs/v0/distrust", CL_ROLE_ADMIN, "set-distrust", cl_admin_distrust_put},
    {CL_GET, "kbs/v0/distrust", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_distrust_get},
    {CL_DELETE, "kbs/v0/distrust", CL_ROLE_ADMIN, "delete-distrust", cl_admin_distrust_delete},
    {CL_GET, "kbs/v0/audit", CL_ROLE_ADMIN | CL_ROLE_AUDITOR, NULL, cl_admin_audit_list},
};

const struct cl_admin_route *cl_admin_routes(size_t *ret_count)
{
    *ret_count = CL_ARRAY_LEN(routes);
    return routes;
}

enum cl_status cl_admin_body(const struct cl_admin_call *call, json_t **ret_j, struct cl_err *err)
{
    CL_TRY(cl_json_parse(call->req->body, call->req->body_len, "request", ret_j, err));
    if (!json_is_object(*ret_j)) {
        cl_json_decrefp(ret_j);
        return cl_err_set(err, CL_ERR_MALFORMED, "request: expected object");
    }
    return CL_OK;
}

enum cl_status cl_admin_answer_list(struct cl_admin_call *call, const char *schema,
                                    const char *name, json_t *list, struct cl_err *err)
{
    call->answer = json_pack("{s:s, s:o}", "schema", schema, name, list);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}

enum cl_status cl_admin_absent(const char *what, const char *name, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s '%.200s': not found", what, name);
}

/* The route of a request; *ret_rest is what follows a prefix. *ret_known: the path exists with
 * another method. */
static const struct cl_admin_route *find_route(const struct cl_request *req, const char **ret_rest,
                                               bool *ret_known)
{
    *ret_known = false;
    for (size_t i = 0; i < CL_ARRAY_LEN(routes); i++) {
        const struct cl_admin_route *r = &routes[i];
        size_t n = strlen(r->path);
        bool prefix = r->path[n - 1] == '/';
        const char *path = req->path + 1;
        bool match =
            prefix ? strncmp(path, r->path, n) == 0 && path[n] != '\0' : strcmp(path, r->path) == 0;
        *ret_known = *ret_known || match;
        if (match && r->method == req->method) {
            *ret_rest = prefix ? path + n : "";
            return r;
        }
    }
    return NULL;
}

static enum cl_status authenticate(struct cl_broker *b, const struct cl_request *req,
                                   unsigned *ret_role, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    const char *role = NULL;
    if (req->bearer == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED, "no token");
    }
    CL_TRY(cl_jwt_verify(CL_JWT_EDDSA, b->state.admin_pub, req->bearer, strlen(req->bearer),
                         &claims, err));
    CL_TRY(cl_jwt_check_times(claims, cl_broker_now(b), err));
    CL_TRY(cl_json_get_string(claims, "token", "role", &role, err));
    if (strcmp(role, "admin") == 0) {
        *ret_role = CL_ROLE_ADMIN;
    } else if (strcmp(role, "auditor") == 0) {
        *ret_role = CL_ROLE_AUDITOR;
    } else {
        return cl_err_set(err, CL_ERR_REJECTED, "token: role: expected admin or auditor, got %.32s",
                          role);
    }
    return CL_OK;
}

static const char *role_name(unsigned role)
{
    return role == CL_ROLE_ADMIN ? "admin" : role == CL_ROLE_AUDITOR ? "auditor" : "nobody";
}

static void refuse(struct cl_broker *b, struct cl_request *req, const char *who, const char *action,
                   const char *cause)
{
    char detail[300];
    struct cl_err err = {0};
    struct cl_audit line = {.action = action,
                            .object = req->path,
                            .verdict = "denied",
                            .check = "admin.role",
                            .expected = "a token whose role may do this",
                            .actual = cause,
                            .ring = CL_AUDIT_ANONYMOUS};
    (void)snprintf(detail, sizeof(detail), "admin access denied for endpoint %.100s: %.150s",
                   req->path, cause);
    if (cl_broker_audit(b, req, who, &line, &err) != CL_OK) {
        cl_broker_reply_failure(req, "admin", &err);
        return;
    }
    cl_http_reply_error(req, 401, "AdminAuthAccess", detail);
}

/* Status of a handler to HTTP: what the caller did wrong is told in full, admins may know it. */
static void reply_status(struct cl_request *req, enum cl_status st, const struct cl_err *err)
{
    if (st == CL_ERR_REJECTED) {
        cl_http_reply_error(req, 409, "AdminConflict", err->msg);
    } else if (st == CL_ERR_UNAVAILABLE) {
        cl_http_reply_error(req, 404, "AdminNotFound", err->msg);
    } else if (st == CL_ERR_MALFORMED || st == CL_ERR_TRUNCATED || st == CL_ERR_UNSUPPORTED) {
        cl_http_reply_error(req, 400, "AdminMalformed", err->msg);
    } else {
        cl_broker_reply_failure(req, "admin", err);
    }
}

/* A change and its audit line become durable together, or not at all. */
static enum cl_status run_change(struct cl_broker *b, struct cl_admin_call *call,
                                 const struct cl_admin_route *route, struct cl_err *err)
{
    char who[48];
    struct cl_audit line = {
        .action = route->audit, .object = call->rest, .verdict = "allowed", .check = call->note};
    (void)snprintf(who, sizeof(who), "%s", role_name(call->role));
    CL_TRY(cl_store_begin(b->state.store, err));
    enum cl_status st = route->run(b, call, err);
    line.object = call->rest[0] != '\0' ? call->rest : call->object;
    st = st == CL_OK ? cl_broker_audit(b, call->req, who, &line, err) : st;
    if (st != CL_OK) {
        cl_store_rollback(b->state.store);
        return st;
    }
    CL_TRY(cl_store_commit(b->state.store, err));
    CL_TRY(call->policy_changed ? cl_broker_load_policy(b, err) : CL_OK);
    return call->trust_changed ? cl_trust_state_load(b->state.store, &b->trust, err) : CL_OK;
}

static void finish(struct cl_admin_call *call)
{
    if (call->secret.data != NULL) {
        cl_http_reply_secret(call->req, &call->secret);
    } else if (call->answer != NULL) {
        cl_broker_reply_json(call->req, call->answer);
    } else {
        cl_http_reply(call->req, 200, NULL, NULL, 0, NULL, NULL);
    }
}

void cl_broker_handle_admin(void *ctx, struct cl_request *req)
{
    struct cl_broker *b = ctx;
    struct cl_err err = {0};
    struct cl_admin_call call = {.req = req, .role = CL_ROLE_ANYBODY};
    bool known = false;
    const char *rest = "";
    const struct cl_admin_route *route = find_route(req, &rest, &known);
    if (route == NULL) { /* which routes exist is no secret: the source is public */
        cl_http_reply_error(req, known ? 405 : 404, "InvalidRequestPath",
                            known ? "Method not allowed" : "Invalid request path");
        return;
    }
    (void)snprintf(call.rest, sizeof(call.rest), "%s", rest);
    const char *action = route->audit != NULL ? route->audit : "read";
    if (route->roles != CL_ROLE_ANYBODY) {
        if (authenticate(b, req, &call.role, &err) != CL_OK) {
            refuse(b, req, "nobody", action, err.msg);
            return;
        }
        if ((route->roles & call.role) == 0) {
            refuse(b, req, role_name(call.role), action, "this role may not");
            return;
        }
    }
    enum cl_status st =
        route->audit != NULL ? run_change(b, &call, route, &err) : route->run(b, &call, &err);
    if (st == CL_OK) {
        finish(&call);
    } else {
        reply_status(req, st, &err);
    }
    json_decref(call.answer);
    cl_secret_done(&call.secret);
}
