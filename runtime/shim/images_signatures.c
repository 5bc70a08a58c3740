/* SPDX-License-Identifier: Apache-2.0
 * images_signatures.c - signatures of images, out of the folder that the node's operator, or what
 * fetches images, has filled (image/signatures.h). Without a folder each answer is that it is
 * absent. Trust: the guest asks; it gets what is about an image of its own pod, and no other.
 * Threads: the loop's; only local files are opened.
 */
#include "pod_internal.h"

#include "base/io.h"
#include "image/signatures.h"

/* A pod's own: the digest is that of a manifest that one of its containers is made of. */
static bool is_manifest_of_pod(const struct shim_pod *pod, const uint8_t *digest)
{
    for (const struct container *c = pod->containers; c != NULL; c = c->next) {
        CL_CLEANUP(cl_close_fdp) int fd = -1;
        uint64_t size = 0;
        if (c->image != NULL &&
            pod->cfg.images->open_blob(c->image, digest, &fd, &size, NULL) == CL_OK) {
            return true;
        }
    }
    return false;
}

enum cl_status pod_open_signature(void *ctx, const char *name, int *ret_fd, uint64_t *ret_size,
                                  struct cl_err *err)
{
    const struct shim_pod *pod = ctx;
    struct cl_signature_ask ask;
    if (!cl_signature_ask_parse(name, &ask)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "signature: expected a request for one, got '%s'",
                          name);
    }
    if (!is_manifest_of_pod(pod, ask.digest)) {
        return cl_err_set(err, CL_ERR_REJECTED, "signature: none of this pod's images has it");
    }
    return cl_signature_open(pod->cfg.settings->signatures, &ask, ret_fd, ret_size, err);
}
