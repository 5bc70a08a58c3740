/* SPDX-License-Identifier: Apache-2.0
 * policy_load.c - see policy_load.h: the file, and the document with defaults in place.
 */
#include "policy_load.h"

#include "tree.h"

#include "base/encode.h"

#include "cloister/image_signature.h"
#include "cloister/initdata.h"
#include "cloister/pod_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the document ----------------------------------------------------------------------------- */

static json_t *list(const struct cl_strv *s)
{
    json_t *j = json_array();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(j, json_string(s->v[i]));
    }
    return j;
}

/* A list whose order does not count. */
static json_t *set(const struct cl_strv *s)
{
    json_t *j = json_object();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_object_set_new(j, s->v[i], json_true());
    }
    return j;
}

/* "NAME=value" by name. */
static json_t *pairs(const struct cl_strv *s)
{
    json_t *j = json_object();
    for (size_t i = 0; i < s->count; i++) {
        const char *eq = strchr(s->v[i], '=');
        if (eq != NULL) {
            json_t *name = json_stringn(s->v[i], (size_t)(eq - s->v[i]));
            (void)json_object_set_new(j, name != NULL ? json_string_value(name) : "",
                                      json_string(eq + 1));
            json_decref(name);
        }
    }
    return j;
}

static json_t *streams(const struct cl_pod_streams *s)
{
    return json_pack("{s:b, s:b, s:b, s:b}", "terminal", s->terminal, "stdin", s->stdin_allowed,
                     "stdout", s->stdout_allowed, "stderr", s->stderr_allowed);
}

static json_t *user(const struct cl_pod_user *u)
{
    json_t *groups = json_object();
    for (size_t i = 0; i < u->group_count; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", (unsigned)u->groups[i]);
        (void)json_object_set_new(groups, text, json_true());
    }
    if (u->name != NULL) {
        return json_pack("{s:s, s:o}", "name", u->name, "groups", groups);
    }
    return json_pack("{s:I, s:I, s:o}", "uid", (json_int_t)u->uid, "gid", (json_int_t)u->gid,
                     "groups", groups);
}

static json_t *mounts(const struct cl_pod_policy_container *c)
{
    static const char *const propagation[] = {"private", "slave", "shared"};
    json_t *j = json_object();
    for (size_t i = 0; i < c->mount_count; i++) {
        const struct cl_pod_mount *m = &c->mounts[i];
        (void)json_object_set_new(j, m->destination,
                                  json_pack("{s:s, s:s, s:b, s:b, s:s}", "volume", m->volume,
                                            "path", m->path != NULL ? m->path : "*", "read_only",
                                            m->read_only, "optional", m->optional, "propagation",
                                            propagation[m->propagation]));
    }
    return j;
}

static json_t *devices(const struct cl_pod_policy_container *c)
{
    json_t *j = json_object();
    for (size_t i = 0; i < c->device_count; i++) {
        (void)json_object_set_new(j, c->devices[i].path, json_string(c->devices[i].volume));
    }
    return j;
}

/* By argument vector: with and without a terminal are two. */
static json_t *execs(const struct cl_pod_policy_container *c)
{
    json_t *j = json_object();
    for (size_t i = 0; i < c->exec_count; i++) {
        json_t *args = list(&c->execs[i].args);
        char *text = json_dumps(args, JSON_COMPACT);
        json_t *key =
            json_sprintf("%s%s", text, c->execs[i].streams.terminal ? " with a terminal" : "");
        (void)json_object_set_new(j, key != NULL ? json_string_value(key) : "",
                                  streams(&c->execs[i].streams));
        json_decref(key);
        free(text);
        json_decref(args);
    }
    return j;
}

static json_t *image(const struct cl_pod_policy_container *c)
{
    char digest[CL_OCI_DIGEST_SIZE];
    const char *encryption = c->encryption_required ? "required" : "optional";
    if (c->rule != NULL) {
        return json_pack("{s:o, s:s}", "signature", cl_image_rule_describe(c->rule), "encryption",
                         encryption);
    }
    cl_oci_digest_format(digest, c->manifest);
    return json_pack("{s:s, s:s}", "manifest", digest, "encryption", encryption);
}

static json_t *container(const struct cl_pod_policy_container *c)
{
    return json_pack(
        "{s:o, s:b, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:b, s:b, s:b, s:s, s:b, s:o, "
        "s:o, s:o, s:o}",
        "image", image(c), "init", c->init, "args", list(&c->args), "env", pairs(&c->env),
        "env_host", set(&c->env_host), "service_env", c->service_env, "cwd", c->cwd, "user",
        user(&c->user), "capabilities", set(&c->capabilities), "ambient", set(&c->ambient),
        "no_new_privileges", c->no_new_privileges, "read_only_root", c->read_only_root,
        "privileged", c->privileged, "pid", c->own_pid ? "container" : "pod", "unmasked",
        c->unmasked, "streams", streams(&c->streams), "mounts", mounts(c), "devices", devices(c),
        "exec", execs(c));
}

static json_t *volumes(const struct cl_pod_policy *p)
{
    json_t *j = json_object();
    for (size_t i = 0; i < p->volume_count; i++) {
        const struct cl_pod_volume *v = &p->volumes[i];
        (void)json_object_set_new(j, v->name,
                                  json_pack("{s:s, s:b, s:b}", "kind",
                                            cl_pod_kind_name((int)v->kind), "host_writes",
                                            v->host_writes, "host_reads", v->host_reads));
    }
    return j;
}

/* Names in their order, which counts: of containers for init, of volumes for patterns. */
static json_t *order(const json_t *objects)
{
    json_t *j = json_array();
    const char *name = NULL;
    json_t *v = NULL;
    json_object_foreach((json_t *)(uintptr_t)objects, name, v)
    {
        (void)json_array_append_new(j, json_string(name));
    }
    return j;
}

static json_t *ports(const struct cl_pod_policy *p)
{
    json_t *j = json_object();
    for (size_t i = 0; i < p->forward_port_count; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%u", (unsigned)p->forward_ports[i]);
        (void)json_object_set_new(j, text, json_true());
    }
    return j;
}

static json_t *document(const struct cl_pod_policy *p)
{
    json_t *containers = json_object();
    json_t *all_volumes = volumes(p);
    for (size_t i = 0; i < p->container_count; i++) {
        (void)json_object_set_new(containers, p->containers[i].name, container(&p->containers[i]));
    }
    json_t *container_order = order(containers);
    json_t *volume_order = order(all_volumes);
    return json_pack("{s:{s:s?, s:o, s:b, s:b, s:o}, s:o, s:o, s:o, s:o}", "sandbox", "hostname",
                     p->hostname, "sysctls", pairs(&p->sysctls), "share_processes",
                     p->share_processes, "network", p->network, "forward_ports", ports(p),
                     "volumes", all_volumes, "volume_order", volume_order, "containers", containers,
                     "container_order", container_order);
}

/* --- the file --------------------------------------------------------------------------------- */

static enum cl_status load_initdata(const struct cl_buf *raw, struct policy_file *f,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    uint8_t digest[CL_SHA256_SIZE];
    CL_TRY(cl_initdata_parse(raw->data, raw->len, &i, err));
    CL_TRY(cl_initdata_digest(raw->data, raw->len, digest, err));
    if (i.pod_policy == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "initdata: expected pod-policy.json, got what one container is");
    }
    CL_TRY(cl_pod_policy_parse(i.pod_policy, strlen(i.pod_policy), &f->policy, err));
    cl_hex(f->digest, digest, sizeof(digest));
    f->is_initdata = true;
    f->kbs_url = CL_TAKE(i.kbs_url);
    f->kbs_cert = CL_TAKE(i.kbs_cert);
    return CL_OK;
}

/* A policy is an object of JSON, with which no TOML begins. */
static bool is_json(const struct cl_buf *raw)
{
    size_t n = 0;
    while (n < raw->len && strchr(" \t\r\n", raw->data[n]) != NULL && raw->data[n] != '\0') {
        n++;
    }
    return n < raw->len && raw->data[n] == '{';
}

enum cl_status policy_file_load(const char *path, struct policy_file *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(policy_file_done) struct policy_file f = {0};
    CL_TRY(cl_buf_read_file(&raw, path, CL_INITDATA_MAX_SIZE, err));
    CL_TRY(is_json(&raw) ? cl_pod_policy_parse(raw.data, raw.len, &f.policy, err)
                         : load_initdata(&raw, &f, err));
    f.document = document(f.policy);
    if (f.document == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "policy: expected text in UTF-8");
    }
    *ret = f;
    f = (struct policy_file){0};
    return CL_OK;
}

void policy_file_done(struct policy_file *f)
{
    cl_pod_policy_free(f->policy);
    json_decref(f->document);
    free(f->kbs_url);
    free(f->kbs_cert);
    *f = (struct policy_file){0};
}
