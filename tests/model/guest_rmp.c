/* SPDX-License-Identifier: Apache-2.0
 * guest_rmp.c - PVALIDATE and RMPADJUST (snp.md e.4).
 */
#include "guest_internal.h"

#define FAIL_INPUT 1u
#define FAIL_PERMISSION 2u
#define FAIL_SIZEMISMATCH 6u
#define CARRY 1u

/* The entries of the page at RAX; false: stopped, or a status was given. */
static bool pages(struct guest_cpu *c, uint64_t size, uint64_t *ret_gpa, unsigned *ret_count)
{
    struct guest_walk w;
    uint64_t bytes = size == 1 ? 0x200000 : MODEL_PAGE;
    uint64_t vaddr = guest_gpr(c, RAX);
    if (size > 1 || vaddr % bytes != 0) {
        guest_set_gpr(c, RAX, FAIL_INPUT);
        return false;
    }
    if (!guest_translate(c, vaddr, &w)) {
        c->miss_vaddr = vaddr;
        guest_deliver(c, VECTOR_PF, true, 0);
        return false;
    }
    if (w.shared) { /* the host's page, whatever it says: the nested fault repeats for ever */
        guest_object(c->guest, "guest.rmp_shared", "PVALIDATE or RMPADJUST of %#lx without C",
                     (unsigned long)w.gpa);
        guest_end(c->guest, MODEL_STUCK);
        return false;
    }
    if (size == 1 && (w.page_size < bytes || c->guest->small_pages)) {
        guest_set_gpr(c, RAX, FAIL_SIZEMISMATCH); /* e.4: retry with 4 KiB */
        return false;
    }
    *ret_gpa = w.gpa & ~(bytes - 1);
    *ret_count = (unsigned)(bytes / MODEL_PAGE);
    return true;
}

static void set_carry(struct guest_cpu *c, bool carry)
{
    uint64_t flags = guest_reg(c, UC_X86_REG_EFLAGS);
    guest_set_reg(c, UC_X86_REG_EFLAGS, carry ? flags | CARRY : flags & ~(uint64_t)CARRY);
}

/* Ready to be changed; KVM brings the page in first. A page that is somebody else's stops the run,
 * as the nested fault repeats for ever. c->missed: a conversion by memory fault is wanted. */
static struct model_rmp *entry(struct guest_cpu *c, uint64_t gpa)
{
    uint8_t *host;
    switch (guest_look(c, gpa, false, &host)) {
    case LOOK_GOOD:
    case LOOK_UNVALIDATED:
        return model_rmp_at(c->vcpu->vm, gpa);
    case LOOK_CONVERT:
        c->missed = true;
        c->miss_access = GUEST_READ;
        return NULL;
    case LOOK_MISMATCH:
    case LOOK_ABSENT:
        guest_end(c->guest, MODEL_STUCK);
        return NULL;
    }
    return NULL;
}

void guest_pvalidate(struct guest_cpu *c)
{
    uint64_t gpa;
    unsigned count;
    bool validate = (guest_gpr(c, RDX) & 1) != 0;
    uint64_t vaddr = guest_gpr(c, RAX);
    guest_went_on(c, "PVALIDATE");
    if (c->guest->pvalidate_lie) { /* as if the page had been in another state than it is */
        c->guest->pvalidate_lie = false;
        guest_set_gpr(c, RAX, c->guest->pvalidate_status);
        set_carry(c, c->guest->pvalidate_carry);
        c->must_stop = validate && c->guest->pvalidate_carry;
        return;
    }
    if (!pages(c, guest_gpr(c, RCX) & 0xFFFFFFFF, &gpa, &count)) {
        return;
    }
    for (unsigned i = 0; i < count; i++) { /* all or nothing */
        if (entry(c, gpa + (uint64_t)i * MODEL_PAGE) == NULL) {
            c->miss_vaddr = vaddr + (uint64_t)i * MODEL_PAGE;
            return;
        }
    }
    bool unchanged = true;
    for (unsigned i = 0; i < count; i++) {
        struct model_rmp *rmp = entry(c, gpa + (uint64_t)i * MODEL_PAGE);
        unchanged = unchanged && rmp->validated == validate;
        rmp->validated = validate;
        rmp->touched = 0;
    }
    c->guest->counts.pvalidates++;
    guest_set_gpr(c, RAX, 0);
    set_carry(c, unchanged);
    c->must_stop = unchanged && validate;
    if (!validate) {
        guest_flush(c->guest);
    }
}

void guest_rmpadjust(struct guest_cpu *c)
{
    uint64_t gpa;
    unsigned count;
    uint64_t rdx = guest_gpr(c, RDX);
    if (!pages(c, guest_gpr(c, RCX), &gpa, &count)) {
        return;
    }
    if ((rdx & 0xFF) == 0) { /* VMPL0 may not change its own permissions */
        guest_set_gpr(c, RAX, FAIL_PERMISSION);
        return;
    }
    if ((rdx & 0xFF) > 3) {
        guest_set_gpr(c, RAX, FAIL_INPUT);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        struct model_rmp *rmp = model_rmp_at(c->vcpu->vm, gpa + (uint64_t)i * MODEL_PAGE);
        if (rmp == NULL || !rmp->validated) {
            guest_object(c->guest, "guest.rmpadjust", "RMPADJUST of %#lx, not validated",
                         (unsigned long)gpa);
            guest_set_gpr(c, RAX, FAIL_INPUT);
            return;
        }
        rmp->vmsa = (rdx >> 16 & 1) != 0;
    }
    guest_set_gpr(c, RAX, 0);
    guest_flush(c->guest);
}
