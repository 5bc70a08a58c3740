/* SPDX-License-Identifier: Apache-2.0
 * ttrpc_server.h - the serving half of a ttrpc connection: reads requests, hands each to the
 * service it names, and writes answers in whatever order they come. Trust: the client is hostile.
 * What breaks the framing ends the connection. Threads: _run belongs to one thread and calls the
 * services from it; answers may be given from any thread, during the call or later. Memory: one
 * frame in each direction.
 */
#ifndef CL_RPC_TTRPC_SERVER_H
#define CL_RPC_TTRPC_SERVER_H

#include "rpc/ttrpc.h"

#define CL_TTRPC_MAX_SERVICES 4u

struct cl_ttrpc_server; /* opaque */

/* A call that wants an answer: exactly one. A plain value, good as long as the server is. */
struct cl_ttrpc_call {
    struct cl_ttrpc_server *server;
    uint32_t stream;
};

struct cl_ttrpc_service {
    const char *name; /* "cloister.agent.v1.Agent"; static */
    void *ctx;
    /* Must not block for long: it holds up the calls behind it. `r` is borrowed for the call. */
    void (*call)(void *ctx, struct cl_ttrpc_call call, const struct cl_ttrpc_request *r);
};

/* Takes the descriptor (closed by _free, and when this fails). count: 1..CL_TTRPC_MAX_SERVICES. */
CL_NODISCARD enum cl_status cl_ttrpc_server_new(int fd, const struct cl_ttrpc_service *services,
                                                size_t count, struct cl_ttrpc_server **ret_s,
                                                struct cl_err *err);
/* No call may be unanswered that somebody will still answer. NULL is fine. */
void cl_ttrpc_server_free(struct cl_ttrpc_server *s);
/* Serves until the client closes (CL_OK) or breaks the protocol. */
CL_NODISCARD enum cl_status cl_ttrpc_server_run(struct cl_ttrpc_server *s, struct cl_err *err);
/* Ends the connection: _run returns. From any thread. */
void cl_ttrpc_server_shutdown(struct cl_ttrpc_server *s);

/* An answer. A client that does not take it within 10 s loses the connection.
 * payload: NULL is an empty message. */
void cl_ttrpc_reply(struct cl_ttrpc_call call, enum cl_ttrpc_code code, const char *message,
                    const struct cl_buf *payload);
/* The same for a status: CL_OK gives an empty message, anything else err->msg and its code. */
void cl_ttrpc_reply_status(struct cl_ttrpc_call call, enum cl_status st, const struct cl_err *err);

#endif
