/* SPDX-License-Identifier: Apache-2.0
 * agent_server.c - the agent's service: calls the operations, keeps Waits until there is an
 * outcome.
 */
#include "rpc/agent_server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cl_agent_server {
    pthread_mutex_t lock; /* all below but `started` */
    pthread_cond_t changed;
    struct cl_agent_ops ops;
    bool started;          /* only the thread that serves */
    bool ended;            /* the connection has */
    bool delivered;        /* some Wait was answered */
    char refusal[128];     /* why everything but Info is refused; empty: it is not */
    struct cl_buf outcome; /* encoded; len 0: not yet */
    struct cl_ttrpc_call waiting[CL_AGENT_SERVER_MAX_WAITS];
    size_t waiting_count;
};

enum cl_status cl_agent_server_new(const struct cl_agent_ops *ops, struct cl_agent_server **ret_s,
                                   struct cl_err *err)
{
    struct cl_agent_server *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "agent server");
    }
    s->ops = *ops;
    pthread_condattr_t attr;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    *ret_s = s;
    return CL_OK;
}

void cl_agent_server_free(struct cl_agent_server *s)
{
    if (s == NULL) {
        return;
    }
    cl_buf_done(&s->outcome);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void on_info(struct cl_agent_server *s, struct cl_ttrpc_call call)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_agent_info info = {0};
    s->ops.info(s->ops.ctx, &info);
    if (cl_agent_info_encode(&info, &out, NULL) != CL_OK) {
        cl_ttrpc_reply(call, CL_TTRPC_INTERNAL, "out of memory", /* payload= */ NULL);
        return;
    }
    cl_ttrpc_reply(call, CL_TTRPC_OK, /* message= */ NULL, &out);
}

static void on_start(struct cl_agent_server *s, struct cl_ttrpc_call call,
                     const struct cl_ttrpc_request *r)
{
    struct cl_err err = {0};
    struct cl_agent_start start = {0};
    if (s->started) {
        cl_ttrpc_reply(call, CL_TTRPC_FAILED_PRECONDITION, "Start: was called already",
                       /* payload= */ NULL);
        return;
    }
    enum cl_status st = cl_agent_start_parse(r->payload, r->payload_len, &start, &err);
    if (st == CL_OK) {
        s->started = true;
        st = s->ops.start(s->ops.ctx, &start, &err);
    }
    cl_ttrpc_reply_status(call, st, &err);
}

static void on_wait(struct cl_agent_server *s, struct cl_ttrpc_call call)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->outcome.len > 0) {
        cl_ttrpc_reply(call, CL_TTRPC_OK, /* message= */ NULL, &s->outcome);
        s->delivered = true;
        (void)pthread_cond_broadcast(&s->changed);
    } else if (s->waiting_count == CL_AGENT_SERVER_MAX_WAITS) {
        cl_ttrpc_reply(call, CL_TTRPC_RESOURCE_EXHAUSTED, "Wait: too many are pending",
                       /* payload= */ NULL);
    } else {
        s->waiting[s->waiting_count++] = call;
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static void on_signal(struct cl_agent_server *s, struct cl_ttrpc_call call,
                      const struct cl_ttrpc_request *r)
{
    struct cl_err err = {0};
    uint32_t signo = 0;
    enum cl_status st = cl_agent_signal_parse(r->payload, r->payload_len, &signo, &err);
    if (st == CL_OK) {
        st = s->ops.signal(s->ops.ctx, signo, &err);
    }
    cl_ttrpc_reply_status(call, st, &err);
}

static void on_resize(struct cl_agent_server *s, struct cl_ttrpc_call call,
                      const struct cl_ttrpc_request *r)
{
    struct cl_err err = {0};
    uint32_t rows = 0;
    uint32_t cols = 0;
    enum cl_status st = cl_agent_resize_parse(r->payload, r->payload_len, &rows, &cols, &err);
    if (st == CL_OK) {
        st = s->ops.resize(s->ops.ctx, rows, cols, &err);
    }
    cl_ttrpc_reply_status(call, st, &err);
}

/* Answers the call when this guest does not serve the agent's service. */
static bool refused(struct cl_agent_server *s, struct cl_ttrpc_call call)
{
    (void)pthread_mutex_lock(&s->lock);
    bool refuse = s->refusal[0] != '\0';
    (void)pthread_mutex_unlock(&s->lock);
    if (refuse) {
        cl_ttrpc_reply(call, CL_TTRPC_FAILED_PRECONDITION, s->refusal, /* payload= */ NULL);
    }
    return refuse;
}

static void dispatch(void *ctx, struct cl_ttrpc_call call, const struct cl_ttrpc_request *r)
{
    struct cl_agent_server *s = ctx;
    if (strcmp(r->method, "Info") == 0) {
        on_info(s, call);
    } else if (refused(s, call)) {
        return;
    } else if (strcmp(r->method, "Start") == 0) {
        on_start(s, call, r);
    } else if (strcmp(r->method, "Wait") == 0) {
        on_wait(s, call);
    } else if (strcmp(r->method, "Signal") == 0) {
        on_signal(s, call, r);
    } else if (strcmp(r->method, "ResizeTty") == 0) {
        on_resize(s, call, r);
    } else {
        cl_ttrpc_reply(call, CL_TTRPC_UNIMPLEMENTED, "no such method", /* payload= */ NULL);
    }
}

struct cl_ttrpc_service cl_agent_server_service(struct cl_agent_server *s)
{
    return (struct cl_ttrpc_service){CL_AGENT_SERVICE, s, dispatch};
}

void cl_agent_server_hang_up(struct cl_agent_server *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

void cl_agent_server_refuse(struct cl_agent_server *s, const char *why)
{
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(s->refusal, sizeof(s->refusal), "%s", why);
    for (size_t i = 0; i < s->waiting_count; i++) {
        cl_ttrpc_reply(s->waiting[i], CL_TTRPC_FAILED_PRECONDITION, why, /* payload= */ NULL);
    }
    s->waiting_count = 0;
    (void)pthread_mutex_unlock(&s->lock);
}

void cl_agent_server_finish(struct cl_agent_server *s, const struct cl_agent_outcome *o)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->outcome.len == 0 && cl_agent_outcome_encode(o, &s->outcome, NULL) == CL_OK) {
        for (size_t i = 0; i < s->waiting_count; i++) {
            cl_ttrpc_reply(s->waiting[i], CL_TTRPC_OK, /* message= */ NULL, &s->outcome);
            s->delivered = true;
        }
        s->waiting_count = 0;
        (void)pthread_cond_broadcast(&s->changed);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

bool cl_agent_server_delivered(struct cl_agent_server *s, int timeout_ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (!s->delivered && !s->ended && rc == 0) {
        rc = pthread_cond_timedwait(&s->changed, &s->lock, &t);
    }
    bool done = s->delivered || s->ended;
    (void)pthread_mutex_unlock(&s->lock);
    return done;
}
