/* SPDX-License-Identifier: Apache-2.0
 * check_mounts.c - mounts and devices of a container against its policy.
 */
#include "podpolicy_internal.h"

#include <stdio.h>
#include <string.h>

/* What any container has. */
static const struct standard {
    const char *destination;
    const char *type;
    bool guarded; /* read-only, but in a privileged container */
} standard[] = {
    {"/proc", "proc", false},           {"/dev", "tmpfs", false},
    {"/dev/pts", "devpts", false},      {"/dev/shm", "tmpfs", false},
    {"/dev/mqueue", "mqueue", false},   {"/sys", "sysfs", true},
    {"/sys/fs/cgroup", "cgroup", true},
};
static const char *const standard_options[] = {
    "nosuid",   "noexec",    "nodev",     "relatime",  "noatime",     "strictatime",
    "ro",       "rw",        "private",   "rprivate",  "newinstance", "ptmxmode=0666",
    "mode=755", "mode=0755", "mode=1777", "mode=0620", "mode=620",    "gid=5",
    NULL,
};
/* ro, rw and propagation are compared; these make no difference that a container relies on. */
static const char *const bind_options[] = {"bind",     "rbind",   "nosuid", "nodev",
                                           "relatime", "noatime", NULL};

static bool one_of(const char *text, const char *const *list)
{
    while (*list != NULL && strcmp(*list, text) != 0) {
        list++;
    }
    return *list != NULL;
}

static const char *text_of(const json_t *obj, const char *key)
{
    const char *text = json_string_value(json_object_get(obj, key));
    return text != NULL ? text : "";
}

static const char *option(const json_t *mount, size_t i)
{
    const char *text = json_string_value(json_array_get(json_object_get(mount, "options"), i));
    return text != NULL ? text : "";
}

static size_t option_count(const json_t *mount)
{
    return json_array_size(json_object_get(mount, "options"));
}

/* The last one counts, as to crun. */
static bool is_read_only(const json_t *mount)
{
    bool ro = false;
    for (size_t i = 0; i < option_count(mount); i++) {
        ro = strcmp(option(mount, i), "ro") == 0 || (ro && strcmp(option(mount, i), "rw") != 0);
    }
    return ro;
}

/* --- those of the guest's kernel -------------------------------------------------------------- */

static bool is_standard_option(const char *text)
{
    return one_of(text, standard_options) || strncmp(text, "size=", 5) == 0;
}

static enum cl_status check_standard(const struct cl_pod_policy_container *c, const json_t *mount,
                                     const char *what, struct cl_err *err)
{
    const char *destination = text_of(mount, "destination");
    const char *type = text_of(mount, "type");
    size_t i = 0;
    while (i < CL_ARRAY_LEN(standard) && strcmp(standard[i].destination, destination) != 0) {
        i++;
    }
    if (i == CL_ARRAY_LEN(standard)) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: expected none, got a %.32s", what, type);
    }
    if (strcmp(standard[i].type, type) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: type: expected %s, got %.32s", what,
                          standard[i].type, type);
    }
    if (standard[i].guarded && !c->privileged && !is_read_only(mount)) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: options: expected ro, got rw", what);
    }
    for (size_t k = 0; k < option_count(mount); k++) {
        if (!is_standard_option(option(mount, k))) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: options: expected those of a %s, got '%.64s'", what, type,
                              option(mount, k));
        }
    }
    return CL_OK;
}

/* --- those of volumes ------------------------------------------------------------------------- */

static enum cl_status check_source(const struct cl_pod_mount *m, const char *source,
                                   const char *what, struct cl_err *err)
{
    char name[CL_POD_POLICY_MAX_NAME + 1];
    bool good = strncmp(source, "volume:", 7) == 0;
    const char *at = source + (good ? 7 : 0);
    size_t n = strcspn(at, "/");
    const char *path = at + n + (at[n] == '/');
    good = good && n >= 1 && n < sizeof(name);
    if (good) {
        memcpy(name, at, n);
        name[n] = '\0';
        good = podpolicy_fits(m->volume, name) && (m->path == NULL || strcmp(m->path, path) == 0);
    }
    return good ? CL_OK
                : cl_err_set(err, CL_ERR_REJECTED,
                             "%s: source: expected 'volume:%s%s%.128s', got '%.160s'", what,
                             m->volume, m->path == NULL || m->path[0] != '\0' ? "/" : "",
                             m->path != NULL ? m->path : "*", source);
}

static bool is_propagation(const char *text, enum cl_pod_propagation *ret)
{
    static const char *const words[] = {"private", "slave", "shared"};
    for (size_t i = 0; i < CL_ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0 || (text[0] == 'r' && strcmp(text + 1, words[i]) == 0)) {
            *ret = (enum cl_pod_propagation)i;
            return true;
        }
    }
    return false;
}

static enum cl_status check_options(const struct cl_pod_mount *m, const json_t *mount,
                                    const char *what, struct cl_err *err)
{
    enum cl_pod_propagation propagation = CL_POD_PRIVATE;
    bool read_only = is_read_only(mount);
    for (size_t i = 0; i < option_count(mount); i++) {
        const char *text = option(mount, i);
        if (!is_propagation(text, &propagation) && strcmp(text, "ro") != 0 &&
            strcmp(text, "rw") != 0 && !one_of(text, bind_options)) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: options: expected no '%.64s', got it",
                              what, text);
        }
    }
    if (m->read_only != read_only) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: options: expected %s, got %s", what,
                          m->read_only ? "ro" : "rw", read_only ? "ro" : "rw");
    }
    return propagation == m->propagation || propagation == CL_POD_PRIVATE
               ? CL_OK /* less is no harm, and all that a host can do */
               : cl_err_set(err, CL_ERR_REJECTED,
                            "%s: options: expected less mount propagation, got more", what);
}

static const struct cl_pod_mount *find_mount(const struct cl_pod_policy_container *c,
                                             const char *destination)
{
    for (size_t i = 0; i < c->mount_count; i++) {
        if (strcmp(c->mounts[i].destination, destination) == 0) {
            return &c->mounts[i];
        }
    }
    return NULL;
}

static enum cl_status check_bind(const struct cl_pod_policy_container *c, const json_t *mount,
                                 const char *what, struct cl_err *err)
{
    const struct cl_pod_mount *m = find_mount(c, text_of(mount, "destination"));
    const char *source = text_of(mount, "source");
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: expected none, got '%.128s'", what, source);
    }
    CL_TRY(check_source(m, source, what, err));
    return check_options(m, mount, what, err);
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool is_below(const char *path, const char *parent)
{
    size_t n = strlen(parent);
    return strncmp(path, parent, n) == 0 && path[n] == '/';
}

/* A volume that several names may stand for is mounted once: two of them are not to be one. */
static bool is_shared_choice(const struct cl_pod_policy_container *c, const json_t *a,
                             const json_t *b)
{
    const struct cl_pod_mount *m = find_mount(c, text_of(a, "destination"));
    return strcmp(text_of(a, "type"), "bind") == 0 && m != NULL && strchr(m->volume, '*') != NULL &&
           strcmp(text_of(a, "source"), text_of(b, "source")) == 0;
}

/* Against those before it: the same place, or one below it that it would hide. */
static enum cl_status check_place(const struct cl_pod_policy_container *c, const json_t *mounts,
                                  size_t at, const char *what, struct cl_err *err)
{
    const json_t *mount = json_array_get(mounts, at);
    const char *destination = text_of(mount, "destination");
    for (size_t i = 0; i < at; i++) {
        const json_t *before = json_array_get(mounts, i);
        const char *other = text_of(before, "destination");
        if (strcmp(other, destination) == 0) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: expected one, got two", what);
        }
        if (is_below(other, destination)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: expected before '%.128s', which it would hide, got it after",
                              what, other);
        }
        if (is_shared_choice(c, mount, before)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: source: expected another volume than that of '%.128s', got the "
                              "same",
                              what, other);
        }
    }
    return CL_OK;
}

static bool is_there(const json_t *mounts, const char *destination)
{
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        if (strcmp(text_of(json_array_get(mounts, i), "destination"), destination) == 0) {
            return true;
        }
    }
    return false;
}

enum cl_status podpolicy_mounts(const struct cl_pod_policy_container *c, const json_t *mounts,
                                const char *what, struct cl_err *err)
{
    char inner[256];
    if (json_array_size(mounts) > CL_POD_POLICY_MAX_MOUNTS) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: mounts: expected at most %u, got %zu", what,
                          CL_POD_POLICY_MAX_MOUNTS, json_array_size(mounts));
    }
    for (size_t i = 0; i < json_array_size(mounts); i++) {
        const json_t *m = json_array_get(mounts, i);
        (void)snprintf(inner, sizeof(inner), "%.96s: mounts[%.128s]", what,
                       text_of(m, "destination"));
        CL_TRY(strcmp(text_of(m, "type"), "bind") == 0 ? check_bind(c, m, inner, err)
                                                       : check_standard(c, m, inner, err));
        CL_TRY(check_place(c, mounts, i, inner, err));
    }
    for (size_t i = 0; i < c->mount_count; i++) {
        const struct cl_pod_mount *m = &c->mounts[i];
        if (!m->optional && !is_there(mounts, m->destination)) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: mounts[%.128s]: expected 'volume:%s', got none", what,
                              m->destination, m->volume);
        }
    }
    return CL_OK;
}

/* --- devices ---------------------------------------------------------------------------------- */

/* The host's names of block volumes are of its own making: the path in the container counts. */
static bool is_block_source(const struct cl_pod_device *d, const char *source)
{
    return strncmp(source, "volume:", 7) == 0 &&
           (podpolicy_fits(d->volume, source + 7) || strncmp(source + 7, "block_", 6) == 0);
}

static bool same_device(const struct cl_pod_device *d, const json_t *device)
{
    const char *source = text_of(device, "source");
    return strcmp(d->path, text_of(device, "path")) == 0 && is_block_source(d, source) &&
           strcmp(text_of(device, "type"), "b") == 0;
}

enum cl_status podpolicy_devices(const struct cl_pod_policy_container *c, const json_t *devices,
                                 const char *what, struct cl_err *err)
{
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *v = json_array_get(devices, i);
        size_t k = 0;
        while (k < c->device_count && !same_device(&c->devices[k], v)) {
            k++;
        }
        if (k == c->device_count) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: devices[%.128s]: expected one of %zu of the policy, got '%.80s'",
                              what, text_of(v, "path"), c->device_count, text_of(v, "source"));
        }
    }
    return json_array_size(devices) == c->device_count
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "%s: devices: expected %zu, got %zu", what,
                            c->device_count, json_array_size(devices));
}

enum cl_status cl_pod_policy_device(const struct cl_pod_policy *p,
                                    const struct cl_pod_policy_container *c, const char *path,
                                    const struct cl_pod_device **ret_d,
                                    const struct cl_pod_volume **ret_v, struct cl_err *err)
{
    for (size_t i = 0; i < c->device_count; i++) {
        for (size_t k = 0; k < p->volume_count; k++) {
            if (strcmp(c->devices[i].path, path) == 0 &&
                strcmp(c->devices[i].volume, p->volumes[k].name) == 0) {
                *ret_d = &c->devices[i];
                *ret_v = &p->volumes[k];
                return CL_OK;
            }
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "policy: containers[%s]: devices[%.128s]: expected one of the policy",
                      c->name, path);
}
