/* SPDX-License-Identifier: Apache-2.0
 * ttrpc_server.c - one connection, several services, answers from any thread.
 */
#include "rpc/ttrpc_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_TIMEOUT_S 10

struct cl_ttrpc_server {
    pthread_mutex_t lock; /* writing */
    int fd;
    struct cl_ttrpc_service service[CL_TTRPC_MAX_SERVICES];
    size_t service_count;
    uint32_t last_stream; /* only _run */
};

enum cl_status cl_ttrpc_server_new(int fd, const struct cl_ttrpc_service *services, size_t count,
                                   struct cl_ttrpc_server **ret_s, struct cl_err *err)
{
    struct cl_ttrpc_server *s =
        count >= 1 && count <= CL_TTRPC_MAX_SERVICES ? calloc(1, sizeof(*s)) : NULL;
    if (s == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "ttrpc server");
    }
    s->fd = fd;
    memcpy(s->service, services, count * sizeof(*services));
    s->service_count = count;
    struct timeval tv = {.tv_sec =
                             SEND_TIMEOUT_S}; /* a client that reads nothing must not hold us */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    (void)pthread_mutex_init(&s->lock, NULL);
    *ret_s = s;
    return CL_OK;
}

void cl_ttrpc_server_free(struct cl_ttrpc_server *s)
{
    if (s == NULL) {
        return;
    }
    (void)close(s->fd);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void cl_ttrpc_server_shutdown(struct cl_ttrpc_server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
}

/* A client that does not take our answers only harms itself: the reader finds the end. */
void cl_ttrpc_reply(struct cl_ttrpc_call call, enum cl_ttrpc_code code, const char *message,
                    const struct cl_buf *payload)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf frame = {0};
    struct cl_ttrpc_server *s = call.server;
    const void *data = payload != NULL ? payload->data : NULL;
    size_t len = payload != NULL ? payload->len : 0;
    enum cl_status st = cl_ttrpc_response_encode(code, message, data, len, &frame, NULL);
    (void)pthread_mutex_lock(&s->lock);
    if (st != CL_OK || cl_ttrpc_write(s->fd, call.stream, CL_TTRPC_RESPONSE, frame.data, frame.len,
                                      NULL) != CL_OK) {
        (void)shutdown(s->fd, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void cl_ttrpc_reply_status(struct cl_ttrpc_call call, enum cl_status st, const struct cl_err *err)
{
    enum cl_ttrpc_code code = st == CL_OK                ? CL_TTRPC_OK
                              : st == CL_ERR_MALFORMED   ? CL_TTRPC_INVALID_ARGUMENT
                              : st == CL_ERR_REJECTED    ? CL_TTRPC_PERMISSION_DENIED
                              : st == CL_ERR_UNAVAILABLE ? CL_TTRPC_FAILED_PRECONDITION
                                                         : CL_TTRPC_INTERNAL;
    cl_ttrpc_reply(call, code, st == CL_OK ? NULL : err->msg, /* payload= */ NULL);
}

static void dispatch(struct cl_ttrpc_server *s, uint32_t stream, const struct cl_ttrpc_request *r)
{
    const struct cl_ttrpc_call call = {s, stream};
    for (size_t i = 0; i < s->service_count; i++) {
        if (strcmp(r->service, s->service[i].name) == 0) {
            s->service[i].call(s->service[i].ctx, call, r);
            return;
        }
    }
    cl_ttrpc_reply(call, CL_TTRPC_UNIMPLEMENTED, "no such service", /* payload= */ NULL);
}

static enum cl_status serve_one(struct cl_ttrpc_server *s, bool *ret_eof, struct cl_err *err)
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

enum cl_status cl_ttrpc_server_run(struct cl_ttrpc_server *s, struct cl_err *err)
{
    bool eof = false;
    enum cl_status st = CL_OK;
    while (st == CL_OK && !eof) {
        st = serve_one(s, &eof, err);
    }
    (void)shutdown(s->fd, SHUT_RDWR);
    return st;
}
