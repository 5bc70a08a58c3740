/* SPDX-License-Identifier: Apache-2.0
 * service.c - the connections of the Task service, and from a method's name to its function.
 */
#include "service.h"

#include "base/log.h"
#include "pb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_PAUSE_US 100000 /* when the process has no descriptors left */
#define STOP_CHECK_US 10000

struct connection {
    LIST_ENTRY(connection) link;
    struct shim_service *service;
    struct shim_rpc *rpc;
};

struct shim_service {
    struct event_base *base;
    int fd; /* -1: stopped */
    struct shim_task_ops ops;
    struct event *readable;
    struct event *resume; /* accepting paused */
    LIST_HEAD(, connection) connections;
    size_t count;
    void (*connected)(void *ctx);
    void *connected_ctx;
    struct event *stopping;
    struct timeval stop_at;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* Requests. */

/* name, function of the table, descriptor, type */
#define METHODS(X)                                                                                 \
    X("State", state, state_request, StateRequest)                                                 \
    X("Create", create, create_task_request, CreateTaskRequest)                                    \
    X("Start", start, start_request, StartRequest)                                                 \
    X("Delete", del, delete_request, DeleteRequest)                                                \
    X("Pids", pids, pids_request, PidsRequest)                                                     \
    X("Pause", pause, pause_request, PauseRequest)                                                 \
    X("Resume", resume, resume_request, ResumeRequest)                                             \
    X("Checkpoint", checkpoint, checkpoint_task_request, CheckpointTaskRequest)                    \
    X("Kill", kill, kill_request, KillRequest)                                                     \
    X("Exec", exec, exec_process_request, ExecProcessRequest)                                      \
    X("ResizePty", resize_pty, resize_pty_request, ResizePtyRequest)                               \
    X("CloseIO", close_io, close_iorequest, CloseIORequest)                                        \
    X("Update", update, update_task_request, UpdateTaskRequest)                                    \
    X("Wait", wait, wait_request, WaitRequest)                                                     \
    X("Stats", stats, stats_request, StatsRequest)                                                 \
    X("Connect", connect, connect_request, ConnectRequest)                                         \
    X("Shutdown", shutdown, shutdown_request, ShutdownRequest)

#define TAKE(name, op, lower, type)                                                                \
    static bool has_##op(const struct shim_task_ops *o)                                            \
    {                                                                                              \
        return o->op != NULL;                                                                      \
    }                                                                                              \
    static void take_##op(const struct shim_task_ops *o, struct shim_rpc_call *call,               \
                          const ProtobufCMessage *m)                                               \
    {                                                                                              \
        o->op(o->ctx, call, (const Containerd__Task__V2__##type *)m);                              \
    }
METHODS(TAKE)

#define ROW(name, op, lower, type)                                                                 \
    {name, &containerd__task__v2__##lower##__descriptor, has_##op, take_##op},

static const struct method {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    bool (*has)(const struct shim_task_ops *o);
    void (*take)(const struct shim_task_ops *o, struct shim_rpc_call *call,
                 const ProtobufCMessage *m);
} methods[] = {METHODS(ROW)};

static const struct method *find_method(const char *service, const char *name)
{
    if (strcmp(service, "containerd.task.v2.Task") != 0 &&
        strcmp(service, "containerd.task.v3.Task") != 0) {
        return NULL;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(methods); i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

static void on_request(void *ctx, struct shim_rpc_call *call, const char *service,
                       const char *method, const void *payload, size_t len)
{
    const struct connection *c = ctx;
    const struct shim_task_ops *ops = &c->service->ops;
    struct cl_err err = {0};
    const struct method *m = find_method(service, method);
    if (m == NULL || !m->has(ops)) {
        (void)cl_err_set(&err, CL_ERR_UNSUPPORTED,
                         "method '%.64s/%.64s': expected one of the Task service", service, method);
        shim_answer_error(call, SHIM_CODE_UNIMPLEMENTED, &err);
        return;
    }
    ProtobufCMessage *r = shim_pb_unpack(m->descriptor, payload, len);
    if (r == NULL) {
        (void)cl_err_set(&err, CL_ERR_MALFORMED, "request '%s': expected a %s, got other bytes",
                         m->name, m->descriptor->short_name);
        shim_answer_error(call, SHIM_CODE_INVALID, &err);
        return;
    }
    m->take(ops, call, r);
    protobuf_c_message_free_unpacked(r, NULL);
}

/* Connections. */

static void connection_free(struct connection *c)
{
    LIST_REMOVE(c, link);
    c->service->count--;
    shim_rpc_free(c->rpc);
    free(c);
}

static void on_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    (void)rpc;
    struct connection *c = ctx;
    struct shim_service *s = c->service;
    if (why->status != CL_OK) {
        cl_log(CL_LOG_INFO, "service", "%s", why->msg);
    }
    connection_free(c);
    if (s->fd >= 0) {
        (void)event_add(s->readable, NULL);
    }
}

static enum cl_status connection_new(struct shim_service *s, int fd, struct cl_err *err)
{
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "connection");
    }
    c->service = s;
    struct shim_rpc_callbacks cb = {.request = on_request, .closed = on_closed, .ctx = c};
    enum cl_status st = shim_rpc_new(s->base, fd, &cb, &c->rpc, err);
    if (st != CL_OK) {
        free(c);
        return st;
    }
    LIST_INSERT_HEAD(&s->connections, c, link);
    s->count++;
    return CL_OK;
}

static void accept_pause(struct shim_service *s, const char *why)
{
    struct timeval tv = {.tv_usec = ACCEPT_PAUSE_US};
    cl_log(CL_LOG_WARN, "service", "accept: %s", why);
    (void)event_del(s->readable);
    (void)event_add(s->resume, &tv);
}

static void on_resume(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct shim_service *s = ctx;
    (void)event_add(s->readable, NULL);
}

static void on_acceptable(evutil_socket_t listener, short what, void *ctx)
{
    (void)what;
    struct shim_service *s = ctx;
    struct cl_err err = {0};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            accept_pause(s, strerror(errno));
        }
        return;
    }
    if (connection_new(s, fd, &err) != CL_OK) {
        accept_pause(s, err.msg);
        return;
    }
    if (s->count >= SHIM_MAX_CONNECTIONS) { /* the next waits until one closes */
        (void)event_del(s->readable);
    }
    if (s->connected != NULL) {
        s->connected(s->connected_ctx);
    }
}

enum cl_status shim_service_new(struct event_base *base, int listen_fd,
                                const struct shim_task_ops *ops, struct shim_service **ret_s,
                                struct cl_err *err)
{
    struct shim_service *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        (void)close(listen_fd);
        return cl_err_nomem(err, "task service");
    }
    s->base = base;
    s->fd = listen_fd;
    s->ops = *ops;
    LIST_INIT(&s->connections);
    s->readable = event_new(base, listen_fd, EV_READ | EV_PERSIST, on_acceptable, s);
    s->resume = event_new(base, -1, 0, on_resume, s);
    if (evutil_make_socket_nonblocking(listen_fd) != 0 || s->readable == NULL ||
        s->resume == NULL || event_add(s->readable, NULL) != 0) {
        shim_service_free(s);
        return cl_err_set(err, CL_ERR_SYS, "task service: socket cannot be watched");
    }
    *ret_s = s;
    return CL_OK;
}

void shim_service_on_connect(struct shim_service *s, void (*connected)(void *ctx), void *ctx)
{
    s->connected = connected;
    s->connected_ctx = ctx;
}

static void stop_listening(struct shim_service *s)
{
    if (s->readable != NULL) {
        event_free(s->readable);
        s->readable = NULL;
    }
    if (s->resume != NULL) {
        event_free(s->resume);
        s->resume = NULL;
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
        s->fd = -1;
    }
}

void shim_service_free(struct shim_service *s)
{
    if (s == NULL) {
        return;
    }
    stop_listening(s);
    if (s->stopping != NULL) {
        event_free(s->stopping);
    }
    struct connection *c;
    while ((c = LIST_FIRST(&s->connections)) != NULL) {
        connection_free(c);
    }
    free(s);
}

static bool all_sent(const struct shim_service *s)
{
    const struct connection *c;
    LIST_FOREACH(c, &s->connections, link)
    {
        if (!shim_rpc_idle(c->rpc)) {
            return false;
        }
    }
    return true;
}

static void on_stopping(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct shim_service *s = ctx;
    struct timeval now;
    struct timeval again = {.tv_usec = STOP_CHECK_US};
    (void)event_base_gettimeofday_cached(s->base, &now);
    if (all_sent(s) || !timercmp(&now, &s->stop_at, <) || event_add(s->stopping, &again) != 0) {
        s->stopped(s->stopped_ctx);
    }
}

void shim_service_stop(struct shim_service *s, int timeout_ms, void (*done)(void *ctx), void *ctx)
{
    struct timeval now;
    struct timeval more = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    stop_listening(s);
    s->stopped = done;
    s->stopped_ctx = ctx;
    (void)event_base_gettimeofday_cached(s->base, &now);
    timeradd(&now, &more, &s->stop_at);
    s->stopping = event_new(s->base, -1, 0, on_stopping, s);
    if (s->stopping == NULL) {
        done(ctx);
        return;
    }
    event_active(s->stopping, EV_TIMEOUT, 0);
}
