/* SPDX-License-Identifier: Apache-2.0
 * policy_test.c - see policy_test.h. Requests are made as the shim makes them (I-10.2), and given
 * to the functions that the guest's agent calls.
 */
#include "policy_test.h"

#include "tree.h"

#include "cloister/image_signature.h"
#include "cloister/pod_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SETTINGS 128u
#define NAME_SIZE (CL_POD_POLICY_MAX_NAME + 16u)
/* One of those that kubelet makes of services, which every pod has. */
#define SERVICE_VARIABLE "KUBERNETES_SERVICE_HOST=10.96.0.1"

struct test {
    const struct cl_pod_policy *policy;
    const struct cl_pod_policy *pod;
    json_t *lines;
    bool allowed;
};

/* A name where a policy has the beginning of one; `number` makes it one of its own. */
static void concrete(const char *pattern, size_t number, char ret[static NAME_SIZE])
{
    size_t n = strcspn(pattern, "*");
    if (pattern[n] == '\0') {
        (void)snprintf(ret, NAME_SIZE, "%s", pattern);
    } else {
        (void)snprintf(ret, NAME_SIZE, "%.*s%zu", (int)n, pattern, number);
    }
}

/* "policy: a: b: expected x, got y" becomes "a: b" and the whole of it. */
static enum cl_status denied(struct test *t, const char *request, const char *object,
                             const struct cl_err *why, struct cl_err *err)
{
    const char *text = why->msg;
    if (strncmp(text, "policy: ", 8) == 0) {
        text += 8;
    }
    const char *end = strstr(text, ": expected ");
    size_t n = end != NULL ? (size_t)(end - text) : strlen(text);
    t->allowed = false;
    return policy_append(t->lines,
                         json_pack("{s:s, s:s, s:b, s:s%, s:s}", "request", request, "object",
                                   object, "allowed", 0, "decides", text, n, "reason", text),
                         err);
}

static enum cl_status allowed(struct test *t, const char *request, const char *object,
                              const char *decides, const char *reason, struct cl_err *err)
{
    return policy_append(t->lines,
                         json_pack("{s:s, s:s, s:b, s:s, s:s}", "request", request, "object",
                                   object, "allowed", 1, "decides", decides, "reason", reason),
                         err);
}

/* --- sandbox and volumes ---------------------------------------------------------------------- */

static enum cl_status test_sandbox(struct test *t, struct cl_err *err)
{
    struct cl_pod_setting settings[MAX_SETTINGS];
    char *copies[MAX_SETTINGS] = {NULL};
    struct cl_err why = {0};
    size_t count = t->pod->sysctls.count < MAX_SETTINGS ? t->pod->sysctls.count : MAX_SETTINGS;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        copies[i] = strdup(t->pod->sysctls.v[i]);
        good = good && copies[i] != NULL;
        char *value = good ? strchr(copies[i], '=') : NULL;
        if (value != NULL) {
            *value++ = '\0';
        }
        settings[i] = (struct cl_pod_setting){copies[i], value != NULL ? value : ""};
    }
    const struct cl_pod_sandbox asked = {
        .hostname = t->pod->hostname != NULL      ? t->pod->hostname
                    : t->policy->hostname != NULL ? t->policy->hostname
                                                  : "any",
        .sysctls = settings,
        .sysctl_count = count,
        .share_processes = t->pod->share_processes,
        .network = t->pod->network ? 1 : 0,
    };
    enum cl_status st = good ? cl_pod_policy_sandbox(t->policy, &asked, &why) : CL_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        free(copies[i]);
    }
    if (!good) {
        return cl_err_nomem(err, "test");
    }
    return st == CL_OK ? allowed(t, "sandbox", "pod", "sandbox", "", err)
                       : denied(t, "sandbox", "pod", &why, err);
}

static enum cl_status test_volume(struct test *t, const struct cl_pod_volume *v, struct cl_err *err)
{
    char name[NAME_SIZE];
    char decides[NAME_SIZE + 16];
    struct cl_err why = {0};
    concrete(v->name, 0, name);
    enum cl_status st = cl_pod_policy_volume(t->policy, name, (int)v->kind, &why);
    if (st == CL_OK && v->host_writes) {
        st = cl_pod_policy_put(t->policy, name, &why);
    }
    if (st == CL_OK && v->host_reads) {
        st = cl_pod_policy_get(t->policy, name, &why);
    }
    (void)snprintf(decides, sizeof(decides), "volumes[%s]", name);
    return st == CL_OK ? allowed(t, "volume", v->name, decides, "", err)
                       : denied(t, "volume", v->name, &why, err);
}

/* --- a specification, as the shim would make it ----------------------------------------------- */

static json_t *strings(const struct cl_strv *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(list, json_string(s->v[i]));
    }
    return list;
}

static json_t *environment(const struct cl_pod_policy_container *c)
{
    json_t *list = strings(&c->env);
    for (size_t i = 0; i < c->env_host.count; i++) {
        if (strchr(c->env_host.v[i], '*') == NULL) {
            (void)json_array_append_new(list, json_sprintf("%s=value", c->env_host.v[i]));
        }
    }
    if (c->service_env) {
        (void)json_array_append_new(list, json_string(SERVICE_VARIABLE));
    }
    return list;
}

/* ours: a user by name has the numbers that the policy wants, for the image says them. */
static json_t *user(const struct cl_pod_user *u, const struct cl_pod_user *ours)
{
    const struct cl_pod_user *numbers = u->name != NULL ? ours : u;
    json_t *groups = json_array();
    for (size_t i = 0; i < u->group_count; i++) {
        (void)json_array_append_new(groups, json_integer((json_int_t)u->groups[i]));
    }
    return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)numbers->uid, "gid",
                     (json_int_t)numbers->gid, "additionalGids", groups);
}

static json_t *capabilities(const struct cl_pod_policy_container *c)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "bounding", strings(&c->capabilities), "effective",
                     strings(&c->capabilities), "permitted", strings(&c->capabilities), "ambient",
                     strings(&c->ambient));
}

static json_t *process(const struct cl_pod_policy_container *c,
                       const struct cl_pod_policy_container *ours, const struct cl_strv *args,
                       bool terminal)
{
    return json_pack("{s:b, s:o, s:o, s:s, s:o, s:o, s:b}", "terminal", terminal, "args",
                     strings(args), "env", environment(c), "cwd", c->cwd, "user",
                     user(&c->user, &ours->user), "capabilities", capabilities(c),
                     "noNewPrivileges", c->no_new_privileges);
}

static json_t *mounts(const struct cl_pod_policy_container *c)
{
    static const char *const propagation[] = {"rprivate", "rslave", "rshared"};
    json_t *list = json_array();
    for (size_t i = 0; i < c->mount_count; i++) {
        const struct cl_pod_mount *m = &c->mounts[i];
        char name[NAME_SIZE];
        concrete(m->volume, i, name);
        bool root = m->path == NULL || m->path[0] == '\0';
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:o, s:[s,s,s]}", "destination", m->destination, "type", "bind",
                      "source",
                      json_sprintf("volume:%s%s%s", name, root ? "" : "/", root ? "" : m->path),
                      "options", "rbind", propagation[m->propagation], m->read_only ? "ro" : "rw"));
    }
    return list;
}

static json_t *linux_part(const struct cl_pod_policy_container *c)
{
    json_t *devices = json_array();
    json_t *namespaces = json_pack("[{s:s}, {s:s}]", "type", "mount", "type", "cgroup");
    for (size_t i = 0; i < c->device_count; i++) {
        char name[NAME_SIZE];
        concrete(c->devices[i].volume, i, name);
        (void)json_array_append_new(devices,
                                    json_pack("{s:s, s:s, s:o}", "path", c->devices[i].path, "type",
                                              "b", "source", json_sprintf("volume:%s", name)));
    }
    if (c->own_pid) {
        (void)json_array_append_new(namespaces, json_pack("{s:s}", "type", "pid"));
    }
    return json_pack("{s:o, s:o}", "namespaces", namespaces, "devices", devices);
}

static json_t *specification(const struct cl_pod_policy_container *c,
                             const struct cl_pod_policy_container *ours)
{
    json_t *spec =
        json_pack("{s:o, s:{s:s, s:b}, s:o, s:o}", "process",
                  process(c, ours, &c->args, c->streams.terminal), "root", "path", "rootfs",
                  "readonly", c->read_only_root, "mounts", mounts(c), "linux", linux_part(c));
    if (spec != NULL && c->privileged) {
        (void)json_object_set_new(spec, "annotations",
                                  json_pack("{s:s}", "dev.cloister.privileged", "true"));
    }
    return spec;
}

/* --- containers ------------------------------------------------------------------------------- */

/* What no member decides: whose signature the host will bring, what a name is in the image. */
static const char *open_question(const struct cl_pod_policy_container *c,
                                 const struct cl_pod_policy_container *ours)
{
    if (ours->rule != NULL) {
        return "if the host brings a signature of the image that fits";
    }
    return c->user.name != NULL && ours->user.name == NULL
               ? "if the image's user has the numbers of the policy"
               : "";
}

static enum cl_status check_user_name(const struct cl_pod_policy_container *c,
                                      const struct cl_pod_policy_container *ours,
                                      struct cl_err *why)
{
    if (ours->user.name == NULL ||
        (c->user.name != NULL && strcmp(ours->user.name, c->user.name) == 0)) {
        return CL_OK;
    }
    if (c->user.name != NULL) {
        return cl_err_set(why, CL_ERR_REJECTED,
                          "policy: containers[%s]: user: name: expected '%s', got '%s'", ours->name,
                          ours->user.name, c->user.name);
    }
    return cl_err_set(why, CL_ERR_REJECTED,
                      "policy: containers[%s]: user: name: expected '%s', got user %u, group %u",
                      ours->name, ours->user.name, (unsigned)c->user.uid, (unsigned)c->user.gid);
}

static enum cl_status check_create(const struct cl_pod_policy_container *c,
                                   const struct cl_pod_policy_container *ours, struct cl_err *why,
                                   bool *ret_memory)
{
    CL_CLEANUP(cl_json_decrefp) json_t *spec = specification(c, ours);
    *ret_memory = spec != NULL;
    if (spec == NULL) {
        return CL_ERR_NOMEM;
    }
    CL_TRY(cl_pod_policy_create(ours, c->manifest, spec, why));
    return check_user_name(c, ours, why);
}

static enum cl_status test_exec(struct test *t, const struct cl_pod_policy_container *c,
                                const struct cl_pod_policy_container *ours,
                                const struct cl_pod_exec *x, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *p = process(c, ours, &x->args, x->streams.terminal);
    const struct cl_pod_exec *found = NULL;
    char decides[128];
    struct cl_err why = {0};
    if (p == NULL) {
        return cl_err_nomem(err, "test");
    }
    if (cl_pod_policy_exec(ours, p, &found, &why) != CL_OK) {
        return denied(t, "exec", c->name, &why, err);
    }
    (void)snprintf(decides, sizeof(decides), "containers[%s]: exec[%zu]", ours->name,
                   (size_t)(found - ours->execs));
    return allowed(t, "exec", c->name, decides, "", err);
}

static enum cl_status test_container(struct test *t, const struct cl_pod_policy_container *c,
                                     struct cl_err *err)
{
    const struct cl_pod_policy_container *ours = NULL;
    struct cl_err why = {0};
    char decides[128];
    bool memory = true;
    enum cl_status st = cl_pod_policy_find(t->policy, c->name, &ours, &why);
    if (st != CL_OK) {
        return denied(t, "create", c->name, &why, err);
    }
    st = check_create(c, ours, &why, &memory);
    if (!memory) {
        return cl_err_nomem(err, "test");
    }
    (void)snprintf(decides, sizeof(decides), "containers[%s]", ours->name);
    CL_TRY(st == CL_OK ? allowed(t, "create", c->name, decides, open_question(c, ours), err)
                       : denied(t, "create", c->name, &why, err));
    for (size_t i = 0; i < c->exec_count; i++) {
        CL_TRY(test_exec(t, c, ours, &c->execs[i], err));
    }
    return CL_OK;
}

enum cl_status policy_test(const struct cl_pod_policy *policy, const struct cl_pod_policy *pod,
                           json_t **ret, bool *ret_allowed, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *lines = json_array();
    struct test t = {.policy = policy, .pod = pod, .lines = lines, .allowed = true};
    if (lines == NULL) {
        return cl_err_nomem(err, "test");
    }
    CL_TRY(test_sandbox(&t, err));
    for (size_t i = 0; i < pod->volume_count; i++) {
        CL_TRY(test_volume(&t, &pod->volumes[i], err));
    }
    for (size_t i = 0; i < pod->container_count; i++) {
        CL_TRY(test_container(&t, &pod->containers[i], err));
    }
    *ret = CL_TAKE(lines);
    *ret_allowed = t.allowed;
    return CL_OK;
}
