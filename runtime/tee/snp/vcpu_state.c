/* SPDX-License-Identifier: Apache-2.0
 * vcpu_state.c - gives a vCPU the registers that its measured VMSA has (snp.md c.4, QEMU's variant;
 * tee/vmsa.c is the same state as bytes). KVM adds EFER.SVME and CR4.MCE, and clears CR0.CD and NW.
 * Trust: KVM. Threads: one. Memory: none.
 */
#include "snp_internal.h"

#include <errno.h>
#include <string.h>

#define CR0_RESET 0x60000010ull

static struct kvm_segment segment(uint16_t selector, uint64_t base, uint8_t type, uint8_t s)
{
    return (struct kvm_segment){
        .base = base, .limit = 0xffff, .selector = selector, .type = type, .present = 1, .s = s};
}

static void fill_sregs(struct kvm_sregs *s, uint32_t entry)
{
    struct kvm_segment data = segment(0, 0, 3, 1);
    s->cs = segment(0xf000, entry & 0xffff0000u, 11, 1);
    s->ds = s->es = s->fs = s->gs = s->ss = data;
    s->tr = segment(0, 0, 11, 0);
    s->ldt = segment(0, 0, 2, 0);
    s->gdt = (struct kvm_dtable){.limit = 0xffff};
    s->idt = (struct kvm_dtable){.limit = 0xffff};
    s->cr0 = CR0_RESET;
    s->cr2 = s->cr3 = s->cr4 = s->cr8 = s->efer = 0;
}

enum cl_status snp_vcpu_set(struct tee *t, int vcpu_fd, uint32_t entry, struct cl_err *err)
{
    struct kvm_sregs sregs;
    if (vmm_kvm_fd(t->cfg.kvm, vcpu_fd, KVM_GET_SREGS, &sregs) < 0) {
        return cl_err_sys(err, errno, "KVM_GET_SREGS");
    }
    fill_sregs(&sregs, entry); /* the APIC's base stays as it is */
    if (vmm_kvm_fd(t->cfg.kvm, vcpu_fd, KVM_SET_SREGS, &sregs) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_SREGS");
    }
    struct kvm_regs regs = {.rip = entry & 0xffffu, .rflags = 2, .rdx = t->cfg.cpu_sig};
    if (vmm_kvm_fd(t->cfg.kvm, vcpu_fd, KVM_SET_REGS, &regs) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_REGS");
    }
    struct kvm_fpu fpu = {.fcw = 0x37f, .mxcsr = 0x1f80};
    if (vmm_kvm_fd(t->cfg.kvm, vcpu_fd, KVM_SET_FPU, &fpu) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_FPU");
    }
    return CL_OK;
}
