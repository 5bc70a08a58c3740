/* SPDX-License-Identifier: Apache-2.0
 * fuzz_shim_process.c - the process of an Exec: what is translated is translated to the same
 * again.
 */
#include "translate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf once = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf twice = {0};
    struct cl_err err = {0};
    if (shim_process_translate(data, len, &once, &err) != CL_OK) {
        return 0;
    }
    if (shim_process_translate(once.data, once.len, &twice, &err) != CL_OK ||
        strcmp((const char *)once.data, (const char *)twice.data) != 0) {
        abort();
    }
    return 0;
}
