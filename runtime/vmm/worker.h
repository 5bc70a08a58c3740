/* SPDX-License-Identifier: Apache-2.0
 * worker.h - a thread that serves devices, so that slow ones (disks, interfaces) never delay the
 * main thread: it waits for descriptors and calls a function with the number of each that is ready.
 * Trust: see the devices. Threads: this one. Memory: a small stack.
 */
#ifndef VMM_WORKER_H
#define VMM_WORKER_H

#include "base/err.h"
#include "syscalls.h"

#include <pthread.h>
#include <stdbool.h>

struct vmm;

struct vmm_worker {
    pthread_t thread;
    bool started;
    int epoll_fd;
    int stop_fd; /* eventfd */
    struct vmm *vmm;
    enum vmm_seccomp_role role;
    void (*serve)(struct vmm *v, uint32_t number);
};

/* Fields for a worker that may be given to _stop. */
void vmm_worker_init(struct vmm_worker *w);
/* Makes the worker; `serve` will be called on its thread. */
CL_NODISCARD enum cl_status vmm_worker_open(struct vmm_worker *w, struct vmm *v,
                                            enum vmm_seccomp_role role,
                                            void (*serve)(struct vmm *v, uint32_t number),
                                            struct cl_err *err);
/* Borrowed descriptor; events of epoll(7). number < UINT32_MAX. */
CL_NODISCARD enum cl_status vmm_worker_watch(struct vmm_worker *w, int fd, uint32_t events,
                                             uint32_t number, struct cl_err *err);
CL_NODISCARD enum cl_status vmm_worker_start(struct vmm_worker *w, struct cl_err *err);
void vmm_worker_stop(struct vmm_worker *w);

#endif
