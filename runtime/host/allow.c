/* SPDX-License-Identifier: Apache-2.0
 * allow.c - the relay's allow-list. Trust, threads, memory: allow.h.
 */
#include "host/allow.h"

#include "base/io.h"
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static bool host_good(const char *host)
{
    struct in6_addr v6;
    size_t len = strlen(host);
    return len > 0 && (strspn(host, NAME_CHARS) == len || inet_pton(AF_INET6, host, &v6) == 1);
}

enum cl_status host_endpoint_parse(const char *text, const char *field, struct host_endpoint *ret,
                                   struct cl_err *err)
{
    struct host_endpoint e = {0};
    uint64_t port = 0;
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    const char *host = text;
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len > 0 && len < sizeof(e.host)) {
        memcpy(e.host, host, len);
    }
    if (!host_good(e.host) || (host == text && strchr(e.host, ':') != NULL) ||
        cl_uint_parse(colon + 1, field, 1, 65535, &port, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected host:port, got '%.200s'", field,
                          text);
    }
    e.port = (uint16_t)port;
    *ret = e;
    return CL_OK;
}

enum cl_status host_relay_request_parse(const char *line, struct host_endpoint *ret,
                                        struct cl_err *err)
{
    static const char magic[] = "CLRELAY1 ";
    struct host_endpoint e = {0};
    uint64_t port = 0;
    const char *host = line + strlen(magic);
    if (strncmp(line, magic, strlen(magic)) == 0) {
        const char *space = strchr(host, ' ');
        size_t len = space != NULL ? (size_t)(space - host) : 0;
        if (len > 0 && len < sizeof(e.host)) {
            memcpy(e.host, host, len);
            if (host_good(e.host) &&
                cl_uint_parse(space + 1, "port", 1, 65535, &port, NULL) == CL_OK) {
                e.port = (uint16_t)port;
                *ret = e;
                return CL_OK;
            }
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "relay: expected 'CLRELAY1 host port', got '%.100s'",
                      line);
}

static bool same(const struct host_endpoint *a, const struct host_endpoint *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

enum cl_status host_allow_endpoint(const struct host_allow *a, const struct host_endpoint *want,
                                   struct cl_err *err)
{
    bool named = false;
    for (size_t i = 0; i < a->count; i++) {
        named = named || same(&a->named[i], want);
    }
    if (!named) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "relay '%s:%u': expected a broker that the operator named (--kbs, "
                          "--relay-allow), got another",
                          want->host, want->port);
    }
    if (!a->has_initdata || !same(&a->initdata, want)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "relay '%s:%u': expected the broker that initdata names, got another",
                          want->host, want->port);
    }
    return CL_OK;
}

/* The operator wrote this very address, or "localhost" for the node itself. */
static bool written_out(const struct host_endpoint *want, const struct sockaddr *addr,
                        socklen_t len)
{
    char text[CL_ADDR_TEXT_SIZE];
    struct in6_addr v6;
    cl_addr_text(addr, len, text);
    if (inet_pton(AF_INET6, want->host, &v6) == 1) { /* one way of writing it */
        char canonical[INET6_ADDRSTRLEN];
        return inet_ntop(AF_INET6, &v6, canonical, sizeof(canonical)) != NULL &&
               strcmp(canonical, text) == 0;
    }
    return strcmp(want->host, text) == 0 || (strcasecmp(want->host, "localhost") == 0 &&
                                             cl_addr_kind(addr, len) == CL_ADDR_LOOPBACK);
}

enum cl_status host_allow_address(const struct host_endpoint *want, const struct sockaddr *addr,
                                  socklen_t len, struct cl_err *err)
{
    enum cl_addr_kind kind = cl_addr_kind(addr, len);
    char text[CL_ADDR_TEXT_SIZE];
    cl_addr_text(addr, len, text);
    if (kind == CL_ADDR_UNUSABLE) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "relay '%s:%u': address: expected one that can be dialled, got %s",
                          want->host, want->port, text);
    }
    if (kind == CL_ADDR_PUBLIC && !cl_addr_is_own(addr, len)) {
        return CL_OK;
    }
    if (written_out(want, addr, len)) {
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "relay '%s:%u': address: expected none of this node unless the operator "
                      "names it, got %s",
                      want->host, want->port, text);
}
