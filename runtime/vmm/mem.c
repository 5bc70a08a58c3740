/* SPDX-License-Identifier: Apache-2.0
 * mem.c - maps guest RAM and turns guest addresses into pointers. Trust, threads: see mem.h.
 */
#include "mem.h"

#include <errno.h>
#include <sys/mman.h>

/* Guest and host addresses agree in their lowest 21 bits, and the kernel is asked for huge pages:
 * then one fault of the guest, and one entry of its nested tables, serves 2 MiB. NORESERVE: like
 * any VMM, pages are taken when the guest touches them. */
static void *map_aligned(uint64_t size)
{
    uint8_t *map = mmap(NULL, size + VMM_MEM_ALIGN, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    size_t before = -(uintptr_t)map & (VMM_MEM_ALIGN - 1);
    if (before > 0) {
        (void)munmap(map, before);
    }
    (void)munmap(map + before + size, VMM_MEM_ALIGN - before);
    (void)madvise(map + before, size, MADV_HUGEPAGE); /* a kernel without them: slower, not wrong */
    return map + before;
}

enum cl_status vmm_mem_init(struct vmm_mem *ret_mem, uint64_t size, struct cl_err *err)
{
    if (size < VMM_MEM_MIN || size > VMM_MEM_MAX || size % VMM_MEM_ALIGN != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "memory: expected a multiple of 2M in 128M..512G, got %llu bytes",
                          (unsigned long long)size);
    }
    uint8_t *map = map_aligned(size);
    if (map == NULL) {
        return cl_err_sys(err, errno, "map %llu bytes of guest RAM", (unsigned long long)size);
    }
    if (madvise(map, size, MADV_DONTDUMP) != 0) {
        int saved = errno;
        (void)munmap(map, size);
        return cl_err_sys(err, saved, "keep guest RAM out of core dumps");
    }
    uint64_t low = size < VMM_MEM_LOW_MAX ? size : VMM_MEM_LOW_MAX;
    *ret_mem = (struct vmm_mem){.map = map, .map_size = size};
    ret_mem->range[0] = (struct vmm_mem_range){.gpa = 0, .size = low, .hva = map};
    ret_mem->range[1] = (struct vmm_mem_range){
        .gpa = VMM_MEM_HIGH_GPA, .size = size - low, .hva = (uint8_t *)map + low};
    return CL_OK;
}

void vmm_mem_init_static(struct vmm_mem *ret_mem, void *data, size_t size)
{
    *ret_mem = (struct vmm_mem){0};
    ret_mem->range[0] = (struct vmm_mem_range){.gpa = 0, .size = size, .hva = data};
}

void vmm_mem_done(struct vmm_mem *mem)
{
    if (mem != NULL && mem->map != NULL) {
        (void)munmap(mem->map, mem->map_size);
        *mem = (struct vmm_mem){0};
    }
}

void *vmm_mem_view(const struct vmm_mem *mem, uint64_t gpa, uint64_t size)
{
    if (size == 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(mem->range) / sizeof(mem->range[0]); i++) {
        const struct vmm_mem_range *r = &mem->range[i];
        /* Subtract: gpa + size could wrap. */
        if (gpa >= r->gpa && gpa - r->gpa < r->size && size <= r->size - (gpa - r->gpa)) {
            return r->hva + (gpa - r->gpa);
        }
    }
    return NULL;
}
