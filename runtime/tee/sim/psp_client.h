/* SPDX-License-Identifier: Apache-2.0
 * psp_client.h - the launch socket of cloister-sim-psp, interfaces.md I-3.1, from the VMM's side.
 * Trust: the answers are checked for form; the digest is only shown, never relied on.
 * Threads: one. Memory: none allocated.
 */
#ifndef TEE_SIM_PSP_CLIENT_H
#define TEE_SIM_PSP_CLIENT_H

#include "tee/tee.h"

CL_NODISCARD enum cl_status sim_psp_launch_start(int fd, uint64_t policy, struct cl_err *err);
/* size bytes of whole pages; data is sent for NORMAL and VMSA only. */
CL_NODISCARD enum cl_status sim_psp_launch_update(int fd, uint64_t gpa, enum tee_page_type type,
                                                  const void *data, size_t size,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status
sim_psp_launch_finish(int fd, const uint8_t host_data[static TEE_HOST_DATA_SIZE],
                      uint8_t ret_digest[static TEE_DIGEST_SIZE], struct cl_err *err);

#endif
