/* SPDX-License-Identifier: Apache-2.0
 * test_snp_report.c - the report's layout in both directions, TCBs, products, reserved bytes.
 */
#include "cloister/snp_report.h"

#include "base/json.h"
#include "check_main.h"
#include "cloister/guest_files.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every byte that has a meaning gets another value. */
static void fill(uint8_t raw[static CL_SNP_REPORT_SIZE])
{
    for (size_t i = 0; i < CL_SNP_REPORT_SIZE; i++) {
        raw[i] = (uint8_t)(i * 7 + i / 256 + 1);
    }
    memcpy(raw, "\x05\0\0\0", 4);
    memset(raw + 0x4C, 0, 4);
    memset(raw + 0x18B, 0, 21);
    raw[0x1EB] = raw[0x1EF] = 0;
    memset(raw + 0x208, 0, 152);
    memset(raw + 0x330, 0, 368);
}

START_TEST(test_decode_and_encode_are_inverse)
{
    uint8_t raw[CL_SNP_REPORT_SIZE], again[CL_SNP_REPORT_SIZE];
    struct cl_snp_report r;
    size_t at = 0;
    fill(raw);
    ck_assert_int_eq(cl_snp_report_decode(raw, sizeof(raw), &r, NULL), CL_OK);
    cl_snp_report_encode(&r, again);
    ck_assert_mem_eq(raw, again, sizeof(raw));
    ck_assert_mem_eq(raw, r.raw, sizeof(raw));
    ck_assert(!cl_snp_report_reserved_set(&r, &at));
    ck_assert_uint_eq(r.version, 5);
    ck_assert_uint_eq(r.guest_svn, (uint32_t)raw[4] | (uint32_t)raw[5] << 8 |
                                       (uint32_t)raw[6] << 16 | (uint32_t)raw[7] << 24);
    ck_assert_uint_eq(r.measurement[0], raw[0x90]);
    ck_assert_uint_eq(r.chip_id[63], raw[0x1DF]);
    ck_assert_uint_eq(r.current.build, raw[0x1E8]);
    ck_assert_uint_eq(r.current.minor, raw[0x1E9]);
    ck_assert_uint_eq(r.current.major, raw[0x1EA]);
    ck_assert_uint_eq(r.signature_s[71], raw[0x32F]);
}
END_TEST

START_TEST(test_every_other_length_is_refused)
{
    uint8_t raw[CL_SNP_REPORT_SIZE + 1] = {2};
    struct cl_snp_report r;
    struct cl_err err = {0};
    for (size_t len = 0; len < CL_SNP_REPORT_SIZE; len++) {
        ck_assert_int_eq(cl_snp_report_decode(raw, len, &r, &err), CL_ERR_TRUNCATED);
        ck_assert_uint_eq(err.offset, len);
    }
    ck_assert_str_eq(err.msg, "SNP report: size: expected 1184 bytes, got 1183");
    ck_assert_int_eq(cl_snp_report_decode(raw, sizeof(raw), &r, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "SNP report: size: expected 1184 bytes, got 1185");
}
END_TEST

START_TEST(test_reserved_bytes_by_version)
{
    static const struct {
        size_t offset;
        uint32_t version;
        bool reserved;
    } cases[] = {
        {0x4C, 5, true},   {0x4F, 2, true},   {0x188, 2, true},  {0x188, 3, false},
        {0x18A, 2, true},  {0x18A, 5, false}, {0x18B, 3, true},  {0x19F, 5, true},
        {0x1EB, 3, true},  {0x1EF, 3, true},  {0x1F8, 3, true},  {0x1F8, 4, true},
        {0x1F8, 5, false}, {0x207, 4, true},  {0x207, 5, false}, {0x208, 5, true},
        {0x29F, 5, true},  {0x330, 3, true},  {0x49F, 5, true},  {0x50, 3, false},
        {0x2A0, 3, false}, {0x32F, 3, false},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        uint8_t raw[CL_SNP_REPORT_SIZE] = {(uint8_t)cases[i].version};
        struct cl_snp_report r;
        size_t at = 0;
        raw[cases[i].offset] = 1;
        ck_assert_int_eq(cl_snp_report_decode(raw, sizeof(raw), &r, NULL), CL_OK);
        ck_assert_msg(cl_snp_report_reserved_set(&r, &at) == cases[i].reserved, "case %zu", i);
        ck_assert(!cases[i].reserved || at == cases[i].offset);
    }
}
END_TEST

START_TEST(test_tcb_layouts)
{
    static const uint8_t milan[8] = {4, 0, 0, 0, 0, 0, 24, 219},
                         turin[8] = {0, 1, 0, 2, 0, 0, 0, 71};
    uint8_t again[8];
    char text[CL_SNP_TCB_TEXT_SIZE];
    struct cl_snp_tcb t = cl_snp_tcb_decode(milan, false);
    cl_snp_tcb_format(&t, text);
    ck_assert_str_eq(text, "bootloader=4 tee=0 snp=24 microcode=219");
    cl_snp_tcb_encode(&t, again);
    ck_assert_mem_eq(again, milan, 8);
    t = cl_snp_tcb_decode(turin, true);
    cl_snp_tcb_format(&t, text);
    ck_assert_str_eq(text, "fmc=0 bootloader=1 tee=0 snp=2 microcode=71");
    cl_snp_tcb_encode(&t, again);
    ck_assert_mem_eq(again, turin, 8);
    t = (struct cl_snp_tcb){true, 255, 255, 255, 255, 255};
    cl_snp_tcb_format(&t, text);
    ck_assert_str_eq(text, "fmc=255 bootloader=255 tee=255 snp=255 microcode=255");
}
END_TEST

START_TEST(test_products)
{
    static const struct {
        uint8_t family, model;
        enum cl_snp_product product;
    } cases[] = {
        {0x19, 0x00, CL_SNP_PRODUCT_MILAN},   {0x19, 0x0F, CL_SNP_PRODUCT_MILAN},
        {0x19, 0x10, CL_SNP_PRODUCT_GENOA},   {0x19, 0x1F, CL_SNP_PRODUCT_GENOA},
        {0x19, 0x20, CL_SNP_PRODUCT_UNKNOWN}, {0x19, 0x9F, CL_SNP_PRODUCT_UNKNOWN},
        {0x19, 0xA0, CL_SNP_PRODUCT_GENOA},   {0x19, 0xAF, CL_SNP_PRODUCT_GENOA},
        {0x19, 0xB0, CL_SNP_PRODUCT_UNKNOWN}, {0x1A, 0x00, CL_SNP_PRODUCT_TURIN},
        {0x1A, 0x11, CL_SNP_PRODUCT_TURIN},   {0x1A, 0x12, CL_SNP_PRODUCT_UNKNOWN},
        {0x1A, 0x50, CL_SNP_PRODUCT_UNKNOWN}, {0x00, 0x00, CL_SNP_PRODUCT_UNKNOWN},
        {0x17, 0x31, CL_SNP_PRODUCT_UNKNOWN},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(cl_snp_product_from_fms(cases[i].family, cases[i].model),
                         cases[i].product);
    }
}
END_TEST

START_TEST(test_claims_by_version)
{
    for (uint32_t v = 2; v <= 5; v++) {
        uint8_t raw[CL_SNP_REPORT_SIZE] = {(uint8_t)v};
        struct cl_snp_report r;
        CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
        ck_assert_int_eq(cl_snp_report_decode(raw, sizeof(raw), &r, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_report_claims(&r, CL_SNP_PRODUCT_TURIN, &claims, NULL), CL_OK);
        ck_assert_int_eq(json_object_get(claims, "cpuid_fam_id") != NULL, v >= 3);
        ck_assert_int_eq(json_object_get(claims, "launch_mit_vector") != NULL, v >= 5);
        ck_assert_ptr_nonnull(json_object_get(json_object_get(claims, "current_tcb"), "fmc"));
        ck_assert_uint_eq(json_string_length(json_object_get(claims, "report_data")), 128);
    }
}
END_TEST

/* ---- guest files: small enough to live here ---- */

static void touch(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

START_TEST(test_guest_files_are_found_and_wrong_folders_are_errors)
{
    char dir[] = "/tmp/cl-guest-XXXXXX", path[256];
    struct cl_guest_files files;
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf cmdline = {0};
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(unsetenv("CLOISTER_GUEST_DIR"), 0);
    ck_assert_int_eq(cl_guest_find(dir, &files, &err), CL_ERR_SYS);
    (void)snprintf(path, sizeof(path), "guest file '%s/stage0.bin': No such file or directory",
                   dir);
    ck_assert_str_eq(err.msg, path);
    touch(dir, "stage0.bin", "x");
    ck_assert_int_eq(cl_guest_find(dir, &files, &err), CL_OK);
    (void)snprintf(path, sizeof(path), "%s/initrd.img", dir);
    ck_assert_str_eq(files.initrd, path);
    ck_assert_str_eq(files.dir, dir);
    ck_assert_int_eq(setenv("CLOISTER_GUEST_DIR", dir, 1), 0);
    ck_assert_int_eq(cl_guest_find(NULL, &files, &err), CL_OK);
    ck_assert_int_eq(cl_guest_find("/nonexistent", &files, &err), CL_ERR_SYS); /* no fallback */
    ck_assert_int_eq(setenv("CLOISTER_GUEST_DIR", "/nonexistent", 1), 0);
    ck_assert_int_eq(cl_guest_find(NULL, &files, &err), CL_ERR_SYS);
    char longer[CL_GUEST_PATH_SIZE + 1];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ck_assert_int_eq(cl_guest_find(longer, &files, &err), CL_ERR_MALFORMED);

    touch(dir, "guest.cmdline", "console=hvc0 cloister.tee=sim");
    (void)snprintf(path, sizeof(path), "%s/guest.cmdline", dir);
    ck_assert_int_eq(cl_guest_read_cmdline(path, &cmdline, &err), CL_OK);
    ck_assert_str_eq((const char *)cmdline.data, "console=hvc0 cloister.tee=sim");
    touch(dir, "guest.cmdline", "quiet\n");
    cl_buf_reset(&cmdline);
    ck_assert_int_eq(cl_guest_read_cmdline(path, &cmdline, &err), CL_ERR_MALFORMED);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/stage0.bin", dir);
    (void)unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* a folder of that name is no firmware */
    ck_assert_int_eq(cl_guest_find(dir, &files, &err), CL_ERR_MALFORMED);
    (void)rmdir(path);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_report");
    TCase *t = tcase_create("report");
    tcase_add_test(t, test_decode_and_encode_are_inverse);
    tcase_add_test(t, test_every_other_length_is_refused);
    tcase_add_test(t, test_reserved_bytes_by_version);
    tcase_add_test(t, test_tcb_layouts);
    tcase_add_test(t, test_products);
    tcase_add_test(t, test_claims_by_version);
    tcase_add_test(t, test_guest_files_are_found_and_wrong_folders_are_errors);
    suite_add_tcase(s, t);
    return run_suite(s);
}
