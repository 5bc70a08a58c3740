/* SPDX-License-Identifier: Apache-2.0
 * blockvol.h - a block device of the host that outlives its pods, encrypted and authenticated with
 * a key that the tenant's broker gives: AES-256-XTS with a random IV a write, HMAC-SHA-256 over
 * sector, IV and ciphertext, as for a scratch disk.
 *
 *   first 4 KiB      never read or written
 *   then             the integrity target's journal, authenticated (HMAC-SHA-256): a block and its
 *                    tag are written both or not at all, whenever a VM dies
 *   then             tags and data; the last block of data is our mark: "formatted"
 *
 * Trust: the disk is hostile. Nothing on it says how it is to be read: cipher and layout are fixed
 *        here, and the integrity target's superblock is made anew in memory each time. Not a byte
 *        reaches the pod, and no file system looks at one, without a tag for that very place made
 *        with that key.
 * Limit: the host may give back an older state, of single blocks or of the whole disk; and a blank
 *        disk in place of it where the policy says that a blank one is to be formatted.
 * Threads: plain calls, one for a disk. Memory: some pages of the kernel's, 1.2 MiB while it opens.
 */
#ifndef AGENT_CORE_BLOCKVOL_H
#define AGENT_CORE_BLOCKVOL_H

#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

#define AGENT_BLOCKVOL_KEY_SIZE                                                                    \
    128u /* AES-256-XTS 64, HMAC of blocks 32, HMAC of the journal 32                              \
          */
#define AGENT_BLOCKVOL_JOURNAL_SECTORS 2048u
#define AGENT_BLOCKVOL_BLANK (1u << 20) /* bytes that are all zero on a blank disk */

struct agent_blockvol {
    const char *disk;       /* "/dev/vdb" */
    const char *name;       /* of the device on top */
    const char *memory_dir; /* on a tmpfs */
    const struct cl_secret *key;
    bool format_blank; /* a blank disk becomes a volume; else it is refused */
    bool filesystem;   /* ext4 with a journal; else what is formatted is all zeros */
    const char *mke2fs;
};

enum agent_blockvol_mode {
    /* Through the journal: a VM that dies leaves no block whose tag is another's. */
    AGENT_BLOCKVOL_JOURNALED = 'J',
    AGENT_BLOCKVOL_LOOKED_AT = 'R', /* without the journal, and without writing */
};

/* The integrity target's parameters, with the journal's key in them; a string. */
CL_NODISCARD enum cl_status agent_blockvol_integrity_params(const struct cl_secret *key,
                                                            const char *device,
                                                            enum agent_blockvol_mode mode,
                                                            struct cl_secret *ret_s,
                                                            struct cl_err *err);
/* Opens it, or formats it, and leaves "/dev/dm-N" in ret_path; stays until the guest ends. A disk
 * that is blank and must not be, or that this key does not open, is CL_ERR_REJECTED; on failure
 * nothing stays. Formatting writes every block once. */
CL_NODISCARD enum cl_status agent_blockvol_open(const struct agent_blockvol *v,
                                                char ret_path[static 32], struct cl_err *err);

#endif
