/* SPDX-License-Identifier: Apache-2.0
 * snp_measure.h - computes the SEV-SNP launch digest offline, from files: what a report's
 * MEASUREMENT must be. Shares no code with what launches VMs or with the simulated processor.
 * Trust: firmware images may be hostile: sizes, counts and addresses are bounded before use.
 * Threads: pure. Memory: constant (well under 1 MiB); files are streamed.
 * Spec: snp.md c; docs/interfaces.md I-1.5.
 */
#ifndef CLOISTER_SNP_MEASURE_H
#define CLOISTER_SNP_MEASURE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CL_SNP_LD_SIZE 48u
#define CL_SNP_MEASURE_MAX_CPUS 512u

enum cl_snp_vmm { /* who builds the VMSA pages, and in which order sections are measured */
                  CL_SNP_VMM_CLOISTER = 0, /* equals QEMU */
                  CL_SNP_VMM_QEMU,
                  CL_SNP_VMM_EC2,
                  CL_SNP_VMM_GCE,
};

struct cl_snp_page { /* one PAGE_INFO, for --explain */
    uint64_t index;
    uint64_t gpa;
    uint8_t type;           /* PAGE_TYPE: 1 normal .. 6 cpuid */
    const char *region;     /* "firmware", "sec-mem", "kernel-hashes", "vmsa", ...; static */
    const uint8_t *content; /* 48 bytes: CONTENTS */
    const uint8_t *digest;  /* 48 bytes: the launch digest after this page */
};

struct cl_snp_measure_config {
    const char *firmware;    /* path */
    const char *kernel;      /* path, or NULL: the hash page is measured as zero */
    const char *initrd;      /* path, or NULL; needs a kernel */
    const char *cmdline;     /* text, or NULL: empty; needs a kernel */
    uint32_t cpus;           /* 1..CL_SNP_MEASURE_MAX_CPUS */
    uint32_t vcpu_sig;       /* CPUID(1).EAX */
    uint64_t guest_features; /* SEV_FEATURES; 1 is SNP alone */
    enum cl_snp_vmm vmm;
    const uint8_t
        *firmware_digest; /* 48 bytes to start from instead of hashing firmware, or NULL */
    void (*page)(void *ctx, const struct cl_snp_page *page); /* called for each page, or NULL */
    void *page_ctx;
};

struct cl_snp_measurement {
    uint8_t digest[CL_SNP_LD_SIZE];
    uint8_t firmware_digest[CL_SNP_LD_SIZE]; /* after the firmware pages alone */
    uint8_t kernel_sha256[32], initrd_sha256[32], cmdline_sha256[32]; /* zero without a kernel */
    uint64_t page_count;
};

CL_NODISCARD enum cl_status cl_snp_measure(const struct cl_snp_measure_config *config,
                                           struct cl_snp_measurement *ret_m, struct cl_err *err);

/* What a configuration must be changed to so that it has a digest, as the command line says it. */
struct cl_snp_variation {
    unsigned differences; /* 0: the configuration itself has it */
    char words[256];      /* "--cpus 4, no initrd" */
};

/* Looks for `expected` among the known variations of the configuration (vCPU type and number, VMM,
 * guest features, kernel hashes missing, no initrd, command line with other ends) and their
 * combinations; ret_v is the one with the fewest differences. config->page is not called.
 * Returns CL_OK; CL_ERR_REJECTED when none has it; what cl_snp_measure returns. */
CL_NODISCARD enum cl_status cl_snp_measure_find(const struct cl_snp_measure_config *config,
                                                const uint8_t expected[static CL_SNP_LD_SIZE],
                                                struct cl_snp_variation *ret_v, struct cl_err *err);

/* The digest after the firmware pages alone, for images without tables too. */
CL_NODISCARD enum cl_status cl_snp_measure_firmware(const char *firmware,
                                                    uint8_t ret[static CL_SNP_LD_SIZE],
                                                    struct cl_err *err);

/* "EPYC-Milan" -> 0x00A00F11 (QEMU's names; versions as "EPYC-v4" too). */
CL_NODISCARD enum cl_status cl_snp_vcpu_type_parse(const char *name, uint32_t *ret_sig,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status cl_snp_vmm_parse(const char *name, enum cl_snp_vmm *ret_vmm,
                                             struct cl_err *err);
const char *cl_snp_vmm_name(enum cl_snp_vmm vmm);
const char *cl_snp_page_type_name(uint8_t type);

#endif
