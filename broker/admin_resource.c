/* SPDX-License-Identifier: Apache-2.0
 * admin_resource.c - admin routes of resources and the resource policy (see admin.h).
 */
#include "admin.h"

#include "base/encode.h"
#include "cloister/jwe.h"

#include <string.h>

#define RESOURCE_MAX_SIZE CL_JWE_MAX_PLAIN /* what can be sealed for a client can be stored */

enum cl_status cl_admin_health(struct cl_broker *b, struct cl_admin_call *call, struct cl_err *err)
{
    (void)b;
    (void)call;
    (void)err;
    return CL_OK;
}

static enum cl_status check_path(const char *path, struct cl_err *err)
{
    return cl_resource_path_good(path)
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "resource '%.100s': path: expected repository/type/tag", path);
}

enum cl_status cl_admin_resource_put(struct cl_broker *b, struct cl_admin_call *call,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    CL_TRY(check_path(call->rest, err));
    if (call->req->body_len == 0 || call->req->body_len > RESOURCE_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "resource: expected 1 to %u bytes, got %zu",
                          RESOURCE_MAX_SIZE, call->req->body_len);
    }
    CL_TRY(cl_vault_seal(&b->state.vault, CL_DOMAIN_RESOURCE, call->rest, call->req->body,
                         call->req->body_len, &sealed, err));
    return cl_store_resource_put(b->state.store, call->rest, &sealed, cl_broker_now(b), err);
}

enum cl_status cl_admin_resource_get(struct cl_broker *b, struct cl_admin_call *call,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf sealed = {0};
    bool found = false;
    CL_TRY(check_path(call->rest, err));
    CL_TRY(cl_store_resource_get(b->state.store, call->rest, &sealed, &found, err));
    if (!found) {
        return cl_admin_absent("resource", call->rest, err);
    }
    return cl_vault_open(&b->state.vault, CL_DOMAIN_RESOURCE, call->rest, sealed.data, sealed.len,
                         &call->secret, err);
}

enum cl_status cl_admin_resource_delete(struct cl_broker *b, struct cl_admin_call *call,
                                        struct cl_err *err)
{
    bool found = false;
    CL_TRY(check_path(call->rest, err));
    CL_TRY(cl_store_resource_delete(b->state.store, call->rest, &found, err));
    return found ? CL_OK : cl_admin_absent("resource", call->rest, err);
}

enum cl_status cl_admin_resource_list(struct cl_broker *b, struct cl_admin_call *call,
                                      struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_resource_list(b->state.store, &list, err));
    return cl_admin_answer_list(call, "cloister.resources/1", "resources", list, err);
}

/* {"policy":"<base64url of the document>"[,"expect-version":N]}, as Trustee sends it. */
enum cl_status cl_admin_policy_put(struct cl_broker *b, struct cl_admin_call *call,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_resource_policy_freep) struct cl_resource_policy *checked = NULL;
    const char *b64 = NULL;
    int64_t version = 0;
    CL_TRY(cl_admin_body(call, &j, err));
    CL_TRY(cl_json_get_string(j, "request", "policy", &b64, err));
    if (json_object_get(j, "expect-version") != NULL) {
        CL_TRY(cl_json_get_int(j, "request", "expect-version", 0, INT64_MAX, &version, err));
        if (version != b->policy_version) {
            return cl_err_set(err, CL_ERR_REJECTED, "policy: version: expected %lld, got %lld",
                              (long long)version, (long long)b->policy_version);
        }
    }
    CL_TRY(cl_b64url_decode(&text, b64, strlen(b64), "policy", err));
    CL_TRY(cl_resource_policy_parse(text.data, text.len, &checked, err));
    CL_TRY(cl_store_policy_put(b->state.store, &text, call->role == CL_ROLE_ADMIN ? "admin" : "",
                               cl_broker_now(b), &version, err));
    call->policy_changed = true;
    (void)snprintf(call->object, sizeof(call->object), "policy %lld", (long long)version);
    call->answer = json_pack("{s:s, s:I}", "schema", "cloister.policy-version/1", "version",
                             (json_int_t)version);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}

enum cl_status cl_admin_policy_get(struct cl_broker *b, struct cl_admin_call *call,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    json_t *policy = NULL;
    int64_t version = 0;
    CL_TRY(cl_store_policy_get(b->state.store, &text, &version, err));
    CL_TRY(cl_json_parse(text.data, text.len, "policy", &policy, err));
    call->answer = json_pack("{s:s, s:I, s:o}", "schema", "cloister.policy-state/1", "version",
                             (json_int_t)version, "policy", policy);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}

enum cl_status cl_admin_policy_history(struct cl_broker *b, struct cl_admin_call *call,
                                       struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_policy_history(b->state.store, &list, err));
    return cl_admin_answer_list(call, "cloister.policy-history/1", "policies", list, err);
}

static json_t *test_answer(const char *path, bool allowed, size_t rule,
                           const struct cl_appraisal_answer *a)
{
    const struct cl_denial *d = &a->denial;
    json_t *summary = cl_grant_summary(&a->grant);
    return allowed ? json_pack("{s:s, s:b, s:s, s:I, s:o}", "schema", "cloister.policy-test/1",
                               "allowed", 1, "resource", path, "rule", (json_int_t)rule, "evidence",
                               summary)
                   : json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:o}", "schema",
                               "cloister.policy-test/1", "allowed", 0, "resource", path, "check",
                               d->check, "expected", d->expected, "actual", d->actual, "evidence",
                               summary);
}

/* "tee", which without a word is snp, as it was before there were others. */
static enum cl_status get_family(const json_t *j, const struct cl_family **ret, struct cl_err *err)
{
    const char *tee = "snp";
    char names[64];
    if (json_object_get(j, "tee") != NULL) {
        CL_TRY(cl_json_get_string(j, "request", "tee", &tee, err));
    }
    *ret = cl_family_find(tee);
    return *ret != NULL ? CL_OK
                        : cl_err_set(err, CL_ERR_MALFORMED, "request: tee: expected %s, got %.32s",
                                     cl_family_names(names, sizeof(names)), tee);
}

/* {"policy":document,"evidence":primary evidence,"resource":path[,"tee":name]}: what would be
 * decided. The nonce is not looked at, everything else is. */
enum cl_status cl_admin_policy_test(struct cl_broker *b, struct cl_admin_call *call,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_resource_policy_freep) struct cl_resource_policy *policy = NULL;
    CL_CLEANUP(cl_appraisal_answer_done) struct cl_appraisal_answer a = {0};
    const struct cl_family *family = NULL;
    json_t *document = NULL;
    json_t *evidence = NULL;
    const char *path = NULL;
    size_t rule = 0;
    CL_TRY(cl_admin_body(call, &j, err));
    CL_TRY(cl_json_get_object(j, "request", "policy", &document, err));
    CL_TRY(cl_json_get_object(j, "request", "evidence", &evidence, err));
    CL_TRY(cl_json_get_string(j, "request", "resource", &path, err));
    CL_TRY(check_path(path, err));
    CL_TRY(get_family(j, &family, err));
    CL_TRY(cl_json_compact(document, &text, err));
    CL_TRY(cl_resource_policy_parse(text.data, text.len, &policy, err));
    struct cl_attest_request msg = {.primary = evidence, .additional = ""};
    struct cl_trust trust = cl_broker_trust(b);
    enum cl_status st = cl_appraise(&trust, family, &msg, /* report_data= */ NULL, &a, err);
    if (st != CL_OK && a.denial.check[0] == '\0') {
        return st;
    }
    bool allowed = st == CL_OK && cl_resource_policy_allows(policy, path, a.grant.tee_class,
                                                            a.grant.initdata, &rule, &a.denial);
    call->answer = test_answer(path, allowed, rule, &a);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}
