/* SPDX-License-Identifier: Apache-2.0
 * guest_snp.c - what is SNP's own in a guest: its first state, its RMP, its instructions and the
 * exceptions with which the processor answers (snp.md e).
 */
#include "guest_insn.h"

#include <errno.h>

static uint64_t encryption_bit(const struct model_vm *vm)
{
    return 1ull << vm->m->config.cbit;
}

static bool launched(const struct model_vcpu *v)
{
    return v->vm->launch == MODEL_RUNNING && v->measured;
}

/* A vCPU begins: the first from its measured VMSA, another once the guest asked for it. */
static int begin(struct guest_cpu *c)
{
    struct model_vcpu *v = c->vcpu;
    struct model *m = v->vm->m;
    if (c->started && !c->holding) {
        return 0;
    }
    if (c->ap_vmsa == 0 && (v->mp_state == KVM_MP_STATE_UNINITIALIZED || c->holding)) {
        return model_refuse(m, EAGAIN, "run.waiting"); /* KVM blocks here, then says EAGAIN */
    }
    const uint8_t *state = c->ap_vmsa != 0 ? model_private(v->vm, c->ap_vmsa) : v->vmsa;
    c->ap_vmsa = 0;
    if (state == NULL || !guest_state_load(c, state)) {
        return model_refuse(m, ENOMEM, "run.engine");
    }
    c->started = true;
    c->holding = false;
    return 0;
}

static enum guest_look look(struct guest_cpu *c, uint64_t gpa, uint8_t **ret_host)
{
    struct model_rmp *rmp = model_rmp_at(c->vcpu->vm, gpa);
    if (rmp == NULL) {
        return LOOK_ABSENT;
    }
    if (!rmp->assigned) { /* KVM gives the page to the guest at its first touch */
        *rmp = (struct model_rmp){.gfn = (uint32_t)(gpa / MODEL_PAGE), .assigned = true};
    }
    if (rmp->gfn != gpa / MODEL_PAGE) {
        return LOOK_MISMATCH; /* the RMP binds a page to one guest address */
    }
    *ret_host = model_private(c->vcpu->vm, gpa);
    return rmp->validated ? LOOK_GOOD : LOOK_UNVALIDATED;
}

static bool usable(struct model_vm *vm, uint64_t gpa)
{
    const struct model_rmp *rmp = model_rmp_at(vm, gpa);
    return rmp != NULL && rmp->assigned && rmp->validated && rmp->gfn == gpa / MODEL_PAGE &&
           !rmp->vmsa;
}

static int denied(struct guest_cpu *c, uint64_t gpa)
{
    guest_object(c->guest, "guest.unvalidated", "touches %#lx, which is not validated",
                 (unsigned long)gpa);
    guest_deliver(c, VECTOR_VC, true, VC_NOT_VALIDATED);
    return 0;
}

static void mmio(struct guest_cpu *c, uint64_t gpa)
{
    (void)gpa;
    guest_deliver(c, VECTOR_VC, true, VC_NPF);
}

/* MSRs that do not trap; false: the others do (#VC 7C). */
static bool msr(struct guest_cpu *c, bool write)
{
    uint32_t number = (uint32_t)guest_gpr(c, RCX);
    uint64_t value = (guest_gpr(c, RAX) & 0xFFFFFFFF) | guest_gpr(c, RDX) << 32;
    switch (number) {
    case MSR_GHCB:
        c->ghcb_msr = write ? value : c->ghcb_msr;
        value = c->ghcb_msr;
        break;
    case MSR_SEV_STATUS: /* e.1: SEV, ES, and SEV_FEATURES << 2; not interceptable */
        value = 3 | (c->vcpu->vm->vmsa_features | 1) << 2;
        break;
    default:
        if (!guest_msr(c, number, write, &value)) {
            return false;
        }
        break;
    }
    if (!write) {
        guest_set_gpr(c, RAX, value & 0xFFFFFFFF);
        guest_set_gpr(c, RDX, value >> 32);
    }
    return true;
}

static int special(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit)
{
    switch (in->kind) {
    case VMGEXIT:
        guest_set_ip(c, guest_ip(c) + in->len);
        return guest_vmgexit(c, ret_exit);
    case VMMCALL:
        guest_deliver(c, VECTOR_VC, true, VC_VMMCALL);
        break;
    case PVALIDATE:
        guest_pvalidate(c);
        break;
    case RMPADJUST:
        guest_rmpadjust(c);
        break;
    case CPUID:
        guest_deliver(c, VECTOR_VC, true, VC_CPUID);
        break;
    case PORT:
        guest_deliver(c, VECTOR_VC, true, VC_IOIO);
        break;
    case HALT:
        guest_deliver(c, VECTOR_VC, true, VC_HLT);
        break;
    case WBINVD:
        guest_deliver(c, VECTOR_VC, true, VC_WBINVD);
        break;
    case RDMSR:
    case WRMSR:
        if (!msr(c, in->kind == WRMSR)) {
            guest_deliver(c, VECTOR_VC, true, VC_MSR);
        }
        break;
    default:
        guest_carry_out(c, in);
        break;
    }
    return 0;
}

const struct guest_tee guest_snp = {
    .bit = encryption_bit,
    .launched = launched,
    .begin = begin,
    .resume = guest_resume_snp,
    .look = look,
    .usable = usable,
    .denied = denied,
    .mmio = mmio,
    .special = special,
    .check_entry = guest_snp_check_entry,
};
