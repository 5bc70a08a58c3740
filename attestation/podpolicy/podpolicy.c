/* SPDX-License-Identifier: Apache-2.0
 * podpolicy.c - reads the policy of a pod: what its containers share, and their list.
 */
#include "podpolicy_internal.h"

#include "oci/ocicrypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "pod policy"
#define MAX_HOSTNAME 64u
#define MAX_SYSCTLS 128u

static const char *const kinds[] = {"files", "scratch", "memory", "shm", "block", NULL};

const char *cl_pod_kind_name(int kind)
{
    return kind >= CL_POD_FILES && kind <= CL_POD_BLOCK ? kinds[kind - CL_POD_FILES] : NULL;
}

void cl_pod_policy_free(struct cl_pod_policy *p)
{
    if (p == NULL) {
        return;
    }
    free(p->hostname);
    cl_strv_done(&p->sysctls);
    free(p->forward_ports);
    for (size_t i = 0; p->volumes != NULL && i < p->volume_count; i++) {
        free(p->volumes[i].key);
    }
    free(p->volumes);
    for (size_t i = 0; i < p->container_count; i++) {
        podpolicy_container_done(&p->containers[i]);
    }
    free(p->containers);
    free(p);
}

void cl_pod_policy_freep(struct cl_pod_policy **policy)
{
    cl_pod_policy_free(*policy);
    *policy = NULL;
}

bool cl_pod_policy_encrypted(const struct cl_pod_policy *p)
{
    for (size_t i = 0; i < p->container_count; i++) {
        if (p->containers[i].encryption_required) {
            return true;
        }
    }
    for (size_t i = 0; i < p->volume_count; i++) {
        if (p->volumes[i].key != NULL) {
            return true;
        }
    }
    return false;
}

static enum cl_status hostname_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    const char *text = NULL;
    if (json_object_get(j, "hostname") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, WHAT ": sandbox", "hostname", &text, err));
    if (text[0] == '\0' || strlen(text) > MAX_HOSTNAME) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": sandbox: hostname: expected 1 to %u bytes, got %zu", MAX_HOSTNAME,
                          strlen(text));
    }
    return podpolicy_dup(text, &p->hostname, err);
}

static enum cl_status sysctls_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    json_t *all = NULL;
    json_t *value = NULL;
    const char *name = NULL;
    CL_TRY(cl_json_opt_object(j, WHAT ": sandbox", "sysctls", &all, err));
    if (json_object_size(all) > MAX_SYSCTLS) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": sandbox: sysctls: expected at most %u, got %zu", MAX_SYSCTLS,
                          json_object_size(all));
    }
    json_object_foreach(all, name, value)
    {
        CL_CLEANUP(cl_buf_done) struct cl_buf line = {0};
        const char *text = NULL;
        CL_TRY(cl_json_get_string(all, WHAT ": sandbox: sysctls", name, &text, err));
        CL_TRY(cl_buf_printf(&line, err, "%s=%s", name, text));
        CL_TRY(cl_buf_cstr(&line, WHAT, &text, err));
        CL_TRY(cl_strv_add(&p->sysctls, text, err));
    }
    return CL_OK;
}

static enum cl_status ports_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    const char *what = WHAT ": sandbox: forward_ports";
    json_t *list = NULL;
    CL_TRY(cl_json_opt_array(j, WHAT ": sandbox", "forward_ports", CL_POD_POLICY_MAX_PORTS, &list,
                             err));
    size_t count = json_array_size(list);
    p->forward_ports = calloc(count + 1, sizeof(*p->forward_ports));
    if (p->forward_ports == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *n = json_array_get(list, i);
        json_int_t port = json_integer_value(n); /* 0 of what is none */
        if (port < 1 || port > UINT16_MAX) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: expected ports from 1 to 65535, got another value", what);
        }
        for (size_t k = 0; k < i; k++) {
            if (p->forward_ports[k] == port) {
                return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected each once, got %u twice",
                                  what, (unsigned)port);
            }
        }
        p->forward_ports[p->forward_port_count++] = (uint16_t)port;
    }
    return CL_OK;
}

static enum cl_status sandbox_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    static const char *const keys[] = {"hostname", "sysctls",       "share_processes",
                                       "network",  "forward_ports", NULL};
    json_t *s = NULL;
    CL_TRY(cl_json_opt_object(j, WHAT, "sandbox", &s, err));
    CL_TRY(cl_json_only_keys(s, WHAT ": sandbox", keys, err));
    CL_TRY(hostname_parse(s, p, err));
    CL_TRY(sysctls_parse(s, p, err));
    CL_TRY(cl_json_opt_bool(s, WHAT ": sandbox", "share_processes", &p->share_processes, err));
    CL_TRY(cl_json_opt_bool(s, WHAT ": sandbox", "network", &p->network, err));
    return ports_parse(s, p, err);
}

static enum cl_status encrypted_parse(const json_t *j, struct cl_pod_volume *v, struct cl_err *err)
{
    static const char *const keys[] = {"key", "format", NULL};
    static const char *const formats[] = {"never", "if-blank", NULL};
    const char *what = WHAT ": volumes: encrypted";
    char path[CL_OCICRYPT_MAX_PATH];
    json_t *e = NULL;
    const char *id = NULL;
    size_t format = 0;
    CL_TRY(cl_json_opt_object(j, WHAT ": volumes", "encrypted", &e, err));
    if (e == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_only_keys(e, what, keys, err));
    CL_TRY(cl_json_get_string(e, what, "key", &id, err));
    if (v->kind != CL_POD_BLOCK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected of kind block, got %s", what,
                          cl_pod_kind_name((int)v->kind));
    }
    if (strncmp(id, "kbs:///", 7) != 0 || cl_ocicrypt_kid_path(id, path, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: key: expected kbs:///repository/type/tag, got '%.80s'", what, id);
    }
    if (json_object_get(e, "format") != NULL) {
        CL_TRY(podpolicy_word(e, what, "format", formats, &format, err));
    }
    v->format_blank = format == 1;
    return podpolicy_dup(path, &v->key, err);
}

static enum cl_status volume_parse(const json_t *j, struct cl_pod_volume *v, struct cl_err *err)
{
    static const char *const keys[] = {"name",       "kind",      "host_writes",
                                       "host_reads", "encrypted", NULL};
    const char *what = WHAT ": volumes";
    size_t kind = 0;
    CL_TRY(podpolicy_volume_name(j, what, "name", v->name, err));
    CL_TRY(cl_json_only_keys(j, what, keys, err));
    CL_TRY(podpolicy_word(j, what, "kind", kinds, &kind, err));
    v->kind = (enum cl_pod_kind)(kind + CL_POD_FILES);
    CL_TRY(cl_json_opt_bool(j, what, "host_writes", &v->host_writes, err));
    CL_TRY(cl_json_opt_bool(j, what, "host_reads", &v->host_reads, err));
    CL_TRY(encrypted_parse(j, v, err));
    if (v->kind == CL_POD_FILES) {
        if (json_object_get(j, "host_writes") != NULL && !v->host_writes) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              WHAT ": volumes[%s]: host_writes: expected true, as its kind is "
                                   "files, got false",
                              v->name);
        }
        v->host_writes = true;
    }
    return CL_OK;
}

/* Whether one name could go by both. */
static bool overlap(const struct cl_pod_volume *a, const struct cl_pod_volume *b)
{
    size_t n = strcspn(a->name, "*");
    size_t m = strcspn(b->name, "*");
    if (a->name[n] == '\0' && b->name[m] == '\0') {
        return strcmp(a->name, b->name) == 0;
    }
    if (a->name[n] == '\0' || b->name[m] == '\0') {
        return a->name[n] == '\0' ? podpolicy_fits(b->name, a->name)
                                  : podpolicy_fits(a->name, b->name);
    }
    return strncmp(a->name, b->name, n < m ? n : m) == 0;
}

static enum cl_status volumes_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_opt_array(j, WHAT, "volumes", CL_POD_POLICY_MAX_VOLUMES, &list, err));
    size_t count = json_array_size(list);
    p->volumes = calloc(count + 1, sizeof(*p->volumes));
    if (p->volumes == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    for (size_t i = 0; i < count; i++) {
        struct cl_pod_volume *v = &p->volumes[i];
        p->volume_count++; /* what was read of it is freed */
        CL_TRY(volume_parse(json_array_get(list, i), v, err));
        for (size_t k = 0; k < i; k++) {
            if (overlap(&p->volumes[k], v)) {
                return cl_err_set(err, CL_ERR_MALFORMED,
                                  WHAT ": volumes: expected no name for two, got '%s' and '%s'",
                                  p->volumes[k].name, v->name);
            }
        }
    }
    return CL_OK;
}

static enum cl_status containers_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(j, WHAT, "containers", &list, err));
    size_t count = json_array_size(list);
    if (count == 0 || count > CL_POD_POLICY_MAX_CONTAINERS) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": containers: expected 1 to %u, got %zu",
                          CL_POD_POLICY_MAX_CONTAINERS, count);
    }
    p->containers = calloc(count, sizeof(*p->containers));
    if (p->containers == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    for (size_t i = 0; i < count; i++) {
        struct cl_pod_policy_container *c = &p->containers[i];
        p->container_count++; /* what was read of it is freed */
        CL_TRY(podpolicy_container(json_array_get(list, i), p, c, err));
        for (size_t k = 0; k < i; k++) {
            if (strcmp(p->containers[k].name, c->name) == 0) {
                return cl_err_set(err, CL_ERR_MALFORMED,
                                  WHAT ": containers: expected each once, got '%s' twice", c->name);
            }
        }
    }
    return CL_OK;
}

static enum cl_status policy_parse(const json_t *j, struct cl_pod_policy *p, struct cl_err *err)
{
    static const char *const keys[] = {"schema", "sandbox", "volumes", "containers", NULL};
    const char *schema = NULL;
    CL_TRY(cl_json_get_string(j, WHAT, "schema", &schema, err));
    if (strcmp(schema, CL_POD_POLICY_SCHEMA) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          WHAT ": schema: expected " CL_POD_POLICY_SCHEMA ", got '%.64s'", schema);
    }
    CL_TRY(cl_json_only_keys(j, WHAT, keys, err));
    CL_TRY(sandbox_parse(j, p, err));
    CL_TRY(volumes_parse(j, p, err));
    return containers_parse(j, p, err);
}

enum cl_status cl_pod_policy_parse(const void *data, size_t len, struct cl_pod_policy **ret_policy,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *p = NULL;
    if (len == 0 || len > CL_POD_POLICY_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected 1 to %u bytes, got %zu",
                          CL_POD_POLICY_MAX_SIZE, len);
    }
    CL_TRY(cl_json_parse(data, len, WHAT, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected an object, got another type");
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    CL_TRY(policy_parse(j, p, err));
    *ret_policy = CL_TAKE(p);
    return CL_OK;
}
