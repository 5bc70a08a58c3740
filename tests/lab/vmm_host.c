/* SPDX-License-Identifier: Apache-2.0
 * vmm_host.c - see vmm_host.h.
 */
#include "vmm_host.h"

#include "base/buf.h"
#include "base/io.h"
#include "vmm_pattern.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_S 150
#define CHUNK (64u << 10)

struct vm_files vm_files;

const char *vm_path(struct vm *vm, const char *name)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", vm->dir, name), 0);
    return path;
}

void vm_write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(cl_write_all(fd, data, len, path, NULL), CL_OK);
    (void)close(fd);
}

void vm_copy_file(const char *from, const char *to)
{
    struct cl_buf data = {0};
    struct cl_err err = {0};
    ck_assert_msg(cl_buf_read_file(&data, from, 1u << 28, &err) == CL_OK, "%s", err.msg);
    vm_write_file(to, data.data, data.len);
    cl_buf_done(&data);
}

void vm_pattern_file(const char *path, size_t size)
{
    uint8_t *data = malloc(size);
    ck_assert_ptr_nonnull(data);
    vmm_pattern_fill(data, size, 0);
    vm_write_file(path, data, size);
    free(data);
}

bool vm_is_pattern_file(const char *path, size_t size)
{
    struct cl_buf data = {0};
    uint8_t *want = malloc(size);
    ck_assert_ptr_nonnull(want);
    vmm_pattern_fill(want, size, 0);
    ck_assert_int_eq(cl_buf_read_file(&data, path, size + 1, NULL), CL_OK);
    bool same = data.len == size && memcmp(data.data, want, size) == 0;
    free(want);
    cl_buf_done(&data);
    return same;
}

void vm_arg(struct vm *vm, const char *name, const char *value)
{
    ck_assert_uint_lt(vm->arg_count + 2, VM_MAX_ARGS);
    vm->args[vm->arg_count++] = name;
    if (value != NULL) {
        vm->args[vm->arg_count++] = value;
    }
}

void vm_replace_arg(struct vm *vm, const char *name, const char *value)
{
    for (size_t i = 0; i + 1 < vm->arg_count; i++) {
        if (strcmp(vm->args[i], name) == 0) {
            vm->args[i + 1] = value;
            return;
        }
    }
    ck_abort_msg("%s is not there", name);
}

static char *join(const char *a, const char *b)
{
    char *s = NULL;
    ck_assert_int_gt(asprintf(&s, "%s%s", a, b), 0);
    return s;
}

void vm_init(struct vm *vm, unsigned cpus, const char *actions)
{
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static char count[8];
    *vm = (struct vm){.pid = -1, .status_fd = -1};
    (void)snprintf(vm->dir, sizeof(vm->dir), "/tmp/vmm-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(vm->dir));
    (void)snprintf(count, sizeof(count), "%u", cpus);
    char *cmdline = join("console=ttyS0 quiet panic=-1 reboot=a vmmtest=", actions);
    const char *cmdline_path = vm_path(vm, "cmdline");
    vm_write_file(cmdline_path, cmdline, strlen(cmdline));
    vm_arg(vm, vm_files.vmm, NULL);
    vm_arg(vm, "--tee", "sim-snp");
    vm_arg(vm, "--firmware", vm_files.stage0);
    vm_arg(vm, "--kernel", join(vm_files.image, "/vmlinuz"));
    vm_arg(vm, "--initrd", join(vm_files.image, "/initrd.img"));
    vm_arg(vm, "--cmdline-file", cmdline_path);
    vm_arg(vm, "--cpus", count);
    vm_arg(vm, "--memory", "256M");
    vm_arg(vm, "--host-data", zero);
    vm_arg(vm, "--vsock-dir", vm->dir);
    vm_arg(vm, "--console", vm_path(vm, "console"));
    vm_arg(vm, "--control", vm_path(vm, "control.sock"));
    vm_arg(vm, "--status-fd", "3");
}

static void become(uid_t uid)
{
    struct stat st;
    /* A user who may use /dev/kvm, as members of its group are. */
    if (stat("/dev/kvm", &st) != 0 || setgroups(1, &st.st_gid) != 0 || setgid((gid_t)uid) != 0 ||
        setuid(uid) != 0) {
        _exit(99);
    }
}

void vm_start(struct vm *vm)
{
    int pipe_fd[2];
    vm->args[vm->arg_count] = NULL;
    ck_assert_int_eq(pipe2(pipe_fd, O_CLOEXEC), 0);
    if (vm->uid != 0) {
        ck_assert_int_eq(chown(vm->dir, vm->uid, (gid_t)vm->uid), 0);
    }
    vm->pid = fork();
    ck_assert_int_ge(vm->pid, 0);
    if (vm->pid == 0) {
        int log = open(vm_path(vm, "stderr"), O_WRONLY | O_CREAT | O_APPEND, 0644);
        char **argv = calloc(vm->arg_count + 1, sizeof(*argv));
        if (log < 0 || argv == NULL || dup2(log, STDERR_FILENO) < 0 || dup2(pipe_fd[1], 3) < 0) {
            _exit(99);
        }
        if (vm->uid != 0) {
            become(vm->uid);
        }
        memcpy(argv, vm->args, vm->arg_count * sizeof(*argv));
        (void)execv(argv[0], argv);
        _exit(98);
    }
    (void)close(pipe_fd[1]);
    vm->status_fd = pipe_fd[0];
}

void vm_stop_hard(struct vm *vm)
{
    if (vm->pid > 0) {
        (void)kill(vm->pid, SIGKILL);
        (void)waitpid(vm->pid, NULL, 0);
        vm->pid = -1;
    }
}

static void read_events(struct vm *vm)
{
    for (;;) {
        ssize_t n = read(vm->status_fd, vm->events + vm->events_len,
                         sizeof(vm->events) - 1 - vm->events_len);
        if (n <= 0) {
            break;
        }
        vm->events_len += (size_t)n;
    }
    vm->events[vm->events_len] = '\0';
}

static uint64_t deadline(void)
{
    return cl_monotonic_us() + DEADLINE_S * 1000000ull;
}

int vm_wait(struct vm *vm)
{
    uint64_t end = deadline();
    int status = 0;
    pid_t got = 0;
    while ((got = waitpid(vm->pid, &status, WNOHANG)) == 0 && cl_monotonic_us() < end) {
        (void)usleep(50000);
    }
    if (got == 0) {
        vm_stop_hard(vm);
        return -1;
    }
    vm->pid = -1;
    read_events(vm);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *file_text(struct vm *vm, const char *name)
{
    struct cl_buf data = {0};
    if (cl_buf_read_file(&data, vm_path(vm, name), 1u << 24, NULL) != CL_OK || data.len == 0) {
        return "";
    }
    return (const char *)data.data; /* kept until the test's process ends */
}

void vm_expect_exit(struct vm *vm, int exit_status)
{
    int got = vm_wait(vm);
    ck_assert_msg(got == exit_status,
                  "exit status: expected %d, got %d\n--- events\n%s--- stderr\n%s--- console\n%s",
                  exit_status, got, vm->events, file_text(vm, "stderr"), file_text(vm, "console"));
}

void vm_expect_event(struct vm *vm, const char *what)
{
    const char *at = strstr(vm->events, what);
    ck_assert_msg(at != NULL, "no event with %s in:\n%s", what, vm->events);
    ck_assert_msg(strstr(at + 1, what) == NULL, "two events with %s in:\n%s", what, vm->events);
}

bool vm_console_has(struct vm *vm, const char *what)
{
    return strstr(file_text(vm, "console"), what) != NULL;
}

void vm_wait_console(struct vm *vm, const char *what)
{
    uint64_t end = deadline();
    while (!vm_console_has(vm, what)) {
        int status = 0;
        bool gone = waitpid(vm->pid, &status, WNOHANG) != 0;
        if (gone || cl_monotonic_us() > end) {
            vm_stop_hard(vm);
            ck_abort_msg("no \"%s\" on the console:\n%s--- stderr\n%s", what,
                         file_text(vm, "console"), file_text(vm, "stderr"));
        }
        (void)usleep(100000);
    }
}

void vm_expect_action(struct vm *vm, const char *action)
{
    char want[96];
    (void)snprintf(want, sizeof(want), "GUEST %s ok", action);
    ck_assert_msg(vm_console_has(vm, want), "no \"%s\" on the console:\n%s", want,
                  file_text(vm, "console"));
}

pid_t vm_child(struct vm *vm)
{
    char path[96];
    struct cl_buf data = {0};
    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)vm->pid, (int)vm->pid);
    ck_assert_int_eq(cl_buf_read_file(&data, path, 4096, NULL), CL_OK);
    ck_assert_uint_gt(data.len, 0);
    pid_t pid = (pid_t)strtol((const char *)data.data, NULL, 10);
    cl_buf_done(&data);
    return pid;
}

struct service {
    int fd;
    unsigned slow_us;
    size_t size;
    void (*serve)(const struct service *s, int conn);
};

static void *service_main(void *arg)
{
    const struct service *s = arg;
    for (;;) {
        int conn = accept(s->fd, NULL, NULL);
        if (conn >= 0) {
            s->serve(s, conn);
            (void)close(conn);
        }
    }
    return NULL;
}

static void start_service(struct vm *vm, unsigned port, unsigned slow_us, size_t size,
                          void (*serve)(const struct service *s, int conn))
{
    char name[32];
    struct service *s = calloc(1, sizeof(*s));
    pthread_t thread;
    ck_assert_ptr_nonnull(s);
    *s = (struct service){.slow_us = slow_us, .size = size, .serve = serve};
    (void)snprintf(name, sizeof(name), "guest_%u.sock", port);
    ck_assert_int_eq(cl_unix_listen(vm_path(vm, name), &s->fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, service_main, s), 0);
    (void)pthread_detach(thread);
}

static void serve_echo(const struct service *s, int conn)
{
    uint8_t data[4096];
    ssize_t n = 0;
    (void)s;
    while ((n = read(conn, data, sizeof(data))) > 0) {
        ck_assert_int_eq(cl_write_all(conn, data, (size_t)n, "echo", NULL), CL_OK);
    }
}

static void serve_sink(const struct service *s, int conn)
{
    uint8_t *data = malloc(CHUNK);
    uint64_t hash = VMM_FNV_START;
    ssize_t n = 0;
    while (data != NULL && (n = read(conn, data, CHUNK)) > 0) {
        hash = vmm_fnv(hash, data, (size_t)n);
        if (s->slow_us > 0) {
            (void)usleep(s->slow_us);
        }
    }
    free(data);
    if (cl_write_all(conn, &hash, sizeof(hash), "hash", NULL) != CL_OK) {
        perror("sink"); /* the guest checks */
    }
}

static void serve_source(const struct service *s, int conn)
{
    uint8_t *data = malloc(CHUNK);
    uint64_t hash = VMM_FNV_START;
    bool good = data != NULL;
    for (size_t at = 0; at < s->size && good; at += CHUNK) {
        vmm_pattern_fill(data, CHUNK, at);
        hash = vmm_fnv(hash, data, CHUNK);
        good = cl_write_all(conn, data, CHUNK, "source", NULL) == CL_OK;
    }
    if (good) {
        good = cl_write_all(conn, &hash, sizeof(hash), "hash", NULL) == CL_OK;
    }
    free(data);
}

void vm_serve_echo(struct vm *vm)
{
    start_service(vm, VMM_TEST_PORT_ECHO, 0, 0, serve_echo);
}

void vm_serve_sink(struct vm *vm, unsigned slow_us)
{
    start_service(vm, VMM_TEST_PORT_SINK, slow_us, 0, serve_sink);
}

void vm_serve_source(struct vm *vm, size_t size)
{
    start_service(vm, VMM_TEST_PORT_SOURCE, 0, size, serve_source);
}

int vm_dial(struct vm *vm, unsigned port)
{
    char line[32];
    char answer[32] = {0};
    int fd = -1;
    ck_assert_int_eq(cl_unix_connect(vm_path(vm, "host.sock"), &fd, NULL), CL_OK);
    int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);
    ck_assert_int_eq(cl_write_all(fd, line, (size_t)n, "host.sock", NULL), CL_OK);
    for (size_t i = 0; i + 1 < sizeof(answer) && strchr(answer, '\n') == NULL; i++) {
        if (read(fd, answer + i, 1) != 1) {
            (void)close(fd);
            return -1;
        }
    }
    (void)snprintf(line, sizeof(line), "OK %u\n", port);
    ck_assert_str_eq(answer, line);
    return fd;
}

const char *vm_control(struct vm *vm, const char *line, int pass)
{
    static char answer[1024];
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    int fd = -1;
    ck_assert_int_eq(cl_unix_connect(vm_path(vm, "control.sock"), &fd, NULL), CL_OK);
    char *copy = strdup(line);
    struct iovec iov = {.iov_base = copy, .iov_len = strlen(line)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (pass >= 0) {
        msg.msg_control = control.buf;
        msg.msg_controllen = sizeof(control.buf);
        struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &pass, sizeof(int));
    }
    ck_assert_int_eq(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)strlen(line));
    free(copy);
    size_t len = 0;
    while (len + 1 < sizeof(answer)) {
        ssize_t n = read(fd, answer + len, 1);
        ck_assert_int_eq(n, 1);
        if (answer[len++] == '\n') {
            break;
        }
    }
    answer[len] = '\0';
    (void)close(fd);
    return answer;
}
