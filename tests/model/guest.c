/* SPDX-License-Identifier: Apache-2.0
 * guest.c - KVM_RUN: runs the engine until the guest needs the VMM or has ended.
 */
#include "guest_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FLAG_IF 0x200u

struct guest *guest_of(struct model_vm *vm)
{
    if (vm->guest == NULL) {
        vm->guest = model_alloc(vm->m, sizeof(*vm->guest));
        if (vm->guest != NULL) {
            vm->guest->vm = vm;
            vm->guest->tee = vm->td != NULL ? &guest_tdx : &guest_snp;
        }
    }
    return vm->guest;
}

void guest_free(struct guest *g)
{
    if (g != NULL) {
        model_release(g->vm->m, g->accepted, MODEL_MAX_GFN / 8);
        model_release(g->vm->m, g, sizeof(*g));
    }
}

void guest_cpu_free(struct guest_cpu *c)
{
    if (c != NULL) {
        guest_engine_close(c);
        model_release(c->vcpu->vm->m, c, sizeof(*c));
    }
}

void guest_flush(struct guest *g)
{
    for (unsigned i = 0; g != NULL && i < MODEL_MAX_VCPUS; i++) {
        struct model_vcpu *v = g->vm->vcpus[i];
        if (v != NULL && v->cpu != NULL) {
            v->cpu->tlb_stale = true;
        }
    }
}

void guest_forget_memory(struct guest *g)
{
    for (unsigned i = 0; g != NULL && i < MODEL_MAX_VCPUS; i++) {
        struct model_vcpu *v = g->vm->vcpus[i];
        if (v != NULL && v->cpu != NULL) {
            guest_tlb_empty(v->cpu); /* now: the memory is about to go */
        }
    }
}

uint64_t guest_remapped(const struct guest *g, uint64_t gpa)
{
    for (unsigned i = 0; g != NULL && i < g->remap_count; i++) {
        if (g->remaps[i].gpa == gpa / MODEL_PAGE) {
            return g->remaps[i].onto * MODEL_PAGE + gpa % MODEL_PAGE;
        }
    }
    return gpa;
}

void guest_object(struct guest *g, const char *rule, const char *fmt, ...)
{
    if (g->objection_count == GUEST_MAX_OBJECTIONS) {
        return;
    }
    struct model_objection *o = &g->objections[g->objection_count++];
    (void)snprintf(o->rule, sizeof(o->rule), "%s", rule);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(o->text, sizeof(o->text), fmt, ap);
    va_end(ap);
}

const struct model_objection *model_objection(const struct model_vm *vm, unsigned nth)
{
    const struct guest *g = vm->guest;
    return g != NULL && nth < g->objection_count ? &g->objections[nth] : NULL;
}

bool model_objects(const struct model_vm *vm, const char *rule)
{
    for (unsigned i = 0; model_objection(vm, i) != NULL; i++) {
        if (strcmp(model_objection(vm, i)->rule, rule) == 0) {
            return true;
        }
    }
    return false;
}

enum model_outcome model_outcome(const struct model_vm *vm)
{
    return vm->guest != NULL ? vm->guest->outcome : MODEL_GOING;
}

uint64_t model_termination(const struct model_vm *vm)
{
    return vm->guest != NULL ? vm->guest->termination : 0;
}

struct model_counts model_counts(const struct model_vm *vm)
{
    return vm->guest != NULL ? vm->guest->counts : (struct model_counts){0};
}

void guest_end(struct guest *g, enum model_outcome outcome)
{
    if (g->outcome == MODEL_GOING) {
        g->outcome = outcome;
    }
}

uint64_t guest_reg(const struct guest_cpu *c, int reg)
{
    uint64_t value = 0;
    (void)uc_reg_read(c->uc, reg, &value);
    return value;
}

void guest_set_reg(struct guest_cpu *c, int reg, uint64_t value)
{
    (void)uc_reg_write(c->uc, reg, &value);
}

/* e.4: CF=1 on "validate" is an attack; a guest that goes on is wrong even if nothing happens. */
void guest_went_on(struct guest_cpu *c, const char *what)
{
    if (c->must_stop) {
        guest_object(c->guest, "guest.went_on", "%s after PVALIDATE said CF=1", what);
        c->must_stop = false;
    }
}

struct guest_cpu *guest_cpu_new(struct model_vcpu *v)
{
    struct model *m = v->vm->m;
    struct guest *g = guest_of(v->vm);
    struct guest_cpu *c = g != NULL ? model_alloc(m, sizeof(*c)) : NULL;
    if (c != NULL) {
        c->vcpu = v;
        c->guest = g;
        c->ghcb_gpa = UINT64_MAX;
    }
    return c;
}

/* An event that the host brings; a TD takes the maskable ones only when it wants to. */
static void injected(struct guest_cpu *c)
{
    bool open = (guest_reg(c, UC_X86_REG_EFLAGS) & FLAG_IF) != 0;
    if (c->inject && (!c->guest->tee->masks || c->inject_vector < 32 || open)) {
        c->inject = false;
        guest_deliver(c, c->inject_vector, c->inject_has_error, c->inject_error);
    }
}

/* One stretch of the engine, and what stopped it. */
static int stretch(struct guest_cpu *c, bool *ret_exit)
{
    injected(c);
    if (c->tlb_stale) {
        guest_tlb_empty(c);
    }
    c->special = c->missed = c->exception = c->sliced = false;
    uint64_t pc = guest_ip(c);
    if (c->mode == GUEST_16) {
        pc = (pc & 0xFFFF) + (uint64_t)c->cs * 16;
    }
    uc_err err = uc_emu_start(c->uc, pc, UINT64_MAX, 0, 0);
    if (c->guest->outcome != MODEL_GOING) {
        return 0;
    }
    if (c->sliced) {
        c->woken_runs += c->woken_runs > 0 ? GUEST_WOKEN_SLICE : 0;
        return model_refuse(c->vcpu->vm->m, EINTR, "run.slice");
    }
    if (c->special) {
        return guest_special(c, ret_exit);
    }
    if (c->missed) {
        return guest_tlb_serve(c, ret_exit);
    }
    if (c->exception) {
        guest_deliver(c, c->exception_vector, false, 0);
        return 0;
    }
    guest_object(c->guest, "guest.engine", "%s at %#lx", uc_strerror(err),
                 (unsigned long)guest_ip(c));
    guest_end(c->guest, MODEL_SHUTDOWN);
    return 0;
}

int guest_run(struct model_vcpu *v)
{
    struct model_vm *vm = v->vm;
    struct model *m = vm->m;
    if (v->run == NULL) {
        return model_refuse(m, EFAULT, "run.unmapped");
    }
    const struct guest *g = guest_of(vm);
    if (g == NULL) {
        return -ENOMEM;
    }
    if (!g->tee->launched(v)) { /* snp.md d.3: LAUNCH_FINISH comes first; tdx.md c: FINALIZE_VM */
        return model_refuse(m, EINVAL, "run.before_finish");
    }
    if (v->cpu == NULL && (v->cpu = guest_cpu_new(v)) == NULL) {
        return -ENOMEM;
    }
    struct guest_cpu *c = v->cpu;
    bool exit = false;
    int error = c->guest->outcome == MODEL_GOING ? g->tee->begin(c) : 0;
    if (error == 0 && c->pending != PENDING_NONE) {
        error = g->tee->resume(c, &exit);
    }
    c->slice = GUEST_SLICE;
    while (error == 0 && !exit && c->guest->outcome == MODEL_GOING) {
        if (v->run->immediate_exit != 0) {
            return model_refuse(m, EINTR, "run.immediate_exit");
        }
        error = stretch(c, &exit);
    }
    if (error == 0 && c->guest->outcome != MODEL_GOING && !exit) {
        v->run->exit_reason = KVM_EXIT_SHUTDOWN;
    }
    return error;
}
