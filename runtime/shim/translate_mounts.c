/* SPDX-License-Identifier: Apache-2.0
 * translate_mounts.c - the mounts of a container: file systems of the guest's kernel, and binds of
 * volumes (docs/interfaces.md I-10.2).
 */
#include "translate_internal.h"

#include <stdio.h>
#include <string.h>

/* File systems that any container has; cgroup2 is what the guest has under either name. */
static const char *guest_type(const char *type)
{
    static const char *const types[] = {"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup"};
    if (strcmp(type, "cgroup2") == 0) {
        return "cgroup";
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(types); i++) {
        if (strcmp(types[i], type) == 0) {
            return types[i];
        }
    }
    return NULL;
}

static bool one_of(const char *s, const char *const *list)
{
    while (*list != NULL && strcmp(*list, s) != 0) {
        list++;
    }
    return *list != NULL;
}

static bool has_option(const json_t *options, const char *word)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(options, i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), word) == 0) {
            return true;
        }
    }
    return false;
}

/* NULL: not one that a guest's mount can have. Nothing of the host's ever shows up below a mount,
 * so that a slave of the host's is a private one; a shared one would have to show there. */
static const char *guest_option(const char *o)
{
    static const char *const words[] = {
        "ro",     "rw",    "nosuid",  "suid",     "nodev",       "dev",
        "noexec", "exec",  "noatime", "relatime", "strictatime", "nodiratime",
        "bind",   "rbind", "private", "rprivate", "newinstance", NULL};
    static const char *const values[] = {
        "mode=", "size=", "uid=", "gid=", "ptmxmode=", "nr_inodes="};
    if (strcmp(o, "rro") == 0) { /* of recursiveReadOnly: a volume has no mounts in it */
        return "ro";
    }
    if (strcmp(o, "slave") == 0 || strcmp(o, "rslave") == 0) {
        return o[0] == 'r' ? "rprivate" : "private";
    }
    if (one_of(o, words)) {
        return o;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(values); i++) {
        size_t n = strlen(values[i]);
        const char *v = o + n;
        if (strncmp(o, values[i], n) == 0 && *v != '\0' && strlen(v) <= 24 &&
            strspn(v, "0123456789kKmMgG%") == strlen(v)) {
            return o;
        }
    }
    return NULL;
}

static enum cl_status build_options(const json_t *from, json_t *to, struct cl_err *err)
{
    json_t *options = NULL;
    size_t i = 0;
    json_t *v = NULL;
    CL_TRY(shim_opt_array(from, "mount", "options", 64, &options, err));
    json_array_foreach(options, i, v)
    {
        const char *text = json_is_string(v) ? json_string_value(v) : "";
        const char *option = guest_option(text);
        if (strcmp(text, "tmpcopyup") == 0) {
            continue; /* CRI-O's folders of a read-only container begin empty */
        }
        if (option == NULL) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "options: expected ones that a mount in a VM can have, got '%.64s'",
                              text);
        }
        CL_TRY(shim_append(to, json_string(option), err));
    }
    return CL_OK;
}

/* Files of the host are the guest's to read only. */
static enum cl_status make_read_only(json_t *options, struct cl_err *err)
{
    for (size_t i = json_array_size(options); i > 0; i--) {
        if (strcmp(json_string_value(json_array_get(options, i - 1)), "rw") == 0) {
            (void)json_array_remove(options, i - 1);
        }
    }
    return shim_append(options, json_string("ro"), err);
}

static enum cl_status put_volume(json_t *to, const struct shim_source *source, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_buf_printf(&text, err, "volume:%s%s%s", source->volume.name,
                         source->path[0] != '\0' ? "/" : "", source->path));
    CL_TRY(shim_put(to, "type", json_string("bind"), err));
    return shim_put(to, "source", json_string((const char *)text.data), err);
}

static enum cl_status build_bind(struct shim_translation *t, const json_t *from, json_t *to,
                                 json_t *options, struct cl_err *err)
{
    const char *path = NULL;
    struct shim_source source;
    bool read_only = has_option(options, "ro");
    CL_TRY(cl_json_get_string(from, "mount", "source", &path, err));
    CL_TRY(shim_source_find(t, path, read_only, &source, err));
    CL_TRY(shim_volume_add(t->s, &source, err));
    CL_TRY(put_volume(to, &source, err));
    if (!has_option(options, "bind") && !has_option(options, "rbind")) {
        CL_TRY(shim_append(options, json_string("bind"), err));
    }
    return source.volume.kind != SHIM_VOLUME_FILES || read_only ? CL_OK
                                                                : make_read_only(options, err);
}

static enum cl_status build_mount(struct shim_translation *t, const json_t *from, json_t *to,
                                  struct cl_err *err)
{
    static const char *const members[] = {"destination", "type", "source", "options", NULL};
    const char *destination = NULL;
    const char *type = NULL;
    CL_TRY(cl_json_get_string(from, "mount", "destination", &destination, err));
    if (!shim_path_valid(destination)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "destination: expected an absolute path");
    }
    CL_TRY(shim_only(from, "mount", members, err));
    CL_TRY(shim_opt_string(from, "mount", "type", &type, err));
    CL_TRY(shim_put(to, "destination", json_string(destination), err));
    json_t *options = json_array();
    CL_TRY(shim_put(to, "options", options, err));
    CL_TRY(build_options(from, options, err));
    type = type != NULL ? type : "";
    if (strcmp(type, "bind") == 0 || has_option(options, "bind") || has_option(options, "rbind")) {
        return build_bind(t, from, to, options, err);
    }
    const char *known = guest_type(type);
    if (known == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "type: expected bind, proc, sysfs, tmpfs, devpts, mqueue or cgroup, got "
                          "'%.32s'",
                          type);
    }
    CL_TRY(shim_put(to, "type", json_string(known), err));
    return shim_put(to, "source", json_string(known), err);
}

enum cl_status shim_mounts_build(struct shim_translation *t, json_t **ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    json_t *mounts = NULL;
    size_t i = 0;
    json_t *m = NULL;
    if (out == NULL) {
        return cl_err_nomem(err, "mounts");
    }
    CL_TRY(shim_opt_array(t->config, "config", "mounts", SHIM_MAX_MOUNTS, &mounts, err));
    json_array_foreach(mounts, i, m)
    {
        json_t *to = json_object();
        CL_TRY(shim_append(out, to, err));
        enum cl_status st = build_mount(t, m, to, err);
        if (st != CL_OK) {
            const char *at = json_string_value(json_object_get(m, "destination"));
            return cl_err_wrap(err, st, "mounts[%zu] '%.64s'", i, at != NULL ? at : "");
        }
    }
    *ret = CL_TAKE(out);
    return CL_OK;
}
