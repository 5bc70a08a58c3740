/* SPDX-License-Identifier: Apache-2.0
 * e820.c - the memory map. Trust: of the VMM's word only the RAM size enters, bounded before.
 */
#include "stage0.h"

/* Below 1 MiB Linux gets everything but the pages that a TEE needs intact and the ACPI tables; from
 * 640 KiB to 1 MiB there is nothing, as Linux expects of a PC.
 */
static const struct s0_e820 low_map[] = {
    {0, STAGE0_HASH_PAGE_GPA, S0_E820_RAM},
    {STAGE0_HASH_PAGE_GPA, STAGE0_TD_HOB_GPA - STAGE0_HASH_PAGE_GPA, S0_E820_RESERVED},
    {STAGE0_TD_HOB_GPA, STAGE0_ACPI_GPA - STAGE0_TD_HOB_GPA, S0_E820_RAM},
    {STAGE0_ACPI_GPA, STAGE0_ACPI_SIZE, S0_E820_ACPI},
    {STAGE0_LINUX_END, STAGE0_LOW_END - STAGE0_LINUX_END, S0_E820_RAM},
};
_Static_assert(CL_ARRAY_LEN(low_map) + 3 <= S0_E820_MAX, "map fits");
_Static_assert(STAGE0_ACPI_GPA + STAGE0_ACPI_SIZE == STAGE0_LINUX_END, "map has no hole");

#define RESERVED_ENTRY 1u

size_t s0_e820_build(uint64_t ram_size, enum s0_tee tee, struct s0_e820 ret_map[static S0_E820_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(low_map); i++) {
        ret_map[n++] = low_map[i];
        /* Mailbox and event log are NVS: what is reserved, a TD's Linux would map as shared. */
        if (i == RESERVED_ENTRY && tee == S0_TDX) {
            ret_map[n - 1].size = STAGE0_PAGE_SIZE;
            ret_map[n++] = (struct s0_e820){STAGE0_MAILBOX_GPA,
                                            STAGE0_TD_HOB_GPA - STAGE0_MAILBOX_GPA, S0_E820_NVS};
        }
    }
    uint64_t low_end = ram_size < STAGE0_LOW_RAM_MAX ? ram_size : STAGE0_LOW_RAM_MAX;
    ret_map[n++] = (struct s0_e820){STAGE0_HIGH_GPA, low_end - STAGE0_HIGH_GPA, S0_E820_RAM};
    if (ram_size > low_end) {
        ret_map[n++] = (struct s0_e820){STAGE0_HIGH_RAM_GPA, ram_size - low_end, S0_E820_RAM};
    }
    return n;
}
