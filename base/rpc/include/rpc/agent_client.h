/* SPDX-License-Identifier: Apache-2.0
 * agent_client.h - the host's half: blocking calls to the agent over an accepted connection (I-4,
 * port 1024). Trust: the guest is hostile. Answers are bounded, and checked before use. Threads:
 * calls may be made from several threads at once (Wait in one, Signal in another). Memory: one
 * frame per call in flight, at most CL_AGENT_CLIENT_MAX_CALLS calls.
 */
#ifndef CL_RPC_AGENT_CLIENT_H
#define CL_RPC_AGENT_CLIENT_H

#include "rpc/agent.h"

#define CL_AGENT_CLIENT_MAX_CALLS 16u

struct cl_agent_client; /* opaque */

/* Takes the connected descriptor (closed by _free, and when this fails). */
CL_NODISCARD enum cl_status cl_agent_client_new(int fd, struct cl_agent_client **ret_c,
                                                struct cl_err *err);
/* No call may be in flight. NULL is fine. */
void cl_agent_client_free(struct cl_agent_client *c);
void cl_agent_client_freep(struct cl_agent_client **c);
/* Ends the connection: calls in flight return CL_ERR_UNAVAILABLE. From any thread. */
void cl_agent_client_shutdown(struct cl_agent_client *c);

/* timeout_ms: at most so long; -1 means for ever.
 * Returns CL_OK; CL_ERR_UNAVAILABLE when the connection ended or time ran out; CL_ERR_MALFORMED
 * when the agent broke the protocol; CL_ERR_REJECTED when it answered with an error status
 * (message: its words, escaped). */
CL_NODISCARD enum cl_status cl_agent_client_info(struct cl_agent_client *c, int timeout_ms,
                                                 struct cl_agent_info *ret, struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_client_start(struct cl_agent_client *c,
                                                  const struct cl_agent_start *s, int timeout_ms,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_client_wait(struct cl_agent_client *c, int timeout_ms,
                                                 struct cl_agent_outcome *ret, struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_client_signal(struct cl_agent_client *c, uint32_t signo,
                                                   int timeout_ms, struct cl_err *err);
CL_NODISCARD enum cl_status cl_agent_client_resize(struct cl_agent_client *c, uint32_t rows,
                                                   uint32_t cols, int timeout_ms,
                                                   struct cl_err *err);

#endif
