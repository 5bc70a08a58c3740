/* SPDX-License-Identifier: Apache-2.0
 * translate_seccomp.c - a system call filter, passed on as it is when it is one: what it means is
 * the guest's to judge.
 */
#include "translate_internal.h"

#include <string.h>

#define MAX_RULES 4096u
#define MAX_NAMES 1024u
#define MAX_COMPARED 6u

static const char what[] = "linux.seccomp";

static bool word_valid(const char *s)
{
    return shim_name_valid(s, 64);
}

/* INT64_MAX is what stands for larger numbers here: a comparison with it would not be the one that
 * was asked for. */
static enum cl_status build_compared(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"index", "value", "valueTwo", "op", NULL};
    json_t *list = NULL;
    size_t i = 0;
    json_t *v = NULL;
    CL_TRY(shim_opt_array(from, what, "args", MAX_COMPARED, &list, err));
    if (list == NULL) {
        return CL_OK;
    }
    json_t *out = json_array();
    CL_TRY(shim_put(to, "args", out, err));
    json_array_foreach(list, i, v)
    {
        json_t *one = json_object();
        CL_TRY(shim_append(out, one, err));
        const struct shim_copy c = {v, one, what};
        CL_TRY(shim_only(v, what, members, err));
        CL_TRY(shim_copy_int(&c, "index", 0, 5, err));
        CL_TRY(shim_copy_int(&c, "value", 0, INT64_MAX - 1, err));
        CL_TRY(shim_copy_int(&c, "valueTwo", 0, INT64_MAX - 1, err));
        CL_TRY(shim_copy_string(&c, "op", err));
    }
    return CL_OK;
}

static enum cl_status build_rule(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"names", "action", "errnoRet", "args", NULL};
    const struct shim_copy c = {from, to, what};
    json_t *names = NULL;
    CL_TRY(shim_only(from, what, members, err));
    CL_TRY(shim_opt_array(from, what, "names", MAX_NAMES, &names, err));
    CL_TRY(shim_copy_strings(&c, "names", word_valid, "names of system calls", err));
    CL_TRY(shim_copy_string(&c, "action", err));
    CL_TRY(shim_copy_int(&c, "errnoRet", 0, 4095, err));
    return build_compared(from, to, err);
}

/* listenerPath would be a socket of the host's: shim_only refuses it. */
enum cl_status shim_seccomp_build(const json_t *from, json_t **ret, struct cl_err *err)
{
    static const char *const members[] = {"defaultAction", "defaultErrnoRet", "architectures",
                                          "flags",         "syscalls",        NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    const struct shim_copy c = {from, out, what};
    json_t *list = NULL;
    size_t i = 0;
    json_t *v = NULL;
    if (out == NULL) {
        return cl_err_nomem(err, what);
    }
    CL_TRY(shim_only(from, what, members, err));
    CL_TRY(shim_copy_string(&c, "defaultAction", err));
    CL_TRY(shim_copy_int(&c, "defaultErrnoRet", 0, 4095, err));
    CL_TRY(shim_copy_strings(&c, "architectures", word_valid, "architectures", err));
    CL_TRY(shim_copy_strings(&c, "flags", word_valid, "flags", err));
    CL_TRY(shim_opt_array(from, what, "syscalls", MAX_RULES, &list, err));
    if (list != NULL) {
        json_t *rules = json_array();
        CL_TRY(shim_put(out, "syscalls", rules, err));
        json_array_foreach(list, i, v)
        {
            json_t *to = json_object();
            CL_TRY(shim_append(rules, to, err));
            CL_TRY(build_rule(v, to, err));
        }
    }
    *ret = CL_TAKE(out);
    return CL_OK;
}
