/* SPDX-License-Identifier: Apache-2.0
 * test_guest_cmdline.c - the command line of the hardware classes: the guest's, without the word
 * that names the simulated processor, and otherwise byte for byte the same.
 */
#include "cloister/guest_files.h"

#include "base/io.h"
#include "check_main.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char path[] = "cmdline-of-test";

static void expect(const char *text, bool hardware, const char *want)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf got = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_write_file(path, text, strlen(text), 0600, NULL), CL_OK);
    enum cl_status st = cl_guest_read_class_cmdline(path, hardware, &got, &err);
    ck_assert_msg(st == CL_OK, "'%s': %s", text, err.msg);
    ck_assert_msg(got.len == strlen(want) && memcmp(got.data, want, got.len) == 0,
                  "'%s': expected '%s', got '%.*s'", text, want, (int)got.len,
                  (const char *)got.data);
    (void)unlink(path);
}

START_TEST(test_the_word_goes_and_nothing_else)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"cloister.tee=sim panic=-1 quiet", "panic=-1 quiet"},
        {"panic=-1 cloister.tee=sim quiet", "panic=-1 quiet"},
        {"panic=-1 quiet cloister.tee=sim", "panic=-1 quiet"},
        {"cloister.tee=sim", ""},
        {"cloister.tee=sim cloister.tee=sim x", "x"},
        {"x cloister.tee=sim cloister.tee=sim", "x"},
        {"x  cloister.tee=sim  y", "x   y"},
        {"panic=-1 quiet", "panic=-1 quiet"},
        {"cloister.tee=simx y", "cloister.tee=simx y"},
        {"xcloister.tee=sim y", "xcloister.tee=sim y"},
        {"cloister.tee=si y", "cloister.tee=si y"},
        {"a=\"cloister.tee=sim\"", "a=\"cloister.tee=sim\""},
        {"cloister.tee=simx cloister.tee=sim", "cloister.tee=simx"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        expect(cases[i].text, true, cases[i].want);
        expect(cases[i].text, false, cases[i].text);
    }
}
END_TEST

START_TEST(test_what_would_change_a_measurement_is_still_refused)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf got = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_write_file(path, "cloister.tee=sim\n", 17, 0600, NULL), CL_OK);
    ck_assert_int_eq(cl_guest_read_class_cmdline(path, true, &got, &err), CL_ERR_MALFORMED);
    (void)unlink(path);
    ck_assert_int_eq(cl_guest_read_class_cmdline(path, true, &got, &err), CL_ERR_SYS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_cmdline");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_the_word_goes_and_nothing_else);
    tcase_add_test(t, test_what_would_change_a_measurement_is_still_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
