/* SPDX-License-Identifier: Apache-2.0
 * psp_tap.c - a hostile host's hand between guest and security processor, for tests and the demo.
 * Installed under the name cloister-sim-psp beside a copy of `cloister`, it starts the real one
 * ($PSP_TAP_REAL) and stands on its guest socket (I-3.2). $PSP_TAP_MODE: pass | record
 * FILE-of-$PSP_TAP_FILE | replay that FILE | flip: one bit of the answer's byte $PSP_TAP_OFFSET.
 * Trust: a test tool; it trusts its environment.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_MAX (1u << 20)

struct tap {
    const char *mode;
    const char *file;
    size_t offset; /* into the body of the answer: 12 bytes of lengths, then report, then
                      certificates */
    char real_socket[128];
};

static void on_child_end(int signo)
{
    (void)signo;
    _exit(0); /* the real one is gone, so is this one */
}

/* One message of I-3: header and body. */
static enum cl_status read_message(int fd, struct cl_buf *ret, struct cl_err *err)
{
    uint8_t head[8];
    CL_TRY(cl_read_all(fd, head, sizeof(head), "header", err));
    struct cl_reader r = cl_reader_init(head, sizeof(head));
    cl_reader_skip(&r, 4, "op");
    size_t len = cl_reader_le32(&r, "len");
    if (len > TAP_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "len: expected at most %u, got %zu", TAP_MAX, len);
    }
    CL_TRY(cl_buf_append(ret, head, sizeof(head), err));
    CL_TRY(cl_buf_reserve(ret, len, err));
    CL_TRY(cl_read_all(fd, ret->data + ret->len, len, "body", err));
    ret->len += len;
    return CL_OK;
}

static enum cl_status tamper(const struct tap *t, struct cl_buf *answer, struct cl_err *err)
{
    if (strcmp(t->mode, "record") == 0) {
        return cl_write_file(t->file, answer->data, answer->len, 0600, err);
    }
    if (strcmp(t->mode, "replay") == 0) {
        cl_buf_reset(answer);
        return cl_buf_read_file(answer, t->file, TAP_MAX, err);
    }
    if (strcmp(t->mode, "flip") == 0 && 8 + t->offset < answer->len) {
        answer->data[8 + t->offset] ^= 1;
    }
    return CL_OK;
}

static enum cl_status serve(const struct tap *t, int guest, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int real = -1;
    CL_TRY(cl_unix_connect(t->real_socket, &real, err));
    for (;;) {
        CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf answer = {0};
        CL_TRY(read_message(guest, &request, err));
        CL_TRY(cl_write_all(real, request.data, request.len, "request", err));
        CL_TRY(read_message(real, &answer, err));
        CL_TRY(tamper(t, &answer, err));
        CL_TRY(cl_write_all(guest, answer.data, answer.len, "answer", err));
    }
}

/* The real program with its guest socket moved aside. */
static void start_real(const char *program, char **argv, char *real_socket)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid != 0) {
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 1; argv[i] != NULL && argv[i + 1] != NULL; i++) {
        if (strcmp(argv[i], "--guest-socket") == 0) {
            argv[i + 1] = real_socket;
        }
    }
    if (getppid() == parent) {
        (void)execv(program, argv);
    }
    _exit(127);
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

int main(int argc, char **argv)
{
    (void)argc;
    cl_log_init("psp_tap", false);
    const char *program = getenv("PSP_TAP_REAL");
    const char *offset = getenv("PSP_TAP_OFFSET");
    const char *socket_path = option(argv, "--guest-socket");
    struct tap t = {.mode = getenv("PSP_TAP_MODE"), .file = getenv("PSP_TAP_FILE")};
    if (program == NULL || t.mode == NULL || socket_path == NULL) {
        (void)fprintf(stderr, "psp_tap: expected PSP_TAP_REAL, PSP_TAP_MODE and --guest-socket\n");
        return 2;
    }
    t.offset = offset != NULL ? strtoul(offset, NULL, 10) : 0;
    (void)snprintf(t.real_socket, sizeof(t.real_socket), "%s.r", socket_path);
    struct cl_err err = {0};
    int listener = -1;
    if (cl_unix_listen(socket_path, &listener, &err) != CL_OK) {
        cl_report(&err, NULL);
        return 5;
    }
    (void)signal(SIGCHLD, on_child_end);
    (void)signal(SIGPIPE, SIG_IGN);
    start_real(program, argv, t.real_socket);
    for (;;) {
        int guest = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (guest < 0 && errno != EINTR) {
            return 5;
        }
        if (guest >= 0 && serve(&t, guest, &err) != CL_OK) {
            (void)close(guest);
        }
    }
}
