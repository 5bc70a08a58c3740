/* SPDX-License-Identifier: Apache-2.0
 * paging.c - two sets of page tables: the strict one stage0 runs on, and the plain identity map
 * that Linux's boot protocol asks for. Trust: no input but the RAM size, bounded before.
 */
#include "stage0.h"

#define PT_ENTRIES 512u
#define LARGE_SIZE UINT64_C(0x200000)
#define GIB_SIZE UINT64_C(0x40000000)

#define PRESENT UINT64_C(0x01)
#define WRITE UINT64_C(0x02)
#define LARGE UINT64_C(0x80)
#define NX (UINT64_C(1) << 63)

#define DATA (PRESENT | WRITE | NX)
#define DATA_READ_ONLY (PRESENT | NX)
#define TEXT PRESENT
#define TABLE (PRESENT | WRITE)
#define WINDOW (PRESENT | NX)       /* never written: read-only here too */
#define LINUX_RAM (PRESENT | WRITE) /* Linux runs code and data in it */

static volatile uint64_t *table_at(uintptr_t memory, uint64_t gpa)
{
    return (volatile uint64_t *)(memory + (uintptr_t)gpa);
}

/* Attributes of a page below 2 MiB; 0: not mapped. Behind the hash page SNP's launch left what is
 * only read; on TDX the event log is written there. */
static uint64_t low_page(uint64_t gpa, bool tdx)
{
    if (gpa < STAGE0_PAGE_SIZE || gpa == STAGE0_GUARD_GPA) {
        return 0;
    }
    if (gpa >= STAGE0_HASH_PAGE_GPA && gpa < (tdx ? STAGE0_MAILBOX_GPA : STAGE0_TD_HOB_GPA)) {
        return DATA_READ_ONLY;
    }
    if (gpa >= STAGE0_LOW_END && gpa < STAGE0_HIGH_GPA) {
        return 0;
    }
    return DATA;
}

static uint64_t rom_page(uint64_t gpa, struct s0_rom_text text)
{
    if (gpa < STAGE0_ROM_GPA) {
        return 0;
    }
    return gpa >= text.gpa && gpa - text.gpa < text.size ? TEXT : DATA_READ_ONLY;
}

static uint64_t entry(uint64_t gpa, uint64_t attributes, uint64_t bits)
{
    return attributes == 0 ? 0 : gpa | attributes | bits;
}

static bool in_window(uint64_t gpa)
{
    return gpa >= STAGE0_WINDOW_GPA && gpa < STAGE0_WINDOW_END;
}

/* Attributes of 2 MiB at `gpa`, apart from the two that are mapped page by page. */
static uint64_t own_large(uint64_t gpa)
{
    if (gpa < STAGE0_LOW_RAM_MAX) {
        return DATA | LARGE;
    }
    return in_window(gpa) ? WINDOW | LARGE : 0;
}

void s0_paging_build_own(uintptr_t memory, struct s0_rom_text text, struct s0_memory_bits bits)
{
    const uint64_t rom_large = STAGE0_ROM_GPA & ~(LARGE_SIZE - 1);
    volatile uint64_t *low = table_at(memory, STAGE0_PT_LOW_GPA);
    volatile uint64_t *rom = table_at(memory, STAGE0_PT_ROM_GPA);
    for (uint64_t i = 0; i < PT_ENTRIES; i++) {
        uint64_t offset = i * STAGE0_PAGE_SIZE;
        low[i] = entry(offset, low_page(offset, bits.shared != 0), bits.private);
        rom[i] = entry(rom_large + offset, rom_page(rom_large + offset, text), bits.private);
    }
    volatile uint64_t *pd = table_at(memory, STAGE0_PD_GPA);
    for (uint64_t i = 0; i < 4 * PT_ENTRIES; i++) {
        uint64_t gpa = i * LARGE_SIZE;
        if (gpa == 0) {
            pd[i] = STAGE0_PT_LOW_GPA | TABLE | bits.private;
        } else if (gpa == rom_large) {
            pd[i] = STAGE0_PT_ROM_GPA | TABLE | bits.private;
        } else {
            pd[i] = entry(gpa, own_large(gpa), in_window(gpa) ? bits.shared : bits.private);
        }
    }
    /* As reset.S made these two, but for a TD, where it made none. */
    volatile uint64_t *pml4 = table_at(memory, STAGE0_PML4_GPA);
    volatile uint64_t *pdpt = table_at(memory, STAGE0_PDPT_GPA);
    for (uint64_t i = 0; i < PT_ENTRIES; i++) {
        uint64_t directory = STAGE0_PD_GPA + i * STAGE0_PAGE_SIZE;
        pdpt[i] = i < 4 ? directory | TABLE | bits.private : 0;
        pml4[i] = i == 0 ? STAGE0_PDPT_GPA | TABLE | bits.private : 0;
    }
}

void s0_paging_build_linux(uintptr_t memory, uint64_t low_ram_end, struct s0_memory_bits bits)
{
    enum { PML4, PDPT, PD_0, PD_1, PD_3, TABLES };
    _Static_assert(TABLES * STAGE0_PAGE_SIZE == STAGE0_LINUX_PT_SIZE, "five tables");
    volatile uint64_t *t = table_at(memory, STAGE0_LINUX_PT_GPA);
    for (size_t i = 0; i < TABLES * PT_ENTRIES; i++) {
        t[i] = 0;
    }
#define TABLE_GPA(n) (STAGE0_LINUX_PT_GPA + (uint64_t)(n)*STAGE0_PAGE_SIZE)
    t[PML4 * PT_ENTRIES] = TABLE_GPA(PDPT) | TABLE | bits.private;
    t[PDPT * PT_ENTRIES + 0] = TABLE_GPA(PD_0) | TABLE | bits.private;
    t[PDPT * PT_ENTRIES + 1] = TABLE_GPA(PD_1) | TABLE | bits.private;
    t[PDPT * PT_ENTRIES + 3] = TABLE_GPA(PD_3) | TABLE | bits.private;
#undef TABLE_GPA
    _Static_assert(STAGE0_LOW_RAM_MAX == 2 * GIB_SIZE, "two directories reach low RAM");
    for (uint64_t gpa = 0; gpa < low_ram_end; gpa += LARGE_SIZE) {
        /* runs on into PD_1 */
        t[PD_0 * PT_ENTRIES + gpa / LARGE_SIZE] = gpa | LARGE | LINUX_RAM | bits.private;
    }
    uint64_t rom_large = STAGE0_ROM_GPA & ~(LARGE_SIZE - 1);
    t[PD_3 * PT_ENTRIES + rom_large / LARGE_SIZE % PT_ENTRIES] =
        rom_large | LARGE | TEXT | bits.private;
}
