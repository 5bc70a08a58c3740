/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg.h - the payload from QEMU's fw_cfg device, so that a stock QEMU boots this ROM with its
 * own -kernel, -initrd and -append (I-1.10).
 * Trust: every answer is the host's and may change from one read to the next: each size is asked
 *        once, bounded, and from then on is ours. Without a measured hash page nothing vouches for
 *        the payload, so the device exists for stage0 only where there is no TEE.
 * Threads: one CPU. Memory: what the caller has. Spec: guest-boot.md 5.3.
 */
#ifndef STAGE0_FW_CFG_H
#define STAGE0_FW_CFG_H

#include "stage0.h"

/* The device's two registers, so that the logic above them runs anywhere. */
struct s0_fw_cfg {
    void (*select)(const struct s0_fw_cfg *dev, uint16_t item);
    /* The next `size` bytes of the selected item, whatever the host gives for them. */
    void (*read)(const struct s0_fw_cfg *dev, void *dst, size_t size);
    void *ctx;
};

/* The device says that it is QEMU's; other machines answer otherwise at these ports. */
bool s0_fw_cfg_found(const struct s0_fw_cfg *dev);
/* Asks m->fw_cfg for machine and sizes, and brings the payload to where s0_verify() looks for it.
 * The limits are those of the descriptor, I-1.2, and so are their reasons. */
CL_NODISCARD enum stage0_reason s0_fw_cfg_load(const struct s0_machine *m);

#endif
