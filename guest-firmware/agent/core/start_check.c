/* SPDX-License-Identifier: Apache-2.0
 * start_check.c - the host's Start against initdata.
 */
#include "agent/start_check.h"

#include "base/json.h"

#include <string.h>

#define SHOWN 120 /* bytes of each value in the message */

static enum cl_status differ(const char *field, const char *want, const char *got,
                             struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_REJECTED, "start: %s: expected %.*s, got %.*s", field, SHOWN,
                      want, SHOWN, got);
}

/* A list as JSON text; never NULL. */
static const char *show_list(const char *const *v, size_t count, struct cl_buf *out)
{
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_string(v[i])) != 0) {
            return "(a list with bytes that are not UTF-8)";
        }
    }
    return cl_json_compact(list, out, NULL) == CL_OK ? (const char *)out->data : "(a list)";
}

static enum cl_status check_list(const char *field, const struct cl_strv *want,
                                 const char *const *got, size_t count, struct cl_err *err)
{
    bool same = want->count == count;
    for (size_t i = 0; same && i < count; i++) {
        same = strcmp(want->v[i], got[i]) == 0;
    }
    if (same) {
        return CL_OK;
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf a = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    return differ(field, show_list((const char *const *)want->v, want->count, &a),
                  show_list(got, count, &b), err);
}

static enum cl_status check_text(const char *field, const char *want, const char *got,
                                 struct cl_err *err)
{
    want = want != NULL ? want : "";
    return strcmp(want, got) == 0 ? CL_OK : differ(field, want, got, err);
}

static enum cl_status check_flag(const char *field, bool want, bool got, struct cl_err *err)
{
    return want == got ? CL_OK
                       : differ(field, want ? "true" : "false", got ? "true" : "false", err);
}

static enum cl_status check_id(const char *id, struct cl_err *err)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    if (n == 0 || n > CL_AGENT_ID_MAX || id[n] != '\0' || id[0] == '-') {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "start: container_id: expected 1 to %u of A-Z a-z 0-9 _ -, got %.*s",
                          CL_AGENT_ID_MAX, SHOWN, id);
    }
    return CL_OK;
}

enum cl_status agent_start_check(const struct cl_agent_start *s, const struct cl_initdata *i,
                                 struct cl_err *err)
{
    static const struct cl_strv none = {0};
    char manifest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(manifest, i->manifest);
    CL_TRY(check_id(s->container_id, err));
    CL_TRY(check_text("image.manifest", manifest, s->manifest, err));
    CL_TRY(check_list("container.command", i->has_command ? &i->command : &none, s->command,
                      s->command_count, err));
    CL_TRY(check_list("container.env", &i->env, s->env, s->env_count, err));
    CL_TRY(check_text("container.workdir", i->workdir, s->workdir, err));
    CL_TRY(check_text("container.user", i->user, s->user, err));
    CL_TRY(check_flag("container.terminal", i->terminal, s->terminal, err));
    CL_TRY(check_flag("container.stdin", i->stdin_allowed, s->attach_stdin, err));
    CL_TRY(check_flag("container.stdout", i->stdout_allowed, s->attach_stdout, err));
    return check_flag("container.stderr", i->stderr_allowed, s->attach_stderr, err);
}
