/* SPDX-License-Identifier: Apache-2.0
 * podfwd.h - catches what connects to the loopback addresses of a pod's network namespace, whatever
 * the port: containerd forwards ports by connecting there (docs/interfaces.md I-10.5), but who
 * listens is in the guest. One listening socket for 127.0.0.1 and one for ::1 stand for all ports,
 * by a BPF program of type sk_lookup that is attached to the namespace. It belongs to descriptors:
 * when they are closed, by whoever dies, nothing is left in the namespace. A listener of the
 * namespace's own on such an address is not reached any more.
 * Trust: as net/podnet.h; only processes of the host can be inside. Threads: as there. Memory:
 * descriptors, and 4 KiB of the kernel's.
 */
#ifndef CL_NET_PODFWD_H
#define CL_NET_PODFWD_H

#include "base/err.h"

#include <stdint.h>

#define CL_PODFWD_BACKLOG 64 /* connections that wait to be accepted, of each */

struct cl_podfwd {
    int listener[2]; /* 127.0.0.1 and ::1 (-1: the namespace has no IPv6); non-blocking; owned */
    int link_fd;     /* owned */
};

/* Brings the loopback interface up, too. CL_ERR_UNSUPPORTED when this kernel has no such programs
 * (Linux before 5.9, or without CONFIG_BPF_SYSCALL), CL_ERR_MALFORMED when `netns` is no network
 * namespace, CL_ERR_SYS; then *ret holds nothing. */
CL_NODISCARD enum cl_status cl_podfwd_open(const char *netns, struct cl_podfwd *ret,
                                           struct cl_err *err);
/* What was not accepted is reset. Again, and before _open with -1 everywhere: fine. */
void cl_podfwd_close(struct cl_podfwd *f);
/* The next connection, non-blocking, and the port that it is for. CL_ERR_UNAVAILABLE: none waits.
 */
CL_NODISCARD enum cl_status cl_podfwd_accept(int listener, int *ret_fd, uint16_t *ret_port,
                                             struct cl_err *err);

#endif
