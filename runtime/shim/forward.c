/* SPDX-License-Identifier: Apache-2.0
 * forward.c - ports of a pod: what connects to the loopback addresses of its namespace on the host
 * gets a connection to the same port of the guest (I-10.5): the agent is asked, dials its port, and
 * brings a connection of its own under the number that we gave.
 * Trust: the guest may bring any number; it gets one of its own connections, once, or none.
 * Threads: the loop's. Memory: SHIM_MAX_FORWARDS at a time, two pumps for each.
 */
#include "pod_internal.h"

#include "net/podfwd.h"

#include "base/io.h"
#include "base/log.h"

#include <stdlib.h>
#include <sys/socket.h>

#define AT_ONCE 16u /* accepted before others get their turn */

/* One that the guest was asked for. It goes when it is both answered and no longer waited for. */
struct forward {
    struct forward *next;
    struct forwards *all; /* NULL: not waited for: taken, refused, or the pod has ended */
    uint64_t id;
    int fd; /* -1: not waited for */
    bool answered;
    uint16_t port;
    struct event *timer;
};

struct forwards {
    struct shim_pod *pod;
    struct cl_podfwd in;
    struct event *accepts[2];
    struct forward *waiting;
    unsigned count; /* that wait or were taken */
    uint64_t last_id;
};

/* --- one connection --------------------------------------------------------------------------- */

static void reset(int *fd)
{
    const struct linger now = {.l_onoff = 1};
    (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    cl_close_fdp(fd);
}

/* Out of the list; freed when the answer is there, or when it comes. */
static void leave(struct forward *f)
{
    struct forward **at = &f->all->waiting;
    while (*at != f) {
        at = &(*at)->next;
    }
    *at = f->next;
    f->all = NULL;
    (void)event_del(f->timer);
    if (f->answered) {
        event_free(f->timer);
        free(f);
    }
}

static void refuse(struct forward *f, const char *why)
{
    cl_log(CL_LOG_INFO, "shim.forward", "port %u: %s", f->port, why);
    reset(&f->fd);
    f->all->count--;
    leave(f);
}

static void on_late(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    refuse(ctx, "the guest brings no connection");
}

static void on_asked(struct job *j, enum shim_code code, const char *message, const void *payload,
                     size_t len)
{
    struct forward *f = j->ctx;
    (void)payload;
    (void)len;
    f->answered = true;
    if (f->all == NULL) {
        event_free(f->timer);
        free(f);
    } else if (code != SHIM_CODE_OK) {
        refuse(f, message[0] != '\0' ? message : "the guest refuses");
    }
    /* Else its connection may still be on the way. */
}

static void ask(struct shim_pod *pod, struct forward *f)
{
    Cloister__Pod__V1__ForwardRequest q;
    cloister__pod__v1__forward_request__init(&q);
    q.id = f->id;
    q.port = f->port;
    const struct job_spec spec = {.method = "Forward",
                                  .request = &q.base,
                                  .timeout_ms = SHIM_FORWARD_MS,
                                  .ctx = f,
                                  .done = on_asked};
    pod_call(pod, &spec); /* f may be gone */
}

static void begin_one(struct forwards *all, int fd, uint16_t port)
{
    const struct timeval limit = {.tv_sec = SHIM_FORWARD_MS / 1000};
    struct forward *f = all->count < SHIM_MAX_FORWARDS ? calloc(1, sizeof(*f)) : NULL;
    struct event *timer = f != NULL ? evtimer_new(all->pod->cfg.daemon->base, on_late, f) : NULL;
    if (timer == NULL || event_add(timer, &limit) != 0) {
        cl_log(CL_LOG_WARN, "shim.forward",
               "port %u: refused: expected at most %u connections, got more", port,
               SHIM_MAX_FORWARDS);
        if (timer != NULL) {
            event_free(timer);
        }
        free(f);
        reset(&fd);
        return;
    }
    *f = (struct forward){.next = all->waiting,
                          .all = all,
                          .id = ++all->last_id,
                          .fd = fd,
                          .port = port,
                          .timer = timer};
    all->waiting = f;
    all->count++;
    ask(all->pod, f);
}

static void on_accept(evutil_socket_t listener, short what, void *ctx)
{
    struct forwards *all = ctx;
    struct cl_err err = {0};
    (void)what;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        int fd = -1;
        uint16_t port = 0;
        enum cl_status st = cl_podfwd_accept((int)listener, &fd, &port, &err);
        if (st != CL_OK) {
            if (st != CL_ERR_UNAVAILABLE) {
                cl_log(CL_LOG_WARN, "shim.forward", "%s", err.msg);
            }
            return;
        }
        begin_one(all, fd, port);
    }
}

/* --- all of them ------------------------------------------------------------------------------ */

static void forwards_free(struct forwards *all)
{
    while (all->waiting != NULL) {
        refuse(all->waiting, "the pod has ended");
    }
    for (unsigned i = 0; i < CL_ARRAY_LEN(all->accepts); i++) {
        if (all->accepts[i] != NULL) {
            event_free(all->accepts[i]);
        }
    }
    cl_podfwd_close(&all->in);
    free(all);
}

static enum cl_status listen_in(struct forwards *all, const char *netns, struct cl_err *err)
{
    CL_TRY(cl_podfwd_open(netns, &all->in, err));
    for (unsigned i = 0; i < CL_ARRAY_LEN(all->accepts); i++) {
        if (all->in.listener[i] < 0) {
            continue;
        }
        all->accepts[i] = event_new(all->pod->cfg.daemon->base, all->in.listener[i],
                                    EV_READ | EV_PERSIST, on_accept, all);
        if (all->accepts[i] == NULL || event_add(all->accepts[i], NULL) != 0) {
            return cl_err_nomem(err, "port-forward");
        }
    }
    return CL_OK;
}

void forwards_begin(struct shim_pod *pod)
{
    const char *netns = shim_network_netns(pod->network);
    struct cl_err err = {0};
    struct forwards *all = netns != NULL ? calloc(1, sizeof(*all)) : NULL;
    if (all == NULL) {
        return;
    }
    *all = (struct forwards){.pod = pod, .in = {.listener = {-1, -1}, .link_fd = -1}};
    if (listen_in(all, netns, &err) != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.forward", "no ports are forwarded: %s", err.msg);
        forwards_free(all);
        return;
    }
    pod->forwards = all;
}

void forwards_end(struct shim_pod *pod)
{
    struct forwards *all = pod->forwards;
    pod->forwards = NULL;
    if (all != NULL) {
        forwards_free(all);
    }
}

bool forwards_take(struct shim_pod *pod, uint64_t id, int *ret_fd)
{
    struct forward *f = pod->forwards != NULL ? pod->forwards->waiting : NULL;
    while (f != NULL && f->id != id) {
        f = f->next;
    }
    if (f == NULL) {
        return false;
    }
    *ret_fd = f->fd;
    f->fd = -1;
    leave(f);
    return true;
}

void forwards_one_ended(struct shim_pod *pod)
{
    if (pod->forwards != NULL) {
        pod->forwards->count--;
    }
}
