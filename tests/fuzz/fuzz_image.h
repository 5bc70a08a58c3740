/* SPDX-License-Identifier: Apache-2.0
 * fuzz_image.h - an image in memory for the parsers of firmware and kernels; it ends the program
 * when one asks outside of it.
 */
#ifndef CL_FUZZ_IMAGE_H
#define CL_FUZZ_IMAGE_H

#include "launch/image.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_IMAGE_MAX (4 * LAUNCH_PAGE_SIZE)

struct fuzz_image {
    const uint8_t *data;
    size_t size;
};

static inline enum cl_status fuzz_image_read_at(void *ctx, uint64_t offset, void *dst, size_t n,
                                                struct cl_err *err)
{
    const struct fuzz_image *im = ctx;
    (void)err;
    if (offset > im->size || n > im->size - offset) {
        abort();
    }
    if (n > 0) {
        memcpy(dst, im->data + offset, n);
    }
    return CL_OK;
}

/* Whole pages, of which the input is the end, since that is where tables stand; the rest is zero.
 * False for an input that is empty or too long. buf: FUZZ_IMAGE_MAX bytes. */
static inline bool fuzz_image_of_end(struct fuzz_image *im, uint8_t *buf, const uint8_t *data,
                                     size_t len)
{
    if (len == 0 || len > FUZZ_IMAGE_MAX) {
        return false;
    }
    im->data = buf;
    im->size = (len + LAUNCH_PAGE_SIZE - 1) / LAUNCH_PAGE_SIZE * LAUNCH_PAGE_SIZE;
    memset(buf, 0, FUZZ_IMAGE_MAX);
    memcpy(buf + im->size - len, data, len);
    return true;
}

#endif
