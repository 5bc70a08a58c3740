/* SPDX-License-Identifier: Apache-2.0
 * vsock.c - dialling the host.
 */
#include "agent.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 60 /* without a byte of progress */
#define CONNECT_S 10

enum cl_status agent_dial(uint32_t port, bool patient, int *ret_fd, struct cl_err *err)
{
    struct timeval io = {.tv_sec = PATIENCE_S};
    struct timeval connecting = {.tv_sec = CONNECT_S};
    struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_HOST};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return cl_err_sys(err, errno, "vsock");
    }
    (void)setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &connecting, sizeof(connecting));
    union {
        struct sockaddr_vm vm;
        struct sockaddr any;
    } u = {.vm = a};
    int rc;
    do {
        rc = connect(fd, &u.any, sizeof(u.vm));
    } while (rc != 0 && errno == EINTR);
    if (rc == 0 && !patient &&
        (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &io, sizeof(io)) != 0 ||
         setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &io, sizeof(io)) != 0)) {
        rc = -1;
    }
    if (rc != 0) {
        (void)cl_err_sys(err, errno, "host port %u", (unsigned)port);
        (void)close(fd);
        return cl_err_wrap(err, CL_ERR_UNAVAILABLE, "vsock");
    }
    *ret_fd = fd;
    return CL_OK;
}
