/* SPDX-License-Identifier: Apache-2.0
 * test_tee_tdvf.c - a firmware's TDVF descriptor, and the TD HOB that a launch makes by it.
 */
#include "base/digest.h"
#include "base/encode.h"
#include "check_main.h"
#include "tee/tdx/hob.h"
#include "tee_tdx_image.h"

static struct tdx_image image;

/* ---- The firmware's descriptor ---- */

START_TEST(test_descriptor)
{
    struct tee_rom rom;
    struct cl_err err = {0};
    tdx_image_b(&image);
    ck_assert_msg(tee_rom_parse(image.data, image.size, &rom, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(rom.tdvf_count, 6);
    ck_assert(rom.tdvf[0].measured && !rom.tdvf[1].measured);
    ck_assert_uint_eq(rom.tdvf[0].data_offset, 0x10000);
    ck_assert_uint_eq(tee_tdvf_hob(&rom)->gpa, 0x809000);
    make_image((struct image *)&image); /* one of SNP has none */
    ck_assert_int_eq(tee_rom_parse(image.data, 16384, &rom, &err), CL_OK);
    ck_assert_uint_eq(rom.tdvf_count, 0);
    ck_assert_ptr_null(tee_tdvf_hob(&rom));
}
END_TEST

/* size bytes at `at` of image A's descriptor become `value`. */
#define SECTION(i) (16u + 32u * (i))
static const struct {
    int at;
    unsigned size;
    uint32_t value;
    enum cl_status status;
    const char *message;
} bad[] = {
    {-16, 1, 0, CL_ERR_MALFORMED, "TDVF: no GUID and \"TDVF\" at its start"},
    {0, 1, 'X', CL_ERR_MALFORMED, "TDVF: no GUID and \"TDVF\" at its start"},
    {4, 4, 79, CL_ERR_MALFORMED, "TDVF: 2 sections (1 to 16) in 79 bytes"},
    {8, 4, 2, CL_ERR_UNSUPPORTED, "TDVF: version: expected 1, got 2"},
    {12, 4, 0, CL_ERR_MALFORMED, "TDVF: 0 sections (1 to 16) in 80 bytes"},
    {12, 4, 17, CL_ERR_MALFORMED, "TDVF: 17 sections (1 to 16) in 80 bytes"},
    {SECTION(0), 4, 1, CL_ERR_MALFORMED,
     "TDVF: section 0: expected whole pages inside the image, got 0x1000 bytes at offset 0x1"},
    {SECTION(0), 4, 0x1000, CL_ERR_MALFORMED,
     "TDVF: section 0: expected whole pages inside the image, got 0x1000 bytes at offset 0x1000"},
    {SECTION(0), 4, 0xfffff000, CL_ERR_MALFORMED, NULL},
    {SECTION(0) + 4, 4, 0xfff, CL_ERR_UNSUPPORTED,
     "TDVF: section 0: data: expected 0x1000 bytes, got 0xfff"},
    {SECTION(1) + 4, 4, 1, CL_ERR_UNSUPPORTED,
     "TDVF: section 1: data: expected 0x0 bytes, got 0x1"},
    {SECTION(0) + 8, 4, 0xfffff001, CL_ERR_MALFORMED, NULL},
    {SECTION(0) + 12, 4, 1, CL_ERR_MALFORMED, NULL},
    {SECTION(1) + 12, 4, UINT32_MAX, CL_ERR_MALFORMED, NULL},
    {SECTION(1) + 16, 4, 0, CL_ERR_MALFORMED,
     "TDVF: section 1: expected whole pages below 4 GiB, got 0x0 bytes at 0x809000"},
    {SECTION(1) + 16, 4, 1, CL_ERR_MALFORMED, NULL},
    {SECTION(1) + 20, 4, UINT32_MAX, CL_ERR_MALFORMED, NULL},
    {SECTION(1) + 8, 4, 0xffffe000, CL_ERR_MALFORMED, "TDVF: section 1 overlaps section 0"},
    {SECTION(1) + 24, 4, 4, CL_ERR_UNSUPPORTED, "TDVF: section 1: type: expected 0..3, got 4"},
    {SECTION(0) + 28, 4, 2, CL_ERR_UNSUPPORTED,
     "TDVF: section 0: attributes: expected 0 or 1, got 0x2"},
};

START_TEST(test_bad_descriptor)
{
    struct tee_rom rom;
    struct cl_err err = {0};
    tdx_image_a(&image);
    put_le(image.data + image.descriptor + bad[_i].at, bad[_i].value, bad[_i].size);
    enum cl_status st = tee_rom_parse(image.data, image.size, &rom, &err);
    ck_assert_msg(st == bad[_i].status, "%d: %s", st, err.msg);
    if (bad[_i].message != NULL) {
        ck_assert_str_eq(err.msg, bad[_i].message);
    }
}
END_TEST

START_TEST(test_descriptor_offset)
{
    static const uint32_t offsets[] = {0, 15, 0xff1, 0x1000, UINT32_MAX};
    struct tee_rom rom;
    struct cl_err err = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(offsets); i++) {
        tdx_image_a(&image);
        put_le(image.data + image.size - 32 - 18 - 22, offsets[i], 4);
        ck_assert_int_eq(tee_rom_parse(image.data, image.size, &rom, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, "TDVF: offset: expected 16..4080, got "));
    }
    for (uint32_t cut = 16; cut < 80; cut++) { /* a descriptor that the image's end cuts off */
        static uint8_t moved[0x1000];
        tdx_image_a(&image);
        memset(moved, 0, sizeof(moved));
        memcpy(moved + sizeof(moved) - cut - 16, image.data + image.descriptor - 16, 16u + cut);
        ck_assert_int_ne(tee_tdvf_parse(moved, sizeof(moved), cut, &rom, &err), CL_OK);
    }
}
END_TEST

START_TEST(test_one_hob)
{
    struct tdx_section two[3];
    struct tee_rom rom;
    struct cl_err err = {0};
    memcpy(two, tdx_ours, sizeof(two));
    two[1].type = TEE_TDVF_TD_HOB;
    tdx_image_make(&image, 0x10000, 0xf000, two, 3, NULL);
    ck_assert_int_eq(tee_rom_parse(image.data, image.size, &rom, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "TDVF: section 2: second section for the TD HOB");
}
END_TEST

/* ---- The TD HOB ---- */

/* QEMU's list for image B (tdx.md b.3), whose hash OVMF logs. */
static const struct {
    uint64_t low, high;
    const char *sha384;
} hobs[] = {
    {1024u << 20, 0,
     "1055c9b9a1fc534e688560e2304e18c8597b7261818cf61fb163d40c130547309b750575947a4dcaedbdce4b8d05"
     "35f2"},
    {2048u << 20, 0,
     "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821ebaf8bc9c938ba8"
     "a749"},
    {2048u << 20, 2048u << 20,
     "5b684faf8d02a733945f821d9cdd170802e72103977acf66949c9382500283adc90cbec57f8e7653f8bee1cab836"
     "89de"},
};
static const struct tee_range there[] = {
    {0x800000, 0x6000}, {0x809000, 0x2000}, {0x80b000, 0x2000}, {0x810000, 0x10000}};

START_TEST(test_hob)
{
    uint8_t list[0x2000], digest[48];
    char hex[97];
    uint64_t end = 0;
    struct tee_range r[] = {{0, hobs[_i].low}, {1ull << 32, hobs[_i].high}};
    ck_assert_int_eq(tee_td_hob_write(r, 2, there, 4, 0x809000, list, sizeof(list), NULL), CL_OK);
    memcpy(&end, list + 48, 8);
    ck_assert_uint_le(end - 0x809000, sizeof(list));
    ck_assert_int_eq(cl_sha384(digest, list, end - 0x809000 - 8, NULL), CL_OK);
    cl_hex(hex, digest, 48);
    ck_assert_str_eq(hex, hobs[_i].sha384);
}
END_TEST

START_TEST(test_hob_refusals)
{
    uint8_t list[0x2000];
    struct cl_err err = {0};
    struct tee_range r[] = {{0, 0x810000}, {1ull << 32, 0}};
    ck_assert_int_eq(tee_td_hob_write(r, 2, there, 4, 0x809000, list, sizeof(list), &err),
                     CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "TDVF section at 0x810000: expected inside"));
    r[0].size = 0x818000; /* ends inside the last one */
    ck_assert_int_eq(tee_td_hob_write(r, 2, there, 4, 0x809000, list, sizeof(list), &err),
                     CL_ERR_MALFORMED);
    r[0].size = 2048u << 20;
    for (size_t size = 0; size < 448; size++) {
        ck_assert_int_ne(tee_td_hob_write(r, 2, there, 4, 0x809000, list, size, &err), CL_OK);
    }
    ck_assert_int_eq(tee_td_hob_write(r, 2, there, 4, 0x809000, list, 448, &err), CL_OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tee tdvf");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_descriptor);
    tcase_add_loop_test(c, test_bad_descriptor, 0, (int)CL_ARRAY_LEN(bad));
    tcase_add_test(c, test_descriptor_offset);
    tcase_add_test(c, test_one_hob);
    tcase_add_loop_test(c, test_hob, 0, (int)CL_ARRAY_LEN(hobs));
    tcase_add_test(c, test_hob_refusals);
    suite_add_tcase(s, c);
    return run_suite(s);
}
