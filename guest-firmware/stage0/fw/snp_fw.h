/* SPDX-License-Identifier: Apache-2.0
 * snp_fw.h - SNP's part of the firmware around the logic. Trust, spec: see snp.h.
 */
#ifndef STAGE0_FW_SNP_H
#define STAGE0_FW_SNP_H

#include "snp.h"

/* On stage0's own page tables: checks processor and hypervisor, shares the GHCB page. */
CL_NODISCARD enum stage0_reason fw_snp_start(void);
CL_NODISCARD enum stage0_reason fw_snp_accept(const struct s0_machine *m);
CL_NODISCARD enum stage0_reason fw_snp_out(uint16_t port, unsigned size, uint32_t value);
/* The GHCB page becomes private again. Nothing may be asked afterwards. */
CL_NODISCARD enum stage0_reason fw_snp_end(void);

#endif
