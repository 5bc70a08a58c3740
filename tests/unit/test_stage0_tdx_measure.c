/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_tdx_measure.c - what stage0 measures in a TD: the registers are those that `cloister
 * measure tdx` computes from the same files by its own code.
 */
#include "check_main.h"
#include "cloister/tdx_measure.h"
#include "tdx_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void write_file(char *path, const void *data, size_t len)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
    (void)close(fd);
}

static void compute(uint64_t ram, bool initrd, struct cl_tdx_measurement *ret)
{
    char kernel[] = "/tmp/stage0_tdx_kernel_XXXXXX";
    char rest[] = "/tmp/stage0_tdx_initrd_XXXXXX";
    write_file(kernel, t->kernel, sizeof(t->kernel));
    write_file(rest, t->initrd, t->initrd_size);
    const struct cl_tdx_measure_config config = {.firmware = STAGE0_ROM_PATH,
                                                 .kernel = kernel,
                                                 .initrd = initrd ? rest : NULL,
                                                 .cmdline = t->cmdline,
                                                 .memory = ram};
    struct cl_err err = {0};
    ck_assert_msg(cl_tdx_measure(&config, ret, &err) == CL_OK, "%s", err.msg);
    (void)unlink(kernel);
    (void)unlink(rest);
}

static void check_registers(const struct cl_tdx_measurement *want)
{
    for (unsigned k = 0; k < 3; k++) {
        ck_assert(want->known[CL_TDX_RTMR0 + k]);
        ck_assert_mem_eq(m->rtmr[k], want->mr[CL_TDX_RTMR0 + k], S0_SHA384_SIZE);
    }
    static const uint8_t zero[S0_SHA384_SIZE];
    ck_assert_mem_eq(m->rtmr[3], zero, sizeof(zero));
}

START_TEST(test_registers_are_those_that_measure_computes)
{
    struct cl_tdx_measurement want;
    ck_assert_int_eq(tdxm_boot(m, t), STAGE0_R_OK);
    compute(MIB(256), true, &want);
    check_registers(&want);
}
END_TEST

START_TEST(test_no_initrd_is_measured_as_no_bytes)
{
    struct cl_tdx_measurement want;
    compute(MIB(256), false, &want);
    t->initrd_size = 0;
    s0t_make_descriptor(t);
    s0t_load_window(t);
    s0t_make_hashes(t);
    ck_assert_int_eq(tdxm_boot(m, t), STAGE0_R_OK);
    check_registers(&want);
}
END_TEST

START_TEST(test_hand_off_blocks_of_every_size_are_qemu_s)
{
    static const uint64_t sizes[] = {MIB(128),  MIB(130),  MIB(1024),     MIB(2048),
                                     MIB(2050), MIB(8192), STAGE0_RAM_MAX};
    for (size_t i = 0; i < CL_ARRAY_LEN(sizes); i++) {
        struct cl_tdx_measurement want;
        uint8_t list[S0_HOB_MAX];
        uint8_t digest[S0_SHA384_SIZE];
        size_t len = s0_hob_build(sizes[i], list);
        s0_sha384(digest, list, len - S0_HOB_END_SIZE);
        compute(sizes[i], true, &want);
        ck_assert_mem_eq(digest, want.hob_sha384, sizeof(digest));
        static const uint8_t end[S0_HOB_END_SIZE] = {0xFF, 0xFF, 8, 0, 0, 0, 0, 0};
        ck_assert_mem_eq(list + len - S0_HOB_END_SIZE, end, sizeof(end));
        ck_assert_uint_eq(s0t_get64(list + 48), STAGE0_TD_HOB_GPA + len);
    }
}
END_TEST

START_TEST(test_each_bit_of_the_hand_off_blocks_counts)
{
    uint8_t *hob = t->memory + STAGE0_TD_HOB_GPA;
    size_t len = s0_hob_build(MIB(256), hob);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        hob[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(s0_load(&t->m), STAGE0_R_TDX_HOB);
        ck_assert_uint_eq(m->extends, 0);
        hob[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t short_by = 1; short_by <= len; short_by++) { /* every truncation */
        uint8_t keep[S0_HOB_MAX];
        memcpy(keep, hob, len);
        memset(hob + len - short_by, 0xEE, short_by);
        ck_assert_int_eq(s0_load(&t->m), STAGE0_R_TDX_HOB);
        memcpy(hob, keep, len);
    }
    ck_assert_int_eq(s0_load(&t->m), STAGE0_R_OK);
}
END_TEST

START_TEST(test_hand_off_blocks_of_another_size_are_refused)
{
    for (uint64_t ram = MIB(128); ram <= MIB(4096); ram += MIB(128)) {
        (void)s0_hob_build(ram, t->memory + STAGE0_TD_HOB_GPA);
        bool right = ram == MIB(256);
        ck_assert_int_eq(s0_load(&t->m), right ? STAGE0_R_OK : STAGE0_R_TDX_HOB);
    }
}
END_TEST

START_TEST(test_nothing_of_the_hand_off_blocks_is_left_to_linux)
{
    ck_assert_int_eq(tdxm_boot(m, t), STAGE0_R_OK);
    ck_assert(s0_all_zero(t->memory + STAGE0_TD_HOB_GPA, STAGE0_TD_HOB_SIZE));
}
END_TEST

START_TEST(test_cpu_count_is_the_module_s)
{
    for (uint32_t cpus = 1; cpus <= STAGE0_CPU_MAX; cpus++) {
        (void)s0_hob_build(MIB(256), t->memory + STAGE0_TD_HOB_GPA);
        m->info.r8 = UINT64_C(16) << 32 | cpus;
        enum stage0_reason want = cpus == 2 ? STAGE0_R_OK : STAGE0_R_TDX_CPU_COUNT;
        ck_assert_int_eq(s0_load(&t->m), want);
    }
}
END_TEST

START_TEST(test_a_register_that_is_not_extended_ends_the_boot)
{
    for (unsigned n = 1; n <= 5; n++) {
        (void)s0_hob_build(MIB(256), t->memory + STAGE0_TD_HOB_GPA);
        m->extends = 0;
        m->bad_extend = n;
        m->bad_status = UINT64_C(0xC000010000000002);
        ck_assert_int_eq(tdxm_boot(m, t), STAGE0_R_TDX_RTMR);
        ck_assert_uint_eq(m->extends, n);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_tdx_measure");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_registers_are_those_that_measure_computes);
    tcase_add_test(tc, test_no_initrd_is_measured_as_no_bytes);
    tcase_add_test(tc, test_hand_off_blocks_of_every_size_are_qemu_s);
    tcase_add_test(tc, test_each_bit_of_the_hand_off_blocks_counts);
    tcase_add_test(tc, test_hand_off_blocks_of_another_size_are_refused);
    tcase_add_test(tc, test_nothing_of_the_hand_off_blocks_is_left_to_linux);
    tcase_add_test(tc, test_cpu_count_is_the_module_s);
    tcase_add_test(tc, test_a_register_that_is_not_extended_ends_the_boot);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
