/* SPDX-License-Identifier: Apache-2.0
 * pump.c - copies bytes between descriptors inside an event loop. Trust, threads, memory: pump.h.
 */
#include "host/pump.h"

#include "base/secret.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 16u /* before other descriptors get their turn */

struct host_pump {
    struct host_pump_config cfg;
    struct event *readable;
    struct event *writable;
    struct event *again;
    uint64_t taken; /* of the source */
    uint64_t given; /* of the source */
    size_t head;    /* bytes of the buffer that do not come from the source */
    size_t off;
    size_t len;
    bool eof;
    bool finished;
    uint8_t buf[HOST_PUMP_BUFFER];
};

enum step { STEP_GO_ON, STEP_WAIT, STEP_OK, STEP_FAILED };

static bool ready(int fd, short what)
{
    struct pollfd p = {.fd = fd, .events = what};
    return poll(&p, 1, 0) > 0;
}

static enum step wait_for(struct event *e)
{
    return event_add(e, NULL) == 0 ? STEP_WAIT : STEP_FAILED;
}

static enum step fill(struct host_pump *p)
{
    uint64_t left = p->cfg.limit - p->taken;
    size_t want = left < sizeof(p->buf) ? (size_t)left : sizeof(p->buf);
    if (want == 0) {
        p->eof = true;
        return STEP_GO_ON;
    }
    /* Never block in a descriptor that others share with us, and that must stay as it is. */
    if (!p->cfg.src_ours && !ready(p->cfg.src, POLLIN)) {
        return wait_for(p->readable);
    }
    ssize_t n = read(p->cfg.src, p->buf, want);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return wait_for(p->readable);
    }
    if (n < 0 && errno == EINTR) {
        return STEP_GO_ON;
    }
    /* A terminal whose other side is gone says EIO, a reset connection ECONNRESET: both are an end,
     * but not a good one. */
    if (n < 0) {
        return STEP_FAILED;
    }
    p->eof = n == 0;
    p->off = 0;
    p->len = (size_t)n;
    p->taken += (uint64_t)n;
    return STEP_GO_ON;
}

static ssize_t write_some(const struct host_pump *p)
{
    const uint8_t *data = p->buf + p->off;
    size_t len = p->len - p->off;
    if (p->cfg.dst_ours) {
        return send(p->cfg.dst, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (!ready(p->cfg.dst, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    /* A pipe that polls writable takes PIPE_BUF bytes without blocking; more might block us. */
    return write(p->cfg.dst, data, len < PIPE_BUF ? len : PIPE_BUF);
}

static enum step drain(struct host_pump *p)
{
    ssize_t n = write_some(p);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return wait_for(p->writable);
    }
    if (n < 0) {
        return errno == EINTR ? STEP_GO_ON : STEP_FAILED;
    }
    size_t from_head = (size_t)n < p->head ? (size_t)n : p->head;
    p->head -= from_head;
    p->given += (size_t)n - from_head;
    p->off += (size_t)n;
    if (p->off == p->len) {
        p->off = 0;
        p->len = 0;
    }
    return STEP_GO_ON;
}

static enum step one_step(struct host_pump *p)
{
    if (p->len > 0) {
        return drain(p);
    }
    return p->eof ? STEP_OK : fill(p);
}

static void finish(struct host_pump *p, bool ok)
{
    p->finished = true;
    if (p->cfg.dst_ours) {
        (void)shutdown(p->cfg.dst, SHUT_WR);
    }
    if (!ok && p->cfg.src_ours) {
        (void)shutdown(p->cfg.src, SHUT_RD); /* so that the writer learns that nobody reads */
    }
    p->cfg.done(p->cfg.ctx, ok); /* may free p */
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
    static const struct timeval soon = {0};
    struct host_pump *p = ctx;
    (void)fd;
    (void)what;
    if (p->finished) {
        return;
    }
    enum step s = STEP_GO_ON;
    for (unsigned i = 0; i < ROUNDS && s == STEP_GO_ON; i++) {
        s = one_step(p);
    }
    if (s == STEP_GO_ON && event_add(p->again, &soon) != 0) {
        s = STEP_FAILED;
    }
    if (s == STEP_OK || s == STEP_FAILED) {
        finish(p, s == STEP_OK);
    }
}

enum cl_status host_pump_new(const struct host_pump_config *cfg, const void *head, size_t len,
                             struct host_pump **ret_p, struct cl_err *err)
{
    static const struct timeval soon = {0};
    struct host_pump *p = len <= HOST_PUMP_BUFFER ? calloc(1, sizeof(*p)) : NULL;
    if (p == NULL) {
        return cl_err_nomem(err, "copying");
    }
    p->cfg = *cfg;
    if (len > 0) {
        memcpy(p->buf, head, len);
    }
    p->len = len;
    p->head = len;
    p->readable = event_new(cfg->base, cfg->src, EV_READ, on_event, p);
    p->writable = event_new(cfg->base, cfg->dst, EV_WRITE, on_event, p);
    p->again = event_new(cfg->base, -1, 0, on_event, p);
    if (p->readable == NULL || p->writable == NULL || p->again == NULL ||
        event_add(p->again, &soon) != 0) {
        host_pump_free(p);
        return cl_err_nomem(err, "copying");
    }
    *ret_p = p;
    return CL_OK;
}

void host_pump_free(struct host_pump *p)
{
    if (p == NULL) {
        return;
    }
    if (p->readable != NULL) {
        event_free(p->readable);
    }
    if (p->writable != NULL) {
        event_free(p->writable);
    }
    if (p->again != NULL) {
        event_free(p->again);
    }
    cl_wipe(p->buf, sizeof(p->buf));
    free(p);
}

uint64_t host_pump_copied(const struct host_pump *p)
{
    return p->given;
}
