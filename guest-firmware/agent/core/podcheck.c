/* SPDX-License-Identifier: Apache-2.0
 * podcheck.c - checks of one member of a specification.
 */
#include "podcheck.h"

#include "agent/limits.h"
#include "agent/podspec.h"

#include <string.h>

static bool is_id_text(const char *text, size_t max)
{
    size_t n = strlen(text);
    return n >= 1 && n <= max && text[0] != '.' &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

enum cl_status agent_pod_check_id(const char *id, const char *what, struct cl_err *err)
{
    return is_id_text(id, AGENT_POD_MAX_ID)
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "%s: expected 1 to %u of A-Z a-z 0-9 _ . -, got '%.80s'", what,
                            AGENT_POD_MAX_ID, id);
}

enum cl_status agent_pod_check_volume_name(const char *name, const char *what, struct cl_err *err)
{
    return is_id_text(name, AGENT_POD_MAX_NAME)
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "%s: expected 1 to %u of A-Z a-z 0-9 _ . -, got '%.80s'", what,
                            AGENT_POD_MAX_NAME, name);
}

/* Of a name with dots: letters, digits, '_', '-', and no empty part. */
static bool is_sysctl_name(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= 128 && name[0] != '.' && name[n - 1] != '.' &&
           strstr(name, "..") == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

enum cl_status agent_pod_check_sysctl(const char *name, const char *value, struct cl_err *err)
{
    static const char *const prefixes[] = {"net.", "kernel.shm", "kernel.msg", "fs.mqueue."};
    bool good = strcmp(name, "kernel.sem") == 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(prefixes); i++) {
        good = good || strncmp(name, prefixes[i], strlen(prefixes[i])) == 0;
    }
    if (!good || !is_sysctl_name(name)) {
        return cl_err_set(
            err, CL_ERR_REJECTED,
            "sysctl '%.128s': expected net.*, kernel.shm*, kernel.msg*, kernel.sem or "
            "fs.mqueue.*, got another",
            name);
    }
    if (strlen(value) > 256 || strchr(value, '\n') != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "sysctl '%s': value: expected a line, got more",
                          name);
    }
    return CL_OK;
}

enum cl_status agent_podcheck_document(const void *data, size_t len, const char *what, json_t **ret,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(data, len, what, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an object, got another type", what);
    }
    *ret = CL_TAKE(j);
    return CL_OK;
}

enum cl_status agent_podcheck_int(const json_t *obj, const char *what, const char *key, int64_t min,
                                  int64_t max, struct cl_err *err)
{
    int64_t unused = 0;
    return json_object_get(obj, key) == NULL
               ? CL_OK
               : cl_json_get_int(obj, what, key, min, max, &unused, err);
}

static enum cl_status check_text(const json_t *item, const char *what, const char *key,
                                 bool (*good)(const char *), const char *expected,
                                 struct cl_err *err)
{
    const char *text = json_string_value(item);
    if (text == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected string, got another type", what,
                          key);
    }
    if (json_string_length(item) > AGENT_POD_MAX_STRING || (good != NULL && !good(text))) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %s, got '%.128s'", what, key,
                          expected, text);
    }
    return CL_OK;
}

enum cl_status agent_podcheck_strings(const json_t *obj, const char *what, const char *key,
                                      bool (*good)(const char *), const char *expected,
                                      json_t **ret, struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *item = NULL;
    CL_TRY(cl_json_opt_array(obj, what, key, AGENT_POD_MAX_STRINGS, &list, err));
    json_array_foreach(list, i, item)
    {
        CL_TRY(check_text(item, what, key, good, expected, err));
    }
    *ret = list;
    return CL_OK;
}

enum cl_status agent_podcheck_string(const json_t *obj, const char *what, const char *key,
                                     bool (*good)(const char *), const char *expected,
                                     struct cl_err *err)
{
    const json_t *item = json_object_get(obj, key);
    return item == NULL ? CL_OK : check_text(item, what, key, good, expected, err);
}

bool agent_podcheck_is_path(const char *text)
{
    size_t n = strlen(text);
    bool dots = strstr(text, "/../") != NULL || (n >= 3 && strcmp(text + n - 3, "/..") == 0);
    return text[0] == '/' && n <= AGENT_MAX_PATH && !dots;
}

bool agent_podcheck_is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

enum cl_status agent_podcheck_copy(json_t *to, const json_t *from, const char *const *keys,
                                   struct cl_err *err)
{
    for (; *keys != NULL; keys++) {
        json_t *v = json_object_get(from, *keys);
        if (v != NULL && json_object_set(to, *keys, v) != 0) {
            return cl_err_nomem(err, "specification");
        }
    }
    return CL_OK;
}
