/* SPDX-License-Identifier: Apache-2.0
 * podfwd_client.h - a client inside a pod's network namespace, as containerd's port-forward is.
 * Header only.
 */
#ifndef CL_TEST_PODFWD_CLIENT_H
#define CL_TEST_PODFWD_CLIENT_H

#include "check_main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* A blocking socket of the namespace's, connected; or -errno. The caller's namespace stays. */
static inline int connect_inside(const char *path, const char *address, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool ipv6 = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
    ck_assert(ipv6 || inet_pton(AF_INET, address, &in.sin_addr) == 1);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int netns = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(setns(netns, CLONE_NEWNET), 0);
    int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = ipv6 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
                  : connect(fd, (struct sockaddr *)&in, sizeof(in));
    int error = rc == 0 ? 0 : errno;
    ck_assert_int_eq(setns(home, CLONE_NEWNET), 0);
    (void)close(netns);
    (void)close(home);
    if (error != 0) {
        (void)close(fd);
        return -error;
    }
    return fd;
}

#endif
