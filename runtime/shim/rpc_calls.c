/* SPDX-License-Identifier: Apache-2.0
 * rpc_calls.c - the requests of the peer until they are answered, and our own calls until they are
 * (containerd-shim.md 2).
 */
#include "rpc_internal.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_DATA 3      /* ttrpc's third type, of streaming calls */
#define FLAG_NO_DATA 0x04 /* of FRAME_DATA */

/* The peer's requests. */

static void reply(struct shim_rpc *rpc, uint32_t stream, enum shim_code code, const char *message,
                  const void *payload, size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    if (cl_ttrpc_response_encode((enum cl_ttrpc_code)code, message, payload, len, &out, NULL) !=
        CL_OK) {
        rpc->broken = true;
    } else if (out.len > SHIM_RPC_MAX_FRAME) {
        reply(rpc, stream, SHIM_CODE_EXHAUSTED, "answer is larger than a ttrpc frame", NULL, 0);
        return;
    }
    rpc_send(rpc, stream, CL_TTRPC_RESPONSE, &out);
}

static void request_forget(struct shim_rpc_call *call)
{
    if (call->deadline != NULL) {
        event_free(call->deadline);
        call->deadline = NULL;
    }
    if (call->rpc != NULL) {
        LIST_REMOVE(call, link);
        call->rpc->request_count--;
        call->rpc = NULL;
    }
}

void shim_rpc_answer(struct shim_rpc_call *call, enum shim_code code, const char *message,
                     const void *payload, size_t len)
{
    if (shim_rpc_call_wanted(call)) {
        reply(call->rpc, call->stream, code, message, payload, code == SHIM_CODE_OK ? len : 0);
    }
    request_forget(call);
    free(call);
}

bool shim_rpc_call_wanted(const struct shim_rpc_call *call)
{
    return call->rpc != NULL && !call->told;
}

static void tell(struct shim_rpc_call *call, enum shim_code code, const char *why)
{
    if (!call->told) {
        call->told = true;
        reply(call->rpc, call->stream, code, why, NULL, 0);
    }
}

static void on_request_deadline(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    tell(ctx, SHIM_CODE_DEADLINE, "deadline of the request has passed");
}

/* NULL when there is no memory for it. */
static struct event *timer_new(struct event_base *base, int64_t us, event_callback_fn fn, void *ctx)
{
    struct event *ev = event_new(base, -1, 0, fn, ctx);
    struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    if (ev != NULL && event_add(ev, &tv) != 0) {
        event_free(ev);
        ev = NULL;
    }
    return ev;
}

static void request_new(struct shim_rpc *rpc, uint32_t stream, const struct cl_ttrpc_request *r)
{
    struct shim_rpc_call *call = calloc(1, sizeof(*call));
    if (call != NULL && r->timeout_ns > 0) {
        call->deadline = timer_new(rpc->base, r->timeout_ns / 1000, on_request_deadline, call);
    }
    if (call == NULL || (r->timeout_ns > 0 && call->deadline == NULL)) {
        free(call);
        reply(rpc, stream, SHIM_CODE_EXHAUSTED, "out of memory", NULL, 0);
        return;
    }
    call->rpc = rpc;
    call->stream = stream;
    LIST_INSERT_HEAD(&rpc->requests, call, link);
    rpc->request_count++;
    rpc->cb.request(rpc->cb.ctx, call, r->service, r->method, r->payload, r->payload_len);
}

/* Why a request is not taken; NULL when it is. */
static const char *refuse(const struct shim_rpc *rpc, uint32_t stream, enum shim_code *ret_code)
{
    *ret_code = SHIM_CODE_INVALID;
    if ((stream & 1) == 0) {
        return "stream of a request must be odd";
    }
    if (stream <= rpc->last_stream) {
        return "stream of a request must be higher than those before";
    }
    *ret_code = SHIM_CODE_EXHAUSTED;
    if (rpc->request_count >= SHIM_RPC_MAX_REQUESTS) {
        return "too many requests wait for their answers";
    }
    *ret_code = SHIM_CODE_UNIMPLEMENTED;
    return rpc->cb.request == NULL ? "no requests are taken here" : NULL;
}

static void on_request(struct shim_rpc *rpc, uint32_t stream, const struct cl_buf *body)
{
    enum shim_code code = SHIM_CODE_OK;
    const char *why = refuse(rpc, stream, &code);
    if (code != SHIM_CODE_INVALID) {
        rpc->last_stream = stream;
    }
    struct cl_ttrpc_request r = {0};
    if (why == NULL && cl_ttrpc_request_parse(body->data, body->len, &r, NULL) != CL_OK) {
        code = SHIM_CODE_INVALID;
        why = "request: not a protobuf message";
    }
    if (why == NULL && r.timeout_ns < 0) {
        code = SHIM_CODE_DEADLINE;
        why = "deadline of the request has passed";
    }
    if (why != NULL) {
        reply(rpc, stream, code, why, NULL, 0);
    } else {
        request_new(rpc, stream, &r);
    }
    cl_ttrpc_request_done(&r);
}

static struct shim_rpc_call *request_find(struct shim_rpc *rpc, uint32_t stream)
{
    struct shim_rpc_call *call;
    LIST_FOREACH(call, &rpc->requests, link)
    {
        if (call->stream == stream) {
            return call;
        }
    }
    return NULL;
}

/* Our calls. */

static struct rpc_invocation *call_find(struct shim_rpc *rpc, uint32_t stream)
{
    struct rpc_invocation *c;
    LIST_FOREACH(c, &rpc->calls, link)
    {
        if (c->stream == stream) {
            return c;
        }
    }
    return NULL;
}

static void call_end(struct rpc_invocation *c, int code, const char *message, const void *payload,
                     size_t len)
{
    struct cl_err safe = {0};
    (void)cl_err_set(&safe, CL_OK, "%s", message); /* escapes what the peer says */
    LIST_REMOVE(c, link);
    c->rpc->call_count--;
    if (c->deadline != NULL) {
        event_free(c->deadline);
    }
    c->done(c->ctx, code, safe.msg, payload, len);
    free(c);
}

static void on_response(struct shim_rpc *rpc, uint32_t stream, const struct cl_buf *body)
{
    struct rpc_invocation *c = call_find(rpc, stream);
    if (c == NULL) { /* too late, or never asked */
        return;
    }
    struct cl_ttrpc_response r = {0};
    if (cl_ttrpc_response_parse(body->data, body->len, &r, NULL) != CL_OK) {
        call_end(c, SHIM_CODE_INTERNAL, "ttrpc response: not a protobuf message", NULL, 0);
        return;
    }
    call_end(c, r.code, r.message, r.payload, r.payload_len);
    cl_ttrpc_response_done(&r);
}

static void on_call_deadline(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct rpc_invocation *c = ctx;
    struct shim_rpc *rpc = c->rpc;
    rpc_enter(rpc);
    call_end(c, SHIM_CODE_DEADLINE, "no answer within the time given", NULL, 0);
    rpc_leave(rpc);
}

static enum cl_status may_invoke(const struct shim_rpc *rpc, const char *method, struct cl_err *err)
{
    if (rpc->ended) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "ttrpc call '%s': the connection has ended",
                          method);
    }
    if (rpc->call_count >= SHIM_RPC_MAX_REQUESTS || rpc_congested(rpc)) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "ttrpc call '%s': too much waits for the peer",
                          method);
    }
    if (rpc->next_stream > UINT32_MAX - 2) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "ttrpc call '%s': the connection has no streams left", method);
    }
    return CL_OK;
}

enum cl_status shim_rpc_invoke(struct shim_rpc *rpc, const char *service, const char *method,
                               const void *payload, size_t len, int timeout_ms, shim_rpc_done done,
                               void *ctx, struct cl_err *err)
{
    CL_TRY(may_invoke(rpc, method, err));
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(cl_ttrpc_request_encode(service, method, payload, len, &out, err));
    if (out.len > SHIM_RPC_MAX_FRAME) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "ttrpc call '%s': length: expected at most %u, got %zu", method,
                          SHIM_RPC_MAX_FRAME, out.len);
    }
    struct rpc_invocation *c = calloc(1, sizeof(*c));
    if (c != NULL && timeout_ms >= 0) {
        c->deadline = timer_new(rpc->base, (int64_t)timeout_ms * 1000, on_call_deadline, c);
    }
    if (c == NULL || (timeout_ms >= 0 && c->deadline == NULL)) {
        free(c);
        return cl_err_nomem(err, "ttrpc call");
    }
    c->rpc = rpc;
    c->stream = rpc->next_stream;
    c->done = done;
    c->ctx = ctx;
    rpc->next_stream += 2;
    LIST_INSERT_HEAD(&rpc->calls, c, link);
    rpc->call_count++;
    rpc_send(rpc, c->stream, CL_TTRPC_REQUEST, &out);
    return CL_OK;
}

/* Both. */

/* All our calls are unary: data behind a request has no meaning, the end of it does no harm. */
static void on_data(struct shim_rpc *rpc, const struct cl_ttrpc_header *h)
{
    struct shim_rpc_call *call = request_find(rpc, h->stream);
    bool carries = h->data_len > 0 && (h->flags & FLAG_NO_DATA) == 0;
    if (call != NULL && carries) {
        tell(call, SHIM_CODE_UNIMPLEMENTED, "streaming is not known here");
    } else if (call == NULL && call_find(rpc, h->stream) == NULL) {
        reply(rpc, h->stream, SHIM_CODE_INVALID, "no such stream", NULL, 0);
    }
}

void rpc_frame(struct shim_rpc *rpc, const struct cl_ttrpc_header *h, const struct cl_buf *body)
{
    switch (h->type) {
    case CL_TTRPC_REQUEST:
        on_request(rpc, h->stream, body);
        break;
    case CL_TTRPC_RESPONSE:
        on_response(rpc, h->stream, body);
        break;
    case FRAME_DATA:
        on_data(rpc, h);
        break;
    default: /* of a later version of ttrpc */
        break;
    }
}

void rpc_frame_too_large(struct shim_rpc *rpc, const struct cl_ttrpc_header *h)
{
    struct rpc_invocation *c = call_find(rpc, h->stream);
    if (h->type == CL_TTRPC_RESPONSE && c != NULL) {
        call_end(c, SHIM_CODE_EXHAUSTED, "answer is larger than a ttrpc frame", NULL, 0);
    } else if (h->type == CL_TTRPC_REQUEST || h->type == FRAME_DATA) {
        reply(rpc, h->stream, SHIM_CODE_EXHAUSTED, "larger than a ttrpc frame", NULL, 0);
    }
}

void rpc_calls_end(struct shim_rpc *rpc)
{
    struct shim_rpc_call *call;
    while ((call = LIST_FIRST(&rpc->requests)) != NULL) {
        request_forget(call);
    }
    struct rpc_invocation *c;
    while ((c = LIST_FIRST(&rpc->calls)) != NULL) {
        call_end(c, SHIM_CODE_UNAVAILABLE, "the connection has ended", NULL, 0);
    }
}
