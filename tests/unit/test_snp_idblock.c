/* SPDX-License-Identifier: Apache-2.0
 * test_snp_idblock.c - ID blocks: layout, the published key digest, signing, every byte changed.
 */
#include "cloister/snp_idblock.h"

#include "base/encode.h"
#include "check_main.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

static EVP_PKEY *id_key, *author_key;

static EVP_PKEY *new_key(const char *group)
{
    EVP_PKEY *key = EVP_EC_gen(group);
    ck_assert_ptr_nonnull(key);
    return key;
}

static void setup(void)
{
    id_key = new_key("P-384");
    author_key = new_key("P-384");
}

static void teardown(void)
{
    EVP_PKEY_free(id_key);
    EVP_PKEY_free(author_key);
}

static struct cl_snp_id_block good_block(void)
{
    struct cl_snp_id_block b = {.guest_svn = 0x01020304, .policy = 0x1122334455667788};
    memset(b.measurement, 0xAA, sizeof(b.measurement));
    memset(b.family_id, 0xBB, sizeof(b.family_id));
    memset(b.image_id, 0xCC, sizeof(b.image_id));
    return b;
}

START_TEST(test_block_has_the_layout_of_the_specification)
{
    struct cl_snp_id_block b = good_block(), again;
    struct cl_err err = {0};
    uint8_t raw[CL_SNP_ID_BLOCK_SIZE + 1];
    char hex[2 * CL_SNP_ID_BLOCK_SIZE + 1];
    cl_snp_id_block_encode(&b, raw);
    cl_hex(hex, raw + 0x2F, CL_SNP_ID_BLOCK_SIZE - 0x2F);
    ck_assert_str_eq(hex, "aabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbcccccccccccccccccccccccccccccccc"
                          "01000000040302018877665544332211");
    ck_assert_int_eq(cl_snp_id_block_decode(raw, CL_SNP_ID_BLOCK_SIZE, &again, NULL), CL_OK);
    ck_assert(memcmp(&again.measurement, &b.measurement, 48) == 0);
    ck_assert_uint_eq(again.guest_svn, b.guest_svn);
    ck_assert(again.policy == b.policy);
    for (size_t n = 0; n < CL_SNP_ID_BLOCK_SIZE; n++) {
        ck_assert_int_eq(cl_snp_id_block_decode(raw, n, &again, NULL), CL_ERR_TRUNCATED);
    }
    ck_assert_int_eq(cl_snp_id_block_decode(raw, sizeof(raw), &again, NULL), CL_ERR_MALFORMED);
    raw[0x50] = 2;
    ck_assert_int_eq(cl_snp_id_block_decode(raw, CL_SNP_ID_BLOCK_SIZE, &again, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "ID block: version: expected 1, got 2");
    ck_assert_uint_eq(err.offset, 0x50);
}
END_TEST

/* snp.md b: the key with private scalar 1, whose public point is P-384's base point. */
START_TEST(test_key_digest_equals_the_published_one)
{
    uint8_t digest[48], point[97];
    char hex[97];
    char group[] = "P-384";
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_secp384r1);
    ck_assert_uint_eq(EC_POINT_point2oct(g, EC_GROUP_get0_generator(g),
                                         POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), NULL),
                      sizeof(point));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end()};
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    ck_assert_int_eq(cl_snp_id_key_digest(key, digest, NULL), CL_OK);
    cl_hex(hex, digest, sizeof(digest));
    ck_assert_str_eq(hex, "01ce77b697886b46c6e363a9d02bbee2506e4b21ca4b3085f35f20e4cf66ac780e01e38a"
                          "ad53f973cbcea56e59a7b382");
    struct cl_snp_id_block b = good_block();
    uint8_t raw[CL_SNP_ID_BLOCK_SIZE], auth[CL_SNP_ID_AUTH_SIZE];
    struct cl_err err = {0};
    cl_snp_id_block_encode(&b, raw);
    ck_assert_int_eq(cl_snp_id_auth_sign(raw, key, NULL, auth, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "key: expected a private key, got none");
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    EC_GROUP_free(g);
}
END_TEST

START_TEST(test_other_kinds_of_keys_are_refused)
{
    uint8_t digest[48];
    struct cl_err err = {0};
    EVP_PKEY *p256 = new_key("P-256");
    EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ck_assert_int_eq(cl_snp_id_key_digest(p256, digest, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "key: expected ECDSA P-384, got another kind");
    ck_assert_int_eq(cl_snp_id_key_digest(ed, digest, NULL), CL_ERR_UNSUPPORTED);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(ed);
}
END_TEST

struct signed_block {
    uint8_t block[CL_SNP_ID_BLOCK_SIZE];
    uint8_t auth[CL_SNP_ID_AUTH_SIZE];
    uint8_t id_digest[48], author_digest[48];
};

static void make_signed(struct signed_block *s, EVP_PKEY *author)
{
    struct cl_snp_id_block b = good_block();
    cl_snp_id_block_encode(&b, s->block);
    ck_assert_int_eq(cl_snp_id_auth_sign(s->block, id_key, author, s->auth, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_id_key_digest(id_key, s->id_digest, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_id_key_digest(author_key, s->author_digest, NULL), CL_OK);
}

static enum cl_verdict verdict(const struct signed_block *s, const struct cl_snp_id_policy *p,
                               const char *failed)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct cl_snp_id_facts f;
    ck_assert_int_eq(
        cl_snp_id_verify(s->block, sizeof(s->block), s->auth, sizeof(s->auth), p, &f, &r, NULL),
        CL_OK);
    if (failed != NULL) {
        ck_assert_ptr_nonnull(cl_verify_result_check(r, failed));
        ck_assert_int_eq(cl_verify_result_check(r, failed)->status, CL_CHECK_FAIL);
    }
    return r->verdict;
}

START_TEST(test_signed_block_verifies_and_compares)
{
    static struct signed_block s;
    struct cl_snp_id_block b = good_block();
    make_signed(&s, author_key);
    const struct cl_snp_id_policy nothing = {0};
    const struct cl_snp_id_policy all = {.measurement = b.measurement,
                                         .id_key_digest = s.id_digest,
                                         .author_key_digest = s.author_digest,
                                         .has_policy = true,
                                         .policy = b.policy};
    ck_assert_int_eq(verdict(&s, &nothing, NULL), CL_VERDICT_UNDETERMINED);
    ck_assert_int_eq(verdict(&s, &all, NULL), CL_VERDICT_ACCEPTED);
    struct cl_snp_id_policy other = all;
    other.id_key_digest = s.author_digest;
    ck_assert_int_eq(verdict(&s, &other, "snp.idblock.id_key_digest"), CL_VERDICT_REJECTED);
    other = all;
    other.author_key_digest = s.id_digest;
    ck_assert_int_eq(verdict(&s, &other, "snp.idblock.author_key_digest"), CL_VERDICT_REJECTED);
    other = all;
    other.policy ^= 1;
    ck_assert_int_eq(verdict(&s, &other, "snp.idblock.policy"), CL_VERDICT_REJECTED);
    other = all;
    other.measurement = s.id_digest;
    ck_assert_int_eq(verdict(&s, &other, "snp.idblock.measurement"), CL_VERDICT_REJECTED);
}
END_TEST

START_TEST(test_author_is_optional_but_not_when_demanded)
{
    static struct signed_block s;
    make_signed(&s, /* author= */ NULL);
    struct cl_snp_id_policy p = {.id_key_digest = s.id_digest};
    ck_assert_int_eq(verdict(&s, &p, NULL), CL_VERDICT_ACCEPTED);
    s.auth[4] = 1; /* some tools name the algorithm of an author who is not there */
    ck_assert_int_eq(verdict(&s, &p, NULL), CL_VERDICT_ACCEPTED);
    s.auth[4] = 2;
    ck_assert_int_eq(verdict(&s, &p, "snp.idblock.algorithms"), CL_VERDICT_REJECTED);
    s.auth[4] = 0;
    p.author_key_digest = s.author_digest;
    ck_assert_int_eq(verdict(&s, &p, "snp.idblock.author_key_digest"), CL_VERDICT_REJECTED);
}
END_TEST

/* One bit of every byte, each bit in turn; the block in full. */
START_TEST(test_no_changed_bit_is_accepted)
{
    static struct signed_block s;
    make_signed(&s, author_key);
    const struct cl_snp_id_policy p = {.id_key_digest = s.id_digest};
    for (size_t i = 0; i < sizeof(s.auth); i++) {
        s.auth[i] ^= (uint8_t)(1u << (i % 8));
        ck_assert_msg(verdict(&s, &p, NULL) == CL_VERDICT_REJECTED, "byte %zu", i);
        s.auth[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t i = 0; i < 8 * sizeof(s.block); i++) {
        struct cl_verify_result *r = NULL;
        s.block[i / 8] ^= (uint8_t)(1u << (i % 8));
        enum cl_status st =
            cl_snp_id_verify(s.block, sizeof(s.block), s.auth, sizeof(s.auth), &p, NULL, &r, NULL);
        ck_assert_msg(st != CL_OK || r->verdict == CL_VERDICT_REJECTED, "bit %zu", i);
        cl_verify_result_free(r);
        s.block[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}
END_TEST

START_TEST(test_auth_of_another_size_is_refused)
{
    static struct signed_block s;
    static uint8_t longer[CL_SNP_ID_AUTH_SIZE + 1];
    struct cl_verify_result *r = NULL;
    const struct cl_snp_id_policy p = {0};
    make_signed(&s, author_key);
    memcpy(longer, s.auth, sizeof(s.auth));
    for (size_t n = 0; n < sizeof(s.auth); n += 61) {
        ck_assert_int_eq(cl_snp_id_verify(s.block, sizeof(s.block), s.auth, n, &p, NULL, &r, NULL),
                         CL_ERR_TRUNCATED);
    }
    ck_assert_int_eq(
        cl_snp_id_verify(s.block, sizeof(s.block), longer, sizeof(longer), &p, NULL, &r, NULL),
        CL_ERR_MALFORMED);
    ck_assert_ptr_null(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_idblock");
    TCase *t = tcase_create("idblock");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_block_has_the_layout_of_the_specification);
    tcase_add_test(t, test_key_digest_equals_the_published_one);
    tcase_add_test(t, test_other_kinds_of_keys_are_refused);
    tcase_add_test(t, test_signed_block_verifies_and_compares);
    tcase_add_test(t, test_author_is_optional_but_not_when_demanded);
    tcase_add_test(t, test_no_changed_bit_is_accepted);
    tcase_add_test(t, test_auth_of_another_size_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
