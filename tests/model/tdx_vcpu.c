/* SPDX-License-Identifier: Apache-2.0
 * tdx_vcpu.c - KVM_MEMORY_ENCRYPT_OP of a TD's vCPU: INIT_VCPU, INIT_MEM_REGION, GET_CPUID, and
 * what KVM refuses because a TD's state is protected (tdx.md c).
 */
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>

#define LEAVES 64u

int tdx_vcpu_may_create(struct model_vm *vm)
{
    struct tdx_td *td = vm->td;
    if (td->state != TDX_INITIALISED) {
        return model_refuse(vm->m, EIO, "tdx.vcpu_order"); /* c: between INIT_VM and FINALIZE */
    }
    if (!vm->split) {
        return model_refuse(vm->m, EINVAL, "tdx.vcpu_irqchip"); /* c: local APICs in the kernel */
    }
    if (td->apic_bus_ns != 40) { /* stricter: KVM's timers would be wrong in silence */
        return model_refuse(vm->m, EINVAL, "tdx.apic_bus");
    }
    return 0;
}

static int init_vcpu(struct model_vcpu *v, const struct mu_tdx_cmd *cmd)
{
    struct model *m = v->vm->m;
    if (cmd->flags != 0) {
        return model_refuse(m, EINVAL, "init_vcpu.flags");
    }
    if (v->vp.initialised) {
        return model_refuse(m, EINVAL, "init_vcpu.twice");
    }
    if (!tdx_cpuid_has_x2apic(
            v)) { /* KVM sets the APIC base to x2APIC mode, which CPUID must allow */
        return model_refuse(m, EINVAL, "init_vcpu.x2apic");
    }
    v->vp.initialised = true;
    v->vp.rcx = cmd->data;
    v->mp_state = KVM_MP_STATE_RUNNABLE; /* d: all vCPUs start together */
    v->vm->td->vcpus++;
    return 0;
}

/* Arguments of INIT_MEM_REGION by themselves. NULL: nothing to object. */
static const char *region_fault(const struct model_vm *vm, const struct mu_tdx_mem_region *r)
{
    uint64_t size = r->nr_pages * MODEL_PAGE;
    if (r->source_addr % MODEL_PAGE != 0) {
        return "mem_region.source";
    }
    if (r->gpa % MODEL_PAGE != 0) {
        return "mem_region.gpa";
    }
    if (r->nr_pages == 0 || r->nr_pages > UINT64_MAX / MODEL_PAGE || r->gpa + size <= r->gpa) {
        return "mem_region.pages";
    }
    if (r->gpa >= tdx_shared_bit(vm) || r->gpa + size - 1 >= tdx_shared_bit(vm)) {
        return "mem_region.private";
    }
    return NULL;
}

/* One page, or, in the second pass, its EXTEND alone (b.1). */
static int region_page(struct model_vm *vm, uint64_t gpa, const uint8_t *source, bool add,
                       bool extend)
{
    if (add) {
        struct model_slot *s = model_slot_at(vm, gpa);
        if (s == NULL || (s->r.flags & MU_MEM_GUEST_MEMFD) == 0) {
            return model_refuse(vm->m, EINVAL, "mem_region.slot");
        }
        if (source == NULL) {
            return model_refuse(vm->m, EFAULT, "mem_region.source_null");
        }
        int error = tdx_sept_add(vm, gpa, source);
        if (error != 0) {
            return error;
        }
        if (!tdx_measure_add(vm->td, gpa, source)) {
            return model_refuse(vm->m, EIO, "measure.limit");
        }
    }
    return !extend || tdx_measure_extend(vm->td, gpa, source)
               ? 0
               : model_refuse(vm->m, EIO, "measure.limit");
}

static void advance(struct mu_tdx_mem_region *r)
{
    r->source_addr += MODEL_PAGE;
    r->gpa += MODEL_PAGE;
    r->nr_pages--;
}

/* Pages one by one; what went in stays in, and the structure says how far (c). */
static int add_region(struct model_vm *vm, struct mu_tdx_mem_region *r, bool measure, int stop)
{
    struct model *m = vm->m;
    bool two_pass = m->config.two_pass;
    struct mu_tdx_mem_region second = *r;
    uint64_t done = 0;
    int error = 0;
    while (error == 0 && r->nr_pages > 0) {
        if (m->update_limit != 0 && done == m->update_limit) {
            error = model_refuse(m, stop, "injected");
            break;
        }
        error = region_page(vm, r->gpa, (const void *)(uintptr_t)r->source_addr, true,
                            measure && !two_pass);
        if (error == 0) {
            advance(r);
            done++;
        }
    }
    for (; measure && two_pass && done > 0; done--) {
        (void)region_page(vm, second.gpa, (const void *)(uintptr_t)second.source_addr, false, true);
        advance(&second);
    }
    return tdx_measure_now(vm->td, vm->td->mrtd) ? error : -ENOMEM;
}

static int init_mem_region(struct model_vcpu *v, const struct mu_tdx_cmd *cmd)
{
    struct model_vm *vm = v->vm;
    struct model *m = vm->m;
    struct mu_tdx_mem_region *r = (void *)(uintptr_t)cmd->data;
    if (!v->vp.initialised) {
        return model_refuse(m, EINVAL, "mem_region.vcpu");
    }
    if ((cmd->flags & ~MU_TDX_MEASURE) != 0) {
        return model_refuse(m, EINVAL, "mem_region.flags");
    }
    if (r == NULL) {
        return model_refuse(m, EFAULT, "mem_region.data");
    }
    const char *fault = region_fault(vm, r);
    if (fault != NULL) {
        return model_refuse(m, EINVAL, fault);
    }
    m->updates++;
    bool again = m->updates == m->update_eagain_at;
    if (again && m->update_limit == 0) {
        return model_refuse(m, EAGAIN, "injected");
    }
    return add_region(vm, r, (cmd->flags & MU_TDX_MEASURE) != 0, again ? EAGAIN : EINTR);
}

static int get_cpuid(struct model_vcpu *v, const struct mu_tdx_cmd *cmd)
{
    struct model *m = v->vm->m;
    struct kvm_cpuid2 *c = (void *)(uintptr_t)cmd->data;
    struct kvm_cpuid_entry2 list[LEAVES];
    if (cmd->flags != 0) {
        return model_refuse(m, EINVAL, "get_cpuid.flags"); /* documented, though KVM lets it pass */
    }
    if (c == NULL) {
        return model_refuse(m, EFAULT, "get_cpuid.data");
    }
    uint32_t n = tdx_cpuid_list(v, list);
    uint32_t room = c->nent;
    c->nent = n;
    if (room < n) {
        return model_refuse(m, E2BIG, "get_cpuid.nent");
    }
    memcpy(c->entries, list, n * sizeof(list[0]));
    return 0;
}

int tdx_vcpu_op(struct model_vcpu *v, void *arg)
{
    struct model *m = v->vm->m;
    struct mu_tdx_cmd *cmd = arg;
    if (v->vm->td->state != TDX_INITIALISED) {
        return model_refuse(m, EINVAL, "tdx.after_finalize"); /* c: all fail after FINALIZE */
    }
    if (cmd == NULL) {
        return model_refuse(m, EFAULT, "tdx.cmd");
    }
    if (cmd->hw_error != 0) {
        return model_refuse(m, EINVAL, "tdx.hw_error");
    }
    switch (cmd->id) {
    case MU_TDX_INIT_VCPU:
        return init_vcpu(v, cmd);
    case MU_TDX_INIT_MEM_REGION:
        return init_mem_region(v, cmd);
    case MU_TDX_GET_CPUID:
        return get_cpuid(v, cmd);
    default:
        return model_refuse(m, EINVAL, "tdx.vcpu_id");
    }
}

int tdx_vcpu_refuses(struct model_vcpu *v, unsigned long request, const void *arg)
{
    struct model *m = v->vm->m;
    if (v->vm->td->dead) {
        return model_refuse(m, EIO, "tdx.dead");
    }
    switch (request) {
    case KVM_GET_REGS: /* protected from the vCPU's first moment */
    case KVM_SET_REGS:
    case KVM_GET_SREGS:
    case KVM_SET_SREGS:
    case KVM_GET_FPU:
    case KVM_SET_FPU:
    case KVM_GET_DEBUGREGS:
    case KVM_SET_DEBUGREGS:
    case KVM_SET_XCRS:
    case KVM_SET_GUEST_DEBUG:
        return model_refuse(m, EINVAL, "tdx.protected");
    case KVM_GET_LAPIC:
    case KVM_SET_LAPIC:
        return model_refuse(m, EINVAL, "tdx.lapic");
    case KVM_SET_CPUID2: /* c: "with consistent values"; KVM itself does not look */
        if (((const struct kvm_cpuid2 *)arg)->nent <= MODEL_CPUID_MAX &&
            !tdx_cpuid_consistent(v, arg)) {
            return model_refuse(m, EINVAL, "tdx.cpuid_consistent");
        }
        return 0;
    default:
        return 0;
    }
}
