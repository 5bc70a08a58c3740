/* SPDX-License-Identifier: Apache-2.0
 * ioapic.c - I/O APIC registers (Intel 82093AA) and their translation to MSI. Trust: see ioapic.h.
 */
#include "ioapic.h"

#define IOREGSEL 0x00u
#define IOWIN 0x10u
#define REG_ID 0x00u
#define REG_VERSION 0x01u
#define REG_ARBITRATION 0x02u
#define REG_REDIRECT 0x10u
#define IOAPIC_VERSION 0x11u /* without EOI register: edges only */

#define RTE_VECTOR 0xffull
#define RTE_DELIVERY_SHIFT 8
#define RTE_LOGICAL (1ull << 11)
#define RTE_MASKED (1ull << 16)
#define RTE_DEST_SHIFT 56
/* Delivery status (12) and remote IRR (14) are read-only and always 0 here. */
#define RTE_WRITABLE 0xff0000000001afffull

#define DELIVERY_FIXED 0u
#define DELIVERY_LOWEST 1u
#define MSI_BASE 0xfee00000ull

void vmm_ioapic_init(struct vmm_ioapic *io)
{
    *io = (struct vmm_ioapic){0};
    for (unsigned i = 0; i < VMM_IOAPIC_PINS; i++) {
        io->redirect[i] = RTE_MASKED;
    }
}

static uint32_t read_window(const struct vmm_ioapic *io)
{
    switch (io->select) {
    case REG_ID:
    case REG_ARBITRATION:
        return (uint32_t)io->id << 24;
    case REG_VERSION:
        return IOAPIC_VERSION | (VMM_IOAPIC_PINS - 1) << 16;
    default:
        break;
    }
    if (io->select < REG_REDIRECT || io->select >= REG_REDIRECT + 2 * VMM_IOAPIC_PINS) {
        return 0;
    }
    unsigned index = io->select - REG_REDIRECT;
    return (uint32_t)(io->redirect[index / 2] >> (index % 2 * 32));
}

uint32_t vmm_ioapic_read(const struct vmm_ioapic *io, uint32_t offset, uint32_t size)
{
    if (size != 4) {
        return 0;
    }
    if (offset == IOREGSEL) {
        return io->select;
    }
    return offset == IOWIN ? read_window(io) : 0;
}

static bool write_redirect(struct vmm_ioapic *io, unsigned index, uint32_t value)
{
    uint64_t old = io->redirect[index / 2];
    uint64_t half = index % 2 == 0 ? 0xffffffffull : 0xffffffff00000000ull;
    uint64_t x = (old & ~half) | ((uint64_t)value << (index % 2 * 32));
    io->redirect[index / 2] = x & RTE_WRITABLE;
    return io->redirect[index / 2] != old;
}

bool vmm_ioapic_write(struct vmm_ioapic *io, uint32_t offset, uint32_t size, uint32_t value)
{
    if (size != 4) {
        return false;
    }
    if (offset == IOREGSEL) {
        io->select = (uint8_t)value;
        return false;
    }
    if (offset != IOWIN) {
        return false;
    }
    if (io->select == REG_ID) {
        io->id = (uint8_t)(value >> 24) & 0x0f;
        return false;
    }
    if (io->select < REG_REDIRECT || io->select >= REG_REDIRECT + 2 * VMM_IOAPIC_PINS) {
        return false;
    }
    return write_redirect(io, io->select - REG_REDIRECT, value);
}

bool vmm_ioapic_route(const struct vmm_ioapic *io, unsigned pin, struct vmm_msi *ret_msi)
{
    if (pin >= VMM_IOAPIC_PINS) {
        return false;
    }
    uint64_t e = io->redirect[pin];
    unsigned vector = (unsigned)(e & RTE_VECTOR);
    unsigned delivery = (unsigned)(e >> RTE_DELIVERY_SHIFT) & 7;
    /* Only ordinary interrupts: no SMI, NMI, INIT or ExtINT from a pin, no exception vectors. */
    if ((e & RTE_MASKED) != 0 || vector < 16 || delivery > DELIVERY_LOWEST) {
        return false;
    }
    ret_msi->address = MSI_BASE | (e >> RTE_DEST_SHIFT) << 12;
    if ((e & RTE_LOGICAL) != 0) {
        ret_msi->address |= 1u << 2;
    }
    if (delivery == DELIVERY_LOWEST) {
        ret_msi->address |= 1u << 3; /* redirection hint */
    }
    ret_msi->data = vector | delivery << 8; /* edge, whatever the trigger bit says */
    return true;
}
