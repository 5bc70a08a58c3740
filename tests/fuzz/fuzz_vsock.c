/* SPDX-License-Identifier: Apache-2.0
 * fuzz_vsock.c - a session of guest packets, host bytes and events with the vsock device.
 * Input: steps of u8 kind and its bytes:
 *   0..3  a guest packet: op, flags, src port, dst port (a few values), u16 length, u32 fwd_cnt
 *   4     a raw packet: 44 bytes of header, u8 payload length
 *   5     the host program writes u8 bytes
 *   6     the host program reads what is there
 *   7     the host program closes
 *   8     a host program connects and types u8 bytes that follow
 *   9     the guest gives receive buffers; 10 the driver starts over
 */
#include "../unit/vmm_vsock_rig.h"
#include "base/bytes.h"

#define MAX_STEPS 400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void guest_packet(struct vr *r, struct cl_reader *in)
{
    static const uint8_t payload[4096] = {1};
    struct vsock_packet p = vr_packet(cl_reader_u8(in, "op") % 10, 0);
    p.flags = cl_reader_u8(in, "flags") % 4;
    p.src_port += cl_reader_u8(in, "src") % 4;
    p.dst_port += cl_reader_u8(in, "dst") % 4;
    p.len = cl_reader_le16(in, "len") % sizeof(payload);
    p.fwd_cnt = cl_reader_le32(in, "fwd");
    vr_send(r, &p, payload, p.op == VSOCK_OP_RW ? p.len : 0);
}

static void raw_packet(struct vr *r, struct cl_reader *in)
{
    static const uint8_t payload[256] = {2};
    uint8_t raw[VMM_VSOCK_HEAD];
    struct vsock_packet p;
    cl_reader_copy(in, raw, sizeof(raw), "head");
    vsock_packet_decode(raw, &p);
    vr_send(r, &p, payload, cl_reader_u8(in, "len"));
}

static void host_writes(struct vr *r, size_t n)
{
    static const uint8_t bytes[256] = {3};
    if (r->far_fd >= 0) {
        (void)send(r->far_fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        vr_event(r, true, false, false);
    }
}

static void host_reads(struct vr *r)
{
    uint8_t bytes[4096];
    while (r->far_fd >= 0 && recv(r->far_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
    vr_event(r, false, true, false);
}

static void host_closes(struct vr *r)
{
    if (r->far_fd >= 0) {
        (void)close(r->far_fd);
        r->far_fd = -1;
        vr_event(r, true, true, true);
    }
}

static void host_connects(struct vr *r, struct cl_reader *in)
{
    int fd[2];
    size_t n = cl_reader_u8(in, "n");
    const uint8_t *line = cl_reader_bytes(in, n, "line");
    host_closes(r);
    if (line != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0) {
        vmm_vsock_accept(&r->dev, fd[0]);
        r->far_fd = fd[1];
        (void)send(r->far_fd, line, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        vr_event(r, true, true, false);
    }
}

static void step(struct vr *r, struct cl_reader *in)
{
    struct vsock_packet p;
    int before = r->far_fd;
    uint8_t kind = cl_reader_u8(in, "kind") % 11;
    if (kind < 4) {
        guest_packet(r, in);
    } else if (kind == 4) {
        raw_packet(r, in);
    } else if (kind == 5) {
        host_writes(r, cl_reader_u8(in, "n"));
    } else if (kind == 6) {
        host_reads(r);
    } else if (kind == 7) {
        host_closes(r);
    } else if (kind == 8) {
        host_connects(r, in);
    } else if (kind == 9) {
        vr_give_buffers(r, 0, VR_QUEUE / 2);
    } else {
        rig_bring_up(&r->rig, &r->dev.virtio, VR_NEEDED, 3, VR_QUEUE);
        memset(r->rig.ram + RIG_QUEUE_GPA(0), 0, 0x8000);
        r->rx = rig_queue(&r->rig, 0, VR_QUEUE);
        r->tx = rig_queue(&r->rig, 1, VR_QUEUE);
    }
    if (before >= 0 && before != r->far_fd && kind < 5) {
        (void)close(before); /* the guest opened another; only one is played */
    }
    for (unsigned i = 0; i < 2 * VR_QUEUE && vr_receive(r, &p, NULL); i++) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct vr r;
    struct cl_reader in = cl_reader_init(data, len);
    vr_init(&r);
    for (unsigned i = 0; i < MAX_STEPS && cl_reader_left(&in) > 0 && in.failed == NULL; i++) {
        step(&r, &in);
    }
    vr_done(&r);
    return 0;
}
