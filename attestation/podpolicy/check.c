/* SPDX-License-Identifier: Apache-2.0
 * check.c - the pod as a whole against its policy: sandbox, volumes, names of containers.
 */
#include "podpolicy_internal.h"

#include <string.h>

bool podpolicy_fits(const char *pattern, const char *name)
{
    size_t n = strcspn(pattern, "*");
    return pattern[n] == '*' ? strncmp(pattern, name, n) == 0 && strchr(name, '*') == NULL
                             : strcmp(pattern, name) == 0;
}

bool podpolicy_has(const struct cl_strv *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->v[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* --- members of an object --------------------------------------------------------------------- */

enum cl_status podpolicy_same_flag(const json_t *obj, const char *what, const char *key,
                                   bool expected, struct cl_err *err)
{
    bool got = json_is_true(json_object_get(obj, key));
    return got == expected ? CL_OK
                           : cl_err_set(err, CL_ERR_REJECTED, "%s: %s: expected %s, got %s", what,
                                        key, expected ? "true" : "false", got ? "true" : "false");
}

enum cl_status podpolicy_same_text(const json_t *obj, const char *what, const char *key,
                                   const char *expected, struct cl_err *err)
{
    const char *got = json_string_value(json_object_get(obj, key));
    return got != NULL && strcmp(got, expected) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "%s: %s: expected '%.128s', got '%.128s'", what,
                            key, expected, got != NULL ? got : "");
}

enum cl_status podpolicy_none(const json_t *obj, const char *what, const char *key,
                              struct cl_err *err)
{
    const json_t *v = json_object_get(obj, key);
    bool none = v == NULL || json_is_null(v) || (json_is_object(v) && json_object_size(v) == 0) ||
                (json_is_array(v) && json_array_size(v) == 0);
    return none ? CL_OK
                : cl_err_set(err, CL_ERR_REJECTED, "%s: %s: expected none, got one", what, key);
}

/* --- the sandbox ------------------------------------------------------------------------------ */

static const char *sysctl_value(const struct cl_pod_policy *p, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < p->sysctls.count; i++) {
        if (strncmp(p->sysctls.v[i], name, n) == 0 && p->sysctls.v[i][n] == '=') {
            return p->sysctls.v[i] + n + 1;
        }
    }
    return NULL;
}

static bool was_asked(const struct cl_pod_sandbox *asked, const char *line)
{
    for (size_t i = 0; i < asked->sysctl_count; i++) {
        size_t n = strlen(asked->sysctls[i].name);
        if (strncmp(line, asked->sysctls[i].name, n) == 0 && line[n] == '=') {
            return true;
        }
    }
    return false;
}

/* One that comes twice has the measured value twice. */
static enum cl_status check_sysctls(const struct cl_pod_policy *p,
                                    const struct cl_pod_sandbox *asked, struct cl_err *err)
{
    const char *what = "policy: sandbox: sysctls";
    for (size_t i = 0; i < asked->sysctl_count; i++) {
        const struct cl_pod_setting *s = &asked->sysctls[i];
        const char *value = sysctl_value(p, s->name);
        if (value == NULL || strcmp(value, s->value) != 0) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: %.80s: expected %s%.64s%s, got '%.64s'",
                              what, s->name, value != NULL ? "'" : "",
                              value != NULL ? value : "none", value != NULL ? "'" : "", s->value);
        }
    }
    for (size_t i = 0; i < p->sysctls.count; i++) {
        if (!was_asked(asked, p->sysctls.v[i])) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: expected '%.128s', got none", what,
                              p->sysctls.v[i]);
        }
    }
    return CL_OK;
}

enum cl_status cl_pod_policy_sandbox(const struct cl_pod_policy *p,
                                     const struct cl_pod_sandbox *asked, struct cl_err *err)
{
    const char *what = "policy: sandbox";
    if (p->hostname != NULL && strcmp(p->hostname, asked->hostname) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: hostname: expected '%s', got '%.64s'", what,
                          p->hostname, asked->hostname);
    }
    CL_TRY(check_sysctls(p, asked, err));
    if (asked->share_processes && !p->share_processes) { /* a shim cannot tell beforehand */
        return cl_err_set(err, CL_ERR_REJECTED, "%s: share_processes: expected false, got true",
                          what);
    }
    if (!p->network && asked->network > 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "%s: network: expected none, got %zu interfaces, routes and neighbours",
                          what, asked->network);
    }
    return CL_OK;
}

enum cl_status cl_pod_policy_forward(const struct cl_pod_policy *p, uint16_t port,
                                     struct cl_err *err)
{
    for (size_t i = 0; i < p->forward_port_count; i++) {
        if (p->forward_ports[i] == port) {
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "policy: sandbox: forward_ports: expected one of %zu of the policy, got %u",
                      p->forward_port_count, (unsigned)port);
}

/* --- volumes ---------------------------------------------------------------------------------- */

static enum cl_status find_volume(const struct cl_pod_policy *p, const char *name,
                                  const struct cl_pod_volume **ret, struct cl_err *err)
{
    for (size_t i = 0; i < p->volume_count; i++) {
        if (podpolicy_fits(p->volumes[i].name, name)) {
            *ret = &p->volumes[i];
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "policy: volumes: expected one of %zu of the policy, got '%.64s'",
                      p->volume_count, name);
}

enum cl_status cl_pod_policy_volume(const struct cl_pod_policy *p, const char *name, int kind,
                                    struct cl_err *err)
{
    const struct cl_pod_volume *v = NULL;
    for (size_t i = 0; kind == CL_POD_BLOCK && i < p->volume_count; i++) {
        if (p->volumes[i].kind == CL_POD_BLOCK && strncmp(name, "block_", 6) == 0) {
            return CL_OK; /* which it is, a container's device will say */
        }
    }
    CL_TRY(find_volume(p, name, &v, err));
    if ((int)v->kind != kind) {
        const char *got = cl_pod_kind_name(kind);
        return cl_err_set(err, CL_ERR_REJECTED, "policy: volumes[%.64s]: kind: expected %s, got %s",
                          name, cl_pod_kind_name((int)v->kind), got != NULL ? got : "another");
    }
    return CL_OK;
}

enum cl_status cl_pod_policy_put(const struct cl_pod_policy *p, const char *volume,
                                 struct cl_err *err)
{
    const struct cl_pod_volume *v = NULL;
    CL_TRY(find_volume(p, volume, &v, err));
    return v->host_writes ? CL_OK
                          : cl_err_set(err, CL_ERR_REJECTED,
                                       "policy: volumes[%.64s]: host_writes: expected no files of "
                                       "the host, got some",
                                       volume);
}

enum cl_status cl_pod_policy_get(const struct cl_pod_policy *p, const char *volume,
                                 struct cl_err *err)
{
    const struct cl_pod_volume *v = NULL;
    CL_TRY(find_volume(p, volume, &v, err));
    return v->host_reads ? CL_OK
                         : cl_err_set(err, CL_ERR_REJECTED,
                                      "policy: volumes[%.64s]: host_reads: expected no reading by "
                                      "the host, got one",
                                      volume);
}

/* --- containers ------------------------------------------------------------------------------- */

enum cl_status cl_pod_policy_find(const struct cl_pod_policy *p, const char *name,
                                  const struct cl_pod_policy_container **ret_c, struct cl_err *err)
{
    for (size_t i = 0; i < p->container_count; i++) {
        if (strcmp(p->containers[i].name, name) == 0) {
            *ret_c = &p->containers[i];
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "policy: containers: expected one of %zu of the policy, got '%.64s'",
                      p->container_count, name);
}
