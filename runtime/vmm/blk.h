/* SPDX-License-Identifier: Apache-2.0
 * blk.h - a virtio block device over a file, or an empty slot that a file can fill later.
 * Trust: requests are hostile; the file belongs to the host's user. Whether it may be written is
 *        decided by how its descriptor was opened, not by what the driver believes.
 * Threads: vmm_blk_process() on the disks' thread; vmm_blk_attach() on the main thread; the
 *          transport's lock serialises. Memory: no buffers, files are read straight into RAM.
 */
#ifndef VMM_BLK_H
#define VMM_BLK_H

#include "virtio.h"

#define VMM_BLK_SECTOR 512u
#define VMM_BLK_QUEUE_MAX 128u
#define VMM_BLK_SEG_MAX 126u
#define VMM_BLK_BATCH 64u /* requests of one vmm_blk_process() */

struct vmm_blk {
    struct vmm_virtio virtio;
    int fd;         /* owned; -1: empty */
    bool read_only; /* no writes reach the file */
    bool offer_ro;  /* VIRTIO_BLK_F_RO: known before the driver started */
    uint64_t sectors;
    unsigned slot;          /* 1..8, for the serial number */
    struct vmm_chain chain; /* scratch of the disks' thread */
};

void vmm_blk_init(struct vmm_blk *b, unsigned slot, const struct vmm_mem *mem);
void vmm_blk_done(struct vmm_blk *b);

/* Fills an empty slot; takes fd on success. CL_ERR_MALFORMED when the slot is in use or the file
 * is not a whole number of sectors (a regular file or a block device). */
CL_NODISCARD enum cl_status vmm_blk_attach(struct vmm_blk *b, int fd, bool before_boot,
                                           struct cl_err *err);

/* Serves up to VMM_BLK_BATCH requests; true when there may be more. Takes the lock. */
bool vmm_blk_process(struct vmm_blk *b);

#endif
