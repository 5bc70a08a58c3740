/* SPDX-License-Identifier: Apache-2.0
 * sizing.c - how large a pod's VM is.
 */
#include "sizing.h"

#define MIB (UINT64_C(1) << 20)
#define UNIT (2 * MIB)

/* The guest's kernel keeps a struct of 64 bytes for each page of 4 KiB. */
static uint64_t guest_overhead(const struct shim_config *c, uint64_t memory)
{
    return memory / 64 + c->overhead_mib * MIB;
}

uint64_t shim_overhead_for(const struct shim_config *c, uint64_t memory)
{
    return guest_overhead(c, memory) + SHIM_HOST_MIB * MIB;
}

enum cl_status shim_size_for(const struct shim_config *c, uint32_t cpus, uint64_t memory,
                             struct shim_size *ret, struct cl_err *err)
{
    uint64_t max = c->memory_max_mib * MIB;
    uint64_t limit = memory != 0 ? memory : c->memory_mib * MIB;
    uint32_t want = cpus != 0 ? cpus : c->cpus;
    if (want > c->cpus_max) {
        return cl_err_set(err, CL_ERR_REJECTED, "pod: CPU limit: expected at most %u, got %u",
                          (unsigned)c->cpus_max, (unsigned)want);
    }
    if (limit > max) { /* before adding: the sums below cannot wrap */
        return cl_err_set(err, CL_ERR_REJECTED,
                          "pod: memory limit: expected at most %u MiB, got %llu MiB",
                          (unsigned)c->memory_max_mib, (unsigned long long)(limit / MIB));
    }
    uint64_t size = limit + guest_overhead(c, limit);
    size = (size + UNIT - 1) / UNIT * UNIT;
    if (size > max) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "pod: memory limit and overhead: expected at most %u MiB, got %llu MiB",
                          (unsigned)c->memory_max_mib, (unsigned long long)(size / MIB));
    }
    uint64_t min = SHIM_MEMORY_MIN_MIB * MIB;
    *ret = (struct shim_size){.cpus = want, .memory = size > min ? size : min};
    return CL_OK;
}
