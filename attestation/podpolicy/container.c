/* SPDX-License-Identifier: Apache-2.0
 * container.c - reads what the policy says of one container.
 */
#include "podpolicy_internal.h"

#include "cloister/image_signature.h"
#include "oci/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ID 4294967294LL /* the last one is "no change" to the kernel */
#define MAX_DEVICES 64u
#define MAX_USER 255u /* bytes of a user's name and group */
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

void podpolicy_container_done(struct cl_pod_policy_container *c)
{
    cl_image_rule_free(c->rule);
    cl_strv_done(&c->args);
    cl_strv_done(&c->env);
    cl_strv_done(&c->env_host);
    free(c->cwd);
    free(c->user.name);
    free(c->user.groups);
    cl_strv_done(&c->capabilities);
    cl_strv_done(&c->ambient);
    for (size_t i = 0; i < c->mount_count; i++) {
        free(c->mounts[i].destination);
        free(c->mounts[i].path);
    }
    free(c->mounts);
    for (size_t i = 0; i < c->device_count; i++) {
        free(c->devices[i].path);
        free(c->devices[i].mount);
    }
    free(c->devices);
    for (size_t i = 0; i < c->exec_count; i++) {
        cl_strv_done(&c->execs[i].args);
    }
    free(c->execs);
}

/* A DNS label, as Kubernetes has it. */
static bool is_container_name(const char *text)
{
    size_t n = strlen(text);
    return n >= 1 && n <= 63 && strspn(text, LOWER DIGITS "-") == n && text[0] != '-' &&
           text[n - 1] != '-';
}

static bool is_variable_pattern(const char *text)
{
    size_t n = strspn(text, LOWER UPPER DIGITS "_.-");
    return n >= 1 && n <= 256 && strchr(DIGITS ".-", text[0]) == NULL &&
           (text[n] == '\0' || (text[n] == '*' && text[n + 1] == '\0'));
}

static bool is_capability(const char *text)
{
    return strncmp(text, "CAP_", 4) == 0 && text[4] != '\0' && strlen(text) <= 64 &&
           strspn(text, UPPER "_") == strlen(text);
}

/* Exactly one of a digest and a rule for signatures says which image it is. */
static enum cl_status which_image(const json_t *image, const char *what,
                                  struct cl_pod_policy_container *c, struct cl_err *err)
{
    char inner[PODPOLICY_WHAT_SIZE];
    const char *manifest = NULL;
    json_t *rule = NULL;
    bool has_manifest = json_object_get(image, "manifest") != NULL;
    bool has_rule = json_object_get(image, "signature") != NULL;
    if (has_manifest == has_rule) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: manifest: expected the digest of an image, or a signature rule, got "
                          "%s",
                          what, has_rule ? "both" : "none");
    }
    if (has_rule) {
        (void)snprintf(inner, sizeof(inner), "%.140s: signature", what);
        CL_TRY(cl_json_get_object(image, what, "signature", &rule, err));
        return cl_image_rule_parse(rule, inner, &c->rule, err);
    }
    CL_TRY(cl_json_get_string(image, what, "manifest", &manifest, err));
    enum cl_status st = cl_oci_digest_parse(manifest, c->manifest, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s: manifest", what);
}

static enum cl_status image_parse(const json_t *j, const char *what,
                                  struct cl_pod_policy_container *c, struct cl_err *err)
{
    static const char *const keys[] = {"manifest", "signature", "encryption", NULL};
    static const char *const words[] = {"required", "optional", NULL};
    char inner[PODPOLICY_WHAT_SIZE];
    json_t *image = NULL;
    size_t word = 0;
    (void)snprintf(inner, sizeof(inner), "%.120s: image", what);
    CL_TRY(cl_json_get_object(j, what, "image", &image, err));
    CL_TRY(cl_json_only_keys(image, inner, keys, err));
    CL_TRY(which_image(image, inner, c, err));
    CL_TRY(podpolicy_word(image, inner, "encryption", words, &word, err));
    c->encryption_required = word == 0;
    return CL_OK;
}

static enum cl_status args_parse(const json_t *j, const char *what, struct cl_strv *ret,
                                 struct cl_err *err)
{
    CL_TRY(podpolicy_strings(j, what, "args", ret, err));
    return ret->count > 0 && ret->v[0][0] != '\0'
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "%s: args: expected a program, got none", what);
}

static enum cl_status env_parse(const json_t *j, const char *what,
                                struct cl_pod_policy_container *c, struct cl_err *err)
{
    CL_TRY(podpolicy_strings(j, what, "env", &c->env, err));
    for (size_t i = 0; i < c->env.count; i++) {
        size_t n = strcspn(c->env.v[i], "=");
        bool good = n > 0 && c->env.v[i][n] == '=';
        for (size_t k = 0; good && k < i; k++) {
            good = strncmp(c->env.v[i], c->env.v[k], n + 1) != 0;
        }
        if (!good) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: env[%zu]: expected NAME=value, each name once, got '%.64s'",
                              what, i, c->env.v[i]);
        }
    }
    CL_TRY(podpolicy_names(j, what, "env_host", is_variable_pattern,
                           "the name of a variable, or its beginning and '*'", &c->env_host, err));
    return cl_json_opt_bool(j, what, "service_env", &c->service_env, err);
}

static enum cl_status id_parse(const json_t *obj, const char *what, const char *key, uint32_t *ret,
                               struct cl_err *err)
{
    int64_t v = 0;
    CL_TRY(cl_json_get_int(obj, what, key, 0, MAX_ID, &v, err));
    *ret = (uint32_t)v;
    return CL_OK;
}

/* "user", "user:group". */
static bool is_user_name(const char *text)
{
    static const char characters[] = LOWER UPPER DIGITS "_.-";
    size_t n = strspn(text, characters);
    size_t m = text[n] == ':' ? strspn(text + n + 1, characters) : 0;
    return n > 0 && strlen(text) <= MAX_USER && text[0] != '-' &&
           (text[n] == '\0' || (m > 0 && text[n + 1] != '-' && text[n + 1 + m] == '\0'));
}

static enum cl_status ids_parse(const json_t *user, const char *what, struct cl_pod_user *u,
                                struct cl_err *err)
{
    static const char *const named[] = {"name", "groups", NULL};
    static const char *const numbered[] = {"uid", "gid", "groups", NULL};
    const char *name = NULL;
    if (json_object_get(user, "name") == NULL) {
        CL_TRY(cl_json_only_keys(user, what, numbered, err));
        CL_TRY(id_parse(user, what, "uid", &u->uid, err));
        return id_parse(user, what, "gid", &u->gid, err);
    }
    CL_TRY(cl_json_only_keys(user, what, named, err));
    CL_TRY(cl_json_get_string(user, what, "name", &name, err));
    return is_user_name(name)
               ? podpolicy_dup(name, &u->name, err)
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "%s: user: name: expected a user, or a user and ':' and a group, got "
                            "'%.64s'",
                            what, name);
}

static enum cl_status user_parse(const json_t *j, const char *what, struct cl_pod_user *u,
                                 struct cl_err *err)
{
    json_t *user = NULL;
    json_t *groups = NULL;
    CL_TRY(cl_json_get_object(j, what, "user", &user, err));
    CL_TRY(ids_parse(user, what, u, err));
    CL_TRY(cl_json_opt_array(user, what, "groups", CL_POD_POLICY_MAX_GROUPS, &groups, err));
    u->groups = calloc(json_array_size(groups) + 1, sizeof(*u->groups));
    if (u->groups == NULL) {
        return cl_err_nomem(err, "pod policy");
    }
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *g = json_array_get(groups, i);
        if (!json_is_integer(g) || json_integer_value(g) < 0 || json_integer_value(g) > MAX_ID) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: user: groups[%zu]: expected a group id, got another value", what,
                              i);
        }
        u->groups[u->group_count++] = (uint32_t)json_integer_value(g);
    }
    return CL_OK;
}

static enum cl_status streams_parse(const json_t *j, const char *what, struct cl_pod_streams *s,
                                    struct cl_err *err)
{
    static const char *const keys[] = {"terminal", "stdin", "stdout", "stderr", NULL};
    json_t *o = NULL;
    CL_TRY(cl_json_opt_object(j, what, "streams", &o, err));
    CL_TRY(cl_json_only_keys(o, what, keys, err));
    CL_TRY(cl_json_opt_bool(o, what, "terminal", &s->terminal, err));
    CL_TRY(cl_json_opt_bool(o, what, "stdin", &s->stdin_allowed, err));
    CL_TRY(cl_json_opt_bool(o, what, "stdout", &s->stdout_allowed, err));
    CL_TRY(cl_json_opt_bool(o, what, "stderr", &s->stderr_allowed, err));
    if (s->terminal && s->stderr_allowed) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: streams: expected no stderr with a terminal, which carries both, "
                          "got one",
                          what);
    }
    return CL_OK;
}

static enum cl_status flags_parse(const json_t *j, const char *what,
                                  struct cl_pod_policy_container *c, struct cl_err *err)
{
    static const char *const words[] = {"container", "pod", NULL};
    size_t word = 0;
    CL_TRY(cl_json_opt_bool(j, what, "init", &c->init, err));
    CL_TRY(cl_json_opt_bool(j, what, "no_new_privileges", &c->no_new_privileges, err));
    CL_TRY(cl_json_opt_bool(j, what, "read_only_root", &c->read_only_root, err));
    CL_TRY(cl_json_opt_bool(j, what, "privileged", &c->privileged, err));
    CL_TRY(cl_json_opt_bool(j, what, "unmasked", &c->unmasked, err));
    if (json_object_get(j, "pid") != NULL) {
        CL_TRY(podpolicy_word(j, what, "pid", words, &word, err));
    }
    c->own_pid = word == 0;
    return CL_OK;
}

/* --- mounts, devices, execs ------------------------------------------------------------------- */

static const struct cl_pod_volume *named_volume(const struct cl_pod_policy *p, const char *name)
{
    for (size_t i = 0; i < p->volume_count; i++) {
        if (strcmp(p->volumes[i].name, name) == 0) {
            return &p->volumes[i];
        }
    }
    return NULL;
}

/* A member "volume", which has to be one of the policy's. */
static enum cl_status volume_parse(const json_t *j, const char *what, const struct cl_pod_policy *p,
                                   char ret[static CL_POD_POLICY_MAX_NAME + 2],
                                   const struct cl_pod_volume **ret_volume, struct cl_err *err)
{
    CL_TRY(podpolicy_volume_name(j, what, "volume", ret, err));
    *ret_volume = named_volume(p, ret);
    return *ret_volume != NULL
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "%s: volume: expected a name of one of the policy's volumes, got '%s'",
                            what, ret);
}

static enum cl_status subpath_parse(const json_t *j, const char *what, struct cl_pod_mount *m,
                                    struct cl_err *err)
{
    const char *path = "";
    if (json_object_get(j, "path") != NULL) {
        CL_TRY(cl_json_get_string(j, what, "path", &path, err));
    }
    if (path[0] == '/' || !podpolicy_stays_below(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: path: expected one below the volume's root, got '%.128s'", what,
                          path);
    }
    return strcmp(path, "*") == 0 ? CL_OK : podpolicy_dup(path, &m->path, err);
}

static enum cl_status mount_parse(const json_t *j, const char *what, const struct cl_pod_policy *p,
                                  struct cl_pod_mount *m, struct cl_err *err)
{
    static const char *const keys[] = {"destination", "volume",      "path", "read_only",
                                       "optional",    "propagation", NULL};
    static const char *const words[] = {"private", "slave", "shared", NULL};
    const struct cl_pod_volume *v = NULL;
    size_t word = 0;
    CL_TRY(cl_json_only_keys(j, what, keys, err));
    CL_TRY(podpolicy_path(j, what, "destination", &m->destination, err));
    CL_TRY(volume_parse(j, what, p, m->volume, &v, err));
    CL_TRY(subpath_parse(j, what, m, err));
    CL_TRY(cl_json_opt_bool(j, what, "read_only", &m->read_only, err));
    CL_TRY(cl_json_opt_bool(j, what, "optional", &m->optional, err));
    m->read_only = m->read_only || v->kind == CL_POD_FILES;
    if (json_object_get(j, "propagation") != NULL) {
        CL_TRY(podpolicy_word(j, what, "propagation", words, &word, err));
    }
    m->propagation = (enum cl_pod_propagation)word;
    return CL_OK;
}

static enum cl_status mounts_parse(const json_t *j, const char *what, const struct cl_pod_policy *p,
                                   struct cl_pod_policy_container *c, struct cl_err *err)
{
    char inner[PODPOLICY_WHAT_SIZE];
    json_t *list = NULL;
    CL_TRY(cl_json_opt_array(j, what, "mounts", CL_POD_POLICY_MAX_MOUNTS, &list, err));
    c->mounts = calloc(json_array_size(list) + 1, sizeof(*c->mounts));
    if (c->mounts == NULL) {
        return cl_err_nomem(err, "pod policy");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        (void)snprintf(inner, sizeof(inner), "%.120s: mounts[%zu]", what, i);
        struct cl_pod_mount *m = &c->mounts[c->mount_count++];
        CL_TRY(mount_parse(json_array_get(list, i), inner, p, m, err));
        for (size_t k = 0; k < i; k++) {
            if (strcmp(c->mounts[k].destination, m->destination) == 0) {
                return cl_err_set(err, CL_ERR_MALFORMED,
                                  "%s: destination: expected each once, got '%.128s' twice", inner,
                                  m->destination);
            }
        }
    }
    return CL_OK;
}

static enum cl_status device_parse(const json_t *j, const char *what, const struct cl_pod_policy *p,
                                   struct cl_pod_device *d, struct cl_err *err)
{
    static const char *const keys[] = {"path", "volume", "mount", "read_only", NULL};
    const struct cl_pod_volume *v = NULL;
    CL_TRY(cl_json_only_keys(j, what, keys, err));
    CL_TRY(podpolicy_path(j, what, "path", &d->path, err));
    CL_TRY(volume_parse(j, what, p, d->volume, &v, err));
    if (v->kind != CL_POD_BLOCK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: volume: expected one of kind block, got %s",
                          what, cl_pod_kind_name((int)v->kind));
    }
    CL_TRY(cl_json_opt_bool(j, what, "read_only", &d->read_only, err));
    if (json_object_get(j, "mount") == NULL) {
        return d->read_only ? cl_err_set(err, CL_ERR_MALFORMED,
                                         "%s: read_only: expected with mount, got alone", what)
                            : CL_OK;
    }
    if (v->key == NULL) { /* the kernel would have to believe a file system of the host's */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: mount: expected of a volume that is encrypted, got a plain one",
                          what);
    }
    return podpolicy_path(j, what, "mount", &d->mount, err);
}

static enum cl_status devices_parse(const json_t *j, const char *what,
                                    const struct cl_pod_policy *p,
                                    struct cl_pod_policy_container *c, struct cl_err *err)
{
    char inner[PODPOLICY_WHAT_SIZE];
    json_t *list = NULL;
    CL_TRY(cl_json_opt_array(j, what, "devices", MAX_DEVICES, &list, err));
    c->devices = calloc(json_array_size(list) + 1, sizeof(*c->devices));
    if (c->devices == NULL) {
        return cl_err_nomem(err, "pod policy");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        (void)snprintf(inner, sizeof(inner), "%.120s: devices[%zu]", what, i);
        CL_TRY(
            device_parse(json_array_get(list, i), inner, p, &c->devices[c->device_count++], err));
    }
    return CL_OK;
}

static enum cl_status execs_parse(const json_t *j, const char *what,
                                  struct cl_pod_policy_container *c, struct cl_err *err)
{
    static const char *const keys[] = {"args", "streams", NULL};
    char inner[PODPOLICY_WHAT_SIZE];
    json_t *list = NULL;
    CL_TRY(cl_json_opt_array(j, what, "exec", CL_POD_POLICY_MAX_EXECS, &list, err));
    c->execs = calloc(json_array_size(list) + 1, sizeof(*c->execs));
    if (c->execs == NULL) {
        return cl_err_nomem(err, "pod policy");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        struct cl_pod_exec *x = &c->execs[c->exec_count++];
        (void)snprintf(inner, sizeof(inner), "%.120s: exec[%zu]", what, i);
        CL_TRY(cl_json_only_keys(e, inner, keys, err));
        CL_TRY(args_parse(e, inner, &x->args, err));
        CL_TRY(streams_parse(e, inner, &x->streams, err));
    }
    return CL_OK;
}

static enum cl_status name_parse(const json_t *j, struct cl_pod_policy_container *c,
                                 struct cl_err *err)
{
    const char *name = NULL;
    CL_TRY(cl_json_get_string(j, "pod policy: containers", "name", &name, err));
    if (!is_container_name(name)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "pod policy: containers: name: expected 1 to 63 of a-z 0-9 -, got "
                          "'%.64s'",
                          name);
    }
    memcpy(c->name, name, strlen(name) + 1);
    return CL_OK;
}

enum cl_status podpolicy_container(const json_t *j, const struct cl_pod_policy *p,
                                   struct cl_pod_policy_container *c, struct cl_err *err)
{
    static const char *const keys[] = {
        "name",           "init",       "image", "args",         "env",     "env_host",
        "service_env",    "cwd",        "user",  "capabilities", "ambient", "no_new_privileges",
        "read_only_root", "privileged", "pid",   "unmasked",     "streams", "mounts",
        "devices",        "exec",       NULL};
    char what[PODPOLICY_WHAT_SIZE];
    CL_TRY(name_parse(j, c, err));
    (void)snprintf(what, sizeof(what), "pod policy: containers[%s]", c->name);
    CL_TRY(cl_json_only_keys(j, what, keys, err));
    CL_TRY(image_parse(j, what, c, err));
    CL_TRY(args_parse(j, what, &c->args, err));
    CL_TRY(env_parse(j, what, c, err));
    CL_TRY(podpolicy_path(j, what, "cwd", &c->cwd, err));
    CL_TRY(user_parse(j, what, &c->user, err));
    CL_TRY(podpolicy_names(j, what, "capabilities", is_capability, "a capability", &c->capabilities,
                           err));
    CL_TRY(podpolicy_names(j, what, "ambient", is_capability, "a capability", &c->ambient, err));
    CL_TRY(flags_parse(j, what, c, err));
    CL_TRY(streams_parse(j, what, &c->streams, err));
    CL_TRY(mounts_parse(j, what, p, c, err));
    CL_TRY(devices_parse(j, what, p, c, err));
    return execs_parse(j, what, c, err);
}
