/* SPDX-License-Identifier: Apache-2.0
 * private_memory.h - memory with two sides: guest_memfd holds what only the guest can read, the
 * mapping what it shares. What SEV-SNP and TDX have in common, with the exits that turn pages.
 * Trust: KVM is the host's; the exits carry what the guest wrote. Threads: the slots are fixed
 * before a vCPU runs, but for the payload window, which has no private side; exits on each vCPU's
 * own. Memory: descriptors. Spec: snp.md d.2, tdx.md c.
 */
#ifndef TEE_PRIVATE_MEMORY_H
#define TEE_PRIVATE_MEMORY_H

#include "tee/kvm_coco.h"
#include "tee/tee.h"

#define TEE_PRIVATE_SLOTS_MAX 8u

/* The guest says for each page which side it means. */
struct tee_private_slot {
    uint32_t slot;
    uint64_t gpa, size;
    uint8_t *hva;  /* the shared side; borrowed */
    int memfd;     /* the private side; owned */
    bool may_turn; /* the guest may make pages shared or private: RAM, never the firmware */
};

struct tee_private {
    const struct vmm_kvm *kvm; /* borrowed */
    size_t slot_count;
    struct tee_private_slot slot[TEE_PRIVATE_SLOTS_MAX];
};

/* CL_ERR_UNAVAILABLE when KVM lacks the capability, or one of its bits. */
CL_NODISCARD enum cl_status tee_need_capability(const struct vmm_kvm *kvm, uint32_t capability,
                                                uint32_t bits, const char *name,
                                                struct cl_err *err);
/* All that private memory needs of KVM. */
CL_NODISCARD enum cl_status tee_private_check(const struct vmm_kvm *kvm, struct cl_err *err);
/* Page state changes leave KVM as exits from here on; after KVM_CREATE_VM. */
CL_NODISCARD enum cl_status tee_private_enable_exits(const struct vmm_kvm *kvm, struct cl_err *err);

CL_NODISCARD enum cl_status tee_private_add(struct tee_private *m, const struct tee_memory *add,
                                            struct cl_err *err);
CL_NODISCARD enum cl_status tee_private_remove(struct tee_private *m, uint32_t slot,
                                               struct cl_err *err);
void tee_private_done(struct tee_private *m); /* closes; zeroed is fine */
/* The slot with a private side that holds all of [gpa, gpa + size), or NULL. */
const struct tee_private_slot *tee_private_slot_of(const struct tee_private *m, uint64_t gpa,
                                                   uint64_t size);
/* Makes the range private or shared; when it `turns` (not at launch), the bytes of the side that is
 * given up go back to the host. */
CL_NODISCARD enum cl_status tee_private_set(struct tee_private *m, const struct tee_private_slot *s,
                                            uint64_t gpa, uint64_t size, bool private, bool turns,
                                            struct cl_err *err);

/* KVM_EXIT_HYPERCALL: the guest's word for a range of pages; anything else is answered ENOSYS. */
enum tee_exit tee_private_hypercall(struct tee_private *m, struct kvm_run *run, struct cl_err *err);
/* KVM_EXIT_MEMORY_FAULT. */
enum tee_exit tee_private_fault(struct tee_private *m, struct kvm_run *run, struct cl_err *err);

#endif
