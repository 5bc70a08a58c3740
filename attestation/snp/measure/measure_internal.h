/* SPDX-License-Identifier: Apache-2.0
 * measure_internal.h - the parts of the launch measurement: firmware tables, VMSA pages, the chain
 * over all pages.
 * Trust: a firmware image may be hostile. Threads: pure. Memory: the caller's structs.
 */
#ifndef CL_ATTESTATION_MEASURE_INTERNAL_H
#define CL_ATTESTATION_MEASURE_INTERNAL_H

#include "cloister/snp_measure.h"
#include "launch/hash_table.h"
#include "launch/image.h"

#define SNP_PAGE_SIZE LAUNCH_PAGE_SIZE
#define SNP_ROM_MAX_SECTIONS 64u
#define SNP_ROM_MAX_SECTION_PAGES 65536u /* of all sections together: 256 MiB */

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
CL_NODISCARD enum cl_status snp_rom_parse(const struct launch_image *im, struct snp_rom *ret_rom,
                                          struct cl_err *err);
const char *snp_section_name(uint32_t type); /* NULL for an unknown one */

/* The initial register page of a vCPU; bsp: the first one. */
void snp_vmsa_build(uint8_t ret_page[static SNP_PAGE_SIZE], enum cl_snp_vmm vmm, bool bsp,
                    uint32_t reset, uint32_t vcpu_sig, uint64_t guest_features);

/* ---- the chain: one PAGE_INFO for each page (chain.c) ---- */

struct cl_sha384_ctx;

struct snp_chain {
    uint8_t digest[CL_SNP_LD_SIZE];
    uint64_t page_count;
    struct cl_sha384_ctx *hash;                              /* borrowed */
    void (*page)(void *ctx, const struct cl_snp_page *page); /* or NULL */
    void *page_ctx;
};

struct snp_vmsas { /* CONTENTS of the VMSA pages: all but the first are equal */
    uint8_t bsp[48], ap[48];
};

CL_NODISCARD enum cl_status snp_chain_firmware(struct snp_chain *c, const struct launch_image *im,
                                               struct cl_err *err);
/* hashes: NULL when no kernel is given, then the page for them is measured as zero.
 * CL_ERR_UNSUPPORTED when there are hashes but no page for them. */
CL_NODISCARD enum cl_status snp_chain_sections(struct snp_chain *c, const struct snp_rom *rom,
                                               enum cl_snp_vmm vmm,
                                               const struct launch_hashes *hashes,
                                               struct cl_err *err);
CL_NODISCARD enum cl_status snp_vmsas_take(struct cl_sha384_ctx *hash, enum cl_snp_vmm vmm,
                                           uint32_t reset, uint32_t vcpu_sig,
                                           uint64_t guest_features, struct snp_vmsas *ret_v,
                                           struct cl_err *err);
CL_NODISCARD enum cl_status snp_chain_vcpu(struct snp_chain *c, const struct snp_vmsas *v,
                                           bool first, struct cl_err *err);

/* ---- what a configuration is made of, with every file read once (measure.c) ---- */

struct snp_parts {
    struct snp_rom rom;
    uint8_t firmware_digest[CL_SNP_LD_SIZE];
    struct launch_hashes hashes; /* of the kernel, if there is one */
};

/* Reads the files; the chain then stands behind the firmware pages. */
CL_NODISCARD enum cl_status snp_parts_take(const struct cl_snp_measure_config *config,
                                           struct snp_chain *c, struct snp_parts *ret_p,
                                           struct cl_err *err);

/* The vCPU types by number, for those who try them all; NULL behind the last. */
const char *snp_vcpu_type(size_t i, uint32_t *ret_sig);

#endif
