/* SPDX-License-Identifier: Apache-2.0
 * vm.c - a VM's processes, from start to end. Trust, threads, memory: host/vm.h.
 */
#include "vm_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PSP_POLL_MS 5

enum cl_status vm_path(const struct host_vm *vm, const char *name, char ret[static VM_PATH_SIZE],
                       struct cl_err *err)
{
    return snprintf(ret, VM_PATH_SIZE, "%s/%s", vm->cfg.dir, name) < (int)VM_PATH_SIZE
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "run folder '%.90s': path too long",
                            vm->cfg.dir);
}

static void set_timer(struct host_vm *vm, unsigned ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    (void)event_add(vm->timer, &tv);
}

static void mark(struct host_vm *vm, const char *name)
{
    vm->cfg.cb.mark(vm->cfg.cb.ctx, name, 0);
}

static void on_status(evutil_socket_t fd, short what, void *ctx);

static enum cl_status start_vm(struct host_vm *vm, struct cl_err *err)
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    vm->status_fd = pipe_fds[0];
    CL_CLEANUP(cl_close_fdp) int theirs = pipe_fds[1];
    if (fcntl(vm->status_fd, F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "pipe");
    }
    vm->status_ev = event_new(vm->cfg.base, vm->status_fd, EV_READ | EV_PERSIST, on_status, vm);
    if (vm->status_ev == NULL || event_add(vm->status_ev, NULL) != 0) {
        return cl_err_nomem(err, "event");
    }
    return vm_vmm_start(vm, theirs, err);
}

/* --- ends
 * ---------------------------------------------------------------------------------------------
 */

static void status_close(struct host_vm *vm)
{
    if (vm->status_ev != NULL) {
        event_free(vm->status_ev);
        vm->status_ev = NULL;
    }
    cl_close_fdp(&vm->status_fd);
}

static void finish(struct host_vm *vm)
{
    if (!vm->over) {
        vm->over = true;
        (void)event_del(vm->timer);
        vm->cfg.cb.ended(vm->cfg.cb.ctx, &vm->end);
    }
}

/* The VMM is gone and was heard to the end. */
static void check_end(struct host_vm *vm)
{
    if (!vm->vmm.ended || vm->status_fd >= 0) {
        return;
    }
    if (vm->end.status[0] == '\0') {
        char words[64];
        host_child_words(&vm->vmm, words, sizeof(words));
        (void)snprintf(vm->end.reason, sizeof(vm->end.reason), "cloister-vmm %s", words);
    }
    finish(vm);
}

static void fail(struct host_vm *vm, const char *who, const char *step, const struct cl_err *err)
{
    if (!vm->stopping) {
        host_vm_stop(vm);
        vm->cfg.cb.failed(vm->cfg.cb.ctx, who, step, err);
    }
}

static void blame_psp(struct host_vm *vm)
{
    char words[64];
    struct cl_err err = {0};
    host_child_words(&vm->psp, words, sizeof(words));
    (void)cl_err_set(&err, CL_ERR_SYS, "cloister-sim-psp %s", words);
    fail(vm, "sim-psp", "sim-psp", &err);
}

static void children_changed(struct host_vm *vm)
{
    bool vmm_was = vm->vmm.pid > 0 && !vm->vmm.ended;
    bool psp_was = vm->psp.pid > 0 && !vm->psp.ended;
    if (host_child_poll(&vm->vmm) && vmm_was) {
        mark(vm, "vmm.end");
    }
    if (host_child_poll(&vm->psp) && psp_was && !vm->vmm.ended && !vm->stopping) {
        if (host_child_good(&vm->psp) && vm->vmm.pid > 0) {
            set_timer(vm, HOST_VM_STOP_S * 1000); /* it goes when the VMM does */
        } else {
            blame_psp(vm);
        }
    }
    check_end(vm);
}

static void on_child(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    children_changed(ctx);
}

void host_vm_stop(struct host_vm *vm)
{
    if (vm->stopping || vm->over) {
        return;
    }
    vm->stopping = true;
    if (vm->vmm.pid > 0) {
        host_child_signal(&vm->vmm, SIGTERM);
        set_timer(vm, HOST_VM_STOP_S * 1000);
    } else {
        set_timer(vm, 0); /* not from here: our caller may be in the middle of something */
    }
}

/* --- what the VMM says
 * -------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct host_event *e)
{
    struct host_vm *vm = ctx;
    const struct host_vm_callbacks *cb = &vm->cfg.cb;
    switch (e->kind) {
    case HOST_EVENT_MARK:
        cb->mark(cb->ctx, e->name, e->us);
        break;
    case HOST_EVENT_LAUNCHED:
        cb->launched(cb->ctx, e->name);
        break;
    case HOST_EVENT_END:
        (void)snprintf(vm->end.status, sizeof(vm->end.status), "%.31s", e->name);
        (void)snprintf(vm->end.reason, sizeof(vm->end.reason), "%s", e->reason);
        vm->end.code = e->code;
        break;
    }
}

static void on_status(evutil_socket_t fd, short what, void *ctx)
{
    struct host_vm *vm = ctx;
    char bytes[HOST_STATUS_LINE];
    (void)what;
    ssize_t n = read((int)fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        status_close(vm);
        check_end(vm);
        return;
    }
    host_status_feed(&vm->status, bytes, (size_t)n, on_event, vm);
}

/* --- of class sim the security processor, then the VMM
 * ------------------------------------------------------------- */

static void wait_psp(struct host_vm *vm)
{
    struct cl_err err = {0};
    bool sim = vm->cfg.tee_class == HOST_VM_SIM_SNP;
    if (sim && !vm_psp_ready(vm)) {
        if (cl_monotonic_us() <= vm->psp_deadline_us) {
            set_timer(vm, PSP_POLL_MS);
            return;
        }
        (void)cl_err_set(&err, CL_ERR_UNAVAILABLE, "not ready within %d seconds", HOST_VM_PSP_S);
        fail(vm, "sim-psp", "sim-psp", &err);
        return;
    }
    if (sim) {
        mark(vm, "psp.ready");
    }
    if (start_vm(vm, &err) != CL_OK) {
        fail(vm, "host", "vmm", &err);
        return;
    }
    vm->end.started = true;
    mark(vm, "vmm.spawned");
    vm->cfg.cb.spawned(vm->cfg.cb.ctx);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct host_vm *vm = ctx;
    (void)fd;
    (void)what;
    if (vm->stopping) {
        host_child_kill(&vm->psp);
        if (vm->vmm.pid <= 0) {
            finish(vm);
            return;
        }
        bool was = !vm->vmm.ended;
        host_child_kill(&vm->vmm);
        if (was) {
            mark(vm, "vmm.end");
        }
        check_end(vm);
    } else if (vm->vmm.pid <= 0) {
        wait_psp(vm);
    } else if (!vm->vmm.ended) {
        blame_psp(vm); /* it went, and the VMM did not */
    }
}

static enum cl_status start(struct host_vm *vm, struct cl_err *err)
{
    vm->timer = event_new(vm->cfg.base, -1, 0, on_timer, vm);
    vm->child_ev = evsignal_new(vm->cfg.base, SIGCHLD, on_child, vm);
    if (vm->timer == NULL || vm->child_ev == NULL || event_add(vm->child_ev, NULL) != 0) {
        return cl_err_nomem(err, "VM");
    }
    if (vm->cfg.tee_class != HOST_VM_SIM_SNP) {
        CL_TRY(vm_vmm_write_cmdline(vm, err));
        set_timer(vm, 0); /* from the loop, as in the other class */
        return CL_OK;
    }
    CL_TRY(vm_psp_start(vm, err));
    vm->psp_deadline_us = cl_monotonic_us() + HOST_VM_PSP_S * UINT64_C(1000000);
    set_timer(vm, PSP_POLL_MS);
    return CL_OK;
}

enum cl_status host_vm_start(const struct host_vm_config *cfg, struct host_vm **ret_vm,
                             struct cl_err *err)
{
    struct host_vm *vm = calloc(1, sizeof(*vm));
    if (vm == NULL) {
        return cl_err_nomem(err, "VM");
    }
    vm->cfg = *cfg;
    vm->status_fd = -1;
    enum cl_status st = start(vm, err);
    if (st != CL_OK) {
        host_vm_free(vm);
        return st;
    }
    *ret_vm = vm;
    return CL_OK;
}

void host_vm_free(struct host_vm *vm)
{
    if (vm == NULL) {
        return;
    }
    host_child_kill(&vm->vmm);
    host_child_kill(&vm->psp);
    status_close(vm);
    if (vm->child_ev != NULL) {
        event_free(vm->child_ev);
    }
    if (vm->timer != NULL) {
        event_free(vm->timer);
    }
    free(vm);
}

int host_vm_pid(const struct host_vm *vm)
{
    return vm->vmm.pid > 0 && !vm->vmm.ended ? (int)vm->vmm.pid : 0;
}
