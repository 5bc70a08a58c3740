/* SPDX-License-Identifier: Apache-2.0
 * net.h - a virtio network interface over a tap descriptor (or any that keeps packet bounds), or an
 * empty slot.
 * Trust: the guest's packets and their offload headers are hostile: they are bounded here and
 *        checked by the host's kernel, which takes them as any tap's. What comes from the network
 * is hostile to the guest, and not looked at. Threads: vmm_net_process() on the thread of the
 * interfaces; the transport's lock serialises. Memory: one packet that has no place in the guest
 * yet.
 */
#ifndef VMM_NET_H
#define VMM_NET_H

#include "virtio.h"

#define VMM_NET_QUEUE_MAX 256u
#define VMM_NET_BATCH 64u     /* packets each way of one vmm_net_process() */
#define VMM_NET_HEADER 12u    /* struct virtio_net_hdr_v1; the tap is told so */
#define VMM_NET_PACKET 65562u /* header, Ethernet, and the largest of large segments */
#define VMM_NET_MAX_BUFFERS 64u

struct vmm_net_config {
    uint8_t mac[6];
    uint16_t mtu;  /* 68..65535 */
    bool offloads; /* the tap does checksums and segmentation */
};

struct vmm_net {
    struct vmm_virtio virtio;
    int fd; /* owned, non-blocking; -1: empty */
    struct vmm_net_config cfg;
    /* Called with the lock held when the driver has settled on features: bits of TUNSETOFFLOAD. */
    void (*set_offload)(int fd, unsigned bits);
    uint64_t settled;  /* the driver's features that the tap was told of, plus 1; 0: none yet */
    bool readable;     /* the tap may have a packet */
    size_t packet_len; /* bytes in `packet`; 0: none */
    uint8_t packet[VMM_NET_PACKET];
    struct vmm_chain chain; /* scratch */
};

/* Takes fd (-1: an empty slot). */
void vmm_net_init(struct vmm_net *n, const struct vmm_net_config *cfg, int fd,
                  const struct vmm_mem *mem);
void vmm_net_done(struct vmm_net *n);

/* Moves up to VMM_NET_BATCH packets each way. `readable`: the tap was reported so (edge triggered).
 * True when there may be more to do at once. Takes the lock. */
bool vmm_net_process(struct vmm_net *n, bool readable);

#endif
