/* SPDX-License-Identifier: Apache-2.0
 * podlinux.c - the linux part of a specification: namespaces, resources, sysctls, hidden paths.
 */
#include "podcheck.h"

#include "agent/podspec.h"
#include "seccomp.h"

#include <string.h>

#define WHAT "spec: linux"

static const char *const namespace_types[] = {"mount", "pid", "ipc", "uts", "cgroup", NULL};
static const char *const propagations[] = {"private", "rprivate", "slave",      "rslave",
                                           "shared",  "rshared",  "unbindable", NULL};

struct namespaces {
    bool pid;
    bool ipc;
    bool uts;
};

static enum cl_status check_namespaces(const json_t *linux_, struct namespaces *ret,
                                       struct cl_err *err)
{
    static const char *const keys[] = {"type", NULL};
    json_t *list = NULL;
    json_t *item = NULL;
    size_t i = 0;
    CL_TRY(cl_json_opt_array(linux_, WHAT, "namespaces", 8, &list, err));
    json_array_foreach(list, i, item)
    {
        const char *type = NULL;
        CL_TRY(cl_json_only_keys(item, WHAT ".namespaces", keys, err));
        CL_TRY(cl_json_get_string(item, WHAT ".namespaces", "type", &type, err));
        if (!agent_podcheck_is_one_of(type, namespace_types)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              WHAT ".namespaces: type: expected mount, pid, ipc, uts or cgroup, "
                                   "got '%.64s'",
                              type);
        }
        ret->pid = ret->pid || strcmp(type, "pid") == 0;
        ret->ipc = ret->ipc || strcmp(type, "ipc") == 0;
        ret->uts = ret->uts || strcmp(type, "uts") == 0;
    }
    return CL_OK;
}

/* A container never shares the agent's mounts or its place among the cgroups. */
static json_t *namespaces_json(const struct namespaces *n)
{
    json_t *list = json_pack("[{s:s},{s:s}]", "type", "mount", "type", "cgroup");
    const struct {
        bool wanted;
        const char *type;
    } more[] = {{n->pid, "pid"}, {n->ipc, "ipc"}, {n->uts, "uts"}};
    int rc = list == NULL;
    for (size_t i = 0; i < CL_ARRAY_LEN(more); i++) {
        if (more[i].wanted) {
            rc |= json_array_append_new(list, json_pack("{s:s}", "type", more[i].type));
        }
    }
    if (rc != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static bool is_cpu_list(const char *text)
{
    return strlen(text) <= 256 && strspn(text, "0123456789,-") == strlen(text);
}

static enum cl_status check_cpu(const json_t *resources, const char *what, struct cl_err *err)
{
    static const char *const keys[] = {"shares", "quota", "period", "burst",
                                       "idle",   "cpus",  "mems",   NULL};
    json_t *cpu = NULL;
    CL_TRY(cl_json_opt_object(resources, what, "cpu", &cpu, err));
    CL_TRY(cl_json_only_keys(cpu, what, keys, err));
    CL_TRY(agent_podcheck_int(cpu, what, "shares", 0, 262144, err));
    CL_TRY(agent_podcheck_int(cpu, what, "quota", -1, INT64_MAX, err));
    CL_TRY(agent_podcheck_int(cpu, what, "period", 0, 1000000, err));
    CL_TRY(agent_podcheck_int(cpu, what, "burst", 0, INT64_MAX, err));
    CL_TRY(agent_podcheck_int(cpu, what, "idle", 0, 1, err));
    CL_TRY(agent_podcheck_string(cpu, what, "cpus", is_cpu_list, "a list of CPUs", err));
    return agent_podcheck_string(cpu, what, "mems", is_cpu_list, "a list of nodes", err);
}

/* Swap is accepted and dropped: the guest has none. */
static enum cl_status memory_json(const json_t *resources, const char *what, json_t **ret,
                                  struct cl_err *err)
{
    static const char *const keys[] = {"limit", "reservation", "swap", "checkBeforeUpdate", NULL};
    static const char *const kept[] = {"limit", "reservation", NULL};
    json_t *memory = NULL;
    bool unused = false;
    CL_TRY(cl_json_opt_object(resources, what, "memory", &memory, err));
    CL_TRY(cl_json_only_keys(memory, what, keys, err));
    CL_TRY(agent_podcheck_int(memory, what, "limit", -1, INT64_MAX, err));
    CL_TRY(agent_podcheck_int(memory, what, "reservation", -1, INT64_MAX, err));
    CL_TRY(agent_podcheck_int(memory, what, "swap", -1, INT64_MAX, err));
    CL_TRY(cl_json_opt_bool(memory, what, "checkBeforeUpdate", &unused, err));
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    CL_TRY(agent_podcheck_copy(out, memory, kept, err));
    *ret = CL_TAKE(out);
    return CL_OK;
}

/* A name such as "memory.high": crun writes a file of this name in the container's cgroup. */
static bool is_unified_name(const char *name)
{
    static const char *const controllers[] = {"cpu.", "memory.", "pids.", "io.", "cpuset."};
    bool known = false;
    for (size_t i = 0; i < CL_ARRAY_LEN(controllers); i++) {
        known = known || strncmp(name, controllers[i], strlen(controllers[i])) == 0;
    }
    return known && strlen(name) <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz._") == strlen(name);
}

static bool is_line(const char *text)
{
    return strlen(text) <= 256 && strchr(text, '\n') == NULL;
}

static enum cl_status check_unified(const json_t *resources, const char *what, struct cl_err *err)
{
    json_t *unified = NULL;
    const char *name = NULL;
    json_t *value = NULL;
    CL_TRY(cl_json_opt_object(resources, what, "unified", &unified, err));
    json_object_foreach(unified, name, value)
    {
        if (!is_unified_name(name)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s.unified: expected a file of cgroup v2, got '%.64s'", what, name);
        }
        CL_TRY(agent_podcheck_string(unified, what, name, is_line, "a line", err));
    }
    return CL_OK;
}

enum cl_status agent_podresources_build(const json_t *resources, const char *what, json_t **ret,
                                        struct cl_err *err)
{
    static const char *const keys[] = {"cpu", "memory", "pids", "unified", NULL};
    static const char *const kept[] = {"cpu", "pids", "unified", NULL};
    static const char *const pids_keys[] = {"limit", NULL};
    json_t *pids = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *memory = NULL;
    CL_TRY(cl_json_only_keys(resources, what, keys, err));
    CL_TRY(check_cpu(resources, what, err));
    CL_TRY(memory_json(resources, what, &memory, err));
    CL_TRY(cl_json_opt_object(resources, what, "pids", &pids, err));
    CL_TRY(cl_json_only_keys(pids, what, pids_keys, err));
    CL_TRY(agent_podcheck_int(pids, what, "limit", -1, INT64_MAX, err));
    CL_TRY(check_unified(resources, what, err));
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    CL_TRY(agent_podcheck_copy(out, resources, kept, err));
    if (json_object_size(memory) > 0 && json_object_set(out, "memory", memory) != 0) {
        return cl_err_nomem(err, "resources");
    }
    *ret = CL_TAKE(out);
    return CL_OK;
}

enum cl_status agent_podspec_resources(const void *data, size_t len, json_t **ret_resources,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(agent_podcheck_document(data, len, "resources", &j, err));
    return agent_podresources_build(j, "resources", ret_resources, err);
}

/* Those of a namespace that the container has to itself; the pod's own come with Sandbox. */
static enum cl_status check_sysctl(const json_t *linux_, const struct namespaces *n,
                                   struct cl_err *err)
{
    json_t *all = NULL;
    const char *name = NULL;
    json_t *value = NULL;
    CL_TRY(cl_json_opt_object(linux_, WHAT, "sysctl", &all, err));
    json_object_foreach(all, name, value)
    {
        CL_TRY(agent_podcheck_string(all, WHAT ".sysctl", name, is_line, "a line", err));
        CL_TRY(agent_pod_check_sysctl(name, json_string_value(value), err));
        if (strncmp(name, "net.", 4) == 0 || !n->ipc) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              WHAT ".sysctl: '%s': expected one of the container's own namespaces, "
                                   "got the pod's",
                              name);
        }
    }
    return CL_OK;
}

static enum cl_status check_paths(const json_t *linux_, struct cl_err *err)
{
    json_t *unused = NULL;
    CL_TRY(agent_podcheck_strings(linux_, WHAT, "maskedPaths", agent_podcheck_is_path,
                                  "an absolute path", &unused, err));
    CL_TRY(agent_podcheck_strings(linux_, WHAT, "readonlyPaths", agent_podcheck_is_path,
                                  "an absolute path", &unused, err));
    json_t *p = json_object_get(linux_, "rootfsPropagation");
    if (p != NULL &&
        (!json_is_string(p) || !agent_podcheck_is_one_of(json_string_value(p), propagations))) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": rootfsPropagation: expected a propagation, got another value");
    }
    return CL_OK;
}

/* Whether the container's root administers what it has: our filter would forbid what it was given
 * the capability for (mounts, names of the host). */
static bool administers(const json_t *spec)
{
    const json_t *caps = json_object_get(json_object_get(spec, "process"), "capabilities");
    json_t *item = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(caps, "bounding"), i, item)
    {
        const char *name = json_string_value(item);
        if (name != NULL && strcmp(name, "CAP_SYS_ADMIN") == 0) {
            return true;
        }
    }
    return false;
}

/* None for a privileged container; ours when the host gives none; else the host's, made to keep
 * AF_VSOCK shut. With CAP_SYS_ADMIN and none of the host's, everything but what that keeps shut. */
static enum cl_status filter_json(const json_t *linux_, const json_t *spec, bool privileged,
                                  json_t **ret, struct cl_err *err)
{
    json_t *theirs = NULL;
    *ret = NULL;
    CL_TRY(cl_json_opt_object(linux_, WHAT, "seccomp", &theirs, err));
    if (theirs != NULL) {
        CL_TRY(agent_podseccomp_build(theirs, ret, err));
    } else if (administers(spec)) {
        CL_CLEANUP(cl_json_decrefp)
        json_t *any = json_pack("{s:s}", "defaultAction", "SCMP_ACT_ALLOW");
        if (any == NULL) {
            return cl_err_nomem(err, "seccomp");
        }
        CL_TRY(agent_podseccomp_build(any, ret, err));
    }
    if (privileged) {
        json_decref(*ret);
        *ret = NULL;
        return CL_OK;
    }
    *ret = *ret != NULL ? *ret : agent_seccomp();
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "seccomp");
}

/* Only known devices, or for a privileged container all there are. */
static enum cl_status add_device_rules(json_t *resources, bool privileged, struct cl_err *err)
{
    json_t *rules = json_pack("[{s:b,s:s}]", "allow", privileged ? 1 : 0, "access", "rwm");
    return json_object_set_new(resources, "devices", rules) == 0 ? CL_OK
                                                                 : cl_err_nomem(err, "resources");
}

static enum cl_status check_linux(const json_t *linux_, const json_t *spec, struct namespaces *n,
                                  struct cl_err *err)
{
    static const char *const keys[] = {"namespaces",    "resources",         "devices",
                                       "sysctl",        "seccomp",           "maskedPaths",
                                       "readonlyPaths", "rootfsPropagation", NULL};
    CL_TRY(cl_json_only_keys(linux_, WHAT, keys, err));
    CL_TRY(check_namespaces(linux_, n, err));
    if (json_object_get(spec, "hostname") != NULL && !n->uts) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "spec: hostname: expected a uts namespace, got the pod's");
    }
    CL_TRY(check_sysctl(linux_, n, err));
    return check_paths(linux_, err);
}

enum cl_status agent_podlinux_build(const json_t *spec, struct agent_podspec *s, const char *cgroup,
                                    json_t **ret, struct cl_err *err)
{
    static const char *const kept[] = {"sysctl", "maskedPaths", "readonlyPaths",
                                       "rootfsPropagation", NULL};
    json_t *linux_ = NULL;
    json_t *asked = NULL;
    struct namespaces n = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *resources = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *filter = NULL;
    CL_TRY(cl_json_opt_object(spec, "spec", "linux", &linux_, err));
    CL_TRY(check_linux(linux_, spec, &n, err));
    CL_TRY(agent_poddevices_read(linux_, s, err));
    CL_TRY(cl_json_opt_object(linux_, WHAT, "resources", &asked, err));
    CL_TRY(agent_podresources_build(asked, WHAT ".resources", &resources, err));
    CL_TRY(add_device_rules(resources, s->privileged, err));
    CL_TRY(filter_json(linux_, spec, s->privileged, &filter, err));
    CL_CLEANUP(cl_json_decrefp)
    json_t *out = json_pack("{s:o,s:s,s:O,s:[]}", "namespaces", namespaces_json(&n), "cgroupsPath",
                            cgroup, "resources", resources, "devices");
    if (out == NULL || (filter != NULL && json_object_set(out, "seccomp", filter) != 0)) {
        return cl_err_nomem(err, "specification");
    }
    CL_TRY(agent_podcheck_copy(out, linux_, kept, err));
    s->own_pid = n.pid;
    *ret = CL_TAKE(out);
    return CL_OK;
}
