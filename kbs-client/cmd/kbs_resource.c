/* SPDX-License-Identifier: Apache-2.0
 * kbs_resource.c - `cloister kbs`: resources and the resource policy.
 */
#include "cmd_kbs.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/secret.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_POLICY (1u << 20)
#define MAX_EVIDENCE (2u << 20)

static enum cl_status resource_path(const char *name, struct cl_buf *out, struct cl_err *err)
{
    return cl_buf_printf(out, err, "/kbs/v0/resource/%s", name);
}

/* '-' is stdin. */
static enum cl_status read_secret(const char *file, struct cl_secret *ret, struct cl_err *err)
{
    if (strcmp(file, "-") != 0) {
        return cl_secret_read_file(ret, file, CL_KBS_MAX_RESOURCE, err);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(cl_buf_read_fd(&raw, STDIN_FILENO, CL_KBS_MAX_RESOURCE, err));
    return cl_secret_from(ret, raw.data, raw.len, err);
}

enum cl_status kbs_set_resource(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_secret_done) struct cl_secret secret = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(read_secret(o->args[1], &secret, err));
    if (secret.len == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': expected a secret, got an empty file",
                          o->args[1]);
    }
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(resource_path(o->args[0], &path, err));
    return kbs_admin_send(a, "POST", (const char *)path.data, secret.data, secret.len, &resp, err);
}

enum cl_status kbs_get_resource(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(resource_path(o->args[0], &path, err));
    CL_TRY(kbs_admin_send(a, "GET", (const char *)path.data, NULL, 0, &resp, err));
    return kbs_write_out(o, resp.body.data, resp.body.len, err);
}

enum cl_status kbs_delete_resource(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(resource_path(o->args[0], &path, err));
    return kbs_admin_send(a, "DELETE", (const char *)path.data, NULL, 0, &resp, err);
}

enum cl_status kbs_list_resources(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    json_t *list = NULL;
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(kbs_admin_get_json(a, "/kbs/v0/resources", &j, err));
    CL_TRY(cl_json_get_array(j, "broker's answer", "resources", &list, err));
    if (o->json) {
        CL_TRY(cl_json_compact(j, &text, err));
        CL_TRY(cl_buf_append_str(&text, "\n", err));
    }
    for (size_t i = 0; i < json_array_size(list) && !o->json; i++) {
        const json_t *r = json_array_get(list, i);
        const char *path = NULL;
        const char *updated = NULL;
        int64_t bytes = 0;
        CL_TRY(cl_json_get_string(r, "resource", "path", &path, err));
        CL_TRY(cl_json_get_string(r, "resource", "updated", &updated, err));
        CL_TRY(cl_json_get_int(r, "resource", "bytes", 0, INT64_MAX, &bytes, err));
        CL_TRY(cl_buf_printf(&text, err, "%s  %10lld  %s\n", updated, (long long)bytes, path));
    }
    return kbs_write_out(o, text.data, text.len, err);
}

/* The policy in force without the rules of glob, with those of `part` behind; every rule of part
 * must be about glob. */
static enum cl_status merge_policy(struct kbs_admin *a, const char *glob, json_t *part,
                                   json_t **ret_policy, int64_t *ret_version, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *state = NULL;
    json_t *policy = NULL;
    json_t *rules = NULL;
    json_t *fresh = NULL;
    const char *resource = NULL;
    CL_TRY(kbs_admin_get_json(a, "/kbs/v0/resource-policy", &state, err));
    CL_TRY(cl_json_get_int(state, "broker's answer", "version", 0, INT64_MAX, ret_version, err));
    CL_TRY(cl_json_get_object(state, "broker's answer", "policy", &policy, err));
    CL_TRY(cl_json_get_array(policy, "broker's policy", "rules", &rules, err));
    CL_TRY(cl_json_get_array(part, "policy", "rules", &fresh, err));
    for (size_t i = json_array_size(rules); i > 0; i--) {
        const char *r =
            json_string_value(json_object_get(json_array_get(rules, i - 1), "resource"));
        if (r != NULL && strcmp(r, glob) == 0 && json_array_remove(rules, i - 1) != 0) {
            return cl_err_nomem(err, "policy");
        }
    }
    for (size_t i = 0; i < json_array_size(fresh); i++) {
        CL_TRY(cl_json_get_string(json_array_get(fresh, i), "policy: rule", "resource", &resource,
                                  err));
        if (strcmp(resource, glob) != 0) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "policy: rule %zu: resource: expected '%s', got '%s'", i, glob,
                              resource);
        }
        if (json_array_append(rules, json_array_get(fresh, i)) != 0) {
            return cl_err_nomem(err, "policy");
        }
    }
    *ret_policy = json_incref(policy);
    return CL_OK;
}

static enum cl_status policy_request(const json_t *policy, int64_t version, json_t **ret_j,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b64 = {0};
    CL_TRY(cl_json_compact(policy, &text, err));
    CL_TRY(cl_b64url_encode(&b64, text.data, text.len, err));
    json_t *j = json_pack("{s:s}", "policy", (const char *)b64.data);
    if (j == NULL ||
        (version > 0 && json_object_set_new(j, "expect-version", json_integer(version)) != 0)) {
        json_decref(j);
        return cl_err_nomem(err, "policy");
    }
    *ret_j = j;
    return CL_OK;
}

enum cl_status kbs_set_policy(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *file = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *policy = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *body = NULL;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    int64_t version = 0;
    CL_TRY(cl_json_read_file(o->args[0], MAX_POLICY, &file, err));
    CL_TRY(kbs_admin_open(o, &a, err));
    if (o->resource != NULL) {
        CL_TRY(merge_policy(a, o->resource, file, &policy, &version, err));
    } else {
        policy = json_incref(file);
    }
    CL_TRY(policy_request(policy, version, &body, err));
    return kbs_admin_send_json(a, "/kbs/v0/resource-policy", body, &resp, err);
}

enum cl_status kbs_print_document(const struct kbs_options *o, const char *path, const char *member,
                                  struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    json_t *document = NULL;
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(kbs_admin_get_json(a, path, &j, err));
    if (member != NULL && !o->json) {
        CL_TRY(cl_json_get_object(j, "broker's answer", member, &document, err));
    }
    CL_TRY(cl_json_compact(document != NULL ? document : j, &text, err));
    CL_TRY(cl_buf_append_str(&text, "\n", err));
    return kbs_write_out(o, text.data, text.len, err);
}

enum cl_status kbs_get_policy(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_print_document(
        o, o->history ? "/kbs/v0/resource-policy/history" : "/kbs/v0/resource-policy",
        o->history ? NULL : "policy", err);
}

static enum cl_status report_test(const struct kbs_options *o, const struct cl_http_response *resp,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *check = NULL;
    const char *expected = NULL;
    const char *actual = NULL;
    int64_t rule = 0;
    bool allowed = false;
    CL_TRY(cl_json_parse(resp->body.data, resp->body.len, "broker's answer", &j, err));
    CL_TRY(cl_json_get_bool(j, "broker's answer", "allowed", &allowed, err));
    if (o->json) {
        (void)printf("%s\n", (const char *)resp->body.data);
    }
    if (allowed) {
        CL_TRY(cl_json_get_int(j, "broker's answer", "rule", 0, INT64_MAX, &rule, err));
        if (!o->json) {
            (void)printf("allowed by rule %lld\n", (long long)rule);
        }
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, "broker's answer", "check", &check, err));
    CL_TRY(cl_json_get_string(j, "broker's answer", "expected", &expected, err));
    CL_TRY(cl_json_get_string(j, "broker's answer", "actual", &actual, err));
    return cl_err_set(err, CL_ERR_REJECTED, "denied: %s: expected %s, got %s", check, expected,
                      actual);
}

enum cl_status kbs_test_policy(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *policy = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *evidence = NULL;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    if (o->evidence == NULL || o->resource == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected --evidence FILE and --resource PATH");
    }
    CL_TRY(cl_json_read_file(o->args[0], MAX_POLICY, &policy, err));
    CL_TRY(cl_json_read_file(o->evidence, MAX_EVIDENCE, &evidence, err));
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_CLEANUP(cl_json_decrefp)
    json_t *body = json_pack("{s:O, s:O, s:s, s:s}", "policy", policy, "evidence", evidence,
                             "resource", o->resource, "tee", o->tee != NULL ? o->tee : "snp");
    CL_TRY(kbs_admin_send_json(a, "/kbs/v0/resource-policy/test", body, &resp, err));
    return report_test(o, &resp, err);
}
