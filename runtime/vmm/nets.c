/* SPDX-License-Identifier: Apache-2.0
 * nets.c - the thread that serves the network interfaces. Trust: see net.h. Threads: worker.h.
 */
#include "vmm.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <linux/if_tun.h>

#define SOURCES 3u /* of an interface: its two queues, its tap */
#define TAP 2u

static void set_offload(int fd, unsigned bits)
{
    (void)ioctl(fd, TUNSETOFFLOAD, (unsigned long)bits); /* refused: the tap goes on without */
}

static void serve_net(struct vmm *v, uint32_t number)
{
    unsigned index = number / SOURCES;
    unsigned source = number % SOURCES;
    if (source != TAP) {
        vmm_event_clear(v->queue_fd[VMM_QUEUE_NET(index, source)]);
    }
    if (vmm_net_process(&v->net[index], source == TAP)) {
        vmm_event_set(v->queue_fd[VMM_QUEUE_NET(index, 0)]); /* the others first, then more */
    }
}

enum cl_status vmm_nets_start(struct vmm *v, struct cl_err *err)
{
    if (v->cfg->net_count == 0) {
        return CL_OK;
    }
    CL_TRY(vmm_worker_open(&v->nets, v, VMM_SECCOMP_NETS, serve_net, err));
    for (uint32_t i = 0; i < v->cfg->net_count; i++) {
        uint32_t first = i * SOURCES;
        v->net[i].set_offload = set_offload;
        for (uint32_t q = 0; q < TAP; q++) {
            CL_TRY(vmm_worker_watch(&v->nets, v->queue_fd[VMM_QUEUE_NET(i, q)], EPOLLIN, first + q,
                                    err));
        }
        CL_TRY(vmm_worker_watch(&v->nets, v->net[i].fd, EPOLLIN | EPOLLET, first + TAP, err));
    }
    return vmm_worker_start(&v->nets, err);
}
