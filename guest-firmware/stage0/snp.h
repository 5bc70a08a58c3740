/* SPDX-License-Identifier: Apache-2.0
 * snp.h - what stage0 asks of the hypervisor of an SNP guest, and how it makes memory its own.
 * Trust: the hypervisor's answers are hostile: each is read once, has one right form, and anything
 *        else ends the boot. Threads: one CPU. Memory: the GHCB page, which is shared.
 * Spec: snp.md e.2 to e.4.
 */
#ifndef STAGE0_SNP_H
#define STAGE0_SNP_H

#include "stage0.h"

#define S0_GHCB_BUFFER 0x800u /* in the GHCB page */

enum s0_pvalidate {
    S0_PVALIDATE_OK = 0,
    S0_PVALIDATE_INPUT = 1,
    S0_PVALIDATE_SIZE = 6,        /* the page is smaller for the hypervisor than for us */
    S0_PVALIDATE_UNCHANGED = 255, /* it had that state before */
};

/* The instructions, so that the logic above them runs anywhere. */
struct s0_snp {
    volatile uint8_t *ghcb; /* the shared page, registered with the hypervisor */
    void (*vmgexit)(const struct s0_snp *snp);
    enum s0_pvalidate (*pvalidate)(const struct s0_snp *snp, uintptr_t address, bool large,
                                   bool validate);
    /* Where 2 MiB of private memory at gpa (a multiple of that) are mapped; until the next call. */
    uintptr_t (*window)(const struct s0_snp *snp, uint64_t gpa);
    void *ctx;
};

/* ghcb.c */

/* Writes `size` bytes (1 or 2) to a port. */
CL_NODISCARD enum stage0_reason s0_ghcb_out(const struct s0_snp *snp, uint16_t port, unsigned size,
                                            uint32_t value);
#define S0_GHCB_ENTRIES 253u /* page state changes of one exit */
/* Entry i of the next request: one page, or 2 MiB, becomes private. */
void s0_ghcb_put_private(const struct s0_snp *snp, size_t i, uint64_t gpa, bool large);
/* Asks for the first `count` entries, until all are done. */
CL_NODISCARD enum stage0_reason s0_ghcb_page_state(const struct s0_snp *snp, size_t count);

/* accept.c: makes private and validates every page of RAM that the launch did not, each once: the
 * way leads upwards through constants and the size alone, so that no page can come twice. */
CL_NODISCARD enum stage0_reason s0_snp_accept(const struct s0_snp *snp, uint64_t ram_size);

/* The first and the last line of a page that has become private are read through the private
 * mapping, which drives what the host may have left in the caches out (CVE-2025-38560). */
void s0_snp_touch(uintptr_t address);

#endif
