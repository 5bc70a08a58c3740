/* SPDX-License-Identifier: Apache-2.0
 * status.h - what the VMM says of itself: one JSON object a line (docs/interfaces.md I-2).
 * Trust: hostile bytes. What is no event of ours is passed over; texts come out printable.
 * Threads: one. Memory: one line.
 */
#ifndef HOST_STATUS_H
#define HOST_STATUS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_STATUS_LINE 2048u /* bytes with the line end; longer ones are passed over */

enum host_event_kind { HOST_EVENT_MARK, HOST_EVENT_LAUNCHED, HOST_EVENT_END };

struct host_event {
    enum host_event_kind kind;
    char name[97];                /* mark: its name; launched: 96 hex digits; end: the status */
    uint64_t us;                  /* mark */
    int64_t code;                 /* end */
    char reason[CL_ERR_MSG_SIZE]; /* end */
};

struct host_status {
    char line[HOST_STATUS_LINE];
    size_t len;
    bool skip; /* inside a line that is too long */
};

/* Takes the next bytes; on_event is called for each event in them. */
void host_status_feed(struct host_status *s, const void *data, size_t len,
                      void (*on_event)(void *ctx, const struct host_event *e), void *ctx);

#endif
