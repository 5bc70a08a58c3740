/* SPDX-License-Identifier: Apache-2.0
 * test_snp_boot.c - the launched memory runs on the model of the processor, from the reset vector
 * to the Linux entry, with our VMM serving the exits.
 */
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

START_TEST(test_boot)
{
    world_init(&w);
    w.cfg.cpu_count = machines[_i].cpus;
    w.cfg.ram_size = machines[_i].ram;
    ck_assert_msg(world_launch(&w) == CL_OK, "%s [%s]", w.err.msg, model_reason(w.model));
    world_run(&w);
    world_expect_linux(&w);
    struct model_counts c = model_counts(world_vm(&w));
    uint64_t pages = w.cfg.ram_size / 4096;
    printf(
        "%2u CPUs, %5llu MiB: %llu instructions, %llu exits, %llu of them for the state of pages; "
        "%llu KiB measured\n",
        w.cfg.cpu_count, (unsigned long long)w.cfg.ram_size >> 20,
        (unsigned long long)c.instructions, (unsigned long long)c.vmgexits,
        (unsigned long long)c.psc_exits,
        (unsigned long long)model_measured_bytes(world_vm(&w)) >> 10);
    ck_assert_uint_le(c.psc_exits, 4 + pages / 200); /* one exit for 200 pages of 4 KiB */
    ck_assert_uint_le(model_measured_bytes(world_vm(&w)), 256u << 10);
    world_free(&w);
}
END_TEST

/* guest-boot.md 6, CVE-2025-38560: first and last line of each page that became private. */
START_TEST(test_every_page_is_touched)
{
    world_init(&w);
    w.cfg.ram_size = 128u << 20;
    ck_assert_msg(world_launch(&w) == CL_OK, "%s [%s]", w.err.msg, model_reason(w.model));
    model_watch_touch(world_vm(&w));
    world_run(&w);
    world_expect_linux(&w);
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_boot");
    TCase *small = tcase_create("small"); /* by name, for run_mutants */
    tcase_add_loop_test(small, test_boot, 0, 3);
    tcase_add_test(small, test_every_page_is_touched);
    suite_add_tcase(s, small);
    TCase *large = tcase_create("large");
    tcase_set_tags(large, "costly");
    tcase_add_loop_test(large, test_boot, 3, (int)CL_ARRAY_LEN(machines));
    suite_add_tcase(s, large);
    return run_suite(s);
}
