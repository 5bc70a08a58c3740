/* SPDX-License-Identifier: Apache-2.0
 * fuzz_shim_rpc.c - an endpoint of ttrpc that has calls of its own in flight and takes requests,
 * against a peer that sends anything (containerd-shim.md 2). The first byte says how the endpoint
 * treats what comes.
 */
#include "rpc.h"

#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_KEPT 64
#define OUR_CALLS 4

struct end {
    struct shim_rpc *rpc;
    struct shim_rpc_call *kept[MAX_KEPT];
    size_t kept_count;
    bool free_in_request;
    bool free_in_done;
    unsigned done;
};

static void drop(struct end *e)
{
    shim_rpc_free(e->rpc);
    e->rpc = NULL;
}

static void on_request(void *ctx, struct shim_rpc_call *call, const char *service,
                       const char *method, const void *payload, size_t len)
{
    struct end *e = ctx;
    if (strlen(service) + strlen(method) > 5 && e->kept_count < MAX_KEPT) {
        e->kept[e->kept_count++] = call;
    } else {
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, payload, len);
    }
    if (e->free_in_request) {
        drop(e);
    }
}

static void on_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    (void)rpc;
    (void)why;
    drop(ctx);
}

static void on_done(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    struct end *e = ctx;
    (void)payload;
    e->done++;
    if (strlen(message) > CL_ERR_MSG_SIZE || (code != 0 && len > SHIM_RPC_MAX_FRAME)) {
        __builtin_trap();
    }
    if (e->free_in_done) {
        drop(e);
    }
}

static unsigned call_some(struct end *e)
{
    unsigned called = 0;
    for (int i = 0; i < OUR_CALLS && e->rpc != NULL; i++) {
        called += shim_rpc_invoke(e->rpc, "svc", "m", "abc", 3, -1, on_done, e, NULL) == CL_OK;
    }
    return called;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int sv[2];
    struct end e = {.rpc = NULL};
    if (size < 1 || size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) {
        return 0;
    }
    struct event_base *base = event_base_new();
    struct shim_rpc_callbacks cb = {
        .request = (data[0] & 4) == 0 ? on_request : NULL, .closed = on_closed, .ctx = &e};
    e.free_in_request = (data[0] & 1) != 0;
    e.free_in_done = (data[0] & 2) != 0;
    if (base == NULL || shim_rpc_new(base, sv[0], &cb, &e.rpc, NULL) != CL_OK ||
        write(sv[1], data + 1, size - 1) != (ssize_t)size - 1) {
        __builtin_trap();
    }
    unsigned called = call_some(&e);
    (void)shutdown(sv[1], SHUT_WR);
    char sink[65536];
    for (int i = 0; i < 64 && e.rpc != NULL; i++) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        (void)recv(sv[1], sink, sizeof(sink), MSG_DONTWAIT);
    }
    for (size_t i = 0; i < e.kept_count; i++) {
        shim_rpc_answer(e.kept[i], SHIM_CODE_OK, NULL, "late", 4);
    }
    drop(&e);
    if (e.done != called) { /* each call ends once */
        __builtin_trap();
    }
    event_base_free(base);
    (void)close(sv[1]);
    return 0;
}
