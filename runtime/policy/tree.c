/* SPDX-License-Identifier: Apache-2.0
 * tree.c - see tree.h.
 */
#include "tree.h"

#include <string.h>

json_t *policy_member(const json_t *obj, const char *key)
{
    json_t *v = json_object_get(obj, key);
    return json_is_null(v) ? NULL : v;
}

enum cl_status policy_text(const json_t *obj, const char *what, const char *key, const char **ret,
                           struct cl_err *err)
{
    *ret = NULL;
    return policy_member(obj, key) == NULL ? CL_OK : cl_json_get_string(obj, what, key, ret, err);
}

enum cl_status policy_object(const json_t *obj, const char *what, const char *key, json_t **ret,
                             struct cl_err *err)
{
    *ret = NULL;
    return policy_member(obj, key) == NULL ? CL_OK : cl_json_get_object(obj, what, key, ret, err);
}

enum cl_status policy_array(const json_t *obj, const char *what, const char *key, size_t max,
                            json_t **ret, struct cl_err *err)
{
    *ret = NULL;
    return policy_member(obj, key) == NULL ? CL_OK
                                           : cl_json_opt_array(obj, what, key, max, ret, err);
}

enum cl_status policy_flag(const json_t *obj, const char *what, const char *key, bool *ret,
                           struct cl_err *err)
{
    *ret = false;
    return policy_member(obj, key) == NULL ? CL_OK : cl_json_get_bool(obj, what, key, ret, err);
}

enum cl_status policy_need_text(const json_t *obj, const char *what, const char *key,
                                const char **ret, struct cl_err *err)
{
    CL_TRY(cl_json_get_string(obj, what, key, ret, err));
    return (*ret)[0] != '\0'
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected text, got none", what, key);
}

enum cl_status policy_only(const json_t *obj, const char *what, const char *const *known,
                           struct cl_err *err)
{
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        if (!json_is_null(v) && !policy_one_of(key, known)) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: %.64s: expected none, got one", what,
                              key);
        }
    }
    return CL_OK;
}

enum cl_status policy_put(json_t *obj, const char *key, json_t *value, struct cl_err *err)
{
    return json_object_set_new(obj, key, value) == 0 ? CL_OK : cl_err_nomem(err, "policy");
}

enum cl_status policy_append(json_t *array, json_t *value, struct cl_err *err)
{
    return json_array_append_new(array, value) == 0 ? CL_OK : cl_err_nomem(err, "policy");
}

bool policy_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0) {
        words++;
    }
    return *words != NULL;
}
