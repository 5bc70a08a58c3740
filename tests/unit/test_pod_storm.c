/* SPDX-License-Identifier: Apache-2.0
 * test_pod_storm.c - calls of every kind in every state, many at once, with ids and fields that fit
 * and that do not (threats.md row 30): each gets its answer, and when all was deleted nothing is
 * left. STORM_CALLS and STORM_SEED choose how many and which.
 */
#include "pod_rig.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define OUTSTANDING 200u
#define PATIENCE_MS 60000

static uint64_t state;
static struct {
    uint32_t stream;
    char method[16];
} open_call[OUTSTANDING];
static size_t open_count;
static unsigned codes[17];

static unsigned pick(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % n;
}

#define PICK(list) (list)[pick((unsigned)CL_ARRAY_LEN(list))]

static char *text(char *buffer, size_t size, const char *s)
{
    (void)snprintf(buffer, size, "%s", s);
    return buffer;
}

static char *container_id(char *b, size_t size)
{
    static const char *const ids[] = {"a", "b", "c", "a", "b", "c", "d"};
    static const char *const bad[] = {"../a", "", "no one", ".", "a/x"};
    return text(b, size, pick(20) == 0 ? PICK(bad) : PICK(ids));
}

static char *exec_id(char *b, size_t size)
{
    static const char *const ids[] = {"", "", "x", "y", "z", "/"};
    return text(b, size, PICK(ids));
}

/* Waits only for the call that was sent last, or for each when `all`. */
static void take_answers(int timeout_ms, bool all)
{
    for (size_t i = 0; i < open_count;) {
        struct cl_ttrpc_response a = {0};
        bool wait = all || i + 1 == open_count;
        if (rig_answer(open_call[i].stream, wait ? timeout_ms : 0, &a)) {
            codes[a.code >= 0 && a.code < 16 ? a.code : 16]++;
            cl_ttrpc_response_done(&a);
            open_call[i] = open_call[--open_count];
        } else {
            i++;
        }
    }
}

static void send_call(const char *method, const ProtobufCMessage *m)
{
    while (open_count == OUTSTANDING) {
        take_answers(1, false);
    }
    open_call[open_count].stream = rig_send(method, m);
    (void)snprintf(open_call[open_count++].method, sizeof(open_call[0].method), "%s", method);
}

static void storm_create(void)
{
    static const char *const args[] = {
        "[\"/program\",\"wait\"]",
        "[\"/program\",\"exit\",\"3\"]",
        "[\"/program\",\"flood\",\"64\"]",
        "[\"/program\",\"cat\"]",
        "[\"/program\",\"child\",\"1\"]",
        "[\"/absent\"]",
        "[]",
    };
    static const char *const namespaces[] = {"[{\"type\":\"pid\"}]", "[]", "[{\"type\":\"net\"}]"};
    static const char *const mounts[] = {
        "", ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume:v\"}",
        ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume:f/sub\"}",
        ",{\"destination\":\"/tmp\",\"type\":\"bind\",\"source\":\"volume:image_x\"}",
        ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/etc\"}"};
    char id[32];
    char spec[1024];
    Cloister__Pod__V1__CreateRequest r;
    cloister__pod__v1__create_request__init(&r);
    r.terminal = pick(5) == 0;
    int n = snprintf(spec, sizeof(spec),
                     "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\",\"readonly\":%s},"
                     "\"process\":{\"cwd\":\"/\",\"terminal\":%s,\"args\":%s},\"mounts\":["
                     "{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":\"/dev\","
                     "\"type\":\"tmpfs\"},{\"destination\":\"/dev/pts\",\"type\":\"devpts\","
                     "\"options\":[\"newinstance\"]}%s],\"linux\":{\"namespaces\":%s}}",
                     pick(2) == 0 ? "true" : "false", r.terminal ? "true" : "false",
                     pick(3) == 0 ? PICK(args) : args[0], pick(4) == 0 ? PICK(mounts) : "",
                     pick(8) == 0 ? PICK(namespaces) : namespaces[0]);
    r.container_id = container_id(id, sizeof(id));
    r.manifest_digest = rig.digest;
    r.spec = (ProtobufCBinaryData){.len = (size_t)n, .data = (uint8_t *)spec};
    r.attach_stdin = pick(2) == 0;
    r.attach_stdout = pick(4) != 0;
    r.attach_stderr = pick(2) == 0;
    send_call("Create", &r.base);
}

static void storm_exec(void)
{
    static const char *const args[] = {"[\"/program\",\"out\",\"x\"]", "[\"/program\",\"wait\"]",
                                       "[\"/absent\"]", "[\"/program\",\"child\",\"1\"]", "{}"};
    char id[32];
    char exec[32];
    char json[256];
    Cloister__Pod__V1__ExecRequest r;
    cloister__pod__v1__exec_request__init(&r);
    r.terminal = pick(5) == 0;
    int n = snprintf(json, sizeof(json), "{\"cwd\":\"/\",\"terminal\":%s,\"args\":%s}",
                     r.terminal ? "true" : "false", PICK(args));
    r.container_id = container_id(id, sizeof(id));
    r.exec_id = exec_id(exec, sizeof(exec));
    r.process = (ProtobufCBinaryData){.len = (size_t)n, .data = (uint8_t *)json};
    r.attach_stdout = pick(2) == 0;
    send_call("Exec", &r.base);
}

static void storm_process(const char *method)
{
    char id[32];
    char exec[32];
    Cloister__Pod__V1__ProcessRequest r;
    cloister__pod__v1__process_request__init(&r);
    r.container_id = container_id(id, sizeof(id));
    r.exec_id = exec_id(exec, sizeof(exec));
    send_call(method, &r.base);
}

static void storm_kill(void)
{
    static const unsigned signals[] = {SIGTERM, SIGKILL, SIGKILL, SIGSTOP, SIGCONT, 0, 65};
    char id[32];
    char exec[32];
    Cloister__Pod__V1__KillRequest r;
    cloister__pod__v1__kill_request__init(&r);
    r.container_id = container_id(id, sizeof(id));
    r.exec_id = exec_id(exec, sizeof(exec));
    r.signal = PICK(signals);
    r.all = pick(3) == 0;
    send_call("Kill", &r.base);
}

static void storm_resize(void)
{
    char id[32];
    Cloister__Pod__V1__ResizeRequest r;
    cloister__pod__v1__resize_request__init(&r);
    r.container_id = container_id(id, sizeof(id));
    r.rows = pick(70000);
    r.cols = pick(70000);
    send_call("Resize", &r.base);
}

static void storm_container(const char *method)
{
    char id[32];
    Cloister__Pod__V1__ContainerRequest r;
    cloister__pod__v1__container_request__init(&r);
    r.container_id = container_id(id, sizeof(id));
    send_call(method, &r.base);
}

static void storm_files(void)
{
    static const char *const paths[] = {"sub", "a/b", "../x", "sub", "..data"};
    static const char *const volumes[] = {"f", "v", "none"};
    char path[32];
    char volume[32];
    Cloister__Pod__V1__PutFilesRequest r;
    Cloister__Pod__V1__File f;
    Cloister__Pod__V1__File *list[] = {&f};
    cloister__pod__v1__put_files_request__init(&r);
    cloister__pod__v1__file__init(&f);
    f.path = text(path, sizeof(path), PICK(paths));
    f.directory = pick(4) == 0;
    r.volume = text(volume, sizeof(volume), PICK(volumes));
    r.generation = pick(1000);
    r.n_files = 1;
    r.files = list;
    r.last = pick(2) == 0;
    send_call("PutFiles", &r.base);
}

static void storm_volumes(void)
{
    static const char *const names[] = {"image_x", "image_x", "v", "f", "none"};
    char name[32];
    Cloister__Pod__V1__RemoveVolumeRequest remove;
    Cloister__Pod__V1__VolumeRequest make;
    cloister__pod__v1__remove_volume_request__init(&remove);
    cloister__pod__v1__volume_request__init(&make);
    remove.name = make.name = text(name, sizeof(name), PICK(names));
    make.kind = CLOISTER__POD__V1__VOLUME_REQUEST__KIND__SCRATCH;
    if (pick(2) == 0) {
        send_call("RemoveVolume", &remove.base);
    } else {
        send_call("Volume", &make.base);
    }
}

static void storm_once(void)
{
    static const char *const containers[] = {"Pause", "Resume", "Resume", "Stats", "Pids"};
    switch (pick(16)) {
    case 0:
    case 1:
    case 2:
        storm_create();
        return;
    case 3:
    case 4:
        storm_exec();
        return;
    case 5:
    case 6:
    case 7:
        storm_process("Start");
        return;
    case 8:
        storm_process("Wait");
        return;
    case 9:
        storm_process("Delete");
        return;
    case 10:
        storm_kill();
        return;
    case 11:
    case 12:
    case 13:
        storm_exec();
        return;
    case 14:
        storm_container(PICK(containers));
        return;
    default:
        if (pick(3) == 0) {
            storm_resize();
        } else if (pick(2) == 0) {
            storm_volumes();
        } else {
            storm_files();
        }
    }
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *t = getenv(name);
    uint64_t v = otherwise;
    if (t != NULL) {
        ck_assert_int_eq(cl_uint_parse(t, name, 1, UINT32_MAX, &v, NULL), CL_OK);
    }
    return v;
}

/* Until the container is gone, whatever state the storm left it in. */
static void end_container(const char *id)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    uint64_t until = cl_monotonic_us() + PATIENCE_MS * UINT64_C(1000);
    while (rig_delete(id, "") != CL_TTRPC_NOT_FOUND) {
        ck_assert_msg(cl_monotonic_us() < until, "container '%s': %s", id, rig_message);
        (void)rig_about("Resume", id, NULL);
        (void)rig_kill(id, "", SIGKILL, true);
        (void)rig_kill(id, "", SIGKILL, false);
        (void)nanosleep(&pause, NULL);
    }
}

START_TEST(test_every_call_in_every_state_is_answered)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    const uint64_t seed = number_from("STORM_SEED", 20260115);
    const uint64_t calls = number_from("STORM_CALLS", 600);
    state = seed;
    ck_assert_int_eq(rig_sandbox("storm", true), 0);
    ck_assert_int_eq(rig_volume("f", 1, 0), 0);
    ck_assert_int_eq(rig_volume("v", 2, 0), 0);
    ck_assert_int_eq(rig_volume("image_x", 2, 0), 0);
    for (uint64_t i = 0; i < calls; i++) {
        storm_once();
        take_answers(pick(3) == 0 ? 50 : 0, false); /* now in a heap, now one after the other */
    }
    for (unsigned round = 0; round < 2; round++) { /* some Create may still be at it */
        for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
            end_container(ids[i]);
        }
        take_answers(2000, true);
    }
    ck_assert_msg(open_count == 0, "seed %llu: no answer to %zu calls, one of them %s",
                  (unsigned long long)seed, open_count, open_call[0].method);
    printf("answers by code:");
    for (size_t i = 0; i < CL_ARRAY_LEN(codes); i++) {
        if (codes[i] > 0) {
            printf(" %zu: %u", i, codes[i]);
        }
    }
    printf("\n");
    ck_assert_uint_gt(codes[0], 0);
    ck_assert_uint_gt(codes[CL_TTRPC_FAILED_PRECONDITION], 0);
}
END_TEST

START_TEST(test_nothing_is_left_behind)
{
    char line[512];
    struct stat s;
    FILE *f = fopen("/proc/self/mounts", "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        ck_assert_msg(strstr(line, "/run/cloister/containers") == NULL, "%s", line);
    }
    (void)fclose(f);
    ck_assert_int_eq(stat("/run/cloister/containers", &s), 0);
    ck_assert_uint_eq(s.st_nlink, 2);
    ck_assert_int_eq(stat("/sys/fs/cgroup/pod", &s), 0);
    ck_assert_uint_eq(s.st_nlink, 2);
    ck_assert_int_eq(stat("/run/crun", &s), 0);
    ck_assert_uint_eq(s.st_nlink, 2);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod storm");
    TCase *t = tcase_create("pods");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_every_call_in_every_state_is_answered);
    tcase_add_test(t, test_nothing_is_left_behind);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
