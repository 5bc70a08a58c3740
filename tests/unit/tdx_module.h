/* SPDX-License-Identifier: Apache-2.0
 * tdx_module.h - a TDX module played for stage0's logic: page states, registers, and the VMM's
 * answers, honest or not.
 */
#ifndef TEST_TDX_MODULE_H
#define TEST_TDX_MODULE_H

#include "stage0_machine.h"
#include "tdx.h"

#define TDXM_BUSY UINT64_C(0x8000020000000000)
#define TDXM_ACCEPTED UINT64_C(0x00000B0A00000000)
#define TDXM_SIZE UINT64_C(0xC0000B0B00000001)
#define TDXM_NOWHERE UINT64_MAX

struct tdxm {
    struct s0_tdx tdx;
    uint64_t pages; /* of the address space that is watched */
    uint8_t *count; /* a page: times it was accepted */
    bool small;     /* the VMM maps 4 KiB at a time */
    unsigned busy;  /* answers "busy" so often before each other one */
    unsigned busy_left;
    uint64_t bad_gpa; /* accepting it (or what it lies in) gives bad_status */
    uint64_t bad_status;
    unsigned bad_extend; /* the nth extension (1 is the first) gives bad_status */
    unsigned extends, calls;
    uint8_t rtmr[4][S0_SHA384_SIZE];
    struct s0_tdx_regs info; /* answer of VP.INFO */
    struct s0_tdx_regs io;   /* the last request to the VMM */
    uint64_t io_rax, io_r10;
};

/* An honest one for 2 CPUs, with `ram` bytes of guest memory that begin at `memory`. */
struct tdxm *tdxm_new(uintptr_t memory, uint64_t ram);
void tdxm_free(struct tdxm *m);

/* The same with 256 MiB of a machine as the VMM hands it over: hand-off blocks, window, hashes; its
 * s0_load() measures the machine. Both are the caller's. */
struct tdxm *tdxm_new_td(struct s0t **ret_t);
/* As fw/main.c: load (and measure the machine), verify, measure, prepare. */
enum stage0_reason tdxm_boot(struct tdxm *m, struct s0t *t);

#endif
