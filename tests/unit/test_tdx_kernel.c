/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_kernel.c - the Authenticode digest of kernels that QEMU boots directly: headers out of
 * bounds, the setup header as QEMU changed it, reads that fail.
 */
#include "check_main.h"
#include "tdx/measure/measure_internal.h"
#include "tdx_image.h"

#include <string.h>

struct flaky { /* an image whose reads fail from one on */
    const uint8_t *data;
    size_t size;
    unsigned good_reads;
};

static enum cl_status flaky_read_at(void *ctx, uint64_t offset, void *dst, size_t n,
                                    struct cl_err *err)
{
    struct flaky *f = ctx;
    ck_assert(offset <= f->size && n <= f->size - offset);
    if (f->good_reads == 0) {
        return cl_err_set(err, CL_ERR_SYS, "no more");
    }
    f->good_reads--;
    memcpy(dst, f->data + offset, n);
    return CL_OK;
}

static enum cl_status pe_of(const uint8_t *k, size_t size, const struct pe_patch *patch,
                            uint8_t ret[static 48], struct cl_err *err)
{
    struct flaky f = {k, size, UINT32_MAX};
    const struct launch_image im = {flaky_read_at, &f, size};
    return pe_sha384_image(&im, patch, ret, err);
}

START_TEST(test_kernel_headers_are_bounded)
{
    uint8_t good[0x1000], k[0x1000], digest[48];
    struct cl_err err = {0};
    const struct {
        size_t at;
        uint64_t value;
        size_t size;
        const char *msg;
    } rows[] = {
        {0x3C, 0x1001, 4, "PE headers: expected them in the first 4096 bytes"},
        {0x80, 0x4551, 4, "PE headers: expected the signature of a PE image"},
        {0x86, 97, 2, "PE headers: expected the signature of a PE image with at most 96 sections"},
        {0x98, 0x30B, 2, "PE headers: expected PE32 or PE32+"},
        {0x94, 40, 2, "expected more bytes, got the end of the input"},
        {0x94, 0xFFFF, 2, "expected more bytes, got the end of the input"},
        {0x98 + 60, 0x1001, 4, "PE headers: expected SizeOfHeaders to cover them, inside the file"},
        {0x98 + 60, 0x100, 4, "PE headers: expected SizeOfHeaders to cover them, inside the file"},
        {0x98 + 160 + 16, 0xC01, 4, "PE headers: expected sections behind the headers and inside"},
        {0x98 + 160 + 20, 0x3FF, 4, "PE headers: expected sections behind the headers and inside"},
        {0x98 + 160 + 20, 0xFFFFFFFF, 4,
         "PE headers: expected sections behind the headers and inside"},
        {0x98 + 112 + 36, 0x201, 4, "PE headers: expected certificates behind the sections"},
    };
    tdx_kernel_make(good);
    ck_assert_int_eq(pe_of(good, sizeof(good), NULL, digest, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        memcpy(k, good, sizeof(k));
        tdx_image_put(k + rows[i].at, rows[i].value, rows[i].size);
        ck_assert_int_ne(pe_of(k, sizeof(k), NULL, digest, &err), CL_OK);
        ck_assert_msg(strstr(err.msg, rows[i].msg) != NULL, "%zu: %s", i, err.msg);
    }
    for (size_t n = 0; n < 0xE00; n++) { /* truncated: inside headers or sections */
        ck_assert_int_ne(pe_of(good, n, NULL, digest, NULL), CL_OK);
    }
}
END_TEST

START_TEST(test_kernel_is_patched_as_qemu_did)
{
    static const struct {
        uint16_t protocol, xloadflags;
        uint32_t initrd_max;
        uint64_t memory, initrd, gpa; /* where it goes: 0: nowhere */
    } rows[] = {
        {0x20F, 0x40, 0, UINT64_C(1) << 30, 5000, 0x3FFD6000},
        {0x20F, 0x40, 0, UINT64_C(8) << 30, 5000, 0x7FFD6000},
        {0x20F, 0, 0, UINT64_C(1) << 30, 5000, 0x37FFE000},
        {0x20B, 0x40, 0x1FFFFFFF, UINT64_C(1) << 30, 5000, 0x1FFFE000},
        {0x203, 0, 0, UINT64_C(1) << 30, 5000, 0x37FFE000},
        {0x202, 0, 0x1FFFFFFF, UINT64_C(1) << 30, 5000, 0x37FFE000},
        {0x20F, 0x40, 0, UINT64_C(2) << 20, UINT64_C(2) << 20, 0},
        {0x20F, 0x40, 0, 0x28000, 1, 0},
        {0x20F, 0x40, 0, UINT64_C(64) << 30, UINT64_C(1) << 32, 0},
    };
    uint8_t k[0x1000], want[48], got[48];
    struct cl_err err = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        const struct pe_patch patch = {rows[i].memory, rows[i].initrd};
        tdx_kernel_make(k);
        tdx_image_put(k + 0x206, rows[i].protocol, 2);
        tdx_image_put(k + 0x22C, rows[i].initrd_max, 4);
        tdx_image_put(k + 0x236, rows[i].xloadflags, 2);
        enum cl_status st = pe_of(k, sizeof(k), &patch, got, &err);
        if (rows[i].gpa == 0) {
            ck_assert_int_eq(st, CL_ERR_MALFORMED);
            ck_assert_str_eq(err.msg, "memory: expected room for the initrd, got none");
            continue;
        }
        tdx_image_put(k + 0x210, 0x81B0, 2);
        tdx_image_put(k + 0x218, rows[i].gpa, 4);
        tdx_image_put(k + 0x21C, rows[i].initrd, 4);
        tdx_image_put(k + 0x224, 0xFE00, 2);
        tdx_image_put(k + 0x228, 0x20000, 4);
        ck_assert_int_eq(pe_of(k, sizeof(k), NULL, want, NULL), CL_OK);
        ck_assert_msg(st == CL_OK && memcmp(want, got, 48) == 0, "row %zu: %s", i, err.msg);
    }
    const struct pe_patch none = {0, 0};
    for (size_t i = 0; i < 3; i++) { /* no header, an old protocol, no bzImage */
        tdx_kernel_make(k);
        tdx_image_put(k + (i == 0 ? 0x202 : i == 1 ? 0x206 : 0x211), i == 1 ? 0x201 : 0, 2);
        ck_assert_int_eq(pe_of(k, sizeof(k), &none, got, &err), CL_ERR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(err.msg, "setup header: expected a bzImage"));
    }
}
END_TEST

START_TEST(test_kernel_of_other_kinds)
{
    uint8_t k[0x1000], one[48], two[48];
    tdx_kernel_make(k);
    tdx_image_put(k + 0x98, 0x10B, 2); /* PE32: directories 16 bytes earlier */
    tdx_image_put(k + 0x98 + 92, 4, 4);
    ck_assert_int_eq(pe_of(k, sizeof(k), NULL, one, NULL), CL_OK);
    k[0x98 + 64] ^= 1; /* the checksum is left out, everything else is not */
    ck_assert_int_eq(pe_of(k, sizeof(k), NULL, two, NULL), CL_OK);
    ck_assert(memcmp(one, two, 48) == 0);
    k[0x98 + 96 + 32] ^= 1; /* no certificate entry among four directories */
    ck_assert_int_eq(pe_of(k, sizeof(k), NULL, two, NULL), CL_OK);
    ck_assert(memcmp(one, two, 48) != 0);
    tdx_kernel_make(k);
    tdx_image_put(k + 0x98 + 160 + 16, 0, 4); /* an empty section; certificates at the end */
    ck_assert_int_eq(pe_of(k, sizeof(k), NULL, one, NULL), CL_OK);
    tdx_image_put(k + 0x98 + 112 + 36, 0x100, 4);
    ck_assert_int_eq(pe_of(k, sizeof(k), NULL, two, NULL), CL_OK);
    ck_assert(memcmp(one, two, 48) != 0);
    k[0xFFF] ^= 1;
    ck_assert_int_eq(pe_of(k, sizeof(k), NULL, one, NULL), CL_OK);
    ck_assert(memcmp(one, two, 48) == 0);
}
END_TEST

START_TEST(test_reads_that_fail_are_told)
{
    static uint8_t k[0x3000];
    static struct tdx_image im;
    uint8_t digest[48];
    uint64_t pages = 0;
    unsigned n = 0;
    tdx_kernel_make(k);
    tdx_image_put(k + 0x98 + 160 + 16, 0x2000,
                  4); /* a section that goes on behind the first page */
    for (;; n++) {
        struct flaky f = {k, sizeof(k), n};
        const struct launch_image image = {flaky_read_at, &f, sizeof(k)};
        if (pe_sha384_image(&image, NULL, digest, NULL) == CL_OK) {
            break;
        }
    }
    ck_assert_uint_eq(n, 3); /* head, the rest of the section, what is behind it */
    tdx_image_make(&im, 'C');
    for (n = 0;; n++) {
        struct flaky f = {im.data, im.size, n};
        const struct launch_image image = {flaky_read_at, &f, im.size};
        struct tdvf t;
        const struct mrtd_config c = {.tdvf = &t, .image = &image, .variants = n % 2};
        if (tdvf_parse(&image, &t, NULL) == CL_OK &&
            mrtd_compute(&c, digest, &pages, NULL) == CL_OK) {
            break;
        }
    }
    ck_assert_uint_eq(n, 3 + 4 + 2); /* tables, image, payload */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_kernel");
    TCase *t = tcase_create("kernel");
    tcase_add_test(t, test_kernel_headers_are_bounded);
    tcase_add_test(t, test_kernel_is_patched_as_qemu_did);
    tcase_add_test(t, test_kernel_of_other_kinds);
    tcase_add_test(t, test_reads_that_fail_are_told);
    suite_add_tcase(s, t);
    return run_suite(s);
}
