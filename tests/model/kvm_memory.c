/* SPDX-License-Identifier: Apache-2.0
 * kvm_memory.c - guest_memfd, slots, memory attributes, and the reverse map table behind them.
 */
#include "guest.h"
#include "internal.h"
#include "tdx_internal.h"

#include <errno.h>
#include <linux/falloc.h>
#include <string.h>

static bool aligned(uint64_t v)
{
    return v % MODEL_PAGE == 0;
}

int model_gmem_create(struct model_vm *vm, struct mu_create_guest_memfd *arg)
{
    struct model *m = vm->m;
    if (arg->flags != 0) {
        return model_refuse(m, EINVAL, "gmem.flags");
    }
    if (arg->size == 0 || !aligned(arg->size) || arg->size / MODEL_PAGE > MODEL_MAX_GFN) {
        return model_refuse(m, EINVAL, "gmem.size");
    }
    size_t pages = arg->size / MODEL_PAGE;
    struct model_gmem *g = model_alloc(m, sizeof(*g));
    uint8_t *data = g != NULL ? model_alloc(m, arg->size) : NULL;
    struct model_rmp *rmp = data != NULL ? model_alloc(m, pages * sizeof(*rmp)) : NULL;
    int fd = rmp != NULL ? model_file_add(m, MODEL_GMEM, g) : -ENOMEM;
    if (fd < 0) {
        model_release(m, rmp, pages * sizeof(*rmp));
        model_release(m, data, arg->size);
        model_release(m, g, sizeof(*g));
        return fd;
    }
    *g = (struct model_gmem){.vm = vm, .size = arg->size, .data = data, .rmp = rmp};
    vm->refs++;
    m->live.gmems++;
    return fd;
}

/* A TD loses what a part of a guest_memfd held: through each slot that shows it (tdx.md c). */
static void unmap(struct model_gmem *g, uint64_t offset, uint64_t size)
{
    struct model_vm *vm = g->vm;
    for (size_t i = 0; vm->td != NULL && i < MODEL_MAX_SLOTS; i++) {
        const struct model_slot *s = &vm->slots[i];
        if (!s->used || s->gmem != g || offset >= s->r.gmem_offset + s->r.size ||
            offset + size <= s->r.gmem_offset) {
            continue;
        }
        uint64_t from = offset > s->r.gmem_offset ? offset - s->r.gmem_offset : 0;
        uint64_t to = offset + size - s->r.gmem_offset;
        to = to < s->r.size ? to : s->r.size;
        tdx_sept_remove(vm, s->r.gpa + from, to - from);
    }
}

void model_gmem_close(struct model_gmem *g)
{
    struct model_vm *vm = g->vm;
    struct model *m = vm->m;
    guest_forget_memory(vm->guest);
    unmap(g, 0, g->size);
    for (size_t i = 0; i < MODEL_MAX_SLOTS; i++) { /* a slot does not keep its file alive */
        if (vm->slots[i].gmem == g) {
            vm->slots[i].gmem = NULL;
        }
    }
    model_release(m, g->rmp, g->size / MODEL_PAGE * sizeof(*g->rmp));
    model_release(m, g->data, g->size);
    model_release(m, g, sizeof(*g));
    m->live.gmems--;
    model_vm_put(vm);
}

int model_gmem_fallocate(struct model_gmem *g, int mode, uint64_t offset, uint64_t size)
{
    struct model *m = g->vm->m;
    if (mode != (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) && mode != FALLOC_FL_KEEP_SIZE) {
        return model_refuse(m, EOPNOTSUPP, "fallocate.mode");
    }
    if (!aligned(offset) || !aligned(size) || size == 0 || offset > g->size ||
        size > g->size - offset) {
        return model_refuse(m, EINVAL, "fallocate.range");
    }
    if ((mode & FALLOC_FL_PUNCH_HOLE) == 0) {
        return 0; /* memory comes when it is touched */
    }
    guest_flush(g->vm->guest);
    unmap(g, offset, size);
    for (uint64_t at = offset; at < offset + size; at += MODEL_PAGE) {
        struct model_rmp *rmp = &g->rmp[at / MODEL_PAGE];
        if (rmp->assigned) { /* the page goes back to the host, scrambled */
            memset(g->data + at, 0xEE, MODEL_PAGE);
        }
        *rmp = (struct model_rmp){0};
    }
    return 0;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* Arguments of a slot by themselves. NULL: nothing to object. */
static const char *region_fault(const struct mu_memory_region2 *r)
{
    const uint32_t known = KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY | MU_MEM_GUEST_MEMFD;
    if ((r->flags & ~known) != 0) {
        return "region.flags";
    }
    if ((r->flags & MU_MEM_GUEST_MEMFD) != 0 && r->flags != MU_MEM_GUEST_MEMFD) {
        return "region.gmem_flags"; /* snp.md d.3: no dirty log of private memory */
    }
    if (!aligned(r->gpa) || !aligned(r->size) || !aligned(r->userspace_addr)) {
        return "region.aligned";
    }
    if (r->slot >= MODEL_MAX_SLOTS) {
        return "region.slot";
    }
    if (r->gpa + r->size < r->gpa || (r->gpa + r->size) / MODEL_PAGE > MODEL_MAX_GFN) {
        return "region.range";
    }
    return NULL;
}

static int region_gmem(struct model_vm *vm, const struct mu_memory_region2 *r,
                       struct model_gmem **ret_gmem)
{
    struct model *m = vm->m;
    *ret_gmem = NULL;
    if ((r->flags & MU_MEM_GUEST_MEMFD) == 0) {
        return 0;
    }
    struct model_file *f = model_file_any(m, (int)r->gmem_fd);
    if (f == NULL || f->kind != MODEL_GMEM) {
        return model_refuse(m, f == NULL ? EBADF : EINVAL, "region.gmem_fd");
    }
    struct model_gmem *g = f->object;
    if (g->vm != vm) {
        return model_refuse(m, EINVAL, "region.gmem_vm");
    }
    if (!aligned(r->gmem_offset) || r->gmem_offset > g->size ||
        r->size > g->size - r->gmem_offset) {
        return model_refuse(m, EINVAL, "region.gmem_range");
    }
    for (size_t i = 0; i < MODEL_MAX_SLOTS; i++) {
        const struct model_slot *s = &vm->slots[i];
        if (s->used && s->gmem == g &&
            overlaps(s->r.gmem_offset, s->r.size, r->gmem_offset, r->size)) {
            return model_refuse(m, EINVAL, "region.gmem_bound");
        }
    }
    *ret_gmem = g;
    return 0;
}

int model_region2(struct model_vm *vm, const struct mu_memory_region2 *r)
{
    struct model *m = vm->m;
    const char *fault = region_fault(r);
    if (fault != NULL) {
        return model_refuse(m, EINVAL, fault);
    }
    if (vm->td != NULL && (r->flags & KVM_MEM_READONLY) != 0) {
        return model_refuse(m, EINVAL, "tdx.readonly"); /* tdx.md c: no ROM slots */
    }
    struct model_slot *s = &vm->slots[r->slot];
    if (r->size == 0) {
        if (!s->used) {
            return model_refuse(m, EINVAL, "region.absent");
        }
        guest_forget_memory(vm->guest);
        if (vm->td != NULL && s->gmem != NULL) {
            tdx_sept_remove(vm, s->r.gpa, s->r.size); /* a deleted slot loses its contents */
        }
        *s = (struct model_slot){0};
        return 0;
    }
    if (s->used) { /* a slot with a guest_memfd can be removed but not changed */
        return model_refuse(m, EINVAL, "region.change");
    }
    for (size_t i = 0; i < MODEL_MAX_SLOTS; i++) {
        if (vm->slots[i].used &&
            overlaps(vm->slots[i].r.gpa, vm->slots[i].r.size, r->gpa, r->size)) {
            return model_refuse(m, EEXIST, "region.overlap");
        }
    }
    struct model_gmem *g;
    int error = region_gmem(vm, r, &g);
    if (error != 0) {
        return error;
    }
    guest_forget_memory(vm->guest);
    *s = (struct model_slot){.used = true, .r = *r, .gmem = g};
    return 0;
}

int model_attributes(struct model_vm *vm, const struct mu_memory_attributes *a)
{
    struct model *m = vm->m;
    if (a->flags != 0) {
        return model_refuse(m, EINVAL, "attributes.flags");
    }
    if ((a->attributes & ~MU_ATTRIBUTE_PRIVATE) != 0) {
        return model_refuse(m, EINVAL, "attributes.bits"); /* d.1: KVM_CAP_MEMORY_ATTRIBUTES */
    }
    if (a->size == 0 || !aligned(a->address) || !aligned(a->size) ||
        a->address + a->size < a->address) {
        return model_refuse(m, EINVAL, "attributes.range");
    }
    if ((a->address + a->size) / MODEL_PAGE > MODEL_MAX_GFN) {
        return model_refuse(m, ENOMEM, "attributes.limit"); /* the model's own bound */
    }
    guest_flush(vm->guest);
    if (vm->td != NULL && a->attributes == 0) {
        tdx_sept_remove(vm, a->address, a->size); /* what turns shared leaves the TD */
    }
    memset(vm->attributes + a->address / MODEL_PAGE, a->attributes != 0 ? 1 : 0,
           a->size / MODEL_PAGE);
    return 0;
}

struct model_slot *model_slot_at(struct model_vm *vm, uint64_t gpa)
{
    for (size_t i = 0; i < MODEL_MAX_SLOTS; i++) {
        struct model_slot *s = &vm->slots[i];
        if (s->used && gpa >= s->r.gpa && gpa - s->r.gpa < s->r.size) {
            return s;
        }
    }
    return NULL;
}

/* The nested page table: which physical page stands at gpa, a host's remapping included. */
static struct model_slot *physical(struct model_vm *vm, uint64_t gpa, uint64_t *ret_offset)
{
    uint64_t real = guest_remapped(vm->guest, gpa);
    struct model_slot *s = model_slot_at(vm, real);
    if (s == NULL || s->gmem == NULL) {
        return NULL;
    }
    *ret_offset = s->r.gmem_offset + (real - s->r.gpa);
    return s;
}

struct model_rmp *model_rmp_at(struct model_vm *vm, uint64_t gpa)
{
    uint64_t offset;
    struct model_slot *s = physical(vm, gpa, &offset);
    return s != NULL ? &s->gmem->rmp[offset / MODEL_PAGE] : NULL;
}

uint8_t *model_private(struct model_vm *vm, uint64_t gpa)
{
    uint64_t offset;
    struct model_slot *s = physical(vm, gpa, &offset);
    return s != NULL ? s->gmem->data + offset : NULL;
}

bool model_is_private(const struct model_vm *vm, uint64_t gpa)
{
    return gpa / MODEL_PAGE < MODEL_MAX_GFN && vm->attributes[gpa / MODEL_PAGE] != 0;
}

struct model_page model_page_at(const struct model_vm *vm, uint64_t gpa)
{
    struct model_page page = {.private_attribute = model_is_private(vm, gpa)};
    for (size_t i = 0; i < MODEL_MAX_SLOTS; i++) {
        const struct model_slot *s = &vm->slots[i];
        if (s->used && s->gmem != NULL && gpa >= s->r.gpa && gpa - s->r.gpa < s->r.size) {
            const struct model_rmp *rmp =
                &s->gmem->rmp[(s->r.gmem_offset + gpa - s->r.gpa) / MODEL_PAGE];
            page.assigned = rmp->assigned;
            page.validated = rmp->validated;
            page.vmsa = rmp->vmsa;
            page.gpa = (uint64_t)rmp->gfn * MODEL_PAGE;
        }
    }
    return page;
}
