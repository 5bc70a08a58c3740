/* SPDX-License-Identifier: Apache-2.0
 * from_exec.c - processes that the host may add to a container: its probes and hooks, and what the
 * person allows by name.
 */
#include "from_internal.h"

#include "expand.h"

#include "cloister/pod_policy.h"

#include <string.h>

static json_t *streams(bool terminal, bool in, bool out)
{
    return json_pack("{s:b, s:b, s:b, s:b}", "terminal", terminal, "stdin", in, "stdout", out,
                     "stderr", out && !terminal);
}

static enum cl_status add(json_t *execs, json_t *args, json_t *how, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *e = json_pack("{s:O, s:o}", "args", args, "streams", how); /* how is taken */
    size_t i = 0;
    json_t *there = NULL;
    json_array_foreach(execs, i, there)
    {
        if (json_equal(there, e)) {
            return CL_OK;
        }
    }
    return policy_append(execs, CL_TAKE(e), err);
}

/* kubelet knows only values that stand in the manifest when it expands a probe, as they stand. */
static enum cl_status lookup_static(void *ctx, const char *name, size_t len, const char **ret,
                                    struct cl_err *err)
{
    const struct policy_container *c = ctx;
    size_t i = 0;
    json_t *e = NULL;
    (void)err;
    json_array_foreach(json_object_get(c->from, "env"), i, e)
    {
        const char *n = json_string_value(json_object_get(e, "name"));
        const char *value = json_string_value(json_object_get(e, "value"));
        if (n != NULL && strlen(n) == len && strncmp(n, name, len) == 0) {
            *ret = value != NULL ? value : "";
        }
    }
    return CL_OK;
}

static enum cl_status expand_static(struct policy_container *c, const char *text, json_t **ret,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(policy_expand(text, lookup_static, c, &out, err));
    *ret = json_stringn(out.len > 0 ? (const char *)out.data : "", out.len);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "policy");
}

/* handler: of a probe or a hook; one that runs nothing in the container adds nothing. */
static enum cl_status add_handler(struct policy_container *c, const json_t *handler,
                                  const char *what, bool probe, json_t *execs, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *args = json_array();
    json_t *exec = NULL;
    json_t *command = NULL;
    size_t i = 0;
    json_t *v = NULL;
    CL_TRY(policy_object(handler, what, "exec", &exec, err));
    if (exec == NULL) {
        return CL_OK;
    }
    CL_TRY(policy_array(exec, what, "command", CL_POD_POLICY_MAX_STRINGS, &command, err));
    json_array_foreach(command, i, v)
    {
        json_t *text = NULL;
        if (!json_is_string(v)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: exec: command[%zu]: expected text, got something else", what, i);
        }
        CL_TRY(probe ? expand_static(c, json_string_value(v), &text, err) : CL_OK);
        CL_TRY(policy_append(args, probe ? text : json_incref(v), err));
    }
    if (json_array_size(args) == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: exec: command: expected a program, got none",
                          what);
    }
    return add(execs, args, streams(false, false, c->f->options->allow_logs), err);
}

static enum cl_status add_handlers(struct policy_container *c, json_t *execs, struct cl_err *err)
{
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    static const char *const hooks[] = {"postStart", "preStop"};
    json_t *lifecycle = NULL;
    json_t *handler = NULL;
    for (size_t i = 0; i < CL_ARRAY_LEN(probes); i++) {
        CL_TRY(policy_object(c->from, "container", probes[i], &handler, err));
        CL_TRY(add_handler(c, handler, probes[i], true, execs, err));
    }
    CL_TRY(policy_object(c->from, "container", "lifecycle", &lifecycle, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(hooks); i++) {
        CL_TRY(policy_object(lifecycle, "lifecycle", hooks[i], &handler, err));
        CL_TRY(add_handler(c, handler, hooks[i], false, execs, err));
    }
    return CL_OK;
}

/* A JSON array of texts, or words with single spaces between them. */
static enum cl_status parse_vector(const char *text, json_t **ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *args = NULL;
    size_t i = 0;
    json_t *v = NULL;
    if (text[0] == '[') {
        CL_TRY(cl_json_parse(text, strlen(text), "--allow-exec", &args, err));
    } else {
        args = json_array();
        for (const char *at = text; at != NULL;
             at = strchr(at, ' ') != NULL ? strchr(at, ' ') + 1 : NULL) {
            CL_TRY(policy_append(args, json_stringn(at, strcspn(at, " ")), err));
        }
    }
    json_array_foreach(args, i, v)
    {
        if (!json_is_string(v) || (i == 0 && json_string_length(v) == 0)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "--allow-exec: expected a program and its arguments, got '%.64s'",
                              text);
        }
    }
    *ret = CL_TAKE(args);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "policy");
}

/* With all streams, and with a terminal: which of the two is asked for is the caller's. */
static enum cl_status add_allowed(struct policy_container *c, json_t *execs, struct cl_err *err)
{
    const struct cl_strv *all = c->f->options->execs;
    for (size_t i = 0; i < all->count; i++) {
        CL_CLEANUP(cl_json_decrefp) json_t *args = NULL;
        const char *text = NULL;
        if (!policy_option_fits(c, all->v[i], &text) || (text == all->v[i] && c->init)) {
            continue;
        }
        c->f->exec_used[i] = true;
        CL_TRY(parse_vector(text, &args, err));
        CL_TRY(add(execs, args, streams(false, true, true), err));
        CL_TRY(add(execs, args, streams(true, true, true), err));
    }
    return CL_OK;
}

enum cl_status policy_exec_build(struct policy_container *c, struct cl_err *err)
{
    json_t *execs = json_array();
    CL_TRY(policy_put(c->to, "exec", execs, err));
    CL_TRY(add_handlers(c, execs, err));
    return add_allowed(c, execs, err);
}
