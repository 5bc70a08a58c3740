/* SPDX-License-Identifier: Apache-2.0
 * test_shim_refresh.c - a folder that kubelet swaps while the pod runs: the guest gets it again, in
 * whatever else is going on.
 */
#include "shim_folder.h"
#include "shim_world.h"

static struct world w;

static size_t puts_of(const char *volume)
{
    char line[80];
    size_t count = 0;
    (void)snprintf(line, sizeof(line), "PutFiles %s", volume);
    for (size_t i = 0; i < w.said_count; i++) {
        count += strcmp(w.said[i], line) == 0;
    }
    return count;
}

/* Turns the loop until the agent was given the volume so often. */
static void puts_are(const char *volume, size_t count)
{
    for (unsigned i = 0; i < 500 && puts_of(volume) < count; i++) {
        world_pass(&w, 10);
    }
    world_settle(&w);
    ck_assert_uint_eq(puts_of(volume), count);
}

static const char *config(const char *kind, bool watch)
{
    static char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"kind\":\"%s\",\"sandbox\":\"sb\",\"volumes\":[{\"name\":\"token\","
                   "\"kind\":%d,\"path\":\"%s\",\"watch\":%s}]}",
                   kind, (int)SHIM_VOLUME_FILES, folder, watch ? "true" : "false");
    return text;
}

static void setup(void)
{
    folder_setup();
    swap_to("..t1", "value", "one");
    world_call_ms = 20000;
    world_up(&w);
}

static void teardown(void)
{
    world_down(&w);
    folder_teardown();
}

static void single_up(bool watch)
{
    struct answer a = {0};
    ck_assert_int_eq(world_create(&w, "c1", config("single", watch), &a), 0);
    ck_assert_int_eq(world_start(&w, "c1", NULL, &a), 0);
    answer_done(&a);
    puts_are("token", 1);
}

START_TEST(test_a_swap_reaches_the_guest)
{
    single_up(true);
    swap_to("..t2", "value", "two");
    puts_are("token", 2);
    swap_to("..t3", "value", "three");
    puts_are("token", 3);
    world_pass(&w, 300);
    ck_assert_uint_eq(puts_of("token"), 3);
}
END_TEST

START_TEST(test_what_is_not_watched_stays)
{
    single_up(false);
    swap_to("..t2", "value", "two");
    world_pass(&w, 500);
    ck_assert_uint_eq(puts_of("token"), 1);
}
END_TEST

/* An agent that does not take it is asked again at the next change. */
START_TEST(test_a_refusal_is_not_the_end)
{
    const struct behaviour no = {
        .method = "PutFiles", .reply = REPLY_CODE, .code = 8, .message = "files: too many"};
    const struct behaviour yes = {.method = "PutFiles", .reply = REPLY_OK};
    single_up(true);
    agent_on(&w, &no);
    swap_to("..t2", "value", "two");
    puts_are("token", 2);
    agent_on(&w, &yes);
    swap_to("..t3", "value", "three");
    puts_are("token", 3);
    ck_assert_int_eq(world_status(&w, "c1", NULL), 2);
}
END_TEST

/* While one is under way, changes wait, and are one. */
START_TEST(test_one_at_a_time)
{
    const struct behaviour hold = {.method = "PutFiles", .reply = REPLY_HOLD};
    single_up(true);
    agent_on(&w, &hold);
    swap_to("..t2", "value", "two");
    puts_are("token", 2);
    swap_to("..t3", "value", "three");
    world_pass(&w, 400);
    swap_to("..t4", "value", "four");
    world_pass(&w, 400);
    ck_assert_uint_eq(puts_of("token"), 2);
    agent_answer(&w, "PutFiles", 0, NULL, 0);
    puts_are("token", 3);
    agent_answer(&w, "PutFiles", 0, NULL, 0);
    world_pass(&w, 300);
    ck_assert_uint_eq(puts_of("token"), 3);
}
END_TEST

/* A container whose volumes are being filled comes first. */
START_TEST(test_not_while_a_container_is_made)
{
    const struct behaviour hold = {.method = "PutFiles", .reply = REPLY_HOLD};
    struct answer a = {0};
    struct answer b = {0};
    ck_assert_int_eq(world_create(&w, "sb", "{\"kind\":\"sandbox\"}", &a), 0);
    ck_assert_int_eq(world_start(&w, "sb", NULL, &a), 0);
    agent_on(&w, &hold);
    world_create_begin(&w, "c1", config("container", true), NULL, NULL, NULL, &b);
    puts_are("token", 1);
    swap_to("..t2", "value", "two");
    world_pass(&w, 400);
    ck_assert_uint_eq(puts_of("token"), 1);
    agent_answer(&w, "PutFiles", 0, NULL, 0);
    puts_are("token", 2);
    world_until(&w, &b.done);
    ck_assert_int_eq(b.code, 0);
    agent_answer(&w, "PutFiles", 0, NULL, 0);
    answer_done(&a);
    answer_done(&b);
}
END_TEST

/* The pod, the folder or the guest may go at any moment. */
START_TEST(test_what_goes_away)
{
    const struct behaviour hold = {.method = "PutFiles", .reply = REPLY_HOLD};
    single_up(true);
    if (_i == 0) {
        agent_on(&w, &hold);
        swap_to("..t2", "value", "two");
        puts_are("token", 2); /* and the pod ends with it under way */
    } else if (_i == 1) {
        swap_to("..t2", "value", "two");
        vm_dies(&w);
        world_pass(&w, 400);
        ck_assert_uint_eq(puts_of("token"), 1);
    } else {
        remove_all(folder);
        world_pass(&w, 400);
        ck_assert_uint_eq(puts_of("token"), 1);
        ck_assert_int_eq(mkdir(folder, 0755), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_refresh");
    TCase *t = tcase_create("pods");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_a_swap_reaches_the_guest);
    tcase_add_test(t, test_what_is_not_watched_stays);
    tcase_add_test(t, test_a_refusal_is_not_the_end);
    tcase_add_test(t, test_one_at_a_time);
    tcase_add_test(t, test_not_while_a_container_is_made);
    tcase_add_loop_test(t, test_what_goes_away, 0, 3);
    suite_add_tcase(s, t);
    return run_suite(s);
}
