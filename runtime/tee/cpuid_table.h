/* SPDX-License-Identifier: Apache-2.0
 * cpuid_table.h - a CPUID table as KVM's interface has it (struct kvm_cpuid2), with room for its
 * entries: a struct that ends in a flexible array may not stand inside another in standard C.
 */
#ifndef TEE_CPUID_TABLE_H
#define TEE_CPUID_TABLE_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define TEE_CPUID_MAX 128u

struct tee_cpuid {
    struct {
        uint32_t nent;
        uint32_t padding;
    } head;
    struct kvm_cpuid_entry2 entry[TEE_CPUID_MAX];
};
_Static_assert(offsetof(struct tee_cpuid, entry) == offsetof(struct kvm_cpuid2, entries),
               "KVM_SET_CPUID2");

#endif
