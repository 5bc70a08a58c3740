/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_boot.c - a TD runs on the model of the processor, from the reset vector to the Linux
 * entry, with our VMM serving the exits.
 */
#include "tdx.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

static struct world w;

static const struct {
    unsigned cpus;
    uint64_t ram;
} machines[] = {{1, 128u << 20},         {1, 256u << 20},        {2, 514u << 20},
                {4, (uint64_t)2 << 30},  {7, (uint64_t)3 << 30}, {16, (uint64_t)8 << 30},
                {16, (uint64_t)64 << 30}};

static void expect_registers(void)
{
    struct cl_tdx_measurement m;
    world_registers(&w, &m);
    ck_assert_mem_eq(model_mrtd(world_vm(&w)), m.mr[CL_TDX_MRTD], CL_TDX_MR_SIZE);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_mem_eq(model_rtmr(world_vm(&w), i), m.mr[CL_TDX_RTMR0 + i], CL_TDX_MR_SIZE);
    }
}

START_TEST(test_boot)
{
    world_init_tdx(&w);
    w.cfg.cpu_count = machines[_i].cpus;
    w.cfg.ram_size = machines[_i].ram;
    ck_assert_msg(world_launch(&w) == CL_OK, "%s [%s]", w.err.msg, model_reason(w.model));
    world_run(&w);
    world_expect_linux(&w);
    expect_registers();
    struct model_counts c = model_counts(world_vm(&w));
    printf("%2u CPUs, %5llu MiB: %llu instructions, %llu exits, %llu calls of the module\n",
           w.cfg.cpu_count, (unsigned long long)w.cfg.ram_size >> 20,
           (unsigned long long)c.instructions, (unsigned long long)c.vmgexits,
           (unsigned long long)c.tdcalls);
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_boot");
    TCase *small = tcase_create("small"); /* by name, for run_mutants */
    tcase_add_loop_test(small, test_boot, 0, 3);
    suite_add_tcase(s, small);
    TCase *large = tcase_create("large");
    tcase_set_tags(large, "costly");
    tcase_add_loop_test(large, test_boot, 3, (int)CL_ARRAY_LEN(machines));
    suite_add_tcase(s, large);
    return run_suite(s);
}
