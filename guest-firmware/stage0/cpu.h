/* SPDX-License-Identifier: Apache-2.0
 * cpu.h - CPUID, in any privilege level. Trust: without a TEE the answers are the VMM's; they
 * choose between equally correct code paths and find a TEE that this build must refuse.
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
#define S0_CPUID_TDX 0x21u /* EBX, EDX, ECX spell "IntelTDX    " */

struct s0_cpuid_regs {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

static inline struct s0_cpuid_regs s0_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct s0_cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

#endif
