/* SPDX-License-Identifier: Apache-2.0
 * test_io.c - atomic files, numbers and times in text, the command table.
 */
#include "base/buf.h"
#include "base/cmd.h"
#include "base/io.h"
#include "check_main.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(test_file_is_replaced_whole_or_not_at_all)
{
    char dir[] = "/tmp/cl-test-io-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/f", dir);
    ck_assert_int_eq(cl_write_file(path, "one", 3, 0600, NULL), CL_OK);
    struct stat sb;
    ck_assert_int_eq(stat(path, &sb), 0);
    ck_assert_uint_eq(sb.st_mode & 0777, 0600);
    /* a file-size limit plays the full disk */
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {.rlim_cur = 2, .rlim_max = RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct cl_err err = {0};
    ck_assert_int_eq(cl_write_file(path, "twotwo", 6, 0600, &err), CL_ERR_SYS);
    small.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_read_file(&b, path, 100, &err), CL_OK);
    ck_assert_str_eq((char *)b.data, "one");
    cl_buf_reset(&b);
    ck_assert_int_eq(cl_buf_read_file(&b, path, 2, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "size: expected at most 2 bytes, got more"));
    cl_buf_done(&b);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(cl_buf_read_file(&b, path, 2, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    cl_buf_done(&b);
    ck_assert_int_eq(rmdir(dir), 0); /* no temporary file is left */
}
END_TEST

/* Who waits for the path may connect as soon as it is there: it arrives by a rename, listening. */
START_TEST(test_socket_appears_when_it_listens)
{
    char dir[] = "/tmp/cl-test-io-XXXXXX";
    char path[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    for (int round = 0; round < 2; round++) { /* the second replaces a stale one */
        int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        ck_assert_int_ge(inotify_add_watch(watch, dir, IN_CREATE | IN_MOVED_TO), 0);
        int fd = -1;
        ck_assert_int_eq(cl_unix_listen(path, &fd, NULL), CL_OK);
        _Alignas(struct inotify_event) char events[1024];
        ssize_t n = read(watch, events, sizeof(events));
        ck_assert_int_gt(n, 0);
        uint32_t seen = 0;
        for (const char *p = events; p < events + n;) {
            const struct inotify_event *e = (const void *)p;
            seen |= strcmp(e->name, "s") == 0 ? e->mask : 0;
            p += sizeof(*e) + e->len;
        }
        ck_assert_uint_eq(seen, IN_MOVED_TO);
        int client = -1;
        ck_assert_int_eq(cl_unix_connect(path, &client, NULL), CL_OK);
        (void)close(client);
        (void)close(fd);
        (void)close(watch);
    }
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(cl_write_file(path, "x", 1, 0600, NULL), CL_OK);
    int fd = -1;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_unix_listen(path, &fd, &err), CL_ERR_SYS); /* a file is not replaced */
    ck_assert_int_eq(err.sys_errno, EADDRINUSE);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(test_sizes)
{
    uint64_t x = 5;
    ck_assert(cl_size_parse("512M", "memory", &x, NULL) == CL_OK && x == 512u << 20);
    ck_assert(cl_size_parse("3", "memory", &x, NULL) == CL_OK && x == 3);
    static const char *const bad[] = {
        "",    "M", "1T", "-1", "+1", " 1", "1 ", "99999999999999999999", "18446744073709551615K",
        "1.5G"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct cl_err err = {0};
        ck_assert_msg(cl_size_parse(bad[i], "memory", &x, &err) == CL_ERR_MALFORMED, "%s", bad[i]);
    }
    struct cl_err err = {0};
    ck_assert_int_eq(cl_uint_parse("17", "cpus", 1, 16, &x, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "cpus: expected a number from 1 to 16, got '17'");
}
END_TEST

START_TEST(test_times)
{
    int64_t t = 0;
    char text[21];
    ck_assert_int_eq(cl_time_parse("2026-11-23T20:10:00Z", &t, NULL), CL_OK);
    ck_assert_int_eq(t, 1795464600);
    cl_time_format(text, t);
    ck_assert_str_eq(text, "2026-11-23T20:10:00Z");
    static const char *const bad[] = {"",
                                      "2026-02-30T00:00:00Z",
                                      "2026-11-23 20:10:00Z",
                                      "2026-11-23T20:10:00",
                                      "2026-11-23T24:10:00Z",
                                      "2026-1-23T20:10:000Z"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(cl_time_parse(bad[i], &t, NULL) == CL_ERR_MALFORMED, "%s", bad[i]);
    }
}
END_TEST

static int answer(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], "x") == 0 ? 42 : 43;
}

START_TEST(test_command_table)
{
    const struct cl_cmd table[] = {{"go", answer, "goes"}, {NULL, NULL, NULL}};
    char *good[] = {(char[]){"p"}, (char[]){"go"}, (char[]){"x"}, NULL};
    char *unknown[] = {(char[]){"p"}, (char[]){"no"}, NULL};
    char *help[] = {(char[]){"p"}, (char[]){"--help"}, NULL};
    ck_assert_int_eq(cl_cmd_dispatch(table, "p", "p go x", 3, good), 42);
    ck_assert_int_eq(cl_cmd_dispatch(table, "p", "p go x", 2, unknown), 2);
    ck_assert_int_eq(cl_cmd_dispatch(table, "p", "p go x", 1, unknown), 2);
    ck_assert_int_eq(cl_cmd_dispatch(table, "p", "p go x", 2, help), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("io");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_file_is_replaced_whole_or_not_at_all);
    tcase_add_test(tc, test_socket_appears_when_it_listens);
    tcase_add_test(tc, test_sizes);
    tcase_add_test(tc, test_times);
    tcase_add_test(tc, test_command_table);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
