/* SPDX-License-Identifier: Apache-2.0
 * network.h - the pod's network: its namespace joined to taps for the VM, and what was configured
 * there told to the guest (net/podnet.h, containerd-shim.md 8).
 * Trust: the namespace is CNI's. Threads: the loop's; joining waits for the kernel, milliseconds.
 * Memory: one struct cl_podnet until the guest was told.
 */
#ifndef SHIM_NETWORK_H
#define SHIM_NETWORK_H

#include "net/podnet.h"

#include "pod.pb-c.h"

struct shim_network; /* opaque */

/* netns: path of the namespace. Errors as cl_podnet_join(). */
CL_NODISCARD enum cl_status shim_network_join(const char *netns, struct shim_network **ret,
                                              struct cl_err *err);
/* What the VM is to have; NULL for NULL. */
const struct cl_podnet *shim_network_of(const struct shim_network *n);
/* The path of its namespace; NULL for NULL. */
const char *shim_network_netns(const struct shim_network *n);
/* The VM has the taps: ours are closed. */
void shim_network_taken(struct shim_network *n);
/* Lists the interfaces, routes and neighbours in a request. They live as long as the network. */
CL_NODISCARD enum cl_status
shim_network_tell(struct shim_network *n, Cloister__Pod__V1__SandboxRequest *q, struct cl_err *err);
/* The guest was told: what it was told is not needed any more. */
void shim_network_told(struct shim_network *n);
/* Takes our rules off the namespace. NULL is fine. */
void shim_network_leave(struct shim_network *n);

#endif
