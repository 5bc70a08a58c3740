/* SPDX-License-Identifier: Apache-2.0
 * http.c - the HTTPS listener (see http.h).
 */
#include "http.h"

#include "base/io.h"
#include "rcar_msg.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* One live connection, hung on its SSL object: OpenSSL tells us when that is freed. */
struct connection {
    LIST_ENTRY(connection) link;
    struct cl_http *http;
    struct bufferevent *bev;
    uint64_t opened_us;
};

struct cl_http {
    struct cl_http_config cfg;
    struct event_base *base;
    struct evhttp *evhttp;
    struct evconnlistener *listener; /* owned by evhttp */
    struct event *reaper;
    uint16_t port;
    uint32_t count;
    bool paused;
    LIST_HEAD(, connection) connections;
};

static int ex_index(void);

static void resume(struct cl_http *h)
{
    if (h->paused && h->listener != NULL && h->count < h->cfg.max_connections) {
        h->paused = false;
        (void)evconnlistener_enable(h->listener);
    }
}

static void connection_gone(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                            void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    struct connection *c = ptr;
    if (c != NULL && c->http != NULL) {
        LIST_REMOVE(c, link);
        c->http->count--;
        resume(c->http);
    }
    free(c);
}

static int ex_index(void)
{
    static int index = -1; /* one for the process, as OpenSSL has it */
    if (index < 0) {
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, connection_gone);
    }
    return index;
}

/* libevent asks for the transport of a connection it accepted. NULL would make it speak plain HTTP;
 * handle_request() refuses whatever is not TLS, for the case that memory runs out here. */
static struct bufferevent *new_transport(struct event_base *base, void *arg)
{
    struct cl_http *h = arg;
    SSL *ssl = SSL_new(h->cfg.tls);
    struct connection *c = calloc(1, sizeof(*c));
    if (ssl == NULL || c == NULL || ex_index() < 0 || SSL_set_ex_data(ssl, ex_index(), c) != 1) {
        SSL_free(ssl);
        free(c);
        return NULL;
    }
    c->http = h;
    c->opened_us = cl_monotonic_us();
    LIST_INSERT_HEAD(&h->connections, c, link);
    if (++h->count >= h->cfg.max_connections) {
        h->paused = true; /* the kernel's queue holds the others */
        (void)evconnlistener_disable(h->listener);
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev == NULL) {
        SSL_free(ssl); /* frees c too */
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1); /* lengths are in HTTP */
    c->bev = bev;
    return bev;
}

/* Ends connections that have lived long enough, whatever they do: a client that sends one byte at a
 * time is never idle. */
static void reap(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct cl_http *h = arg;
    uint64_t now = cl_monotonic_us();
    struct connection *c = NULL;
    LIST_FOREACH(c, &h->connections, link)
    {
        if (now - c->opened_us > h->cfg.connection_seconds * UINT64_C(1000000)) {
            (void)shutdown(bufferevent_getfd(c->bev), SHUT_RDWR); /* libevent cleans up */
        }
    }
}

/* Path and query of an origin-form target; false for anything else. */
static bool take_target(struct cl_request *req, const char *uri)
{
    size_t n = strcspn(uri, "?");
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_.-";
    if (uri[0] != '/' || n >= sizeof(req->path) || strspn(uri, good) < n) {
        return false;
    }
    memcpy(req->path, uri, n);
    req->path[n] = '\0';
    req->query = uri[n] == '?' ? uri + n + 1 : "";
    return true;
}

/* kbs-session-id out of "a=b; kbs-session-id=<32 hex>; c=d". */
static void take_cookie(struct cl_request *req, const char *header)
{
    static const char name[] = "kbs-session-id=";
    while (header != NULL && *header != '\0') {
        header += strspn(header, "; \t");
        size_t n = strcspn(header, ";");
        size_t value_len = n - (sizeof(name) - 1);
        if (n > sizeof(name) - 1 && strncmp(header, name, sizeof(name) - 1) == 0 &&
            value_len == sizeof(req->cookie) - 1) {
            memcpy(req->cookie, header + sizeof(name) - 1, value_len);
            return;
        }
        header += n;
    }
}

static void take_headers(struct cl_request *req, struct evhttp_request *ev)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(ev);
    const char *authorization = evhttp_find_header(headers, "Authorization");
    take_cookie(req, evhttp_find_header(headers, "Cookie"));
    if (authorization != NULL && strncasecmp(authorization, "Bearer ", 7) == 0) {
        req->bearer = authorization + 7;
    }
}

static bool take_method(struct cl_request *req, enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_GET:
        req->method = CL_GET;
        return true;
    case EVHTTP_REQ_POST:
        req->method = CL_POST;
        return true;
    case EVHTTP_REQ_PUT:
        req->method = CL_PUT;
        return true;
    case EVHTTP_REQ_DELETE:
        req->method = CL_DELETE;
        return true;
    case EVHTTP_REQ_HEAD:
    case EVHTTP_REQ_OPTIONS:
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
    case EVHTTP_REQ_PATCH:
        return false;
    }
    return false;
}

static void take_peer(struct cl_request *req, struct evhttp_request *ev)
{
    char *address = NULL;
    uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(ev), &address, &port);
    (void)snprintf(req->peer, sizeof(req->peer), "%.63s", address != NULL ? address : "");
}

static void handle_request(struct evhttp_request *ev, void *arg)
{
    struct cl_http *h = arg;
    struct cl_request req = {.ev = ev, .query = ""};
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(ev));
    if (bev == NULL || bufferevent_openssl_get_ssl(bev) == NULL) {
        evhttp_send_error(ev, HTTP_INTERNAL, NULL);
        return;
    }
    struct evbuffer *in = evhttp_request_get_input_buffer(ev);
    size_t len = evbuffer_get_length(in);
    uint8_t *body = len > 0 ? evbuffer_pullup(in, -1) : NULL;
    req.body = body;
    req.body_len = body != NULL ? len : 0;
    take_peer(&req, ev);
    take_headers(&req, ev);
    if (!take_target(&req, evhttp_request_get_uri(ev))) {
        cl_http_reply_error(&req, 404, "InvalidRequestPath", "Invalid request path");
    } else if (!take_method(&req, evhttp_request_get_command(ev)) || (len > 0 && body == NULL)) {
        cl_http_reply_error(&req, 405, "InvalidRequestPath", "Method not allowed");
    } else {
        h->cfg.handle(h->cfg.ctx, &req);
    }
}

static enum cl_status parse_listen(const char *text, char ret_host[static 64], uint16_t *ret_port,
                                   struct cl_err *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    const char *host = text;
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    if (n == 0 || n >= 64 ||
        cl_uint_parse(colon + 1, "port", 0, UINT16_MAX, &port, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "listen '%.100s': expected address:port, got something else", text);
    }
    memcpy(ret_host, host, n);
    ret_host[n] = '\0';
    *ret_port = (uint16_t)port;
    return CL_OK;
}

static enum cl_status bind_listener(struct cl_http *h, struct cl_err *err)
{
    char host[64];
    uint16_t port = 0;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr = {0};
    socklen_t len = sizeof(addr);
    CL_TRY(parse_listen(h->cfg.listen, host, &port, err));
    errno = 0;
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(h->evhttp, host, port);
    if (bound == NULL) {
        return cl_err_sys(err, errno != 0 ? errno : EADDRNOTAVAIL, "listen '%s'", h->cfg.listen);
    }
    h->listener = evhttp_bound_socket_get_listener(bound);
    /* Inherited by what is accepted: head and body of an answer are two records, and the second one
     * would wait for the client's delayed acknowledgement of the first. */
    const int one = 1;
    const int fd = evhttp_bound_socket_get_fd(bound);
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        getsockname(fd, &addr.sa, &len) != 0) {
        return cl_err_sys(err, errno, "listen '%s'", h->cfg.listen);
    }
    h->port = ntohs(addr.sa.sa_family == AF_INET6 ? addr.in6.sin6_port : addr.in.sin_port);
    return CL_OK;
}

void cl_http_free(struct cl_http *h)
{
    if (h == NULL) {
        return;
    }
    h->listener = NULL;
    while (!LIST_EMPTY(&h->connections)) { /* libevent frees them later, with its event base */
        struct connection *c = LIST_FIRST(&h->connections);
        LIST_REMOVE(c, link);
        c->http = NULL;
    }
    if (h->evhttp != NULL) {
        evhttp_free(h->evhttp);
    }
    if (h->reaper != NULL) {
        event_free(h->reaper);
    }
    free(h);
}

static void http_freep(struct cl_http **h)
{
    cl_http_free(*h);
}

enum cl_status cl_http_new(struct event_base *base, const struct cl_http_config *cfg,
                           struct cl_http **ret_h, struct cl_err *err)
{
    CL_CLEANUP(http_freep) struct cl_http *h = calloc(1, sizeof(*h));
    if (h == NULL) {
        return cl_err_nomem(err, "listener");
    }
    h->cfg = *cfg;
    h->base = base;
    LIST_INIT(&h->connections);
    h->evhttp = evhttp_new(base);
    h->reaper = event_new(base, -1, EV_PERSIST, reap, h);
    struct timeval second = {.tv_sec = 1};
    if (h->evhttp == NULL || h->reaper == NULL || event_add(h->reaper, &second) != 0) {
        return cl_err_nomem(err, "listener");
    }
    evhttp_set_bevcb(h->evhttp, new_transport, h);
    evhttp_set_gencb(h->evhttp, handle_request, h);
    evhttp_set_max_headers_size(h->evhttp, CL_HTTP_MAX_HEADERS);
    evhttp_set_max_body_size(h->evhttp, CL_HTTP_BODY_MAX);
    evhttp_set_timeout(h->evhttp, (int)cfg->idle_seconds);
    evhttp_set_default_content_type(h->evhttp, NULL);
    evhttp_set_allowed_methods(h->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                              EVHTTP_REQ_DELETE);
    CL_TRY(bind_listener(h, err));
    *ret_h = CL_TAKE(h);
    return CL_OK;
}

uint16_t cl_http_port(const struct cl_http *h)
{
    return h->port;
}

/* The body may have held a secret; libevent may free it while it sends. */
static void begin_answer(struct cl_request *req)
{
    if (req->body != NULL) {
        cl_wipe(req->body, req->body_len);
    }
    req->body = NULL;
    req->body_len = 0;
    req->answered = true;
}

void cl_http_reply(struct cl_request *req, int status, const char *content_type, const void *body,
                   size_t len, const char *extra_name, const char *extra_value)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(req->ev);
    struct evbuffer *out = evbuffer_new();
    begin_answer(req);
    if (out == NULL || (len > 0 && evbuffer_add(out, body, len) != 0) ||
        (content_type != NULL && evhttp_add_header(headers, "Content-Type", content_type) != 0) ||
        (extra_name != NULL && evhttp_add_header(headers, extra_name, extra_value) != 0)) {
        evhttp_send_error(req->ev, HTTP_INTERNAL, NULL);
    } else {
        (void)evhttp_add_header(headers, "Cache-Control", "no-store");
        evhttp_send_reply(req->ev, status, NULL, out);
    }
    if (out != NULL) {
        evbuffer_free(out);
    }
}

static void secret_sent(const void *data, size_t len, void *arg)
{
    (void)data;
    (void)len;
    struct cl_secret *s = arg;
    cl_secret_done(s);
    free(s);
}

void cl_http_reply_secret(struct cl_request *req, struct cl_secret *body)
{
    struct evbuffer *out = evbuffer_new();
    struct cl_secret *own = malloc(sizeof(*own));
    begin_answer(req);
    if (out == NULL || own == NULL ||
        evbuffer_add_reference(out, body->data, body->len, secret_sent, own) != 0) {
        free(own);
        cl_secret_done(body);
        evhttp_send_error(req->ev, HTTP_INTERNAL, NULL);
    } else {
        *own = *body;
        *body = (struct cl_secret){0};
        struct evkeyvalq *headers = evhttp_request_get_output_headers(req->ev);
        (void)evhttp_add_header(headers, "Content-Type", "application/octet-stream");
        (void)evhttp_add_header(headers, "Cache-Control", "no-store");
        evhttp_send_reply(req->ev, 200, NULL, out);
    }
    if (out != NULL) {
        evbuffer_free(out);
    }
}

void cl_http_reply_error(struct cl_request *req, int status, const char *name, const char *detail)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    if (cl_rcar_error(name, detail, &body, NULL) != CL_OK) {
        begin_answer(req);
        evhttp_send_error(req->ev, HTTP_INTERNAL, NULL);
        return;
    }
    cl_http_reply(req, status, "application/json", body.data, body.len, NULL, NULL);
}
