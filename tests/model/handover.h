/* SPDX-License-Identifier: Apache-2.0
 * handover.h - what a tiny guest hands to Linux, for tests of the entry's rules: one that is good,
 * to be bent by them.
 */
#ifndef CL_MODEL_HANDOVER_H
#define CL_MODEL_HANDOVER_H

#include "guest.h"

#define BOOT_PARAMS 0x20000u
#define CMDLINE 0x21000u
#define SETUP_DATA 0x22000u
#define CC_BLOB 0x23000u
#define ACPI 0x24000u
#define KERNEL 0x100000u
#define INITRD 0x110000u
#define KERNEL_SIZE 0x2000u
#define INITRD_SIZE 0x1800u

#define HANDOVER_SECRETS 0x6000u /* where rig.h puts SNP's pages */
#define HANDOVER_CPUID 0x7000u

/* What the guest hands to Linux, and what was verified; a test bends the first. */
struct handover {
    uint8_t boot_params[4096], cmdline[64], setup_data[64], cc_blob[40];
    uint8_t acpi[0x600];
    uint8_t kernel[KERNEL_SIZE], initrd[INITRD_SIZE];
    struct model_entry want;
    uint8_t want_kernel[KERNEL_SIZE], want_initrd[INITRD_SIZE];
    const uint8_t *program; /* NULL: the usual one */
    bool touch;
};

void handover_put(uint8_t *p, unsigned size, uint64_t v);
void handover_e820(struct handover *h, uint64_t base, uint64_t size, uint32_t type);
void handover_good(struct handover *h); /* of an SNP guest, without ACPI */
void handover_acpi(struct handover *h); /* tables for two processors */
void handover_sum(uint8_t *p, size_t size, size_t at);

#endif
