/* SPDX-License-Identifier: Apache-2.0
 * test_shim_watch.c - folders that kubelet swaps: each change is told, once, and soon.
 */
#include "watch.h"

#include "base/io.h"
#include "shim_folder.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>

static struct event_base *base;
static struct shim_watch *watch;
static unsigned told;
static char last[128];
static enum { NOTHING, FREE, REMOVE } then;

static void changed(void *ctx, const char *path)
{
    ck_assert_ptr_eq(ctx, &told);
    told++;
    (void)snprintf(last, sizeof(last), "%s", path);
    if (then == FREE) {
        shim_watch_free(watch);
        watch = NULL;
    } else if (then == REMOVE) {
        shim_watch_remove(watch, path);
    }
}

static void make(void)
{
    struct cl_err err = {0};
    ck_assert_msg(shim_watch_new(base, changed, &told, &watch, &err) == CL_OK, "%s", err.msg);
}

static void setup(void)
{
    folder_setup();
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    told = 0;
    then = NOTHING;
}

static void teardown(void)
{
    shim_watch_free(watch);
    watch = NULL;
    event_base_free(base);
    folder_teardown();
}

/* Runs the loop until `count` changes were told, at most `ms`. */
static void run(unsigned count, unsigned ms)
{
    uint64_t end = cl_monotonic_us() + (uint64_t)ms * 1000u;
    while (told < count && cl_monotonic_us() < end) {
        const struct timeval tick = {.tv_usec = 10000};
        ck_assert_int_eq(event_base_loopexit(base, &tick), 0);
        ck_assert_int_ge(event_base_dispatch(base), 0);
    }
}

static void add(const char *path)
{
    struct cl_err err = {0};
    ck_assert_msg(shim_watch_add(watch, path, &err) == CL_OK, "%s", err.msg);
}

/* A swap is many changes of the folder and is told once. */
START_TEST(test_swap_is_told_once)
{
    swap_to("..t1", "token", "one");
    make();
    add(folder);
    add(folder);
    run(1, 300);
    ck_assert_uint_eq(told, 0);
    swap_to("..t2", "token", "two");
    run(1, 5000);
    ck_assert_uint_eq(told, 1);
    ck_assert_str_eq(last, folder);
    run(2, 400);
    ck_assert_uint_eq(told, 1);
    swap_to("..t3", "token", "three");
    run(2, 5000);
    ck_assert_uint_eq(told, 2);
}
END_TEST

START_TEST(test_many_folders)
{
    char name[32];
    make();
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "v%u", i);
        put_folder(name);
        add(in_folder(name));
    }
    put_text("v7/x", "1");
    put_text("v31/x", "1");
    run(2, 5000);
    run(3, 300);
    ck_assert_uint_eq(told, 2);
}
END_TEST

/* A folder of any size: the number of files in it does not matter. */
START_TEST(test_large_folder)
{
    char name[32];
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        put_text(name, "x");
    }
    make();
    add(folder);
    put_text("f999", "y");
    run(1, 5000);
    ck_assert_uint_eq(told, 1);
}
END_TEST

/* Changes without an end are told in the middle. */
START_TEST(test_never_quiet)
{
    make();
    add(folder);
    uint64_t end = cl_monotonic_us() + (SHIM_WATCH_MAX_MS + 1000u) * 1000u;
    while (told == 0 && cl_monotonic_us() < end) {
        put_text("x", "1");
        run(1, 20);
    }
    ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(test_removed_and_gone)
{
    make();
    put_folder("a");
    put_folder("b");
    add(in_folder("a"));
    add(in_folder("b"));
    shim_watch_remove(watch, in_folder("a"));
    shim_watch_remove(watch, in_folder("unknown"));
    put_text("a/x", "1");
    remove_all(in_folder("b"));
    run(1, 400);
    ck_assert_uint_eq(told, 0);
    put_folder("b"); /* the same name again */
    add(in_folder("b"));
    put_text("b/x", "1");
    run(1, 5000);
    ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(test_freed_and_removed_in_the_callback)
{
    make();
    add(folder);
    then = REMOVE;
    put_text("x", "1");
    run(1, 5000);
    ck_assert_uint_eq(told, 1);
    put_text("x", "2");
    run(2, 300);
    ck_assert_uint_eq(told, 1);
    add(folder);
    then = FREE;
    put_text("x", "3");
    run(2, 5000);
    ck_assert_uint_eq(told, 2);
    ck_assert_ptr_null(watch);
}
END_TEST

START_TEST(test_what_is_no_folder)
{
    struct cl_err err = {0};
    make();
    put_text("file", "x");
    ck_assert_int_eq(shim_watch_add(watch, in_folder("file"), &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOTDIR);
    ck_assert_int_eq(shim_watch_add(watch, in_folder("absent"), &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOENT);
}
END_TEST

/* The number that the next descriptor would get. */
static rlim_t next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    return (rlim_t)fd;
}

/* A node without an inotify instance left (here: without a descriptor): later, but told. */
START_TEST(test_without_inotify)
{
    struct rlimit was;
    swap_to("..t1", "token", "one");
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
    const struct rlimit none = {.rlim_cur = next_descriptor(), .rlim_max = was.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    make();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
    add(folder);
    swap_to("..t2", "token", "two");
    run(1, SHIM_WATCH_POLL_MS - 1000);
    ck_assert_uint_eq(told, 0);
    run(1, 10000);
    ck_assert_uint_eq(told, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_watch");
    TCase *t = tcase_create("folders");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_swap_is_told_once);
    tcase_add_test(t, test_many_folders);
    tcase_add_test(t, test_large_folder);
    tcase_add_test(t, test_never_quiet);
    tcase_add_test(t, test_removed_and_gone);
    tcase_add_test(t, test_freed_and_removed_in_the_callback);
    tcase_add_test(t, test_what_is_no_folder);
    tcase_add_test(t, test_without_inotify);
    suite_add_tcase(s, t);
    return run_suite(s);
}
