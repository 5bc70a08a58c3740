/* SPDX-License-Identifier: Apache-2.0
 * pump.h - copies bytes from one descriptor to another inside an event loop: back-pressure (one
 * buffer, nothing is read that has no place), half-close, descriptors that are not ours and must
 * stay blocking (the person's terminal and pipes), and files that cannot be polled.
 * Trust: the bytes are not looked at. Threads: the loop's. Memory: CLI_PUMP_BUFFER per pump.
 */
#ifndef CLI_PUMP_H
#define CLI_PUMP_H

#include "base/err.h"

#include <event2/event.h>
#include <stdbool.h>

#define CLI_PUMP_BUFFER 65536u

struct cli_pump; /* opaque */

struct cli_pump_config {
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

/* Bytes that go out before any of the source; len <= CLI_PUMP_BUFFER. */
CL_NODISCARD enum cl_status cli_pump_new(const struct cli_pump_config *cfg, const void *head,
                                         size_t len, struct cli_pump **ret_p, struct cl_err *err);
void cli_pump_free(struct cli_pump *p);             /* NULL is fine; done is not called any more */
uint64_t cli_pump_copied(const struct cli_pump *p); /* bytes of the source that were written */

#endif
