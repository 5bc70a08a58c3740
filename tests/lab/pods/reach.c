/* SPDX-License-Identifier: Apache-2.0
 * reach.c - what root in a container tries in order to get at the host. Prints one line an attempt,
 * "NAME open" or "NAME shut: why", and judges nothing: the test does. Static: it runs in any image.
 * usage: reach memory | modules | disk MAJOR MINOR TEXT | vsock FIRST LAST
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DISK_BYTES (1u << 20)

static void say(const char *name, bool open, int error)
{
    (void)printf("%s %s%s\n", name, open ? "open" : "shut: ", open ? "" : strerror(error));
}

/* A device by its numbers, whatever /dev has: opened and read. */
static int open_device(const char *path, mode_t type, unsigned major_, unsigned minor_)
{
    (void)unlink(path);
    if (mknod(path, type | 0600, makedev(major_, minor_)) != 0) {
        return -1;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC);
}

static void try_device(const char *name, unsigned major_, unsigned minor_)
{
    int fd = open_device("/dev/reach", S_IFCHR, major_, minor_);
    int error = errno;
    say(name, fd >= 0, error);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void try_file(const char *path)
{
    char byte = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, &byte, 1, 0) : -1;
    int error = errno;
    say(path, n == 1, error);
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void memory(void)
{
    try_device("mem", 1, 1);
    try_device("kmem", 1, 2);
    try_device("port", 1, 4);
    try_device("msr", 202, 0);
    try_file("/proc/kcore");
    try_file("/proc/sysrq-trigger");
    int rc = iopl(3);
    say("iopl", rc == 0, errno);
    rc = ioperm(0x80, 1, 1);
    say("ioperm", rc == 0, errno);
}

static void modules(void)
{
    static const char image[] = "\177ELF";
    /* ENOSYS alone says that no module could be loaded whatever it is. */
    long rc = syscall(SYS_init_module, image, sizeof(image), "");
    say("init_module", rc == 0 || errno != ENOSYS, errno);
    rc = syscall(SYS_finit_module, 0, "", 0);
    say("finit_module", rc == 0 || errno != ENOSYS, errno);
    rc = syscall(SYS_kexec_load, 0, 0, NULL, 0);
    say("kexec_load", rc == 0 || errno != ENOSYS, errno);
    rc = syscall(SYS_kexec_file_load, -1, -1, 0, "", 0);
    say("kexec_file_load", rc == 0 || errno != ENOSYS, errno);
}

/* Is TEXT in the first MiB of the block device with these numbers? */
static void disk(unsigned major_, unsigned minor_, const char *text)
{
    static char data[DISK_BYTES];
    int fd = open_device("/dev/reach", S_IFBLK, major_, minor_);
    int error = errno;
    size_t len = 0;
    ssize_t n = fd >= 0 ? read(fd, data, sizeof(data)) : -1;
    while (n > 0) {
        len += (size_t)n;
        n = read(fd, data + len, sizeof(data) - len);
    }
    if (fd < 0) {
        say("disk", false, error);
        return;
    }
    say("disk", memmem(data, len, text, strlen(text)) != NULL, ENODATA);
    (void)close(fd);
}

static bool connects(unsigned port)
{
    struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return open;
}

static void vsock(unsigned first, unsigned last)
{
    for (unsigned port = first; port <= last; port++) {
        if (connects(port)) {
            (void)printf("vsock %u open\n", port);
        }
    }
    (void)printf("vsock tried %u to %u\n", first, last);
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "memory") == 0) {
        memory();
    } else if (strcmp(what, "modules") == 0) {
        modules();
    } else if (strcmp(what, "disk") == 0 && argc == 5) {
        disk(number(argv[2]), number(argv[3]), argv[4]);
    } else if (strcmp(what, "vsock") == 0 && argc == 4) {
        vsock(number(argv[2]), number(argv[3]));
    } else {
        (void)fprintf(stderr,
                      "usage: reach memory | modules | disk MAJOR MINOR TEXT | vsock FIRST LAST\n");
        return 2;
    }
    return 0;
}
