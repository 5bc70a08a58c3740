/* SPDX-License-Identifier: Apache-2.0
 * tdx_measure.h - computes offline, from files, what a TDX quote's MRTD and RTMR0 to RTMR2 must be:
 * for our own VMM and firmware, and for QEMU's direct boot of OVMF.
 * Trust: firmware images and kernels may be hostile: sizes, counts and addresses are bounded before
 *        use.
 * Threads: pure. Memory: constant (well under 1 MiB); files are streamed.
 * Spec: tdx.md b; docs/interfaces.md I-1.7.
 */
#ifndef CLOISTER_TDX_MEASURE_H
#define CLOISTER_TDX_MEASURE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CL_TDX_MR_SIZE 48u
#define CL_TDX_MEMORY_MAX (UINT64_C(1) << 46) /* bytes; docs/limits.md */

enum cl_tdx_mr { CL_TDX_MRTD = 0, CL_TDX_RTMR0, CL_TDX_RTMR1, CL_TDX_RTMR2, CL_TDX_MR_COUNT };

enum cl_tdx_vmm {                          /* who loads what, and who extends the registers */
                  CL_TDX_VMM_CLOISTER = 0, /* stage0: I-1.7 */
                  CL_TDX_VMM_QEMU,         /* OVMF, direct boot of a kernel with an EFI stub */
};

/* What versions of QEMU, of the host's kernel and of OVMF do differently. */
enum cl_tdx_variant {
    CL_TDX_TWO_PASS = 1u << 0,         /* all pages of a section added, then all extended */
    CL_TDX_READ_ON = 1u << 1,          /* behind a section's data the image, instead of zeroes */
    CL_TDX_PATCHED_KERNEL = 1u << 2,   /* QEMU before 10.1 wrote into the kernel's setup header */
    CL_TDX_SEPARATOR_RTMR0 = 1u << 3,  /* OVMF up to 2024.02: the last separator goes to RTMR0 */
    CL_TDX_INITRD_ARG_FIRST = 1u << 4, /* "initrd=initrd " before the command line, not behind */
    CL_TDX_NO_INITRD_ARG = 1u << 5,    /* not added at all */
};

struct cl_tdx_page { /* one TDH.MEM.PAGE.ADD, for --explain */
    uint64_t index;
    uint64_t gpa;
    const char *region;     /* "bfv", "td-hob", "kernel-hashes", ...; static */
    bool measured;          /* TDH.MR.EXTEND of its contents too */
    const uint8_t *content; /* 48 bytes: SHA-384 of the page; NULL when not measured */
};

struct cl_tdx_predicted { /* one extension of an RTMR, for --explain */
    enum cl_tdx_mr mr;
    const char *name;      /* "TD HOB", "kernel", ...; static */
    const uint8_t *digest; /* 48 bytes */
    const uint8_t *value;  /* 48 bytes: the register after it */
};

struct cl_tdx_measure_config {
    const char *firmware; /* path */
    const char *kernel;   /* path, or NULL: RTMR1 and RTMR2 stay unknown */
    const char *initrd;   /* path, or NULL; needs a kernel */
    const char *cmdline;  /* text, or NULL: empty; needs a kernel */
    uint64_t memory;      /* bytes of RAM, or 0: RTMR0 stays unknown */
    enum cl_tdx_vmm vmm;
    unsigned variants; /* of enum cl_tdx_variant; all but the first two are for QEMU alone */
    /* QEMU's fw_cfg files etc/table-loader, etc/acpi/rsdp, etc/acpi/tables: paths; without all of
     * them RTMR0 stays unknown. */
    const char *acpi_loader, *acpi_rsdp, *acpi_tables;
    void (*page)(void *ctx, const struct cl_tdx_page *page);        /* or NULL */
    void (*event)(void *ctx, const struct cl_tdx_predicted *event); /* or NULL */
    void *ctx;
};

struct cl_tdx_measurement {
    bool known[CL_TDX_MR_COUNT]; /* MRTD always */
    uint8_t mr[CL_TDX_MR_COUNT][CL_TDX_MR_SIZE];
    const char *missing[CL_TDX_MR_COUNT]; /* why one is unknown; static */
    uint8_t hob_sha384[CL_TDX_MR_SIZE];   /* zero when the memory size is unknown */
    uint64_t page_count;
};

/* Returns CL_OK; CL_ERR_MALFORMED or CL_ERR_TRUNCATED for a file or configuration that is wrong;
 * CL_ERR_UNSUPPORTED for an image without TDVF descriptor or with what we do not know; CL_ERR_SYS;
 * CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status cl_tdx_measure(const struct cl_tdx_measure_config *config,
                                           struct cl_tdx_measurement *ret_m, struct cl_err *err);

/* Which register of which variation of the configuration has a digest. */
struct cl_tdx_variation {
    enum cl_tdx_mr mr;
    unsigned differences; /* 0: the configuration itself */
    char words[256];      /* "--memory 4096M, --variant two-pass" */
};

/* Looks for `expected` among the registers of the known variations: page order, VMM, memory size,
 * versions of QEMU and OVMF, kernel hashes missing, no initrd, command line with other ends.
 * Returns CL_OK; CL_ERR_REJECTED when none has it; what cl_tdx_measure returns. */
CL_NODISCARD enum cl_status cl_tdx_measure_find(const struct cl_tdx_measure_config *config,
                                                const uint8_t expected[static CL_TDX_MR_SIZE],
                                                struct cl_tdx_variation *ret_v, struct cl_err *err);

const char *cl_tdx_mr_name(enum cl_tdx_mr mr); /* "mrtd", "rtmr0", ... */
CL_NODISCARD enum cl_status cl_tdx_vmm_parse(const char *name, enum cl_tdx_vmm *ret_vmm,
                                             struct cl_err *err);
const char *cl_tdx_vmm_name(enum cl_tdx_vmm vmm);
/* "two-pass", "patched-kernel", ... */
CL_NODISCARD enum cl_status cl_tdx_variant_parse(const char *name, unsigned *ret_variant,
                                                 struct cl_err *err);
const char *cl_tdx_variant_name(unsigned variant); /* of one bit; NULL for another */

#endif
