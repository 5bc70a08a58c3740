/* SPDX-License-Identifier: Apache-2.0
 * test_shim_engine.c - shim and agent meet: containerd's calls and specifications on one side, the
 * agent's engine with crun, cgroups and mounts on the other, and nothing played but the VM between
 * them, which is a process with namespaces of its own (docs/interfaces.md I-10). Skips, and says
 * so, where the machine does not allow that.
 */
#include "check_main.h"
#include "shim_world.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CREATED = 1, RUNNING, STOPPED, PAUSED };

/* --- the VM: shim_guest
 * -------------------------------------------------------------------------------------------- */

struct native {
    struct world *w;
    struct shim_vm_callbacks cb;
    struct host_server *server;
    pid_t pid;
    int input; /* its end is the VM's */
    int pidfd;
    struct event *ended;
};

static struct native native;
static char blobs[64];
static char digest[CL_OCI_DIGEST_SIZE];

static pid_t run(const char *const *argv, int input, int output)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (input >= 0) {
            (void)dup2(input, STDIN_FILENO);
        }
        (void)dup2(output, STDOUT_FILENO);
        (void)execv(SHIM_GUEST, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static void on_guest_end(evutil_socket_t fd, short what, void *ctx)
{
    struct native *n = ctx;
    (void)fd;
    (void)what;
    (void)waitpid(n->pid, NULL, 0);
    n->pid = 0;
    n->cb.ended(n->cb.ctx, "poweroff");
}

static enum cl_status native_start(const struct shim_vm_config *cfg, struct shim_vm **ret_vm,
                                   struct cl_err *err)
{
    struct native *n = &native;
    int pipe_fds[2];
    const char *const argv[] = {"shim_guest", n->w->dir, NULL};
    const struct host_server_config server = {.base = cfg->base,
                                              .open_blob = cfg->cb.open_blob,
                                              .open_stdio = cfg->cb.open_stdio,
                                              .on_output_end = cfg->cb.output_end,
                                              .open_forward = cfg->cb.open_forward,
                                              .on_forward_end = cfg->cb.forward_end,
                                              .on_agent = cfg->cb.agent,
                                              .ctx = cfg->cb.ctx};
    n->cb = cfg->cb;
    CL_TRY(host_server_new(&server, &n->server, err));
    CL_TRY(host_server_listen(n->server, n->w->dir, err));
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    n->input = pipe_fds[1];
    n->pid = run(argv, pipe_fds[0], STDERR_FILENO);
    (void)close(pipe_fds[0]);
    n->pidfd = (int)syscall(SYS_pidfd_open, n->pid, 0);
    n->ended = event_new(cfg->base, n->pidfd, EV_READ, on_guest_end, n);
    ck_assert_int_eq(event_add(n->ended, NULL), 0);
    *ret_vm = (struct shim_vm *)n;
    return CL_OK;
}

static void native_stop(struct shim_vm *vm)
{
    cl_close_fdp(&((struct native *)vm)->input);
}

static void native_free(struct shim_vm *vm)
{
    struct native *n = (struct native *)vm;
    if (n == NULL) {
        return;
    }
    cl_close_fdp(&n->input);
    if (n->pid > 0) {
        (void)waitpid(n->pid, NULL, 0);
    }
    event_free(n->ended);
    (void)close(n->pidfd);
    host_server_free(n->server);
}

static pid_t native_pid(const struct shim_vm *vm)
{
    return ((const struct native *)vm)->pid;
}

static size_t native_processes(const struct shim_vm *vm, pid_t ret[SHIM_VM_MAX_PROCESSES])
{
    ret[0] = native_pid(vm);
    return 1;
}

static const char *native_folder(const struct shim_vm *vm)
{
    return ((const struct native *)vm)->w->dir;
}

/* Its disks are this machine's: there is nothing to be done. */
static enum cl_status native_attach(struct shim_vm *vm, unsigned slot, int fd, struct cl_err *err)
{
    (void)vm;
    (void)slot;
    (void)fd;
    (void)err;
    return CL_OK;
}

static const struct shim_vm_ops native_vm = {.start = native_start,
                                             .stop = native_stop,
                                             .free = native_free,
                                             .pid = native_pid,
                                             .processes = native_processes,
                                             .attach = native_attach,
                                             .folder = native_folder};

/* --- its image
 * ----------------------------------------------------------------------------------------------------
 */

struct shim_image {
    struct event *ev;
    shim_image_done done;
    void *ctx;
};

static void on_image(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_image *i = ctx;
    (void)fd;
    (void)what;
    i->done(i->ctx, CL_OK, digest, NULL);
}

static enum cl_status resolve(void *ctx, const struct shim_image_request *r, shim_image_done done,
                              void *done_ctx, struct shim_image **ret, struct cl_err *err)
{
    struct shim_image *i = calloc(1, sizeof(*i));
    (void)r;
    (void)err;
    *i = (struct shim_image){.done = done, .ctx = done_ctx};
    i->ev = event_new(((struct native *)ctx)->w->base, -1, 0, on_image, i);
    event_active(i->ev, 0, 0);
    *ret = i;
    return CL_OK;
}

static enum cl_status open_blob(struct shim_image *i, const uint8_t want[CL_SHA256_SIZE],
                                int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    char hex[2 * CL_SHA256_SIZE + 1];
    char path[160];
    struct stat st;
    (void)i;
    cl_hex(hex, want, CL_SHA256_SIZE);
    (void)snprintf(path, sizeof(path), "%s/%s", blobs, hex);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0 || fstat(*ret_fd, &st) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "blob: none");
    }
    *ret_size = (uint64_t)st.st_size;
    return CL_OK;
}

static void release(struct shim_image *i)
{
    if (i != NULL) {
        event_free(i->ev);
        free(i);
    }
}

/* --- the world
 * ----------------------------------------------------------------------------------------------------
 */

#define UID "0f9d4a6e-2b1c-4c55-9a77-5d2e1c3b7a10"
/* No limits: the machines of the tests have cgroup v2 without its controllers. */
#define COMMON                                                                                     \
    "\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},\"linux\":{\"namespaces\":["          \
    "{\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":\"/proc/4711/ns/ipc\"},{\"type\":\"uts\","      \
    "\"path\":\"/proc/4711/ns/uts\"},{\"type\":\"mount\"},{\"type\":\"network\",\"path\":"         \
    "\"/proc/4711/ns/net\"}],\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":["                \
    "\"/proc/sys\"]}"
#define MOUNTS                                                                                     \
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\","    \
    "\"noexec\",\"nodev\"]},{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","    \
    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},{\"destination\":"     \
    "\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","   \
    "\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},{\"destination\":\"/sys\","       \
    "\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","        \
    "\"ro\"]}"
#define LABELS(kind)                                                                               \
    "\"annotations\":{\"io.kubernetes.cri.container-type\":\"" kind "\","                          \
    "\"io.kubernetes.cri.sandbox-id\":\"sb\",\"io.kubernetes.cri.sandbox-uid\":\"" UID "\","       \
    "\"io.kubernetes.cri.container-name\":\"app\"}"

static const char sandbox_config[] =
    "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"user\":{\"uid\":0,"
    "\"gid\":0},\"args\":[\"/pause\"],\"cwd\":\"/\"},\"hostname\":\"web-0\",\"mounts\":[" MOUNTS
    "],\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
    "{\"type\":\"mount\"},{\"type\":\"network\"}]}," LABELS("sandbox") "}";

/* args: JSON strings behind "/program"; mounts: JSON objects, each after a comma. */
static void config_of(char *ret, size_t size, const char *args, const char *mounts, bool terminal)
{
    (void)snprintf(ret, size,
                   "{" COMMON ",\"process\":{\"terminal\":%s,\"user\":{\"uid\":0,\"gid\":0},"
                   "\"args\":[\"/program\"%s],\"env\":[\"PATH=/\"],\"cwd\":\"/\"},\"mounts\":"
                   "[" MOUNTS "%s]," LABELS("container") "}",
                   terminal ? "true" : "false", args, mounts);
}

struct stdio {
    char path[3][120];
    int in, out, err;
};

static void stdio_up(struct world *w, const char *id, struct stdio *s)
{
    static const char *const names[] = {"in", "out", "err"};
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(s->path[i], sizeof(s->path[i]), "%s/%s-%s", w->dir, id, names[i]);
        ck_assert_int_eq(mkfifo(s->path[i], 0600), 0);
    }
    s->in = open(s->path[0], O_RDWR | O_NONBLOCK | O_CLOEXEC);
    s->out = open(s->path[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    s->err = open(s->path[2], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void stdio_down(struct stdio *s)
{
    cl_close_fdp(&s->in);
    cl_close_fdp(&s->out);
    cl_close_fdp(&s->err);
    for (unsigned i = 0; i < 3; i++) {
        (void)unlink(s->path[i]);
    }
}

/* What comes until the end, or until `text` is in it. */
static void expect(struct world *w, int fd, const char *text)
{
    static char got[65536];
    size_t len = 0;
    uint64_t end = cl_monotonic_us() + WORLD_ANY_TIME * UINT64_C(1000);
    got[0] = '\0';
    while (strstr(got, text) == NULL && cl_monotonic_us() < end) {
        ssize_t n = read(fd, got + len, sizeof(got) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        got[len] = '\0';
        world_pass(w, 1);
    }
    ck_assert_msg(strstr(got, text) != NULL, "expected '%s', got '%s'", text, got);
}

static void engine_up(struct world *w)
{
    static struct shim_image_ops images;
    struct answer a = {0};
    world_call_ms = 20000;
    images = (struct shim_image_ops){
        .ctx = &native, .resolve = resolve, .open_blob = open_blob, .release = release};
    native = (struct native){.w = w, .input = -1, .pidfd = -1};
    world_up_on(w, &native_vm, &images);
    ck_assert_msg(world_create(w, "sb", sandbox_config, &a) == 0, "%s", a.message);
    ck_assert_int_eq(world_start(w, "sb", NULL, &a), 0);
    answer_done(&a);
}

static void create(struct world *w, const char *id, const char *args, const char *mounts,
                   struct stdio *s)
{
    static char config[65536];
    struct answer a = {0};
    config_of(config, sizeof(config), args, mounts, false);
    stdio_up(w, id, s);
    world_create_begin(w, id, config, s->path[0], s->path[1], s->path[2], &a);
    world_until(w, &a.done);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

static void start(struct world *w, const char *id, const char *exec)
{
    struct answer a = {0};
    ck_assert_msg(world_start(w, id, exec, &a) == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

static uint32_t end_of(struct world *w, const char *id, const char *exec)
{
    struct answer a = {0};
    world_wait_begin(w, id, exec, &a);
    world_until(w, &a.done);
    uint32_t status = wait_status(&a);
    answer_done(&a);
    return status;
}

static void forget(struct world *w, const char *id, const char *exec)
{
    struct answer a = {0};
    ck_assert_msg(world_delete(w, id, exec, &a) == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

static void engine_down(struct world *w)
{
    struct answer a = {0};
    ck_assert_int_eq(world_kill(w, "sb", NULL, SIGKILL, &a), 0);
    ck_assert_uint_eq(end_of(w, "sb", NULL), 128 + SIGKILL);
    forget(w, "sb", NULL);
    answer_done(&a);
    world_down(w);
}

/* --- what happens
 * -------------------------------------------------------------------------------------------------
 */

START_TEST(test_a_container_runs)
{
    struct world w;
    struct stdio s;
    engine_up(&w);
    create(&w, "c1", ",\"out\",\"hello\"", "", &s);
    start(&w, "c1", NULL);
    ck_assert_uint_eq(end_of(&w, "c1", NULL), 0);
    expect(&w, s.out, "hello\n");
    expect(&w, s.err, "error hello\n");
    forget(&w, "c1", NULL);
    stdio_down(&s);
    create(&w, "c2", ",\"exit\",\"42\"", "", &s);
    start(&w, "c2", NULL);
    ck_assert_uint_eq(end_of(&w, "c2", NULL), 42);
    forget(&w, "c2", NULL);
    stdio_down(&s);
    create(&w, "c3", ",\"host\"", "", &s); /* the pod's name, a PID namespace of its own */
    start(&w, "c3", NULL);
    expect(&w, s.out, "web-0 1\n");
    ck_assert_uint_eq(end_of(&w, "c3", NULL), 0);
    forget(&w, "c3", NULL);
    stdio_down(&s);
    engine_down(&w);
}
END_TEST

START_TEST(test_signals_and_execs)
{
    struct world w;
    struct stdio s;
    struct answer a = {0};
    Containerd__Task__V2__PauseRequest pause;
    containerd__task__v2__pause_request__init(&pause);
    pause.id = (char[]){"c1"};
    engine_up(&w);
    create(&w, "c1", ",\"wait\"", "", &s);
    start(&w, "c1", NULL);
    expect(&w, s.out, "ready");
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
    start(&w, "c1", "e1");
    ck_assert_uint_eq(end_of(&w, "c1", "e1"), 9);
    forget(&w, "c1", "e1");
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
    ck_assert_uint_eq(end_of(&w, "c1", NULL), 7);
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGTERM, &a), SHIM_CODE_NOT_FOUND);
    forget(&w, "c1", NULL);
    stdio_down(&s);
    create(&w, "c1", ",\"wait\"", "", &s); /* killed before it was started */
    ck_assert_int_eq(world_kill(&w, "c1", NULL, SIGKILL, &a), 0);
    ck_assert_uint_eq(end_of(&w, "c1", NULL), 137);
    forget(&w, "c1", NULL);
    stdio_down(&s);
    answer_done(&a);
    engine_down(&w);
}
END_TEST

/* One line of the guest's is what containerd gets to hear. */
static void denied(struct world *w, const char *id, const char *args, const char *mounts,
                   const char *line)
{
    static char config[65536];
    struct answer a = {0};
    struct stdio s;
    config_of(config, sizeof(config), args, mounts, false);
    stdio_up(w, id, &s);
    world_create_begin(w, id, config, s.path[0], s.path[1], s.path[2], &a);
    world_until(w, &a.done);
    ck_assert_int_eq(a.code, 7);
    ck_assert_msg(strstr(a.message, line) != NULL, "%s", a.message);
    ck_assert_ptr_null(strchr(a.message, '\n'));
    answer_done(&a);
    stdio_down(&s);
}

START_TEST(test_a_measured_pod_is_what_containerd_may_have)
{
    struct world w;
    struct stdio s;
    char path[96];
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "{\"schema\":\"cloister.pod-policy/1\",\"sandbox\":{\"hostname\":\"web-0\"},"
                     "\"containers\":[{\"name\":\"app\",\"image\":{\"manifest\":\"%s\","
                     "\"encryption\":\"optional\"},\"args\":[\"/program\",\"out\",\"hello\"],"
                     "\"env\":[\"PATH=/\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},"
                     "\"streams\":{\"stdout\":true}}]}",
                     digest);
    (void)snprintf(path, sizeof(path), "%s.policy", blobs);
    ck_assert_int_eq(cl_write_file(path, text, (size_t)n, 0600, NULL), CL_OK);
    ck_assert_int_eq(setenv("SHIM_GUEST_POLICY", path, 1), 0); /* of this test's process */
    engine_up(&w);
    denied(&w, "c1", ",\"exit\",\"42\"", "",
           "policy: containers[app]: args[1]: expected 'out', got 'exit'");
    denied(&w, "c2", ",\"out\",\"hello\"",
           ",{\"destination\":\"/etc\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}",
           "policy: containers[app]: mounts[/etc]: expected none, got a tmpfs");
    create(&w, "c3", ",\"out\",\"hello\"", "", &s);
    start(&w, "c3", NULL);
    ck_assert_uint_eq(end_of(&w, "c3", NULL), 0);
    expect(&w, s.out, "hello\n");
    ck_assert_int_le(read(s.err, text, sizeof(text)), 0);
    forget(&w, "c3", NULL);
    stdio_down(&s);
    engine_down(&w);
    (void)unlink(path);
}
END_TEST

START_TEST(test_input_and_its_end)
{
    struct world w;
    struct stdio s;
    struct answer a = {0};
    Containerd__Task__V2__CloseIORequest r;
    containerd__task__v2__close_iorequest__init(&r);
    r.id = (char[]){"c1"};
    r.stdin = 1;
    engine_up(&w);
    create(&w, "c1", ",\"cat\"", "", &s);
    start(&w, "c1", NULL);
    ck_assert_int_eq(write(s.in, "through the pod", 15), 15);
    expect(&w, s.out, "through the pod");
    world_call(&w, "CloseIO", &r.base, &a);
    cl_close_fdp(&s.in);
    ck_assert_uint_eq(end_of(&w, "c1", NULL), 0);
    forget(&w, "c1", NULL);
    stdio_down(&s);
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
    struct stdio s;
    struct cl_buf got = {0};
    char kubelet[80];
    char path[256];
    char mounts[2048];
    engine_up(&w);
    (void)snprintf(kubelet, sizeof(kubelet), "%s/kubelet", w.dir);
    w.settings.kubelet = kubelet;
    (void)snprintf(path, sizeof(path),
                   "%s/pods/" UID "/volumes/kubernetes.io~configmap/settings/key", kubelet);
    put(path, "of the config map\n");
    (void)snprintf(path, sizeof(path), "%s/pods/" UID "/etc-hosts", kubelet);
    put(path, "10.0.0.1 web-0\n");
    (void)snprintf(path, sizeof(path), "%s/pods/" UID "/volumes/kubernetes.io~empty-dir/cache/x",
                   kubelet);
    put(path, "");
    (void)snprintf(path, sizeof(path), "%s/pods/" UID "/containers/app/1234", kubelet);
    put(path, "");
    (void)snprintf(
        mounts, sizeof(mounts),
        ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"%s/pods/" UID
        "/volumes/kubernetes.io~configmap/settings\",\"options\":[\"rbind\",\"ro\"]}"
        ",{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"%s/pods/" UID
        "/etc-hosts\",\"options\":[\"rbind\",\"rw\"]}"
        ",{\"destination\":\"/tmp\",\"type\":\"bind\",\"source\":\"%s/pods/" UID
        "/volumes/kubernetes.io~empty-dir/cache\",\"options\":[\"rbind\",\"rw\"]}"
        ",{\"destination\":\"/dev/termination-log\",\"type\":\"bind\",\"source\":\"%s/pods"
        "/" UID "/containers/app/1234\",\"options\":[\"rbind\",\"rw\"]}",
        kubelet, kubelet, kubelet, kubelet);
    create(&w, "c1", ",\"show\",\"/data/key\"", mounts, &s);
    start(&w, "c1", NULL);
    expect(&w, s.out, "of the config map\n");
    ck_assert_uint_eq(end_of(&w, "c1", NULL), 0);
    forget(&w, "c1", NULL);
    stdio_down(&s);
    create(&w, "c2", ",\"show\",\"/etc/hosts\"", mounts, &s);
    start(&w, "c2", NULL);
    expect(&w, s.out, "10.0.0.1 web-0\n");
    ck_assert_uint_eq(end_of(&w, "c2", NULL), 0);
    forget(&w, "c2", NULL);
    stdio_down(&s);
    create(&w, "c3", ",\"put\",\"/dev/termination-log\",\"the end\"", mounts, &s);
    start(&w, "c3", NULL);
    ck_assert_uint_eq(end_of(&w, "c3", NULL), 0);
    ck_assert_int_eq(cl_buf_read_file(&got, path, 100, NULL), CL_OK); /* before the exit is told */
    ck_assert_str_eq((char *)got.data, "the end");
    forget(&w, "c3", NULL);
    stdio_down(&s);
    create(&w, "c4", ",\"put\",\"/tmp/shared\",\"by c4\"", mounts, &s);
    start(&w, "c4", NULL);
    ck_assert_uint_eq(end_of(&w, "c4", NULL), 0);
    stdio_down(&s);
    create(&w, "c5", ",\"show\",\"/tmp/shared\"", mounts, &s); /* an emptyDir is the pod's */
    start(&w, "c5", NULL);
    expect(&w, s.out, "by c4");
    ck_assert_uint_eq(end_of(&w, "c5", NULL), 0);
    stdio_down(&s);
    forget(&w, "c4", NULL);
    forget(&w, "c5", NULL);
    cl_buf_done(&got);
    w.settings.kubelet = NULL;
    engine_down(&w);
}
END_TEST

/* More restarts than a guest may have volumes. */
START_TEST(test_a_container_that_crashes_for_days)
{
    struct world w;
    struct stdio s;
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
        (void)snprintf(path, sizeof(path), "%s/pods/" UID "/containers/app/%u", kubelet, i);
        put(path, "");
        (void)snprintf(mounts, sizeof(mounts),
                       ",{\"destination\":\"/dev/termination-log\",\"type\":\"bind\",\"source\":"
                       "\"%s\",\"options\":[\"rbind\",\"rw\"]}",
                       path);
        w.event_count = 0;
        create(&w, id, ",\"exit\",\"3\"", mounts, &s);
        start(&w, id, NULL);
        ck_assert_uint_eq(end_of(&w, id, NULL), 3);
        forget(&w, id, NULL);
        stdio_down(&s);
    }
    w.settings.kubelet = NULL;
    engine_down(&w);
}
END_TEST

START_TEST(test_a_terminal)
{
    struct world w;
    struct stdio s;
    struct answer a = {0};
    static char config[65536];
    Containerd__Task__V2__ResizePtyRequest r;
    containerd__task__v2__resize_pty_request__init(&r);
    r.id = (char[]){"c1"};
    r.height = 40;
    r.width = 100;
    engine_up(&w);
    config_of(config, sizeof(config), ",\"tty\"", "", true);
    stdio_up(&w, "c1", &s);
    world_create_begin(&w, "c1", config, s.path[0], s.path[1], NULL, &a);
    world_until(&w, &a.done);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    world_call(&w, "ResizePty", &r.base, &a);
    ck_assert_int_eq(a.code, 0);
    start(&w, "c1", NULL);
    expect(&w, s.out, "tty 1 0 40x100");
    ck_assert_uint_eq(end_of(&w, "c1", NULL), 0);
    forget(&w, "c1", NULL);
    stdio_down(&s);
    answer_done(&a);
    engine_down(&w);
}
END_TEST

START_TEST(test_the_sandbox_takes_everything_with_it)
{
    struct world w;
    struct stdio s;
    struct answer a = {0};
    struct answer wait = {0};
    engine_up(&w);
    create(&w, "c1", ",\"wait\"", "", &s);
    start(&w, "c1", NULL);
    world_wait_begin(&w, "c1", NULL, &wait);
    expect(&w, s.out, "ready");
    ck_assert_int_eq(world_kill(&w, "sb", NULL, SIGTERM, &a), 0);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 137);
    ck_assert_uint_eq(end_of(&w, "sb", NULL), 128 + SIGTERM);
    forget(&w, "c1", NULL);
    forget(&w, "sb", NULL);
    stdio_down(&s);
    answer_done(&a);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

/* --- whether it can
 * -----------------------------------------------------------------------------------------------
 */

/* Outside of tests, where Check cannot report. */
static void must(bool good)
{
    if (!good) {
        perror("test_shim_engine");
        exit(EXIT_FAILURE);
    }
}

/* The guest says so itself: it ends without having dialled. */
static bool can_run(void)
{
    char dir[] = "/tmp/shim-can-XXXXXX";
    char path[64];
    int pipe_fds[2];
    int listener = -1;
    bool dialled = false;
    must(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof(path), "%s/guest_1024.sock", dir);
    must(cl_unix_listen(path, &listener, NULL) == CL_OK);
    must(pipe2(pipe_fds, O_CLOEXEC) == 0);
    const char *const argv[] = {"shim_guest", dir, NULL};
    pid_t pid = run(argv, pipe_fds[0], STDERR_FILENO);
    (void)fcntl(listener, F_SETFL, O_NONBLOCK);
    int conn = -1;
    int status = 0;
    while (!dialled && waitpid(pid, &status, WNOHANG) == 0) {
        conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        dialled = conn >= 0;
        (void)usleep(1000);
    }
    (void)close(pipe_fds[1]);
    (void)close(pipe_fds[0]);
    cl_close_fdp(&conn);
    if (dialled) {
        (void)waitpid(pid, &status, 0);
    }
    (void)close(listener);
    (void)unlink(path);
    (void)rmdir(dir);
    return dialled;
}

static void make_image(void)
{
    int pipe_fds[2];
    (void)snprintf(blobs, sizeof(blobs), "/tmp/shim-blobs-XXXXXX");
    must(mkdtemp(blobs) != NULL);
    must(pipe2(pipe_fds, O_CLOEXEC) == 0);
    const char *const argv[] = {"shim_guest", "image", blobs, NULL};
    pid_t pid = run(argv, -1, pipe_fds[1]);
    (void)close(pipe_fds[1]);
    must(cl_read_all(pipe_fds[0], digest, sizeof(digest) - 1, "digest", NULL) == CL_OK);
    (void)close(pipe_fds[0]);
    (void)waitpid(pid, NULL, 0);
}

static void remove_image(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", blobs, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

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
    if (!can_run()) {
        printf("SKIP: the agent's engine does not run natively here\n");
        return EXIT_SUCCESS;
    }
    make_image();
    int rc = run_suite(suite());
    remove_image();
    return rc;
}
