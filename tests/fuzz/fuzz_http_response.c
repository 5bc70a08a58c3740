/* SPDX-License-Identifier: Apache-2.0
 * fuzz_http_response.c - the client's response parser: a response that is complete stays so when
 * parsed again, and every shorter prefix is incomplete or refused.
 */
#include "http_response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response r = {0};
    if (cl_http_response_parse(data, len, 4096, &r, NULL) != CL_OK) {
        return 0;
    }
    if (r.status < 200 || r.status > 599 || r.body.len > 4096) {
        abort();
    }
    CL_CLEANUP(cl_http_response_done) struct cl_http_response shorter = {0};
    if (cl_http_response_parse(data, len - 1, 4096, &shorter, NULL) == CL_OK) {
        abort();
    }
    return 0;
}
