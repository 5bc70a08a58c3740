/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx_vmcall.c - TDG.VP.VMCALL on the guest's side: which registers pass, what a guest must
 * not do with them, and what a hostile host gives back (tdx.md d). KVM's side is tdx_vmcall.c.
 */
#include "guest_tdx.h"

#include <errno.h>
#include <string.h>

enum { R8 = 8, R9, R10, R11, R12, R13, R14, R15 };
#define NEVER_EXPOSED 0x13u /* RAX, RCX, RSP */

enum {
    CALL_CPUID = VE_CPUID,
    CALL_HLT = VE_HLT,
    CALL_IO = VE_IO,
    CALL_RDMSR = VE_RDMSR,
    CALL_WRMSR = VE_WRMSR,
    CALL_MMIO = VE_EPT,
    CALL_WBINVD = VE_WBINVD,
    CALL_INFO = 0x10000,
    CALL_MAP_GPA,
    CALL_GET_QUOTE,
    CALL_FATAL,
    CALL_NOTIFY,
};

/* Registers from R12 on that are arguments; the rest of what is exposed must be zero. */
static unsigned arguments(uint64_t function)
{
    switch (function) {
    case CALL_IO:
    case CALL_MMIO:
        return 4;
    case CALL_CPUID:
    case CALL_WRMSR:
    case CALL_MAP_GPA:
    case CALL_GET_QUOTE:
        return 2;
    case CALL_HLT:
    case CALL_RDMSR:
    case CALL_WBINVD:
    case CALL_INFO:
    case CALL_NOTIFY:
        return 1;
    default:
        return 0;
    }
}

static void rules(struct guest_cpu *c, uint64_t mask, const struct tdx_regs *regs)
{
    uint64_t function = regs->r[R11];
    uint64_t need = 0xC00u | ((1u << arguments(function)) - 1) << R12;
    if ((mask & need) != need) {
        guest_object(c->guest, "guest.vmcall_mask", "function %#lx with mask %#lx",
                     (unsigned long)function, (unsigned long)mask);
    }
    for (unsigned i = 0; i < 16; i++) {
        bool used = i == R11 || (i >= R12 && i < R12 + arguments(function));
        if (!used && regs->r[i] != 0 && function != CALL_FATAL) { /* that one carries a text */
            guest_object(c->guest, "guest.vmcall_leak", "function %#lx exposes register %u",
                         (unsigned long)function, i);
        }
    }
}

/* What becomes shared is nobody's any more: it may be accepted again once it is private. */
static void map_rules(struct guest_cpu *c, const struct tdx_regs *regs)
{
    uint64_t bit = tdx_shared_bit(c->vcpu->vm);
    if (regs->r[R11] != CALL_MAP_GPA) {
        return;
    }
    c->guest->counts.psc_exits++;
    c->guest->counts.psc_pages += regs->r[R13] / MODEL_PAGE;
    if ((regs->r[R12] & bit) != 0) {
        guest_td_mark(c->guest, regs->r[R12] & ~bit, regs->r[R13], false);
    }
}

/* The host answers MapGPA without KVM: true, and regs hold the lie. */
static bool map_lie(struct guest *g, struct tdx_regs *regs)
{
    if (regs->r[R11] != CALL_MAP_GPA || (!g->psc_lie && g->psc_error == 0 && !g->map_stall)) {
        return false;
    }
    regs->r[R10] = g->map_stall        ? TDVMCALL_RETRY
                   : g->psc_error != 0 ? TDVMCALL_INVALID_OPERAND
                                       : TDVMCALL_SUCCESS;
    regs->r[R11] = g->map_stall ? g->map_stall_next : 0;
    return true;
}

static void cpuid_lies(const struct guest *g, uint64_t leaf, struct tdx_regs *regs)
{
    for (unsigned i = 0; i < g->lie_count; i++) {
        if (g->lies[i].leaf == leaf) {
            regs->r[R12 + (g->lies[i].reg & 3)] = g->lies[i].value;
        }
    }
}

/* Registers that were exposed come back as the host likes; the others as they were. */
static void back(struct guest_cpu *c, struct tdx_regs *regs)
{
    uint64_t function = c->vmcall[R11];
    if (function == CALL_CPUID) {
        cpuid_lies(c->guest, c->vmcall[R12], regs);
    }
    for (unsigned i = 2; i < 16; i++) {
        bool result = i == R10 || i == R11 || (function == CALL_CPUID && i >= R12);
        if ((c->exposed >> i & 1) != 0) {
            guest_set_gpr(c, i,
                          c->guest->scramble && !result ? 0xD15EA5ED00000000ull | i : regs->r[i]);
        }
    }
    guest_set_gpr(c, RAX, TDX_SUCCESS);
    guest_plan_run(c, MODEL_BEFORE_ENTRY);
}

/* After KVM has looked at the call: it is finished, exits, or ends the guest. */
static int after(struct guest_cpu *c, struct tdx_regs *regs, int error, const bool *ret_exit)
{
    const struct tdx_td *td = c->vcpu->vm->td;
    if (td->fatal) {
        c->guest->termination = td->fatal_regs[R12];
        guest_end(c->guest, MODEL_TERMINATED);
        return error;
    }
    if (error != 0 || *ret_exit) {
        memcpy(c->vmcall_now, regs->r, sizeof(c->vmcall_now));
        c->pending = PENDING_VMCALL;
        return error;
    }
    back(c, regs);
    return 0;
}

int guest_td_vmcall(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit)
{
    uint64_t mask = guest_gpr(c, RCX);
    struct tdx_regs regs = {0};
    if ((mask & NEVER_EXPOSED) != 0 || mask >> 32 != 0) {
        guest_object(c->guest, "guest.vmcall_mask", "mask %#lx", (unsigned long)mask);
        guest_set_gpr(c, RAX, TDX_OPERAND_INVALID | RCX);
        return 0;
    }
    for (unsigned i = 2; i < 16; i++) {
        regs.r[i] = (mask >> i & 1) != 0 ? guest_gpr(c, i) : 0;
    }
    guest_set_ip(c, guest_ip(c) + in->len); /* as a trap: the host sees it after the instruction */
    c->exposed = mask;
    memcpy(c->vmcall, regs.r, sizeof(c->vmcall));
    c->guest->counts.vmgexits++;
    guest_plan_run(c, MODEL_BEFORE_REPLY);
    rules(c, mask, &regs);
    map_rules(c, &regs);
    if (map_lie(c->guest, &regs)) {
        back(c, &regs);
        return 0;
    }
    int error = tdx_vmcall(c->vcpu, &regs, ret_exit);
    if (error == 0 && !*ret_exit && regs.r[R10] >> 63 != 0) {
        guest_object(c->guest, "guest.vmcall_refused", "function %#lx: %#lx",
                     (unsigned long)c->vmcall[R11], (unsigned long)regs.r[R10]);
    }
    return after(c, &regs, error, ret_exit);
}

int guest_td_resume(struct guest_cpu *c, bool *ret_exit)
{
    struct tdx_regs regs;
    memcpy(regs.r, c->vmcall_now, sizeof(regs.r));
    c->pending = PENDING_NONE;
    int error = tdx_vmcall_resume(c->vcpu, &regs, ret_exit);
    return after(c, &regs, error, ret_exit);
}
