/* SPDX-License-Identifier: Apache-2.0
 * test_podfwd.c - connections to any port of a namespace's loopback, caught; others not; nothing
 * left behind. Skips visibly where namespaces or BPF programs of this type are not to be had.
 */
#include "check_main.h"
#include "net/podfwd.h"
#include "own_netns.h"
#include "podfwd_client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "cl-test-podfwd"
#define NETNS "/run/netns/" NAME

static int sh(const char *command)
{
    return system(command); /* NOLINT(cert-env33-c): the test's own fixed commands */
}

static void make_namespace(void)
{
    (void)sh("ip netns del " NAME " 2>/dev/null");
    ck_assert_int_eq(sh("ip netns add " NAME), 0);
}

START_TEST(test_any_port_of_loopback)
{
    static const struct {
        const char *address;
        uint16_t port;
        unsigned listener;
    } tries[] = {{"127.0.0.1", 80, 0},  {"127.0.0.1", 65535, 0}, {"127.9.8.7", 1, 0},
                 {"::1", 8080, 1},      {"::1", 1, 1},           {"::ffff:127.0.0.1", 7, 0},
                 {"127.0.0.1", 8080, 0}};
    struct cl_podfwd f;
    struct cl_err err = {0};
    make_namespace(); /* its loopback interface is down */
    ck_assert_msg(cl_podfwd_open(NETNS, &f, &err) == CL_OK, "%s", err.msg);
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
        int got = -1;
        uint16_t port = 0;
        char byte = 0;
        int fd = connect_inside(NETNS, tries[i].address, tries[i].port);
        ck_assert_msg(fd >= 0, "%s %u: %s", tries[i].address, tries[i].port, strerror(-fd));
        ck_assert_int_eq(cl_podfwd_accept(f.listener[tries[i].listener], &got, &port, &err), CL_OK);
        ck_assert_uint_eq(port, tries[i].port);
        ck_assert_int_eq(write(fd, "x", 1), 1);
        struct pollfd p = {.fd = got, .events = POLLIN};
        ck_assert_int_eq(poll(&p, 1, 5000), 1);
        ck_assert_int_eq(read(got, &byte, 1), 1);
        ck_assert_int_eq(byte, 'x');
        ck_assert_int_eq(cl_podfwd_accept(f.listener[tries[i].listener], &got, &port, &err),
                         CL_ERR_UNAVAILABLE);
        (void)close(got);
        (void)close(fd);
    }
    cl_podfwd_close(&f);
    (void)sh("ip netns del " NAME);
}
END_TEST

START_TEST(test_other_addresses_are_left_alone)
{
    struct cl_podfwd f;
    struct cl_err err = {0};
    make_namespace();
    ck_assert_int_eq(sh("ip -n " NAME " link set lo up && ip -n " NAME
                        " addr add 10.9.0.2/32 dev lo && ip -n " NAME
                        " -6 addr add fd09::2/128 dev lo"),
                     0);
    ck_assert_msg(cl_podfwd_open(NETNS, &f, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(connect_inside(NETNS, "10.9.0.2", 80), -ECONNREFUSED);
    ck_assert_int_eq(connect_inside(NETNS, "fd09::2", 80), -ECONNREFUSED);
    cl_podfwd_close(&f);
    (void)sh("ip netns del " NAME);
}
END_TEST

START_TEST(test_nothing_stays)
{
    struct cl_podfwd f;
    struct cl_err err = {0};
    make_namespace();
    for (int i = 0; i < 3; i++) { /* again and again */
        ck_assert_msg(cl_podfwd_open(NETNS, &f, &err) == CL_OK, "%s", err.msg);
        int fd = connect_inside(NETNS, "127.0.0.1", 80);
        ck_assert_int_ge(fd, 0);
        cl_podfwd_close(&f);
        cl_podfwd_close(&f);
        char byte;
        ck_assert_int_eq(read(fd, &byte, 1), -1); /* what was not accepted is reset */
        ck_assert_int_eq(errno, ECONNRESET);
        (void)close(fd);
        ck_assert_int_eq(connect_inside(NETNS, "127.0.0.1", 80), -ECONNREFUSED);
        ck_assert_int_eq(connect_inside(NETNS, "::1", 80), -ECONNREFUSED);
    }
    (void)sh("ip netns del " NAME);
}
END_TEST

/* Two pods do not hear each other, and one namespace takes one program after the other. */
START_TEST(test_two_namespaces)
{
    struct cl_podfwd f[2];
    struct cl_err err = {0};
    int got = -1;
    uint16_t port = 0;
    make_namespace();
    (void)sh("ip netns del " NAME "2 2>/dev/null");
    ck_assert_int_eq(sh("ip netns add " NAME "2"), 0);
    ck_assert_int_eq(cl_podfwd_open(NETNS, &f[0], &err), CL_OK);
    ck_assert_int_eq(cl_podfwd_open(NETNS "2", &f[1], &err), CL_OK);
    int fd = connect_inside(NETNS, "127.0.0.1", 443);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(cl_podfwd_accept(f[1].listener[0], &got, &port, &err), CL_ERR_UNAVAILABLE);
    ck_assert_int_eq(cl_podfwd_accept(f[0].listener[0], &got, &port, &err), CL_OK);
    (void)close(got);
    (void)close(fd);
    cl_podfwd_close(&f[0]);
    cl_podfwd_close(&f[1]);
    (void)sh("ip netns del " NAME "2; ip netns del " NAME);
}
END_TEST

START_TEST(test_refused)
{
    struct cl_podfwd f;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_podfwd_open("/nonexistent", &f, &err), CL_ERR_SYS);
    ck_assert_int_eq(cl_podfwd_open("/proc/self/status", &f, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(f.listener[0], -1);
    ck_assert_int_eq(f.link_fd, -1);
}
END_TEST

static bool can_run(void)
{
    struct cl_podfwd f;
    struct cl_err err = {0};
    if (!own_netns() || sh("ip netns add " NAME) != 0) {
        printf("SKIP: no network namespaces\n");
        return false;
    }
    enum cl_status st = cl_podfwd_open(NETNS, &f, &err);
    (void)sh("ip netns del " NAME);
    if (st == CL_ERR_UNSUPPORTED || err.sys_errno == EPERM) {
        printf("SKIP: no BPF programs of type sk_lookup: %s\n", err.msg);
        return false;
    }
    cl_podfwd_close(&f);
    return true; /* another failure is one of the tests' */
}

int main(void)
{
    if (!can_run()) {
        return 77;
    }
    Suite *s = suite_create("podfwd");
    TCase *tc = tcase_create("forward");
    tcase_add_test(tc, test_any_port_of_loopback);
    tcase_add_test(tc, test_other_addresses_are_left_alone);
    tcase_add_test(tc, test_nothing_stays);
    tcase_add_test(tc, test_two_namespaces);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
