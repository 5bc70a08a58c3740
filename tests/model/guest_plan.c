/* SPDX-License-Identifier: Apache-2.0
 * guest_plan.c - the hostile host: what it can do, and when a test has it do so.
 */
#include "guest_internal.h"

#include <string.h>

bool model_plan(struct model_vm *vm, unsigned nth, enum model_when when, model_action action,
                void *ctx)
{
    struct guest *g = guest_of(vm);
    if (g == NULL || g->plan_count == GUEST_MAX_PLAN) {
        return false;
    }
    g->plan[g->plan_count++] =
        (struct guest_plan){.nth = nth, .when = when, .action = action, .ctx = ctx};
    return true;
}

bool model_plan_read(struct model_vm *vm, uint64_t gpa, uint64_t size, unsigned nth,
                     model_action action, void *ctx)
{
    struct guest *g = guest_of(vm);
    if (g == NULL || g->read_plan_count == GUEST_MAX_PLAN || size == 0) {
        return false;
    }
    g->watch_gpa = gpa;
    g->watch_size = size;
    g->read_plan[g->read_plan_count++] =
        (struct guest_plan){.nth = nth, .action = action, .ctx = ctx};
    return true;
}

uint64_t model_shared_reads(const struct model_vm *vm)
{
    return vm->guest != NULL ? vm->guest->watch_reads : 0;
}

void guest_plan_run(struct guest_cpu *c, enum model_when when)
{
    struct guest *g = c->guest;
    for (unsigned i = 0; i < g->plan_count; i++) {
        if (g->plan[i].nth == g->counts.vmgexits && g->plan[i].when == when) {
            g->plan[i].action(g->vm, c->vcpu->index, g->plan[i].ctx);
        }
    }
}

/* Called before the read: the action of the (n+1)th call runs after the nth read. */
void guest_plan_reads(struct guest_cpu *c, uint64_t gpa)
{
    struct guest *g = c->guest;
    if (gpa < g->watch_gpa || gpa - g->watch_gpa >= g->watch_size) {
        return;
    }
    for (unsigned i = 0; i < g->read_plan_count; i++) {
        if (g->read_plan[i].nth == g->watch_reads) {
            g->read_plan[i].action(g->vm, c->vcpu->index, g->read_plan[i].ctx);
        }
    }
    g->watch_reads++;
}

void model_evil_remap(struct model_vm *vm, uint64_t gpa, uint64_t onto)
{
    struct guest *g = guest_of(vm);
    if (g != NULL && vm->td == NULL && g->remap_count < GUEST_MAX_REMAPS) {
        g->remaps[g->remap_count].gpa = gpa / MODEL_PAGE;
        g->remaps[g->remap_count++].onto = onto / MODEL_PAGE;
        guest_flush(g);
    }
}

void model_evil_swap(struct model_vm *vm, uint64_t a, uint64_t b)
{
    model_evil_remap(vm, a, b);
    model_evil_remap(vm, b, a);
}

void model_evil_rmpupdate(struct model_vm *vm, uint64_t gpa, bool assigned)
{
    struct model_rmp *rmp = model_rmp_at(vm, gpa);
    if (rmp != NULL) { /* RMPUPDATE always clears "validated" */
        *rmp = (struct model_rmp){.gfn = (uint32_t)(gpa / MODEL_PAGE), .assigned = assigned};
        guest_flush(vm->guest);
    }
}

void model_evil_write(struct model_vm *vm, uint64_t gpa, const void *data, size_t size)
{
    uint8_t *p = guest_shared(vm, gpa, size);
    if (p != NULL) {
        memcpy(p, data, size);
    }
}

void model_evil_msr(struct model_vm *vm, unsigned vcpu, uint64_t value)
{
    if (vcpu < MODEL_MAX_VCPUS && vm->vcpus[vcpu] != NULL && vm->vcpus[vcpu]->cpu != NULL) {
        vm->vcpus[vcpu]->cpu->ghcb_msr = value;
    }
}

void model_evil_inject(struct model_vm *vm, unsigned vcpu, unsigned vector, bool has_error,
                       uint64_t error)
{
    struct guest_cpu *c =
        vcpu < MODEL_MAX_VCPUS && vm->vcpus[vcpu] != NULL ? vm->vcpus[vcpu]->cpu : NULL;
    if (c != NULL) {
        c->inject = true;
        c->inject_vector = vector;
        c->inject_has_error = has_error;
        c->inject_error = error;
    }
}

void model_evil_psc_lie(struct model_vm *vm, bool on)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->psc_lie = on;
    }
}

void model_evil_psc_refuse(struct model_vm *vm, uint32_t error)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->psc_error = error;
    }
}

void model_evil_small_pages(struct model_vm *vm, bool on)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->small_pages = on;
    }
}

void model_evil_cpuid(struct model_vm *vm, uint32_t leaf, unsigned reg, uint32_t value)
{
    struct guest *g = guest_of(vm);
    if (g != NULL && g->lie_count < GUEST_MAX_LIES) {
        g->lies[g->lie_count].leaf = leaf;
        g->lies[g->lie_count].reg = reg;
        g->lies[g->lie_count++].value = value;
    }
}

void model_evil_cbit(struct model_vm *vm, uint8_t position)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->cbit_lie = position;
    }
}

void model_evil_pvalidate(struct model_vm *vm, uint32_t status, bool carry)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->pvalidate_lie = true;
        g->pvalidate_status = status;
        g->pvalidate_carry = carry;
    }
}

void model_evil_starve(struct model_vm *vm, bool on)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->starved = on;
    }
}

void model_evil_start(struct model_vm *vm, unsigned vcpu)
{
    if (vcpu < MODEL_MAX_VCPUS && vm->vcpus[vcpu] != NULL) {
        vm->vcpus[vcpu]->mp_state = KVM_MP_STATE_RUNNABLE;
    }
}

void model_watch_touch(struct model_vm *vm)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->watch_touch = true;
    }
}

/* guest-boot.md 6: after PVALIDATE the first and the last line of a page are read. */
void guest_touch(struct guest_cpu *c, uint64_t gpa)
{
    struct model_rmp *rmp = model_rmp_at(c->vcpu->vm, gpa);
    uint64_t offset = gpa % MODEL_PAGE;
    if (rmp != NULL) {
        rmp->touched |= offset < 64 ? 1 : offset >= MODEL_PAGE - 64 ? 2 : 0;
    }
}
