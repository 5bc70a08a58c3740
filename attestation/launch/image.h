/* SPDX-License-Identifier: Apache-2.0
 * image.h - files that a launch is made of, read in pieces: a firmware image by offset, kernel and
 * initrd as streams.
 * Trust: the files may be hostile: nothing is read outside of them, no size is believed.
 * Threads: pure. Memory: one chunk on the stack.
 */
#ifndef CL_ATTESTATION_LAUNCH_IMAGE_H
#define CL_ATTESTATION_LAUNCH_IMAGE_H

#include "base/err.h"

#define LAUNCH_PAGE_SIZE 4096u
#define LAUNCH_CHUNK_SIZE 65536u
#define LAUNCH_IMAGE_MAX_SIZE (64u << 20) /* bytes of firmware; docs/limits.md */

/* An image in a file or in memory: reads exactly n bytes at an offset that lies inside. */
struct launch_image {
    enum cl_status (*read_at)(void *ctx, uint64_t offset, void *dst, size_t n, struct cl_err *err);
    void *ctx;
    uint64_t size;
};

/* Opens a regular file for reading; anything else is CL_ERR_MALFORMED, an absent one CL_ERR_SYS. */
CL_NODISCARD enum cl_status launch_open(const char *path, int *ret_fd, uint64_t *ret_size,
                                        struct cl_err *err);
/* The same as an image; *fd is borrowed by it and stays the caller's to close. */
CL_NODISCARD enum cl_status launch_image_open(const char *path, int *fd,
                                              struct launch_image *ret_image, struct cl_err *err);
/* CL_ERR_MALFORMED unless the size is a number of whole pages, 1 to LAUNCH_IMAGE_MAX_SIZE bytes. */
CL_NODISCARD enum cl_status launch_image_check_size(const struct launch_image *im,
                                                    struct cl_err *err);

/* Digests of a whole file that is not empty. */
CL_NODISCARD enum cl_status launch_file_sha256(const char *path, uint8_t ret[static 32],
                                               struct cl_err *err);
CL_NODISCARD enum cl_status launch_file_sha384(const char *path, uint8_t ret[static 48],
                                               struct cl_err *err);

#endif
