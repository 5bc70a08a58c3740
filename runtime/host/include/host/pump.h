/* SPDX-License-Identifier: Apache-2.0
 * pump.h - copies bytes from one descriptor to another inside an event loop: back-pressure (one
 * buffer, nothing is read that has no place), half-close, descriptors that are not ours and must
 * stay blocking (the person's terminal and pipes), and files that cannot be polled.
 * Trust: the bytes are not looked at. Threads: the loop's. Memory: HOST_PUMP_BUFFER per pump.
 */
#ifndef HOST_PUMP_H
#define HOST_PUMP_H

#include "base/err.h"

#include <event2/event.h>
#include <stdbool.h>

#define HOST_PUMP_BUFFER 65536u

struct host_pump; /* opaque */

struct host_pump_config {
    struct event_base *base;
    int src; /* borrowed: closed by nobody here */
    int dst;
    bool src_ours;  /* non-blocking, and may be shut down */
    bool dst_ours;  /* the same; its end of stream is passed on with shutdown(2) */
    uint64_t limit; /* at most so many bytes; UINT64_MAX: until the end */
    /* Once, when everything was written or nothing more can be. ok: the source ended (or the limit
     * was reached) and all of it is written. The pump may be freed inside. */
    void (*done)(void *ctx, bool ok);
    void *ctx;
};

/* Bytes that go out before any of the source; len <= HOST_PUMP_BUFFER. */
CL_NODISCARD enum cl_status host_pump_new(const struct host_pump_config *cfg, const void *head,
                                          size_t len, struct host_pump **ret_p, struct cl_err *err);
void host_pump_free(struct host_pump *p); /* NULL is fine; done is not called any more */
uint64_t host_pump_copied(const struct host_pump *p); /* bytes of the source that were written */

#endif
