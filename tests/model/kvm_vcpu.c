/* SPDX-License-Identifier: Apache-2.0
 * kvm_vcpu.c - a vCPU: its registers until they are sealed into the VMSA.
 */
#include "guest.h"
#include "internal.h"
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MSR_PAT 0x277u

static struct kvm_segment segment(uint16_t selector, uint64_t base, uint8_t type, uint8_t s)
{
    return (struct kvm_segment){
        .base = base, .limit = 0xFFFF, .selector = selector, .type = type, .present = 1, .s = s};
}

/* The architectural reset state, which KVM gives each new vCPU. */
static void reset(struct model_vcpu *v)
{
    struct kvm_segment data = segment(0, 0, 3, 1);
    v->sregs = (struct kvm_sregs){
        .cs = segment(0xF000, 0xFFFF0000, 0xB, 1),
        .ds = data,
        .es = data,
        .fs = data,
        .gs = data,
        .ss = data,
        .tr = segment(0, 0, 0xB, 0),
        .ldt = segment(0, 0, 2, 0),
        .gdt = {.limit = 0xFFFF},
        .idt = {.limit = 0xFFFF},
        .cr0 = 0x60000010,
        .apic_base = 0xFEE00000 | 0x800 | (v->index == 0 ? 0x100 : 0),
    };
    v->regs = (struct kvm_regs){.rip = 0xFFF0, .rflags = 2, .rdx = 0x600};
    v->fpu = (struct kvm_fpu){.fcw = 0x37F, .mxcsr = 0x1F80};
    v->debug = (struct kvm_debugregs){.dr6 = 0xFFFF0FF0, .dr7 = 0x400};
    v->pat = 0x0007040600070406ull;
    v->xcr0 = 1;
    v->mp_state = v->index == 0 ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED;
}

int model_vcpu_create(struct model_vm *vm, unsigned long index)
{
    struct model *m = vm->m;
    unsigned long most = vm->td != NULL ? vm->td->max_vcpus : MODEL_MAX_VCPUS;
    if (index >= most || vm->vcpus[index] != NULL) {
        return index >= most ? model_refuse(m, EINVAL, "vcpu.index")
                             : model_refuse(m, EEXIST, "vcpu.twice");
    }
    if (vm->type == MU_VM_TYPE_SNP && !vm->irqchip) {
        return model_refuse(m, EINVAL, "vcpu.irqchip"); /* snp.md d.3 (1): required */
    }
    int error = vm->td != NULL ? tdx_vcpu_may_create(vm) : 0;
    if (error != 0) {
        return error;
    }
    if (vm->launch == MODEL_RUNNING) {
        return model_refuse(m, EINVAL, "vcpu.after_finish"); /* it would have no measured VMSA */
    }
    struct model_vcpu *v = model_alloc(m, sizeof(*v));
    if (v == NULL) {
        return -ENOMEM;
    }
    void *run =
        mmap(NULL, MODEL_RUN_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = run == MAP_FAILED ? -ENOMEM : model_file_add(m, MODEL_VCPU, v);
    if (fd < 0) {
        if (run != MAP_FAILED) {
            (void)munmap(run, MODEL_RUN_SIZE);
        }
        model_release(m, v, sizeof(*v));
        return fd;
    }
    v->vm = vm;
    v->index = (unsigned)index;
    v->run = run;
    reset(v);
    vm->vcpus[index] = v;
    vm->vcpu_count++;
    vm->refs++;
    m->live.vcpus++;
    return fd;
}

void model_vcpu_close(struct model_vcpu *v)
{
    struct model_vm *vm = v->vm;
    struct model *m = vm->m;
    guest_cpu_free(v->cpu);
    if (v->run != NULL && !model_is_mapped(m, v->run)) {
        (void)munmap(v->run, MODEL_RUN_SIZE);
    }
    vm->vcpus[v->index] = NULL;
    vm->vcpu_count--;
    model_release(m, v, sizeof(*v));
    m->live.vcpus--;
    model_vm_put(vm);
}

static int set_msrs(struct model_vcpu *v, const struct kvm_msrs *msrs)
{
    for (uint32_t i = 0; i < msrs->nmsrs; i++) {
        if (msrs->entries[i].index == MSR_PAT) {
            v->pat = msrs->entries[i].data;
        }
    }
    return (int)msrs->nmsrs;
}

static int set_xcrs(struct model_vcpu *v, const struct kvm_xcrs *xcrs)
{
    if (xcrs->nr_xcrs != 1 || xcrs->flags != 0 || xcrs->xcrs[0].xcr != 0 ||
        (xcrs->xcrs[0].value & 1) == 0) {
        return model_refuse(v->vm->m, EINVAL, "vcpu.xcrs");
    }
    v->xcr0 = xcrs->xcrs[0].value;
    return 0;
}

static int set_cpuid(struct model_vcpu *v, const struct kvm_cpuid2 *c)
{
    if (c->nent > 256) {
        return model_refuse(v->vm->m, E2BIG, "vcpu.cpuid");
    }
    v->has_cpuid = true;
    v->cpuid_count = c->nent;
    memcpy(v->cpuid, c->entries, c->nent * sizeof(v->cpuid[0]));
    return 0;
}

/* E2BIG when the caller has too little room; else the count is what there is. */
static int get_cpuid(struct model_vcpu *v, struct kvm_cpuid2 *c)
{
    if (c->nent < v->cpuid_count) {
        return model_refuse(v->vm->m, E2BIG, "vcpu.cpuid");
    }
    c->nent = v->cpuid_count;
    memcpy(c->entries, v->cpuid, v->cpuid_count * sizeof(v->cpuid[0]));
    return 0;
}

/* Copies between the caller's structure and ours; false: not such a request. */
static bool state_ioctl(struct model_vcpu *v, unsigned long request, void *arg)
{
    switch (request) {
    case KVM_SET_REGS:
        memcpy(&v->regs, arg, sizeof(v->regs));
        return true;
    case KVM_GET_REGS:
        memcpy(arg, &v->regs, sizeof(v->regs));
        return true;
    case KVM_SET_SREGS:
        memcpy(&v->sregs, arg, sizeof(v->sregs));
        return true;
    case KVM_GET_SREGS:
        memcpy(arg, &v->sregs, sizeof(v->sregs));
        return true;
    case KVM_SET_FPU:
        memcpy(&v->fpu, arg, sizeof(v->fpu));
        return true;
    case KVM_GET_FPU:
        memcpy(arg, &v->fpu, sizeof(v->fpu));
        return true;
    case KVM_SET_DEBUGREGS:
        memcpy(&v->debug, arg, sizeof(v->debug));
        return true;
    case KVM_GET_DEBUGREGS:
        memcpy(arg, &v->debug, sizeof(v->debug));
        return true;
    default:
        return false;
    }
}

static bool is_state(unsigned long request)
{
    switch (request) {
    case KVM_SET_REGS:
    case KVM_GET_REGS:
    case KVM_SET_SREGS:
    case KVM_GET_SREGS:
    case KVM_SET_FPU:
    case KVM_GET_FPU:
    case KVM_SET_DEBUGREGS:
    case KVM_GET_DEBUGREGS:
    case KVM_SET_XCRS:
    case KVM_SET_GUEST_DEBUG:
        return true;
    default:
        return false;
    }
}

int model_vcpu_ioctl(struct model_vcpu *v, unsigned long request, void *arg)
{
    struct model *m = v->vm->m;
    int error = v->vm->td != NULL ? tdx_vcpu_refuses(v, request, arg) : 0;
    if (error != 0) {
        return error;
    }
    if (v->measured && is_state(request)) {
        return model_refuse(m, EINVAL, "vcpu.sealed"); /* snp.md d.3 (7): no registers after */
    }
    if (state_ioctl(v, request, arg)) {
        return 0;
    }
    switch (request) {
    case KVM_SET_MSRS:
        return set_msrs(v, arg);
    case KVM_SET_XCRS:
        return set_xcrs(v, arg);
    case KVM_SET_CPUID2:
        return set_cpuid(v, arg);
    case KVM_GET_CPUID2:
        return get_cpuid(v, arg);
    case KVM_SET_GUEST_DEBUG:
        v->guest_debug =
            (((const struct kvm_guest_debug *)arg)->control & KVM_GUESTDBG_ENABLE) != 0;
        return 0;
    case KVM_SET_MP_STATE:
        v->mp_state = ((const struct kvm_mp_state *)arg)->mp_state;
        return 0;
    case KVM_GET_MP_STATE:
        ((struct kvm_mp_state *)arg)->mp_state = v->mp_state;
        return 0;
    case KVM_GET_LAPIC:
        memset(arg, 0, sizeof(struct kvm_lapic_state));
        return 0;
    case KVM_SET_LAPIC:
    case KVM_SET_TSC_KHZ:
    case KVM_SET_SIGNAL_MASK:
        return 0;
    case KVM_GET_TSC_KHZ:
        return 2000000;
    case MU_MEMORY_ENCRYPT_OP:
        return v->vm->td != NULL ? tdx_vcpu_op(v, arg) : model_refuse(m, EINVAL, "vcpu.encrypt_op");
    case KVM_RUN:
        return guest_run(v);
    default:
        return model_refuse(m, ENOTTY, "vcpu.request");
    }
}
