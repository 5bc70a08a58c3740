/* SPDX-License-Identifier: Apache-2.0
 * measure_internal.h - the parts of the launch measurement: firmware tables, VMSA pages.
 * Trust: a firmware image may be hostile. Threads: pure. Memory: the caller's structs.
 */
#ifndef CL_ATTESTATION_MEASURE_INTERNAL_H
#define CL_ATTESTATION_MEASURE_INTERNAL_H

#include "cloister/snp_measure.h"

#define SNP_PAGE_SIZE 4096u
#define SNP_ROM_MAX_SIZE (64u << 20)
#define SNP_ROM_MAX_SECTIONS 64u
#define SNP_ROM_MAX_SECTION_PAGES 65536u /* of all sections together: 256 MiB */

/* An image in a file or in memory: reads exactly n bytes at an offset that lies inside. */
struct snp_rom_source {
    enum cl_status (*read_at)(void *ctx, uint64_t offset, void *dst, size_t n, struct cl_err *err);
    void *ctx;
    uint64_t size;
};

enum snp_section_type {
    SNP_SECTION_SEC_MEM = 1,
    SNP_SECTION_SECRETS = 2,
    SNP_SECTION_CPUID = 3,
    SNP_SECTION_SVSM_CAA = 4,
    SNP_SECTION_KERNEL_HASHES = 0x10,
};

struct snp_section {
    uint32_t gpa, size, type;
};

struct snp_rom {   /* what an image's tables say, checked */
    uint64_t base; /* GPA of its first byte: it ends at 4 GiB */
    bool has_reset;
    uint32_t reset; /* SEV-ES reset block: where APs start */
    bool has_hash_area;
    uint32_t hash_base, hash_size;
    size_t section_count;
    struct snp_section sections[SNP_ROM_MAX_SECTIONS];
};

/* Reads the tables. An image without any is fine; one with broken tables is CL_ERR_MALFORMED or
 * CL_ERR_TRUNCATED, one with a section type that we do not know CL_ERR_UNSUPPORTED. */
CL_NODISCARD enum cl_status snp_rom_parse(const struct snp_rom_source *src, struct snp_rom *ret_rom,
                                          struct cl_err *err);
const char *snp_section_name(uint32_t type); /* NULL for an unknown one */

/* The initial register page of a vCPU; bsp: the first one. */
void snp_vmsa_build(uint8_t ret_page[static SNP_PAGE_SIZE], enum cl_snp_vmm vmm, bool bsp,
                    uint32_t reset, uint32_t vcpu_sig, uint64_t guest_features);

#endif
