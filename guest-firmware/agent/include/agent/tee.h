/* SPDX-License-Identifier: Apache-2.0
 * tee.h - which TEE the guest is in: the decision, apart from where its facts are read.
 * Trust: the processor's word (CPUID leaf 0x21 is answered by the TDX module, the SNP bit by the
 *        kernel that read SEV_STATUS), then the measured command line. Nothing that the host offers
 *        counts.
 */
#ifndef AGENT_TEE_H
#define AGENT_TEE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum agent_tee { AGENT_TEE_NONE = 0, AGENT_TEE_SNP, AGENT_TEE_TDX, AGENT_TEE_SIM };

/* "snp", "tdx", "sim"; "" for none. */
const char *agent_tee_name(enum agent_tee tee);

/* Whether this is the TDX module's answer to CPUID leaf 0x21. */
bool agent_tee_is_tdx_leaf(uint32_t ebx, uint32_t ecx, uint32_t edx);

/* The hardware's TEE when it has one, whatever the command line says. The simulated one only when
 * it has none and `cmdline` has the word cloister.tee=sim. Otherwise, and when the processor shows
 * both, CL_ERR_REJECTED. */
CL_NODISCARD enum cl_status agent_tee_choose(bool snp, bool tdx, const char *cmdline,
                                             enum agent_tee *ret_tee, struct cl_err *err);

#endif
