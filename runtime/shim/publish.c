/* SPDX-License-Identifier: Apache-2.0
 * publish.c - the queue of events and their way to containerd: one at a time, so that their order
 * is kept, again when it failed, for as long as containerd is away (containerd-shim.md 3.3).
 */
#include "publish_internal.h"

#include "base/io.h"
#include "base/log.h"
#include "events.pb-c.h"
#include "pb.h"
#include "rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVICE "containerd.services.events.ttrpc.v1.Events"
#define CALL_MS 5000
#define MAX_TRIES 6u         /* of an event that containerd refuses or does not answer */
#define MAX_DELAY_S 5u       /* the first retry comes at once, the next after 1 s, 2 s, ... */
#define MAX_BYTES (4u << 20) /* of all events that wait */

struct waiting {
    TAILQ_ENTRY(waiting) link;
    const char *topic;
    struct timespec at;
    struct cl_buf any; /* encoded google.protobuf.Any */
};

struct shim_publisher {
    struct event_base *base;
    char *name_space;
    char *ttrpc_address;
    char *grpc_address;
    char *publish_binary;
    struct shim_rpc *rpc; /* NULL: not connected */
    struct shim_publish_exec *exec;
    TAILQ_HEAD(, waiting) queue; /* the first is on its way while `sending` */
    size_t count;
    size_t bytes;
    size_t lost;
    bool sending;
    unsigned tries;      /* of the first event, that came to containerd */
    unsigned failures;   /* in a row, of any kind */
    struct event *again; /* pending: waits for its next try */
    struct event *flush_deadline;
    void (*flushed)(void *ctx);
    void *flushed_ctx;
};

static void drop_first(struct shim_publisher *p)
{
    struct waiting *w = TAILQ_FIRST(&p->queue);
    TAILQ_REMOVE(&p->queue, w, link);
    p->count--;
    p->bytes -= w->any.len;
    cl_buf_done(&w->any);
    free(w);
    p->tries = 0;
}

/* The oldest one that is not on its way. */
static void drop_oldest(struct shim_publisher *p)
{
    struct waiting *w = TAILQ_FIRST(&p->queue);
    if (p->sending && w != NULL) {
        w = TAILQ_NEXT(w, link);
    }
    if (w == NULL) {
        return;
    }
    TAILQ_REMOVE(&p->queue, w, link);
    p->count--;
    p->bytes -= w->any.len;
    p->lost++;
    if ((p->lost & (p->lost - 1)) == 0) { /* 1, 2, 4, 8, ... */
        cl_log(CL_LOG_ERROR, "events", "queue: expected at most %u events, lost %zu, now '%s'",
               SHIM_MAX_EVENTS, p->lost, w->topic);
    }
    cl_buf_done(&w->any);
    free(w);
}

static void tell_flushed(struct shim_publisher *p)
{
    void (*flushed)(void *) = p->flushed;
    p->flushed = NULL;
    if (flushed != NULL) {
        flushed(p->flushed_ctx);
    }
}

/* One try is over. */
static void tried(struct shim_publisher *p, bool good, bool counts)
{
    struct timeval tv = {0};
    p->sending = false;
    if (good) {
        p->failures = 0;
        drop_first(p);
    } else {
        tv.tv_sec = p->failures < MAX_DELAY_S ? p->failures : MAX_DELAY_S;
        p->failures++;
        p->tries += counts;
    }
    if (p->tries >= MAX_TRIES) {
        cl_log(CL_LOG_ERROR, "events", "event '%s': expected it to be taken, lost after %u tries",
               TAILQ_FIRST(&p->queue)->topic, p->tries);
        drop_first(p);
    }
    (void)event_add(p->again, &tv); /* never from within the callback that brought us here */
}

static void on_forwarded(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    (void)payload;
    (void)len;
    struct shim_publisher *p = ctx;
    if (code != SHIM_CODE_OK) {
        cl_log(CL_LOG_INFO, "events", "event '%s': code %d: %s", TAILQ_FIRST(&p->queue)->topic,
               code, message);
    }
    if (code == SHIM_CODE_DEADLINE) { /* whatever is wrong with it */
        shim_rpc_free(p->rpc);
        p->rpc = NULL;
    }
    tried(p, code == SHIM_CODE_OK, code != SHIM_CODE_UNAVAILABLE);
}

static void on_exec_done(void *ctx, bool good)
{
    struct shim_publisher *p = ctx;
    shim_publish_exec_free(p->exec);
    p->exec = NULL;
    tried(p, good, true);
}

static void on_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    (void)why;
    struct shim_publisher *p = ctx;
    shim_rpc_free(rpc);
    p->rpc = NULL;
}

/* Never waits: a containerd that does not accept is one that is away. */
static enum cl_status dial(struct shim_publisher *p, struct cl_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(p->ttrpc_address);
    if (len >= sizeof(a.sun_path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TTRPC_ADDRESS: expected a socket path, got '%s'",
                          p->ttrpc_address);
    }
    memcpy(a.sun_path, p->ttrpc_address, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        enum cl_status st = cl_err_sys(err, errno, "connect '%s'", p->ttrpc_address);
        if (fd >= 0) {
            (void)close(fd);
        }
        return st;
    }
    struct shim_rpc_callbacks cb = {.closed = on_closed, .ctx = p};
    return shim_rpc_new(p->base, fd, &cb, &p->rpc, err);
}

static enum cl_status forward(struct shim_publisher *p, const struct waiting *w, struct cl_err *err)
{
    Containerd__Events__ForwardRequest m;
    Containerd__Events__Envelope e;
    containerd__events__forward_request__init(&m);
    containerd__events__envelope__init(&e);
    Google__Protobuf__Timestamp ts = shim_pb_time(w->at);
    e.timestamp = &ts;
    e.namespace_ = p->name_space;
    e.topic = shim_pb_ref(w->topic);
    e.event = google__protobuf__any__unpack(NULL, w->any.len, w->any.data);
    m.envelope = &e;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    enum cl_status st =
        e.event != NULL ? shim_pb_pack(&m.base, &out, err) : cl_err_nomem(err, "event");
    google__protobuf__any__free_unpacked(e.event, NULL);
    CL_TRY(st);
    if (p->rpc == NULL) {
        CL_TRY(dial(p, err));
    }
    return shim_rpc_invoke(p->rpc, SERVICE, "Forward", out.data, out.len, CALL_MS, on_forwarded, p,
                           err);
}

static enum cl_status run_binary(struct shim_publisher *p, const struct waiting *w,
                                 struct cl_err *err)
{
    const char *argv[] = {p->publish_binary, "-address",    p->grpc_address, "publish", "--topic",
                          w->topic,          "--namespace", p->name_space,   NULL};
    return shim_publish_exec_new(p->base, argv, &w->any, CALL_MS, on_exec_done, p, &p->exec, err);
}

static void advance(struct shim_publisher *p)
{
    struct waiting *w = TAILQ_FIRST(&p->queue);
    if (w == NULL) {
        tell_flushed(p);
        return;
    }
    if (p->sending || event_pending(p->again, EV_TIMEOUT, NULL)) {
        return;
    }
    struct cl_err err = {0};
    p->sending = true;
    enum cl_status st = p->ttrpc_address[0] != '\0' ? forward(p, w, &err) : run_binary(p, w, &err);
    if (st != CL_OK) {
        cl_log(p->failures == 0 ? CL_LOG_WARN : CL_LOG_INFO, "events", "%s", err.msg);
        /* While containerd is away its socket cannot be connected to: that may last. */
        tried(p, /* good= */ false, st != CL_ERR_SYS || p->ttrpc_address[0] == '\0');
    }
}

static void on_again(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    advance(ctx);
}

void shim_publish_message(struct shim_publisher *p, const char *topic, const ProtobufCMessage *m)
{
    if (p == NULL || (p->ttrpc_address[0] == '\0' && p->publish_binary[0] == '\0')) {
        return;
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf value = {0};
    struct waiting *w = calloc(1, sizeof(*w));
    Google__Protobuf__Any any;
    google__protobuf__any__init(&any);
    any.type_url = shim_pb_ref(m->descriptor->name);
    if (w != NULL && shim_pb_pack(m, &value, NULL) == CL_OK) {
        any.value = (ProtobufCBinaryData){.len = value.len, .data = value.data};
    }
    if (w == NULL || value.data == NULL || shim_pb_pack(&any.base, &w->any, NULL) != CL_OK) {
        cl_log(CL_LOG_ERROR, "events", "event '%s': lost: out of memory", topic);
        free(w);
        return;
    }
    w->topic = topic;
    (void)clock_gettime(CLOCK_REALTIME, &w->at);
    TAILQ_INSERT_TAIL(&p->queue, w, link);
    p->count++;
    p->bytes += w->any.len;
    while (p->count > SHIM_MAX_EVENTS || (p->bytes > MAX_BYTES && p->count > 2)) {
        drop_oldest(p);
    }
    advance(p);
}

static char *dup_or_empty(const char *s)
{
    return strdup(s != NULL ? s : "");
}

enum cl_status shim_publisher_new(struct event_base *base,
                                  const struct shim_publisher_config *config,
                                  struct shim_publisher **ret_p, struct cl_err *err)
{
    struct shim_publisher *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return cl_err_nomem(err, "publisher");
    }
    p->base = base;
    TAILQ_INIT(&p->queue);
    p->name_space = dup_or_empty(config->name_space);
    p->ttrpc_address = dup_or_empty(config->ttrpc_address);
    p->grpc_address = dup_or_empty(config->grpc_address);
    p->publish_binary = dup_or_empty(config->publish_binary);
    p->again = event_new(base, -1, 0, on_again, p);
    if (p->name_space == NULL || p->ttrpc_address == NULL || p->grpc_address == NULL ||
        p->publish_binary == NULL || p->again == NULL) {
        shim_publisher_free(p);
        return cl_err_nomem(err, "publisher");
    }
    *ret_p = p;
    return CL_OK;
}

void shim_publisher_free(struct shim_publisher *p)
{
    if (p == NULL) {
        return;
    }
    if (p->rpc != NULL) { /* its call's end schedules a retry: before `again` goes */
        shim_rpc_free(p->rpc);
    }
    shim_publish_exec_free(p->exec);
    while (!TAILQ_EMPTY(&p->queue)) {
        drop_first(p);
    }
    if (p->again != NULL) {
        event_free(p->again);
    }
    if (p->flush_deadline != NULL) {
        event_free(p->flush_deadline);
    }
    free(p->name_space);
    free(p->ttrpc_address);
    free(p->grpc_address);
    free(p->publish_binary);
    free(p);
}

static void on_flush_deadline(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct shim_publisher *p = ctx;
    if (p->count > 0) {
        cl_log(CL_LOG_WARN, "events", "%zu events are lost: containerd did not take them in time",
               p->count);
    }
    tell_flushed(p);
}

void shim_publisher_flush(struct shim_publisher *p, int timeout_ms, void (*done)(void *ctx),
                          void *ctx)
{
    struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    p->flushed = done;
    p->flushed_ctx = ctx;
    if (p->flush_deadline == NULL) {
        p->flush_deadline = event_new(p->base, -1, 0, on_flush_deadline, p);
    }
    if (p->flush_deadline == NULL || event_add(p->flush_deadline, &tv) != 0) {
        tell_flushed(p);
        return;
    }
    if (p->count == 0) {
        event_active(p->flush_deadline, EV_TIMEOUT, 0);
    }
}
