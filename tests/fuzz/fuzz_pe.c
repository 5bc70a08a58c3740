/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pe.c - the Authenticode digest of a kernel of any bytes, as it is and with QEMU's changes.
 */
#include "tdx/measure/measure_internal.h"

#include <stdlib.h>
#include <string.h>

struct image {
    const uint8_t *data;
    size_t size;
};

static enum cl_status read_at(void *ctx, uint64_t offset, void *dst, size_t n, struct cl_err *err)
{
    const struct image *im = ctx;
    (void)err;
    if (offset > im->size || n > im->size - offset) {
        abort(); /* the parser may ask inside only */
    }
    if (n > 0) {
        memcpy(dst, im->data + offset, n);
    }
    return CL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct image im = {data, len};
    const struct launch_image image = {read_at, &im, len};
    const struct pe_patch patch = {UINT64_C(1) << 30, len};
    uint8_t plain[CL_TDX_MR_SIZE], patched[CL_TDX_MR_SIZE];
    bool good = pe_sha384_image(&image, NULL, plain, NULL) == CL_OK;
    if (pe_sha384_image(&image, &patch, patched, NULL) == CL_OK && !good) {
        abort(); /* the changes are not in the headers that are judged */
    }
    return 0;
}
