/* SPDX-License-Identifier: Apache-2.0
 * fuzz_rcar_auth.c - bodies of /auth: what is accepted names a version and the one TEE served.
 */
#include "rcar_msg.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_auth_request r = {0};
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    if (cl_auth_request_parse(data, len, &r, &err) == CL_OK) {
        if (r.family == NULL || (r.version != CL_RCAR_0_4_0 && r.version != CL_RCAR_0_2_0)) {
            abort();
        }
    } else if (cl_rcar_error("AttestationError", err.msg, &out, NULL) != CL_OK) {
        abort(); /* every refusal can be told in the protocol's form */
    }
    return 0;
}
