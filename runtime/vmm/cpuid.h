/* SPDX-License-Identifier: Apache-2.0
 * cpuid.h - the CPU that a guest sees: what KVM supports, with our topology and without what a
 * guest of ours has no business with. Trust: KVM's table. Threads: pure function.
 */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "tee/tee.h"

#include <stdbool.h>

/* Turns KVM's supported table into that of CPU `index` of `count`. CL_ERR_SYS when the
 * host's CPU has no RDRAND (a confidential Linux guest panics without) or no kvm-clock, which
 * all guests need but a TD: that one has the processor's clock. */
CL_NODISCARD enum cl_status vmm_cpuid_apply(struct tee_cpuid *c, unsigned index, unsigned count,
                                            bool tsc_deadline, enum tee_guest guest,
                                            struct cl_err *err);

#endif
