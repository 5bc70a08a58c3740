/* SPDX-License-Identifier: Apache-2.0
 * translate.c - a bundle's config.json: which kind of task it is, what the shim has to know, and
 * the guest's specification put together.
 */
#include "translate_internal.h"

#include <stdlib.h>
#include <string.h>

#define INITDATA "dev.cloister.initdata"
#define KATA_INITDATA "io.katacontainers.config.hypervisor.cc_init_data"
#define MAX_ANNOTATIONS 4096u

const char *shim_annotation(const struct shim_translation *t, const char *key)
{
    const char *s = json_string_value(json_object_get(t->annotations, key));
    return s != NULL && s[0] != '\0' ? s : NULL;
}

/* Annotations of ours are a closed set: a word misspelt is not a word ignored. */
static enum cl_status read_annotations(struct shim_translation *t, struct cl_err *err)
{
    json_t *all = NULL;
    const char *key = NULL;
    json_t *v = NULL;
    CL_TRY(shim_opt_object(t->config, "config", "annotations", &all, err));
    if (json_object_size(all) > MAX_ANNOTATIONS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "annotations: expected at most %u",
                          MAX_ANNOTATIONS);
    }
    json_object_foreach(all, key, v)
    {
        if (!json_is_string(v)) {
            return cl_err_set(err, CL_ERR_MALFORMED, "annotations: %.64s: expected text", key);
        }
        if (strncmp(key, "dev.cloister.", 13) == 0 && strcmp(key, INITDATA) != 0) {
            return cl_err_set(
                err, CL_ERR_REJECTED,
                "annotations: expected no other of Cloister than " INITDATA ", got '%.64s'", key);
        }
    }
    t->annotations = all;
    return CL_OK;
}

/* The first of two annotations; both may be there when they say the same. */
static enum cl_status agreed(const struct shim_translation *t, const char *a, const char *b,
                             const char **ret, struct cl_err *err)
{
    const char *x = shim_annotation(t, a);
    const char *y = shim_annotation(t, b);
    if (x != NULL && y != NULL && strcmp(x, y) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "annotations: %s: expected the same as in %s", a,
                          b);
    }
    *ret = x != NULL ? x : y;
    return CL_OK;
}

/* Each runtime writes its own annotation: where both are, a pod made one up. */
static enum cl_status read_kind(struct shim_translation *t, struct cl_err *err)
{
    const char *containerd = shim_annotation(t, "io.kubernetes.cri.container-type");
    const char *crio = shim_annotation(t, "io.kubernetes.cri-o.ContainerType");
    const char *type = containerd != NULL ? containerd : crio;
    const char *id = NULL;
    if (containerd != NULL && crio != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "annotations: container type: expected containerd's or CRI-O's, got "
                          "both");
    }
    t->crio = crio != NULL;
    if (type == NULL) {
        t->s->kind = SHIM_SINGLE;
        return CL_OK;
    }
    if (strcmp(type, "sandbox") != 0 && strcmp(type, "container") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "annotations: container type: expected sandbox or container, got '%.32s'",
                          type);
    }
    t->s->kind = strcmp(type, "sandbox") == 0 ? SHIM_SANDBOX : SHIM_CONTAINER;
    if (t->s->kind == SHIM_SANDBOX) {
        return CL_OK;
    }
    CL_TRY(agreed(t, "io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID", &id, err));
    if (id == NULL || !shim_name_valid(id, SHIM_ID_MAX)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "annotations: sandbox id: expected 1 to %u of A-Z a-z 0-9 _ . -, got "
                          "'%.80s'",
                          SHIM_ID_MAX, id != NULL ? id : "");
    }
    memcpy(t->s->sandbox_id, id, strlen(id) + 1);
    return CL_OK;
}

static enum cl_status read_names(struct shim_translation *t, struct cl_err *err)
{
    const char *name = NULL;
    const char *image = NULL;
    CL_TRY(
        agreed(t, "io.kubernetes.cri.container-name", "io.kubernetes.container.name", &name, err));
    CL_TRY(agreed(t, "io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName", &image, err));
    CL_TRY(agreed(t, "io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid", &t->pod_uid, err));
    if (name != NULL && t->s->kind == SHIM_CONTAINER) {
        if (!shim_name_valid(name, SHIM_CONTAINER_NAME_MAX)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "annotations: container name: expected 1 to %u of A-Z a-z 0-9 _ . -, "
                              "got '%.80s'",
                              SHIM_CONTAINER_NAME_MAX, name);
        }
        memcpy(t->s->name, name, strlen(name) + 1);
    }
    if (t->pod_uid != NULL && !shim_name_valid(t->pod_uid, 255)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "annotations: pod uid: expected a name, got '%.80s'", t->pod_uid);
    }
    if (image != NULL) {
        t->s->image_name = strdup(image);
        if (t->s->image_name == NULL) {
            return cl_err_nomem(err, "image name");
        }
    }
    return CL_OK;
}

static enum cl_status read_initdata(struct shim_translation *t, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(agreed(t, INITDATA, KATA_INITDATA, &text, err));
    if (text == NULL || t->s->kind == SHIM_CONTAINER) {
        return CL_OK;
    }
    t->s->initdata = strdup(text);
    return t->s->initdata != NULL ? CL_OK : cl_err_nomem(err, "initdata");
}

static enum cl_status read_hostname(struct shim_translation *t, struct cl_err *err)
{
    const char *hostname = NULL;
    CL_TRY(shim_opt_string(t->config, "config", "hostname", &hostname, err));
    if (hostname == NULL || hostname[0] == '\0' || t->s->kind == SHIM_CONTAINER) {
        return CL_OK; /* a member's is the pod's */
    }
    if (!shim_name_valid(hostname, sizeof(t->s->hostname) - 1)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "hostname: expected 1 to %zu of A-Z a-z 0-9 _ . -, got '%.80s'",
                          sizeof(t->s->hostname) - 1, hostname);
    }
    memcpy(t->s->hostname, hostname, strlen(hostname) + 1);
    return CL_OK;
}

static enum cl_status build_root(const json_t *config, json_t *to, struct cl_err *err)
{
    static const char *const members[] = {"path", "readonly", NULL};
    json_t *root = NULL;
    CL_TRY(cl_json_get_object(config, "config", "root", &root, err));
    CL_TRY(shim_only(root, "root", members, err));
    json_t *out = json_object();
    CL_TRY(shim_put(to, "root", out, err));
    const struct shim_copy c = {root, out, "root"};
    CL_TRY(shim_put(out, "path", json_string("rootfs"), err));
    return shim_copy_bool(&c, "readonly", err);
}

static enum cl_status build_version(const json_t *config, json_t *to, struct cl_err *err)
{
    const char *version = NULL;
    CL_TRY(cl_json_get_string(config, "config", "ociVersion", &version, err));
    if (strncmp(version, "1.", 2) != 0 || !shim_name_valid(version, 32)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "ociVersion: expected 1.x, got '%.32s'",
                          version);
    }
    return shim_put(to, "ociVersion", json_string(version), err);
}

/* What the shim wants to know of the process that the guest gets. */
static void read_console(struct shim_spec *s, const json_t *process)
{
    const json_t *size = json_object_get(process, "consoleSize");
    s->terminal = json_is_true(json_object_get(process, "terminal"));
    s->rows = (uint32_t)json_integer_value(json_object_get(size, "height"));
    s->cols = (uint32_t)json_integer_value(json_object_get(size, "width"));
}

static enum cl_status build_process(struct shim_translation *t, json_t *to, struct cl_err *err)
{
    json_t *from = NULL;
    json_t *process = NULL;
    CL_TRY(cl_json_get_object(t->config, "config", "process", &from, err));
    CL_TRY(shim_process_build(from, &process, err));
    read_console(t->s, process);
    return shim_put(to, "process", process, err);
}

static enum cl_status build_annotations(const struct shim_translation *t, json_t *to,
                                        struct cl_err *err)
{
    if (!t->privileged) {
        return CL_OK;
    }
    json_t *annotations = json_object();
    CL_TRY(shim_put(to, "annotations", annotations, err));
    return shim_put(annotations, SHIM_PRIVILEGED, json_string("true"), err);
}

/* Programs of the host around a container's start: not running them is not what was asked for. */
static enum cl_status check_hooks(const json_t *config, struct cl_err *err)
{
    static const char *const none[] = {NULL};
    json_t *hooks = NULL;
    CL_TRY(shim_opt_object(config, "config", "hooks", &hooks, err));
    return shim_only(hooks, "hooks", none, err);
}

/* A sandbox is the VM itself: nothing of it runs in the guest, but what it asks of the host is
 * judged all the same. */
static enum cl_status build_guest(struct shim_translation *t, struct cl_err *err)
{
    static const char *const members[] = {"ociVersion",  "process", "root",
                                          "hostname",    "mounts",  "linux",
                                          "annotations", "hooks",   NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    json_t *part = NULL;
    if (out == NULL) {
        return cl_err_nomem(err, "specification");
    }
    CL_TRY(shim_only(t->config, "config", members, err));
    CL_TRY(check_hooks(t->config, err));
    CL_TRY(build_version(t->config, out, err));
    CL_TRY(shim_linux_build(t, &part, err));
    CL_TRY(shim_put(out, "linux", part, err));
    if (t->s->kind == SHIM_SANDBOX) {
        return CL_OK;
    }
    CL_TRY(build_process(t, out, err));
    CL_TRY(build_root(t->config, out, err));
    if (t->s->hostname[0] != '\0') {
        CL_TRY(shim_put(out, "hostname", json_string(t->s->hostname), err));
    }
    CL_TRY(shim_mounts_build(t, &part, err));
    CL_TRY(shim_put(out, "mounts", part, err));
    CL_TRY(build_annotations(t, out, err));
    return cl_json_compact(out, &t->s->guest, err);
}

static enum cl_status translate(struct shim_translation *t, struct cl_err *err)
{
    CL_TRY(read_annotations(t, err));
    CL_TRY(read_kind(t, err));
    CL_TRY(read_names(t, err));
    CL_TRY(read_initdata(t, err));
    CL_TRY(read_hostname(t, err));
    t->privileged = shim_looks_privileged(t->config);
    CL_TRY(build_guest(t, err));
    return t->s->kind == SHIM_CONTAINER ? CL_OK : shim_sizing(t, err);
}

static enum cl_status host_mountinfo(void *ctx, struct cl_buf *out, struct cl_err *err)
{
    (void)ctx;
    return cl_buf_read_file(out, "/proc/self/mountinfo", SHIM_MOUNTINFO_MAX, err);
}

static int host_stat(void *ctx, const char *path, struct stat *ret)
{
    (void)ctx;
    return stat(path, ret);
}

enum cl_status shim_mounts_read(struct shim_translation *t, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    const char *text = NULL;
    if (t->mounts_read) {
        return CL_OK;
    }
    CL_TRY(t->host->mountinfo(t->host->ctx, &raw, err));
    CL_TRY(cl_buf_cstr(&raw, "mountinfo", &text, err));
    CL_TRY(shim_mountinfo_parse(text, &t->mounts, err));
    t->mounts_read = true;
    return CL_OK;
}

enum cl_status shim_spec_translate(const void *config, size_t len,
                                   const struct shim_translate_options *options,
                                   struct shim_spec *ret, struct cl_err *err)
{
    static const struct shim_translate_options defaults = {0};
    static const struct shim_host this_host = {.mountinfo = host_mountinfo, .stat = host_stat};
    CL_CLEANUP(cl_json_decrefp) json_t *document = NULL;
    CL_CLEANUP(shim_spec_done) struct shim_spec s = {0};
    options = options != NULL ? options : &defaults;
    CL_TRY(shim_document(config, len, "config.json", &document, err));
    struct shim_translation t = {
        .options = options,
        .host = options->host != NULL ? options->host : &this_host,
        .kubelet_root = options->kubelet_root != NULL ? options->kubelet_root : "/var/lib/kubelet",
        .s = &s,
        .config = document,
    };
    enum cl_status st = translate(&t, err);
    shim_mountinfo_done(&t.mounts);
    CL_TRY(st);
    *ret = s;
    s = (struct shim_spec){0};
    return CL_OK;
}

void shim_spec_done(struct shim_spec *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->volume_count; i++) {
        free(s->volume[i].host_path);
    }
    for (size_t i = 0; i < s->sysctl_count; i++) {
        free(s->sysctl[i].name);
        free(s->sysctl[i].value);
    }
    free(s->image_name);
    free(s->netns);
    free(s->initdata);
    free(s->cgroup_path);
    cl_buf_done(&s->guest);
    *s = (struct shim_spec){0};
}
