/* SPDX-License-Identifier: Apache-2.0
 * quotes.h - the quotes that a TD has asked for: a short queue, and the thread that has each made
 * by the quote service (qgs.h), so that no vCPU waits for it. Trust: jobs come from the guest, at
 * its pace; more than the queue takes are refused. Threads: submit on vCPU threads; the rest on the
 * queue's own (worker.h). Memory: one buffer for an answer.
 */
#ifndef VMM_QUOTES_H
#define VMM_QUOTES_H

#include "qgs.h"
#include "tee/tee.h"
#include "worker.h"

#define VMM_QUOTES_MAX 16u          /* that wait or are being made; docs/limits.md */
#define VMM_QUOTE_TIMEOUT_S 30u     /* from the guest's request to its answer */
#define VMM_QUOTE_FAILURES_TOLD 10u /* in the log, of one VM */

struct vmm_quote {
    struct tee_quote_job job;
    uint64_t deadline_us;
};

struct vmm_quotes {
    struct vmm_worker worker;
    pthread_mutex_t lock; /* of the queue */
    int kick_fd;          /* eventfd */
    unsigned first, count;
    struct vmm_quote queue[VMM_QUOTES_MAX]; /* a ring; the one being made is still in it */
    struct vmm_qgs qgs;
    uint8_t *buffer; /* owned, VMM_QGS_MESSAGE_MAX bytes */
    unsigned failures;
};

void vmm_quotes_init(struct vmm_quotes *q); /* may be given to _done */
void vmm_quotes_done(struct vmm_quotes *q); /* its thread has ended */

#endif
