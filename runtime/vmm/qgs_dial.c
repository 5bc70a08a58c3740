/* SPDX-License-Identifier: Apache-2.0
 * qgs_dial.c - the process that stays outside of the jail to connect to the quote service: a
 * service that was restarted has a new socket, and closes each connection after one answer. It
 * connects to the one address that it was started with, whatever it is asked. Trust: who asks is
 * the VMM, which may have been taken over. Threads: one. Memory: none.
 */
#include "base/io.h"
#include "qgs.h"
#include "syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 10 /* to a service whose queue is full */

enum cl_status vmm_qgs_address_parse(const char *text, struct vmm_qgs_address *ret_a,
                                     struct cl_err *err)
{
    struct vmm_qgs_address a;
    memset(&a, 0, sizeof(a));
    if (strcmp(text, "vsock") == 0) {
        struct sockaddr_vm vm = {
            .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = VMM_QGS_VSOCK_PORT};
        memcpy(a.to.room, &vm, sizeof(vm));
        a.size = sizeof(vm);
    } else if (text[0] == '/' && strlen(text) < sizeof(a.to.un.sun_path)) {
        a.to.un.sun_family = AF_UNIX;
        memcpy(a.to.un.sun_path, text, strlen(text));
        a.size = sizeof(a.to.un);
    } else {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--qgs: expected vsock, or the absolute path of a socket (at most %zu "
                          "bytes), got '%s'",
                          sizeof(a.to.un.sun_path) - 1, text);
    }
    *ret_a = a;
    return CL_OK;
}

/* A connected socket, or a negative errno value. */
static int connect_to(const struct vmm_qgs_address *a)
{
    struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S};
    CL_CLEANUP(cl_close_fdp) int fd = socket(a->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        connect(fd, &a->to.any, a->size) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        return -errno;
    }
    int taken = fd;
    fd = -1;
    return taken;
}

static bool answer(int to, const struct vmm_dial *d, int fd)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct vmm_dial copy = *d;
    struct iovec iov = {.iov_base = &copy, .iov_len = sizeof(copy)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    memset(&control, 0, sizeof(control));
    if (fd >= 0) {
        msg.msg_control = control.buf;
        msg.msg_controllen = sizeof(control.buf);
        struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &fd, sizeof(fd));
    }
    return sendmsg(to, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
}

void vmm_dialer_serve(int fd, const struct vmm_qgs_address *a)
{
    struct vmm_dial d = {0};
    while (recv(fd, &d, sizeof(d), 0) == (ssize_t)sizeof(d)) {
        CL_CLEANUP(cl_close_fdp) int to = connect_to(a);
        d.error = to < 0 ? -to : 0;
        to = to < 0 ? -1 : to;
        if (!answer(fd, &d, to)) {
            return;
        }
    }
}

/* Nothing of the VMM's stays open here: it would not end for whoever reads it. */
static void become_dialer(int fd, const struct vmm_qgs_address *a, bool jailed)
{
    struct cl_err err = {0};
    bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0 &&
              dup2(fd, STDIN_FILENO) == STDIN_FILENO &&
              syscall(SYS_close_range, STDIN_FILENO + 1, ~0u, 0) == 0;
    if (ok && (!jailed || vmm_seccomp_enter(VMM_SECCOMP_DIALER, &err) == CL_OK)) {
        vmm_dialer_serve(STDIN_FILENO, a);
    }
    _exit(ok ? 0 : 1);
}

enum cl_status vmm_dialer_start(const struct vmm_qgs_address *a, bool jailed, int *ret_fd,
                                struct cl_err *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return cl_err_sys(err, errno, "quote service: socket pair");
    }
    pid_t child = fork();
    if (child == 0) {
        become_dialer(fds[1], a, jailed);
    }
    int saved = errno;
    (void)close(fds[1]);
    if (child < 0) {
        (void)close(fds[0]);
        return cl_err_sys(err, saved, "quote service: fork");
    }
    *ret_fd = fds[0];
    return CL_OK;
}
