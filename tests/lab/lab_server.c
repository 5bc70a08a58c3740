/* SPDX-License-Identifier: Apache-2.0
 * lab_server.c - PID 1 of the lab: runs the commands that lab_client sends over virtio-serial
 * ports, several at once. Trust: test tooling, believes its client. Threads: none; one process per
 * port. Memory: one request at a time per port.
 *
 * Each command gets a cgroup of its own; when its first process ends, or its client goes away,
 * whatever is left in the cgroup is killed. So no test leaves a process to the next one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab_wire.h"

#define IDLE_LIMIT_S 3600 /* a lab that nobody uses for so long switches itself off */
#define DRAIN_LIMIT_MS 2000
#define CGROUP_ROOT "/sys/fs/cgroup"

struct activity { /* shared by all processes of the server */
    volatile time_t last;
    volatile int running;
};

struct port {
    int fd;
    unsigned index;
    char cgroup[64];
    struct activity *activity;
};

struct command {
    struct lab_request head;
    char *body;
    char **argv;
    char **envp;
    const char *cwd;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n > 0) {
        (void)!write(STDERR_FILENO, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
    }
}

static time_t now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, text, strlen(text));
        close(fd);
    }
}

/* Waits for `events` on the port. False: nobody is connected. */
static bool port_wait(const struct port *port, short events)
{
    for (;;) {
        struct pollfd p = {.fd = port->fd, .events = events};
        if (poll(&p, 1, -1) < 0 && errno != EINTR) {
            return false;
        }
        if (p.revents & POLLHUP) {
            return false;
        }
        if (p.revents & events) {
            return true;
        }
    }
}

/* A port without a peer polls as hung up at once, so wait for its SIGIO (sent at a connection)
 * instead. */
static void port_wait_connection(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    struct timespec second = {.tv_sec = 1};
    (void)sigtimedwait(&set, NULL, &second);
}

static bool port_write(const struct port *port, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        ssize_t n = write(port->fd, p, len);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if ((n < 0 && errno != EAGAIN && errno != EINTR) || !port_wait(port, POLLOUT)) {
            return false;
        }
    }
    return true;
}

static bool port_read(const struct port *port, void *data, size_t len)
{
    uint8_t *p = data;
    while (len > 0) {
        if (!port_wait(port, POLLIN)) {
            return false;
        }
        ssize_t n = read(port->fd, p, len);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool send_frame(const struct port *port, enum lab_frame_type type, const void *data,
                       uint32_t len)
{
    struct lab_frame frame = {.type = type, .len = len};
    return port_write(port, &frame, sizeof(frame)) && port_write(port, data, len);
}

/* Byte by byte to the magic: what an earlier client left unread is skipped. */
static bool read_request_head(const struct port *port, struct lab_request *ret_head)
{
    uint8_t window[LAB_MAGIC_SIZE] = {0};
    while (memcmp(window, LAB_REQUEST_MAGIC, LAB_MAGIC_SIZE) != 0) {
        memmove(window, window + 1, LAB_MAGIC_SIZE - 1);
        if (!port_read(port, &window[LAB_MAGIC_SIZE - 1], 1)) {
            return false;
        }
    }
    return port_read(port, (uint8_t *)ret_head + LAB_MAGIC_SIZE,
                     sizeof(*ret_head) - LAB_MAGIC_SIZE);
}

static void command_done(struct command *cmd)
{
    free(cmd->body);
    free(cmd->argv);
    free(cmd->envp);
    memset(cmd, 0, sizeof(*cmd));
}

/* Cuts `count` strings off *pos. NULL if they do not fit. */
static char **split_strings(char **pos, const char *end, uint32_t count)
{
    char **list = calloc((size_t)count + 1, sizeof(*list));
    for (uint32_t i = 0; list != NULL && i < count; i++) {
        char *nul = memchr(*pos, 0, (size_t)(end - *pos));
        if (nul == NULL) {
            free(list);
            return NULL;
        }
        list[i] = *pos;
        *pos = nul + 1;
    }
    return list;
}

static bool read_command(const struct port *port, struct command *cmd)
{
    if (!read_request_head(port, &cmd->head) || cmd->head.body_len == 0 ||
        cmd->head.body_len > LAB_BODY_MAX || cmd->head.argc > cmd->head.body_len ||
        cmd->head.envc > cmd->head.body_len) {
        return false;
    }
    cmd->body = calloc(1, cmd->head.body_len);
    if (cmd->body == NULL || !port_read(port, cmd->body, cmd->head.body_len)) {
        return false;
    }
    char *pos = cmd->body;
    const char *end = cmd->body + cmd->head.body_len;
    char *nul = memchr(pos, 0, cmd->head.body_len);
    if (nul == NULL) {
        return false;
    }
    cmd->cwd = pos;
    pos = nul + 1;
    cmd->argv = split_strings(&pos, end, cmd->head.argc);
    cmd->envp = cmd->argv != NULL ? split_strings(&pos, end, cmd->head.envc) : NULL;
    return cmd->envp != NULL;
}

static _Noreturn void exec_command(const struct port *port, const struct command *cmd,
                                   const int out[2], const int err[2])
{
    char procs[96];
    (void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", port->cgroup);
    write_file(procs, "0");
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0) {
        _exit(125);
    }
    closefrom(3);
    if (chdir(cmd->cwd) < 0) {
        say("lab: chdir '%s': %s\n", cmd->cwd, strerror(errno));
        _exit(125);
    }
    const char *path = NULL;
    for (char **e = cmd->envp; *e != NULL; e++) {
        path = strncmp(*e, "PATH=", 5) == 0 ? *e + 5 : path;
    }
    setenv("PATH", path != NULL ? path : "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    execvpe(cmd->argv[0], cmd->argv, cmd->envp);
    int status = errno == ENOENT ? 127 : 126;
    say("lab: exec '%s': %s\n", cmd->argv[0], strerror(errno));
    _exit(status);
}

static void cgroup_kill(const struct port *port)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/cgroup.kill", port->cgroup);
    write_file(path, "1");
}

/* Copies what `fd` has to the client. Returns -1 at end of file, 0 when the client went away, 1
 * otherwise. */
static int forward(const struct port *port, int fd, enum lab_frame_type type)
{
    static uint8_t chunk[LAB_FRAME_MAX];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        return -1;
    }
    if (n < 0) {
        return 1;
    }
    return send_frame(port, type, chunk, (uint32_t)n) ? 1 : 0;
}

/* Carries output until the command has ended and its pipes are empty. False: the client went away.
 */
static bool relay(const struct port *port, pid_t pid, int pidfd, int out, int err,
                  uint32_t *ret_status)
{
    struct pollfd p[4] = {{.fd = pidfd, .events = POLLIN},
                          {.fd = out, .events = POLLIN},
                          {.fd = err, .events = POLLIN},
                          {.fd = port->fd}};
    const enum lab_frame_type type[4] = {0, LAB_FRAME_STDOUT, LAB_FRAME_STDERR, 0};
    while (p[0].fd >= 0 || p[1].fd >= 0 || p[2].fd >= 0) {
        int n = poll(p, 4, p[0].fd >= 0 ? -1 : DRAIN_LIMIT_MS);
        if (n == 0) {
            return true; /* a process that left its cgroup still holds a pipe: not waited for */
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n < 0) {
            continue;
        }
        if (p[3].revents & POLLHUP) {
            return false;
        }
        for (int i = 1; i <= 2; i++) {
            int r = p[i].fd >= 0 && p[i].revents != 0 ? forward(port, p[i].fd, type[i]) : 1;
            if (r == 0) {
                return false;
            }
            p[i].fd = r < 0 ? -1 : p[i].fd;
        }
        if (p[0].fd >= 0 && p[0].revents != 0) {
            int status = 0;
            waitpid(pid, &status, 0);
            *ret_status = WIFSIGNALED(status) ? 128u + (uint32_t)WTERMSIG(status)
                                              : (uint32_t)WEXITSTATUS(status);
            p[0].fd = -1;
            cgroup_kill(port);
        }
    }
    return true;
}

static bool run_command(const struct port *port, const struct command *cmd)
{
    int out[2], err[2];
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
        return false;
    }
    mkdir(port->cgroup, 0755);
    pid_t pid = fork();
    if (pid == 0) {
        exec_command(port, cmd, out, err);
    }
    close(out[1]);
    close(err[1]);
    bool sent = false;
    uint32_t status = 125;
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd >= 0) {
        sent = relay(port, pid, pidfd, out[0], err[0], &status);
        cgroup_kill(port);
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL,
                0);            /* in case it never reached its cgroup */
        waitpid(pid, NULL, 0); /* ECHILD when relay() has reaped it */
        close(pidfd);
    }
    close(out[0]);
    close(err[0]);
    sync(); /* the results share has everything before the client hears of the end */
    return sent && send_frame(port, LAB_FRAME_EXIT, &status, sizeof(status));
}

static void serve_request(const struct port *port)
{
    struct command cmd = {0};
    if (read_command(port, &cmd)) {
        struct lab_ready ready = {.nonce = cmd.head.nonce};
        memcpy(ready.magic, LAB_READY_MAGIC, LAB_MAGIC_SIZE);
        port->activity->last = now_s();
        __atomic_add_fetch(&port->activity->running, 1, __ATOMIC_SEQ_CST);
        if (port_write(port, &ready, sizeof(ready))) {
            uint32_t ok = 0;
            (void)(cmd.head.argc == 0 ? send_frame(port, LAB_FRAME_EXIT, &ok, sizeof(ok))
                                      : run_command(port, &cmd));
        }
        __atomic_sub_fetch(&port->activity->running, 1, __ATOMIC_SEQ_CST);
        port->activity->last = now_s();
    }
    command_done(&cmd);
}

static _Noreturn void serve(struct port *port)
{
    sigset_t sigio;
    sigemptyset(&sigio);
    sigaddset(&sigio, SIGIO);
    sigprocmask(SIG_BLOCK, &sigio, NULL);
    fcntl(port->fd, F_SETOWN, getpid());
    fcntl(port->fd, F_SETFL, O_NONBLOCK | O_ASYNC);
    for (;;) {
        if (port_wait(port, POLLIN)) {
            serve_request(port);
        } else {
            port_wait_connection();
        }
    }
}

/* Opens the port called "lab.<index>". -1 if there is none. */
static int open_port(unsigned index)
{
    char want[16], path[320], name[32];
    (void)snprintf(want, sizeof(want), "lab.%u\n", index);
    DIR *dir = opendir("/sys/class/virtio-ports");
    int ret = -1;
    for (struct dirent *e; ret < 0 && dir != NULL && (e = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd >= 0 ? read(fd, name, sizeof(name) - 1) : -1;
        if (fd >= 0) {
            close(fd);
        }
        if (n > 0 && (size_t)n == strlen(want) && memcmp(name, want, (size_t)n) == 0) {
            (void)snprintf(path, sizeof(path), "/dev/%s", e->d_name);
            ret = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return ret;
}

static pid_t start_port(unsigned index, struct activity *activity)
{
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    struct port port = {.index = index, .activity = activity, .fd = open_port(index)};
    if (port.fd < 0) {
        say("lab: no port lab.%u\n", index);
        _exit(1);
    }
    (void)snprintf(port.cgroup, sizeof(port.cgroup), CGROUP_ROOT "/lab-%u", index);
    serve(&port);
}

/* With the first VM the kernel patches KVM's hooks into its scheduler, and out again after the last
 * one; under emulation with two CPUs that now and then ends in an "Oops: int3". An empty VM that
 * stays makes it happen once, not with each VM of the tests. */
static void hold_a_vm(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0UL) < 0) { /* both stay open with us */
        say("lab: no VM: %s\n", strerror(errno));
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t chld;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    struct activity *activity =
        mmap(NULL, sizeof(*activity), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (activity == MAP_FAILED) {
        return 1;
    }
    activity->last = now_s();
    pid_t pids[LAB_PORT_MAX];
    for (unsigned i = 0; i < LAB_PORT_MAX; i++) {
        pids[i] = start_port(i, activity);
    }
    hold_a_vm();
    say("lab: serving\n");
    while (activity->running > 0 || now_s() - activity->last < IDLE_LIMIT_S) {
        struct timespec minute = {.tv_sec = 60};
        (void)sigtimedwait(&chld, NULL, &minute);
        for (pid_t dead;
             (dead = waitpid(-1, NULL, WNOHANG)) > 0;) { /* orphans of commands end here too */
            for (unsigned i = 0; i < LAB_PORT_MAX; i++) {
                pids[i] = pids[i] == dead ? start_port(i, activity) : pids[i];
            }
        }
    }
    say("lab: nobody came for %d s, switching off\n", IDLE_LIMIT_S);
    reboot(RB_POWER_OFF);
    return 1;
}
