/* SPDX-License-Identifier: Apache-2.0
 * fuzz_ioapic.c - the I/O APIC's registers. Whatever is written: no route carries anything but an
 * ordinary edge interrupt to a local APIC. Input: steps of u8 offset, u8 size, u32 value.
 */
#include "base/bytes.h"
#include "ioapic.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct vmm_ioapic io;
    struct cl_reader in = cl_reader_init(data, len);
    vmm_ioapic_init(&io);
    while (cl_reader_left(&in) >= 6) {
        uint8_t offset = cl_reader_u8(&in, "offset");
        uint8_t size = cl_reader_u8(&in, "size");
        (void)vmm_ioapic_write(&io, offset, size, cl_reader_le32(&in, "value"));
        (void)vmm_ioapic_read(&io, offset, size);
    }
    for (unsigned pin = 0; pin < VMM_IOAPIC_PINS + 1; pin++) {
        struct vmm_msi msi;
        if (vmm_ioapic_route(&io, pin, &msi) &&
            (msi.address >> 20 != 0xfee || (msi.data & ~0x1ffu) != 0 || (msi.data & 0xff) < 16)) {
            abort();
        }
    }
    return 0;
}
