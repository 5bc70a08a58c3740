/* SPDX-License-Identifier: Apache-2.0
 * fuzz_grpc_reply.c - a gRPC server that answers anything. The first byte says in how large pieces.
 */
#include "exchange.h"

#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum cl_status drain(struct grpc_exchange *x)
{
    const uint8_t *out = NULL;
    size_t len = 0;
    do {
        CL_TRY(grpc_exchange_output(x, &out, &len, NULL));
    } while (len > 0);
    return CL_OK;
}

static enum cl_status feed(struct grpc_exchange *x, const uint8_t *data, size_t size, size_t step)
{
    CL_TRY(drain(x));
    while (size > 0 && !grpc_exchange_over(x)) {
        size_t n = size < step ? size : step;
        CL_TRY(grpc_exchange_input(x, data, n, NULL));
        CL_TRY(drain(x));
        data += n;
        size -= n;
    }
    return CL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cl_grpc_call call = {
        .path = "/a.B/C", .message = "x", .len = 1, .max_reply = 1000, .timeout_ms = 1000};
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    struct cl_err err = {0};
    unsigned code = CL_GRPC_UNKNOWN;
    if (size == 0 || grpc_exchange_new(&call, &x, NULL) != CL_OK) {
        return 0;
    }
    (void)!feed(x, data + 1, size - 1, (size_t)data[0] + 1);
    enum cl_status st = grpc_exchange_result(x, &code, &message, &err);
    assert(message.len <= call.max_reply);
    assert(st == CL_OK ? code == CL_GRPC_OK : message.len == 0);
    return 0;
}
