/* SPDX-License-Identifier: Apache-2.0
 * cpu.h - bits of CPUID that stage0 looks at. Trust: without a TEE the answers are the VMM's; they
 * choose between equally correct code paths and find a TEE that this build must refuse. Under SNP
 * they come from the page that the processor's firmware checked.
 */
#ifndef STAGE0_CPU_H
#define STAGE0_CPU_H

#include <stdint.h>

#define S0_CPUID_1_ECX_SSSE3 (UINT32_C(1) << 9)
#define S0_CPUID_1_ECX_SSE41 (UINT32_C(1) << 19)
#define S0_CPUID_1_ECX_RDRAND (UINT32_C(1) << 30)
#define S0_CPUID_1_EDX_MTRR (UINT32_C(1) << 12)
#define S0_CPUID_7_EBX_BMI1 (UINT32_C(1) << 3)
#define S0_CPUID_7_EBX_BMI2 (UINT32_C(1) << 8)
#define S0_CPUID_7_EBX_RDSEED (UINT32_C(1) << 18)
#define S0_CPUID_7_EBX_SHA (UINT32_C(1) << 29)
#define S0_CPUID_SEV 0x8000001Fu
#define S0_CPUID_SEV_EAX_SEV (UINT32_C(1) << 1)
#define S0_CPUID_SEV_EAX_ES (UINT32_C(1) << 3)
#define S0_CPUID_SEV_EAX_SNP (UINT32_C(1) << 4)
#define S0_CPUID_TDX 0x21u /* EBX, EDX, ECX spell "IntelTDX    " */

#endif
