/* SPDX-License-Identifier: Apache-2.0
 * vmm_tap.c - a hostile host between guest and `cloister run`, for tests. Installed under the name
 * cloister-vmm beside a copy of `cloister`, it serves the guest's vsock ports in a folder of its
 * own, passes everything on to the honest sockets, and becomes the real VMM ($VMM_TAP_REAL).
 *   $VMM_TAP_BLOB=N:OFFSET     one bit of byte OFFSET of the N-th blob (0: manifest, 1:
 *                              configuration, then layers)
 *   $VMM_TAP_SWAP=A,B          a request for blob A is answered with B and the other way round
 *   $VMM_TAP_RELAY=PORT        the way to the broker ends at 127.0.0.1:PORT instead
 *   $VMM_TAP_INITDATA=FILE     the guest gets this initdata, whatever `cloister run` was given
 *   $VMM_TAP_HOST_DATA=HEX     and HOST_DATA is this
 *   $VMM_TAP_RECORD=FILE       every byte that passes, either way, is appended
 * Trust: a test tool; it trusts its environment. Threads: one per connection.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT_BLOB 1025u
#define PORT_RELAY 1026u
#define BLOB_HEAD 9u /* status and size, before the bytes */
#define DIGEST_LEN 71u
#define CHUNK 65536u
#define LINE 512u
#define MAX_INITDATA (1u << 20)

static const unsigned ports[] = {1024, PORT_BLOB, PORT_RELAY, 1027, 1030};
#define PORTS (sizeof(ports) / sizeof(ports[0]))

struct tap {
    char dir[100]; /* where the honest host listens */
    long blob;     /* -1: none is changed */
    long offset;
    const char *swap;
    const char *relay;
    int record; /* -1: no */
    atomic_long blobs;
};

struct link {
    struct tap *tap;
    unsigned port;
    int guest;
    int host;
    long flip; /* bytes until the one to change; -1: none */
};

static struct tap the_tap = {.blob = -1, .offset = -1, .record = -1};

static void record(const struct tap *t, const uint8_t *data, size_t n)
{
    if (t->record >= 0 && cl_write_all(t->record, data, n, "record", NULL) != CL_OK) {
        _exit(5); /* the guest loses its host: the test fails */
    }
}

/* One direction, once. False: nothing more comes this way. */
static bool move(struct link *l, int from, int to, uint8_t *buf)
{
    ssize_t n = read(from, buf, CHUNK);
    if (n <= 0) {
        (void)shutdown(to, SHUT_WR);
        return false;
    }
    if (from == l->host && l->flip >= 0) {
        if (l->flip < n) {
            buf[l->flip] ^= 1;
            l->flip = -1;
        } else {
            l->flip -= n;
        }
    }
    record(l->tap, buf, (size_t)n);
    return cl_write_all(to, buf, (size_t)n, "link", NULL) == CL_OK;
}

static void copy(struct link *l)
{
    uint8_t *buf = malloc(CHUNK);
    struct pollfd p[2] = {{.fd = l->guest, .events = POLLIN}, {.fd = l->host, .events = POLLIN}};
    while (buf != NULL && (p[0].fd >= 0 || p[1].fd >= 0)) {
        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        for (int i = 0; i < 2; i++) {
            int to = i == 0 ? l->host : l->guest;
            if (p[i].fd >= 0 && p[i].revents != 0 && !move(l, p[i].fd, to, buf)) {
                p[i].fd = -1;
            }
        }
    }
    free(buf);
}

/* The guest's request line, byte by byte: what follows is not ours. */
static bool take_line(struct link *l, char line[static LINE])
{
    for (size_t n = 0; n < LINE - 1; n++) {
        if (cl_read_all(l->guest, line + n, 1, "line", NULL) != CL_OK) {
            return false;
        }
        if (line[n] == '\n') {
            line[n + 1] = '\0';
            record(l->tap, (const uint8_t *)line, n + 1);
            return true;
        }
    }
    return false;
}

static void blob_request(struct link *l, char *line)
{
    struct tap *t = l->tap;
    char *digest = strstr(line, "sha256:");
    if (atomic_fetch_add(&t->blobs, 1) == t->blob) {
        l->flip = (long)BLOB_HEAD + t->offset;
    }
    if (t->swap == NULL || digest == NULL || strlen(t->swap) != 2 * DIGEST_LEN + 1) {
        return;
    }
    const char *other = t->swap + DIGEST_LEN + 1;
    if (memcmp(digest, t->swap, DIGEST_LEN) == 0) {
        memcpy(digest, other, DIGEST_LEN);
    } else if (memcmp(digest, other, DIGEST_LEN) == 0) {
        memcpy(digest, t->swap, DIGEST_LEN);
    }
}

static int dial_elsewhere(const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        cl_close_fdp(&fd);
    }
    return fd;
}

static void *serve(void *arg)
{
    struct link *l = arg;
    char path[128];
    char line[LINE] = "";
    bool elsewhere = l->port == PORT_RELAY && l->tap->relay != NULL;
    bool ask = l->port == PORT_BLOB || elsewhere;
    (void)snprintf(path, sizeof(path), "%s/guest_%u.sock", l->tap->dir, l->port);
    bool ok = !ask || take_line(l, line);
    if (ok && elsewhere) {
        l->host = dial_elsewhere(l->tap->relay);
        ok = l->host >= 0 && cl_write_all(l->guest, "OK\n", 3, "relay", NULL) == CL_OK;
    } else if (ok) {
        ok = cl_unix_connect(path, &l->host, NULL) == CL_OK;
    }
    if (ok && l->port == PORT_BLOB) {
        blob_request(l, line);
        ok = cl_write_all(l->host, line, strlen(line), "request", NULL) == CL_OK;
    }
    if (ok) {
        copy(l);
    }
    cl_close_fdp(&l->guest);
    cl_close_fdp(&l->host);
    free(l);
    return NULL;
}

static void take(struct tap *t, unsigned port, int listener)
{
    pthread_t thread;
    struct link *l = calloc(1, sizeof(*l));
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (l == NULL || fd < 0) {
        _exit(5);
    }
    *l = (struct link){.tap = t, .port = port, .guest = fd, .host = -1, .flip = -1};
    if (pthread_create(&thread, NULL, serve, l) != 0 || pthread_detach(thread) != 0) {
        _exit(5);
    }
}

/* Stands between until the VMM, its parent, ends. */
static void stand_between(struct tap *t, const int *listener, pid_t parent)
{
    struct pollfd p[PORTS];
    (void)signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(5);
    }
    for (size_t i = 0; i < PORTS; i++) {
        p[i] = (struct pollfd){.fd = listener[i], .events = POLLIN};
    }
    for (;;) {
        if (poll(p, PORTS, -1) < 0 && errno != EINTR) {
            _exit(5);
        }
        for (size_t i = 0; i < PORTS; i++) {
            if (p[i].revents != 0) {
                take(t, ports[i], p[i].fd);
            }
        }
    }
}

/* I-4.4, for another text. */
static enum cl_status write_disk(const char *file, const char *path, struct cl_err *err)
{
    static const uint8_t zeros[512];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf disk = {0};
    uint8_t head[16] = "CLINITD1";
    CL_TRY(cl_buf_read_file(&text, file, MAX_INITDATA, err));
    for (unsigned i = 0; i < 8; i++) {
        head[8 + i] = (uint8_t)((uint64_t)text.len >> (8 * i));
    }
    CL_TRY(cl_buf_append(&disk, head, sizeof(head), err));
    CL_TRY(cl_buf_append(&disk, text.data, text.len, err));
    CL_TRY(cl_buf_append(&disk, zeros, (512 - disk.len % 512) % 512, err));
    return cl_write_file(path, disk.data, disk.len, 0600, err);
}

static void replace(char **argv, const char *name, char *value)
{
    for (int i = 1; value != NULL && argv[i] != NULL; i++) {
        if (strcmp(argv[i], name) == 0 && argv[i + 1] != NULL) {
            argv[i + 1] = value;
        }
    }
}

static const char *option(char **argv, const char *name)
{
    for (int i = 1; argv[i] != NULL; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return NULL;
}

static enum cl_status listen_all(const char *dir, int *listener, struct cl_err *err)
{
    if (mkdir(dir, 0700) != 0) {
        return cl_err_sys(err, errno, "create '%s'", dir);
    }
    for (size_t i = 0; i < PORTS; i++) {
        char path[140];
        (void)snprintf(path, sizeof(path), "%s/guest_%u.sock", dir, ports[i]);
        CL_TRY(cl_unix_listen(path, &listener[i], err));
    }
    return CL_OK;
}

static void read_environment(struct tap *t, const char *dir)
{
    const char *blob = getenv("VMM_TAP_BLOB");
    const char *file = getenv("VMM_TAP_RECORD");
    (void)snprintf(t->dir, sizeof(t->dir), "%s", dir);
    t->swap = getenv("VMM_TAP_SWAP");
    t->relay = getenv("VMM_TAP_RELAY");
    if (blob != NULL) {
        char *end = NULL;
        t->blob = strtol(blob, &end, 10);
        t->offset = *end == ':' ? strtol(end + 1, NULL, 10) : 0;
    }
    if (file != NULL) {
        t->record = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
}

static enum cl_status prepare(struct tap *t, char **argv, int *listener, struct cl_err *err)
{
    static char tapped[120];
    static char disk[140];
    const char *dir = option(argv, "--vsock-dir");
    const char *initdata = getenv("VMM_TAP_INITDATA");
    if (dir == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected --vsock-dir, got none");
    }
    read_environment(t, dir);
    (void)snprintf(tapped, sizeof(tapped), "%s/tap", t->dir);
    CL_TRY(listen_all(tapped, listener, err));
    if (initdata != NULL) {
        (void)snprintf(disk, sizeof(disk), "ro:%s/initdata-tap.img", t->dir);
        CL_TRY(write_disk(initdata, disk + 3, err));
        replace(argv, "--disk", disk);
    }
    replace(argv, "--vsock-dir", tapped);
    replace(argv, "--host-data", getenv("VMM_TAP_HOST_DATA"));
    return CL_OK;
}

int main(int argc, char **argv)
{
    int listener[PORTS] = {-1, -1, -1, -1, -1};
    struct cl_err err = {0};
    pid_t parent = getpid();
    const char *real = getenv("VMM_TAP_REAL");
    (void)argc;
    cl_log_init("vmm_tap", false);
    if (real == NULL) {
        (void)fprintf(stderr, "vmm_tap: expected VMM_TAP_REAL\n");
        return 2;
    }
    if (prepare(&the_tap, argv, listener, &err) != CL_OK) {
        cl_report(&err, NULL);
        return 5;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(3); /* the VMM's events: their end says that the VM is over */
        stand_between(&the_tap, listener, parent);
    }
    (void)execv(real, argv); /* the sockets close by themselves */
    return 127;
}
