/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_tdx_log.c - the event log that stage0 leaves in a TD, read by the verifier's parser.
 */
#include "check_main.h"
#include "cloister/tdx_event_log.h"
#include "tdx_module.h"

#include <string.h>

#define MIB(n) (UINT64_C(n) << 20)

static struct s0t *t;
static struct tdxm *m;

static void setup(void)
{
    m = tdxm_new_td(&t);
}

static void teardown(void)
{
    tdxm_free(m);
    s0t_free(t);
}

static const struct cl_tdx_event *event(const struct cl_tdx_event_log *log, size_t i, uint32_t mr,
                                        const void *data, size_t len)
{
    const struct cl_tdx_event *e = cl_tdx_event_log_event(log, i);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->mr, mr);
    ck_assert_uint_eq(e->data_len, len);
    ck_assert_mem_eq(e->data, data, len);
    return e;
}

/* What is hashed stands in the log, but for kernel and initrd. */
static void check_digest(const struct cl_tdx_event *e)
{
    uint8_t digest[S0_SHA384_SIZE];
    s0_sha384(digest, e->data, e->data_len);
    ck_assert_mem_eq(digest, e->digest, sizeof(digest));
}

START_TEST(test_log_explains_the_registers)
{
    struct cl_err err = {0};
    struct cl_tdx_event_log *log = NULL;
    struct cl_tdx_replay replay;
    uint8_t hob[S0_HOB_MAX];
    size_t hob_len = s0_hob_build(MIB(256), hob) - S0_HOB_END_SIZE;
    ck_assert_int_eq(tdxm_boot(m, t), STAGE0_R_OK);
    enum cl_status st =
        cl_tdx_event_log_parse(t->memory + STAGE0_EVENT_LOG_GPA, STAGE0_EVENT_LOG_SIZE, &log, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &replay, &err), CL_OK);
    ck_assert_mem_eq(replay.rtmr, m->rtmr, sizeof(replay.rtmr));
    ck_assert_uint_eq(cl_tdx_event_log_count(log), 5);
    check_digest(event(log, 0, 1, hob, hob_len));
    (void)event(log, 1, 2, "kernel", 7);
    check_digest(event(log, 2, 2, "\0\0\0", 4));
    check_digest(event(log, 3, 3, t->cmdline, t->cmdline_size));
    (void)event(log, 4, 3, "initrd", 7);
    cl_tdx_event_log_free(log);
}
END_TEST

/* 512 GiB and the longest command line: still one page. */
START_TEST(test_the_largest_log_fits)
{
    t->state.layout = (struct s0_layout){.kernel_file_gpa = STAGE0_KERNEL_GPA,
                                         .kernel_size = 1,
                                         .initrd_gpa = STAGE0_KERNEL_GPA,
                                         .cmdline_size = STAGE0_CMDLINE_SIZE_MAX};
    const struct s0_payload payload = {.cpu_count = 2, .ram_size = STAGE0_RAM_MAX};
    (void)s0_hob_build(STAGE0_RAM_MAX, t->memory + STAGE0_TD_HOB_GPA);
    ck_assert_int_eq(s0_tdx_measure_machine(&m->tdx, &payload), STAGE0_R_OK);
    ck_assert_int_eq(s0_tdx_measure_payload(&m->tdx, &t->state.layout), STAGE0_R_OK);
    ck_assert_uint_lt(m->tdx.log_len, STAGE0_EVENT_LOG_SIZE);
    uint8_t note[STAGE0_EVENT_LOG_SIZE] = {0};
    ck_assert_int_eq(s0_log_add(&m->tdx, 0, S0_EVENT_TAG, note, sizeof(note)), STAGE0_R_INTERNAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_tdx_log");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_log_explains_the_registers);
    tcase_add_test(tc, test_the_largest_log_fits);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
