/* SPDX-License-Identifier: Apache-2.0
 * fuzz_shim_spec.c - a bundle's config.json, up to a NUL; what follows it is the host's mountinfo.
 */
#include "translate.h"

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct host {
    const uint8_t *mountinfo;
    size_t len;
};

static enum cl_status fuzz_mountinfo(void *ctx, struct cl_buf *out, struct cl_err *err)
{
    const struct host *h = ctx;
    return cl_buf_append(out, h->mountinfo, h->len, err);
}

/* Files where the path has even length, devices where it has not. */
static int fuzz_stat(void *ctx, const char *path, struct stat *ret)
{
    (void)ctx;
    size_t n = strlen(path);
    *ret = (struct stat){.st_mode = n % 2 == 0 ? S_IFREG : S_IFBLK, .st_rdev = makedev(8, 0)};
    errno = ENOENT;
    return n % 5 == 0 ? -1 : 0;
}

static void check_volume(const struct shim_volume *v)
{
    size_t n = strlen(v->name);
    bool of_host = v->kind == SHIM_VOLUME_FILES || v->kind == SHIM_VOLUME_BLOCK ||
                   v->kind == SHIM_VOLUME_RESULT;
    if (n < 1 || n > SHIM_NAME_MAX || v->name[0] == '.' || strchr(v->name, '/') != NULL ||
        of_host != (v->host_path != NULL)) {
        abort();
    }
    if (v->host_path != NULL && (v->host_path[0] != '/' || strstr(v->host_path, "/../") != NULL)) {
        abort();
    }
}

/* No path of the host is left in what the guest gets. */
static void check_guest(const struct shim_spec *s)
{
    json_t *guest = NULL;
    size_t i = 0;
    json_t *m = NULL;
    if (cl_json_parse(s->guest.data, s->guest.len, "guest", &guest, NULL) != CL_OK) {
        abort();
    }
    json_array_foreach(json_object_get(guest, "mounts"), i, m)
    {
        const char *type = json_string_value(json_object_get(m, "type"));
        const char *source = json_string_value(json_object_get(m, "source"));
        if (type == NULL || source == NULL ||
            (strcmp(type, "bind") == 0 && strncmp(source, "volume:", 7) != 0)) {
            abort();
        }
    }
    json_array_foreach(json_object_get(json_object_get(guest, "linux"), "namespaces"), i, m)
    {
        if (json_object_size(m) != 1) {
            abort();
        }
    }
    json_decref(guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = {0};
    size_t config = len > 0 ? strnlen((const char *)data, len) : 0;
    struct host h = {data + config + (config < len), len - config - (config < len)};
    const struct shim_host host = {.mountinfo = fuzz_mountinfo, .stat = fuzz_stat, .ctx = &h};
    const struct shim_translate_options o = {.host = &host, .host_files = len % 2 == 0};
    struct cl_err err = {0};
    if (shim_spec_translate(data, config, &o, &s, &err) != CL_OK) {
        return 0;
    }
    for (size_t i = 0; i < s.volume_count; i++) {
        check_volume(&s.volume[i]);
    }
    if (s.kind != SHIM_SANDBOX) {
        check_guest(&s);
    }
    return 0;
}
