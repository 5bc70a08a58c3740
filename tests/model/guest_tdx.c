/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx.c - what is TDX's own in a guest: its first state, its secure EPT, and #VE (tdx.md d).
 * Where the page says "from memory", the published sources of the TDX module decide.
 */
#include "guest_tdx.h"

#include <errno.h>

#define EFER_AT_START 0x901u /* SCE, LME, NXE */
#define CR4_AT_START 0x2040u
#define RESET_EIP 0xFFFFFFF0u
#define CPUID_SIGNATURE 1u

static uint64_t shared_bit(const struct model_vm *vm)
{
    return tdx_shared_bit(vm);
}

static bool launched(const struct model_vcpu *v)
{
    return v->vm->td != NULL && v->vm->td->state == TDX_RUNNABLE && v->vp.initialised;
}

/* All vCPUs begin alike, and at once: 32-bit protected mode without paging. */
static bool first_state(struct guest_cpu *c)
{
    struct model_vcpu *v = c->vcpu;
    uint32_t signature[4] = {0};
    c->efer = EFER_AT_START;
    c->cr0 = CR0_PE | CR0_NE;
    c->cr4 = CR4_AT_START;
    c->cr3 = 0;
    c->cs = 0;
    if (!guest_engine_open(c, GUEST_32)) {
        return false;
    }
    (void)tdx_guest_cpuid(v, CPUID_SIGNATURE, 0, signature);
    for (unsigned i = 0; i < 16; i++) {
        guest_set_gpr(c, i, 0);
    }
    guest_set_gpr(c, RBX, v->vm->td->gpaw);
    guest_set_gpr(c, RCX, v->vp.rcx);
    guest_set_gpr(c, 8, v->vp.rcx);
    guest_set_gpr(c, RDX, signature[0]);
    guest_set_gpr(c, RSI, v->index);
    guest_set_ip(c, RESET_EIP);
    return true;
}

static int begin(struct guest_cpu *c)
{
    struct model *m = c->vcpu->vm->m;
    struct guest_linux *l = &c->guest->linux_played;
    if (l->on && c->vcpu->index == l->target) {
        c->woken_runs++;
    }
    if (c->arrived) { /* it is Linux's now */
        return model_refuse(m, EAGAIN, "run.waiting");
    }
    if (!c->started) {
        c->started = first_state(c);
        return c->started ? 0 : model_refuse(m, ENOMEM, "run.engine");
    }
    return 0;
}

static enum guest_look look(struct guest_cpu *c, uint64_t gpa, uint8_t **ret_host)
{
    struct model_vcpu *v = c->vcpu;
    enum tdx_access a = tdx_access(v->vm, gpa, false, ret_host);
    if (a == TDX_ACCESS_FAULT) { /* KVM augments the page: pending */
        if (tdx_ept_violation(v, gpa, false, 0) != 0) {
            return LOOK_CONVERT;
        }
        a = tdx_access(v->vm, gpa, false, ret_host);
    }
    switch (a) {
    case TDX_ACCESS_GOOD:
        return LOOK_GOOD;
    case TDX_ACCESS_PENDING:
        return LOOK_UNVALIDATED;
    case TDX_ACCESS_BLOCKED:
        return LOOK_MISMATCH; /* exits again and again */
    case TDX_ACCESS_FAULT:
    case TDX_ACCESS_MMIO:
        break;
    }
    return LOOK_ABSENT;
}

static bool usable(struct model_vm *vm, uint64_t gpa)
{
    bool large;
    return tdx_sept_state(vm, gpa, &large) == MODEL_SEPT_MAPPED;
}

/* d: a private page that is pending. The host may have taken back one that the guest had accepted:
 * then the guest is not to blame. */
static int denied(struct guest_cpu *c, uint64_t gpa)
{
    const struct tdx_td *td = c->vcpu->vm->td;
    if (!guest_td_accepted(c->guest, gpa)) {
        guest_object(c->guest, "guest.unaccepted", "touches %#lx, which is not accepted",
                     (unsigned long)gpa);
    }
    if ((td->attributes & TDX_ATTR_SEPT_VE_DISABLE) != 0) {
        guest_end(c->guest, MODEL_STUCK);
        return tdx_kill(c->vcpu->vm, "run.pending");
    }
    guest_ve(c, &(struct guest_ve){.reason = VE_EPT,
                                   .qualification = 1u << c->miss_access,
                                   .gla = c->miss_vaddr,
                                   .gpa = gpa});
    return 0;
}

static void mmio(struct guest_cpu *c, uint64_t gpa)
{
    guest_ve(c, &(struct guest_ve){.reason = VE_EPT,
                                   .qualification = 1u << c->miss_access,
                                   .gla = c->miss_vaddr,
                                   .gpa = gpa | tdx_shared_bit(c->vcpu->vm)});
}

void guest_ve(struct guest_cpu *c, const struct guest_ve *ve)
{
    if (c->ve.valid) {
        guest_object(c->guest, "guest.nested_ve", "#VE %u at %#lx before VEINFO.GET", ve->reason,
                     (unsigned long)guest_ip(c));
        guest_deliver(c, VECTOR_DF, true, 0);
        return;
    }
    c->ve = *ve;
    c->ve.valid = true;
    guest_deliver(c, VECTOR_VE, false, 0);
}

bool guest_td_accepted(const struct guest *g, uint64_t gpa)
{
    uint64_t gfn = gpa / MODEL_PAGE;
    return g->accepted != NULL && gfn < MODEL_MAX_GFN && (g->accepted[gfn / 8] >> gfn % 8 & 1) != 0;
}

void guest_td_mark(struct guest *g, uint64_t gpa, uint64_t size, bool accepted)
{
    if (g->accepted == NULL) {
        g->accepted = model_alloc(g->vm->m, MODEL_MAX_GFN / 8);
    }
    for (uint64_t gfn = gpa / MODEL_PAGE;
         g->accepted != NULL && gfn < (gpa + size) / MODEL_PAGE && gfn < MODEL_MAX_GFN; gfn++) {
        uint8_t bit = (uint8_t)(1u << gfn % 8);
        g->accepted[gfn / 8] =
            (uint8_t)(accepted ? g->accepted[gfn / 8] | bit : g->accepted[gfn / 8] & ~bit);
    }
}

const struct guest_tee guest_tdx = {
    .set_is_shared = true,
    .masks = true,
    .bit = shared_bit,
    .launched = launched,
    .begin = begin,
    .resume = guest_td_resume,
    .look = look,
    .usable = usable,
    .denied = denied,
    .mmio = mmio,
    .special = guest_td_special,
    .check_entry = guest_td_check_entry,
};
