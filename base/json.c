/* SPDX-License-Identifier: Apache-2.0
 * json.c - strict JSON over jansson.
 */
#include "base/json.h"

#include "base/io.h"

#include <string.h>

/* jansson caps depth only at its compile-time limit (2048): count brackets before it recurses. */
static bool too_deep(const char *p, size_t len)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (p[i] == '\\') {
                i++;
            } else if (p[i] == '"') {
                in_string = false;
            }
        } else if (p[i] == '"') {
            in_string = true;
        } else if (p[i] == '{' || p[i] == '[') {
            if (++depth > CL_JSON_MAX_DEPTH) {
                return true;
            }
        } else if ((p[i] == '}' || p[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

enum cl_status cl_json_parse(const void *data, size_t len, const char *what, json_t **ret_j,
                             struct cl_err *err)
{
    if (len == 0) {
        return cl_err_at(err, CL_ERR_TRUNCATED, 0, "%s: expected a JSON document, got nothing",
                         what);
    }
    if (too_deep(data, len)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: nested deeper than %u", what,
                          CL_JSON_MAX_DEPTH);
    }
    json_error_t je;
    json_t *j = json_loadb(data, len, JSON_REJECT_DUPLICATES, &je);
    if (j == NULL) {
        size_t at = je.position < 0 ? 0 : (size_t)je.position;
        return cl_err_at(err, CL_ERR_MALFORMED, at, "%s: not JSON at byte %zu: %s", what, at,
                         je.text);
    }
    *ret_j = j;
    return CL_OK;
}

enum cl_status cl_json_read_file(const char *path, size_t max, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(cl_buf_read_file(&raw, path, max, err));
    enum cl_status st = cl_json_parse(raw.data, raw.len, "JSON", ret_j, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "file '%s'", path);
}

/* jansson goes on after a key that could not be written: what failed once fails for good. */
struct chunks {
    struct cl_buf *out;
    bool failed;
};

static int append_chunk(const char *chunk, size_t size, void *ctx)
{
    struct chunks *c = ctx;
    c->failed = c->failed || cl_buf_append(c->out, chunk, size, NULL) != CL_OK;
    return c->failed ? -1 : 0;
}

static enum cl_status dump(const json_t *j, size_t flags, struct cl_buf *out, struct cl_err *err)
{
    struct chunks c = {.out = out};
    if (json_dump_callback(j, append_chunk, &c, flags | JSON_COMPACT | JSON_ENCODE_ANY) != 0 ||
        c.failed) {
        return cl_err_nomem(err, "JSON text");
    }
    return CL_OK;
}

enum cl_status cl_json_canonical(const json_t *j, struct cl_buf *out, struct cl_err *err)
{
    return dump(j, JSON_SORT_KEYS, out, err);
}

enum cl_status cl_json_compact(const json_t *j, struct cl_buf *out, struct cl_err *err)
{
    return dump(j, 0, out, err);
}

void cl_json_decrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static const char *type_name(const json_t *j)
{
    if (j == NULL) {
        return "nothing";
    }
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    }
    return "unknown";
}

static enum cl_status wrong_type(const json_t *got, const char *what, const char *key,
                                 const char *expected, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %s, got %s", what, key, expected,
                      type_name(got));
}

enum cl_status cl_json_get_string(const json_t *obj, const char *what, const char *key,
                                  const char **ret_s, struct cl_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (!json_is_string(v)) {
        return wrong_type(v, what, key, "string", err);
    }
    if (strlen(json_string_value(v)) != json_string_length(v)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected text, got a NUL character", what,
                          key);
    }
    *ret_s = json_string_value(v);
    return CL_OK;
}

enum cl_status cl_json_get_object(const json_t *obj, const char *what, const char *key,
                                  json_t **ret_o, struct cl_err *err)
{
    json_t *v = json_object_get(obj, key);
    if (!json_is_object(v)) {
        return wrong_type(v, what, key, "object", err);
    }
    *ret_o = v;
    return CL_OK;
}

enum cl_status cl_json_get_array(const json_t *obj, const char *what, const char *key,
                                 json_t **ret_a, struct cl_err *err)
{
    json_t *v = json_object_get(obj, key);
    if (!json_is_array(v)) {
        return wrong_type(v, what, key, "array", err);
    }
    *ret_a = v;
    return CL_OK;
}

enum cl_status cl_json_get_int(const json_t *obj, const char *what, const char *key, int64_t min,
                               int64_t max, int64_t *ret_i, struct cl_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (!json_is_integer(v)) {
        return wrong_type(v, what, key, "integer", err);
    }
    int64_t x = (int64_t)json_integer_value(v);
    if (x < min || x > max) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %lld to %lld, got %lld", what,
                          key, (long long)min, (long long)max, (long long)x);
    }
    *ret_i = x;
    return CL_OK;
}

enum cl_status cl_json_get_time(const json_t *obj, const char *what, const char *key,
                                int64_t *ret_seconds, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(obj, what, key, &text, err));
    enum cl_status st = cl_time_parse(text, ret_seconds, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s: %s", what, key);
}

enum cl_status cl_json_get_bool(const json_t *obj, const char *what, const char *key, bool *ret_b,
                                struct cl_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (!json_is_boolean(v)) {
        return wrong_type(v, what, key, "boolean", err);
    }
    *ret_b = json_is_true(v);
    return CL_OK;
}

enum cl_status cl_json_only_keys(const json_t *obj, const char *what, const char *const *keys,
                                 struct cl_err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)obj, key, value)
    {
        const char *const *k = keys;
        while (*k != NULL && strcmp(*k, key) != 0) {
            k++;
        }
        if (*k == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: unknown member '%.64s'", what, key);
        }
    }
    return CL_OK;
}

enum cl_status cl_json_opt_bool(const json_t *obj, const char *what, const char *key, bool *ret_b,
                                struct cl_err *err)
{
    *ret_b = false;
    return json_object_get(obj, key) == NULL ? CL_OK : cl_json_get_bool(obj, what, key, ret_b, err);
}

enum cl_status cl_json_opt_object(const json_t *obj, const char *what, const char *key,
                                  json_t **ret_o, struct cl_err *err)
{
    *ret_o = NULL;
    return json_object_get(obj, key) == NULL ? CL_OK
                                             : cl_json_get_object(obj, what, key, ret_o, err);
}

enum cl_status cl_json_opt_array(const json_t *obj, const char *what, const char *key, size_t max,
                                 json_t **ret_a, struct cl_err *err)
{
    *ret_a = NULL;
    if (json_object_get(obj, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_array(obj, what, key, ret_a, err));
    if (json_array_size(*ret_a) > max) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected at most %zu, got %zu", what, key,
                          max, json_array_size(*ret_a));
    }
    return CL_OK;
}
