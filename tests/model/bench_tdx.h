/* SPDX-License-Identifier: Apache-2.0
 * bench_tdx.h - a model with one TD for tests of KVM's side, and what a refusal must look like.
 */
#ifndef CL_MODEL_BENCH_TDX_H
#define CL_MODEL_BENCH_TDX_H

#include "launcher_tdx.h"

#include <check.h>
#include <string.h>

#define BENCH_RAM (16u << 20)
#define BENCH_ROM (64u << 10)
#define BENCH_HOB 0x809000u

struct bench {
    struct model *m;
    struct td t;
};

static inline void bench_open(struct bench *b, const struct model_config *config)
{
    struct model_config tdx = model_config_tdx();
    b->m = model_new(config != NULL ? config : &tdx);
    ck_assert_ptr_nonnull(b->m);
    ck_assert_msg(td_open(&b->t, b->m) == 0, "%s", model_reason(b->m));
}

/* With slots, and so many vCPUs. */
static inline void bench_setup(struct bench *b, unsigned vcpus)
{
    struct model_config tdx = model_config_tdx();
    b->m = model_new(&tdx);
    ck_assert_ptr_nonnull(b->m);
    ck_assert_msg(td_begin(&b->t, b->m, BENCH_RAM, BENCH_ROM) == 0, "%s", model_reason(b->m));
    ck_assert_msg(td_vcpus(&b->t, vcpus, BENCH_HOB) == 0, "%s", model_reason(b->m));
}

static inline void bench_done(struct bench *b)
{
    launcher_close(&b->t.l);
    ck_assert(model_clean(b->m));
    model_free(b->m);
}

#define EXPECT(bench, call, error, why)                                                            \
    do {                                                                                           \
        int got = (call);                                                                          \
        ck_assert_msg(got == -(error) && strcmp(model_reason((bench)->m), why) == 0,               \
                      "got %d '%s', expected %d '%s'", got, model_reason((bench)->m), -(error),    \
                      why);                                                                        \
    } while (0)

static inline int bench_vm(struct bench *b, unsigned long request, void *arg)
{
    return launcher_ioctl(&b->t.l, b->t.l.vm, request, arg);
}

static inline int bench_vcpu(struct bench *b, unsigned long request, void *arg)
{
    return launcher_ioctl(&b->t.l, b->t.l.vcpus[0], request, arg);
}

#endif
