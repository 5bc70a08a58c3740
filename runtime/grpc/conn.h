/* SPDX-License-Identifier: Apache-2.0
 * conn.h - the server's side of one connection as a state machine over bytes.
 * Trust, memory: grpc/server.h. Threads: one. Times: cl_monotonic_us().
 */
#ifndef GRPC_CONN_H
#define GRPC_CONN_H

#include "grpc/server.h"

#include <stdbool.h>

struct grpc_conn; /* opaque */

/* `service` and `pending` are borrowed until _free; *pending: bytes that requests of all
 * connections may still take, counted down and up here. */
CL_NODISCARD enum cl_status grpc_conn_new(const struct cl_grpc_service *service, size_t *pending,
                                          struct grpc_conn **ret_c, struct cl_err *err);
void grpc_conn_free(struct grpc_conn *c); /* NULL is fine */
void grpc_conn_freep(struct grpc_conn **c);
/* The next bytes to send, borrowed until the next call; *ret_len 0: none for now. */
CL_NODISCARD enum cl_status grpc_conn_output(struct grpc_conn *c, const uint8_t **ret_data,
                                             size_t *ret_len, struct cl_err *err);
/* Takes bytes of the client. After a failure there is nothing more to do but _free. */
CL_NODISCARD enum cl_status grpc_conn_input(struct grpc_conn *c, const void *data, size_t len,
                                            uint64_t now_us, struct cl_err *err);
/* Ends the calls whose time is over; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status grpc_conn_tick(struct grpc_conn *c, uint64_t now_us,
                                           struct cl_err *err);
/* When the next call's time is over; UINT64_MAX: there is none. */
uint64_t grpc_conn_deadline_us(const struct grpc_conn *c);
bool grpc_conn_idle(const struct grpc_conn *c); /* no call is under way */
bool grpc_conn_over(const struct grpc_conn *c); /* nothing more to read or to send */

#endif
