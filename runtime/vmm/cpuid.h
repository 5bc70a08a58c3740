/* SPDX-License-Identifier: Apache-2.0
 * cpuid.h - the CPU that a guest sees: what KVM supports, with our topology and without what a
 * guest of ours has no business with. Trust: KVM's table. Threads: pure function.
 */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "base/err.h"

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>

#define VMM_CPUID_MAX 128u

/* struct kvm_cpuid2 with room for its entries. (A struct that ends in a flexible array may not
 * stand inside another in standard C.) */
struct vmm_cpuid {
    struct {
        uint32_t nent;
        uint32_t padding;
    } head;
    struct kvm_cpuid_entry2 entry[VMM_CPUID_MAX];
};
_Static_assert(offsetof(struct vmm_cpuid, entry) == offsetof(struct kvm_cpuid2, entries),
               "KVM_SET_CPUID2");

/* Turns KVM's supported table into that of CPU `index` of `count`. CL_ERR_SYS when the
 * host's CPU has no RDRAND (a confidential Linux guest panics without) or no kvm-clock.
 * memory_encryption: the guest is one of SEV-SNP, and its table says so (leaf 0x8000001f). */
CL_NODISCARD enum cl_status vmm_cpuid_apply(struct vmm_cpuid *c, unsigned index, unsigned count,
                                            bool tsc_deadline, bool memory_encryption,
                                            struct cl_err *err);

#endif
