/* SPDX-License-Identifier: Apache-2.0
 * translate_json.c - members of OCI documents: what is given, copied, refused.
 */
#include "translate_internal.h"

#include <ctype.h>
#include <string.h>

json_t *shim_member(const json_t *obj, const char *key)
{
    json_t *v = json_object_get(obj, key);
    return json_is_null(v) ? NULL : v;
}

enum cl_status shim_opt_string(const json_t *obj, const char *what, const char *key,
                               const char **ret_s, struct cl_err *err)
{
    *ret_s = NULL;
    return shim_member(obj, key) == NULL ? CL_OK : cl_json_get_string(obj, what, key, ret_s, err);
}

enum cl_status shim_opt_object(const json_t *obj, const char *what, const char *key, json_t **ret_o,
                               struct cl_err *err)
{
    *ret_o = NULL;
    return shim_member(obj, key) == NULL ? CL_OK : cl_json_get_object(obj, what, key, ret_o, err);
}

enum cl_status shim_opt_array(const json_t *obj, const char *what, const char *key, size_t max,
                              json_t **ret_a, struct cl_err *err)
{
    *ret_a = NULL;
    if (shim_member(obj, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_array(obj, what, key, ret_a, err));
    if (json_array_size(*ret_a) > max) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected at most %zu elements, got %zu",
                          what, key, max, json_array_size(*ret_a));
    }
    return CL_OK;
}

enum cl_status shim_put(json_t *obj, const char *key, json_t *value, struct cl_err *err)
{
    return json_object_set_new(obj, key, value) == 0 ? CL_OK : cl_err_nomem(err, key);
}

enum cl_status shim_append(json_t *array, json_t *value, struct cl_err *err)
{
    return json_array_append_new(array, value) == 0 ? CL_OK : cl_err_nomem(err, "list");
}

static bool says_nothing(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) ||
           (json_is_integer(v) && json_integer_value(v) == 0) ||
           (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0);
}

enum cl_status shim_only(const json_t *obj, const char *what, const char *const *members,
                         struct cl_err *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)obj, key, value)
    {
        const char *const *m = members;
        while (*m != NULL && strcmp(*m, key) != 0) {
            m++;
        }
        if (*m == NULL && !says_nothing(value)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: %.64s: expected none, got one (a VM cannot give it)", what, key);
        }
    }
    return CL_OK;
}

enum cl_status shim_copy_bool(const struct shim_copy *c, const char *key, struct cl_err *err)
{
    bool b = false;
    if (shim_member(c->from, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_bool(c->from, c->what, key, &b, err));
    return shim_put(c->to, key, json_boolean(b), err);
}

enum cl_status shim_copy_int(const struct shim_copy *c, const char *key, int64_t min, int64_t max,
                             struct cl_err *err)
{
    int64_t i = 0;
    if (shim_member(c->from, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_int(c->from, c->what, key, min, max, &i, err));
    return shim_put(c->to, key, json_integer(i), err);
}

enum cl_status shim_copy_string(const struct shim_copy *c, const char *key, struct cl_err *err)
{
    const char *s = NULL;
    CL_TRY(shim_opt_string(c->from, c->what, key, &s, err));
    return s == NULL ? CL_OK : shim_put(c->to, key, json_string(s), err);
}

enum cl_status shim_copy_strings(const struct shim_copy *c, const char *key,
                                 bool (*valid)(const char *s), const char *expected,
                                 struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *v = NULL;
    CL_TRY(shim_opt_array(c->from, c->what, key, SIZE_MAX, &list, err));
    if (list == NULL) {
        return CL_OK;
    }
    json_array_foreach(list, i, v)
    {
        const char *s = json_string_value(v);
        if (s == NULL || (valid != NULL && !valid(s))) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %s, got '%.64s'", c->what,
                              key, expected, s != NULL ? s : "something else than text");
        }
    }
    return shim_put(c->to, key, json_incref(list), err);
}

/* jansson reads integers up to INT64_MAX. RLIM_INFINITY is above, and means "no limit" as
 * well as INT64_MAX does: it is written over before the text is parsed. */
static void lower_infinity(char *text, size_t len)
{
    static const char from[] = "18446744073709551615";
    static const char to[] = "9223372036854775807 ";
    const size_t n = sizeof(from) - 1;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && isdigit((unsigned char)text[i]) != 0) {
            size_t end = i;
            while (end < len && strchr("0123456789.eE+-", text[end]) != NULL && text[end] != '\0') {
                end++;
            }
            bool bare = i == 0 || strchr("-+.", text[i - 1]) == NULL;
            if (bare && end - i == n && strncmp(text + i, from, n) == 0) {
                memcpy(text + i, to, n);
            }
            i = end - 1;
        }
    }
}

enum cl_status shim_document(const void *json, size_t len, const char *what, json_t **ret_j,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (len > SHIM_SPEC_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %u bytes, got %zu", what,
                          SHIM_SPEC_MAX, len);
    }
    CL_TRY(cl_buf_append(&text, json, len, err));
    if (len > 0) {
        lower_infinity((char *)text.data, len);
    }
    CL_TRY(cl_json_parse(text.data, len, what, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an object", what);
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

bool shim_name_valid(const char *s, size_t max)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && n <= max && s[n] == '\0' && s[0] != '.';
}

bool shim_path_valid(const char *s)
{
    if (s[0] != '/' || strlen(s) > SHIM_PATH_MAX) {
        return false;
    }
    if (s[1] == '\0') {
        return true;
    }
    for (const char *at = s; *at != '\0';) {
        size_t n = strcspn(at + 1, "/");
        const char *part = at + 1;
        if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        at = part + n;
    }
    return true;
}

const char *shim_path_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 0 && folder[n - 1] == '/') {
        n--;
    }
    if (strncmp(path, folder, n) != 0 || (path[n] != '/' && path[n] != '\0')) {
        return NULL;
    }
    return path[n] == '/' ? path + n + 1 : path + n;
}
