/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg_ports.c - see fw_cfg_ports.h. Byte by byte: a second where DMA would take none, and no
 * address of ours for the host to write to.
 */
#include "fw_cfg_ports.h"

#define PORT_SELECT 0x510u
#define PORT_DATA 0x511u

static void select_item(CL_UNUSED const struct s0_fw_cfg *dev, uint16_t item)
{
    __asm__ volatile("outw %0, %1" : : "a"(item), "d"((uint16_t)PORT_SELECT));
}

static void read_bytes(CL_UNUSED const struct s0_fw_cfg *dev, void *dst, size_t size)
{
    __asm__ volatile("rep insb" : "+D"(dst), "+c"(size) : "d"((uint16_t)PORT_DATA) : "memory");
}

/* Not a constant: a table of addresses would need relocation. */
struct s0_fw_cfg fw_cfg_ports(void)
{
    return (struct s0_fw_cfg){.select = select_item, .read = read_bytes};
}
