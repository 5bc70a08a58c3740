/* SPDX-License-Identifier: Apache-2.0
 * cri_stream.c - one end of a stream that the kubelet would hand to kubectl: dials a URL of
 * `cri_client exec` or `port-forward`, by WebSocket (RFC 6455) with channels in binary
 * (v4.channel.k8s.io). Standard input goes to the process or the port, its output comes back; what
 * the runtime says of an error or an exit goes to stderr. Ends when the runtime ends it.
 *
 * usage: cri_stream exec|port-forward URL
 * Exit status: 0 the runtime ended it; 1 it did not begin, or broke; 2 usage. Trust: test tooling.
 */
#include "base/encode.h"
#include "base/io.h"
#include "base/secret.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX (1u << 20) /* of the runtime: it copies in pieces of 32 KiB */
#define HEAD_MAX 4096u

enum opcode { OP_BINARY = 2, OP_CLOSE = 8 };

/* Where each channel's bytes go, and how many of its first ones say something else. */
struct kind {
    const char *name;
    unsigned char input;
    int output[4];
    size_t skip; /* port-forward: the port, on each channel */
};
static const struct kind kinds[] = {
    {"exec", 0, {-1, STDOUT_FILENO, STDERR_FILENO, STDERR_FILENO}, 0},
    {"port-forward", 0, {STDOUT_FILENO, STDERR_FILENO, -1, -1}, 2},
};

struct stream {
    int fd;
    const struct kind *kind;
    size_t skip[4];
};

/* "http://ADDRESS:PORT/PATH", an IPv4 address. */
static enum cl_status dial(const char *url, int *ret_fd, const char **ret_path, struct cl_err *err)
{
    char host[64];
    unsigned port = 0;
    int path = 0;
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (sscanf(url, "http://%63[0-9.]:%5u%n", host, &port, &path) != 2 || port > UINT16_MAX ||
        inet_pton(AF_INET, host, &to.sin_addr) != 1 || url[path] != '/') {
        return cl_err_set(err, CL_ERR_MALFORMED, "URL: expected http://ADDRESS:PORT/..., got '%s'",
                          url);
    }
    to.sin_port = htons((uint16_t)port);
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        return cl_err_sys(err, errno, "connect to %s:%u", host, port);
    }
    *ret_path = url + path;
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* The head of the answer, byte by byte: frames may follow it at once. */
static enum cl_status read_head(int fd, char ret[static HEAD_MAX], struct cl_err *err)
{
    size_t n = 0;
    while (n < HEAD_MAX - 1) {
        CL_TRY(cl_read_all(fd, ret + n, 1, "answer", err));
        ret[++n] = '\0';
        if (n >= 4 && memcmp(ret + n - 4, "\r\n\r\n", 4) == 0) {
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "answer: expected a head of less than %u bytes",
                      HEAD_MAX);
}

static enum cl_status upgrade(int fd, const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf key = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
    unsigned char raw[16];
    char head[HEAD_MAX];
    CL_TRY(cl_random(raw, sizeof(raw), err));
    CL_TRY(cl_b64_encode(&key, raw, sizeof(raw), err));
    CL_TRY(cl_buf_printf(&request, err,
                         "GET %s HTTP/1.1\r\nHost: runtime\r\nConnection: Upgrade\r\nUpgrade: "
                         "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\n"
                         "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
                         path, (int)key.len, (const char *)key.data));
    CL_TRY(cl_write_all(fd, request.data, request.len, "request", err));
    CL_TRY(read_head(fd, head, err));
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
        head[strcspn(head, "\r\n")] = '\0';
        return cl_err_set(err, CL_ERR_REJECTED, "answer: expected HTTP/1.1 101, got '%.80s'", head);
    }
    return CL_OK;
}

/* One frame of ours, masked as a client's has to be. */
static enum cl_status send_frame(struct stream *s, const unsigned char *data, size_t len,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    size_t n = len + 1; /* with the channel */
    unsigned char mask[4];
    unsigned char head[] = {0x80 | OP_BINARY, 0x80 | 126, (unsigned char)(n >> 8),
                            (unsigned char)n};
    unsigned char channel = s->kind->input;
    CL_TRY(cl_random(mask, sizeof(mask), err));
    CL_TRY(cl_buf_append(&b, head, sizeof(head), err));
    CL_TRY(cl_buf_append(&b, mask, sizeof(mask), err));
    CL_TRY(cl_buf_append(&b, &channel, 1, err));
    CL_TRY(cl_buf_append(&b, data, len, err));
    for (size_t i = 0; i < n; i++) {
        b.data[sizeof(head) + sizeof(mask) + i] ^= mask[i % sizeof(mask)];
    }
    return cl_write_all(s->fd, b.data, b.len, "frame", err);
}

/* Standard input, a piece of it; at its end nothing is sent, for there is no word for that. */
static enum cl_status send_input(struct stream *s, bool *ret_end, struct cl_err *err)
{
    unsigned char piece[32768];
    ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
    if (n < 0) {
        return cl_err_sys(err, errno, "standard input");
    }
    *ret_end = n == 0;
    return n > 0 ? send_frame(s, piece, (size_t)n, err) : CL_OK;
}

static enum cl_status show(struct stream *s, const unsigned char *data, size_t len,
                           struct cl_err *err)
{
    if (len == 0) {
        return CL_OK;
    }
    unsigned channel = data[0];
    if (channel >= CL_ARRAY_LEN(s->skip) || s->kind->output[channel] < 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "channel: expected one of %s, got %u",
                          s->kind->name, channel);
    }
    size_t skip = s->skip[channel] < len - 1 ? s->skip[channel] : len - 1;
    s->skip[channel] -= skip;
    return cl_write_all(s->kind->output[channel], data + 1 + skip, len - 1 - skip, "output", err);
}

/* One frame of the runtime's: not masked, and whole. */
static enum cl_status receive(struct stream *s, bool *ret_end, struct cl_err *err)
{
    static unsigned char data[FRAME_MAX];
    unsigned char head[2];
    unsigned char more[8];
    ssize_t first = read(s->fd, head, 1);
    if (first == 0) {
        *ret_end = true; /* without a word */
        return CL_OK;
    }
    if (first < 0) {
        return cl_err_sys(err, errno, "frame");
    }
    CL_TRY(cl_read_all(s->fd, head + 1, 1, "frame", err));
    uint64_t len = head[1];
    size_t wide = len == 126 ? 2 : len == 127 ? 8 : 0;
    CL_TRY(cl_read_all(s->fd, more, wide, "frame", err));
    for (size_t i = 0; i < wide; i++) {
        len = (i == 0 ? 0 : len << 8) | more[i];
    }
    if ((head[0] != (0x80 | OP_BINARY) && head[0] != (0x80 | OP_CLOSE)) || len > sizeof(data)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "frame: got type 0x%02x of %llu bytes", head[0],
                          (unsigned long long)len);
    }
    CL_TRY(cl_read_all(s->fd, data, len, "frame", err));
    *ret_end = head[0] == (0x80 | OP_CLOSE);
    return *ret_end ? CL_OK : show(s, data, len, err);
}

static enum cl_status run(const struct kind *kind, const char *url, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    const char *path = NULL;
    CL_TRY(dial(url, &fd, &path, err));
    CL_TRY(upgrade(fd, path, err));
    struct stream s = {.fd = fd, .kind = kind, .skip = {kind->skip, kind->skip}};
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    bool end = false;
    while (!end) {
        bool input_end = false;
        if (poll(p, 2, -1) < 0) {
            return cl_err_sys(err, errno, "poll");
        }
        if (p[0].revents != 0) {
            CL_TRY(receive(&s, &end, err));
        }
        if (!end && p[1].revents != 0) {
            CL_TRY(send_input(&s, &input_end, err));
            p[1].fd = input_end ? -1 : p[1].fd;
        }
    }
    return CL_OK;
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    for (size_t i = 0; argc == 3 && i < CL_ARRAY_LEN(kinds); i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            if (run(&kinds[i], argv[2], &err) == CL_OK) {
                return 0;
            }
            (void)fprintf(stderr, "cri_stream: %s\n", err.msg);
            return 1;
        }
    }
    (void)fprintf(stderr, "usage: cri_stream exec|port-forward URL\n");
    return 2;
}
