/* SPDX-License-Identifier: Apache-2.0
 * poddevices.c - the devices of a specification: block volumes of the pod, each under the path that
 * the container knows it by. Which device of the guest it is, the agent says.
 */
#include "podcheck.h"

#include "agent/podspec.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "spec: linux.devices"

/* "/dev/NAME[/NAME]": anywhere else the container's file systems have no devices. */
static enum cl_status read_path(const json_t *from, char **ret, struct cl_err *err)
{
    const char *path = NULL;
    CL_TRY(cl_json_get_string(from, WHAT, "path", &path, err));
    if (!agent_podcheck_is_path(path) || strncmp(path, "/dev/", 5) != 0 || path[5] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": path: expected one below /dev, got '%.128s'", path);
    }
    *ret = strdup(path);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "devices");
}

/* "volume:NAME" */
static enum cl_status read_source(const json_t *from, struct agent_pod_device *d,
                                  struct cl_err *err)
{
    const char *source = NULL;
    CL_TRY(cl_json_get_string(from, WHAT, "source", &source, err));
    if (strncmp(source, "volume:", 7) != 0 || strlen(source + 7) > AGENT_POD_MAX_NAME) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": source: expected volume:NAME, got '%.128s'", source);
    }
    memcpy(d->volume, source + 7, strlen(source + 7) + 1);
    return agent_pod_check_volume_name(d->volume, WHAT ": source", err);
}

static enum cl_status read_number(const json_t *from, const char *key, int64_t max, uint32_t *io,
                                  struct cl_err *err)
{
    int64_t v = 0;
    if (json_object_get(from, key) != NULL) {
        CL_TRY(cl_json_get_int(from, WHAT, key, 0, max, &v, err));
        *io = (uint32_t)v;
    }
    return CL_OK;
}

static enum cl_status read_device(const json_t *from, struct agent_podspec *s, struct cl_err *err)
{
    static const char *const keys[] = {"path", "type", "source", "fileMode", "uid", "gid", NULL};
    struct agent_pod_device *d = &s->device[s->device_count];
    const char *type = NULL;
    CL_TRY(cl_json_only_keys(from, WHAT, keys, err));
    CL_TRY(cl_json_get_string(from, WHAT, "type", &type, err));
    if (strcmp(type, "b") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": type: expected b, got '%.16s'", type);
    }
    CL_TRY(read_source(from, d, err));
    d->mode = 0660;
    CL_TRY(read_number(from, "fileMode", 07777777, &d->mode, err));
    CL_TRY(read_number(from, "uid", UINT32_MAX - 1, &d->uid, err));
    CL_TRY(read_number(from, "gid", UINT32_MAX - 1, &d->gid, err));
    CL_TRY(read_path(from, &d->path, err));
    s->device_count++;
    return CL_OK;
}

enum cl_status agent_poddevices_read(const json_t *linux_, struct agent_podspec *s,
                                     struct cl_err *err)
{
    json_t *list = NULL;
    json_t *item = NULL;
    size_t i = 0;
    CL_TRY(cl_json_opt_array(linux_, "spec: linux", "devices", AGENT_POD_MAX_BLOCKS, &list, err));
    json_array_foreach(list, i, item)
    {
        CL_TRY(read_device(item, s, err));
    }
    return CL_OK;
}

enum cl_status agent_podspec_set_device(struct agent_podspec *s, size_t i, unsigned major,
                                        unsigned minor, struct cl_err *err)
{
    const struct agent_pod_device *d = &s->device[i];
    json_t *linux_ = json_object_get(s->config, "linux");
    json_t *rules = json_object_get(json_object_get(linux_, "resources"), "devices");
    json_t *device = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "path", d->path, "type", "b",
                               "major", (json_int_t)major, "minor", (json_int_t)minor, "fileMode",
                               (json_int_t)(d->mode & 0777), "uid", (json_int_t)d->uid, "gid",
                               (json_int_t)d->gid);
    json_t *rule = json_pack("{s:b,s:s,s:s,s:I,s:I}", "allow", 1, "access", "rwm", "type", "b",
                             "major", (json_int_t)major, "minor", (json_int_t)minor);
    int rc = json_array_append_new(json_object_get(linux_, "devices"), device);
    rc |= json_array_append_new(rules, rule);
    return rc == 0 ? CL_OK : cl_err_nomem(err, "devices");
}
