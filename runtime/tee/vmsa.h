/* SPDX-License-Identifier: Apache-2.0
 * vmsa.h - the page with a vCPU's initial state, as AMD's firmware measures it (snp.md c.4).
 * Trust: none needed, no input. Threads: pure function.
 */
#ifndef TEE_VMSA_H
#define TEE_VMSA_H

#include "base/bytes.h"

#define TEE_VMSA_GPA 0x0000fffffffff000ull

/* Writes the VMSA page of a vCPU that starts at the reset vector (ap_entry == 0: the boot CPU) or,
 * as QEMU's APs do, at ap_entry. cpu_sig: the CPUID signature in RDX. */
void tee_vmsa_build(uint8_t ret_page[static 4096], uint32_t ap_entry, uint32_t cpu_sig,
                    uint64_t sev_features);

#endif
