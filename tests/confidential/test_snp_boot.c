/* SPDX-License-Identifier: Apache-2.0
 * test_snp_boot.c - the launched memory runs on the model of the processor, from the reset vector
 * to the Linux entry, with our VMM serving the exits.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

static struct world w;

START_TEST(test_boot)
{
    world_init(&w);
    w.cfg.ram_size = _i % 2 == 0 ? 256u << 20 : (uint64_t)3 << 30;
    ck_assert_msg(world_launch(&w) == CL_OK, "%s [%s]", w.err.msg, model_reason(w.model));
    world_run(&w);
    world_expect_linux(&w);
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_boot");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, test_boot, 0, 2);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
