/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_tdx.c - how stage0 talks to the TDX module and to the VMM behind it, and makes memory
 * its own, against a module played in tdx_module.c. The real bytes run in tests/model.
 */
#include "check_main.h"
#include "tdx_module.h"

#include <string.h>

#define MIB(n) (UINT64_C(n) << 20)

/* A page, or two, where the ready flag and the log would be. */
static struct s0t *t;

static void setup(void)
{
    t = s0t_new();
}

static void teardown(void)
{
    s0t_free(t);
}

static struct tdxm *module(uint64_t ram)
{
    return tdxm_new(t->m.memory, ram);
}

static enum stage0_reason accept_all(struct tdxm *m, uint64_t ram)
{
    enum stage0_reason reason = s0_tdx_share_mailbox(&m->tdx);
    return reason == STAGE0_R_OK ? s0_tdx_accept(&m->tdx, ram) : reason;
}

static bool is_added(uint64_t gpa)
{
    return (gpa >= 0x1000 && gpa < 0x11000) || (gpa >= 0x13000 && gpa < 0x15000);
}

START_TEST(test_each_page_is_accepted_once)
{
    static const uint64_t sizes[] = {MIB(128), MIB(256), MIB(2048), MIB(2050), MIB(8192)};
    for (size_t i = 0; i < 2 * CL_ARRAY_LEN(sizes); i++) {
        uint64_t ram = sizes[i / 2];
        struct tdxm *m = module(ram);
        m->small = i % 2 != 0;
        m->busy = ram == MIB(128) ? 3 : 0;
        ck_assert_int_eq(accept_all(m, ram), STAGE0_R_OK);
        for (uint64_t page = 0; page < m->pages; page++) {
            uint64_t gpa = page << 12;
            bool ram_here = gpa < STAGE0_LOW_RAM_MAX || gpa >= STAGE0_HIGH_RAM_GPA;
            if (m->count[page] != (ram_here && !is_added(gpa) ? 1 : 0)) {
                ck_abort_msg("0x%llx accepted %u times", (unsigned long long)gpa, m->count[page]);
            }
        }
        tdxm_free(m);
    }
}
END_TEST

/* 2 MiB in one step, where the VMM lets us. */
START_TEST(test_large_pages_cost_one_call)
{
    struct tdxm *m = module(MIB(256));
    ck_assert_int_eq(accept_all(m, MIB(256)), STAGE0_R_OK);
    ck_assert_uint_eq(m->calls, 127 + 512 - 18);
    tdxm_free(m);
}
END_TEST

START_TEST(test_others_are_told_when_the_mailbox_is_there)
{
    struct tdxm *m = module(MIB(256));
    const uint8_t *ready = t->memory + STAGE0_READY_GPA;
    m->bad_gpa = STAGE0_MAILBOX_GPA;
    m->bad_status = TDXM_ACCEPTED;
    ck_assert_int_eq(s0_tdx_share_mailbox(&m->tdx), STAGE0_R_TDX_ACCEPTED);
    ck_assert_uint_eq(s0t_get32(ready), 0);
    m->bad_gpa = STAGE0_EVENT_LOG_GPA;
    ck_assert_int_eq(s0_tdx_share_mailbox(&m->tdx), STAGE0_R_TDX_ACCEPTED);
    ck_assert_uint_eq(s0t_get32(ready), 0);
    m->bad_gpa = TDXM_NOWHERE;
    ck_assert_int_eq(s0_tdx_share_mailbox(&m->tdx), STAGE0_R_OK);
    ck_assert_uint_eq(s0t_get32(ready), 1);
    for (size_t i = 4; i < STAGE0_PAGE_SIZE; i++) {
        ck_assert_uint_eq(ready[i], 0);
    }
    tdxm_free(m);
}
END_TEST

static void expect_refusal(uint64_t ram, bool small, uint64_t gpa, uint64_t status,
                           enum stage0_reason want)
{
    struct tdxm *m = module(ram);
    m->small = small;
    m->bad_gpa = gpa;
    m->bad_status = status;
    ck_assert_int_eq(accept_all(m, ram), want);
    ck_assert_uint_eq(m->count[gpa >> 12], 0);
    tdxm_free(m);
}

START_TEST(test_each_wrong_answer_to_accept_ends_the_boot)
{
    static const uint64_t places[] = {0,       0x11000,  0x12000,  0x15000, 0x9F000,
                                      0xC0000, 0x1FF000, 0x200000, 0x345000};
    static const struct {
        uint64_t status;
        enum stage0_reason want;
    } answers[] = {
        {TDXM_ACCEPTED, STAGE0_R_TDX_ACCEPTED},
        {TDXM_ACCEPTED | 1, STAGE0_R_TDX_ACCEPTED},
        {TDXM_BUSY | 1, STAGE0_R_TDX_ACCEPT},                /* for ever */
        {UINT64_C(0xC000010000000001), STAGE0_R_TDX_ACCEPT}, /* operand invalid */
        {UINT64_C(0x4000000000000000), STAGE0_R_TDX_ACCEPT}, /* not recoverable */
        {1, STAGE0_R_TDX_ACCEPT},                            /* no success but 0 */
        {UINT64_MAX, STAGE0_R_TDX_ACCEPT},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(places); i++) {
        for (size_t k = 0; k < CL_ARRAY_LEN(answers); k++) {
            expect_refusal(MIB(128), false, places[i], answers[k].status, answers[k].want);
            expect_refusal(MIB(128), true, places[i], answers[k].status, answers[k].want);
        }
    }
    static const uint64_t high[] = {MIB(2048) - 0x1000, MIB(4096), MIB(4098) - 0x1000};
    for (size_t i = 0; i < CL_ARRAY_LEN(high); i++) {
        expect_refusal(MIB(2050), i == 0, high[i], TDXM_ACCEPTED, STAGE0_R_TDX_ACCEPTED);
    }
}
END_TEST

/* A page of 4 KiB that is smaller still. */
START_TEST(test_size_mismatch_of_a_small_page_is_no_way_on)
{
    struct tdxm *m = module(MIB(256));
    m->small = true;
    m->bad_gpa = 0x345000;
    m->bad_status = TDXM_SIZE;
    ck_assert_int_eq(accept_all(m, MIB(256)), STAGE0_R_TDX_ACCEPT);
    tdxm_free(m);
}
END_TEST

START_TEST(test_busy_is_tried_again_not_for_ever)
{
    struct tdxm *m = module(MIB(256));
    m->busy = m->busy_left = 900;
    ck_assert_int_eq(s0_tdx_accept_page(&m->tdx, 0), STAGE0_R_OK);
    ck_assert_uint_eq(m->count[0], 1);
    m->busy_left = UINT32_MAX;
    m->calls = 0;
    ck_assert_int_eq(s0_tdx_accept_page(&m->tdx, 0x15000), STAGE0_R_TDX_ACCEPT);
    ck_assert_uint_eq(m->calls, 1000);
    ck_assert_int_eq(s0_tdx_extend(&m->tdx, 0), STAGE0_R_TDX_RTMR);
    tdxm_free(m);
}
END_TEST

START_TEST(test_what_the_module_says_of_the_td)
{
    struct tdxm *m = module(MIB(256));
    struct s0_tdx_info info = {0};
    ck_assert_int_eq(s0_tdx_info(&m->tdx, &info), STAGE0_R_OK);
    ck_assert_uint_eq(info.shared_bit, UINT64_C(1) << 51);
    ck_assert_uint_eq(info.cpu_count, 2);
    for (unsigned width = 0; width < 64; width++) {
        m->info.rcx = width;
        bool known = width == 48 || width == 52;
        ck_assert_int_eq(s0_tdx_info(&m->tdx, &info), known ? STAGE0_R_OK : STAGE0_R_TDX_WIDTH);
        if (known) {
            ck_assert_uint_eq(info.shared_bit, UINT64_C(1) << (width - 1));
        }
    }
    m->info.rcx = 48;
    m->info.rdx = ~(UINT64_C(1) << 28);
    ck_assert_int_eq(s0_tdx_info(&m->tdx, &info), STAGE0_R_TDX_ATTRIBUTES);
    m->info.rax = 1;
    ck_assert_int_eq(s0_tdx_info(&m->tdx, &info), STAGE0_R_TDX_ANSWER);
    tdxm_free(m);
}
END_TEST

START_TEST(test_a_port_is_written_through_the_vmm)
{
    struct tdxm *m = module(MIB(256));
    ck_assert_int_eq(s0_tdx_out(&m->tdx, 0x503, 2, 0x1234), STAGE0_R_OK);
    const struct s0_tdx_regs want = {
        .rcx = 0xFC00, .r11 = 30, .r12 = 2, .r13 = 1, .r14 = 0x503, .r15 = 0x1234};
    ck_assert_mem_eq(&m->io, &want, sizeof(want));
    m->io_r10 = 1;
    ck_assert_int_eq(s0_tdx_out(&m->tdx, 0x502, 1, 1), STAGE0_R_TDX_ANSWER);
    m->io_r10 = UINT64_C(1) << 63;
    ck_assert_int_eq(s0_tdx_out(&m->tdx, 0x502, 1, 1), STAGE0_R_TDX_ANSWER);
    m->io_r10 = 0;
    m->io_rax = 1;
    ck_assert_int_eq(s0_tdx_out(&m->tdx, 0x502, 1, 1), STAGE0_R_TDX_ANSWER);
    tdxm_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_tdx");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_each_page_is_accepted_once);
    tcase_add_test(tc, test_large_pages_cost_one_call);
    tcase_add_test(tc, test_others_are_told_when_the_mailbox_is_there);
    tcase_add_test(tc, test_each_wrong_answer_to_accept_ends_the_boot);
    tcase_add_test(tc, test_size_mismatch_of_a_small_page_is_no_way_on);
    tcase_add_test(tc, test_busy_is_tried_again_not_for_ever);
    tcase_add_test(tc, test_what_the_module_says_of_the_td);
    tcase_add_test(tc, test_a_port_is_written_through_the_vmm);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
