/* SPDX-License-Identifier: Apache-2.0
 * config.c - the node's settings of the shim. Trust, threads, memory: config.h.
 */
#include "config.h"

#include "base/toml.h"
#include "host/scratch_file.h"

#include <stdlib.h>
#include <string.h>

void shim_config_default(struct shim_config *ret)
{
    *ret = (struct shim_config){.cpus = 1,
                                .cpus_max = SHIM_CPUS_MAX,
                                .memory_mib = 256,
                                .memory_max_mib = SHIM_MEMORY_MAX_MIB,
                                .overhead_mib = 48,
                                .boot_timeout_s = 60,
                                .image_timeout_s = 600};
}

void shim_config_done(struct shim_config *c)
{
    if (c == NULL) {
        return;
    }
    free(c->tee);
    free(c->guest);
    free(c->psp_state);
    free(c->certs);
    free(c->qgs);
    free(c->console);
    free(c->scratch_dir);
    free(c->registry_ca);
    free(c->signatures);
    free(c->cache_dir);
    free(c->certs_dir);
    free(c->auth_file);
    free(c->kubelet);
    for (size_t i = 0; i < c->relay_count; i++) {
        free(c->relay_allow[i]);
    }
    *c = (struct shim_config){0};
}

static enum cl_status keep(const char *value, char **ret, struct cl_err *err)
{
    *ret = strdup(value);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "settings");
}

/* --- typed members, all of them optional
 * ------------------------------------------------------------- */

static enum cl_status take_number(const json_t *table, const char *what, const char *key,
                                  uint32_t min, uint32_t max, uint32_t *ret, struct cl_err *err)
{
    int64_t v = *ret;
    if (json_object_get(table, key) != NULL) {
        CL_TRY(cl_json_get_int(table, what, key, min, max, &v, err));
    }
    *ret = (uint32_t)v;
    return CL_OK;
}

static enum cl_status take_bool(const json_t *table, const char *what, const char *key, bool *ret,
                                struct cl_err *err)
{
    return json_object_get(table, key) != NULL ? cl_json_get_bool(table, what, key, ret, err)
                                               : CL_OK;
}

static enum cl_status take_path(const json_t *table, const char *what, const char *key, char **ret,
                                struct cl_err *err)
{
    const char *v = NULL;
    if (json_object_get(table, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(table, what, key, &v, err));
    if (v[0] != '/') {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected an absolute path, got '%.100s'",
                          what, key, v);
    }
    return keep(v, ret, err);
}

static enum cl_status take_tee(const json_t *vm, char **ret, struct cl_err *err)
{
    const char *v = NULL;
    if (json_object_get(vm, "tee") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(vm, "vm", "tee", &v, err));
    if (strcmp(v, "sim") != 0 && strcmp(v, "snp") != 0 && strcmp(v, "tdx") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "vm: tee: expected sim, snp or tdx, got '%.100s'",
                          v);
    }
    return keep(v, ret, err);
}

/* A member that only one class has a use for; with another it would be forgotten silently. */
static enum cl_status of_class(const json_t *vm, const char *key, const char *tee,
                               const struct shim_config *c, struct cl_err *err)
{
    if (json_object_get(vm, key) == NULL || (c->tee != NULL && strcmp(c->tee, tee) == 0)) {
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "vm: %s: expected with tee = \"%s\", got %s", key, tee,
                      c->tee != NULL ? c->tee : "none");
}

static enum cl_status take_class_members(const json_t *vm, struct shim_config *c,
                                         struct cl_err *err)
{
    const json_t *qgs = json_object_get(vm, "qgs");
    CL_TRY(of_class(vm, "certs", "snp", c, err));
    CL_TRY(take_path(vm, "vm", "certs", &c->certs, err));
    CL_TRY(of_class(vm, "qgs", "tdx", c, err));
    if (json_is_string(qgs) && strcmp(json_string_value(qgs), "vsock") == 0) {
        return keep("vsock", &c->qgs, err);
    }
    return take_path(vm, "vm", "qgs", &c->qgs, err);
}

/* --- tables
 * ------------------------------------------------------------------------------------------- */

/* *ret stays NULL when there is no such table. */
static enum cl_status table_of(const json_t *root, const char *name, const char *const *keys,
                               json_t **ret, struct cl_err *err)
{
    if (json_object_get(root, name) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_object(root, "settings", name, ret, err));
    return cl_json_only_keys(*ret, name, keys, err);
}

static enum cl_status take_scratch(const json_t *vm, struct shim_config *c, struct cl_err *err)
{
    CL_TRY(take_number(vm, "vm", "scratch-mib", 0, HOST_SCRATCH_MAX_MIB, &c->scratch_mib, err));
    if (c->scratch_mib > 0 && c->scratch_mib < HOST_SCRATCH_MIN_MIB) {
        return cl_err_set(err, CL_ERR_MALFORMED, "vm: scratch-mib: expected 0, or %u to %u, got %u",
                          HOST_SCRATCH_MIN_MIB, HOST_SCRATCH_MAX_MIB, c->scratch_mib);
    }
    return take_path(vm, "vm", "scratch-dir", &c->scratch_dir, err);
}

static enum cl_status take_vm(const json_t *root, struct shim_config *c, struct cl_err *err)
{
    static const char *const keys[] = {"tee",
                                       "guest",
                                       "psp-state",
                                       "certs",
                                       "qgs",
                                       "console",
                                       "insecure-no-jail",
                                       "cpus",
                                       "cpus-max",
                                       "memory-mib",
                                       "memory-max-mib",
                                       "overhead-mib",
                                       "boot-timeout-s",
                                       "scratch-mib",
                                       "scratch-dir",
                                       NULL};
    json_t *vm = NULL;
    CL_TRY(table_of(root, "vm", keys, &vm, err));
    CL_TRY(take_tee(vm, &c->tee, err));
    CL_TRY(take_path(vm, "vm", "guest", &c->guest, err));
    CL_TRY(take_path(vm, "vm", "psp-state", &c->psp_state, err));
    CL_TRY(take_class_members(vm, c, err));
    CL_TRY(take_path(vm, "vm", "console", &c->console, err));
    CL_TRY(take_bool(vm, "vm", "insecure-no-jail", &c->insecure_no_jail, err));
    CL_TRY(take_number(vm, "vm", "cpus-max", 1, SHIM_CPUS_MAX, &c->cpus_max, err));
    CL_TRY(take_number(vm, "vm", "cpus", 1, c->cpus_max, &c->cpus, err));
    CL_TRY(take_number(vm, "vm", "memory-max-mib", SHIM_MEMORY_MIN_MIB, SHIM_MEMORY_MAX_MIB,
                       &c->memory_max_mib, err));
    CL_TRY(take_number(vm, "vm", "memory-mib", 0, c->memory_max_mib, &c->memory_mib, err));
    CL_TRY(take_number(vm, "vm", "overhead-mib", 0, 65536, &c->overhead_mib, err));
    CL_TRY(take_scratch(vm, c, err));
    return take_number(vm, "vm", "boot-timeout-s", 1, 3600, &c->boot_timeout_s, err);
}

static enum cl_status take_relay(const json_t *root, struct shim_config *c, struct cl_err *err)
{
    static const char *const keys[] = {"allow", NULL};
    json_t *relay = NULL;
    json_t *list = NULL;
    CL_TRY(table_of(root, "relay", keys, &relay, err));
    if (json_object_get(relay, "allow") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_array(relay, "relay", "allow", &list, err));
    size_t count = json_array_size(list);
    if (count > SHIM_CONFIG_MAX_RELAY) {
        return cl_err_set(err, CL_ERR_MALFORMED, "relay: allow: expected at most %u, got %zu",
                          SHIM_CONFIG_MAX_RELAY, count);
    }
    for (size_t i = 0; i < count; i++) {
        const char *v = json_string_value(json_array_get(list, i));
        if (v == NULL || strrchr(v, ':') == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "relay: allow: expected HOST:PORT, got '%.100s'",
                              v != NULL ? v : "no string");
        }
        CL_TRY(keep(v, &c->relay_allow[i], err));
        c->relay_count = i + 1;
    }
    return CL_OK;
}

static enum cl_status take_image(const json_t *root, struct shim_config *c, struct cl_err *err)
{
    static const char *const keys[] = {"registry-ca", "signatures", "timeout-s", "cache-dir",
                                       "cache-mib",   "certs-dir",  "auth-file", NULL};
    json_t *image = NULL;
    CL_TRY(table_of(root, "image", keys, &image, err));
    CL_TRY(take_path(image, "image", "registry-ca", &c->registry_ca, err));
    CL_TRY(take_path(image, "image", "signatures", &c->signatures, err));
    CL_TRY(take_path(image, "image", "cache-dir", &c->cache_dir, err));
    CL_TRY(take_number(image, "image", "cache-mib", 1, SHIM_CACHE_MAX_MIB, &c->cache_mib, err));
    CL_TRY(take_path(image, "image", "certs-dir", &c->certs_dir, err));
    CL_TRY(take_path(image, "image", "auth-file", &c->auth_file, err));
    return take_number(image, "image", "timeout-s", 1, 86400, &c->image_timeout_s, err);
}

static enum cl_status take_pod(const json_t *root, struct shim_config *c, struct cl_err *err)
{
    static const char *const keys[] = {"kubelet", "host-files", NULL};
    json_t *pod = NULL;
    CL_TRY(table_of(root, "pod", keys, &pod, err));
    CL_TRY(take_path(pod, "pod", "kubelet", &c->kubelet, err));
    return take_bool(pod, "pod", "host-files", &c->host_files, err);
}

static enum cl_status take_all(const json_t *root, struct shim_config *c, struct cl_err *err)
{
    static const char *const keys[] = {"vm", "relay", "image", "pod", NULL};
    CL_TRY(cl_json_only_keys(root, "settings", keys, err));
    CL_TRY(take_vm(root, c, err));
    CL_TRY(take_relay(root, c, err));
    CL_TRY(take_image(root, c, err));
    return take_pod(root, c, err);
}

enum cl_status shim_config_parse(const char *text, size_t len, const char *what,
                                 struct shim_config *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *root = NULL;
    struct shim_config c;
    CL_TRY(cl_toml_parse(text, len, what, &root, err));
    shim_config_default(&c);
    enum cl_status st = take_all(root, &c, err);
    if (st != CL_OK) {
        shim_config_done(&c);
        return cl_err_wrap(err, st, "'%.200s'", what);
    }
    *ret = c;
    return CL_OK;
}

enum cl_status shim_config_read(const char *path, struct shim_config *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_buf_read_file(&text, path, SHIM_CONFIG_MAX_SIZE, err));
    return shim_config_parse((const char *)text.data, text.len, path, ret, err);
}
