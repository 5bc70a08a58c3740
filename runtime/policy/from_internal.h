/* SPDX-License-Identifier: Apache-2.0
 * from_internal.h - between the files that make a policy out of a pod. Trust, memory: frompod.h.
 */
#ifndef POLICY_FROM_INTERNAL_H
#define POLICY_FROM_INTERNAL_H

#include "frompod.h"
#include "manifest.h"
#include "tree.h"

#include <limits.h>

struct policy_from {
    const struct policy_from_options *options;
    const json_t *documents;
    struct policy_pod pod;
    char hostname[64];    /* empty: the host's choice */
    json_t *pod_security; /* borrowed; NULL: none */
    json_t *volumes;      /* of the policy: those that are mounted */
    json_t *containers;   /* of the policy */
    bool env_used[POLICY_MAX_GIVEN];
    bool exec_used[POLICY_MAX_GIVEN];
    bool key_used[POLICY_MAX_GIVEN];
    bool ring_used[POLICY_MAX_GIVEN];
    bool volume_used[POLICY_MAX_GIVEN];
    const char *hint;
};

struct policy_container {
    struct policy_from *f;
    const json_t *from; /* of the manifest */
    json_t *to;         /* of the policy */
    json_t *security;   /* borrowed; NULL: none */
    const char *name;
    bool init;
    bool tty;
    struct policy_image image;
    json_t *vars; /* owned: what kubelet gives, name to text, or to null for the host's */
};

/* Whether an option that may begin with "CONTAINER:" is about this container; *ret: the rest. */
bool policy_option_fits(const struct policy_container *c, const char *option, const char **ret);

/* from_signature.c: the rule for who signs the container's image, by the options; NULL: none is
 * about it. name: as the manifest has it. */
CL_NODISCARD enum cl_status policy_signature_build(struct policy_container *c, const char *name,
                                                   json_t **ret, struct cl_err *err);

/* from_env.c: c->vars, then `env`, `env_host` and `service_env` of c->to. */
CL_NODISCARD enum cl_status policy_env_build(struct policy_container *c, struct cl_err *err);
/* A text of the container's command, expanded with c->vars. CL_ERR_REJECTED when it needs a value
 * of the host's. */
CL_NODISCARD enum cl_status policy_env_expand(struct policy_container *c, const char *text,
                                              json_t **ret, struct cl_err *err);

/* from_process.c: args, cwd, user, capabilities, streams, exec. */
CL_NODISCARD enum cl_status policy_process_build(struct policy_container *c, struct cl_err *err);
/* from_exec.c */
CL_NODISCARD enum cl_status policy_exec_build(struct policy_container *c, struct cl_err *err);
/* from_ports.c: the sandbox's forward_ports: of all containers, as the options allow. */
CL_NODISCARD enum cl_status policy_ports_build(struct policy_from *f, json_t *sandbox,
                                               struct cl_err *err);
/* from_security.c */
CL_NODISCARD enum cl_status policy_security_build(struct policy_container *c, struct cl_err *err);
/* Into the policy's list, once. *ret_new: what was added now; NULL: it was there. */
CL_NODISCARD enum cl_status policy_use_volume(struct policy_from *f, const char *name,
                                              const char *kind, json_t **ret_new,
                                              struct cl_err *err);

/* from_claim.c: the --volume of a claim of the pod, if there is one: appends its device. */
CL_NODISCARD enum cl_status policy_claim_build(struct policy_container *c, const char *name,
                                               const char *path, json_t *devices, bool *ret_found,
                                               struct cl_err *err);

/* from_volumes.c: mounts, devices, and the policy's volumes. */
CL_NODISCARD enum cl_status policy_volumes_build(struct policy_container *c, struct cl_err *err);

#endif
