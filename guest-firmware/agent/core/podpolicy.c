/* SPDX-License-Identifier: Apache-2.0
 * podpolicy.c - specifications and processes of a measured pod: held against the policy, and what
 * the host may not choose put in its place.
 */
#include "podcheck.h"

#include "agent/podspec.h"
#include "agent/spec.h"
#include "cloister/pod_policy.h"

static enum cl_status put(json_t *obj, const char *key, json_t *take, struct cl_err *err)
{
    return json_object_set_new(obj, key, take) == 0 ? CL_OK : cl_err_nomem(err, "specification");
}

/* Without a member crun, and our own build, have their defaults. */
static enum cl_status set_ours(json_t *spec, const struct cl_pod_policy_container *c,
                               struct cl_err *err)
{
    static const char *const dropped[] = {"seccomp", "maskedPaths", "readonlyPaths",
                                          "rootfsPropagation"};
    json_t *linux_ = json_object_get(spec, "linux");
    if (linux_ == NULL) {
        CL_TRY(put(spec, "linux", json_object(), err));
        linux_ = json_object_get(spec, "linux");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(dropped); i++) {
        (void)json_object_del(linux_, dropped[i]);
    }
    if (!c->privileged && !c->unmasked) {
        CL_TRY(put(linux_, "maskedPaths", agent_spec_masked_paths(), err));
        CL_TRY(put(linux_, "readonlyPaths", agent_spec_readonly_paths(), err));
    }
    return CL_OK;
}

enum cl_status agent_podspec_measured(const void *data, size_t len, const char *cgroup,
                                      const struct cl_pod_policy_container *c,
                                      const uint8_t manifest[static CL_SHA256_SIZE],
                                      struct agent_podspec *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *spec = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(agent_podcheck_document(data, len, "spec", &spec, err));
    CL_TRY(cl_pod_policy_create(c, manifest, spec, err));
    json_t *linux_ = json_object_get(spec, "linux");
    if (linux_ != NULL && !json_is_object(linux_)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "spec: linux: expected object, got another type");
    }
    CL_TRY(set_ours(spec, c, err));
    CL_TRY(cl_json_compact(spec, &text, err));
    return agent_podspec_parse(text.data, text.len, cgroup, ret, err);
}

enum cl_status agent_podspec_measured_process(const void *data, size_t len,
                                              const struct cl_pod_policy_container *c, json_t *user,
                                              json_t **ret_process, bool *ret_terminal,
                                              const struct cl_pod_exec **ret_exec,
                                              struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *asked = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *process = NULL;
    CL_TRY(agent_podcheck_document(data, len, "process", &asked, err));
    CL_TRY(cl_pod_policy_exec(c, asked, ret_exec, err));
    CL_TRY(agent_podspec_process(data, len, &process, ret_terminal, err));
    CL_TRY(put(process, "user", json_incref(user), err));
    *ret_process = CL_TAKE(process);
    return CL_OK;
}
