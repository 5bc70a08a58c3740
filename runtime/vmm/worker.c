/* SPDX-License-Identifier: Apache-2.0
 * worker.c - see worker.h.
 */
#include "worker.h"

#include "base/io.h"
#include "vmm.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define WORKER_STACK (128u << 10)
#define WORKER_EVENTS 16
#define STOP UINT32_MAX

void vmm_worker_init(struct vmm_worker *w)
{
    *w = (struct vmm_worker){.epoll_fd = -1, .stop_fd = -1};
}

static void *worker_main(void *arg)
{
    struct vmm_worker *w = arg;
    struct cl_err err = {0};
    if (w->vmm->cfg->jailed && vmm_seccomp_enter(w->role, &err) != CL_OK) {
        vmm_status_fail(&w->vmm->status, &err);
        return NULL;
    }
    for (;;) {
        struct epoll_event events[WORKER_EVENTS];
        int n = epoll_wait(w->epoll_fd, events, WORKER_EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == STOP) {
                return NULL;
            }
            w->serve(w->vmm, events[i].data.u32);
        }
    }
}

enum cl_status vmm_worker_open(struct vmm_worker *w, struct vmm *v, enum vmm_seccomp_role role,
                               void (*serve)(struct vmm *v, uint32_t number), struct cl_err *err)
{
    w->vmm = v;
    w->role = role;
    w->serve = serve;
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->epoll_fd < 0 || w->stop_fd < 0) {
        return cl_err_sys(err, errno, "device thread");
    }
    return vmm_worker_watch(w, w->stop_fd, EPOLLIN, STOP, err);
}

enum cl_status vmm_worker_watch(struct vmm_worker *w, int fd, uint32_t events, uint32_t number,
                                struct cl_err *err)
{
    struct epoll_event ev = {.events = events, .data.u32 = number};
    if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        return cl_err_sys(err, errno, "watch device");
    }
    return CL_OK;
}

enum cl_status vmm_worker_start(struct vmm_worker *w, struct cl_err *err)
{
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, WORKER_STACK);
    int rc = pthread_create(&w->thread, &attr, worker_main, w);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        return cl_err_sys(err, rc, "start a device thread");
    }
    w->started = true;
    return CL_OK;
}

void vmm_worker_stop(struct vmm_worker *w)
{
    if (w->started) {
        vmm_event_set(w->stop_fd);
        (void)pthread_join(w->thread, NULL);
        w->started = false;
    }
    cl_close_fdp(&w->epoll_fd);
    cl_close_fdp(&w->stop_fd);
}
