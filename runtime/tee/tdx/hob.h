/* SPDX-License-Identifier: Apache-2.0
 * hob.h - the TD HOB: the list that tells firmware which memory is there. The firmware measures it
 * before it reads it. Trust: sections come from the firmware image and have been checked (rom.h).
 * Threads: pure function. Memory: none. Spec: interfaces.md I-1.7, tdx.md b.3.
 */
#ifndef TEE_TDX_HOB_H
#define TEE_TDX_HOB_H

#include "tee/tee.h"

/* Writes the list to `ret`, which is `size` bytes that will stand at gpa. RAM is ram_range without
 * what is `there` already (ascending, without overlaps, inside RAM). CL_ERR_MALFORMED when the list
 * has no room, or something of `there` does not lie in RAM. */
CL_NODISCARD enum cl_status tee_td_hob_write(const struct tee_range *ram, size_t ram_count,
                                             const struct tee_range *there, size_t there_count,
                                             uint64_t gpa, uint8_t *ret, size_t size,
                                             struct cl_err *err);

#endif
