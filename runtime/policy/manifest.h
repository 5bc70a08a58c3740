/* SPDX-License-Identifier: Apache-2.0
 * manifest.h - the pod among the documents of a manifest: itself, or the template of what makes
 * pods.
 * Trust: the documents are hostile. Threads: no shared state. Memory: everything is borrowed from
 *        the documents.
 */
#ifndef POLICY_MANIFEST_H
#define POLICY_MANIFEST_H

#include "base/json.h"

#define POLICY_MAX_OBJECTS 1024u

struct policy_pod {
    json_t *spec;     /* PodSpec */
    const char *kind; /* "Pod", "Deployment", ... */
    const char *name; /* of that object; "" without one */
    bool is_pod;      /* then name is the pod's own */
};

/* The one pod of the documents (of `cl_yaml_parse`). selected: "NAME" or "KIND/NAME" when there
 * may be several; NULL: there must be one.
 * CL_ERR_REJECTED "pods: expected one, got <n>"; CL_ERR_MALFORMED for an object that is none. */
CL_NODISCARD enum cl_status policy_pod_find(const json_t *documents, const char *selected,
                                            struct policy_pod *ret, struct cl_err *err);

/* The object of a kind ("ConfigMap", "Secret") and name; NULL when there is none. */
json_t *policy_object_find(const json_t *documents, const char *kind, const char *name);

#endif
