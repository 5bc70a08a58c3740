/* SPDX-License-Identifier: Apache-2.0
 * fuzz_ttrpc.c - the agent's half of the RPC against a host that sends anything (threats.md row
 * 30).
 */
#include "rpc/agent_server.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum cl_status st)
{
    (void)st;
}

static enum cl_status on_start(void *ctx, struct cl_agent_start *take, struct cl_err *err)
{
    (void)ctx;
    (void)err;
    cl_agent_start_done(take);
    return CL_OK;
}

static enum cl_status on_signal(void *ctx, uint32_t signo, struct cl_err *err)
{
    (void)ctx;
    return signo == 9 ? cl_err_set(err, CL_ERR_UNAVAILABLE, "no container runs") : CL_OK;
}

static enum cl_status on_resize(void *ctx, uint32_t rows, uint32_t cols, struct cl_err *err)
{
    (void)ctx;
    (void)rows;
    (void)cols;
    (void)err;
    return CL_OK;
}

static void on_info(void *ctx, struct cl_agent_info *ret)
{
    (void)ctx;
    (void)snprintf(ret->tee, sizeof(ret->tee), "sim");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int sv[2];
    struct cl_agent_ops ops = {NULL, on_start, on_signal, on_resize, on_info};
    struct cl_agent_server *s = NULL;
    struct cl_ttrpc_server *t = NULL;
    struct cl_agent_outcome o = {.exit_status = 1};
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0) {
        return 0;
    }
    if (write(sv[1], data, size) == (ssize_t)size && shutdown(sv[1], SHUT_WR) == 0 &&
        cl_agent_server_new(&ops, &s, NULL) == CL_OK) {
        const struct cl_ttrpc_service service = cl_agent_server_service(s);
        if (cl_ttrpc_server_new(sv[0], &service, 1, &t, NULL) == CL_OK) {
            ignore(cl_ttrpc_server_run(t, NULL));
            cl_agent_server_finish(s, &o);
        }
        cl_ttrpc_server_free(t);
        cl_agent_server_free(s);
    }
    (void)close(sv[1]);
    return 0;
}
