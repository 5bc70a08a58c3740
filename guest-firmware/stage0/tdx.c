/* SPDX-License-Identifier: Apache-2.0
 * tdx.c - the calls to the TDX module and through it to the VMM. Trust, spec: see tdx.h.
 */
#include "tdx.h"

#define LARGE_SIZE UINT64_C(0x200000)
#define LEVEL_LARGE 1u

/* The upper half of a status; the lower one says about which operand. */
#define STATUS_CLASS(rax) ((rax) >> 32)
#define STATUS_ACCEPTED UINT64_C(0x00000B0A)
#define STATUS_SIZE UINT64_C(0xC0000B0B)
#define STATUS_BUSY UINT64_C(0x80000200)
#define TRIES 1000u /* while the VMM works on the same entry */

#define INFO_WIDTH UINT64_C(0x3F)
#define ATTRIBUTE_SEPT_VE_DISABLE (UINT64_C(1) << 28)

/* Again while the operand is busy, but not for ever. */
static uint64_t call_patiently(const struct s0_tdx *tdx, const struct s0_tdx_regs *regs)
{
    uint64_t status = STATUS_BUSY << 32;
    for (uint32_t i = 0; i < TRIES && STATUS_CLASS(status) == STATUS_BUSY; i++) {
        struct s0_tdx_regs now = *regs;
        tdx->tdcall(tdx, &now);
        status = now.rax;
    }
    return status;
}

enum stage0_reason s0_tdx_info(const struct s0_tdx *tdx, struct s0_tdx_info *ret_info)
{
    struct s0_tdx_regs regs = {.rax = TDG_VP_INFO};
    tdx->tdcall(tdx, &regs);
    if (regs.rax != 0) {
        return STAGE0_R_TDX_ANSWER;
    }
    uint64_t width = regs.rcx & INFO_WIDTH;
    if (width != 48 && width != 52) {
        return STAGE0_R_TDX_WIDTH;
    }
    /* Without it the VMM could turn any access into an exception, in the midst of Linux. */
    if ((regs.rdx & ATTRIBUTE_SEPT_VE_DISABLE) == 0) {
        return STAGE0_R_TDX_ATTRIBUTES;
    }
    *ret_info = (struct s0_tdx_info){UINT64_C(1) << (width - 1), (uint32_t)regs.r8};
    return STAGE0_R_OK;
}

enum stage0_reason s0_tdx_out(const struct s0_tdx *tdx, uint16_t port, unsigned size,
                              uint32_t value)
{
    struct s0_tdx_regs regs = {
        .rax = TDG_VP_VMCALL,
        .rcx = TDVMCALL_REGISTERS,
        .r11 = TDVMCALL_IO,
        .r12 = size,
        .r13 = 1, /* write */
        .r14 = port,
        .r15 = value,
    };
    tdx->tdcall(tdx, &regs);
    return regs.rax == 0 && regs.r10 == 0 ? STAGE0_R_OK : STAGE0_R_TDX_ANSWER;
}

static uint64_t accept(const struct s0_tdx *tdx, uint64_t gpa, uint64_t level)
{
    return call_patiently(tdx,
                          &(struct s0_tdx_regs){.rax = TDG_MEM_PAGE_ACCEPT, .rcx = gpa | level});
}

/* A page that is there already would keep what is in it, or what another address shows of it. */
static enum stage0_reason reason_of(uint64_t status)
{
    if (STATUS_CLASS(status) == STATUS_ACCEPTED) {
        return STAGE0_R_TDX_ACCEPTED;
    }
    return status == 0 ? STAGE0_R_OK : STAGE0_R_TDX_ACCEPT;
}

enum stage0_reason s0_tdx_accept_page(const struct s0_tdx *tdx, uint64_t gpa)
{
    return reason_of(accept(tdx, gpa, 0));
}

enum stage0_reason s0_tdx_accept_large(const struct s0_tdx *tdx, uint64_t gpa)
{
    uint64_t status = accept(tdx, gpa, LEVEL_LARGE);
    if (STATUS_CLASS(status) != STATUS_SIZE) {
        return reason_of(status);
    }
    enum stage0_reason reason = STAGE0_R_OK; /* nothing has changed yet */
    for (uint64_t at = 0; at < LARGE_SIZE && reason == STAGE0_R_OK; at += STAGE0_PAGE_SIZE) {
        reason = s0_tdx_accept_page(tdx, gpa + at);
    }
    return reason;
}

enum stage0_reason s0_tdx_share_mailbox(const struct s0_tdx *tdx)
{
    enum stage0_reason reason = s0_tdx_accept_page(tdx, STAGE0_MAILBOX_GPA);
    if (reason == STAGE0_R_OK) {
        reason = s0_tdx_accept_page(tdx, STAGE0_EVENT_LOG_GPA);
    }
    if (reason == STAGE0_R_OK) {
        *(volatile uint32_t *)(tdx->memory + STAGE0_READY_GPA) = 1;
    }
    return reason;
}

enum stage0_reason s0_tdx_extend(const struct s0_tdx *tdx, uint32_t rtmr)
{
    uint64_t gpa = (uintptr_t)tdx->digest - tdx->memory;
    uint64_t status = call_patiently(
        tdx, &(struct s0_tdx_regs){.rax = TDG_MR_RTMR_EXTEND, .rcx = gpa, .rdx = rtmr});
    return status == 0 ? STAGE0_R_OK : STAGE0_R_TDX_RTMR;
}
