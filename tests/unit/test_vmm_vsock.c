/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_vsock.c - streams between a guest and host programs: opening, data, credit, both ways to
 * end, and every packet that has no business here.
 */
#include "check_main.h"
#include "vmm_vsock_rig.h"

#include <sys/resource.h>

static struct vr r;

static void setup(void)
{
    vr_init(&r);
    vr_give_buffers(&r, 0, VR_QUEUE);
}

static void teardown(void)
{
    vr_done(&r);
}

static struct vsock_packet expect(uint16_t op)
{
    struct vsock_packet p = {0};
    ck_assert_msg(vr_receive(&r, &p, NULL), "expected op %u, got nothing", (unsigned)op);
    ck_assert_uint_eq(p.op, op);
    ck_assert_uint_eq(p.src_cid, 2);
    ck_assert_uint_eq(p.dst_cid, 3);
    ck_assert_uint_eq(p.type, 1);
    return p;
}

static void expect_nothing(void)
{
    struct vsock_packet p = {0};
    ck_assert_msg(!vr_receive(&r, &p, NULL), "expected nothing, got op %u", (unsigned)p.op);
}

static void send_op(uint16_t op)
{
    struct vsock_packet p = vr_packet(op, 0);
    vr_send(&r, &p, NULL, 0);
}

static void send_data(const void *data, uint32_t n)
{
    struct vsock_packet p = vr_packet(VSOCK_OP_RW, n);
    vr_send(&r, &p, data, n);
}

static void open_stream(void)
{
    send_op(VSOCK_OP_REQUEST);
    struct vsock_packet p = expect(VSOCK_OP_RESPONSE);
    ck_assert_uint_eq(p.src_port, VR_HOST_PORT);
    ck_assert_uint_eq(p.dst_port, VR_GUEST_PORT);
    ck_assert_uint_eq(p.buf_alloc, VMM_VSOCK_BUF);
    ck_assert_uint_eq(p.fwd_cnt, 0);
    expect_nothing();
    ck_assert_int_ge(r.far_fd, 0);
}

static unsigned open_count(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r.dev.conn_count; i++) {
        n += vmm_vsock_conn_at(&r.dev, i)->state != VMM_VSOCK_FREE;
    }
    return n;
}

START_TEST(test_config_is_the_cid)
{
    ck_assert_uint_eq(vmm_virtio_mmio_read(&r.dev.virtio, 0x100, 8), 3);
    ck_assert_uint_eq(vmm_virtio_mmio_read(&r.dev.virtio, 0x108, 8), 0);
}
END_TEST

START_TEST(test_bytes_both_ways)
{
    char got[16] = {0};
    uint8_t data[VR_RX_SIZE];
    struct vsock_packet p;
    open_stream();
    send_data("hello", 5);
    ck_assert_int_eq(read(r.far_fd, got, sizeof(got)), 5);
    ck_assert_str_eq(got, "hello");
    ck_assert_int_eq(write(r.far_fd, "world!", 6), 6);
    vr_event(&r, true, false, false);
    ck_assert(vr_receive(&r, &p, data));
    ck_assert_uint_eq(p.op, VSOCK_OP_RW);
    ck_assert_uint_eq(p.len, 6);
    ck_assert_uint_eq(p.fwd_cnt, 5); /* every packet tells what was handed on */
    ck_assert_mem_eq(data, "world!", 6);
    expect_nothing();
}
END_TEST

START_TEST(test_nobody_listens)
{
    r.refuse = true;
    send_op(VSOCK_OP_REQUEST);
    struct vsock_packet p = expect(VSOCK_OP_RST);
    ck_assert_uint_eq(p.src_port, VR_HOST_PORT);
    ck_assert_uint_eq(p.dst_port, VR_GUEST_PORT);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

START_TEST(test_guest_ends_its_direction_first)
{
    char got[8] = {0};
    open_stream();
    send_data("bye", 3);
    struct vsock_packet p = vr_packet(VSOCK_OP_SHUTDOWN, 0);
    p.flags = VSOCK_SHUTDOWN_SEND;
    vr_send(&r, &p, NULL, 0);
    ck_assert_int_eq(read(r.far_fd, got, sizeof(got)), 3);
    ck_assert_int_eq(read(r.far_fd, got, sizeof(got)), 0); /* the end arrives behind the bytes */
    ck_assert_int_eq(write(r.far_fd, "answer", 6), 6);     /* and the other direction lives on */
    vr_event(&r, true, false, false);
    ck_assert_uint_eq(expect(VSOCK_OP_RW).len, 6);
    (void)close(r.far_fd);
    r.far_fd = -1;
    vr_event(&r, true, false, true);
    ck_assert_uint_eq(expect(VSOCK_OP_SHUTDOWN).flags, VSOCK_SHUTDOWN_SEND);
    p.flags = VSOCK_SHUTDOWN_BOTH;
    vr_send(&r, &p, NULL, 0);
    (void)expect(VSOCK_OP_RST);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

START_TEST(test_host_closes)
{
    open_stream();
    ck_assert_int_eq(write(r.far_fd, "last", 4), 4);
    (void)close(r.far_fd);
    r.far_fd = -1;
    vr_event(&r, true, true, true);
    ck_assert_uint_eq(expect(VSOCK_OP_RW).len, 4); /* first the bytes, then the end */
    struct vsock_packet p = expect(VSOCK_OP_SHUTDOWN);
    ck_assert_uint_eq(p.flags, VSOCK_SHUTDOWN_BOTH);
    expect_nothing();
    send_op(VSOCK_OP_RST);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

START_TEST(test_guest_resets)
{
    char byte = 0;
    open_stream();
    send_op(VSOCK_OP_RST);
    ck_assert_int_eq(read(r.far_fd, &byte, 1), 0);
    ck_assert_uint_eq(open_count(), 0);
    expect_nothing();
}
END_TEST

/* The host reads nothing: what the guest sends is kept up to our credit, and no further. */
static uint32_t fill_up(uint32_t *ret_sent)
{
    static uint8_t data[4096];
    uint32_t sent = 0;
    struct vsock_packet p;
    for (;;) {
        uint32_t fwd = vmm_vsock_conn_at(&r.dev, r.last_conn)->fwd_count;
        if (sent - fwd + sizeof(data) > VMM_VSOCK_BUF) {
            break;
        }
        for (uint32_t i = 0; i < sizeof(data); i++) {
            data[i] = (uint8_t)((sent + i) % 251);
        }
        send_data(data, sizeof(data));
        sent += (uint32_t)sizeof(data);
        while (vr_receive(&r, &p, NULL)) {
            ck_assert_uint_eq(p.op, VSOCK_OP_CREDIT_UPDATE);
        }
    }
    *ret_sent = sent;
    return vmm_vsock_conn_at(&r.dev, r.last_conn)->buf_len;
}

static uint32_t drain(uint32_t from)
{
    uint8_t data[4096];
    ssize_t n = 0;
    while ((n = recv(r.far_fd, data, sizeof(data), MSG_DONTWAIT)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            ck_assert_uint_eq(data[i], (from + (uint32_t)i) % 251);
        }
        from += (uint32_t)n;
        vr_event(&r, false, true, false);
    }
    return from;
}

START_TEST(test_slow_host_holds_the_guest_back)
{
    uint32_t sent = 0;
    open_stream();
    ck_assert_uint_gt(fill_up(&sent), 0);
    ck_assert_uint_eq(drain(0), sent); /* in order, nothing lost */
    struct vsock_packet p = expect(VSOCK_OP_CREDIT_UPDATE);
    while (vr_receive(&r, &p, NULL)) {
        ck_assert_uint_eq(p.op, VSOCK_OP_CREDIT_UPDATE);
    }
    ck_assert_uint_eq(p.buf_alloc - (sent - p.fwd_cnt) >= VMM_VSOCK_BUF / 2, 1);
    ck_assert_ptr_null(
        vmm_vsock_conn_at(&r.dev, r.last_conn)->buf); /* memory only while bytes wait */
    ck_assert_uint_eq(fill_up(&sent), vmm_vsock_conn_at(&r.dev, r.last_conn)->buf_len);
}
END_TEST

START_TEST(test_more_than_its_credit_is_a_reset)
{
    static uint8_t data[4096];
    uint32_t sent = 0;
    open_stream();
    (void)fill_up(&sent);
    send_data(data, sizeof(data));
    (void)expect(VSOCK_OP_RST);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

START_TEST(test_bytes_survive_the_guests_impatience)
{
    uint32_t sent = 0;
    open_stream();
    (void)fill_up(&sent);
    struct vsock_packet p = vr_packet(VSOCK_OP_SHUTDOWN, 0);
    p.flags = VSOCK_SHUTDOWN_BOTH;
    vr_send(&r, &p, NULL, 0);
    expect_nothing(); /* the reset comes when all is out */
    send_op(VSOCK_OP_RST);
    ck_assert_uint_eq(open_count(), 1); /* lingers */
    ck_assert_uint_eq(drain(0), sent);
    ck_assert_uint_eq(open_count(), 0);
    expect_nothing();
}
END_TEST

START_TEST(test_guest_credit_holds_the_host_back)
{
    static uint8_t data[100000];
    struct vsock_packet p = vr_packet(VSOCK_OP_REQUEST, 0);
    p.buf_alloc = 5000;
    vr_send(&r, &p, NULL, 0);
    (void)expect(VSOCK_OP_RESPONSE);
    ck_assert_int_gt(send(r.far_fd, data, sizeof(data), MSG_DONTWAIT), 10000);
    vr_event(&r, true, false, false);
    ck_assert_uint_eq(expect(VSOCK_OP_RW).len, VR_RX_SIZE - VMM_VSOCK_HEAD);
    ck_assert_uint_eq(expect(VSOCK_OP_RW).len, 5000 - (VR_RX_SIZE - VMM_VSOCK_HEAD));
    (void)expect(VSOCK_OP_CREDIT_REQUEST);
    expect_nothing();
    vr_event(&r, true, false, false);
    expect_nothing(); /* asked once is enough */
    p = vr_packet(VSOCK_OP_CREDIT_UPDATE, 0);
    p.buf_alloc = 5000;
    p.fwd_cnt = 4000;
    vr_send(&r, &p, NULL, 0);
    ck_assert_uint_eq(expect(VSOCK_OP_RW).len, 4000);
    (void)expect(VSOCK_OP_CREDIT_REQUEST);
    p.fwd_cnt = UINT32_MAX; /* nonsense: more forwarded than sent; less credit, never more */
    vr_send(&r, &p, NULL, 0);
    struct vsock_packet q;
    while (vr_receive(&r, &q, NULL)) {
        ck_assert(q.len <= 5000);
    }
}
END_TEST

START_TEST(test_no_receive_buffers)
{
    vr_done(&r);
    vr_init(&r);
    send_op(VSOCK_OP_REQUEST);
    expect_nothing();
    vr_give_buffers(&r, 0, 1);
    ck_assert(!vmm_vsock_service(&r.dev));
    (void)expect(VSOCK_OP_RESPONSE);
}
END_TEST

START_TEST(test_asks_for_credit_are_answered)
{
    open_stream();
    send_op(VSOCK_OP_CREDIT_REQUEST);
    ck_assert_uint_eq(expect(VSOCK_OP_CREDIT_UPDATE).buf_alloc, VMM_VSOCK_BUF);
    expect_nothing();
}
END_TEST

START_TEST(test_unknown_type_is_reset)
{
    struct vsock_packet p = vr_packet(VSOCK_OP_REQUEST, 0);
    p.type = 2; /* seqpacket was not offered */
    vr_send(&r, &p, NULL, 0);
    (void)expect(VSOCK_OP_RST);
    ck_assert_uint_eq(r.watched, 0);
}
END_TEST

START_TEST(test_packets_of_no_connection)
{
    for (uint16_t op = 0; op < 20; op++) {
        if (op == VSOCK_OP_REQUEST) {
            continue;
        }
        send_op(op);
        if (op == VSOCK_OP_RST) {
            expect_nothing(); /* never a reset for a reset */
        } else {
            (void)expect(VSOCK_OP_RST);
        }
    }
}
END_TEST

START_TEST(test_nonsense_on_a_connection_is_a_reset)
{
    static const uint16_t ops[] = {0, VSOCK_OP_REQUEST, VSOCK_OP_RESPONSE, 8, UINT16_MAX};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        open_stream();
        send_op(ops[i]);
        (void)expect(VSOCK_OP_RST);
        ck_assert_uint_eq(open_count(), 0);
        (void)close(r.far_fd);
        r.far_fd = -1;
    }
}
END_TEST

START_TEST(test_foreign_cids_are_dropped)
{
    struct vsock_packet p = vr_packet(VSOCK_OP_REQUEST, 0);
    p.src_cid = 4;
    vr_send(&r, &p, NULL, 0);
    p.src_cid = 3;
    p.dst_cid = 1;
    vr_send(&r, &p, NULL, 0);
    p.dst_cid = UINT32_MAX;
    vr_send(&r, &p, NULL, 0);
    expect_nothing();
    ck_assert_uint_eq(r.watched, 0);
}
END_TEST

START_TEST(test_data_behind_its_own_end_is_a_reset)
{
    open_stream();
    struct vsock_packet p = vr_packet(VSOCK_OP_SHUTDOWN, 0);
    p.flags = VSOCK_SHUTDOWN_SEND;
    vr_send(&r, &p, NULL, 0);
    send_data("x", 1);
    (void)expect(VSOCK_OP_RST);
}
END_TEST

START_TEST(test_length_longer_than_the_chain_needs_reset)
{
    struct vsock_packet p = vr_packet(VSOCK_OP_RW, 6);
    open_stream();
    vr_send(&r, &p, "hello", 5);
    ck_assert_uint_eq(rig_r32(&r.dev.virtio, 0x070), 15 | 64);
}
END_TEST

START_TEST(test_short_packet_needs_reset)
{
    rig_desc(&r.tx, 0, VR_TX_DATA, VMM_VSOCK_HEAD - 1, 0, 0);
    rig_offer(&r.tx, 0);
    ck_assert(!vmm_vsock_service(&r.dev));
    ck_assert_uint_eq(rig_r32(&r.dev.virtio, 0x070), 15 | 64);
}
END_TEST

START_TEST(test_receive_buffer_too_small_for_a_header_needs_reset)
{
    vr_done(&r);
    vr_init(&r);
    rig_desc(&r.rx, 0, VR_RX_DATA, VMM_VSOCK_HEAD - 1, RIG_WRITE, 0);
    rig_offer(&r.rx, 0);
    send_op(VSOCK_OP_CREDIT_REQUEST);
    ck_assert_uint_eq(rig_r32(&r.dev.virtio, 0x070), 15 | 64);
}
END_TEST

START_TEST(test_a_table_that_grows_only_when_it_must)
{
    struct vsock_packet p = vr_packet(VSOCK_OP_REQUEST, 0);
    for (unsigned i = 0; i < 3 * VMM_VSOCK_BLOCK; i++) {
        p.op = VSOCK_OP_REQUEST;
        p.src_port = 10000 + i;
        vr_send(&r, &p, NULL, 0);
        (void)expect(VSOCK_OP_RESPONSE);
        (void)close(r.far_fd);
        p.op = VSOCK_OP_RST;
        vr_send(&r, &p, NULL, 0);
    }
    r.far_fd = -1;
    ck_assert_uint_eq(r.dev.conn_count, VMM_VSOCK_BLOCK);
    ck_assert_uint_le(VMM_VSOCK_BLOCK * sizeof(struct vmm_vsock_conn), 8192);
    /* An event of a connection that there never was. */
    vmm_vsock_conn_event(&r.dev, UINT16_MAX, 0, true, true, true);
    vmm_vsock_conn_event(&r.dev, VMM_VSOCK_BLOCK, 0, true, true, true);
}
END_TEST

START_TEST(test_connections_are_bounded)
{
    struct vsock_packet p = vr_packet(VSOCK_OP_REQUEST, 0);
    int far[VMM_VSOCK_CONNS];
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_eq(r.dev.conn_count, 0); /* memory is for those that there are */
    for (unsigned i = 0; i < VMM_VSOCK_CONNS; i++) {
        p.src_port = 10000 + i;
        vr_send(&r, &p, NULL, 0);
        (void)expect(VSOCK_OP_RESPONSE);
        far[i] = r.far_fd;
    }
    for (unsigned i = 0; i < 1000; i++) { /* each is told so */
        p.src_port = 100000 + i;
        vr_send(&r, &p, NULL, 0);
        ck_assert_uint_eq(expect(VSOCK_OP_RST).dst_port, p.src_port);
    }
    ck_assert_uint_eq(open_count(), VMM_VSOCK_CONNS);
    p = vr_packet(VSOCK_OP_RST, 0);
    p.src_port = 10000 + VMM_VSOCK_CONNS / 2;
    vr_send(&r, &p, NULL, 0);
    p.op = VSOCK_OP_REQUEST;
    p.src_port = 9999;
    vr_send(&r, &p, NULL, 0); /* in its place */
    (void)expect(VSOCK_OP_RESPONSE);
    ck_assert_uint_eq(r.last_conn, VMM_VSOCK_CONNS / 2);
    (void)close(r.far_fd);
    for (unsigned i = 0; i < VMM_VSOCK_CONNS; i++) {
        (void)close(far[i]);
    }
    r.far_fd = -1;
    rig_w32(&r.dev.virtio, 0x070, 0); /* the driver starts over */
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

static int host_program(const char *line)
{
    int fd[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    vmm_vsock_accept(&r.dev, fd[0]);
    r.far_fd = fd[1];
    ck_assert_int_eq(write(r.far_fd, line, strlen(line)), (ssize_t)strlen(line));
    vr_event(&r, true, true, false);
    return fd[1];
}

START_TEST(test_host_connects_to_the_guest)
{
    char got[64] = {0};
    (void)host_program("CONNECT 5000\nearly bytes");
    struct vsock_packet p = expect(VSOCK_OP_REQUEST);
    ck_assert_uint_eq(p.dst_port, 5000);
    expect_nothing(); /* bytes wait for the guest's answer */
    struct vsock_packet answer = vr_packet(VSOCK_OP_RESPONSE, 0);
    answer.src_port = 5000;
    answer.dst_port = p.src_port;
    vr_send(&r, &answer, NULL, 0);
    ck_assert_int_eq(read(r.far_fd, got, sizeof(got)), 8);
    ck_assert_str_eq(got, "OK 5000\n");
    ck_assert_uint_eq(expect(VSOCK_OP_RW).len, 11);
}
END_TEST

START_TEST(test_guest_port_without_a_listener)
{
    char byte = 0;
    (void)host_program("CONNECT 5000\n");
    struct vsock_packet p = expect(VSOCK_OP_REQUEST);
    struct vsock_packet answer = vr_packet(VSOCK_OP_RST, 0);
    answer.src_port = 5000;
    answer.dst_port = p.src_port;
    vr_send(&r, &answer, NULL, 0);
    ck_assert_int_eq(read(r.far_fd, &byte, 1), 0);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

START_TEST(test_guest_answers_with_nonsense)
{
    (void)host_program("CONNECT 5000\n");
    struct vsock_packet p = expect(VSOCK_OP_REQUEST);
    struct vsock_packet answer = vr_packet(VSOCK_OP_RW, 0);
    answer.src_port = 5000;
    answer.dst_port = p.src_port;
    vr_send(&r, &answer, NULL, 0);
    (void)expect(VSOCK_OP_RST);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

static const char *const bad_lines[] = {
    "CONNECT\n",
    "CONNECT \n",
    "CONNECT 5000 \n",
    "connect 5000\n",
    "CONNECT -1\n",
    "CONNECT 0x10\n",
    "CONNECT 4294967295\n",
    "CONNECT 99999999999\n",
    "GET / HTTP/1.1\n",
    "CONNECT 5000\r\n",
    "\n",
    "CONNECT 00000000000000000000000000000001\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

START_TEST(test_bad_connect_line)
{
    char byte = 0;
    (void)host_program(bad_lines[_i]);
    ck_assert_int_le(recv(r.far_fd, &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_uint_eq(open_count(), 0);
    expect_nothing();
}
END_TEST

START_TEST(test_connect_line_in_pieces)
{
    (void)host_program("CONN");
    ck_assert_uint_eq(open_count(), 1);
    ck_assert_int_eq(write(r.far_fd, "ECT 77\n", 7), 7);
    vr_event(&r, true, false, false);
    ck_assert_uint_eq(expect(VSOCK_OP_REQUEST).dst_port, 77);
    (void)close(r.far_fd);
    r.far_fd = -1;
    vr_event(&r, true, false, true); /* gone before the guest answered */
    (void)expect(VSOCK_OP_RST);
    ck_assert_uint_eq(open_count(), 0);
}
END_TEST

START_TEST(test_events_of_an_older_connection_are_ignored)
{
    open_stream();
    uint16_t conn = r.last_conn;
    uint16_t generation = r.last_generation;
    send_op(VSOCK_OP_RST);
    (void)close(r.far_fd);
    open_stream();
    ck_assert_uint_eq(r.last_conn, conn);
    vmm_vsock_conn_event(&r.dev, conn, generation, true, true, true);
    ck_assert(!vmm_vsock_service(&r.dev));
    expect_nothing();
    ck_assert_uint_eq(open_count(), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm vsock");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_config_is_the_cid);
    tcase_add_test(c, test_bytes_both_ways);
    tcase_add_test(c, test_nobody_listens);
    tcase_add_test(c, test_guest_ends_its_direction_first);
    tcase_add_test(c, test_host_closes);
    tcase_add_test(c, test_guest_resets);
    tcase_add_test(c, test_slow_host_holds_the_guest_back);
    tcase_add_test(c, test_more_than_its_credit_is_a_reset);
    tcase_add_test(c, test_bytes_survive_the_guests_impatience);
    tcase_add_test(c, test_guest_credit_holds_the_host_back);
    tcase_add_test(c, test_no_receive_buffers);
    tcase_add_test(c, test_asks_for_credit_are_answered);
    tcase_add_test(c, test_unknown_type_is_reset);
    tcase_add_test(c, test_packets_of_no_connection);
    tcase_add_test(c, test_nonsense_on_a_connection_is_a_reset);
    tcase_add_test(c, test_foreign_cids_are_dropped);
    tcase_add_test(c, test_data_behind_its_own_end_is_a_reset);
    tcase_add_test(c, test_length_longer_than_the_chain_needs_reset);
    tcase_add_test(c, test_short_packet_needs_reset);
    tcase_add_test(c, test_receive_buffer_too_small_for_a_header_needs_reset);
    tcase_add_test(c, test_a_table_that_grows_only_when_it_must);
    tcase_add_test(c, test_connections_are_bounded);
    tcase_add_test(c, test_host_connects_to_the_guest);
    tcase_add_test(c, test_guest_port_without_a_listener);
    tcase_add_test(c, test_guest_answers_with_nonsense);
    tcase_add_loop_test(c, test_bad_connect_line, 0,
                        (int)(sizeof(bad_lines) / sizeof(bad_lines[0])));
    tcase_add_test(c, test_connect_line_in_pieces);
    tcase_add_test(c, test_events_of_an_older_connection_are_ignored);
    suite_add_tcase(s, c);
    return run_suite(s);
}
