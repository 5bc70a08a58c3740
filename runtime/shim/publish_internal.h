/* SPDX-License-Identifier: Apache-2.0
 * publish_internal.h - between events.c (what is said), publish.c (the queue and the connection)
 * and publish_exec.c (the program that says it in the absence of one).
 */
#ifndef SHIM_PUBLISH_INTERNAL_H
#define SHIM_PUBLISH_INTERNAL_H

#include "base/buf.h"
#include "publish.h"

#include <protobuf-c/protobuf-c.h>

/* Queues one event; topic is a constant. p NULL: nothing happens. */
void shim_publish_message(struct shim_publisher *p, const char *topic, const ProtobufCMessage *m);

struct shim_publish_exec; /* one run of the program; opaque */
/* Runs `binary -address A publish --topic T --namespace NS` with `any` on its stdin, and calls
 * `done` from the loop when it has ended; it is killed after timeout_ms. */
CL_NODISCARD enum cl_status shim_publish_exec_new(struct event_base *base, const char *const *argv,
                                                  const struct cl_buf *any, int timeout_ms,
                                                  void (*done)(void *ctx, bool good), void *ctx,
                                                  struct shim_publish_exec **ret_x,
                                                  struct cl_err *err);
/* Kills and reaps what still runs; `done` is not called. NULL is fine. */
void shim_publish_exec_free(struct shim_publish_exec *x);

#endif
