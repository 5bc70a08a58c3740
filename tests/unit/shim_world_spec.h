/* SPDX-License-Identifier: Apache-2.0
 * shim_world_spec.h - a specification that says in a few words what the real one would: stands in
 * for runtime/shim's translation in the programs that link it.
 */
#ifndef CL_TEST_SHIM_WORLD_SPEC_H
#define CL_TEST_SHIM_WORLD_SPEC_H

#include "base/json.h"
#include "translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the specification ---------------------------------------------------------------------------
 * {"kind":"single|sandbox|container","sandbox":ID,"terminal":true,"volumes":[{"name","kind","path","watch","transient"}]}
 */

static void copy_volume(const json_t *j, struct shim_volume *v)
{
    const char *path = json_string_value(json_object_get(j, "path"));
    v->kind = (enum shim_volume_kind)json_integer_value(json_object_get(j, "kind"));
    (void)snprintf(v->name, sizeof(v->name), "%s", json_string_value(json_object_get(j, "name")));
    v->host_path = path != NULL ? strdup(path) : NULL;
    v->transient = json_is_true(json_object_get(j, "transient"));
    v->watch = json_is_true(json_object_get(j, "watch"));
}

enum cl_status shim_spec_translate(const void *config, size_t len,
                                   const struct shim_translate_options *options,
                                   struct shim_spec *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    (void)options;
    CL_TRY(cl_json_parse(config, len, "config.json", &j, err));
    const char *kind = json_string_value(json_object_get(j, "kind"));
    const char *sandbox = json_string_value(json_object_get(j, "sandbox"));
    const json_t *volumes = json_object_get(j, "volumes");
    if (kind == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED, "hostNetwork: expected false, got true");
    }
    *ret = (struct shim_spec){.kind = strcmp(kind, "single") == 0    ? SHIM_SINGLE
                                      : strcmp(kind, "sandbox") == 0 ? SHIM_SANDBOX
                                                                     : SHIM_CONTAINER};
    (void)snprintf(ret->sandbox_id, sizeof(ret->sandbox_id), "%s", sandbox != NULL ? sandbox : "");
    ret->terminal = json_is_true(json_object_get(j, "terminal"));
    ret->memory = (uint64_t)json_integer_value(json_object_get(j, "memory"));
    ret->cpus = (uint32_t)json_integer_value(json_object_get(j, "cpus"));
    const char *initdata = json_string_value(json_object_get(j, "initdata"));
    ret->initdata = initdata != NULL ? strdup(initdata) : NULL;
    const char *netns = json_string_value(json_object_get(j, "netns"));
    ret->netns = netns != NULL ? strdup(netns) : NULL;
    for (size_t i = 0; i < json_array_size(volumes); i++) {
        copy_volume(json_array_get(volumes, i), &ret->volume[ret->volume_count++]);
    }
    return cl_buf_append_str(&ret->guest, "{}", err);
}

void shim_spec_done(struct shim_spec *s)
{
    for (size_t i = 0; i < s->volume_count; i++) {
        free(s->volume[i].host_path);
    }
    free(s->initdata);
    free(s->netns);
    cl_buf_done(&s->guest);
}

enum cl_status shim_process_translate(const void *json, size_t len, struct cl_buf *ret_guest,
                                      struct cl_err *err)
{
    return len > 0 ? cl_buf_append(ret_guest, json, len, err)
                   : cl_err_set(err, CL_ERR_MALFORMED, "process: expected JSON, got nothing");
}

enum cl_status shim_resources_translate(const void *json, size_t len, struct cl_buf *ret_guest,
                                        struct cl_err *err)
{
    return cl_buf_append(ret_guest, json, len, err);
}

#endif
