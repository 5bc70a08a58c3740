/* SPDX-License-Identifier: Apache-2.0
 * check_process.c - a process of a container against its policy.
 */
#include "podpolicy_internal.h"

#include <stdio.h>
#include <string.h>

/* --- arguments -------------------------------------------------------------------------------- */

static const char *item(const json_t *list, size_t i)
{
    const char *text = json_string_value(json_array_get(list, i));
    return text != NULL ? text : "";
}

static bool same_args(const struct cl_strv *expected, const json_t *args)
{
    bool same = json_array_size(args) == expected->count;
    for (size_t i = 0; same && i < expected->count; i++) {
        const json_t *v = json_array_get(args, i);
        same = json_is_string(v) && strlen(expected->v[i]) == json_string_length(v) &&
               strcmp(expected->v[i], json_string_value(v)) == 0;
    }
    return same;
}

/* The first place where the lists part is told. */
static enum cl_status args_differ(const struct cl_strv *expected, const json_t *args,
                                  const char *what, struct cl_err *err)
{
    size_t count = json_array_size(args);
    for (size_t i = 0; i < expected->count && i < count; i++) {
        if (strcmp(expected->v[i], item(args, i)) != 0) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: args[%zu]: expected '%.128s', got '%.128s'", what, i,
                              expected->v[i], item(args, i));
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED, "%s: args: expected %zu of them, got %zu", what,
                      expected->count, count);
}

enum cl_status podpolicy_args(const struct cl_strv *expected, const json_t *process,
                              const char *what, struct cl_err *err)
{
    const json_t *args = json_object_get(process, "args");
    return same_args(expected, args) ? CL_OK : args_differ(expected, args, what, err);
}

/* --- user ------------------------------------------------------------------------------------- */

static enum cl_status check_id(const json_t *user, const char *what, const char *key,
                               uint32_t expected, struct cl_err *err)
{
    json_int_t got = json_integer_value(json_object_get(user, key)); /* absent: 0, as to crun */
    return got == (json_int_t)expected
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "%s: user: %s: expected %u, got %lld", what, key,
                            (unsigned)expected, (long long)got);
}

static bool has_group(const json_t *user, uint32_t gid)
{
    const json_t *list = json_object_get(user, "additionalGids");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_integer_value(json_array_get(list, i)) == (json_int_t)gid) {
            return true;
        }
    }
    return false;
}

/* Groups that the host adds are not given to the process, so that only missing ones matter. */
static enum cl_status check_user(const struct cl_pod_user *u, const json_t *user, const char *what,
                                 struct cl_err *err)
{
    if (u->name == NULL) { /* else the numbers are the image's to say */
        CL_TRY(check_id(user, what, "uid", u->uid, err));
        CL_TRY(check_id(user, what, "gid", u->gid, err));
    }
    for (size_t i = 0; i < u->group_count; i++) {
        if (u->groups[i] != u->gid && !has_group(user, u->groups[i])) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: user: groups: expected %u among them, got none", what,
                              (unsigned)u->groups[i]);
        }
    }
    return podpolicy_none(user, what, "umask", err);
}

/* --- capabilities ----------------------------------------------------------------------------- */

static bool list_has(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(item(list, i), text) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status check_set(const json_t *capabilities, const char *set,
                                const struct cl_strv *expected, const char *what,
                                struct cl_err *err)
{
    const json_t *list = json_object_get(capabilities, set);
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!podpolicy_has(expected, item(list, i))) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: capabilities: %s: expected no %.64s, got it", what, set,
                              item(list, i));
        }
    }
    for (size_t i = 0; i < expected->count; i++) {
        if (!list_has(list, expected->v[i])) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: capabilities: %s: expected %s, got none",
                              what, set, expected->v[i]);
        }
    }
    return CL_OK;
}

static enum cl_status check_capabilities(const struct cl_pod_policy_container *c,
                                         const json_t *capabilities, const char *what,
                                         struct cl_err *err)
{
    CL_TRY(check_set(capabilities, "bounding", &c->capabilities, what, err));
    CL_TRY(check_set(capabilities, "effective", &c->capabilities, what, err));
    CL_TRY(check_set(capabilities, "permitted", &c->capabilities, what, err));
    CL_TRY(check_set(capabilities, "ambient", &c->ambient, what, err));
    const json_t *inheritable = json_object_get(capabilities, "inheritable");
    if (json_array_size(inheritable) == 0 ||
        check_set(capabilities, "inheritable", &c->ambient, what, NULL) == CL_OK) {
        return CL_OK;
    }
    return check_set(capabilities, "inheritable", &c->capabilities, what, err);
}

enum cl_status podpolicy_process(const struct cl_pod_policy_container *c, const json_t *process,
                                 const char *what, struct cl_err *err)
{
    CL_TRY(podpolicy_env(c, json_object_get(process, "env"), what, err));
    CL_TRY(podpolicy_same_text(process, what, "cwd", c->cwd, err));
    CL_TRY(check_user(&c->user, json_object_get(process, "user"), what, err));
    CL_TRY(check_capabilities(c, json_object_get(process, "capabilities"), what, err));
    return podpolicy_same_flag(process, what, "noNewPrivileges", c->no_new_privileges, err);
}

/* --- Exec ------------------------------------------------------------------------------------- */

static enum cl_status no_exec(const struct cl_pod_policy_container *c, const json_t *args,
                              const char *what, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    const char *shown = "another";
    if (cl_json_compact(args, &text, NULL) != CL_OK || cl_buf_cstr(&text, what, &shown, NULL)) {
        shown = "another";
    }
    return c->exec_count == 0
               ? cl_err_set(err, CL_ERR_REJECTED, "%s: exec: expected none, got %.200s", what,
                            shown)
               : cl_err_set(err, CL_ERR_REJECTED,
                            "%s: exec: expected one of %zu argument vectors of the policy, got "
                            "%.200s",
                            what, c->exec_count, shown);
}

/* With and without a terminal may be two entries. */
static const struct cl_pod_exec *find_exec(const struct cl_pod_policy_container *c,
                                           const json_t *args, bool terminal)
{
    const struct cl_pod_exec *found = NULL;
    for (size_t i = 0; i < c->exec_count; i++) {
        if (same_args(&c->execs[i].args, args) &&
            (found == NULL || c->execs[i].streams.terminal == terminal)) {
            found = &c->execs[i];
        }
    }
    return found;
}

enum cl_status cl_pod_policy_exec(const struct cl_pod_policy_container *c, const json_t *process,
                                  const struct cl_pod_exec **ret_exec, struct cl_err *err)
{
    char what[96];
    const json_t *args = json_object_get(process, "args");
    bool terminal = json_is_true(json_object_get(process, "terminal"));
    (void)snprintf(what, sizeof(what), "policy: containers[%s]", c->name);
    const struct cl_pod_exec *x = find_exec(c, args, terminal);
    if (x == NULL) {
        return no_exec(c, args, what, err);
    }
    (void)snprintf(what, sizeof(what), "policy: containers[%s]: exec", c->name);
    CL_TRY(podpolicy_same_flag(process, what, "terminal", x->streams.terminal, err));
    CL_TRY(podpolicy_process(c, process, what, err));
    *ret_exec = x;
    return CL_OK;
}
