/* SPDX-License-Identifier: Apache-2.0
 * policy_diff.c - what differs between two policies, member by member.
 */
#include "policy_load.h"

#include "tree.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 400u /* bytes of a value in a line */

/* The parent's objects by name are written "containers[app]"; members ": args". */
static bool is_keyed(const char *name)
{
    static const char *const keyed[] = {"containers", "volumes",      "mounts",  "devices",
                                        "exec",       "env",          "sysctls", "env_host",
                                        "groups",     "capabilities", "ambient", NULL};
    return policy_one_of(name, keyed);
}

static enum cl_status compare(const char *where, const char *parent, const json_t *a,
                              const json_t *b, json_t *out, struct cl_err *err);

static enum cl_status add(const char *where, const json_t *a, const json_t *b, json_t *out,
                          struct cl_err *err)
{
    json_t *d = json_object();
    CL_TRY(policy_append(out, d, err));
    CL_TRY(policy_put(d, "member", json_string(where), err));
    CL_TRY(policy_put(d, "a", a != NULL ? json_deep_copy(a) : json_null(), err));
    return policy_put(d, "b", b != NULL ? json_deep_copy(b) : json_null(), err);
}

static enum cl_status compare_member(const char *where, const char *parent, const char *key,
                                     const json_t *a, const json_t *b, json_t *out,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    CL_TRY(is_keyed(parent)   ? cl_buf_printf(&path, err, "%s[%s]", where, key)
           : where[0] != '\0' ? cl_buf_printf(&path, err, "%s: %s", where, key)
                              : cl_buf_printf(&path, err, "%s", key));
    return compare((const char *)path.data, is_keyed(parent) ? "" : key, json_object_get(a, key),
                   json_object_get(b, key), out, err);
}

static enum cl_status compare(const char *where, const char *parent, const json_t *a,
                              const json_t *b, json_t *out, struct cl_err *err)
{
    const char *key = NULL;
    json_t *v = NULL;
    if (!json_is_object(a) || !json_is_object(b)) {
        return json_equal(a, b) || (a == NULL && b == NULL) ? CL_OK : add(where, a, b, out, err);
    }
    json_object_foreach((json_t *)(uintptr_t)a, key, v)
    {
        CL_TRY(compare_member(where, parent, key, a, b, out, err));
    }
    json_object_foreach((json_t *)(uintptr_t)b, key, v)
    {
        if (json_object_get(a, key) == NULL) {
            CL_TRY(compare_member(where, parent, key, a, b, out, err));
        }
    }
    return CL_OK;
}

static json_t *broker(const struct policy_file *f)
{
    return json_pack("{s:s?, s:s?}", "url", f->kbs_url, "cert", f->kbs_cert);
}

enum cl_status policy_diff(const struct policy_file *a, const struct policy_file *b, json_t **ret,
                           struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    CL_CLEANUP(cl_json_decrefp) json_t *broker_a = broker(a);
    CL_CLEANUP(cl_json_decrefp) json_t *broker_b = broker(b);
    if (out == NULL || broker_a == NULL || broker_b == NULL) {
        return cl_err_nomem(err, "difference");
    }
    if (a->is_initdata && b->is_initdata) {
        CL_TRY(compare("broker", "broker", broker_a, broker_b, out, err));
    }
    CL_TRY(compare("", "", a->document, b->document, out, err));
    *ret = CL_TAKE(out);
    return CL_OK;
}

static enum cl_status show(const json_t *v, struct cl_buf *out, struct cl_err *err)
{
    if (json_is_null(v)) {
        return cl_buf_append_str(out, "none", err);
    }
    if (json_is_true(v) || json_is_false(v)) {
        return cl_buf_append_str(out, json_is_true(v) ? "yes" : "no", err);
    }
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    if (text == NULL) {
        return cl_err_nomem(err, "difference");
    }
    bool whole = strlen(text) <= MAX_SHOWN;
    enum cl_status st = cl_buf_printf(out, err, "%.*s%s", (int)MAX_SHOWN, text, whole ? "" : "...");
    free(text);
    return st;
}

/* Names in brackets are a policy's, and anything may stand in them. */
static enum cl_status show_member(const char *member, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *text = json_string(member);
    const char *p = member;
    while (*p >= ' ' && *p <= '~') {
        p++;
    }
    return *p == '\0' ? cl_buf_append_str(out, member, err) : show(text, out, err);
}

enum cl_status policy_difference_line(const json_t *difference, struct cl_buf *out,
                                      struct cl_err *err)
{
    const char *member = NULL;
    CL_TRY(cl_json_get_string(difference, "difference", "member", &member, err));
    CL_TRY(show_member(member, out, err));
    CL_TRY(cl_buf_append_str(out, ": ", err));
    CL_TRY(show(json_object_get(difference, "a"), out, err));
    CL_TRY(cl_buf_append_str(out, " -> ", err));
    return show(json_object_get(difference, "b"), out, err);
}
