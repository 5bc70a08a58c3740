/* SPDX-License-Identifier: Apache-2.0
 * net.c - network packets (virtio 1.2, 5.1): a receive and a transmit queue, mergeable buffers,
 * offloads as the tap has them. Trust, threads: net.h.
 */
#include "net.h"

#include "base/bytes.h"
#include "iov.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#define NET_DEVICE_ID 1u
#define NET_RX 0u
#define NET_TX 1u

#define NET_F_CSUM (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_MTU (1ull << 3)
#define NET_F_MAC (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_GUEST_TSO6 (1ull << 8)
#define NET_F_GUEST_ECN (1ull << 9)
#define NET_F_HOST_TSO4 (1ull << 11)
#define NET_F_HOST_TSO6 (1ull << 12)
#define NET_F_HOST_ECN (1ull << 13)
#define NET_F_MRG_RXBUF (1ull << 15)
#define NET_F_STATUS (1ull << 16)
#define NET_F_OFFLOADS                                                                             \
    (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN |       \
     NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN)

#define NET_STATUS_LINK_UP 1u
#define NUM_BUFFERS_OFFSET 10u /* in the header */

struct net_config { /* virtio 1.2, 5.1.4 */
    uint8_t mac[6];
    cl_le16 status;
    cl_le16 max_pairs;
    cl_le16 mtu;
};
_Static_assert(sizeof(struct net_config) == 12, "network configuration");

static uint64_t net_features(void *dev)
{
    const struct vmm_net *n = dev;
    return NET_F_MAC | NET_F_MTU | NET_F_STATUS | NET_F_MRG_RXBUF |
           (n->cfg.offloads ? NET_F_OFFLOADS : 0);
}

static void net_config_read(void *dev, uint32_t offset, uint8_t *ret, uint32_t size)
{
    const struct vmm_net *n = dev;
    struct net_config c = {0};
    memcpy(c.mac, n->cfg.mac, sizeof(c.mac));
    cl_le16_put(&c.status, NET_STATUS_LINK_UP);
    cl_le16_put(&c.max_pairs, 1);
    cl_le16_put(&c.mtu, n->cfg.mtu);
    for (uint32_t i = 0; i < size && offset < sizeof(c) && i < sizeof(c) - offset; i++) {
        ret[i] = ((const uint8_t *)&c)[offset + i];
    }
}

static void net_reset(void *dev)
{
    struct vmm_net *n = dev;
    n->settled = 0;
    n->packet_len = 0;
}

static const struct vmm_virtio_ops net_ops = {
    .device_id = NET_DEVICE_ID,
    .queue_count = 2,
    .queue_max = VMM_NET_QUEUE_MAX,
    .features = net_features,
    .config_read = net_config_read,
    .reset = net_reset,
};

void vmm_net_init(struct vmm_net *n, const struct vmm_net_config *cfg, int fd,
                  const struct vmm_mem *mem)
{
    *n = (struct vmm_net){.fd = fd, .readable = true};
    if (fd >= 0) {
        n->cfg = *cfg;
    }
    vmm_virtio_init(&n->virtio, fd >= 0 ? &net_ops : NULL, n, mem);
}

void vmm_net_done(struct vmm_net *n)
{
    if (n->fd >= 0) {
        (void)close(n->fd);
        n->fd = -1;
    }
    vmm_virtio_done(&n->virtio);
}

/* What the guest can take from the network must be settled before the first packet is read. */
static void settle(struct vmm_net *n)
{
    uint64_t f = n->virtio.driver_features;
    if (n->settled == f + 1) {
        return;
    }
    n->settled = f + 1;
    unsigned bits = (f & NET_F_GUEST_CSUM) == 0
                        ? 0
                        : TUN_F_CSUM | ((f & NET_F_GUEST_TSO4) ? TUN_F_TSO4 : 0u) |
                              ((f & NET_F_GUEST_TSO6) ? TUN_F_TSO6 : 0u) |
                              ((f & NET_F_GUEST_ECN) ? TUN_F_TSO_ECN : 0u);
    if ((bits & (TUN_F_TSO4 | TUN_F_TSO6)) == 0) {
        bits &= ~(unsigned)TUN_F_TSO_ECN;
    }
    if (n->cfg.offloads && n->set_offload != NULL) {
        n->set_offload(n->fd, bits);
    }
}

/* --- to the guest ----------------------------------------------------------------------------- */

static bool fetch_packet(struct vmm_net *n)
{
    ssize_t got = -1;
    while (n->packet_len == 0 && n->readable) {
        got = read(n->fd, n->packet, sizeof(n->packet));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        n->readable = got > 0 || (got < 0 && errno != EAGAIN && errno != EBADFD);
        if (got < 0) {
            return false;
        }
        n->packet_len = (size_t)got > VMM_NET_HEADER ? (size_t)got : 0; /* else: not one */
    }
    return n->packet_len > 0;
}

/* Copies the packet into as many buffers as it needs (one, unless they can be merged) and gives
 * them back together. VMM_VIRTQ_EMPTY: there are not enough yet, nothing was given back. */
static enum vmm_virtq_result deliver(struct vmm_net *n, struct vmm_virtq *q)
{
    struct vmm_used used[VMM_NET_MAX_BUFFERS];
    bool merge = (n->virtio.driver_features & NET_F_MRG_RXBUF) != 0;
    uint8_t *num_buffers = NULL;
    uint16_t count = 0;
    size_t done = 0;
    cl_le16 wire;
    struct iovec first;
    do { /* there is a packet */
        enum vmm_virtq_result got =
            count < VMM_NET_MAX_BUFFERS ? vmm_virtq_pop(q, &n->chain) : VMM_VIRTQ_BROKEN;
        if (got != VMM_VIRTQ_GOT) {
            for (; got == VMM_VIRTQ_EMPTY && count > 0; count--) {
                vmm_virtq_unpop(q);
            }
            return got;
        }
        size_t room = vmm_iov_size(n->chain.iov + n->chain.out_count, n->chain.in_count);
        size_t part = room < n->packet_len - done ? room : n->packet_len - done;
        first = n->chain.in_count > 0 ? n->chain.iov[n->chain.out_count] : (struct iovec){0};
        if (n->chain.out_count > 0 || (count == 0 && first.iov_len < VMM_NET_HEADER) ||
            !vmm_iov_write(n->chain.iov, n->chain.in_count, n->packet + done, part) || part == 0) {
            return VMM_VIRTQ_BROKEN;
        }
        num_buffers = count == 0 ? (uint8_t *)first.iov_base + NUM_BUFFERS_OFFSET : num_buffers;
        used[count++] = (struct vmm_used){n->chain.head, (uint32_t)part};
        done += part;
        /* Without merging, what has no room is lost; such a driver gives room enough. */
    } while (merge && done < n->packet_len);
    cl_le16_put(&wire, count);
    memcpy(num_buffers, &wire, sizeof(wire));
    vmm_virtq_push_all(q, used, count);
    return VMM_VIRTQ_GOT;
}

static bool receive(struct vmm_net *n)
{
    struct vmm_virtq *q = &n->virtio.queue[NET_RX];
    for (unsigned i = 0; vmm_virtio_is_live(&n->virtio) && fetch_packet(n); i++) {
        if (i == VMM_NET_BATCH) {
            return true;
        }
        enum vmm_virtq_result got = deliver(n, q);
        if (got == VMM_VIRTQ_EMPTY && vmm_virtq_enable_notify(q)) {
            got = deliver(n, q); /* buffers came meanwhile; if not enough, more will be announced */
        }
        if (got == VMM_VIRTQ_EMPTY) {
            return false;
        }
        if (got == VMM_VIRTQ_BROKEN) {
            vmm_virtio_fail(&n->virtio);
            return false;
        }
        n->packet_len = 0;
    }
    return false;
}

/* --- from the guest --------------------------------------------------------------------------- */

/* A packet that the tap does not take is lost, as on any wire. false: the chain is no packet. */
static bool transmit_one(struct vmm_net *n, struct vmm_virtq *q)
{
    struct vmm_chain *c = &n->chain;
    size_t size = vmm_iov_size(c->iov, c->out_count);
    if (c->in_count > 0 || size <= VMM_NET_HEADER) {
        return false;
    }
    ssize_t sent = -1;
    do {
        sent = size <= VMM_NET_PACKET ? writev(n->fd, c->iov, (int)c->out_count) : 0;
    } while (sent < 0 && errno == EINTR);
    vmm_virtq_push(q, c->head, 0);
    return true;
}

static bool transmit(struct vmm_net *n)
{
    struct vmm_virtq *q = &n->virtio.queue[NET_TX];
    for (unsigned i = 0; vmm_virtio_is_live(&n->virtio); i++) {
        if (i == VMM_NET_BATCH) {
            return true;
        }
        enum vmm_virtq_result got = vmm_virtq_pop(q, &n->chain);
        if (got == VMM_VIRTQ_EMPTY && vmm_virtq_enable_notify(q)) {
            continue;
        }
        if (got == VMM_VIRTQ_EMPTY) {
            return false;
        }
        if (got == VMM_VIRTQ_BROKEN || !transmit_one(n, q)) {
            vmm_virtio_fail(&n->virtio);
        }
    }
    return false;
}

bool vmm_net_process(struct vmm_net *n, bool readable)
{
    struct vmm_virtio *v = &n->virtio;
    bool more = false;
    (void)pthread_mutex_lock(&v->lock);
    n->readable = n->readable || readable;
    if (vmm_virtio_is_live(v)) {
        settle(n);
        more = transmit(n);
        more = receive(n) || more;
        vmm_virtio_signal_used(v, &v->queue[NET_TX]);
        vmm_virtio_signal_used(v, &v->queue[NET_RX]);
    }
    (void)pthread_mutex_unlock(&v->lock);
    return more;
}
