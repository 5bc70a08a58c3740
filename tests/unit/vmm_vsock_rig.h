/* SPDX-License-Identifier: Apache-2.0
 * vmm_vsock_rig.h - a guest's and a host program's side of the vsock device: packets in, packets
 * out, socket pairs behind the ports. Header only; for tests and fuzz targets.
 */
#ifndef VMM_VSOCK_RIG_H
#define VMM_VSOCK_RIG_H

#include "vmm_rig.h"
#include "vsock_conn.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define VR_QUEUE 64u
#define VR_RX_SIZE 4096u
#define VR_RX_DATA 0x80000u /* VR_QUEUE receive buffers */
#define VR_TX_DATA 0x40000u
#define VR_NEEDED (VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM)
#define VR_GUEST_PORT 7000u
#define VR_HOST_PORT 1024u

struct vr {
    struct rig rig;
    struct vmm_vsock dev;
    struct rig_queue rx, tx;
    int far_fd; /* the host program's end of the connection made last */
    bool refuse;
    unsigned watched;
    uint16_t last_conn, last_generation;
};

static inline int vr_connect(void *ctx, uint32_t port)
{
    struct vr *r = ctx;
    int fd[2];
    (void)port;
    if (r->refuse || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) != 0) {
        return -1;
    }
    r->far_fd = fd[1];
    return fd[0];
}

static inline bool vr_watch(void *ctx, int fd, uint16_t conn, uint16_t generation)
{
    struct vr *r = ctx;
    (void)fd;
    r->watched++;
    r->last_conn = conn;
    r->last_generation = generation;
    return true;
}

static inline void vr_give_buffers(struct vr *r, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        rig_desc(&r->rx, i, VR_RX_DATA + i * VR_RX_SIZE, VR_RX_SIZE, RIG_WRITE, 0);
        rig_offer(&r->rx, (uint16_t)i);
    }
}

static inline void vr_init(struct vr *r)
{
    *r = (struct vr){.far_fd = -1};
    rig_init(&r->rig);
    struct vmm_vsock_host host = {.connect = vr_connect, .watch = vr_watch, .ctx = r};
    vmm_vsock_init(&r->dev, &host, &r->rig.mem);
    rig_bring_up(&r->rig, &r->dev.virtio, VR_NEEDED, 3, VR_QUEUE);
    r->rx = rig_queue(&r->rig, 0, VR_QUEUE);
    r->tx = rig_queue(&r->rig, 1, VR_QUEUE);
}

static inline void vr_done(struct vr *r)
{
    vmm_vsock_done(&r->dev);
    if (r->far_fd >= 0) {
        (void)close(r->far_fd);
    }
    rig_done(&r->rig);
}

static inline struct vsock_packet vr_packet(uint16_t op, uint32_t len)
{
    return (struct vsock_packet){.src_cid = 3,
                                 .dst_cid = 2,
                                 .src_port = VR_GUEST_PORT,
                                 .dst_port = VR_HOST_PORT,
                                 .len = len,
                                 .type = 1,
                                 .op = op,
                                 .buf_alloc = 256u << 10};
}

/* One packet of the guest: header and payload in one descriptor each. */
static inline void vr_send(struct vr *r, const struct vsock_packet *p, const void *data, uint32_t n)
{
    uint32_t id = 0;
    uint32_t len = 0;
    vsock_packet_encode(p, r->rig.ram + VR_TX_DATA);
    rig_desc(&r->tx, 0, VR_TX_DATA, VMM_VSOCK_HEAD, n > 0 ? RIG_NEXT : 0, 1);
    if (n > 0) {
        memcpy(r->rig.ram + VR_TX_DATA + 64, data, n);
        rig_desc(&r->tx, 1, VR_TX_DATA + 64, n, 0, 0);
    }
    rig_offer(&r->tx, 0);
    while (vmm_vsock_service(&r->dev)) {
    }
    (void)rig_take(&r->tx, &id, &len);
}

/* The next packet for the guest, with its payload; its buffer is offered again. */
static inline bool vr_receive(struct vr *r, struct vsock_packet *ret_p, uint8_t *ret_data)
{
    uint32_t id = 0;
    uint32_t len = 0;
    if (!rig_take(&r->rx, &id, &len)) {
        return false;
    }
    const uint8_t *at = r->rig.ram + VR_RX_DATA + id * VR_RX_SIZE;
    vsock_packet_decode(at, ret_p);
    if (len != VMM_VSOCK_HEAD + ret_p->len || len > VR_RX_SIZE) {
        abort();
    }
    if (ret_data != NULL) {
        memcpy(ret_data, at + VMM_VSOCK_HEAD, ret_p->len);
    }
    rig_offer(&r->rx, (uint16_t)id);
    return true;
}

static inline void vr_event(struct vr *r, bool readable, bool writable, bool hung_up)
{
    vmm_vsock_conn_event(&r->dev, r->last_conn, r->last_generation, readable, writable, hung_up);
    while (vmm_vsock_service(&r->dev)) {
    }
}

#endif
