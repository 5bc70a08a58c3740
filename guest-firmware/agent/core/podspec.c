/* SPDX-License-Identifier: Apache-2.0
 * podspec.c - the specification of a container of a pod, as a whole.
 */
#include "agent/podspec.h"

#include "podcheck.h"

#include <stdlib.h>
#include <string.h>

#define PRIVILEGED "dev.cloister.privileged"

static bool is_version(const char *text)
{
    return strncmp(text, "1.", 2) == 0 && strlen(text) <= 32;
}

static bool is_hostname(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 64 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

static bool is_flag(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static enum cl_status check_root(const json_t *spec, bool *ret_read_only, struct cl_err *err)
{
    static const char *const keys[] = {"path", "readonly", NULL};
    json_t *root = NULL;
    const char *path = NULL;
    CL_TRY(cl_json_get_object(spec, "spec", "root", &root, err));
    CL_TRY(cl_json_only_keys(root, "spec: root", keys, err));
    CL_TRY(cl_json_get_string(root, "spec: root", "path", &path, err));
    if (strcmp(path, "rootfs") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "spec: root: path: expected rootfs, got '%.128s'",
                          path);
    }
    return cl_json_opt_bool(root, "spec: root", "readonly", ret_read_only, err);
}

static enum cl_status check_annotations(const json_t *spec, bool *ret_privileged,
                                        struct cl_err *err)
{
    static const char *const keys[] = {PRIVILEGED, NULL};
    json_t *a = NULL;
    CL_TRY(cl_json_opt_object(spec, "spec", "annotations", &a, err));
    CL_TRY(cl_json_only_keys(a, "spec: annotations", keys, err));
    CL_TRY(
        agent_podcheck_string(a, "spec: annotations", PRIVILEGED, is_flag, "true or false", err));
    const char *value = json_string_value(json_object_get(a, PRIVILEGED));
    *ret_privileged = value != NULL && strcmp(value, "true") == 0;
    return CL_OK;
}

static enum cl_status build(const json_t *spec, const char *cgroup, struct agent_podspec *s,
                            struct cl_err *err)
{
    static const char *const keys[] = {"ociVersion", "process", "root",        "hostname",
                                       "mounts",     "linux",   "annotations", NULL};
    static const char *const kept[] = {"hostname", NULL};
    json_t *asked = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *process = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *mounts = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *linux_ = NULL;
    const char *version = NULL;
    CL_TRY(cl_json_only_keys(spec, "spec", keys, err));
    CL_TRY(cl_json_get_string(spec, "spec", "ociVersion", &version, err));
    CL_TRY(agent_podcheck_string(spec, "spec", "ociVersion", is_version, "version 1", err));
    CL_TRY(agent_podcheck_string(spec, "spec", "hostname", is_hostname, "a host name", err));
    CL_TRY(check_annotations(spec, &s->privileged, err));
    CL_TRY(check_root(spec, &s->read_only, err));
    CL_TRY(cl_json_get_object(spec, "spec", "process", &asked, err));
    CL_TRY(agent_podprocess_build(asked, "spec: process", &process, &s->terminal, err));
    CL_TRY(agent_podmounts_build(spec, s, &mounts, err));
    CL_TRY(agent_podlinux_build(spec, s, cgroup, &linux_, err));
    s->config = json_pack("{s:s,s:O,s:{s:s,s:b},s:O,s:O}", "ociVersion", "1.0.2", "process",
                          process, "root", "path", "rootfs", "readonly", s->read_only ? 1 : 0,
                          "mounts", mounts, "linux", linux_);
    if (s->config == NULL) {
        return cl_err_nomem(err, "specification");
    }
    return agent_podcheck_copy(s->config, spec, kept, err);
}

enum cl_status agent_podspec_parse(const void *data, size_t len, const char *cgroup,
                                   struct agent_podspec *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *spec = NULL;
    *ret = (struct agent_podspec){0};
    CL_TRY(agent_podcheck_document(data, len, "spec", &spec, err));
    enum cl_status st = build(spec, cgroup, ret, err);
    if (st != CL_OK) {
        agent_podspec_done(ret);
    }
    return st;
}

void agent_podspec_done(struct agent_podspec *s)
{
    if (s == NULL) {
        return;
    }
    json_decref(s->config);
    for (size_t i = 0; i < CL_ARRAY_LEN(s->bind); i++) {
        free(s->bind[i].path);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(s->device); i++) {
        free(s->device[i].path);
    }
    *s = (struct agent_podspec){0};
}

const char *agent_podspec_destination(const struct agent_podspec *s, size_t i)
{
    const json_t *m = json_array_get(json_object_get(s->config, "mounts"), s->bind[i].index);
    return json_string_value(json_object_get(m, "destination"));
}

/* crun takes a mount for a bind mount by its options, not by its type. */
static int fix_options(json_t *mount, bool read_only)
{
    json_t *options = json_array();
    json_t *item = NULL;
    size_t i = 0;
    bool binds = false;
    int rc = 0;
    json_array_foreach(json_object_get(mount, "options"), i, item)
    {
        const char *text = json_string_value(item);
        binds = binds || strcmp(text, "bind") == 0 || strcmp(text, "rbind") == 0;
        if (!read_only || strcmp(text, "rw") != 0) {
            rc |= json_array_append(options, item);
        }
    }
    if (!binds) {
        rc |= json_array_append_new(options, json_string("rbind"));
    }
    if (read_only) {
        rc |= json_array_append_new(options, json_string("ro"));
    }
    return rc | json_object_set_new(mount, "options", options);
}

enum cl_status agent_podspec_set_source(struct agent_podspec *s, size_t i, const char *source,
                                        bool read_only, struct cl_err *err)
{
    json_t *mounts = json_object_get(s->config, "mounts");
    json_t *m = json_array_get(mounts, s->bind[i].index);
    int rc = json_object_set_new(m, "source", json_string(source));
    rc |= fix_options(m, read_only);
    return rc == 0 ? CL_OK : cl_err_nomem(err, "specification");
}

enum cl_status agent_podspec_set_pid_namespace(struct agent_podspec *s, const char *path,
                                               struct cl_err *err)
{
    json_t *list = json_object_get(json_object_get(s->config, "linux"), "namespaces");
    json_t *entry = json_pack("{s:s,s:s}", "type", "pid", "path", path);
    return json_array_append_new(list, entry) == 0 ? CL_OK : cl_err_nomem(err, "specification");
}

enum cl_status agent_podspec_add_device(struct agent_podspec *s, const char *path, char type,
                                        unsigned major, unsigned minor, unsigned mode,
                                        struct cl_err *err)
{
    const char text[] = {type, '\0'};
    json_t *list = json_object_get(json_object_get(s->config, "linux"), "devices");
    if (json_array_size(list) >= AGENT_POD_MAX_DEVICES) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "devices of the guest: expected at most %u, got more",
                          AGENT_POD_MAX_DEVICES);
    }
    json_t *d =
        json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:i}", "path", path, "type", text, "major", (int)major,
                  "minor", (int)minor, "fileMode", (int)(mode & 0777), "uid", 0, "gid", 0);
    return json_array_append_new(list, d) == 0 ? CL_OK : cl_err_nomem(err, "specification");
}

enum cl_status agent_podspec_add_bind(struct agent_podspec *s, const char *source,
                                      const char *destination, bool read_only, struct cl_err *err)
{
    json_t *m = json_pack("{s:s,s:s,s:s,s:[s,s]}", "destination", destination, "type", "bind",
                          "source", source, "options", "rbind", read_only ? "ro" : "rw");
    return json_array_append_new(json_object_get(s->config, "mounts"), m) == 0
               ? CL_OK
               : cl_err_nomem(err, "specification");
}
