/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_net.c - packets both ways through a pair of sockets that stands for the tap: merging,
 * buffers that come late, what is refused, what resets.
 */
#include "check_main.h"
#include "net.h"
#include "vmm_rig.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEEDED (VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM)
#define MERGE (1ull << 15)
#define OFFLOADS 0x3b83u /* CSUM, GUEST_CSUM, TSO and ECN both ways */
#define SIZE 64u
#define BUFFER 512u

static struct rig rig;
static struct rig_queue rx, tx;
static struct vmm_net net;
static int wire; /* the network's side */
static unsigned offload_calls, offload_bits;
static const struct vmm_net_config cfg = {
    .mac = {2, 0, 0x5e, 0x10, 0, 1}, .mtu = 1400, .offloads = true};

static void note_offload(int fd, unsigned bits)
{
    ck_assert_int_eq(fd, net.fd);
    offload_calls++;
    offload_bits = bits;
}

static void start(uint64_t features)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    wire = pair[1];
    rig_init(&rig);
    vmm_net_init(&net, &cfg, pair[0], &rig.mem);
    net.set_offload = note_offload;
    offload_calls = 0;
    rig_bring_up(&rig, &net.virtio, NEEDED | features, 2, SIZE);
    rx = rig_queue(&rig, 0, SIZE);
    tx = rig_queue(&rig, 1, SIZE);
}

static void stop(void)
{
    (void)close(wire);
    vmm_net_done(&net);
    rig_done(&rig);
}

static uint8_t *buffer(unsigned i)
{
    return rig.ram + RIG_DATA + i * BUFFER;
}

static void offer_buffers(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        rig_desc(&rx, i, RIG_DATA + i * BUFFER, BUFFER, RIG_WRITE, 0);
        rig_offer(&rx, (uint16_t)i);
    }
}

/* A packet from the network: header, then bytes that tell their place. */
static void from_wire(size_t len)
{
    static uint8_t packet[VMM_NET_PACKET];
    memset(packet, 0, VMM_NET_HEADER);
    for (size_t i = VMM_NET_HEADER; i < len; i++) {
        packet[i] = (uint8_t)(i % 251);
    }
    ck_assert_int_eq(send(wire, packet, len, 0), (ssize_t)len);
}

START_TEST(test_configuration)
{
    start(0);
    ck_assert_uint_eq(rig_r32(&net.virtio, 0x008), 1);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&net.virtio, 0x100, 4), 0x105e0002);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&net.virtio, 0x104, 2), 0x0100);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&net.virtio, 0x106, 2), 1); /* link is up */
    ck_assert_uint_eq(vmm_virtio_mmio_read(&net.virtio, 0x10a, 2), 1400);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&net.virtio, 0x10c, 4), 0);
    stop();
}
END_TEST

START_TEST(test_empty_slot)
{
    rig_init(&rig);
    vmm_net_init(&net, &cfg, -1, &rig.mem);
    ck_assert_uint_eq(rig_r32(&net.virtio, 0x008), 0);
    ck_assert(!vmm_net_process(&net, true));
    vmm_net_done(&net);
    rig_done(&rig);
}
END_TEST

START_TEST(test_receive_one)
{
    uint32_t id = 0;
    uint32_t len = 0;
    start(MERGE);
    offer_buffers(0, 4);
    from_wire(100);
    ck_assert(!vmm_net_process(&net, true));
    ck_assert(rig_take(&rx, &id, &len));
    ck_assert_uint_eq(len, 100);
    ck_assert_uint_eq(rig_get(buffer(0) + 10, 2), 1);
    ck_assert_uint_eq(buffer(0)[99], 99);
    ck_assert_uint_eq(buffer(0)[100], 0);
    ck_assert(!rig_take(&rx, &id, &len));
    ck_assert_uint_eq(rig.irqs, 1);
    stop();
}
END_TEST

START_TEST(test_receive_merged)
{
    uint32_t id = 0;
    uint32_t len = 0;
    start(MERGE);
    offer_buffers(0, 3);
    from_wire(2 * BUFFER + 7);
    ck_assert(!vmm_net_process(&net, true));
    ck_assert_uint_eq(rig_get(buffer(0) + 10, 2), 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(rig_take(&rx, &id, &len));
        ck_assert_uint_eq(id, i);
        ck_assert_uint_eq(len, i < 2 ? BUFFER : 7);
    }
    ck_assert_uint_eq(buffer(1)[0], BUFFER % 251);
    ck_assert_uint_eq(buffer(2)[6], (2 * BUFFER + 6) % 251);
    stop();
}
END_TEST

/* The driver must never see a part of a packet: with too few buffers nothing is given back. */
START_TEST(test_receive_waits_for_buffers)
{
    uint32_t id = 0;
    uint32_t len = 0;
    start(MERGE);
    offer_buffers(0, 2);
    from_wire(3 * BUFFER);
    from_wire(50);
    ck_assert(!vmm_net_process(&net, true));
    ck_assert(!rig_take(&rx, &id, &len));
    ck_assert_uint_eq(rig.irqs, 0);
    offer_buffers(2, 2);
    ck_assert(!vmm_net_process(&net, false));
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(rig_take(&rx, &id, &len));
        ck_assert_uint_eq(id, i);
        ck_assert_uint_eq(len, i < 3 ? BUFFER : 50);
    }
    ck_assert(!rig_take(&rx, &id, &len));
    stop();
}
END_TEST

START_TEST(test_receive_without_merging)
{
    uint32_t id = 0;
    uint32_t len = 0;
    start(0);
    rig_desc(&rx, 0, RIG_DATA, VMM_NET_HEADER, RIG_WRITE | RIG_NEXT, 1);
    rig_desc(&rx, 1, RIG_DATA + 0x1000, 1500, RIG_WRITE, 0);
    rig_offer(&rx, 0);
    from_wire(1000);
    ck_assert(!vmm_net_process(&net, true));
    ck_assert(rig_take(&rx, &id, &len));
    ck_assert_uint_eq(len, 1000);
    ck_assert_uint_eq(rig_get(rig.ram + RIG_DATA + 10, 2), 1);
    ck_assert_uint_eq(rig.ram[RIG_DATA + 0x1000], VMM_NET_HEADER);
    stop();
}
END_TEST

START_TEST(test_receive_broken_buffers)
{
    start(MERGE);
    switch (_i) {
    case 0: /* too small for the header */
        rig_desc(&rx, 0, RIG_DATA, VMM_NET_HEADER - 1, RIG_WRITE, 0);
        break;
    case 1: /* not writable */
        rig_desc(&rx, 0, RIG_DATA, BUFFER, 0, 0);
        break;
    default: /* outside RAM */
        rig_desc(&rx, 0, RIG_RAM, BUFFER, RIG_WRITE, 0);
        break;
    }
    rig_offer(&rx, 0);
    from_wire(60);
    ck_assert(!vmm_net_process(&net, true));
    ck_assert(!vmm_virtio_is_live(&net.virtio));
    stop();
}
END_TEST

/* More buffers for one packet than we keep count of. */
START_TEST(test_receive_crumbs)
{
    start(MERGE);
    for (unsigned i = 0; i < SIZE; i++) {
        rig_desc(&rx, i, RIG_DATA + i * 16, 12, RIG_WRITE, 0);
        rig_offer(&rx, (uint16_t)i);
    }
    from_wire(12 * SIZE + 1);
    ck_assert(!vmm_net_process(&net, true));
    ck_assert(!vmm_virtio_is_live(&net.virtio));
    stop();
}
END_TEST

START_TEST(test_transmit)
{
    uint8_t got[256];
    uint32_t id = 0;
    uint32_t len = 0;
    start(0);
    rig_desc(&tx, 0, RIG_DATA, VMM_NET_HEADER, RIG_NEXT, 1);
    rig_desc(&tx, 1, RIG_DATA + 0x100, 60, 0, 0);
    rig.ram[RIG_DATA + 0x100] = 0xab;
    rig_offer(&tx, 0);
    ck_assert(!vmm_net_process(&net, false));
    ck_assert_int_eq(recv(wire, got, sizeof(got), 0), VMM_NET_HEADER + 60);
    ck_assert_uint_eq(got[VMM_NET_HEADER], 0xab);
    ck_assert(rig_take(&tx, &id, &len));
    ck_assert_uint_eq(len, 0);
    stop();
}
END_TEST

/* A wire that takes nothing more loses packets; it does not hold the guest up. */
START_TEST(test_transmit_to_a_full_wire)
{
    uint32_t id = 0;
    uint32_t len = 0;
    unsigned back = 0;
    start(0);
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < SIZE; i++) {
            rig_desc(&tx, i, RIG_DATA, 4096, 0, 0);
            rig_offer(&tx, (uint16_t)i);
        }
        while (vmm_net_process(&net, false)) {
        }
        for (; rig_take(&tx, &id, &len); back++) {
        }
    }
    ck_assert_uint_eq(back, 40 * SIZE);
    ck_assert(vmm_virtio_is_live(&net.virtio));
    stop();
}
END_TEST

START_TEST(test_transmit_broken)
{
    start(0);
    switch (_i) {
    case 0: /* nothing behind the header */
        rig_desc(&tx, 0, RIG_DATA, VMM_NET_HEADER, 0, 0);
        break;
    case 1: /* a place to write to */
        rig_desc(&tx, 0, RIG_DATA, 64, RIG_NEXT, 1);
        rig_desc(&tx, 1, RIG_DATA, 64, RIG_WRITE, 0);
        break;
    default:
        rig_desc(&tx, 0, RIG_RAM - 8, 64, 0, 0);
        break;
    }
    rig_offer(&tx, 0);
    ck_assert(!vmm_net_process(&net, false));
    ck_assert(!vmm_virtio_is_live(&net.virtio));
    stop();
}
END_TEST

START_TEST(test_offloads_follow_the_driver)
{
    start(MERGE | OFFLOADS);
    ck_assert(!vmm_net_process(&net, false));
    ck_assert_uint_eq(offload_calls, 1);
    ck_assert_uint_eq(offload_bits, 0xf); /* CSUM, TSO4, TSO6, TSO_ECN */
    ck_assert(!vmm_net_process(&net, false));
    ck_assert_uint_eq(offload_calls, 1);
    rig_bring_up(&rig, &net.virtio, NEEDED | MERGE, 2, SIZE); /* the next driver wants none */
    ck_assert(!vmm_net_process(&net, false));
    ck_assert_uint_eq(offload_calls, 2);
    ck_assert_uint_eq(offload_bits, 0);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm net");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_configuration);
    tcase_add_test(tc, test_empty_slot);
    tcase_add_test(tc, test_receive_one);
    tcase_add_test(tc, test_receive_merged);
    tcase_add_test(tc, test_receive_waits_for_buffers);
    tcase_add_test(tc, test_receive_without_merging);
    tcase_add_loop_test(tc, test_receive_broken_buffers, 0, 3);
    tcase_add_test(tc, test_receive_crumbs);
    tcase_add_test(tc, test_transmit);
    tcase_add_test(tc, test_transmit_to_a_full_wire);
    tcase_add_loop_test(tc, test_transmit_broken, 0, 3);
    tcase_add_test(tc, test_offloads_follow_the_driver);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
