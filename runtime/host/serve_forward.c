/* SPDX-License-Identifier: Apache-2.0
 * serve_forward.c - forwarded connections (I-10.5), and what copies both ways for them and for the
 * relay. Trust, threads, memory: host/serve.h.
 */
#include "serve_internal.h"

#include "base/io.h"
#include "base/log.h"

#include <string.h>

/* --- both ways -------------------------------------------------------------------------------- */

static void on_one_way_done(struct conn *c, struct host_pump **pump, bool ok)
{
    host_pump_free(*pump);
    *pump = NULL;
    if (!ok || (c->to_guest == NULL && c->from_guest == NULL)) {
        serve_conn_free(c);
    }
}

static void on_to_guest_done(void *ctx, bool ok)
{
    struct conn *c = ctx;
    on_one_way_done(c, &c->to_guest, ok);
}

static void on_from_guest_done(void *ctx, bool ok)
{
    struct conn *c = ctx;
    on_one_way_done(c, &c->from_guest, ok);
}

void serve_both_ways(struct conn *c, int fd, const char *head, size_t len)
{
    struct host_pump_config to_guest = {.base = c->server->cfg.base,
                                        .src = fd,
                                        .dst = c->fd,
                                        .src_ours = true,
                                        .dst_ours = true,
                                        .limit = UINT64_MAX,
                                        .done = on_to_guest_done,
                                        .ctx = c};
    struct host_pump_config from_guest = to_guest;
    from_guest.src = c->fd;
    from_guest.dst = fd;
    from_guest.done = on_from_guest_done;
    c->other = fd;
    if (host_pump_new(&to_guest, head, len, &c->to_guest, NULL) != CL_OK ||
        host_pump_new(&from_guest, NULL, 0, &c->from_guest, NULL) != CL_OK) {
        serve_conn_free(c);
    }
}

/* --- port-forward ----------------------------------------------------------------------------- */

enum cl_status host_forward_request_parse(const char *line, uint64_t *ret_id, struct cl_err *err)
{
    size_t len = strlen(HOST_FORWARD_MAGIC);
    bool good = strncmp(line, HOST_FORWARD_MAGIC, len) == 0;
    return good ? cl_uint_parse(line + len, "port-forward: number", 0, UINT64_MAX, ret_id, err)
                : cl_err_set(err, CL_ERR_MALFORMED,
                             "port-forward: expected 'CLFWD1 number', got '%.200s'", line);
}

void serve_forward(struct conn *c, const char *line)
{
    const struct host_server_config *cfg = &c->server->cfg;
    struct cl_err err = {0};
    uint64_t id = 0;
    int fd = -1;
    enum cl_status st = host_forward_request_parse(line, &id, &err);
    if (st == CL_OK && (cfg->open_forward == NULL || !cfg->open_forward(cfg->ctx, id, &fd))) {
        st = cl_err_set(&err, CL_ERR_REJECTED, "port-forward: refused: no connection %llu waits",
                        (unsigned long long)id);
    }
    if (st != CL_OK) {
        cl_log(CL_LOG_WARN, "host.forward", "%s", err.msg);
        serve_conn_free(c);
        return;
    }
    c->forward = true;
    serve_both_ways(c, fd, NULL, 0);
}
