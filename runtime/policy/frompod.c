/* SPDX-License-Identifier: Apache-2.0
 * frompod.c - see frompod.h: what containers share, and their list.
 */
#include "from_internal.h"

#include "cloister/pod_policy.h"

#include <stdlib.h>
#include <string.h>

static enum cl_status check_host_namespaces(struct policy_from *f, struct cl_err *err)
{
    static const char *const members[] = {"hostNetwork", "hostPID", "hostIPC"};
    for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) {
        bool set = false;
        CL_TRY(policy_flag(f->pod.spec, "spec", members[i], &set, err));
        if (set) {
            f->hint = "a pod in a VM has nothing of the host to share: take the member away";
            return cl_err_set(err, CL_ERR_REJECTED, "spec: %s: expected false, got true",
                              members[i]);
        }
    }
    const json_t *users = policy_member(f->pod.spec, "hostUsers");
    if (users != NULL && !json_is_true(users)) {
        f->hint = "users of a pod in a VM are the guest's: take the member away";
        return cl_err_set(err, CL_ERR_REJECTED, "spec: hostUsers: expected true, got false");
    }
    return CL_OK;
}

static enum cl_status check_members(struct policy_from *f, struct cl_err *err)
{
    static const char *const spec[] = {
        "volumes",
        "initContainers",
        "containers",
        "restartPolicy",
        "terminationGracePeriodSeconds",
        "activeDeadlineSeconds",
        "dnsPolicy",
        "dnsConfig",
        "nodeSelector",
        "nodeName",
        "serviceAccountName",
        "serviceAccount",
        "automountServiceAccountToken",
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "hostUsers",
        "hostAliases",
        "hostname",
        "subdomain",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "securityContext",
        "imagePullSecrets",
        "affinity",
        "schedulerName",
        "schedulingGates",
        "tolerations",
        "topologySpreadConstraints",
        "priorityClassName",
        "priority",
        "preemptionPolicy",
        "readinessGates",
        "runtimeClassName",
        "enableServiceLinks",
        "overhead",
        "os",
        NULL,
    };
    static const char *const security[] = {
        "runAsUser",       "runAsGroup",          "runAsNonRoot",   "supplementalGroups",
        "fsGroup",         "fsGroupChangePolicy", "sysctls",        "seccompProfile",
        "appArmorProfile", "seLinuxChangePolicy", "seLinuxOptions", NULL,
    };
    CL_TRY(policy_only(f->pod.spec, "spec", spec, err));
    CL_TRY(policy_object(f->pod.spec, "spec", "securityContext", &f->pod_security, err));
    return policy_only(f->pod_security, "spec: securityContext", security, err);
}

/* What the sandbox is called, where it is known before: kubelet takes a pod's own name, cut to what
 * a host name can be. */
static enum cl_status find_hostname(struct policy_from *f, struct cl_err *err)
{
    const char *name = NULL;
    bool fqdn = false;
    CL_TRY(policy_text(f->pod.spec, "spec", "hostname", &name, err));
    CL_TRY(policy_flag(f->pod.spec, "spec", "setHostnameAsFQDN", &fqdn, err));
    name = name != NULL && name[0] != '\0' ? name : f->pod.is_pod ? f->pod.name : "";
    if (fqdn) {
        return CL_OK;
    }
    size_t len = strnlen(name, sizeof(f->hostname) - 1);
    while (len > 0 && strchr("-.", name[len - 1]) != NULL) {
        len--;
    }
    memcpy(f->hostname, name, len);
    f->hostname[len] = '\0';
    return CL_OK;
}

static enum cl_status put_sysctl(json_t *to, const char *name, const char *value,
                                 struct cl_err *err)
{
    const char *there = json_string_value(json_object_get(to, name));
    if (there != NULL && strcmp(there, value) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "sysctls: %.64s: expected one value, got two",
                          name);
    }
    return policy_put(to, name, json_string(value), err);
}

static enum cl_status build_sysctls(struct policy_from *f, json_t *to, struct cl_err *err)
{
    const char *what = "spec: securityContext: sysctls";
    json_t *list = NULL;
    size_t i = 0;
    json_t *s = NULL;
    CL_TRY(policy_array(f->pod_security, "spec: securityContext", "sysctls", 128, &list, err));
    json_array_foreach(list, i, s)
    {
        const char *name = NULL;
        const char *value = NULL;
        CL_TRY(policy_need_text(s, what, "name", &name, err));
        CL_TRY(cl_json_get_string(s, what, "value", &value, err));
        CL_TRY(put_sysctl(to, name, value, err));
    }
    for (size_t k = 0; k < f->options->sysctls->count; k++) {
        char name[256];
        const char *text = f->options->sysctls->v[k];
        size_t n = strcspn(text, "=");
        if (n == 0 || n >= sizeof(name) || text[n] != '=') {
            return cl_err_set(err, CL_ERR_MALFORMED, "--sysctl: expected NAME=VALUE, got '%.64s'",
                              text);
        }
        memcpy(name, text, n);
        name[n] = '\0';
        CL_TRY(put_sysctl(to, name, text + n + 1, err));
    }
    return CL_OK;
}

static enum cl_status build_sandbox(struct policy_from *f, json_t *policy, struct cl_err *err)
{
    bool shared = false;
    json_t *sandbox = json_object();
    CL_TRY(policy_put(policy, "sandbox", sandbox, err));
    CL_TRY(find_hostname(f, err));
    if (f->hostname[0] != '\0') {
        CL_TRY(policy_put(sandbox, "hostname", json_string(f->hostname), err));
    }
    CL_TRY(policy_flag(f->pod.spec, "spec", "shareProcessNamespace", &shared, err));
    CL_TRY(policy_put(sandbox, "share_processes", json_boolean(shared), err));
    CL_TRY(policy_put(sandbox, "network", json_true(), err));
    CL_TRY(policy_ports_build(f, sandbox, err));
    json_t *sysctls = json_object();
    CL_TRY(policy_put(sandbox, "sysctls", sysctls, err));
    return build_sysctls(f, sysctls, err);
}

static enum cl_status check_container(const struct policy_container *c, struct cl_err *err)
{
    static const char *const members[] = {
        "name",
        "image",
        "command",
        "args",
        "workingDir",
        "ports",
        "envFrom",
        "env",
        "resources",
        "resizePolicy",
        "restartPolicy",
        "volumeMounts",
        "volumeDevices",
        "livenessProbe",
        "lifecycle",
        "readinessProbe",
        "startupProbe",
        "stdin",
        "stdinOnce",
        "terminationMessagePath",
        "tty",
        "terminationMessagePolicy",
        "imagePullPolicy",
        "securityContext",
        NULL,
    };
    return policy_only(c->from, "container", members, err);
}

static enum cl_status build_image(struct policy_container *c, struct cl_err *err)
{
    const struct policy_from_options *o = c->f->options;
    char digest[CL_OCI_DIGEST_SIZE];
    const char *image = NULL;
    CL_TRY(policy_need_text(c->from, "container", "image", &image, err));
    CL_TRY(o->image(o->image_ctx, c->name, image, &c->image, err));
    if (o->encryption_required && !c->image.all_encrypted) {
        c->f->hint = "encrypt it (cloister image encrypt), or say --encryption optional";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image '%.200s': expected every layer encrypted, got one that is not",
                          image);
    }
    cl_oci_digest_format(digest, c->image.manifest);
    json_t *to = json_object();
    json_t *rule = NULL;
    CL_TRY(policy_put(c->to, "image", to, err));
    CL_TRY(policy_signature_build(c, image, &rule, err));
    CL_TRY(rule != NULL ? policy_put(to, "signature", rule, err)
                        : policy_put(to, "manifest", json_string(digest), err));
    return policy_put(to, "encryption",
                      json_string(o->encryption_required ? "required" : "optional"), err);
}

/* One that goes on beside the others (restartPolicy Always) is nothing to wait for. */
static enum cl_status build_init(struct policy_container *c, struct cl_err *err)
{
    const char *restart = NULL;
    CL_TRY(policy_text(c->from, "container", "restartPolicy", &restart, err));
    bool beside = restart != NULL && strcmp(restart, "Always") == 0;
    return policy_put(c->to, "init", json_boolean(c->init && !beside), err);
}

static enum cl_status build_parts(struct policy_container *c, struct cl_err *err)
{
    CL_TRY(check_container(c, err));
    CL_TRY(policy_flag(c->from, "container", "tty", &c->tty, err));
    CL_TRY(policy_object(c->from, "container", "securityContext", &c->security, err));
    CL_TRY(build_init(c, err));
    CL_TRY(build_image(c, err));
    CL_TRY(policy_env_build(c, err));
    CL_TRY(policy_process_build(c, err));
    CL_TRY(policy_security_build(c, err));
    CL_TRY(policy_volumes_build(c, err));
    return policy_exec_build(c, err);
}

static enum cl_status build_container(struct policy_from *f, const json_t *from, bool init,
                                      struct cl_err *err)
{
    struct policy_container c = {.f = f, .from = from, .init = init};
    c.to = json_object();
    CL_TRY(policy_append(f->containers, c.to, err));
    CL_TRY(policy_need_text(from, "container", "name", &c.name, err));
    CL_TRY(policy_put(c.to, "name", json_string(c.name), err));
    enum cl_status st = build_parts(&c, err);
    json_decref(c.vars);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "container '%.63s'", c.name);
}

static enum cl_status build_containers(struct policy_from *f, struct cl_err *err)
{
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t n = 0; n < CL_ARRAY_LEN(lists); n++) {
        json_t *list = NULL;
        size_t i = 0;
        json_t *c = NULL;
        CL_TRY(
            policy_array(f->pod.spec, "spec", lists[n], CL_POD_POLICY_MAX_CONTAINERS, &list, err));
        json_array_foreach(list, i, c)
        {
            CL_TRY(build_container(f, c, n == 0, err));
        }
    }
    return CL_OK;
}

/* An option that nothing came of was meant for something else. */
static enum cl_status check_used(const char *option, const struct cl_strv *given, const bool *used,
                                 const char *expected, struct cl_err *err)
{
    for (size_t i = 0; given != NULL && i < given->count; i++) {
        if (!used[i]) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s '%.*s': expected %s, got none", option,
                              (int)strcspn(given->v[i], "=\n"), given->v[i], expected);
        }
    }
    return CL_OK;
}

static enum cl_status build(struct policy_from *f, json_t *policy, struct cl_err *err)
{
    const struct policy_from_options *o = f->options;
    f->volumes = json_array();
    f->containers = json_array();
    CL_TRY(policy_put(policy, "schema", json_string(CL_POD_POLICY_SCHEMA), err));
    CL_TRY(policy_pod_find(f->documents, o->select, &f->pod, err));
    CL_TRY(check_host_namespaces(f, err));
    CL_TRY(check_members(f, err));
    CL_TRY(build_sandbox(f, policy, err));
    CL_TRY(policy_put(policy, "volumes", json_incref(f->volumes), err));
    CL_TRY(policy_put(policy, "containers", json_incref(f->containers), err));
    CL_TRY(build_containers(f, err));
    CL_TRY(check_used("--env", o->env, f->env_used,
                      "a variable whose value the manifest leaves open", err));
    CL_TRY(check_used("--volume", o->volumes, f->volume_used,
                      "a claim of that name in a container's volumeDevices", err));
    CL_TRY(check_used("--allow-exec", o->execs, f->exec_used, "a container of that name", err));
    CL_TRY(check_used("--signature-key", o->signature_keys, f->key_used, "a container of that name",
                      err));
    return check_used("--signature-keyring", o->signature_rings, f->ring_used,
                      "a container of that name", err);
}

/* For people to read: it is what is measured. */
static enum cl_status write_text(const json_t *policy, struct cl_buf *out, struct cl_err *err)
{
    char *text = json_dumps(policy, JSON_INDENT(1) | JSON_ENSURE_ASCII);
    enum cl_status st =
        text != NULL ? cl_buf_printf(out, err, "%s\n", text) : cl_err_nomem(err, "policy");
    free(text);
    return st;
}

enum cl_status policy_from_pod(const json_t *documents, const struct policy_from_options *options,
                               struct cl_buf *out, const char **ret_hint, struct cl_err *err)
{
    struct policy_from f = {.options = options, .documents = documents};
    CL_CLEANUP(cl_json_decrefp) json_t *policy = json_object();
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *parsed = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    enum cl_status st = build(&f, policy, err);
    json_decref(f.volumes);
    json_decref(f.containers);
    *ret_hint = f.hint;
    CL_TRY(st);
    CL_TRY(write_text(policy, &text, err));
    CL_TRY(cl_pod_policy_parse(text.data, text.len, &parsed, err));
    return cl_buf_append(out, text.data, text.len, err);
}

bool policy_option_fits(const struct policy_container *c, const char *option, const char **ret)
{
    size_t n = strspn(option, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (n == 0 || option[n] != ':') {
        *ret = option;
        return true;
    }
    *ret = option + n + 1;
    return strlen(c->name) == n && strncmp(c->name, option, n) == 0;
}
