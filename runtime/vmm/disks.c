/* SPDX-License-Identifier: Apache-2.0
 * disks.c - the thread that serves the block devices. Trust: see blk.h. Threads: worker.h.
 */
#include "vmm.h"

#include <sys/epoll.h>

static void serve_disk(struct vmm *v, uint32_t index)
{
    vmm_event_clear(v->queue_fd[VMM_QUEUE_DISK(index)]);
    if (vmm_blk_process(&v->disk[index])) {
        vmm_event_set(v->queue_fd[VMM_QUEUE_DISK(index)]); /* the others first, then more of this */
    }
}

enum cl_status vmm_disks_start(struct vmm *v, struct cl_err *err)
{
    CL_TRY(vmm_worker_open(&v->disks, v, VMM_SECCOMP_DISKS, serve_disk, err));
    for (uint32_t i = 0; i < VMM_DISKS; i++) {
        CL_TRY(vmm_worker_watch(&v->disks, v->queue_fd[VMM_QUEUE_DISK(i)], EPOLLIN, i, err));
    }
    return vmm_worker_start(&v->disks, err);
}
