/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_sha384.c - stage0's SHA-384 against FIPS 180-4's examples and against OpenSSL.
 */
#include "base/digest.h"
#include "check_main.h"
#include "stage0.h"

#include <stdlib.h>
#include <string.h>

START_TEST(test_known_vectors)
{
    static const uint8_t abc[S0_SHA384_SIZE] = {
        0xcb, 0x00, 0x75, 0x3f, 0x45, 0xa3, 0x5e, 0x8b, 0xb5, 0xa0, 0x3d, 0x69,
        0x9a, 0xc6, 0x50, 0x07, 0x27, 0x2c, 0x32, 0xab, 0x0e, 0xde, 0xd1, 0x63,
        0x1a, 0x8b, 0x60, 0x5a, 0x43, 0xff, 0x5b, 0xed, 0x80, 0x86, 0x07, 0x2b,
        0xa1, 0xe7, 0xcc, 0x23, 0x58, 0xba, 0xec, 0xa1, 0x34, 0xc8, 0x25, 0xa7};
    uint8_t digest[S0_SHA384_SIZE];
    s0_sha384(digest, (const uint8_t *)"abc", 3);
    ck_assert_mem_eq(digest, abc, sizeof(abc));
    static const uint8_t separator[S0_SHA384_SIZE] = {
        /* tdx.md b.5, of four zero bytes */
        0x39, 0x43, 0x41, 0xb7, 0x18, 0x2c, 0xd2, 0x27, 0xc5, 0xc6, 0xb0, 0x7e,
        0xf8, 0x00, 0x0c, 0xdf, 0xd8, 0x61, 0x36, 0xc4, 0x29, 0x2b, 0x8e, 0x57,
        0x65, 0x73, 0xad, 0x7e, 0xd9, 0xae, 0x41, 0x01, 0x9f, 0x58, 0x18, 0xb4,
        0xb9, 0x71, 0xc9, 0xef, 0xfc, 0x60, 0xe1, 0xad, 0x9f, 0x12, 0x89, 0xf0};
    s0_sha384(digest, (const uint8_t[4]){0}, 4);
    ck_assert_mem_eq(digest, separator, sizeof(separator));
}
END_TEST

START_TEST(test_every_length_like_openssl)
{
    static uint8_t data[100000];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 31 ^ i >> 7);
    }
    for (size_t len = 0; len <= sizeof(data); len += len < 600 ? 1 : 9973) {
        uint8_t found[S0_SHA384_SIZE];
        uint8_t want[S0_SHA384_SIZE];
        uint8_t *exact = malloc(len + 1); /* so that the sanitizer sees a read too far */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact + 1, data, len);
        s0_sha384(found, exact + 1, len);
        ck_assert_int_eq(cl_sha384(want, data, len, NULL), CL_OK);
        ck_assert_mem_eq(found, want, sizeof(want));
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_sha384");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_known_vectors);
    tcase_add_test(tc, test_every_length_like_openssl);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
