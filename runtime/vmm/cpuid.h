/* SPDX-License-Identifier: Apache-2.0
 * cpuid.h - the CPU that a guest sees: what KVM supports, with our topology and without what a
 * guest of ours has no business with. Trust: KVM's table. Threads: pure function.
 */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "base/err.h"

#include <linux/kvm.h>
#include <stdbool.h>

#define VMM_CPUID_MAX 128u

struct vmm_cpuid {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entry[VMM_CPUID_MAX];
};

/* Turns KVM's supported table into that of CPU `index` of `count`. CL_ERR_SYS when the
 * host's CPU has no RDRAND (a confidential Linux guest panics without) or no kvm-clock. */
CL_NODISCARD enum cl_status vmm_cpuid_apply(struct vmm_cpuid *c, unsigned index, unsigned count,
                                            bool tsc_deadline, struct cl_err *err);

#endif
