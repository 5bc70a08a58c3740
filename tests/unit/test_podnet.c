/* SPDX-License-Identifier: Apache-2.0
 * test_podnet.c - a namespace as CNI leaves it, joined to taps: what is told of it, frames that
 * really go across both ways, and nothing left behind. Skips visibly where namespaces, taps or
 * traffic control are not to be had.
 */
#include "check_main.h"
#include "net/podnet.h"
#include "own_netns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NETNS "/run/netns/cl-test-podnet"

static int sh(const char *command)
{
    return system(command); /* NOLINT(cert-env33-c): the test's own fixed commands */
}

static void make_namespace(void)
{
    (void)sh("ip netns del cl-test-podnet 2>/dev/null");
    ck_assert_int_eq(
        sh("ip netns add cl-test-podnet && ip -n cl-test-podnet link set lo up && "
           "ip -n cl-test-podnet link add eth0 address 02:00:5e:10:00:01 mtu 1420 type veth peer "
           "name peer0 && ip -n cl-test-podnet link set eth0 up && "
           "ip -n cl-test-podnet link set peer0 up && "
           "ip -n cl-test-podnet addr add 10.9.0.2/24 dev eth0 && "
           "ip -n cl-test-podnet addr add fd09::2/64 dev eth0 nodad && "
           "ip -n cl-test-podnet route add default via 10.9.0.1 && "
           "ip -n cl-test-podnet route add 10.8.0.0/16 dev eth0 src 10.9.0.2 && "
           "ip -n cl-test-podnet -6 route add default via fd09::1 && "
           "ip -n cl-test-podnet neigh add 10.9.0.1 lladdr 02:00:5e:10:00:fe dev eth0"),
        0);
}

static void remove_namespace(void)
{
    (void)sh("ip netns del cl-test-podnet");
}

static const struct cl_podnet_route *route(const struct cl_podnet *n, const char *destination,
                                           bool ipv6)
{
    for (unsigned i = 0; i < n->route_count; i++) {
        if (strcmp(n->route[i].destination, destination) == 0 && n->route[i].ipv6 == ipv6) {
            return &n->route[i];
        }
    }
    ck_abort_msg("no route to '%s'", destination);
    return NULL;
}

START_TEST(test_what_is_told)
{
    struct cl_podnet n;
    struct cl_err err = {0};
    make_namespace();
    ck_assert_msg(cl_podnet_join(NETNS, &n, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(n.interface_count, 2); /* eth0, and the veth's other end */
    unsigned e = strcmp(n.interface[0].name, "eth0") == 0 ? 0 : 1;
    const struct cl_podnet_interface *i = &n.interface[e];
    ck_assert_str_eq(i->name, "eth0");
    ck_assert_uint_eq(i->mtu, 1420);
    ck_assert_mem_eq(i->mac, "\x02\x00\x5e\x10\x00\x01", 6);
    ck_assert_uint_eq(i->address_count, 2);
    bool four_first = strchr(i->address[0], '.') != NULL;
    ck_assert_str_eq(i->address[four_first ? 0 : 1], "10.9.0.2/24");
    ck_assert_str_eq(i->address[four_first ? 1 : 0], "fd09::2/64");
    ck_assert_str_eq(route(&n, "", false)->gateway, "10.9.0.1");
    ck_assert_str_eq(route(&n, "", true)->gateway, "fd09::1");
    ck_assert_str_eq(route(&n, "10.8.0.0/16", false)->source, "10.9.0.2");
    ck_assert_str_eq(route(&n, "10.8.0.0/16", false)->gateway, "");
    ck_assert_uint_eq(n.route_count, 3);
    ck_assert_uint_eq(n.neighbour_count, 1);
    ck_assert_str_eq(n.neighbour[0].address, "10.9.0.1");
    ck_assert_uint_eq(n.neighbour[0].interface, e);
    cl_podnet_done(&n);
    remove_namespace();
}
END_TEST

/* A broadcast frame with a type that nobody answers. */
static void make_frame(uint8_t frame[static 12 + 60], uint8_t mark)
{
    memset(frame, 0, 12 + 60);
    memset(frame + 12, 0xff, 6);
    memcpy(frame + 18, "\x02\x00\x5e\x10\x00\x77", 6);
    frame[24] = 0x88;
    frame[25] = 0xb5; /* local experiments */
    frame[26] = mark;
}

/* Takes frames (there may be others) until the marked one comes. */
static bool await_frame(int fd, uint8_t mark)
{
    uint8_t got[2048];
    for (int tries = 0; tries < 200; tries++) {
        ssize_t n = read(fd, got, sizeof(got));
        if (n == 12 + 60 && got[24] == 0x88 && got[25] == 0xb5 && got[26] == mark) {
            return true;
        }
        if (n < 0) {
            (void)usleep(10000);
        }
    }
    return false;
}

/* tap of eth0 -> eth0 -> its other end -> the other end's tap, and back. */
START_TEST(test_frames_go_across)
{
    struct cl_podnet n;
    struct cl_err err = {0};
    uint8_t frame[12 + 60];
    make_namespace();
    ck_assert_msg(cl_podnet_join(NETNS, &n, &err) == CL_OK, "%s", err.msg);
    for (unsigned i = 0; i < 2; i++) {
        make_frame(frame, (uint8_t)(0x40 + i));
        ck_assert_int_eq(write(n.interface[i].tap_fd, frame, sizeof(frame)), sizeof(frame));
        ck_assert(await_frame(n.interface[1 - i].tap_fd, (uint8_t)(0x40 + i)));
    }
    cl_podnet_done(&n);
    remove_namespace();
}
END_TEST

START_TEST(test_nothing_stays)
{
    struct cl_podnet n;
    struct cl_err err = {0};
    make_namespace();
    ck_assert_int_eq(cl_podnet_join(NETNS, &n, &err), CL_OK);
    cl_podnet_done(&n);
    ck_assert_int_eq(cl_podnet_leave(NETNS, &err), CL_OK);
    ck_assert_int_ne(sh("ip -n cl-test-podnet link | grep -q cloister"), 0);
    ck_assert_int_ne(sh("ip netns exec cl-test-podnet tc qdisc | grep -q ingress"), 0);
    ck_assert_int_eq(cl_podnet_leave(NETNS, &err), CL_OK);                  /* again */
    ck_assert_msg(cl_podnet_join(NETNS, &n, &err) == CL_OK, "%s", err.msg); /* and again */
    cl_podnet_done(&n);
    remove_namespace();
    ck_assert_int_eq(cl_podnet_leave(NETNS, &err), CL_OK); /* and without the namespace */
}
END_TEST

static const struct cl_podnet_interface *interface(const struct cl_podnet *n, const char *name,
                                                   unsigned *ret_index)
{
    for (unsigned i = 0; i < n->interface_count; i++) {
        if (strcmp(n->interface[i].name, name) == 0) {
            *ret_index = i;
            return &n->interface[i];
        }
    }
    ck_abort_msg("no interface '%s'", name);
    return NULL;
}

static bool has_address(const struct cl_podnet_interface *i, const char *text)
{
    for (unsigned k = 0; k < i->address_count; k++) {
        if (strcmp(i->address[k], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Four interfaces, as plugins of four kinds leave them: a point-to-point one whose gateway lies
 * outside all subnets, with a neighbour that does not change; an address with a peer; a large MTU;
 * IPv6 only, by a link-local gateway. */
START_TEST(test_what_plugins_of_many_kinds_configure)
{
    struct cl_podnet n;
    struct cl_err err = {0};
    unsigned e[4];
    (void)sh("ip netns del cl-test-podnet 2>/dev/null");
    ck_assert_int_eq(
        sh("N='ip -n cl-test-podnet'; ip netns add cl-test-podnet && "
           "$N link add p2p mtu 1440 type veth peer name big mtu 9000 && "
           "$N link add peer type veth peer name six && "
           "for i in lo p2p big peer six; do $N link set $i up || exit 1; done && "
           "$N addr add 10.244.1.5/32 dev p2p && $N route add 169.254.1.1 dev p2p scope link && "
           "$N route add default via 169.254.1.1 dev p2p && "
           "$N neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee nud permanent dev p2p && "
           "$N addr add 10.5.0.2/24 dev big && $N addr add 10.5.0.3/24 dev big && "
           "$N route add 10.6.0.0/16 via 192.0.2.1 dev big onlink && "
           "$N addr add 10.7.0.2 peer 10.7.0.1/32 dev peer && "
           "$N addr add fd77::2/128 dev six nodad && "
           "$N -6 route add default via fe80::1 dev six && "
           "$N -6 route add fd78::/64 via 2001:db8::1 dev six onlink && "
           "$N -6 neigh add fe80::1 lladdr 02:00:5e:10:00:fe nud permanent dev six"),
        0);
    ck_assert_msg(cl_podnet_join(NETNS, &n, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(n.interface_count, 4);
    const struct cl_podnet_interface *p2p = interface(&n, "p2p", &e[0]);
    const struct cl_podnet_interface *big = interface(&n, "big", &e[1]);
    const struct cl_podnet_interface *peer = interface(&n, "peer", &e[2]);
    const struct cl_podnet_interface *six = interface(&n, "six", &e[3]);
    ck_assert_uint_eq(p2p->mtu, 1440);
    ck_assert(p2p->address_count == 1 && has_address(p2p, "10.244.1.5/32"));
    ck_assert_uint_eq(big->mtu, 9000);
    ck_assert(big->address_count == 2 && has_address(big, "10.5.0.2/24") &&
              has_address(big, "10.5.0.3/24"));
    ck_assert(peer->address_count == 1 && has_address(peer, "10.7.0.2/32"));
    ck_assert(six->address_count == 1 && has_address(six, "fd77::2/128"));
    ck_assert_str_eq(route(&n, "169.254.1.1/32", false)->gateway, "");
    ck_assert_str_eq(route(&n, "", false)->gateway, "169.254.1.1");
    ck_assert_uint_eq(route(&n, "", false)->interface, e[0]);
    ck_assert_str_eq(route(&n, "10.6.0.0/16", false)->gateway, "192.0.2.1");
    ck_assert_uint_eq(route(&n, "10.6.0.0/16", false)->interface, e[1]);
    ck_assert_str_eq(route(&n, "", true)->gateway, "fe80::1");
    ck_assert_str_eq(route(&n, "fd78::/64", true)->gateway, "2001:db8::1");
    ck_assert_uint_eq(n.route_count, 5);
    ck_assert_uint_eq(n.neighbour_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        bool four = strcmp(n.neighbour[i].address, "169.254.1.1") == 0;
        ck_assert(four || strcmp(n.neighbour[i].address, "fe80::1") == 0);
        ck_assert_uint_eq(n.neighbour[i].interface, e[four ? 0 : 3]);
        ck_assert_mem_eq(n.neighbour[i].mac,
                         four ? "\xee\xee\xee\xee\xee\xee" : "\x02\x00\x5e\x10\x00\xfe", 6);
    }
    cl_podnet_done(&n);
    ck_assert_int_eq(cl_podnet_leave(NETNS, &err), CL_OK);
    ck_assert_int_ne(sh("ip netns exec cl-test-podnet tc qdisc | grep -q ingress"), 0);
    remove_namespace();
}
END_TEST

START_TEST(test_refused)
{
    struct cl_podnet n;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_podnet_join("/nowhere", &n, &err), CL_ERR_SYS);
    ck_assert_int_eq(cl_podnet_join("/etc/passwd", &n, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "pod network: '/etc/passwd': expected a network namespace, got another file");
    make_namespace();
    for (int i = 0; i < 4; i++) {
        char command[128];
        (void)snprintf(command, sizeof(command),
                       "ip -n cl-test-podnet link add d%d type veth peer name e%d && "
                       "ip -n cl-test-podnet link set d%d up",
                       i, i, i);
        ck_assert_int_eq(sh(command), 0);
    }
    ck_assert_int_eq(cl_podnet_join(NETNS, &n, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "pod network: interfaces: expected at most 4, got more");
    ck_assert_int_ne(sh("ip -n cl-test-podnet link | grep -q cloister"), 0);
    remove_namespace();
}
END_TEST

static bool possible(void)
{
    bool ok =
        geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0 &&
        sh("ip netns add cl-test-podnet 2>/dev/null && ip -n cl-test-podnet link add va type "
           "veth peer name vb 2>/dev/null && ip netns exec cl-test-podnet tc qdisc add dev va "
           "ingress 2>/dev/null && ip netns exec cl-test-podnet tc filter add dev va parent "
           "ffff: protocol all u32 match u8 0 0 action mirred egress redirect dev vb "
           "2>/dev/null") == 0;
    remove_namespace();
    return ok;
}

int main(void)
{
    if (!own_netns() || !possible()) {
        (void)printf("SKIPPED: needs root, taps, network namespaces and traffic control\n");
        return 77;
    }
    Suite *s = suite_create("podnet");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_what_is_told);
    tcase_add_test(c, test_frames_go_across);
    tcase_add_test(c, test_nothing_stays);
    tcase_add_test(c, test_what_plugins_of_many_kinds_configure);
    tcase_add_test(c, test_refused);
    suite_add_tcase(s, c);
    return run_suite(s);
}
