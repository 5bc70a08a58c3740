/* SPDX-License-Identifier: Apache-2.0
 * agent_server.h - the agent's service on a ttrpc server (I-4).
 * Trust: the host is hostile. One Start at most. Threads: the operations are called from the thread
 * that serves; the functions may be called from any. Memory: CL_AGENT_SERVER_MAX_WAITS pending
 * Waits.
 */
#ifndef CL_RPC_AGENT_SERVER_H
#define CL_RPC_AGENT_SERVER_H

#include "rpc/agent.h"
#include "rpc/ttrpc_server.h"

#define CL_AGENT_SERVER_MAX_WAITS 8u

/* What the agent does about the calls. An error status becomes the error answer. */
struct cl_agent_ops {
    void *ctx;
    /* Moves the request to the callee, also when it fails. Called at most once. */
    enum cl_status (*start)(void *ctx, struct cl_agent_start *take, struct cl_err *err);
    enum cl_status (*signal)(void *ctx, uint32_t signo, struct cl_err *err);
    enum cl_status (*resize)(void *ctx, uint32_t rows, uint32_t cols, struct cl_err *err);
    void (*info)(void *ctx, struct cl_agent_info *ret);
};

struct cl_agent_server; /* opaque */

CL_NODISCARD enum cl_status cl_agent_server_new(const struct cl_agent_ops *ops,
                                                struct cl_agent_server **ret_s, struct cl_err *err);
void cl_agent_server_free(struct cl_agent_server *s); /* NULL is fine; after the ttrpc server */
struct cl_ttrpc_service cl_agent_server_service(struct cl_agent_server *s);
/* The connection has ended: nobody will be told any more. */
void cl_agent_server_hang_up(struct cl_agent_server *s);
/* From now on every call but Info is refused with these words (code 9): this guest serves something
 * else. Waits that are pending are told, too. */
void cl_agent_server_refuse(struct cl_agent_server *s, const char *why);
/* The outcome: answers every Wait, now and later. The first one stays. */
void cl_agent_server_finish(struct cl_agent_server *s, const struct cl_agent_outcome *o);
/* Waits until a Wait has been answered, or _hang_up was called; false after timeout_ms. */
bool cl_agent_server_delivered(struct cl_agent_server *s, int timeout_ms);

#endif
