/* SPDX-License-Identifier: Apache-2.0
 * fuzz_grpc_server.c - a gRPC client that sends anything, with the snapshotter behind the server.
 * The first byte says in how large pieces; each piece takes a second of the calls' time.
 */
#include "conn.h"
#include "service.h"

#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum cl_status drain(struct grpc_conn *c)
{
    const uint8_t *out = NULL;
    size_t len = 0;
    do {
        CL_TRY(grpc_conn_output(c, &out, &len, NULL));
    } while (len > 0);
    return CL_OK;
}

static enum cl_status feed(struct grpc_conn *c, const uint8_t *data, size_t size, size_t step)
{
    CL_TRY(drain(c));
    for (uint64_t now_us = 0; size > 0 && !grpc_conn_over(c); now_us += 1000000) {
        size_t n = size < step ? size : step;
        CL_TRY(grpc_conn_input(c, data, n, now_us, NULL));
        CL_TRY(grpc_conn_tick(c, now_us, NULL));
        CL_TRY(drain(c));
        assert(grpc_conn_deadline_us(c) > now_us);
        data += n;
        size -= n;
    }
    return CL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cl_grpc_service service = {.call = snap_call};
    const size_t all = 4096;
    size_t pending = all;
    struct grpc_conn *c = NULL;
    if (size == 0 || grpc_conn_new(&service, &pending, &c, NULL) != CL_OK) {
        return 0;
    }
    (void)!feed(c, data + 1, size - 1, (size_t)data[0] + 1);
    assert(pending <= all);
    grpc_conn_free(c);
    assert(pending == all);
    return 0;
}
