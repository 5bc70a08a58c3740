/* SPDX-License-Identifier: Apache-2.0
 * kvm_vm.c - a VM: its life, and the ioctls that are not about memory or launch.
 */
#include "guest.h"
#include "internal.h"
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>

int model_vm_create(struct model *m, unsigned long type)
{
    /* snp.md d.1: the type must be among KVM_CAP_VM_TYPES. */
    if (type >= 32 || (model_extension(m, MU_CAP_VM_TYPES) >> type & 1) == 0) {
        return model_refuse(m, EINVAL, "vm.type");
    }
    struct model_vm *vm = model_alloc(m, sizeof(*vm));
    uint8_t *attributes = vm != NULL ? model_alloc(m, MODEL_MAX_GFN) : NULL;
    struct model_measured *trace =
        attributes != NULL ? model_alloc(m, MODEL_MAX_TRACE * sizeof(*trace)) : NULL;
    if (vm != NULL) {
        vm->m = m;
    }
    bool made = trace != NULL && (type != MU_VM_TYPE_TDX || tdx_vm_create(vm) == 0);
    int fd = made ? model_file_add(m, MODEL_VM, vm) : -ENOMEM;
    if (fd < 0) {
        if (vm != NULL) {
            tdx_vm_free(vm);
        }
        model_release(m, trace, MODEL_MAX_TRACE * sizeof(*trace));
        model_release(m, attributes, MODEL_MAX_GFN);
        model_release(m, vm, sizeof(*vm));
        return fd;
    }
    vm->refs = 1;
    vm->type = type;
    vm->attributes = attributes;
    vm->trace = trace;
    model_random(m, vm->report_id, sizeof(vm->report_id));
    m->live.vms++;
    return fd;
}

void model_vm_put(struct model_vm *vm)
{
    if (--vm->refs > 0) { /* a vCPU or a guest_memfd still holds it, as in the kernel */
        return;
    }
    struct model *m = vm->m;
    guest_free(vm->guest);
    tdx_vm_free(vm);
    model_release(m, vm->trace, MODEL_MAX_TRACE * sizeof(*vm->trace));
    model_release(m, vm->attributes, MODEL_MAX_GFN);
    model_release(m, vm, sizeof(*vm));
    m->live.vms--;
}

/* tdx.md c: 40 for a TD, whose timer runs at 25 MHz. */
static int apic_bus(struct model_vm *vm, uint64_t ns)
{
    if (ns == 0 || ns > UINT64_MAX / (128ull * UINT32_MAX)) {
        return model_refuse(vm->m, EINVAL, "cap.apic_bus");
    }
    if (!vm->irqchip) {
        return model_refuse(vm->m, ENXIO, "cap.apic_bus_irqchip");
    }
    if (vm->vcpu_count > 0) {
        return model_refuse(vm->m, EINVAL, "cap.apic_bus_order");
    }
    if (vm->td != NULL) {
        vm->td->apic_bus_ns = ns;
    }
    return 0;
}

static int tsc_khz(struct model_vm *vm, unsigned long khz)
{
    if (vm->td == NULL) {
        return 0;
    }
    if (vm->td->state != TDX_NEW) { /* stricter: INIT_VM has taken the old one, in silence */
        return model_refuse(vm->m, EINVAL, "tdx.tsc_order");
    }
    vm->td->tsc_khz = khz != 0 ? (uint32_t)khz : 2000000;
    return 0;
}

static int enable_cap(struct model_vm *vm, const struct kvm_enable_cap *cap)
{
    if (cap->flags != 0) {
        return model_refuse(vm->m, EINVAL, "cap.flags");
    }
    switch (cap->cap) {
    case MU_CAP_EXIT_HYPERCALL: /* snp.md d.3 (1) */
        if ((cap->args[0] & ~(1ull << MU_HC_MAP_GPA_RANGE)) != 0) {
            return model_refuse(vm->m, EINVAL, "cap.hypercall");
        }
        vm->hypercalls = cap->args[0];
        return 0;
    case KVM_CAP_SPLIT_IRQCHIP:
        if (vm->irqchip || vm->vcpu_count > 0) {
            return model_refuse(vm->m, EEXIST, "irqchip.order");
        }
        vm->irqchip = vm->split = true;
        return 0;
    case MU_CAP_APIC_BUS_CYCLES_NS:
        return apic_bus(vm, cap->args[0]);
    case KVM_CAP_X2APIC_API:
    case KVM_CAP_EXCEPTION_PAYLOAD:
    case KVM_CAP_X86_DISABLE_EXITS:
        return 0;
    default:
        return model_refuse(vm->m, EINVAL, "cap.number");
    }
}

static int irqchip(struct model_vm *vm)
{
    if (vm->irqchip) {
        return model_refuse(vm->m, EEXIST, "irqchip.twice");
    }
    if (vm->td != NULL) {
        return model_refuse(vm->m, ENOTTY, "tdx.irqchip"); /* tdx.md c: protected EOI */
    }
    if (vm->vcpu_count > 0) {
        return model_refuse(vm->m, EINVAL, "irqchip.order"); /* guest-boot.md 2.1: before vCPUs */
    }
    vm->irqchip = true;
    return 0;
}

/* Slots of the old form have no guest_memfd: shared memory only. */
static int old_region(struct model_vm *vm, const struct kvm_userspace_memory_region *old)
{
    const struct mu_memory_region2 r = {.slot = old->slot,
                                        .flags = old->flags,
                                        .gpa = old->guest_phys_addr,
                                        .size = old->memory_size,
                                        .userspace_addr = old->userspace_addr};
    if ((old->flags & MU_MEM_GUEST_MEMFD) != 0) {
        return model_refuse(vm->m, EINVAL, "region.old_flags");
    }
    return model_region2(vm, &r);
}

/* guest-boot.md 2.1: a PIT needs the whole interrupt controller in the kernel. */
static int pit(struct model_vm *vm)
{
    return vm->irqchip && !vm->split ? 0 : model_refuse(vm->m, ENOENT, "pit.irqchip");
}

int model_vm_ioctl(struct model_vm *vm, unsigned long request, void *arg)
{
    if (vm->td != NULL && vm->td->dead) {
        return model_refuse(vm->m, EIO, "tdx.dead");
    }
    switch (request) {
    case KVM_CHECK_EXTENSION:
        return model_vm_extension(vm, (long)(uintptr_t)arg);
    case KVM_ENABLE_CAP:
        return enable_cap(vm, arg);
    case KVM_CREATE_IRQCHIP:
        return irqchip(vm);
    case KVM_CREATE_VCPU:
        return model_vcpu_create(vm, (unsigned long)(uintptr_t)arg);
    case MU_CREATE_GUEST_MEMFD:
        return model_gmem_create(vm, arg);
    case MU_SET_USER_MEMORY_REGION2:
        return model_region2(vm, arg);
    case KVM_SET_USER_MEMORY_REGION:
        return old_region(vm, arg);
    case KVM_CREATE_PIT2:
        return pit(vm);
    case MU_SET_MEMORY_ATTRIBUTES:
        return model_attributes(vm, arg);
    case MU_MEMORY_ENCRYPT_OP:
        return vm->td != NULL ? tdx_vm_op(vm, arg) : model_encrypt_op(vm, arg);
    case KVM_SET_TSC_KHZ:
        return tsc_khz(vm, (unsigned long)(uintptr_t)arg);
    case KVM_GET_TSC_KHZ:
        return vm->td != NULL ? (int)vm->td->tsc_khz : 2000000;
    case KVM_SIGNAL_MSI:
        if (vm->td != NULL) {
            tdx_signal_msi(vm, arg);
        }
        return 0;
    case KVM_SET_TSS_ADDR:
    case KVM_SET_IDENTITY_MAP_ADDR:
    case KVM_SET_GSI_ROUTING:
    case KVM_IRQFD:
    case KVM_IOEVENTFD:
    case KVM_IRQ_LINE:
    case KVM_SET_CLOCK:
    case KVM_SET_BOOT_CPU_ID:
        return 0; /* devices: of no consequence for the launch */
    default:
        return model_refuse(vm->m, ENOTTY, "vm.request");
    }
}
