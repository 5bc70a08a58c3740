/* SPDX-License-Identifier: Apache-2.0
 * fuzz_initdata.c - initdata. What parses is written and parsed again, and is the same.
 */
#include "cloister/initdata.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    CL_CLEANUP(cl_initdata_done) struct cl_initdata again = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    if (cl_initdata_parse(data, len, &i, &err) != CL_OK) {
        return 0;
    }
    /* A certificate that cannot stand in a TOML string of several lines is refused, not garbled. */
    if (cl_initdata_make(&i, &out, &err) == CL_OK &&
        (cl_initdata_parse(out.data, out.len, &again, &err) != CL_OK ||
         !cl_initdata_equal(&i, &again))) {
        abort();
    }
    return 0;
}
