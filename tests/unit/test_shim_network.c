/* SPDX-License-Identifier: Apache-2.0
 * test_shim_network.c - a pod in a network namespace as CNI leaves it: what VM and guest get of it,
 * and that it is left as it was. Skips visibly where namespaces, taps or traffic control are not to
 * be had.
 */
#include "check_main.h"
#include "own_netns.h"
#include "shim_world.h"

#include "leftovers.h"
#include "net/podnet.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "cl-test-shimnet"
#define IP "ip -n " NAME " "
#define SANDBOX "{\"kind\":\"sandbox\",\"netns\":\"/run/netns/" NAME "\"}"

static int sh(const char *command)
{
    return system(command); /* NOLINT(cert-env33-c): the test's own fixed commands */
}

static int make_namespace(void)
{
    (void)sh("ip netns del " NAME " 2>/dev/null");
    return sh("ip netns add " NAME " && " IP "link set lo up && " IP
              "link add eth0 address 02:00:5e:10:00:01 mtu 1420 type veth peer name eth1 && " IP
              "link set eth0 up && " IP "link set eth1 up && " IP
              "addr add 10.9.0.2/24 dev eth0 && " IP "route add default via 10.9.0.1 && " IP
              "neigh add 10.9.0.1 lladdr 02:00:5e:10:00:fe dev eth0");
}

static const Cloister__Pod__V1__Interface *eth0(const Cloister__Pod__V1__SandboxRequest *q)
{
    for (size_t i = 0; i < q->n_interfaces; i++) {
        if (strcmp(q->interfaces[i]->name, "eth0") == 0) {
            return q->interfaces[i];
        }
    }
    ck_abort_msg("no eth0");
    return NULL;
}

static bool default_route(const Cloister__Pod__V1__SandboxRequest *q)
{
    for (size_t i = 0; i < q->n_routes; i++) {
        if (q->routes[i]->destination[0] == '\0' && !q->routes[i]->ipv6 &&
            strcmp(q->routes[i]->gateway, "10.9.0.1") == 0 &&
            strcmp(q->routes[i]->device, "eth0") == 0) {
            return true;
        }
    }
    return false;
}

/* No tap of ours, no rule of ours. */
static bool as_before(void)
{
    return sh("! " IP "link show | grep -q tap && ! tc -n " NAME " qdisc show | grep -q ingress") ==
           0;
}

START_TEST(test_a_pod_has_the_network_of_its_namespace)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    ck_assert_int_eq(make_namespace(), 0);
    world_up(&w);
    w.vm_slow = true;
    world_create_begin(&w, "sb", SANDBOX, NULL, NULL, NULL, &a);
    world_until(&w, &w.vm_started);
    ck_assert_ptr_nonnull(w.vm_net);
    ck_assert_uint_eq(w.vm_net->interface_count, 2);
    ck_assert_int_eq(w.vm_net->interface[0].tap_fd, -1); /* the VM runs and has it */
    ck_assert(!as_before());
    agent_calls(&w);
    world_until(&w, &a.done);
    ck_assert_msg(a.code == 0, "%s", a.message);
    Cloister__Pod__V1__SandboxRequest *q =
        cloister__pod__v1__sandbox_request__unpack(NULL, w.sandbox.len, w.sandbox.data);
    ck_assert_ptr_nonnull(q);
    ck_assert_uint_eq(q->n_interfaces, 2);
    ck_assert_str_eq(eth0(q)->mac, "02:00:5e:10:00:01");
    ck_assert_uint_eq(eth0(q)->mtu, 1420);
    ck_assert_uint_ge(eth0(q)->n_addresses, 1);
    ck_assert_str_eq(eth0(q)->addresses[0], "10.9.0.2/24");
    ck_assert(default_route(q));
    ck_assert_uint_eq(q->n_neighbours, 1);
    ck_assert_str_eq(q->neighbours[0]->mac, "02:00:5e:10:00:fe");
    ck_assert_str_eq(q->neighbours[0]->device, "eth0");
    cloister__pod__v1__sandbox_request__free_unpacked(q, NULL);
    ck_assert_int_eq(world_start(&w, "sb", NULL, &a), 0);
    world_wait_begin(&w, "sb", NULL, &wait);
    ck_assert_int_eq(world_kill(&w, "sb", NULL, SIGKILL, &a), 0);
    world_until(&w, &wait.done);
    ck_assert(as_before());
    ck_assert_int_eq(world_delete(&w, "sb", NULL, &a), 0);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
    (void)sh("ip netns del " NAME);
}
END_TEST

START_TEST(test_a_namespace_is_left_when_there_is_no_vm)
{
    struct world w;
    struct answer a = {0};
    ck_assert_int_eq(make_namespace(), 0);
    world_up(&w);
    w.vm_fails = _i == 0;
    w.vm_slow = true;
    w.settings.boot_timeout_s = 1;
    ck_assert_int_ne(world_create(&w, "sb", SANDBOX, &a), 0);
    world_settle(&w);
    ck_assert(as_before());
    answer_done(&a);
    world_down(&w);
    (void)sh("ip netns del " NAME);
}
END_TEST

/* Joins the namespace, writes it down, and waits to be killed. */
static pid_t doomed(const char *dir)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct cl_podnet n;
        if (cl_podnet_join("/run/netns/" NAME, &n, NULL) == CL_OK &&
            shim_leftovers_write(dir, NULL, 0, NULL, 0, "/run/netns/" NAME, NULL) == CL_OK) {
            (void)!write(ready[1], "r", 1);
        }
        for (;;) {
            (void)pause();
        }
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return pid;
}

START_TEST(test_delete_takes_off_what_a_killed_shim_left)
{
    char dir[] = "/tmp/shim-net-XXXXXX";
    char file[64];
    struct cl_err err = {0};
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(make_namespace(), 0);
    pid_t pid = doomed(dir);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(!as_before());
    ck_assert_msg(shim_leftovers_kill(dir, 1000, &err) == CL_OK, "%s", err.msg);
    ck_assert(as_before());
    ck_assert_int_eq(shim_leftovers_kill(dir, 1000, &err), CL_OK); /* again */
    (void)sh("ip netns del " NAME);
    ck_assert_int_eq(shim_leftovers_kill(dir, 1000, &err), CL_OK); /* it is gone */
    (void)snprintf(file, sizeof(file), "%s/cloister.json", dir);
    (void)unlink(file);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(test_no_namespace)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    ck_assert_int_ne(
        world_create(&w, "sb", "{\"kind\":\"sandbox\",\"netns\":\"/nonexistent\"}", &a), 0);
    ck_assert_ptr_nonnull(strstr(a.message, "container 'sb': network: "));
    ck_assert_uint_eq(w.vm_stops, 0);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static bool can_run(void)
{
    struct cl_podnet n;
    struct cl_err err = {0};
    if (!own_netns() || make_namespace() != 0) {
        printf("SKIP: no network namespaces\n");
        return false;
    }
    enum cl_status st = cl_podnet_join("/run/netns/" NAME, &n, &err);
    if (st != CL_OK) {
        printf("SKIP: no taps or traffic control: %s\n", err.msg);
    } else {
        cl_podnet_done(&n);
    }
    (void)sh("ip netns del " NAME);
    return st == CL_OK;
}

int main(void)
{
    if (!can_run()) {
        return 77;
    }
    Suite *s = suite_create("shim_network");
    TCase *tc = tcase_create("network");
    tcase_add_test(tc, test_a_pod_has_the_network_of_its_namespace);
    tcase_add_loop_test(tc, test_a_namespace_is_left_when_there_is_no_vm, 0, 2);
    tcase_add_test(tc, test_delete_takes_off_what_a_killed_shim_left);
    tcase_add_test(tc, test_no_namespace);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
