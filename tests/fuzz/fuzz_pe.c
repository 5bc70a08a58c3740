/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pe.c - the Authenticode digest of a kernel of any bytes, as it is and with QEMU's changes.
 */
#include "fuzz_image.h"
#include "tdx/measure/measure_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_image im = {data, len};
    const struct launch_image image = {fuzz_image_read_at, &im, len};
    const struct pe_patch patch = {UINT64_C(1) << 30, len};
    uint8_t plain[CL_TDX_MR_SIZE], patched[CL_TDX_MR_SIZE];
    bool good = pe_sha384_image(&image, NULL, plain, NULL) == CL_OK;
    if (pe_sha384_image(&image, &patch, patched, NULL) == CL_OK && !good) {
        abort(); /* the changes are not in the headers that are judged */
    }
    return 0;
}
