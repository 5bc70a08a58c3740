/* SPDX-License-Identifier: Apache-2.0
 * ttrpc.c - ttrpc frames and the unary request and response in them.
 */
#include "rpc/ttrpc.h"

#include "base/bytes.h"
#include "base/io.h"
#include "ttrpc.pb-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum cl_status cl_ttrpc_header_parse(const uint8_t data[static CL_TTRPC_HEADER_SIZE],
                                     struct cl_ttrpc_header *ret, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, CL_TTRPC_HEADER_SIZE);
    struct cl_ttrpc_header h;
    h.data_len = cl_reader_be32(&r, "length");
    h.stream = cl_reader_be32(&r, "stream");
    h.type = cl_reader_u8(&r, "type");
    h.flags = cl_reader_u8(&r, "flags");
    CL_TRY(cl_reader_finish(&r, "ttrpc header", err));
    if (h.data_len > CL_TTRPC_MAX_FRAME) {
        return cl_err_at(err, CL_ERR_MALFORMED, 0,
                         "ttrpc header: length: expected at most %u, got %u", CL_TTRPC_MAX_FRAME,
                         (unsigned)h.data_len);
    }
    if ((h.stream & 1) == 0) {
        return cl_err_at(err, CL_ERR_MALFORMED, 4, "ttrpc header: stream: expected odd, got %u",
                         (unsigned)h.stream);
    }
    if (h.type != CL_TTRPC_REQUEST && h.type != CL_TTRPC_RESPONSE) {
        return cl_err_at(err, CL_ERR_MALFORMED, 8, "ttrpc header: type: expected 1 or 2, got %u",
                         (unsigned)h.type);
    }
    *ret = h;
    return CL_OK;
}

/* Like cl_read_all, but an end before the first byte is no error. */
static enum cl_status read_header(int fd, uint8_t *data, bool *ret_eof, struct cl_err *err)
{
    ssize_t n;
    do {
        n = read(fd, data, CL_TTRPC_HEADER_SIZE);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return cl_err_sys(err, errno, "read ttrpc header");
    }
    *ret_eof = n == 0;
    if (n == 0) {
        return CL_OK;
    }
    return cl_read_all(fd, data + n, CL_TTRPC_HEADER_SIZE - (size_t)n, "ttrpc header", err);
}

enum cl_status cl_ttrpc_read(int fd, struct cl_ttrpc_header *ret_h, struct cl_buf *data,
                             bool *ret_eof, struct cl_err *err)
{
    uint8_t raw[CL_TTRPC_HEADER_SIZE];
    struct cl_ttrpc_header h;
    bool eof = false;
    CL_TRY(read_header(fd, raw, &eof, err));
    if (eof) {
        *ret_eof = true;
        return CL_OK;
    }
    CL_TRY(cl_ttrpc_header_parse(raw, &h, err));
    cl_buf_reset(data);
    CL_TRY(cl_buf_reserve(data, h.data_len, err));
    CL_TRY(cl_read_all(fd, data->data, h.data_len, "ttrpc frame", err));
    data->len = h.data_len;
    *ret_h = h;
    *ret_eof = false;
    return CL_OK;
}

static enum cl_status send_all(int fd, const uint8_t *p, size_t n, struct cl_err *err)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return cl_err_sys(err, errno, "send ttrpc frame");
        }
        p += done;
        n -= (size_t)done;
    }
    return CL_OK;
}

enum cl_status cl_ttrpc_write(int fd, uint32_t stream, enum cl_ttrpc_type type, const void *data,
                              size_t len, struct cl_err *err)
{
    if (len > CL_TTRPC_MAX_FRAME) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "ttrpc frame: length: expected at most %u, got %zu", CL_TTRPC_MAX_FRAME,
                          len);
    }
    uint8_t raw[CL_TTRPC_HEADER_SIZE];
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_be32(&w, (uint32_t)len);
    cl_writer_be32(&w, stream);
    cl_writer_u8(&w, (uint8_t)type);
    cl_writer_u8(&w, 0);
    CL_TRY(cl_writer_check(&w, "ttrpc header", err));
    CL_TRY(send_all(fd, raw, sizeof(raw), err));
    return send_all(fd, data, len, err);
}

static enum cl_status dup_bytes(const ProtobufCBinaryData *b, uint8_t **ret, size_t *ret_len,
                                struct cl_err *err)
{
    uint8_t *copy = malloc(b->len + 1);
    if (copy == NULL) {
        return cl_err_nomem(err, "ttrpc payload");
    }
    if (b->len > 0) {
        memcpy(copy, b->data, b->len);
    }
    copy[b->len] = 0;
    *ret = copy;
    *ret_len = b->len;
    return CL_OK;
}

enum cl_status cl_ttrpc_request_parse(const void *data, size_t len, struct cl_ttrpc_request *ret,
                                      struct cl_err *err)
{
    Cloister__Ttrpc__Request *m =
        len > CL_TTRPC_MAX_MESSAGE ? NULL : cloister__ttrpc__request__unpack(NULL, len, data);
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "ttrpc request: not a protobuf message");
    }
    struct cl_ttrpc_request r = {
        .service = strdup(m->service), .method = strdup(m->method), .timeout_ns = m->timeout_nano};
    enum cl_status st = r.service == NULL || r.method == NULL
                            ? cl_err_nomem(err, "ttrpc request")
                            : dup_bytes(&m->payload, &r.payload, &r.payload_len, err);
    cloister__ttrpc__request__free_unpacked(m, NULL);
    if (st != CL_OK) {
        cl_ttrpc_request_done(&r);
        return st;
    }
    *ret = r;
    return CL_OK;
}

void cl_ttrpc_request_done(struct cl_ttrpc_request *r)
{
    if (r != NULL) {
        free(r->service);
        free(r->method);
        free(r->payload);
        *r = (struct cl_ttrpc_request){0};
    }
}

/* protobuf-c's structs take pointers to what may change; packing changes nothing. */
static void *unconst(const void *p)
{
    union {
        const void *c;
        void *v;
    } u = {.c = p};
    return u.v;
}

enum cl_status cl_ttrpc_request_encode(const char *service, const char *method, const void *payload,
                                       size_t payload_len, struct cl_buf *out, struct cl_err *err)
{
    Cloister__Ttrpc__Request m;
    cloister__ttrpc__request__init(&m);
    m.service = unconst(service);
    m.method = unconst(method);
    m.payload = (ProtobufCBinaryData){.len = payload_len, .data = unconst(payload)};
    CL_TRY(cl_buf_reserve(out, cloister__ttrpc__request__get_packed_size(&m), err));
    out->len += cloister__ttrpc__request__pack(&m, out->data + out->len);
    out->data[out->len] = 0;
    return CL_OK;
}

enum cl_status cl_ttrpc_response_parse(const void *data, size_t len, struct cl_ttrpc_response *ret,
                                       struct cl_err *err)
{
    Cloister__Ttrpc__Response *m =
        len > CL_TTRPC_MAX_MESSAGE ? NULL : cloister__ttrpc__response__unpack(NULL, len, data);
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "ttrpc response: not a protobuf message");
    }
    struct cl_ttrpc_response r = {.code = m->status != NULL ? m->status->code : 0};
    r.message = strdup(m->status != NULL ? m->status->message : "");
    enum cl_status st = r.message == NULL ? cl_err_nomem(err, "ttrpc response")
                                          : dup_bytes(&m->payload, &r.payload, &r.payload_len, err);
    cloister__ttrpc__response__free_unpacked(m, NULL);
    if (st != CL_OK) {
        cl_ttrpc_response_done(&r);
        return st;
    }
    *ret = r;
    return CL_OK;
}

void cl_ttrpc_response_done(struct cl_ttrpc_response *r)
{
    if (r != NULL) {
        free(r->message);
        free(r->payload);
        *r = (struct cl_ttrpc_response){0};
    }
}

enum cl_status cl_ttrpc_response_encode(enum cl_ttrpc_code code, const char *message,
                                        const void *payload, size_t payload_len, struct cl_buf *out,
                                        struct cl_err *err)
{
    Cloister__Ttrpc__Response m;
    cloister__ttrpc__response__init(&m);
    Cloister__Ttrpc__Status s;
    cloister__ttrpc__status__init(&s);
    s.code = (int32_t)code;
    s.message = unconst(message != NULL ? message : "");
    m.status = code == CL_TTRPC_OK ? NULL : &s;
    m.payload = (ProtobufCBinaryData){.len = payload_len, .data = unconst(payload)};
    CL_TRY(cl_buf_reserve(out, cloister__ttrpc__response__get_packed_size(&m), err));
    out->len += cloister__ttrpc__response__pack(&m, out->data + out->len);
    out->data[out->len] = 0;
    return CL_OK;
}
