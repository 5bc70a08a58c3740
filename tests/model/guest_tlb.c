/* SPDX-License-Identifier: Apache-2.0
 * guest_tlb.c - what the engine may touch without asking: a small TLB, filled after every check.
 */
#include "guest_internal.h"

#include <string.h>

#define MAX_RUN 0x200000u

static void drop(struct guest_cpu *c, struct guest_tlb *e)
{
    if (e->size != 0) {
        (void)uc_mem_unmap(c->uc, e->vaddr, e->size);
        *e = (struct guest_tlb){0};
    }
}

void guest_tlb_empty(struct guest_cpu *c)
{
    for (unsigned i = 0; i < GUEST_TLB; i++) {
        drop(c, &c->tlb[i]);
    }
    c->code = NULL;
    c->tlb_stale = false;
}

struct guest_tlb *guest_tlb_find(struct guest_cpu *c, uint64_t vaddr)
{
    for (unsigned i = 0; i < GUEST_TLB; i++) {
        struct guest_tlb *e = &c->tlb[i];
        if (e->size != 0 && vaddr >= e->vaddr && vaddr - e->vaddr < e->size) {
            return e;
        }
    }
    return NULL;
}

/* Whether the page at gpa could be part of a run whose first byte is at host. */
static bool continues(struct guest_cpu *c, uint64_t gpa, bool shared, const uint8_t *host)
{
    struct model_vm *vm = c->vcpu->vm;
    uint8_t *here = NULL;
    if (shared) {
        return guest_look(c, gpa, true, &here) == LOOK_GOOD && here == host;
    }
    return guest_usable(vm, gpa) && model_private(vm, gpa) == host;
}

/* The largest aligned block around the page, inside the guest's own page, that is all alike. */
static uint64_t run_size(struct guest_cpu *c, const struct guest_walk *w, uint64_t page,
                         uint8_t *host)
{
    uint64_t size = MODEL_PAGE;
    uint64_t limit = w->page_size < MAX_RUN ? w->page_size : MAX_RUN;
    if (c->guest->has_entry && w->executable) {
        limit = limit < MAX_RUN ? limit : MAX_RUN;
    }
    while (size < limit) {
        uint64_t wider = size * 2;
        uint64_t start = page & ~(wider - 1);
        uint64_t from = (page & ~(size - 1)) == start ? start + size : start;
        for (uint64_t at = from; at < from + size; at += MODEL_PAGE) {
            if (!continues(c, at, w->shared, host + (int64_t)(at - page))) {
                return size;
            }
        }
        size = wider;
    }
    return size;
}

static bool fill(struct guest_cpu *c, uint64_t vaddr, const struct guest_walk *w, uint8_t *host)
{
    uint64_t page = w->gpa & ~(uint64_t)(MODEL_PAGE - 1);
    uint64_t size = c->mode == GUEST_64 ? run_size(c, w, page, host) : MODEL_PAGE;
    uint64_t back = page & (size - 1);
    struct guest_tlb e = {.vaddr = (vaddr & ~(uint64_t)(MODEL_PAGE - 1)) - back,
                          .size = size,
                          .gpa = page - back,
                          .host = host - back,
                          .shared = w->shared};
    for (unsigned i = 0; i < GUEST_TLB; i++) { /* a smaller entry inside the new one goes */
        struct guest_tlb *old = &c->tlb[i];
        if (old->size != 0 && old->vaddr < e.vaddr + e.size && e.vaddr < old->vaddr + old->size) {
            drop(c, old);
        }
    }
    struct guest_tlb *slot = &c->tlb[c->tlb_next++ % GUEST_TLB];
    drop(c, slot);
    uint32_t prot = UC_PROT_READ | (w->writable ? UC_PROT_WRITE : 0u) |
                    (w->executable && !w->shared ? UC_PROT_EXEC : 0u);
    c->code = NULL;
    if (uc_mem_map_ptr(c->uc, e.vaddr, e.size, prot, e.host) != UC_ERR_OK) {
        guest_object(c->guest, "guest.engine", "cannot map %#lx", (unsigned long)e.vaddr);
        guest_end(c->guest, MODEL_SHUTDOWN);
        return false;
    }
    *slot = e;
    return true;
}

static void page_fault(struct guest_cpu *c, bool present)
{
    uint64_t error = (present ? 1u : 0u) | (c->miss_access == GUEST_WRITE ? 2u : 0u) |
                     (c->miss_access == GUEST_FETCH ? 16u : 0u);
    c->cr2 = c->miss_vaddr;
    guest_set_reg(c, UC_X86_REG_CR2, c->miss_vaddr);
    guest_deliver(c, VECTOR_PF, true, error);
}

/* d.3 (8): KVM_EXIT_MEMORY_FAULT; KVM_RUN itself says EFAULT with it (d.1). */
int guest_memory_fault(struct guest_cpu *c, uint64_t gpa, bool shared)
{
    struct kvm_run *run = c->vcpu->run;
    struct mu_exit_memory_fault fault = {.flags = shared ? 0 : MU_FAULT_PRIVATE,
                                         .gpa = gpa & ~(uint64_t)(MODEL_PAGE - 1),
                                         .size = MODEL_PAGE};
    run->exit_reason = MU_EXIT_MEMORY_FAULT;
    memcpy(run->padding, &fault, sizeof(fault));
    return model_refuse(c->vcpu->vm->m, 14 /* EFAULT */, "run.memory_fault");
}

int guest_tlb_serve(struct guest_cpu *c, bool *ret_exit)
{
    struct guest_walk w;
    uint8_t *host = NULL;
    (void)ret_exit;
    if (!guest_translate(c, c->miss_vaddr, &w)) {
        page_fault(c, false);
        return 0;
    }
    if ((c->miss_access == GUEST_WRITE && !w.writable) ||
        (c->miss_access == GUEST_FETCH && !w.executable)) {
        page_fault(c, true);
        return 0;
    }
    if (c->miss_access == GUEST_FETCH && w.shared) { /* hardware would fetch it as private */
        guest_object(c->guest, "guest.fetch_shared", "runs from %#lx without C",
                     (unsigned long)w.gpa);
        guest_end(c->guest, MODEL_SHUTDOWN);
        return 0;
    }
    switch (guest_look(c, w.gpa, w.shared, &host)) {
    case LOOK_GOOD:
        (void)fill(c, c->miss_vaddr, &w, host - w.gpa % MODEL_PAGE);
        return 0;
    case LOOK_CONVERT:
        return guest_memory_fault(c, w.gpa, w.shared);
    case LOOK_UNVALIDATED:
        return c->guest->tee->denied(c, w.gpa);
    case LOOK_MISMATCH:
        guest_end(c->guest, MODEL_STUCK);
        return 0;
    case LOOK_ABSENT:
        break;
    }
    if (w.shared) { /* MMIO */
        c->guest->tee->mmio(c, w.gpa);
    } else {
        guest_object(c->guest, "guest.no_memory", "private access of %#lx, where nothing is",
                     (unsigned long)w.gpa);
        guest_end(c->guest, MODEL_STUCK);
    }
    return 0;
}
