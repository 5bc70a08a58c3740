/* SPDX-License-Identifier: Apache-2.0
 * agent_client.c - blocking calls to the agent. Of the threads that wait for an answer, one at a
 * time reads from the connection and hands each answer to its owner.
 */
#include "rpc/agent_client.h"
#include "rpc/ttrpc.h"

#include "base/io.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_MS 200 /* how long a reader holds the role before it looks at its own clock again */
#define FRAME_TIMEOUT_S 10

struct call {
    uint32_t stream; /* 0: free */
    bool answered;
    struct cl_ttrpc_response response;
};

struct cl_agent_client {
    pthread_mutex_t lock;      /* all below */
    pthread_mutex_t send_lock; /* one frame at a time */
    pthread_cond_t changed;
    int fd;
    uint32_t next_stream;
    bool reading;         /* some thread has the reader's role */
    struct cl_err broken; /* status != CL_OK: the connection is of no more use */
    struct call calls[CL_AGENT_CLIENT_MAX_CALLS];
};

enum cl_status cl_agent_client_new(int fd, struct cl_agent_client **ret_c, struct cl_err *err)
{
    struct cl_agent_client *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "agent client");
    }
    c->fd = fd;
    c->next_stream = 1;
    pthread_condattr_t attr;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_mutex_init(&c->send_lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    /* A guest that stops in the middle of a frame, or stops reading, must not hold us. */
    struct timeval tv = {.tv_sec = FRAME_TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    *ret_c = c;
    return CL_OK;
}

void cl_agent_client_free(struct cl_agent_client *c)
{
    if (c == NULL) {
        return;
    }
    (void)close(c->fd);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->send_lock);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void cl_agent_client_freep(struct cl_agent_client **c)
{
    cl_agent_client_free(*c);
    *c = NULL;
}

void cl_agent_client_shutdown(struct cl_agent_client *c)
{
    (void)shutdown(c->fd, SHUT_RDWR);
}

/* One frame, without the lock: its answer goes to `ret`. */
static enum cl_status read_answer(int fd, uint32_t *ret_stream, struct cl_ttrpc_response *ret,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    struct cl_ttrpc_header h = {0};
    bool eof = false;
    enum cl_status st = cl_ttrpc_read(fd, &h, &data, &eof, err);
    if (st == CL_ERR_SYS || st == CL_ERR_TRUNCATED || eof) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "agent: the connection ended");
    }
    CL_TRY(st);
    if (h.type != CL_TTRPC_RESPONSE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "agent: frame type: expected 2, got %u",
                          (unsigned)h.type);
    }
    CL_TRY(cl_ttrpc_response_parse(data.data, data.len, ret, err));
    *ret_stream = h.stream;
    return CL_OK;
}

/* With the lock held. An answer that nobody waits for breaks the protocol, or came after its call
 * gave up. */
static void deliver(struct cl_agent_client *c, uint32_t stream, struct cl_ttrpc_response *take)
{
    for (size_t i = 0; i < CL_AGENT_CLIENT_MAX_CALLS; i++) {
        struct call *call = &c->calls[i];
        if (call->stream == stream && !call->answered) {
            call->response = *take;
            call->answered = true;
            return;
        }
    }
    cl_ttrpc_response_done(take);
    if (stream >= c->next_stream) {
        (void)cl_err_set(&c->broken, CL_ERR_MALFORMED,
                         "agent: answer for stream %u, which was never opened", (unsigned)stream);
    }
}

/* With the lock held: takes the reader's role for at most `ms`. */
static void read_for(struct cl_agent_client *c, int ms)
{
    c->reading = true;
    (void)pthread_mutex_unlock(&c->lock);
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int n = poll(&p, 1, ms);
    struct cl_err err = {0};
    struct cl_ttrpc_response response = {0};
    uint32_t stream = 0;
    if (n > 0) {
        (void)read_answer(c->fd, &stream, &response, &err);
    } else if (n < 0 && errno != EINTR) {
        (void)cl_err_sys(&err, errno, "poll agent");
    }
    (void)pthread_mutex_lock(&c->lock);
    c->reading = false;
    if (err.status != CL_OK && c->broken.status == CL_OK) {
        c->broken = err;
    } else if (stream != 0) {
        deliver(c, stream, &response);
    }
    (void)pthread_cond_broadcast(&c->changed);
}

static void wait_changed(struct cl_agent_client *c, int ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)ms * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&c->changed, &c->lock, &t);
}

static enum cl_status await_answer(struct cl_agent_client *c, struct call *call, int timeout_ms,
                                   struct cl_err *err)
{
    uint64_t end = cl_monotonic_us() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000;
    while (!call->answered) {
        if (c->broken.status != CL_OK) {
            return cl_err_set(err, c->broken.status, "%s", c->broken.msg);
        }
        int slice = SLICE_MS;
        if (timeout_ms >= 0) {
            uint64_t now = cl_monotonic_us();
            if (now >= end) {
                return cl_err_set(err, CL_ERR_UNAVAILABLE, "agent: no answer within %d ms",
                                  timeout_ms);
            }
            uint64_t left = (end - now + 999) / 1000;
            slice = left < SLICE_MS ? (int)left : SLICE_MS;
        }
        if (c->reading) {
            wait_changed(c, slice);
        } else {
            read_for(c, slice);
        }
    }
    return CL_OK;
}

static struct call *open_call(struct cl_agent_client *c, struct cl_err *err)
{
    if (c->broken.status != CL_OK) {
        (void)cl_err_set(err, c->broken.status, "%s", c->broken.msg);
        return NULL;
    }
    for (size_t i = 0; i < CL_AGENT_CLIENT_MAX_CALLS; i++) {
        if (c->calls[i].stream == 0) {
            c->calls[i] = (struct call){.stream = c->next_stream};
            c->next_stream += 2;
            return &c->calls[i];
        }
    }
    (void)cl_err_set(err, CL_ERR_UNAVAILABLE, "agent: %u calls are in flight already",
                     CL_AGENT_CLIENT_MAX_CALLS);
    return NULL;
}

/* Streams must reach the agent in ascending order, so number and frame go out under one lock. */
static enum cl_status send_call(struct cl_agent_client *c, const struct cl_buf *frame,
                                struct call **ret_call, struct cl_err *err)
{
    (void)pthread_mutex_lock(&c->send_lock);
    (void)pthread_mutex_lock(&c->lock);
    struct call *call = open_call(c, err);
    uint32_t stream = call != NULL ? call->stream : 0;
    (void)pthread_mutex_unlock(&c->lock);
    enum cl_status st = CL_ERR_UNAVAILABLE;
    if (call != NULL) {
        struct cl_err send_err = {0};
        st = cl_ttrpc_write(c->fd, stream, CL_TTRPC_REQUEST, frame->data, frame->len, &send_err);
        (void)pthread_mutex_lock(&c->lock);
        if (st != CL_OK) {
            call->stream = 0;
            st = cl_err_set(&c->broken, CL_ERR_UNAVAILABLE, "agent: %s", send_err.msg);
            (void)cl_err_set(err, st, "%s", c->broken.msg);
        }
        (void)pthread_mutex_unlock(&c->lock);
    }
    (void)pthread_mutex_unlock(&c->send_lock);
    if (st == CL_OK) {
        *ret_call = call;
    }
    return st;
}

static enum cl_status call_agent(struct cl_agent_client *c, const char *method,
                                 const struct cl_buf *payload, int timeout_ms, struct cl_buf *ret,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf frame = {0};
    struct call *call = NULL;
    CL_TRY(cl_ttrpc_request_encode(CL_AGENT_SERVICE, method, payload->data, payload->len, &frame,
                                   err));
    CL_TRY(send_call(c, &frame, &call, err));
    (void)pthread_mutex_lock(&c->lock);
    enum cl_status st = await_answer(c, call, timeout_ms, err);
    struct cl_ttrpc_response r = call->response;
    *call = (struct call){0};
    (void)pthread_mutex_unlock(&c->lock);
    if (st == CL_OK && r.code != CL_TTRPC_OK) {
        st = cl_err_set(err, CL_ERR_REJECTED, "agent: %s: %s (code %d)", method, r.message,
                        (int)r.code);
    }
    if (st == CL_OK && ret != NULL) {
        st = cl_buf_append(ret, r.payload, r.payload_len, err);
    }
    cl_ttrpc_response_done(&r);
    return st;
}

enum cl_status cl_agent_client_info(struct cl_agent_client *c, int timeout_ms,
                                    struct cl_agent_info *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(call_agent(c, "Info", &in, timeout_ms, &out, err));
    return cl_agent_info_parse(out.data, out.len, ret, err);
}

enum cl_status cl_agent_client_start(struct cl_agent_client *c, const struct cl_agent_start *s,
                                     int timeout_ms, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_TRY(cl_agent_start_encode(s, &in, err));
    return call_agent(c, "Start", &in, timeout_ms, /* ret= */ NULL, err);
}

enum cl_status cl_agent_client_wait(struct cl_agent_client *c, int timeout_ms,
                                    struct cl_agent_outcome *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(call_agent(c, "Wait", &in, timeout_ms, &out, err));
    return cl_agent_outcome_parse(out.data, out.len, ret, err);
}

enum cl_status cl_agent_client_signal(struct cl_agent_client *c, uint32_t signo, int timeout_ms,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_TRY(cl_agent_signal_encode(signo, &in, err));
    return call_agent(c, "Signal", &in, timeout_ms, /* ret= */ NULL, err);
}

enum cl_status cl_agent_client_resize(struct cl_agent_client *c, uint32_t rows, uint32_t cols,
                                      int timeout_ms, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_TRY(cl_agent_resize_encode(rows, cols, &in, err));
    return call_agent(c, "ResizeTty", &in, timeout_ms, /* ret= */ NULL, err);
}
