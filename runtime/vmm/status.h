/* SPDX-License-Identifier: Apache-2.0
 * status.h - how a VM ends, and the events on --status-fd (interfaces.md I-2).
 * Trust: reasons are our own words. Threads: every function from any thread; the first end wins.
 */
#ifndef VMM_STATUS_H
#define VMM_STATUS_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

enum vmm_end {
    VMM_END_POWEROFF,
    VMM_END_RESET,
    VMM_END_PANIC,
    VMM_END_REFUSED,
    VMM_END_TRIPLE_FAULT,
    VMM_END_STOPPED,
    VMM_END_ERROR,
};

struct vmm_status {
    int fd;      /* borrowed; -1: nobody listens */
    int wake_fd; /* owned eventfd: readable once the VM has ended */
    pthread_mutex_t lock;
    bool ended;
    enum vmm_end end;
    unsigned code;
    int exit_code; /* of VMM_END_ERROR */
    char reason[CL_ERR_MSG_SIZE];
};

CL_NODISCARD enum cl_status vmm_status_init(struct vmm_status *s, int fd, struct cl_err *err);
void vmm_status_done(struct vmm_status *s);
void vmm_status_mark(struct vmm_status *s, const char *name, uint64_t us); /* cl_monotonic_us() */
void vmm_status_launched(struct vmm_status *s, const uint8_t digest[static 48]);
/* Ends the VM: wakes the main thread. Later calls change nothing. */
void vmm_status_end(struct vmm_status *s, enum vmm_end end, unsigned code, const char *reason);
void vmm_status_fail(struct vmm_status *s, const struct cl_err *err); /* VMM_END_ERROR */
bool vmm_status_ended(struct vmm_status *s);
/* Writes the last event; returns the exit status of the process. */
int vmm_status_report(struct vmm_status *s);

#endif
