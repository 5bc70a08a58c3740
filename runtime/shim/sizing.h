/* SPDX-License-Identifier: Apache-2.0
 * sizing.h - how large a pod's VM is: from the pod's limits at its start, for nothing is plugged in
 * later (containerd-shim.md 9).
 */
#ifndef SHIM_SIZING_H
#define SHIM_SIZING_H

#include "config.h"

struct shim_size {
    uint32_t cpus;
    uint64_t memory; /* bytes, a multiple of 2 MiB */
};

/* What the host's programs of one pod take for themselves (VMM, shim, and of class sim the
 * simulated processor), in MiB; tests/lab/pods/node measures that it holds. */
#define SHIM_HOST_MIB 8u
#define SHIM_OVERHEAD_CPU_MILLI 50u /* of a RuntimeClass: the VMM's own threads, rounded up */
/* What a RuntimeClass must declare for pods of up to `memory` bytes: what their VM has beyond their
 * limits, and the host's programs. The published formula is docs/kubernetes.md's. */
uint64_t shim_overhead_for(const struct shim_config *c, uint64_t memory);

/* cpus, memory: what the pod's limits ask for; 0: none given, and the settings' default holds.
 * Memory is the limit, the settings' overhead, and 1/64 of the limit for what the guest's kernel
 * keeps of each page; at least what the firmware needs.
 * CL_ERR_REJECTED when the node's settings allow less: a VM smaller than its pod's limits would
 * fail later and less clearly. */
CL_NODISCARD enum cl_status shim_size_for(const struct shim_config *c, uint32_t cpus,
                                          uint64_t memory, struct shim_size *ret,
                                          struct cl_err *err);

#endif
