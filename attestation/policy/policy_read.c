/* SPDX-License-Identifier: Apache-2.0
 * policy_read.c - the fields of a policy's section, read by their table.
 * Trust: any bytes; every list is bounded. Threads: pure. Memory: the lists.
 */
#include "policy/policy_section.h"

#include "base/encode.h"

#include <stdlib.h>
#include <string.h>

bool cl_policy_list_has(const struct cl_policy_list *list, const void *value)
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->data + i * list->size, value, list->size) == 0) { /* public */
            return true;
        }
    }
    return false;
}

/* A text of a list: a JSON string without NUL, described by "what: name". */
static enum cl_status list_text(const json_t *v, const char *what, const char *name,
                                const char **ret_s, struct cl_err *err)
{
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected an array of strings", what,
                          name);
    }
    *ret_s = json_string_value(v);
    return CL_OK;
}

static enum cl_status get_list(const json_t *obj, const char *what, const char *name,
                               json_t **ret_a, struct cl_err *err)
{
    CL_TRY(cl_json_get_array(obj, what, name, ret_a, err));
    size_t n = json_array_size(*ret_a);
    if (n == 0 || n > CL_VERIFY_POLICY_LIST_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected 1 to %u values, got %zu", what,
                          name, CL_VERIFY_POLICY_LIST_MAX, n);
    }
    return CL_OK;
}

static enum cl_status put_value(const struct policy_field *f, const char *what, const char *text,
                                uint8_t *ret, struct cl_err *err)
{
    if (f->kind == POLICY_HEX_LIST) {
        enum cl_status st = cl_unhex(ret, f->limit, text, f->name, err);
        return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", what);
    }
    size_t len = strlen(text);
    if (len == 0 || len >= f->limit) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected 1 to %zu characters, got %zu",
                          what, f->name, f->limit - 1, len);
    }
    memcpy(ret, text, len);
    return CL_OK;
}

static enum cl_status read_list(const json_t *obj, const char *what, const struct policy_field *f,
                                struct cl_policy_list *ret, struct cl_err *err)
{
    json_t *a = NULL;
    CL_TRY(get_list(obj, what, f->name, &a, err));
    size_t n = json_array_size(a);
    ret->data = calloc(n, f->limit);
    if (ret->data == NULL) {
        return cl_err_nomem(err, "policy");
    }
    ret->size = f->limit;
    for (; ret->count < n; ret->count++) { /* policy_free_fields() frees a half-read one */
        const char *text = NULL;
        CL_TRY(list_text(json_array_get(a, ret->count), what, f->name, &text, err));
        CL_TRY(put_value(f, what, text, ret->data + ret->count * f->limit, err));
    }
    return CL_OK;
}

static enum cl_status read_words(const json_t *obj, const char *what, const struct policy_field *f,
                                 uint64_t *ret, struct cl_err *err)
{
    json_t *a = NULL;
    uint64_t bits = 0;
    CL_TRY(get_list(obj, what, f->name, &a, err));
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *text = NULL;
        const struct policy_word *w = f->words;
        CL_TRY(list_text(json_array_get(a, i), what, f->name, &text, err));
        while (w->word != NULL && strcmp(w->word, text) != 0) {
            w++;
        }
        if (w->word == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: %s: expected words of the schema, got '%.40s'", what, f->name,
                              text);
        }
        bits |= w->bit;
    }
    *ret = bits;
    return CL_OK;
}

static enum cl_status read_numbers(const json_t *obj, const char *what,
                                   const struct policy_field *f, uint64_t *ret, struct cl_err *err)
{
    json_t *a = NULL;
    uint64_t bits = 0;
    CL_TRY(get_list(obj, what, f->name, &a, err));
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *v = json_array_get(a, i);
        json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;
        if (n < 0 || n > (json_int_t)f->limit) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected integers from 0 to %zu",
                              what, f->name, f->limit);
        }
        bits |= UINT64_C(1) << n;
    }
    *ret = bits;
    return CL_OK;
}

static enum cl_status read_hex64(const json_t *obj, const char *what, const char *name,
                                 uint64_t *ret, struct cl_err *err)
{
    const char *text = NULL;
    uint8_t be[8];
    CL_TRY(cl_json_get_string(obj, what, name, &text, err));
    enum cl_status st = cl_unhex(be, sizeof(be), text, name, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    *ret = 0;
    for (size_t i = 0; i < sizeof(be); i++) {
        *ret = *ret << 8 | be[i];
    }
    return CL_OK;
}

static enum cl_status read_field(const json_t *obj, const char *what, const struct policy_field *f,
                                 void *section, struct cl_err *err)
{
    void *at = (uint8_t *)section + f->offset;
    int64_t number = 0;
    json_t *sub = NULL;
    switch (f->kind) {
    case POLICY_BOOL:
        return cl_json_get_bool(obj, what, f->name, at, err);
    case POLICY_UINT:
        CL_TRY(cl_json_get_int(obj, what, f->name, 0, (int64_t)f->limit, &number, err));
        *(uint32_t *)at = (uint32_t)number;
        return CL_OK;
    case POLICY_HEX64:
        return read_hex64(obj, what, f->name, at, err);
    case POLICY_WORDS:
        return read_words(obj, what, f, at, err);
    case POLICY_NUMBERS:
        return read_numbers(obj, what, f, at, err);
    case POLICY_HEX_LIST:
    case POLICY_TEXT_LIST:
        return read_list(obj, what, f, at, err);
    case POLICY_OBJECT:
        CL_TRY(cl_json_get_object(obj, what, f->name, &sub, err));
        return f->parse(sub, what, section, err);
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: %s: expected a known kind", what, f->name);
}

static const struct policy_field *find_field(const struct policy_field *fields, const char *name)
{
    while (fields->name != NULL && strcmp(fields->name, name) != 0) {
        fields++;
    }
    return fields->name != NULL ? fields : NULL;
}

enum cl_status policy_read_fields(const json_t *obj, const char *what,
                                  const struct policy_field *fields, void *section,
                                  struct cl_err *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)obj, name, value)
    {
        const struct policy_field *f = find_field(fields, name);
        if (f == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: expected members of the schema, got '%.64s'", what, name);
        }
        CL_TRY(read_field(obj, what, f, section, err));
    }
    return CL_OK;
}

void policy_free_fields(const struct policy_field *fields, void *section)
{
    for (; fields->name != NULL; fields++) {
        if (fields->kind == POLICY_HEX_LIST || fields->kind == POLICY_TEXT_LIST) {
            struct cl_policy_list *list = (void *)((uint8_t *)section + fields->offset);
            free(list->data);
            *list = (struct cl_policy_list){0};
        }
    }
}
