/* SPDX-License-Identifier: Apache-2.0
 * allow.h - what the relay may dial: only what the operator named *and* initdata names, and of the
 * addresses a name has, none of this node unless the operator wrote that very address.
 * Trust: the guest asks, and is hostile; so is DNS. Threads, memory: none.
 */
#ifndef HOST_ALLOW_H
#define HOST_ALLOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define HOST_MAX_ALLOW 16u

struct host_endpoint {
    char host[256]; /* a name or an address, without brackets */
    uint16_t port;
};

/* "host:port" or "[v6]:port". */
CL_NODISCARD enum cl_status host_endpoint_parse(const char *text, const char *field,
                                                struct host_endpoint *ret, struct cl_err *err);

struct host_allow {
    struct host_endpoint named[HOST_MAX_ALLOW]; /* by the operator: --kbs, --relay-allow */
    size_t count;
    bool has_initdata;
    struct host_endpoint initdata; /* initdata's broker */
};

/* "CLRELAY1 <host> <port>" without its line end. CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status host_relay_request_parse(const char *line, struct host_endpoint *ret,
                                                     struct cl_err *err);
/* CL_ERR_REJECTED, with words that may be told to the guest. */
CL_NODISCARD enum cl_status host_allow_endpoint(const struct host_allow *a,
                                                const struct host_endpoint *want,
                                                struct cl_err *err);
/* The same for an address that `want` resolved to. */
CL_NODISCARD enum cl_status host_allow_address(const struct host_endpoint *want,
                                               const struct sockaddr *addr, socklen_t len,
                                               struct cl_err *err);

#endif
