/* SPDX-License-Identifier: Apache-2.0
 * guest_tdx.h - the files of a TD's processor among themselves.
 */
#ifndef CL_MODEL_GUEST_TDX_H
#define CL_MODEL_GUEST_TDX_H

#include "guest_insn.h"
#include "tdx_internal.h"

/* Exit reasons of a #VE, and functions of a VMCALL that stand for them (tdx.md d). */
#define VE_CPUID 10u
#define VE_HLT 12u
#define VE_CR 28u
#define VE_IO 30u
#define VE_RDMSR 31u
#define VE_WRMSR 32u
#define VE_EPT 48u
#define VE_WBINVD 54u

#define TDX_NO_VALID_VE_INFO 0xC000070400000000ull

/* guest_tdx.c. An instruction or an access that the module turns into #VE; a second one before
 * VEINFO.GET is #DF. */
void guest_ve(struct guest_cpu *c, const struct guest_ve *ve);
bool guest_td_accepted(const struct guest *g, uint64_t gpa); /* by the guest itself */
void guest_td_mark(struct guest *g, uint64_t gpa, uint64_t size, bool accepted);
/* guest_tdx_insn.c */
int guest_td_special(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit);
/* guest_tdx_plan.c: after a TDCALL */
void guest_td_plan_run(struct guest_cpu *c);
/* guest_tdx_call.c: leaf in RAX */
int guest_tdcall(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit);
/* guest_tdx_vmcall.c */
int guest_td_vmcall(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit);
int guest_td_resume(struct guest_cpu *c, bool *ret_exit);
/* guest_tdx_entry.c, guest_tdx_log.c */
void guest_td_check_entry(struct guest_cpu *c, const uint8_t *bp, const struct guest_map *map,
                          const struct guest_acpi *acpi);
void guest_td_check_log(struct guest_cpu *c, const struct guest_map *map,
                        const struct guest_acpi *acpi);

#endif
