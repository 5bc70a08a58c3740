/* SPDX-License-Identifier: Apache-2.0
 * read.c - members of a policy, one at a time.
 */
#include "podpolicy_internal.h"

#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define MAX_PATH 4095u

enum cl_status podpolicy_dup(const char *text, char **ret, struct cl_err *err)
{
    *ret = strdup(text);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "pod policy");
}

enum cl_status podpolicy_strings(const json_t *obj, const char *what, const char *key,
                                 struct cl_strv *ret, struct cl_err *err)
{
    if (json_object_get(obj, key) == NULL) {
        return CL_OK;
    }
    json_t *unused = NULL;
    CL_TRY(cl_json_get_array(obj, what, key, &unused, err)); /* null is no list */
    return cl_strv_from_json(obj, what, key, CL_POD_POLICY_MAX_STRINGS, CL_POD_POLICY_MAX_STRING,
                             ret, err);
}

enum cl_status podpolicy_names(const json_t *obj, const char *what, const char *key,
                               bool (*good)(const char *), const char *expected,
                               struct cl_strv *ret, struct cl_err *err)
{
    CL_TRY(podpolicy_strings(obj, what, key, ret, err));
    for (size_t i = 0; i < ret->count; i++) {
        const struct cl_strv before = {ret->v, i};
        if (!good(ret->v[i]) || podpolicy_has(&before, ret->v[i])) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s[%zu]: expected %s, once, got '%.64s'",
                              what, key, i, expected, ret->v[i]);
        }
    }
    return CL_OK;
}

bool podpolicy_stays_below(const char *path)
{
    for (const char *at = path; *at != '\0';) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            return false;
        }
        at += n;
        at += *at == '/';
    }
    return strlen(path) <= MAX_PATH;
}

enum cl_status podpolicy_path(const json_t *obj, const char *what, const char *key, char **ret,
                              struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(obj, what, key, &text, err));
    if (text[0] != '/' || !podpolicy_stays_below(text)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected an absolute path, got '%.128s'",
                          what, key, text);
    }
    return podpolicy_dup(text, ret, err);
}

enum cl_status podpolicy_volume_name(const json_t *obj, const char *what, const char *key,
                                     char ret[static CL_POD_POLICY_MAX_NAME + 2],
                                     struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(obj, what, key, &text, err));
    size_t n = strspn(text, NAME_CHARACTERS);
    bool whole = text[n] == '\0' || (text[n] == '*' && text[n + 1] == '\0');
    if (n == 0 || n > CL_POD_POLICY_MAX_NAME || text[0] == '.' || !whole) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: %s: expected the name of a volume, or its beginning and '*', got "
                          "'%.80s'",
                          what, key, text);
    }
    memcpy(ret, text, strlen(text) + 1);
    return CL_OK;
}

enum cl_status podpolicy_word(const json_t *obj, const char *what, const char *key,
                              const char *const *words, size_t *ret, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(obj, what, key, &text, err));
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %s%s, got '%.32s'", what, key,
                      words[0], words[1] != NULL ? " or another word of the schema" : "", text);
}
