/* SPDX-License-Identifier: Apache-2.0
 * private_memory.c - see private_memory.h.
 */
#include "tee/private_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum cl_status tee_need_capability(const struct vmm_kvm *kvm, uint32_t capability, uint32_t bits,
                                   const char *name, struct cl_err *err)
{
    int have = vmm_kvm_dev(kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)capability);
    if (have <= 0 || ((uint32_t)have & bits) != bits) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "KVM: expected %s, got a KVM without", name);
    }
    return CL_OK;
}

enum cl_status tee_private_check(const struct vmm_kvm *kvm, struct cl_err *err)
{
    static const struct {
        uint32_t capability, bits;
        const char *name;
    } needs[] = {
        {KC_CAP_GUEST_MEMFD, 0, "private memory"},
        {KC_CAP_USER_MEMORY2, 0, "slots with private memory"},
        {KC_CAP_MEMORY_ATTRIBUTES, KC_ATTRIBUTE_PRIVATE, "the private attribute"},
        {KC_CAP_MEMORY_FAULT_INFO, 0, "memory fault exits"},
        {KC_CAP_EXIT_HYPERCALL, 1u << KC_HC_MAP_GPA_RANGE, "page state exits"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(needs); i++) {
        CL_TRY(tee_need_capability(kvm, needs[i].capability, needs[i].bits, needs[i].name, err));
    }
    return CL_OK;
}

enum cl_status tee_private_enable_exits(const struct vmm_kvm *kvm, struct cl_err *err)
{
    struct kvm_enable_cap cap = {.cap = KC_CAP_EXIT_HYPERCALL, .args = {1u << KC_HC_MAP_GPA_RANGE}};
    if (vmm_kvm_vm(kvm, KVM_ENABLE_CAP, &cap) < 0) {
        return cl_err_sys(err, errno, "page state exits");
    }
    return CL_OK;
}

static enum cl_status set_region(struct tee_private *m, const struct kc_region *r,
                                 struct cl_err *err)
{
    if (vmm_kvm_vm(m->kvm, KC_SET_REGION, (void *)(uintptr_t)r) < 0) {
        return cl_err_sys(err, errno, "memory slot %u: 0x%llx bytes at 0x%llx", (unsigned)r->slot,
                          (unsigned long long)r->size, (unsigned long long)r->gpa);
    }
    return CL_OK;
}

/* KVM has no read-only slots for such guests. The firmware's is private, which protects it; the
 * payload window is mapped read-only, and a guest that writes there has ended itself. */
enum cl_status tee_private_add(struct tee_private *m, const struct tee_memory *add,
                               struct cl_err *err)
{
    struct kc_region r = {
        .slot = add->slot, .gpa = add->gpa, .size = add->size, .hva = (uintptr_t)add->hva};
    if (add->side == TEE_SIDE_SHARED) {
        return set_region(m, &r, err);
    }
    if (m->slot_count == TEE_PRIVATE_SLOTS_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "memory slots: expected at most %u, got more",
                          TEE_PRIVATE_SLOTS_MAX);
    }
    struct kc_guest_memfd create = {.size = add->size};
    int fd = vmm_kvm_vm(m->kvm, KC_CREATE_GUEST_MEMFD, &create);
    if (fd < 0) {
        return cl_err_sys(err, errno, "private memory of 0x%llx bytes",
                          (unsigned long long)add->size);
    }
    r.flags = KC_MEM_GUEST_MEMFD;
    r.memfd = (uint32_t)fd;
    enum cl_status st = set_region(m, &r, err);
    if (st != CL_OK) {
        vmm_kvm_close(m->kvm, &fd);
        return st;
    }
    m->slot[m->slot_count++] = (struct tee_private_slot){.slot = add->slot,
                                                         .gpa = add->gpa,
                                                         .size = add->size,
                                                         .hva = add->hva,
                                                         .memfd = fd,
                                                         .may_turn = !add->read_only};
    return CL_OK;
}

enum cl_status tee_private_remove(struct tee_private *m, uint32_t slot, struct cl_err *err)
{
    struct kc_region r = {.slot = slot};
    return set_region(m, &r, err);
}

void tee_private_done(struct tee_private *m)
{
    for (size_t i = 0; i < m->slot_count; i++) {
        vmm_kvm_close(m->kvm, &m->slot[i].memfd);
    }
    m->slot_count = 0;
}

const struct tee_private_slot *tee_private_slot_of(const struct tee_private *m, uint64_t gpa,
                                                   uint64_t size)
{
    for (size_t i = 0; i < m->slot_count && size > 0; i++) {
        const struct tee_private_slot *s = &m->slot[i];
        /* Subtract: gpa + size could wrap. */
        if (gpa >= s->gpa && gpa - s->gpa < s->size && size <= s->size - (gpa - s->gpa)) {
            return s;
        }
    }
    return NULL;
}

/* The guest has given up these bytes: nothing reads them again, and the host has its pages back. */
static enum cl_status give_back(struct tee_private *m, const struct tee_private_slot *s,
                                uint64_t gpa, uint64_t size, bool private, struct cl_err *err)
{
    uint64_t offset = gpa - s->gpa;
    if (private) {
        if (madvise(s->hva + offset, size, MADV_DONTNEED) != 0) {
            return cl_err_sys(err, errno, "give back shared memory at 0x%llx",
                              (unsigned long long)gpa);
        }
        return CL_OK;
    }
    if (m->kvm->ops->punch_hole(m->kvm->ctx, s->memfd, offset, size) != 0) {
        return cl_err_sys(err, errno, "give back private memory at 0x%llx",
                          (unsigned long long)gpa);
    }
    return CL_OK;
}

enum cl_status tee_private_set(struct tee_private *m, const struct tee_private_slot *s,
                               uint64_t gpa, uint64_t size, bool private, bool turns,
                               struct cl_err *err)
{
    struct kc_attributes a = {
        .gpa = gpa, .size = size, .attributes = private ? KC_ATTRIBUTE_PRIVATE : 0};
    if (vmm_kvm_vm(m->kvm, KC_SET_ATTRIBUTES, &a) < 0) {
        return cl_err_sys(err, errno, "make 0x%llx bytes at 0x%llx %s", (unsigned long long)size,
                          (unsigned long long)gpa, private ? "private" : "shared");
    }
    return turns ? give_back(m, s, gpa, size, private, err) : CL_OK;
}

static enum tee_exit result(enum cl_status st)
{
    return st == CL_OK ? TEE_EXIT_DONE : TEE_EXIT_FAILED;
}

/* The guest asks; it may ask for nonsense, and is told so. */
static enum tee_exit map_gpa_range(struct tee_private *m, struct kvm_run *run, struct cl_err *err)
{
    uint64_t gpa = run->hypercall.args[0];
    uint64_t pages = run->hypercall.args[1];
    bool private = (run->hypercall.args[2] & KC_MAP_GPA_ENCRYPTED) != 0;
    const struct tee_private_slot *s = NULL;
    if (pages <= UINT64_MAX / TEE_PAGE_SIZE && gpa % TEE_PAGE_SIZE == 0) {
        s = tee_private_slot_of(m, gpa, pages * TEE_PAGE_SIZE);
    }
    if (s == NULL || !s->may_turn) {
        run->hypercall.ret = (uint64_t)-EINVAL;
        return TEE_EXIT_DONE;
    }
    run->hypercall.ret = 0;
    return result(tee_private_set(m, s, gpa, pages * TEE_PAGE_SIZE, private, true, err));
}

/* The guest touched a page from the side on which it is not: it is turned, as KVM's interface
 * expects. What the guest loses by it, it would see as unvalidated. */
enum tee_exit tee_private_fault(struct tee_private *m, struct kvm_run *run, struct cl_err *err)
{
    struct kc_exit_memory_fault f;
    memcpy(&f, kc_exit_data(run), sizeof(f));
    bool private = (f.flags & KC_MEMORY_FAULT_PRIVATE) != 0;
    bool whole = f.gpa % TEE_PAGE_SIZE == 0 && f.size % TEE_PAGE_SIZE == 0;
    const struct tee_private_slot *s = whole ? tee_private_slot_of(m, f.gpa, f.size) : NULL;
    if (s == NULL || !s->may_turn) {
        (void)cl_err_set(err, CL_ERR_REJECTED,
                         "the guest used 0x%llx bytes at 0x%llx as %s memory, which they cannot be",
                         (unsigned long long)f.size, (unsigned long long)f.gpa,
                         private ? "private" : "shared");
        return TEE_EXIT_FAILED;
    }
    return result(tee_private_set(m, s, f.gpa, f.size, private, true, err));
}

enum tee_exit tee_private_hypercall(struct tee_private *m, struct kvm_run *run, struct cl_err *err)
{
    if (run->hypercall.nr == KC_HC_MAP_GPA_RANGE) {
        return map_gpa_range(m, run, err);
    }
    run->hypercall.ret = (uint64_t)-ENOSYS;
    return TEE_EXIT_DONE;
}
