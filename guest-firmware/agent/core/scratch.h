/* SPDX-License-Identifier: Apache-2.0
 * scratch.h - a disk of the host made fit to hold what a pod writes: encrypted and authenticated
 * with a key that was made here and is nowhere else.
 *
 *   ext4                      made without reading, scratch_fs.c
 *   crypt     AES-256-XTS, HMAC-SHA-256 over sector number, IV and ciphertext, random IV a write
 *   integrity where tags and IVs lie, between the data
 *   linear    its superblock in our memory | all else on the disk
 *
 * Trust: the disk is hostile. Its size is bounded; of its contents nothing is believed that does
 *        not carry a tag for that very sector, made with our key. The integrity target's own
 *        superblock and journal have no tag, and the kernel reads them again later: so they lie in
 *        memory, never on the disk.
 * Limit: the host may give back an older block in place of a newer one (docs/threat-model.md).
 * Threads: plain calls. Memory: AGENT_SCRATCH_MEMORY for as long as the disk is used.
 */
#ifndef AGENT_CORE_SCRATCH_H
#define AGENT_CORE_SCRATCH_H

#include "base/secret.h"

#include <stddef.h>
#include <stdint.h>

#define AGENT_SCRATCH_MIN_SIZE (16ull << 20) /* bytes of the disk */
#define AGENT_SCRATCH_MAX_SIZE (1ull << 40)
#define AGENT_SCRATCH_BLOCK 4096u         /* what is encrypted, authenticated, written at once */
#define AGENT_SCRATCH_MEMORY (256u << 10) /* bytes before the disk's; needed are 136 KiB */
#define AGENT_SCRATCH_KEY_SIZE 96u        /* AES-256-XTS, then HMAC-SHA-256 */
#define AGENT_SCRATCH_TAG_SIZE 48u        /* HMAC-SHA-256, then the IV */
#define AGENT_SCRATCH_SUPERBLOCK_SIZE 64u /* as much as the kernel uses */
#define AGENT_SCRATCH_BYTES_PER_INODE 32768u

/* Whether a disk of this many bytes can be used, and how many sectors of it.
 * CL_ERR_MALFORMED "scratch disk: size: expected ...". */
CL_NODISCARD enum cl_status agent_scratch_size(uint64_t bytes, uint64_t *ret_sectors,
                                               struct cl_err *err);

/* The tables' parameters. "device" is "7:0". */
void agent_scratch_linear_params(char ret[static 64], const char *device);
void agent_scratch_integrity_params(char ret[static 128], const char *device);
/* Hex digits of a secret: no branch or index depends on it. ret: 2 * len + 1 bytes. */
void agent_scratch_hex(char *ret, const uint8_t *secret, size_t len);
/* ret_s: a string, with the key in it; wiped by cl_secret_done(). */
CL_NODISCARD enum cl_status agent_scratch_crypt_params(const struct cl_secret *key,
                                                       const char *device, struct cl_secret *ret_s,
                                                       struct cl_err *err);

/* How many sectors the integrity target offers, out of the superblock that it wrote to our memory.
 * limit: of all below it; max_sections: of its journal. CL_ERR_MALFORMED when it is not what we
 * asked for. */
CL_NODISCARD enum cl_status
agent_scratch_read_superblock(const uint8_t data[static AGENT_SCRATCH_SUPERBLOCK_SIZE],
                              uint32_t max_sections, uint64_t limit, uint64_t *ret_sectors,
                              struct cl_err *err);

/* Puts all of it together on a block device and leaves "/dev/dm-N" in ret_path, not yet with a file
 * system. memory_dir: a directory on a tmpfs. Stays until the guest ends; on failure nothing
 * stays. */
CL_NODISCARD enum cl_status agent_scratch_open(const char *disk, const char *memory_dir,
                                               char ret_path[static 32], struct cl_err *err);

/* Makes an ext4 on it with the program mke2fs, without reading from it: mke2fs writes to a file
 * with holes in memory_dir, and what it wrote there goes to the device in whole blocks, as do zeros
 * for the inode tables. Every block that the file system will read before it wrote it has then been
 * written. */
CL_NODISCARD enum cl_status agent_scratch_make_fs(const char *device, const char *memory_dir,
                                                  const char *mke2fs, struct cl_err *err);
/* The same for an open device or file (scratch_fs.c); bytes: its size. journal: for a file system
 * that outlives a guest: then every block of it was zeroed before. */
CL_NODISCARD enum cl_status agent_scratch_make_fs_at(int device, uint64_t bytes,
                                                     const char *memory_dir, const char *mke2fs,
                                                     bool journal, struct cl_err *err);

#endif
