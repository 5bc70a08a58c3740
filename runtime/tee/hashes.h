/* SPDX-License-Identifier: Apache-2.0
 * hashes.h - the measured page with the SHA-256 hashes of kernel, initrd and command line, in the
 * table format of QEMU (snp.md c.3). Trust: digests come from the caller. Threads: pure function.
 */
#ifndef TEE_HASHES_H
#define TEE_HASHES_H

#include "base/digest.h"

#define TEE_HASH_TABLE_SIZE 176u

struct tee_kernel_hashes {
    uint8_t cmdline[CL_SHA256_SIZE]; /* with its NUL */
    uint8_t initrd[CL_SHA256_SIZE];  /* of nothing when there is none */
    uint8_t kernel[CL_SHA256_SIZE];  /* the whole bzImage, unpatched */
};

void tee_hash_table_build(uint8_t ret_table[static TEE_HASH_TABLE_SIZE],
                          const struct tee_kernel_hashes *hashes);

#endif
