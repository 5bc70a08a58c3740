/* SPDX-License-Identifier: Apache-2.0
 * tdx_sept.c - the secure EPT: which guest pages are there, pending or accepted, and what KVM does
 * when one is missed (tdx.md c, d; guest-boot.md 6).
 */
#include "guest.h"
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static uint8_t *entry(const struct model_vm *vm, uint64_t gpa)
{
    return gpa / MODEL_PAGE < MODEL_MAX_GFN ? &vm->td->sept[gpa / MODEL_PAGE] : NULL;
}

enum model_sept tdx_sept_state(const struct model_vm *vm, uint64_t gpa, bool *ret_large)
{
    const uint8_t *e = entry(vm, gpa);
    *ret_large = e != NULL && (*e & TDX_SEPT_LARGE) != 0;
    return e != NULL ? (enum model_sept)(*e & 0x0F) : MODEL_SEPT_FREE;
}

struct model_td_entry model_td_entry_at(const struct model_vm *vm, uint64_t gpa)
{
    struct model_td_entry r = {.private_attribute = model_is_private(vm, gpa)};
    if (vm->td != NULL) {
        r.state = tdx_sept_state(vm, gpa, &r.large);
    }
    return r;
}

static void set(const struct model_vm *vm, uint64_t gpa, uint64_t size, unsigned state)
{
    for (uint64_t at = gpa; at < gpa + size; at += MODEL_PAGE) {
        uint8_t *e = entry(vm, at);
        if (e != NULL) {
            *e = (uint8_t)state;
        }
    }
}

enum tdx_access tdx_access(struct model_vm *vm, uint64_t gpa, bool shared, uint8_t **ret_host)
{
    struct model_slot *s = model_slot_at(vm, gpa);
    bool large;
    if (shared) {
        if (s == NULL || s->r.userspace_addr == 0) {
            return TDX_ACCESS_MMIO;
        }
        if (model_is_private(vm, gpa)) {
            return TDX_ACCESS_FAULT;
        }
        *ret_host = (uint8_t *)(uintptr_t)s->r.userspace_addr + (gpa - s->r.gpa);
        return TDX_ACCESS_GOOD;
    }
    switch (tdx_sept_state(vm, gpa, &large)) {
    case MODEL_SEPT_FREE:
        return TDX_ACCESS_FAULT;
    case MODEL_SEPT_PENDING:
        return TDX_ACCESS_PENDING;
    case MODEL_SEPT_BLOCKED:
        return TDX_ACCESS_BLOCKED;
    case MODEL_SEPT_MAPPED:
        break;
    }
    *ret_host = model_private(vm, gpa);
    return *ret_host != NULL ? TDX_ACCESS_GOOD : TDX_ACCESS_FAULT;
}

/* KVM_EXIT_MEMORY_FAULT (tdx.md c): what the guest touched is not what the attribute says. */
static int memory_fault(struct model_vcpu *v, uint64_t gpa, bool shared)
{
    const struct mu_exit_memory_fault fault = {.flags = shared ? 0 : MU_FAULT_PRIVATE,
                                               .gpa = gpa & ~(uint64_t)(MODEL_PAGE - 1),
                                               .size = MODEL_PAGE};
    v->run->exit_reason = MU_EXIT_MEMORY_FAULT;
    memcpy(v->run->padding, &fault, sizeof(fault));
    return model_refuse(v->vm->m, EFAULT, "run.memory_fault");
}

/* Whether the host may put one 2 MiB page there: whole, private, in one slot, nothing mapped. */
static bool fits_large(struct model_vm *vm, uint64_t base)
{
    struct model_slot *s = model_slot_at(vm, base);
    bool large;
    if (vm->td->small_pages || s == NULL || s->gmem == NULL ||
        s->r.size - (base - s->r.gpa) < TDX_LARGE ||
        (s->r.gmem_offset + (base - s->r.gpa)) % TDX_LARGE != 0) {
        return false;
    }
    for (uint64_t at = base; at < base + TDX_LARGE; at += MODEL_PAGE) {
        if (!model_is_private(vm, at) || tdx_sept_state(vm, at, &large) != MODEL_SEPT_FREE) {
            return false;
        }
    }
    return true;
}

int tdx_ept_violation(struct model_vcpu *v, uint64_t gpa, bool shared, unsigned level)
{
    struct model_vm *vm = v->vm;
    struct model_slot *s = model_slot_at(vm, gpa);
    bool large;
    if (shared == model_is_private(vm, gpa)) {
        return memory_fault(v, gpa, shared);
    }
    if (!shared && (s == NULL || s->gmem == NULL)) {
        return memory_fault(v, gpa, shared); /* no private memory to give */
    }
    if (shared || tdx_sept_state(vm, gpa, &large) != MODEL_SEPT_FREE) {
        return 0; /* as when another vCPU was faster */
    }
    uint64_t base = gpa & ~(uint64_t)(TDX_LARGE - 1);
    if (level == 1 && fits_large(vm, base)) {
        set(vm, base, TDX_LARGE, MODEL_SEPT_PENDING | TDX_SEPT_LARGE);
    } else {
        set(vm, gpa, 1, MODEL_SEPT_PENDING);
    }
    return 0;
}

/* Written only where there is memory: of a big guest only what it uses is there, and a look at the
 * rest would make it. One slot is one mapping. */
static void clear(struct model_vm *vm, uint64_t gpa, uint64_t size)
{
    unsigned char there[TDX_LARGE / MODEL_PAGE];
    uint8_t *first = model_private(vm, gpa);
    bool one =
        first != NULL && model_private(vm, gpa + size - MODEL_PAGE) == first + size - MODEL_PAGE;
    bool known = one && mincore(first, (size_t)size, there) == 0;
    for (uint64_t at = 0; at < size; at += MODEL_PAGE) {
        uint8_t *page = known ? first + at : model_private(vm, gpa + at);
        if (page != NULL && (!known || (there[at / MODEL_PAGE] & 1) != 0)) {
            memset(page, 0, MODEL_PAGE);
        }
    }
}

enum tdx_accept tdx_accept(struct model_vm *vm, uint64_t gpa, unsigned level)
{
    uint64_t size = level == 1 ? TDX_LARGE : MODEL_PAGE;
    bool large;
    if (level > 1 || gpa % size != 0 || gpa >= tdx_shared_bit(vm)) {
        return TDX_ACCEPT_INVALID;
    }
    enum model_sept state = tdx_sept_state(vm, gpa, &large);
    if (level == 1 && !large) { /* 4 KiB leaves below: a mismatch wherever there is one */
        for (uint64_t at = gpa; at < gpa + size; at += MODEL_PAGE) {
            if (tdx_sept_state(vm, at, &large) != MODEL_SEPT_FREE) {
                return TDX_ACCEPT_SIZE_MISMATCH;
            }
        }
        return TDX_ACCEPT_FAULT;
    }
    if (state == MODEL_SEPT_FREE) {
        return TDX_ACCEPT_FAULT;
    }
    if (state == MODEL_SEPT_BLOCKED) {
        return TDX_ACCEPT_BLOCKED;
    }
    if (state == MODEL_SEPT_MAPPED) {
        return TDX_ACCEPT_ALREADY;
    }
    if (large && level == 0) {
        return TDX_ACCEPT_SIZE_MISMATCH;
    }
    clear(vm, gpa, size);
    set(vm, gpa, size, (unsigned)MODEL_SEPT_MAPPED | (level == 1 ? TDX_SEPT_LARGE : 0u));
    return TDX_ACCEPT_OK;
}

int tdx_sept_add(struct model_vm *vm, uint64_t gpa, const uint8_t *source)
{
    bool large;
    uint8_t *page = model_private(vm, gpa);
    if (page == NULL) {
        return model_refuse(vm->m, EFAULT, "mem_region.gmem");
    }
    if (!model_is_private(vm, gpa)) {
        return model_refuse(vm->m, EINVAL, "mem_region.attribute");
    }
    if (tdx_sept_state(vm, gpa, &large) != MODEL_SEPT_FREE) {
        return model_refuse(vm->m, EEXIST, "mem_region.twice");
    }
    memcpy(page, source, MODEL_PAGE);
    set(vm, gpa, 1, MODEL_SEPT_MAPPED);
    return 0;
}

/* A 2 MiB leaf that loses a part is split: what stays of it is made of small pages. */
static void demote(struct model_vm *vm, uint64_t base)
{
    for (uint64_t at = base; at < base + TDX_LARGE; at += MODEL_PAGE) {
        uint8_t *e = entry(vm, at);
        if (e != NULL) {
            *e &= (uint8_t)~TDX_SEPT_LARGE;
        }
    }
}

/* The host clears what it gets back. */
void tdx_sept_remove(struct model_vm *vm, uint64_t gpa, uint64_t size)
{
    uint64_t step = MODEL_PAGE;
    for (uint64_t at = gpa; at < gpa + size; at += step) {
        const uint8_t *e = entry(vm, at);
        step = MODEL_PAGE;
        if (e == NULL || *e == MODEL_SEPT_FREE) {
            continue;
        }
        if ((*e & TDX_SEPT_LARGE) != 0) {
            if (at % TDX_LARGE == 0 && gpa + size - at >= TDX_LARGE) {
                step = TDX_LARGE;
            } else {
                demote(vm, at & ~(uint64_t)(TDX_LARGE - 1));
            }
        }
        clear(vm, at, step);
        set(vm, at, step, MODEL_SEPT_FREE);
    }
}

int tdx_kill(struct model_vm *vm, const char *reason)
{
    vm->td->dead = true;
    return model_refuse(vm->m, EIO, reason);
}

void model_td_evil_block(struct model_vm *vm, uint64_t gpa, bool on)
{
    uint8_t *e = entry(vm, gpa);
    unsigned state = on ? MODEL_SEPT_BLOCKED : MODEL_SEPT_MAPPED;
    if (e != NULL && (*e & 0x0F) == (on ? MODEL_SEPT_MAPPED : MODEL_SEPT_BLOCKED)) {
        *e = (uint8_t)((*e & TDX_SEPT_LARGE) | state);
    }
    guest_flush(vm->guest);
}

void model_td_evil_remove(struct model_vm *vm, uint64_t gpa)
{
    tdx_sept_remove(vm, gpa & ~(uint64_t)(MODEL_PAGE - 1), MODEL_PAGE);
    guest_flush(vm->guest);
}

void model_td_evil_aug(struct model_vm *vm, uint64_t gpa)
{
    model_td_evil_remove(vm, gpa);
    set(vm, gpa, 1, MODEL_SEPT_PENDING);
}
