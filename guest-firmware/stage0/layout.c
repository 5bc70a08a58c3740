/* SPDX-License-Identifier: Apache-2.0
 * layout.c - where the private copies of kernel, initrd and command line go.
 * Trust: the payload description has been checked; setup_sects has not, and cannot do harm.
 */
#include "stage0.h"

/* With setup_sects = 255 the file begins 128 KiB below the kernel, far above all of ours, and
 * the largest kernel fits into the smallest RAM: neither needs a check at run time.
 */
#define SETUP_SIZE_MAX (256u * S0_SECTOR_SIZE)
_Static_assert(STAGE0_KERNEL_GPA - SETUP_SIZE_MAX >= STAGE0_HIGH_GPA, "setup part lies in RAM");
_Static_assert(STAGE0_KERNEL_GPA + STAGE0_KERNEL_SIZE_MAX <= STAGE0_RAM_MIN, "kernel lies in RAM");

enum stage0_reason s0_layout_make(const struct s0_payload *payload, uint8_t setup_sects,
                                  struct s0_layout *ret_layout)
{
    /* Boot protocol: 0 means 4. The boot sector itself is not counted. */
    uint64_t setup_size = ((setup_sects == 0 ? 4u : setup_sects) + 1u) * (uint64_t)S0_SECTOR_SIZE;
    struct s0_layout layout = {
        .low_ram_end =
            payload->ram_size < STAGE0_LOW_RAM_MAX ? payload->ram_size : STAGE0_LOW_RAM_MAX,
        .kernel_file_gpa = STAGE0_KERNEL_GPA - setup_size,
        .kernel_size = payload->kernel.size,
        .initrd_size = payload->initrd.size,
        .cmdline_size = payload->cmdline.size,
    };
    uint64_t kernel_end = layout.kernel_file_gpa + layout.kernel_size;
    if (layout.initrd_size > layout.low_ram_end - kernel_end) {
        return STAGE0_R_INITRD_NO_ROOM;
    }
    layout.initrd_gpa = layout.low_ram_end - layout.initrd_size;
    layout.initrd_gpa -= layout.initrd_gpa % STAGE0_PAGE_SIZE;
    if (layout.initrd_gpa < kernel_end) { /* rounding down may have reached the kernel */
        return STAGE0_R_INITRD_NO_ROOM;
    }
    *ret_layout = layout;
    return STAGE0_R_OK;
}
