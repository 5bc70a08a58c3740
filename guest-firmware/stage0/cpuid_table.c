/* SPDX-License-Identifier: Apache-2.0
 * cpuid_table.c - CPUID, from the instruction or from SNP's table (snp.md d.4).
 * Trust: the table was checked by the processor's firmware against what the processor has: it may
 * hide features, not invent them. Its form is checked here. In private memory: it cannot change.
 */
#include "cpu.h"
#include "stage0.h"

#include <string.h>

#define HEAD_SIZE 16u
#define ENTRY_SIZE 48u
#define ENTRIES_MAX 64u
#define OFF_SUBLEAF 4u
#define OFF_EAX 24u

static uint32_t get32(const uint8_t *p)
{
    cl_le32 v;
    memcpy(&v, p, sizeof(v));
    return cl_le32_get(&v);
}

static struct s0_cpuid_regs from_table(const uint8_t *page, uint32_t leaf, uint32_t subleaf)
{
    uint32_t count = get32(page);
    for (uint32_t i = 0; i < count && i < ENTRIES_MAX; i++) {
        const uint8_t *e = page + HEAD_SIZE + i * ENTRY_SIZE;
        if (get32(e) == leaf && get32(e + OFF_SUBLEAF) == subleaf) {
            return (struct s0_cpuid_regs){get32(e + OFF_EAX), get32(e + OFF_EAX + 4),
                                          get32(e + OFF_EAX + 8), get32(e + OFF_EAX + 12)};
        }
    }
    return (struct s0_cpuid_regs){0};
}

struct s0_cpuid_regs s0_cpuid(const struct s0_cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
    if (cpu->table != NULL) {
        return from_table(cpu->table, leaf, subleaf);
    }
    struct s0_cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

enum stage0_reason s0_cpuid_table_check(const uint8_t page[static STAGE0_PAGE_SIZE])
{
    const uint32_t snp = S0_CPUID_SEV_EAX_SEV | S0_CPUID_SEV_EAX_ES | S0_CPUID_SEV_EAX_SNP;
    uint32_t count = get32(page);
    if (count == 0 || count > ENTRIES_MAX || !s0_all_zero(page + 4, HEAD_SIZE - 4)) {
        return STAGE0_R_SNP_CPUID;
    }
    struct s0_cpuid_regs r = from_table(page, S0_CPUID_SEV, 0);
    if ((r.eax & snp) != snp) {
        return STAGE0_R_SNP_CPUID;
    }
    return (r.ebx & 0x3Fu) == STAGE0_SNP_BIT ? STAGE0_R_OK : STAGE0_R_SNP_BIT;
}
