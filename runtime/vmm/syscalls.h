/* SPDX-License-Identifier: Apache-2.0
 * syscalls.h - the system calls that each thread of a jailed VMM may still make. Anything else ends
 * the process. Threads: applies to the calling thread.
 */
#ifndef VMM_SYSCALLS_H
#define VMM_SYSCALLS_H

#include "base/err.h"

enum vmm_seccomp_role {
    VMM_SECCOMP_VCPU,
    VMM_SECCOMP_DISKS,
    VMM_SECCOMP_NETS,
    VMM_SECCOMP_QUOTES,
    VMM_SECCOMP_MAIN,
    VMM_SECCOMP_KEEPER, /* the parent that waits for the VMM */
    VMM_SECCOMP_DIALER, /* the process that connects to the quote service (qgs.h) */
};

CL_NODISCARD enum cl_status vmm_seccomp_enter(enum vmm_seccomp_role role, struct cl_err *err);

#endif
