/* SPDX-License-Identifier: Apache-2.0
 * window.c - see window.h.
 */
#include "window.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

const struct window_case window_cases[] = {
    {"magic", 0, 1, 'X', R(DESC_MAGIC), 0},
    {"version", 8, 4, 2, R(DESC_VERSION), 0},
    {"no CPU", 12, 4, 0, R(DESC_CPU_COUNT), 0},
    {"17 CPUs", 12, 4, 17, R(DESC_CPU_COUNT), 0},
    {"more CPUs than were measured", 12, 4, 16, END_SAFE, R(TDX_CPU_COUNT)},
    {"no RAM", 16, 8, 0, R(DESC_RAM_SIZE), 0},
    {"RAM beyond all bounds", 16, 8, UINT64_MAX & ~UINT64_C(0x1FFFFF), R(DESC_RAM_SIZE), 0},
    {"RAM that would wrap", 16, 8, UINT64_C(1) << 63, R(DESC_RAM_SIZE), 0},
    {"RAM of odd size", 16, 8, WINDOW_RAM + 4096, R(DESC_RAM_UNIT), 0},
    {"more RAM than there is", 16, 8, 2ull * WINDOW_RAM, R(SNP_PAGE_STATE), R(TDX_HOB)},
    {"RAM over window and ROM", 16, 8, UINT64_C(0x100000000), R(SNP_PAGE_STATE), R(TDX_HOB)},
    {"kernel of no size", 32, 8, 0, R(KERNEL_SIZE), 0},
    {"kernel larger than its bound", 32, 8, (64u << 20) + 1, R(KERNEL_SIZE), 0},
    {"kernel beyond the window", 24, 8, UINT64_C(0x9FFFF000), R(KERNEL_WINDOW), 0},
    {"kernel in private RAM", 24, 8, UINT64_C(0x1000000), R(KERNEL_WINDOW), 0},
    {"kernel over the descriptor", 24, 8, UINT64_C(0x80000000), R(KERNEL_WINDOW), 0},
    {"kernel not aligned", 24, 8, UINT64_C(0x80002010), R(KERNEL_ALIGN), 0},
    {"initrd size that wraps", 48, 8, UINT64_MAX, R(INITRD_SIZE), 0},
    {"initrd beyond the window", 40, 8, UINT64_C(0x9FFFF000), R(INITRD_WINDOW), 0},
    {"initrd over the kernel", 40, 8, UINT64_C(0x80002000), R(BLOBS_OVERLAP), 0},
    {"command line of no size", 64, 8, 0, R(CMDLINE_SIZE), 0},
    {"command line beyond the window", 56, 8, UINT64_C(0xA0000000), R(CMDLINE_WINDOW), 0},
    {"command line longer than measured", 64, 8, 100, R(CMDLINE_HASH), 0},
    {"reserved bytes", 4000, 1, 1, R(DESC_NOT_ZERO), 0},
    {"command line of other bytes", 0x1000, 1, 'X', R(CMDLINE_HASH), 0},
    {"kernel of other bytes", 0x2000 + 700, 1, 0xEE, R(KERNEL_HASH), 0},
    {"kernel with another setup size", 0x2000 + 0x1F1, 1, 0xFF, R(KERNEL_HASH), 0},
    {"initrd of other bytes", 0x7000 + 5, 1, 'X', R(INITRD_HASH), 0},
};
const unsigned window_case_count = CL_ARRAY_LEN(window_cases);

const unsigned window_flips[] = {0,      8,      12,     16,     24,     32,
                                 48,     56,     64,     0x1000, 0x1010, 0x2000,
                                 0x21F1, 0x2202, 0x2262, 0x2400, 0x4000, 0x7000};
const unsigned window_flip_count = CL_ARRAY_LEN(window_flips);

void window_prepare(struct world *w, prepare_fn *init)
{
    init(w);
    w->cfg.ram_size = WINDOW_RAM;
}

void window_launch(struct world *w)
{
    ck_assert_msg(world_launch(w) == CL_OK, "%s [%s]", w->err.msg, model_reason(w->model));
}

void window_expect_end(struct world *w, int end)
{
    enum model_outcome outcome = model_outcome(world_vm(w));
    if (end > 0) {
        world_expect_refusal(w, (enum stage0_reason)end);
    } else if (end == END_SHUTDOWN) {
        ck_assert_msg(outcome == MODEL_SHUTDOWN, "outcome %d: %s", outcome, w->vmm.status.reason);
    } else if (end == END_STANDSTILL) {
        ck_assert_msg(outcome == MODEL_STUCK, "outcome %d: %s", outcome, w->vmm.status.reason);
    } else if (outcome == MODEL_ENTERED) {
        world_expect_linux(w);
    }
    ck_assert(end == END_SAFE || outcome != MODEL_ENTERED);
    world_free(w);
}

static uint8_t *window_bytes(struct world *w)
{
    ck_assert_int_eq(mprotect(w->vmm.payload.map, w->vmm.payload.size, PROT_READ | PROT_WRITE), 0);
    return w->vmm.payload.map;
}

void window_try(struct world *w, prepare_fn *init, unsigned index)
{
    const struct window_case *x = &window_cases[index];
    window_prepare(w, init);
    window_launch(w);
    uint8_t *at = window_bytes(w) + x->offset;
    ck_assert_mem_ne(at, &x->value, x->size); /* the case would change nothing */
    memcpy(at, &x->value, x->size);
    w->cpus_told = x->offset == 12 ? (unsigned)x->value : 0;
    world_run(w);
    printf("window, %s: %s\n", x->name, w->vmm.status.reason);
    window_expect_end(w, w->td && x->td_end != 0 ? x->td_end : x->end);
}

struct flip {
    struct world *w;
    unsigned at;
};

static void act_flip(CL_UNUSED struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct flip *f = ctx;
    f->w->vmm.payload.map[f->at] ^= 0x55;
}

/* One boot, in which that byte changes after the nth read. */
static bool enters_with_change_at(struct flip *f, prepare_fn *init, uint64_t n, bool wrong_first)
{
    struct world *w = f->w;
    window_prepare(w, init);
    window_launch(w);
    (void)window_bytes(w);
    if (wrong_first) {
        w->vmm.payload.map[f->at] ^= 0x55;
    }
    ck_assert(model_plan_read(world_vm(w), STAGE0_WINDOW_GPA, w->vmm.payload.size, (unsigned)n,
                              act_flip, f));
    world_run(w);
    bool entered = model_outcome(world_vm(w)) == MODEL_ENTERED;
    window_expect_end(w, END_SAFE);
    return entered;
}

static uint64_t honest_reads(struct flip *f, prepare_fn *init)
{
    struct world *w = f->w;
    window_prepare(w, init);
    window_launch(w);
    ck_assert(model_plan_read(world_vm(w), STAGE0_WINDOW_GPA, w->vmm.payload.size, UINT32_MAX,
                              act_flip, f));
    world_run(w);
    uint64_t reads = model_shared_reads(world_vm(w));
    window_expect_end(w, END_SAFE);
    return reads;
}

void window_try_changes(struct world *w, prepare_fn *init, unsigned flip)
{
    struct flip f = {w, flip};
    uint64_t reads = honest_reads(&f, init);
    unsigned entered = 0;
    uint64_t step = reads / 12 + 1;
    for (uint64_t n = 0; n <= reads; n += step) {
        entered += enters_with_change_at(&f, init, n, false) ? 1 : 0;
        if (n / step % 2 == 0) { /* right too late: copied wrong, hashed right? */
            (void)enters_with_change_at(&f, init, n, true);
        }
    }
    printf("byte 0x%x, %llu reads: %u of %llu changes came too late\n", flip,
           (unsigned long long)reads, entered, (unsigned long long)(reads / step + 1));
}
