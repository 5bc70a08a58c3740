/* SPDX-License-Identifier: Apache-2.0
 * hash_table.h - the page with the SHA-256 digests of kernel, initrd and command line that a
 * measured firmware compares with what it loads.
 * Trust: digests only. Threads: pure. Memory: the caller's page.
 * Spec: QEMU's kernel hash table; snp.md c.3; docs/interfaces.md I-1.5.
 */
#ifndef CL_ATTESTATION_LAUNCH_HASH_TABLE_H
#define CL_ATTESTATION_LAUNCH_HASH_TABLE_H

#include "launch/image.h"

#define LAUNCH_HASH_TABLE_SIZE 176u

struct launch_hashes {
    uint8_t kernel[32];  /* of the file as it is */
    uint8_t initrd[32];  /* none: of no bytes */
    uint8_t cmdline[32]; /* with its NUL; none: of one NUL */
};

/* initrd and cmdline may be NULL. */
CL_NODISCARD enum cl_status launch_hashes_take(const char *kernel, const char *initrd,
                                               const char *cmdline, struct launch_hashes *ret_h,
                                               struct cl_err *err);

/* The page at page_gpa with the table at table_gpa, zero elsewhere; CL_ERR_MALFORMED when the area
 * [table_gpa, + area_size) does not hold it within that page. */
CL_NODISCARD enum cl_status launch_hash_page(const struct launch_hashes *h, uint32_t page_gpa,
                                             uint32_t table_gpa, uint32_t area_size,
                                             uint8_t ret_page[static LAUNCH_PAGE_SIZE],
                                             struct cl_err *err);

#endif
