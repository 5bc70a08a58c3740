/* SPDX-License-Identifier: Apache-2.0
 * translate_process.c - an OCI process, of a container or of an Exec (containerd-shim.md 3.2, 6).
 */
#include "translate_internal.h"

#include <string.h>

#define MAX_ARGUMENTS 65536u
#define MAX_GROUPS 4096u
#define MAX_CAPABILITIES 128u
#define MAX_ID 4294967294LL  /* the last one is "no change" to the kernel */
#define MIN_OOM_SCORE (-999) /* the agent's own is below every container's */

static enum cl_status build_user(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"uid",      "gid", "umask", "additionalGids",
                                          "username", NULL};
    json_t *user = NULL;
    json_t *groups = NULL;
    CL_TRY(shim_opt_object(from, "process", "user", &user, err));
    json_t *out = json_object();
    CL_TRY(shim_put(to, "user", out, err));
    const struct shim_copy c = {user, out, "process.user"};
    CL_TRY(shim_only(user, c.what, members, err));
    CL_TRY(shim_copy_int(&c, "uid", 0, MAX_ID, err));
    CL_TRY(shim_copy_int(&c, "gid", 0, MAX_ID, err));
    CL_TRY(shim_copy_int(&c, "umask", 0, 0777, err));
    CL_TRY(shim_copy_string(&c, "username", err)); /* the guest looks it up */
    CL_TRY(shim_opt_array(user, c.what, "additionalGids", MAX_GROUPS, &groups, err));
    if (groups == NULL) {
        return CL_OK;
    }
    size_t i = 0;
    json_t *g = NULL;
    json_array_foreach(groups, i, g)
    {
        if (!json_is_integer(g) || json_integer_value(g) < 0 || json_integer_value(g) > MAX_ID) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "process.user: additionalGids: expected group ids");
        }
    }
    return shim_put(out, "additionalGids", json_incref(groups), err);
}

static bool capability_valid(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return strncmp(s, "CAP_", 4) == 0 && n > 4 && n <= 40 && s[n] == '\0';
}

static enum cl_status build_capabilities(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const sets[] = {"bounding",  "effective", "inheritable",
                                       "permitted", "ambient",   NULL};
    json_t *caps = NULL;
    CL_TRY(shim_opt_object(from, "process", "capabilities", &caps, err));
    if (caps == NULL) {
        return CL_OK;
    }
    json_t *out = json_object();
    CL_TRY(shim_put(to, "capabilities", out, err));
    const struct shim_copy c = {caps, out, "process.capabilities"};
    CL_TRY(shim_only(caps, c.what, sets, err));
    for (const char *const *set = sets; *set != NULL; set++) {
        json_t *list = NULL;
        CL_TRY(shim_opt_array(caps, c.what, *set, MAX_CAPABILITIES, &list, err));
        CL_TRY(shim_copy_strings(&c, *set, capability_valid, "names of capabilities", err));
    }
    return CL_OK;
}

static bool rlimit_valid(const char *s)
{
    static const char *const types[] = {
        "RLIMIT_AS",     "RLIMIT_CORE",   "RLIMIT_CPU",        "RLIMIT_DATA",
        "RLIMIT_FSIZE",  "RLIMIT_LOCKS",  "RLIMIT_MEMLOCK",    "RLIMIT_MSGQUEUE",
        "RLIMIT_NICE",   "RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
        "RLIMIT_RTPRIO", "RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(types); i++) {
        if (strcmp(types[i], s) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status build_rlimits(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"type", "hard", "soft", NULL};
    json_t *list = NULL;
    CL_TRY(shim_opt_array(from, "process", "rlimits", 32, &list, err));
    if (list == NULL) {
        return CL_OK;
    }
    json_t *out = json_array();
    CL_TRY(shim_put(to, "rlimits", out, err));
    size_t i = 0;
    json_t *l = NULL;
    json_array_foreach(list, i, l)
    {
        const char *type = NULL;
        json_t *copy = json_object();
        CL_TRY(shim_append(out, copy, err));
        const struct shim_copy c = {l, copy, "process.rlimits"};
        CL_TRY(cl_json_get_string(l, c.what, "type", &type, err));
        if (!rlimit_valid(type)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: type: expected a limit of Linux, got '%.64s'", c.what, type);
        }
        CL_TRY(shim_only(l, c.what, members, err));
        CL_TRY(shim_copy_string(&c, "type", err));
        CL_TRY(shim_copy_int(&c, "hard", 0, INT64_MAX, err));
        CL_TRY(shim_copy_int(&c, "soft", 0, INT64_MAX, err));
    }
    return CL_OK;
}

static enum cl_status build_oom_score(const json_t *from, json_t *to, struct cl_err *err)
{
    int64_t score = 0;
    if (shim_member(from, "oomScoreAdj") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_int(from, "process", "oomScoreAdj", -1000, 1000, &score, err));
    score = score < MIN_OOM_SCORE ? MIN_OOM_SCORE : score;
    return shim_put(to, "oomScoreAdj", json_integer(score), err);
}

static enum cl_status build_console(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"height", "width", NULL};
    json_t *size = NULL;
    CL_TRY(shim_opt_object(from, "process", "consoleSize", &size, err));
    if (size == NULL) {
        return CL_OK;
    }
    json_t *out = json_object();
    CL_TRY(shim_put(to, "consoleSize", out, err));
    const struct shim_copy c = {size, out, "process.consoleSize"};
    CL_TRY(shim_only(size, c.what, members, err));
    CL_TRY(shim_copy_int(&c, "height", 0, UINT16_MAX, err));
    return shim_copy_int(&c, "width", 0, UINT16_MAX, err);
}

static enum cl_status build_command(const struct shim_copy *c, struct cl_err *err)
{
    json_t *list = NULL;
    const char *cwd = NULL;
    CL_TRY(cl_json_get_array(c->from, c->what, "args", &list, err));
    if (json_array_size(list) == 0 || json_array_size(list) > MAX_ARGUMENTS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "process: args: expected 1 to %u, got %zu",
                          MAX_ARGUMENTS, json_array_size(list));
    }
    CL_TRY(shim_copy_strings(c, "args", NULL, "text", err));
    CL_TRY(shim_opt_array(c->from, c->what, "env", MAX_ARGUMENTS, &list, err));
    CL_TRY(shim_copy_strings(c, "env", NULL, "text", err));
    CL_TRY(cl_json_get_string(c->from, c->what, "cwd", &cwd, err));
    if (cwd[0] != '/' || strlen(cwd) > SHIM_PATH_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "process: cwd: expected an absolute path, got '%.64s'", cwd);
    }
    return shim_copy_string(c, "cwd", err);
}

/* apparmorProfile and selinuxLabel name what the host's kernel has: dropped. */
enum cl_status shim_process_build(const json_t *from, json_t **ret, struct cl_err *err)
{
    static const char *const members[] = {"terminal",
                                          "consoleSize",
                                          "user",
                                          "args",
                                          "env",
                                          "cwd",
                                          "capabilities",
                                          "rlimits",
                                          "noNewPrivileges",
                                          "oomScoreAdj",
                                          "apparmorProfile",
                                          "selinuxLabel",
                                          NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    const struct shim_copy c = {from, out, "process"};
    if (out == NULL) {
        return cl_err_nomem(err, "process");
    }
    CL_TRY(shim_only(from, c.what, members, err));
    CL_TRY(shim_copy_bool(&c, "terminal", err));
    CL_TRY(build_console(from, out, err));
    CL_TRY(build_user(from, out, err));
    CL_TRY(build_command(&c, err));
    CL_TRY(build_capabilities(from, out, err));
    CL_TRY(build_rlimits(from, out, err));
    CL_TRY(shim_copy_bool(&c, "noNewPrivileges", err));
    CL_TRY(build_oom_score(from, out, err));
    *ret = CL_TAKE(out);
    return CL_OK;
}

enum cl_status shim_process_translate(const void *json, size_t len, struct cl_buf *ret_guest,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *from = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *to = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(shim_document(json, len, "process", &from, err));
    CL_TRY(shim_process_build(from, &to, err));
    CL_TRY(cl_json_compact(to, &text, err));
    cl_buf_done(ret_guest);
    *ret_guest = text;
    text = (struct cl_buf){0};
    return CL_OK;
}
