/* SPDX-License-Identifier: Apache-2.0
 * broker.c - putting the broker together: state, TLS, two listeners, one event loop.
 */
#include "broker_internal.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t cl_broker_now(const struct cl_broker *b)
{
    return b->cfg.now != NULL ? b->cfg.now(b->cfg.now_ctx) : (int64_t)time(NULL);
}

enum cl_status cl_broker_audit(struct cl_broker *b, const struct cl_request *req, const char *who,
                               struct cl_audit *line, struct cl_err *err)
{
    char actor[128];
    (void)snprintf(actor, sizeof(actor), "%s %s", who, req->peer);
    line->time = cl_broker_now(b);
    line->actor = actor;
    enum cl_status st = cl_store_audit(b->state.store, line, err);
    line->actor = NULL;
    return st;
}

struct cl_trust cl_broker_trust(const struct cl_broker *b)
{
    return (struct cl_trust){.store = b->state.store,
                             .now = cl_broker_now(b),
                             .version = b->trust.version,
                             .policy = b->trust.policy,
                             .collateral = b->trust.collateral,
                             .distrust_token = &b->trust.distrust_token,
                             .distrust_key = b->trust.distrust_key};
}

enum cl_status cl_broker_load_policy(struct cl_broker *b, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_resource_policy *p = NULL;
    int64_t version = 0;
    CL_TRY(cl_store_policy_get(b->state.store, &text, &version, err));
    if (version == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "database: no policy");
    }
    CL_TRY(cl_resource_policy_parse(text.data, text.len, &p, err));
    cl_resource_policy_free(b->policy);
    b->policy = p;
    b->policy_version = version;
    return CL_OK;
}

void cl_broker_reply_failure(struct cl_request *req, const char *what, const struct cl_err *err)
{
    cl_log(CL_LOG_ERROR, "broker", "%s: %s", what, err->msg);
    cl_http_reply_error(req, 500, "InternalError", "the broker failed");
}

void cl_broker_reply_json(struct cl_request *req, const json_t *j)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_err err = {0};
    if (j == NULL || cl_json_compact(j, &text, &err) != CL_OK) {
        (void)cl_err_nomem(&err, "answer");
        cl_broker_reply_failure(req, "answer", &err);
        return;
    }
    cl_http_reply(req, 200, "application/json", text.data, text.len, NULL, NULL);
}

static enum cl_status make_tls(struct cl_broker *b, struct cl_err *err)
{
    b->tls = SSL_CTX_new(TLS_server_method());
    if (b->tls == NULL || SSL_CTX_set_min_proto_version(b->tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(b->tls, b->state.tls_cert) != 1 ||
        SSL_CTX_use_PrivateKey(b->tls, b->state.tls_key) != 1) {
        return cl_err_set(err, CL_ERR_SYS, "TLS: OpenSSL failed");
    }
    (void)SSL_CTX_set_session_cache_mode(b->tls, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(b->tls, 0);
    (void)SSL_CTX_set_options(b->tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                          SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    return CL_OK;
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct cl_broker *b = arg;
    (void)event_base_loopbreak(b->base);
}

static enum cl_status make_loop(struct cl_broker *b, struct cl_err *err)
{
    if (pipe2(b->stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    b->base = event_base_new();
    b->stop_event = b->base != NULL
                        ? event_new(b->base, b->stop_pipe[0], EV_READ | EV_PERSIST, on_stop, b)
                        : NULL;
    if (b->stop_event == NULL || event_add(b->stop_event, NULL) != 0) {
        return cl_err_nomem(err, "event loop");
    }
    return CL_OK;
}

static enum cl_status make_listeners(struct cl_broker *b, struct cl_err *err)
{
    struct cl_http_config h = {.listen = b->cfg.listen,
                               .max_connections = b->cfg.max_connections,
                               .connection_seconds = b->cfg.connection_seconds,
                               .idle_seconds = b->cfg.idle_seconds,
                               .tls = b->tls,
                               .handle = cl_broker_handle_guest,
                               .ctx = b};
    CL_TRY(cl_http_new(b->base, &h, &b->guest, err));
    h.listen = b->cfg.admin_listen;
    h.handle = cl_broker_handle_admin;
    return cl_http_new(b->base, &h, &b->admin, err);
}

static void broker_freep(struct cl_broker **b)
{
    cl_broker_free(*b);
}

static void fill_defaults(struct cl_broker_config *c)
{
    c->max_sessions = c->max_sessions != 0 ? c->max_sessions : 65536;
    c->max_connections = c->max_connections != 0 ? c->max_connections : 512;
    c->session_seconds = c->session_seconds != 0 ? c->session_seconds : 300;
    c->connection_seconds = c->connection_seconds != 0 ? c->connection_seconds : 120;
    c->idle_seconds = c->idle_seconds != 0 ? c->idle_seconds : 20;
}

enum cl_status cl_broker_new(const struct cl_broker_config *cfg, struct cl_broker **ret_b,
                             struct cl_err *err)
{
    CL_CLEANUP(broker_freep) struct cl_broker *b = calloc(1, sizeof(*b));
    if (b == NULL) {
        return cl_err_nomem(err, "broker");
    }
    b->cfg = *cfg;
    b->stop_pipe[0] = b->stop_pipe[1] = -1;
    fill_defaults(&b->cfg);
    CL_TRY(cl_state_open(cfg->state_dir, &b->state, err));
    CL_TRY(cl_broker_load_policy(b, err));
    CL_TRY(cl_trust_state_load(b->state.store, &b->trust, err));
    CL_TRY(cl_challenge_init(&b->challenge, err));
    CL_TRY(cl_sessions_new(b->cfg.max_sessions, &b->sessions, err));
    CL_TRY(make_tls(b, err));
    CL_TRY(make_loop(b, err));
    CL_TRY(make_listeners(b, err));
    *ret_b = CL_TAKE(b);
    return CL_OK;
}

void cl_broker_free(struct cl_broker *b)
{
    if (b == NULL) {
        return;
    }
    cl_http_free(b->guest);
    cl_http_free(b->admin);
    if (b->stop_event != NULL) {
        event_free(b->stop_event);
    }
    if (b->base != NULL) {
        event_base_free(b->base);
    }
    cl_close_fdp(&b->stop_pipe[0]);
    cl_close_fdp(&b->stop_pipe[1]);
    SSL_CTX_free(b->tls);
    cl_resource_policy_free(b->policy);
    cl_trust_state_done(&b->trust);
    cl_sessions_free(b->sessions);
    cl_challenge_done(&b->challenge);
    cl_state_done(&b->state);
    free(b);
}

uint16_t cl_broker_port(const struct cl_broker *b)
{
    return cl_http_port(b->guest);
}

uint16_t cl_broker_admin_port(const struct cl_broker *b)
{
    return cl_http_port(b->admin);
}

enum cl_status cl_broker_trust_sim_root(struct cl_broker *b, const char *file, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    cl_root_digest digest;
    CL_TRY(cl_buf_read_file(&cert, file, 64u << 10, err));
    enum cl_status st = cl_snp_root_digest(cert.data, cert.len, digest, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "simulated root '%s'", file);
    }
    struct cl_audit line = {.time = cl_broker_now(b),
                            .actor = "command line",
                            .action = "set-sim-root",
                            .object = file,
                            .verdict = "allowed"};
    CL_TRY(cl_store_begin(b->state.store, err));
    st = cl_store_root_put(b->state.store, digest, "--sim-root", line.time, err);
    st = st == CL_OK ? cl_store_audit(b->state.store, &line, err) : st;
    if (st != CL_OK) {
        cl_store_rollback(b->state.store);
        return st;
    }
    return cl_store_commit(b->state.store, err);
}

enum cl_status cl_broker_run(struct cl_broker *b, struct cl_err *err)
{
    return event_base_dispatch(b->base) >= 0 ? CL_OK
                                             : cl_err_set(err, CL_ERR_SYS, "event loop failed");
}

void cl_broker_stop(struct cl_broker *b)
{
    int saved = errno;
    (void)!write(b->stop_pipe[1], "", 1);
    errno = saved;
}
