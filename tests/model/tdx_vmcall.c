/* SPDX-License-Identifier: Apache-2.0
 * tdx_vmcall.c - TDG.VP.VMCALL as KVM takes it: what it answers itself, and which exits of KVM_RUN
 * it turns the rest into (tdx.md c "Exits", d).
 */
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>

#define MAP_CHUNK 0x200000u /* KVM splits MapGPA (c) */
#define NO_SUCH_HYPERCALL ((uint64_t)-1000)

enum { RBX = 3, RCX = 1, RDX = 2, RSI = 6, RDI = 7 };

enum function {
    CALL_CPUID = 10,
    CALL_HLT = 12,
    CALL_IO = 30,
    CALL_RDMSR = 31,
    CALL_WRMSR = 32,
    CALL_MMIO = 48,
    CALL_INFO = 0x10000,
    CALL_MAP_GPA = 0x10001,
    CALL_GET_QUOTE = 0x10002,
    CALL_FATAL = 0x10003,
    CALL_NOTIFY = 0x10004,
};

static void status(struct tdx_regs *regs, uint64_t value)
{
    regs->r[10] = value;
}

static bool is_shared(const struct model_vm *vm, uint64_t gpa)
{
    return (gpa & tdx_shared_bit(vm)) != 0;
}

static void exit_with(struct model_vcpu *v, uint32_t reason, const void *data, size_t size)
{
    v->run->exit_reason = reason;
    memset(v->run->padding, 0, sizeof(v->run->padding));
    memcpy(v->run->padding, data, size);
}

static void cpuid(const struct model_vcpu *v, struct tdx_regs *regs)
{
    uint32_t leaf = (uint32_t)regs->r[12], subleaf = (uint32_t)regs->r[13];
    for (unsigned i = 12; i < 16; i++) {
        regs->r[i] = 0;
    }
    for (uint32_t i = 0; i < v->cpuid_count; i++) {
        const struct kvm_cpuid_entry2 *e = &v->cpuid[i];
        if (e->function == leaf &&
            ((e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) == 0 || e->index == subleaf)) {
            regs->r[12] = e->eax;
            regs->r[13] = e->ebx;
            regs->r[14] = e->ecx;
            regs->r[15] = e->edx;
            return;
        }
    }
}

/* The few that a firmware could ask for; the others KVM does not emulate for a TD. */
static bool msr(struct model_vcpu *v, uint32_t index, bool write, uint64_t *value)
{
    switch (index) {
    case 0x1B: /* APIC_BASE: read only */
        *value = write ? *value : 0xFEE00C00u | (v->index == 0 ? 0x100u : 0u);
        return !write;
    case 0x3A: /* FEAT_CTL: locked, read only */
        *value = write ? *value : 1;
        return !write;
    case 0x277:
        v->pat = write ? *value : v->pat;
        *value = v->pat;
        return true;
    case 0x1A0:
        *value = write ? *value : 1;
        return true;
    case 0xFE:  /* MTRRcap */
    case 0x2FF: /* MTRRdefType */
    case 0x8B:
        *value = write ? *value : 0;
        return true;
    default:
        return false;
    }
}

static int io(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    uint64_t size = regs->r[12], write = regs->r[13];
    if (write > 1 || (size != 1 && size != 2 && size != 4)) {
        status(regs, TDVMCALL_INVALID_OPERAND);
        return 0;
    }
    struct kvm_run *run = v->run;
    memset(run->padding, 0, sizeof(run->padding));
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = write != 0 ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
    run->io.size = (uint8_t)size;
    run->io.port = (uint16_t)regs->r[14];
    run->io.count = 1;
    run->io.data_offset = MODEL_PAGE;
    if (write != 0) {
        model_put_le((uint8_t *)run + MODEL_PAGE, (unsigned)size, regs->r[15]);
    }
    v->vp.pending = TDX_PENDING_IO;
    *ret_exit = true;
    return 0;
}

static int mmio(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    uint64_t size = regs->r[12], write = regs->r[13], gpa = regs->r[14];
    bool sized = size == 1 || size == 2 || size == 4 || size == 8;
    if (!sized || write > 1 || !is_shared(v->vm, gpa) || !is_shared(v->vm, gpa + size - 1)) {
        status(regs, TDVMCALL_INVALID_OPERAND);
        return 0;
    }
    struct kvm_run *run = v->run;
    memset(run->padding, 0, sizeof(run->padding));
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = gpa & ~tdx_shared_bit(v->vm);
    run->mmio.len = (uint32_t)size;
    run->mmio.is_write = (uint8_t)write;
    if (write != 0) {
        model_put_le(run->mmio.data, (unsigned)size, regs->r[15]);
    }
    v->vp.pending = TDX_PENDING_MMIO;
    *ret_exit = true;
    return 0;
}

static void map_exit(struct model_vcpu *v)
{
    uint64_t gpa = v->vp.map_next;
    uint64_t left = v->vp.map_end - gpa;
    const struct mu_exit_hypercall call = {
        .nr = MU_HC_MAP_GPA_RANGE,
        .args = {gpa & ~tdx_shared_bit(v->vm), (left < MAP_CHUNK ? left : MAP_CHUNK) / MODEL_PAGE,
                 is_shared(v->vm, gpa) ? 0 : MU_MAP_PRIVATE},
        .flags = 1, /* long mode */
    };
    exit_with(v, KVM_EXIT_HYPERCALL, &call, sizeof(call));
    v->vp.pending = TDX_PENDING_MAP_GPA;
}

static int map_gpa(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    const struct model_vm *vm = v->vm;
    uint64_t gpa = regs->r[12], size = regs->r[13], limit = tdx_shared_bit(vm) << 1;
    uint64_t error = TDVMCALL_SUCCESS;
    if ((vm->hypercalls & 1ull << MU_HC_MAP_GPA_RANGE) == 0) {
        error = TDVMCALL_SUBFUNC_UNSUPPORTED; /* c: the capability was not enabled */
    } else if (gpa + size <= gpa || gpa >= limit || gpa + size - 1 >= limit ||
               is_shared(vm, gpa) != is_shared(vm, gpa + size - 1)) {
        error = TDVMCALL_INVALID_OPERAND;
    } else if (gpa % MODEL_PAGE != 0 || size % MODEL_PAGE != 0) {
        error = TDVMCALL_ALIGN_ERROR;
    }
    if (error != TDVMCALL_SUCCESS) {
        status(regs, error);
        regs->r[11] = gpa;
        return 0;
    }
    v->vp.map_next = gpa;
    v->vp.map_end = gpa + size;
    map_exit(v);
    *ret_exit = true;
    return 0;
}

static int info(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    struct mu_exit_tdx x = {.nr = CALL_INFO, .info = {.leaf = regs->r[12]}};
    if (regs->r[12] > 1) {
        status(regs, TDVMCALL_INVALID_OPERAND);
        return 0;
    }
    if (regs->r[12] == 0) { /* the base functions: KVM answers */
        memset(&regs->r[11], 0, 4 * sizeof(regs->r[0]));
        return 0;
    }
    exit_with(v, MU_EXIT_TDX, &x, sizeof(x));
    v->vp.pending = TDX_PENDING_INFO;
    *ret_exit = true;
    return 0;
}

static int get_quote(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    uint64_t gpa = regs->r[12];
    if (!is_shared(v->vm, gpa)) {
        status(regs, TDVMCALL_INVALID_OPERAND);
        return 0;
    }
    const struct mu_exit_tdx x = {.nr = CALL_GET_QUOTE,
                                  .get_quote = {.ret = TDVMCALL_SUBFUNC_UNSUPPORTED,
                                                .gpa = gpa & ~tdx_shared_bit(v->vm),
                                                .size = regs->r[13]}};
    exit_with(v, MU_EXIT_TDX, &x, sizeof(x));
    v->vp.pending = TDX_PENDING_SIMPLE;
    *ret_exit = true;
    return 0;
}

static int notify(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    uint64_t vector = regs->r[12];
    if (vector < 32 || vector > 255) {
        status(regs, TDVMCALL_INVALID_OPERAND);
        return 0;
    }
    const struct mu_exit_tdx x = {
        .nr = CALL_NOTIFY, .notify = {.ret = TDVMCALL_SUBFUNC_UNSUPPORTED, .vector = vector}};
    exit_with(v, MU_EXIT_TDX, &x, sizeof(x));
    v->vm->td->notify_vector = (uint32_t)vector;
    v->vp.pending = TDX_PENDING_SIMPLE;
    *ret_exit = true;
    return 0;
}

static int fatal(struct model_vcpu *v, const struct tdx_regs *regs, bool *ret_exit)
{
    struct mu_exit_system_event e = {.type = MU_SYSTEM_EVENT_TDX_FATAL, .ndata = 16};
    memcpy(e.data, regs->r, sizeof(e.data));
    e.data[0] = 77; /* RAX: the module's own return, EXIT_REASON_TDCALL */
    e.data[4] = e.data[5] = 0;
    exit_with(v, KVM_EXIT_SYSTEM_EVENT, &e, sizeof(e));
    v->vm->td->fatal = true;
    memcpy(v->vm->td->fatal_regs, e.data, sizeof(e.data));
    *ret_exit = true;
    return 0;
}

static int halt(struct model_vcpu *v, bool *ret_exit)
{
    v->vp.pending = TDX_PENDING_HLT;
    *ret_exit = true; /* KVM blocks until an interrupt; here the VMM comes again */
    return model_refuse(v->vm->m, EAGAIN, "run.halted");
}

static int instruction(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    uint64_t value = regs->r[13];
    switch (regs->r[11]) {
    case CALL_CPUID:
        cpuid(v, regs);
        return 0;
    case CALL_HLT:
        return halt(v, ret_exit);
    case CALL_IO:
        return io(v, regs, ret_exit);
    case CALL_MMIO:
        return mmio(v, regs, ret_exit);
    case CALL_RDMSR:
        if (msr(v, (uint32_t)regs->r[12], false, &value)) {
            regs->r[11] = value;
            return 0;
        }
        break;
    default: /* WRMSR */
        if (msr(v, (uint32_t)regs->r[12], true, &value)) {
            return 0;
        }
        break;
    }
    status(regs, TDVMCALL_INVALID_OPERAND);
    return 0;
}

int tdx_vmcall(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    *ret_exit = false;
    if (regs->r[10] != 0) { /* the vendor's own calls: KVM's hypercalls, of which a TD needs none */
        status(regs, NO_SUCH_HYPERCALL);
        return 0;
    }
    switch (regs->r[11]) {
    case CALL_CPUID:
    case CALL_HLT:
    case CALL_IO:
    case CALL_RDMSR:
    case CALL_WRMSR:
    case CALL_MMIO:
        return instruction(v, regs, ret_exit);
    case CALL_INFO:
        return info(v, regs, ret_exit);
    case CALL_MAP_GPA:
        return map_gpa(v, regs, ret_exit);
    case CALL_GET_QUOTE:
        return get_quote(v, regs, ret_exit);
    case CALL_NOTIFY:
        return notify(v, regs, ret_exit);
    case CALL_FATAL:
        return fatal(v, regs, ret_exit);
    default:
        status(regs, TDVMCALL_SUBFUNC_UNSUPPORTED);
        return 0;
    }
}

static void map_done(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    struct mu_exit_hypercall call;
    memcpy(&call, v->run->padding, sizeof(call));
    if (call.ret != 0) {
        status(regs, TDVMCALL_INVALID_OPERAND);
        regs->r[11] = v->vp.map_next;
        return;
    }
    v->vp.map_next += MAP_CHUNK;
    if (v->vp.map_next < v->vp.map_end) {
        map_exit(v);
        *ret_exit = true;
    }
}

int tdx_vmcall_resume(struct model_vcpu *v, struct tdx_regs *regs, bool *ret_exit)
{
    enum tdx_pending pending = v->vp.pending;
    struct mu_exit_tdx x;
    *ret_exit = false;
    v->vp.pending = TDX_PENDING_NONE;
    memcpy(&x, v->run->padding, sizeof(x));
    switch (pending) {
    case TDX_PENDING_MAP_GPA:
        map_done(v, regs, ret_exit);
        break;
    case TDX_PENDING_IO:
        if (v->run->io.direction == KVM_EXIT_IO_IN) {
            regs->r[11] = model_le((uint8_t *)v->run + MODEL_PAGE, (unsigned)regs->r[12]);
        }
        break;
    case TDX_PENDING_MMIO:
        if (v->run->mmio.is_write == 0) {
            regs->r[11] = model_le(v->run->mmio.data, (unsigned)regs->r[12]);
        }
        break;
    case TDX_PENDING_SIMPLE:
        status(regs, x.unknown.ret);
        break;
    case TDX_PENDING_INFO:
        status(regs, x.info.ret);
        regs->r[11] = x.info.r11;
        regs->r[12] = x.info.r12;
        regs->r[13] = x.info.r13;
        regs->r[14] = x.info.r14;
        break;
    case TDX_PENDING_HLT:
    case TDX_PENDING_NONE:
        break;
    }
    return 0;
}
