/* SPDX-License-Identifier: Apache-2.0
 * test_shim_forward.c - a client in a pod's network namespace on the host, and a guest that brings
 * it a connection to its port, or does not. Skips visibly where namespaces, taps or BPF programs of
 * type sk_lookup are not to be had.
 */
#include "check_main.h"
#include "own_netns.h"
#include "podfwd_client.h"
#include "shim_world.h"

#include "net/podfwd.h"
#include "net/podnet.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NAME "cl-test-shimfwd"
#define NETNS "/run/netns/" NAME
#define SANDBOX "{\"kind\":\"sandbox\",\"netns\":\"" NETNS "\"}"

static int sh(const char *command)
{
    return system(command); /* NOLINT(cert-env33-c): the test's own fixed commands */
}

static void pod_up(struct world *w)
{
    struct answer a = {0};
    (void)sh("ip netns del " NAME " 2>/dev/null");
    ck_assert_int_eq(sh("ip netns add " NAME), 0);
    world_up(w);
    ck_assert_msg(world_create(w, "sb", SANDBOX, &a) == 0, "%s", a.message);
    ck_assert_int_eq(world_start(w, "sb", NULL, &a), 0);
    answer_done(&a);
}

static void pod_down(struct world *w)
{
    world_down(w);
    (void)sh("ip netns del " NAME);
}

/* What is there to read of a socket of the test's, "" at its end, "!" when it was reset. */
static const char *heard(struct world *w, int fd, char ret[static 64])
{
    for (int i = 0; i < 400; i++) {
        ssize_t n = recv(fd, ret, 63, MSG_DONTWAIT);
        if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
            (void)snprintf(ret + (n > 0 ? n : 0), 2, "%s", n < 0 ? "!" : "");
            return ret;
        }
        world_pass(w, 5);
    }
    ck_abort_msg("nothing was heard");
    return NULL;
}

START_TEST(test_bytes_and_ends_go_both_ways)
{
    struct world w;
    char text[64];
    pod_up(&w);
    int client = connect_inside(NETNS, _i == 0 ? "127.0.0.1" : "::1", 8080);
    ck_assert_int_ge(client, 0);
    ck_assert_int_eq(write(client, "question", 8), 8);
    world_settle(&w);
    ck_assert(agent_heard(&w, "Forward 1 8080"));
    int guest = agent_stream(&w, NULL, 1);
    ck_assert_str_eq(heard(&w, guest, text), "question");
    ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
    ck_assert_str_eq(heard(&w, guest, text), "");
    ck_assert_int_eq(write(guest, "answer", 6), 6);
    ck_assert_str_eq(heard(&w, client, text), "answer");
    (void)close(guest);
    ck_assert_str_eq(heard(&w, client, text), "");
    (void)close(client);
    int again = agent_stream(&w, NULL, 1); /* a number is good once */
    ck_assert_str_eq(heard(&w, again, text), "");
    (void)close(again);
    pod_down(&w);
}
END_TEST

START_TEST(test_the_guest_refuses)
{
    struct world w;
    char text[64];
    pod_up(&w);
    agent_on(&w, &(struct behaviour){.method = "Forward",
                                     .reply = REPLY_CODE,
                                     .code = 7,
                                     .message = "policy: sandbox: forward_ports: no"});
    int client = connect_inside(NETNS, "127.0.0.1", 22);
    ck_assert_int_ge(client, 0);
    ck_assert_str_eq(heard(&w, client, text), "!");
    (void)close(client);
    int guest = agent_stream(&w, NULL, 1); /* after all: too late */
    ck_assert_str_eq(heard(&w, guest, text), "");
    (void)close(guest);
    pod_down(&w);
}
END_TEST

/* Before its call is answered, and when it is answered with a refusal afterwards. */
START_TEST(test_a_connection_that_comes_first)
{
    struct world w;
    char text[64];
    pod_up(&w);
    agent_on(&w, &(struct behaviour){.method = "Forward", .reply = REPLY_HOLD});
    int client = connect_inside(NETNS, "127.0.0.1", 80);
    world_settle(&w);
    int guest = agent_stream(&w, NULL, 1);
    agent_answer(&w, "Forward", _i == 0 ? 0 : 13, NULL, 0);
    world_settle(&w);
    ck_assert_int_eq(write(client, "x", 1), 1);
    ck_assert_str_eq(heard(&w, guest, text), "x");
    (void)close(client);
    (void)close(guest);
    pod_down(&w);
}
END_TEST

START_TEST(test_connections_are_bounded)
{
    struct world w;
    char text[64];
    int client[SHIM_MAX_FORWARDS];
    pod_up(&w);
    for (unsigned i = 0; i < SHIM_MAX_FORWARDS; i++) {
        client[i] = connect_inside(NETNS, "127.0.0.1", 80);
        ck_assert_int_ge(client[i], 0);
        world_settle(&w);
    }
    int more = connect_inside(NETNS, "127.0.0.1", 80);
    ck_assert_str_eq(heard(&w, more, text), "!");
    (void)close(more);
    int guest = agent_stream(&w, NULL, 1);
    (void)close(client[0]);
    ck_assert_str_eq(heard(&w, guest, text), "");
    (void)close(guest); /* one has ended */
    world_settle(&w);
    client[0] = connect_inside(NETNS, "127.0.0.1", 80);
    world_settle(&w);
    ck_assert(agent_heard(&w, "Forward 65 80"));
    (void)close(agent_stream(&w, NULL, 65));
    for (unsigned i = 0; i < SHIM_MAX_FORWARDS; i++) {
        (void)close(client[i]);
    }
    pod_down(&w);
}
END_TEST

START_TEST(test_the_end_of_the_pod)
{
    struct world w;
    char text[64];
    struct answer a = {0};
    pod_up(&w);
    agent_on(&w, &(struct behaviour){.method = "Forward", .reply = REPLY_HOLD});
    int waits = connect_inside(NETNS, "127.0.0.1", 80);
    world_settle(&w);
    int works = connect_inside(NETNS, "127.0.0.1", 80);
    world_settle(&w);
    int guest = agent_stream(&w, NULL, 2);
    ck_assert_int_eq(world_kill(&w, "sb", NULL, SIGKILL, &a), 0);
    ck_assert_str_eq(heard(&w, waits, text), "!");
    ck_assert_int_eq(connect_inside(NETNS, "127.0.0.1", 80), -ECONNREFUSED);
    (void)close(guest);
    (void)close(waits);
    answer_done(&a);
    pod_down(&w);
    ck_assert_int_le(recv(works, text, 1, 0), 0);
    (void)close(works);
}
END_TEST

static bool can_run(void)
{
    struct cl_podfwd f;
    struct cl_podnet n;
    struct cl_err err = {0};
    if (!own_netns() || sh("ip netns add " NAME) != 0) {
        printf("SKIP: no network namespaces\n");
        return false;
    }
    enum cl_status st = cl_podnet_join(NETNS, &n, &err);
    st = st == CL_OK ? cl_podfwd_open(NETNS, &f, &err) : st;
    if (st != CL_OK) {
        printf("SKIP: no ports are forwarded here: %s\n", err.msg);
    } else {
        cl_podnet_done(&n);
        cl_podfwd_close(&f);
    }
    (void)sh("ip netns del " NAME);
    return st == CL_OK;
}

int main(void)
{
    if (!can_run()) {
        return 77;
    }
    Suite *s = suite_create("shim_forward");
    TCase *tc = tcase_create("forward");
    tcase_add_loop_test(tc, test_bytes_and_ends_go_both_ways, 0, 2);
    tcase_add_test(tc, test_the_guest_refuses);
    tcase_add_loop_test(tc, test_a_connection_that_comes_first, 0, 2);
    tcase_add_test(tc, test_connections_are_bounded);
    tcase_add_test(tc, test_the_end_of_the_pod);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
