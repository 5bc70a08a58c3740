/* SPDX-License-Identifier: Apache-2.0
 * policy_explain.c - a policy in words.
 */
#include "policy_load.h"

#include "tree.h"

#include "cloister/image_signature.h"
#include "cloister/pod_policy.h"

#include "base/digest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line. Text of a policy comes here only as quoted() has it, or as names whose characters the
 * parser has checked. */
CL_PRINTF(3, 4)
static enum cl_status say(json_t *lines, struct cl_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    json_t *line = json_vsprintf(fmt, ap);
    va_end(ap);
    return policy_append(lines, line, err);
}

/* JSON in ASCII: owned by the caller; NULL when memory is short. */
static char *quoted(const json_t *j)
{
    return json_dumps(j, JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
}

static enum cl_status say_value(json_t *lines, const char *label, const json_t *j,
                                struct cl_err *err)
{
    char *text = quoted(j);
    enum cl_status st =
        text != NULL ? say(lines, err, "%s%s", label, text) : cl_err_nomem(err, "explanation");
    free(text);
    return st;
}

static json_t *list(const struct cl_strv *s)
{
    json_t *j = json_array();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(j, json_string(s->v[i]));
    }
    return j;
}

static enum cl_status say_list(json_t *lines, const char *label, const struct cl_strv *s,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = list(s);
    return say_value(lines, label, j, err);
}

static enum cl_status say_text(json_t *lines, const char *label, const char *text,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_string(text);
    return say_value(lines, label, j, err);
}

/* --- what containers share --------------------------------------------------------------------
 */

static enum cl_status explain_ports(const struct cl_pod_policy *p, json_t *lines,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    if (p->forward_port_count == 0) {
        return say(lines, err, "port-forward: none");
    }
    for (size_t i = 0; i < p->forward_port_count; i++) {
        CL_TRY(policy_append(list, json_integer(p->forward_ports[i]), err));
    }
    return say_value(lines, "port-forward, the host may connect to: ", list, err);
}

static enum cl_status explain_sandbox(const struct cl_pod_policy *p, json_t *lines,
                                      struct cl_err *err)
{
    CL_TRY(p->hostname != NULL ? say_text(lines, "host name: ", p->hostname, err)
                               : say(lines, err, "host name: the host's choice"));
    CL_TRY(say(lines, err, "network: %s",
               p->network ? "interfaces, addresses and routes are the host's" : "none"));
    CL_TRY(explain_ports(p, lines, err));
    CL_TRY(say(lines, err, "processes: %s",
               p->share_processes ? "containers see each other's" : "each container sees its own"));
    return p->sysctls.count > 0 ? say_list(lines, "kernel settings: ", &p->sysctls, err) : CL_OK;
}

static const char *volume_words(const struct cl_pod_volume *v)
{
    switch (v->kind) {
    case CL_POD_FILES:
        return "files that the host gives, and may change at any time";
    case CL_POD_SCRATCH:
        return v->host_writes && v->host_reads ? "empty; the host may write and read files there"
               : v->host_writes                ? "empty; the host may write files there"
               : v->host_reads                 ? "empty; the host may read files there"
                                               : "empty, on the guest's scratch";
    case CL_POD_MEMORY:
        return "empty, in the guest's memory";
    case CL_POD_SHM:
        return "shared memory of the pod";
    case CL_POD_BLOCK:
        return v->key == NULL ? "a disk of the host's, as the host has it"
               : v->format_blank
                   ? "an encrypted disk; a blank one becomes an empty volume, which the "
                     "host can bring about"
                   : "an encrypted disk; a blank one is refused";
    }
    return "unknown";
}

static enum cl_status explain_volumes(const struct cl_pod_policy *p, json_t *lines,
                                      struct cl_err *err)
{
    for (size_t i = 0; i < p->volume_count; i++) {
        const struct cl_pod_volume *v = &p->volumes[i];
        CL_TRY(say(lines, err, "volume %s: %s%s%s", v->name, volume_words(v),
                   v->key != NULL ? "; key kbs:///" : "", v->key != NULL ? v->key : ""));
    }
    return CL_OK;
}

/* --- containers -------------------------------------------------------------------------------
 */

static void stream_words(const struct cl_pod_streams *s, char ret[static 128])
{
    (void)snprintf(ret, 128, "%s%s%s%s%s", s->terminal ? "with a terminal; " : "",
                   s->stdin_allowed ? "the host may write to it" : "the host writes nothing to it",
                   s->stdout_allowed || s->stderr_allowed ? ", and reads its "
                                                          : ", and reads nothing",
                   s->stdout_allowed ? "output" : "",
                   !s->stderr_allowed  ? ""
                   : s->stdout_allowed ? " and errors"
                                       : "errors");
}

static enum cl_status explain_process(const struct cl_pod_policy_container *c, json_t *lines,
                                      struct cl_err *err)
{
    char words[128];
    CL_TRY(say_list(lines, "  runs: ", &c->args, err));
    CL_TRY(say_text(lines, "  in: ", c->cwd, err));
    if (c->user.name != NULL) {
        CL_TRY(
            say(lines, err,
                "  as: user %s, as etc/passwd and etc/group of the image have it, %zu more groups",
                c->user.name, c->user.group_count));
    } else {
        CL_TRY(say(lines, err, "  as: user %u, group %u, %zu more groups", (unsigned)c->user.uid,
                   (unsigned)c->user.gid, c->user.group_count));
    }
    CL_TRY(say_list(lines, "  environment: ", &c->env, err));
    CL_TRY(say_list(lines, "  environment, the host's choice: ", &c->env_host, err));
    if (c->service_env) {
        CL_TRY(say(lines, err, "  environment, the host's choice: addresses of services"));
    }
    stream_words(&c->streams, words);
    return say(lines, err, "  streams: %s", words);
}

static enum cl_status explain_rights(const struct cl_pod_policy_container *c, json_t *lines,
                                     struct cl_err *err)
{
    CL_TRY(say_list(lines, "  capabilities: ", &c->capabilities, err));
    if (c->ambient.count > 0) {
        CL_TRY(say_list(lines, "  capabilities, ambient: ", &c->ambient, err));
    }
    return say(lines, err, "  root file system: %s%s%s%s%s",
               c->read_only_root ? "read-only" : "writable",
               c->no_new_privileges ? "; no new privileges" : "",
               c->privileged ? "; PRIVILEGED: root of this VM" : "",
               c->unmasked ? "; nothing of /proc hidden" : "",
               c->own_pid ? "" : "; sees the pod's processes");
}

static enum cl_status explain_mounts(const struct cl_pod_policy_container *c, json_t *lines,
                                     struct cl_err *err)
{
    for (size_t i = 0; i < c->mount_count; i++) {
        const struct cl_pod_mount *m = &c->mounts[i];
        CL_CLEANUP(cl_buf_done) struct cl_buf label = {0};
        CL_TRY(cl_buf_printf(&label, err, "  mount of volume %s (%s%s%s): ", m->volume,
                             m->read_only ? "read-only" : "writable",
                             m->optional ? ", may be missing" : "",
                             m->path == NULL ? ", any path in it" : ""));
        CL_CLEANUP(cl_json_decrefp)
        json_t *v = m->path != NULL && m->path[0] != '\0'
                        ? json_pack("[s, s]", m->destination, m->path)
                        : json_pack("[s]", m->destination);
        CL_TRY(say_value(lines, (const char *)label.data, v, err));
    }
    for (size_t i = 0; i < c->device_count; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf label = {0};
        const struct cl_pod_device *d = &c->devices[i];
        CL_TRY(cl_buf_printf(&label, err,
                             "  %s of volume %s%s: ", d->mount != NULL ? "file system" : "device",
                             d->volume, d->read_only ? " (read-only)" : ""));
        CL_TRY(
            say_text(lines, (const char *)label.data, d->mount != NULL ? d->mount : d->path, err));
    }
    return CL_OK;
}

static enum cl_status explain_execs(const struct cl_pod_policy_container *c, json_t *lines,
                                    struct cl_err *err)
{
    for (size_t i = 0; i < c->exec_count; i++) {
        char words[128];
        CL_CLEANUP(cl_buf_done) struct cl_buf label = {0};
        stream_words(&c->execs[i].streams, words);
        CL_TRY(cl_buf_printf(&label, err, "  the host may run in it (%s): ", words));
        CL_TRY(say_list(lines, (const char *)label.data, &c->execs[i].args, err));
    }
    return c->exec_count > 0 ? CL_OK : say(lines, err, "  the host may run in it: nothing");
}

static enum cl_status explain_rule(const struct cl_image_rule *rule, json_t *lines,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *d = cl_image_rule_describe(rule);
    CL_TRY(say_value(lines, "  image, its name: ", json_object_get(d, "reference"), err));
    CL_TRY(say_value(lines, "  image, the signed name: ", json_object_get(d, "identity"), err));
    return say_value(lines, "  image, keys by fingerprint: ", json_object_get(d, "keys"), err);
}

static enum cl_status explain_image(const struct cl_pod_policy_container *c, json_t *lines,
                                    struct cl_err *err)
{
    const char *encryption = c->encryption_required ? "every layer encrypted" : "encrypted or not";
    char digest[CL_OCI_DIGEST_SIZE];
    if (c->rule != NULL) {
        CL_TRY(say(lines, err, "  image: any that is signed (%s), of any age, %s",
                   cl_image_sig_type_name(cl_image_rule_type(c->rule)), encryption));
        return explain_rule(c->rule, lines, err);
    }
    cl_oci_digest_format(digest, c->manifest);
    return say(lines, err, "  image: %s, %s", digest, encryption);
}

static enum cl_status explain_container(const struct cl_pod_policy_container *c, json_t *lines,
                                        struct cl_err *err)
{
    CL_TRY(say(lines, err, "container %s%s", c->name,
               c->init ? ": has to end well before those behind it start" : ""));
    CL_TRY(explain_image(c, lines, err));
    CL_TRY(explain_process(c, lines, err));
    CL_TRY(explain_rights(c, lines, err));
    CL_TRY(explain_mounts(c, lines, err));
    return explain_execs(c, lines, err);
}

static enum cl_status explain_file(const struct policy_file *f, json_t *lines, struct cl_err *err)
{
    if (!f->is_initdata) {
        return CL_OK;
    }
    CL_TRY(say(lines, err, "initdata digest: %s", f->digest));
    return f->kbs_url != NULL
               ? say_text(lines, "broker, with one certificate pinned: ", f->kbs_url, err)
               : say(lines, err, "broker: none");
}

enum cl_status policy_explain(const struct policy_file *f, json_t **ret, struct cl_err *err)
{
    const struct cl_pod_policy *p = f->policy;
    CL_CLEANUP(cl_json_decrefp) json_t *lines = json_array();
    if (lines == NULL) {
        return cl_err_nomem(err, "explanation");
    }
    CL_TRY(explain_file(f, lines, err));
    CL_TRY(explain_sandbox(p, lines, err));
    CL_TRY(explain_volumes(p, lines, err));
    for (size_t i = 0; i < p->container_count; i++) {
        CL_TRY(explain_container(&p->containers[i], lines, err));
    }
    *ret = CL_TAKE(lines);
    return CL_OK;
}
