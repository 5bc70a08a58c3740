/* SPDX-License-Identifier: Apache-2.0
 * admin_verify.c - admin routes of what evidence is judged by: verify policy, collateral, and the
 * document of distrusted platforms (see admin.h). Each change counts at once, and ends what was
 * granted under the one before.
 */
#include "admin.h"

#include "base/encode.h"
#include "base/io.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static enum cl_status put(struct cl_broker *b, struct cl_admin_call *call, const char *kind,
                          int64_t expires, bool keep, struct cl_err *err)
{
    int64_t version = 0;
    CL_TRY(cl_store_document_put(b->state.store, kind, call->req->body, call->req->body_len,
                                 expires, keep, "admin", cl_broker_now(b), &version, err));
    call->trust_changed = true;
    (void)snprintf(call->object, sizeof(call->object), "%s %lld", kind, (long long)version);
    call->answer = json_pack("{s:s, s:I}", "schema", "cloister.trust-version/1", "version",
                             (json_int_t)version);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}

static enum cl_status withdraw(struct cl_broker *b, struct cl_admin_call *call, const char *kind,
                               bool is_set, bool keep, struct cl_err *err)
{
    int64_t version = 0;
    if (!is_set) {
        return cl_admin_absent(kind, "in force", err);
    }
    CL_TRY(cl_store_document_put(b->state.store, kind, "", 0, 0, keep, "admin", cl_broker_now(b),
                                 &version, err));
    call->trust_changed = true;
    (void)snprintf(call->object, sizeof(call->object), "%s %lld", kind, (long long)version);
    return CL_OK;
}

/* The document itself, schema cloister.verify-policy/1. */
enum cl_status cl_admin_verify_policy_put(struct cl_broker *b, struct cl_admin_call *call,
                                          struct cl_err *err)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *checked = NULL;
    CL_TRY(cl_verify_policy_parse(call->req->body, call->req->body_len, &checked, err));
    return put(b, call, CL_TRUST_VERIFY_POLICY, /* expires= */ 0, /* keep= */ true, err);
}

enum cl_status cl_admin_verify_policy_get(struct cl_broker *b, struct cl_admin_call *call,
                                          struct cl_err *err)
{
    CL_CLEANUP(cl_trust_document_done) struct cl_trust_document d = {0};
    json_t *policy = NULL;
    CL_TRY(cl_store_document_get(b->state.store, CL_TRUST_VERIFY_POLICY, &d, err));
    const char *built_in = cl_verify_policy_profile_text("default");
    CL_TRY(d.data.len > 0 ? cl_json_parse(d.data.data, d.data.len, "policy", &policy, err)
                          : cl_json_parse(built_in, strlen(built_in), "policy", &policy, err));
    call->answer = json_pack("{s:s, s:I, s:o}", "schema", "cloister.verify-policy-state/1",
                             "version", (json_int_t)d.version, "policy", policy);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}

enum cl_status cl_admin_verify_policy_history(struct cl_broker *b, struct cl_admin_call *call,
                                              struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_document_history(b->state.store, CL_TRUST_VERIFY_POLICY, /* documents= */ true,
                                     &list, err));
    return cl_admin_answer_list(call, "cloister.verify-policy-history/1", "policies", list, err);
}

/* A bundle of `cloister collateral bundle`, or a QuoteCollateralV3 document. */
enum cl_status cl_admin_collateral_put(struct cl_broker *b, struct cl_admin_call *call,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    CL_TRY(cl_trust_parse_collateral(call->req->body, call->req->body_len, &c, err));
    const struct cl_collateral_bundle *bundle = cl_collateral_bundle(c);
    if (bundle->present && bundle->expires <= cl_broker_now(b)) {
        char when[21];
        cl_time_format(when, bundle->expires);
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "collateral: expires: expected a time to come, "
                          "got %s",
                          when);
    }
    return put(b, call, CL_TRUST_COLLATERAL, bundle->present ? bundle->expires : 0,
               /* keep= */ false, err);
}

static json_t *item_json(const struct cl_collateral_item *item)
{
    char issued[21];
    char expires[21];
    cl_time_format(issued, item->issued);
    cl_time_format(expires, item->expires);
    return json_pack("{s:s, s:s, s:s}", "kind", cl_collateral_kind_name(item->kind), "issued",
                     issued, "expires", expires);
}

/* Which items there are, with their periods; who signed the bundle; and what was there before. */
enum cl_status cl_admin_collateral_get(struct cl_broker *b, struct cl_admin_call *call,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *items = json_array();
    json_t *history = NULL;
    char signer[2 * CL_COLLATERAL_SIGNER_SIZE + 1] = "";
    const struct cl_collateral *c = b->trust.collateral;
    for (size_t i = 0; c != NULL && i < cl_collateral_count(c); i++) {
        if (json_array_append_new(items, item_json(cl_collateral_item(c, i))) != 0) {
            return cl_err_nomem(err, "answer");
        }
    }
    if (c != NULL && cl_collateral_bundle(c)->is_signed) {
        cl_hex(signer, cl_collateral_bundle(c)->signer, CL_COLLATERAL_SIGNER_SIZE);
    }
    CL_TRY(cl_store_document_history(b->state.store, CL_TRUST_COLLATERAL, /* documents= */ false,
                                     &history, err));
    call->answer = json_pack("{s:s, s:I, s:s, s:O, s:o}", "schema", "cloister.collateral-state/1",
                             "version", (json_int_t)b->trust.collateral_version, "signer", signer,
                             "items", items, "history", history);
    return call->answer != NULL ? CL_OK : cl_err_nomem(err, "answer");
}

enum cl_status cl_admin_collateral_delete(struct cl_broker *b, struct cl_admin_call *call,
                                          struct cl_err *err)
{
    return withdraw(b, call, CL_TRUST_COLLATERAL, b->trust.collateral != NULL,
                    /* keep= */ false, err);
}

/* {"document":"<compact JWS>","key":"PEM"}: what `verify --distrust` reads, and its signer. */
enum cl_status cl_admin_distrust_put(struct cl_broker *b, struct cl_admin_call *call,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    EVP_PKEY *key = NULL;
    enum cl_status st = cl_trust_parse_distrust(call->req->body, call->req->body_len,
                                                cl_broker_now(b), &token, &key, &d, err);
    EVP_PKEY_free(key);
    if (st == CL_ERR_UNAVAILABLE) { /* not "absent": it has expired */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "distrust: expected a document that has not "
                          "expired");
    }
    return st == CL_OK ? put(b, call, CL_TRUST_DISTRUST, /* expires= */ 0, /* keep= */ true, err)
                       : st;
}

enum cl_status cl_admin_distrust_get(struct cl_broker *b, struct cl_admin_call *call,
                                     struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_document_history(b->state.store, CL_TRUST_DISTRUST, /* documents= */ true,
                                     &list, err));
    return cl_admin_answer_list(call, "cloister.distrust-state/1", "documents", list, err);
}

enum cl_status cl_admin_distrust_delete(struct cl_broker *b, struct cl_admin_call *call,
                                        struct cl_err *err)
{
    return withdraw(b, call, CL_TRUST_DISTRUST, b->trust.distrust_token.len > 0,
                    /* keep= */ true, err);
}
