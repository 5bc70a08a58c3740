/* SPDX-License-Identifier: Apache-2.0
 * from_security.c - user, groups, capabilities and privileges of a container.
 */
#include "from_internal.h"

#include "cloister/pod_policy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_ID 4294967294LL

/* containerd's. */
static const char *const default_capabilities[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
    NULL,
};
/* All of Linux since 5.9, in the order of their numbers. */
static const char *const all_capabilities[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
    NULL,
};

/* --- user ------------------------------------------------------------------------------------- */

/* The container's member, or the pod's; *ret -1: neither. */
static enum cl_status id_of(const struct policy_container *c, const char *key, int64_t *ret,
                            struct cl_err *err)
{
    *ret = -1;
    const json_t *from = policy_member(c->security, key) != NULL ? c->security : c->f->pod_security;
    return policy_member(from, key) == NULL
               ? CL_OK
               : cl_json_get_int(from, "securityContext", key, 0, MAX_ID, ret, err);
}

static bool is_root(const char *user)
{
    static const char *const words[] = {"",          "0",      "root",   "0:0",
                                        "root:root", "root:0", "0:root", NULL};
    return user == NULL || policy_one_of(user, words);
}

/* Which group a number stands for, and which number a name, says etc/passwd of the image: what the
 * manifest leaves open is written as a name, which the guest looks up. As with containerd, a group
 * beside the image's user does not count. */
static enum cl_status put_user(const struct policy_container *c, json_t *to, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf name = {0};
    const char *image = c->image.config->user;
    int64_t uid = -1;
    int64_t gid = -1;
    CL_TRY(id_of(c, "runAsUser", &uid, err));
    CL_TRY(id_of(c, "runAsGroup", &gid, err));
    uid = uid < 0 && is_root(image) ? 0 : uid;
    gid = uid == 0 && gid < 0 ? 0 : gid;
    if (uid >= 0 && gid >= 0) {
        CL_TRY(policy_put(to, "uid", json_integer(uid), err));
        return policy_put(to, "gid", json_integer(gid), err);
    }
    CL_TRY(uid >= 0 ? cl_buf_printf(&name, err, "%lld", (long long)uid)
                    : cl_buf_append(&name, image, strcspn(image, ":"), err));
    if (gid >= 0) {
        CL_TRY(cl_buf_printf(&name, err, ":%lld", (long long)gid));
    }
    return policy_put(to, "name", json_stringn((const char *)name.data, name.len), err);
}

static enum cl_status add_group(json_t *groups, int64_t id, struct cl_err *err)
{
    size_t i = 0;
    json_t *g = NULL;
    json_array_foreach(groups, i, g)
    {
        if (json_integer_value(g) == id) {
            return CL_OK;
        }
    }
    return policy_append(groups, json_integer(id), err);
}

static enum cl_status build_groups(const struct policy_container *c, json_t *groups,
                                   struct cl_err *err)
{
    const json_t *pod = c->f->pod_security;
    json_t *list = NULL;
    size_t i = 0;
    json_t *g = NULL;
    int64_t id = 0;
    CL_TRY(policy_array(pod, "securityContext", "supplementalGroups", CL_POD_POLICY_MAX_GROUPS,
                        &list, err));
    json_array_foreach(list, i, g)
    {
        if (!json_is_integer(g) || json_integer_value(g) < 0 || json_integer_value(g) > MAX_ID) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "securityContext: supplementalGroups[%zu]: expected a group id", i);
        }
        CL_TRY(add_group(groups, (int64_t)json_integer_value(g), err));
    }
    if (policy_member(pod, "fsGroup") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_int(pod, "securityContext", "fsGroup", 0, MAX_ID, &id, err));
    return add_group(groups, id, err);
}

static enum cl_status build_user(struct policy_container *c, struct cl_err *err)
{
    json_t *to = json_object();
    json_t *groups = json_array();
    CL_TRY(policy_put(c->to, "user", to, err));
    CL_TRY(policy_put(to, "groups", groups, err));
    CL_TRY(put_user(c, to, err));
    return build_groups(c, groups, err);
}

/* --- capabilities -----------------------------------------------------------------------------
 */

/* "CAP_" and one name, upper-case. */
static enum cl_status capability_name(const json_t *v, char ret[static 64], struct cl_err *err)
{
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    if (strncasecmp(text, "CAP_", 4) == 0) {
        text += 4;
    }
    size_t n = strlen(text);
    (void)snprintf(ret, 64, "CAP_%.40s", text);
    for (char *p = ret; *p != '\0'; p++) {
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    }
    if (n == 0 || (strcmp(ret, "CAP_ALL") != 0 && !policy_one_of(ret, all_capabilities))) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "securityContext: capabilities: expected one of Linux, got '%.40s'",
                          text);
    }
    return CL_OK;
}

static enum cl_status has_all(const json_t *list, bool *ret, struct cl_err *err)
{
    size_t i = 0;
    json_t *v = NULL;
    *ret = false;
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
    {
        char name[64];
        CL_TRY(capability_name(v, name, err));
        *ret = *ret || strcmp(name, "CAP_ALL") == 0;
    }
    return CL_OK;
}

static enum cl_status set_all(json_t *caps, const char *const *names, struct cl_err *err)
{
    (void)json_array_clear(caps);
    for (; *names != NULL; names++) {
        CL_TRY(policy_append(caps, json_string(*names), err));
    }
    return CL_OK;
}

static void take_away(json_t *caps, const char *name)
{
    for (size_t i = json_array_size(caps); i > 0; i--) {
        if (strcmp(json_string_value(json_array_get(caps, i - 1)), name) == 0) {
            (void)json_array_remove(caps, i - 1);
        }
    }
}

/* Each one of a list, but ALL. */
static enum cl_status change(json_t *caps, const json_t *list, bool add, struct cl_err *err)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach((json_t *)(uintptr_t)list, i, v)
    {
        char name[64];
        CL_TRY(capability_name(v, name, err));
        if (strcmp(name, "CAP_ALL") == 0) {
            continue;
        }
        take_away(caps, name);
        if (add) {
            CL_TRY(policy_append(caps, json_string(name), err));
        }
    }
    return CL_OK;
}

/* containerd's order: add ALL, drop ALL, add each, drop each. */
static enum cl_status build_capabilities(struct policy_container *c, bool privileged,
                                         struct cl_err *err)
{
    static const char *const members[] = {"add", "drop", NULL};
    static const char *const none[] = {NULL};
    const char *what = "securityContext: capabilities";
    json_t *from = NULL;
    json_t *add = NULL;
    json_t *drop = NULL;
    bool add_all = false;
    bool drop_all = false;
    json_t *caps = json_array();
    CL_TRY(policy_put(c->to, "capabilities", caps, err));
    CL_TRY(policy_object(c->security, "securityContext", "capabilities", &from, err));
    CL_TRY(policy_only(from, what, members, err));
    CL_TRY(policy_array(from, what, "add", 128, &add, err));
    CL_TRY(policy_array(from, what, "drop", 128, &drop, err));
    if (privileged && json_array_size(add) + json_array_size(drop) > 0) {
        c->f->hint = "a privileged container has all of them: take the lists or privileged away";
        return cl_err_set(err, CL_ERR_REJECTED, "%s: expected none beside privileged, got some",
                          what);
    }
    CL_TRY(has_all(add, &add_all, err));
    CL_TRY(has_all(drop, &drop_all, err));
    CL_TRY(set_all(caps,
                   drop_all                ? none
                   : privileged || add_all ? all_capabilities
                                           : default_capabilities,
                   err));
    CL_TRY(change(caps, add, true, err));
    return change(caps, drop, false, err);
}

/* --- the rest ---------------------------------------------------------------------------------
 */

static enum cl_status check_members(const struct policy_container *c, struct cl_err *err)
{
    static const char *const members[] = {
        "capabilities", "privileged",     "seLinuxOptions",         "runAsUser",
        "runAsGroup",   "runAsNonRoot",   "readOnlyRootFilesystem", "allowPrivilegeEscalation",
        "procMount",    "seccompProfile", "appArmorProfile",        NULL};
    return policy_only(c->security, "securityContext", members, err);
}

static enum cl_status build_proc_mount(struct policy_container *c, struct cl_err *err)
{
    static const char *const words[] = {"Default", "Unmasked", NULL};
    const char *mount = NULL;
    CL_TRY(policy_text(c->security, "securityContext", "procMount", &mount, err));
    if (mount != NULL && !policy_one_of(mount, words)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "securityContext: procMount: expected Default or Unmasked, got '%.32s'",
                          mount);
    }
    return policy_put(c->to, "unmasked",
                      json_boolean(mount != NULL && strcmp(mount, "Unmasked") == 0), err);
}

static enum cl_status build_pid(struct policy_container *c, struct cl_err *err)
{
    bool shared = false;
    CL_TRY(policy_flag(c->f->pod.spec, "spec", "shareProcessNamespace", &shared, err));
    return policy_put(c->to, "pid", json_string(shared ? "pod" : "container"), err);
}

enum cl_status policy_security_build(struct policy_container *c, struct cl_err *err)
{
    const char *what = "securityContext";
    bool privileged = false;
    bool read_only = false;
    bool may_rise = false;
    CL_TRY(check_members(c, err));
    CL_TRY(policy_flag(c->security, what, "privileged", &privileged, err));
    CL_TRY(policy_flag(c->security, what, "readOnlyRootFilesystem", &read_only, err));
    CL_TRY(policy_flag(c->security, what, "allowPrivilegeEscalation", &may_rise, err));
    bool said = policy_member(c->security, "allowPrivilegeEscalation") != NULL;
    CL_TRY(policy_put(c->to, "privileged", json_boolean(privileged), err));
    CL_TRY(policy_put(c->to, "read_only_root", json_boolean(read_only), err));
    CL_TRY(policy_put(c->to, "no_new_privileges", json_boolean(said && !may_rise), err));
    CL_TRY(build_user(c, err));
    CL_TRY(build_capabilities(c, privileged, err));
    CL_TRY(build_proc_mount(c, err));
    return build_pid(c, err);
}
