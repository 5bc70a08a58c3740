/* SPDX-License-Identifier: Apache-2.0
 * image.h - from the digest of a manifest to a verified root file system.
 * Trust: the host gives the blobs; each is verified against a digest that was known before. The
 * broker gives keys. Threads: one. Memory: manifest and configuration (1 MiB each), keys of the
 * image, one layer's buffers.
 */
#ifndef AGENT_IMAGE_H
#define AGENT_IMAGE_H

#include "agent/limits.h"
#include "base/secret.h"
#include "oci/image.h"

struct agent_image_ops {
    void *ctx;
    /* A connection on which one blob is asked for (I-4.1). */
    enum cl_status (*dial_blob)(void *ctx, int *ret_fd, struct cl_err *err);
    /* The broker's resource "repository/type/tag". */
    enum cl_status (*get_key)(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err);
    /* Tells that something was done: "image.manifest", "image.config", "image.key",
     * "image.layer.<n>". */
    void (*done)(void *ctx, const char *phase);
};

/* What the image must be. */
struct agent_image_want {
    const uint8_t *manifest; /* CL_SHA256_SIZE bytes: digest of the manifest for this platform */
    bool encryption_required;
};

/* Unpacks the image below root_fd (an empty directory, borrowed). On failure the directory is
 * emptied, and *ret_step names the step: "image.manifest", "image.config", "image.key",
 * "image.layer". */
CL_NODISCARD enum cl_status agent_image_fetch(const struct agent_image_want *want,
                                              const struct agent_image_ops *ops, int root_fd,
                                              const struct agent_limits *limits,
                                              struct cl_oci_config *ret_config,
                                              const char **ret_step, struct cl_err *err);

#endif
