/* SPDX-License-Identifier: Apache-2.0
 * test_pod_engine.c - the agent's pods on this machine: crun, cgroups and mounts are real, the host
 * is the test's.
 */
#include "pod_rig.h"

#include <fcntl.h>
#include <signal.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})

START_TEST(test_nothing_is_made_before_the_sandbox)
{
    ck_assert_int_eq(rig_create("early", NULL, NULL, ARGS("exit", "0")),
                     CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_str_eq(rig_message, "Create: expected Sandbox first");
    ck_assert_msg(rig_sandbox("pod-name", false) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_sandbox("pod-name", false), CL_TTRPC_FAILED_PRECONDITION);
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
    ck_assert_int_ne(rig_create("plain", NULL, NULL, ((const char *const[]){"/etc/plain", NULL})),
                     0);
    ck_assert_ptr_nonnull(strstr(rig_message, "permission denied or not executable"));
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

START_TEST(test_what_a_grandchild_writes_is_waited_for)
{
    unsigned status = 1;
    /* with a PID namespace of its own the kernel ends it; in a shared one, the agent */
    ck_assert_str_eq(rig_run("gc", NULL, NULL, ARGS("child", "1"), &status), "early\n");
    ck_assert_uint_eq(status, 0);
    ck_assert_int_eq(rig_create("gc2", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("gc2", ""), 0);
    ck_assert_int_eq(rig_exec("gc2", "x", false, ARGS("child", "1")), 0);
    ck_assert_int_eq(rig_start("gc2", "x"), 0);
    ck_assert_uint_eq(rig_wait("gc2", "x"), 0);
    ck_assert_str_eq(rig_output("gc2/x", 1, NULL), "early\nlate\n");
    ck_assert_int_eq(rig_exec("gc2", "y", false, ARGS("child", "1000")), 0);
    ck_assert_int_eq(rig_start("gc2", "y"), 0);
    ck_assert_uint_eq(rig_wait("gc2", "y"), 0); /* after 10 s */
    ck_assert_str_eq(rig_output("gc2/y", 1, NULL), "early\n");
    ck_assert_int_eq(rig_kill("gc2", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("gc2", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("gc2", ""), 0);
}
END_TEST

START_TEST(test_much_output_arrives_whole)
{
    unsigned status = 1;
    const char *text = rig_run("flood", NULL, NULL, ARGS("flood", "4096"), &status);
    ck_assert_uint_eq(status, 0);
    ck_assert_uint_eq(strlen(text), 4096u << 10);
}
END_TEST

START_TEST(test_a_host_that_reads_nothing_holds_up_one_stream_only)
{
    ck_assert_int_eq(pthread_mutex_lock(&rig.lock), 0);
    rig.hold_output = true;
    ck_assert_int_eq(pthread_mutex_unlock(&rig.lock), 0);
    ck_assert_int_eq(rig_create("held", NULL, NULL, ARGS("flood", "1024")), 0);
    ck_assert_int_eq(rig_start("held", ""), 0);
    ck_assert_int_eq(rig_create("free", NULL, NULL, ARGS("exit", "4")), 0);
    ck_assert_int_eq(rig_start("free", ""), 0);
    ck_assert_uint_eq(rig_wait("free", ""), 4);
    ck_assert_int_eq(rig_delete("free", ""), 0);
    ck_assert_int_eq(pthread_mutex_lock(&rig.lock), 0);
    rig.hold_output = false;
    ck_assert_int_eq(pthread_cond_broadcast(&rig.changed), 0);
    ck_assert_int_eq(pthread_mutex_unlock(&rig.lock), 0);
    ck_assert_uint_eq(rig_wait("held", ""), 0);
    ck_assert_uint_eq(strlen(rig_output("held", 1, NULL)), 1024u << 10);
    ck_assert_int_eq(rig_delete("held", ""), 0);
}
END_TEST

START_TEST(test_many_containers_at_once_share_one_fetch)
{
    uint32_t wait[8];
    char id[8][16];
    for (size_t i = 0; i < 8; i++) {
        Cloister__Pod__V1__ProcessRequest r;
        cloister__pod__v1__process_request__init(&r);
        (void)snprintf(id[i], sizeof(id[i]), "many%zu", i);
        ck_assert_int_eq(rig_create(id[i], NULL, NULL, ARGS("wait")), 0);
        r.container_id = id[i];
        wait[i] = rig_send("Wait", &r.base);
        ck_assert_int_eq(rig_start(id[i], ""), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        struct cl_ttrpc_response a = {0};
        ck_assert(!rig_answer(wait[i], 1, &a));
        ck_assert_str_eq(rig_output(id[i], 1, "ready"), "ready\n");
        ck_assert_int_eq(rig_kill(id[i], "", SIGTERM, false), 0);
        ck_assert(rig_answer(wait[i], 10000, &a));
        ck_assert_int_eq(a.code, 0);
        cl_ttrpc_response_done(&a);
        ck_assert_int_eq(rig_delete(id[i], ""), 0);
    }
    ck_assert_uint_eq(rig.host.blob[0].asked, 1);
}
END_TEST

START_TEST(test_an_image_that_the_host_has_not_got)
{
    char digest[sizeof(rig.digest)];
    memcpy(digest, rig.digest, sizeof(digest));
    rig.digest[10] = rig.digest[10] == '0' ? '1' : '0';
    ck_assert_int_eq(rig_create("no", NULL, NULL, ARGS("wait")), CL_TTRPC_INTERNAL);
    ck_assert_ptr_nonnull(strstr(rig_message, "image.manifest"));
    memcpy(rig.digest, "sha512", 6);
    ck_assert_int_eq(rig_create("no", NULL, NULL, ARGS("wait")), CL_TTRPC_INVALID_ARGUMENT);
    memcpy(rig.digest, digest, sizeof(digest));
    ck_assert_int_eq(rig_create("../no", NULL, NULL, ARGS("wait")), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(rig_create(".no", NULL, NULL, ARGS("wait")), CL_TTRPC_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_pause_resume_update_pids_and_stats)
{
    struct cl_ttrpc_response a = {0};
    ck_assert_int_eq(rig_create("p", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("p", ""), 0);
    ck_assert_str_eq(rig_output("p", 1, "ready"), "ready\n"); /* now it hears SIGTERM */
    ck_assert_msg(rig_about("Pause", "p", NULL) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_kill("p", "", SIGTERM, false), 0);
    ck_assert_int_eq(rig_about("Pids", "p", &a), 0);
    Cloister__Pod__V1__PidsResponse *pids =
        cloister__pod__v1__pids_response__unpack(NULL, a.payload_len, a.payload);
    ck_assert_uint_eq(pids->n_pids, 1); /* frozen: the signal waits */
    cloister__pod__v1__pids_response__free_unpacked(pids, NULL);
    cl_ttrpc_response_done(&a);
    ck_assert_int_eq(rig_about("Stats", "p", &a), 0);
    Io__Containerd__Cgroups__V2__Metrics *m =
        io__containerd__cgroups__v2__metrics__unpack(NULL, a.payload_len, a.payload);
    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_nonnull(m->cpu);
    ck_assert_uint_gt(m->cpu->usage_usec, 0);
    io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
    cl_ttrpc_response_done(&a);
    ck_assert_msg(rig_about("Resume", "p", NULL) == 0, "%s", rig_message);
    ck_assert_uint_eq(rig_wait("p", ""), 7);
    ck_assert_int_eq(rig_about("Pause", "p", NULL), CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_int_eq(rig_delete("p", ""), 0);
    ck_assert_int_eq(rig_about("Stats", "p", NULL), CL_TTRPC_NOT_FOUND);
}
END_TEST

static int update(const char *id, const char *json)
{
    char name[64];
    struct cl_buf text = {0};
    Cloister__Pod__V1__UpdateRequest r;
    cloister__pod__v1__update_request__init(&r);
    (void)snprintf(name, sizeof(name), "%s", id);
    ck_assert_int_eq(cl_buf_append_str(&text, json, NULL), CL_OK);
    r.container_id = name;
    r.resources = (ProtobufCBinaryData){.len = text.len, .data = text.data};
    int code = rig_call("Update", &r.base, NULL);
    cl_buf_done(&text);
    return code;
}

/* Where this machine's cgroup v2 has the memory controller: else it is shown in a guest only. */
START_TEST(test_memory_that_runs_out_is_told_before_the_end)
{
    Cloister__Pod__V1__Empty e;
    struct cl_ttrpc_response a = {0};
    cloister__pod__v1__empty__init(&e);
    ck_assert_int_eq(rig_create("mem", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("mem", ""), 0);
    ck_assert_int_eq(update("mem", "{\"blockIO\":{}}"), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(update("absent", "{}"), CL_TTRPC_NOT_FOUND);
    if (access("/sys/fs/cgroup/pod/mem/memory.max", F_OK) == 0) {
        ck_assert_msg(update("mem", "{\"memory\":{\"limit\":8388608}}") == 0, "%s", rig_message);
        uint32_t event = rig_send("NextEvent", &e.base);
        ck_assert_int_eq(rig_exec("mem", "x", false, ARGS("eat", "64")), 0);
        ck_assert_int_eq(rig_start("mem", "x"), 0);
        ck_assert_uint_eq(rig_wait("mem", "x"), 128 + SIGKILL);
        ck_assert(rig_answer(event, 1, &a)); /* it has come already */
        Cloister__Pod__V1__Event *v =
            cloister__pod__v1__event__unpack(NULL, a.payload_len, a.payload);
        ck_assert_str_eq(v->oom_container_id, "mem");
        cloister__pod__v1__event__free_unpacked(v, NULL);
        cl_ttrpc_response_done(&a);
    } else {
        printf("SKIP: no memory controller in cgroup v2: OOM is not shown here\n");
    }
    ck_assert_int_eq(rig_kill("mem", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("mem", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("mem", ""), 0);
}
END_TEST

/* What protects the agent does not protect what it runs: neither a container nor an exec of it. The
 * other way round here, since only the privileged may protect themselves. */
START_TEST(test_the_agents_place_before_the_oom_killer_is_its_own)
{
    static const char path[] = "/proc/self/oom_score_adj";
    unsigned status = 1;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(write(fd, "500", 3), 3);
    ck_assert_str_eq(rig_run("oom", NULL, NULL, ARGS("show", path), &status), "0\n");
    ck_assert_int_eq(rig_create("box", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("box", ""), 0);
    ck_assert_int_eq(rig_exec("box", "x", false, ARGS("show", path)), 0);
    ck_assert_int_eq(rig_start("box", "x"), 0);
    ck_assert_uint_eq(rig_wait("box", "x"), 0);
    ck_assert_str_eq(rig_output("box/x", 1, NULL), "0\n");
    ck_assert_int_eq(rig_kill("box", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("box", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("box", ""), 0);
    ck_assert_int_eq(write(fd, "0", 1), 1);
    (void)close(fd);
}
END_TEST

START_TEST(test_too_many_calls_are_refused_and_none_is_lost)
{
    static uint32_t wait[AGENT_POD_MAX_CALLS + 8];
    char id[] = "crowd";
    unsigned refused = 0;
    unsigned ended = 0;
    Cloister__Pod__V1__ProcessRequest r;
    cloister__pod__v1__process_request__init(&r);
    r.container_id = id;
    ck_assert_int_eq(rig_create(id, NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start(id, ""), 0);
    ck_assert_str_eq(rig_output(id, 1, "ready"), "ready\n");
    for (size_t i = 0; i < CL_ARRAY_LEN(wait); i++) {
        wait[i] = rig_send("Wait", &r.base);
    }
    for (size_t i = AGENT_POD_MAX_CALLS; i < CL_ARRAY_LEN(wait); i++) {
        struct cl_ttrpc_response a = {0};
        ck_assert(rig_answer(wait[i], 10000, &a));
        refused += a.code == CL_TTRPC_RESOURCE_EXHAUSTED;
        cl_ttrpc_response_done(&a);
    }
    ck_assert_uint_eq(refused, 8);
    ck_assert_int_eq(rig_kill(id, "", SIGTERM, false), CL_TTRPC_RESOURCE_EXHAUSTED);
    ck_assert_int_eq(kill(-1, SIGTERM), 0); /* all but ourselves: the container */
    for (size_t i = 0; i < AGENT_POD_MAX_CALLS; i++) {
        struct cl_ttrpc_response a = {0};
        ck_assert(rig_answer(wait[i], 10000, &a));
        ended += a.code == 0;
        cl_ttrpc_response_done(&a);
    }
    ck_assert_uint_eq(ended, AGENT_POD_MAX_CALLS);
    ck_assert_int_eq(rig_delete(id, ""), 0);
}
END_TEST

START_TEST(test_stop_kills_and_ends)
{
    Cloister__Pod__V1__Empty r;
    cloister__pod__v1__empty__init(&r);
    ck_assert_int_eq(rig_create("last", NULL, NULL, ARGS("wait")), 0);
    ck_assert_int_eq(rig_start("last", ""), 0);
    char id[] = "last";
    struct cl_ttrpc_response a = {0};
    Cloister__Pod__V1__ProcessRequest w;
    cloister__pod__v1__process_request__init(&w);
    w.container_id = id;
    uint32_t waiting = rig_send("Wait", &w.base);
    ck_assert_int_eq(rig_call("Stop", &r.base, NULL), 0);
    ck_assert(rig_answer(waiting, 1000, &a)); /* before Stop was answered */
    ck_assert_int_eq(a.code, 0);
    cl_ttrpc_response_done(&a);
    agent_pod_wait(rig.pod);
    ck_assert_int_eq(rig_create("after", NULL, NULL, ARGS("wait")), CL_TTRPC_UNAVAILABLE);
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
    tcase_add_test(t, test_what_a_grandchild_writes_is_waited_for);
    tcase_add_test(t, test_much_output_arrives_whole);
    tcase_add_test(t, test_a_host_that_reads_nothing_holds_up_one_stream_only);
    tcase_add_test(t, test_many_containers_at_once_share_one_fetch);
    tcase_add_test(t, test_an_image_that_the_host_has_not_got);
    tcase_add_test(t, test_pause_resume_update_pids_and_stats);
    tcase_add_test(t, test_memory_that_runs_out_is_told_before_the_end);
    tcase_add_test(t, test_the_agents_place_before_the_oom_killer_is_its_own);
    tcase_add_test(t, test_too_many_calls_are_refused_and_none_is_lost);
    tcase_add_test(t, test_stop_kills_and_ends);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
