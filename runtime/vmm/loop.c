/* SPDX-License-Identifier: Apache-2.0
 * loop.c - the main thread: signals, the end of the VM, vsock and its sockets, the control socket.
 * Trust: socket peers are the user's programs; their bytes are checked all the same.
 * Threads: main only. Memory: one control connection with one line.
 */
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "vmm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL_LINE 4096u
#define EVENTS 32

/* epoll data: kind in the top byte; of a vsock stream also its slot and generation. */
enum source {
    SRC_END,
    SRC_SIGNAL,
    SRC_STATUS,
    SRC_VSOCK_QUEUE,
    SRC_VSOCK_LISTEN,
    SRC_VSOCK_CONN,
    SRC_CONTROL_LISTEN,
    SRC_CONTROL,
};

struct control {
    int fd; /* of the one connection; -1: none */
    int passed_fd;
    size_t len;
    char line[CONTROL_LINE];
};

struct loop {
    struct vmm *v;
    bool vsock_pending;
    struct control control;
};

static uint64_t pack(enum source kind, uint16_t index, uint16_t generation)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 16 | index;
}

static bool watch(struct vmm *v, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event ev = {.events = events, .data.u64 = data};
    return epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

/* The program behind a port listens at guest_P.sock in the directory that is our working directory
 * (in the jail: the only thing there is). */
static int connect_port(CL_UNUSED void *ctx, uint32_t port)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "guest_%u.sock", (unsigned)port);
    CL_CLEANUP(cl_close_fdp)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
        cl_log(CL_LOG_DEBUG, "vmm.vsock", "port %u: %s", (unsigned)port, strerror(errno));
        return -1;
    }
    int taken = fd;
    fd = -1;
    return taken;
}

static bool watch_conn(void *ctx, int fd, uint16_t conn, uint16_t generation)
{
    return watch(ctx, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                 pack(SRC_VSOCK_CONN, conn, generation));
}

static void control_close(struct control *c)
{
    cl_close_fdp(&c->fd);
    cl_close_fdp(&c->passed_fd);
    c->len = 0;
}

/* One connection at a time; a new one waits in the socket's queue. */
static void control_accept(struct loop *l)
{
    if (l->control.fd >= 0) {
        return;
    }
    int fd = accept4(l->v->files->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0 && watch(l->v, fd, EPOLLIN, pack(SRC_CONTROL, 0, 0))) {
        l->control.fd = fd;
        return;
    }
    cl_close_fdp(&fd);
}

/* Reads bytes and at most one descriptor; a second one replaces the first. */
static ssize_t control_read(struct control *c)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = c->line + c->len, .iov_len = sizeof(c->line) - c->len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&msg); h != NULL; h = CMSG_NXTHDR(&msg, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
            h->cmsg_len == CMSG_LEN(sizeof(int))) {
            cl_close_fdp(&c->passed_fd);
            memcpy(&c->passed_fd, CMSG_DATA(h), sizeof(int));
        }
    }
    return n == 0 ? -1 : n;
}

static void control_event(struct loop *l)
{
    struct control *c = &l->control;
    ssize_t n = c->fd >= 0 ? control_read(c) : 0;
    if (n < 0) {
        control_close(c);
        return;
    }
    c->len += (size_t)n;
    char *end = memchr(c->line, '\n', c->len);
    while (end != NULL) {
        char answer[CL_ERR_MSG_SIZE + 64];
        int fd = c->passed_fd;
        c->passed_fd = -1;
        vmm_control_handle(l->v, c->line, (size_t)(end - c->line), fd, answer, sizeof(answer));
        if (send(c->fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            control_close(c);
            return;
        }
        size_t used = (size_t)(end - c->line) + 1;
        memmove(c->line, c->line + used, c->len - used);
        c->len -= used;
        end = memchr(c->line, '\n', c->len);
    }
    if (c->len == sizeof(c->line)) {
        control_close(c); /* no request is that long */
    }
}

static void signal_event(struct loop *l)
{
    struct signalfd_siginfo info;
    if (read(l->v->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        vmm_status_end(&l->v->status, VMM_END_STOPPED, 0, "stopped by a signal");
    }
}

static void vsock_accept(struct loop *l)
{
    int fd = accept4(l->v->files->vsock_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        vmm_vsock_accept(&l->v->vsock, fd);
    }
}

static void dispatch(struct loop *l, const struct epoll_event *ev)
{
    struct vmm *v = l->v;
    uint64_t data = ev->data.u64;
    switch ((enum source)(data >> 56)) {
    case SRC_END:
        break; /* the loop looks for itself */
    case SRC_SIGNAL:
        signal_event(l);
        break;
    case SRC_STATUS:
        vmm_status_end(&v->status, VMM_END_STOPPED, 0, "the reader of the status events is gone");
        break;
    case SRC_VSOCK_QUEUE:
        vmm_event_clear(v->queue_fd[data & 0xffff]);
        l->vsock_pending = true;
        break;
    case SRC_VSOCK_LISTEN:
        vsock_accept(l);
        l->vsock_pending = true;
        break;
    case SRC_VSOCK_CONN:
        vmm_vsock_conn_event(&v->vsock, (uint16_t)data, (uint16_t)(data >> 16),
                             (ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                             (ev->events & EPOLLOUT) != 0,
                             (ev->events & (EPOLLHUP | EPOLLERR)) != 0);
        l->vsock_pending = true;
        break;
    case SRC_CONTROL_LISTEN:
        control_accept(l);
        break;
    case SRC_CONTROL:
        control_event(l);
        if (l->control.fd < 0) {
            control_accept(l);
        }
        break;
    }
}

static enum cl_status watch_all(struct vmm *v, struct cl_err *err)
{
    bool ok = watch(v, v->status.wake_fd, EPOLLIN, pack(SRC_END, 0, 0)) &&
              watch(v, v->signal_fd, EPOLLIN, pack(SRC_SIGNAL, 0, 0)) &&
              watch(v, v->files->vsock_fd, EPOLLIN, pack(SRC_VSOCK_LISTEN, 0, 0));
    for (uint16_t q = 0; q < 3 && ok; q++) {
        ok = watch(v, v->queue_fd[q], EPOLLIN, pack(SRC_VSOCK_QUEUE, q, 0));
    }
    if (ok && v->files->control_fd >= 0) {
        /* Edge-triggered: while one connection is served, the next may wait without waking us. */
        ok = watch(v, v->files->control_fd, EPOLLIN | EPOLLET, pack(SRC_CONTROL_LISTEN, 0, 0));
    }
    if (!ok) {
        return cl_err_sys(err, errno, "epoll");
    }
    /* Whoever started us holds the other end of a pipe: when it dies, the VM has no owner. A
     * regular file cannot be watched and needs not be. */
    if (v->files->status_fd >= 0) {
        (void)watch(v, v->files->status_fd, EPOLLET, pack(SRC_STATUS, 0, 0));
    }
    return CL_OK;
}

enum cl_status vmm_loop_init(struct vmm *v, struct cl_err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    v->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK); /* blocked by main() */
    v->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    json_object_seed(0); /* reads the random device, which will not be there any more */
    if (v->signal_fd < 0 || v->epoll_fd < 0) {
        return cl_err_sys(err, errno, "event loop");
    }
    v->vsock.host = (struct vmm_vsock_host){.connect = connect_port, .watch = watch_conn, .ctx = v};
    return watch_all(v, err);
}

static enum cl_status handle_events(struct loop *l, struct cl_err *err)
{
    struct vmm *v = l->v;
    while (!vmm_status_ended(&v->status)) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(v->epoll_fd, events, EVENTS, l->vsock_pending ? 0 : -1);
        if (n < 0 && errno != EINTR) {
            return cl_err_sys(err, errno, "epoll_wait");
        }
        for (int i = 0; i < n; i++) {
            dispatch(l, &events[i]);
        }
        if (l->vsock_pending) {
            l->vsock_pending = vmm_vsock_service(&v->vsock);
        }
    }
    return CL_OK;
}

enum cl_status vmm_loop_run(struct vmm *v, struct cl_err *err)
{
    struct loop l = {.v = v, .control = {.fd = -1, .passed_fd = -1}};
    enum cl_status st = handle_events(&l, err);
    control_close(&l.control);
    return st;
}
