/* SPDX-License-Identifier: Apache-2.0
 * main.c - the firmware around the logic: refuses what it must not run under, tightens the page
 * tables, takes the steps of boot.c with their marks, and jumps.
 * Trust: see stage0.h. Threads: the boot CPU only. Memory: STAGE0_STATE_GPA, no globals.
 */
#include "cpu.h"
#include "fw_cfg_ports.h"
#include "snp_fw.h"
#include "stage0.h"
#include "tdx_fw.h"

#define CR4_OSFXSR UINT64_C(0x200)
#define CR4_OSXMMEXCPT UINT64_C(0x400)
#define MSR_MTRR_DEF_TYPE 0x2FFu
#define MTRR_ENABLED_WRITE_BACK UINT64_C(0x806)
#define VECTOR_COUNT 256u
#define EXCEPTION_COUNT 32u
#define STUB_SIZE 16u
#define CODE64_SELECTOR 0x10u
#define INTERRUPT_GATE 0x8E00u
#define ENTRY_64 0x200u /* from the start of the protected-mode part */

extern const uint8_t fw_vector_stubs[];
extern const uint8_t fw_text_start[];
extern const uint8_t fw_text_end[];
_Noreturn void fw_refuse(uint32_t code);
_Noreturn void fw_jump(uint64_t entry, uint64_t boot_params, uint64_t cr3);
_Noreturn void fw_main(enum s0_tee tee);

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static void require(enum stage0_reason reason)
{
    if (reason != STAGE0_R_OK) {
        fw_refuse(reason);
    }
}

static void out(enum s0_tee tee, uint16_t port, unsigned size, uint16_t value)
{
    if (tee == S0_SNP) {
        require(fw_snp_out(port, size, value));
    } else if (tee == S0_TDX) {
        require(fw_tdx_out(port, size, value));
    } else if (size == 1) {
        out8(port, (uint8_t)value);
    } else {
        out16(port, value);
    }
}

static void mark(enum s0_tee tee, uint16_t value)
{
    out(tee, STAGE0_PORT_MARK, 2, value);
}

/* Confidential memory that we do not handle must not be taken for the plain kind. */
static enum stage0_reason check_no_tee(const struct s0_cpu *cpu)
{
    if (s0_cpuid(cpu, 0x80000000u, 0).eax >= S0_CPUID_SEV &&
        (s0_cpuid(cpu, S0_CPUID_SEV, 0).eax & S0_CPUID_SEV_EAX_SEV) != 0) {
        return STAGE0_R_TEE_SEV;
    }
    if (s0_cpuid(cpu, 0, 0).eax >= S0_CPUID_TDX) {
        struct s0_cpuid_regs r = s0_cpuid(cpu, S0_CPUID_TDX, 0);
        if (r.ebx == 0x65746E49u && r.edx == 0x5844546Cu && r.ecx == 0x20202020u) {
            return STAGE0_R_TEE_TDX;
        }
    }
    return STAGE0_R_OK;
}

/* Every vector ends in a refusal: stage0 runs with interrupts off and causes no exception. */
static void load_idt(void)
{
    volatile uint64_t *idt = (volatile uint64_t *)(uintptr_t)STAGE0_IDT_GPA;
    for (size_t v = 0; v < VECTOR_COUNT; v++) {
        size_t stub = v < EXCEPTION_COUNT ? v : EXCEPTION_COUNT;
        uint64_t target = (uint64_t)(uintptr_t)fw_vector_stubs + stub * STUB_SIZE;
        idt[2 * v] = (target & 0xFFFFu) | (uint64_t)CODE64_SELECTOR << 16 |
                     (uint64_t)INTERRUPT_GATE << 32 | (target & 0xFFFF0000u) << 32;
        idt[2 * v + 1] = target >> 32;
    }
    struct {
        uint8_t limit[2];
        uint8_t base[8];
    } pointer = {{0xFF, 0x0F}, {0}};
    _Static_assert(VECTOR_COUNT * 16 - 1 == 0x0FFF, "limit of the IDT");
    struct cl_writer w = cl_writer_init(pointer.base, sizeof(pointer.base));
    cl_writer_le64(&w, STAGE0_IDT_GPA);
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

static void tighten_paging(struct s0_memory_bits bits)
{
    uint64_t text = (uint64_t)(uintptr_t)fw_text_start;
    uint64_t size = (uint64_t)(uintptr_t)fw_text_end - text;
    s0_paging_build_own(0, (struct s0_rom_text){text, size}, bits);
    __asm__ volatile("mov %0, %%cr3" : : "r"((uint64_t)STAGE0_PML4_GPA) : "memory");
}

/* No BIOS has run, so the memory type of everything would be "uncached". */
static void enable_caching(const struct s0_cpu *cpu)
{
    if ((s0_cpuid(cpu, 1, 0).edx & S0_CPUID_1_EDX_MTRR) != 0) {
        __asm__ volatile("wrmsr"
                         :
                         : "c"(MSR_MTRR_DEF_TYPE), "a"((uint32_t)MTRR_ENABLED_WRITE_BACK), "d"(0)
                         : "memory");
    }
}

/* A TD must leave the other bits of CR4 as they are. */
static void enable_vector_unit(void)
{
    uint64_t cr4 = 0;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_OSFXSR | CR4_OSXMMEXCPT) : "memory");
}

/* Without memory encryption. */
static void start_plain(const struct s0_cpu *cpu)
{
    mark(S0_PLAIN, STAGE0_MARK_ENTERED);
    require(check_no_tee(cpu));
    tighten_paging((struct s0_memory_bits){0});
    enable_caching(cpu); /* under SNP the register is the hypervisor's, and says nothing */
}

static void start_snp(struct s0_memory_bits bits)
{
    tighten_paging(bits);
    require(fw_snp_start());
    mark(S0_SNP, STAGE0_MARK_ENTERED);
}

/* On TDX the tables of ROM map as private what the TD does not have yet. */
static void start_tdx(struct s0_memory_bits *ret_bits)
{
    require(fw_tdx_start(ret_bits));
    tighten_paging(*ret_bits);
    mark(S0_TDX, STAGE0_MARK_ENTERED);
}

/* tee: as reset.S found it. */
void fw_main(enum s0_tee tee)
{
    bool snp = tee == S0_SNP;
    struct s0_cpu cpu = {.table = snp ? (const uint8_t *)(uintptr_t)STAGE0_CPUID_GPA : NULL};
    struct s0_memory_bits bits = {.private = snp ? UINT64_C(1) << STAGE0_SNP_BIT : 0};
    *(volatile uint32_t *)(uintptr_t)STAGE0_TEE_GPA = (uint32_t)tee;
    load_idt();
    if (snp) {
        start_snp(bits);
    } else if (tee == S0_TDX) {
        start_tdx(&bits);
    } else {
        start_plain(&cpu);
    }
    enable_vector_unit();
    struct s0_fw_cfg fw_cfg = fw_cfg_ports();
    struct s0_machine m = {
        .memory = 0,
        .state = (struct s0_state *)(uintptr_t)STAGE0_STATE_GPA,
        .bits = bits,
        .tee = tee,
        .accept = snp             ? fw_snp_accept
                  : tee == S0_TDX ? fw_tdx_accept
                                  : NULL,
        .fw_cfg = tee == S0_PLAIN ? &fw_cfg : NULL, /* without a TEE only */
        .sha256 = s0_sha256_select(&cpu),
        .random = s0_random_detect(&cpu),
    };
    require(s0_load(&m));
    mark(tee, STAGE0_MARK_COPIED);
    require(s0_verify(&m));
    if (tee == S0_TDX) {
        require(fw_tdx_measure(&m));
    }
    mark(tee, STAGE0_MARK_VERIFIED);
    out(tee, STAGE0_PORT_PAYLOAD, 1, STAGE0_PAYLOAD_DONE);
    require(s0_prepare(&m));
    mark(tee, STAGE0_MARK_JUMP);
    if (snp) {
        require(fw_snp_end());
    }
    fw_jump(STAGE0_KERNEL_GPA + ENTRY_64, STAGE0_ZERO_PAGE_GPA, STAGE0_LINUX_PT_GPA);
}
