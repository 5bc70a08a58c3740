/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx_plan.c - what a hostile host, and a module that it keeps busy, can do to a TD beside
 * what guest_plan.c and tdx.h have.
 */
#include "guest_tdx.h"

#include <string.h>

static struct guest_cpu *cpu(struct model_vm *vm, unsigned vcpu)
{
    return vcpu < MODEL_MAX_VCPUS && vm->vcpus[vcpu] != NULL ? vm->vcpus[vcpu]->cpu : NULL;
}

bool model_td_plan(struct model_vm *vm, unsigned nth, model_action action, void *ctx)
{
    struct guest *g = guest_of(vm);
    if (g == NULL || g->td_plan_count == GUEST_MAX_PLAN) {
        return false;
    }
    g->td_plan[g->td_plan_count++] = (struct guest_plan){.nth = nth, .action = action, .ctx = ctx};
    return true;
}

void guest_td_plan_run(struct guest_cpu *c)
{
    struct guest *g = c->guest;
    for (unsigned i = 0; i < g->td_plan_count; i++) {
        if (g->td_plan[i].nth == g->counts.tdcalls) {
            g->td_plan[i].action(g->vm, c->vcpu->index, g->td_plan[i].ctx);
        }
    }
}

void model_td_evil_accept(struct model_vm *vm, uint64_t status, unsigned times)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->accept_status = status;
        g->accept_refusals = times;
    }
}

void model_td_evil_rtmr(struct model_vm *vm, uint64_t status, unsigned times)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->rtmr_status = status;
        g->rtmr_refusals = times;
    }
}

void model_td_evil_map_stall(struct model_vm *vm, bool on, uint64_t next)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->map_stall = on;
        g->map_stall_next = next;
    }
}

void model_td_evil_scramble(struct model_vm *vm, bool on)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->scramble = on;
    }
}

void model_td_evil_reply(struct model_vm *vm, unsigned vcpu, unsigned reg, uint64_t value)
{
    struct guest_cpu *c = cpu(vm, vcpu);
    if (c != NULL && reg < 16 && (c->exposed >> reg & 1) != 0) {
        guest_set_gpr(c, reg, value);
    }
}

void model_td_evil_ve(struct model_vm *vm, unsigned vcpu, uint32_t reason, uint64_t qualification,
                      uint64_t gpa)
{
    struct guest_cpu *c = cpu(vm, vcpu);
    if (c != NULL) {
        c->ve = (struct guest_ve){
            .valid = true, .reason = reason, .qualification = qualification, .gpa = gpa};
        model_evil_inject(vm, vcpu, VECTOR_VE, false, 0);
    }
}

bool model_td_evil_prefill(struct model_vm *vm, uint64_t gpa, const void *data, size_t size)
{
    const struct model_td_page *pages;
    size_t count = model_td_trace(vm, &pages);
    bool added = false;
    if (gpa % MODEL_PAGE + size > MODEL_PAGE) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (pages[i].gpa == gpa - gpa % MODEL_PAGE) {
            added = !pages[i].extended;
        }
    }
    for (unsigned i = 0; i < MODEL_MAX_VCPUS; i++) { /* afterwards the page is the guest's alone */
        added = added && cpu(vm, i) == NULL;
    }
    uint8_t *to = added ? model_private(vm, gpa) : NULL;
    if (to == NULL) {
        return false;
    }
    memcpy(to, data, size);
    return true;
}
