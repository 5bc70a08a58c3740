/* SPDX-License-Identifier: Apache-2.0
 * translate_linux.c - the member `linux`: namespaces, kernel settings, paths that are hidden, and
 * what the host's kernel alone can give (containerd-shim.md 6).
 */
#include "translate_internal.h"

#include <stdlib.h>
#include <string.h>

/* The namespaces of a VM's container. What a member of a pod has with a path is the pod's own,
 * whatever the path: all that can be named there is the sandbox, which is this VM. */
static const struct namespace_rule {
    const char *type;
    const char *host_mode; /* how Kubernetes calls its absence; NULL: may be absent */
    bool of_pod;           /* may be the pod's */
    bool in_guest;         /* may be listed for the guest */
} rules[] = {
    {"network", " (hostNetwork)", true, false},
    {"pid", " (hostPID)", true, true},
    {"ipc", " (hostIPC)", true, true},
    {"uts", "", true, true},
    {"mount", "", false, true},
    {"cgroup", NULL, false, true},
};
#define RULES CL_ARRAY_LEN(rules)

struct namespaces {
    bool given[RULES];
    const char *path[RULES]; /* NULL: a new one */
};

static enum cl_status read_namespace(const json_t *from, struct namespaces *n, struct cl_err *err)
{
    const char *type = NULL;
    const char *path = NULL;
    size_t i = 0;
    CL_TRY(cl_json_get_string(from, "linux.namespaces", "type", &type, err));
    CL_TRY(shim_opt_string(from, "linux.namespaces", "path", &path, err));
    while (i < RULES && strcmp(rules[i].type, type) != 0) {
        i++;
    }
    if (i == RULES) {
        return cl_err_set(err, CL_ERR_REJECTED, "linux.namespaces: %.32s: expected none, got one",
                          type);
    }
    path = path != NULL && path[0] != '\0' ? path : NULL;
    if (n->given[i] || (path != NULL && !shim_path_valid(path))) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "linux.namespaces: %s: expected one, with an absolute path or none",
                          type);
    }
    n->given[i] = true;
    n->path[i] = path;
    return CL_OK;
}

/* A container alone makes all its namespaces but the network, which CNI prepares; a sandbox's may
 * be prepared by the runtime; a member has a network only with the pod. */
static enum cl_status check_namespace(enum shim_kind kind, const struct namespaces *n, size_t i,
                                      struct cl_err *err)
{
    const char *type = rules[i].type;
    bool network = strcmp(type, "network") == 0;
    if (!n->given[i] && rules[i].host_mode != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "linux.namespaces: %s: expected the pod's own, got the host's%s", type,
                          rules[i].host_mode);
    }
    if (n->path[i] != NULL && (!rules[i].of_pod || (kind == SHIM_SINGLE && !network))) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "linux.namespaces: %s: expected a new one, got '%.128s'", type,
                          n->path[i]);
    }
    if (network && kind == SHIM_CONTAINER && n->path[i] == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "linux.namespaces: network: expected the pod's own, got a new one");
    }
    return CL_OK;
}

/* The guest's cgroups are its own matter: a namespace for them always. */
static enum cl_status put_namespaces(const struct namespaces *n, json_t *to, struct cl_err *err)
{
    json_t *list = json_array();
    CL_TRY(shim_put(to, "namespaces", list, err));
    for (size_t i = 0; i < RULES; i++) {
        bool always = strcmp(rules[i].type, "cgroup") == 0;
        if (rules[i].in_guest && (always || (n->given[i] && n->path[i] == NULL))) {
            json_t *one = json_object();
            CL_TRY(shim_append(list, one, err));
            CL_TRY(shim_put(one, "type", json_string(rules[i].type), err));
        }
    }
    return CL_OK;
}

static size_t rule_of(const char *type)
{
    size_t i = 0;
    while (strcmp(rules[i].type, type) != 0) {
        i++;
    }
    return i;
}

static enum cl_status build_namespaces(struct shim_translation *t, const json_t *from, json_t *to,
                                       struct cl_err *err)
{
    json_t *list = NULL;
    size_t k = 0;
    json_t *v = NULL;
    struct namespaces n = {0};
    CL_TRY(shim_opt_array(from, "linux", "namespaces", 16, &list, err));
    json_array_foreach(list, k, v)
    {
        CL_TRY(read_namespace(v, &n, err));
    }
    for (size_t i = 0; i < RULES; i++) {
        CL_TRY(check_namespace(t->s->kind, &n, i, err));
    }
    if (t->s->kind == SHIM_CONTAINER) {
        t->s->share_processes = n.path[rule_of("pid")] != NULL;
    } else if (n.path[rule_of("network")] != NULL) {
        t->s->netns = strdup(n.path[rule_of("network")]);
        if (t->s->netns == NULL) {
            return cl_err_nomem(err, "netns");
        }
    }
    return put_namespaces(&n, to, err);
}

/* As crun and runc have it: what belongs to a namespace of the container. The others are the
 * machine's. */
static bool sysctl_namespaced(const char *name)
{
    static const char *const prefixes[] = {"net.", "fs.mqueue."};
    static const char *const names[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                        "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                        "kernel.shmmni", "kernel.shm_rmid_forced"};
    if (!shim_name_valid(name, 128) || strstr(name, "..") != NULL) {
        return false;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(prefixes); i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status pod_sysctl(struct shim_spec *s, const char *name, const char *value,
                                 struct cl_err *err)
{
    if (s->sysctl_count == CL_ARRAY_LEN(s->sysctl)) {
        return cl_err_set(err, CL_ERR_REJECTED, "linux.sysctl: expected at most %zu settings",
                          CL_ARRAY_LEN(s->sysctl));
    }
    s->sysctl[s->sysctl_count].name = strdup(name);
    s->sysctl[s->sysctl_count++].value = strdup(value);
    return s->sysctl[s->sysctl_count - 1].name != NULL &&
                   s->sysctl[s->sysctl_count - 1].value != NULL
               ? CL_OK
               : cl_err_nomem(err, "sysctl");
}

/* A sandbox's are the pod's. A container alone has the pod's network, and the rest for itself. */
static enum cl_status build_sysctl(struct shim_translation *t, const json_t *from, json_t *to,
                                   struct cl_err *err)
{
    json_t *sysctl = NULL;
    const char *key = NULL;
    json_t *v = NULL;
    CL_TRY(shim_opt_object(from, "linux", "sysctl", &sysctl, err));
    if (sysctl == NULL) {
        return CL_OK;
    }
    json_t *own = json_object();
    CL_TRY(shim_put(to, "sysctl", own, err));
    json_object_foreach(sysctl, key, v)
    {
        const char *value = NULL;
        CL_TRY(cl_json_get_string(sysctl, "linux.sysctl", key, &value, err));
        if (!sysctl_namespaced(key) || strlen(value) > 1024) {
            return cl_err_set(
                err, CL_ERR_REJECTED,
                "linux.sysctl: expected settings of the pod's namespaces, got '%.64s'", key);
        }
        bool pods = t->s->kind == SHIM_SANDBOX ||
                    (t->s->kind == SHIM_SINGLE && strncmp(key, "net.", 4) == 0);
        CL_TRY(pods ? pod_sysctl(t->s, key, value, err)
                    : shim_put(own, key, json_string(value), err));
    }
    return CL_OK;
}

static enum cl_status build_paths(const json_t *from, json_t *to, struct cl_err *err)
{
    static const char *const propagations[] = {"private", "rprivate", "slave",      "rslave",
                                               "shared",  "rshared",  "unbindable", "runbindable"};
    const struct shim_copy c = {from, to, "linux"};
    const char *propagation = NULL;
    bool known = false;
    CL_TRY(shim_copy_strings(&c, "maskedPaths", shim_path_valid, "absolute paths", err));
    CL_TRY(shim_copy_strings(&c, "readonlyPaths", shim_path_valid, "absolute paths", err));
    CL_TRY(shim_opt_string(from, "linux", "rootfsPropagation", &propagation, err));
    if (propagation == NULL || propagation[0] == '\0') {
        return CL_OK;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(propagations); i++) {
        known = known || strcmp(propagation, propagations[i]) == 0;
    }
    return known ? shim_copy_string(&c, "rootfsPropagation", err)
                 : cl_err_set(err, CL_ERR_MALFORMED,
                              "linux.rootfsPropagation: expected a kind of mount propagation, got "
                              "'%.32s'",
                              propagation);
}

static enum cl_status keep_cgroup_path(struct shim_translation *t, const json_t *from,
                                       struct cl_err *err)
{
    const char *path = NULL;
    CL_TRY(shim_opt_string(from, "linux", "cgroupsPath", &path, err));
    if (path == NULL || path[0] == '\0') {
        return CL_OK;
    }
    if (strlen(path) > SHIM_PATH_MAX || strstr(path, "..") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "linux.cgroupsPath: expected a path without '..', got '%.128s'", path);
    }
    t->s->cgroup_path = strdup(path);
    return t->s->cgroup_path != NULL ? CL_OK : cl_err_nomem(err, "cgroupsPath");
}

static enum cl_status build_resources(const json_t *from, json_t *to, struct cl_err *err)
{
    json_t *resources = NULL;
    json_t *out = NULL;
    CL_TRY(shim_opt_object(from, "linux", "resources", &resources, err));
    if (resources == NULL) {
        return CL_OK;
    }
    CL_TRY(shim_resources_build(resources, &out, err));
    return shim_put(to, "resources", out, err);
}

/* mountLabel is SELinux's on the host: dropped. */
enum cl_status shim_linux_build(struct shim_translation *t, json_t **ret, struct cl_err *err)
{
    static const char *const members[] = {
        "namespaces",    "resources",         "devices",     "sysctl",     "seccomp", "maskedPaths",
        "readonlyPaths", "rootfsPropagation", "cgroupsPath", "mountLabel", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    json_t *from = NULL;
    json_t *part = NULL;
    if (out == NULL) {
        return cl_err_nomem(err, "linux");
    }
    CL_TRY(cl_json_get_object(t->config, "config", "linux", &from, err));
    CL_TRY(build_namespaces(t, from, out, err));
    CL_TRY(shim_only(from, "linux", members, err));
    CL_TRY(build_resources(from, out, err));
    CL_TRY(shim_devices_build(t, from, &part, err));
    if (part != NULL) {
        CL_TRY(shim_put(out, "devices", part, err));
    }
    CL_TRY(build_sysctl(t, from, out, err));
    CL_TRY(shim_opt_object(from, "linux", "seccomp", &part, err));
    if (part != NULL) {
        CL_TRY(shim_seccomp_build(part, &part, err));
        CL_TRY(shim_put(out, "seccomp", part, err));
    }
    CL_TRY(build_paths(from, out, err));
    CL_TRY(keep_cgroup_path(t, from, err));
    *ret = CL_TAKE(out);
    return CL_OK;
}
