/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_sha256.c - stage0's SHA-256 in every variant that this CPU has, against FIPS 180-4's
 * examples and against OpenSSL.
 */
#include "base/digest.h"
#include "check_main.h"
#include "cpu.h"
#include "stage0.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct variant {
    const char *name;
    s0_sha256_blocks_fn *blocks;
    bool present;
};

static struct variant variants[3];

static void find_variants(void)
{
    const struct s0_cpu cpu = {0};
    bool leaf7 = s0_cpuid(&cpu, 0, 0).eax >= 7;
    uint32_t ebx = leaf7 ? s0_cpuid(&cpu, 7, 0).ebx : 0;
    bool bmi = (ebx & S0_CPUID_7_EBX_BMI1) != 0 && (ebx & S0_CPUID_7_EBX_BMI2) != 0;
    variants[0] = (struct variant){"C", s0_sha256_blocks_c, true};
    variants[1] = (struct variant){"BMI2", s0_sha256_blocks_bmi2, bmi};
    variants[2] = (struct variant){"SHA-NI", s0_sha256_blocks_ni, (ebx & S0_CPUID_7_EBX_SHA) != 0};
    for (size_t i = 0; i < CL_ARRAY_LEN(variants); i++) {
        printf("%s SHA-256 %s\n", variants[i].present ? "run " : "SKIP: this CPU lacks",
               variants[i].name);
    }
}

static void expect(const struct variant *v, const char *text, size_t repeat, const char *hex)
{
    size_t unit = strlen(text);
    uint8_t *data = malloc(unit * repeat + 1);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < repeat; i++) {
        memcpy(data + i * unit, text, unit);
    }
    uint8_t digest[S0_SHA256_SIZE];
    s0_sha256(v->blocks, digest, data, unit * repeat);
    free(data);
    char found[2 * S0_SHA256_SIZE + 1];
    for (size_t i = 0; i < S0_SHA256_SIZE; i++) {
        (void)snprintf(found + 2 * i, 3, "%02x", digest[i]);
    }
    ck_assert_msg(strcmp(found, hex) == 0, "%s: %s, expected %s", v->name, found, hex);
}

START_TEST(test_known_vectors)
{
    const struct variant *v = &variants[_i];
    if (!v->present) {
        return;
    }
    expect(v, "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(v, "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(v, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(v, "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(test_equals_openssl_for_every_length)
{
    const struct variant *v = &variants[_i];
    if (!v->present) {
        return;
    }
    enum { MAX = 1027 };
    uint8_t data[MAX + 3];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 131 + (i >> 3));
    }
    for (size_t len = 0; len <= MAX; len++) {
        for (size_t shift = 0; shift < 3; shift++) { /* unaligned, too */
            uint8_t ours[S0_SHA256_SIZE];
            uint8_t theirs[CL_SHA256_SIZE];
            s0_sha256(v->blocks, ours, data + shift, len);
            ck_assert_int_eq(cl_sha256(theirs, data + shift, len, NULL), CL_OK);
            ck_assert_msg(memcmp(ours, theirs, sizeof(ours)) == 0, "%s: length %zu", v->name, len);
        }
    }
}
END_TEST

START_TEST(test_select_takes_one_that_works)
{
    const struct s0_cpu cpu = {0};
    s0_sha256_blocks_fn *blocks = s0_sha256_select(&cpu);
    bool known = false;
    for (size_t i = 0; i < CL_ARRAY_LEN(variants); i++) {
        known = known || (variants[i].present && variants[i].blocks == blocks);
    }
    ck_assert(known);
    if (variants[2].present) {
        ck_assert(blocks == s0_sha256_blocks_ni);
    }
}
END_TEST

int main(void)
{
    find_variants();
    Suite *s = suite_create("stage0_sha256");
    TCase *tc = tcase_create("all");
    int count = (int)CL_ARRAY_LEN(variants);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_known_vectors, 0, count);
    tcase_add_loop_test(tc, test_equals_openssl_for_every_length, 0, count);
    tcase_add_test(tc, test_select_takes_one_that_works);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
