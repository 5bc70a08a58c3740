/* SPDX-License-Identifier: Apache-2.0
 * serve_stdio.c - streams of the guest's processes (I-4.3). Trust, threads, memory: host/serve.h.
 */
#include "serve_internal.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* Bytes of an id that `text` begins with; 0: of none. */
static size_t id_len(const char *text)
{
    size_t n = strspn(text, ID_CHARS);
    return n <= HOST_ID_MAX ? n : 0;
}

enum cl_status host_stdio_request_parse(const char *line,
                                        char ret_process[static HOST_PROCESS_SIZE],
                                        unsigned *ret_stream, struct cl_err *err)
{
    static const char magic[] = "CLSTDIO1 ";
    if (strncmp(line, magic, strlen(magic)) == 0) {
        const char *process = line + strlen(magic);
        size_t len = id_len(process);
        bool good = len > 0;
        if (good && process[len] == '/') {
            size_t exec = id_len(process + len + 1);
            good = exec > 0;
            len += 1 + exec;
        }
        const char *rest = process + len;
        if (good && rest[0] == ' ' && rest[1] >= '0' && rest[1] <= '2' && rest[2] == '\0') {
            (void)snprintf(ret_process, HOST_PROCESS_SIZE, "%.*s", (int)len, process);
            *ret_stream = (unsigned)(rest[1] - '0');
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "stdio: expected 'CLSTDIO1 container[/exec] stream', got '%.200s'", line);
}

/* The half-close was passed on, or nobody reads any more; the guest closes when it likes. */
static void on_input_done(void *ctx, bool ok)
{
    struct conn *c = ctx;
    (void)ok;
    host_pump_free(c->to_guest);
    c->to_guest = NULL;
    cl_close_fdp(&c->other);
}

static void on_output_done(void *ctx, bool ok)
{
    struct conn *c = ctx;
    const struct host_server_config *cfg = &c->server->cfg;
    char process[HOST_PROCESS_SIZE];
    unsigned stream = c->stream;
    (void)ok;
    memcpy(process, c->process, sizeof(process));
    serve_conn_free(c); /* closing says to the agent that everything arrived */
    cfg->on_output_end(cfg->ctx, process, stream);
}

/* The guest says nothing on a process's input: what comes is its close, or a breach. */
static void on_input_close(evutil_socket_t fd, short what, void *ctx)
{
    char byte;
    (void)what;
    ssize_t n = recv((int)fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    serve_conn_free(ctx);
}

static enum cl_status copy_in(struct conn *c, int fd, struct cl_err *err)
{
    struct event_base *base = c->server->cfg.base;
    const struct host_pump_config in = {.base = base,
                                        .src = fd,
                                        .dst = c->fd,
                                        .dst_ours = true,
                                        .limit = UINT64_MAX,
                                        .done = on_input_done,
                                        .ctx = c};
    event_free(c->ev);
    c->ev = event_new(base, c->fd, EV_READ | EV_PERSIST, on_input_close, c);
    if (c->ev == NULL || event_add(c->ev, NULL) != 0) {
        return cl_err_nomem(err, "stdio");
    }
    return host_pump_new(&in, NULL, 0, &c->to_guest, err);
}

static enum cl_status copy_out(struct conn *c, int fd, struct cl_err *err)
{
    const struct host_pump_config out = {.base = c->server->cfg.base,
                                         .src = c->fd,
                                         .dst = fd,
                                         .src_ours = true,
                                         .limit = UINT64_MAX,
                                         .done = on_output_done,
                                         .ctx = c};
    return host_pump_new(&out, NULL, 0, &c->from_guest, err);
}

void serve_stdio(struct conn *c, const char *line)
{
    const struct host_server_config *cfg = &c->server->cfg;
    struct cl_err err = {0};
    int fd = -1;
    bool owned = false;
    enum cl_status st = host_stdio_request_parse(line, c->process, &c->stream, &err);
    if (st == CL_OK && !cfg->open_stdio(cfg->ctx, c->process, c->stream, &fd, &owned)) {
        st = cl_err_set(&err, CL_ERR_REJECTED, "refused: %s %u", c->process, c->stream);
    }
    if (st == CL_OK) {
        c->other = owned ? fd : -1;
        st = c->stream == 0 ? copy_in(c, fd, &err) : copy_out(c, fd, &err);
    }
    if (st != CL_OK) {
        cl_log(CL_LOG_WARN, "host.stdio", "%s", err.msg);
        serve_conn_free(c);
    }
}

bool host_server_output_pending(const struct host_server *s, const char *process)
{
    for (const struct conn *c = s->conns; c != NULL; c = c->next) {
        if (c->port == HOST_PORT_STDIO && c->from_guest != NULL &&
            (process == NULL || strcmp(process, c->process) == 0)) {
            return true;
        }
    }
    return false;
}
