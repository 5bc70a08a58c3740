/* SPDX-License-Identifier: Apache-2.0
 * shim_engine.c - a pod of the real shim with the agent's real engine; see shim_engine.h.
 */
#include "shim_engine.h"

#include "check_main.h"

#include "base/encode.h"
#include "base/io.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
char engine_blobs[64];
char engine_digest[CL_OCI_DIGEST_SIZE];

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
    i->done(i->ctx, CL_OK, engine_digest, NULL);
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
    (void)snprintf(path, sizeof(path), "%s/%s", engine_blobs, hex);
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
    "\"io.kubernetes.cri.sandbox-id\":\"sb\",\"io.kubernetes.cri.sandbox-uid\":\"" ENGINE_UID      \
    "\","                                                                                          \
    "\"io.kubernetes.cri.container-name\":\"app\"}"

static const char sandbox_config[] =
    "{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"user\":{\"uid\":0,"
    "\"gid\":0},\"args\":[\"/pause\"],\"cwd\":\"/\"},\"hostname\":\"web-0\",\"mounts\":[" MOUNTS
    "],\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
    "{\"type\":\"mount\"},{\"type\":\"network\"}]}," LABELS("sandbox") "}";

/* args: JSON strings behind "/program"; mounts: JSON objects, each after a comma. */
void engine_config_of(char *ret, size_t size, const char *args, const char *mounts, bool terminal)
{
    (void)snprintf(ret, size,
                   "{" COMMON ",\"process\":{\"terminal\":%s,\"user\":{\"uid\":0,\"gid\":0},"
                   "\"args\":[\"/program\"%s],\"env\":[\"PATH=/\"],\"cwd\":\"/\"},\"mounts\":"
                   "[" MOUNTS "%s]," LABELS("container") "}",
                   terminal ? "true" : "false", args, mounts);
}

void engine_stdio_up(struct world *w, const char *id, struct engine_stdio *s)
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

void engine_stdio_down(struct engine_stdio *s)
{
    cl_close_fdp(&s->in);
    cl_close_fdp(&s->out);
    cl_close_fdp(&s->err);
    for (unsigned i = 0; i < 3; i++) {
        (void)unlink(s->path[i]);
    }
}

/* What comes until the end, or until `text` is in it. */
void engine_expect(struct world *w, int fd, const char *text)
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

void engine_up(struct world *w)
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

void engine_create(struct world *w, const char *id, const char *args, const char *mounts,
                   struct engine_stdio *s)
{
    static char config[65536];
    struct answer a = {0};
    engine_config_of(config, sizeof(config), args, mounts, false);
    engine_stdio_up(w, id, s);
    world_create_begin(w, id, config, s->path[0], s->path[1], s->path[2], &a);
    world_until(w, &a.done);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

void engine_denied(struct world *w, const char *id, const char *args, const char *mounts, int code,
                   const char *line)
{
    static char config[65536];
    struct answer a = {0};
    struct engine_stdio s;
    engine_config_of(config, sizeof(config), args, mounts, false);
    engine_stdio_up(w, id, &s);
    world_create_begin(w, id, config, s.path[0], s.path[1], s.path[2], &a);
    world_until(w, &a.done);
    ck_assert_msg(strstr(a.message, line) != NULL, "expected '%s', got '%s'", line, a.message);
    ck_assert_int_eq(a.code, code);
    ck_assert_ptr_null(strchr(a.message, '\n'));
    answer_done(&a);
    engine_stdio_down(&s);
}

void engine_start(struct world *w, const char *id, const char *exec)
{
    struct answer a = {0};
    ck_assert_msg(world_start(w, id, exec, &a) == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

uint32_t engine_end_of(struct world *w, const char *id, const char *exec)
{
    struct answer a = {0};
    world_wait_begin(w, id, exec, &a);
    world_until(w, &a.done);
    uint32_t status = wait_status(&a);
    answer_done(&a);
    return status;
}

void engine_forget(struct world *w, const char *id, const char *exec)
{
    struct answer a = {0};
    ck_assert_msg(world_delete(w, id, exec, &a) == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

void engine_down(struct world *w)
{
    struct answer a = {0};
    ck_assert_int_eq(world_kill(w, "sb", NULL, SIGKILL, &a), 0);
    ck_assert_uint_eq(engine_end_of(w, "sb", NULL), 128 + SIGKILL);
    engine_forget(w, "sb", NULL);
    answer_done(&a);
    world_down(w);
}

/* --- whether it can
 * -----------------------------------------------------------------------------------------------
 */

/* Outside of tests, where Check cannot report. */
static void must(bool good)
{
    if (!good) {
        perror("shim_engine");
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

static void image_make(void)
{
    int pipe_fds[2];
    (void)snprintf(engine_blobs, sizeof(engine_blobs), "/tmp/shim-blobs-XXXXXX");
    must(mkdtemp(engine_blobs) != NULL);
    must(pipe2(pipe_fds, O_CLOEXEC) == 0);
    const char *const argv[] = {"shim_guest", "image", engine_blobs, NULL};
    pid_t pid = run(argv, -1, pipe_fds[1]);
    (void)close(pipe_fds[1]);
    must(cl_read_all(pipe_fds[0], engine_digest, sizeof(engine_digest) - 1, "digest", NULL) ==
         CL_OK);
    (void)close(pipe_fds[0]);
    (void)waitpid(pid, NULL, 0);
}

static void image_remove(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", engine_blobs, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

int engine_main(Suite *(*suite)(void))
{
    if (!can_run()) {
        printf("SKIP: the agent's engine does not run natively here\n");
        return EXIT_SUCCESS;
    }
    image_make();
    int rc = run_suite(suite());
    image_remove();
    return rc;
}
