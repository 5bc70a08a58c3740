/* SPDX-License-Identifier: Apache-2.0
 * fuzz_keyprovider.c - key-provider requests, with one fixed key whatever file they name.
 */
#include "image/keyprovider.h"

#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum cl_status fixed_key(const char *path, bool generate, struct cl_secret *ret,
                                struct cl_err *err)
{
    (void)path;
    (void)generate;
    return cl_secret_from(ret, "0123456789abcdef0123456789abcdef", 32, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct cl_keyprovider k = {.load_key = fixed_key};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    struct cl_err err = {0};
    if (cl_keyprovider_handle(&k, data, len, &out, &err) == CL_OK &&
        cl_json_parse(out.data, out.len, "answer", &j, &err) != CL_OK) {
        abort();
    }
    return 0;
}
