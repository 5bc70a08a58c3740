/* SPDX-License-Identifier: Apache-2.0
 * test_host_rundir.c - the folder of a run: private, gone afterwards, and what a killed run left is
 * removed by the next.
 */
#include "host/rundir.h"

#include "image_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static char base[80];

static void make_base(void)
{
    (void)snprintf(base, sizeof(base), "%s/base", fixture_dir);
}

START_TEST(test_made_private_and_removed)
{
    struct host_rundir d = {0};
    struct stat st;
    char path[108];
    make_base();
    ck_assert_int_eq(host_rundir_make_at(base, &d, NULL), CL_OK);
    ck_assert_int_eq(stat(d.path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    host_rundir_path(&d, "guest_1024.sock", path);
    ck_assert_int_eq(strncmp(path, d.path, strlen(d.path)), 0);
    fixture_write(path, "x", 1);
    char kept[sizeof(d.path)];
    memcpy(kept, d.path, sizeof(kept));
    host_rundir_remove(&d);
    ck_assert_int_ne(stat(kept, &st), 0);
    host_rundir_remove(&d); /* twice is fine */
}
END_TEST

START_TEST(test_left_overs_of_a_killed_run_go_and_live_ones_stay)
{
    struct host_rundir live = {0};
    struct host_rundir next = {0};
    struct stat st;
    int pipe_fds[2];
    char dead[80] = {0};
    make_base();
    ck_assert_int_eq(host_rundir_make_at(base, &live, NULL), CL_OK);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct host_rundir mine = {0};
        if (host_rundir_make_at(base, &mine, NULL) == CL_OK &&
            write(pipe_fds[1], mine.path, sizeof(mine.path)) > 0) {
            (void)pause();
        }
        _exit(1);
    }
    ck_assert_int_eq(read(pipe_fds[0], dead, sizeof(dead)), sizeof(dead));
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(stat(dead, &st), 0);
    ck_assert_int_eq(host_rundir_make_at(base, &next, NULL), CL_OK);
    ck_assert_int_ne(stat(dead, &st), 0);
    ck_assert_int_eq(stat(live.path, &st), 0);
    host_rundir_remove(&live);
    host_rundir_remove(&next);
}
END_TEST

START_TEST(test_a_base_that_others_can_write_is_refused)
{
    struct host_rundir d = {0};
    struct cl_err err = {0};
    make_base();
    ck_assert_int_eq(mkdir(base, 0700), 0);
    ck_assert_int_eq(chmod(base, 0770), 0);
    ck_assert_int_eq(host_rundir_make_at(base, &d, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(
        strstr(err.msg, "expected a folder of our own with mode 0700, got owner"));
    ck_assert_int_eq(rmdir(base), 0);
    ck_assert_int_eq(mkdir("elsewhere", 0700), 0);
    ck_assert_int_eq(symlink("elsewhere", base), 0);
    ck_assert_int_eq(host_rundir_make_at(base, &d, &err), CL_ERR_REJECTED);
}
END_TEST

START_TEST(test_a_path_too_long_for_sockets_is_refused)
{
    struct host_rundir d = {0};
    struct cl_err err = {0};
    char longest[200];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    ck_assert_int_eq(host_rundir_make_at(longest, &d, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "got 199"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host_rundir");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_made_private_and_removed);
    tcase_add_test(t, test_left_overs_of_a_killed_run_go_and_live_ones_stay);
    tcase_add_test(t, test_a_base_that_others_can_write_is_refused);
    tcase_add_test(t, test_a_path_too_long_for_sockets_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
