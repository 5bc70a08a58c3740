/* SPDX-License-Identifier: Apache-2.0
 * exchange.h - one unary call as a state machine over bytes: what to send, what came, what it
 * means. Trust, memory: grpc/client.h. Threads: one.
 */
#ifndef GRPC_EXCHANGE_H
#define GRPC_EXCHANGE_H

#include "grpc/client.h"

#include <stdbool.h>

struct grpc_exchange; /* opaque */

/* `call` is borrowed until _free. CL_ERR_MALFORMED for a call that breaks its own limits. */
CL_NODISCARD enum cl_status grpc_exchange_new(const struct cl_grpc_call *call,
                                              struct grpc_exchange **ret_x, struct cl_err *err);
void grpc_exchange_free(struct grpc_exchange *x); /* NULL is fine */
void grpc_exchange_freep(struct grpc_exchange **x);
/* The next bytes to send, borrowed until the next call of _output; *ret_len 0: none for now. */
CL_NODISCARD enum cl_status grpc_exchange_output(struct grpc_exchange *x, const uint8_t **ret_data,
                                                 size_t *ret_len, struct cl_err *err);
/* Takes bytes of the server. After a failure there is nothing more to do but _free. */
CL_NODISCARD enum cl_status grpc_exchange_input(struct grpc_exchange *x, const void *data,
                                                size_t len, struct cl_err *err);
/* The reply is complete, or can never be. */
bool grpc_exchange_over(const struct grpc_exchange *x);
/* What the reply says; called once it is over, or when the connection has ended. As
 * cl_grpc_unary(). */
CL_NODISCARD enum cl_status grpc_exchange_result(const struct grpc_exchange *x, unsigned *ret_code,
                                                 struct cl_buf *ret_message, struct cl_err *err);

#endif
