/* SPDX-License-Identifier: Apache-2.0
 * fuzz_qgs_response.c - an answer of the quote generation service.
 */
#undef NDEBUG
#include "qgs.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *quote = NULL;
    size_t size = 0;
    struct cl_err err = {0};
    if (vmm_qgs_response(data, len, &quote, &size, &err) == CL_OK) {
        assert(size > 0 && quote >= data && quote + size == data + len);
    } else {
        assert(quote == NULL && size == 0 && err.msg[0] != '\0');
    }
    return 0;
}
