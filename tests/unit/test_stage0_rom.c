/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_rom.c - the built image: its size, the GUID table and the metadata behind it as QEMU
 * and measuring tools read them, and the segments of the program it was made from.
 */
#include "check_main.h"
#include "stage0_machine.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

static uint8_t rom[STAGE0_ROM_SIZE + 1];

static size_t read_file(const char *path, void *ret_data, size_t size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot open '%s'", path);
    size_t len = fread(ret_data, 1, size, f);
    (void)fclose(f);
    return len;
}

static void setup(void)
{
    ck_assert_uint_eq(read_file(STAGE0_ROM_PATH, rom, sizeof(rom)), STAGE0_ROM_SIZE);
}

static uint16_t get16(size_t at)
{
    return (uint16_t)(rom[at] | rom[at + 1] << 8);
}

/* GUIDs in EFI's byte order (guest-boot.md 5.2). */
static const uint8_t footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                   0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t guid_ap[16] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                    0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t guid_sev[16] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                     0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};
static const uint8_t guid_hashes[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                        0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
static const uint8_t guid_tdvf[16] = {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
                                      0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2};
static const uint8_t guid_tdvf_head[16] = {0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44,
                                           0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae};

/* The data of an entry, found by walking backwards; its size in *ret_size. */
static size_t find_entry(const uint8_t guid[static 16], size_t *ret_size)
{
    size_t end = STAGE0_ROM_SIZE - 0x20;
    ck_assert_mem_eq(rom + end - 16, footer, 16);
    size_t left = (size_t)get16(end - 18) - 18;
    size_t at = end - 18;
    while (left > 0) {
        ck_assert_uint_ge(left, 18);
        size_t len = get16(at - 18);
        ck_assert_uint_ge(len, 18);
        ck_assert_uint_le(len, left);
        if (memcmp(rom + at - 16, guid, 16) == 0) {
            *ret_size = len - 18;
            return at - len;
        }
        at -= len;
        left -= len;
    }
    ck_abort_msg("no such entry");
    return 0;
}

START_TEST(test_guid_table)
{
    size_t size = 0;
    size_t at = find_entry(guid_hashes, &size);
    ck_assert_uint_eq(size, 8);
    ck_assert_uint_eq(s0t_get32(rom + at), STAGE0_HASH_TABLE_GPA);
    ck_assert_uint_eq(s0t_get32(rom + at + 4), 0x400);
    at = find_entry(guid_ap, &size);
    ck_assert_uint_eq(size, 4);
    uint32_t ap = s0t_get32(rom + at);
    ck_assert_uint_eq(ap >> 16, 0xFFFF);
    static const uint8_t park[4] = {0xFA, 0xF4, 0xEB, 0xFD}; /* cli; hlt; jmp to the hlt */
    ck_assert_mem_eq(rom + (ap & 0xFFFF), park, sizeof(park));
    for (size_t i = STAGE0_ROM_SIZE - 0x20; i < STAGE0_ROM_SIZE - 0x10; i++) {
        ck_assert_uint_eq(rom[i], 0);
    }
}
END_TEST

START_TEST(test_sev_metadata)
{
    size_t size = 0;
    size_t at = find_entry(guid_sev, &size);
    ck_assert_uint_eq(size, 4);
    at = STAGE0_ROM_SIZE - s0t_get32(rom + at);
    ck_assert_mem_eq(rom + at, "ASEV", 4);
    ck_assert_uint_eq(s0t_get32(rom + at + 4), 16 + 12 * 4);
    ck_assert_uint_eq(s0t_get32(rom + at + 8), 1);
    ck_assert_uint_eq(s0t_get32(rom + at + 12), 4);
    static const uint32_t want[4][3] = {
        {0x1000, 0xF000, 1}, {0x11000, 0x1000, 2}, {0x12000, 0x1000, 3}, {0x10000, 0x1000, 0x10}};
    for (size_t i = 0; i < 12; i++) {
        ck_assert_uint_eq(s0t_get32(rom + at + 16 + 4 * i), want[i / 3][i % 3]);
    }
}
END_TEST

START_TEST(test_tdvf_descriptor)
{
    size_t size = 0;
    size_t at = find_entry(guid_tdvf, &size);
    ck_assert_uint_eq(size, 4);
    at = STAGE0_ROM_SIZE - s0t_get32(rom + at);
    ck_assert_mem_eq(rom + at - 16, guid_tdvf_head, 16);
    ck_assert_mem_eq(rom + at, "TDVF", 4);
    uint32_t count = s0t_get32(rom + at + 12);
    ck_assert_uint_eq(s0t_get32(rom + at + 4), 16 + 32 * count);
    ck_assert_uint_eq(s0t_get32(rom + at + 8), 1);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *s = rom + at + 16 + (size_t)32 * i;
        uint32_t type = s0t_get32(s + 24);
        ck_assert_uint_le(type, 3); /* QEMU takes no others */
        ck_assert_uint_eq(s0t_get64(s + 8) % 4096, 0);
        ck_assert_uint_eq(s0t_get64(s + 16) % 4096, 0);
        ck_assert_uint_eq(s0t_get32(s + 4), type == 0 ? STAGE0_ROM_SIZE : 0);
        ck_assert_uint_eq(s0t_get32(s + 28), type == 0 ? 1 : 0);
    }
    ck_assert_uint_eq(s0t_get64(rom + at + 16 + 8), STAGE0_ROM_GPA);
}
END_TEST

START_TEST(test_reset_vector_reads_alike_in_both_modes)
{
    /* mov %cr0, %eax; test $1, %al; jz over a 5-byte jump; jmp rel32; jmp rel16 */
    static const uint8_t head[8] = {0x0F, 0x20, 0xC0, 0xA8, 0x01, 0x74, 0x05, 0xE9};
    const uint8_t *reset = rom + STAGE0_ROM_SIZE - 16;
    ck_assert_mem_eq(reset, head, sizeof(head));
    ck_assert_uint_eq(reset[12], 0xE9);
    ck_assert_uint_ge(s0t_get32(reset + 8), 0xFFFF0000); /* both go backwards, inside the ROM */
}
END_TEST

/* The first of the ROM: 4 GiB in four pages, accessed and dirty, nothing else. */
START_TEST(test_page_tables_of_a_td_are_in_rom)
{
    for (size_t i = 0; i < 512; i++) {
        ck_assert_uint_eq(s0t_get64(rom + 8 * i), i == 0 ? STAGE0_ROM_GPA + 0x1023u : 0);
        uint64_t page = i < 4 ? i << 30 | 0xE3 : 0;
        ck_assert_uint_eq(s0t_get64(rom + 0x1000 + 8 * i), page);
    }
}
END_TEST

START_TEST(test_no_segment_is_writable)
{
    static uint8_t elf[1 << 20];
    size_t len = read_file(STAGE0_ELF_PATH, elf, sizeof(elf));
    Elf64_Ehdr header;
    ck_assert_uint_gt(len, sizeof(header));
    memcpy(&header, elf, sizeof(header));
    ck_assert_mem_eq(header.e_ident, ELFMAG, SELFMAG);
    ck_assert_uint_eq(header.e_entry, 0xFFFFFFF0);
    unsigned executable = 0;
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr p;
        memcpy(&p, elf + header.e_phoff + i * sizeof(p), sizeof(p));
        ck_assert_uint_eq(p.p_type, PT_LOAD);
        ck_assert_uint_eq(p.p_flags & PF_W, 0);
        ck_assert_uint_eq(p.p_filesz, p.p_memsz);
        ck_assert_uint_ge(p.p_vaddr, STAGE0_ROM_GPA);
        executable += (p.p_flags & PF_X) != 0 ? 1 : 0;
    }
    ck_assert_uint_eq(executable, 2); /* code, and the reset vector */
}
END_TEST

/* The other copy was built from the same sources in another directory. */
START_TEST(test_image_is_reproducible)
{
    static uint8_t other[STAGE0_ROM_SIZE + 1];
    ck_assert_uint_eq(read_file(STAGE0_TWIN_PATH, other, sizeof(other)), STAGE0_ROM_SIZE);
    ck_assert_mem_eq(rom, other, STAGE0_ROM_SIZE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_rom");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, test_guid_table);
    tcase_add_test(tc, test_sev_metadata);
    tcase_add_test(tc, test_tdvf_descriptor);
    tcase_add_test(tc, test_reset_vector_reads_alike_in_both_modes);
    tcase_add_test(tc, test_page_tables_of_a_td_are_in_rom);
    tcase_add_test(tc, test_no_segment_is_writable);
    tcase_add_test(tc, test_image_is_reproducible);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
