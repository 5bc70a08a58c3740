/* SPDX-License-Identifier: Apache-2.0
 * disks.c - the thread that serves the block devices, so that a slow disk never delays vsock.
 * Trust: see blk.h. Threads: this one. Memory: a small stack.
 */
#include "base/io.h"
#include "syscalls.h"
#include "vmm.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define DISKS_STACK (128u << 10)
#define STOP VMM_DISKS /* epoll data: a disk's index, or this */

static void *disks_main(void *arg)
{
    struct vmm *v = arg;
    struct cl_err err = {0};
    if (v->cfg->jailed && vmm_seccomp_enter(VMM_SECCOMP_DISKS, &err) != CL_OK) {
        vmm_status_fail(&v->status, &err);
        return NULL;
    }
    for (;;) {
        struct epoll_event events[VMM_DISKS + 1];
        int n = epoll_wait(v->disks.epoll_fd, events, VMM_DISKS + 1, -1);
        for (int i = 0; i < n; i++) {
            uint32_t index = events[i].data.u32;
            if (index == STOP) {
                return NULL;
            }
            vmm_event_clear(v->queue_fd[3 + index]);
            if (vmm_blk_process(&v->disk[index])) {
                vmm_event_set(v->queue_fd[3 + index]); /* the others first, then more of this */
            }
        }
    }
}

static enum cl_status watch(struct vmm *v, int fd, uint32_t data, struct cl_err *err)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = data};
    if (epoll_ctl(v->disks.epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        return cl_err_sys(err, errno, "watch disk");
    }
    return CL_OK;
}

enum cl_status vmm_disks_start(struct vmm *v, struct cl_err *err)
{
    v->disks.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    v->disks.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->disks.epoll_fd < 0 || v->disks.stop_fd < 0) {
        return cl_err_sys(err, errno, "disk thread");
    }
    CL_TRY(watch(v, v->disks.stop_fd, STOP, err));
    for (uint32_t i = 0; i < VMM_DISKS; i++) {
        CL_TRY(watch(v, v->queue_fd[3 + i], i, err));
    }
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, DISKS_STACK);
    int rc = pthread_create(&v->disks.thread, &attr, disks_main, v);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        return cl_err_sys(err, rc, "start the disk thread");
    }
    v->disks.started = true;
    return CL_OK;
}

void vmm_disks_stop(struct vmm *v)
{
    if (v->disks.started) {
        vmm_event_set(v->disks.stop_fd);
        (void)pthread_join(v->disks.thread, NULL);
        v->disks.started = false;
    }
    cl_close_fdp(&v->disks.epoll_fd);
    cl_close_fdp(&v->disks.stop_fd);
}
