/* SPDX-License-Identifier: Apache-2.0
 * memory.c - memory with two sides: guest_memfd holds what only the guest can read, the mapping
 * what it shares. Every page begins shared; the guest makes private what it uses. Trust, threads:
 * see snp_internal.h. The slots are fixed before a vCPU runs, but for the payload window, which has
 * no private side. Memory: descriptors.
 */
#include "snp_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static enum cl_status set_region(struct tee *t, const struct kc_region *r, struct cl_err *err)
{
    if (vmm_kvm_vm(t->cfg.kvm, KC_SET_REGION, (void *)(uintptr_t)r) < 0) {
        return cl_err_sys(err, errno, "memory slot %u: 0x%llx bytes at 0x%llx", (unsigned)r->slot,
                          (unsigned long long)r->size, (unsigned long long)r->gpa);
    }
    return CL_OK;
}

/* KVM has no read-only slots for such guests. The firmware's is private, which protects it; the
 * payload window is mapped read-only, and a guest that writes there has ended itself. */
enum cl_status snp_add_memory(struct tee *t, const struct tee_memory *m, struct cl_err *err)
{
    struct kc_region r = {
        .slot = m->slot, .gpa = m->gpa, .size = m->size, .hva = (uintptr_t)m->hva};
    if (m->side == TEE_SIDE_SHARED) {
        return set_region(t, &r, err);
    }
    if (t->slot_count == SNP_SLOTS_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "memory slots: expected at most %u, got more",
                          SNP_SLOTS_MAX);
    }
    struct kc_guest_memfd create = {.size = m->size};
    int fd = vmm_kvm_vm(t->cfg.kvm, KC_CREATE_GUEST_MEMFD, &create);
    if (fd < 0) {
        return cl_err_sys(err, errno, "private memory of 0x%llx bytes",
                          (unsigned long long)m->size);
    }
    r.flags = KC_MEM_GUEST_MEMFD;
    r.memfd = (uint32_t)fd;
    enum cl_status st = set_region(t, &r, err);
    if (st != CL_OK) {
        vmm_kvm_close(t->cfg.kvm, &fd);
        return st;
    }
    t->slot[t->slot_count++] = (struct snp_slot){.slot = m->slot,
                                                 .gpa = m->gpa,
                                                 .size = m->size,
                                                 .hva = m->hva,
                                                 .memfd = fd,
                                                 .may_turn = !m->read_only};
    return CL_OK;
}

enum cl_status snp_remove_memory(struct tee *t, uint32_t slot, struct cl_err *err)
{
    struct kc_region r = {.slot = slot};
    return set_region(t, &r, err);
}

void snp_memory_done(struct tee *t)
{
    for (size_t i = 0; i < t->slot_count; i++) {
        vmm_kvm_close(t->cfg.kvm, &t->slot[i].memfd);
    }
    t->slot_count = 0;
}

const struct snp_slot *snp_slot_of(const struct tee *t, uint64_t gpa, uint64_t size)
{
    for (size_t i = 0; i < t->slot_count && size > 0; i++) {
        const struct snp_slot *s = &t->slot[i];
        /* Subtract: gpa + size could wrap. */
        if (gpa >= s->gpa && gpa - s->gpa < s->size && size <= s->size - (gpa - s->gpa)) {
            return s;
        }
    }
    return NULL;
}

/* The guest has given up these bytes: nothing reads them again, and the host has its pages back. */
static enum cl_status give_back(struct tee *t, const struct snp_slot *s, uint64_t gpa,
                                uint64_t size, bool private, struct cl_err *err)
{
    uint64_t offset = gpa - s->gpa;
    if (private) {
        if (madvise(s->hva + offset, size, MADV_DONTNEED) != 0) {
            return cl_err_sys(err, errno, "give back shared memory at 0x%llx",
                              (unsigned long long)gpa);
        }
        return CL_OK;
    }
    if (t->cfg.kvm->ops->punch_hole(t->cfg.kvm->ctx, s->memfd, offset, size) != 0) {
        return cl_err_sys(err, errno, "give back private memory at 0x%llx",
                          (unsigned long long)gpa);
    }
    return CL_OK;
}

enum cl_status snp_set_private(struct tee *t, const struct snp_slot *s, uint64_t gpa, uint64_t size,
                               bool private, bool turns, struct cl_err *err)
{
    struct kc_attributes a = {
        .gpa = gpa, .size = size, .attributes = private ? KC_ATTRIBUTE_PRIVATE : 0};
    if (vmm_kvm_vm(t->cfg.kvm, KC_SET_ATTRIBUTES, &a) < 0) {
        return cl_err_sys(err, errno, "make 0x%llx bytes at 0x%llx %s", (unsigned long long)size,
                          (unsigned long long)gpa, private ? "private" : "shared");
    }
    return turns ? give_back(t, s, gpa, size, private, err) : CL_OK;
}
