/* SPDX-License-Identifier: Apache-2.0
 * proxy.c - which proxy of the environment a request goes through. Decided here and not by libcurl,
 * so that it is known whether the address that is dialled is the server's or the proxy's.
 * Trust: the environment is the operator's; the host may be a hostile redirect's. Threads, memory:
 * none.
 */
#include "proxy.h"

#include "base/io.h"
#include "image/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;
    if (memcmp(a, b, bits / 8) != 0) {
        return false;
    }
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

static bool in_block(const char *block, const char *host)
{
    char text[64];
    uint8_t net[16];
    uint8_t addr[16];
    uint64_t bits = 0;
    const char *slash = strchr(block, '/');
    size_t n = slash != NULL ? (size_t)(slash - block) : 0;
    if (slash == NULL || n >= sizeof(text)) {
        return false;
    }
    memcpy(text, block, n);
    text[n] = '\0';
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    return cl_uint_parse(slash + 1, "bits", 0, family == AF_INET6 ? 128 : 32, &bits, NULL) ==
               CL_OK &&
           inet_pton(family, text, net) == 1 && inet_pton(family, host, addr) == 1 &&
           bits_equal(net, addr, (unsigned)bits);
}

static bool item_names(const char *item, const char *host)
{
    size_t want = strlen(item);
    size_t have = strlen(host);
    if (strcmp(item, "*") == 0 || in_block(item, host)) {
        return true;
    }
    if (want > 0 && item[0] == '.') {
        item++;
        want--;
    }
    return want > 0 && have >= want && strcasecmp(host + have - want, item) == 0 &&
           (have == want || host[have - want - 1] == '.');
}

bool image_proxy_excluded(const char *list, const char *host)
{
    char item[256];
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", ");
        size_t n = strcspn(list, ", ");
        if (n > 0 && n < sizeof(item)) {
            memcpy(item, list, n);
            item[n] = '\0';
            if (item_names(item, host)) {
                return true;
            }
        }
        list += n;
    }
    return false;
}

static const char *variable(const char *lower, const char *upper)
{
    const char *v = getenv(lower);
    v = v == NULL || v[0] == '\0' ? getenv(upper) : v;
    return v != NULL && v[0] != '\0' ? v : NULL;
}

bool cl_http_is_loopback(const char *host)
{
    struct in_addr v4;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

const char *image_proxy_for(bool https, const char *host)
{
    const char *proxy =
        https ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", "HTTP_PROXY");
    if (proxy == NULL || cl_http_is_loopback(host) ||
        image_proxy_excluded(variable("no_proxy", "NO_PROXY"), host)) {
        return NULL;
    }
    return proxy;
}
