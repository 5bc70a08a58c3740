/* SPDX-License-Identifier: Apache-2.0
 * test_host_scratch.c - the file behind a scratch disk has no name and no contents.
 */
#include "host/scratch_file.h"

#include "check_main.h"
#include "image_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

START_TEST(test_no_name_and_no_blocks)
{
    struct stat s;
    int fd = -1;
    ck_assert_int_eq(mkdir("files", 0700), 0);
    ck_assert_int_eq(host_scratch_file("files", UINT64_C(1) << 30, &fd, NULL), CL_OK);
    ck_assert_int_eq(fstat(fd, &s), 0);
    ck_assert_int_eq(s.st_size, 1 << 30);
    ck_assert_int_lt(s.st_blocks, 64);
    ck_assert_uint_eq(s.st_nlink, 0);
    ck_assert_int_eq(rmdir("files"), 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, 12345), 1);
    (void)close(fd);
}
END_TEST

START_TEST(test_no_place)
{
    struct cl_err err = {0};
    int fd = -1;
    ck_assert_int_eq(host_scratch_file("/no/such", 4096, &fd, &err), CL_ERR_SYS);
    ck_assert_ptr_nonnull(strstr(err.msg, "scratch file in '/no/such'"));
    ck_assert_int_eq(fd, -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host scratch file");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, fixture_up, fixture_down);
    tcase_add_test(c, test_no_name_and_no_blocks);
    tcase_add_test(c, test_no_place);
    suite_add_tcase(s, c);
    return run_suite(s);
}
