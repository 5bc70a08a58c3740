/* SPDX-License-Identifier: Apache-2.0
 * stage0.h - the logic of stage0: everything that handles input, free of privileged instructions,
 * so that it also runs as an ordinary library under the unit tests and the fuzzer.
 * Trust: the payload window is hostile and moves; it is read once, through s0_copy_in(), into
 * private memory. The hash page is measured. What lies in private memory is believed only after
 * s0_verify(). Threads: one CPU. Memory: none allocated; all state is in struct s0_state.
 */
#ifndef STAGE0_H
#define STAGE0_H

#include "base/bytes.h"
#include "stage0_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Set in every page-table entry that maps private, or shared, memory: SNP's encryption bit, TDX's
 * shared bit; none where memory is not encrypted. */
struct s0_memory_bits {
    uint64_t private, shared;
};

/* What protects the guest's memory; fw/reset.S finds out. */
enum s0_tee { S0_PLAIN = 0, S0_SNP = 1, S0_TDX = 2 };

#define S0_SHA256_SIZE 32u
#define S0_SHA384_SIZE 48u
#define S0_SEED_SIZE 32u
#define S0_SECTOR_SIZE 512u

/* cpuid_table.c: what CPUID says. Under SNP the instruction is the hypervisor's to answer, so the
 * processor's own firmware checked a table, and only that is asked. */
struct s0_cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};
struct s0_cpu {
    const uint8_t *table; /* SNP's CPUID page (snp.md d.4), checked; NULL: the instruction */
};
/* A leaf that the table has not is all zero. */
struct s0_cpuid_regs s0_cpuid(const struct s0_cpu *cpu, uint32_t leaf, uint32_t subleaf);
/* The page has the form of snp.md d.4 and is that of an SNP guest whose encryption bit is ours. */
CL_NODISCARD enum stage0_reason s0_cpuid_table_check(const uint8_t page[static STAGE0_PAGE_SIZE]);

/* sha256.c: compresses `count` blocks of 64 bytes into state. */
typedef void s0_sha256_blocks_fn(uint32_t state[static 8], const uint8_t *data, size_t count);
s0_sha256_blocks_fn s0_sha256_blocks_c;
s0_sha256_blocks_fn s0_sha256_blocks_bmi2; /* needs BMI2 */
extern const uint32_t s0_sha256_k[64];     /* round constants, 16-byte aligned */
s0_sha256_blocks_fn s0_sha256_blocks_ni;   /* needs SHA, SSE4.1, and SSE switched on */
/* The fastest that the CPU has, as CPUID says. */
s0_sha256_blocks_fn *s0_sha256_select(const struct s0_cpu *cpu);
void s0_sha256(s0_sha256_blocks_fn *blocks, uint8_t ret_digest[static S0_SHA256_SIZE],
               const uint8_t *data, size_t len);

/* sha384.c */
void s0_sha384(uint8_t ret_digest[static S0_SHA384_SIZE], const uint8_t *data, size_t len);

/* descriptor.c: what the VMM asks for (I-1.2). */
struct s0_blob {
    uint64_t gpa; /* in the payload window */
    uint64_t size;
};
struct s0_payload {
    uint32_t cpu_count;
    uint64_t ram_size;
    struct s0_blob kernel;
    struct s0_blob initrd; /* size 0: none, and gpa means nothing */
    struct s0_blob cmdline;
    bool from_fw_cfg; /* the blobs have sizes only */
};
/* Checks a private copy of the descriptor page. Every limit of I-1.2 has its own reason. */
CL_NODISCARD enum stage0_reason s0_payload_parse(const uint8_t desc[static STAGE0_DESC_SIZE],
                                                 struct s0_payload *ret_payload);
/* CPU count, RAM size and the sizes of the blobs are within I-1.2. */
CL_NODISCARD enum stage0_reason s0_payload_check(const struct s0_payload *payload);

/* layout.c: where the private copies go. */
struct s0_layout {
    uint64_t low_ram_end;
    uint64_t kernel_file_gpa; /* whole file; its protected-mode part is at STAGE0_KERNEL_GPA */
    uint64_t kernel_size;
    uint64_t initrd_gpa; /* page aligned; low_ram_end when there is none */
    uint64_t initrd_size;
    uint64_t cmdline_size;
};
/* setup_sects is byte 0x1F1 of the kernel file and not verified yet: any value is safe here. */
CL_NODISCARD enum stage0_reason s0_layout_make(const struct s0_payload *payload,
                                               uint8_t setup_sects, struct s0_layout *ret_layout);

/* hash_table.c: QEMU's table of three SHA-256 digests (snp.md c.3). */
struct s0_hashes {
    uint8_t cmdline[S0_SHA256_SIZE];
    uint8_t initrd[S0_SHA256_SIZE];
    uint8_t kernel[S0_SHA256_SIZE];
};
CL_NODISCARD enum stage0_reason s0_hashes_parse(const uint8_t area[static STAGE0_HASH_TABLE_SIZE],
                                                struct s0_hashes *ret_hashes);
/* Compares in constant time; names the first that differs, in the order of the table. */
CL_NODISCARD enum stage0_reason s0_hashes_compare(const struct s0_hashes *measured,
                                                  const struct s0_hashes *actual);

/* kernel.c: the setup header of a bzImage (boot protocol >= 2.12). */
#define S0_HEADER_OFFSET 0x1F1u
#define S0_HEADER_END 0x26Cu /* the last field we know, kernel_info_offset, ends here */
struct s0_kernel {
    uint64_t init_size;
    uint64_t initrd_addr_max;
    uint32_t cmdline_size; /* without NUL */
    uint8_t loadflags;
    size_t header_size; /* bytes to copy from S0_HEADER_OFFSET on */
};
CL_NODISCARD enum stage0_reason s0_kernel_parse(const uint8_t *file, size_t len,
                                                struct s0_kernel *ret_kernel);
/* The memory that the kernel needs until it has its own allocator must be RAM and ours to give. */
CL_NODISCARD enum stage0_reason s0_kernel_check_layout(const struct s0_kernel *kernel,
                                                       const struct s0_layout *layout);
CL_NODISCARD enum stage0_reason s0_cmdline_check(const uint8_t *text, size_t size,
                                                 uint32_t kernel_max);

/* e820.c */
#define S0_E820_MAX 8u
enum s0_e820_type {
    S0_E820_RAM = 1,
    S0_E820_RESERVED = 2,
    S0_E820_ACPI = 3,
    S0_E820_NVS = 4,
};
struct s0_e820 {
    uint64_t gpa;
    uint64_t size;
    enum s0_e820_type type;
};
/* The number of entries, ascending and without overlap. */
size_t s0_e820_build(uint64_t ram_size, enum s0_tee tee,
                     struct s0_e820 ret_map[static S0_E820_MAX]);

/* aml.c, acpi.c: method-free tables. */
void s0_aml_dsdt_body(struct cl_writer *w);
/* Writes RSDP, XSDT, FADT, MADT and DSDT for a table area that the guest sees at `gpa`; the RSDP
 * is at its start. For a TD also where the other CPUs wait and where the event log is.
 * STAGE0_R_INTERNAL when the area is too small. */
CL_NODISCARD enum stage0_reason s0_acpi_build(uint8_t *area, size_t size, uint64_t gpa,
                                              uint32_t cpu_count, enum s0_tee tee);

/* random.c */
typedef bool s0_random_fn(uint64_t *ret_word); /* false: no value this time */
struct s0_random {
    s0_random_fn *rdseed; /* NULL: the CPU has it not */
    s0_random_fn *rdrand;
};
struct s0_random s0_random_detect(const struct s0_cpu *cpu);
/* Draws from each source there is and joins them with XOR. Fails closed: a source that is there
 * but gives nothing, or one value again and again, is a refusal. */
CL_NODISCARD enum stage0_reason s0_random_seed(const struct s0_random *source,
                                               uint8_t ret_seed[static S0_SEED_SIZE]);

/* boot_params.c: zero page and setup_data. */
void s0_boot_params_build(uint8_t page[static STAGE0_PAGE_SIZE], const uint8_t *kernel_file,
                          const struct s0_kernel *kernel, const struct s0_layout *layout,
                          const struct s0_e820 *map, size_t map_count);
/* With snp, a second node tells Linux where its CPUID and secrets pages are. */
void s0_setup_data_build(uint8_t page[static STAGE0_PAGE_SIZE],
                         const uint8_t seed[static S0_SEED_SIZE], bool snp);

/* paging.c. `memory` is where guest physical 0 lies. */
struct s0_rom_text {
    uint64_t gpa; /* page aligned */
    uint64_t size;
};
/* The tables stage0 runs on: nothing is both writable and executable. Written whole; where the
 * early tables lie in the same place, each store leaves a valid mapping of what runs. */
void s0_paging_build_own(uintptr_t memory, struct s0_rom_text text, struct s0_memory_bits bits);
/* The tables Linux starts on: low RAM as one identity map, and the ROM, from which we jump. */
void s0_paging_build_linux(uintptr_t memory, uint64_t low_ram_end, struct s0_memory_bits bits);

/* boot.c: the way from the descriptor to the jump, in three steps. */
struct s0_state {
    uint8_t descriptor[STAGE0_DESC_SIZE];
    uint8_t first_sector[S0_SECTOR_SIZE];
    uint8_t seed[S0_SEED_SIZE];
    struct s0_payload payload;
    struct s0_layout layout;
    struct s0_hashes measured;
    struct s0_hashes actual;
    struct s0_kernel kernel;
    struct s0_e820 map[S0_E820_MAX];
};
_Static_assert(sizeof(struct s0_state) <= STAGE0_TEE_GPA - STAGE0_STATE_GPA, "state fits");

/* Makes private, and the guest's for good, all RAM that the launch did not. NULL: RAM is RAM. */
struct s0_machine;
typedef enum stage0_reason s0_accept_fn(const struct s0_machine *m);

struct s0_fw_cfg;

struct s0_machine {
    uintptr_t memory; /* where guest physical 0 lies; 0 in the firmware */
    struct s0_state *state;
    struct s0_memory_bits bits;
    enum s0_tee tee;
    s0_accept_fn *accept;           /* called when m->state->payload is there */
    const struct s0_fw_cfg *fw_cfg; /* fw_cfg.h; NULL wherever there is a TEE */
    s0_sha256_blocks_fn *sha256;
    struct s0_random random;
};
/* Copies descriptor and payload into private memory. */
CL_NODISCARD enum stage0_reason s0_load(const struct s0_machine *m);
/* Hashes the private copies and compares them with the measured table. */
CL_NODISCARD enum stage0_reason s0_verify(const struct s0_machine *m);
/* Builds all that Linux is given. */
CL_NODISCARD enum stage0_reason s0_prepare(const struct s0_machine *m);

/* Reads each byte of shared memory exactly once. */
void s0_copy_in(void *dst, const void *shared, size_t size);

static inline bool s0_all_zero(const uint8_t *data, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum |= data[i];
    }
    return sum == 0;
}

#endif
