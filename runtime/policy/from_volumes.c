/* SPDX-License-Identifier: Apache-2.0
 * from_volumes.c - a container's mounts: those of the manifest by the kind of their volume, and
 * what kubelet and the runtime add (containerd-shim.md 6; docs/interfaces.md I-10.2 has the names).
 */
#include "from_internal.h"

#include "cloister/pod_policy.h"

#include <string.h>

#define TOKEN_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define MAX_PATH 4095u

/* A volume of the pod's specification. */
struct source {
    const char *kind; /* of the policy */
    bool block;       /* of a claim: not to be mounted, but a device */
};

static enum cl_status empty_dir(const json_t *from, struct source *ret, struct cl_err *err)
{
    const char *medium = NULL;
    CL_TRY(policy_text(from, "emptyDir", "medium", &medium, err));
    medium = medium != NULL ? medium : "";
    if (medium[0] != '\0' && strcmp(medium, "Memory") != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "emptyDir: medium: expected Memory or none, got "
                          "'%.32s'",
                          medium);
    }
    ret->kind = medium[0] != '\0' ? "memory" : "scratch";
    return CL_OK;
}

static enum cl_status volume_kind(struct policy_from *f, const json_t *volume, struct source *ret,
                                  struct cl_err *err)
{
    static const char *const files[] = {"configMap", "secret", "projected", "downwardAPI", NULL};
    static const char *const claims[] = {"persistentVolumeClaim", "ephemeral", NULL};
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach((json_t *)(uintptr_t)volume, key, v)
    {
        if (strcmp(key, "name") == 0 || json_is_null(v)) {
            continue;
        }
        if (ret->kind != NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "expected one kind, got '%.64s' as well", key);
        }
        if (strcmp(key, "emptyDir") == 0) {
            CL_TRY(empty_dir(v, ret, err));
        } else if (policy_one_of(key, files)) {
            ret->kind = "files";
        } else if (policy_one_of(key, claims)) {
            *ret = (struct source){.kind = "block", .block = true};
        } else {
            f->hint = strcmp(key, "hostPath") == 0
                          ? "a pod in a VM has no paths of the host: take an emptyDir, or bring "
                            "the files in an image"
                          : NULL;
            return cl_err_set(err, CL_ERR_REJECTED,
                              "expected configMap, secret, projected, downwardAPI, emptyDir or "
                              "persistentVolumeClaim, got '%.64s'",
                              key);
        }
    }
    ret->kind = ret->kind != NULL ? ret->kind : "scratch"; /* Kubernetes: an emptyDir */
    return CL_OK;
}

static enum cl_status find_volume(struct policy_from *f, const char *name, struct source *ret,
                                  struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *v = NULL;
    CL_TRY(policy_array(f->pod.spec, "spec", "volumes", CL_POD_POLICY_MAX_VOLUMES, &list, err));
    json_array_foreach(list, i, v)
    {
        const char *text = json_string_value(json_object_get(v, "name"));
        if (text != NULL && strcmp(text, name) == 0) {
            *ret = (struct source){0};
            enum cl_status st = volume_kind(f, v, ret, err);
            return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "volume '%.64s'", name);
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "volume '%.64s': expected one of the pod's, got none",
                      name);
}

/* hostPath of a volume that nobody mounts is refused, too: it says what the writer thinks he has.
 */
static enum cl_status check_volumes(struct policy_from *f, struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *v = NULL;
    CL_TRY(policy_array(f->pod.spec, "spec", "volumes", CL_POD_POLICY_MAX_VOLUMES, &list, err));
    json_array_foreach(list, i, v)
    {
        const char *name = NULL;
        struct source s = {0};
        CL_TRY(policy_need_text(v, "volumes", "name", &name, err));
        CL_TRY(find_volume(f, name, &s, err));
    }
    return CL_OK;
}

enum cl_status policy_use_volume(struct policy_from *f, const char *name, const char *kind,
                                 json_t **ret_new, struct cl_err *err)
{
    size_t i = 0;
    json_t *v = NULL;
    *ret_new = NULL;
    json_array_foreach(f->volumes, i, v)
    {
        if (strcmp(json_string_value(json_object_get(v, "name")), name) == 0) {
            return CL_OK;
        }
    }
    v = json_object();
    CL_TRY(policy_append(f->volumes, v, err));
    CL_TRY(policy_put(v, "name", json_string(name), err));
    CL_TRY(policy_put(v, "kind", json_string(kind), err));
    *ret_new = v;
    return CL_OK;
}

/* --- mounts ------------------------------------------------------------------------------------
 */

struct mount {
    const char *destination;
    const char *volume;
    const char *kind;
    const char *path; /* NULL: the root */
    bool read_only;
    bool optional;
};

static bool is_mounted(const struct policy_container *c, const char *destination)
{
    size_t i = 0;
    json_t *m = NULL;
    json_array_foreach(json_object_get(c->to, "mounts"), i, m)
    {
        if (strcmp(json_string_value(json_object_get(m, "destination")), destination) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status add_mount(struct policy_container *c, const struct mount *m,
                                struct cl_err *err)
{
    json_t *volume = NULL;
    json_t *to = json_object();
    CL_TRY(policy_append(json_object_get(c->to, "mounts"), to, err));
    CL_TRY(policy_put(to, "destination", json_string(m->destination), err));
    CL_TRY(policy_put(to, "volume", json_string(m->volume), err));
    if (m->path != NULL) {
        CL_TRY(policy_put(to, "path", json_string(m->path), err));
    }
    CL_TRY(policy_put(to, "read_only", json_boolean(m->read_only), err));
    CL_TRY(policy_put(to, "optional", json_boolean(m->optional), err));
    CL_TRY(policy_use_volume(c->f, m->volume, m->kind, &volume, err));
    if (volume != NULL && strcmp(m->volume, "result_*") == 0) {
        CL_TRY(policy_put(volume, "host_writes", json_true(), err));
        CL_TRY(policy_put(volume, "host_reads", json_true(), err));
    }
    return CL_OK;
}

/* Components that are neither empty nor dots; absolute: with a slash before each. */
static bool path_good(const char *path, bool absolute)
{
    const char *at = path;
    if (strlen(path) > MAX_PATH || (path[0] == '/') != absolute) {
        return false;
    }
    at += absolute;
    do {
        size_t n = strcspn(at, "/");
        if (n == 0 || strspn(at, ".") == n ? n < 3 : false) {
            return false;
        }
        at += n;
    } while (*at++ == '/');
    return true;
}

static enum cl_status sub_path(struct policy_container *c, const json_t *from, json_t **ret,
                               struct cl_err *err)
{
    const char *path = NULL;
    const char *expression = NULL;
    CL_TRY(policy_text(from, "volumeMounts", "subPath", &path, err));
    CL_TRY(policy_text(from, "volumeMounts", "subPathExpr", &expression, err));
    if (expression != NULL && expression[0] != '\0') {
        CL_TRY(policy_env_expand(c, expression, ret, err));
    } else if (path != NULL && path[0] != '\0') {
        *ret = json_string(path);
    } else {
        return CL_OK;
    }
    path = json_string_value(*ret);
    return path != NULL && path_good(path, false)
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED,
                            "subPath: expected a path below the volume, got '%.128s'",
                            path != NULL ? path : "");
}

static enum cl_status check_propagation(struct policy_container *c, const json_t *from,
                                        struct cl_err *err)
{
    static const char *const words[] = {"None", "HostToContainer", NULL};
    const char *word = NULL;
    CL_TRY(policy_text(from, "volumeMounts", "mountPropagation", &word, err));
    if (word != NULL && !policy_one_of(word, words)) {
        c->f->hint = "nothing that is mounted in a VM is seen by the host";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "mountPropagation: expected None or HostToContainer, got '%.32s'", word);
    }
    return CL_OK;
}

static enum cl_status build_mount(struct policy_container *c, const json_t *from,
                                  const char *destination, struct cl_err *err)
{
    static const char *const members[] = {
        "name",        "mountPath",        "readOnly",          "subPath",
        "subPathExpr", "mountPropagation", "recursiveReadOnly", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *path = NULL;
    struct mount m = {.destination = destination};
    struct source s = {0};
    CL_TRY(policy_only(from, "volumeMounts", members, err));
    CL_TRY(policy_need_text(from, "volumeMounts", "name", &m.volume, err));
    CL_TRY(find_volume(c->f, m.volume, &s, err));
    if (s.block) {
        c->f->hint = "give the claim volumeMode: Block and the container volumeDevices; --volume "
                     "NAME=kbs:///KEY,mount=PATH has its file system mounted in the guest";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "volume '%.64s': expected a device (volumeDevices), got a file system of "
                          "the host's",
                          m.volume);
    }
    if (!path_good(destination, true) || is_mounted(c, destination)) {
        return cl_err_set(
            err, CL_ERR_REJECTED,
            "mountPath: expected an absolute path without empty parts and dots, once");
    }
    CL_TRY(check_propagation(c, from, err));
    CL_TRY(policy_flag(from, "volumeMounts", "readOnly", &m.read_only, err));
    CL_TRY(sub_path(c, from, &path, err));
    m.kind = s.kind;
    m.path = json_string_value(path);
    m.read_only = m.read_only || strcmp(s.kind, "files") == 0;
    return add_mount(c, &m, err);
}

static enum cl_status build_mounts(struct policy_container *c, struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *from = NULL;
    CL_TRY(
        policy_array(c->from, "container", "volumeMounts", CL_POD_POLICY_MAX_MOUNTS, &list, err));
    json_array_foreach(list, i, from)
    {
        const char *destination = NULL;
        CL_TRY(policy_need_text(from, "volumeMounts", "mountPath", &destination, err));
        enum cl_status st = build_mount(c, from, destination, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "volumeMounts '%.64s'", destination);
        }
    }
    return CL_OK;
}

/* What nobody wrote and every container has, unless something else is mounted there. */
static enum cl_status add_usual(struct policy_container *c, struct cl_err *err)
{
    const char *log = NULL;
    CL_TRY(policy_text(c->from, "container", "terminationMessagePath", &log, err));
    const struct mount usual[] = {
        {"/etc/hosts", "etc_hosts", "files", "*", true, true},
        {"/etc/hostname", "etc_hostname", "files", "hostname", true, true},
        {"/etc/resolv.conf", "etc_resolv.conf", "files", "resolv.conf", true, true},
        {"/dev/shm", "dev_shm", "shm", NULL, false, true},
        {log != NULL && log[0] != '\0' ? log : "/dev/termination-log", "result_*", "scratch",
         "message", false, true},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(usual); i++) {
        if (!is_mounted(c, usual[i].destination)) {
            CL_TRY(add_mount(c, &usual[i], err));
        }
    }
    return CL_OK;
}

/* The admission controller's: a volume with a name of its own in every pod. Whether the account has
 * a token is the account's to say where the pod does not. */
static enum cl_status add_token(struct policy_container *c, struct cl_err *err)
{
    static const struct mount token = {TOKEN_DIR, "kube-api-access-*", "files", NULL, true, true};
    const json_t *said = policy_member(c->f->pod.spec, "automountServiceAccountToken");
    bool wanted = false;
    CL_TRY(policy_flag(c->f->pod.spec, "spec", "automountServiceAccountToken", &wanted, err));
    return (said == NULL || wanted) && !is_mounted(c, TOKEN_DIR) ? add_mount(c, &token, err)
                                                                 : CL_OK;
}

/* A VOLUME of the image gets a folder of the guest's. */
static enum cl_status add_image_volumes(struct policy_container *c, struct cl_err *err)
{
    const struct cl_strv *volumes = &c->image.config->volumes;
    for (size_t i = 0; i < volumes->count; i++) {
        const struct mount m = {volumes->v[i], "image_*", "scratch", NULL, false, true};
        if (!path_good(volumes->v[i], true)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "image: Volumes: expected absolute paths, got '%.128s'",
                              volumes->v[i]);
        }
        if (!is_mounted(c, volumes->v[i])) {
            CL_TRY(add_mount(c, &m, err));
        }
    }
    return CL_OK;
}

/* --- devices -----------------------------------------------------------------------------------
 */

static enum cl_status build_device(struct policy_container *c, const json_t *from, json_t *devices,
                                   struct cl_err *err)
{
    static const char *const members[] = {"name", "devicePath", NULL};
    const char *name = NULL;
    const char *path = NULL;
    struct source s = {0};
    json_t *volume = NULL;
    CL_TRY(policy_only(from, "volumeDevices", members, err));
    CL_TRY(policy_need_text(from, "volumeDevices", "name", &name, err));
    CL_TRY(policy_need_text(from, "volumeDevices", "devicePath", &path, err));
    CL_TRY(find_volume(c->f, name, &s, err));
    if (!s.block || !path_good(path, true)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "volumeDevices '%.64s': expected a claim and an absolute path", path);
    }
    bool found = false;
    CL_TRY(policy_claim_build(c, name, path, devices, &found, err));
    if (found) {
        return CL_OK;
    }
    json_t *to = json_object();
    CL_TRY(policy_append(devices, to, err));
    CL_TRY(policy_put(to, "path", json_string(path), err));
    CL_TRY(policy_put(to, "volume", json_string("block_*"), err));
    return policy_use_volume(c->f, "block_*", "block", &volume, err);
}

enum cl_status policy_volumes_build(struct policy_container *c, struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *from = NULL;
    json_t *devices = json_array();
    CL_TRY(policy_put(c->to, "devices", devices, err));
    CL_TRY(policy_put(c->to, "mounts", json_array(), err));
    CL_TRY(check_volumes(c->f, err));
    CL_TRY(build_mounts(c, err));
    CL_TRY(add_token(c, err));
    CL_TRY(add_image_volumes(c, err));
    CL_TRY(add_usual(c, err));
    CL_TRY(policy_array(c->from, "container", "volumeDevices", 64, &list, err));
    json_array_foreach(list, i, from)
    {
        CL_TRY(build_device(c, from, devices, err));
    }
    return CL_OK;
}
