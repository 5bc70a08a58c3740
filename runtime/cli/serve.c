/* SPDX-License-Identifier: Apache-2.0
 * serve.c - accepts the guest's connections, reads their request lines, and serves blobs and
 * stdio. Trust, threads, memory: serve.h.
 */
#include "serve_internal.h"

#include "base/io.h"
#include "base/log.h"

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
    struct cli_server *s = c->server;
    serve_relay_forget(c);
    cli_pump_free(c->to_guest);
    cli_pump_free(c->from_guest);
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
    free(c);
}

/* Moves the request line out of the socket and not one byte more. 1: there; 0: not yet; -1: never.
 * What was seen is consumed at once: left in the socket, half a line would keep the loop busy. */
static int take_line(struct conn *c)
{
    char *at = c->line + c->line_len;
    ssize_t n = recv(c->fd, at, CLI_SERVE_LINE - c->line_len, MSG_PEEK | MSG_DONTWAIT);
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
        return c->line_len == CLI_SERVE_LINE ? -1 : 0;
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
        cl_log(CL_LOG_DEBUG, "run.serve", "port %d: no request line", (int)c->port);
        serve_conn_free(c);
    } else if (c->port == CLI_PORT_BLOB) {
        serve_blob(c, line);
    } else if (c->port == CLI_PORT_RELAY) {
        serve_relay(c, line);
    } else {
        serve_stdio(c, line);
    }
}

void cli_server_take(struct cli_server *s, enum cli_port port, int fd)
{
    static const struct timeval limit = {.tv_sec = CLI_SERVE_LINE_S};
    if (port == CLI_PORT_AGENT) {
        if (s->agent_seen) {
            (void)close(fd); /* one agent, one connection */
            return;
        }
        s->agent_seen = true;
        s->cfg.on_agent(s->cfg.ctx, fd);
        return;
    }
    struct conn *c = s->count < CLI_SERVE_MAX ? calloc(1, sizeof(*c)) : NULL;
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

static uint8_t blob_open(struct conn *c, const char *line, uint64_t *ret_size)
{
    static const char magic[] = "CLBLOB1 ";
    uint8_t digest[CL_SHA256_SIZE];
    struct cl_err err = {0};
    if (strncmp(line, magic, strlen(magic)) != 0 ||
        cl_oci_digest_parse(line + strlen(magic), digest, &err) != CL_OK) {
        return BLOB_FAILED;
    }
    switch (cl_image_blob_open(c->server->cfg.image, digest, &c->other, ret_size, &err)) {
    case CL_OK:
        return BLOB_FOUND;
    case CL_ERR_REJECTED:
        cl_log(CL_LOG_WARN, "run.blob", "%s", err.msg);
        return BLOB_NOT_ALLOWED;
    case CL_ERR_UNAVAILABLE:
        cl_log(CL_LOG_WARN, "run.blob", "%s", err.msg);
        return BLOB_ABSENT;
    default:
        cl_log(CL_LOG_WARN, "run.blob", "%s", err.msg);
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
    struct cli_pump_config cfg = {.base = c->server->cfg.base,
                                  .src = c->other,
                                  .dst = c->fd,
                                  .src_ours = c->other >= 0,
                                  .dst_ours = true,
                                  .limit = size,
                                  .done = on_blob_done,
                                  .ctx = c};
    if ((c->other >= 0 && fcntl(c->other, F_SETFL, O_NONBLOCK) != 0) ||
        cli_pump_new(&cfg, head, sizeof(head), &c->to_guest, NULL) != CL_OK) {
        serve_conn_free(c);
    }
}

/* --- stdio (I-4.3)
 * -------------------------------------------------------------------------------------- */

static void on_input_done(void *ctx, bool ok)
{
    (void)ctx; /* the half-close was passed on; the guest closes the rest when it likes */
    (void)ok;
}

static void on_output_done(void *ctx, bool ok)
{
    struct conn *c = ctx;
    struct cli_server *s = c->server;
    (void)ok;
    s->outputs--;
    serve_conn_free(c); /* closing says to the agent that everything arrived */
    s->cfg.on_output_end(s->cfg.ctx);
}

/* "CLSTDIO1 <container id> <0|1|2>" */
static bool stdio_line(const struct cli_server *s, const char *line, unsigned *ret)
{
    char want[CLI_SERVE_LINE];
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(want, sizeof(want), "CLSTDIO1 %s %u", s->cfg.container_id, i);
        if (strcmp(line, want) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

void serve_stdio(struct conn *c, const char *line)
{
    struct cli_server *s = c->server;
    unsigned i = 0;
    if (!stdio_line(s, line, &i) || s->stream_seen[i] || s->cfg.stdio[i] < 0) {
        cl_log(CL_LOG_WARN, "run.stdio", "refused: %.100s", line);
        serve_conn_free(c);
        return;
    }
    s->stream_seen[i] = true;
    c->stream = i;
    struct cli_pump_config in = {.base = s->cfg.base,
                                 .src = s->cfg.stdio[i],
                                 .dst = c->fd,
                                 .dst_ours = true,
                                 .limit = UINT64_MAX,
                                 .done = on_input_done,
                                 .ctx = c};
    struct cli_pump_config out = {.base = s->cfg.base,
                                  .src = c->fd,
                                  .dst = s->cfg.stdio[i],
                                  .src_ours = true,
                                  .limit = UINT64_MAX,
                                  .done = on_output_done,
                                  .ctx = c};
    if (cli_pump_new(i == 0 ? &in : &out, NULL, 0, i == 0 ? &c->to_guest : &c->from_guest, NULL) !=
        CL_OK) {
        serve_conn_free(c);
        return;
    }
    s->outputs += i == 0 ? 0 : 1;
}

/* --- the server
 * ----------------------------------------------------------------------------------------- */

static void on_accept(evutil_socket_t fd, short what, void *ctx)
{
    struct listener *l = ctx;
    (void)what;
    int conn = accept4((int)fd, NULL, NULL, SOCK_CLOEXEC);
    if (conn >= 0) {
        cli_server_take(l->server, l->port, conn);
    }
}

enum cl_status cli_server_new(const struct cli_server_config *cfg, struct cli_server **ret_s,
                              struct cl_err *err)
{
    struct cli_server *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "server");
    }
    s->cfg = *cfg;
    for (size_t i = 0; i < CL_ARRAY_LEN(s->listen); i++) {
        s->listen[i].fd = -1;
    }
    enum cl_status st = serve_relay_init(s, err);
    if (st != CL_OK) {
        cli_server_free(s);
        return st;
    }
    *ret_s = s;
    return CL_OK;
}

enum cl_status cli_server_listen(struct cli_server *s, const char *dir, struct cl_err *err)
{
    for (unsigned i = 0; i < CL_ARRAY_LEN(s->listen); i++) {
        struct listener *l = &s->listen[i];
        char path[108];
        *l = (struct listener){.server = s, .port = (enum cli_port)(CLI_PORT_AGENT + i), .fd = -1};
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

void cli_server_free(struct cli_server *s)
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

bool cli_server_output_pending(const struct cli_server *s)
{
    return s->outputs > 0;
}

size_t cli_server_connections(const struct cli_server *s)
{
    return s->count;
}
