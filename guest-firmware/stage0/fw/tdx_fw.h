/* SPDX-License-Identifier: Apache-2.0
 * tdx_fw.h - TDX's part of the firmware around the logic. Trust, spec: see tdx.h.
 */
#ifndef STAGE0_FW_TDX_H
#define STAGE0_FW_TDX_H

#include "tdx.h"

/* On the page tables in ROM: checks the TD, lets the other CPUs wait at the mailbox. */
CL_NODISCARD enum stage0_reason fw_tdx_start(struct s0_memory_bits *ret_bits);
/* Measures what the VMM says of the machine, then accepts its RAM. */
CL_NODISCARD enum stage0_reason fw_tdx_accept(const struct s0_machine *m);
CL_NODISCARD enum stage0_reason fw_tdx_measure(const struct s0_machine *m);
CL_NODISCARD enum stage0_reason fw_tdx_out(uint16_t port, unsigned size, uint32_t value);

#endif
