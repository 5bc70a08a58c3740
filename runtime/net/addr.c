/* SPDX-License-Identifier: Apache-2.0
 * addr.c - kinds of network addresses. Trust: the address may come out of hostile DNS.
 * Threads, memory: none.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static enum cl_addr_kind kind4(uint32_t a)
{
    if (a >> 24 == 127) {
        return CL_ADDR_LOOPBACK;
    }
    if (a >> 16 == 0xa9fe) {
        return CL_ADDR_LINK_LOCAL;
    }
    return a >> 24 == 0 || a >> 28 >= 0xe ? CL_ADDR_UNUSABLE : CL_ADDR_PUBLIC;
}

/* The IPv4 address inside, when this is one of the forms that carry one. */
static bool carried4(const uint8_t b[static 16], uint32_t *ret)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t compatible[12] = {0};
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    bool is_one = memcmp(b, compatible, 12) == 0 && (b[12] | b[13] | b[14]) == 0; /* :: and ::1 */
    if (is_one || (memcmp(b, mapped, 12) != 0 && memcmp(b, compatible, 12) != 0 &&
                   memcmp(b, nat64, 12) != 0)) {
        return false;
    }
    *ret = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
    return true;
}

static enum cl_addr_kind kind6(const uint8_t b[static 16])
{
    static const uint8_t zero[16];
    uint32_t v4 = 0;
    if (carried4(b, &v4)) {
        return kind4(v4);
    }
    if (memcmp(b, zero, 15) == 0) {
        return b[15] == 1 ? CL_ADDR_LOOPBACK : CL_ADDR_UNUSABLE;
    }
    if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) {
        return CL_ADDR_LINK_LOCAL;
    }
    return b[0] == 0xff ? CL_ADDR_UNUSABLE : CL_ADDR_PUBLIC;
}

enum cl_addr_kind cl_addr_kind(const struct sockaddr *addr, socklen_t len)
{
    if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof(in));
        return kind4(ntohl(in.sin_addr.s_addr));
    }
    if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;
        memcpy(&in6, addr, sizeof(in6));
        return kind6(in6.sin6_addr.s6_addr);
    }
    return CL_ADDR_UNUSABLE;
}

static bool same_host(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family) {
        return false;
    }
    char at[CL_ADDR_TEXT_SIZE];
    char bt[CL_ADDR_TEXT_SIZE];
    socklen_t len =
        a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    cl_addr_text(a, len, at);
    cl_addr_text(b, len, bt);
    return strcmp(at, bt) == 0;
}

bool cl_addr_is_own(const struct sockaddr *addr, socklen_t len)
{
    if (cl_addr_kind(addr, len) == CL_ADDR_LOOPBACK) {
        return true;
    }
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) != 0) {
        return true;
    }
    bool own = false;
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        bool ip = i->ifa_addr != NULL &&
                  (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
        own = own || (ip && same_host(i->ifa_addr, addr));
    }
    freeifaddrs(list);
    return own;
}

void cl_addr_text(const struct sockaddr *addr, socklen_t len, char ret[static CL_ADDR_TEXT_SIZE])
{
    (void)snprintf(ret, CL_ADDR_TEXT_SIZE, "?");
    if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, ret, CL_ADDR_TEXT_SIZE);
    } else if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;
        memcpy(&in6, addr, sizeof(in6));
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, ret, CL_ADDR_TEXT_SIZE);
    }
}
