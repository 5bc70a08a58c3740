/* SPDX-License-Identifier: Apache-2.0
 * rpc.h - one ttrpc connection in an event loop, either side of it: requests that are answered
 * later, and calls whose answers come as callbacks (containerd-shim.md 2).
 * Trust: the peer is hostile (the guest, or a client of containerd's socket): bounded frames,
 * bounded numbers of requests in flight; whoever breaks the framing loses the connection, whoever
 * sends a bad request hears so. Threads: the loop's. Memory: one frame each way and what waits to
 * be sent; reading stops while SHIM_RPC_MAX_UNSENT bytes wait.
 */
#ifndef SHIM_RPC_H
#define SHIM_RPC_H

#include "base/err.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_RPC_MAX_FRAME (4u << 20) /* ttrpc's own; larger ones are drained and answered 8 */
#define SHIM_RPC_MAX_REQUESTS 512u    /* unanswered, per connection; Waits count */
#define SHIM_RPC_MAX_UNSENT (1u << 20)

/* gRPC codes. */
enum shim_code {
    SHIM_CODE_OK = 0,
    SHIM_CODE_CANCELED = 1,
    SHIM_CODE_UNKNOWN = 2,
    SHIM_CODE_INVALID = 3,
    SHIM_CODE_DEADLINE = 4,
    SHIM_CODE_NOT_FOUND = 5,
    SHIM_CODE_EXISTS = 6,
    SHIM_CODE_DENIED = 7,
    SHIM_CODE_EXHAUSTED = 8,
    SHIM_CODE_PRECONDITION = 9,
    SHIM_CODE_UNIMPLEMENTED = 12,
    SHIM_CODE_INTERNAL = 13,
    SHIM_CODE_UNAVAILABLE = 14,
};

struct shim_rpc;      /* a connection; opaque */
struct shim_rpc_call; /* a request that waits for its answer; opaque */

struct shim_rpc_callbacks {
    /* A request; NULL: the peer may not call us. `call` is the callee's until shim_rpc_answer; the
     * other pointers live until this returns. */
    void (*request)(void *ctx, struct shim_rpc_call *call, const char *service, const char *method,
                    const void *payload, size_t len);
    /* The connection has ended (err->status CL_OK: at the peer's wish). May free it. */
    void (*closed)(void *ctx, struct shim_rpc *rpc, const struct cl_err *why);
    void *ctx;
};

/* Takes the connected descriptor (closed by _free, and when this fails). */
CL_NODISCARD enum cl_status shim_rpc_new(struct event_base *base, int fd,
                                         const struct shim_rpc_callbacks *cb,
                                         struct shim_rpc **ret_rpc, struct cl_err *err);
/* Calls in flight end with SHIM_CODE_UNAVAILABLE; requests may still be answered, to nobody. NULL
 * is fine. */
void shim_rpc_free(struct shim_rpc *rpc);

/* Answers, once, and forgets the call. message: NULL, or why it failed. */
void shim_rpc_answer(struct shim_rpc_call *call, enum shim_code code, const char *message,
                     const void *payload, size_t len);
/* Whether anyone still waits for the answer: false when the connection has ended, or when the
 * deadline that came with the request has passed (the asker then has its answer). */
bool shim_rpc_call_wanted(const struct shim_rpc_call *call);

/* The answer to a call of ours; `code` is any number the peer likes, `message` is printable ASCII.
 * Pointers live until this returns. */
typedef void (*shim_rpc_done)(void *ctx, int code, const char *message, const void *payload,
                              size_t len);
/* timeout_ms: -1: for ever. When it runs out, `done` gets SHIM_CODE_DEADLINE and a later answer is
 * dropped. An error here means that `done` will not be called. */
CL_NODISCARD enum cl_status shim_rpc_invoke(struct shim_rpc *rpc, const char *service,
                                            const char *method, const void *payload, size_t len,
                                            int timeout_ms, shim_rpc_done done, void *ctx,
                                            struct cl_err *err);
/* Nothing waits to be sent: what was answered is on its way. */
int shim_rpc_idle(const struct shim_rpc *rpc);

#endif
