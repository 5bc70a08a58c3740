/* SPDX-License-Identifier: Apache-2.0
 * test_ocicrypt.c - ocicrypt's worked example (coco-guest.md 4) in both directions, and what the
 * parsers of packets and options refuse.
 */
#include "oci/ocicrypt.h"

#include "base/digest.h"
#include "base/encode.h"
#include "edit.h"

#define KEY_HEX "09468ebddd615a60e7f19a28716b0c099bb41518280aafadf0cc65d097facf4e"
#define NONCE_HEX "4d7cbaa9e80ce3938f588f43e5d876de"
#define PLAIN_HEX "68656c6c6f206c617965720a"
#define CIPHER_HEX "f731e999c7148b12a6376f36"
#define HMAC_HEX "53bd627f13a6582bb3c4b56ebc77160f507a51754859860110140b93db3be0e7"
#define KEK_HEX "7f41ddb2203c710a1c8f8fb4fe5baaa795fc3dc06eb24a36dab50df43b0883de"
#define PLAIN_DIGEST "sha256:f138e3eebb0e49daacab1b742ee6907a476ef98ab81ede2b4defa0949e6e9062"
#define PRIVOPTS                                                                                   \
    "{\"symkey\":\"CUaOvd1hWmDn8ZoocWsMCZu0FRgoCq+t8Mxl0Jf6z04=\",\"digest\":\"" PLAIN_DIGEST      \
    "\",\"cipheroptions\":{\"nonce\":\"TXy6qegM45OPWI9D5dh23g==\"}}"
#define PACKET                                                                                     \
    "{\"kid\":\"kbs:///default/image-kek/1\",\"wrapped_data\":"                                    \
    "\"rJffRXBZUg9RYf3b3jv6JRa6CiNJCOAvlnFa1BugAlWotuJG/kDYe24h00+w8GB+/"                          \
    "pKrlgB6Hqa6D1RRLAt7Pm5ogvoQIYEiWNUiEjNasWzcwYyNaT7AC2lpTUR8Mi9yLEMPD31AKoqC+"                 \
    "jTYPFoeK8SXYTdTjkjZXcGx88qjObrmNseMhmsyaDDRHRcvNGhK6m/5/I/"                                   \
    "ZMsE2ZuIoef01pGpmNeZc2eBOr3oG01WIHAOEeg+dGNs9omG98/"                                          \
    "8NhdCPTtevVxYwxc3oSIOxxpNIVBs=\",\"iv\":\"rt7MaAga5b48ibGR\",\"wrap_type\":\"A256GCM\"}"
#define PUBOPTS_B64                                                                                \
    "eyJjaXBoZXIiOiJBRVNfMjU2X0NUUl9ITUFDX1NIQTI1NiIsImhtYWMiOiJVNzFpZnhPbVdDdXp4TFZ1dkhjV0QxQjZV" \
    "WFZJV1lZQkVCUUxrOXM3NE9jPSIsImNpcGhlcm9wdGlvbnMiOnt9fQ=="

static void secret_hex(struct cl_secret *s, const char *hex)
{
    ck_assert_int_eq(cl_secret_alloc(s, strlen(hex) / 2, NULL), CL_OK);
    ck_assert_int_eq(cl_unhex(s->data, s->len, hex, "secret", NULL), CL_OK);
}

static void expect_hex(const void *data, size_t n, const char *hex)
{
    char text[512];
    cl_hex(text, data, n);
    ck_assert_str_eq(text, hex);
}

/* --- key ids -----------------------------------------------------------------------------------
 */

START_TEST(test_kid_forms_map_to_one_path)
{
    static const char *const good[] = {
        "kbs:///default/image-kek/1", "kbs://host:8080/default/image-kek/1",
        "host/default/image-kek/1", "/default/image-kek/1", "default/image-kek/1"};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        char path[CL_OCICRYPT_MAX_PATH];
        ck_assert_msg(cl_ocicrypt_kid_path(good[i], path, NULL) == CL_OK, "%s", good[i]);
        ck_assert_str_eq(path, "default/image-kek/1");
    }
}
END_TEST

START_TEST(test_kid_refuses_what_is_no_path)
{
    static const char *const bad[] = {"",
                                      "kbs:///",
                                      "kbs:///a/b",
                                      "kbs:///a/b/c/d",
                                      "kbs:///a//c",
                                      "kbs:///../b/c",
                                      "kbs:///a/b/.c",
                                      "kbs:///a/b/c/",
                                      "a/b",
                                      "a/b/c/d/e",
                                      "kbs:///a/b/c d",
                                      "kbs:///a/b/c%2e",
                                      "kbs://",
                                      "kbs://a",
                                      "http://x/a/b/c",
                                      "\bs:/a/b/c",
                                      "ho\"st/a/b/c",
                                      "kbs://h st/a/b/c"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        char path[CL_OCICRYPT_MAX_PATH] = "untouched";
        struct cl_err err = {0};
        ck_assert_msg(cl_ocicrypt_kid_path(bad[i], path, &err) == CL_ERR_MALFORMED, "%s", bad[i]);
        ck_assert_str_eq(path, "untouched");
        ck_assert_ptr_nonnull(strstr(err.msg, "expected kbs:///repository/type/tag, got '"));
    }
    char longest[400];
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "a/b/", 4);
    longest[CL_OCICRYPT_MAX_PATH] = '\0';
    char path[CL_OCICRYPT_MAX_PATH];
    ck_assert_int_eq(cl_ocicrypt_kid_path(longest, path, NULL), CL_ERR_MALFORMED);
    longest[CL_OCICRYPT_MAX_PATH - 1] = '\0';
    ck_assert_int_eq(cl_ocicrypt_kid_path(longest, path, NULL), CL_OK);
}
END_TEST

/* --- options -----------------------------------------------------------------------------------
 */

START_TEST(test_public_options_example)
{
    struct cl_ocicrypt_public p;
    ck_assert_int_eq(cl_ocicrypt_public_parse(PUBOPTS_B64, &p, NULL), CL_OK);
    expect_hex(p.hmac, sizeof(p.hmac), HMAC_HEX);
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    ck_assert_int_eq(cl_ocicrypt_public_make(&p, &out, NULL), CL_OK);
    ck_assert_str_eq((const char *)out.data, PUBOPTS_B64);
}
END_TEST

static enum cl_status public_of(const char *json, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b64 = {0};
    struct cl_ocicrypt_public p;
    ck_assert_int_eq(cl_b64_encode(&b64, json, strlen(json), NULL), CL_OK);
    return cl_ocicrypt_public_parse((const char *)b64.data, &p, err);
}

START_TEST(test_public_options_refusals)
{
    struct cl_err err = {0};
    ck_assert_int_eq(public_of("{\"cipher\":\"AES_128\",\"hmac\":\"\"}", &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "ocicrypt public options: cipher: expected AES_256_CTR_HMAC_SHA256, "
                              "got 'AES_128'");
    ck_assert_int_eq(public_of("{\"cipher\":\"AES_256_CTR_HMAC_SHA256\",\"hmac\":\"AAAA\"}", &err),
                     CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "ocicrypt public options: hmac: expected 32 bytes, got 3");
    ck_assert_int_eq(public_of("{\"cipher\":\"AES_256_CTR_HMAC_SHA256\"}", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(public_of("[]", &err), CL_ERR_MALFORMED);
    struct cl_ocicrypt_public p;
    ck_assert_int_eq(cl_ocicrypt_public_parse("", &p, &err), CL_ERR_TRUNCATED);
}
END_TEST

static enum cl_status private_of(const char *json, size_t len, struct cl_err *err)
{
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private p = {0};
    char *exact = malloc(len > 0 ? len : 1); /* exact size, so that a sanitizer sees more */
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, json, len);
    enum cl_status st = cl_ocicrypt_private_parse((uint8_t *)exact, len, &p, err);
    free(exact);
    return st;
}

START_TEST(test_private_options_example)
{
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private p = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    ck_assert_int_eq(
        cl_ocicrypt_private_parse((const uint8_t *)PRIVOPTS, strlen(PRIVOPTS), &p, NULL), CL_OK);
    expect_hex(p.key.data, p.key.len, KEY_HEX);
    expect_hex(p.nonce, sizeof(p.nonce), NONCE_HEX);
    ck_assert_int_eq(cl_ocicrypt_private_make(&p, &json, NULL), CL_OK);
    ck_assert_uint_eq(json.len, strlen(PRIVOPTS));
    ck_assert_mem_eq(json.data, PRIVOPTS, json.len);
}
END_TEST

START_TEST(test_private_options_other_order_and_space)
{
    const char *json =
        " { \"cipheroptions\" : { \"x\":\"y\" , \"nonce\":\"TXy6qegM45OPWI9D5dh23g==\" },\n"
        "\"digest\":\"" PLAIN_DIGEST "\", \"other\":\"\","
        "\"symkey\":\"CUaOvd1hWmDn8ZoocWsMCZu0FRgoCq+t8Mxl0Jf6z04=\"} ";
    ck_assert_int_eq(private_of(json, strlen(json), NULL), CL_OK);
}
END_TEST

START_TEST(test_private_options_every_truncation_is_refused)
{
    for (size_t n = 0; n < strlen(PRIVOPTS); n++) {
        struct cl_err err = {0};
        ck_assert_msg(private_of(PRIVOPTS, n, &err) == CL_ERR_MALFORMED, "%zu bytes", n);
        ck_assert_str_eq(err.msg, "ocicrypt private options: expected symkey, digest and nonce");
    }
}
END_TEST

START_TEST(test_private_options_refusals)
{
    static const struct {
        const char *from, *to, *msg;
        enum cl_status st;
    } t[] = {
        {"}}", "}}x", "expected symkey, digest and nonce", CL_ERR_MALFORMED},
        {"symkey", "symkex", "expected symkey, digest and nonce", CL_ERR_MALFORMED},
        {"\"digest\"", "\"symkey\"", "expected symkey, digest and nonce", CL_ERR_MALFORMED},
        {"nonce", "nonse", "expected symkey, digest and nonce", CL_ERR_MALFORMED},
        {"CUaO", "CU\\u0061O", "expected symkey, digest and nonce", CL_ERR_MALFORMED},
        {"CUaO", "", "symkey: expected 32 bytes, got 29", CL_ERR_MALFORMED},
        {"TXy6", "", "nonce: expected 16 bytes, got 13", CL_ERR_MALFORMED},
        {"sha256:f1", "sha256:", "", CL_ERR_MALFORMED},
        {"sha256:f1", "sha512:f1", "", CL_ERR_UNSUPPORTED},
        {"sha256:f1", "sha256:f1f1", "digest: expected 71 bytes, got 73", CL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        char *text = edit(PRIVOPTS, t[i].from, t[i].to);
        struct cl_err err = {0};
        enum cl_status st = private_of(text, strlen(text), &err);
        ck_assert_msg(st == t[i].st, "%s -> %s: %d %s", t[i].from, t[i].to, st, err.msg);
        ck_assert_msg(strstr(err.msg, t[i].msg) != NULL, "%s", err.msg);
        free(text);
    }
}
END_TEST

/* --- packets -----------------------------------------------------------------------------------
 */

static enum cl_status packet_of(const char *json, size_t len, struct cl_err *err)
{
    struct cl_ocicrypt_packet p = {0};
    enum cl_status st = cl_ocicrypt_packet_parse((const uint8_t *)json, len, &p, err);
    cl_ocicrypt_packet_done(&p);
    return st;
}

START_TEST(test_packet_example_unwraps)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet p = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf again = {0};
    secret_hex(&kek, KEK_HEX);
    ck_assert_int_eq(cl_ocicrypt_packet_parse((const uint8_t *)PACKET, strlen(PACKET), &p, NULL),
                     CL_OK);
    ck_assert_str_eq(p.kid, "kbs:///default/image-kek/1");
    ck_assert_int_eq(cl_ocicrypt_packet_unwrap(&p, &kek, &json, NULL), CL_OK);
    ck_assert_uint_eq(json.len, strlen(PRIVOPTS));
    ck_assert_mem_eq(json.data, PRIVOPTS, json.len);
    ck_assert_int_eq(cl_ocicrypt_packet_make(&p, &again, NULL), CL_OK);
    ck_assert_str_eq((const char *)again.data, PACKET);
}
END_TEST

START_TEST(test_packet_wrap_then_unwrap)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    struct cl_ocicrypt_packet a = {0};
    struct cl_ocicrypt_packet b = {0};
    ck_assert_int_eq(cl_secret_random(&kek, 32, NULL), CL_OK);
    const uint8_t *text = (const uint8_t *)PRIVOPTS;
    ck_assert_int_eq(
        cl_ocicrypt_packet_wrap("kbs:///a/b/c", &kek, text, sizeof(PRIVOPTS), &a, NULL), CL_OK);
    ck_assert_int_eq(
        cl_ocicrypt_packet_wrap("kbs:///a/b/c", &kek, text, sizeof(PRIVOPTS), &b, NULL), CL_OK);
    ck_assert_mem_ne(a.iv, b.iv, sizeof(a.iv));
    ck_assert_int_eq(cl_ocicrypt_packet_unwrap(&a, &kek, &json, NULL), CL_OK);
    ck_assert_uint_eq(json.len, sizeof(PRIVOPTS));
    ck_assert_mem_eq(json.data, PRIVOPTS, sizeof(PRIVOPTS));
    cl_ocicrypt_packet_done(&a);
    cl_ocicrypt_packet_done(&b);
}
END_TEST

START_TEST(test_packet_each_flipped_byte_is_rejected)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet p = {0};
    struct cl_err err = {0};
    secret_hex(&kek, KEK_HEX);
    ck_assert_int_eq(cl_ocicrypt_packet_parse((const uint8_t *)PACKET, strlen(PACKET), &p, NULL),
                     CL_OK);
    for (size_t i = 0; i < p.wrapped_len; i++) {
        struct cl_secret json = {0};
        p.wrapped[i] ^= 1;
        ck_assert_int_eq(cl_ocicrypt_packet_unwrap(&p, &kek, &json, &err), CL_ERR_REJECTED);
        ck_assert_ptr_null(json.data);
        p.wrapped[i] ^= 1;
    }
    ck_assert_str_eq(err.msg,
                     "key packet 'kbs:///default/image-kek/1': expected data wrapped under "
                     "this key, got another");
    kek.data[0] ^= 1;
    struct cl_secret json = {0};
    ck_assert_int_eq(cl_ocicrypt_packet_unwrap(&p, &kek, &json, &err), CL_ERR_REJECTED);
    CL_CLEANUP(cl_secret_done) struct cl_secret small = {0};
    ck_assert_int_eq(cl_secret_alloc(&small, 31, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_packet_unwrap(&p, &small, &json, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "key-encryption key: expected 32 bytes, got 31");
}
END_TEST

START_TEST(test_packet_every_truncation_is_refused)
{
    for (size_t n = 0; n < strlen(PACKET); n++) {
        ck_assert_msg(packet_of(PACKET, n, NULL) != CL_OK, "%zu bytes", n);
    }
    ck_assert_int_eq(packet_of(PACKET " ", strlen(PACKET) + 1, NULL), CL_OK);
    ck_assert_int_eq(packet_of(PACKET "x", strlen(PACKET) + 1, NULL), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_packet_fields)
{
    static const struct {
        const char *from, *to, *msg;
        enum cl_status st;
    } t[] = {
        {"\"wrap_type\":\"A256GCM\"",
         "\"wrap_type\":\"A256GCM\",\"version\":\"0.1.0\",\"provider\":\"kbs\","
         "\"provider_settings\":{},\"annotations\":{}",
         "", CL_OK},
        {"A256GCM", "A256CTR", "key packet: wrap_type: expected A256GCM, got 'A256CTR'",
         CL_ERR_UNSUPPORTED},
        {",\"wrap_type\":\"A256GCM\"", "", "key packet: wrap_type", CL_ERR_MALFORMED},
        {"\"wrap_type\"", "\"provider\":\"aws\",\"wrap_type\"",
         "key packet: provider: expected kbs, got 'aws'", CL_ERR_UNSUPPORTED},
        {"\"wrap_type\"", "\"version\":\"0.2.0\",\"wrap_type\"",
         "key packet: version: expected 0.1.0, got '0.2.0'", CL_ERR_UNSUPPORTED},
        {"\"wrap_type\"", "\"surprise\":1,\"wrap_type\"", "surprise", CL_ERR_MALFORMED},
        {"kbs:///default/image-kek/1", "kbs:///default", "expected kbs:///repository/type/tag",
         CL_ERR_MALFORMED},
        {"rt7MaAga5b48ibGR", "rt7MaAga5b48", "key packet: iv: expected 12 bytes, got 9",
         CL_ERR_MALFORMED},
        {"rt7MaAga5b48ibGR", "rt7MaAga5b48ibG*", "iv", CL_ERR_MALFORMED},
        {"\"kid\":\"kbs:///default/image-kek/1\",", "", "kid", CL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        char *text = edit(PACKET, t[i].from, t[i].to);
        struct cl_err err = {0};
        enum cl_status st = packet_of(text, strlen(text), &err);
        ck_assert_msg(st == t[i].st, "%s -> %s: %d %s", t[i].from, t[i].to, st, err.msg);
        ck_assert_msg(strstr(err.msg, t[i].msg) != NULL, "%s", err.msg);
        free(text);
    }
}
END_TEST

START_TEST(test_packets_joined_by_commas)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b64 = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf many = {0};
    ck_assert_int_eq(cl_b64_encode(&b64, PACKET, strlen(PACKET), NULL), CL_OK);
    for (unsigned i = 1; i <= CL_OCICRYPT_MAX_PACKETS + 1; i++) {
        struct cl_ocicrypt_packet *packets = NULL;
        size_t count = 0;
        struct cl_err err = {0};
        ck_assert_int_eq(cl_buf_printf(&many, NULL, "%s%s", i > 1 ? "," : "", (char *)b64.data),
                         CL_OK);
        enum cl_status st =
            cl_ocicrypt_packets_parse((const char *)many.data, &packets, &count, &err);
        if (i <= CL_OCICRYPT_MAX_PACKETS) {
            ck_assert_int_eq(st, CL_OK);
            ck_assert_uint_eq(count, i);
            cl_ocicrypt_packets_free(packets, count);
        } else {
            ck_assert_int_eq(st, CL_ERR_MALFORMED);
            ck_assert_str_eq(err.msg, "key packets: expected at most 8");
        }
    }
    struct cl_ocicrypt_packet *packets = NULL;
    size_t count = 0;
    ck_assert_int_ne(cl_ocicrypt_packets_parse("", &packets, &count, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(&b64, ",", NULL), CL_OK);
    ck_assert_int_ne(cl_ocicrypt_packets_parse((const char *)b64.data, &packets, &count, NULL),
                     CL_OK);
    ck_assert_ptr_null(packets);
}
END_TEST

/* --- cipher ------------------------------------------------------------------------------------
 */

START_TEST(test_cipher_example_both_directions_in_any_pieces)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret key = {0};
    uint8_t nonce[16], plain[12], hmac[32];
    secret_hex(&key, KEY_HEX);
    ck_assert_int_eq(cl_unhex(nonce, 16, NONCE_HEX, "n", NULL), CL_OK);
    ck_assert_int_eq(cl_unhex(plain, 12, PLAIN_HEX, "p", NULL), CL_OK);
    for (size_t split = 0; split <= sizeof(plain); split++) {
        uint8_t data[12];
        struct cl_ocicrypt_cipher *c = NULL;
        memcpy(data, plain, 12);
        ck_assert_int_eq(cl_ocicrypt_encrypt_new(&key, nonce, &c, NULL), CL_OK);
        ck_assert_int_eq(cl_ocicrypt_update(c, data, data, split, NULL), CL_OK);
        ck_assert_int_eq(cl_ocicrypt_update(c, data + split, data + split, 12 - split, NULL),
                         CL_OK);
        ck_assert_int_eq(cl_ocicrypt_encrypt_final(c, hmac, NULL), CL_OK);
        cl_ocicrypt_free(c);
        expect_hex(data, 12, CIPHER_HEX);
        expect_hex(hmac, 32, HMAC_HEX);
        ck_assert_int_eq(cl_ocicrypt_decrypt_new(&key, nonce, &c, NULL), CL_OK);
        ck_assert_int_eq(cl_ocicrypt_update(c, data, data, split, NULL), CL_OK);
        ck_assert_int_eq(cl_ocicrypt_update(c, data + split, data + split, 12 - split, NULL),
                         CL_OK);
        ck_assert_int_eq(cl_ocicrypt_decrypt_final(c, hmac, NULL), CL_OK);
        ck_assert_int_ne(cl_ocicrypt_decrypt_final(c, hmac, NULL), CL_OK); /* only once */
        ck_assert_int_ne(cl_ocicrypt_update(c, data, data, 1, NULL), CL_OK);
        cl_ocicrypt_free(c);
        ck_assert_mem_eq(data, plain, 12);
    }
}
END_TEST

START_TEST(test_cipher_rejects_changed_truncated_and_longer_ciphertext)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret key = {0};
    uint8_t nonce[16], cipher[13] = {0}, hmac[32], out[13];
    secret_hex(&key, KEY_HEX);
    ck_assert_int_eq(cl_unhex(nonce, 16, NONCE_HEX, "n", NULL), CL_OK);
    ck_assert_int_eq(cl_unhex(cipher, 12, CIPHER_HEX, "c", NULL), CL_OK);
    ck_assert_int_eq(cl_unhex(hmac, 32, HMAC_HEX, "h", NULL), CL_OK);
    for (size_t n = 0; n <= 13; n++) {
        for (size_t flip = 0; flip <= 12; flip++) { /* 12: nothing flipped */
            struct cl_ocicrypt_cipher *c = NULL;
            struct cl_err err = {0};
            cipher[flip] ^= flip < 12 ? 1 : 0;
            ck_assert_int_eq(cl_ocicrypt_decrypt_new(&key, nonce, &c, NULL), CL_OK);
            ck_assert_int_eq(cl_ocicrypt_update(c, out, cipher, n, NULL), CL_OK);
            enum cl_status st = cl_ocicrypt_decrypt_final(c, hmac, &err);
            if (n == 12 && flip == 12) {
                ck_assert_int_eq(st, CL_OK);
            } else {
                ck_assert_int_eq(st, CL_ERR_REJECTED);
                ck_assert_str_eq(err.msg, "layer: HMAC: the ciphertext was changed");
            }
            cipher[flip] ^= flip < 12 ? 1 : 0;
            cl_ocicrypt_free(c);
        }
    }
}
END_TEST

START_TEST(test_cipher_counter_carries_through_all_bytes)
{
    /* A nonce of all ones: the counter wraps to zero after one block (big-endian increment). */
    CL_CLEANUP(cl_secret_done) struct cl_secret key = {0};
    uint8_t ones[16], zero[16] = {0}, a[32] = {0}, b[16] = {0};
    memset(ones, 0xff, sizeof(ones));
    secret_hex(&key, KEY_HEX);
    struct cl_ocicrypt_cipher *c = NULL;
    ck_assert_int_eq(cl_ocicrypt_encrypt_new(&key, ones, &c, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_update(c, a, a, 32, NULL), CL_OK);
    cl_ocicrypt_free(c);
    ck_assert_int_eq(cl_ocicrypt_encrypt_new(&key, zero, &c, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_update(c, b, b, 16, NULL), CL_OK);
    cl_ocicrypt_free(c);
    ck_assert_mem_eq(a + 16, b, 16);
    CL_CLEANUP(cl_secret_done) struct cl_secret small = {0};
    ck_assert_int_eq(cl_secret_alloc(&small, 16, NULL), CL_OK);
    ck_assert_int_eq(cl_ocicrypt_encrypt_new(&small, zero, &c, NULL), CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ocicrypt");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_kid_forms_map_to_one_path);
    tcase_add_test(t, test_kid_refuses_what_is_no_path);
    tcase_add_test(t, test_public_options_example);
    tcase_add_test(t, test_public_options_refusals);
    tcase_add_test(t, test_private_options_example);
    tcase_add_test(t, test_private_options_other_order_and_space);
    tcase_add_test(t, test_private_options_every_truncation_is_refused);
    tcase_add_test(t, test_private_options_refusals);
    tcase_add_test(t, test_packet_example_unwraps);
    tcase_add_test(t, test_packet_wrap_then_unwrap);
    tcase_add_test(t, test_packet_each_flipped_byte_is_rejected);
    tcase_add_test(t, test_packet_every_truncation_is_refused);
    tcase_add_test(t, test_packet_fields);
    tcase_add_test(t, test_packets_joined_by_commas);
    tcase_add_test(t, test_cipher_example_both_directions_in_any_pieces);
    tcase_add_test(t, test_cipher_rejects_changed_truncated_and_longer_ciphertext);
    tcase_add_test(t, test_cipher_counter_carries_through_all_bytes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
