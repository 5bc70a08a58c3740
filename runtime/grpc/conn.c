/* SPDX-License-Identifier: Apache-2.0
 * conn.c - calls of one connection over nghttp2. Trust, threads, memory: conn.h.
 */
#include "conn.h"

#include "grpc/wire.h"
#include "header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
    int32_t id;
    uint64_t deadline_us;
    size_t header_bytes;
    char path[CL_GRPC_SERVER_MAX_PATH + 1];
    bool post, type_ok;
    bool encoded;     /* a grpc-encoding that is not identity */
    bool bad_timeout; /* a grpc-timeout that is none */
    bool received;    /* the client has ended its side */
    bool answered;
    struct cl_buf body;
    struct cl_grpc_answer answer;
    size_t sent; /* bytes of its messages */
};

struct grpc_conn {
    const struct cl_grpc_service *service;
    nghttp2_session *session;
    size_t *pending;
    uint64_t now_us; /* of the input that is being taken */
    struct call *calls[CL_GRPC_SERVER_MAX_STREAMS];
};

/* --- calls
 * ---------------------------------------------------------------------------------------------- */

static void call_free(struct grpc_conn *c, struct call *call)
{
    *c->pending += call->body.len;
    cl_buf_done(&call->body);
    cl_buf_done(&call->answer.messages);
    free(call);
}

static struct call *call_new(struct grpc_conn *c, int32_t id)
{
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_STREAMS; i++) {
        if (c->calls[i] == NULL) {
            struct call *call = calloc(1, sizeof(*call));
            if (call != NULL) {
                call->id = id;
                call->deadline_us = c->now_us + CL_GRPC_SERVER_MAX_CALL_MS * UINT64_C(1000);
            }
            c->calls[i] = call;
            return call;
        }
    }
    return NULL;
}

static void forget_body(struct grpc_conn *c, struct call *call)
{
    *c->pending += call->body.len;
    cl_buf_done(&call->body);
}

void cl_grpc_refuse(struct cl_grpc_answer *answer, unsigned code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    answer->code = code;
    (void)vsnprintf(answer->text, sizeof(answer->text), fmt, ap);
    va_end(ap);
}

/* --- answers
 * -------------------------------------------------------------------------------------------- */

struct status_text {
    char code[8];
    char text[3 * CL_GRPC_TEXT_SIZE];
};

/* grpc-status and grpc-message, which point into *t; how many. */
static size_t put_status(const struct cl_grpc_answer *a, struct status_text *t, nghttp2_nv *nv)
{
    (void)snprintf(t->code, sizeof(t->code), "%u", a->code);
    nv[0] = grpc_header("grpc-status", t->code);
    if (a->code == CL_GRPC_OK) {
        return 1;
    }
    cl_grpc_text_encode(a->text, t->text);
    nv[1] = grpc_header("grpc-message", t->text);
    return 2;
}

static ssize_t read_messages(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t size,
                             uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct call *call = source->ptr;
    size_t n = call->answer.messages.len - call->sent;
    (void)user;
    n = n < size ? n : size;
    memcpy(buf, call->answer.messages.data + call->sent, n);
    call->sent += n;
    if (call->sent == call->answer.messages.len) {
        struct status_text t;
        nghttp2_nv nv[2];
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream, nv, put_status(&call->answer, &t, nv)) != 0) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)n;
}

/* Submits call->answer: messages and trailers, or trailers only. 0 or nghttp2's error. */
static int submit_answer(struct grpc_conn *c, struct call *call)
{
    struct status_text t;
    nghttp2_nv nv[4] = {grpc_header(":status", "200"),
                        grpc_header("content-type", "application/grpc")};
    call->answered = true;
    forget_body(c, call);
    if (call->answer.code == CL_GRPC_OK && call->answer.messages.len > 0) {
        const nghttp2_data_provider p = {.source.ptr = call, .read_callback = read_messages};
        return nghttp2_submit_response(c->session, call->id, nv, 2, &p);
    }
    size_t count = 2 + put_status(&call->answer, &t, nv + 2);
    return nghttp2_submit_response(c->session, call->id, nv, count, NULL);
}

CL_PRINTF(4, 5)
static int refuse(struct grpc_conn *c, struct call *call, unsigned code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    call->answer.code = code;
    (void)vsnprintf(call->answer.text, sizeof(call->answer.text), fmt, ap);
    va_end(ap);
    return submit_answer(c, call);
}

/* For what is not gRPC at all: "HTTP to gRPC status code mapping". */
static int refuse_http(struct grpc_conn *c, struct call *call, const char *status)
{
    const nghttp2_nv nv[] = {grpc_header(":status", status)};
    call->answered = true;
    return nghttp2_submit_response(c->session, call->id, nv, 1, NULL);
}

/* --- requests
 * ------------------------------------------------------------------------------------------- */

/* The headers are complete. */
static int check_headers(struct grpc_conn *c, struct call *call)
{
    if (!call->post) {
        return refuse_http(c, call, "405");
    }
    if (!call->type_ok) {
        return refuse_http(c, call, "415");
    }
    if (call->encoded) {
        return refuse(c, call, CL_GRPC_UNIMPLEMENTED, "grpc-encoding: expected identity");
    }
    if (call->bad_timeout) {
        return refuse(c, call, CL_GRPC_INVALID_ARGUMENT,
                      "grpc-timeout: expected up to eight digits and a unit");
    }
    return call->deadline_us <= c->now_us
               ? refuse(c, call, CL_GRPC_DEADLINE_EXCEEDED, "grpc-timeout: it is over")
               : 0;
}

/* The request is complete. */
static int serve_call(struct grpc_conn *c, struct call *call)
{
    const uint8_t *message = NULL;
    size_t len = 0;
    struct cl_err err = {0};
    if (call->body.len > 0 && call->body.data[0] == 1) {
        return refuse(c, call, CL_GRPC_UNIMPLEMENTED, "message: compressed: expected 0, got 1");
    }
    if (cl_grpc_message_parse(call->body.data, call->body.len, &message, &len, &err) != CL_OK) {
        return refuse(c, call, CL_GRPC_INTERNAL, "%s", err.msg);
    }
    c->service->call(c->service->ctx, call->path, message, len, &call->answer);
    return submit_answer(c, call);
}

/* Refuses what would be too long as soon as it says so. */
static int check_length(struct grpc_conn *c, struct call *call)
{
    uint32_t len = cl_grpc_prefix_length(call->body.data, call->body.len);
    return len > CL_GRPC_SERVER_MAX_REQUEST ? refuse(c, call, CL_GRPC_RESOURCE_EXHAUSTED,
                                                     "message: size: expected at most %u, got %u",
                                                     CL_GRPC_SERVER_MAX_REQUEST, len)
                                            : 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    struct grpc_conn *c = user;
    struct call *call = nghttp2_session_get_stream_user_data(session, stream);
    (void)flags;
    if (call == NULL || call->answered) {
        return 0;
    }
    if (len > CL_GRPC_SERVER_MAX_REQUEST + CL_GRPC_PREFIX_SIZE - call->body.len ||
        len > *c->pending) {
        return refuse(c, call, CL_GRPC_RESOURCE_EXHAUSTED,
                      "message: expected less, or less at once");
    }
    if (cl_buf_append(&call->body, data, len, NULL) != CL_OK) {
        return refuse(c, call, CL_GRPC_RESOURCE_EXHAUSTED, "message: no memory");
    }
    *c->pending -= len;
    return check_length(c, call);
}

static void take_timeout(struct grpc_conn *c, struct call *call, const char *value)
{
    uint64_t us = 0;
    call->bad_timeout = cl_grpc_timeout_parse(value, &us, NULL) != CL_OK;
    if (!call->bad_timeout && us < call->deadline_us - c->now_us) {
        call->deadline_us = c->now_us + us;
    }
}

static void take_header(struct grpc_conn *c, struct call *call, const char *name, const char *value)
{
    if (strcmp(name, ":method") == 0) {
        call->post = strcmp(value, "POST") == 0;
    } else if (strcmp(name, ":path") == 0) {
        /* What is cut off here is no path of ours either. */
        (void)snprintf(call->path, sizeof(call->path), "%s", value);
    } else if (strcmp(name, "content-type") == 0) {
        call->type_ok = cl_grpc_is_content_type(value);
    } else if (strcmp(name, "grpc-encoding") == 0) {
        call->encoded = strcmp(value, "identity") != 0;
    } else if (strcmp(name, "grpc-timeout") == 0) {
        take_timeout(c, call, value);
    }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_conn *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct call *call = call_new(c, frame->hd.stream_id);
    if (call == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct grpc_conn *c = user;
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;
    if (call == NULL) {
        return 0;
    }
    call->header_bytes += name_len + value_len + GRPC_HEADER_OVERHEAD;
    if (call->header_bytes > CL_GRPC_SERVER_MAX_HEADERS) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
    }
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        /* nghttp2 puts a NUL behind both, and lets none stand inside. */
        take_header(c, call, (const char *)name, (const char *)value);
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_conn *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL) {
        return 0;
    }
    call->received = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST &&
        check_headers(c, call) != 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return call->received && !call->answered ? serve_call(c, call) : 0;
}

/* An answer before the request's end: the rest is not wanted (RFC 9113, 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    const struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    return call != NULL && !call->received
               ? nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_NO_ERROR)
               : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    struct grpc_conn *c = user;
    (void)session;
    (void)code;
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_STREAMS; i++) {
        if (c->calls[i] != NULL && c->calls[i]->id == stream) {
            call_free(c, c->calls[i]);
            c->calls[i] = NULL;
        }
    }
    return 0;
}

/* --- the machine
 * --------------------------------------------------------------------------------------- */

static enum cl_status make_session(struct grpc_conn *c, struct cl_err *err)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CL_GRPC_SERVER_MAX_STREAMS},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CL_GRPC_SERVER_MAX_HEADERS}};
    nghttp2_session_callbacks *cb = NULL;
    if (nghttp2_session_callbacks_new(&cb) != 0) {
        return cl_err_nomem(err, "HTTP/2");
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    int rc = nghttp2_session_server_new(&c->session, cb, c);
    nghttp2_session_callbacks_del(cb);
    if (rc != 0 || nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
                                           CL_ARRAY_LEN(settings)) != 0) {
        return cl_err_nomem(err, "HTTP/2");
    }
    return CL_OK;
}

enum cl_status grpc_conn_new(const struct cl_grpc_service *service, size_t *pending,
                             struct grpc_conn **ret_c, struct cl_err *err)
{
    CL_CLEANUP(grpc_conn_freep) struct grpc_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return cl_err_nomem(err, "gRPC");
    }
    c->service = service;
    c->pending = pending;
    CL_TRY(make_session(c, err));
    *ret_c = CL_TAKE(c);
    return CL_OK;
}

void grpc_conn_free(struct grpc_conn *c)
{
    if (c == NULL) {
        return;
    }
    nghttp2_session_del(c->session);
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_STREAMS; i++) {
        if (c->calls[i] != NULL) {
            call_free(c, c->calls[i]);
        }
    }
    free(c);
}

void grpc_conn_freep(struct grpc_conn **c)
{
    grpc_conn_free(*c);
}

enum cl_status grpc_conn_output(struct grpc_conn *c, const uint8_t **ret_data, size_t *ret_len,
                                struct cl_err *err)
{
    const uint8_t *data = NULL;
    ssize_t n = nghttp2_session_mem_send(c->session, &data);
    if (n < 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "HTTP/2: %s", nghttp2_strerror((int)n));
    }
    *ret_data = data;
    *ret_len = (size_t)n;
    return CL_OK;
}

enum cl_status grpc_conn_input(struct grpc_conn *c, const void *data, size_t len, uint64_t now_us,
                               struct cl_err *err)
{
    c->now_us = now_us;
    ssize_t n = nghttp2_session_mem_recv(c->session, data, len);
    return n >= 0 ? CL_OK
                  : cl_err_set(err, CL_ERR_MALFORMED, "HTTP/2: %s", nghttp2_strerror((int)n));
}

/* A call that has no answer gets one; a client that does not take its answer gets an end. */
static int end_call(struct grpc_conn *c, struct call *call)
{
    call->deadline_us = UINT64_MAX;
    return call->answered
               ? nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_CANCEL)
               : refuse(c, call, CL_GRPC_DEADLINE_EXCEEDED,
                        "request: expected its end in time, got none");
}

enum cl_status grpc_conn_tick(struct grpc_conn *c, uint64_t now_us, struct cl_err *err)
{
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_STREAMS; i++) {
        struct call *call = c->calls[i];
        if (call != NULL && call->deadline_us <= now_us && end_call(c, call) != 0) {
            return cl_err_nomem(err, "HTTP/2");
        }
    }
    return CL_OK;
}

uint64_t grpc_conn_deadline_us(const struct grpc_conn *c)
{
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_STREAMS; i++) {
        if (c->calls[i] != NULL && c->calls[i]->deadline_us < first) {
            first = c->calls[i]->deadline_us;
        }
    }
    return first;
}

bool grpc_conn_idle(const struct grpc_conn *c)
{
    for (size_t i = 0; i < CL_GRPC_SERVER_MAX_STREAMS; i++) {
        if (c->calls[i] != NULL) {
            return false;
        }
    }
    return true;
}

bool grpc_conn_over(const struct grpc_conn *c)
{
    return nghttp2_session_want_read(c->session) == 0 &&
           nghttp2_session_want_write(c->session) == 0;
}
