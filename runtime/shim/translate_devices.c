/* SPDX-License-Identifier: Apache-2.0
 * translate_devices.c - devices and privilege. A container has the guest's devices; a block device
 * of the host comes in as a disk, any other is refused (containerd-shim.md 6).
 */
#include "translate_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MAX_DEVICES 8192u

struct device {
    const char *path;
    const char *type;
    int64_t major;
    int64_t minor;
};

static enum cl_status read_device(const json_t *from, struct device *d, struct cl_err *err)
{
    const char *what = "linux.devices";
    CL_TRY(cl_json_get_string(from, what, "path", &d->path, err));
    CL_TRY(cl_json_get_string(from, what, "type", &d->type, err));
    if (!shim_path_valid(d->path)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "linux.devices: path: expected an absolute path, got '%.64s'", d->path);
    }
    d->major = 0;
    d->minor = 0;
    if (shim_member(from, "major") != NULL) {
        CL_TRY(cl_json_get_int(from, what, "major", 0, UINT32_MAX, &d->major, err));
    }
    if (shim_member(from, "minor") != NULL) {
        CL_TRY(cl_json_get_int(from, what, "minor", 0, UINT32_MAX, &d->minor, err));
    }
    return CL_OK;
}

/* null, zero, full, random, urandom, tty, console: every container has them. */
static bool in_every_container(const struct device *d)
{
    static const unsigned minors[] = {3, 5, 7, 8, 9};
    if (strcmp(d->type, "c") != 0) {
        return false;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(minors); i++) {
        if (d->major == 1 && d->minor == minors[i]) {
            return true;
        }
    }
    return d->major == 5 && d->minor <= 2;
}

/* A privileged container is given all that the host has, each under its own path. */
static bool is_hosts_own(const struct shim_translation *t, const struct device *d)
{
    struct stat st;
    return t->host->stat(t->host->ctx, d->path, &st) == 0 && S_ISBLK(st.st_mode) &&
           major(st.st_rdev) == (unsigned)d->major && minor(st.st_rdev) == (unsigned)d->minor;
}

/* A claim that is mounted readOnly shows in the device cgroup's rules only. */
static bool may_write(const json_t *linux_part, const struct device *d)
{
    const json_t *list = json_object_get(json_object_get(linux_part, "resources"), "devices");
    bool found = false;
    bool write = false;
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(list, i, v)
    {
        const char *access = json_string_value(json_object_get(v, "access"));
        const char *type = json_string_value(json_object_get(v, "type"));
        if (type != NULL && strcmp(type, "b") == 0 && json_is_true(json_object_get(v, "allow")) &&
            json_is_integer(json_object_get(v, "major")) &&
            json_integer_value(json_object_get(v, "major")) == d->major &&
            json_integer_value(json_object_get(v, "minor")) == d->minor) {
            found = true;
            write = write || (access != NULL && strchr(access, 'w') != NULL);
        }
    }
    return !found || write;
}

static enum cl_status block_device(struct shim_translation *t, const json_t *linux_part,
                                   const struct device *d, const json_t *from, json_t *list,
                                   struct cl_err *err)
{
    struct shim_source source = {.volume.kind = SHIM_VOLUME_BLOCK};
    char text[SHIM_NAME_MAX + 8];
    (void)snprintf(source.volume.name, sizeof(source.volume.name), "block_%lld_%lld",
                   (long long)d->major, (long long)d->minor);
    (void)snprintf(source.host_path, sizeof(source.host_path), "/dev/block/%lld:%lld",
                   (long long)d->major, (long long)d->minor);
    (void)snprintf(text, sizeof(text), "volume:%s", source.volume.name);
    source.volume.read_only = !may_write(linux_part, d);
    CL_TRY(shim_volume_add(t->s, &source, err));
    json_t *to = json_object();
    CL_TRY(shim_append(list, to, err));
    const struct shim_copy c = {from, to, "linux.devices"};
    CL_TRY(shim_copy_string(&c, "path", err));
    CL_TRY(shim_put(to, "type", json_string("b"), err));
    CL_TRY(shim_put(to, "source", json_string(text), err));
    CL_TRY(shim_copy_int(&c, "fileMode", 0, 07777777, err));
    CL_TRY(shim_copy_int(&c, "uid", 0, UINT32_MAX - 1, err));
    return shim_copy_int(&c, "gid", 0, UINT32_MAX - 1, err);
}

static enum cl_status build_device(struct shim_translation *t, const json_t *linux_part,
                                   const json_t *from, json_t *list, struct cl_err *err)
{
    struct device d;
    CL_TRY(read_device(from, &d, err));
    if (strcmp(d.type, "b") != 0) {
        return t->privileged || in_every_container(&d)
                   ? CL_OK
                   : cl_err_set(err, CL_ERR_REJECTED,
                                "linux.devices: expected none of the host's but block devices, got "
                                "'%.128s'",
                                d.path);
    }
    if (t->privileged && is_hosts_own(t, &d)) {
        return CL_OK;
    }
    return block_device(t, linux_part, &d, from, list, err);
}

enum cl_status shim_devices_build(struct shim_translation *t, const json_t *linux_part,
                                  json_t **ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    json_t *list = NULL;
    size_t i = 0;
    json_t *v = NULL;
    if (out == NULL) {
        return cl_err_nomem(err, "devices");
    }
    *ret = NULL;
    CL_TRY(shim_opt_array(linux_part, "linux", "devices", MAX_DEVICES, &list, err));
    json_array_foreach(list, i, v)
    {
        CL_TRY(build_device(t, linux_part, v, out, err));
    }
    *ret = json_array_size(out) > 0 ? CL_TAKE(out) : NULL;
    return CL_OK;
}

static bool has_capability(const json_t *config, const char *set, const char *name)
{
    const json_t *caps = json_object_get(json_object_get(config, "process"), "capabilities");
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(json_object_get(caps, set), i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Only a privileged container has a /sys that it may write. */
static bool writes_sysfs(const json_t *config)
{
    size_t i = 0;
    json_t *m = NULL;
    json_array_foreach(json_object_get(config, "mounts"), i, m)
    {
        const char *type = json_string_value(json_object_get(m, "type"));
        size_t k = 0;
        json_t *o = NULL;
        bool ro = false;
        json_array_foreach(json_object_get(m, "options"), k, o)
        {
            ro = ro || (json_is_string(o) && strcmp(json_string_value(o), "ro") == 0);
        }
        if (type != NULL && strcmp(type, "sysfs") == 0) {
            return !ro;
        }
    }
    return false;
}

bool shim_looks_privileged(const json_t *config)
{
    const json_t *part = json_object_get(config, "linux");
    return has_capability(config, "bounding", "CAP_SYS_ADMIN") &&
           shim_member(part, "seccomp") == NULL &&
           json_array_size(json_object_get(part, "maskedPaths")) == 0 &&
           json_array_size(json_object_get(part, "readonlyPaths")) == 0 && writes_sysfs(config);
}
