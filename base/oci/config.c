/* SPDX-License-Identifier: Apache-2.0
 * config.c - the configuration of an image: diffIDs, and how its program is to be started.
 * Trust: hostile bytes. Threads: no shared state. Memory: out of a text of CL_OCI_MAX_CONFIG bytes.
 */
#include "oci_internal.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "image configuration"

void cl_oci_config_done(struct cl_oci_config *c)
{
    if (c == NULL) {
        return;
    }
    free(c->diff_ids);
    cl_strv_done(&c->entrypoint);
    cl_strv_done(&c->cmd);
    cl_strv_done(&c->env);
    cl_strv_done(&c->volumes);
    free(c->working_dir);
    free(c->user);
    free(c->stop_signal);
    *c = (struct cl_oci_config){0};
}

static enum cl_status platform_check(const json_t *j, struct cl_err *err)
{
    const char *os = NULL;
    const char *arch = NULL;
    CL_TRY(cl_json_get_string(j, WHAT, "os", &os, err));
    CL_TRY(cl_json_get_string(j, WHAT, "architecture", &arch, err));
    if (strcmp(os, "linux") != 0 || strcmp(arch, "amd64") != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          WHAT ": platform: expected linux/amd64, got %.32s/%.32s", os, arch);
    }
    return CL_OK;
}

static enum cl_status diff_ids_parse(const json_t *j, struct cl_oci_config *c, struct cl_err *err)
{
    json_t *rootfs = NULL;
    json_t *array = NULL;
    const char *type = NULL;
    CL_TRY(cl_json_get_object(j, WHAT, "rootfs", &rootfs, err));
    CL_TRY(cl_json_get_string(rootfs, WHAT ": rootfs", "type", &type, err));
    if (strcmp(type, "layers") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          WHAT ": rootfs: type: expected layers, got '%.32s'", type);
    }
    CL_TRY(cl_json_get_array(rootfs, WHAT ": rootfs", "diff_ids", &array, err));
    size_t count = json_array_size(array);
    if (count < 1 || count > CL_OCI_MAX_LAYERS) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": rootfs: diff_ids: expected 1 to %u, got %zu", CL_OCI_MAX_LAYERS,
                          count);
    }
    c->diff_ids = calloc(count, sizeof(*c->diff_ids));
    if (c->diff_ids == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        enum cl_status st = text != NULL ? cl_oci_digest_parse(text, c->diff_ids[i], err)
                                         : cl_err_set(err, CL_ERR_MALFORMED, "expected string");
        if (st != CL_OK) {
            return cl_err_wrap(err, st, WHAT ": rootfs: diff_ids: item %zu", i);
        }
    }
    c->diff_id_count = count;
    return CL_OK;
}

/* An optional string, copied; absent, null or empty is NULL (Docker writes ""). */
static enum cl_status text_parse(const json_t *obj, const char *key, char **ret, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(oci_opt_string(obj, WHAT ": config", key, &text, err));
    if (text == NULL || text[0] == '\0') {
        return CL_OK;
    }
    if (strlen(text) > 4096) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": config: %s: expected at most 4096 bytes, got %zu", key,
                          strlen(text));
    }
    *ret = strdup(text);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, WHAT);
}

static enum cl_status volumes_parse(json_t *config, struct cl_strv *ret, struct cl_err *err)
{
    json_t *volumes = json_object_get(config, "Volumes");
    if (volumes == NULL || json_is_null(volumes)) {
        return CL_OK;
    }
    if (!json_is_object(volumes) || json_object_size(volumes) > CL_OCI_MAX_ARGS) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": config: Volumes: expected an object of at most %u members",
                          CL_OCI_MAX_ARGS);
    }
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(volumes, key, value)
    {
        CL_TRY(cl_strv_add(ret, key, err));
    }
    return CL_OK;
}

/* An environment entry without "=" or with an empty name has no meaning that execve would keep. */
static enum cl_status env_check(const struct cl_strv *env, struct cl_err *err)
{
    for (size_t i = 0; i < env->count; i++) {
        const char *eq = strchr(env->v[i], '=');
        if (eq == NULL || eq == env->v[i]) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              WHAT ": config: Env: item %zu: expected NAME=value", i);
        }
    }
    return CL_OK;
}

static enum cl_status start_parse(json_t *config, struct cl_oci_config *c, struct cl_err *err)
{
    const char *what = WHAT ": config";
    CL_TRY(cl_strv_from_json(config, what, "Entrypoint", CL_OCI_MAX_ARGS, CL_OCI_MAX_ARG,
                             &c->entrypoint, err));
    CL_TRY(cl_strv_from_json(config, what, "Cmd", CL_OCI_MAX_ARGS, CL_OCI_MAX_ARG, &c->cmd, err));
    CL_TRY(cl_strv_from_json(config, what, "Env", CL_OCI_MAX_ARGS, CL_OCI_MAX_ARG, &c->env, err));
    CL_TRY(env_check(&c->env, err));
    CL_TRY(text_parse(config, "WorkingDir", &c->working_dir, err));
    CL_TRY(text_parse(config, "User", &c->user, err));
    CL_TRY(text_parse(config, "StopSignal", &c->stop_signal, err));
    return volumes_parse(config, &c->volumes, err);
}

enum cl_status cl_oci_config_parse(const uint8_t *data, size_t len, struct cl_oci_config *ret,
                                   struct cl_err *err)
{
    if (len > CL_OCI_MAX_CONFIG) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected at most %u bytes, got %zu",
                          CL_OCI_MAX_CONFIG, len);
    }
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(data, len, WHAT, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected an object");
    }
    CL_TRY(platform_check(j, err));
    CL_CLEANUP(cl_oci_config_done) struct cl_oci_config c = {0};
    CL_TRY(diff_ids_parse(j, &c, err));
    json_t *config = json_object_get(j, "config");
    if (config != NULL && !json_is_null(config)) {
        if (!json_is_object(config)) {
            return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": config: expected an object");
        }
        CL_TRY(start_parse(config, &c, err));
    }
    *ret = c;
    c = (struct cl_oci_config){0};
    return CL_OK;
}

enum cl_status cl_oci_config_fits(const struct cl_oci_config *c, const struct cl_oci_manifest *m,
                                  struct cl_err *err)
{
    if (c->diff_id_count != m->layer_count) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          WHAT ": rootfs: diff_ids: expected %zu, as many as layers, got %zu",
                          m->layer_count, c->diff_id_count);
    }
    return CL_OK;
}
