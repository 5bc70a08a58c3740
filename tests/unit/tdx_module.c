/* SPDX-License-Identifier: Apache-2.0
 * tdx_module.c - see tdx_module.h.
 */
#include "tdx_module.h"

#include "base/digest.h"
#include "check_main.h"

#include <stdlib.h>
#include <string.h>

static struct tdxm *module_of(const struct s0_tdx *tdx)
{
    return (struct tdxm *)tdx->ctx;
}

static uint64_t accept(struct tdxm *m, uint64_t rcx)
{
    uint64_t gpa = rcx & ~UINT64_C(0xFFF);
    uint64_t level = rcx & 0xFFF;
    uint64_t size = level == 0 ? 0x1000 : 0x200000;
    if (level > 1 || gpa % size != 0 || (gpa + size) >> 12 > m->pages) { /* asserts are slow */
        ck_abort_msg("accept of 0x%llx", (unsigned long long)rcx);
    }
    if (level == 1 && m->small) {
        return TDXM_SIZE;
    }
    if (m->bad_gpa >= gpa && m->bad_gpa - gpa < size) {
        return m->bad_status;
    }
    for (uint64_t at = gpa; at < gpa + size; at += 0x1000) {
        m->count[at >> 12]++;
    }
    return 0;
}

static uint64_t extend(struct tdxm *m, uint64_t gpa, uint64_t rtmr)
{
    uint8_t both[2 * S0_SHA384_SIZE];
    ck_assert_uint_eq(gpa % 64, 0);
    ck_assert_uint_le(rtmr, 3);
    if (++m->extends == m->bad_extend) {
        return m->bad_status;
    }
    memcpy(both, m->rtmr[rtmr], S0_SHA384_SIZE);
    memcpy(both + S0_SHA384_SIZE, (const uint8_t *)(m->tdx.memory + gpa), S0_SHA384_SIZE);
    ck_assert_int_eq(cl_sha384(m->rtmr[rtmr], both, sizeof(both), NULL), CL_OK);
    return 0;
}

static void tdcall(const struct s0_tdx *tdx, struct s0_tdx_regs *r)
{
    struct tdxm *m = module_of(tdx);
    m->calls++;
    if (r->rax >= TDG_MR_RTMR_EXTEND && m->busy_left > 0) {
        m->busy_left--;
        r->rax = TDXM_BUSY | 1;
        return;
    }
    m->busy_left = m->busy;
    switch (r->rax) {
    case TDG_VP_VMCALL:
        m->io = *r;
        memset(&r->r10, 0xEE, 6 * sizeof(r->r10)); /* what the VMM likes */
        r->rax = m->io_rax;
        r->r10 = m->io_r10;
        break;
    case TDG_VP_INFO:
        *r = m->info;
        break;
    case TDG_MR_RTMR_EXTEND:
        r->rax = extend(m, r->rcx, r->rdx);
        break;
    case TDG_MEM_PAGE_ACCEPT:
        r->rax = accept(m, r->rcx);
        break;
    default:
        ck_abort_msg("leaf %llu", (unsigned long long)r->rax);
    }
}

struct tdxm *tdxm_new(uintptr_t memory, uint64_t ram)
{
    struct tdxm *m = aligned_alloc(64, (sizeof(*m) + 63) / 64 * 64);
    ck_assert_ptr_nonnull(m);
    memset(m, 0, sizeof(*m));
    m->tdx = (struct s0_tdx){.tdcall = tdcall, .memory = memory, .ctx = m};
    m->pages =
        (ram <= STAGE0_LOW_RAM_MAX ? ram : STAGE0_HIGH_RAM_GPA + ram - STAGE0_LOW_RAM_MAX) >> 12;
    m->count = calloc(m->pages, 1);
    ck_assert_ptr_nonnull(m->count);
    m->bad_gpa = TDXM_NOWHERE;
    m->info = (struct s0_tdx_regs){.rcx = 52, .rdx = 1u << 28, .r8 = UINT64_C(7) << 32 | 2};
    return m;
}

void tdxm_free(struct tdxm *m)
{
    if (m != NULL) {
        free(m->count);
        free(m);
    }
}

/* The module of a machine: what stage0 has at STAGE0_TDX_GPA. */
static enum stage0_reason measure_machine(const struct s0_machine *machine)
{
    struct tdxm *m = NULL;
    memcpy(&m, (const uint8_t *)(machine->memory + STAGE0_TDX_GPA), sizeof(m));
    return s0_tdx_measure_machine(&m->tdx, &machine->state->payload);
}

struct tdxm *tdxm_new_td(struct s0t **ret_t)
{
    struct s0t *t = s0t_new();
    const uint64_t ram = UINT64_C(256) << 20;
    struct tdxm *m = tdxm_new(t->m.memory, ram);
    memcpy(t->memory + STAGE0_TDX_GPA, &m, sizeof(m));
    t->m.accept = measure_machine;
    t->m.tee = S0_TDX;
    memset(t->memory + STAGE0_TD_HOB_GPA, 0xEE, STAGE0_TD_HOB_SIZE);
    (void)s0_hob_build(ram, t->memory + STAGE0_TD_HOB_GPA);
    s0t_load_window(t);
    s0t_make_hashes(t);
    *ret_t = t;
    return m;
}

enum stage0_reason tdxm_boot(struct tdxm *m, struct s0t *t)
{
    enum stage0_reason reason = s0_load(&t->m);
    if (reason == STAGE0_R_OK) {
        reason = s0_verify(&t->m);
    }
    if (reason == STAGE0_R_OK) {
        reason = s0_tdx_measure_payload(&m->tdx, &t->state.layout);
    }
    return reason == STAGE0_R_OK ? s0_prepare(&t->m) : reason;
}
