/* SPDX-License-Identifier: Apache-2.0
 * quotes.c - see quotes.h.
 */
#include "quotes.h"

#include "base/io.h"
#include "base/log.h"
#include "vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

void vmm_quotes_init(struct vmm_quotes *q)
{
    vmm_worker_init(&q->worker);
    (void)pthread_mutex_init(&q->lock, NULL);
    q->kick_fd = -1;
    q->first = q->count = 0;
    q->buffer = NULL;
}

void vmm_quotes_done(struct vmm_quotes *q)
{
    vmm_worker_stop(&q->worker);
    cl_close_fdp(&q->kick_fd);
    free(q->buffer);
    q->buffer = NULL;
    (void)pthread_mutex_destroy(&q->lock);
}

bool vmm_quotes_submit(void *ctx, const struct tee_quote_job *job)
{
    struct vmm *v = ctx;
    struct vmm_quotes *q = &v->quotes;
    (void)pthread_mutex_lock(&q->lock);
    bool room = q->count < VMM_QUOTES_MAX;
    if (room) {
        struct vmm_quote *at = &q->queue[(q->first + q->count++) % VMM_QUOTES_MAX];
        at->job = *job;
        at->deadline_us = cl_monotonic_us() + VMM_QUOTE_TIMEOUT_S * 1000000ull;
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (room) {
        vmm_event_set(q->kick_fd);
    }
    return room;
}

/* The oldest, which stays where it is until it is done; NULL: none. */
static const struct vmm_quote *oldest(struct vmm_quotes *q)
{
    (void)pthread_mutex_lock(&q->lock);
    const struct vmm_quote *found = q->count > 0 ? &q->queue[q->first] : NULL;
    (void)pthread_mutex_unlock(&q->lock);
    return found;
}

static void drop_oldest(struct vmm_quotes *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->first = (q->first + 1) % VMM_QUOTES_MAX;
    q->count--;
    (void)pthread_mutex_unlock(&q->lock);
}

/* Whoever runs the host must see it; a guest that asks for ever must not fill the log. */
static void tell(struct vmm_quotes *q, const struct cl_err *err)
{
    enum cl_log_level level = q->failures < VMM_QUOTE_FAILURES_TOLD ? CL_LOG_WARN : CL_LOG_DEBUG;
    q->failures += level == CL_LOG_WARN ? 1 : 0;
    cl_log(level, "vmm.quotes", "no quote for the guest: %s", err->msg);
}

static void make_quote(struct vmm *v, const struct vmm_quote *quote)
{
    struct vmm_quotes *q = &v->quotes;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    struct cl_err err = {0};
    q->qgs.deadline_us = quote->deadline_us;
    enum cl_status st =
        vmm_qgs_exchange(&q->qgs, quote->job.report, q->buffer, &bytes, &size, &err);
    if (st != CL_OK && err.sys_errno != ECANCELED) { /* which is the end of the VM */
        tell(q, &err);
    }
    v->cfg->tee->quote_done(v->tee, &quote->job,
                            st == CL_OK                ? TEE_QUOTE_OK
                            : st == CL_ERR_UNAVAILABLE ? TEE_QUOTE_UNAVAILABLE
                                                       : TEE_QUOTE_FAILED,
                            bytes, size);
}

static void serve_quotes(struct vmm *v, CL_UNUSED uint32_t number)
{
    const struct vmm_quote *quote = NULL;
    vmm_event_clear(v->quotes.kick_fd);
    while ((quote = oldest(&v->quotes)) != NULL) {
        make_quote(v, quote);
        drop_oldest(&v->quotes);
    }
}

enum cl_status vmm_quotes_start(struct vmm *v, struct cl_err *err)
{
    struct vmm_quotes *q = &v->quotes;
    if (v->files->qgs_fd < 0) {
        return CL_OK;
    }
    q->buffer = malloc(VMM_QGS_MESSAGE_MAX); /* now: the thread gets no memory later */
    if (q->buffer == NULL) {
        return cl_err_nomem(err, "buffer for quotes");
    }
    q->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->kick_fd < 0) {
        return cl_err_sys(err, errno, "eventfd");
    }
    CL_TRY(vmm_worker_open(&q->worker, v, VMM_SECCOMP_QUOTES, serve_quotes, err));
    q->qgs = (struct vmm_qgs){.dial_fd = v->files->qgs_fd, .stop_fd = q->worker.stop_fd};
    CL_TRY(vmm_worker_watch(&q->worker, q->kick_fd, EPOLLIN, 0, err));
    return vmm_worker_start(&q->worker, err);
}

void vmm_quotes_stop(struct vmm *v)
{
    vmm_worker_stop(&v->quotes.worker);
}
