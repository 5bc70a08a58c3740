/* SPDX-License-Identifier: Apache-2.0
 * dial_tcp.c - the TCP transport of programs that have a network.
 */
#include "cloister/kbs_client.h"

#include "base/io.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 10000

/* One address; errno of the failure, or 0. */
static int connect_one(const struct addrinfo *ai, int *ret_fd)
{
    CL_CLEANUP(cl_close_fdp)
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    if (fd < 0) {
        return errno;
    }
    if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        int rc = 0;
        int so_error = 0;
        socklen_t len = sizeof(so_error);
        if (errno != EINPROGRESS) {
            return errno;
        }
        do {
            rc = poll(&p, 1, CONNECT_TIMEOUT_MS);
        } while (rc < 0 && errno == EINTR);
        if (rc <= 0) {
            return rc == 0 ? ETIMEDOUT : errno;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &so_error, &len) != 0 || so_error != 0) {
            return so_error != 0 ? so_error : errno;
        }
    }
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *ret_fd = fd;
    fd = -1;
    return 0;
}

enum cl_status cl_kbs_dial_tcp(void *ctx, const char *host, uint16_t port, int *ret_fd,
                               struct cl_err *err)
{
    (void)ctx;
    char service[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "resolve '%.200s': %s", host, gai_strerror(rc));
    }
    int last = EHOSTUNREACH;
    for (const struct addrinfo *ai = list; ai != NULL && last != 0; ai = ai->ai_next) {
        last = connect_one(ai, ret_fd);
    }
    freeaddrinfo(list);
    if (last != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "connect '%.200s:%s': %s", host, service,
                          strerror(last));
    }
    return CL_OK;
}
