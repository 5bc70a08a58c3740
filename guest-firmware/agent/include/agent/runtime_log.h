/* SPDX-License-Identifier: Apache-2.0
 * runtime_log.h - what the guest itself measures while it runs, into RTMR3, and the log that
 * explains that register: on TDX, where the kernel can extend it. SNP has no such registers.
 * Trust: whoever calls says the truth of what he has verified; the register keeps it from then on.
 * Threads: any; a quote is made and its log written without an event in between.
 * Memory: the records, at most AGENT_RUNTIME_MAX_EVENTS.
 * Spec: coco-guest.md 9 (AAEL); tdx.md b.5, d; docs/interfaces.md I-4.7.
 */
#ifndef AGENT_RUNTIME_LOG_H
#define AGENT_RUNTIME_LOG_H

#include "base/buf.h"
#include "base/digest.h"

#include <pthread.h>

#define AGENT_RUNTIME_MAX_EVENTS 1024u

struct agent_evidence;

struct agent_runtime_log { /* zeroed, and _init() */
    pthread_mutex_t lock;
    struct cl_buf records;
    size_t count;
};
void agent_runtime_log_init(struct agent_runtime_log *l);
void agent_runtime_log_done(struct agent_runtime_log *l);

/* "cloister PullImage {"digest":"sha256:..."}": this manifest is what runs from now on.
 * Returns  CL_OK; CL_ERR_UNAVAILABLE when nothing can be measured here (not TDX, or a kernel that
 *          does not): no event has happened; CL_ERR_SYS; CL_ERR_REJECTED when the register does not
 *          have the value that it must have now */
CL_NODISCARD enum cl_status agent_runtime_image(struct agent_runtime_log *l,
                                                const struct agent_evidence *e,
                                                const uint8_t manifest[static CL_SHA256_SIZE],
                                                struct cl_err *err);

/* Adds the records to a firmware's log (empty: there is none, and it gets a head), cut where it
 * ends. Nothing is changed when there are none. l->lock is held. */
CL_NODISCARD enum cl_status agent_runtime_log_join(const struct agent_runtime_log *l,
                                                   struct cl_buf *log, struct cl_err *err);

#endif
