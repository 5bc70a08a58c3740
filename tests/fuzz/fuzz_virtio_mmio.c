/* SPDX-License-Identifier: Apache-2.0
 * fuzz_virtio_mmio.c - register accesses in any order, with a device that works on its queues in
 * between. Input: steps of u16 offset (top bits: size), u64 value; the first 4 KiB of guest RAM are
 * the input too.
 */
#include "../unit/vmm_rig.h"
#include "base/bytes.h"
#include "blk.h"

#define MAX_STEPS 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct vmm_blk blk;
    struct rig rig;
    struct cl_reader in = cl_reader_init(data, len);
    rig_init(&rig);
    memcpy(rig.ram, data, len < 4096 ? len : 4096);
    vmm_blk_init(&blk, 1, &rig.mem);
    blk.virtio.irq = rig_irq;
    blk.virtio.irq_ctx = &rig;
    for (unsigned i = 0; i < MAX_STEPS && cl_reader_left(&in) >= 10; i++) {
        uint16_t where = cl_reader_le16(&in, "where");
        uint64_t value = cl_reader_le64(&in, "value");
        uint32_t size = 1u << (where >> 13 & 3);
        uint32_t offset = where & 0x1fff;
        if ((where & 0x8000) != 0) {
            (void)vmm_virtio_mmio_read(&blk.virtio, offset, size);
        } else {
            vmm_virtio_mmio_write(&blk.virtio, offset, size, value);
        }
        if (i % 4 == 3) {
            (void)vmm_blk_process(&blk);
        }
    }
    vmm_blk_done(&blk);
    rig_done(&rig);
    return 0;
}
