/* SPDX-License-Identifier: Apache-2.0
 * from_process.c - what a container runs, where, and which streams of it the host may carry: the
 * pod's words and the image's, put together as kubelet and containerd do.
 */
#include "from_internal.h"

#include "cloister/pod_policy.h"

#include <string.h>

/* A list of the manifest, expanded, behind `to`. */
static enum cl_status append_list(struct policy_container *c, const json_t *list, const char *what,
                                  json_t *to, struct cl_err *err)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(list, i, v)
    {
        json_t *expanded = NULL;
        if (!json_is_string(v)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s[%zu]: expected text, got something else (numbers and words like "
                              "yes need quotes)",
                              what, i);
        }
        enum cl_status st = policy_env_expand(c, json_string_value(v), &expanded, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "%s[%zu]", what, i);
        }
        CL_TRY(policy_append(to, expanded, err));
    }
    return CL_OK;
}

static enum cl_status append_strv(const struct cl_strv *list, json_t *to, struct cl_err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        CL_TRY(policy_append(to, json_string(list->v[i]), err));
    }
    return CL_OK;
}

/* `command` replaces the image's entry point and drops its Cmd; `args` replace the Cmd. */
static enum cl_status build_args(struct policy_container *c, struct cl_err *err)
{
    json_t *command = NULL;
    json_t *args = NULL;
    json_t *to = json_array();
    CL_TRY(policy_put(c->to, "args", to, err));
    CL_TRY(policy_array(c->from, "container", "command", CL_POD_POLICY_MAX_STRINGS, &command, err));
    CL_TRY(policy_array(c->from, "container", "args", CL_POD_POLICY_MAX_STRINGS, &args, err));
    bool has_command = json_array_size(command) > 0;
    bool has_args = json_array_size(args) > 0;
    CL_TRY(has_command ? append_list(c, command, "command", to, err)
                       : append_strv(&c->image.config->entrypoint, to, err));
    CL_TRY(append_list(c, args, "args", to, err));
    if (!has_command && !has_args) {
        CL_TRY(append_strv(&c->image.config->cmd, to, err));
    }
    if (json_array_size(to) == 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "command: expected a program of the pod's or the image's, got none");
    }
    return CL_OK;
}

static enum cl_status build_cwd(struct policy_container *c, struct cl_err *err)
{
    const char *cwd = NULL;
    CL_TRY(policy_text(c->from, "container", "workingDir", &cwd, err));
    if (cwd == NULL || cwd[0] == '\0') {
        cwd = c->image.config->working_dir;
    }
    return policy_put(c->to, "cwd", json_string(cwd != NULL && cwd[0] != '\0' ? cwd : "/"), err);
}

/* A terminal is asked for by the manifest, and carries its output itself. */
static enum cl_status build_streams(struct policy_container *c, struct cl_err *err)
{
    bool in = false;
    bool out = c->f->options->allow_logs;
    CL_TRY(policy_flag(c->from, "container", "stdin", &in, err));
    json_t *to = json_object();
    CL_TRY(policy_put(c->to, "streams", to, err));
    CL_TRY(policy_put(to, "terminal", json_boolean(c->tty), err));
    CL_TRY(policy_put(to, "stdin", json_boolean(in), err));
    CL_TRY(policy_put(to, "stdout", json_boolean(out), err));
    return policy_put(to, "stderr", json_boolean(out && !c->tty), err);
}

enum cl_status policy_process_build(struct policy_container *c, struct cl_err *err)
{
    CL_TRY(build_args(c, err));
    CL_TRY(build_cwd(c, err));
    return build_streams(c, err);
}
