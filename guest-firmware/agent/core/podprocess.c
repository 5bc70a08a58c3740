/* SPDX-License-Identifier: Apache-2.0
 * podprocess.c - the process of a specification, or of an Exec.
 */
#include "podcheck.h"

#include "agent/podspec.h"
#include "agent/user.h"

#include <string.h>

static const char *const capabilities[] = {
    "CAP_AUDIT_CONTROL",   "CAP_AUDIT_READ",   "CAP_AUDIT_WRITE",
    "CAP_BLOCK_SUSPEND",   "CAP_BPF",          "CAP_CHECKPOINT_RESTORE",
    "CAP_CHOWN",           "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",          "CAP_FSETID",       "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",       "CAP_KILL",         "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",    "CAP_MAC_OVERRIDE",
    "CAP_MKNOD",           "CAP_NET_ADMIN",    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",   "CAP_NET_RAW",      "CAP_PERFMON",
    "CAP_SETFCAP",         "CAP_SETGID",       "CAP_SETPCAP",
    "CAP_SETUID",          "CAP_SYSLOG",       "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",        "CAP_SYS_CHROOT",   "CAP_SYS_MODULE",
    "CAP_SYS_NICE",        "CAP_SYS_PACCT",    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",       "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",  "CAP_WAKE_ALARM",   NULL,
};
static const char *const rlimit_types[] = {
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_DATA",
    "RLIMIT_FSIZE",
    "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_NOFILE",
    "RLIMIT_NPROC",
    "RLIMIT_RSS",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
    "RLIMIT_SIGPENDING",
    "RLIMIT_STACK",
    NULL,
};

/* A container may not be safer from the OOM killer than the agent. */
#define MIN_OOM_SCORE (-900)

static bool is_capability(const char *text)
{
    return agent_podcheck_is_one_of(text, capabilities);
}

static bool is_env(const char *text)
{
    return text[0] != '\0' && text[0] != '=' && strchr(text, '=') != NULL;
}

/* "user", "user:group": what is in the image says whether it is one. */
static bool is_user(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 255;
}

static bool is_cwd(const char *text)
{
    /* Nothing of what crun or the agent have open is a place to start in (CVE-2024-21626). */
    return agent_podcheck_is_path(text) && strncmp(text, "/proc/", 6) != 0;
}

static enum cl_status check_user(const json_t *process, struct cl_err *err)
{
    static const char *const keys[] = {"uid", "gid", "additionalGids", "umask", "username", NULL};
    const char *what = "spec: process.user";
    json_t *user = NULL;
    json_t *groups = NULL;
    size_t i = 0;
    json_t *item = NULL;
    CL_TRY(cl_json_opt_object(process, "spec: process", "user", &user, err));
    CL_TRY(cl_json_only_keys(user, what, keys, err));
    CL_TRY(agent_podcheck_int(user, what, "uid", 0, UINT32_MAX - 1, err));
    CL_TRY(agent_podcheck_int(user, what, "gid", 0, UINT32_MAX - 1, err));
    CL_TRY(agent_podcheck_int(user, what, "umask", 0, 0777, err));
    CL_TRY(agent_podcheck_string(user, what, "username", is_user, "a name", err));
    CL_TRY(cl_json_opt_array(user, what, "additionalGids", AGENT_MAX_GROUPS, &groups, err));
    json_array_foreach(groups, i, item)
    {
        json_int_t v = json_integer_value(item);
        if (!json_is_integer(item) || v < 0 || v > (json_int_t)(UINT32_MAX - 1)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: additionalGids: expected a group id, got another value", what);
        }
    }
    return CL_OK;
}

static enum cl_status check_capabilities(const json_t *process, struct cl_err *err)
{
    static const char *const keys[] = {"bounding",  "effective", "inheritable",
                                       "permitted", "ambient",   NULL};
    const char *what = "spec: process.capabilities";
    json_t *c = NULL;
    json_t *unused = NULL;
    CL_TRY(cl_json_opt_object(process, "spec: process", "capabilities", &c, err));
    CL_TRY(cl_json_only_keys(c, what, keys, err));
    for (size_t i = 0; keys[i] != NULL; i++) {
        CL_TRY(
            agent_podcheck_strings(c, what, keys[i], is_capability, "a capability", &unused, err));
    }
    return CL_OK;
}

static enum cl_status check_rlimits(const json_t *process, struct cl_err *err)
{
    static const char *const keys[] = {"type", "hard", "soft", NULL};
    const char *what = "spec: process.rlimits";
    json_t *list = NULL;
    json_t *item = NULL;
    size_t i = 0;
    CL_TRY(cl_json_opt_array(process, "spec: process", "rlimits", 32, &list, err));
    json_array_foreach(list, i, item)
    {
        const char *type = NULL;
        int64_t unused = 0;
        CL_TRY(cl_json_only_keys(item, what, keys, err));
        CL_TRY(cl_json_get_string(item, what, "type", &type, err));
        CL_TRY(cl_json_get_int(item, what, "hard", INT64_MIN, INT64_MAX, &unused, err));
        CL_TRY(cl_json_get_int(item, what, "soft", INT64_MIN, INT64_MAX, &unused, err));
        if (!agent_podcheck_is_one_of(type, rlimit_types)) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: type: expected a limit, got '%.64s'",
                              what, type);
        }
    }
    return CL_OK;
}

static enum cl_status check_console(const json_t *process, struct cl_err *err)
{
    static const char *const keys[] = {"height", "width", NULL};
    const char *what = "spec: process.consoleSize";
    json_t *size = NULL;
    CL_TRY(cl_json_opt_object(process, "spec: process", "consoleSize", &size, err));
    CL_TRY(cl_json_only_keys(size, what, keys, err));
    CL_TRY(agent_podcheck_int(size, what, "height", 0, UINT16_MAX, err));
    return agent_podcheck_int(size, what, "width", 0, UINT16_MAX, err);
}

static enum cl_status check_args(const json_t *process, const char *what, struct cl_err *err)
{
    json_t *args = NULL;
    json_t *env = NULL;
    const char *cwd = NULL;
    CL_TRY(agent_podcheck_strings(process, what, "args", NULL, "a shorter string", &args, err));
    const char *first = json_string_value(json_array_get(args, 0));
    if (first == NULL || first[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: args: expected a program, got none", what);
    }
    CL_TRY(agent_podcheck_strings(process, what, "env", is_env, "NAME=value", &env, err));
    CL_TRY(cl_json_get_string(process, what, "cwd", &cwd, err));
    return agent_podcheck_string(process, what, "cwd", is_cwd, "an absolute path outside of /proc",
                                 err);
}

/* Absent members get what OCI's defaults are not safe about. */
static enum cl_status fill(json_t *p, struct cl_err *err)
{
    int rc = 0;
    json_int_t score = json_integer_value(json_object_get(p, "oomScoreAdj"));
    rc |= json_object_set_new(p, "oomScoreAdj",
                              json_integer(score < MIN_OOM_SCORE ? MIN_OOM_SCORE : score));
    if (json_object_get(p, "user") == NULL) {
        rc |= json_object_set_new(p, "user", json_pack("{s:i,s:i}", "uid", 0, "gid", 0));
    }
    if (json_object_get(p, "capabilities") == NULL) {
        rc |= json_object_set_new(
            p, "capabilities", json_pack("{s:[],s:[],s:[]}", "bounding", "effective", "permitted"));
    }
    return rc == 0 ? CL_OK : cl_err_nomem(err, "specification");
}

enum cl_status agent_podprocess_build(const json_t *process, const char *what, json_t **ret,
                                      bool *ret_terminal, struct cl_err *err)
{
    static const char *const keys[] = {"terminal",    "user",         "args",    "env",
                                       "cwd",         "capabilities", "rlimits", "noNewPrivileges",
                                       "oomScoreAdj", "consoleSize",  NULL};
    bool unused = false;
    bool terminal = false;
    CL_TRY(cl_json_only_keys(process, what, keys, err));
    CL_TRY(cl_json_opt_bool(process, what, "terminal", &terminal, err));
    CL_TRY(cl_json_opt_bool(process, what, "noNewPrivileges", &unused, err));
    CL_TRY(agent_podcheck_int(process, what, "oomScoreAdj", -1000, 1000, err));
    CL_TRY(check_args(process, what, err));
    CL_TRY(check_user(process, err));
    CL_TRY(check_capabilities(process, err));
    CL_TRY(check_rlimits(process, err));
    CL_TRY(check_console(process, err));
    CL_CLEANUP(cl_json_decrefp) json_t *p = json_object();
    CL_TRY(agent_podcheck_copy(p, process, keys, err));
    CL_TRY(fill(p, err));
    *ret = CL_TAKE(p);
    *ret_terminal = terminal;
    return CL_OK;
}

enum cl_status agent_podspec_process(const void *data, size_t len, json_t **ret_process,
                                     bool *ret_terminal, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(agent_podcheck_document(data, len, "process", &j, err));
    if (json_object_get(json_object_get(j, "user"), "username") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "process: user: username: expected numbers, got a name");
    }
    return agent_podprocess_build(j, "process", ret_process, ret_terminal, err);
}
