/* SPDX-License-Identifier: Apache-2.0
 * test_agent_network.c - what the host says of the network: refused by field, or really configured
 * (in a namespace of the test's own; skipped visibly without root).
 */
#include "agent/network.h"
#include "check_main.h"
#include "pod.pb-c.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAC1 "02:00:5e:10:00:01"
#define MAC2 "02:00:5e:10:00:02"

static char *addresses1[] = {(char[]){"10.9.0.2/24"}, (char[]){"fd09::2/64"}};
static Cloister__Pod__V1__Interface one, two;
static Cloister__Pod__V1__Interface *interfaces[5] = {&one, &two, &two, &two, &two};
static Cloister__Pod__V1__Route routes[4];
static Cloister__Pod__V1__Route *route_list[4] = {&routes[0], &routes[1], &routes[2], &routes[3]};
static Cloister__Pod__V1__Neighbour neighbour;
static Cloister__Pod__V1__Neighbour *neighbours[1] = {&neighbour};
static Cloister__Pod__V1__SandboxRequest request;

/* A string that a message may point to; nothing of it is freed. */
static char *text(const char *s)
{
    static char pool[16384];
    static size_t used;
    size_t size = strlen(s) + 1;
    if (used + size > sizeof(pool)) {
        used = 0; /* older ones are not looked at any more */
    }
    char *copy = memcpy(pool + used, s, size);
    used += size;
    return copy;
}

static void fill(void)
{
    cloister__pod__v1__sandbox_request__init(&request);
    cloister__pod__v1__interface__init(&one);
    cloister__pod__v1__interface__init(&two);
    cloister__pod__v1__neighbour__init(&neighbour);
    one.mac = text(MAC1);
    one.name = text("eth0");
    one.mtu = 1420;
    one.addresses = addresses1;
    one.n_addresses = 2;
    two.mac = text(MAC2);
    two.name = text("net1");
    two.mtu = 1500;
    static const char *const words[4][4] = {/* destination, gateway, source, device */
                                            {"", "10.9.0.1", "", "eth0"},
                                            {"10.8.0.0/16", "", "10.9.0.2", "eth0"},
                                            {"", "fd09::1", "", "eth0"},
                                            {"10.7.0.0/16", "10.8.0.9", "", "eth0"}};
    for (size_t i = 0; i < 4; i++) {
        cloister__pod__v1__route__init(&routes[i]);
        routes[i].destination = text(words[i][0]);
        routes[i].gateway = text(words[i][1]);
        routes[i].source = text(words[i][2]);
        routes[i].device = text(words[i][3]);
        routes[i].ipv6 = i == 2;
    }
    neighbour.address = text("10.9.0.1");
    neighbour.mac = text("02:00:5e:10:00:fe");
    neighbour.device = text("eth0");
    request.interfaces = interfaces;
    request.n_interfaces = 2;
    request.routes = route_list;
    request.n_routes = 4;
    request.neighbours = neighbours;
    request.n_neighbours = 1;
}

static void refuse(const char *message)
{
    struct cl_err err = {0};
    ck_assert_int_eq(agent_network_check(&request, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, message);
}

START_TEST(test_checks)
{
    struct cl_err err = {0};
    fill();
    ck_assert_msg(agent_network_check(&request, &err) == CL_OK, "%s", err.msg);
    request.n_interfaces = 5;
    refuse("interfaces: expected at most 4, got 5");
    fill();
    one.mac = text("02:00:5e:10:00");
    refuse("interfaces: mac: expected six pairs of hex digits, got '02:00:5e:10:00'");
    fill();
    two.mac = text(MAC1);
    refuse("interfaces: mac: expected one interface of each, got '" MAC1 "'");
    fill();
    two.name = text("eth0");
    refuse("interfaces: name: expected a name of its own of at most 15 letters, got 'eth0'");
    fill();
    two.name = text("../eth0");
    refuse("interfaces: name: expected a name of its own of at most 15 letters, got '../eth0'");
    fill();
    two.name = text("lo");
    refuse("interfaces: name: expected a name of its own of at most 15 letters, got 'lo'");
    fill();
    two.mtu = 67;
    refuse("interfaces: mtu: expected 68 to 65535, got 67");
    fill();
    one.n_addresses = 17;
    refuse("interfaces: addresses: expected at most 16, got 17");
    fill();
    request.n_routes = 129;
    refuse("routes: expected at most 128, got 129");
    fill();
    routes[0].device = text("eth1");
    refuse("routes: device: expected the name of an interface, got 'eth1'");
    fill();
    routes[0].gateway = text("fd09::1");
    refuse("routes: gateway: expected an address of its family, got 'fd09::1'");
    fill();
    routes[1].source = text("10.9.0.2/24");
    refuse("routes: source: expected an address of its family, got '10.9.0.2/24'");
    fill();
    neighbour.mac = text("02:00:5e:10:00:fe:00");
    refuse("neighbours: mac: expected six pairs of hex digits, got '02:00:5e:10:00:fe:00'");
    fill();
    neighbour.address = text("host.example");
    refuse("neighbours: address: expected an address, got 'host.example'");
}
END_TEST

static const char *const bad_addresses[] = {
    "",           "10.9.0.2",     "10.9.0.2/",   "10.9.0.2/33",    "10.9.0/24",
    "fd09::/129", "fd09::2/64/1", "10.9.0.2/-1", "10.9.0.2/24 ",   "::ffff:1.2.3/9",
    "1/1",        "default",      "10.9.0.2/2x", "10.9.0.2/99999", "a.b.c.d/8",
};

START_TEST(test_bad_addresses)
{
    struct cl_err err = {0};
    char *list[] = {text(bad_addresses[_i])};
    fill();
    one.addresses = list;
    one.n_addresses = 1;
    ck_assert_int_eq(agent_network_check(&request, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "interfaces: addresses: expected an address with"));
}
END_TEST

static bool says(const char *command, const char *want)
{
    char line[512];
    bool found = false;
    FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c): the test's own fixed commands */
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        found = found || strstr(line, want) != NULL;
    }
    (void)pclose(f);
    return found;
}

static bool own_namespace(void)
{
    return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
           system("ip link set lo up && " /* NOLINT(cert-env33-c) */
                  "ip link add net1 address " MAC1 " type veth peer name peer1 && "
                  "ip link add eth0 address " MAC2 " type veth peer name peer2 && "
                  "ip link set peer1 up && ip link set peer2 up") == 0;
}

/* The names stand the wrong way round at first. */
START_TEST(test_applied)
{
    struct cl_err err = {0};
    if (!own_namespace()) {
        (void)printf("SKIPPED: test_applied needs root and network namespaces\n");
        return;
    }
    fill();
    ck_assert_msg(agent_network_apply(&request, &err) == CL_OK, "%s", err.msg);
    ck_assert(says("ip -o link show eth0", MAC1));
    ck_assert(says("ip -o link show eth0", "mtu 1420"));
    ck_assert(says("ip -o link show net1", MAC2));
    ck_assert(says("ip -o addr show eth0", "10.9.0.2/24"));
    ck_assert(says("ip -o addr show eth0", "fd09::2/64"));
    ck_assert(says("ip route", "default via 10.9.0.1 dev eth0"));
    ck_assert(says("ip route", "10.8.0.0/16 dev eth0"));
    ck_assert(says("ip route", "10.7.0.0/16 via 10.8.0.9 dev eth0"));
    ck_assert(says("ip -6 route", "default via fd09::1 dev eth0"));
    ck_assert(says("ip neigh", "10.9.0.1 dev eth0 lladdr 02:00:5e:10:00:fe PERMANENT"));
}
END_TEST

/* As test_podnet has them told: gateways outside all subnets, by a link-local address, a large MTU.
 */
START_TEST(test_what_plugins_of_many_kinds_configure)
{
    struct cl_err err = {0};
    char *four[] = {text("10.244.1.5/32")};
    char *six[] = {text("fd77::2/128"), text("10.5.0.2/24")};
    static const char *const words[4][4] = {{"", "169.254.1.1", "", "eth0"},
                                            {"10.6.0.0/16", "192.0.2.1", "", "net1"},
                                            {"", "fe80::1", "", "net1"},
                                            {"fd78::/64", "2001:db8::1", "", "net1"}};
    if (!own_namespace()) {
        (void)printf("SKIPPED: needs root and network namespaces\n");
        return;
    }
    fill();
    one.mtu = 1440;
    one.addresses = four;
    one.n_addresses = 1;
    two.mtu = 9000;
    two.addresses = six;
    two.n_addresses = 2;
    for (size_t i = 0; i < 4; i++) {
        routes[i].destination = text(words[i][0]);
        routes[i].gateway = text(words[i][1]);
        routes[i].source = text(words[i][2]);
        routes[i].device = text(words[i][3]);
        routes[i].ipv6 = i >= 2;
    }
    neighbour.address = text("169.254.1.1");
    neighbour.mac = text("EE:ee:ee:ee:ee:ee");
    ck_assert_msg(agent_network_apply(&request, &err) == CL_OK, "%s", err.msg);
    ck_assert(says("ip -o addr show eth0", "10.244.1.5/32"));
    ck_assert(says("ip -o link show net1", "mtu 9000"));
    ck_assert(says("ip -o addr show net1", "fd77::2/128"));
    ck_assert(says("ip -o addr show net1", "10.5.0.2/24"));
    ck_assert(says("ip route", "default via 169.254.1.1 dev eth0"));
    ck_assert(says("ip route", "10.6.0.0/16 via 192.0.2.1 dev net1"));
    ck_assert(says("ip -6 route", "default via fe80::1 dev net1"));
    ck_assert(says("ip -6 route", "fd78::/64 via 2001:db8::1 dev net1"));
    ck_assert(says("ip neigh", "169.254.1.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee PERMANENT"));
}
END_TEST

START_TEST(test_absent_interface)
{
    struct cl_err err = {0};
    if (!own_namespace()) {
        (void)printf("SKIPPED: test_absent_interface needs root and network namespaces\n");
        return;
    }
    fill();
    two.mac = text("02:00:5e:10:00:99");
    ck_assert_int_eq(agent_network_apply(&request, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg,
                     "interfaces: mac: expected one that this machine has, got 02:00:5e:10:00:99");
    ck_assert(says("ip -o link show eth0", MAC2)); /* nothing was changed */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent network");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_checks);
    tcase_add_loop_test(c, test_bad_addresses, 0,
                        (int)(sizeof(bad_addresses) / sizeof(bad_addresses[0])));
    tcase_add_test(c, test_applied);
    tcase_add_test(c, test_what_plugins_of_many_kinds_configure);
    tcase_add_test(c, test_absent_interface);
    suite_add_tcase(s, c);
    return run_suite(s);
}
