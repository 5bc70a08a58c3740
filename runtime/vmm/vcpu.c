/* SPDX-License-Identifier: Apache-2.0
 * vcpu.c - the vCPUs: creation in their reset state, their threads, their exits.
 * Trust: what the exits carry is the guest's. Threads: one for each vCPU; creation on the main one.
 * Memory: a small stack each.
 */
#include "cpuid.h"
#include "syscalls.h"
#include "tee/kvm_coco.h"
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define VCPU_STACK (128u << 10)
#define KICK_SIGNAL SIGUSR1

#define MSR_MTRR_DEF_TYPE 0x2ffu
#define MTRR_ENABLED_WRITEBACK 0x806u

enum cl_status vmm_vcpu_cpuid(struct vmm *v, unsigned index, struct tee_cpuid *ret_c,
                              struct cl_err *err)
{
    memset(ret_c, 0, sizeof(*ret_c));
    ret_c->head.nent = TEE_CPUID_MAX;
    if (vmm_kvm_dev(&v->kvm, KVM_GET_SUPPORTED_CPUID, ret_c) < 0) {
        return cl_err_sys(err, errno, "KVM_GET_SUPPORTED_CPUID");
    }
    int deadline = vmm_kvm_dev(&v->kvm, KVM_CHECK_EXTENSION, (void *)KVM_CAP_TSC_DEADLINE_TIMER);
    return vmm_cpuid_apply(ret_c, index, v->cfg->cpu_count, deadline > 0, v->cfg->tee->guest, err);
}

static enum cl_status set_cpuid(struct vmm *v, struct vmm_vcpu *cpu, struct cl_err *err)
{
    struct tee_cpuid c;
    CL_TRY(vmm_vcpu_cpuid(v, cpu->index, &c, err));
    if (v->cfg->tee->vcpu_cpuid != NULL) {
        CL_TRY(v->cfg->tee->vcpu_cpuid(v->tee, cpu->fd, &c, err));
    }
    if (vmm_kvm_fd(&v->kvm, cpu->fd, KVM_SET_CPUID2, &c) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_CPUID2");
    }
    return CL_OK;
}

struct msr_list { /* struct kvm_msrs with room for its entry */
    struct {
        uint32_t nmsrs;
        uint32_t pad;
    } head;
    struct kvm_msr_entry entry[1];
};
_Static_assert(offsetof(struct msr_list, entry) == offsetof(struct kvm_msrs, entries),
               "KVM_SET_MSRS");

/* KVM's reset state is the reset vector already (real mode, CS base 0xFFFF0000, IP 0xFFF0). */
static enum cl_status set_state(struct vmm *v, struct vmm_vcpu *cpu, struct cl_err *err)
{
    struct msr_list msrs = {
        .head = {.nmsrs = 1},
        .entry = {{.index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WRITEBACK}}};
    if (vmm_kvm_fd(&v->kvm, cpu->fd, KVM_SET_MSRS, &msrs) != 1) {
        return cl_err_sys(err, errno, "KVM_SET_MSRS");
    }
    struct kvm_regs regs;
    if (vmm_kvm_fd(&v->kvm, cpu->fd, KVM_GET_REGS, &regs) < 0) {
        return cl_err_sys(err, errno, "KVM_GET_REGS");
    }
    regs.rdx = v->cfg->cpu_sig; /* as the measured VMSA says */
    if (vmm_kvm_fd(&v->kvm, cpu->fd, KVM_SET_REGS, &regs) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_REGS");
    }
    return CL_OK;
}

static enum cl_status create(struct vmm *v, struct vmm_vcpu *cpu, size_t run_size,
                             struct cl_err *err)
{
    cpu->fd = vmm_kvm_vm(&v->kvm, KVM_CREATE_VCPU, (void *)(uintptr_t)cpu->index);
    if (cpu->fd < 0) {
        return cl_err_sys(err, errno, "KVM_CREATE_VCPU");
    }
    void *run = v->kvm.ops->map_run(v->kvm.ctx, cpu->fd, run_size);
    if (run == MAP_FAILED) {
        return cl_err_sys(err, errno, "map vCPU");
    }
    cpu->run = run;
    cpu->run_size = run_size;
    CL_TRY(set_cpuid(v, cpu, err));
    return v->cfg->tee->guest == TEE_GUEST_TD ? CL_OK : set_state(v, cpu, err);
}

enum cl_status vmm_vcpus_create(struct vmm *v, struct cl_err *err)
{
    int run_size = vmm_kvm_dev(&v->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
    if (run_size < (int)sizeof(struct kvm_run)) {
        return cl_err_sys(err, errno, "KVM_GET_VCPU_MMAP_SIZE");
    }
    for (unsigned i = 0; i < v->cfg->cpu_count; i++) {
        v->vcpu[i].vmm = v;
        v->vcpu[i].index = i;
        enum cl_status st = create(v, &v->vcpu[i], (size_t)run_size, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "vCPU %u", i);
        }
    }
    return CL_OK;
}

/* KVM bounds count * size by the page that holds the data. */
static void handle_io(struct vmm_vcpu *cpu)
{
    struct kvm_run *run = cpu->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    for (uint32_t i = 0; i < run->io.count; i++) {
        vmm_bus_pio(cpu->vmm, run->io.direction == KVM_EXIT_IO_OUT, run->io.port, run->io.size,
                    data + (size_t)i * run->io.size);
    }
}

static void fail(struct vmm_vcpu *cpu, const char *what, unsigned long long detail)
{
    struct cl_err err = {0};
    (void)cl_err_set(&err, CL_ERR_SYS, "vCPU %u: %s (0x%llx)", cpu->index, what, detail);
    vmm_status_fail(&cpu->vmm->status, &err);
}

static void handle_tee_exit(struct vmm_vcpu *cpu)
{
    struct vmm *v = cpu->vmm;
    struct cl_err err = {0};
    uint32_t code = 0;
    switch (v->cfg->tee->handle_exit(v->tee, cpu->index, cpu->run, &code, &err)) {
    case TEE_EXIT_DONE:
        break;
    case TEE_EXIT_REFUSED:
        vmm_bus_refuse(v, code);
        break;
    case TEE_EXIT_PANIC:
        vmm_status_end(&v->status, VMM_END_PANIC, 0, err.msg);
        break;
    case TEE_EXIT_FAILED:
        vmm_status_fail(&v->status, &err);
        break;
    case TEE_EXIT_UNKNOWN:
        fail(cpu, "unexpected exit", cpu->run->exit_reason);
        break;
    }
}

static void handle_system_event(struct vmm_vcpu *cpu)
{
    struct vmm_status *s = &cpu->vmm->status;
    switch (cpu->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        vmm_status_end(s, VMM_END_POWEROFF, 0, "the guest powered off");
        break;
    case KVM_SYSTEM_EVENT_RESET:
        vmm_status_end(s, VMM_END_RESET, 0, "the guest asked for a reset");
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        vmm_status_end(s, VMM_END_PANIC, 0, "the guest's kernel panicked");
        break;
    default:
        handle_tee_exit(cpu);
        break;
    }
}

static void handle_exit(struct vmm_vcpu *cpu)
{
    struct kvm_run *run = cpu->run;
    struct vmm *v = cpu->vmm;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        handle_io(cpu);
        break;
    case KVM_EXIT_MMIO:
        vmm_bus_mmio(v, run->mmio.is_write != 0, run->mmio.phys_addr, run->mmio.len,
                     run->mmio.data);
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IOAPIC_EOI: /* edges need none */
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        break;
    case KVM_EXIT_SHUTDOWN:
        vmm_status_end(&v->status, VMM_END_TRIPLE_FAULT, 0, "a vCPU took a triple fault");
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        handle_system_event(cpu);
        break;
    case KVM_EXIT_FAIL_ENTRY:
        fail(cpu, "the CPU refused to enter the guest",
             run->fail_entry.hardware_entry_failure_reason);
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        fail(cpu, "KVM cannot emulate what the guest did", run->internal.suberror);
        break;
    default:
        handle_tee_exit(cpu);
        break;
    }
}

bool vmm_vcpu_step(struct vmm_vcpu *cpu)
{
    cpu->run->exit_reason = KVM_EXIT_UNKNOWN; /* what stands there after an error is its own */
    if (vmm_kvm_fd(&cpu->vmm->kvm, cpu->fd, KVM_RUN, NULL) == 0) {
        handle_exit(cpu);
        return true;
    }
    if (errno == EINTR || errno == EAGAIN) {
        return true; /* stopped, or a signal */
    }
    if ((errno == EFAULT || errno == EHWPOISON) && cpu->run->exit_reason == KC_EXIT_MEMORY_FAULT) {
        handle_tee_exit(cpu);
        return true;
    }
    fail(cpu, strerror(errno), (unsigned)errno);
    return false;
}

static void *vcpu_main(void *arg)
{
    struct vmm_vcpu *cpu = arg;
    struct vmm *v = cpu->vmm;
    struct cl_err err = {0};
    if (v->cfg->jailed && vmm_seccomp_enter(VMM_SECCOMP_VCPU, &err) != CL_OK) {
        vmm_status_fail(&v->status, &err);
        return NULL;
    }
    while (!vmm_status_ended(&v->status) && vmm_vcpu_step(cpu)) {
        /* on */
    }
    return NULL;
}

static void on_kick(CL_UNUSED int signal)
{
    /* Its arrival is what ends KVM_RUN. */
}

enum cl_status vmm_vcpus_start(struct vmm *v, struct cl_err *err)
{
    struct sigaction action = {.sa_handler = on_kick};
    if (sigaction(KICK_SIGNAL, &action, NULL) != 0) {
        return cl_err_sys(err, errno, "sigaction");
    }
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, VCPU_STACK);
    enum cl_status st = CL_OK;
    for (unsigned i = 0; i < v->cfg->cpu_count && st == CL_OK; i++) {
        int rc = pthread_create(&v->vcpu[i].thread, &attr, vcpu_main, &v->vcpu[i]);
        if (rc != 0) {
            st = cl_err_sys(err, rc, "start thread of vCPU %u", i);
        } else {
            v->vcpu[i].started = true;
        }
    }
    (void)pthread_attr_destroy(&attr);
    return st;
}

void vmm_vcpus_stop(struct vmm *v)
{
    for (unsigned i = 0; i < TEE_MAX_CPUS; i++) {
        struct vmm_vcpu *cpu = &v->vcpu[i];
        if (cpu->started) {
            /* First the flag, then the signal: no moment in between lets KVM_RUN block. */
            __atomic_store_n(&cpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
            (void)pthread_kill(cpu->thread, KICK_SIGNAL);
            (void)pthread_join(cpu->thread, NULL);
            cpu->started = false;
        }
    }
}

void vmm_vcpus_done(struct vmm *v)
{
    for (unsigned i = 0; i < TEE_MAX_CPUS; i++) {
        struct vmm_vcpu *cpu = &v->vcpu[i];
        if (cpu->run != NULL) {
            (void)v->kvm.ops->unmap_run(v->kvm.ctx, cpu->run, cpu->run_size);
            cpu->run = NULL;
        }
        vmm_kvm_close(&v->kvm, &cpu->fd);
    }
}
