/* SPDX-License-Identifier: Apache-2.0
 * rom.h - what the launch needs to know of a firmware image: its GUID table, SEV metadata (rom.c)
 * and TDVF descriptor (tdvf.c). Trust: the image is hostile; every offset and count is checked
 * against it. Threads: pure function. Memory: none allocated.
 */
#ifndef TEE_ROM_H
#define TEE_ROM_H

#include "base/bytes.h"

#define TEE_ROM_MAX_SECTIONS 16u
#define TEE_ROM_MAX_SIZE (16u << 20)
#define TEE_PAGE_SIZE 4096u

enum tee_section_type {
    TEE_SECTION_SEC_MEM = 1,
    TEE_SECTION_SECRETS = 2,
    TEE_SECTION_CPUID = 3,
    TEE_SECTION_SVSM_CAA = 4,
    TEE_SECTION_KERNEL_HASHES = 0x10,
};

struct tee_section {
    uint32_t gpa;
    uint32_t size; /* a multiple of 4096, not 0 */
    uint32_t type; /* enum tee_section_type */
};

enum tee_tdvf_type {
    TEE_TDVF_BFV = 0, /* the firmware's volume, which holds the reset vector */
    TEE_TDVF_CFV = 1,
    TEE_TDVF_TD_HOB = 2,
    TEE_TDVF_TEMP_MEM = 3,
};

struct tee_tdvf_section {
    uint32_t data_offset; /* into the image; the data fills the section, or there is none */
    uint32_t data_size;
    uint64_t gpa;
    uint64_t size; /* a multiple of 4096, not 0 */
    uint32_t type; /* enum tee_tdvf_type */
    bool measured; /* MR.EXTEND */
};

struct tee_rom {
    bool has_ap_entry;
    uint32_t ap_entry; /* CS base in the high half, IP in the low half */
    bool has_hash_area;
    uint32_t hash_gpa; /* where the table of kernel hashes starts */
    uint32_t hash_size;
    size_t section_count;
    struct tee_section section[TEE_ROM_MAX_SECTIONS];   /* in table order, without overlaps */
    size_t tdvf_count;                                  /* 0: no TDX firmware */
    struct tee_tdvf_section tdvf[TEE_ROM_MAX_SECTIONS]; /* in table order, without overlaps */
};

/* Parses the tables at the end of a firmware image.
 * rom, len    borrowed; len a multiple of 4096, at most TEE_ROM_MAX_SIZE
 * Returns     CL_ERR_MALFORMED, CL_ERR_TRUNCATED, CL_ERR_UNSUPPORTED (section type, version)
 * Spec        snp.md c.2 (OVMF convention), tdx.md b.2, interfaces.md I-1.1
 */
CL_NODISCARD enum cl_status tee_rom_parse(const uint8_t *rom, size_t len, struct tee_rom *ret_rom,
                                          struct cl_err *err);

/* tdvf.c: the descriptor that stands `offset` bytes before the image's end; fills the two last
 * members of *rom. Errors as above. Spec: tdx.md b.2. */
CL_NODISCARD enum cl_status tee_tdvf_parse(const uint8_t *image, size_t len, uint32_t offset,
                                           struct tee_rom *rom, struct cl_err *err);
/* The section for the TD HOB, or NULL. */
const struct tee_tdvf_section *tee_tdvf_hob(const struct tee_rom *rom);

#endif
