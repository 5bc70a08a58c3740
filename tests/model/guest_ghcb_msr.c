/* SPDX-License-Identifier: Apache-2.0
 * guest_ghcb_msr.c - VMGEXIT, and the GHCB MSR protocol (snp.md e.2).
 */
#include "guest_internal.h"

#include <errno.h>
#include <string.h>

#define CODE 0xFFFu
#define GFN_MASK 0xFFFFFFFFFull /* 51:12 */

uint32_t guest_cpuid(const struct guest *g, uint32_t leaf, unsigned reg)
{
    for (unsigned i = 0; i < g->lie_count; i++) {
        if (g->lies[i].leaf == leaf && g->lies[i].reg == reg) {
            return g->lies[i].value;
        }
    }
    struct kvm_cpuid_entry2 table[MODEL_HOST_LEAVES];
    size_t count = model_host_cpuid(g->vm->m, table);
    for (size_t i = 0; i < count; i++) {
        if (table[i].function == leaf && table[i].index == 0) {
            const uint32_t regs[] = {table[i].eax, table[i].ebx, table[i].ecx, table[i].edx};
            return regs[reg & 3];
        }
    }
    return 0;
}

/* A page that is about to become shared must have been given up first (e.4). */
void guest_psc_rules(struct guest_cpu *c, uint64_t gpa, bool private)
{
    const struct model_rmp *rmp = model_rmp_at(c->vcpu->vm, gpa);
    guest_went_on(c, "a page-state change");
    c->guest->counts.psc_pages++;
    if (!private && rmp != NULL && rmp->assigned && rmp->validated) {
        guest_object(c->guest, "guest.psc_validated", "%#lx is made shared while validated",
                     (unsigned long)gpa);
    }
}

/* d.2: run->hypercall. Negative: KVM answers by itself with an error. */
int guest_hypercall(struct guest_cpu *c, uint64_t gpa, uint64_t pages, unsigned size, bool private)
{
    struct kvm_run *run = c->vcpu->run;
    struct mu_exit_hypercall call = {.nr = MU_HC_MAP_GPA_RANGE,
                                     .args = {gpa, pages, size | (private ? MU_MAP_PRIVATE : 0)}};
    if ((c->vcpu->vm->hypercalls & 1ull << MU_HC_MAP_GPA_RANGE) == 0) {
        return -ENOSYS; /* d.3 (1): the VMM must have asked for the exit */
    }
    run->exit_reason = KVM_EXIT_HYPERCALL;
    memcpy(run->padding, &call, sizeof(call));
    return 0;
}

static void psc_reply(struct guest_cpu *c, uint32_t error)
{
    c->ghcb_msr = 0x015 | (uint64_t)error << 32;
}

static void psc_msr(struct guest_cpu *c, bool *ret_exit)
{
    uint64_t gpa = c->ghcb_msr & GFN_MASK << 12;
    unsigned op = c->ghcb_msr >> 52 & 0xF;
    if (op != 1 && op != 2) {
        guest_object(c->guest, "guest.psc_op", "operation %u", op);
        psc_reply(c, 1);
        return;
    }
    guest_psc_rules(c, gpa, op == 1);
    c->guest->counts.psc_exits++;
    if (c->guest->psc_lie || c->guest->psc_error != 0) {
        psc_reply(c, c->guest->psc_error);
    } else if (guest_hypercall(c, gpa, 1, 0, op == 1) != 0) {
        psc_reply(c, 1);
    } else {
        c->pending = PENDING_PSC_MSR;
        *ret_exit = true;
    }
}

static void terminate(struct guest_cpu *c, bool *ret_exit)
{
    struct kvm_run *run = c->vcpu->run;
    struct mu_exit_system_event event = {
        .type = MU_SYSTEM_EVENT_SEV_TERM, .ndata = 1, .data = {c->ghcb_msr}};
    c->must_stop = false;
    c->guest->termination = c->ghcb_msr;
    guest_end(c->guest, MODEL_TERMINATED);
    run->exit_reason = KVM_EXIT_SYSTEM_EVENT; /* d.1 */
    memcpy(run->padding, &event, sizeof(event));
    *ret_exit = true;
}

static int unknown(struct guest_cpu *c)
{
    guest_object(c->guest, "guest.ghcb_code", "MSR request %#lx", (unsigned long)c->ghcb_msr);
    guest_end(c->guest, MODEL_SHUTDOWN);
    return 0;
}

static int msr_protocol(struct guest_cpu *c, bool *ret_exit)
{
    struct guest *g = c->guest;
    uint64_t value = c->ghcb_msr;
    uint64_t cbit = g->cbit_lie != 0 ? g->cbit_lie : g->vm->m->config.cbit;
    switch (value & CODE) {
    case 0x002: /* SEV_INFO: versions 1..2 */
        c->ghcb_msr = 0x001 | 2ull << 48 | 1ull << 32 | cbit << 24;
        return 0;
    case 0x004:
        c->ghcb_msr = 0x005 | (uint64_t)guest_cpuid(g, (uint32_t)(value >> 32), value >> 30 & 3)
                                  << 32;
        return 0;
    case 0x006: /* AP_RESET_HOLD: until somebody starts it */
        c->holding = true;
        c->ghcb_msr = 0x007 | 1ull << 12;
        return model_refuse(g->vm->m, EAGAIN, "run.waiting");
    case 0x010:
        c->ghcb_msr = 0x011 | GFN_MASK << 12;
        return 0;
    case 0x012:
        c->ghcb_gpa = value & ~(uint64_t)CODE;
        c->ghcb_msr = 0x013 | (value & ~(uint64_t)CODE);
        return 0;
    case 0x014:
        psc_msr(c, ret_exit);
        return 0;
    case 0x080: /* SNP, AP_CREATION */
        c->ghcb_msr = 0x081 | 3ull << 12;
        return 0;
    case 0x100:
        terminate(c, ret_exit);
        return 0;
    default:
        return unknown(c);
    }
}

int guest_vmgexit(struct guest_cpu *c, bool *ret_exit)
{
    c->guest->counts.vmgexits++;
    guest_plan_run(c, MODEL_BEFORE_REPLY);
    int error =
        (c->ghcb_msr & CODE) != 0 ? msr_protocol(c, ret_exit) : guest_ghcb_page(c, ret_exit);
    if (error == 0 && !*ret_exit && c->pending == PENDING_NONE) {
        guest_plan_run(c, MODEL_BEFORE_ENTRY);
    }
    return error;
}

int guest_resume_msr(struct guest_cpu *c)
{
    struct mu_exit_hypercall call;
    memcpy(&call, c->vcpu->run->padding, sizeof(call));
    psc_reply(c, call.ret != 0 ? 1 : 0);
    return 0;
}
