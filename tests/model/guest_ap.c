/* SPDX-License-Identifier: Apache-2.0
 * guest_ap.c - AP_CREATION (snp.md e.3).
 */
#include "guest_internal.h"

#define EFER_SVME 0x1000u

/* NULL: the page may serve as a VMSA. */
static const char *vmsa_fault(struct guest_cpu *c, uint64_t gpa, uint64_t features)
{
    struct model_vm *vm = c->vcpu->vm;
    const struct model_rmp *rmp = model_rmp_at(vm, gpa);
    const uint8_t *page = model_private(vm, gpa);
    if (gpa % MODEL_PAGE != 0 || gpa % 0x200000 == 0) {
        return "guest.ap_aligned"; /* erratum: not at the start of 2 MiB */
    }
    if (rmp == NULL || page == NULL || !rmp->validated || rmp->gfn != gpa / MODEL_PAGE) {
        return "guest.ap_private";
    }
    if (!rmp->vmsa) {
        return "guest.ap_rmpadjust"; /* marked with RMPADJUST */
    }
    if (features != (vm->vmsa_features | 1) || model_le(page + 0x3B0, 8) != features) {
        return "guest.ap_features";
    }
    return (model_le(page + 0x0D0, 8) & EFER_SVME) == 0 ? "guest.ap_svme" : NULL;
}

void guest_ap_creation(struct guest_cpu *c, uint8_t *ghcb)
{
    uint64_t info = model_le(ghcb + 0x398, 8);
    uint64_t gpa = model_le(ghcb + 0x3A0, 8);
    uint64_t features = model_le(ghcb + 0x1F8, 8);
    uint32_t target = (uint32_t)(info >> 32);
    unsigned op = info & 0xFFFF;
    struct model_vcpu *v = target < MODEL_MAX_VCPUS ? c->vcpu->vm->vcpus[target] : NULL;
    if (v == NULL || (info >> 16 & 0xFFFF) != 0 || op > 2) {
        guest_object(c->guest, "guest.ap_target", "request %#lx", (unsigned long)info);
        guest_ghcb_result(ghcb, 2, 5);
        return;
    }
    if (op == 2) {
        v->mp_state = KVM_MP_STATE_UNINITIALIZED;
        guest_ghcb_result(ghcb, 0, 0);
        return;
    }
    const char *fault = vmsa_fault(c, gpa, features);
    if (fault != NULL) {
        guest_object(c->guest, fault, "VMSA at %#lx", (unsigned long)gpa);
        guest_ghcb_result(ghcb, 2, 5);
        return;
    }
    if (v->cpu == NULL && (v->cpu = guest_cpu_new(v)) == NULL) {
        guest_ghcb_result(ghcb, 2, 5);
        return;
    }
    v->cpu->ap_vmsa = gpa;
    v->cpu->holding = true; /* until its next KVM_RUN */
    v->mp_state = KVM_MP_STATE_RUNNABLE;
    guest_ghcb_result(ghcb, 0, 0);
}
