/* SPDX-License-Identifier: Apache-2.0
 * test_encode.c - hex, base64, base64url against RFC 4648 and OpenSSL, and SHA-2 digests.
 */
#include "base/digest.h"
#include "base/encode.h"
#include "check_main.h"

#include <openssl/evp.h>
#include <string.h>

START_TEST(test_rfc4648_vectors)
{
    static const char *const v[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(v); i++) {
        struct cl_buf std = {0};
        struct cl_buf url = {0};
        struct cl_buf back = {0};
        ck_assert_int_eq(cl_b64_encode(&std, v[i][0], strlen(v[i][0]), NULL), CL_OK);
        ck_assert_int_eq(cl_b64url_encode(&url, v[i][0], strlen(v[i][0]), NULL), CL_OK);
        ck_assert_str_eq((char *)std.data, v[i][1]);
        ck_assert_str_eq((char *)url.data, v[i][2]);
        ck_assert_int_eq(cl_b64_decode(&back, v[i][1], strlen(v[i][1]), "f", NULL), CL_OK);
        ck_assert_int_eq(cl_b64url_decode(&back, v[i][2], strlen(v[i][2]), "f", NULL), CL_OK);
        ck_assert_uint_eq(back.len, 2 * strlen(v[i][0]));
        cl_buf_done(&std);
        cl_buf_done(&url);
        cl_buf_done(&back);
    }
}
END_TEST

START_TEST(test_base64_equals_openssl)
{
    uint8_t in[256];
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t)(i * 37 + 11);
    }
    for (size_t n = 0; n <= sizeof(in); n++) {
        struct cl_buf out = {0};
        unsigned char ref[400];
        (void)EVP_EncodeBlock(ref, in, (int)n);
        ck_assert_int_eq(cl_b64_encode(&out, in, n, NULL), CL_OK);
        ck_assert_str_eq((char *)out.data, (char *)ref);
        cl_buf_done(&out);
    }
}
END_TEST

START_TEST(test_bad_base64_is_refused)
{
    static const char *const bad[] = {"Z",        "Zg=",    "Zg",   "Zh==", "Z===",    "====",
                                      "Zg==Zg==", "Zm9v\n", "Zm 9", "Zm-v", "Z\x80==", "=g=="};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct cl_buf out = {0};
        struct cl_err err = {0};
        ck_assert_msg(cl_b64_decode(&out, bad[i], strlen(bad[i]), "f", &err) == CL_ERR_MALFORMED,
                      "%s", bad[i]);
        ck_assert_int_eq(strncmp(err.msg, "f: ", 3), 0);
        cl_buf_done(&out);
    }
    static const char *const badurl[] = {"Zg==", "Zh", "Zm+v", "Z", "Zm9vY"};
    for (size_t i = 0; i < CL_ARRAY_LEN(badurl); i++) {
        struct cl_buf out = {0};
        ck_assert_msg(cl_b64url_decode(&out, badurl[i], strlen(badurl[i]), "f", NULL) ==
                          CL_ERR_MALFORMED,
                      "%s", badurl[i]);
        cl_buf_done(&out);
    }
}
END_TEST

START_TEST(test_hex)
{
    uint8_t out[2] = {9, 9};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_unhex(out, 2, "00ff", "h", NULL), CL_OK);
    ck_assert_mem_eq(out, ((const uint8_t[]){0, 255}), 2);
    ck_assert_int_eq(cl_unhex(out, 2, "00fF", "h", &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "h: expected lower-case hex, got another character at 3");
    ck_assert_int_eq(cl_unhex(out, 2, "00f", "h", &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "h: expected 4 hex digits, got 3 characters");
    ck_assert_mem_eq(out, ((const uint8_t[]){0, 255}), 2);
    char text[5];
    cl_hex(text, out, 2);
    ck_assert_str_eq(text, "00ff");
}
END_TEST

START_TEST(test_hardware_addresses)
{
    static const char *const bad[] = {"",
                                      "02:00:5e:10:00",
                                      "02:00:5e:10:00:0",
                                      "02:00:5e:10:00:011",
                                      "02:00:5e:10:00:01:",
                                      "02-00-5e-10-00-01",
                                      "02:00:5e:10:00:0g",
                                      " 2:00:5e:10:00:01",
                                      "02:00:5e:10:0001:",
                                      "020:0:5e:10:00:01"};
    const uint8_t want[CL_MAC_SIZE] = {0x02, 0x00, 0x5e, 0xab, 0xcd, 0xff};
    uint8_t mac[CL_MAC_SIZE] = {0};
    char text[CL_MAC_TEXT_SIZE];
    struct cl_err err = {0};
    ck_assert_int_eq(cl_mac_parse("02:00:5e:aB:Cd:FF", "mac", mac, &err), CL_OK);
    ck_assert_mem_eq(mac, want, CL_MAC_SIZE);
    cl_mac_format(text, mac);
    ck_assert_str_eq(text, "02:00:5e:ab:cd:ff");
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_int_eq(cl_mac_parse(bad[i], "mac", mac, &err), CL_ERR_MALFORMED);
        ck_assert_mem_eq(mac, want, CL_MAC_SIZE);
    }
    ck_assert_str_eq(err.msg, "mac: expected six pairs of hex digits, got '020:0:5e:10:00:01'");
}
END_TEST

START_TEST(test_sha256_streaming_equals_one_call)
{
    uint8_t a[CL_SHA256_SIZE];
    uint8_t b[CL_SHA256_SIZE];
    struct cl_sha256_ctx *c = NULL;
    ck_assert_int_eq(cl_sha256(a, "abc", 3, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256_new(&c, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256_update(c, "a", 1, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256_update(c, "bc", 2, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256_final(c, b, NULL), CL_OK);
    cl_sha256_freep(&c);
    ck_assert_mem_eq(a, b, sizeof(a));
    char text[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(text, a);
    ck_assert_str_eq(text,
                     "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ck_assert_int_eq(cl_oci_digest_parse(text, b, NULL), CL_OK);
    ck_assert_int_eq(cl_oci_digest_parse("sha512:00", b, NULL), CL_ERR_UNSUPPORTED);
    ck_assert_int_eq(cl_oci_digest_parse("sha256:00", b, NULL), CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("encode");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_rfc4648_vectors);
    tcase_add_test(tc, test_base64_equals_openssl);
    tcase_add_test(tc, test_bad_base64_is_refused);
    tcase_add_test(tc, test_hex);
    tcase_add_test(tc, test_hardware_addresses);
    tcase_add_test(tc, test_sha256_streaming_equals_one_call);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
