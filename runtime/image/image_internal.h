/* SPDX-License-Identifier: Apache-2.0
 * image_internal.h - the kinds of source behind struct cl_image.
 */
#ifndef CL_IMAGE_INTERNAL_H
#define CL_IMAGE_INTERNAL_H

#include "image/image.h"

/* One kind of source. Manifest and configuration are small and come whole; blobs come as streams.
 */
struct image_source_ops {
    /* Appends the document that the reference names (manifest or index), unverified; ret_digest is
     * what it must hash to (has_digest: the source knows). */
    enum cl_status (*root)(void *source, struct cl_buf *out, bool *ret_has_digest,
                           uint8_t ret_digest[CL_SHA256_SIZE], struct cl_err *err);
    /* Appends a document by digest, unverified, at most max bytes. manifest: false for blobs. */
    enum cl_status (*document)(void *source, const struct cl_oci_desc *d, bool manifest, size_t max,
                               struct cl_buf *out, struct cl_err *err);
    /* A descriptor that gives the blob's bytes. */
    enum cl_status (*blob)(void *source, const struct cl_oci_desc *d, int *ret_fd,
                           struct cl_err *err);
    void (*free)(void *source);
};

/* A folder whose files are named by the hex of their SHA-256. Sources of this kind begin with it.
 */
struct image_blobs {
    char dir[4120];
};

CL_NODISCARD enum cl_status image_blobs_document(void *source, const struct cl_oci_desc *d,
                                                 bool manifest, size_t max, struct cl_buf *out,
                                                 struct cl_err *err);
CL_NODISCARD enum cl_status image_blobs_blob(void *source, const struct cl_oci_desc *d, int *ret_fd,
                                             struct cl_err *err);
/* Appends a plain file of at most max bytes. */
CL_NODISCARD enum cl_status image_read_plain(const char *path, size_t max, struct cl_buf *out,
                                             struct cl_err *err);

CL_NODISCARD enum cl_status
image_store_open(const char *dir, const char *cache, const uint8_t target[static CL_SHA256_SIZE],
                 void **ret_source, const struct image_source_ops **ret_ops, struct cl_err *err);
CL_NODISCARD enum cl_status image_layout_open(const struct cl_image_ref *ref, void **ret_source,
                                              const struct image_source_ops **ret_ops,
                                              struct cl_err *err);
CL_NODISCARD enum cl_status
image_registry_open(const struct cl_image_ref *ref, const struct cl_image_options *opt,
                    void **ret_source, const struct image_source_ops **ret_ops, struct cl_err *err);

#endif
