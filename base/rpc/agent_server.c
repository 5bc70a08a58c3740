/* SPDX-License-Identifier: Apache-2.0
 * agent_server.c - the agent's half: reads requests, calls the operations, keeps Waits until there
 * is an outcome.
 */
#include "rpc/agent_server.h"
#include "rpc/ttrpc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_TIMEOUT_S 10

struct cl_agent_server {
    pthread_mutex_t lock; /* all below, and writing */
    pthread_cond_t changed;
    struct cl_agent_ops ops;
    int fd;
    uint32_t last_stream;  /* only _run */
    bool started;          /* only _run */
    bool ended;            /* _run has returned */
    bool delivered;        /* some Wait was answered */
    struct cl_buf outcome; /* encoded; len 0: not yet */
    uint32_t waiting[CL_AGENT_SERVER_MAX_WAITS];
    size_t waiting_count;
};

enum cl_status cl_agent_server_new(int fd, const struct cl_agent_ops *ops,
                                   struct cl_agent_server **ret_s, struct cl_err *err)
{
    struct cl_agent_server *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "agent server");
    }
    s->fd = fd;
    s->ops = *ops;
    struct timeval tv = {.tv_sec = SEND_TIMEOUT_S}; /* a host that reads nothing must not hold us */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
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
    (void)close(s->fd);
    cl_buf_done(&s->outcome);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock held. A host that does not take our answers only harms itself: the reader finds the
 * end. */
static void reply(struct cl_agent_server *s, uint32_t stream, enum cl_ttrpc_code code,
                  const char *message, const struct cl_buf *payload)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf frame = {0};
    const void *data = payload != NULL ? payload->data : NULL;
    size_t len = payload != NULL ? payload->len : 0;
    if (cl_ttrpc_response_encode(code, message, data, len, &frame, NULL) != CL_OK ||
        cl_ttrpc_write(s->fd, stream, CL_TTRPC_RESPONSE, frame.data, frame.len, NULL) != CL_OK) {
        (void)shutdown(s->fd, SHUT_RDWR);
    }
}

static void reply_locked(struct cl_agent_server *s, uint32_t stream, enum cl_ttrpc_code code,
                         const char *message, const struct cl_buf *payload)
{
    (void)pthread_mutex_lock(&s->lock);
    reply(s, stream, code, message, payload);
    (void)pthread_mutex_unlock(&s->lock);
}

static void reply_status(struct cl_agent_server *s, uint32_t stream, enum cl_status st,
                         const struct cl_err *err)
{
    enum cl_ttrpc_code code = st == CL_OK                ? CL_TTRPC_OK
                              : st == CL_ERR_MALFORMED   ? CL_TTRPC_INVALID_ARGUMENT
                              : st == CL_ERR_REJECTED    ? CL_TTRPC_PERMISSION_DENIED
                              : st == CL_ERR_UNAVAILABLE ? CL_TTRPC_FAILED_PRECONDITION
                                                         : CL_TTRPC_INTERNAL;
    reply_locked(s, stream, code, st == CL_OK ? NULL : err->msg, /* payload= */ NULL);
}

static void on_info(struct cl_agent_server *s, uint32_t stream)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_agent_info info = {0};
    s->ops.info(s->ops.ctx, &info);
    if (cl_agent_info_encode(&info, &out, NULL) != CL_OK) {
        reply_locked(s, stream, CL_TTRPC_INTERNAL, "out of memory", /* payload= */ NULL);
        return;
    }
    reply_locked(s, stream, CL_TTRPC_OK, /* message= */ NULL, &out);
}

static void on_start(struct cl_agent_server *s, uint32_t stream, const struct cl_ttrpc_request *r)
{
    struct cl_err err = {0};
    struct cl_agent_start start = {0};
    if (s->started) {
        reply_locked(s, stream, CL_TTRPC_FAILED_PRECONDITION, "Start: was called already",
                     /* payload= */ NULL);
        return;
    }
    enum cl_status st = cl_agent_start_parse(r->payload, r->payload_len, &start, &err);
    if (st == CL_OK) {
        s->started = true;
        st = s->ops.start(s->ops.ctx, &start, &err);
    }
    reply_status(s, stream, st, &err);
}

static void on_wait(struct cl_agent_server *s, uint32_t stream)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->outcome.len > 0) {
        reply(s, stream, CL_TTRPC_OK, /* message= */ NULL, &s->outcome);
        s->delivered = true;
        (void)pthread_cond_broadcast(&s->changed);
    } else if (s->waiting_count == CL_AGENT_SERVER_MAX_WAITS) {
        reply(s, stream, CL_TTRPC_RESOURCE_EXHAUSTED, "Wait: too many are pending",
              /* payload= */ NULL);
    } else {
        s->waiting[s->waiting_count++] = stream;
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static void on_signal(struct cl_agent_server *s, uint32_t stream, const struct cl_ttrpc_request *r)
{
    struct cl_err err = {0};
    uint32_t signo = 0;
    enum cl_status st = cl_agent_signal_parse(r->payload, r->payload_len, &signo, &err);
    if (st == CL_OK) {
        st = s->ops.signal(s->ops.ctx, signo, &err);
    }
    reply_status(s, stream, st, &err);
}

static void on_resize(struct cl_agent_server *s, uint32_t stream, const struct cl_ttrpc_request *r)
{
    struct cl_err err = {0};
    uint32_t rows = 0;
    uint32_t cols = 0;
    enum cl_status st = cl_agent_resize_parse(r->payload, r->payload_len, &rows, &cols, &err);
    if (st == CL_OK) {
        st = s->ops.resize(s->ops.ctx, rows, cols, &err);
    }
    reply_status(s, stream, st, &err);
}

static void dispatch(struct cl_agent_server *s, uint32_t stream, const struct cl_ttrpc_request *r)
{
    if (strcmp(r->service, CL_AGENT_SERVICE) != 0) {
        reply_locked(s, stream, CL_TTRPC_UNIMPLEMENTED, "no such service", /* payload= */ NULL);
    } else if (strcmp(r->method, "Info") == 0) {
        on_info(s, stream);
    } else if (strcmp(r->method, "Start") == 0) {
        on_start(s, stream, r);
    } else if (strcmp(r->method, "Wait") == 0) {
        on_wait(s, stream);
    } else if (strcmp(r->method, "Signal") == 0) {
        on_signal(s, stream, r);
    } else if (strcmp(r->method, "ResizeTty") == 0) {
        on_resize(s, stream, r);
    } else {
        reply_locked(s, stream, CL_TTRPC_UNIMPLEMENTED, "no such method", /* payload= */ NULL);
    }
}

static enum cl_status serve_one(struct cl_agent_server *s, bool *ret_eof, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    CL_CLEANUP(cl_ttrpc_request_done) struct cl_ttrpc_request r = {0};
    struct cl_ttrpc_header h = {0};
    CL_TRY(cl_ttrpc_read(s->fd, &h, &data, ret_eof, err));
    if (*ret_eof) {
        return CL_OK;
    }
    if (h.type != CL_TTRPC_REQUEST) {
        return cl_err_set(err, CL_ERR_MALFORMED, "ttrpc frame: type: expected 1, got %u",
                          (unsigned)h.type);
    }
    if (h.stream <= s->last_stream) {
        return cl_err_set(err, CL_ERR_MALFORMED, "ttrpc frame: stream: expected above %u, got %u",
                          (unsigned)s->last_stream, (unsigned)h.stream);
    }
    s->last_stream = h.stream;
    CL_TRY(cl_ttrpc_request_parse(data.data, data.len, &r, err));
    dispatch(s, h.stream, &r);
    return CL_OK;
}

enum cl_status cl_agent_server_run(struct cl_agent_server *s, struct cl_err *err)
{
    bool eof = false;
    enum cl_status st = CL_OK;
    while (st == CL_OK && !eof) {
        st = serve_one(s, &eof, err);
    }
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return st;
}

void cl_agent_server_finish(struct cl_agent_server *s, const struct cl_agent_outcome *o)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->outcome.len == 0 && cl_agent_outcome_encode(o, &s->outcome, NULL) == CL_OK) {
        for (size_t i = 0; i < s->waiting_count; i++) {
            reply(s, s->waiting[i], CL_TTRPC_OK, /* message= */ NULL, &s->outcome);
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
