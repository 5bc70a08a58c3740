/* SPDX-License-Identifier: Apache-2.0
 * podnet.h - a pod's network namespace, as CNI left it, joined to taps for a VM: every interface
 * gets a tap beside it, all frames go across (tc u32 and mirred), and what was configured on the
 * interface is told, so that the guest can configure the same (containerd-shim.md 8).
 * Trust: the namespace was made by CNI, which the node trusts; names, counts and routes in it are
 * bounded all the same. Threads: each call does its work in a thread of its own, because entering a
 * namespace is a thread's affair; the caller's namespaces never change. Memory: plain values.
 */
#ifndef CL_NET_PODNET_H
#define CL_NET_PODNET_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CL_PODNET_INTERFACES 4u
#define CL_PODNET_ADDRESSES 16u /* of one interface */
#define CL_PODNET_ROUTES 128u
#define CL_PODNET_NEIGHBOURS 128u
#define CL_PODNET_TEXT 64u

struct cl_podnet_interface {
    char name[16];
    uint8_t mac[6];
    uint32_t mtu;
    int tap_fd; /* with vnet headers of 12 bytes; owned; -1: given away */
    char address[CL_PODNET_ADDRESSES][CL_PODNET_TEXT]; /* "10.0.0.2/24" */
    unsigned address_count;
};

struct cl_podnet_route {
    char destination[CL_PODNET_TEXT]; /* "10.0.0.0/24"; empty: default */
    char gateway[CL_PODNET_TEXT];     /* empty: on the link */
    char source[CL_PODNET_TEXT];      /* empty: none preferred */
    unsigned interface;
    bool ipv6;
};

struct cl_podnet_neighbour {
    char address[CL_PODNET_TEXT];
    uint8_t mac[6];
    unsigned interface;
};

struct cl_podnet {
    struct cl_podnet_interface interface[CL_PODNET_INTERFACES];
    unsigned interface_count;
    struct cl_podnet_route route[CL_PODNET_ROUTES];
    unsigned route_count;
    struct cl_podnet_neighbour neighbour[CL_PODNET_NEIGHBOURS];
    unsigned neighbour_count;
};

/* Joins all interfaces but the loopback one. An empty namespace gives none. CL_ERR_MALFORMED when
 * `netns` is no network namespace, CL_ERR_UNSUPPORTED when there is more than fits or an interface
 * is of no kind that carries Ethernet, CL_ERR_SYS; then nothing of ours is left in the namespace.
 */
CL_NODISCARD enum cl_status cl_podnet_join(const char *netns, struct cl_podnet *ret,
                                           struct cl_err *err);
/* Closes the taps that are still here; the kernel takes a tap away with its last descriptor. */
void cl_podnet_done(struct cl_podnet *n);
/* Takes our traffic rules off every interface of the namespace. Fine when it, or they, are gone. */
CL_NODISCARD enum cl_status cl_podnet_leave(const char *netns, struct cl_err *err);

#endif
