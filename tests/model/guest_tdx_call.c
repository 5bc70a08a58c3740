/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx_call.c - TDCALL: the leaves that the module answers by itself (tdx.md d).
 */
#include "guest_tdx.h"

#include <errno.h>
#include <string.h>

enum { LEAF_VMCALL, LEAF_INFO, LEAF_RTMR_EXTEND, LEAF_VEINFO_GET, LEAF_REPORT, LEAF_ACCEPT = 6 };
enum { R8 = 8, R9, R10, R11 };

static void invalid(struct guest_cpu *c, unsigned operand)
{
    guest_object(c->guest, "guest.td_operand", "leaf %lu: register %u is %#lx",
                 (unsigned long)guest_gpr(c, RAX), operand, (unsigned long)guest_gpr(c, operand));
    guest_set_gpr(c, RAX, TDX_OPERAND_INVALID | operand);
}

/* Private memory that an operand points to. False: ret_error is what the leaf returns, as a status
 * stands, an exception was delivered, or KVM has to exit first. */
static bool operand(struct guest_cpu *c, unsigned reg, uint64_t align, uint8_t **ret_host,
                    int *ret_error)
{
    uint64_t gpa = guest_gpr(c, reg);
    *ret_error = 0;
    if (gpa % align != 0 || gpa >= tdx_shared_bit(c->vcpu->vm)) {
        invalid(c, reg);
        return false;
    }
    switch (guest_look(c, gpa, false, ret_host)) {
    case LOOK_GOOD:
        return true;
    case LOOK_CONVERT:
        *ret_error = guest_memory_fault(c, gpa, false);
        return false;
    case LOOK_UNVALIDATED:
        c->miss_access = GUEST_READ;
        c->miss_vaddr = 0;
        *ret_error = c->guest->tee->denied(c, gpa);
        return false;
    case LOOK_MISMATCH:
    case LOOK_ABSENT:
        guest_end(c->guest, MODEL_STUCK);
        return false;
    }
    return false;
}

static void info(struct guest_cpu *c)
{
    const struct tdx_td *td = c->vcpu->vm->td;
    guest_set_gpr(c, RCX, td->gpaw);
    guest_set_gpr(c, RDX, td->attributes);
    guest_set_gpr(c, R8, (uint64_t)td->max_vcpus << 32 | td->vcpus);
    guest_set_gpr(c, R9, c->vcpu->index);
    guest_set_gpr(c, R10, 0);
    guest_set_gpr(c, R11, 0);
    guest_set_gpr(c, RAX, TDX_SUCCESS);
}

static int rtmr_extend(struct guest_cpu *c)
{
    struct guest *g = c->guest;
    uint8_t *digest;
    int error;
    uint64_t index = guest_gpr(c, RDX);
    if (!operand(c, RCX, 64, &digest, &error)) {
        return error;
    }
    if (index >= TDX_RTMRS) {
        invalid(c, RDX);
        return 0;
    }
    if (g->rtmr_refusals > 0) {
        g->rtmr_refusals--;
        guest_set_gpr(c, RAX, g->rtmr_status);
        return 0;
    }
    (void)tdx_rtmr_extend(c->vcpu->vm->td, (unsigned)index, digest);
    g->counts.rtmr_extends++;
    guest_set_gpr(c, RAX, TDX_SUCCESS);
    return 0;
}

static void veinfo_get(struct guest_cpu *c)
{
    const struct guest_ve ve = c->ve.valid ? c->ve : (struct guest_ve){0};
    guest_set_gpr(c, RCX, ve.reason);
    guest_set_gpr(c, RDX, ve.qualification);
    guest_set_gpr(c, R8, ve.gla);
    guest_set_gpr(c, R9, ve.gpa);
    guest_set_gpr(c, R10, ve.length);
    guest_set_gpr(c, RAX, c->ve.valid ? TDX_SUCCESS : TDX_NO_VALID_VE_INFO);
    c->ve.valid = false;
}

static int report(struct guest_cpu *c)
{
    uint8_t *to, *data, copy[64];
    int error;
    if (!operand(c, RCX, TDX_REPORT_SIZE, &to, &error) || !operand(c, RDX, 64, &data, &error)) {
        return error;
    }
    if (guest_gpr(c, R8) != 0) { /* the subtype */
        invalid(c, R8);
        return 0;
    }
    memcpy(copy, data, sizeof(copy));
    guest_set_gpr(c, RAX,
                  tdx_report(c->vcpu->vm, copy, to) ? TDX_SUCCESS : TDX_OPERAND_INVALID | RCX);
    return 0;
}

/* The page is there now, or was: a guest that accepts its own page again may have lost what was on
 * it (tdx.md d; guest-boot.md 6). */
static void accept_rules(struct guest_cpu *c, uint64_t gpa, uint64_t size)
{
    for (uint64_t at = gpa; at < gpa + size; at += MODEL_PAGE) {
        if (guest_td_accepted(c->guest, at)) {
            guest_object(c->guest, "guest.accept_twice", "page %#lx", (unsigned long)at);
            return;
        }
    }
}

static int accept_page(struct guest_cpu *c)
{
    struct guest *g = c->guest;
    struct model_vm *vm = c->vcpu->vm;
    uint64_t rcx = guest_gpr(c, RCX);
    unsigned level = rcx & 7;
    uint64_t gpa = rcx & ~7ull;
    uint64_t size = level == 1 ? TDX_LARGE : MODEL_PAGE;
    if (g->accept_refusals > 0) {
        g->accept_refusals--;
        guest_set_gpr(c, RAX, g->accept_status);
        return 0;
    }
    if (level == 1 && g->small_pages) {
        guest_set_gpr(c, RAX, TDX_PAGE_SIZE_MISMATCH);
        return 0;
    }
    for (unsigned tries = 0; tries < 2; tries++) {
        switch (tdx_accept(vm, gpa, level)) {
        case TDX_ACCEPT_OK:
            accept_rules(c, gpa, size);
            guest_td_mark(g, gpa, size, true);
            g->counts.accepts++;
            guest_set_gpr(c, RAX, TDX_SUCCESS);
            return 0;
        case TDX_ACCEPT_ALREADY:
            accept_rules(c, gpa, size);
            guest_set_gpr(c, RAX, TDX_PAGE_ALREADY_ACCEPTED);
            return 0;
        case TDX_ACCEPT_SIZE_MISMATCH:
            guest_set_gpr(c, RAX, TDX_PAGE_SIZE_MISMATCH);
            return 0;
        case TDX_ACCEPT_INVALID:
            invalid(c, RCX);
            return 0;
        case TDX_ACCEPT_FAULT: {
            int error = tdx_ept_violation(c->vcpu, gpa, false, level);
            if (error != 0) {
                return error;
            }
            break;
        }
        case TDX_ACCEPT_BLOCKED:
            guest_end(g, MODEL_STUCK);
            return 0;
        }
    }
    guest_end(g, MODEL_STUCK); /* the violation comes again and again */
    return 0;
}

static int leaf(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit)
{
    switch (guest_gpr(c, RAX)) {
    case LEAF_VMCALL:
        return guest_td_vmcall(c, in, ret_exit);
    case LEAF_INFO:
        info(c);
        return 0;
    case LEAF_RTMR_EXTEND:
        return rtmr_extend(c);
    case LEAF_VEINFO_GET:
        veinfo_get(c);
        return 0;
    case LEAF_REPORT:
        return report(c);
    case LEAF_ACCEPT:
        return accept_page(c);
    default:
        invalid(c, RAX);
        return 0;
    }
}

int guest_tdcall(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit)
{
    if (c->mode != GUEST_64) {
        guest_object(c->guest, "guest.tdcall_mode", "TDCALL at %#lx outside of 64-bit mode",
                     (unsigned long)guest_ip(c));
        guest_deliver(c, VECTOR_GP, true, 0);
        return 0;
    }
    c->guest->counts.tdcalls++;
    int error = leaf(c, in, ret_exit);
    if (error == 0) {
        guest_td_plan_run(c);
    }
    return error;
}
