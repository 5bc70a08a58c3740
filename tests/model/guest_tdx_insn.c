/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx_insn.c - instructions in a TD: those that the module carries out, and those that it
 * turns into #VE (tdx.md d).
 */
#include "guest_tdx.h"

#include <errno.h>

#define EFER_SCE 1u
#define CR0_NW_CD 0x60000000u
#define CR4_SMXE 0x4000u
#define CR4_VMXE 0x2000u
#define QUALIFY_IN 8u
#define QUALIFY_STRING 0x10u
#define QUALIFY_IMMEDIATE 0x40u

enum {
    MSR_TSC = 0x10,
    MSR_APIC_BASE = 0x1B,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_EIP = 0x176,
    MSR_PAT = 0x277,
    MSR_X2APIC_ID = 0x802,
    MSR_X2APIC_VERSION = 0x803,
    MSR_X2APIC_TPR = 0x808,
    MSR_X2APIC_EOI = 0x80B,
    MSR_X2APIC_SELF_IPI = 0x83F,
};
#define MSR_STAR 0xC0000081u
#define MSR_KERNEL_GS_BASE 0xC0000102u
#define MSR_TSC_AUX 0xC0000103u

static void trap(struct guest_cpu *c, const struct guest_insn *in, uint32_t reason,
                 uint64_t qualification)
{
    guest_ve(
        c, &(struct guest_ve){.reason = reason, .qualification = qualification, .length = in->len});
}

static void cpuid(struct guest_cpu *c, const struct guest_insn *in)
{
    uint32_t r[4];
    static const unsigned to[] = {RAX, RBX, RCX, RDX};
    if (!tdx_guest_cpuid(c->vcpu, (uint32_t)guest_gpr(c, RAX), (uint32_t)guest_gpr(c, RCX), r)) {
        trap(c, in, VE_CPUID, 0);
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        guest_set_gpr(c, to[i], r[i]);
    }
}

/* Qualification of an I/O exit: size - 1, direction, string, immediate, port. */
static void port(struct guest_cpu *c, const struct guest_insn *in)
{
    uint8_t op = in->opcode;
    bool string = (op & 0xF0) == 0x60;
    bool immediate = (op & 0xF8) == 0xE0;
    bool input = string ? (op & 2) == 0 : (op & 2) == 0;
    uint64_t size = (op & 1) == 0 ? 1 : in->operand;
    uint64_t number = immediate ? in->rest[0] : guest_gpr(c, RDX) & 0xFFFF;
    trap(c, in, VE_IO,
         (size - 1) | (input ? QUALIFY_IN : 0) | (string ? QUALIFY_STRING : 0) |
             (immediate ? QUALIFY_IMMEDIATE : 0) | number << 16);
}

/* MSRs that a TD reaches without an exit; false: #VE. A value written is kept where a guest could
 * notice, no further. */
static bool native(struct guest_cpu *c, uint32_t number, bool write, uint64_t *value)
{
    switch (number) {
    case MSR_EFER: /* only SCE may change */
        if (write && ((*value ^ c->efer) & ~(uint64_t)(EFER_SCE | EFER_LMA)) != 0) {
            guest_object(c->guest, "guest.efer", "WRMSR of EFER with %#lx", (unsigned long)*value);
            return false;
        }
        *value = write ? (*value & ~(uint64_t)EFER_LMA) | (c->efer & EFER_LMA) : *value;
        return guest_msr(c, number, write, value);
    case MSR_X2APIC_ID:
        *value = c->vcpu->index;
        return !write;
    case MSR_X2APIC_VERSION:
        *value = 0x50014;
        return !write;
    case MSR_APIC_BASE:
        *value = 0xFEE00C00u | (c->vcpu->index == 0 ? 0x100u : 0u);
        return !write;
    case MSR_TSC:
        *value = c->guest->counts.instructions;
        return !write;
    case MSR_PAT:
        *value = write ? *value : 0x0007040600070406ull;
        return true;
    case MSR_X2APIC_EOI:
    case MSR_X2APIC_SELF_IPI:
        return write;
    case MSR_X2APIC_TPR:
    case MSR_KERNEL_GS_BASE:
    case MSR_TSC_AUX:
        *value = write ? *value : 0;
        return true;
    default:
        if ((number >= MSR_SYSENTER_CS && number <= MSR_SYSENTER_EIP) ||
            (number >= MSR_STAR && number < MSR_STAR + 4)) {
            *value = write ? *value : 0;
            return true;
        }
        return guest_msr(c, number, write, value);
    }
}

static void msr(struct guest_cpu *c, const struct guest_insn *in)
{
    bool write = in->kind == WRMSR;
    uint64_t value = (guest_gpr(c, RAX) & 0xFFFFFFFF) | guest_gpr(c, RDX) << 32;
    if (!native(c, (uint32_t)guest_gpr(c, RCX), write, &value)) {
        trap(c, in, write ? VE_WRMSR : VE_RDMSR, 0);
    } else if (!write) {
        guest_set_gpr(c, RAX, value & 0xFFFFFFFF);
        guest_set_gpr(c, RDX, value >> 32);
    }
}

/* Bits of CR0 and CR4 that the module holds fast. */
static bool to_cr(struct guest_cpu *c, const struct guest_insn *in)
{
    uint64_t value = guest_gpr(c, in->rm);
    bool good = in->reg == 0
                    ? (value & (CR0_PE | CR0_NE)) == (CR0_PE | CR0_NE) && (value & CR0_NW_CD) == 0
                : in->reg == 4 ? (value & CR4_MCE) != 0 && (value & CR4_SMXE) == 0
                               : true;
    if (!good) {
        guest_object(c->guest, "guest.cr_fixed", "CR%u = %#lx", in->reg, (unsigned long)value);
        trap(c, in, VE_CR, in->reg | (uint64_t)in->rm << 8);
    }
    return good;
}

int guest_td_special(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit)
{
    switch (in->kind) {
    case TDCALL:
        return guest_tdcall(c, in, ret_exit);
    case CPUID:
        cpuid(c, in);
        break;
    case PORT:
        port(c, in);
        break;
    case HALT:
        trap(c, in, VE_HLT, 0);
        break;
    case WBINVD:
        trap(c, in, VE_WBINVD, 0);
        break;
    case RDMSR:
    case WRMSR:
        msr(c, in);
        break;
    case TO_CR:
        if (to_cr(c, in)) {
            guest_carry_out(c, in);
        }
        break;
    case PAUSE: /* all vCPUs run from the start: one that waits makes room for the others */
        guest_set_ip(c, guest_ip(c) + in->len);
        return model_refuse(c->vcpu->vm->m, EINTR, "run.slice");
    case FROM_CR:
        guest_carry_out(c, in);
        if (in->reg == 4) { /* VMXE is the host's: shadowed */
            guest_set_gpr(c, in->rm, c->cr4 & ~(uint64_t)CR4_VMXE);
        }
        break;
    default:
        guest_carry_out(c, in);
        break;
    }
    return 0;
}
