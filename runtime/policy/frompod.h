/* SPDX-License-Identifier: Apache-2.0
 * frompod.h - the policy of a pod out of its manifest: what kubelet and containerd make of it,
 * said before they do.
 * Trust: manifest and images are hostile bytes; the options are the person's. What the host alone
 *        decides is named as the host's, and what cannot be compared is refused, by name.
 * Threads: no shared state. Memory: bounded by the manifest and the limits of
 * cloister/pod_policy.h. Spec: docs/interfaces.md I-11; Kubernetes API v1 (PodSpec);
 * containerd-shim.md 6.
 */
#ifndef POLICY_FROMPOD_H
#define POLICY_FROMPOD_H

#include "base/digest.h"
#include "oci/image.h"

#define POLICY_MAX_GIVEN 256u /* of --env, --allow-exec, --sysctl each */

struct policy_image {
    uint8_t manifest[CL_SHA256_SIZE];
    bool all_encrypted;
    const struct cl_oci_config *config; /* borrowed from whoever resolved it */
};

/* The image of a container, resolved. name: as the manifest has it. */
typedef enum cl_status (*policy_image_find)(void *ctx, const char *container, const char *name,
                                            struct policy_image *ret, struct cl_err *err);

struct policy_from_options {
    policy_image_find image;
    void *image_ctx;
    const char *select;        /* which pod: "NAME" or "KIND/NAME"; NULL: the only one */
    const struct cl_strv *env; /* "[CONTAINER:]NAME=VALUE": values that the manifest leaves open */
    const struct cl_strv *execs;   /* "[CONTAINER:]VECTOR" */
    const struct cl_strv *sysctls; /* "NAME=VALUE" that the node adds */
    const struct cl_strv *volumes; /* "NAME=kbs:///KEY[,mount=PATH][,format=if-blank]" of claims */
    /* Who signs the image, instead of its digest; each NULL or empty: nobody. */
    const struct cl_strv *signature_keys;  /* "[CONTAINER:]PEM": cosign */
    const struct cl_strv *signature_rings; /* "[CONTAINER:]BASE64": OpenPGP key rings */
    const char *signature_identity;        /* a word, or an object as JSON; NULL: as is usual */
    bool encryption_required;
    bool allow_logs;
    bool allow_forward; /* to the containers' ports */
};

/* documents: of cl_yaml_parse(). Appends the policy's JSON text, which parses
 * (cl_pod_policy_parse).
 * Returns CL_OK; CL_ERR_REJECTED for what a pod in a VM cannot have or a policy cannot say,
 *         CL_ERR_UNSUPPORTED for members that we do not know, CL_ERR_MALFORMED; what the lookup of
 *         an image returns. "<where>: <member>: expected <x>, got <y>"
 * ret_hint: the next step, static; NULL: none. Set on failure, too. */
CL_NODISCARD enum cl_status policy_from_pod(const json_t *documents,
                                            const struct policy_from_options *options,
                                            struct cl_buf *out, const char **ret_hint,
                                            struct cl_err *err);

#endif
