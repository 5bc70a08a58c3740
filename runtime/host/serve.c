/* SPDX-License-Identifier: Apache-2.0
 * serve.c - accepts the guest's connections, reads their request lines, and serves
 * blobs. Trust, threads, memory: host/serve.h.
 */
#include "serve_internal.h"

#include "base/io.h"
#include "base/log.h"
#include "oci/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- connections
 * ---------------------------------------------------------------------------------- */

void serve_conn_free(struct conn *c)
{
    struct host_server *s = c->server;
    serve_relay_forget(c);
    host_pump_free(c->to_guest);
    host_pump_free(c->from_guest);
    if (c->ev != NULL) {
        event_free(c->ev);
    }
    cl_close_fdp(&c->fd);
    cl_close_fdp(&c->other);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        s->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    s->count--;
    bool forward = c->forward;
    free(c);
    if (forward) {
        s->cfg.on_forward_end(s->cfg.ctx);
    }
}

/* Moves the request line out of the socket and not one byte more. 1: there; 0: not yet; -1: never.
 * What was seen is consumed at once: left in the socket, half a line would keep the loop busy. */
static int take_line(struct conn *c)
{
    char *at = c->line + c->line_len;
    ssize_t n = recv(c->fd, at, HOST_SERVE_LINE - c->line_len, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    }
    const char *end = n > 0 ? memchr(at, '\n', (size_t)n) : NULL;
    size_t len = end != NULL ? (size_t)(end - at) + 1 : (size_t)n;
    if (n == 0 || memchr(at, '\0', len) != NULL ||
        recv(c->fd, at, len, MSG_DONTWAIT) != (ssize_t)len) {
        return -1;
    }
    c->line_len += len;
    if (end == NULL) {
        return c->line_len == HOST_SERVE_LINE ? -1 : 0;
    }
    c->line[c->line_len - 1] = '\0';
    return 1;
}

static void on_line(evutil_socket_t fd, short what, void *ctx)
{
    struct conn *c = ctx;
    const char *line = c->line;
    (void)fd;
    int got = (what & EV_TIMEOUT) != 0 ? -1 : take_line(c);
    if (got == 0) {
        return; /* the event stays; so does its time limit, for each try */
    }
    (void)event_del(c->ev);
    if (got < 0) {
        cl_log(CL_LOG_DEBUG, "host.serve", "port %d: no request line", (int)c->port);
        serve_conn_free(c);
    } else if (c->port == HOST_PORT_BLOB) {
        serve_blob(c, line);
    } else if (c->port == HOST_PORT_RELAY) {
        serve_relay(c, line);
    } else if (strncmp(line, HOST_FORWARD_MAGIC, strlen(HOST_FORWARD_MAGIC)) == 0) {
        serve_forward(c, line);
    } else {
        serve_stdio(c, line);
    }
}

void host_server_take(struct host_server *s, enum host_port port, int fd)
{
    static const struct timeval limit = {.tv_sec = HOST_SERVE_LINE_S};
    if (port == HOST_PORT_AGENT) {
        if (s->agent_seen) {
            (void)close(fd); /* one agent, one connection */
            return;
        }
        s->agent_seen = true;
        s->cfg.on_agent(s->cfg.ctx, fd);
        return;
    }
    struct conn *c = s->count < HOST_SERVE_MAX ? calloc(1, sizeof(*c)) : NULL;
    if (c == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        free(c);
        (void)close(fd);
        return;
    }
    *c = (struct conn){.server = s, .port = port, .fd = fd, .other = -1, .next = s->conns};
    if (s->conns != NULL) {
        s->conns->prev = c;
    }
    s->conns = c;
    s->count++;
    c->ev = event_new(s->cfg.base, fd, EV_READ | EV_PERSIST, on_line, c);
    if (c->ev == NULL || event_add(c->ev, &limit) != 0) {
        serve_conn_free(c);
    }
}

/* --- blobs (I-4.1)
 * ------------------------------------------------------------------------------------ */

enum { BLOB_FOUND, BLOB_ABSENT, BLOB_NOT_ALLOWED, BLOB_FAILED };

static void on_blob_done(void *ctx, bool ok)
{
    (void)ok; /* short or not, the guest counts the bytes */
    serve_conn_free(ctx);
}

static bool is_signature(const char *name)
{
    return strncmp(name, "signatures:", 11) == 0 || strncmp(name, "simple-signature:", 17) == 0;
}

/* By digest, or (I-4.6) a signature by its name. */
static enum cl_status open_named(struct conn *c, const char *name, uint64_t *ret_size,
                                 struct cl_err *err)
{
    const struct host_server_config *cfg = &c->server->cfg;
    uint8_t digest[CL_SHA256_SIZE];
    if (!is_signature(name)) {
        CL_TRY(cl_oci_digest_parse(name, digest, err));
        return cfg->open_blob(cfg->ctx, digest, &c->other, ret_size, err);
    }
    return cfg->open_signature != NULL
               ? cfg->open_signature(cfg->ctx, name, &c->other, ret_size, err)
               : cl_err_set(err, CL_ERR_UNAVAILABLE, "'%.100s': expected one, got none", name);
}

static uint8_t blob_open(struct conn *c, const char *line, uint64_t *ret_size)
{
    static const char magic[] = "CLBLOB1 ";
    struct cl_err err = {0};
    if (strncmp(line, magic, strlen(magic)) != 0) {
        return BLOB_FAILED;
    }
    switch (open_named(c, line + strlen(magic), ret_size, &err)) {
    case CL_OK:
        return BLOB_FOUND;
    case CL_ERR_REJECTED:
        cl_log(CL_LOG_WARN, "host.blob", "%s", err.msg);
        return BLOB_NOT_ALLOWED;
    case CL_ERR_UNAVAILABLE:
        cl_log(CL_LOG_WARN, "host.blob", "%s", err.msg);
        return BLOB_ABSENT;
    default:
        cl_log(CL_LOG_WARN, "host.blob", "%s", err.msg);
        return BLOB_FAILED;
    }
}

void serve_blob(struct conn *c, const char *line)
{
    uint64_t size = 0;
    uint8_t head[9] = {blob_open(c, line, &size)};
    for (unsigned i = 0; i < 8; i++) {
        head[1 + i] = (uint8_t)(size >> (56 - 8 * i));
    }
    /* A refusal is the same answer with nothing behind it. A download's socket must not block. */
    struct host_pump_config cfg = {.base = c->server->cfg.base,
                                   .src = c->other,
                                   .dst = c->fd,
                                   .src_ours = c->other >= 0,
                                   .dst_ours = true,
                                   .limit = size,
                                   .done = on_blob_done,
                                   .ctx = c};
    if ((c->other >= 0 && fcntl(c->other, F_SETFL, O_NONBLOCK) != 0) ||
        host_pump_new(&cfg, head, sizeof(head), &c->to_guest, NULL) != CL_OK) {
        serve_conn_free(c);
    }
}

/* --- the server
 * ----------------------------------------------------------------------------------------- */

static void on_accept(evutil_socket_t fd, short what, void *ctx)
{
    struct listener *l = ctx;
    (void)what;
    int conn = accept4((int)fd, NULL, NULL, SOCK_CLOEXEC);
    if (conn >= 0) {
        host_server_take(l->server, l->port, conn);
    }
}

enum cl_status host_server_new(const struct host_server_config *cfg, struct host_server **ret_s,
                               struct cl_err *err)
{
    struct host_server *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "server");
    }
    s->cfg = *cfg;
    for (size_t i = 0; i < CL_ARRAY_LEN(s->listen); i++) {
        s->listen[i].fd = -1;
    }
    enum cl_status st = serve_relay_init(s, err);
    if (st != CL_OK) {
        host_server_free(s);
        return st;
    }
    *ret_s = s;
    return CL_OK;
}

enum cl_status host_server_listen(struct host_server *s, const char *dir, struct cl_err *err)
{
    for (unsigned i = 0; i < CL_ARRAY_LEN(s->listen); i++) {
        struct listener *l = &s->listen[i];
        char path[108];
        *l =
            (struct listener){.server = s, .port = (enum host_port)(HOST_PORT_AGENT + i), .fd = -1};
        if (snprintf(path, sizeof(path), "%s/guest_%d.sock", dir, (int)l->port) >=
            (int)sizeof(path)) {
            return cl_err_set(err, CL_ERR_MALFORMED, "run folder '%.90s': path too long", dir);
        }
        CL_TRY(cl_unix_listen(path, &l->fd, err));
        if (fcntl(l->fd, F_SETFL, O_NONBLOCK) != 0) {
            return cl_err_sys(err, errno, "listen on '%s'", path);
        }
        l->ev = event_new(s->cfg.base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
        if (l->ev == NULL || event_add(l->ev, NULL) != 0) {
            return cl_err_nomem(err, "server");
        }
    }
    return CL_OK;
}

void host_server_free(struct host_server *s)
{
    if (s == NULL) {
        return;
    }
    while (s->conns != NULL) {
        serve_conn_free(s->conns);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(s->listen); i++) {
        if (s->listen[i].ev != NULL) {
            event_free(s->listen[i].ev);
        }
        cl_close_fdp(&s->listen[i].fd);
    }
    serve_relay_done(s);
    free(s);
}

size_t host_server_connections(const struct host_server *s)
{
    return s->count;
}
