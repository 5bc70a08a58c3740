/* SPDX-License-Identifier: Apache-2.0
 * ioapic.h - the register model of our I/O APIC: 24 pins, edge triggered only. It delivers nothing
 * itself: each pin's entry becomes an MSI route of the kernel's, so that irqfds work.
 * Trust: register values come from the guest. Threads: the caller serialises. Memory: fixed.
 */
#ifndef VMM_IOAPIC_H
#define VMM_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define VMM_IOAPIC_PINS 24u
#define VMM_IOAPIC_SIZE 0x1000u

struct vmm_ioapic {
    uint8_t select;
    uint8_t id;
    uint64_t redirect[VMM_IOAPIC_PINS];
};

struct vmm_msi {
    uint64_t address;
    uint32_t data;
};

void vmm_ioapic_init(struct vmm_ioapic *io); /* every pin masked */
uint32_t vmm_ioapic_read(const struct vmm_ioapic *io, uint32_t offset, uint32_t size);
/* true when a redirection entry changed in a way that routes may have to follow. */
bool vmm_ioapic_write(struct vmm_ioapic *io, uint32_t offset, uint32_t size, uint32_t value);
/* The message a pin sends; false when it is masked or asks for what we do not deliver. */
bool vmm_ioapic_route(const struct vmm_ioapic *io, unsigned pin, struct vmm_msi *ret_msi);

#endif
