/* SPDX-License-Identifier: Apache-2.0
 * reference.c - the forms of reference values, and their comparison (see reference.h).
 */
#include "reference.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "cloister.reference/1"

#define MAX_NAMES 5

/* What a reference value of each class has. The first name is the anchor. */
static const struct form {
    enum cl_tee_class tee_class;
    const char *required[MAX_NAMES];
    const char *optional[MAX_NAMES];
    bool pcrs;
} forms[] = {
    {CL_TEE_CLASS_SNP, {"measurement"}, {NULL}, false},
    {CL_TEE_CLASS_SIM_SNP, {"measurement"}, {NULL}, false},
    {CL_TEE_CLASS_TDX, {"mrtd", "rtmr1", "rtmr2"}, {"rtmr0", "rtmr3"}, false},
    {CL_TEE_CLASS_SIM_TDX, {"mrtd", "rtmr1", "rtmr2"}, {"rtmr0", "rtmr3"}, false},
    {CL_TEE_CLASS_AZ_SNP_VTPM, {"measurement"}, {NULL}, true},
    {CL_TEE_CLASS_AZ_TDX_VTPM, {"mrtd"}, {NULL}, true},
    {CL_TEE_CLASS_TPM, {"ak"}, {NULL}, true},
};

static const struct form *form_of(enum cl_tee_class c)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(forms); i++) {
        if (forms[i].tee_class == c) {
            return &forms[i];
        }
    }
    return NULL;
}

static enum cl_status no_form(struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "reference: class: expected one that has reference values, got another");
}

const char *cl_reference_anchor(enum cl_tee_class c)
{
    const struct form *f = form_of(c);
    return f != NULL ? f->required[0] : NULL;
}

void cl_reference_done(struct cl_reference *r)
{
    if (r != NULL) {
        json_decref(r->events);
        *r = (struct cl_reference){0};
    }
}

static enum cl_status add_hex(const json_t *j, const char *key, const char *name,
                              struct cl_values *v, struct cl_err *err)
{
    uint8_t data[CL_VALUE_MAX_SIZE];
    char field[64];
    const char *hex = NULL;
    CL_TRY(cl_json_get_string(j, "reference", key, &hex, err));
    (void)snprintf(field, sizeof(field), "reference: %s", name);
    CL_TRY(cl_unhex(data, cl_value_size(name), hex, field, err));
    return cl_values_add(v, name, data, cl_value_size(name), err);
}

/* What a document calls MRTD: also `measurement`, as for every other launch. */
static const char *key_of(const json_t *j, const char *name)
{
    bool other = strcmp(name, "mrtd") == 0 && json_object_get(j, "mrtd") == NULL &&
                 json_object_get(j, "measurement") != NULL;
    return other ? "measurement" : name;
}

static enum cl_status add_names(const json_t *j, const char *const *names, bool required,
                                struct cl_values *v, struct cl_err *err)
{
    for (size_t i = 0; i < MAX_NAMES && names[i] != NULL; i++) {
        if (required || json_object_get(j, names[i]) != NULL) {
            CL_TRY(add_hex(j, key_of(j, names[i]), names[i], v, err));
        }
    }
    return CL_OK;
}

/* {"sha256":{"8":"<64 hex>",...},...}, at least one register. */
static enum cl_status add_pcrs(const json_t *j, struct cl_values *v, struct cl_err *err)
{
    json_t *pcrs = NULL;
    const char *bank = NULL;
    json_t *values = NULL;
    size_t before = v->count;
    CL_TRY(cl_json_get_object(j, "reference", "pcrs", &pcrs, err));
    json_object_foreach(pcrs, bank, values)
    {
        const char *index = NULL;
        json_t *hex = NULL;
        json_object_foreach(values, index, hex)
        {
            char name[CL_VALUE_NAME_SIZE];
            int n = snprintf(name, sizeof(name), "%s:%s", bank, index);
            if (n < 0 || (size_t)n >= sizeof(name) || cl_value_size(name) == 0) {
                return cl_err_set(err, CL_ERR_MALFORMED,
                                  "reference: pcrs: expected sha256 or sha384 and 0 to 23, got "
                                  "%.16s %.16s",
                                  bank, index);
            }
            CL_TRY(add_hex(values, index, name, v, err));
        }
    }
    return v->count > before ? CL_OK
                             : cl_err_set(err, CL_ERR_MALFORMED,
                                          "reference: pcrs: expected at least one, got none");
}

/* Events of a register: replayed, they must give what the reference says of it. */
static enum cl_status check_events(const struct cl_reference *r, const char *name,
                                   const json_t *list, struct cl_err *err)
{
    const struct cl_value *want = cl_values_find(&r->values, name);
    uint8_t both[2 * CL_SHA384_SIZE] = {0};
    size_t n = json_array_size(list);
    if (want == NULL || n == 0 || n > CL_REFERENCE_MAX_EVENTS) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "reference: events: %.16s: expected 1 to %u digests of a register that is "
            "given, got %zu",
            name, CL_REFERENCE_MAX_EVENTS, n);
    }
    for (size_t i = 0; i < n; i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        CL_TRY(cl_unhex(both + CL_SHA384_SIZE, CL_SHA384_SIZE, hex != NULL ? hex : "",
                        "reference: events", err));
        CL_TRY(cl_sha384(both, both, sizeof(both), err));
    }
    return memcmp(both, want->data, CL_SHA384_SIZE) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "reference: events: %s: expected digests that give its value, got "
                            "others",
                            name);
}

static enum cl_status take_events(const json_t *j, struct cl_reference *r, struct cl_err *err)
{
    json_t *events = NULL;
    const char *name = NULL;
    json_t *list = NULL;
    if (json_object_get(j, "events") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_object(j, "reference", "events", &events, err));
    json_object_foreach(events, name, list)
    {
        CL_TRY(check_events(r, name, list, err));
    }
    r->events = json_deep_copy(events);
    return r->events != NULL ? CL_OK : cl_err_nomem(err, "reference");
}

static enum cl_status name_it(struct cl_reference *r, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    uint8_t digest[CL_SHA384_SIZE];
    if (r->values.count == 1 && r->values.list[0].size == CL_REFERENCE_ID_SIZE) {
        cl_hex(r->id, r->values.list[0].data, CL_REFERENCE_ID_SIZE);
        return CL_OK;
    }
    CL_TRY(cl_reference_values_json(r, &j, err));
    (void)json_object_del(j, "events");
    CL_TRY(cl_json_canonical(j, &text, err));
    CL_TRY(cl_sha384(digest, text.data, text.len, err));
    cl_hex(r->id, digest, sizeof(digest));
    return CL_OK;
}

enum cl_status cl_reference_from_values(enum cl_tee_class c, const json_t *j,
                                        struct cl_reference *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_reference_done) struct cl_reference r = {.tee_class = c};
    const struct form *f = form_of(c);
    if (f == NULL) {
        return no_form(err);
    }
    CL_TRY(add_names(j, f->required, true, &r.values, err));
    CL_TRY(add_names(j, f->optional, false, &r.values, err));
    CL_TRY(f->pcrs ? add_pcrs(j, &r.values, err) : CL_OK);
    CL_TRY(take_events(j, &r, err));
    CL_TRY(name_it(&r, err));
    *ret = r;
    r.events = NULL;
    return CL_OK;
}

/* Members of a document of this class; what is not one of them is a wish that nobody fulfils. */
static enum cl_status check_keys(const json_t *j, const struct form *f, struct cl_err *err)
{
    const char *keys[2 * MAX_NAMES + 8] = {"schema", "class", "expires", "note"};
    size_t n = 4;
    for (size_t i = 0; i < MAX_NAMES && f->required[i] != NULL; i++) {
        keys[n++] = f->required[i];
    }
    for (size_t i = 0; i < MAX_NAMES && f->optional[i] != NULL; i++) {
        keys[n++] = f->optional[i];
    }
    if (f->pcrs) {
        keys[n++] = "pcrs";
    }
    bool td = f->required[0] != NULL && strcmp(f->required[0], "mrtd") == 0;
    if (td && json_object_get(j, "mrtd") == NULL) {
        keys[n++] = "measurement";
    }
    if (f->required[1] != NULL) { /* registers */
        keys[n++] = "events";
    }
    return cl_json_only_keys(j, "reference", keys, err);
}

enum cl_status cl_reference_from_json(const json_t *j, struct cl_reference *ret, struct cl_err *err)
{
    const char *schema = NULL;
    const char *class_name = NULL;
    enum cl_tee_class c = CL_TEE_CLASS_NONE;
    CL_TRY(cl_json_get_string(j, "reference", "schema", &schema, err));
    if (strcmp(schema, SCHEMA) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "reference: schema: expected " SCHEMA ", got %.64s", schema);
    }
    CL_TRY(cl_json_get_string(j, "reference", "class", &class_name, err));
    CL_TRY(cl_tee_class_parse(class_name, &c, err));
    const struct form *f = form_of(c);
    if (f == NULL) {
        return no_form(err);
    }
    CL_TRY(check_keys(j, f, err));
    return cl_reference_from_values(c, j, ret, err);
}

static bool put_value(json_t *j, json_t *pcrs, const struct cl_value *v)
{
    const char *colon = strchr(v->name, ':');
    char bank[CL_VALUE_NAME_SIZE];
    if (colon == NULL) {
        return cl_value_put_hex(j, v->name, v->data, v->size);
    }
    (void)snprintf(bank, sizeof(bank), "%.*s", (int)(colon - v->name), v->name);
    json_t *values = json_object_get(pcrs, bank);
    if (values == NULL) {
        values = json_object();
        if (json_object_set_new(pcrs, bank, values) != 0) {
            return false;
        }
    }
    return cl_value_put_hex(values, colon + 1, v->data, v->size);
}

enum cl_status cl_reference_values_json(const struct cl_reference *r, json_t **ret_j,
                                        struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_object();
    CL_CLEANUP(cl_json_decrefp) json_t *pcrs = json_object();
    bool good = j != NULL && pcrs != NULL;
    for (size_t i = 0; i < r->values.count && good; i++) {
        good = put_value(j, pcrs, &r->values.list[i]);
    }
    good = good && (json_object_size(pcrs) == 0 || json_object_set(j, "pcrs", pcrs) == 0);
    good = good && (r->events == NULL || json_object_set(j, "events", r->events) == 0);
    if (!good) {
        return cl_err_nomem(err, "reference");
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

bool cl_reference_matches(const struct cl_reference *r, const struct cl_values *got,
                          const struct cl_value **ret_differs)
{
    for (size_t i = 0; i < r->values.count; i++) {
        const struct cl_value *want = &r->values.list[i];
        const struct cl_value *have = cl_values_find(got, want->name);
        if (have == NULL || !cl_value_equal(have, want)) {
            *ret_differs = want;
            return false;
        }
    }
    return r->values.count > 0;
}
