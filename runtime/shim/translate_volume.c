/* SPDX-License-Identifier: Apache-2.0
 * translate_volume.c - what a path of the host is to the pod (containerd-shim.md 6, table of
 * mounts). Only paths that kubelet and the runtime made for this pod are volumes: the pod's uid and
 * the sandbox's id have to be in them.
 */
#include "translate_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum cl_status refuse(const char *path, const char *expected, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_REJECTED, "source: expected %s, got '%.200s'", expected, path);
}

/* Longer than any path that passes shim_path_valid: cannot be cut short. */
static void set_text(char *ret, size_t size, const char *text, size_t len)
{
    if (len >= size) {
        len = size - 1;
    }
    memcpy(ret, text, len);
    ret[len] = '\0';
}

/* A name for what has none: FNV-1a of its path. Two paths of one pod with one name are refused by
 * shim_volume_add, so that a better hash would gain nothing. */
static void hashed_name(struct shim_volume *v, const char *kind, const char *path)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *p = path; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 0x100000001b3u;
    }
    (void)snprintf(v->name, sizeof(v->name), "%s_%016llx", kind, (unsigned long long)h);
}

/* Names of the pod's specification have no '_': those made here do. */
static void named(struct shim_volume *v, const char *name)
{
    if (strlen(name) <= SHIM_NAME_MAX &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(name) && name[0] != '.') {
        set_text(v->name, sizeof(v->name), name, strlen(name));
    } else {
        hashed_name(v, "volume", name);
    }
}

static void files(struct shim_source *r, const char *name, const char *path)
{
    r->volume.kind = SHIM_VOLUME_FILES;
    r->volume.read_only = true;
    set_text(r->volume.name, sizeof(r->volume.name), name, strlen(name));
    set_text(r->host_path, sizeof(r->host_path), path, strlen(path));
    const char *leaf = strrchr(path, '/') + 1;
    set_text(r->path, sizeof(r->path), leaf, strlen(leaf));
}

/* An emptyDir is a tmpfs when its medium is memory, else a folder. */
static enum cl_status empty_dir(struct shim_translation *t, const char *folder, bool read_only,
                                struct shim_source *r, struct cl_err *err)
{
    CL_TRY(shim_mounts_read(t, err));
    const struct shim_mount *m = shim_mountinfo_at(&t->mounts, folder);
    r->volume.kind = m == NULL ? SHIM_VOLUME_SCRATCH : SHIM_VOLUME_MEMORY;
    r->volume.read_only = read_only;
    if (m == NULL) {
        return CL_OK;
    }
    if (strcmp(m->fstype, "tmpfs") != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "emptyDir '%s': expected a folder or a tmpfs, got a %.32s",
                          r->volume.name, m->fstype);
    }
    r->volume.size = m->size;
    return CL_OK;
}

/* configMap and its kin point through "..data" to a folder of a time, in which a subPath is found
 * by kubelet: the name that stays is the one in the volume itself. */
static const char *without_time(const char *path)
{
    const char *slash = strchr(path, '/');
    return strncmp(path, "..", 2) != 0 ? path : slash != NULL ? slash + 1 : "";
}

/* below: "kubernetes.io~KIND/NAME[/REST]" of `path` */
static enum cl_status kubelet_volume(struct shim_translation *t, const char *path,
                                     const char *below, bool read_only, struct shim_source *r,
                                     struct cl_err *err)
{
    static const char *const copied[] = {"kubernetes.io~configmap", "kubernetes.io~secret",
                                         "kubernetes.io~projected", "kubernetes.io~downward-api"};
    char kind[64];
    char name[256];
    size_t kind_len = strcspn(below, "/");
    const char *at = below + kind_len + (below[kind_len] == '/');
    size_t name_len = strcspn(at, "/");
    if (kind_len >= sizeof(kind) || name_len == 0 || name_len >= sizeof(name)) {
        return refuse(path, "a volume of the pod", err);
    }
    set_text(kind, sizeof(kind), below, kind_len);
    set_text(name, sizeof(name), at, name_len);
    const char *rest = at + name_len + (at[name_len] == '/');
    size_t folder_len = (size_t)(at - path) + name_len;
    named(&r->volume, name);
    set_text(r->host_path, sizeof(r->host_path), path, folder_len);
    set_text(r->path, sizeof(r->path), rest, strlen(rest));
    if (strcmp(kind, "kubernetes.io~empty-dir") == 0) {
        CL_TRY(empty_dir(t, r->host_path, read_only, r, err));
        r->host_path[0] = '\0'; /* what is there on the host never gets in */
        return CL_OK;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(copied); i++) {
        if (strcmp(kind, copied[i]) == 0) {
            r->volume.kind = SHIM_VOLUME_FILES;
            r->volume.watch = true;
            r->volume.read_only = true;
            rest = without_time(rest);
            set_text(r->path, sizeof(r->path), rest, strlen(rest));
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "volume '%s': expected configMap, secret, projected, downwardAPI or emptyDir "
                      "(or volumeMode Block), got '%s'",
                      name, kind);
}

/* A bind mount of a piece of a volume: the volume is where the same piece of the same file system
 * is found in the pod's own folder. below: "VOLUME/CONTAINER/NUMBER". */
static enum cl_status sub_path(struct shim_translation *t, const char *path, const char *below,
                               const char *volumes, bool read_only, struct shim_source *r,
                               struct cl_err *err)
{
    CL_TRY(shim_mounts_read(t, err));
    const struct shim_mount *piece = shim_mountinfo_at(&t->mounts, path);
    size_t name_len = strcspn(below, "/");
    for (size_t i = t->mounts.count; piece != NULL && i > 0; i--) {
        const struct shim_mount *m = &t->mounts.mount[i - 1];
        const char *rest = shim_path_below(piece->root, m->root);
        char found[SHIM_PATH_MAX + 1];
        if (m == piece || rest == NULL || m->major != piece->major || m->minor != piece->minor) {
            continue;
        }
        const char *point = strcmp(m->point, "/") == 0 ? "" : m->point;
        int n = snprintf(found, sizeof(found), "%s%s%s", point, rest[0] != '\0' ? "/" : "", rest);
        const char *in = n < 0 || (size_t)n >= sizeof(found) || !shim_path_valid(found)
                             ? NULL
                             : shim_path_below(found, volumes);
        const char *name = in != NULL ? strchr(in, '/') : NULL;
        if (name != NULL && strncmp(name + 1, below, name_len) == 0 &&
            (name[1 + name_len] == '/' || name[1 + name_len] == '\0')) {
            return kubelet_volume(t, found, in, read_only, r, err);
        }
    }
    return refuse(path, "a subPath of a volume of the pod", err);
}

/* Of the folder that kubelet has for the pod. */
static enum cl_status pod_folder(struct shim_translation *t, const char *path, const char *folder,
                                 const char *below, bool read_only, struct shim_source *r,
                                 struct cl_err *err)
{
    char volumes[SHIM_PATH_MAX + 16];
    const char *rest = shim_path_below(below, "volumes");
    (void)snprintf(volumes, sizeof(volumes), "%s/volumes", folder);
    if (strcmp(below, "etc-hosts") == 0) {
        files(r, "etc_hosts", path);
        return CL_OK;
    }
    if (rest != NULL) {
        return kubelet_volume(t, path, rest, read_only, r, err);
    }
    rest = shim_path_below(below, "volume-subpaths");
    if (rest != NULL) {
        return sub_path(t, path, rest, volumes, read_only, r, err);
    }
    if (shim_path_below(below, "containers") != NULL) {
        r->volume.kind = SHIM_VOLUME_RESULT;
        r->volume.transient = true;
        hashed_name(&r->volume, "result", path);
        set_text(r->host_path, sizeof(r->host_path), path, strlen(path));
        set_text(r->path, sizeof(r->path), SHIM_RESULT_FILE, strlen(SHIM_RESULT_FILE));
        return CL_OK;
    }
    return refuse(path, "a volume of the pod", err);
}

static enum cl_status shm(struct shim_translation *t, const char *path, struct shim_source *r,
                          struct cl_err *err)
{
    CL_TRY(shim_mounts_read(t, err));
    const struct shim_mount *m = shim_mountinfo_at(&t->mounts, path);
    r->volume.kind = SHIM_VOLUME_SHM;
    r->volume.size = m != NULL ? m->size : 0;
    set_text(r->volume.name, sizeof(r->volume.name), "dev_shm", strlen("dev_shm"));
    return CL_OK;
}

/* What the runtime keeps for this sandbox: "hostname" of
 * ".../io.containerd.grpc.v1.cri/sandboxes/<id>/hostname" (containerd) and of
 * ".../overlay-containers/<id>/userdata/hostname" (CRI-O). NULL: something else. */
static const char *sandbox_file(const struct shim_translation *t, const char *path)
{
    static const char *const forms[][2] = {
        {"/io.containerd.grpc.v1.cri/sandboxes/", "/"},
        {"-containers/", "/userdata/"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(forms) && t->s->sandbox_id[0] != '\0'; i++) {
        char dir[SHIM_ID_MAX + 64];
        (void)snprintf(dir, sizeof(dir), "%s%s%s", forms[i][0], t->s->sandbox_id, forms[i][1]);
        const char *found = strstr(path, dir);
        if (found != NULL) {
            return found + strlen(dir);
        }
    }
    return NULL;
}

/* What the runtime made for the pod or the container. False: it is none of these. */
static bool runtime_folder(struct shim_translation *t, const char *path, struct shim_source *r,
                           enum cl_status *ret, struct cl_err *err)
{
    static const struct {
        const char *file, *name;
    } known[] = {
        {"hosts", "etc_hosts"},
        {"hostname", "etc_hostname"},
        {"resolv.conf", "etc_resolv.conf"},
    };
    const char *file = sandbox_file(t, path);
    *ret = CL_OK;
    for (size_t i = 0; i < CL_ARRAY_LEN(known) && file != NULL; i++) {
        if (strcmp(file, known[i].file) == 0) {
            files(r, known[i].name, path);
            return true;
        }
    }
    if (file != NULL && strcmp(file, "shm") == 0) {
        *ret = shm(t, path, r, err);
        return true;
    }
    /* VOLUME of the image: empty on the host, and a folder of the guest's. */
    const char *below = strstr(path, "/io.containerd.grpc.v1.cri/containers/");
    if (below != NULL && strstr(below, "/volumes/") != NULL) {
        r->volume.kind = SHIM_VOLUME_SCRATCH;
        r->volume.transient = true;
        hashed_name(&r->volume, "image", path);
        return true;
    }
    return false;
}

/* Anything else is the host's own. */
static enum cl_status host_path(struct shim_translation *t, const char *path, bool read_only,
                                struct shim_source *r, struct cl_err *err)
{
    struct stat st;
    if (!t->options->host_files) {
        return refuse(path, "a volume of the pod, not a path of the host (hostPath)", err);
    }
    if (!read_only) {
        return refuse(path, "a volume of the pod, or 'ro' for a path of the host", err);
    }
    if (t->host->stat(t->host->ctx, path, &st) != 0 ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        return refuse(path, "a file or a folder of the host", err);
    }
    files(r, "", path);
    r->volume.transient = true;
    hashed_name(&r->volume, "host", path);
    if (S_ISDIR(st.st_mode)) {
        r->path[0] = '\0';
    }
    return CL_OK;
}

enum cl_status shim_source_find(struct shim_translation *t, const char *path, bool read_only,
                                struct shim_source *ret, struct cl_err *err)
{
    *ret = (struct shim_source){0};
    if (!shim_path_valid(path) || path[1] == '\0') {
        return refuse(path, "an absolute path", err);
    }
    enum cl_status st = CL_OK;
    if (runtime_folder(t, path, ret, &st, err)) {
        return st;
    }
    char pods[SHIM_PATH_MAX + 1];
    int n = snprintf(pods, sizeof(pods), "%s/pods/%s", t->kubelet_root,
                     t->pod_uid != NULL ? t->pod_uid : "");
    const char *below = n > 0 && (size_t)n < sizeof(pods) && t->pod_uid != NULL
                            ? shim_path_below(path, pods)
                            : NULL;
    if (below != NULL) {
        return pod_folder(t, path, pods, below, read_only, ret, err);
    }
    if (shim_path_below(path, t->kubelet_root) != NULL) { /* another pod's, or the node's own */
        return refuse(path, "a volume of this pod", err);
    }
    return host_path(t, path, read_only, ret, err);
}

enum cl_status shim_volume_add(struct shim_spec *s, const struct shim_source *source,
                               struct cl_err *err)
{
    const char *path = source->host_path[0] != '\0' ? source->host_path : NULL;
    for (size_t i = 0; i < s->volume_count; i++) {
        struct shim_volume *v = &s->volume[i];
        if (strcmp(v->name, source->volume.name) != 0) {
            continue;
        }
        bool same = v->kind == source->volume.kind && (v->host_path == NULL) == (path == NULL) &&
                    (path == NULL || strcmp(v->host_path, path) == 0);
        if (!same) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "volume '%s': expected one of that name, got two", v->name);
        }
        v->read_only = v->read_only && source->volume.read_only;
        return CL_OK;
    }
    if (s->volume_count == SHIM_MAX_VOLUMES) {
        return cl_err_set(err, CL_ERR_REJECTED, "mounts: expected at most %u volumes",
                          SHIM_MAX_VOLUMES);
    }
    struct shim_volume v = source->volume;
    v.host_path = path != NULL ? strdup(path) : NULL;
    if (path != NULL && v.host_path == NULL) {
        return cl_err_nomem(err, "volume");
    }
    s->volume[s->volume_count++] = v;
    return CL_OK;
}
