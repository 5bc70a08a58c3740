/* SPDX-License-Identifier: Apache-2.0
 * exchange.c - one unary call over nghttp2. Trust, threads, memory: exchange.h.
 */
#include "exchange.h"

#include "base/io.h"
#include "header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-_."
#define FIXED_HEADERS 8u
/* Everything a server may send for one call, beside the reply's message: headers as they are on the
 * wire, prefixes, settings, pings. */
#define OVERHEAD_MAX (256u << 10)

struct grpc_exchange {
    const struct cl_grpc_call *call;
    nghttp2_session *session;
    int32_t stream;
    struct cl_buf request; /* with its prefix */
    size_t sent;           /* bytes of it */
    size_t received;       /* bytes of everything */
    struct cl_buf body;
    size_t header_bytes;
    bool last_block; /* the header block that is being read ends the stream */
    bool http_ok;    /* :status 200 */
    bool type_ok;    /* content-type application/grpc */
    bool have_code;
    unsigned code;
    char text[CL_GRPC_TEXT_SIZE];
    bool complete; /* the server has ended the stream */
    bool closed;   /* the stream is no more */
    uint32_t reset_code;
    struct cl_err failed; /* what broke the rules */
};

/* --- the request
 * --------------------------------------------------------------------------------------- */

static bool metadata_good(const struct cl_grpc_metadata *m)
{
    size_t len = strlen(m->name);
    if (len == 0 || strspn(m->name, NAME_CHARS) != len || strncmp(m->name, "grpc-", 5) == 0) {
        return false;
    }
    for (const char *p = m->value; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return false;
        }
    }
    return true;
}

static enum cl_status check_call(const struct cl_grpc_call *call, struct cl_err *err)
{
    if (call->path[0] != '/' || call->timeout_ms == 0 ||
        call->timeout_ms > CL_GRPC_MAX_TIMEOUT_MS || call->max_reply == 0 ||
        call->max_reply > CL_GRPC_MAX_REPLY || call->metadata_count > CL_GRPC_MAX_METADATA) {
        return cl_err_set(err, CL_ERR_MALFORMED, "call: expected path, time and sizes in bounds");
    }
    for (size_t i = 0; i < call->metadata_count; i++) {
        if (!metadata_good(&call->metadata[i])) {
            return cl_err_set(
                err, CL_ERR_MALFORMED,
                "metadata '%.60s': expected a name and a printable value, got '%.200s'",
                call->metadata[i].name, call->metadata[i].value);
        }
    }
    return CL_OK;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t size,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    (void)stream;
    (void)source;
    size_t n = x->request.len - x->sent;
    n = n < size ? n : size;
    memcpy(buf, x->request.data + x->sent, n);
    x->sent += n;
    if (x->sent == x->request.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static enum cl_status submit(struct grpc_exchange *x, struct cl_err *err)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CL_GRPC_MAX_HEADERS}};
    char timeout[16];
    (void)snprintf(timeout, sizeof(timeout), "%um", x->call->timeout_ms);
    nghttp2_nv nv[FIXED_HEADERS + CL_GRPC_MAX_METADATA] = {
        grpc_header(":method", "POST"),
        grpc_header(":scheme", "http"),
        grpc_header(":path", x->call->path),
        grpc_header(":authority", "localhost"),
        grpc_header("te", "trailers"),
        grpc_header("content-type", "application/grpc"),
        grpc_header("user-agent", "cloister/" CL_VERSION),
        grpc_header("grpc-timeout", timeout)};
    size_t count = FIXED_HEADERS;
    for (size_t i = 0; i < x->call->metadata_count; i++) {
        nv[count++] = grpc_header(x->call->metadata[i].name, x->call->metadata[i].value);
    }
    const nghttp2_data_provider body = {.read_callback = read_request};
    if (nghttp2_submit_settings(x->session, NGHTTP2_FLAG_NONE, settings, CL_ARRAY_LEN(settings)) !=
        0) {
        return cl_err_nomem(err, "HTTP/2");
    }
    x->stream = nghttp2_submit_request(x->session, NULL, nv, count, &body, NULL);
    return x->stream > 0 ? CL_OK : cl_err_nomem(err, "HTTP/2");
}

/* --- the reply
 * ----------------------------------------------------------------------------------------- */

/* Of the block that ends the stream: trailers, or the only block there is. */
static enum cl_status take_trailer(struct grpc_exchange *x, const char *name, const char *value,
                                   struct cl_err *err)
{
    if (strcmp(name, "grpc-message") == 0) {
        cl_grpc_text_decode(value, x->text);
    } else if (strcmp(name, "grpc-status") == 0) {
        uint64_t code = 0;
        if (x->have_code) {
            return cl_err_set(err, CL_ERR_MALFORMED, "grpc-status: expected one, got two");
        }
        CL_TRY(cl_uint_parse(value, "grpc-status", 0, 999, &code, err));
        x->have_code = true;
        x->code = (unsigned)code;
    }
    return CL_OK;
}

static enum cl_status take_header(struct grpc_exchange *x, const char *name, const char *value,
                                  struct cl_err *err)
{
    if (strcmp(name, ":status") == 0) {
        x->http_ok = strcmp(value, "200") == 0;
        return x->http_ok ? CL_OK
                          : cl_err_set(err, CL_ERR_MALFORMED,
                                       "HTTP status: expected 200, got %.20s", value);
    }
    if (strcmp(name, "content-type") == 0) {
        x->type_ok = cl_grpc_is_content_type(value);
        return x->type_ok
                   ? CL_OK
                   : cl_err_set(err, CL_ERR_MALFORMED,
                                "content-type: expected application/grpc, got '%.100s'", value);
    }
    return x->last_block ? take_trailer(x, name, value, err) : CL_OK;
}

static bool is_ours(const struct grpc_exchange *x, const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->hd.stream_id == x->stream;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    if (is_ours(x, frame)) {
        x->last_block = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    (void)flags;
    x->header_bytes += name_len + value_len + GRPC_HEADER_OVERHEAD;
    if (x->header_bytes > CL_GRPC_MAX_HEADERS) {
        (void)cl_err_set(&x->failed, CL_ERR_MALFORMED,
                         "headers: expected at most %u bytes, got more", CL_GRPC_MAX_HEADERS);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    /* nghttp2 puts a NUL behind both, and lets none stand inside. */
    if (is_ours(x, frame) &&
        take_header(x, (const char *)name, (const char *)value, &x->failed) != CL_OK) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    (void)flags;
    if (stream != x->stream) {
        return 0;
    }
    if (len > x->call->max_reply + CL_GRPC_PREFIX_SIZE - x->body.len) {
        (void)cl_err_set(&x->failed, CL_ERR_MALFORMED,
                         "message: size: expected at most %zu, got more", x->call->max_reply);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return cl_buf_append(&x->body, data, len, &x->failed) == CL_OK ? 0
                                                                   : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries && frame->hd.stream_id == x->stream &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        x->complete = true;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    if (stream == x->stream) {
        x->closed = true;
        x->reset_code = code;
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
                            void *user)
{
    struct grpc_exchange *x = user;
    (void)session;
    (void)frame;
    (void)cl_err_set(&x->failed, CL_ERR_MALFORMED, "HTTP/2: %s", nghttp2_strerror(code));
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* nghttp2 answers a breach with one of these. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_exchange *x = user;
    uint32_t code = NGHTTP2_NO_ERROR;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        code = frame->goaway.error_code;
    } else if (frame->hd.type == NGHTTP2_RST_STREAM && frame->hd.stream_id == x->stream) {
        code = frame->rst_stream.error_code;
    }
    if (code != NGHTTP2_NO_ERROR && x->failed.status == CL_OK) {
        (void)cl_err_set(&x->failed, CL_ERR_MALFORMED, "HTTP/2: %s", nghttp2_http2_strerror(code));
    }
    return 0;
}

/* --- the machine
 * --------------------------------------------------------------------------------------- */

static enum cl_status make_session(struct grpc_exchange *x, struct cl_err *err)
{
    nghttp2_session_callbacks *cb = NULL;
    if (nghttp2_session_callbacks_new(&cb) != 0) {
        return cl_err_nomem(err, "HTTP/2");
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    int rc = nghttp2_session_client_new(&x->session, cb, x);
    nghttp2_session_callbacks_del(cb);
    return rc == 0 ? CL_OK : cl_err_nomem(err, "HTTP/2");
}

enum cl_status grpc_exchange_new(const struct cl_grpc_call *call, struct grpc_exchange **ret_x,
                                 struct cl_err *err)
{
    CL_TRY(check_call(call, err));
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = calloc(1, sizeof(*x));
    if (x == NULL) {
        return cl_err_nomem(err, "gRPC");
    }
    x->call = call;
    x->code = CL_GRPC_UNKNOWN;
    CL_TRY(cl_grpc_message_encode(call->message, call->len, &x->request, err));
    CL_TRY(make_session(x, err));
    CL_TRY(submit(x, err));
    *ret_x = CL_TAKE(x);
    return CL_OK;
}

void grpc_exchange_free(struct grpc_exchange *x)
{
    if (x != NULL) {
        nghttp2_session_del(x->session);
        cl_buf_done(&x->request);
        cl_buf_done(&x->body);
        free(x);
    }
}

void grpc_exchange_freep(struct grpc_exchange **x)
{
    grpc_exchange_free(*x);
}

enum cl_status grpc_exchange_output(struct grpc_exchange *x, const uint8_t **ret_data,
                                    size_t *ret_len, struct cl_err *err)
{
    const uint8_t *data = NULL;
    ssize_t n = nghttp2_session_mem_send(x->session, &data);
    if (n < 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "HTTP/2: %s", nghttp2_strerror((int)n));
    }
    *ret_data = data;
    *ret_len = (size_t)n;
    return CL_OK;
}

enum cl_status grpc_exchange_input(struct grpc_exchange *x, const void *data, size_t len,
                                   struct cl_err *err)
{
    if (len > x->call->max_reply + OVERHEAD_MAX - x->received) {
        return cl_err_set(err, CL_ERR_MALFORMED, "HTTP/2: expected at most %zu bytes, got more",
                          x->call->max_reply + OVERHEAD_MAX);
    }
    x->received += len;
    ssize_t n = nghttp2_session_mem_recv(x->session, data, len);
    if (n >= 0) {
        return CL_OK;
    }
    if (x->failed.status != CL_OK) {
        return cl_err_set(err, x->failed.status, "%s", x->failed.msg);
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "HTTP/2: %s", nghttp2_strerror((int)n));
}

bool grpc_exchange_over(const struct grpc_exchange *x)
{
    return x->complete || x->closed ||
           (nghttp2_session_want_read(x->session) == 0 &&
            nghttp2_session_want_write(x->session) == 0);
}

enum cl_status grpc_exchange_result(const struct grpc_exchange *x, unsigned *ret_code,
                                    struct cl_buf *ret_message, struct cl_err *err)
{
    const uint8_t *data = NULL;
    size_t len = 0;
    if (x->failed.status != CL_OK) {
        return cl_err_set(err, x->failed.status, "%s", x->failed.msg);
    }
    if (!x->complete) {
        return x->closed ? cl_err_set(err, CL_ERR_UNAVAILABLE,
                                      "stream: expected an answer, got a reset (%s)",
                                      nghttp2_http2_strerror(x->reset_code))
                         : cl_err_set(err, CL_ERR_UNAVAILABLE,
                                      "connection: expected an answer, got its end");
    }
    if (!x->http_ok || !x->type_ok || !x->have_code) {
        return cl_err_set(err, CL_ERR_MALFORMED, "reply: expected %s, got none",
                          !x->http_ok   ? "an HTTP status"
                          : !x->type_ok ? "a content-type"
                                        : "a grpc-status");
    }
    *ret_code = x->code;
    if (x->code != CL_GRPC_OK) {
        return cl_err_set(err, cl_grpc_code_status(x->code), "grpc-status: expected OK, got %s: %s",
                          cl_grpc_code_name(x->code), x->text);
    }
    CL_TRY(cl_grpc_message_parse(x->body.data, x->body.len, &data, &len, err));
    return cl_buf_append(ret_message, data, len, err);
}
