/* SPDX-License-Identifier: Apache-2.0
 * window.h - what a host can do to the payload window: cases that do not depend on what protects
 * the guest's memory, but for the reason that some of them end with.
 */
#ifndef CONFIDENTIAL_WINDOW_H
#define CONFIDENTIAL_WINDOW_H

#include "world.h"

/* Ends that are no reason of the firmware's. SAFE: Linux with the right bytes, or any end before
 * it.
 */
enum { END_SHUTDOWN = -1, END_STANDSTILL = -2, END_SAFE = -3 };
#define R(name) ((int)STAGE0_R_##name)

#define WINDOW_RAM (128u << 20)

struct window_case {
    const char *name;
    unsigned offset; /* in the window */
    unsigned size;
    uint64_t value;
    int end;
    int td_end; /* of a TD; 0: the same */
};
extern const struct window_case window_cases[];
extern const unsigned window_case_count;
/* Bytes of the window that are worth changing between two reads. */
extern const unsigned window_flips[];
extern const unsigned window_flip_count;

typedef void prepare_fn(struct world *w); /* world_init, or world_init_tdx */

void window_prepare(struct world *w, prepare_fn *init); /* with WINDOW_RAM */
void window_launch(struct world *w);
void window_expect_end(struct world *w, int end); /* and frees the world */
/* One case, from launch to end. */
void window_try(struct world *w, prepare_fn *init, unsigned index);
/* That byte changes between one read and the next, wherever that is: what is used is what was
 * checked. */
void window_try_changes(struct world *w, prepare_fn *init, unsigned flip);

#endif
