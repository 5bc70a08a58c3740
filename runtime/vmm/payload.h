/* SPDX-License-Identifier: Apache-2.0
 * payload.h - the payload window of interfaces.md I-1.2: descriptor, kernel, initrd and command
 * line in host memory that the guest reads and copies. Files are mapped, not copied.
 * Trust: the files are the user's; stage0 hashes its own copy, so a file that changes later makes
 *        it refuse. Threads: built before any vCPU runs; dropped on a vCPU thread, once.
 * Memory: a mapping without private pages but for two.
 */
#ifndef VMM_PAYLOAD_H
#define VMM_PAYLOAD_H

#include "tee/hashes.h"

struct vmm_payload_source {
    int kernel_fd;
    int initrd_fd;       /* -1: none */
    const char *cmdline; /* NUL-terminated */
    /* SHA-256 where the caller knows it already, NULL: computed here. Believing it is safe: it is
     * what gets measured, and stage0 refuses a file that does not match. */
    const uint8_t *kernel_digest;
    const uint8_t *initrd_digest;
    unsigned cpu_count;
    uint64_t ram_size;
};

struct vmm_payload {
    uint8_t *map; /* owned; NULL once dropped */
    size_t size;  /* whole pages */
    struct tee_kernel_hashes hashes;
};

CL_NODISCARD enum cl_status vmm_payload_init(struct vmm_payload *ret_p,
                                             const struct vmm_payload_source *src,
                                             struct cl_err *err);
void vmm_payload_done(struct vmm_payload *p); /* NULL, zeroed and done are fine */

#endif
