/* SPDX-License-Identifier: Apache-2.0
 * podseccomp.c - a system call filter that the host brought, made to keep what ours keeps: no
 * AF_VSOCK (no namespace separates it from the host), no io_uring (it opens sockets that no filter
 * sees), no foreign ABI, no listener.
 */
#include "podcheck.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define WHAT "spec: linux.seccomp"
#define MAX_RULES 512u
#define FAMILY_BITS 6u /* address families are below 64 */

static const char *const actions[] = {
    "SCMP_ACT_ALLOW",        "SCMP_ACT_ERRNO",       "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG",         "SCMP_ACT_TRAP",
    "SCMP_ACT_TRACE",        "SCMP_ACT_KILL_THREAD", NULL,
};
static const char *const operators[] = {"SCMP_CMP_NE",        "SCMP_CMP_LT", "SCMP_CMP_LE",
                                        "SCMP_CMP_EQ",        "SCMP_CMP_GE", "SCMP_CMP_GT",
                                        "SCMP_CMP_MASKED_EQ", NULL};
static const char *const flag_names[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                         "SECCOMP_FILTER_FLAG_SPEC_ALLOW", NULL};

static bool is_action(const char *text)
{
    return agent_podcheck_is_one_of(text, actions);
}

static bool is_operator(const char *text)
{
    return agent_podcheck_is_one_of(text, operators);
}

static bool is_flag(const char *text)
{
    return agent_podcheck_is_one_of(text, flag_names);
}

static bool is_architecture(const char *text)
{
    return strncmp(text, "SCMP_ARCH_", 10) == 0 && strlen(text) <= 32;
}

static bool is_call(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 64 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* Does this action let the call happen? */
static bool allows(const char *action)
{
    return strcmp(action, "SCMP_ACT_ALLOW") == 0 || strcmp(action, "SCMP_ACT_LOG") == 0 ||
           strcmp(action, "SCMP_ACT_TRACE") == 0;
}

static enum cl_status check_args(const json_t *rule, struct cl_err *err)
{
    static const char *const keys[] = {"index", "value", "valueTwo", "op", NULL};
    const char *what = WHAT ".syscalls.args";
    json_t *args = NULL;
    json_t *a = NULL;
    size_t i = 0;
    CL_TRY(cl_json_opt_array(rule, WHAT ".syscalls", "args", 6, &args, err));
    json_array_foreach(args, i, a)
    {
        int64_t unused = 0;
        const char *op = NULL;
        CL_TRY(cl_json_only_keys(a, what, keys, err));
        CL_TRY(cl_json_get_int(a, what, "index", 0, 5, &unused, err));
        CL_TRY(cl_json_get_int(a, what, "value", INT64_MIN, INT64_MAX, &unused, err));
        CL_TRY(agent_podcheck_int(a, what, "valueTwo", INT64_MIN, INT64_MAX, err));
        CL_TRY(cl_json_get_string(a, what, "op", &op, err));
        CL_TRY(agent_podcheck_string(a, what, "op", is_operator, "an operator", err));
    }
    return CL_OK;
}

/* The names that may stay in a rule which lets calls happen. *ret_socket: socket was among them. */
static enum cl_status safe_names(const json_t *names, json_t **ret, bool *ret_socket,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    json_t *item = NULL;
    size_t i = 0;
    int rc = out == NULL;
    *ret_socket = false;
    json_array_foreach(names, i, item)
    {
        const char *name = json_string_value(item);
        bool is_socket = strcmp(name, "socket") == 0;
        *ret_socket = *ret_socket || is_socket;
        if (!is_socket && strncmp(name, "io_uring_", 9) != 0 && strcmp(name, "socketcall") != 0) {
            rc |= json_array_append(out, item);
        }
    }
    if (rc != 0) {
        return cl_err_nomem(err, "seccomp");
    }
    *ret = CL_TAKE(out);
    return CL_OK;
}

/* socket() for every family but AF_VSOCK. The argument is 64 bits to the filter and an int to the
 * kernel, so "not equal" would let 2^32 + AF_VSOCK pass: each rule demands that one of the low bits
 * differs. Bits above those make no family. */
static enum cl_status add_socket(json_t *rules, const char *action, struct cl_err *err)
{
    for (unsigned bit = 0; bit < FAMILY_BITS; bit++) {
        json_int_t mask = (json_int_t)1 << bit;
        json_int_t value = mask & ~(json_int_t)AF_VSOCK;
        json_t *rule = json_pack("{s:[s],s:s,s:[{s:i,s:I,s:I,s:s}]}", "names", "socket", "action",
                                 action, "args", "index", 0, "value", mask, "valueTwo", value, "op",
                                 "SCMP_CMP_MASKED_EQ");
        if (json_array_append_new(rules, rule) != 0) {
            return cl_err_nomem(err, "seccomp");
        }
    }
    return CL_OK;
}

/* A rule about socket() with arguments of its own is made narrower: only families that are named by
 * "equal" stay as they are, "not AF_VSOCK" becomes ours. */
static enum cl_status socket_rule(json_t *rules, const json_t *rule, const char *action,
                                  struct cl_err *err)
{
    const json_t *args = json_object_get(rule, "args");
    const json_t *a = json_array_get(args, 0);
    const char *op = json_string_value(json_object_get(a, "op"));
    json_int_t value = json_integer_value(json_object_get(a, "value"));
    if (json_array_size(args) == 0) {
        return add_socket(rules, action, err);
    }
    bool first = json_array_size(args) == 1 &&
                 json_integer_value(json_object_get(a, "index")) == 0 && op != NULL;
    if (first && strcmp(op, "SCMP_CMP_NE") == 0 && value == AF_VSOCK) {
        return add_socket(rules, action, err);
    }
    if (first && strcmp(op, "SCMP_CMP_EQ") == 0 && (uint32_t)value != AF_VSOCK) {
        json_t *copy =
            json_pack("{s:[s],s:s,s:O}", "names", "socket", "action", action, "args", args);
        return json_array_append_new(rules, copy) == 0 ? CL_OK : cl_err_nomem(err, "seccomp");
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      WHAT ": socket: expected one address family or all but AF_VSOCK (40), got "
                           "another rule");
}

static enum cl_status check_rule(const json_t *rule, const char **ret_action, json_t **ret_names,
                                 struct cl_err *err)
{
    static const char *const keys[] = {"names", "action", "errnoRet", "args", NULL};
    const char *what = WHAT ".syscalls";
    CL_TRY(cl_json_only_keys(rule, what, keys, err));
    CL_TRY(agent_podcheck_strings(rule, what, "names", is_call, "a system call", ret_names, err));
    CL_TRY(cl_json_get_string(rule, what, "action", ret_action, err));
    CL_TRY(agent_podcheck_string(rule, what, "action", is_action, "an action", err));
    CL_TRY(agent_podcheck_int(rule, what, "errnoRet", 0, 4095, err));
    return check_args(rule, err);
}

static enum cl_status add_rule(json_t *rules, const json_t *rule, const char *def,
                               struct cl_err *err)
{
    static const char *const kept[] = {"action", "errnoRet", "args", NULL};
    const char *action = NULL;
    json_t *names = NULL;
    bool about_socket = false;
    CL_TRY(check_rule(rule, &action, &names, err));
    CL_CLEANUP(cl_json_decrefp) json_t *safe = json_incref(names);
    if (allows(action)) {
        json_decref(safe);
        safe = NULL;
        CL_TRY(safe_names(names, &safe, &about_socket, err));
    }
    if (about_socket && !allows(def)) {
        CL_TRY(socket_rule(rules, rule, action, err));
    }
    if (json_array_size(safe) == 0) {
        return CL_OK;
    }
    CL_CLEANUP(cl_json_decrefp) json_t *copy = json_pack("{s:O}", "names", safe);
    CL_TRY(agent_podcheck_copy(copy, rule, kept, err));
    return json_array_append(rules, copy) == 0 ? CL_OK : cl_err_nomem(err, "seccomp");
}

/* With a default that lets calls happen, what we keep shut is named. */
static enum cl_status add_denials(json_t *rules, struct cl_err *err)
{
    json_t *vsock = json_pack("{s:[s],s:s,s:i,s:[{s:i,s:I,s:I,s:s}]}", "names", "socket", "action",
                              "SCMP_ACT_ERRNO", "errnoRet", EAFNOSUPPORT, "args", "index", 0,
                              "value", (json_int_t)UINT32_MAX, "valueTwo", (json_int_t)AF_VSOCK,
                              "op", "SCMP_CMP_MASKED_EQ");
    json_t *uring = json_pack("{s:[s,s,s],s:s,s:i}", "names", "io_uring_setup", "io_uring_enter",
                              "io_uring_register", "action", "SCMP_ACT_ERRNO", "errnoRet", EPERM);
    int rc = json_array_append_new(rules, vsock);
    rc |= json_array_append_new(rules, uring);
    return rc == 0 ? CL_OK : cl_err_nomem(err, "seccomp");
}

static enum cl_status check_head(const json_t *s, const char **ret_default, json_t **ret_rules,
                                 struct cl_err *err)
{
    static const char *const keys[] = {"defaultAction", "defaultErrnoRet", "architectures",
                                       "flags",         "syscalls",        NULL};
    json_t *unused = NULL;
    CL_TRY(cl_json_only_keys(s, WHAT, keys, err));
    CL_TRY(cl_json_get_string(s, WHAT, "defaultAction", ret_default, err));
    CL_TRY(agent_podcheck_string(s, WHAT, "defaultAction", is_action, "an action", err));
    CL_TRY(agent_podcheck_int(s, WHAT, "defaultErrnoRet", 0, 4095, err));
    CL_TRY(agent_podcheck_strings(s, WHAT, "architectures", is_architecture, "an architecture",
                                  &unused, err));
    CL_TRY(agent_podcheck_strings(s, WHAT, "flags", is_flag, "a flag", &unused, err));
    return cl_json_opt_array(s, WHAT, "syscalls", MAX_RULES, ret_rules, err);
}

enum cl_status agent_podseccomp_build(const json_t *seccomp, json_t **ret, struct cl_err *err)
{
    static const char *const kept[] = {"defaultAction", "defaultErrnoRet", "flags", NULL};
    const char *def = NULL;
    json_t *theirs = NULL;
    json_t *item = NULL;
    size_t i = 0;
    CL_TRY(check_head(seccomp, &def, &theirs, err));
    CL_CLEANUP(cl_json_decrefp) json_t *rules = json_array();
    json_array_foreach(theirs, i, item)
    {
        CL_TRY(add_rule(rules, item, def, err));
    }
    if (allows(def)) {
        CL_TRY(add_denials(rules, err));
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *out = json_pack("{s:[s],s:O}", "architectures", "SCMP_ARCH_X86_64", "syscalls", rules);
    CL_TRY(agent_podcheck_copy(out, seccomp, kept, err));
    *ret = CL_TAKE(out);
    return CL_OK;
}
