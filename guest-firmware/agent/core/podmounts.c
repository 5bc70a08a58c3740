/* SPDX-License-Identifier: Apache-2.0
 * podmounts.c - the mounts of a specification. Sources are volumes of the pod, never paths.
 */
#include "podcheck.h"

#include "agent/podspec.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

static const char *const types[] = {"proc",   "sysfs",  "tmpfs", "devpts",
                                    "mqueue", "cgroup", "bind",  NULL};
static const char *const flags[] = {
    "ro",     "rw",      "nosuid",      "suid",     "noexec",      "exec",
    "nodev",  "dev",     "noatime",     "relatime", "strictatime", "nodiratime",
    "bind",   "rbind",   "private",     "rprivate", "slave",       "rslave",
    "shared", "rshared", "newinstance", NULL,
};
static const char *const values[] = {
    "mode=", "size=", "uid=", "gid=", "ptmxmode=", "nr_inodes=", NULL};

/* A flag of the list, or NAME= with digits and at most one unit. crun's own words ("copy-symlink",
 * "tmpcopyup", "idmap") are not there. */
static bool is_option(const char *text)
{
    if (agent_podcheck_is_one_of(text, flags)) {
        return true;
    }
    for (const char *const *v = values; *v != NULL; v++) {
        size_t n = strlen(*v);
        if (strncmp(text, *v, n) == 0) {
            size_t digits = strspn(text + n, "0123456789");
            const char *unit = text + n + digits;
            return digits >= 1 && digits <= 20 &&
                   (*unit == '\0' || (strchr("kKmMgG%", *unit) != NULL && unit[1] == '\0'));
        }
    }
    return false;
}

/* "volume:NAME[/path]" */
static enum cl_status parse_source(const char *source, struct agent_pod_bind *ret,
                                   struct cl_err *err)
{
    const char *what = "spec: mounts: source";
    struct agent_path path;
    if (source == NULL || strncmp(source, "volume:", 7) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected volume:NAME, got '%.128s'", what,
                          source != NULL ? source : "");
    }
    const char *name = source + 7;
    size_t n = strcspn(name, "/");
    if (n > AGENT_POD_MAX_NAME) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a name of at most %u bytes, got %zu",
                          what, AGENT_POD_MAX_NAME, n);
    }
    memcpy(ret->volume, name, n);
    ret->volume[n] = '\0';
    CL_TRY(agent_pod_check_volume_name(ret->volume, what, err));
    CL_TRY(agent_path_parse(name + n, what, AGENT_MAX_DEPTH, &path, err));
    ret->path = strdup(path.text);
    return ret->path != NULL ? CL_OK : cl_err_nomem(err, "mount");
}

static enum cl_status check_mount(const json_t *m, const char **ret_type, struct cl_err *err)
{
    static const char *const keys[] = {"destination", "type", "source", "options", NULL};
    const char *what = "spec: mounts";
    const char *destination = NULL;
    const char *type = NULL;
    json_t *options = NULL;
    CL_TRY(cl_json_only_keys(m, what, keys, err));
    CL_TRY(cl_json_get_string(m, what, "destination", &destination, err));
    CL_TRY(cl_json_get_string(m, what, "type", &type, err));
    CL_TRY(agent_podcheck_string(m, what, "source", NULL, "a shorter string", err));
    CL_TRY(agent_podcheck_strings(m, what, "options", is_option, "a known option", &options, err));
    if (!agent_podcheck_is_path(destination) || strcmp(destination, "/") == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: destination: expected an absolute path, got '%.128s'", what,
                          destination);
    }
    if (!agent_podcheck_is_one_of(type, types)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: type: expected proc, sysfs, tmpfs, devpts, mqueue, cgroup or bind, "
                          "got '%.64s'",
                          what, type);
    }
    *ret_type = type;
    return CL_OK;
}

static enum cl_status add_mount(const json_t *m, struct agent_podspec *s, json_t *out,
                                struct cl_err *err)
{
    static const char *const keys[] = {"destination", "type", "options", NULL};
    const char *type = NULL;
    CL_TRY(check_mount(m, &type, err));
    if (strcmp(type, "bind") == 0) {
        struct agent_pod_bind *b = &s->bind[s->bind_count];
        CL_TRY(parse_source(json_string_value(json_object_get(m, "source")), b, err));
        b->index = json_array_size(out);
        s->bind_count++;
    }
    CL_CLEANUP(cl_json_decrefp) json_t *copy = json_pack("{s:s}", "source", type);
    CL_TRY(agent_podcheck_copy(copy, m, keys, err));
    return json_array_append(out, copy) == 0 ? CL_OK : cl_err_nomem(err, "mount");
}

enum cl_status agent_podmounts_build(const json_t *spec, struct agent_podspec *s, json_t **ret,
                                     struct cl_err *err)
{
    json_t *list = NULL;
    json_t *item = NULL;
    size_t i = 0;
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    CL_TRY(cl_json_opt_array(spec, "spec", "mounts", AGENT_POD_MAX_MOUNTS, &list, err));
    json_array_foreach(list, i, item)
    {
        CL_TRY(add_mount(item, s, out, err));
    }
    *ret = CL_TAKE(out);
    return CL_OK;
}
