/* SPDX-License-Identifier: Apache-2.0
 * guest_walk.c - from a virtual address to the bytes behind it: the guest's page tables, the
 * encryption or shared bit, and what the RMP or the secure EPT says about the page (snp.md e.1,
 * e.4; tdx.md d; guest-boot.md 5.5).
 */
#include "guest_internal.h"

#include <string.h>

#define ADDRESS 0x000FFFFFFFFFF000ull
#define PRESENT 1u
#define WRITABLE 2u
#define LARGE 0x80u
#define NX (1ull << 63)

enum guest_look guest_look(struct guest_cpu *c, uint64_t gpa, bool shared, uint8_t **ret_host)
{
    struct model_vm *vm = c->vcpu->vm;
    struct model_slot *s = model_slot_at(vm, gpa);
    if (s == NULL || (shared && s->r.userspace_addr == 0)) {
        return LOOK_ABSENT;
    }
    if (shared) { /* d.3 (8): a shared access of a private gfn is an exit, and the reverse */
        *ret_host = (uint8_t *)(uintptr_t)s->r.userspace_addr + (gpa - s->r.gpa);
        return model_is_private(vm, gpa) ? LOOK_CONVERT : LOOK_GOOD;
    }
    if (!model_is_private(vm, gpa)) {
        return LOOK_CONVERT;
    }
    return c->guest->tee->look(c, gpa, ret_host);
}

bool guest_usable(struct model_vm *vm, uint64_t gpa)
{
    return model_is_private(vm, gpa) && vm->guest->tee->usable(vm, gpa);
}

uint8_t *guest_shared(struct model_vm *vm, uint64_t gpa, size_t size)
{
    struct model_slot *s = model_slot_at(vm, gpa);
    if (s == NULL || size > s->r.size - (gpa - s->r.gpa) || s->r.userspace_addr == 0) {
        return NULL;
    }
    return (uint8_t *)(uintptr_t)s->r.userspace_addr + (gpa - s->r.gpa);
}

/* Tables are always read as private memory; so they must be, and an entry that leads to a further
 * table without C=1 is one that other implementations would follow into shared memory. */
static bool table_entry(struct guest_cpu *c, uint64_t table, unsigned index, uint64_t *ret_entry)
{
    uint8_t *host;
    if (guest_look(c, table, false, &host) != LOOK_GOOD) {
        guest_object(c->guest, "guest.table", "page table at %#lx is no usable private memory",
                     (unsigned long)table);
        return false;
    }
    *ret_entry = model_le(host + 8u * (size_t)index, 8);
    return (*ret_entry & PRESENT) != 0;
}

static bool is_shared(const struct guest_cpu *c, uint64_t entry)
{
    const struct guest_tee *tee = c->guest->tee;
    return ((entry & tee->bit(c->vcpu->vm)) != 0) == tee->set_is_shared;
}

/* An entry that leads to a further table. */
static bool leads_on(struct guest_cpu *c, uint64_t entry, unsigned level, uint64_t vaddr)
{
    if (!is_shared(c, entry)) {
        return true;
    }
    if (!c->guest->tee->set_is_shared) { /* guest-boot.md 5.5: C-bit in every level */
        guest_object(c->guest, "guest.table_cbit", "level %u entry for %#lx lacks C", level,
                     (unsigned long)vaddr);
        return true;
    }
    guest_object(c->guest, "guest.table_shared", "level %u table for %#lx is in shared memory",
                 level, (unsigned long)vaddr);
    return false;
}

/* Of a TD, bits above the guest's physical width are reserved. */
static bool fits(struct guest_cpu *c, uint64_t entry, uint64_t vaddr)
{
    uint64_t bit = c->guest->tee->bit(c->vcpu->vm);
    if (!c->guest->tee->set_is_shared || (entry & ADDRESS) < bit << 1) {
        return true;
    }
    guest_object(c->guest, "guest.table_reserved", "entry %#lx for %#lx", (unsigned long)entry,
                 (unsigned long)vaddr);
    return false;
}

static bool walk_long(struct guest_cpu *c, uint64_t vaddr, struct guest_walk *w)
{
    uint64_t bit = c->guest->tee->bit(c->vcpu->vm);
    uint64_t table = c->cr3 & ADDRESS & ~bit;
    w->writable = w->executable = true;
    if (c->guest->tee->set_is_shared && !leads_on(c, c->cr3, 5, vaddr)) {
        return false;
    }
    for (unsigned level = 4; level >= 1; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t e;
        w->tables[w->levels++] = table;
        if (!table_entry(c, table, (unsigned)(vaddr >> shift) & 0x1FF, &e) || !fits(c, e, vaddr)) {
            return false;
        }
        w->writable = w->writable && (e & WRITABLE) != 0;
        w->executable = w->executable && (e & NX) == 0;
        uint64_t size = 1ull << shift;
        if (level == 1 || (level <= 3 && (e & LARGE) != 0)) {
            w->shared = is_shared(c, e);
            w->page_size = size;
            w->gpa = ((e & ADDRESS & ~bit) & ~(size - 1)) | (vaddr & (size - 1));
            return true;
        }
        if (!leads_on(c, e, level, vaddr)) {
            return false;
        }
        table = e & ADDRESS & ~bit;
    }
    return false;
}

bool guest_translate(struct guest_cpu *c, uint64_t vaddr, struct guest_walk *ret_walk)
{
    struct guest_walk w = {.page_size = MODEL_PAGE, .writable = true, .executable = true};
    if (c->mode == GUEST_64) {
        if (!walk_long(c, vaddr, &w)) {
            return false;
        }
    } else { /* without paging everything is private */
        w.gpa = vaddr & 0xFFFFFFFF;
        if (c->mode == GUEST_16 && w.gpa >= 0xF0000 && w.gpa < 0x100000 && c->cs == 0xF000) {
            w.gpa = c->real_base + (w.gpa - 0xF0000);
        }
    }
    *ret_walk = w;
    return true;
}

bool guest_copy(struct guest_cpu *c, uint64_t vaddr, void *data, size_t size, bool write)
{
    uint8_t *p = data;
    while (size > 0) {
        struct guest_walk w;
        uint8_t *host;
        size_t left = MODEL_PAGE - vaddr % MODEL_PAGE;
        size_t n = size < left ? size : left;
        if (!guest_translate(c, vaddr, &w) || (write && !w.writable) ||
            guest_look(c, w.gpa, w.shared, &host) != LOOK_GOOD) {
            return false;
        }
        if (write) {
            memcpy(host, p, n);
        } else {
            memcpy(p, host, n);
        }
        p += n;
        vaddr += n;
        size -= n;
    }
    return true;
}
