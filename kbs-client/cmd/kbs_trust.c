/* SPDX-License-Identifier: Apache-2.0
 * kbs_trust.c - `cloister kbs`: reference values, simulated roots, revocations, audit.
 */
#include "cmd_kbs.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/corim.h"
#include "cloister/pem.h"
#include "cloister/snp_verify.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FOLLOW_SECONDS 1

/* One POST with a fresh connection. */
static enum cl_status post(const struct kbs_options *o, const char *path, const json_t *body,
                           struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(kbs_admin_open(o, &a, err));
    return kbs_admin_send_json(a, path, body, &resp, err);
}

enum cl_status kbs_delete_path(const struct kbs_options *o, const char *head, const char *one,
                               const char *two, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(cl_buf_printf(&path, err, "%s%s%s%s%s", head, one != NULL ? "/" : "",
                         one != NULL ? one : "", two != NULL ? "/" : "", two != NULL ? two : ""));
    return kbs_admin_send(a, "DELETE", (const char *)path.data, NULL, 0, &resp, err);
}

enum cl_status kbs_print_list(const struct kbs_options *o, const char *path, const char *name,
                              const char *const *members, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    json_t *list = NULL;
    CL_TRY(kbs_admin_open(o, &a, err));
    CL_TRY(kbs_admin_get_json(a, path, &j, err));
    CL_TRY(cl_json_get_array(j, "broker's answer", name, &list, err));
    if (o->json) {
        CL_TRY(cl_json_compact(j, &text, err));
        CL_TRY(cl_buf_append_str(&text, "\n", err));
    }
    for (size_t i = 0; i < json_array_size(list) && !o->json; i++) {
        for (size_t m = 0; members[m] != NULL; m++) {
            const char *v = json_string_value(json_object_get(json_array_get(list, i), members[m]));
            CL_TRY(cl_buf_printf(&text, err, "%s%s", m > 0 ? "  " : "", v != NULL ? v : "-"));
        }
        CL_TRY(cl_buf_append_str(&text, "\n", err));
    }
    return kbs_write_out(o, text.data, text.len, err);
}

static bool is_td(const struct cl_corim_reference *ref)
{
    return ref->tee_class == CL_TEE_CLASS_TDX || ref->tee_class == CL_TEE_CLASS_SIM_TDX;
}

/* MRTD and RTMRs of a TD, the launch digest of anything else. */
static bool put_corim_values(json_t *j, const struct cl_corim_reference *ref)
{
    char hex[2 * CL_CORIM_MEASUREMENT_SIZE + 1];
    bool td = is_td(ref);
    cl_hex(hex, ref->measurement, sizeof(ref->measurement));
    bool good = json_object_set_new(j, td ? "mrtd" : "measurement", json_string(hex)) == 0;
    for (size_t k = 0; k < CL_CORIM_RTMR_COUNT && good; k++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "rtmr%zu", k);
        cl_hex(hex, ref->rtmr[k], sizeof(ref->rtmr[k]));
        good = !ref->has_rtmr[k] || json_object_set_new(j, name, json_string(hex)) == 0;
    }
    return good;
}

static json_t *corim_reference(const struct kbs_options *o, const struct cl_corim *c,
                               const struct cl_corim_reference *ref)
{
    char when[21], note[64 + CL_CORIM_TEXT_SIZE];
    cl_time_format(when, c->not_after);
    (void)snprintf(note, sizeof(note), "CoRIM %s", c->id);
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "schema", "cloister.reference/1", "class",
                          cl_tee_class_name(ref->tee_class), "expires", when, "note",
                          o->note != NULL ? o->note : note);
    return j != NULL && put_corim_values(j, ref) ? CL_TAKE(j) : NULL;
}

static bool is_asked_for(const struct kbs_options *o, const struct cl_corim_reference *ref)
{
    return o->tee_class == NULL || strcmp(cl_tee_class_name(ref->tee_class), o->tee_class) == 0;
}

/* The kernel of a TD is bound by RTMR1 and RTMR2. */
static enum cl_status check_registers(const struct cl_corim_reference *ref, struct cl_err *err)
{
    for (size_t k = 1; k <= 2 && is_td(ref); k++) {
        if (!ref->has_rtmr[k]) { /* a value of the launch alone would allow more */
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "RTMR%zu: expected a value, for the kernel is bound by it, got none",
                              k);
        }
    }
    return CL_OK;
}

/* Before anything is sent: there is a value to send, and the broker can hold each of them. */
static enum cl_status check_corim(const struct kbs_options *o, const struct cl_corim *c,
                                  struct cl_err *err)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (is_asked_for(o, &c->references[i])) {
            CL_TRY(check_registers(&c->references[i], err));
            count++;
        }
    }
    return count > 0 ? CL_OK
                     : cl_err_set(err, CL_ERR_REJECTED,
                                  "class: expected a value of class %s, got none", o->tee_class);
}

/* The signature is checked here, with the admin's key file; the broker is told what it says, each
 * value with the file's own expiry. --class takes those of one class only. */
static enum cl_status set_corim(const struct kbs_options *o, const struct cl_buf *raw,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    struct cl_corim c;
    if (o->corim_key == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected --corim-key with a CoRIM, got none");
    }
    CL_TRY(cl_pem_public_key(o->corim_key, &key, err));
    CL_TRY(cl_corim_read(raw->data, raw->len, key, CL_CORIM_SIGNED, (int64_t)time(NULL), &c, err));
    CL_TRY(check_corim(o, &c, err));
    for (size_t i = 0; i < c.count; i++) {
        if (is_asked_for(o, &c.references[i])) {
            CL_CLEANUP(cl_json_decrefp) json_t *j = corim_reference(o, &c, &c.references[i]);
            CL_TRY(j != NULL ? post(o, "/kbs/v0/reference-value", j, err)
                             : cl_err_nomem(err, "reference"));
        }
    }
    return CL_OK;
}

/* A CoRIM, or JSON: the file names its class, or --class does; both must agree. */
enum cl_status kbs_set_reference(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *in_file = NULL;
    CL_TRY(cl_buf_read_file(&raw, o->args[0], CL_CORIM_MAX_SIZE, err));
    if (cl_corim_looks_like(raw.data, raw.len)) {
        enum cl_status st = set_corim(o, &raw, err);
        return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "reference '%s'", o->args[0]);
    }
    CL_TRY(cl_json_parse(raw.data, raw.len, o->args[0], &j, err));
    if (o->tee_class != NULL && json_object_get(j, "class") == NULL &&
        json_object_set_new(j, "class", json_string(o->tee_class)) != 0) {
        return cl_err_nomem(err, "reference");
    }
    CL_TRY(cl_json_get_string(j, "reference", "class", &in_file, err));
    if (o->tee_class != NULL && strcmp(in_file, o->tee_class) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "reference '%s': class: expected %s, got %s",
                          o->args[0], o->tee_class, in_file);
    }
    return post(o, "/kbs/v0/reference-value", j, err);
}

enum cl_status kbs_list_references(const struct kbs_options *o, struct cl_err *err)
{
    static const char *const members[] = {"class", "id", "expires", "note", NULL};
    return kbs_print_list(o, "/kbs/v0/reference-value", "references", members, err);
}

enum cl_status kbs_delete_reference(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_delete_path(o, "/kbs/v0/reference-value", o->args[0], o->args[1], err);
}

/* "events": [{"register":"rtmr1","digest":...},...] of --explain, by register. */
static enum cl_status take_events(const json_t *measure, json_t *reference, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *events = json_object();
    json_t *list = json_object_get(measure, "events");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(e, "register"));
        json_t *digest = json_object_get(e, "digest");
        if (name == NULL || json_string_value(json_object_get(reference, name)) == NULL) {
            continue;
        }
        json_t *of_register = json_object_get(events, name);
        if (of_register == NULL) {
            of_register = json_array();
            if (json_object_set_new(events, name, of_register) != 0) {
                return cl_err_nomem(err, "reference");
            }
        }
        if (json_array_append(of_register, digest) != 0) {
            return cl_err_nomem(err, "reference");
        }
    }
    return json_object_size(events) == 0 || json_object_set(reference, "events", events) == 0
               ? CL_OK
               : cl_err_nomem(err, "reference");
}

/* What was measured, by the names that it has in a reference value. */
static enum cl_status take_values(const json_t *measure, json_t *reference, struct cl_err *err)
{
    static const char *const registers[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};
    const char *digest = NULL;
    if (json_object_get(measure, "mrtd") == NULL) {
        CL_TRY(cl_json_get_string(measure, "measurement", "digest", &digest, err));
        return json_object_set_new(reference, "measurement", json_string(digest)) == 0
                   ? CL_OK
                   : cl_err_nomem(err, "reference");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(registers); i++) {
        json_t *v = json_object_get(measure, registers[i]);
        if (json_is_string(v) && json_object_set(reference, registers[i], v) != 0) {
            return cl_err_nomem(err, "reference");
        }
    }
    return take_events(measure, reference, err);
}

/* The output of `cloister measure snp|tdx --json`. */
enum cl_status kbs_from_measure(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *measure = NULL;
    const char *schema = NULL;
    char when[21];
    CL_TRY(cl_json_read_file(o->args[0], 1u << 20, &measure, err));
    CL_TRY(cl_json_get_string(measure, "measurement", "schema", &schema, err));
    if (strcmp(schema, "cloister.measure/1") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "'%s': schema: expected cloister.measure/1, got %.64s", o->args[0],
                          schema);
    }
    if (o->tee_class == NULL) { /* which hardware may show it is for the admin to say */
        return cl_err_set(err, CL_ERR_MALFORMED, "expected --class %s, got none",
                          json_object_get(measure, "mrtd") != NULL ? "tdx or sim-tdx"
                                                                   : "snp or sim-snp");
    }
    cl_time_format(when, (int64_t)time(NULL) + (int64_t)o->days * 86400);
    CL_CLEANUP(cl_json_decrefp)
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s}", "schema", "cloister.reference/1", "class", o->tee_class,
                  "expires", when, "note", o->note != NULL ? o->note : "from measure");
    if (j == NULL) {
        return cl_err_nomem(err, "reference");
    }
    CL_TRY(take_values(measure, j, err));
    return post(o, "/kbs/v0/reference-value", j, err);
}

enum cl_status kbs_set_sim_root(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    uint8_t digest[CL_SNP_ROOT_SIZE];
    char hex[2 * CL_SNP_ROOT_SIZE + 1];
    CL_TRY(cl_buf_read_file(&cert, o->args[0], 64u << 10, err));
    enum cl_status st = cl_snp_root_digest(cert.data, cert.len, digest, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", o->args[0]);
    }
    cl_hex(hex, digest, sizeof(digest));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:s}", "spki-sha384", hex, "note", o->note != NULL ? o->note : "");
    return post(o, "/kbs/v0/sim-root", j, err);
}

enum cl_status kbs_list_sim_roots(const struct kbs_options *o, struct cl_err *err)
{
    static const char *const members[] = {"spki-sha384", "created", "note", NULL};
    return kbs_print_list(o, "/kbs/v0/sim-root", "sim-roots", members, err);
}

enum cl_status kbs_delete_sim_root(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_delete_path(o, "/kbs/v0/sim-root", o->args[0], NULL, err);
}

enum cl_status kbs_revoke(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:s, s:s}", "kind", o->args[0], "value", o->args[1], "note",
                          o->note != NULL ? o->note : "");
    return post(o, "/kbs/v0/revocation", j, err);
}

enum cl_status kbs_unrevoke(const struct kbs_options *o, struct cl_err *err)
{
    return kbs_delete_path(o, "/kbs/v0/revocation", o->args[0], o->args[1], err);
}

enum cl_status kbs_list_revocations(const struct kbs_options *o, struct cl_err *err)
{
    static const char *const members[] = {"kind", "value", "created", "note", NULL};
    return kbs_print_list(o, "/kbs/v0/revocation", "revocations", members, err);
}

static const char *member(const json_t *line, const char *name)
{
    const char *v = json_string_value(json_object_get(line, name));
    return v != NULL ? v : "";
}

/* One page of lines behind *after; returns how many through ret_count. */
static enum cl_status audit_page(const struct kbs_options *o, struct kbs_admin *a, json_t *all,
                                 int64_t *after, size_t *ret_count, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *lines = NULL;
    char path[96];
    (void)snprintf(path, sizeof(path), "/kbs/v0/audit?after=%lld&limit=1000", (long long)*after);
    CL_TRY(kbs_admin_get_json(a, path, &j, err));
    CL_TRY(cl_json_get_array(j, "broker's answer", "lines", &lines, err));
    for (size_t i = 0; i < json_array_size(lines); i++) {
        json_t *line = json_array_get(lines, i);
        CL_TRY(cl_json_get_int(line, "audit", "id", *after, INT64_MAX, after, err));
        if (o->json && json_array_append(all, line) != 0) {
            return cl_err_nomem(err, "audit");
        }
        if (!o->json) {
            bool denied = strcmp(member(line, "verdict"), "denied") == 0;
            (void)printf("%s  %-8s %-15s %s  %s  %s", member(line, "time"), member(line, "verdict"),
                         member(line, "action"), member(line, "object"), member(line, "actor"),
                         member(line, "check"));
            (void)printf(denied ? ": expected %s, got %s\n" : "\n", member(line, "expected"),
                         member(line, "actual"));
        }
    }
    (void)fflush(stdout);
    *ret_count = json_array_size(lines);
    return CL_OK;
}

enum cl_status kbs_audit(const struct kbs_options *o, struct cl_err *err)
{
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *all = json_array();
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    int64_t after = 0;
    size_t count = 0;
    if (o->json && o->follow) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected --json or --follow, got both");
    }
    CL_TRY(kbs_admin_open(o, &a, err));
    do {
        CL_TRY(audit_page(o, a, all, &after, &count, err));
        if (count == 0 && o->follow) {
            (void)sleep(FOLLOW_SECONDS);
        }
    } while (count > 0 || o->follow);
    if (!o->json) {
        return CL_OK;
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:O}", "schema", "cloister.audit/1", "lines", all);
    if (j == NULL) {
        return cl_err_nomem(err, "audit");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    CL_TRY(cl_buf_append_str(&text, "\n", err));
    return kbs_write_out(o, text.data, text.len, err);
}
