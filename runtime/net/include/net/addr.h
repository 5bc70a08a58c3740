/* SPDX-License-Identifier: Apache-2.0
 * addr.h - kinds of network addresses, for programs that dial on behalf of somebody they distrust.
 * Trust: the address may come out of hostile DNS. Threads, memory: none.
 */
#ifndef CL_NET_ADDR_H
#define CL_NET_ADDR_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>

enum cl_addr_kind {
    CL_ADDR_PUBLIC,     /* anything that is none of the below: also private networks */
    CL_ADDR_LOOPBACK,   /* 127.0.0.0/8, ::1, and the same inside IPv6 */
    CL_ADDR_LINK_LOCAL, /* 169.254.0.0/16 (where clouds keep their metadata), fe80::/10 */
    CL_ADDR_UNUSABLE,   /* unspecified, multicast, broadcast, or no IP at all */
};

/* IPv4 inside IPv6 (::ffff:a.b.c.d, ::a.b.c.d, 64:ff9b::/96) counts as what it carries. */
enum cl_addr_kind cl_addr_kind(const struct sockaddr *addr, socklen_t len);

/* An address of one of this node's own interfaces (loopback included). "Cannot tell" is true. */
bool cl_addr_is_own(const struct sockaddr *addr, socklen_t len);

/* The address as text, without port: "127.0.0.1", "::1". */
#define CL_ADDR_TEXT_SIZE 64u
void cl_addr_text(const struct sockaddr *addr, socklen_t len, char ret[static CL_ADDR_TEXT_SIZE]);

#endif
