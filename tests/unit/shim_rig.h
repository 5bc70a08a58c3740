/* SPDX-License-Identifier: Apache-2.0
 * shim_rig.h - one end of a ttrpc connection held by hand: frames as bytes, while the loop of the
 * other end runs.
 */
#ifndef CL_TEST_SHIM_RIG_H
#define CL_TEST_SHIM_RIG_H

#include "base/buf.h"
#include "rpc/ttrpc.h"

#include <event2/event.h>
#include <stdbool.h>

/* Turns the loop until *done, but not for ever; tells which. */
bool rig_until(struct event_base *base, const bool *done);
/* As many turns as it takes for nothing more to be ready. */
void rig_settle(struct event_base *base);

void rig_put(int fd, uint32_t len, uint32_t stream, uint8_t type, uint8_t flags, const void *body,
             size_t body_len);
void rig_request(int fd, uint32_t stream, const char *service, const char *method,
                 const void *payload, size_t len);
/* The next frame that comes, turning the loop meanwhile; false when the connection ended or
 * nothing came for long. */
bool rig_frame(struct event_base *base, int fd, struct cl_ttrpc_header *ret_h, struct cl_buf *body);
/* It must be a response on `stream` with this code; gives its payload. */
struct cl_ttrpc_response rig_response(struct event_base *base, int fd, uint32_t stream, int code);

#endif
