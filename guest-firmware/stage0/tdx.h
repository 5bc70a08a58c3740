/* SPDX-License-Identifier: Apache-2.0
 * tdx.h - what stage0 asks of the TDX module and of the VMM behind it, how it makes memory its own,
 * and how it measures what it was given.
 * Trust: the TDX module. Of the VMM come the hand-off blocks, compared with what this RAM size must
 *        have, and the answers to calls, of which only "done" is taken. Threads: one CPU.
 * Memory: STAGE0_TDX_GPA, private. Spec: tdx.md b.3, b.5, d; docs/interfaces.md I-1.7, I-1.9.
 */
#ifndef STAGE0_TDX_H
#define STAGE0_TDX_H

#include "stage0.h"
#include "tdx_abi.h"

struct s0_tdx_regs { /* in the order of fw/entry.S */
    uint64_t rax, rcx, rdx, r8, r9, r10, r11, r12, r13, r14, r15;
};
_Static_assert(sizeof(struct s0_tdx_regs) == 88, "fw/entry.S");

struct s0_tdx {
    uint8_t digest[S0_SHA384_SIZE] __attribute__((aligned(64))); /* the next to be extended */
    /* The instruction, so that the logic above it runs anywhere. */
    void (*tdcall)(const struct s0_tdx *tdx, struct s0_tdx_regs *regs);
    uintptr_t memory; /* where guest physical 0 lies; 0 in the firmware */
    size_t log_len;   /* bytes in the event log */
    void *ctx;
};
_Static_assert(S0_TDX == STAGE0_TEE_TDX, "entry.S and reset.S know it");
_Static_assert(sizeof(struct s0_tdx) <= STAGE0_OWN_END - STAGE0_TDX_GPA, "fits");

/* tdx.c */
struct s0_tdx_info {
    uint64_t shared_bit; /* as in a page-table entry */
    uint32_t cpu_count;
};
/* What the module says of this TD; refuses one that Linux or stage0 could not run in. */
CL_NODISCARD enum stage0_reason s0_tdx_info(const struct s0_tdx *tdx, struct s0_tdx_info *ret_info);
/* The two pages that are needed first: mailbox and event log. Then the other CPUs may look at the
 * mailbox (fw/reset.S). */
CL_NODISCARD enum stage0_reason s0_tdx_share_mailbox(const struct s0_tdx *tdx);
/* Writes `size` bytes (1 or 2) to a port. */
CL_NODISCARD enum stage0_reason s0_tdx_out(const struct s0_tdx *tdx, uint16_t port, unsigned size,
                                           uint32_t value);
/* One page that the launch did not add becomes the TD's, and zero. */
CL_NODISCARD enum stage0_reason s0_tdx_accept_page(const struct s0_tdx *tdx, uint64_t gpa);
/* The same for 2 MiB, in one step or in 512. */
CL_NODISCARD enum stage0_reason s0_tdx_accept_large(const struct s0_tdx *tdx, uint64_t gpa);
/* RTMR' = SHA-384(RTMR || tdx->digest) */
CL_NODISCARD enum stage0_reason s0_tdx_extend(const struct s0_tdx *tdx, uint32_t rtmr);

/* accept.c: every page of RAM but what the launch added and the two below the hand-off blocks,
 * which are accepted before this; each once. */
CL_NODISCARD enum stage0_reason s0_tdx_accept(const struct s0_tdx *tdx, uint64_t ram_size);

/* hob.c: the hand-off blocks that QEMU's rules give for this ROM and that RAM size. */
#define S0_HOB_MAX 512u
#define S0_HOB_END_SIZE 8u
/* The length of the list, with the block that ends it. */
size_t s0_hob_build(uint64_t ram_size, uint8_t ret_list[static S0_HOB_MAX]);

/* event_log.c */
enum s0_event { /* types of the TCG's; in each, what is hashed is the data */
                S0_EVENT_SEPARATOR = 4, /* but of S0_EVENT_IPL, whose data is a name */
                S0_EVENT_IPL = 0xD,
                S0_EVENT_PLATFORM_CONFIG = 0xA,
                S0_EVENT_TAG = 6,
};
/* An empty log. */
void s0_log_start(struct s0_tdx *tdx);
/* Adds a record with tdx->digest. STAGE0_R_INTERNAL: the page is full. */
CL_NODISCARD enum stage0_reason s0_log_add(struct s0_tdx *tdx, uint32_t rtmr, enum s0_event type,
                                           const void *data, size_t len);

/* tdx_measure.c: measures what the VMM gave, and writes it to the log. */

/* After the descriptor was parsed: the hand-off blocks, compared and then wiped, and with them the
 * RAM's size. The CPU count is the module's. */
CL_NODISCARD enum stage0_reason s0_tdx_measure_machine(struct s0_tdx *tdx,
                                                       const struct s0_payload *payload);
/* The private copies of kernel, command line and initrd. */
CL_NODISCARD enum stage0_reason s0_tdx_measure_payload(struct s0_tdx *tdx,
                                                       const struct s0_layout *layout);

#endif
