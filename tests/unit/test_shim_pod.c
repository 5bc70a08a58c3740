/* SPDX-License-Identifier: Apache-2.0
 * test_shim_pod.c - a pod driven by containerd's calls, in order and out of it; what is told and
 * when (containerd-shim.md 3.1).
 */
#include "check_main.h"
#include "shim_world.h"

#include "base/io.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINGLE "{\"kind\":\"single\"}"
#define SANDBOX "{\"kind\":\"sandbox\"}"
#define MEMBER "{\"kind\":\"container\",\"sandbox\":\"sb\"}"

enum { CREATED = 1, RUNNING, STOPPED, PAUSED };

/* A container that runs, alone in its VM. */
static void single_up(struct world *w)
{
    struct answer a = {0};
    world_up(w);
    ck_assert_int_eq(world_create(w, "c1", SINGLE, &a), 0);
    ck_assert_int_eq(world_start(w, "c1", NULL, &a), 0);
    answer_done(&a);
}

/* A pod with one container that runs. */
static void pod_up(struct world *w)
{
    struct answer a = {0};
    world_up(w);
    ck_assert_int_eq(world_create(w, "sb", SANDBOX, &a), 0);
    ck_assert_int_eq(world_start(w, "sb", NULL, &a), 0);
    ck_assert_int_eq(world_create(w, "c1", MEMBER, &a), 0);
    ck_assert_int_eq(world_start(w, "c1", NULL, &a), 0);
    answer_done(&a);
}

/* --- the ordinary ways -------------------------------------------------------------------------
 */

START_TEST(test_single_container_from_create_to_shutdown)
{
    struct world w;
    struct answer a = {0};
    struct answer early = {0};
    struct answer late = {0};
    single_up(&w);
    ck_assert(agent_heard(&w, "Sandbox c1"));
    ck_assert(agent_heard(&w, "Create c1"));
    ck_assert(agent_heard(&w, "Start c1"));
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    world_wait_begin(&w, "c1", NULL, &early);
    world_settle(&w);
    ck_assert(!early.done);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), SHIM_CODE_PRECONDITION);
    agent_exit(&w, "c1", 7);
    world_until(&w, &early.done);
    ck_assert_uint_eq(wait_status(&early), 7);
    world_wait_begin(&w, "c1", NULL, &late);
    world_until(&w, &late.done);
    ck_assert_uint_eq(wait_status(&late), 7);
    ck_assert_uint_eq(late.payload.len, early.payload.len); /* the same time, too */
    ck_assert_int_eq(memcmp(late.payload.data, early.payload.data, late.payload.len),
                     0); /* public */
    ck_assert_int_eq(world_status(&w, "c1", NULL), STOPPED);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGKILL, &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_start(&w, "c1", NULL, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
    ck_assert_int_eq(world_status(&w, "c1", NULL), -SHIM_CODE_NOT_FOUND);
    ck_assert_uint_eq(w.vm_stops, 1);
    Containerd__Task__V2__ShutdownRequest down;
    containerd__task__v2__shutdown_request__init(&down);
    world_call(&w, "Shutdown", &down.base, &a);
    ck_assert_int_eq(a.code, 0);
    ck_assert_uint_eq(w.finished, 1);
    (void)event_find(&w, "delete c1");
    ck_assert(event_is(&w, 0, "create c1"));
    ck_assert(event_is(&w, 1, "start c1"));
    ck_assert(event_is(&w, 2, "exit c1 7"));
    ck_assert(event_is(&w, 3, "delete c1"));
    ck_assert_uint_eq(w.event_count, 4);
    answer_done(&a);
    answer_done(&early);
    answer_done(&late);
    world_down(&w);
}
END_TEST

START_TEST(test_pod_with_container_and_exec)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0);
    ck_assert_int_eq(world_status(&w, "c1", "e1"), CREATED);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), SHIM_CODE_EXISTS);
    world_wait_begin(&w, "c1", "e1", &wait);
    ck_assert_int_eq(world_start(&w, "c1", "e1", &a), 0);
    ck_assert_int_eq(world_status(&w, "c1", "e1"), RUNNING);
    ck_assert_int_eq(world_delete(&w, "c1", "e1", &a), SHIM_CODE_PRECONDITION);
    agent_exit(&w, "c1/e1", 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 0);
    ck_assert_int_eq(world_delete(&w, "c1", "e1", &a), 0);
    ck_assert(agent_heard(&w, "Delete c1/e1"));
    ck_assert_int_eq(world_status(&w, "c1", "e1"), -SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0); /* its name is free again */
    size_t added = event_find(&w, "exec-added c1/e1");
    size_t started = event_find(&w, "exec-started c1/e1");
    size_t ended = event_find(&w, "exit c1/e1 0");
    ck_assert(added < started && started < ended);
    /* The container, then the sandbox, as the CRI does. */
    w.agent_ends_on_kill = true;
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGTERM, &a), 0);
    world_wait_begin(&w, "c1", NULL, &wait);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 128 + SIGTERM);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
    ck_assert(agent_heard(&w, "Delete c1"));
    ck_assert_uint_eq(w.vm_stops, 0);
    ck_assert_int_eq(world_status(&w, "sb", NULL), RUNNING);
    world_wait_begin(&w, "sb", NULL, &wait);
    ck_assert_int_eq(world_kill(&w, "sb", NULL, SIGKILL, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 128 + SIGKILL);
    ck_assert_int_eq(world_delete(&w, "sb", NULL, &a), 0);
    (void)event_find(&w, "delete sb");
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_pod");
    TCase *tc = tcase_create("ways");
    tcase_add_test(tc, test_single_container_from_create_to_shutdown);
    tcase_add_test(tc, test_pod_with_container_and_exec);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
