/* SPDX-License-Identifier: Apache-2.0
 * agent_server.h - the agent's half: answers the host on a connection that the agent dialled.
 * Trust: the host is hostile. One Start at most; what breaks the framing ends the connection.
 * Threads: _run belongs to one thread and calls the operations from it; the other functions may be
 * called from any. Memory: one frame, CL_AGENT_SERVER_MAX_WAITS pending Waits.
 */
#ifndef CL_RPC_AGENT_SERVER_H
#define CL_RPC_AGENT_SERVER_H

#include "rpc/agent.h"

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

/* Takes the descriptor (closed by _free, and when this fails). */
CL_NODISCARD enum cl_status cl_agent_server_new(int fd, const struct cl_agent_ops *ops,
                                                struct cl_agent_server **ret_s, struct cl_err *err);
void cl_agent_server_free(struct cl_agent_server *s); /* NULL is fine */
/* Serves until the host closes (CL_OK) or breaks the protocol. */
CL_NODISCARD enum cl_status cl_agent_server_run(struct cl_agent_server *s, struct cl_err *err);
/* The outcome: answers every Wait, now and later. The first one stays. */
void cl_agent_server_finish(struct cl_agent_server *s, const struct cl_agent_outcome *o);
/* Waits until a Wait has been answered, or _run has ended; false after timeout_ms. */
bool cl_agent_server_delivered(struct cl_agent_server *s, int timeout_ms);

#endif
