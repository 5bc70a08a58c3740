/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_descriptor.c - the payload descriptor and the layout made from it: each field out of
 * its range has its own reason code.
 */
#include "check_main.h"
#include "stage0_machine.h"

#include <string.h>

#define KERNEL_GPA STAGE0_DESC_OFF_KERNEL_GPA
#define KERNEL_SIZE STAGE0_DESC_OFF_KERNEL_SIZE
#define INITRD_GPA STAGE0_DESC_OFF_INITRD_GPA
#define INITRD_SIZE STAGE0_DESC_OFF_INITRD_SIZE
#define CMDLINE_GPA STAGE0_DESC_OFF_CMDLINE_GPA
#define CMDLINE_SIZE STAGE0_DESC_OFF_CMDLINE_SIZE
#define RAM_SIZE STAGE0_DESC_OFF_RAM_SIZE
#define WINDOW STAGE0_WINDOW_GPA
#define MIB(n) (UINT64_C(n) << 20)

static struct s0t *t;

static void setup(void)
{
    t = s0t_new();
}

static void teardown(void)
{
    s0t_free(t);
}

static enum stage0_reason parse(struct s0_payload *ret_payload)
{
    return s0_payload_parse(t->descriptor, ret_payload);
}

static void set(size_t offset, uint64_t value)
{
    s0t_put64(t->descriptor + offset, value);
}

static void expect(enum stage0_reason reason)
{
    struct s0_payload p;
    memset(&p, 0x5A, sizeof(p));
    struct s0_payload before = p;
    ck_assert_int_eq(parse(&p), reason);
    if (reason != STAGE0_R_OK) {
        ck_assert_msg(memcmp(&p, &before, sizeof(p)) == 0, "written although refused");
    }
}

/* One field set to `value`, and nothing else changed. */
static void expect_with(size_t offset, uint64_t value, enum stage0_reason reason)
{
    uint64_t good = s0t_get64(t->descriptor + offset);
    set(offset, value);
    expect(reason);
    set(offset, good);
    expect(STAGE0_R_OK);
}

START_TEST(test_good_descriptor_is_read)
{
    struct s0_payload p;
    ck_assert_int_eq(parse(&p), STAGE0_R_OK);
    ck_assert_uint_eq(p.cpu_count, 2);
    ck_assert_uint_eq(p.ram_size, MIB(256));
    ck_assert_uint_eq(p.kernel.gpa, WINDOW + 0x1000);
    ck_assert_uint_eq(p.kernel.size, S0T_KERNEL_SIZE);
    ck_assert_uint_eq(p.initrd.gpa, WINDOW + 0x6000);
    ck_assert_uint_eq(p.initrd.size, sizeof(t->initrd));
    ck_assert_uint_eq(p.cmdline.gpa, WINDOW + 0x8000);
    ck_assert_uint_eq(p.cmdline.size, t->cmdline_size);
}
END_TEST

START_TEST(test_magic_and_version)
{
    for (size_t i = 0; i < STAGE0_DESC_MAGIC_SIZE; i++) {
        t->descriptor[i] ^= 0x20;
        expect(STAGE0_R_DESC_MAGIC);
        t->descriptor[i] ^= 0x20;
    }
    s0t_put32(t->descriptor + STAGE0_DESC_OFF_VERSION, 0);
    expect(STAGE0_R_DESC_VERSION);
    s0t_put32(t->descriptor + STAGE0_DESC_OFF_VERSION, 2);
    expect(STAGE0_R_DESC_VERSION);
}
END_TEST

START_TEST(test_every_reserved_byte_must_be_zero)
{
    for (size_t i = STAGE0_DESC_OFF_ZERO; i < STAGE0_DESC_SIZE; i++) {
        t->descriptor[i] = 1;
        expect(STAGE0_R_DESC_NOT_ZERO);
        t->descriptor[i] = 0;
    }
    expect(STAGE0_R_OK);
}
END_TEST

START_TEST(test_cpu_count_bounds)
{
    static const struct {
        uint32_t count;
        enum stage0_reason reason;
    } cases[] = {{0, STAGE0_R_DESC_CPU_COUNT},
                 {1, STAGE0_R_OK},
                 {16, STAGE0_R_OK},
                 {17, STAGE0_R_DESC_CPU_COUNT},
                 {UINT32_MAX, STAGE0_R_DESC_CPU_COUNT}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        s0t_put32(t->descriptor + STAGE0_DESC_OFF_CPU_COUNT, cases[i].count);
        expect(cases[i].reason);
    }
}
END_TEST

START_TEST(test_ram_size_bounds)
{
    expect_with(RAM_SIZE, 0, STAGE0_R_DESC_RAM_SIZE);
    expect_with(RAM_SIZE, MIB(126), STAGE0_R_DESC_RAM_SIZE);
    expect_with(RAM_SIZE, MIB(128), STAGE0_R_OK);
    expect_with(RAM_SIZE, MIB(129), STAGE0_R_DESC_RAM_UNIT);
    expect_with(RAM_SIZE, MIB(130) + 4096, STAGE0_R_DESC_RAM_UNIT);
    expect_with(RAM_SIZE, MIB(512 * 1024), STAGE0_R_OK);
    expect_with(RAM_SIZE, MIB(512 * 1024) + MIB(2), STAGE0_R_DESC_RAM_SIZE);
    expect_with(RAM_SIZE, UINT64_MAX, STAGE0_R_DESC_RAM_SIZE);
}
END_TEST

START_TEST(test_blob_sizes)
{
    expect_with(KERNEL_SIZE, 0, STAGE0_R_KERNEL_SIZE);
    expect_with(KERNEL_SIZE, MIB(64) + 1, STAGE0_R_KERNEL_SIZE);
    expect_with(KERNEL_SIZE, UINT64_MAX, STAGE0_R_KERNEL_SIZE);
    expect_with(INITRD_SIZE, MIB(256) + 1, STAGE0_R_INITRD_SIZE);
    expect_with(INITRD_SIZE, UINT64_MAX, STAGE0_R_INITRD_SIZE);
    expect_with(CMDLINE_SIZE, 0, STAGE0_R_CMDLINE_SIZE);
    expect_with(CMDLINE_SIZE, 2048, STAGE0_R_OK);
    expect_with(CMDLINE_SIZE, 2049, STAGE0_R_CMDLINE_SIZE);
}
END_TEST

START_TEST(test_largest_blobs_fit)
{
    set(KERNEL_SIZE, MIB(64));
    set(INITRD_GPA, WINDOW + MIB(64) + 0x1000);
    set(INITRD_SIZE, MIB(256));
    set(CMDLINE_GPA, STAGE0_WINDOW_END - 0x1000);
    set(CMDLINE_SIZE, 2048);
    expect(STAGE0_R_OK);
}
END_TEST

START_TEST(test_blob_alignment)
{
    expect_with(KERNEL_GPA, WINDOW + 0x1001, STAGE0_R_KERNEL_ALIGN);
    expect_with(INITRD_GPA, WINDOW + 0x6800, STAGE0_R_INITRD_ALIGN);
    expect_with(CMDLINE_GPA, WINDOW + 0x8010, STAGE0_R_CMDLINE_ALIGN);
}
END_TEST

/* The same places are wrong for each blob. */
static void expect_window(size_t gpa_offset, enum stage0_reason reason)
{
    expect_with(gpa_offset, 0, reason);
    expect_with(gpa_offset, 0x10000, reason); /* low RAM */
    expect_with(gpa_offset, WINDOW - 0x1000, reason);
    expect_with(gpa_offset, WINDOW, reason); /* the descriptor itself */
    expect_with(gpa_offset, STAGE0_WINDOW_END, reason);
    expect_with(gpa_offset, 0xFFFFFFFFFFFFF000, reason); /* the sum would wrap */
}

START_TEST(test_blobs_lie_in_the_window)
{
    expect_window(KERNEL_GPA, STAGE0_R_KERNEL_WINDOW);
    expect_window(INITRD_GPA, STAGE0_R_INITRD_WINDOW);
    expect_window(CMDLINE_GPA, STAGE0_R_CMDLINE_WINDOW);
    /* begins inside, ends outside */
    expect_with(KERNEL_GPA, STAGE0_WINDOW_END - 0x4000, STAGE0_R_KERNEL_WINDOW);
    expect_with(INITRD_GPA, STAGE0_WINDOW_END - 0x1000, STAGE0_R_INITRD_WINDOW);
    expect_with(KERNEL_GPA, STAGE0_WINDOW_END - 0x5000, STAGE0_R_OK); /* exactly to the end */
}
END_TEST

START_TEST(test_blobs_do_not_overlap)
{
    expect_with(INITRD_GPA, WINDOW + 0x5000, STAGE0_R_BLOBS_OVERLAP); /* kernel's last page */
    expect_with(INITRD_GPA, WINDOW + 0x1000, STAGE0_R_BLOBS_OVERLAP);
    expect_with(CMDLINE_GPA, WINDOW + 0x7000, STAGE0_R_BLOBS_OVERLAP); /* initrd's last page */
    expect_with(CMDLINE_GPA, WINDOW + 0x3000, STAGE0_R_BLOBS_OVERLAP);
    expect_with(KERNEL_SIZE, 0x5001, STAGE0_R_BLOBS_OVERLAP);
    expect_with(KERNEL_SIZE, 0x5000, STAGE0_R_OK);
}
END_TEST

START_TEST(test_address_of_an_absent_initrd_means_nothing)
{
    set(INITRD_SIZE, 0);
    set(INITRD_GPA, 0x123);
    expect(STAGE0_R_OK);
    set(INITRD_GPA, WINDOW + 0x2000);
    expect(STAGE0_R_OK);
}
END_TEST

static struct s0_payload payload(uint64_t ram, uint64_t kernel, uint64_t initrd)
{
    return (struct s0_payload){.cpu_count = 1,
                               .ram_size = ram,
                               .kernel = {WINDOW + 0x1000, kernel},
                               .initrd = {WINDOW + MIB(65), initrd},
                               .cmdline = {WINDOW + MIB(400), 10}};
}

START_TEST(test_layout_puts_the_protected_mode_part_at_its_address)
{
    struct s0_payload p = payload(MIB(256), 100000, 5000);
    for (unsigned sects = 0; sects < 256; sects++) {
        struct s0_layout l;
        ck_assert_int_eq(s0_layout_make(&p, (uint8_t)sects, &l), STAGE0_R_OK);
        uint64_t setup = ((sects == 0 ? 4 : sects) + 1) * UINT64_C(512);
        ck_assert_uint_eq(l.kernel_file_gpa + setup, STAGE0_KERNEL_GPA);
        ck_assert_uint_ge(l.kernel_file_gpa, STAGE0_HIGH_GPA);
        ck_assert_uint_eq(l.initrd_gpa, MIB(256) - 0x2000);
        ck_assert_uint_eq(l.low_ram_end, MIB(256));
        ck_assert_uint_eq(l.kernel_size, 100000);
        ck_assert_uint_eq(l.cmdline_size, 10);
    }
}
END_TEST

START_TEST(test_layout_keeps_the_initrd_below_2_gib)
{
    struct s0_payload p = payload(MIB(8192), 100000, MIB(256));
    struct s0_layout l;
    ck_assert_int_eq(s0_layout_make(&p, 1, &l), STAGE0_R_OK);
    ck_assert_uint_eq(l.low_ram_end, STAGE0_LOW_RAM_MAX);
    ck_assert_uint_eq(l.initrd_gpa, STAGE0_LOW_RAM_MAX - MIB(256));
    p.initrd.size = 0;
    ck_assert_int_eq(s0_layout_make(&p, 1, &l), STAGE0_R_OK);
    ck_assert_uint_eq(l.initrd_gpa, STAGE0_LOW_RAM_MAX);
}
END_TEST

START_TEST(test_layout_refuses_an_initrd_that_meets_the_kernel)
{
    struct s0_layout l;
    uint64_t room = MIB(128) - (STAGE0_KERNEL_GPA - 1024 + MIB(64));
    struct s0_payload p = payload(MIB(128), MIB(64), room);
    ck_assert_int_eq(s0_layout_make(&p, 1, &l), STAGE0_R_INITRD_NO_ROOM); /* rounding reaches it */
    p.initrd.size = room + 1;
    ck_assert_int_eq(s0_layout_make(&p, 1, &l), STAGE0_R_INITRD_NO_ROOM);
    p.initrd.size = MIB(256);
    ck_assert_int_eq(s0_layout_make(&p, 1, &l), STAGE0_R_INITRD_NO_ROOM);
    p.initrd.size = room - 1024;
    ck_assert_int_eq(s0_layout_make(&p, 1, &l), STAGE0_R_OK);
    ck_assert_uint_eq(l.initrd_gpa, STAGE0_KERNEL_GPA + MIB(64));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_descriptor");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_good_descriptor_is_read);
    tcase_add_test(tc, test_magic_and_version);
    tcase_add_test(tc, test_every_reserved_byte_must_be_zero);
    tcase_add_test(tc, test_cpu_count_bounds);
    tcase_add_test(tc, test_ram_size_bounds);
    tcase_add_test(tc, test_blob_sizes);
    tcase_add_test(tc, test_largest_blobs_fit);
    tcase_add_test(tc, test_blob_alignment);
    tcase_add_test(tc, test_blobs_lie_in_the_window);
    tcase_add_test(tc, test_blobs_do_not_overlap);
    tcase_add_test(tc, test_address_of_an_absent_initrd_means_nothing);
    tcase_add_test(tc, test_layout_puts_the_protected_mode_part_at_its_address);
    tcase_add_test(tc, test_layout_keeps_the_initrd_below_2_gib);
    tcase_add_test(tc, test_layout_refuses_an_initrd_that_meets_the_kernel);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
