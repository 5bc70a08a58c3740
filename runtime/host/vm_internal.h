/* SPDX-License-Identifier: Apache-2.0
 * vm_internal.h - one VM: its state, and the steps of its start.
 * Threads: all of it belongs to the event loop's thread.
 */
#ifndef HOST_VM_INTERNAL_H
#define HOST_VM_INTERNAL_H

#include "host/child.h"
#include "host/status.h"
#include "host/vm.h"

#define VM_PATH_SIZE 108u /* sun_path */

struct host_vm {
    struct host_vm_config cfg;
    struct event *timer;     /* the next look, or the next deadline */
    struct event *child_ev;  /* SIGCHLD */
    struct event *status_ev; /* the VMM's events */
    int status_fd;           /* -1: ended */
    struct host_status status;
    struct host_child psp;
    struct host_child vmm;
    uint64_t psp_deadline_us;
    char cmdline[VM_PATH_SIZE]; /* of the hardware classes: our file; empty: the guest's */
    bool stopping;
    bool over; /* `ended` was called */
    struct host_vm_end end;
};

CL_NODISCARD enum cl_status vm_path(const struct host_vm *vm, const char *name,
                                    char ret[static VM_PATH_SIZE], struct cl_err *err);
CL_NODISCARD enum cl_status vm_psp_start(struct host_vm *vm, struct cl_err *err);
/* Starts cloister-vmm, whose descriptor 3 is status_fd. */
CL_NODISCARD enum cl_status vm_vmm_start(struct host_vm *vm, int status_fd, struct cl_err *err);
/* Of the hardware classes: the command line, as a file of the run folder for the VMM to read. */
CL_NODISCARD enum cl_status vm_vmm_write_cmdline(struct host_vm *vm, struct cl_err *err);
/* The VMM may be started: the launch socket is there. */
bool vm_psp_ready(const struct host_vm *vm);

#endif
