/* SPDX-License-Identifier: Apache-2.0
 * tdx_fw.c - TDX's logic with the instruction under it. stage0 executes in a TD: TDCALL; RDSEED and
 * RDRAND; CPUID leaves 0, 1 and 7, which the module answers itself; no other instruction that could
 * be the VMM's to emulate. Any #VE ends the boot like every other exception.
 * Trust, spec: see tdx.h.
 */
#include "tdx_fw.h"

void fw_tdcall(const struct s0_tdx *tdx, struct s0_tdx_regs *regs); /* entry.S */

static struct s0_tdx *tdx_here(void)
{
    return (struct s0_tdx *)(uintptr_t)STAGE0_TDX_GPA;
}

enum stage0_reason fw_tdx_start(struct s0_memory_bits *ret_bits)
{
    struct s0_tdx *tdx = tdx_here();
    struct s0_tdx_info info;
    *tdx = (struct s0_tdx){.tdcall = fw_tdcall};
    enum stage0_reason reason = s0_tdx_info(tdx, &info);
    if (reason == STAGE0_R_OK) {
        reason = s0_tdx_share_mailbox(tdx);
    }
    if (reason == STAGE0_R_OK) {
        *ret_bits = (struct s0_memory_bits){.shared = info.shared_bit};
    }
    return reason;
}

enum stage0_reason fw_tdx_accept(const struct s0_machine *m)
{
    enum stage0_reason reason = s0_tdx_measure_machine(tdx_here(), &m->state->payload);
    return reason == STAGE0_R_OK ? s0_tdx_accept(tdx_here(), m->state->payload.ram_size) : reason;
}

enum stage0_reason fw_tdx_measure(const struct s0_machine *m)
{
    return s0_tdx_measure_payload(tdx_here(), &m->state->layout);
}

enum stage0_reason fw_tdx_out(uint16_t port, unsigned size, uint32_t value)
{
    return s0_tdx_out(tdx_here(), port, size, value);
}
