/* SPDX-License-Identifier: Apache-2.0
 * admin_trust.c - admin routes of what the broker trusts: reference values, simulated roots,
 * revocations; and of the audit (see admin.h).
 */
#include "admin.h"

#include "base/encode.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>

#define AUDIT_LIMIT 1000

/* An optional note of at most 200 characters. */
static enum cl_status get_note(const json_t *j, const char **ret_note, struct cl_err *err)
{
    *ret_note = "";
    if (json_object_get(j, "note") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, "request", "note", ret_note, err));
    return strlen(*ret_note) <= 200
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "request: note: expected at most 200 bytes");
}

/* docs/interfaces.md I-7 */
enum cl_status cl_admin_reference_put(struct cl_broker *b, struct cl_admin_call *call,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_reference_done) struct cl_reference ref = {0};
    const char *expires = NULL;
    const char *note = NULL;
    CL_TRY(cl_admin_body(call, &j, err));
    CL_TRY(cl_reference_from_json(j, &ref, err));
    CL_TRY(cl_json_get_string(j, "reference", "expires", &expires, err));
    CL_TRY(get_note(j, &note, err));
    CL_TRY(cl_time_parse(expires, &ref.expires, err));
    if (ref.expires <= cl_broker_now(b)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "reference: expires: expected a time to come, got %s", expires);
    }
    (void)snprintf(call->object, sizeof(call->object), "%s/%s", cl_tee_class_name(ref.tee_class),
                   ref.id);
    return cl_store_reference_put(b->state.store, &ref, note, cl_broker_now(b), err);
}

enum cl_status cl_admin_reference_list(struct cl_broker *b, struct cl_admin_call *call,
                                       struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_reference_list(b->state.store, &list, err));
    return cl_admin_answer_list(call, "cloister.references/1", "references", list, err);
}

/* class/id */
enum cl_status cl_admin_reference_delete(struct cl_broker *b, struct cl_admin_call *call,
                                         struct cl_err *err)
{
    char class_name[16];
    enum cl_tee_class c = CL_TEE_CLASS_NONE;
    bool found = false;
    size_t n = strcspn(call->rest, "/");
    (void)snprintf(class_name, sizeof(class_name), "%.*s", (int)(n < 15 ? n : 15), call->rest);
    CL_TRY(cl_tee_class_parse(class_name, &c, err));
    const char *hex = call->rest[n] == '/' ? call->rest + n + 1 : "";
    CL_TRY(cl_store_reference_delete(b->state.store, c, hex, &found, err));
    return found ? CL_OK : cl_admin_absent("reference", call->rest, err);
}

/* {"spki-sha384":"<96 hex>"[,"note":...]} or {"certificate":"PEM"} */
enum cl_status cl_admin_root_put(struct cl_broker *b, struct cl_admin_call *call,
                                 struct cl_err *err)
{
    static const char *const keys[] = {"spki-sha384", "certificate", "note", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *text = NULL;
    const char *note = NULL;
    char hex[2 * CL_SNP_ROOT_SIZE + 1];
    cl_root_digest digest;
    CL_TRY(cl_admin_body(call, &j, err));
    CL_TRY(cl_json_only_keys(j, "request", keys, err));
    CL_TRY(get_note(j, &note, err));
    if (json_object_get(j, "certificate") != NULL) {
        CL_TRY(cl_json_get_string(j, "request", "certificate", &text, err));
        CL_TRY(cl_snp_root_digest((const uint8_t *)text, strlen(text), digest, err));
    } else {
        CL_TRY(cl_json_get_string(j, "request", "spki-sha384", &text, err));
        CL_TRY(cl_unhex(digest, sizeof(digest), text, "spki-sha384", err));
    }
    cl_hex(hex, digest, sizeof(digest));
    (void)snprintf(call->object, sizeof(call->object), "%s", hex);
    return cl_store_root_put(b->state.store, digest, note, cl_broker_now(b), err);
}

enum cl_status cl_admin_root_list(struct cl_broker *b, struct cl_admin_call *call,
                                  struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_root_list(b->state.store, &list, err));
    return cl_admin_answer_list(call, "cloister.sim-roots/1", "sim-roots", list, err);
}

enum cl_status cl_admin_root_delete(struct cl_broker *b, struct cl_admin_call *call,
                                    struct cl_err *err)
{
    bool found = false;
    CL_TRY(cl_store_root_delete(b->state.store, call->rest, &found, err));
    return found ? CL_OK : cl_admin_absent("simulated root", call->rest, err);
}

static enum cl_status check_revocation(const char *kind, const char *value, struct cl_err *err)
{
    uint8_t bytes[CL_VALUE_MAX_SIZE];
    size_t size = cl_revocation_size(kind);
    return size > 0
               ? cl_unhex(bytes, size, value, "revocation: value", err)
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "revocation: kind: expected chip, measurement, token, platform or ak, "
                            "got %.32s",
                            kind);
}

/* {"kind":"chip|measurement|token|platform|ak","value":"<hex>"[,"note":...]} */
enum cl_status cl_admin_revoke(struct cl_broker *b, struct cl_admin_call *call, struct cl_err *err)
{
    static const char *const keys[] = {"kind", "value", "note", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *kind = NULL;
    const char *value = NULL;
    const char *note = NULL;
    CL_TRY(cl_admin_body(call, &j, err));
    CL_TRY(cl_json_only_keys(j, "revocation", keys, err));
    CL_TRY(cl_json_get_string(j, "revocation", "kind", &kind, err));
    CL_TRY(cl_json_get_string(j, "revocation", "value", &value, err));
    CL_TRY(get_note(j, &note, err));
    CL_TRY(check_revocation(kind, value, err));
    (void)snprintf(call->object, sizeof(call->object), "%.20s/%.100s", kind, value);
    return cl_store_revoke(b->state.store, kind, value, note, cl_broker_now(b), err);
}

enum cl_status cl_admin_revoked_list(struct cl_broker *b, struct cl_admin_call *call,
                                     struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_store_revoked_list(b->state.store, &list, err));
    return cl_admin_answer_list(call, "cloister.revocations/1", "revocations", list, err);
}

/* kind/value */
enum cl_status cl_admin_unrevoke(struct cl_broker *b, struct cl_admin_call *call,
                                 struct cl_err *err)
{
    char kind[16];
    bool found = false;
    size_t n = strcspn(call->rest, "/");
    (void)snprintf(kind, sizeof(kind), "%.*s", (int)(n < 15 ? n : 15), call->rest);
    const char *value = call->rest[n] == '/' ? call->rest + n + 1 : "";
    CL_TRY(check_revocation(kind, value, err));
    CL_TRY(cl_store_unrevoke(b->state.store, kind, value, &found, err));
    return found ? CL_OK : cl_admin_absent("revocation", call->rest, err);
}

/* A decimal query parameter. */
static int64_t query_int(const char *query, const char *name, int64_t otherwise)
{
    size_t n = strlen(name);
    for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
        char digits[20] = "";
        uint64_t u = 0;
        if (strncmp(p, name, n) != 0 || p[n] != '=') {
            continue;
        }
        size_t d = strspn(p + n + 1, "0123456789");
        if (d > 0 && d < sizeof(digits)) {
            memcpy(digits, p + n + 1, d);
            if (cl_uint_parse(digits, name, 0, INT64_MAX, &u, NULL) == CL_OK) {
                return (int64_t)u;
            }
        }
    }
    return otherwise;
}

/* ?after=ID&limit=N */
enum cl_status cl_admin_audit_list(struct cl_broker *b, struct cl_admin_call *call,
                                   struct cl_err *err)
{
    json_t *list = NULL;
    int64_t after = query_int(call->req->query, "after", 0);
    int64_t limit = query_int(call->req->query, "limit", AUDIT_LIMIT);
    limit = limit < 1 || limit > AUDIT_LIMIT ? AUDIT_LIMIT : limit;
    CL_TRY(cl_store_audit_list(b->state.store, after, limit, &list, err));
    return cl_admin_answer_list(call, "cloister.audit/1", "lines", list, err);
}
