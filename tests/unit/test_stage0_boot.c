/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_boot.c - the three steps together, in guest memory where every page that stage0 must
 * leave alone faults when it is written.
 */
#include "check_main.h"
#include "stage0_machine.h"

#include <string.h>

static struct s0t *t;

static void setup(void)
{
    t = s0t_new();
    s0t_load_window(t);
    s0t_make_hashes(t);
}

static void teardown(void)
{
    s0t_free(t);
}

START_TEST(test_boot_puts_everything_in_its_place)
{
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_OK);
    const uint8_t *zero_page = t->memory + STAGE0_ZERO_PAGE_GPA;
    ck_assert_mem_eq(t->memory + STAGE0_KERNEL_GPA - S0T_SETUP_SIZE, t->kernel, sizeof(t->kernel));
    uint32_t initrd = s0t_get32(zero_page + 0x218);
    ck_assert_uint_eq(initrd, (256u << 20) - 0x2000);
    ck_assert_uint_eq(s0t_get32(zero_page + 0x21C), sizeof(t->initrd));
    ck_assert_mem_eq(t->memory + initrd, t->initrd, sizeof(t->initrd));
    ck_assert_mem_eq(t->memory + STAGE0_CMDLINE_GPA, t->cmdline, t->cmdline_size);
    ck_assert(s0_all_zero(t->memory + STAGE0_CMDLINE_GPA + t->cmdline_size,
                          STAGE0_PAGE_SIZE - t->cmdline_size));
    ck_assert_uint_eq(zero_page[0x1E8], 6);
    ck_assert_mem_eq(t->memory + STAGE0_ACPI_GPA, "RSD PTR ", 8);
    ck_assert(!s0_all_zero(t->memory + STAGE0_SETUP_DATA_GPA + 16, S0_SEED_SIZE));
    ck_assert_uint_ne(s0t_get64(t->memory + STAGE0_LINUX_PT_GPA), 0);
}
END_TEST

START_TEST(test_boot_without_initrd)
{
    t->initrd_size = 0;
    s0t_make_descriptor(t);
    s0t_load_window(t);
    s0t_make_hashes(t);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_OK);
    ck_assert_uint_eq(s0t_get32(t->memory + STAGE0_ZERO_PAGE_GPA + 0x218), 0);
    ck_assert_uint_eq(s0t_get32(t->memory + STAGE0_ZERO_PAGE_GPA + 0x21C), 0);
}
END_TEST

START_TEST(test_boot_at_each_ram_size)
{
    for (uint64_t ram = STAGE0_RAM_MIN; ram <= UINT64_C(5) << 30; ram += UINT64_C(514) << 20) {
        s0t_put64(t->memory + STAGE0_WINDOW_GPA + STAGE0_DESC_OFF_RAM_SIZE, ram);
        ck_assert_int_eq(s0t_boot(t), STAGE0_R_OK);
    }
}
END_TEST

/* Blobs whose names are in the descriptor, and what a wrong byte in them must give. */
START_TEST(test_every_byte_of_the_payload_is_bound)
{
    static const struct {
        size_t gpa_offset;
        size_t size_offset;
        enum stage0_reason reason;
    } blobs[] = {
        {STAGE0_DESC_OFF_KERNEL_GPA, STAGE0_DESC_OFF_KERNEL_SIZE, STAGE0_R_KERNEL_HASH},
        {STAGE0_DESC_OFF_INITRD_GPA, STAGE0_DESC_OFF_INITRD_SIZE, STAGE0_R_INITRD_HASH},
        {STAGE0_DESC_OFF_CMDLINE_GPA, STAGE0_DESC_OFF_CMDLINE_SIZE, STAGE0_R_CMDLINE_HASH},
    };
    for (size_t b = 0; b < CL_ARRAY_LEN(blobs); b++) {
        uint8_t *blob = t->memory + s0t_get64(t->descriptor + blobs[b].gpa_offset);
        size_t size = s0t_get64(t->descriptor + blobs[b].size_offset);
        for (size_t i = 0; i < size; i += i < 1100 ? 1 : 97) { /* each byte of the headers */
            blob[i] ^= 0x10;
            ck_assert_int_eq(s0_load(&t->m), STAGE0_R_OK);
            ck_assert_msg(s0_verify(&t->m) == blobs[b].reason, "blob %zu, byte %zu", b, i);
            blob[i] ^= 0x10;
        }
        blob[size - 1] ^= 1;
        ck_assert_int_eq(s0t_boot(t), blobs[b].reason);
        blob[size - 1] ^= 1;
    }
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_OK);
}
END_TEST

START_TEST(test_sizes_are_bound)
{
    uint8_t *desc = t->memory + STAGE0_WINDOW_GPA;
    s0t_put64(desc + STAGE0_DESC_OFF_KERNEL_SIZE, S0T_KERNEL_SIZE + 1);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_KERNEL_HASH);
    s0t_put64(desc + STAGE0_DESC_OFF_KERNEL_SIZE, 1);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_KERNEL_HASH);
    s0t_put64(desc + STAGE0_DESC_OFF_KERNEL_SIZE, S0T_KERNEL_SIZE);
    s0t_put64(desc + STAGE0_DESC_OFF_INITRD_SIZE, 0);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_INITRD_HASH);
    s0t_put64(desc + STAGE0_DESC_OFF_INITRD_SIZE, sizeof(t->initrd));
    s0t_put64(desc + STAGE0_DESC_OFF_CMDLINE_SIZE, t->cmdline_size - 1);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_CMDLINE_HASH);
}
END_TEST

/* The host changes the window between the steps: what was copied counts, and nothing else. */
START_TEST(test_window_is_not_read_again)
{
    ck_assert_int_eq(s0_load(&t->m), STAGE0_R_OK);
    memset(t->memory + STAGE0_WINDOW_GPA, 0xFF, 0x10000);
    ck_assert_int_eq(s0_verify(&t->m), STAGE0_R_OK);
    ck_assert_int_eq(s0_prepare(&t->m), STAGE0_R_OK);
    ck_assert_mem_eq(t->memory + STAGE0_KERNEL_GPA - S0T_SETUP_SIZE, t->kernel, sizeof(t->kernel));
}
END_TEST

START_TEST(test_no_hash_table_no_boot)
{
    memset(t->memory + STAGE0_HASH_PAGE_GPA, 0, STAGE0_PAGE_SIZE);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_HASH_MISSING);
}
END_TEST

START_TEST(test_no_random_no_boot)
{
    t->m.random = (struct s0_random){NULL, NULL};
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_NO_RANDOM);
}
END_TEST

/* Approved by their hashes, but not bootable. */
START_TEST(test_approved_but_unfit)
{
    t->cmdline[3] = '\n';
    s0t_load_window(t);
    s0t_make_hashes(t);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_CMDLINE_CHARACTER);
    t->cmdline[3] = 's';
    s0t_put32(t->kernel + 0x260, 0xF000000); /* init_size reaches the initrd */
    s0t_load_window(t);
    s0t_make_hashes(t);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_KERNEL_INITRD_OVERLAP);
    s0t_put32(t->kernel + 0x260, S0T_INIT_SIZE);
    s0t_put32(t->kernel + 0x238, 10);
    s0t_load_window(t);
    s0t_make_hashes(t);
    ck_assert_int_eq(s0t_boot(t), STAGE0_R_CMDLINE_TOO_LONG);
}
END_TEST

START_TEST(test_every_reason_has_words_and_fits_a_byte)
{
    unsigned count = 0;
    for (unsigned code = 0; code < 0x10000; code++) {
        count += stage0_reason_words(code) != NULL ? 1 : 0;
        ck_assert(code < 128 || stage0_reason_words(code) == NULL);
    }
    ck_assert_ptr_null(stage0_reason_words(STAGE0_R_OK));
#define ONE(name, code, words) +1u
    ck_assert_uint_eq(count, 0u STAGE0_REASONS(ONE));
#undef ONE
    ck_assert_str_eq(stage0_reason_words(STAGE0_R_KERNEL_HASH),
                     "the kernel does not match its measured hash");
    ck_assert_uint_eq(STAGE0_R_EXC_14, STAGE0_REASON_EXCEPTION + 14);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_boot");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_boot_puts_everything_in_its_place);
    tcase_add_test(tc, test_boot_without_initrd);
    tcase_add_test(tc, test_boot_at_each_ram_size);
    tcase_add_test(tc, test_every_byte_of_the_payload_is_bound);
    tcase_add_test(tc, test_sizes_are_bound);
    tcase_add_test(tc, test_window_is_not_read_again);
    tcase_add_test(tc, test_no_hash_table_no_boot);
    tcase_add_test(tc, test_no_random_no_boot);
    tcase_add_test(tc, test_approved_but_unfit);
    tcase_add_test(tc, test_every_reason_has_words_and_fits_a_byte);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
