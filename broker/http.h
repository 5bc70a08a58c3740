/* SPDX-License-Identifier: Apache-2.0
 * http.h - one HTTPS listener on libevent, with limits on everything a client can make grow: head,
 * body, time of a connection, number of connections.
 * Trust: clients are hostile. What reaches the handler is a complete request over TLS with a path
 *        of harmless characters.
 */
#ifndef CL_BROKER_HTTP_H
#define CL_BROKER_HTTP_H

#include "base/buf.h"
#include "base/secret.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct event_base;
struct evhttp_request;
struct cl_http; /* opaque */

#define CL_HTTP_MAX_HEADERS (96u << 10) /* a token travels in a header */
#define CL_HTTP_BODY_MAX (2u << 20)
#define CL_HTTP_PATH_MAX 512u

enum cl_method { CL_GET, CL_POST, CL_PUT, CL_DELETE };

struct cl_request {
    enum cl_method method;
    char path[CL_HTTP_PATH_MAX]; /* without the query; characters [A-Za-z0-9/_.-] */
    const char *query;           /* borrowed; "" when there is none */
    char cookie[33];             /* kbs-session-id; "" when absent or of another form */
    const char *bearer;          /* borrowed; NULL when absent */
    uint8_t *body;               /* borrowed; wiped and forgotten when the answer is given */
    size_t body_len;
    char peer[64]; /* address, without port */
    struct evhttp_request *ev;
    bool answered;
};

struct cl_http_config {
    const char *listen; /* "address:port" */
    uint32_t max_connections;
    uint32_t connection_seconds;
    uint32_t idle_seconds;
    SSL_CTX *tls;                                      /* borrowed */
    void (*handle)(void *ctx, struct cl_request *req); /* must answer */
    void *ctx;
};

CL_NODISCARD enum cl_status cl_http_new(struct event_base *base, const struct cl_http_config *cfg,
                                        struct cl_http **ret_h, struct cl_err *err);
void cl_http_free(struct cl_http *h);
uint16_t cl_http_port(const struct cl_http *h);

/* Each answer ends the request: nothing of it may be used any more. */
/* Answers. extra: one further header, or NULL. The body is copied. */
void cl_http_reply(struct cl_request *req, int status, const char *content_type, const void *body,
                   size_t len, const char *extra_name, const char *extra_value);
/* Answers with a secret, which it takes; wiped once sent. */
void cl_http_reply_secret(struct cl_request *req, struct cl_secret *body);
/* The protocol's error object. */
void cl_http_reply_error(struct cl_request *req, int status, const char *name, const char *detail);

#endif
