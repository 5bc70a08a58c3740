/* SPDX-License-Identifier: Apache-2.0
 * test_pod_engine.c - the agent's pods on this machine: crun, cgroups and mounts are real, the host
 * is the test's.
 */
#include "pod_rig.h"

#include <signal.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})

START_TEST(test_nothing_is_made_before_the_sandbox)
{
    ck_assert_int_eq(rig_create("early", NULL, NULL, ARGS("exit", "0")),
                     CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_str_eq(rig_message, "Create: expected Sandbox first");
    Cloister__Pod__V1__SandboxRequest r;
    cloister__pod__v1__sandbox_request__init(&r);
    char id[] = "sandbox";
    char name[] = "pod-name";
    r.sandbox_id = id;
    r.hostname = name;
    ck_assert_msg(rig_call("Sandbox", &r.base, NULL) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_call("Sandbox", &r.base, NULL), CL_TTRPC_FAILED_PRECONDITION);
}
END_TEST

START_TEST(test_a_container_runs_and_its_output_comes_before_its_end)
{
    unsigned status = 1;
    ck_assert_msg(rig_create("one", NULL, NULL, ARGS("out", "hello")) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_create("one", NULL, NULL, ARGS("out", "hello")), CL_TTRPC_ALREADY_EXISTS);
    ck_assert_msg(rig_start("one", "") == 0, "%s", rig_message);
    status = rig_wait("one", "");
    struct rig_stream *s = rig_stream_find("one", 1);
    ck_assert_ptr_nonnull(s);
    ck_assert_str_eq(rig_output("one", 1, NULL), "hello\n");
    ck_assert_str_eq(rig_output("one", 2, NULL), "error hello\n");
    ck_assert_uint_eq(status, 0);
    ck_assert_int_eq(rig_kill("one", "", SIGKILL, false), CL_TTRPC_NOT_FOUND);
    ck_assert_uint_eq(rig_wait("one", ""), 0); /* again */
    ck_assert_msg(rig_delete("one", "") == 0, "%s", rig_message);
    ck_assert_int_eq(rig_delete("one", ""), CL_TTRPC_NOT_FOUND);
}
END_TEST

START_TEST(test_exit_statuses)
{
    unsigned status = 0;
    (void)rig_run("e3", NULL, NULL, ARGS("exit", "3"), &status);
    ck_assert_uint_eq(status, 3);
    ck_assert_int_eq(rig_create("k", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("k", ""), 0);
    ck_assert_str_eq(rig_output("k", 1, "ready"), "ready\n");
    ck_assert_int_eq(rig_delete("k", ""), CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_int_eq(rig_kill("k", "", SIGTERM, false), 0);
    ck_assert_uint_eq(rig_wait("k", ""), 7);
    ck_assert_int_eq(rig_delete("k", ""), 0);
    ck_assert_int_eq(rig_create("k", NULL, NULL, ARGS("wait")), 0); /* the id is free again */
    ck_assert_int_eq(rig_start("k", ""), 0);
    ck_assert_int_eq(rig_kill("k", "", SIGKILL, true), 0);
    ck_assert_uint_eq(rig_wait("k", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("k", ""), 0);
}
END_TEST

START_TEST(test_a_created_container_can_be_deleted_or_killed)
{
    ck_assert_int_eq(rig_create("never", NULL, NULL, ARGS("wait")), 0);
    ck_assert_msg(rig_delete("never", "") == 0, "%s", rig_message);
    ck_assert_int_eq(rig_create("never", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_kill("never", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("never", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_start("never", ""), CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_int_eq(rig_delete("never", ""), 0);
}
END_TEST

START_TEST(test_stdin_reaches_the_container_and_its_end_too)
{
    ck_assert_int_eq(rig_create("in", NULL, NULL, ARGS("cat")), 0);
    ck_assert_int_eq(rig_start("in", ""), 0);
    rig_input("in", "line\n");
    ck_assert_str_eq(rig_output("in", 1, "line"), "line\n");
    rig_input("in", NULL);
    ck_assert_uint_eq(rig_wait("in", ""), 0);
    ck_assert_int_eq(rig_delete("in", ""), 0);
}
END_TEST

START_TEST(test_exec_in_a_running_container)
{
    ck_assert_int_eq(rig_create("box", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_exec("box", "early", false, ARGS("exit", "0")),
                     CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_int_eq(rig_start("box", ""), 0);
    ck_assert_msg(rig_exec("box", "x1", false, ARGS("out", "in box")) == 0, "%s", rig_message);
    ck_assert_msg(rig_start("box", "x1") == 0, "%s", rig_message);
    ck_assert_uint_eq(rig_wait("box", "x1"), 0);
    ck_assert_str_eq(rig_output("box/x1", 1, NULL), "in box\n");
    ck_assert_int_eq(rig_delete("box", "x1"), 0);
    ck_assert_int_eq(rig_exec("box", "x2", false, ARGS("kill", "15")), 0);
    ck_assert_int_eq(rig_start("box", "x2"), 0);
    ck_assert_uint_eq(rig_wait("box", "x2"), 128 + SIGTERM);
    ck_assert_int_eq(rig_delete("box", "x2"), 0);
    ck_assert_int_eq(rig_exec("box", "x3", false, ((const char *const[]){"/absent", NULL})), 0);
    ck_assert_int_eq(rig_start("box", "x3"), CL_TTRPC_INTERNAL);
    ck_assert_ptr_nonnull(strstr(rig_message, "executable file not found in $PATH"));
    ck_assert_int_eq(rig_delete("box", "x3"), 0);
    ck_assert_int_eq(rig_kill("box", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("box", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("box", ""), 0);
}
END_TEST

START_TEST(test_a_program_that_is_not_there)
{
    ck_assert_int_ne(rig_create("none", NULL, NULL, ((const char *const[]){"/absent", NULL})), 0);
    ck_assert_ptr_nonnull(strstr(rig_message, "executable file not found in $PATH"));
    ck_assert_int_eq(rig_delete("none", ""), CL_TTRPC_NOT_FOUND);
}
END_TEST

START_TEST(test_terminals)
{
    ck_assert_msg(rig_create("tty", ",\"terminal\":true", NULL, ARGS("tty")) == 0, "%s",
                  rig_message);
    ck_assert_int_eq(rig_start("tty", ""), 0);
    ck_assert_uint_eq(rig_wait("tty", ""), 0);
    ck_assert_str_eq(rig_output("tty", 1, NULL), "tty 1 0 24x80\r\n");
    ck_assert_int_eq(rig_delete("tty", ""), 0);
    ck_assert_int_eq(rig_create("box2", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("box2", ""), 0);
    ck_assert_int_eq(rig_exec("box2", "t", true, ARGS("cat")), 0);
    ck_assert_msg(rig_start("box2", "t") == 0, "%s", rig_message);
    rig_input("box2/t", "typed\n");
    ck_assert_ptr_nonnull(strstr(rig_output("box2/t", 1, "typed\r\ntyped"), "typed"));
    rig_input("box2/t", "\004");
    ck_assert_uint_eq(rig_wait("box2", "t"), 0);
    ck_assert_int_eq(rig_kill("box2", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("box2", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("box2", ""), 0); /* with its exec */
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod engine");
    TCase *t = tcase_create("pods");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_nothing_is_made_before_the_sandbox);
    tcase_add_test(t, test_a_container_runs_and_its_output_comes_before_its_end);
    tcase_add_test(t, test_exit_statuses);
    tcase_add_test(t, test_a_created_container_can_be_deleted_or_killed);
    tcase_add_test(t, test_stdin_reaches_the_container_and_its_end_too);
    tcase_add_test(t, test_exec_in_a_running_container);
    tcase_add_test(t, test_a_program_that_is_not_there);
    tcase_add_test(t, test_terminals);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return pod_rig_run(suite);
}
