/* SPDX-License-Identifier: Apache-2.0
 * stage0_machine.h - guest memory for stage0's logic on a test machine: low RAM and payload window
 * at their real distances in one reserved range. Where stage0 may not write, a write faults.
 */
#ifndef TEST_STAGE0_MACHINE_H
#define TEST_STAGE0_MACHINE_H

#include "stage0.h"

#define S0T_KERNEL_SIZE 20000u /* of the synthetic bzImage: odd on purpose */
#define S0T_SETUP_SIZE 1024u   /* setup_sects = 1 */
#define S0T_INIT_SIZE 0x300000u

struct s0t {
    uint8_t *memory; /* guest physical 0 */
    struct s0_state state;
    struct s0_machine m;
    /* What the VMM hands over; s0t_load_window() puts it there. */
    uint8_t descriptor[STAGE0_DESC_SIZE];
    uint8_t kernel[S0T_KERNEL_SIZE];
    uint8_t initrd[5000];
    size_t initrd_size;
    char cmdline[STAGE0_CMDLINE_SIZE_MAX];
    size_t cmdline_size; /* with its NUL */
};

/* A machine with 256 MiB, two CPUs, a good kernel, initrd and command line. Aborts without memory.
 */
struct s0t *s0t_new(void);
void s0t_free(struct s0t *t);

void s0t_put16(uint8_t *at, uint16_t x);
void s0t_put32(uint8_t *at, uint32_t x);
void s0t_put64(uint8_t *at, uint64_t x);
uint32_t s0t_get32(const uint8_t *at);
uint64_t s0t_get64(const uint8_t *at);

/* The smallest bzImage header that stage0 takes, and a body that is not all alike. */
void s0t_make_kernel(uint8_t kernel[static S0T_KERNEL_SIZE]);
/* Fills the descriptor for the sizes in t: kernel, initrd and command line one after the other. */
void s0t_make_descriptor(struct s0t *t);
/* Writes descriptor and blobs to the window. */
void s0t_load_window(struct s0t *t);
/* Writes QEMU's table over the three blobs, digests by OpenSSL. */
void s0t_make_hashes(struct s0t *t);
/* Low RAM as it is after a reset, stage0's forbidden pages closed, the window read-only. */
void s0t_close(struct s0t *t);
void s0t_open(struct s0t *t);

/* Load, verify, prepare. */
enum stage0_reason s0t_boot(struct s0t *t);

#endif
