/* SPDX-License-Identifier: Apache-2.0
 * launch_internal.h - what the two launch orders share. Trust, threads: see tee.h.
 */
#ifndef TEE_LAUNCH_INTERNAL_H
#define TEE_LAUNCH_INTERNAL_H

#include "tee/tee.h"

/* The guest's RAM at gpa, for a section of the firmware; CL_ERR_MALFORMED where there is none. */
CL_NODISCARD enum cl_status tee_launch_ram(const struct tee_launch *l, uint64_t gpa, uint64_t size,
                                           uint8_t **ret_page, struct cl_err *err);
/* launch_tdvf.c: tee_launch() in the order of I-1.7. */
CL_NODISCARD enum cl_status tee_launch_tdvf(const struct tee_ops *ops, struct tee *t,
                                            const struct tee_launch *l,
                                            uint8_t ret_digest[static TEE_DIGEST_SIZE],
                                            bool *ret_measured, struct cl_err *err);

#endif
