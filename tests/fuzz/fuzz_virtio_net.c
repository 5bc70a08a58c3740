/* SPDX-License-Identifier: Apache-2.0
 * fuzz_virtio_net.c - the network device over a pair of sockets, its rings the input.
 * Input: u8 flags (1: mergeable buffers), u8 packets from the network, then the bytes of guest RAM
 * from the rings on.
 */
#include "../unit/vmm_rig.h"
#include "net.h"

#include <sys/socket.h>
#include <unistd.h>

#define MERGE (1ull << 15)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct vmm_net net;
    static const struct vmm_net_config cfg = {.mac = {2}, .mtu = 1500};
    static const uint8_t packet[3000] = {0};
    struct rig rig;
    int pair[2];
    if (len < 2) {
        return 0;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) != 0) {
        abort();
    }
    rig_init(&rig);
    vmm_net_init(&net, &cfg, pair[0], &rig.mem);
    rig_bring_up(&rig, &net.virtio,
                 VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM |
                     ((data[0] & 1) != 0 ? MERGE : 0),
                 2, 16);
    size_t room = RIG_RAM - RIG_QUEUE_GPA(0);
    size_t n = len - 2 < room ? len - 2 : room;
    memcpy(rig.ram + RIG_QUEUE_GPA(0), data + 2, n);
    /* The other rings lie further on: short inputs name them in their first bytes instead. */
    for (unsigned q = 0; q < 2 && n < 0x2000; q++) {
        memcpy(rig.ram + RIG_QUEUE_GPA(q), data + 2, n);
        memcpy(rig.ram + RIG_QUEUE_GPA(q) + 0x2000, data + 2, n < 36 ? n : 36);
    }
    for (unsigned i = 0; i < data[1] % 8u; i++) {
        (void)send(pair[1], packet, 60u + 400u * i, MSG_NOSIGNAL);
    }
    for (unsigned i = 0; i < 4 && vmm_net_process(&net, true); i++) {
    }
    (void)close(pair[1]);
    vmm_net_done(&net);
    rig_done(&rig);
    return 0;
}
