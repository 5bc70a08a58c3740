/* SPDX-License-Identifier: Apache-2.0
 * lab_client.c - runs one command in a lab session and passes its output and exit status on.
 * Trust: test tooling, believes lab_server. Threads: none. Memory: one request.
 *
 * usage: lab_client --session DIR [--cwd DIR] [--timeout S] [--ready-timeout S] [--] COMMAND...
 *        lab_client --session DIR --ping [--ready-timeout S]
 *        lab_client --tsc-khz         prints the frequency of this machine's time stamp counter
 * Exit status: the command's own; 124 when it took longer than --timeout; 125 when the lab failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "lab_wire.h"

enum { EXIT_TIMEOUT = 124, EXIT_LAB = 125 };

extern char **environ;

struct options {
    const char *session;
    const char *cwd;
    long timeout_s;
    long ready_timeout_s;
    bool ping;
    char **argv;
};

struct link {
    int fd;
    int64_t deadline_ms; /* monotonic */
    int timeout_status;  /* what running into the deadline means */
};

static _Noreturn void fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static _Noreturn void fail(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("lab: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(status);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static long tsc_khz(void)
{
    struct timespec pause = {.tv_nsec = 100000000}, a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    uint64_t ta = __rdtsc();
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    uint64_t ticks = __rdtsc() - ta;
    uint64_t us = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
    return (long)(ticks * 1000 / us);
}

static void wait_for(const struct link *link, short events)
{
    for (;;) {
        int64_t left = link->deadline_ms - now_ms();
        if (left <= 0) {
            fail(link->timeout_status, link->timeout_status == EXIT_TIMEOUT
                                           ? "the command ran out of its time"
                                           : "the VM does not answer");
        }
        struct pollfd p = {.fd = link->fd, .events = events};
        int n = poll(&p, 1, left > 1000 ? 1000 : (int)left);
        if (n > 0) {
            return;
        }
        if (n < 0 && errno != EINTR) {
            fail(EXIT_LAB, "poll: %s", strerror(errno));
        }
    }
}

static void send_all(const struct link *link, const void *data, size_t len)
{
    const uint8_t *p = data;
    while (len > 0) {
        wait_for(link, POLLOUT);
        ssize_t n = send(link->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            fail(EXIT_LAB, "the VM ended: %s", strerror(errno));
        }
    }
}

static void receive_all(const struct link *link, void *data, size_t len)
{
    uint8_t *p = data;
    while (len > 0) {
        wait_for(link, POLLIN);
        ssize_t n = recv(link->fd, p, len, MSG_DONTWAIT);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            fail(EXIT_LAB, "the VM ended");
        }
    }
}

/* Takes a port that no other client uses, waiting for one if need be, and connects. The lock lasts
 * as long as this process. */
static int connect_port(int64_t deadline_ms)
{
    for (;;) {
        for (unsigned i = 0; i < LAB_PORT_MAX; i++) {
            char name[32];
            (void)snprintf(name, sizeof(name), "port%u.lock", i);
            int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0) {
                if (lock >= 0) {
                    close(lock);
                }
                continue;
            }
            struct sockaddr_un addr = {.sun_family = AF_UNIX};
            (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "port%u.sock", i);
            int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
                fail(EXIT_LAB, "connect '%s': %s", addr.sun_path, strerror(errno));
            }
            return fd;
        }
        if (now_ms() > deadline_ms) {
            fail(EXIT_TIMEOUT, "all ports of the session stay in use");
        }
        struct timespec pause = {.tv_nsec = 100000000};
        nanosleep(&pause, NULL);
    }
}

static void body_add(char *body, uint32_t *len, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n > LAB_BODY_MAX - *len) {
        fail(EXIT_LAB, "command and environment are longer than %u bytes", LAB_BODY_MAX);
    }
    memcpy(body + *len, text, n);
    *len += (uint32_t)n;
}

static void send_request(const struct link *link, const struct options *opt, uint64_t nonce)
{
    char *body = malloc(LAB_BODY_MAX);
    if (body == NULL) {
        fail(EXIT_LAB, "out of memory");
    }
    struct lab_request head = {.nonce = nonce};
    memcpy(head.magic, LAB_REQUEST_MAGIC, LAB_MAGIC_SIZE);
    body_add(body, &head.body_len, opt->cwd);
    for (char **a = opt->argv; !opt->ping && *a != NULL; a++, head.argc++) {
        body_add(body, &head.body_len, *a);
    }
    for (char **e = environ; !opt->ping && *e != NULL; e++, head.envc++) {
        body_add(body, &head.body_len, *e);
    }
    send_all(link, &head, sizeof(head));
    send_all(link, body, head.body_len);
    free(body);
}

/* Skips what an earlier answer left behind, up to the magic with our nonce. */
static void await_ready(const struct link *link, uint64_t nonce)
{
    struct lab_ready want = {.nonce = nonce}, window = {0};
    memcpy(want.magic, LAB_READY_MAGIC, LAB_MAGIC_SIZE);
    uint8_t *w = (uint8_t *)&window;
    while (memcmp(&window, &want, sizeof(want)) != 0) {
        memmove(w, w + 1, sizeof(window) - 1);
        receive_all(link, &w[sizeof(window) - 1], 1);
    }
}

static void put_out(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            fail(EXIT_LAB, "write to descriptor %d: %s", fd, strerror(errno));
        }
    }
}

static uint32_t pump_frames(const struct link *link)
{
    static uint8_t chunk[LAB_FRAME_MAX];
    for (;;) {
        struct lab_frame frame;
        receive_all(link, &frame, sizeof(frame));
        if (frame.len > sizeof(chunk)) {
            fail(EXIT_LAB, "a frame of %u bytes (max %u)", frame.len, LAB_FRAME_MAX);
        }
        receive_all(link, chunk, frame.len);
        uint32_t status;
        switch (frame.type) {
        case LAB_FRAME_STDOUT:
            put_out(STDOUT_FILENO, chunk, frame.len);
            break;
        case LAB_FRAME_STDERR:
            put_out(STDERR_FILENO, chunk, frame.len);
            break;
        case LAB_FRAME_EXIT:
            if (frame.len != sizeof(status)) {
                fail(EXIT_LAB, "an exit frame of %u bytes", frame.len);
            }
            memcpy(&status, chunk, sizeof(status));
            return status;
        default:
            fail(EXIT_LAB, "a frame of unknown type %u", frame.type);
        }
    }
}

static long seconds(const char *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || value < 1 || value > 1000000) {
        fail(2, "--%s: expected seconds, got '%s'", option, text);
    }
    return value;
}

static struct options parse(int argc, char **argv)
{
    static const struct option longs[] = {
        {"session", 1, NULL, 's'}, {"cwd", 1, NULL, 'c'},
        {"timeout", 1, NULL, 't'}, {"ready-timeout", 1, NULL, 'r'},
        {"ping", 0, NULL, 'p'},    {"tsc-khz", 0, NULL, 'k'},
        {NULL, 0, NULL, 0}};
    struct options opt = {.cwd = "/", .timeout_s = 600, .ready_timeout_s = 60};
    for (int c; (c = getopt_long(argc, argv, "+", longs, NULL)) != -1;) {
        switch (c) {
        case 's':
            opt.session = optarg;
            break;
        case 'c':
            opt.cwd = optarg;
            break;
        case 't':
            opt.timeout_s = seconds("timeout", optarg);
            break;
        case 'r':
            opt.ready_timeout_s = seconds("ready-timeout", optarg);
            break;
        case 'p':
            opt.ping = true;
            break;
        case 'k':
            printf("%ld\n", tsc_khz());
            exit(0);
        default:
            exit(2);
        }
    }
    opt.argv = argv + optind;
    if (opt.session == NULL || (*opt.argv == NULL) != opt.ping) {
        fail(2, "usage: lab_client --session DIR (--ping | [--cwd DIR] [--timeout S] COMMAND...)");
    }
    return opt;
}

int main(int argc, char **argv)
{
    struct options opt = parse(argc, argv);
    if (chdir(opt.session) < 0) { /* the sockets have short names whatever the directory's is */
        fail(EXIT_LAB, "session '%s': %s", opt.session, strerror(errno));
    }
    uint64_t nonce;
    if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) {
        fail(EXIT_LAB, "getrandom: %s", strerror(errno));
    }
    struct link link = {.timeout_status = EXIT_LAB};
    link.fd = connect_port(now_ms() + opt.timeout_s * 1000);
    link.deadline_ms = now_ms() + opt.ready_timeout_s * 1000;
    send_request(&link, &opt, nonce);
    await_ready(&link, nonce);
    link.timeout_status = EXIT_TIMEOUT;
    link.deadline_ms = now_ms() + opt.timeout_s * 1000;
    return (int)(pump_frames(&link) & 0xff);
}
