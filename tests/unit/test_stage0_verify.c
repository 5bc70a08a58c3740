/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_verify.c - the measured hash table, the kernel's setup header, the command line.
 */
#include "check_main.h"
#include "stage0_machine.h"

#include <stdlib.h>
#include <string.h>

static struct s0t *t;
static uint8_t *table; /* the good table, to be broken */

static void setup(void)
{
    t = s0t_new();
    s0t_make_hashes(t);
    table = t->memory + STAGE0_HASH_TABLE_GPA;
}

static void teardown(void)
{
    s0t_free(t);
}

static void expect_table(enum stage0_reason reason)
{
    struct s0_hashes h;
    memset(&h, 0x5A, sizeof(h));
    struct s0_hashes before = h;
    ck_assert_int_eq(s0_hashes_parse(table, &h), reason);
    if (reason != STAGE0_R_OK) {
        ck_assert_msg(memcmp(&h, &before, sizeof(h)) == 0, "written although refused");
    }
}

START_TEST(test_good_table_is_read)
{
    struct s0_hashes h;
    ck_assert_int_eq(s0_hashes_parse(table, &h), STAGE0_R_OK);
    ck_assert_mem_eq(h.cmdline, table + 36, 32);
    ck_assert_mem_eq(h.initrd, table + 86, 32);
    ck_assert_mem_eq(h.kernel, table + 136, 32);
}
END_TEST

START_TEST(test_every_truncation_of_the_table_is_refused)
{
    uint8_t good[176];
    memcpy(good, table, sizeof(good));
    expect_table(STAGE0_R_OK);
    for (size_t len = 0; len < 136; len++) { /* the digest of the kernel is free text */
        memset(table, 0, sizeof(good));
        memcpy(table, good, len);
        struct s0_hashes h;
        enum stage0_reason reason = s0_hashes_parse(table, &h);
        enum stage0_reason want = len == 0    ? STAGE0_R_HASH_MISSING
                                  : len < 16  ? STAGE0_R_HASH_GUID
                                  : len < 17  ? STAGE0_R_HASH_LENGTH
                                  : len < 34  ? STAGE0_R_HASH_ENTRY_GUID
                                  : len < 35  ? STAGE0_R_HASH_ENTRY_LENGTH
                                  : len < 84  ? STAGE0_R_HASH_ENTRY_GUID
                                  : len < 85  ? STAGE0_R_HASH_ENTRY_LENGTH
                                  : len < 134 ? STAGE0_R_HASH_ENTRY_GUID
                                  : len < 135 ? STAGE0_R_HASH_ENTRY_LENGTH
                                              : STAGE0_R_OK;
        ck_assert_msg(reason == want, "length %zu: %d, expected %d", len, (int)reason, (int)want);
    }
}
END_TEST

START_TEST(test_every_byte_of_the_structure_counts)
{
    for (size_t i = 0; i < STAGE0_HASH_TABLE_SIZE; i++) {
        bool digest = (i >= 36 && i < 68) || (i >= 86 && i < 118) || (i >= 136 && i < 168);
        if (digest) {
            continue;
        }
        size_t in_entry = i < 18 ? i : (i - 18) % 50;
        enum stage0_reason want = i < 16           ? STAGE0_R_HASH_GUID
                                  : i < 18         ? STAGE0_R_HASH_LENGTH
                                  : i >= 168       ? STAGE0_R_HASH_PADDING
                                  : in_entry >= 16 ? STAGE0_R_HASH_ENTRY_LENGTH
                                                   : STAGE0_R_HASH_ENTRY_GUID;
        table[i] ^= 0x40;
        expect_table(want);
        table[i] ^= 0x40;
    }
    expect_table(STAGE0_R_OK);
}
END_TEST

START_TEST(test_entries_in_another_order_are_refused)
{
    uint8_t entry[50];
    memcpy(entry, table + 18, 50);
    memcpy(table + 18, table + 68, 50);
    memcpy(table + 68, entry, 50);
    expect_table(STAGE0_R_HASH_ENTRY_GUID);
}
END_TEST

START_TEST(test_each_bit_of_a_digest_counts)
{
    struct s0_hashes good;
    ck_assert_int_eq(s0_hashes_parse(table, &good), STAGE0_R_OK);
    ck_assert_int_eq(s0_hashes_compare(&good, &good), STAGE0_R_OK);
    for (size_t i = 0; i < S0_SHA256_SIZE * 8; i++) {
        struct s0_hashes h = good;
        h.cmdline[i / 8] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_eq(s0_hashes_compare(&good, &h), STAGE0_R_CMDLINE_HASH);
        h = good;
        h.initrd[i / 8] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_eq(s0_hashes_compare(&good, &h), STAGE0_R_INITRD_HASH);
        h = good;
        h.kernel[i / 8] ^= (uint8_t)(1u << i % 8);
        ck_assert_int_eq(s0_hashes_compare(&good, &h), STAGE0_R_KERNEL_HASH);
    }
}
END_TEST

static void expect_kernel(enum stage0_reason reason)
{
    struct s0_kernel k;
    ck_assert_int_eq(s0_kernel_parse(t->kernel, sizeof(t->kernel), &k), reason);
    s0t_make_kernel(t->kernel);
}

START_TEST(test_good_kernel_header_is_read)
{
    struct s0_kernel k;
    ck_assert_int_eq(s0_kernel_parse(t->kernel, sizeof(t->kernel), &k), STAGE0_R_OK);
    ck_assert_uint_eq(k.init_size, S0T_INIT_SIZE);
    ck_assert_uint_eq(k.initrd_addr_max, 0x7FFFFFFF);
    ck_assert_uint_eq(k.cmdline_size, 2047);
    ck_assert_uint_eq(k.loadflags, 0x81);
    ck_assert_uint_eq(k.header_size, 0x26C - 0x1F1);
}
END_TEST

START_TEST(test_every_truncation_of_the_kernel_is_refused)
{
    for (size_t len = 0; len <= S0T_SETUP_SIZE + 512; len++) {
        uint8_t *exact = malloc(len == 0 ? 1 : len); /* a sanitizer sees one byte too many */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, t->kernel, len);
        struct s0_kernel k;
        ck_assert_int_eq(s0_kernel_parse(exact, len, &k), STAGE0_R_KERNEL_TRUNCATED);
        free(exact);
    }
    struct s0_kernel k;
    ck_assert_int_eq(s0_kernel_parse(t->kernel, S0T_SETUP_SIZE + 513, &k), STAGE0_R_OK);
}
END_TEST

START_TEST(test_setup_part_beyond_the_file_is_refused)
{
    t->kernel[0x1F1] = 255;
    expect_kernel(STAGE0_R_KERNEL_TRUNCATED);
    t->kernel[0x1F1] = 0; /* means 4 */
    expect_kernel(STAGE0_R_OK);
}
END_TEST

START_TEST(test_each_header_field)
{
    s0t_put16(t->kernel + 0x1FE, 0x55AA);
    expect_kernel(STAGE0_R_KERNEL_BOOT_FLAG);
    t->kernel[0x203] = 'x';
    expect_kernel(STAGE0_R_KERNEL_MAGIC);
    s0t_put16(t->kernel + 0x206, 0x020B);
    expect_kernel(STAGE0_R_KERNEL_VERSION);
    s0t_put16(t->kernel + 0x206, 0x020C);
    expect_kernel(STAGE0_R_OK);
    t->kernel[0x201] = 0x61; /* ends inside init_size */
    expect_kernel(STAGE0_R_KERNEL_HEADER_LENGTH);
    t->kernel[0x201] = 0x62;
    expect_kernel(STAGE0_R_OK);
    t->kernel[0x211] = 0x80;
    expect_kernel(STAGE0_R_KERNEL_NOT_HIGH);
    s0t_put16(t->kernel + 0x236, 0x7E);
    expect_kernel(STAGE0_R_KERNEL_NO_64BIT);
}
END_TEST

START_TEST(test_load_address)
{
    s0t_put64(t->kernel + 0x258, STAGE0_KERNEL_GPA + 0x200000);
    expect_kernel(STAGE0_R_KERNEL_LOAD_ADDRESS);
    s0t_put64(t->kernel + 0x258, STAGE0_KERNEL_GPA | UINT64_C(1) << 32);
    expect_kernel(STAGE0_R_KERNEL_LOAD_ADDRESS);
    s0t_put32(t->kernel + 0x230, 0);
    expect_kernel(STAGE0_R_KERNEL_LOAD_ADDRESS);
    s0t_put32(t->kernel + 0x230, 0x2000000); /* it would move up to 32 MiB */
    expect_kernel(STAGE0_R_KERNEL_LOAD_ADDRESS);
    s0t_put32(t->kernel + 0x230, 0x1000000);
    expect_kernel(STAGE0_R_OK);
    s0t_put32(t->kernel + 0x230, 0);
    t->kernel[0x234] = 0; /* not relocatable: runs at pref_address */
    expect_kernel(STAGE0_R_OK);
}
END_TEST

START_TEST(test_init_size_is_at_least_the_file)
{
    s0t_put32(t->kernel + 0x260, S0T_KERNEL_SIZE - S0T_SETUP_SIZE - 1);
    expect_kernel(STAGE0_R_KERNEL_INIT_SIZE);
    s0t_put32(t->kernel + 0x260, S0T_KERNEL_SIZE - S0T_SETUP_SIZE);
    expect_kernel(STAGE0_R_OK);
}
END_TEST

START_TEST(test_header_length_never_exceeds_ours)
{
    t->kernel[0x201] = 0xFF;
    struct s0_kernel k;
    ck_assert_int_eq(s0_kernel_parse(t->kernel, sizeof(t->kernel), &k), STAGE0_R_OK);
    ck_assert_uint_eq(k.header_size, S0_HEADER_END - S0_HEADER_OFFSET);
}
END_TEST

START_TEST(test_kernel_and_initrd_memory)
{
    struct s0_kernel k = {.init_size = 0x2000000, .initrd_addr_max = 0x7FFFFFFF};
    struct s0_layout l = {.low_ram_end = 0x8000000, .initrd_gpa = 0x3000000, .initrd_size = 4096};
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_OK);
    l.initrd_gpa = 0x2FFF000;
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_KERNEL_INITRD_OVERLAP);
    l.initrd_gpa = 0x7FFF000;
    k.initrd_addr_max = 0x7FFFFFE;
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_INITRD_TOO_HIGH);
    k.initrd_addr_max = 0x7FFFFFF;
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_OK);
    k.init_size = 0x7000001; /* one byte past low RAM */
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_KERNEL_INIT_SIZE);
    k.init_size = UINT32_MAX;
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_KERNEL_INIT_SIZE);
    k.init_size = 0x7000000;
    l.initrd_size = 0; /* none: then its address says nothing */
    ck_assert_int_eq(s0_kernel_check_layout(&k, &l), STAGE0_R_OK);
}
END_TEST

static enum stage0_reason cmdline(const char *text, size_t size, uint32_t max)
{
    return s0_cmdline_check((const uint8_t *)text, size, max);
}

START_TEST(test_command_line)
{
    ck_assert_int_eq(cmdline("", 1, 2047), STAGE0_R_OK);
    ck_assert_int_eq(cmdline("quiet ~", 8, 7), STAGE0_R_OK);
    ck_assert_int_eq(cmdline("quiet ~", 8, 6), STAGE0_R_CMDLINE_TOO_LONG);
    ck_assert_int_eq(cmdline("quiet", 5, 2047), STAGE0_R_CMDLINE_NOT_TERMINATED);
    ck_assert_int_eq(cmdline("quiet", 0, 2047), STAGE0_R_CMDLINE_NOT_TERMINATED);
    ck_assert_int_eq(cmdline("qui\0t", 6, 2047), STAGE0_R_CMDLINE_NUL_INSIDE);
    ck_assert_int_eq(cmdline("quiet\0", 7, 2047), STAGE0_R_CMDLINE_NUL_INSIDE);
    for (unsigned c = 1; c < 256; c++) {
        char text[3] = {'a', (char)c, 0};
        enum stage0_reason want = c >= 0x20 && c <= 0x7E ? STAGE0_R_OK : STAGE0_R_CMDLINE_CHARACTER;
        ck_assert_int_eq(cmdline(text, 3, 2047), want);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_verify");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_good_table_is_read);
    tcase_add_test(tc, test_every_truncation_of_the_table_is_refused);
    tcase_add_test(tc, test_every_byte_of_the_structure_counts);
    tcase_add_test(tc, test_entries_in_another_order_are_refused);
    tcase_add_test(tc, test_each_bit_of_a_digest_counts);
    tcase_add_test(tc, test_good_kernel_header_is_read);
    tcase_add_test(tc, test_every_truncation_of_the_kernel_is_refused);
    tcase_add_test(tc, test_setup_part_beyond_the_file_is_refused);
    tcase_add_test(tc, test_each_header_field);
    tcase_add_test(tc, test_load_address);
    tcase_add_test(tc, test_init_size_is_at_least_the_file);
    tcase_add_test(tc, test_header_length_never_exceeds_ours);
    tcase_add_test(tc, test_kernel_and_initrd_memory);
    tcase_add_test(tc, test_command_line);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
