/* SPDX-License-Identifier: Apache-2.0
 * network.h - the pod's interfaces inside the guest: those that the VMM offers, told apart by their
 * MAC address, get the names, addresses, routes and neighbours that the host says.
 * Trust: the host is hostile; everything is checked before anything is changed. What is configured
 * decides nothing about security: the network is the host's anyhow. Threads: one at a time.
 * Memory: none but the kernel's answers.
 */
#ifndef AGENT_NETWORK_H
#define AGENT_NETWORK_H

#include "base/err.h"

struct Cloister__Pod__V1__SandboxRequest; /* pod.pb-c.h */

#define AGENT_MAX_INTERFACES 4u
#define AGENT_MAX_ADDRESSES 16u /* of one interface */
#define AGENT_MAX_ROUTES 128u
#define AGENT_MAX_NEIGHBOURS 128u

/* CL_ERR_MALFORMED, naming the field, when the request cannot be meant. Changes nothing. */
CL_NODISCARD enum cl_status agent_network_check(const struct Cloister__Pod__V1__SandboxRequest *r,
                                                struct cl_err *err);
/* Checks, then configures the interfaces of the calling thread's network namespace.
 * CL_ERR_UNAVAILABLE when an interface is not there, CL_ERR_SYS when the kernel refuses. */
CL_NODISCARD enum cl_status agent_network_apply(const struct Cloister__Pod__V1__SandboxRequest *r,
                                                struct cl_err *err);

#endif
