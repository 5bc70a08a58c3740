/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_mem.c - views of guest memory at their bounds, and vectors of them.
 */
#include "check_main.h"
#include "iov.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

START_TEST(test_view_ends_where_ram_ends)
{
    static uint8_t ram[4096];
    struct vmm_mem m;
    vmm_mem_init_static(&m, ram, sizeof(ram));
    ck_assert_ptr_eq(vmm_mem_view(&m, 0, 4096), ram);
    ck_assert_ptr_eq(vmm_mem_view(&m, 4095, 1), ram + 4095);
    ck_assert_ptr_null(vmm_mem_view(&m, 4095, 2));
    ck_assert_ptr_null(vmm_mem_view(&m, 4096, 1));
    ck_assert_ptr_null(vmm_mem_view(&m, 0, 4097));
    ck_assert_ptr_null(vmm_mem_view(&m, 0, 0));
    ck_assert_ptr_null(vmm_mem_view(&m, UINT64_MAX, 1));
    ck_assert_ptr_null(vmm_mem_view(&m, UINT64_MAX, 2)); /* would wrap to 1 */
    ck_assert_ptr_null(vmm_mem_view(&m, 1, UINT64_MAX));
    ck_assert_ptr_null(vmm_mem_view(&m, UINT64_MAX - 10, 100));
}
END_TEST

START_TEST(test_ram_has_a_hole_below_4_gib)
{
    struct vmm_mem m;
    ck_assert_int_eq(vmm_mem_init(&m, 3 * GIB, NULL), CL_OK); /* reserved, never touched */
    uint8_t *low = vmm_mem_view(&m, 0, 2 * GIB);
    uint8_t *high = vmm_mem_view(&m, 4 * GIB, GIB);
    ck_assert_ptr_nonnull(low);
    ck_assert_ptr_eq(high, low + 2 * GIB);
    ck_assert_ptr_null(vmm_mem_view(&m, 2 * GIB - 1, 2)); /* across the end of low RAM */
    ck_assert_ptr_null(vmm_mem_view(&m, 2 * GIB, 1));
    ck_assert_ptr_null(vmm_mem_view(&m, 4 * GIB - 1, 2));
    ck_assert_ptr_nonnull(vmm_mem_view(&m, 5 * GIB - 1, 1));
    ck_assert_ptr_null(vmm_mem_view(&m, 5 * GIB - 1, 2));
    vmm_mem_done(&m);
    vmm_mem_done(&m); /* twice is fine */
    vmm_mem_done(NULL);
}
END_TEST

START_TEST(test_small_guest_has_no_high_ram)
{
    struct vmm_mem m;
    ck_assert_int_eq(vmm_mem_init(&m, 128 * MIB, NULL), CL_OK);
    ck_assert_ptr_nonnull(vmm_mem_view(&m, 128 * MIB - 1, 1));
    ck_assert_ptr_null(vmm_mem_view(&m, 4 * GIB, 1));
    vmm_mem_done(&m);
}
END_TEST

static const uint64_t bad_sizes[] = {0, 126 * MIB, 129 * MIB, 512 * GIB + 2 * MIB, UINT64_MAX};

START_TEST(test_size_out_of_bounds)
{
    struct vmm_mem m;
    struct cl_err err = {0};
    ck_assert_int_eq(vmm_mem_init(&m, bad_sizes[_i], &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "memory: expected a multiple of 2M in 128M..512G, got "));
}
END_TEST

START_TEST(test_iov_copies_across_segments)
{
    char a[3] = "abc";
    char b[2] = "de";
    char out[8] = {0};
    struct iovec iov[2] = {{a, 3}, {b, 2}};
    ck_assert_uint_eq(vmm_iov_size(iov, 2), 5);
    ck_assert(vmm_iov_read(iov, 2, out, 4));
    ck_assert_mem_eq(out, "abcd", 5);
    ck_assert(!vmm_iov_read(iov, 2, out, 6));
    ck_assert(vmm_iov_write(iov, 2, "12345", 5));
    ck_assert_mem_eq(a, "123", 3);
    ck_assert_mem_eq(b, "45", 2);
    ck_assert(!vmm_iov_write(iov, 2, "123456", 6));
    ck_assert(vmm_iov_read(iov, 0, out, 0));
}
END_TEST

START_TEST(test_iov_skip_and_trim)
{
    char data[10] = "0123456789";
    struct iovec iov[3] = {{data, 3}, {data + 3, 3}, {data + 6, 4}};
    struct iovec *p = iov;
    size_t n = 3;
    vmm_iov_skip(&p, &n, 4);
    ck_assert_uint_eq(n, 2);
    ck_assert_ptr_eq(p->iov_base, data + 4);
    ck_assert_uint_eq(vmm_iov_size(p, n), 6);
    vmm_iov_trim(p, &n, 5);
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(vmm_iov_size(p, n), 5);
    vmm_iov_trim(p, &n, 2);
    ck_assert_uint_eq(n, 1);
    vmm_iov_trim(p, &n, 0);
    ck_assert_uint_eq(n, 0);
    vmm_iov_skip(&p, &n, 1); /* nothing to skip */
    ck_assert_uint_eq(n, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm mem");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_view_ends_where_ram_ends);
    tcase_add_test(c, test_ram_has_a_hole_below_4_gib);
    tcase_add_test(c, test_small_guest_has_no_high_ram);
    tcase_add_loop_test(c, test_size_out_of_bounds, 0, 5);
    tcase_add_test(c, test_iov_copies_across_segments);
    tcase_add_test(c, test_iov_skip_and_trim);
    suite_add_tcase(s, c);
    return run_suite(s);
}
