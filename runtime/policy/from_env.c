/* SPDX-License-Identifier: Apache-2.0
 * from_env.c - a container's environment: containerd's own, the image's, then what kubelet makes of
 * `envFrom` and `env`. What only the cluster knows is named as the host's.
 */
#include "from_internal.h"

#include "expand.h"

#include "cloister/pod_policy.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What one text is expanded for. */
struct expansion {
    const struct policy_container *c;
    bool strict; /* a value of the host's is an error */
    bool open;   /* the result is the host's */
};

/* SERVICE_SERVICE_HOST and so on: whether there is such a service only the cluster knows. */
static bool is_service_name(const char *name)
{
    return strstr(name, "_SERVICE_HOST") != NULL || strstr(name, "_SERVICE_PORT") != NULL ||
           strstr(name, "_PORT") != NULL;
}

static enum cl_status lookup(void *ctx, const char *name, size_t len, const char **ret,
                             struct cl_err *err)
{
    struct expansion *x = ctx;
    char key[256];
    *ret = NULL;
    if (len >= sizeof(key)) {
        return CL_OK; /* no variable has such a name */
    }
    memcpy(key, name, len);
    key[len] = '\0';
    const json_t *value = json_object_get(x->c->vars, key);
    if (json_is_string(value)) {
        *ret = json_string_value(value);
    } else if (value != NULL || is_service_name(key)) {
        if (x->strict) {
            x->c->f->hint = "give its value with --env";
            return cl_err_set(err, CL_ERR_REJECTED,
                              "$(%.64s): expected a variable whose value is known here, got one of "
                              "the host's",
                              key);
        }
        x->open = true;
    }
    return CL_OK;
}

static enum cl_status expand(struct expansion *x, const char *text, json_t **ret,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(policy_expand(text, lookup, x, &out, err));
    *ret = json_stringn(out.len > 0 ? (const char *)out.data : "", out.len);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "policy");
}

enum cl_status policy_env_expand(struct policy_container *c, const char *text, json_t **ret,
                                 struct cl_err *err)
{
    struct expansion x = {.c = c, .strict = true};
    return expand(&x, text, ret, err);
}

/* value NULL: the host's. */
static enum cl_status set_var(struct policy_container *c, const char *name, const char *value,
                              struct cl_err *err)
{
    if (name[0] == '\0' || strchr(name, '=') != NULL || strlen(name) > 255) {
        return cl_err_set(err, CL_ERR_MALFORMED, "env: expected a name, got '%.64s'", name);
    }
    return policy_put(c->vars, name, value != NULL ? json_string(value) : json_null(), err);
}

/* The value that --env gives a variable; NULL: none. */
static const char *given(struct policy_container *c, const char *name)
{
    const struct cl_strv *all = c->f->options->env;
    const char *value = NULL;
    size_t len = strlen(name);
    for (size_t i = 0; i < all->count; i++) {
        const char *text = NULL;
        if (policy_option_fits(c, all->v[i], &text) && strncmp(text, name, len) == 0 &&
            text[len] == '=') {
            c->f->env_used[i] = true;
            value = text + len + 1;
        }
    }
    return value;
}

static enum cl_status set_open(struct policy_container *c, const char *name, struct cl_err *err)
{
    return set_var(c, name, given(c, name), err);
}

/* --- env -------------------------------------------------------------------------------------- */

/* One key of a ConfigMap that stands beside the pod. *ret_known false: it does not. */
static enum cl_status config_value(const struct policy_container *c, const json_t *ref,
                                   const char **ret, bool *ret_known, struct cl_err *err)
{
    const char *what = "valueFrom: configMapKeyRef";
    const char *name = NULL;
    const char *key = NULL;
    bool optional = false;
    CL_TRY(policy_need_text(ref, what, "name", &name, err));
    CL_TRY(policy_need_text(ref, what, "key", &key, err));
    CL_TRY(policy_flag(ref, what, "optional", &optional, err));
    json_t *map = policy_object_find(c->f->documents, "ConfigMap", name);
    json_t *data = NULL;
    *ret_known = map != NULL;
    *ret = NULL;
    CL_TRY(policy_object(map, "ConfigMap", "data", &data, err));
    if (map == NULL || (policy_member(data, key) == NULL && optional)) {
        return CL_OK;
    }
    return cl_json_get_string(data, "ConfigMap: data", key, ret, err);
}

static enum cl_status value_from(struct policy_container *c, const char *name, const json_t *from,
                                 struct cl_err *err)
{
    static const char *const kinds[] = {"fieldRef", "resourceFieldRef", "configMapKeyRef",
                                        "secretKeyRef", NULL};
    json_t *ref = NULL;
    CL_TRY(policy_only(from, "valueFrom", kinds, err));
    CL_TRY(policy_object(from, "valueFrom", "configMapKeyRef", &ref, err));
    if (ref != NULL) {
        const char *value = NULL;
        bool known = false;
        CL_TRY(config_value(c, ref, &value, &known, err));
        if (known) {
            return value != NULL ? set_var(c, name, value, err) : CL_OK;
        }
    }
    CL_TRY(policy_object(from, "valueFrom", "fieldRef", &ref, err));
    const char *field = json_string_value(json_object_get(ref, "fieldPath"));
    if (c->f->pod.is_pod && c->f->pod.name[0] != '\0' && field != NULL &&
        strcmp(field, "metadata.name") == 0) {
        return set_var(c, name, c->f->pod.name, err);
    }
    return set_open(c, name, err);
}

static enum cl_status add_env(struct policy_container *c, const json_t *e, struct cl_err *err)
{
    static const char *const members[] = {"name", "value", "valueFrom", NULL};
    struct expansion x = {.c = c};
    CL_CLEANUP(cl_json_decrefp) json_t *expanded = NULL;
    const char *name = NULL;
    const char *value = NULL;
    json_t *from = NULL;
    CL_TRY(policy_only(e, "env", members, err));
    CL_TRY(policy_need_text(e, "env", "name", &name, err));
    CL_TRY(policy_object(e, "env", "valueFrom", &from, err));
    enum cl_status st = policy_text(e, "env", "value", &value, err);
    if (st == CL_OK && value != NULL && value[0] != '\0' && from != NULL) {
        st = cl_err_set(err, CL_ERR_MALFORMED, "env: expected value or valueFrom, got both");
    } else if (st == CL_OK && from != NULL) {
        st = value_from(c, name, from, err);
    } else if (st == CL_OK) {
        st = expand(&x, value != NULL ? value : "", &expanded, err);
        if (st == CL_OK) {
            st = x.open ? set_open(c, name, err)
                        : set_var(c, name, json_string_value(expanded), err);
        }
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "env '%.64s'", name);
}

/* --- envFrom ---------------------------------------------------------------------------------- */

/* Every key is a name; a value is pinned when it is a ConfigMap's. */
static enum cl_status add_all(struct policy_container *c, const json_t *object, const char *member,
                              const char *prefix, bool pinned, struct cl_err *err)
{
    json_t *data = NULL;
    const char *key = NULL;
    json_t *v = NULL;
    CL_TRY(policy_object(object, "envFrom", member, &data, err));
    json_object_foreach(data, key, v)
    {
        CL_CLEANUP(cl_buf_done) struct cl_buf name = {0};
        const char *text = NULL;
        const char *value = NULL;
        CL_TRY(cl_buf_printf(&name, err, "%s%s", prefix, key));
        CL_TRY(cl_buf_cstr(&name, "envFrom", &text, err));
        CL_TRY(cl_json_get_string(data, "envFrom", key, &value, err));
        CL_TRY(pinned ? set_var(c, text, value, err) : set_open(c, text, err));
    }
    return CL_OK;
}

static enum cl_status add_source(struct policy_container *c, const json_t *from, const char *ref,
                                 const char *kind, const char *prefix, struct cl_err *err)
{
    const char *name = NULL;
    json_t *r = NULL;
    CL_TRY(policy_object(from, "envFrom", ref, &r, err));
    if (r == NULL) {
        return CL_OK;
    }
    CL_TRY(policy_need_text(r, "envFrom", "name", &name, err));
    json_t *object = policy_object_find(c->f->documents, kind, name);
    if (object == NULL) {
        c->f->hint = "put it into the manifest, as a document of its own: its keys become names of "
                     "variables";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "envFrom: %s: expected the %s '%.64s' beside the pod, got none", ref,
                          kind, name);
    }
    bool config = strcmp(kind, "ConfigMap") == 0;
    CL_TRY(add_all(c, object, "data", prefix, config, err));
    return config ? CL_OK : add_all(c, object, "stringData", prefix, false, err);
}

static enum cl_status add_env_from(struct policy_container *c, const json_t *from,
                                   struct cl_err *err)
{
    static const char *const members[] = {"prefix", "configMapRef", "secretRef", NULL};
    const char *prefix = NULL;
    CL_TRY(policy_only(from, "envFrom", members, err));
    CL_TRY(policy_text(from, "envFrom", "prefix", &prefix, err));
    prefix = prefix != NULL ? prefix : "";
    CL_TRY(add_source(c, from, "configMapRef", "ConfigMap", prefix, err));
    return add_source(c, from, "secretRef", "Secret", prefix, err);
}

static enum cl_status build_vars(struct policy_container *c, struct cl_err *err)
{
    json_t *list = NULL;
    size_t i = 0;
    json_t *e = NULL;
    CL_TRY(policy_array(c->from, "container", "envFrom", CL_POD_POLICY_MAX_STRINGS, &list, err));
    json_array_foreach(list, i, e)
    {
        CL_TRY(add_env_from(c, e, err));
    }
    CL_TRY(policy_array(c->from, "container", "env", CL_POD_POLICY_MAX_STRINGS, &list, err));
    json_array_foreach(list, i, e)
    {
        CL_TRY(add_env(c, e, err));
    }
    return CL_OK;
}

/* --- put together ------------------------------------------------------------------------------
 */

static enum cl_status put_image_env(const struct cl_strv *env, json_t *all, struct cl_err *err)
{
    for (size_t i = 0; i < env->count; i++) {
        const char *eq = strchr(env->v[i], '=');
        if (eq == NULL || eq == env->v[i]) {
            return cl_err_set(err, CL_ERR_REJECTED, "image: Env: expected NAME=value, got '%.64s'",
                              env->v[i]);
        }
        CL_CLEANUP(cl_json_decrefp)
        json_t *name = json_stringn(env->v[i], (size_t)(eq - env->v[i]));
        if (name == NULL) {
            return cl_err_set(err, CL_ERR_REJECTED, "image: Env: expected UTF-8");
        }
        CL_TRY(policy_put(all, json_string_value(name), json_string(eq + 1), err));
    }
    return CL_OK;
}

/* Later ones replace earlier ones, as containerd has it. */
static enum cl_status merge(struct policy_container *c, json_t *all, struct cl_err *err)
{
    const char *hostname = c->f->hostname;
    const char *name = NULL;
    json_t *value = NULL;
    CL_TRY(policy_put(all, "PATH", json_string(DEFAULT_PATH), err));
    CL_TRY(policy_put(all, "HOSTNAME", hostname[0] != '\0' ? json_string(hostname) : json_null(),
                      err));
    CL_TRY(put_image_env(&c->image.config->env, all, err));
    if (c->tty) {
        CL_TRY(policy_put(all, "TERM", json_string("xterm"), err));
    }
    json_object_foreach(c->vars, name, value)
    {
        CL_TRY(policy_put(all, name, json_incref(value), err));
    }
    return CL_OK;
}

static enum cl_status split(const json_t *all, json_t *env, json_t *host, struct cl_err *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)all, name, value)
    {
        CL_TRY(
            json_is_null(value)
                ? policy_append(host, json_string(name), err)
                : policy_append(env, json_sprintf("%s=%s", name, json_string_value(value)), err));
    }
    return CL_OK;
}

enum cl_status policy_env_build(struct policy_container *c, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *all = json_object();
    json_t *env = json_array();
    json_t *host = json_array();
    c->vars = json_object();
    enum cl_status st = policy_put(c->to, "env", env, err);
    enum cl_status st_host = policy_put(c->to, "env_host", host, err);
    CL_TRY(st);
    CL_TRY(st_host);
    CL_TRY(policy_put(c->to, "service_env", json_true(), err));
    if (c->vars == NULL) {
        return cl_err_nomem(err, "policy");
    }
    CL_TRY(build_vars(c, err));
    CL_TRY(merge(c, all, err));
    return split(all, env, host, err);
}
