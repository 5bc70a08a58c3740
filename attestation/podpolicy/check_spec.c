/* SPDX-License-Identifier: Apache-2.0
 * check_spec.c - a container that the host asks for, member by member, against its policy.
 */
#include "podpolicy_internal.h"

#include "oci/image.h"

#include <stdio.h>
#include <string.h>

#define PRIVILEGED "dev.cloister.privileged"

static enum cl_status check_image(const struct cl_pod_policy_container *c, const uint8_t *manifest,
                                  const char *what, struct cl_err *err)
{
    char expected[CL_OCI_DIGEST_SIZE];
    char got[CL_OCI_DIGEST_SIZE];
    if (c->rule != NULL) {
        return CL_OK; /* its signatures are looked at before it is used */
    }
    if (memcmp(c->manifest, manifest, CL_SHA256_SIZE) == 0) { /* both are public */
        return CL_OK;
    }
    cl_oci_digest_format(expected, c->manifest);
    cl_oci_digest_format(got, manifest);
    return cl_err_set(err, CL_ERR_REJECTED, "%s: image: expected %s, got %s", what, expected, got);
}

static enum cl_status check_privileged(const struct cl_pod_policy_container *c, const json_t *spec,
                                       const char *what, struct cl_err *err)
{
    const json_t *v = json_object_get(json_object_get(spec, "annotations"), PRIVILEGED);
    bool got = json_is_string(v) && strcmp(json_string_value(v), "true") == 0;
    return got == c->privileged
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "%s: privileged: expected %s, got %s", what,
                            c->privileged ? "true" : "false", got ? "true" : "false");
}

static bool has_namespace(const json_t *linux_, const char *type)
{
    const json_t *list = json_object_get(linux_, "namespaces");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_object_get(json_array_get(list, i), "type");
        if (json_is_string(v) && strcmp(json_string_value(v), type) == 0) {
            return true;
        }
    }
    return false;
}

/* The network is always the pod's. */
static enum cl_status check_namespaces(const struct cl_pod_policy_container *c,
                                       const json_t *linux_, const char *what, struct cl_err *err)
{
    const struct {
        const char *type;
        bool own;
    } rules[] = {{"pid", c->own_pid}, {"ipc", false}, {"uts", false}};
    for (size_t i = 0; i < CL_ARRAY_LEN(rules); i++) {
        bool own = has_namespace(linux_, rules[i].type);
        if (own != rules[i].own) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "%s: %s: expected the %s's namespace, got the "
                              "%s's",
                              what, rules[i].type, rules[i].own ? "container" : "pod",
                              own ? "container" : "pod");
        }
    }
    return CL_OK;
}

static enum cl_status check_linux(const struct cl_pod_policy_container *c, const json_t *linux_,
                                  const char *what, struct cl_err *err)
{
    CL_TRY(check_namespaces(c, linux_, what, err));
    CL_TRY(podpolicy_none(linux_, what, "sysctl", err));
    return podpolicy_devices(c, json_object_get(linux_, "devices"), what, err);
}

enum cl_status cl_pod_policy_create(const struct cl_pod_policy_container *c,
                                    const uint8_t manifest[static CL_SHA256_SIZE],
                                    const json_t *spec, struct cl_err *err)
{
    char what[96];
    const json_t *process = json_object_get(spec, "process");
    (void)snprintf(what, sizeof(what), "policy: containers[%s]", c->name);
    CL_TRY(check_image(c, manifest, what, err));
    CL_TRY(podpolicy_args(&c->args, process, what, err));
    CL_TRY(podpolicy_process(c, process, what, err));
    CL_TRY(podpolicy_same_flag(process, what, "terminal", c->streams.terminal, err));
    CL_TRY(podpolicy_same_flag(json_object_get(spec, "root"), what, "readonly", c->read_only_root,
                               err));
    CL_TRY(check_privileged(c, spec, what, err));
    CL_TRY(podpolicy_none(spec, what, "hostname", err));
    CL_TRY(podpolicy_mounts(c, json_object_get(spec, "mounts"), what, err));
    return check_linux(c, json_object_get(spec, "linux"), what, err);
}
