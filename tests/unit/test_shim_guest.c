/* SPDX-License-Identifier: Apache-2.0
 * test_shim_guest.c - a guest that dies at every point, that does not answer, and that answers
 * whatever it likes: each request of containerd's ends, each process is told, and all is deleted
 * (containerd-shim.md 3.1).
 */
#include "check_main.h"
#include "shim_world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SINGLE "{\"kind\":\"single\"}"
#define SANDBOX "{\"kind\":\"sandbox\"}"
#define MEMBER "{\"kind\":\"container\",\"sandbox\":\"sb\"}"
#define WITH_VOLUME                                                                                \
    "{\"kind\":\"container\",\"sandbox\":\"sb\",\"volumes\":[{\"name\":\"v\",\"kind\":1}]}"

enum { CREATED = 1, RUNNING, STOPPED, PAUSED };

static void hold(struct world *w, const char *method)
{
    const struct behaviour b = {.method = method, .reply = REPLY_HOLD};
    agent_on(w, &b);
}

static void say_bytes(struct world *w, const char *method, const void *bytes, size_t len)
{
    const struct behaviour b = {.method = method, .reply = REPLY_BYTES, .bytes = bytes, .len = len};
    agent_on(w, &b);
}

static void say_code(struct world *w, const char *method, int code, const char *message)
{
    const struct behaviour b = {
        .method = method, .reply = REPLY_CODE, .code = code, .message = message};
    agent_on(w, &b);
}

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

/* All that is left can be deleted, and then nothing is left. */
static void delete_all(struct world *w)
{
    static const char *const ids[] = {"c1", "c2", "sb"};
    struct answer a = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        if (world_status(w, ids[i], NULL) >= 0) {
            ck_assert_int_eq(world_status(w, ids[i], NULL), STOPPED);
            ck_assert_int_eq(world_delete(w, ids[i], NULL, &a), 0);
        }
    }
    Containerd__Task__V2__ShutdownRequest down;
    containerd__task__v2__shutdown_request__init(&down);
    world_call(w, "Shutdown", &down.base, &a);
    ck_assert_int_eq(a.code, 0);
    ck_assert_uint_eq(w->finished, 1);
    answer_done(&a);
}

/* --- a VM that dies
 * ------------------------------------------------------------------------------------------------
 */

START_TEST(test_vm_that_cannot_be_started)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    w.vm_fails = true;
    ck_assert_int_eq(world_create(&w, "sb", SANDBOX, &a), SHIM_CODE_INTERNAL);
    ck_assert_str_eq(a.message, "container 'sb': no KVM");
    ck_assert_int_eq(world_status(&w, "sb", NULL), -SHIM_CODE_NOT_FOUND);
    delete_all(&w);
    answer_done(&a);
    world_down(&w);
}
END_TEST

/* Before the agent calls, and in each call that a Create makes. */
static const char *const during_create[] = {"(boot)", "Sandbox", "(image)", "Create"};

START_TEST(test_vm_dies_while_a_single_container_is_created)
{
    struct world w;
    struct answer a = {0};
    const char *point = during_create[_i];
    world_up(&w);
    w.vm_slow = point[1] == 'b';
    w.image_holds = point[1] == 'i';
    hold(&w, point);
    world_create_begin(&w, "c1", SINGLE, NULL, NULL, NULL, &a);
    world_settle(&w);
    ck_assert(!a.done);
    vm_dies(&w);
    world_until(&w, &a.done);
    ck_assert_int_eq(a.code, SHIM_CODE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(a.message, "container 'c1': "));
    ck_assert_int_eq(world_status(&w, "c1", NULL), -SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_create(&w, "c2", SINGLE, &a), SHIM_CODE_PRECONDITION);
    delete_all(&w);
    ck_assert_uint_eq(w.event_count, 0);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static const char *const during_member[] = {"Volume", "(image)", "Create"};

START_TEST(test_vm_dies_while_a_member_is_created)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    const char *point = during_member[_i];
    pod_up(&w);
    w.image_holds = point[1] == 'i';
    hold(&w, point);
    world_create_begin(&w, "c2", WITH_VOLUME, NULL, NULL, NULL, &a);
    world_wait_begin(&w, "c1", NULL, &wait);
    world_settle(&w);
    ck_assert(!a.done);
    vm_dies(&w);
    if (point[1] == 'i') { /* who waits for an image hears of the VM when it comes to it */
        ck_assert_int_eq(world_delete(&w, "c2", NULL, &a), 0);
    } else {
        world_until(&w, &a.done);
        ck_assert_int_eq(a.code, SHIM_CODE_UNAVAILABLE);
    }
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    (void)event_find(&w, "exit sb 137");
    ck_assert_uint_lt(event_find(&w, "exit c1 137"), event_find(&w, "exit sb 137"));
    delete_all(&w);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

/* In each call about a running container. */
static const char *const during_life[] = {"(nothing)", "Kill",  "Pause",  "Stats", "Resize",
                                          "Exec",      "Start", "Delete", "Update"};

static void begin_call(struct world *w, const char *method, struct answer *a)
{
    Containerd__Task__V2__KillRequest kill;
    Containerd__Task__V2__ExecProcessRequest exec;
    Containerd__Task__V2__StartRequest start; /* with id and exec_id, as Delete has */
    Containerd__Task__V2__PauseRequest pause; /* with id, as Stats has */
    Google__Protobuf__Any any;
    char c1[] = "c1";
    char e1[] = "e1";
    char e2[] = "e2";
    containerd__task__v2__kill_request__init(&kill);
    containerd__task__v2__exec_process_request__init(&exec);
    containerd__task__v2__start_request__init(&start);
    containerd__task__v2__pause_request__init(&pause);
    google__protobuf__any__init(&any);
    any.value = (ProtobufCBinaryData){.data = (uint8_t[]){'{', '}'}, .len = 2};
    kill.id = exec.id = start.id = pause.id = c1;
    if (strcmp(method, "Kill") == 0) {
        kill.signal = SIGTERM;
        world_begin(w, method, &kill.base, a);
    } else if (strcmp(method, "Exec") == 0) {
        exec.exec_id = e2;
        exec.spec = &any;
        world_begin(w, method, &exec.base, a);
    } else if (strcmp(method, "Start") == 0 || strcmp(method, "Delete") == 0) {
        start.exec_id = e1;
        world_begin(w, method, &start.base, a);
    } else if (strcmp(method, "Update") == 0) {
        Containerd__Task__V2__UpdateTaskRequest update;
        containerd__task__v2__update_task_request__init(&update);
        update.id = c1;
        update.resources = &any;
        world_begin(w, method, &update.base, a);
    } else if (strcmp(method, "Pause") == 0 || strcmp(method, "Stats") == 0) {
        world_begin(w, method, &pause.base, a);
    }
}

START_TEST(test_vm_dies_while_a_container_lives)
{
    struct world w;
    struct answer a = {0};
    struct answer call = {0};
    struct answer wait[3] = {0};
    const char *point = during_life[_i];
    pod_up(&w);
    ck_assert_int_eq(world_exec(&w, "c1", "e0", &a), 0);
    ck_assert_int_eq(world_start(&w, "c1", "e0", &a), 0);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0);
    world_wait_begin(&w, "sb", NULL, &wait[0]);
    world_wait_begin(&w, "c1", NULL, &wait[1]);
    world_wait_begin(&w, "c1", "e0", &wait[2]);
    hold(&w, point);
    begin_call(&w, point, &call);
    world_settle(&w);
    vm_dies(&w);
    for (size_t i = 0; i < 3; i++) {
        world_until(&w, &wait[i].done);
        ck_assert_uint_eq(wait_status(&wait[i]), 137);
    }
    if (point[0] != '(' && strcmp(point, "Resize") != 0) {
        world_until(&w, &call.done);
    }
    ck_assert_int_eq(world_status(&w, "c1", NULL), STOPPED);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGKILL, &a), SHIM_CODE_NOT_FOUND);
    ck_assert_int_eq(world_start(&w, "c1", "e1", &a),
                     strcmp(point, "Delete") == 0 ? SHIM_CODE_NOT_FOUND : SHIM_CODE_PRECONDITION);
    size_t exec = event_find(&w, "exit c1/e0 137");
    size_t own = event_find(&w, "exit c1 137");
    ck_assert(exec < own && own < event_find(&w, "exit sb 137"));
    ck_assert(!event_seen(&w, "exit c1/e1 137"));
    delete_all(&w);
    for (size_t i = 0; i < 3; i++) {
        answer_done(&wait[i]);
    }
    answer_done(&call);
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_agent_that_hangs_up_takes_the_vm_with_it)
{
    struct world w;
    struct answer wait = {0};
    pod_up(&w);
    world_wait_begin(&w, "c1", NULL, &wait);
    world_settle(&w);
    shim_rpc_free(w.agent);
    w.agent = NULL;
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    ck_assert_uint_ge(w.vm_stops, 1);
    delete_all(&w);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

/* --- a guest that does not answer
 * ---------------------------------------------------------------------------------- */

START_TEST(test_guest_that_never_boots)
{
    struct world w;
    struct answer a = {0};
    world_up(&w);
    w.settings.boot_timeout_s = 1;
    w.vm_slow = true;
    ck_assert_int_eq(world_create(&w, "sb", SANDBOX, &a), SHIM_CODE_DEADLINE);
    ck_assert_str_eq(a.message, "container 'sb': the guest did not answer within 1 seconds of its "
                                "start");
    ck_assert_uint_eq(w.vm_stops, 1);
    delete_all(&w);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static const char *const silent[] = {"Kill", "Pause", "Stats", "Exec", "Start", "Update"};

START_TEST(test_guest_that_does_not_answer_a_call)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0);
    hold(&w, silent[_i]);
    begin_call(&w, silent[_i], &a);
    world_until(&w, &a.done);
    ck_assert_int_eq(a.code, SHIM_CODE_DEADLINE);
    ck_assert_ptr_nonnull(strstr(a.message, "the guest does not answer"));
    world_settle(&w);
    ck_assert_int_eq(agent_heard(&w, "Kill c1/e1 9"), strcmp(silent[_i], "Start") == 0);
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    /* A late answer changes nothing. */
    agent_answer(&w, silent[_i], 0, NULL, 0);
    world_settle(&w);
    ck_assert_int_eq(world_status(&w, "c1", NULL), RUNNING);
    ck_assert_int_eq(world_status(&w, "c1", "e1"), CREATED);
    world_wait_begin(&w, "sb", NULL, &wait);
    ck_assert_int_eq(world_kill(&w, "sb", NULL, SIGTERM, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 128 + SIGTERM);
    delete_all(&w);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_a_kill_without_effect_ends_the_vm)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    world_wait_begin(&w, "c1", NULL, &wait);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGKILL, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    ck_assert_uint_eq(w.vm_stops, 1);
    delete_all(&w);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_what_the_guest_does_not_delete_is_deleted_here)
{
    struct world w;
    struct answer a = {0};
    pod_up(&w);
    agent_exit(&w, "c1", 0);
    world_settle(&w);
    if (_i == 0) {
        hold(&w, "Delete");
    } else {
        say_code(&w, "Delete", 9, "never");
    }
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
    ck_assert_int_eq(world_status(&w, "c1", NULL), -SHIM_CODE_NOT_FOUND);
    (void)event_find(&w, "delete c1");
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_delete_ends_a_create_that_takes_too_long)
{
    struct world w;
    struct answer create = {0};
    struct answer a = {0};
    pod_up(&w);
    hold(&w, "Create");
    world_create_begin(&w, "c2", MEMBER, NULL, NULL, NULL, &create);
    world_settle(&w);
    ck_assert_int_eq(world_start(&w, "c2", NULL, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_kill(&w, "c2", NULL, SIGKILL, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_status(&w, "c2", NULL), CREATED);
    ck_assert_int_eq(world_delete(&w, "c2", NULL, &a), 0);
    world_until(&w, &create.done);
    ck_assert_int_eq(create.code, SHIM_CODE_CANCELED);
    ck_assert_int_eq(world_status(&w, "c2", NULL), -SHIM_CODE_NOT_FOUND);
    size_t before = w.said_count;
    agent_answer(&w, "Create", 0, NULL, 0); /* too late: the guest is told to forget it */
    world_settle(&w);
    ck_assert_uint_eq(w.said_count, before + 1);
    ck_assert_str_eq(w.said[before], "Delete c2");
    answer_done(&a);
    answer_done(&create);
    world_down(&w);
}
END_TEST

START_TEST(test_image_that_is_not_there)
{
    struct world w;
    struct answer a = {0};
    pod_up(&w);
    w.image_fails = true;
    ck_assert_int_eq(world_create(&w, "c2", MEMBER, &a), SHIM_CODE_UNAVAILABLE);
    ck_assert_str_eq(a.message, "container 'c2': image 'a:b': no such image");
    ck_assert(!agent_heard(&w, "Create c2"));
    ck_assert_uint_eq(w.images, 1);
    answer_done(&a);
    world_down(&w);
}
END_TEST

/* --- a guest that answers anything
 * --------------------------------------------------------------------------------- */

START_TEST(test_refusals_of_the_guest_reach_the_user)
{
    static const struct {
        int code;
        int told;
    } codes[] = {{3, 3}, {7, 7}, {9, 9}, {12, 2}, {14, 14}, {99, 2}, {-5, 2}};
    struct world w;
    struct answer a = {0};
    pod_up(&w);
    for (size_t i = 0; i < CL_ARRAY_LEN(codes); i++) {
        say_code(&w, "Create", codes[i].code, "command: expected /app, got /bin/sh\n\x1b[2J");
        ck_assert_int_eq(world_create(&w, "c2", MEMBER, &a), codes[i].told);
        ck_assert_str_eq(a.message, "container 'c2': command: expected /app, got /bin/sh\\x0a\\x1b"
                                    "[2J");
    }
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_statuses_out_of_range)
{
    static const struct {
        uint8_t bytes[8];
        size_t len;
        uint32_t told;
    } cases[] = {
        {{8, 255, 1}, 3, 255},                 /* the largest */
        {{8, 128, 2}, 3, 255},                 /* 256 */
        {{8, 255, 255, 255, 255, 15}, 6, 255}, /* 2^32 - 1 */
        {{8, 255}, 2, 255},                    /* cut off */
        {{10, 4, 'a'}, 3, 255},                /* another message, cut off */
        {{18, 1, 'a'}, 3, 0},                  /* nothing that we know: 0, proto3's default */
        {{0}, 0, 0},                           /* empty: 0 */
    };
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    say_bytes(&w, "Wait", cases[_i].bytes, cases[_i].len);
    ck_assert_int_eq(world_create(&w, "c2", MEMBER, &a), 0);
    ck_assert_int_eq(world_start(&w, "c2", NULL, &a), 0);
    world_wait_begin(&w, "c2", NULL, &wait);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), cases[_i].told);
    ck_assert_int_eq(world_delete(&w, "c2", NULL, &a), 0);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_wait_that_is_refused_is_an_end)
{
    struct world w;
    struct answer a = {0};
    struct answer wait = {0};
    pod_up(&w);
    say_code(&w, "Wait", 5, "no such process");
    ck_assert_int_eq(world_create(&w, "c2", MEMBER, &a), 0);
    ck_assert_int_eq(world_start(&w, "c2", NULL, &a), 0);
    world_wait_begin(&w, "c2", NULL, &wait);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 255);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_garbage_in_every_answer)
{
    static uint8_t garbage[300000];
    static const char *const methods[] = {"Sandbox", "Create", "Start",  "Exec",
                                          "Kill",    "Delete", "Pause",  "Resume",
                                          "Update",  "Resize", "Volume", "NextEvent"};
    struct world w;
    struct answer a = {0};
    memset(garbage, 0xff, sizeof(garbage));
    world_up(&w);
    for (size_t i = 0; i < CL_ARRAY_LEN(methods); i++) {
        say_bytes(&w, methods[i], garbage, _i == 0 ? 1000 : sizeof(garbage));
    }
    /* Where the answer is empty, what is in it does not matter, unless it is too much. */
    int code = _i == 0 ? 0 : SHIM_CODE_UNKNOWN;
    ck_assert_int_eq(world_create(&w, "sb", SANDBOX, &a), code);
    if (code == 0) {
        ck_assert_int_eq(world_start(&w, "sb", NULL, &a), 0);
        ck_assert_int_eq(world_create(&w, "c1", WITH_VOLUME, &a), 0);
        ck_assert_int_eq(world_start(&w, "c1", NULL, &a), 0);
        ck_assert_int_eq(world_exec(&w, "c1", "e1", &a), 0);
        ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGTERM, &a), 0);
        ck_assert_int_eq(world_delete(&w, "c1", "e1", &a), 0);
    }
    answer_done(&a);
    world_down(&w);
}
END_TEST

START_TEST(test_events_about_nobody)
{
    struct world w;
    Cloister__Pod__V1__Event e;
    uint8_t out[200];
    static char long_id[150];
    cloister__pod__v1__event__init(&e);
    pod_up(&w);
    memset(long_id, 'a', sizeof(long_id) - 1);
    const char *const ids[] = {"", "sb", "nobody", long_id};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        e.oom_container_id = (char *)(uintptr_t)ids[i];
        size_t len = cloister__pod__v1__event__pack(&e, out);
        agent_answer(&w, "NextEvent", 0, out, len);
        world_pass(&w, 300);
    }
    for (size_t i = 0; i < w.event_count; i++) {
        ck_assert_ptr_null(strstr(w.event[i], "oom"));
    }
    world_down(&w);
}
END_TEST

START_TEST(test_blobs_of_the_pods_images_only)
{
    struct world w;
    struct cl_err err = {0};
    uint8_t digest[CL_SHA256_SIZE] = {0xab};
    uint64_t size = 1;
    int fd = -1;
    pod_up(&w);
    ck_assert_int_eq(w.vm.open_blob(w.vm.ctx, digest, &fd, &size, &err), CL_OK);
    (void)close(fd);
    digest[0] = 1;
    ck_assert_int_eq(w.vm.open_blob(w.vm.ctx, digest, &fd, &size, &err), CL_ERR_REJECTED);
    world_down(&w);
}
END_TEST

#define HEX_AB "ab00000000000000000000000000000000000000000000000000000000000000"
#define HEX_01 "0100000000000000000000000000000000000000000000000000000000000000"

START_TEST(test_signatures_of_the_pods_images_only)
{
    char dir[] = "/tmp/cl-shim-sig-XXXXXX";
    char command[400];
    struct world w;
    struct cl_err err = {0};
    uint8_t digest[CL_SHA256_SIZE] = {0x01};
    uint64_t size = 0;
    int fd = -1;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(command, sizeof(command),
                   "cd %s && mkdir blobs && echo x >sha256-" HEX_AB ".sig && "
                   "cp sha256-" HEX_AB ".sig sha256-" HEX_01 ".sig",
                   dir);
    ck_assert_int_eq(system(command), 0);
    (void)snprintf(command, sizeof(command), "echo payload >%s/blobs/" HEX_01, dir);
    ck_assert_int_eq(system(command), 0);
    pod_up(&w);
    ck_assert_int_eq(w.vm.open_signature(w.vm.ctx, "signatures:sha256:" HEX_AB, &fd, &size, &err),
                     CL_ERR_UNAVAILABLE); /* there is no folder */
    w.settings.signatures = dir;
    ck_assert_int_eq(w.vm.open_signature(w.vm.ctx, "signatures:sha256:" HEX_AB, &fd, &size, &err),
                     CL_OK);
    ck_assert_uint_eq(size, 2);
    (void)close(fd);
    ck_assert_int_eq(w.vm.open_signature(w.vm.ctx, "signatures:sha256:" HEX_01, &fd, &size, &err),
                     CL_ERR_REJECTED);
    ck_assert_int_eq(
        w.vm.open_signature(w.vm.ctx, "simple-signature:sha256:" HEX_AB "/1", &fd, &size, &err),
        CL_ERR_UNAVAILABLE);
    ck_assert_int_eq(w.vm.open_signature(w.vm.ctx, "signatures:../x", &fd, &size, &err),
                     CL_ERR_MALFORMED);
    ck_assert_int_eq(w.vm.open_blob(w.vm.ctx, digest, &fd, &size, &err), CL_OK); /* a payload */
    ck_assert_uint_eq(size, 8);
    (void)close(fd);
    w.settings.signatures = NULL;
    world_down(&w);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_guest");
    TCase *tc = tcase_create("guest");
    tcase_add_test(tc, test_vm_that_cannot_be_started);
    tcase_add_loop_test(tc, test_vm_dies_while_a_single_container_is_created, 0,
                        CL_ARRAY_LEN(during_create));
    tcase_add_loop_test(tc, test_vm_dies_while_a_member_is_created, 0, CL_ARRAY_LEN(during_member));
    tcase_add_loop_test(tc, test_vm_dies_while_a_container_lives, 0, CL_ARRAY_LEN(during_life));
    tcase_add_test(tc, test_agent_that_hangs_up_takes_the_vm_with_it);
    tcase_add_test(tc, test_guest_that_never_boots);
    tcase_add_loop_test(tc, test_guest_that_does_not_answer_a_call, 0, CL_ARRAY_LEN(silent));
    tcase_add_test(tc, test_a_kill_without_effect_ends_the_vm);
    tcase_add_loop_test(tc, test_what_the_guest_does_not_delete_is_deleted_here, 0, 2);
    tcase_add_test(tc, test_delete_ends_a_create_that_takes_too_long);
    tcase_add_test(tc, test_image_that_is_not_there);
    tcase_add_test(tc, test_refusals_of_the_guest_reach_the_user);
    tcase_add_loop_test(tc, test_statuses_out_of_range, 0, 7);
    tcase_add_test(tc, test_wait_that_is_refused_is_an_end);
    tcase_add_loop_test(tc, test_garbage_in_every_answer, 0, 2);
    tcase_add_test(tc, test_events_about_nobody);
    tcase_add_test(tc, test_blobs_of_the_pods_images_only);
    tcase_add_test(tc, test_signatures_of_the_pods_images_only);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
