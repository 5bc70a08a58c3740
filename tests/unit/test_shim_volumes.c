/* SPDX-License-Identifier: Apache-2.0
 * test_shim_volumes.c - volumes that go with the last container that has them, as the shim asks the
 * guest for it.
 */
#include "check_main.h"
#include "pod_internal.h"
#include "shim_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTARTS 500u

static struct world w;
static struct answer a;

static const char *member(const char *volumes)
{
    static char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"kind\":\"container\",\"sandbox\":\"sb\",\"volumes\":[%s]}", volumes);
    return text;
}

/* SHIM_VOLUME_SCRATCH */
#define OWN(name) "{\"name\":\"" name "\",\"kind\":1,\"transient\":true}"
#define SHARED(name) "{\"name\":\"" name "\",\"kind\":1}"

static void setup(void)
{
    world_call_ms = 20000;
    world_up(&w);
    ck_assert_int_eq(world_create(&w, "sb", "{\"kind\":\"sandbox\"}", &a), 0);
    ck_assert_int_eq(world_start(&w, "sb", NULL, &a), 0);
}

static void teardown(void)
{
    answer_done(&a);
    world_down(&w);
}

static size_t count(const char *line)
{
    size_t n = 0;
    for (size_t i = 0; i < w.said_count; i++) {
        n += strcmp(w.said[i], line) == 0;
    }
    return n;
}

static size_t volumes_known(void)
{
    size_t n = 0;
    for (const struct volume_name *v = w.pod->volumes; v != NULL; v = v->next) {
        n++;
    }
    return n;
}

static void make(const char *id, const char *volumes)
{
    ck_assert_int_eq(world_create(&w, id, member(volumes), &a), 0);
}

static void forget(const char *id)
{
    ck_assert_int_eq(world_delete(&w, id, NULL, &a), 0);
    world_settle(&w);
}

START_TEST(test_restarts_without_end)
{
    for (unsigned i = 0; i < RESTARTS; i++) {
        char volumes[200];
        char id[16];
        char line[64];
        (void)snprintf(id, sizeof(id), "c%u", i);
        (void)snprintf(volumes, sizeof(volumes),
                       "{\"name\":\"result_%u\",\"kind\":1,\"transient\":true}," SHARED("cache"),
                       i);
        w.said_count = w.event_count = 0;
        make(id, volumes);
        ck_assert_uint_eq(volumes_known(), 2);
        forget(id);
        (void)snprintf(line, sizeof(line), "RemoveVolume result_%u", i);
        ck_assert_uint_eq(count(line), 1);
        ck_assert_uint_eq(count("Volume cache"), i == 0);
        ck_assert_uint_eq(volumes_known(), 1);
    }
    ck_assert_uint_eq(count("RemoveVolume cache"), 0);
}
END_TEST

START_TEST(test_the_last_container_takes_it_along)
{
    make("c1", OWN("host_1"));
    make("c2", OWN("host_1") "," OWN("result_2"));
    forget("c1");
    ck_assert_uint_eq(count("RemoveVolume host_1"), 0);
    make("c3", OWN("host_1"));
    forget("c2");
    ck_assert_uint_eq(count("RemoveVolume host_1"), 0);
    ck_assert_uint_eq(count("RemoveVolume result_2"), 1);
    forget("c3");
    ck_assert_uint_eq(count("RemoveVolume host_1"), 1);
    ck_assert_uint_eq(volumes_known(), 0);
}
END_TEST

/* Whoever wants a volume of that name waits until it is gone, and has it made again. */
START_TEST(test_a_new_one_waits_for_the_end_of_the_old)
{
    const struct behaviour hold = {.method = "RemoveVolume", .reply = REPLY_HOLD};
    make("c1", OWN("host_1"));
    agent_on(&w, &hold);
    forget("c1");
    ck_assert_uint_eq(count("RemoveVolume host_1"), 1);
    world_create_begin(&w, "c2", member(OWN("host_1")), NULL, NULL, NULL, &a);
    world_settle(&w);
    ck_assert(!a.done);
    ck_assert_uint_eq(count("Volume host_1"), 1);
    agent_answer(&w, "RemoveVolume", 0, NULL, 0);
    world_until(&w, &a.done);
    ck_assert_int_eq(a.code, 0);
    ck_assert_uint_eq(count("Volume host_1"), 2);
}
END_TEST

/* A guest that keeps it is asked again when the next container goes, and not before. */
START_TEST(test_a_refusal_is_not_the_end)
{
    const struct behaviour no = {
        .method = "RemoveVolume", .reply = REPLY_CODE, .code = 9, .message = "in use"};
    const struct behaviour yes = {.method = "RemoveVolume", .reply = REPLY_OK};
    agent_on(&w, &no);
    make("c1", OWN("result_1"));
    forget("c1");
    ck_assert_uint_eq(count("RemoveVolume result_1"), 1);
    ck_assert_uint_eq(volumes_known(), 1);
    agent_on(&w, &yes);
    make("c2", OWN("result_2"));
    forget("c2");
    ck_assert_uint_eq(count("RemoveVolume result_1"), 2);
    ck_assert_uint_eq(count("RemoveVolume result_2"), 1);
    ck_assert_uint_eq(volumes_known(), 0);
}
END_TEST

/* A container that the guest does not take had volumes already. */
START_TEST(test_a_create_that_fails)
{
    const struct behaviour no = {
        .method = "Create", .reply = REPLY_CODE, .code = 7, .message = "policy: no"};
    agent_on(&w, &no);
    ck_assert_int_ne(world_create(&w, "c1", member(OWN("result_1")), &a), 0);
    world_settle(&w);
    ck_assert_uint_eq(count("Delete c1"), 1);
    ck_assert_uint_eq(count("RemoveVolume result_1"), 1);
    w.image_fails = true;
    ck_assert_int_ne(world_create(&w, "c2", member(OWN("result_2")), &a), 0);
    world_settle(&w);
    ck_assert_uint_eq(count("RemoveVolume result_2"), 1);
    ck_assert_uint_eq(volumes_known(), 0);
}
END_TEST

/* Nor does one stay that was given up while it was made. */
START_TEST(test_a_create_that_is_given_up)
{
    const struct behaviour hold = {.method = "Volume", .reply = REPLY_HOLD};
    struct answer gone = {0};
    agent_on(&w, &hold);
    world_create_begin(&w, "c1", member(OWN("result_1")), NULL, NULL, NULL, &a);
    world_settle(&w);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &gone), 0);
    ck_assert_uint_eq(count("RemoveVolume result_1"), 0);
    agent_answer(&w, "Volume", 0, NULL, 0);
    world_settle(&w);
    ck_assert_uint_eq(count("RemoveVolume result_1"), 1);
    ck_assert_uint_eq(volumes_known(), 0);
    answer_done(&gone);
}
END_TEST

START_TEST(test_a_vm_that_dies_meanwhile)
{
    const struct behaviour hold = {.method = "RemoveVolume", .reply = REPLY_HOLD};
    agent_on(&w, &hold);
    make("c1", OWN("result_1"));
    make("c2", OWN("result_2"));
    forget("c1");
    ck_assert_uint_eq(count("RemoveVolume result_1"), 1);
    world_create_begin(&w, "c3", member(OWN("result_3")), NULL, NULL, NULL, &a);
    world_settle(&w);
    vm_dies(&w);
    world_until(&w, &a.done);
    ck_assert_int_ne(a.code, 0);
    forget("c2");
}
END_TEST

#define DEVICE(name, path) "{\"name\":\"" name "\",\"kind\":4,\"path\":\"" path "\"}"

START_TEST(test_block_devices_get_slots)
{
    char path[64];
    char volumes[300];
    unsigned n = 0;
    while (n < 32) { /* any block device of this machine: nothing is read from it */
        struct stat s;
        (void)snprintf(path, sizeof(path), "/dev/loop%u", n++);
        if (stat(path, &s) == 0 && S_ISBLK(s.st_mode) && access(path, R_OK | W_OK) == 0) {
            break;
        }
        path[0] = '\0';
    }
    if (path[0] == '\0') {
        printf("SKIP: no block device here\n");
        return;
    }
    for (unsigned i = 0; i < SHIM_MAX_BLOCKS; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "c%u", i);
        (void)snprintf(volumes, sizeof(volumes),
                       "{\"name\":\"block_%u\",\"kind\":4,\"path\":\"%s\"}", i, path);
        make(id, volumes);
        forget(id);
        make(id, volumes); /* a restart: it is there already */
    }
    ck_assert_uint_eq(w.vm_disks, 0x1f8);
    ck_assert_uint_eq(count("Volume block_0"), 1);
    (void)snprintf(volumes, sizeof(volumes), "{\"name\":\"block_x\",\"kind\":4,\"path\":\"%s\"}",
                   path);
    ck_assert_int_eq(world_create(&w, "more", member(volumes), &a), SHIM_CODE_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(a.message, "expected at most 6 block devices in a pod"));
}
END_TEST

START_TEST(test_block_devices_that_are_none)
{
    ck_assert_int_eq(world_create(&w, "c1", member(DEVICE("block_1", "/dev/null")), &a),
                     SHIM_CODE_PRECONDITION);
    ck_assert_ptr_nonnull(
        strstr(a.message, "volume 'block_1': '/dev/null': expected a block device"));
    ck_assert_int_ne(world_create(&w, "c1", member(DEVICE("block_1", "/dev/absent")), &a), 0);
    ck_assert_uint_eq(count("Volume block_1"), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim volumes");
    TCase *t = tcase_create("volumes");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_restarts_without_end);
    tcase_add_test(t, test_the_last_container_takes_it_along);
    tcase_add_test(t, test_a_new_one_waits_for_the_end_of_the_old);
    tcase_add_test(t, test_a_refusal_is_not_the_end);
    tcase_add_test(t, test_a_create_that_fails);
    tcase_add_test(t, test_a_create_that_is_given_up);
    tcase_add_test(t, test_a_vm_that_dies_meanwhile);
    tcase_add_test(t, test_block_devices_get_slots);
    tcase_add_test(t, test_block_devices_that_are_none);
    suite_add_tcase(s, t);
    return run_suite(s);
}
