/* SPDX-License-Identifier: Apache-2.0
 * scratch_file.h - the file behind a pod's scratch disk: sparse, and without a name, so that it
 * goes with the last process that has it open, however that one ends. What is in it is the guest's
 * ciphertext.
 */
#ifndef HOST_SCRATCH_FILE_H
#define HOST_SCRATCH_FILE_H

#include "base/err.h"

#define HOST_SCRATCH_DIR "/var/lib/cloister"
#define HOST_SCRATCH_MIN_MIB 16u /* what the guest asks for (AGENT_SCRATCH_MIN_SIZE) */
#define HOST_SCRATCH_MAX_MIB 1048576u

/* dir: on a file system that has O_TMPFILE (ext4, XFS, btrfs, tmpfs); NULL: HOST_SCRATCH_DIR, made
 * when it is not there. size in bytes. *ret_fd is close-on-exec, for reading and writing. */
CL_NODISCARD enum cl_status host_scratch_file(const char *dir, uint64_t size, int *ret_fd,
                                              struct cl_err *err);

#endif
