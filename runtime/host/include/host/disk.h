/* SPDX-License-Identifier: Apache-2.0
 * disk.h - fills an empty block slot of a VM that runs (docs/interfaces.md I-2, --control).
 * Trust: the VMM is our program, but has been close to the guest: its answer is at most
 * HOST_DISK_ANSWER hostile bytes, and waited for no longer than HOST_DISK_WAIT_S. Threads: blocks
 * for that long. Memory: the stack's.
 */
#ifndef HOST_DISK_H
#define HOST_DISK_H

#include "base/err.h"

#define HOST_DISK_WAIT_S 5
#define HOST_DISK_ANSWER 1024u

/* dir: the VM's run folder. fd: an open file or block device, the caller's; how it was opened says
 * whether the guest may write. slot: 1..8 (I-1.1). CL_ERR_UNAVAILABLE when there is no VMM that
 * answers, CL_ERR_REJECTED with its words when it refuses. */
CL_NODISCARD enum cl_status host_disk_attach(const char *dir, unsigned slot, int fd,
                                             struct cl_err *err);

#endif
