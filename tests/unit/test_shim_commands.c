/* SPDX-License-Identifier: Apache-2.0
 * test_shim_commands.c - the program as containerd runs it: start, delete and -info as processes,
 * and the daemon that is left behind (containerd-shim.md 1).
 */
#include "check_main.h"

#include "base/io.h"
#include "base/json.h"
#include "bootstrap.pb-c.h"
#include "pb.h"
#include "runtimeinfo.pb-c.h"
#include "shim_rig.h"
#include "task.pb-c.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PRIVATE_KIB 3072 /* of an idle daemon */

/* A folder with bundles, and sockets beside them. */
static char world[] = "/tmp/shim-cmd-XXXXXX";
static struct event_base *turn; /* for the rig; the daemon has its own */

struct outcome {
    int status;
    struct cl_buf out, err;
};

static void outcome_done(struct outcome *o)
{
    cl_buf_done(&o->out);
    cl_buf_done(&o->err);
}

static void path_in(const char *bundle, const char *name, char ret[static 256])
{
    (void)snprintf(ret, 256, "%s/%s/%s", world, bundle, name);
}

static void make_bundle(const char *bundle, const char *config)
{
    char path[256];
    path_in(bundle, "", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    path_in(bundle, "rootfs", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (config != NULL) {
        path_in(bundle, "config.json", path);
        ck_assert_int_eq(cl_write_file(path, config, strlen(config), 0600, NULL), CL_OK);
    }
}

/* In the bundle, as containerd does it. Words are separated by single spaces; @ stands for the
 * folder. */
CL_NORETURN static void be_shim(const char *bundle, char *line, int in, int out, int err)
{
    char *argv[32] = {line};
    char path[256];
    int argc = 0;
    for (char *w = strtok(line, " "); w != NULL && argc < 31; w = strtok(NULL, " ")) {
        argv[argc++] = w;
    }
    path_in(bundle, "", path);
    if (chdir(path) != 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        _exit(99);
    }
    (void)execv(SHIM_PROGRAM, argv);
    _exit(98);
}

static void collect(int out, int err, struct outcome *o)
{
    ck_assert_int_eq(cl_buf_read_fd(&o->out, out, 65536, NULL), CL_OK); /* until its end */
    ck_assert_int_eq(cl_buf_read_fd(&o->err, err, 65536, NULL), CL_OK);
}

static struct outcome run(const char *bundle, const void *in, size_t in_len, const char *line)
{
    struct outcome o = {.status = -1};
    char text[1024];
    int p[3][2];
    int status = 0;
    (void)snprintf(text, sizeof(text), "shim %s", line);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pipe2(p[i], O_CLOEXEC), 0);
    }
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        be_shim(bundle, text, p[0][0], p[1][1], p[2][1]);
    }
    (void)close(p[0][0]);
    (void)close(p[1][1]);
    (void)close(p[2][1]);
    ck_assert_int_eq(cl_write_all(p[0][1], in, in_len, "stdin", NULL), CL_OK);
    (void)close(p[0][1]);
    collect(p[1][0], p[2][0], &o);
    (void)close(p[1][0]);
    (void)close(p[2][0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return o;
}

/* `id` in a bundle of that name; `with` are further flags. */
static struct outcome command(const char *id, const char *action, const char *with)
{
    char line[512];
    (void)snprintf(line, sizeof(line),
                   "-namespace k8s.io -address /run/c.sock -publish-binary /bin/true -id %s %s %s",
                   id, with, action);
    return run(id, "", 0, line);
}

static const char *text_of(const struct cl_buf *b)
{
    return b->data != NULL ? (const char *)b->data : "";
}

/* It worked, and said nothing but its answer. */
static void good(const struct outcome *o)
{
    ck_assert_msg(o->status == 0, "status %d: %s", o->status, text_of(&o->err));
    ck_assert_str_eq(text_of(&o->err), "");
}

static void bad(struct outcome o, int status, const char *message)
{
    ck_assert_str_eq(text_of(&o.err), message);
    ck_assert_int_eq(o.status, status);
    ck_assert_uint_eq(o.out.len, 0);
    outcome_done(&o);
}

/* Sockets of BootstrapParams' folder: so that nothing of the machine is touched. */
static struct outcome start_in(const char *id, const char *sockets)
{
    Containerd__Runtime__Bootstrap__V1__BootstrapParams p;
    struct cl_buf b = {0};
    char line[256];
    containerd__runtime__bootstrap__v1__bootstrap_params__init(&p);
    p.instance_id = shim_pb_ref(id);
    p.namespace_ = shim_pb_ref("k8s.io");
    p.socket_dir = shim_pb_ref(sockets);
    ck_assert_int_eq(shim_pb_pack(&p.base, &b, NULL), CL_OK);
    (void)snprintf(line, sizeof(line), "-namespace k8s.io -address /run/c.sock -id %s start", id);
    struct outcome o = run(id, b.data, b.len, line);
    cl_buf_done(&b);
    return o;
}

static void read_in(const char *bundle, const char *name, struct cl_buf *ret)
{
    char path[256];
    path_in(bundle, name, path);
    ck_assert_int_eq(cl_buf_read_file(ret, path, 65536, NULL), CL_OK);
}

static pid_t daemon_of(const char *bundle)
{
    struct cl_buf b = {0};
    json_t *j = NULL;
    int pid = 0;
    read_in(bundle, "cloister.json", &b);
    ck_assert_int_eq(cl_json_parse(b.data, b.len, "test", &j, NULL), CL_OK);
    ck_assert_int_eq(json_unpack(j, "{s:[{s:i}]}", "processes", "pid", &pid), 0);
    ck_assert_int_gt(pid, 1);
    json_decref(j);
    cl_buf_done(&b);
    return pid;
}

static bool gone(pid_t pid)
{
    char path[64];
    struct cl_buf b = {0};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    /* Nobody's zombie counts either. */
    bool is =
        cl_buf_read_file(&b, path, 4096, NULL) != CL_OK || strstr(text_of(&b), ") Z ") != NULL;
    cl_buf_done(&b);
    return is;
}

static bool wait_gone(pid_t pid)
{
    for (int i = 0; i < 1000 && !gone(pid); i++) {
        (void)poll(NULL, 0, 10);
    }
    return gone(pid);
}

static int dial(const char *address)
{
    int fd = -1;
    ck_assert_int_eq(strncmp(address, "unix://", 7), 0);
    ck_assert_int_eq(cl_unix_connect(address + 7, &fd, NULL), CL_OK);
    return fd;
}

static void expect_delete_response(const struct outcome *o)
{
    good(o);
    ProtobufCMessage *m =
        shim_pb_unpack(&containerd__task__v2__delete_response__descriptor, o->out.data, o->out.len);
    const Containerd__Task__V2__DeleteResponse *r = (const Containerd__Task__V2__DeleteResponse *)m;
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->exit_status, 137);
    ck_assert_ptr_nonnull(r->exited_at);
    ck_assert_int_le(llabs(r->exited_at->seconds - time(NULL)), 100);
    protobuf_c_message_free_unpacked(m, NULL);
}

static void clean_up(const char *id)
{
    char with[300];
    (void)snprintf(with, sizeof(with), "-bundle %s/%s", world, id);
    struct outcome o = command(id, "delete", with);
    expect_delete_response(&o);
    outcome_done(&o);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(world));
    turn = event_base_new();
    ck_assert_ptr_nonnull(turn);
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    (void)sb;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void teardown(void)
{
    event_base_free(turn);
    ck_assert_int_eq(nftw(world, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
}

#define SINGLE "{\"ociVersion\":\"1.0.2\"}"
#define SANDBOX "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"}}"
#define MEMBER                                                                                     \
    "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","                        \
    "\"io.kubernetes.cri.sandbox-id\":\"pod\"}}"
#define LABEL "{\"annotations\":{\"io.containerd.runc.v2.group\":\"pod\"}}"

START_TEST(test_start_serves_and_shutdown_ends_it)
{
    char socket[300], with[320];
    struct cl_buf b = {0};
    make_bundle("one", SINGLE);
    (void)snprintf(socket, sizeof(socket), "%s/s/one", world);
    (void)snprintf(with, sizeof(with), "-socket %s", socket);
    struct outcome o = command("one", "start", with);
    good(&o);
    ck_assert_int_eq(strncmp(text_of(&o.out), "unix://", 7), 0); /* plain, and no newline */
    ck_assert_str_eq(text_of(&o.out) + 7, socket);
    read_in("one", "address", &b);
    ck_assert_str_eq(text_of(&b), text_of(&o.out));
    pid_t pid = daemon_of("one");
    ck_assert(!gone(pid));
    ck_assert_int_eq(getsid(pid), pid);
    int fd = dial(text_of(&o.out));
    rig_request(fd, 1, "containerd.task.v2.Task", "Connect", "\x0a\x03one", 5);
    struct cl_ttrpc_response r = rig_response(turn, fd, 1, 0);
    cl_ttrpc_response_done(&r);
    rig_request(fd, 3, "containerd.task.v2.Task", "Shutdown", "\x0a\x03one", 5);
    r = rig_response(turn, fd, 3, 0);
    cl_ttrpc_response_done(&r);
    ck_assert(wait_gone(pid));
    ck_assert_int_ne(access(socket, F_OK), 0);
    clean_up("one"); /* as containerd does, in any case */
    clean_up("one");
    (void)close(fd);
    outcome_done(&o);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_containers_of_a_pod_share_one_daemon)
{
    char sockets[300];
    static const char *const members[] = {"c1", "c2"};
    make_bundle("pod", SANDBOX);
    (void)snprintf(sockets, sizeof(sockets), "%s/s", world);
    struct outcome pod = start_in("pod", sockets);
    good(&pod);
    pid_t pid = daemon_of("pod");
    ProtobufCMessage *m =
        shim_pb_unpack(&containerd__runtime__bootstrap__v1__bootstrap_result__descriptor,
                       pod.out.data, pod.out.len);
    const Containerd__Runtime__Bootstrap__V1__BootstrapResult *r =
        (const Containerd__Runtime__Bootstrap__V1__BootstrapResult *)m;
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(r->version, 3); /* it has shown that it knows the third */
    ck_assert_str_eq(r->protocol, "ttrpc");
    for (size_t i = 0; i < 2; i++) {
        struct cl_buf b = {0};
        make_bundle(members[i], i == 0 ? MEMBER : LABEL);
        struct outcome o = start_in(members[i], sockets);
        good(&o);
        ck_assert_uint_eq(o.out.len, pod.out.len);
        ck_assert_mem_eq(o.out.data, pod.out.data, o.out.len);
        read_in(members[i], "address", &b);
        ck_assert_str_eq(text_of(&b), r->address);
        outcome_done(&o);
        cl_buf_done(&b);
        clean_up(members[i]); /* of the container alone */
        ck_assert(!gone(pid));
    }
    struct outcome again = start_in("pod", sockets); /* the sandbox itself, twice */
    good(&again);
    ck_assert_mem_eq(again.out.data, pod.out.data, pod.out.len);
    ck_assert_int_eq(daemon_of("pod"), pid);
    outcome_done(&again);
    clean_up("pod");
    ck_assert(gone(pid));
    ck_assert_int_ne(access(r->address + 7, F_OK), 0);
    protobuf_c_message_free_unpacked(m, NULL);
    outcome_done(&pod);
}
END_TEST

START_TEST(test_container_without_its_sandbox_is_refused)
{
    char message[512], with[320];
    make_bundle("c1", MEMBER);
    (void)snprintf(with, sizeof(with), "-socket %s/none", world);
    (void)snprintf(message, sizeof(message),
                   "cloister: start 'c1': sandbox 'pod': expected its shim to answer at '%s/none', "
                   "got no one\n",
                   world);
    bad(command("c1", "start", with), 3, message);
}
END_TEST

START_TEST(test_start_that_fails_says_one_line_and_leaves_nothing)
{
    char with[320], path[256], message[512];
    (void)snprintf(with, sizeof(with), "-socket %s/s", world);
    make_bundle("b1", NULL);
    (void)snprintf(message, sizeof(message),
                   "cloister: start 'b1': open '%s/b1/config.json': No such file or directory\n",
                   world);
    bad(command("b1", "start", with), 5, message);
    make_bundle("b2", SINGLE);
    bad(run("b2", "hello", 5, "-namespace n -id b2 start"), 4,
        "cloister: stdin: expected a google.protobuf.Any or BootstrapParams, got 5 other bytes\n");
    bad(run("b2", "", 0, "-id b2 start"), 4, "cloister: -namespace: expected a name, got none\n");
    bad(run("b2", "", 0, "-id b2 stop"), 2,
        "cloister: containerd-shim-cloister-v2: expected start or delete, got 'stop'\n");
    bad(run("b2", "", 0, ""), 2,
        "cloister: containerd-shim-cloister-v2: expected start or delete, got nothing\n");
    /* The daemon cannot write its file: it says so through `start`. */
    path_in("b2", "cloister.json", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    struct outcome o = command("b2", "start", with);
    ck_assert_int_eq(o.status, 3);
    ck_assert_int_eq(strncmp(text_of(&o.err), "cloister: start 'b2': daemon: ", 30), 0);
    ck_assert_ptr_eq(strchr(text_of(&o.err), '\n'), text_of(&o.err) + o.err.len - 1);
    (void)snprintf(path, sizeof(path), "%s/s", world);
    ck_assert_int_ne(access(path, F_OK), 0);
    outcome_done(&o);
}
END_TEST

START_TEST(test_socket_that_nobody_listens_behind_is_replaced)
{
    char socket[300], with[320];
    int fd = -1;
    make_bundle("one", SINGLE);
    (void)snprintf(socket, sizeof(socket), "%s/sock", world);
    (void)snprintf(with, sizeof(with), "-socket %s", socket);
    ck_assert_int_eq(cl_unix_listen(socket, &fd, NULL), CL_OK);
    (void)close(fd);
    struct outcome o = command("one", "start", with);
    good(&o);
    pid_t pid = daemon_of("one");
    outcome_done(&o);
    /* Killed, it leaves its socket; the next one takes its place. */
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert(wait_gone(pid));
    o = command("one", "start", with);
    good(&o);
    ck_assert_int_ne(daemon_of("one"), pid);
    outcome_done(&o);
    clean_up("one");
}
END_TEST

/* A process that is not ours to end by its name, but stands in the file. */
static pid_t sleeper(void)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        for (;;) {
            (void)pause();
        }
    }
    return pid;
}

static void write_state(const char *bundle, pid_t a, const char *start_a, pid_t b,
                        const char *start_b, const char *boot)
{
    char path[256], text[512];
    path_in(bundle, "cloister.json", path);
    (void)snprintf(text, sizeof(text),
                   "{\"schema\":\"cloister.shim/1\",\"boot\":\"%s\",\"processes\":[{\"pid\":%d,"
                   "\"start\":\"%s\"},{\"pid\":%d,\"start\":\"%s\"}],\"folders\":[\"%s/%s/vm\"]}",
                   boot, (int)a, start_a, (int)b, start_b, world, bundle);
    ck_assert_int_eq(cl_write_file(path, text, strlen(text), 0600, NULL), CL_OK);
}

static void start_of(pid_t pid, char ret[static 32])
{
    char path[64];
    struct cl_buf b = {0};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    ck_assert_int_eq(cl_buf_read_file(&b, path, 4096, NULL), CL_OK);
    const char *p = strrchr(text_of(&b), ')');
    for (int i = 2; i < 22; i++) {
        ck_assert_ptr_nonnull(p);
        p = strchr(p + 1, ' ');
    }
    ck_assert_int_eq(sscanf(p, " %31[0-9]", ret), 1);
    cl_buf_done(&b);
}

START_TEST(test_delete_ends_what_is_left_and_spares_a_reused_id)
{
    char start[32], path[256], boot[40] = "";
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_read_file(&b, "/proc/sys/kernel/random/boot_id", 64, NULL), CL_OK);
    memcpy(boot, b.data, 36);
    cl_buf_done(&b);
    make_bundle("pod", NULL); /* config.json has gone */
    path_in("pod", "vm", path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    path_in("pod", "vm/sock", path);
    ck_assert_int_eq(cl_write_file(path, "x", 1, 0600, NULL), CL_OK);
    pid_t left = sleeper();
    pid_t other = sleeper();
    start_of(left, start);
    write_state("pod", other, "1", left, start, boot); /* the first began at another time */
    uint64_t before = cl_monotonic_us();
    clean_up("pod");
    ck_assert_uint_lt(cl_monotonic_us() - before, 5000000);
    int status = 0;
    ck_assert_int_eq(waitpid(left, &status, WNOHANG), left);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(waitpid(other, &status, WNOHANG), 0);
    path_in("pod", "vm", path);
    ck_assert_int_ne(access(path, F_OK), 0);
    /* A file from before the machine was started names nobody. */
    start_of(other, start);
    write_state("pod", other, start, other, start, "00000000-0000-0000-0000-000000000000");
    clean_up("pod");
    ck_assert_int_eq(waitpid(other, &status, WNOHANG), 0);
    /* A daemon that does not end when it is asked is killed. */
    write_state("pod", other, start, other, start, boot);
    before = cl_monotonic_us();
    clean_up("pod");
    ck_assert_uint_lt(cl_monotonic_us() - before, 5000000);
    ck_assert_int_eq(waitpid(other, &status, WNOHANG), other);
}
END_TEST

START_TEST(test_delete_with_nothing_there)
{
    char path[256];
    make_bundle("gone", NULL);
    clean_up("gone");
    path_in("gone", "rootfs", path);
    ck_assert_int_eq(rmdir(path), 0);
    clean_up("gone");
    path_in("gone", "cloister.json", path);
    ck_assert_int_eq(cl_write_file(path, "{", 1, 0600, NULL), CL_OK);
    struct outcome o = command("gone", "delete", ""); /* cannot tell whom to end */
    ck_assert_int_eq(o.status, 4);
    ck_assert_int_eq(strncmp(text_of(&o.err), "cloister: delete 'gone': ", 25), 0);
    outcome_done(&o);
}
END_TEST

START_TEST(test_delete_unmounts_the_root)
{
    char path[256];
    struct stat before, after;
    make_bundle("m", SINGLE);
    path_in("m", "rootfs", path);
    ck_assert_int_eq(stat(path, &before), 0);
    for (int i = 0; i < 2; i++) {
        if (mount("none", path, "tmpfs", 0, "size=64k") != 0) {
            (void)fprintf(stderr, "SKIPPED: no right to mount here: %s\n", strerror(errno));
            return;
        }
    }
    clean_up("m");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert(before.st_dev == after.st_dev);
    clean_up("m");
}
END_TEST

START_TEST(test_daemon_logs_into_the_fifo)
{
    char path[256], with[320], text[4096] = "";
    make_bundle("one", SINGLE);
    path_in("one", "log", path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    (void)snprintf(with, sizeof(with), "-socket %s/s -debug", world);
    struct outcome o = command("one", "start", with); /* nobody reads yet */
    good(&o);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(reader, 0);
    size_t len = 0;
    for (int i = 0; i < 1000 && strchr(text, '\n') == NULL; i++) {
        int fd = dial(text_of(&o.out)); /* it looks for a reader with each connection */
        ck_assert_int_eq(cl_write_all(fd, "half", 4, "test", NULL), CL_OK);
        (void)close(fd);
        (void)poll(NULL, 0, 10);
        ssize_t n = read(reader, text + len, sizeof(text) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    ck_assert_ptr_nonnull(strstr(text, "containerd-shim-cloister-v2: info: service: ttrpc frame: "
                                       "connection ended inside it\n"));
    (void)close(reader); /* and goes on without one */
    int fd = dial(text_of(&o.out));
    ck_assert_int_eq(cl_write_all(fd, "half", 4, "test", NULL), CL_OK);
    (void)close(fd);
    fd = dial(text_of(&o.out));
    rig_request(fd, 1, "containerd.task.v3.Task", "Connect", "", 0);
    struct cl_ttrpc_response r = rig_response(turn, fd, 1, 0);
    cl_ttrpc_response_done(&r);
    (void)close(fd);
    clean_up("one");
    outcome_done(&o);
}
END_TEST

static long private_kib(pid_t pid)
{
    char path[64], line[256];
    long sum = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "Private_", 8) == 0) {
            sum += strtol(strchr(line, ':') + 1, NULL, 10);
        }
    }
    (void)fclose(f);
    return sum;
}

static void count_descriptors(pid_t pid, int *ret_count)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    *ret_count = 0;
    while (readdir(d) != NULL) {
        ++*ret_count;
    }
    (void)closedir(d);
}

/* Instrumented programs are larger. */
START_TEST(test_daemon_is_small_and_stays_so)
{
    char with[320];
    int before = 0;
    int after = 0;
    make_bundle("one", SINGLE);
    (void)snprintf(with, sizeof(with), "-socket %s/s", world);
    struct outcome o = command("one", "start", with);
    good(&o);
    pid_t pid = daemon_of("one");
    count_descriptors(pid, &before);
    long idle = private_kib(pid);
    static char big[3u << 20]; /* a large request, and many connections */
    for (int i = 0; i < 100; i++) {
        int fd = dial(text_of(&o.out));
        rig_request(fd, 1, "containerd.task.v2.Task", "Connect", big, i == 0 ? sizeof(big) : 0);
        struct cl_ttrpc_response r = rig_response(turn, fd, 1, i == 0 ? 3 : 0);
        cl_ttrpc_response_done(&r);
        (void)close(fd);
    }
    (void)poll(NULL, 0, 50);
    count_descriptors(pid, &after);
    long later = private_kib(pid);
    (void)printf("private memory of the daemon: %ld KiB idle, %ld KiB after requests\n", idle,
                 later);
    ck_assert_int_eq(before, after);
#ifndef CL_INSTRUMENTED
    ck_assert_int_le(idle, MAX_PRIVATE_KIB);
    ck_assert_int_le(later, MAX_PRIVATE_KIB);
#endif
    clean_up("one");
    outcome_done(&o);
}
END_TEST

START_TEST(test_info_and_version)
{
    make_bundle("x", NULL);
    struct outcome o = run("x", "", 0, "-info");
    good(&o);
    ProtobufCMessage *m =
        shim_pb_unpack(&containerd__types__runtime_info__descriptor, o.out.data, o.out.len);
    const Containerd__Types__RuntimeInfo *i = (const Containerd__Types__RuntimeInfo *)m;
    ck_assert_ptr_nonnull(i);
    ck_assert_str_eq(i->name, "io.containerd.cloister.v2");
    ck_assert_str_eq(i->version->version, CL_VERSION);
    ck_assert_uint_eq(i->n_annotations, 1);
    ck_assert_str_eq(i->annotations[0]->key, "containerd.io/runtime-allow-mounts");
    ck_assert_str_eq(i->annotations[0]->value, "");
    protobuf_c_message_free_unpacked(m, NULL);
    outcome_done(&o);
    o = run("x", "", 0, "-v");
    good(&o);
    ck_assert_str_eq(text_of(&o.out), "containerd-shim-cloister-v2 " CL_VERSION "\n");
    outcome_done(&o);
    o = run("x", "", 0, "-help");
    good(&o);
    ck_assert_int_eq(strncmp(text_of(&o.out), "usage: containerd-shim-cloister-v2 ", 35), 0);
    outcome_done(&o);
}
END_TEST

START_TEST(test_starts_at_once_for_one_group_make_one_daemon)
{
    char sockets[300], address[2][128];
    (void)snprintf(sockets, sizeof(sockets), "%s/s", world);
    pid_t child[8];
    for (int i = 0; i < 8; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "g%d", i);
        make_bundle(id, LABEL);
        child[i] = fork();
        if (child[i] == 0) {
            struct outcome o = start_in(id, sockets);
            _exit(o.status);
        }
    }
    int daemons = 0;
    for (int i = 0; i < 8; i++) {
        int status = -1;
        struct cl_buf b = {0};
        char id[8], path[256];
        (void)snprintf(id, sizeof(id), "g%d", i);
        ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
        ck_assert_int_eq(status, 0);
        read_in(id, "address", &b);
        (void)snprintf(address[i > 0], sizeof(address[0]), "%s", text_of(&b));
        ck_assert_str_eq(address[i > 0], address[0]);
        path_in(id, "cloister.json", path);
        daemons += access(path, F_OK) == 0;
        cl_buf_done(&b);
    }
    ck_assert_int_eq(daemons, 1);
    char with[320];
    (void)snprintf(with, sizeof(with), "-socket %s", address[0] + strlen("unix://"));
    for (int i = 0; i < 8; i++) { /* one of them is the daemon's: it goes on for the others */
        char id[8];
        (void)snprintf(id, sizeof(id), "g%d", i);
        struct outcome o = command(id, "delete", with);
        expect_delete_response(&o);
        outcome_done(&o);
    }
    int fd = dial(address[0]);
    rig_request(fd, 1, "containerd.task.v2.Task", "Shutdown", "", 0);
    struct cl_ttrpc_response r = rig_response(turn, fd, 1, 0);
    cl_ttrpc_response_done(&r);
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_commands");
    TCase *t = tcase_create("shim_commands");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_start_serves_and_shutdown_ends_it);
    tcase_add_test(t, test_containers_of_a_pod_share_one_daemon);
    tcase_add_test(t, test_container_without_its_sandbox_is_refused);
    tcase_add_test(t, test_start_that_fails_says_one_line_and_leaves_nothing);
    tcase_add_test(t, test_socket_that_nobody_listens_behind_is_replaced);
    tcase_add_test(t, test_delete_ends_what_is_left_and_spares_a_reused_id);
    tcase_add_test(t, test_delete_with_nothing_there);
    tcase_add_test(t, test_delete_unmounts_the_root);
    tcase_add_test(t, test_daemon_logs_into_the_fifo);
    tcase_add_test(t, test_daemon_is_small_and_stays_so);
    tcase_add_test(t, test_info_and_version);
    tcase_add_test(t, test_starts_at_once_for_one_group_make_one_daemon);
    suite_add_tcase(s, t);
    return run_suite(s);
}
