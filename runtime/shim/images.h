/* SPDX-License-Identifier: Apache-2.0
 * images.h - what a pod needs to know of images: which manifest a container is made of, and the
 * blobs that this manifest names. A table of functions, so that a pod can be driven by tests
 * without containerd.
 * Threads: the loop's.
 */
#ifndef SHIM_IMAGES_H
#define SHIM_IMAGES_H

#include "base/digest.h"
#include "oci/image.h"

#include <event2/event.h>

struct shim_image; /* of one container; opaque */

struct shim_image_request { /* borrowed during the call */
    const char *name_space; /* containerd's */
    const char *container_id;
    const char *image_name; /* as the pod's annotation has it, for a container that has none of its
                               own; NULL */
};

/* Once, from the loop: the digest of the manifest for this platform, "sha256:<64 hex>"; or why it
 * is not known (st != CL_OK, manifest NULL). */
typedef void (*shim_image_done)(void *ctx, enum cl_status st, const char *manifest,
                                const struct cl_err *err);

struct shim_image_ops {
    void *ctx;
    /* Begins to find an image; after CL_OK `done` will come, unless it is released before. */
    enum cl_status (*resolve)(void *ctx, const struct shim_image_request *r, shim_image_done done,
                              void *done_ctx, struct shim_image **ret_image, struct cl_err *err);
    /* As host/serve.h's open_blob, for the manifest itself and what it names: CL_ERR_REJECTED for
     * any other digest. */
    enum cl_status (*open_blob)(struct shim_image *image, const uint8_t digest[CL_SHA256_SIZE],
                                int *ret_fd, uint64_t *ret_size, struct cl_err *err);
    void (*release)(struct shim_image *image); /* NULL is fine */
};

struct shim_config;

/* Images out of containerd's content store, found with its gRPC interface. */
struct shim_containerd_images {
    struct event_base *base;
    const char *socket; /* of containerd's gRPC interface */
    /* For blobs that it lacks (fetch.h); NULL: they are not fetched. */
    const struct shim_config *settings;
};
/* `from` is borrowed as long as images are resolved. */
struct shim_image_ops shim_images_of(struct shim_containerd_images *from);

#endif
