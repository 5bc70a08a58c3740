/* SPDX-License-Identifier: Apache-2.0
 * snp_fw.c - the instructions of SNP, the MSR protocol, and the life of the GHCB page. stage0 never
 * executes what the hypervisor would have to emulate: a #VC exception ends the boot.
 * Trust, spec: see snp.h; e.1, e.2.
 */
#include "snp_fw.h"

#include <string.h>

#define MSR_GHCB 0xC0010130u
#define MSR_SEV_STATUS 0xC0010131u
#define STATUS_SNP UINT64_C(0x7) /* SEV, SEV-ES, SEV-SNP */
/* Debug register swap, no host IBS, BTB isolation, secure TSC, IBS virtualisation, VMSA register
 * protection, SMT protection: nothing of ours changes by them. */
#define STATUS_HARMLESS                                                                            \
    (UINT64_C(1) << 7 | UINT64_C(1) << 8 | UINT64_C(1) << 9 | UINT64_C(1) << 11 |                  \
     UINT64_C(1) << 14 | UINT64_C(1) << 16 | UINT64_C(1) << 17)

#define CODE_MASK UINT64_C(0xFFF)
#define INFO_REQUEST 0x002u
#define INFO_RESPONSE 0x001u
#define REGISTER_REQUEST 0x012u
#define REGISTER_RESPONSE 0x013u
#define STATE_REQUEST 0x014u
#define STATE_RESPONSE 0x015u
#define FEATURES_REQUEST 0x080u
#define FEATURES_RESPONSE 0x081u
#define FEATURE_SNP (UINT64_C(1) << 12)
#define STATE_PRIVATE (UINT64_C(1) << 52)
#define STATE_SHARED (UINT64_C(2) << 52)
#define PROTOCOL 2u

#define PT_PRESENT_WRITE_NX (UINT64_C(3) | UINT64_C(1) << 63)
#define PT_LARGE UINT64_C(0x80)
#define BIT_PRIVATE (UINT64_C(1) << STAGE0_SNP_BIT)
#define WINDOW_GPA STAGE0_WINDOW_END /* 2 MiB behind the payload window: mapped by nobody else */

static uint64_t read_msr(uint32_t msr)
{
    uint32_t low = 0;
    uint32_t high = 0;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t x)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)x), "d"((uint32_t)(x >> 32)) : "memory");
}

static uint64_t msr_call(uint64_t request)
{
    write_msr(MSR_GHCB, request);
    __asm__ volatile("rep; vmmcall" : : : "memory");
    return read_msr(MSR_GHCB);
}

static void vmgexit(CL_UNUSED const struct s0_snp *snp)
{
    write_msr(MSR_GHCB, STAGE0_GHCB_GPA);
    __asm__ volatile("rep; vmmcall" : : : "memory");
}

static enum s0_pvalidate pvalidate(CL_UNUSED const struct s0_snp *snp, uintptr_t address,
                                   bool large, bool validate)
{
    uint32_t result = 0;
    uint8_t unchanged = 0;
    __asm__ volatile(".byte 0xF2, 0x0F, 0x01, 0xFF\n\tsetc %1"
                     : "=a"(result), "=qm"(unchanged)
                     : "a"(address), "c"((uint32_t)large), "d"((uint32_t)validate)
                     : "memory", "cc");
    if (result == 0 && unchanged != 0) {
        return S0_PVALIDATE_UNCHANGED;
    }
    return (enum s0_pvalidate)result;
}

static void map(uint64_t table_gpa, uint64_t index, uint64_t entry, uint64_t address)
{
    volatile uint64_t *table = (volatile uint64_t *)(uintptr_t)table_gpa;
    table[index] = entry;
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static uintptr_t window(CL_UNUSED const struct s0_snp *snp, uint64_t gpa)
{
    map(STAGE0_PD_GPA, WINDOW_GPA / 0x200000, gpa | PT_PRESENT_WRITE_NX | PT_LARGE | BIT_PRIVATE,
        WINDOW_GPA);
    return WINDOW_GPA;
}

static void map_ghcb(uint64_t bits)
{
    map(STAGE0_PT_LOW_GPA, STAGE0_GHCB_GPA / STAGE0_PAGE_SIZE,
        STAGE0_GHCB_GPA | PT_PRESENT_WRITE_NX | bits, STAGE0_GHCB_GPA);
}

/* Not a constant: a table of addresses would need relocation. */
static struct s0_snp snp_here(void)
{
    return (struct s0_snp){
        .ghcb = (volatile uint8_t *)(uintptr_t)STAGE0_GHCB_GPA,
        .vmgexit = vmgexit,
        .pvalidate = pvalidate,
        .window = window,
    };
}

static enum stage0_reason check_processor(void)
{
    uint64_t status = read_msr(MSR_SEV_STATUS);
    if ((status & STATUS_SNP) != STATUS_SNP || (status & ~(STATUS_SNP | STATUS_HARMLESS)) != 0) {
        return STAGE0_R_SNP_STATUS;
    }
    return s0_cpuid_table_check((const uint8_t *)(uintptr_t)STAGE0_CPUID_GPA);
}

static enum stage0_reason check_hypervisor(void)
{
    uint64_t info = msr_call(INFO_REQUEST);
    if ((info & CODE_MASK) != INFO_RESPONSE) {
        return STAGE0_R_SNP_ANSWER;
    }
    if (info >> 48 < PROTOCOL || (info >> 32 & 0xFFFFu) > PROTOCOL) {
        return STAGE0_R_SNP_VERSION;
    }
    if ((info >> 24 & 0xFFu) != STAGE0_SNP_BIT) {
        return STAGE0_R_SNP_BIT;
    }
    uint64_t features = msr_call(FEATURES_REQUEST);
    if ((features & CODE_MASK) != FEATURES_RESPONSE) {
        return STAGE0_R_SNP_ANSWER;
    }
    return (features & FEATURE_SNP) != 0 ? STAGE0_R_OK : STAGE0_R_SNP_HYPERVISOR;
}

static enum stage0_reason set_ghcb_state(uint64_t operation)
{
    uint64_t answer = msr_call(operation | STAGE0_GHCB_GPA | STATE_REQUEST);
    return answer == STATE_RESPONSE ? STAGE0_R_OK : STAGE0_R_SNP_PAGE_STATE;
}

static enum stage0_reason share_ghcb(void)
{
    if (pvalidate(NULL, STAGE0_GHCB_GPA, false, false) != S0_PVALIDATE_OK) {
        return STAGE0_R_SNP_VALIDATE;
    }
    enum stage0_reason reason = set_ghcb_state(STATE_SHARED);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    map_ghcb(0);
    memset((void *)(uintptr_t)STAGE0_GHCB_GPA, 0, STAGE0_PAGE_SIZE);
    uint64_t answer = msr_call(STAGE0_GHCB_GPA | REGISTER_REQUEST);
    return answer == (STAGE0_GHCB_GPA | REGISTER_RESPONSE) ? STAGE0_R_OK : STAGE0_R_SNP_GHCB;
}

enum stage0_reason fw_snp_start(void)
{
    enum stage0_reason reason = check_processor();
    if (reason == STAGE0_R_OK) {
        reason = check_hypervisor();
    }
    return reason == STAGE0_R_OK ? share_ghcb() : reason;
}

enum stage0_reason fw_snp_accept(const struct s0_machine *m)
{
    struct s0_snp snp = snp_here();
    return s0_snp_accept(&snp, m->state->payload.ram_size);
}

enum stage0_reason fw_snp_out(uint16_t port, unsigned size, uint32_t value)
{
    struct s0_snp snp = snp_here();
    return s0_ghcb_out(&snp, port, size, value);
}

enum stage0_reason fw_snp_end(void)
{
    enum stage0_reason reason = set_ghcb_state(STATE_PRIVATE);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    map_ghcb(BIT_PRIVATE);
    switch (pvalidate(NULL, STAGE0_GHCB_GPA, false, true)) {
    case S0_PVALIDATE_OK:
        s0_snp_touch(STAGE0_GHCB_GPA);
        memset((void *)(uintptr_t)STAGE0_GHCB_GPA, 0, STAGE0_PAGE_SIZE);
        return STAGE0_R_OK;
    case S0_PVALIDATE_UNCHANGED:
        return STAGE0_R_SNP_VALIDATED;
    default:
        return STAGE0_R_SNP_VALIDATE;
    }
}
