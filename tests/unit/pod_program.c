/* SPDX-License-Identifier: Apache-2.0
 * pod_program.c - what runs in the containers of test_pod_engine: each argument list is one small
 * deed. Static, and alone in its image.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static void on_term(int signo)
{
    (void)signo;
    _exit(7);
}

static int copy(int from)
{
    char data[4096];
    ssize_t n = read(from, data, sizeof(data));
    while (n > 0) {
        if (write(STDOUT_FILENO, data, (size_t)n) != n) {
            return 1;
        }
        n = read(from, data, sizeof(data));
    }
    return n == 0 ? 0 : 1;
}

static int show(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        printf("%s: %s\n", path, strerror(errno));
        return 1;
    }
    return copy(fd);
}

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        printf("%s: %s\n", path, strerror(errno));
        return 1;
    }
    return 0;
}

/* Ends, while a child of its own holds standard output for so many seconds and then writes. */
static int leave_child(const char *seconds)
{
    if (fork() == 0) {
        (void)setsid();
        (void)sleep((unsigned)(int)number(seconds));
        (void)write(STDOUT_FILENO, "late\n", 5);
        _exit(0);
    }
    printf("early\n");
    return 0;
}

static int show_terminal(void)
{
    struct winsize w = {0};
    int rc = ioctl(STDIN_FILENO, TIOCGWINSZ, &w);
    printf("tty %d %d %ux%u\n", isatty(0), rc, w.ws_row, w.ws_col);
    return 0;
}

static int show_socket(const char *family)
{
    /* all 64 bits of the argument, which the library's function does not pass */
    long fd = syscall(SYS_socket, number(family), SOCK_STREAM, 0);
    printf("socket %s: %s\n", family, fd >= 0 ? "open" : strerror(errno));
    return 0;
}

static int show_host(void)
{
    struct utsname u;
    (void)uname(&u);
    printf("%s %d\n", u.nodename, (int)getpid());
    return 0;
}

static int wait_for_ever(void)
{
    (void)signal(SIGTERM, on_term);
    printf("ready\n");
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}

/* Writes until nobody takes it. */
static int flood(const char *kib)
{
    char block[1024];
    memset(block, 'x', sizeof(block));
    for (long i = number(kib); i > 0; i--) {
        if (write(STDOUT_FILENO, block, sizeof(block)) != (ssize_t)sizeof(block)) {
            return 1;
        }
    }
    return 0;
}

/* Touches so many MiB. */
static int eat(const char *mib)
{
    for (long i = number(mib); i > 0; i--) {
        char *p = malloc(1u << 20);
        if (p == NULL) {
            return 1;
        }
        memset(p, (int)i, 1u << 20);
    }
    return 0;
}

static int mount_something(void)
{
    printf("mount: %s\n", mount("none", "/tmp", "tmpfs", 0, NULL) == 0 ? "done" : strerror(errno));
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *arg = argc > 2 ? argv[2] : "";
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "out") == 0) {
        printf("%s\n", arg);
        fprintf(stderr, "error %s\n", arg);
        return 0;
    }
    if (strcmp(what, "exit") == 0) {
        return (int)number(arg);
    }
    if (strcmp(what, "kill") == 0) {
        return raise((int)number(arg));
    }
    if (strcmp(what, "env") == 0) {
        printf("%s\n", getenv(arg) != NULL ? getenv(arg) : "none");
        return 0;
    }
    return strcmp(what, "cat") == 0      ? copy(STDIN_FILENO)
           : strcmp(what, "show") == 0   ? show(arg)
           : strcmp(what, "put") == 0    ? put(arg, argc > 3 ? argv[3] : "")
           : strcmp(what, "link") == 0   ? symlink(arg, argv[3])
           : strcmp(what, "child") == 0  ? leave_child(arg)
           : strcmp(what, "tty") == 0    ? show_terminal()
           : strcmp(what, "socket") == 0 ? show_socket(arg)
           : strcmp(what, "host") == 0   ? show_host()
           : strcmp(what, "wait") == 0   ? wait_for_ever()
           : strcmp(what, "flood") == 0  ? flood(arg)
           : strcmp(what, "eat") == 0    ? eat(arg)
           : strcmp(what, "mount") == 0  ? mount_something()
                                         : 99;
}
