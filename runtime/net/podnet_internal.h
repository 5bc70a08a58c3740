/* SPDX-License-Identifier: Apache-2.0
 * podnet_internal.h - the parts of podnet.c. Everything here runs on the thread that entered the
 * namespace.
 */
#ifndef CL_NET_PODNET_INTERNAL_H
#define CL_NET_PODNET_INTERNAL_H

#include "net/podnet.h"

#include <net/if.h> /* before linux/if.h, which yields to it */

#include <netlink/netlink.h>

/* An error of libnl (negative code) as one of ours. */
enum cl_status cl_podnet_error(struct cl_err *err, int code, const char *what);

/* podnet.c: does some work on a thread inside a namespace. Sockets that it opens stay inside.
 * CL_ERR_MALFORMED when `netns` is no network namespace, CL_ERR_SYS, and what the work returns. */
CL_NODISCARD enum cl_status cl_podnet_inside(const char *netns,
                                             enum cl_status (*work)(void *ctx, struct cl_err *err),
                                             void *ctx, struct cl_err *err);

/* podnet_read.c: interfaces with their kernel indices, addresses, routes, neighbours. */
CL_NODISCARD enum cl_status cl_podnet_read(struct nl_sock *nl, struct cl_podnet *n,
                                           int ret_index[CL_PODNET_INTERFACES], struct cl_err *err);

/* podnet_tc.c: all that arrives at one goes out at the other. */
CL_NODISCARD enum cl_status cl_podnet_redirect(struct nl_sock *nl, int from, int to,
                                               struct cl_err *err);
/* Takes the ingress queueing discipline, with its rules, off; fine when there is none. */
void cl_podnet_unredirect(struct nl_sock *nl, int index);

#endif
