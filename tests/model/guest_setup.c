/* SPDX-License-Identifier: Apache-2.0
 * guest_setup.c - the list of setup_data that boot_params begins (guest-boot.md 1.3).
 */
#include "guest_internal.h"

#define SETUP_CC_BLOB 7u
#define MAX_NODES 16u

unsigned guest_setup_blobs(struct guest_cpu *c, const uint8_t *bp, uint64_t *ret_blob)
{
    uint64_t at = model_le(bp + 0x250, 8);
    unsigned blobs = 0;
    for (unsigned i = 0; at != 0 && i < MAX_NODES; i++) {
        uint8_t node[16], address[4];
        if (!guest_mapped_private(c, at, sizeof(node), "entry.setup_data") ||
            !guest_copy(c, at, node, sizeof(node), false)) {
            return blobs;
        }
        if (model_le(node + 8, 4) == SETUP_CC_BLOB && model_le(node + 12, 4) == 4 &&
            guest_copy(c, at + 16, address, 4, false)) {
            blobs++;
            *ret_blob = model_le(address, 4);
        }
        at = model_le(node, 8);
    }
    if (at != 0) {
        guest_object(c->guest, "entry.setup_data", "more than %u nodes", MAX_NODES);
    }
    return blobs;
}
