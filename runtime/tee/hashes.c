/* SPDX-License-Identifier: Apache-2.0
 * hashes.c - writes the kernel-hash table. Trust: see hashes.h. Threads: no state.
 */
#include "tee/hashes.h"

#include "base/bytes.h"

#include <string.h>

static const uint8_t GUID_TABLE[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                       0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t GUID_CMDLINE[16] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                         0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
static const uint8_t GUID_INITRD[16] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                        0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
static const uint8_t GUID_KERNEL[16] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                        0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};

static void put_entry(struct cl_writer *w, const uint8_t guid[static 16],
                      const uint8_t digest[static CL_SHA256_SIZE])
{
    cl_writer_bytes(w, guid, 16);
    cl_writer_le16(w, 16 + 2 + CL_SHA256_SIZE);
    cl_writer_bytes(w, digest, CL_SHA256_SIZE);
}

void tee_hash_table_build(uint8_t ret_table[static TEE_HASH_TABLE_SIZE],
                          const struct tee_kernel_hashes *hashes)
{
    struct cl_writer w = cl_writer_init(ret_table, TEE_HASH_TABLE_SIZE);
    cl_writer_bytes(&w, GUID_TABLE, 16);
    cl_writer_le16(&w, 18 + 3 * 50);
    put_entry(&w, GUID_CMDLINE, hashes->cmdline); /* this order is fixed */
    put_entry(&w, GUID_INITRD, hashes->initrd);
    put_entry(&w, GUID_KERNEL, hashes->kernel);
    cl_writer_zero(&w, 8);
}
