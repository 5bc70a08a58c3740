/* SPDX-License-Identifier: Apache-2.0
 * vmm_guest.c - /init of the guests that the VMM's lab tests boot: inserts modules, then does what
 * the command line says in vmmtest=A,B,C and prints one line "GUEST <action> ok|FAIL <why>" each.
 * Test tooling; runs as PID 1 of a throw-away guest.
 */
#include "vmm_pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define BLKGETSIZE64_ _IOR(0x12, 114, size_t)

static int console = -1;
static uint8_t chunk[CHUNK];
static uint8_t expect[CHUNK];

static void say(const char *action, const char *result)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "GUEST %s %s\n", action, result);
    if (write(console, line, (size_t)n) != n) {
        _exit(1);
    }
    (void)tcdrain(console); /* the kernel's own messages must not cut into it */
}

static const char *failed(const char *what)
{
    static char text[160];
    (void)snprintf(text, sizeof(text), "FAIL %s: %s", what, strerror(errno));
    return text;
}

static void insert_modules(void)
{
    FILE *list = fopen("/modules", "r");
    char path[256];
    while (list != NULL && fgets(path, sizeof(path), list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
            say(path, failed("insert"));
        }
        (void)close(fd);
    }
    if (list != NULL) {
        (void)fclose(list);
    }
}

static uint64_t disk_size(int fd)
{
    uint64_t size = 0;
    return ioctl(fd, BLKGETSIZE64_, &size) == 0 ? size : 0;
}

static int open_disk(unsigned slot, int flags)
{
    char path[] = "/dev/vda";
    path[7] = (char)('a' + slot - 1);
    for (int i = 0; i < 100; i++) { /* devtmpfs fills in the background */
        int fd = open(path, flags | O_CLOEXEC);
        if (fd >= 0 || errno != ENOENT) {
            return fd;
        }
        (void)usleep(50000);
    }
    return -1;
}

static const char *check_pattern(int fd)
{
    uint64_t size = disk_size(fd);
    for (uint64_t at = 0; at < size; at += CHUNK) {
        size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        if (pread(fd, chunk, n, (off_t)at) != (ssize_t)n) {
            return failed("read");
        }
        vmm_pattern_fill(expect, n, at);
        if (memcmp(chunk, expect, n) != 0) {
            return "FAIL contents";
        }
    }
    return size > 0 ? "ok" : "FAIL empty";
}

static const char *read_only(unsigned slot)
{
    int fd = open_disk(slot, O_RDONLY);
    const char *r = fd < 0 ? failed("open") : check_pattern(fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    fd = open_disk(slot, O_RDWR);
    if (fd >= 0 && pwrite(fd, chunk, 512, 0) == 512 && fsync(fd) == 0) {
        r = "FAIL written";
    }
    return r;
}

static const char *read_write(unsigned slot)
{
    int fd = open_disk(slot, O_RDWR);
    if (fd < 0) {
        return failed("open");
    }
    uint64_t size = disk_size(fd);
    for (uint64_t at = 0; at < size; at += CHUNK) {
        size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        vmm_pattern_fill(expect, n, at);
        if (pwrite(fd, expect, n, (off_t)at) != (ssize_t)n) {
            return failed("write");
        }
    }
    if (fsync(fd) != 0 || ioctl(fd, _IO(0x12, 97), 0) != 0) { /* BLKFLSBUF: read from the disk */
        return failed("flush");
    }
    return check_pattern(fd);
}

/* A slot that is empty at first and filled while we run. */
static const char *wait_filled(unsigned slot)
{
    int fd = open_disk(slot, O_RDONLY);
    if (fd < 0) {
        return failed("open");
    }
    if (disk_size(fd) != 0) {
        return "FAIL not empty at first";
    }
    (void)close(fd);
    say("slot", "empty");
    for (int i = 0; i < 600; i++) {
        fd = open_disk(slot, O_RDONLY);
        if (fd >= 0 && disk_size(fd) > 0) {
            return check_pattern(fd);
        }
        (void)close(fd);
        (void)usleep(100000);
    }
    return "FAIL never filled";
}

static int dial(unsigned port)
{
    struct sockaddr_vm addr = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done <= 0) {
            return false;
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = read(fd, p, n);
        if (done <= 0) {
            return false;
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static const char *echo(void)
{
    int fd = dial(VMM_TEST_PORT_ECHO);
    if (fd < 0 || !write_all(fd, (const uint8_t *)"ping", 4) || !read_all(fd, chunk, 4)) {
        return failed("echo");
    }
    (void)close(fd);
    if (memcmp(chunk, "ping", 4) != 0) {
        return "FAIL other bytes";
    }
    fd = dial(VMM_TEST_PORT_ABSENT);
    return fd < 0 && (errno == ECONNRESET || errno == ECONNREFUSED) ? "ok" : failed("absent port");
}

/* mib MiB to the host, which answers the hash of what it got. */
static const char *sink(unsigned mib)
{
    uint64_t hash = VMM_FNV_START;
    uint64_t theirs = 0;
    int fd = dial(VMM_TEST_PORT_SINK);
    if (fd < 0) {
        return failed("dial");
    }
    for (uint64_t at = 0; at < (uint64_t)mib << 20; at += CHUNK) {
        vmm_pattern_fill(chunk, CHUNK, at);
        hash = vmm_fnv(hash, chunk, CHUNK);
        if (!write_all(fd, chunk, CHUNK)) {
            return failed("write");
        }
    }
    (void)shutdown(fd, SHUT_WR);
    if (!read_all(fd, (uint8_t *)&theirs, sizeof(theirs))) {
        return failed("read hash");
    }
    (void)close(fd);
    return hash == theirs ? "ok" : "FAIL hash";
}

/* A stream from the host, its hash at the end. Reads slowly at first: credit must hold it back. */
static const char *source(void)
{
    uint64_t hash = VMM_FNV_START;
    uint8_t tail[8];
    size_t held = 0;
    int fd = dial(VMM_TEST_PORT_SOURCE);
    if (fd < 0) {
        return failed("dial");
    }
    (void)sleep(1);
    for (;;) {
        ssize_t n = read(fd, chunk + held, sizeof(chunk) - held);
        if (n < 0) {
            return failed("read");
        }
        held += (size_t)n;
        if (n == 0) {
            break;
        }
        if (held > sizeof(tail)) { /* all but the last eight bytes are data */
            size_t data = held - sizeof(tail);
            hash = vmm_fnv(hash, chunk, data);
            memmove(chunk, chunk + data, sizeof(tail));
            held = sizeof(tail);
        }
    }
    return held == sizeof(tail) && memcmp(chunk, &hash, sizeof(hash)) == 0 ? "ok" : "FAIL hash";
}

static const char *serve_one(void)
{
    struct sockaddr_vm addr = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = VMM_TEST_PORT_GUEST};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 4) != 0) {
        return failed("listen");
    }
    say("listen", "ready");
    int conn = accept(fd, NULL, NULL);
    for (;;) {
        ssize_t n = conn >= 0 ? read(conn, chunk, sizeof(chunk)) : -1;
        if (n <= 0) {
            return n == 0 ? "ok" : failed("serve");
        }
        if (!write_all(conn, chunk, (size_t)n)) {
            return failed("write");
        }
    }
}

static const char *count_cpus(unsigned want)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n == (long)want ? "ok" : "FAIL count";
}

/* Most of the RAM is there (the kernel keeps some). */
static const char *count_memory(unsigned mib)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0) {
        return failed("sysinfo");
    }
    return ((uint64_t)info.totalram * info.mem_unit >> 20) > mib * 9ull / 10 ? "ok" : "FAIL size";
}

static void sysrq(const char *command)
{
    int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, command, 1) != 1) {
        say("sysrq", failed("trigger"));
    }
}

static unsigned number_behind(const char *action)
{
    return (unsigned)strtoul(action + strcspn(action, "0123456789"), NULL, 10);
}

static void act(const char *action)
{
    static const struct {
        const char *name;
        const char *(*plain)(void);
        const char *(*number)(unsigned n);
    } table[] = {
        {"cpus", NULL, count_cpus}, {"mem", NULL, count_memory}, {"ro", NULL, read_only},
        {"rw", NULL, read_write},   {"fill", NULL, wait_filled}, {"echo", echo, NULL},
        {"sink", NULL, sink},       {"source", source, NULL},    {"listen", serve_one, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strncmp(action, table[i].name, strlen(table[i].name)) == 0) {
            say(action,
                table[i].plain != NULL ? table[i].plain() : table[i].number(number_behind(action)));
            return;
        }
    }
    say(action, "");
    if (strcmp(action, "poweroff") == 0) {
        (void)reboot(RB_POWER_OFF);
    } else if (strcmp(action, "reset") == 0) {
        (void)reboot(RB_AUTOBOOT);
    } else if (strcmp(action, "panic") == 0) {
        sysrq("c");
    }
    for (;;) {
        (void)pause(); /* hang */
    }
}

int main(void)
{
    char cmdline[2048] = {0};
    console = open("/dev/console", O_RDWR | O_CLOEXEC);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
        mount("dev", "/dev", "devtmpfs", 0, NULL) != 0) {
        return 1;
    }
    if (console < 0) {
        console = open("/dev/kmsg", O_WRONLY | O_CLOEXEC); /* no serial port: the kernel's log */
    }
    insert_modules();
    say("init", "ready");
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) <= 0) {
        return 1;
    }
    char *actions = strstr(cmdline, "vmmtest=");
    if (actions != NULL) {
        actions += strlen("vmmtest=");
        actions[strcspn(actions, " \n")] = '\0';
        for (char *a = strtok(actions, ","); a != NULL; a = strtok(NULL, ",")) {
            act(a);
        }
    }
    act("hang");
    return 1;
}
