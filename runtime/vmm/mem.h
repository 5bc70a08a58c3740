/* SPDX-License-Identifier: Apache-2.0
 * mem.h - the guest's RAM, and the only way from a guest address to a pointer.
 * Trust: addresses and sizes come from the guest and are hostile; so are the contents, which may
 *        change at any time. Fetch once, check the copy, use the copy.
 * Threads: the ranges are fixed before the first vCPU runs; views may be taken from any thread.
 * Memory: one mapping without core dumps, in huge pages where the host has them; nothing else.
 */
#ifndef VMM_MEM_H
#define VMM_MEM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMM_MEM_LOW_MAX (2ull << 30)  /* RAM below 4 GiB */
#define VMM_MEM_HIGH_GPA (4ull << 30) /* where the rest goes on */
#define VMM_MEM_ALIGN (2ull << 20)
#define VMM_MEM_MIN (128ull << 20)
#define VMM_MEM_MAX (512ull << 30)

struct vmm_mem_range {
    uint64_t gpa;
    uint64_t size; /* 0: absent */
    uint8_t *hva;
};

struct vmm_mem {
    struct vmm_mem_range range[2]; /* low, high */
    void *map;                     /* owned mapping; NULL when the memory is somebody else's */
    size_t map_size;
};

/* Maps size bytes of RAM (a multiple of 2 MiB, 128 MiB..512 GiB), split at 2 GiB. */
CL_NODISCARD enum cl_status vmm_mem_init(struct vmm_mem *ret_mem, uint64_t size,
                                         struct cl_err *err);
/* The same over memory of the caller, from guest address 0 (tests). */
void vmm_mem_init_static(struct vmm_mem *ret_mem, void *data, size_t size);
void vmm_mem_done(struct vmm_mem *mem); /* NULL and zeroed are fine */

/* A pointer to the bytes [gpa, gpa + size) of RAM, or NULL when they do not lie inside one range.
 * size 0 is NULL too. */
void *vmm_mem_view(const struct vmm_mem *mem, uint64_t gpa, uint64_t size);

#endif
