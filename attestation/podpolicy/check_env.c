/* SPDX-License-Identifier: Apache-2.0
 * check_env.c - the environment of a process: what is measured, and what is left to the host.
 */
#include "podpolicy_internal.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_NAME 256u
#define SERVICE "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define DIGITS "0123456789"

/* --- variables that kubelet makes of services ------------------------------------------------- */

static bool is_port(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 5 && strspn(text, DIGITS) == n;
}

static bool is_address(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_protocol(const char *text)
{
    return strcmp(text, "tcp") == 0 || strcmp(text, "udp") == 0 || strcmp(text, "sctp") == 0;
}

/* "tcp://10.0.0.1:443", "tcp://[fd00::1]:443" */
static bool is_url(const char *text)
{
    char part[64];
    const char *at = strstr(text, "://");
    const char *colon = strrchr(text, ':');
    if (at == NULL || at - text > 4 || colon == at) {
        return false;
    }
    memcpy(part, text, (size_t)(at - text));
    part[at - text] = '\0';
    at += 3;
    bool bracketed = at[0] == '[' && colon > at && colon[-1] == ']';
    size_t n = (size_t)(colon - at) - (bracketed ? 2 : 0);
    if (!is_protocol(part) || colon < at || n == 0 || n >= sizeof(part) || !is_port(colon + 1)) {
        return false;
    }
    memcpy(part, at + bracketed, n);
    part[n] = '\0';
    return is_address(part) && bracketed == (strchr(part, ':') != NULL);
}

/* "_<n>_TCP" and what may follow: its value has the form that `ret` takes. */
static bool is_port_suffix(const char *text, bool (**ret)(const char *))
{
    static const char *const protocols[] = {"_TCP", "_UDP", "_SCTP"};
    static const struct {
        const char *end;
        bool (*form)(const char *);
    } ends[] = {{"", is_url}, {"_PROTO", is_protocol}, {"_PORT", is_port}, {"_ADDR", is_address}};
    size_t n = text[0] == '_' ? strspn(text + 1, DIGITS) : 0;
    for (size_t i = 0; n > 0 && n <= 5 && i < CL_ARRAY_LEN(protocols); i++) {
        const char *at = text + 1 + n;
        if (strncmp(at, protocols[i], strlen(protocols[i])) != 0) {
            continue;
        }
        for (size_t k = 0; k < CL_ARRAY_LEN(ends); k++) {
            if (strcmp(at + strlen(protocols[i]), ends[k].end) == 0) {
                *ret = ends[k].form;
                return true;
            }
        }
    }
    return false;
}

/* What follows the name of a service. */
static bool is_service_suffix(const char *text, bool (**ret)(const char *))
{
    if (strcmp(text, "_SERVICE_HOST") == 0) {
        *ret = is_address;
        return true;
    }
    if (strcmp(text, "_SERVICE_PORT") == 0 || strncmp(text, "_SERVICE_PORT_", 14) == 0) {
        *ret = is_port;
        return true;
    }
    if (strcmp(text, "_PORT") == 0) {
        *ret = is_url;
        return true;
    }
    return strncmp(text, "_PORT", 5) == 0 && is_port_suffix(text + 5, ret);
}

static bool is_service_variable(const char *name, const char *value)
{
    bool (*form)(const char *) = NULL;
    if (strspn(name, SERVICE) != strlen(name) || name[0] == '_' ||
        strchr(DIGITS, name[0]) != NULL) {
        return false;
    }
    for (const char *at = strchr(name, '_'); at != NULL; at = strchr(at + 1, '_')) {
        if (is_service_suffix(at, &form) && form(value)) {
            return true;
        }
    }
    return false;
}

/* --- the list --------------------------------------------------------------------------------- */

static bool has_name(const json_t *env, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        const char *v = json_string_value(json_array_get(env, i));
        if (v != NULL && strncmp(v, name, len) == 0 && v[len] == '=') {
            return true;
        }
    }
    return false;
}

/* The measured line of this name; NULL: none. */
static const char *measured(const struct cl_pod_policy_container *c, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < c->env.count; i++) {
        if (strncmp(c->env.v[i], name, n) == 0 && c->env.v[i][n] == '=') {
            return c->env.v[i];
        }
    }
    return NULL;
}

static bool is_hosts(const struct cl_pod_policy_container *c, const char *name, const char *value)
{
    for (size_t i = 0; i < c->env_host.count; i++) {
        if (podpolicy_fits(c->env_host.v[i], name)) {
            return true;
        }
    }
    return c->service_env && is_service_variable(name, value);
}

static enum cl_status check_one(const struct cl_pod_policy_container *c, const char *line,
                                const char *what, struct cl_err *err)
{
    char name[MAX_NAME + 1];
    size_t n = strcspn(line, "=");
    if (n == 0 || n > MAX_NAME || line[n] != '=') {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: env: expected NAME=value, got '%.128s'", what,
                          line);
    }
    memcpy(name, line, n);
    name[n] = '\0';
    const char *expected = measured(c, name);
    if (expected != NULL && strcmp(expected, line) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: env: expected '%.128s', got '%.128s'", what,
                          expected, line);
    }
    if (expected == NULL && !is_hosts(c, name, line + n + 1)) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: env: expected no %.64s, got '%.128s'", what,
                          name, line);
    }
    return CL_OK;
}

enum cl_status podpolicy_env(const struct cl_pod_policy_container *c, const json_t *env,
                             const char *what, struct cl_err *err)
{
    size_t count = json_array_size(env);
    for (size_t i = 0; i < count; i++) {
        const char *line = json_string_value(json_array_get(env, i));
        CL_TRY(check_one(c, line != NULL ? line : "", what, err));
        if (has_name(env, i, line, strcspn(line, "="))) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: env: expected each name once, got '%.64s'",
                              what, line);
        }
    }
    for (size_t i = 0; i < c->env.count; i++) {
        const char *line = c->env.v[i];
        if (!has_name(env, count, line, strcspn(line, "="))) {
            return cl_err_set(err, CL_ERR_REJECTED, "%s: env: expected '%.128s', got none", what,
                              line);
        }
    }
    return CL_OK;
}
