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

/* --- the wrong orders --------------------------------------------------------------------------
 */

START_TEST(test_unknown_names_are_not_found)
{
    struct world w;
    struct answer a = {0};
    single_up(&w);
    ck_assert_int_eq(world_start(&w, "c2", NULL, &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_start(&w, "c1", "e9", &a), SHIM_CODE_NOT_FOUND);
    ck_assert_str_eq(a.message, "container 'c1': no process 'e9'");
    ck_assert_int_eq(world_exec(&w, "c2", "e1", &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_kill(&w, "c2", NULL, SIGKILL, &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_kill(&w, "c1", "e9", SIGKILL, &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_delete(&w, "c2", NULL, &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_delete(&w, "c1", "e9", &a), SHIM_CODE_NOT_FOUND);
    world_wait_begin(&w, "c2", NULL, &a);
    world_until(&w, &a.done);
    ck_assert_int_eq(a.code, SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_status(&w, "c2", NULL), -SHIM_CODE_NOT_FOUND);
    Containerd__Task__V2__PidsRequest pids;
    containerd__task__v2__pids_request__init(&pids);
    pids.id = (char[]){"c2"};
    world_call(&w, "Pids", &pids.base, &a);
    ck_assert_int_eq(a.code, SHIM_CODE_NOT_FOUND);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_calls_in_the_wrong_state_are_refused)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    ck_assert_int_eq(world_create(&w, "c1", SINGLE, &a), 0);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), SHIM_CODE_PRECONDITION);
    ck_assert_str_eq(a.message, "container 'c1': expected running, and not paused, got created");
    ck_assert_int_eq(world_create(&w, "c1", SINGLE, &a), SHIM_CODE_EXISTS);
    ck_assert_int_eq(world_create(&w, "c2", SINGLE, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_create(&w, "c2", MEMBER, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_start(&w, "c1", NULL, &a), 0);
    ck_assert_int_eq(world_start(&w, "c1", NULL, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0);
    ck_assert_int_eq(world_kill(&w, "c1", "e1", SIGTERM, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_start(&w, "c1", "e1", &a), 0);
    ck_assert_int_eq(world_start(&w, "c1", "e1", &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, 0, &a), SHIM_CODE_INVALID);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, 65, &a), SHIM_CODE_INVALID);
    ck_assert_int_eq(world_exec(&w, "c1", "a/b", &a), SHIM_CODE_INVALID);
    ck_assert_int_eq(world_create(&w, "c1/..", SINGLE, &a), SHIM_CODE_INVALID);
    Containerd__Task__V2__CheckpointTaskRequest checkpoint;
    containerd__task__v2__checkpoint_task_request__init(&checkpoint);
    checkpoint.id = (char[]){"c1"};
    world_call(&w, "Checkpoint", &checkpoint.base, &a);
    ck_assert_int_eq(a.code, SHIM_CODE_UNIMPLEMENTED);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_members_need_a_running_sandbox_of_their_own)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    ck_assert_int_eq(world_create(&w, "sb", SANDBOX, &a), 0);
    ck_assert_int_eq(world_create(&w, "c1", MEMBER, &a), SHIM_CODE_PRECONDITION);
    ck_assert_str_eq(a.message, "container 'c1': sandbox 'sb': expected running, got created");
    ck_assert_int_eq(world_start(&w, "sb", NULL, &a), 0);
    ck_assert_int_eq(world_create(&w, "c1", "{\"kind\":\"container\",\"sandbox\":\"other\"}", &a),
                     SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_exec(&w, "sb", "e1", &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_create(&w, "c1", MEMBER, &a), 0);
    ck_assert_int_eq(world_create(&w, "c1", "{}", &a), SHIM_CODE_EXISTS);
    ck_assert_int_eq(world_create(&w, "c2", "{}", &a), SHIM_CODE_PRECONDITION);
    ck_assert_str_eq(a.message,
                     "container 'c2': config.json: hostNetwork: expected false, got true");
    ck_assert_int_eq(world_status(&w, "c2", NULL), -SHIM_CODE_NOT_FOUND);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_a_created_container_can_be_killed_and_deleted)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    w.agent_ends_on_kill = true;
    ck_assert_int_eq(world_create(&w, "c2", MEMBER, &a), 0);
    world_wait_begin(&w, "c2", NULL, &wait);
    ck_assert_int_eq(world_kill(&w, "c2", NULL, SIGKILL, &a), 0);
    world_settle(&w); /* the agent answered before Wait was asked */
    agent_exit(&w, "c2", 137);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    ck_assert_int_eq(world_start(&w, "c2", NULL, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_delete(&w, "c2", NULL, &a), 0);
    ck_assert_int_eq(world_create(&w, "c3", MEMBER, &a), 0);
    world_wait_begin(&w, "c3", NULL, &wait);
    ck_assert_int_eq(world_delete(&w, "c3", NULL, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    (void)event_find(&w, "delete c3");
    ck_assert(!event_seen(&w, "exit c2 137")); /* no exit without a start */
    ck_assert(!event_seen(&w, "exit c3 137"));
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_execs_are_told_before_their_container)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0);
    ck_assert_int_eq(world_start(&w, "c1", "e1", &a), 0);
    ck_assert_int_eq(world_exec(&w, "c1", "e2", &a), 0);
    ck_assert_int_eq(world_start(&w, "c1", "e2", &a), 0);
    ck_assert_int_eq(world_exec(&w, "c1", "e3", &a), 0);
    world_wait_begin(&w, "c1", NULL, &wait);
    agent_exit(&w, "c1", 3);
    world_settle(&w);
    ck_assert_int_eq(world_exec(&w, "c1", "e4", &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_start(&w, "c1", "e3", &a), SHIM_CODE_PRECONDITION);
    ck_assert(!wait.done);
    agent_exit(&w, "c1/e1", 137); /* of e2 nothing is heard any more */
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 3);
    size_t own = event_find(&w, "exit c1 3");
    ck_assert_uint_lt(event_find(&w, "exit c1/e1 137"), own);
    ck_assert_uint_lt(event_find(&w, "exit c1/e2 137"), own);
    ck_assert(!event_seen(&w, "exit c1/e3 137"));
    ck_assert_int_eq(world_status(&w, "c1", "e3"), STOPPED);
    ck_assert_int_eq(world_delete(&w, "c1", "e2", &a), 0);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_start_is_told_before_the_exit_of_a_process_that_ends_at_once)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    const uint8_t zero[] = {8, 0};
    const struct behaviour at_once = {
        .method = "Wait", .reply = REPLY_BYTES, .bytes = zero, .len = sizeof(zero)};
    world_up(&w);
    agent_on(&w, &at_once);
    ck_assert_int_eq(world_create(&w, "c1", SINGLE, &a), 0);
    world_wait_begin(&w, "c1", NULL, &wait);
    ck_assert_int_eq(world_start(&w, "c1", NULL, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_lt(event_find(&w, "start c1"), event_find(&w, "exit c1 0"));
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

/* --- what the guest does to containers ---------------------------------------------------------
 */

static int container_call(struct world *w, const char *method, struct answer *a)
{
    Containerd__Task__V2__PauseRequest r; /* of all three, field 1 */
    containerd__task__v2__pause_request__init(&r);
    r.id = (char[]){"c1"};
    world_call(w, method, &r.base, a);
    return a->code;
}

START_TEST(test_pause_and_resume)
{
    struct world w;
    struct answer a = {0};
    single_up(&w);
    ck_assert_int_eq(container_call(&w, "Pause", &a), 0);
    ck_assert_int_eq(world_status(&w, "c1", NULL), PAUSED);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(container_call(&w, "Resume", &a), 0);
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    const struct behaviour no = {
        .method = "Pause", .reply = REPLY_CODE, .code = 7, .message = "pause: not allowed"};
    agent_on(&w, &no);
    ck_assert_int_eq(container_call(&w, "Pause", &a), SHIM_CODE_DENIED);
    ck_assert_str_eq(a.message, "c1: pause: not allowed");
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    size_t paused = event_find(&w, "paused c1");
    ck_assert_uint_lt(paused, event_find(&w, "resumed c1"));
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_stats_are_decoded_and_bounded)
{
    struct world w;
    struct answer a = {0};
    Io__Containerd__Cgroups__V2__Metrics m;
    Io__Containerd__Cgroups__V2__MemoryStat memory;
    uint8_t out[128];
    single_up(&w);
    io__containerd__cgroups__v2__metrics__init(&m);
    io__containerd__cgroups__v2__memory_stat__init(&memory);
    memory.usage = 12345;
    m.memory = &memory;
    size_t len = io__containerd__cgroups__v2__metrics__pack(&m, out);
    memcpy(out + len,
           "\x52\x03"
           "abc",
           5); /* field 10, which nobody knows */
    struct behaviour stats = {
        .method = "Stats", .reply = REPLY_BYTES, .bytes = out, .len = len + 5};
    agent_on(&w, &stats);
    ck_assert_int_eq(container_call(&w, "Stats", &a), 0);
    Containerd__Task__V2__StatsResponse *r =
        containerd__task__v2__stats_response__unpack(NULL, a.payload.len, a.payload.data);
    ck_assert_ptr_nonnull(r);
    ck_assert_str_eq(r->stats->type_url, "io.containerd.cgroups.v2.Metrics");
    ck_assert_uint_eq(r->stats->value.len, len);
    ck_assert_int_eq(memcmp(r->stats->value.data, out, len), 0); /* public */
    containerd__task__v2__stats_response__free_unpacked(r, NULL);
    stats.len = 3;
    agent_on(&w, &stats);
    ck_assert_int_eq(container_call(&w, "Stats", &a), SHIM_CODE_UNKNOWN);
    static uint8_t many[90000]; /* of empty devices: twice as many bytes as memory would be large */
    many[0] = 0x32;             /* io, 89990 bytes */
    many[1] = 0x86;
    many[2] = 0xbf;
    many[3] = 0x05;
    for (size_t i = 4; i + 1 < sizeof(many); i += 2) {
        many[i] = 0x0a;
        many[i + 1] = 0;
    }
    stats.bytes = many;
    stats.len = 4 + 89990;
    agent_on(&w, &stats);
    ck_assert_int_eq(container_call(&w, "Stats", &a), SHIM_CODE_UNKNOWN);
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static int update(struct world *w, const char *id, const char *json, struct answer *a)
{
    Containerd__Task__V2__UpdateTaskRequest r;
    Google__Protobuf__Any any;
    char text[200];
    char name[16];
    containerd__task__v2__update_task_request__init(&r);
    google__protobuf__any__init(&any);
    (void)snprintf(name, sizeof(name), "%s", id);
    (void)snprintf(text, sizeof(text), "%s", json);
    any.value = (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
    r.id = name;
    r.resources = json[0] != '\0' ? &any : NULL;
    world_call(w, "Update", &r.base, a);
    return a->code;
}

START_TEST(test_update_stays_within_the_vm)
{
    struct world w;
    struct answer a = {0};
    pod_up(&w);
    ck_assert_int_eq(update(&w, "c1", "{\"memory\":{\"limit\":1048576}}", &a), 0);
    ck_assert(agent_heard(&w, "Update c1"));
    ck_assert_int_eq(update(&w, "c1", "{\"memory\":{\"limit\":99999999999}}", &a),
                     SHIM_CODE_EXHAUSTED);
    ck_assert_int_eq(update(&w, "sb", "{\"cpu\":{\"shares\":2}}", &a), 0);
    ck_assert_int_eq(update(&w, "c1", "", &a), SHIM_CODE_INVALID);
    ck_assert_int_eq(update(&w, "c1", "{", &a), SHIM_CODE_INVALID);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static int resize(struct world *w, const char *exec, uint32_t rows, uint32_t cols, struct answer *a)
{
    Containerd__Task__V2__ResizePtyRequest r;
    char id[16] = "c1";
    char exec_id[16];
    containerd__task__v2__resize_pty_request__init(&r);
    (void)snprintf(exec_id, sizeof(exec_id), "%s", exec);
    r.id = id;
    r.exec_id = exec_id;
    r.height = rows;
    r.width = cols;
    world_call(w, "ResizePty", &r.base, a);
    return a->code;
}

START_TEST(test_a_terminal_has_its_size_before_and_after_start)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    ck_assert_int_eq(world_create(&w, "c1", "{\"kind\":\"single\",\"terminal\":true}", &a), 0);
    ck_assert_int_eq(resize(&w, "", 24, 80, &a), 0);
    ck_assert(agent_heard(&w, "Resize c1 24x80"));
    ck_assert_int_eq(world_start(&w, "c1", NULL, &a), 0);
    ck_assert_int_eq(resize(&w, "", 50, 132, &a), 0);
    ck_assert(agent_heard(&w, "Resize c1 50x132"));
    ck_assert_int_eq(resize(&w, "", 0, 70000, &a), 0); /* nothing that a terminal can be */
    agent_exit(&w, "c1", 0);
    world_settle(&w);
    ck_assert_int_eq(resize(&w, "", 10, 10, &a), 0);
    ck_assert_int_eq(resize(&w, "e1", 10, 10, &a), SHIM_CODE_NOT_FOUND);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_oom_is_told_and_a_flood_of_it_is_not)
{
    struct world w;
    struct answer a = {0};
    Cloister__Pod__V1__Event e;
    uint8_t out[64];
    cloister__pod__v1__event__init(&e);
    e.oom_container_id = (char[]){"c1"};
    size_t len = cloister__pod__v1__event__pack(&e, out);
    single_up(&w);
    agent_answer(&w, "NextEvent", 0, out, len);
    (void)event_find(&w, "oom c1");
    world_settle(&w);
    agent_answer(&w, "NextEvent", 0, out,
                 len); /* asked for at once, and before the end that follows */
    agent_exit(&w, "c1", 137);
    (void)event_find(&w, "exit c1 137");
    ck_assert(event_is(&w, w.event_count - 2, "oom c1"));
    world_down(&w);
    single_up(&w);
    w.event_count = 0;
    const struct behaviour flood = {
        .method = "NextEvent", .reply = REPLY_BYTES, .bytes = out, .len = len};
    agent_on(&w, &flood);
    agent_answer(&w, "NextEvent", 0, out, len);
    world_pass(&w, 900);
    size_t count = 0;
    for (size_t i = 0; i < w.event_count; i++) {
        count += event_is(&w, i, "oom c1");
    }
    ck_assert_uint_lt(count, 10);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_shutdown_with_containers_goes_on_serving)
{
    struct world w;
    struct answer a = {0};
    Containerd__Task__V2__ShutdownRequest down;
    containerd__task__v2__shutdown_request__init(&down);
    single_up(&w);
    world_call(&w, "Shutdown", &down.base, &a);
    ck_assert_int_eq(a.code, 0);
    ck_assert_uint_eq(w.finished, 0);
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    down.now = 1;
    world_call(&w, "Shutdown", &down.base, &a);
    ck_assert_uint_eq(w.finished, 1);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_every_process_has_the_vms_pid)
{
    struct world w;
    struct answer a = {0};
    Containerd__Task__V2__ConnectRequest connect;
    Containerd__Task__V2__StateResponse *s = NULL;
    containerd__task__v2__connect_request__init(&connect);
    connect.id = (char[]){"not-there-yet"};
    pod_up(&w);
    world_call(&w, "Connect", &connect.base, &a);
    Containerd__Task__V2__ConnectResponse *c =
        containerd__task__v2__connect_response__unpack(NULL, a.payload.len, a.payload.data);
    ck_assert_uint_eq(c->task_pid, WORLD_PID);
    ck_assert_uint_eq(c->shim_pid, (uint32_t)getpid());
    containerd__task__v2__connect_response__free_unpacked(c, NULL);
    ck_assert_int_eq(world_state(&w, "c1", NULL, &s), 0);
    ck_assert_uint_eq(s->pid, WORLD_PID);
    containerd__task__v2__state_response__free_unpacked(s, NULL);
    vm_dies(&w);
    ck_assert_int_eq(world_state(&w, "c1", NULL, &s), 0); /* so that a new containerd finds it */
    ck_assert_uint_eq(s->pid, WORLD_PID);
    ck_assert_uint_eq(s->exit_status, 137);
    containerd__task__v2__state_response__free_unpacked(s, NULL);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_limits_make_the_vm)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    ck_assert_int_eq(
        world_create(&w, "c1", "{\"kind\":\"single\",\"memory\":536870912,\"cpus\":3}", &a), 0);
    ck_assert_uint_eq(w.vm_cpus, 3);
    ck_assert_uint_eq(w.vm_memory, UINT64_C(568) << 20); /* 512 + 8 + 48 */
    answer_done(&a);
    world_down(&w);
}
END_TEST

#define VOLUME(kind) "\"volumes\":[{\"name\":\"v\",\"kind\":" kind "}]"

START_TEST(test_containers_that_share_a_volume_are_created_one_by_one)
{
    struct world w;
    struct answer a = {0};
    struct answer b = {0};
    struct answer c = {0};
    static const char config[] = "{\"kind\":\"container\",\"sandbox\":\"sb\"," VOLUME("1") "}";
    const struct behaviour hold = {.method = "Volume", .reply = REPLY_HOLD};
    pod_up(&w);
    agent_on(&w, &hold);
    world_create_begin(&w, "c2", config, NULL, NULL, NULL, &a);
    world_create_begin(&w, "c3", config, NULL, NULL, NULL, &b);
    world_create_begin(&w, "c4", MEMBER, NULL, NULL, NULL, &c);
    world_settle(&w);
    ck_assert(!a.done && !b.done && !c.done);
    ck_assert_uint_eq(w.kept_count, 3); /* NextEvent, the Wait of c1, one Volume */
    if (_i == 0) {
        agent_answer(&w, "Volume", 0, NULL, 0);
        world_until(&w, &a.done);
        ck_assert_int_eq(a.code, 0);
        world_until(&w, &b.done); /* without asking again for the volume */
    } else {
        struct answer d = {0};
        ck_assert_int_eq(world_delete(&w, "c2", NULL, &d), 0);
        world_settle(&w);
        agent_answer(&w, "Volume", 0, NULL, 0); /* to nobody, but the volume is there */
        world_until(&w, &b.done);
        answer_done(&d);
    }
    ck_assert_int_eq(b.code, 0);
    world_until(&w, &c.done);
    ck_assert_int_eq(c.code, 0);
    answer_done(&a);
    answer_done(&b);
    answer_done(&c);
    world_down(&w);
}
END_TEST

START_TEST(test_another_containerd_goes_on_where_the_first_one_was)
{
    struct world w;
    struct answer lost = {0};
    struct answer wait = {0};
    struct answer a = {0};
    static const struct shim_rpc_callbacks none = {0};
    char path[108];
    int fd = -1;
    pod_up(&w);
    world_wait_begin(&w, "c1", NULL, &lost);
    world_settle(&w);
    shim_rpc_free(w.client);
    ck_assert(lost.done);
    ck_assert_int_eq(lost.code, SHIM_CODE_UNAVAILABLE);
    (void)snprintf(path, sizeof(path), "%s/task.sock", w.dir);
    ck_assert_int_eq(cl_unix_connect(path, &fd, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_new(w.base, fd, &none, &w.client, NULL), CL_OK);
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    ck_assert_int_eq(world_status(&w, "sb", NULL), RUNNING);
    world_wait_begin(&w, "c1", NULL, &wait);
    agent_exit(&w, "c1", 4);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 4);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
    answer_done(&lost);
    answer_done(&wait);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_pod");
    TCase *tc = tcase_create("pod");
    tcase_add_test(tc, test_single_container_from_create_to_shutdown);
    tcase_add_test(tc, test_pod_with_container_and_exec);
    tcase_add_test(tc, test_unknown_names_are_not_found);
    tcase_add_test(tc, test_calls_in_the_wrong_state_are_refused);
    tcase_add_test(tc, test_members_need_a_running_sandbox_of_their_own);
    tcase_add_test(tc, test_a_created_container_can_be_killed_and_deleted);
    tcase_add_test(tc, test_execs_are_told_before_their_container);
    tcase_add_test(tc, test_start_is_told_before_the_exit_of_a_process_that_ends_at_once);
    tcase_add_test(tc, test_pause_and_resume);
    tcase_add_test(tc, test_stats_are_decoded_and_bounded);
    tcase_add_test(tc, test_update_stays_within_the_vm);
    tcase_add_test(tc, test_a_terminal_has_its_size_before_and_after_start);
    tcase_add_test(tc, test_oom_is_told_and_a_flood_of_it_is_not);
    tcase_add_test(tc, test_shutdown_with_containers_goes_on_serving);
    tcase_add_test(tc, test_every_process_has_the_vms_pid);
    tcase_add_test(tc, test_limits_make_the_vm);
    tcase_add_loop_test(tc, test_containers_that_share_a_volume_are_created_one_by_one, 0, 2);
    tcase_add_test(tc, test_another_containerd_goes_on_where_the_first_one_was);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
