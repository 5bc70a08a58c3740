/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_fw_cfg.c - the payload from QEMU's fw_cfg device: it boots without hashes only where
 * there is no TEE, and a device that lies gets nothing but a refusal.
 */
#include "check_main.h"
#include "fw_cfg_device.h"

#include <string.h>

#define MIB(n) (UINT64_C(n) << 20)
#define GIB(n) (UINT64_C(n) << 30)

static struct s0t *t;
static struct fwd d;

static void setup(void)
{
    t = s0t_new();
    fwd_init(&d, t);
}

static void teardown(void)
{
    s0t_free(t);
}

static void expect(enum stage0_reason reason)
{
    d.given = 0;
    ck_assert_int_eq(s0t_boot(t), reason);
}

START_TEST(test_boots_without_hashes)
{
    expect(STAGE0_R_OK);
    const uint8_t *page = t->memory + STAGE0_ZERO_PAGE_GPA;
    ck_assert_mem_eq(t->memory + STAGE0_KERNEL_GPA - S0T_SETUP_SIZE, t->kernel, sizeof(t->kernel));
    ck_assert_mem_eq(t->memory + s0t_get32(page + 0x218), t->initrd, t->initrd_size);
    ck_assert_uint_eq(s0t_get32(page + 0x21C), t->initrd_size);
    ck_assert_mem_eq(t->memory + STAGE0_CMDLINE_GPA, t->cmdline, t->cmdline_size);
    ck_assert_uint_eq(t->state.payload.ram_size, MIB(256));
    ck_assert_uint_eq(t->state.payload.cpu_count, 2);
}
END_TEST

START_TEST(test_boots_without_initrd)
{
    fwd_put_number(&d, 0x0B, 0);
    expect(STAGE0_R_OK);
    ck_assert_uint_eq(s0t_get32(t->memory + STAGE0_ZERO_PAGE_GPA + 0x21C), 0);
}
END_TEST

/* Where the page of hashes is filled, it binds this payload too. */
START_TEST(test_hashes_bind_every_byte)
{
    s0t_make_hashes(t);
    expect(STAGE0_R_OK);
    size_t all = d.given;
    unsigned mismatches = 0;
    for (size_t i = 0; i < all; i += i < 300 ? 1 : 89) {
        d.flipped = i;
        d.given = 0;
        enum stage0_reason reason = s0t_boot(t);
        bool good = reason == STAGE0_R_OK;
        /* CPU count, RAM size, names of other files: what no hash is of */
        ck_assert_msg(!good || i < 4 + 6 * 4 + FWD_DIRECTORY_SIZE + 20, "byte %zu changed", i);
        mismatches += reason == STAGE0_R_KERNEL_HASH || reason == STAGE0_R_INITRD_HASH ||
                              reason == STAGE0_R_CMDLINE_HASH
                          ? 1
                          : 0;
    }
    ck_assert_uint_gt(mismatches, 250);
}
END_TEST

START_TEST(test_a_short_device_is_refused)
{
    s0t_make_hashes(t);
    expect(STAGE0_R_OK);
    size_t all = d.given;
    for (size_t i = 0; i < all - 1; i += i < 300 ? 1 : 89) { /* the last byte is a NUL */
        d.limit = i;
        d.given = 0;
        ck_assert_msg(s0t_boot(t) != STAGE0_R_OK, "booted with %zu bytes", i);
    }
}
END_TEST

START_TEST(test_with_a_tee_there_is_no_device)
{
    t->m.fw_cfg = NULL;
    expect(STAGE0_R_DESC_MAGIC);
    ck_assert_uint_eq(d.selects[0], 0);
}
END_TEST

START_TEST(test_another_device_is_not_asked)
{
    d.item[0].data = (const uint8_t *)"\xFF\xFF\xFF\xFF";
    expect(STAGE0_R_DESC_MAGIC);
    ck_assert_uint_eq(d.selects[0x17], 0);
}
END_TEST

/* A VMM of ours does not get rid of the hashes by having such a device. */
START_TEST(test_the_window_comes_first)
{
    s0t_load_window(t);
    expect(STAGE0_R_HASH_MISSING);
    s0t_make_hashes(t);
    expect(STAGE0_R_OK);
    ck_assert_uint_eq(d.selects[0], 0);
    t->memory[STAGE0_WINDOW_GPA + STAGE0_DESC_OFF_VERSION] = 9;
    expect(STAGE0_R_DESC_VERSION);
    ck_assert_uint_eq(d.selects[0], 0);
}
END_TEST

/* What changes between two reads cannot be told apart from what is read once. */
START_TEST(test_everything_is_asked_once)
{
    expect(STAGE0_R_OK);
    static const uint16_t asked[] = {0x00, 0x05, 0x08, 0x0B, 0x11, 0x12,
                                     0x14, 0x15, 0x17, 0x18, 0x19, FWD_FILE};
    unsigned selects = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(asked); i++) {
        ck_assert_uint_eq(d.selects[asked[i]], 1);
    }
    for (size_t i = 0; i < FWD_ITEMS; i++) {
        selects += d.selects[i];
    }
    ck_assert_uint_eq(selects, CL_ARRAY_LEN(asked));
}
END_TEST

START_TEST(test_numbers_out_of_bounds)
{
    static const struct {
        uint16_t item;
        uint32_t value;
        enum stage0_reason reason;
    } lies[] = {
        {0x17, 0, STAGE0_R_FW_CFG_NO_KERNEL},
        {0x17, 1, STAGE0_R_KERNEL_TRUNCATED},
        {0x17, 511, STAGE0_R_KERNEL_TRUNCATED},
        {0x17, 0x20001, STAGE0_R_KERNEL_TRUNCATED},
        {0x17, UINT32_MAX, STAGE0_R_KERNEL_TRUNCATED},
        {0x08, STAGE0_KERNEL_SIZE_MAX - S0T_SETUP_SIZE + 1, STAGE0_R_KERNEL_SIZE},
        {0x08, UINT32_MAX, STAGE0_R_KERNEL_SIZE},
        {0x08, 0, STAGE0_R_KERNEL_TRUNCATED},
        {0x0B, STAGE0_INITRD_SIZE_MAX + 1, STAGE0_R_INITRD_SIZE},
        {0x0B, UINT32_MAX, STAGE0_R_INITRD_SIZE},
        {0x0B, STAGE0_INITRD_SIZE_MAX, STAGE0_R_INITRD_NO_ROOM},
        {0x14, 0, STAGE0_R_CMDLINE_SIZE},
        {0x14, STAGE0_CMDLINE_SIZE_MAX + 1, STAGE0_R_CMDLINE_SIZE},
        {0x14, UINT32_MAX, STAGE0_R_CMDLINE_SIZE},
        {0x14, 1, STAGE0_R_CMDLINE_NOT_TERMINATED},
        {0x05, 0, STAGE0_R_DESC_CPU_COUNT},
        {0x05, STAGE0_CPU_MAX + 1, STAGE0_R_DESC_CPU_COUNT},
        {0x05, 0xFFFF, STAGE0_R_DESC_CPU_COUNT},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(lies); i++) {
        fwd_init(&d, t);
        fwd_put_number(&d, lies[i].item, lies[i].value);
        d.given = 0;
        enum stage0_reason reason = s0t_boot(t);
        ck_assert_msg(reason == lies[i].reason, "case %zu: expected %d, got %d", i, lies[i].reason,
                      reason);
    }
}
END_TEST

/* In the first sector of a shorter setup part another byte would stand where the layout looks. */
START_TEST(test_setup_size_and_setup_sects_may_differ)
{
    fwd_put_number(&d, 0x17, 512);
    fwd_put_number(&d, 0x08, S0T_KERNEL_SIZE - 512);
    d.item[0x11].data = t->kernel + 512;
    d.item[0x11].size = S0T_KERNEL_SIZE - 512;
    expect(STAGE0_R_OK);
    ck_assert_mem_eq(t->memory + STAGE0_KERNEL_GPA - S0T_SETUP_SIZE, t->kernel, sizeof(t->kernel));
}
END_TEST

struct range {
    uint64_t gpa, size;
    uint32_t type;
};

START_TEST(test_memory_maps)
{
    static const struct {
        struct range range[3];
        uint64_t ram; /* 0: refused */
        enum stage0_reason reason;
    } maps[] = {
        {{{0, MIB(512), 1}}, MIB(512), STAGE0_R_OK},
        {{{0, MIB(128), 1}}, MIB(128), STAGE0_R_OK},
        {{{0, MIB(512) + 4096, 1}}, MIB(512), STAGE0_R_OK},
        {{{0xFEFFC000, 0x4000, 2}, {0, MIB(512), 1}}, MIB(512), STAGE0_R_OK},
        {{{0, MIB(2560), 1}}, GIB(2), STAGE0_R_OK},
        {{{GIB(4), GIB(1), 1}, {0, GIB(2), 1}}, GIB(3), STAGE0_R_OK},
        {{{0, GIB(3), 1}, {GIB(4), GIB(1), 1}}, GIB(3), STAGE0_R_OK},
        {{{0, GIB(1), 1}, {GIB(4), GIB(1), 1}},
         GIB(1),
         STAGE0_R_OK}, /* a hole that we do not have */
        {{{0, GIB(2), 1}, {GIB(4), GIB(1), 2}}, GIB(2), STAGE0_R_OK},
        {{{0, UINT64_MAX, 1}}, GIB(2), STAGE0_R_OK},
        {{{0, MIB(127), 1}}, 0, STAGE0_R_DESC_RAM_SIZE},
        {{{0, GIB(2), 1}, {GIB(4), GIB(512), 1}}, 0, STAGE0_R_DESC_RAM_SIZE},
        {{{0, GIB(2), 1}, {GIB(4), UINT64_MAX, 1}}, 0, STAGE0_R_DESC_RAM_SIZE},
        {{{4096, GIB(2), 1}}, 0, STAGE0_R_DESC_RAM_SIZE},
        {{{GIB(4), GIB(2), 1}}, 0, STAGE0_R_DESC_RAM_SIZE},
        {{{0, MIB(512), 1}, {0, MIB(256), 1}}, 0, STAGE0_R_FW_CFG_MEMORY},
        {{{0, GIB(2), 1}, {GIB(4), GIB(1), 1}, {GIB(4), GIB(1), 1}}, 0, STAGE0_R_FW_CFG_MEMORY},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(maps); i++) {
        fwd_init(&d, t);
        d.item[FWD_FILE].size = 0;
        for (size_t k = 0; k < 3 && maps[i].range[k].size != 0; k++) {
            const struct range *r = &maps[i].range[k];
            fwd_put_range(&d, r->gpa, r->size, r->type);
        }
        d.given = 0;
        enum stage0_reason reason = s0t_boot(t);
        ck_assert_msg(reason == maps[i].reason, "map %zu: expected %d, got %d", i, maps[i].reason,
                      reason);
        ck_assert_msg(reason != STAGE0_R_OK || t->state.payload.ram_size == maps[i].ram, "map %zu",
                      i);
    }
}
END_TEST

START_TEST(test_map_of_a_wrong_size)
{
    static const uint32_t sizes[] = {1, 19, 21, 65 * 20, UINT32_MAX};
    for (size_t i = 0; i < CL_ARRAY_LEN(sizes); i++) {
        fwd_put_file(&d, 1, "etc/e820", FWD_FILE, sizes[i]);
        expect(STAGE0_R_FW_CFG_MEMORY);
    }
    fwd_put_file(&d, 1, "etc/e820", FWD_FILE,
                 64 * 20); /* behind the first range nothing but zeros */
    expect(STAGE0_R_OK);
    fwd_put_file(&d, 1, "etc/e820", FWD_FILE, 0);
    expect(STAGE0_R_DESC_RAM_SIZE);
}
END_TEST

START_TEST(test_directories)
{
    d.directory[3] = 1; /* the file is the second */
    expect(STAGE0_R_FW_CFG_MEMORY);
    d.directory[3] = 0;
    expect(STAGE0_R_FW_CFG_MEMORY);
    d.directory[2] = 1; /* 256: zeros behind the third */
    expect(STAGE0_R_OK);
    d.directory[3] = 1; /* 257 */
    expect(STAGE0_R_FW_CFG_DIRECTORY);
    d.directory[0] = 0xFF;
    expect(STAGE0_R_FW_CFG_DIRECTORY);
    fwd_init(&d, t);
    fwd_put_file(&d, 1, "etc/e820x", FWD_FILE, 20);
    expect(STAGE0_R_FW_CFG_MEMORY);
    fwd_put_file(&d, 1, "etc/e82", FWD_FILE, 20);
    expect(STAGE0_R_FW_CFG_MEMORY);
    fwd_put_file(&d, 1, "etc/e820", 0x1F, 20);
    expect(STAGE0_R_FW_CFG_DIRECTORY);
    fwd_put_file(&d, 1, "etc/e820", 0x3F, 20); /* no such item: zeros */
    expect(STAGE0_R_DESC_RAM_SIZE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_fw_cfg");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_boots_without_hashes);
    tcase_add_test(tc, test_boots_without_initrd);
    tcase_add_test(tc, test_hashes_bind_every_byte);
    tcase_add_test(tc, test_a_short_device_is_refused);
    tcase_add_test(tc, test_with_a_tee_there_is_no_device);
    tcase_add_test(tc, test_another_device_is_not_asked);
    tcase_add_test(tc, test_the_window_comes_first);
    tcase_add_test(tc, test_everything_is_asked_once);
    tcase_add_test(tc, test_numbers_out_of_bounds);
    tcase_add_test(tc, test_setup_size_and_setup_sects_may_differ);
    tcase_add_test(tc, test_memory_maps);
    tcase_add_test(tc, test_map_of_a_wrong_size);
    tcase_add_test(tc, test_directories);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
