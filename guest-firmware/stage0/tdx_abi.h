/* SPDX-License-Identifier: Apache-2.0
 * tdx_abi.h - numbers of the TDX module's and the VMM's interfaces, for C and assembly (tdx.md d).
 */
#ifndef STAGE0_TDX_ABI_H
#define STAGE0_TDX_ABI_H

/* TDCALL leaves */
#define TDG_VP_VMCALL 0
#define TDG_VP_INFO 1
#define TDG_MR_RTMR_EXTEND 2
#define TDG_MEM_PAGE_ACCEPT 6

#define STAGE0_TEE_TDX 2 /* S0_TDX of enum s0_tee */

/* TDG.VP.VMCALL: R10 to R15, and no other register, are the VMM's to see and to set. */
#define TDVMCALL_REGISTERS 0xFC00
#define TDVMCALL_IO 30
#define TDVMCALL_REPORT_FATAL_ERROR 0x10003

#ifdef __ASSEMBLER__
#define TDCALL .byte 0x66, 0x0F, 0x01, 0xCC
#endif

#endif
