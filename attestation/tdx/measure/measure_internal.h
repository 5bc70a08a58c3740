/* SPDX-License-Identifier: Apache-2.0
 * measure_internal.h - the parts of a TDX measurement: TDVF descriptor, MRTD, TD HOB, kernel image,
 * events.
 * Trust: firmware image and kernel may be hostile. Threads: pure. Memory: the caller's structs.
 */
#ifndef CL_ATTESTATION_TDX_MEASURE_INTERNAL_H
#define CL_ATTESTATION_TDX_MEASURE_INTERNAL_H

#include "cloister/tdx_measure.h"

#include "base/digest.h"
#include "launch/hash_table.h"
#include "launch/image.h"

#define TDVF_MAX_SECTIONS 64u
#define TDVF_MAX_PAGES 65536u /* added at launch, of all sections together: 256 MiB */
#define TDVF_GPA_END (UINT64_C(1) << 52)

enum tdvf_type {
    TDVF_BFV = 0,
    TDVF_CFV = 1,
    TDVF_TD_HOB = 2,
    TDVF_TEMP_MEM = 3,
    TDVF_PERM_MEM = 4,
    TDVF_PAYLOAD = 5,
    TDVF_PAYLOAD_PARAM = 6,
    TDVF_TD_INFO = 7,
    TDVF_TD_PARAMS = 8,
};

#define TDVF_EXTEND 1u /* attribute: contents are measured */
#define TDVF_AUG 2u    /* attribute: added later, by the running guest */

struct tdvf_section {
    uint32_t data_offset, raw_size;
    uint64_t gpa, mem_size;
    uint32_t type, attributes;
};

struct tdvf { /* what an image's descriptor says, checked */
    bool has_hash_area;
    uint32_t hash_base, hash_size;
    size_t section_count;
    struct tdvf_section sections[TDVF_MAX_SECTIONS];
};

/* CL_ERR_UNSUPPORTED for an image without a descriptor. */
CL_NODISCARD enum cl_status tdvf_parse(const struct launch_image *im, struct tdvf *ret_t,
                                       struct cl_err *err);
const char *tdvf_type_name(uint32_t type); /* NULL for an unknown one */
/* Where our VMM puts the page of kernel hashes. CL_ERR_UNSUPPORTED when the image has no place for
 * it, CL_ERR_MALFORMED when that is a section's already. */
CL_NODISCARD enum cl_status tdvf_hash_page(const struct tdvf *t, uint32_t *ret_gpa,
                                           struct cl_err *err);
const struct tdvf_section *tdvf_find(const struct tdvf *t, uint32_t type); /* first, or NULL */

struct mrtd_config {
    const struct tdvf *tdvf;
    const struct launch_image *image;
    const struct launch_hashes *hashes; /* NULL: no page for them */
    unsigned variants;
    void (*page)(void *ctx, const struct cl_tdx_page *page);
    void *ctx;
};

CL_NODISCARD enum cl_status mrtd_compute(const struct mrtd_config *c,
                                         uint8_t ret[static CL_TDX_MR_SIZE], uint64_t *ret_pages,
                                         struct cl_err *err);

/* The digest of the TD HOB list as it is measured: without its last entry. hash_page: with our
 * VMM's page of kernel hashes among the memory that is there already. */
CL_NODISCARD enum cl_status hob_sha384(const struct tdvf *t, enum cl_tdx_vmm vmm, uint64_t memory,
                                       bool hash_page, uint8_t ret[static CL_TDX_MR_SIZE],
                                       struct cl_err *err);

/* Authenticode SHA-384 of a kernel with an EFI stub. patch: as QEMU before 10.1 hands it over, for
 * an initrd of that size (0: none) and that much memory. */
struct pe_patch {
    uint64_t memory, initrd_size;
};
CL_NODISCARD enum cl_status pe_sha384_image(const struct launch_image *im,
                                            const struct pe_patch *patch,
                                            uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err);
/* The same for a file, which the message names. */
CL_NODISCARD enum cl_status pe_sha384(const char *path, const struct pe_patch *patch,
                                      uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err);

/* ---- what a configuration is made of, with every file read once (measure.c) ---- */

struct tdx_parts {
    struct tdvf tdvf;
    bool has_kernel, has_initrd, has_acpi, has_cfv, has_patched;
    struct launch_hashes hashes;       /* SHA-256, for the page */
    uint8_t kernel[48], kernel_pe[48]; /* SHA-384 of the file (ours); Authenticode (QEMU) */
    uint8_t kernel_patched[48];        /* QEMU; has_patched */
    uint8_t initrd[48];                /* none: of no bytes */
    uint8_t cfv[48];
    uint8_t acpi[3][48];
};

/* One choice of everything that changes registers but not files. */
struct tdx_choice {
    const struct tdx_parts *parts;
    enum cl_tdx_vmm vmm;
    unsigned variants;
    uint64_t memory;
    bool initrd;         /* use it */
    const char *cmdline; /* text */
    size_t cmdline_len;  /* bytes that our firmware measures: usually with the NUL */
    void (*event)(void *ctx, const struct cl_tdx_predicted *event);
    void *ctx;
};

/* The value of RTMR0, RTMR1 or RTMR2. CL_ERR_UNAVAILABLE with *ret_missing when something for it
 * was not given; hob: SHA-384 of the HOB, used for RTMR0. */
CL_NODISCARD enum cl_status rtmr_compute(const struct tdx_choice *c, enum cl_tdx_mr mr,
                                         uint8_t ret[static CL_TDX_MR_SIZE],
                                         const char **ret_missing, struct cl_err *err);

CL_NODISCARD enum cl_status tdx_check_config(const struct cl_tdx_measure_config *config,
                                             struct cl_err *err);
CL_NODISCARD enum cl_status tdx_parts_take(const struct cl_tdx_measure_config *config,
                                           const struct launch_image *im, enum cl_tdx_vmm vmm,
                                           struct tdx_parts *ret_p, struct cl_err *err);

#endif
