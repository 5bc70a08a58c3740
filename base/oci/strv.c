/* SPDX-License-Identifier: Apache-2.0
 * strv.c - a list of owned strings. Trust: JSON given to cl_strv_from_json() is hostile.
 * Threads: no shared state. Memory: owned by the list.
 */
#include "oci/strv.h"

#include <stdlib.h>
#include <string.h>

void cl_strv_done(struct cl_strv *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        free(s->v[i]);
    }
    free(s->v);
    *s = (struct cl_strv){0};
}

enum cl_status cl_strv_add(struct cl_strv *s, const char *text, struct cl_err *err)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return cl_err_nomem(err, "string list");
    }
    char **v = reallocarray(s->v, s->count + 2, sizeof(*v));
    if (v == NULL) {
        free(copy);
        return cl_err_nomem(err, "string list");
    }
    s->v = v;
    s->v[s->count++] = copy;
    s->v[s->count] = NULL;
    return CL_OK;
}

enum cl_status cl_strv_copy(struct cl_strv *ret, const struct cl_strv *from, struct cl_err *err)
{
    struct cl_strv copy = {0};
    for (size_t i = 0; i < from->count; i++) {
        enum cl_status st = cl_strv_add(&copy, from->v[i], err);
        if (st != CL_OK) {
            cl_strv_done(&copy);
            return st;
        }
    }
    *ret = copy;
    return CL_OK;
}

bool cl_strv_equal(const struct cl_strv *a, const struct cl_strv *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->v[i], b->v[i]) != 0) {
            return false;
        }
    }
    return true;
}

static enum cl_status add_item(struct cl_strv *list, const json_t *item, const char *what,
                               const char *key, size_t max_len, struct cl_err *err)
{
    if (!json_is_string(item)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: item %zu: expected string", what, key,
                          list->count);
    }
    if (json_string_length(item) > max_len) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: %s: item %zu: expected at most %zu bytes, got %zu", what, key,
                          list->count, max_len, json_string_length(item));
    }
    return cl_strv_add(list, json_string_value(item), err);
}

enum cl_status cl_strv_from_json(const json_t *obj, const char *what, const char *key,
                                 size_t max_count, size_t max_len, struct cl_strv *ret,
                                 struct cl_err *err)
{
    const json_t *array = json_object_get(obj, key);
    if (array == NULL || json_is_null(array)) {
        *ret = (struct cl_strv){0};
        return CL_OK;
    }
    if (!json_is_array(array)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected array of strings", what, key);
    }
    if (json_array_size(array) > max_count) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected at most %zu items, got %zu",
                          what, key, max_count, json_array_size(array));
    }
    CL_CLEANUP(cl_strv_done) struct cl_strv list = {0};
    for (size_t i = 0; i < json_array_size(array); i++) {
        CL_TRY(add_item(&list, json_array_get(array, i), what, key, max_len, err));
    }
    *ret = list;
    list = (struct cl_strv){0};
    return CL_OK;
}
