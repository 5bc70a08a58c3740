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
    tcase_add_test(c, test_refused);
    suite_add_tcase(s, c);
    return run_suite(s);
}
