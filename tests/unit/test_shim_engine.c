/* SPDX-License-Identifier: Apache-2.0
 * test_shim_engine.c - shim and agent meet: containerd's calls and specifications on one side, the
 * agent's engine with crun, cgroups and mounts on the other, and nothing played but the VM between
 * them, which is a process with namespaces of its own (docs/interfaces.md I-10). Skips, and says
 * so, where the machine does not allow that.
 */
#include "check_main.h"
#include "shim_engine.h"

#include "base/io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CREATED = 1, RUNNING, STOPPED, PAUSED };

/* --- what happens
 * -------------------------------------------------------------------------------------------------
 */

START_TEST(test_a_container_runs)
{
    struct world w;
    struct engine_stdio s;
    engine_up(&w);
    engine_create(&w, "c1", ",\"out\",\"hello\"", "", &s);
    engine_start(&w, "c1", NULL);
    ck_assert_uint_eq(engine_end_of(&w, "c1", NULL), 0);
    engine_expect(&w, s.out, "hello\n");
    engine_expect(&w, s.err, "error hello\n");
    engine_forget(&w, "c1", NULL);
    engine_stdio_down(&s);
    engine_create(&w, "c2", ",\"exit\",\"42\"", "", &s);
    engine_start(&w, "c2", NULL);
    ck_assert_uint_eq(engine_end_of(&w, "c2", NULL), 42);
    engine_forget(&w, "c2", NULL);
    engine_stdio_down(&s);
    engine_create(&w, "c3", ",\"host\"", "", &s); /* the pod's name, a PID namespace of its own */
    engine_start(&w, "c3", NULL);
    engine_expect(&w, s.out, "web-0 1\n");
    ck_assert_uint_eq(engine_end_of(&w, "c3", NULL), 0);
    engine_forget(&w, "c3", NULL);
    engine_stdio_down(&s);
    engine_down(&w);
}
END_TEST

START_TEST(test_signals_and_execs)
{
    struct world w;
    struct engine_stdio s;
    struct answer a = {0};
    Containerd__Task__V2__PauseRequest pause;
    containerd__task__v2__pause_request__init(&pause);
    pause.id = (char[]){"c1"};
    engine_up(&w);
    engine_create(&w, "c1", ",\"wait\"", "", &s);
    engine_start(&w, "c1", NULL);
    engine_expect(&w, s.out, "ready");
    Containerd__Task__V2__ExecProcessRequest exec;
    Google__Protobuf__Any any;
    uint8_t process[] =
        "{\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/program\",\"exit\","
        "\"9\"],\"env\":[\"PATH=/\"]}";
    containerd__task__v2__exec_process_request__init(&exec);
    google__protobuf__any__init(&any);
    any.value = (ProtobufCBinaryData){.data = process, .len = sizeof(process) - 1};
    exec.id = (char[]){"c1"};
    exec.exec_id = (char[]){"e1"};
    exec.spec = &any;
    world_call(&w, "Exec", &exec.base, &a);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    engine_start(&w, "c1", "e1");
    ck_assert_uint_eq(engine_end_of(&w, "c1", "e1"), 9);
    engine_forget(&w, "c1", "e1");
    world_call(&w, "Stats", &pause.base, &a);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    ck_assert_uint_gt(a.payload.len, 50);
    world_call(&w, "Pause", &pause.base, &a);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    ck_assert_int_eq(world_status(&w, "c1", NULL), PAUSED);
    world_call(&w, "Resume", &pause.base, &a);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), SHIM_CODE_PRECONDITION);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGTERM, &a), 0);
    ck_assert_uint_eq(engine_end_of(&w, "c1", NULL), 7);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGTERM, &a), SHIM_CODE_NOT_FOUND);
    engine_forget(&w, "c1", NULL);
    engine_stdio_down(&s);
    engine_create(&w, "c1", ",\"wait\"", "", &s); /* killed before it was started */
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGKILL, &a), 0);
    ck_assert_uint_eq(engine_end_of(&w, "c1", NULL), 137);
    engine_forget(&w, "c1", NULL);
    engine_stdio_down(&s);
    answer_done(&a);
    engine_down(&w);
}
END_TEST

START_TEST(test_a_measured_pod_is_what_containerd_may_have)
{
    struct world w;
    struct engine_stdio s;
    char path[96];
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "{\"schema\":\"cloister.pod-policy/1\",\"sandbox\":{\"hostname\":\"web-0\"},"
                     "\"containers\":[{\"name\":\"app\",\"image\":{\"manifest\":\"%s\","
                     "\"encryption\":\"optional\"},\"args\":[\"/program\",\"out\",\"hello\"],"
                     "\"env\":[\"PATH=/\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},"
                     "\"streams\":{\"stdout\":true}}]}",
                     engine_digest);
    (void)snprintf(path, sizeof(path), "%s.policy", engine_blobs);
    ck_assert_int_eq(cl_write_file(path, text, (size_t)n, 0600, NULL), CL_OK);
    ck_assert_int_eq(setenv("SHIM_GUEST_POLICY", path, 1), 0); /* of this test's process */
    engine_up(&w);
    engine_denied(&w, "c1", ",\"exit\",\"42\"", "", 7,
                  "policy: containers[app]: args[1]: expected 'out', got 'exit'");
    engine_denied(&w, "c2", ",\"out\",\"hello\"",
                  ",{\"destination\":\"/etc\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}", 7,
                  "policy: containers[app]: mounts[/etc]: expected none, got a tmpfs");
    engine_create(&w, "c3", ",\"out\",\"hello\"", "", &s);
    engine_start(&w, "c3", NULL);
    ck_assert_uint_eq(engine_end_of(&w, "c3", NULL), 0);
    engine_expect(&w, s.out, "hello\n");
    ck_assert_int_le(read(s.err, text, sizeof(text)), 0);
    engine_forget(&w, "c3", NULL);
    engine_stdio_down(&s);
    engine_down(&w);
    (void)unlink(path);
}
END_TEST

START_TEST(test_input_and_its_end)
{
    struct world w;
    struct engine_stdio s;
    struct answer a = {0};
    Containerd__Task__V2__CloseIORequest r;
    containerd__task__v2__close_iorequest__init(&r);
    r.id = (char[]){"c1"};
    r.stdin = 1;
    engine_up(&w);
    engine_create(&w, "c1", ",\"cat\"", "", &s);
    engine_start(&w, "c1", NULL);
    ck_assert_int_eq(write(s.in, "through the pod", 15), 15);
    engine_expect(&w, s.out, "through the pod");
    world_call(&w, "CloseIO", &r.base, &a);
    cl_close_fdp(&s.in);
    ck_assert_uint_eq(engine_end_of(&w, "c1", NULL), 0);
    engine_forget(&w, "c1", NULL);
    engine_stdio_down(&s);
    answer_done(&a);
    engine_down(&w);
}
END_TEST

static void mkdirs(char *path)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(path, 0755);
        *p = '/';
    }
}

static void put(const char *path, const char *text)
{
    char copy[256];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    mkdirs(copy);
    ck_assert_int_eq(cl_write_file(path, text, strlen(text), 0644, NULL), CL_OK);
}

START_TEST(test_volumes_of_kubelet)
{
    struct world w;
    struct engine_stdio s;
    struct cl_buf got = {0};
    char kubelet[80];
    char path[256];
    char mounts[2048];
    engine_up(&w);
    (void)snprintf(kubelet, sizeof(kubelet), "%s/kubelet", w.dir);
    w.settings.kubelet = kubelet;
    (void)snprintf(path, sizeof(path),
                   "%s/pods/" ENGINE_UID "/volumes/kubernetes.io~configmap/settings/key", kubelet);
    put(path, "of the config map\n");
    (void)snprintf(path, sizeof(path), "%s/pods/" ENGINE_UID "/etc-hosts", kubelet);
    put(path, "10.0.0.1 web-0\n");
    (void)snprintf(path, sizeof(path),
                   "%s/pods/" ENGINE_UID "/volumes/kubernetes.io~empty-dir/cache/x", kubelet);
    put(path, "");
    (void)snprintf(path, sizeof(path), "%s/pods/" ENGINE_UID "/containers/app/1234", kubelet);
    put(path, "");
    (void)snprintf(
        mounts, sizeof(mounts),
        ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"%s/pods/" ENGINE_UID
        "/volumes/kubernetes.io~configmap/settings\",\"options\":[\"rbind\",\"ro\"]}"
        ",{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"%s/pods/" ENGINE_UID
        "/etc-hosts\",\"options\":[\"rbind\",\"rw\"]}"
        ",{\"destination\":\"/tmp\",\"type\":\"bind\",\"source\":\"%s/pods/" ENGINE_UID
        "/volumes/kubernetes.io~empty-dir/cache\",\"options\":[\"rbind\",\"rw\"]}"
        ",{\"destination\":\"/dev/termination-log\",\"type\":\"bind\",\"source\":\"%s/pods"
        "/" ENGINE_UID "/containers/app/1234\",\"options\":[\"rbind\",\"rw\"]}",
        kubelet, kubelet, kubelet, kubelet);
    engine_create(&w, "c1", ",\"show\",\"/data/key\"", mounts, &s);
    engine_start(&w, "c1", NULL);
    engine_expect(&w, s.out, "of the config map\n");
    ck_assert_uint_eq(engine_end_of(&w, "c1", NULL), 0);
    engine_forget(&w, "c1", NULL);
    engine_stdio_down(&s);
    engine_create(&w, "c2", ",\"show\",\"/etc/hosts\"", mounts, &s);
    engine_start(&w, "c2", NULL);
    engine_expect(&w, s.out, "10.0.0.1 web-0\n");
    ck_assert_uint_eq(engine_end_of(&w, "c2", NULL), 0);
    engine_forget(&w, "c2", NULL);
    engine_stdio_down(&s);
    engine_create(&w, "c3", ",\"put\",\"/dev/termination-log\",\"the end\"", mounts, &s);
    engine_start(&w, "c3", NULL);
    ck_assert_uint_eq(engine_end_of(&w, "c3", NULL), 0);
    ck_assert_int_eq(cl_buf_read_file(&got, path, 100, NULL), CL_OK); /* before the exit is told */
    ck_assert_str_eq((char *)got.data, "the end");
    engine_forget(&w, "c3", NULL);
    engine_stdio_down(&s);
    engine_create(&w, "c4", ",\"put\",\"/tmp/shared\",\"by c4\"", mounts, &s);
    engine_start(&w, "c4", NULL);
    ck_assert_uint_eq(engine_end_of(&w, "c4", NULL), 0);
    engine_stdio_down(&s);
    engine_create(&w, "c5", ",\"show\",\"/tmp/shared\"", mounts, &s); /* an emptyDir is the pod's */
    engine_start(&w, "c5", NULL);
    engine_expect(&w, s.out, "by c4");
    ck_assert_uint_eq(engine_end_of(&w, "c5", NULL), 0);
    engine_stdio_down(&s);
    engine_forget(&w, "c4", NULL);
    engine_forget(&w, "c5", NULL);
    cl_buf_done(&got);
    w.settings.kubelet = NULL;
    engine_down(&w);
}
END_TEST

/* More restarts than a guest may have volumes. */
START_TEST(test_a_container_that_crashes_for_days)
{
    struct world w;
    struct engine_stdio s;
    char kubelet[80];
    engine_up(&w);
    (void)snprintf(kubelet, sizeof(kubelet), "%s/kubelet", w.dir);
    w.settings.kubelet = kubelet;
    /* Each takes the guest's engine two seconds here; test_shim_volumes and test_pod_volumes do
     * five hundred on each side. */
    for (unsigned i = 0; i < 8; i++) {
        char path[256];
        char id[16];
        char mounts[512];
        (void)snprintf(id, sizeof(id), "r%u", i);
        (void)snprintf(path, sizeof(path), "%s/pods/" ENGINE_UID "/containers/app/%u", kubelet, i);
        put(path, "");
        (void)snprintf(mounts, sizeof(mounts),
                       ",{\"destination\":\"/dev/termination-log\",\"type\":\"bind\",\"source\":"
                       "\"%s\",\"options\":[\"rbind\",\"rw\"]}",
                       path);
        w.event_count = 0;
        engine_create(&w, id, ",\"exit\",\"3\"", mounts, &s);
        engine_start(&w, id, NULL);
        ck_assert_uint_eq(engine_end_of(&w, id, NULL), 3);
        engine_forget(&w, id, NULL);
        engine_stdio_down(&s);
    }
    w.settings.kubelet = NULL;
    engine_down(&w);
}
END_TEST

START_TEST(test_a_terminal)
{
    struct world w;
    struct engine_stdio s;
    struct answer a = {0};
    static char config[65536];
    Containerd__Task__V2__ResizePtyRequest r;
    containerd__task__v2__resize_pty_request__init(&r);
    r.id = (char[]){"c1"};
    r.height = 40;
    r.width = 100;
    engine_up(&w);
    engine_config_of(config, sizeof(config), ",\"tty\"", "", true);
    engine_stdio_up(&w, "c1", &s);
    world_create_begin(&w, "c1", config, s.path[0], s.path[1], NULL, &a);
    world_until(&w, &a.done);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    world_call(&w, "ResizePty", &r.base, &a);
    ck_assert_int_eq(a.code, 0);
    engine_start(&w, "c1", NULL);
    engine_expect(&w, s.out, "tty 1 0 40x100");
    ck_assert_uint_eq(engine_end_of(&w, "c1", NULL), 0);
    engine_forget(&w, "c1", NULL);
    engine_stdio_down(&s);
    answer_done(&a);
    engine_down(&w);
}
END_TEST

START_TEST(test_the_sandbox_takes_everything_with_it)
{
    struct world w;
    struct engine_stdio s;
    struct answer a = {0};
    struct answer wait = {0};
    engine_up(&w);
    engine_create(&w, "c1", ",\"wait\"", "", &s);
    engine_start(&w, "c1", NULL);
    world_wait_begin(&w, "c1", NULL, &wait);
    engine_expect(&w, s.out, "ready");
    ck_assert_int_eq(world_kill(&w, "sb", NULL, SIGTERM, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    ck_assert_uint_eq(engine_end_of(&w, "sb", NULL), 128 + SIGTERM);
    engine_forget(&w, "c1", NULL);
    engine_forget(&w, "sb", NULL);
    engine_stdio_down(&s);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_engine");
    TCase *tc = tcase_create("engine");
    tcase_set_timeout(tc, 300); /* for machines that are busy */
    tcase_add_test(tc, test_a_container_runs);
    tcase_add_test(tc, test_signals_and_execs);
    tcase_add_test(tc, test_a_measured_pod_is_what_containerd_may_have);
    tcase_add_test(tc, test_input_and_its_end);
    tcase_add_test(tc, test_volumes_of_kubelet);
    tcase_add_test(tc, test_a_container_that_crashes_for_days);
    tcase_add_test(tc, test_a_terminal);
    tcase_add_test(tc, test_the_sandbox_takes_everything_with_it);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return engine_main(suite);
}
