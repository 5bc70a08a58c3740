/* SPDX-License-Identifier: Apache-2.0
 * world_random.c - machines and files of any size with any bytes: a launch does not look into them.
 */
#include "world.h"

#include <stdio.h>

static uint32_t random_below(uint32_t *state, uint32_t bound)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*state * bound) >> 32);
}

static void random_file(uint32_t *state, const char *path, uint32_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    for (uint32_t i = 0; i < size; i++) {
        ck_assert_int_ne(fputc((int)random_below(state, 256), f), EOF);
    }
    ck_assert_int_eq(fclose(f), 0);
}

void world_randomise(struct world *w, uint32_t seed, uint32_t kernel_max)
{
    uint32_t state = seed;
    w->cfg.cpu_count = 1 + random_below(&state, 16);
    w->cfg.ram_size = (uint64_t)(128 + random_below(&state, 3969)) * (2u << 20);
    random_file(&state, w->kernel, 1 + random_below(&state, kernel_max));
    random_file(&state, w->initrd, random_below(&state, 9000));
    if (random_below(&state, 4) == 0) {
        w->initrd[0] = '\0';
    }
    size_t len = random_below(&state, STAGE0_CMDLINE_SIZE_MAX - 1);
    for (size_t at = 0; at < len; at++) {
        w->files.cmdline[at] = (char)(0x20 + random_below(&state, 0x5F));
    }
    w->files.cmdline[len] = '\0';
}
