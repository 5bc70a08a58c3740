/* SPDX-License-Identifier: Apache-2.0
 * test_tpm_quote.c - parsing of quotes, signatures, public areas and HCL reports; signatures with
 * exactly their algorithms; evidence of a generic TPM, and every way in which it is refused.
 */
#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/hcl_report.h"
#include "tpm_world.h"

#include <string.h>

#define NOW INT64_C(1767225600)
#define AK_ATTRIBUTES                                                                              \
    0x00050072u /* fixedTPM fixedParent sensitiveDataOrigin userWithAuth restricted sign */

/* ---- parsing ---- */

START_TEST(test_quote_is_read_field_by_field)
{
    struct tpm_world_quote w = tpm_world_quote();
    struct cl_tpm_quote q;
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    tpm_world_add_bank(&w, CL_TPM_ALG_SHA1, 0x800001);
    tpm_world_message(&w, &raw);
    ck_assert_int_eq(cl_tpm_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    ck_assert_uint_eq(q.magic, 0xFF544347);
    ck_assert_uint_eq(q.type, 0x8018);
    ck_assert_uint_eq(q.signer_len, 34);
    ck_assert_uint_eq(q.extra_data_len, 9);
    ck_assert_mem_eq(q.extra_data, "challenge", 9);
    ck_assert_uint_eq(q.clock, 1234);
    ck_assert_uint_eq(q.reset_count, 5);
    ck_assert_uint_eq(q.restart_count, 6);
    ck_assert(q.safe);
    ck_assert_uint_eq(q.firmware_version, 0x2020031200120003);
    ck_assert_uint_eq(q.selection.bank_count, 2);
    ck_assert_uint_eq(q.selection.bank[0].mask, 0xFFFFFF);
    ck_assert(cl_tpm_selection_has(&q.selection, CL_TPM_ALG_SHA1, 23));
    ck_assert(!cl_tpm_selection_has(&q.selection, CL_TPM_ALG_SHA1, 22));
    ck_assert(!cl_tpm_selection_has(&q.selection, CL_TPM_ALG_SHA384, 0));
    ck_assert_uint_eq(q.pcr_digest_len, 32);
}
END_TEST

START_TEST(test_every_truncation_and_every_trailing_byte_is_refused)
{
    struct tpm_world_quote w = tpm_world_quote();
    struct cl_tpm_quote q;
    struct cl_tpm_signature s;
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf sig = {0};
    tpm_world_message(&w, &raw);
    tpm_world_sign(&w, &raw, false, &sig);
    for (size_t n = 0; n < raw.len; n++) {
        ck_assert_int_eq(cl_tpm_quote_parse(raw.data, n, &q, &err), CL_ERR_TRUNCATED);
    }
    for (size_t n = 0; n < sig.len; n++) {
        ck_assert_int_eq(cl_tpm_signature_parse(sig.data, n, &s, &err), CL_ERR_TRUNCATED);
    }
    ck_assert_int_eq(cl_buf_append(&raw, "", 1, NULL), CL_OK);
    ck_assert_int_eq(cl_tpm_quote_parse(raw.data, raw.len, &q, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_buf_append(&sig, "", 1, NULL), CL_OK);
    ck_assert_int_eq(cl_tpm_signature_parse(sig.data, sig.len, &s, &err), CL_ERR_MALFORMED);
}
END_TEST

/* At of the message of one bank, 34 bytes of signer and 9 of nonce. */
enum { AT_SAFE = 6 + 36 + 11 + 16, AT_COUNT = AT_SAFE + 9, AT_HASH = AT_COUNT + 4 };

START_TEST(test_fields_out_of_range_are_refused)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum cl_status want;
        const char *text;
    } cases[] = {
        {AT_SAFE, 2, CL_ERR_MALFORMED, "clockInfo.safe: expected 0 or 1, got 2"},
        {AT_COUNT + 3, 5, CL_ERR_MALFORMED, "selection.count: expected at most 4, got 5"},
        {AT_COUNT, 1, CL_ERR_MALFORMED, "selection.count"},
        {AT_HASH + 1, 0x12, CL_ERR_UNSUPPORTED, "selection.hash: expected sha1"},
        {AT_HASH + 2, 255, CL_ERR_TRUNCATED, "selection.pcrSelect"},
        {AT_HASH + 2, 4, CL_ERR_TRUNCATED, "pcrDigest"},
        {6, 0xFF, CL_ERR_TRUNCATED, "qualifiedSigner"},
        {6 + 36, 0xFF, CL_ERR_TRUNCATED, "extraData"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct tpm_world_quote w = tpm_world_quote();
        struct cl_tpm_quote q;
        struct cl_err err = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        tpm_world_message(&w, &raw);
        raw.data[cases[i].at] = cases[i].value;
        enum cl_status st = cl_tpm_quote_parse(raw.data, raw.len, &q, &err);
        ck_assert_msg(st == cases[i].want && strstr(err.msg, cases[i].text) != NULL, "%zu: %d %s",
                      i, (int)st, err.msg);
    }
}
END_TEST

START_TEST(test_a_bank_comes_once_and_ends_at_register_23)
{
    struct tpm_world_quote w = tpm_world_quote();
    struct cl_tpm_quote q;
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    tpm_world_add_bank(&w, CL_TPM_ALG_SHA384, 1);
    tpm_world_message(&w, &raw);
    raw.data[AT_HASH + 6 + 1] = 0x0B; /* the same bank again */
    ck_assert_int_eq(cl_tpm_quote_parse(raw.data, raw.len, &q, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "each bank once"));
    /* Three bytes of bits, and a fourth that is empty, is the same selection; one that is not has
     * registers that we do not know. */
    static const uint8_t four[] = {0xFF, 0x54, 0x43, 0x47, 0x80, 0x18, 0, 0, 0, 0, 0, 0,
                                   0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0,
                                   0,    0,    1,    0,    0,    0,    0, 0, 0, 0, 0, 0,
                                   0,    0,    1,    0,    0x0B, 4,    1, 0, 0, 0, 0, 0};
    uint8_t copy[sizeof(four)];
    memcpy(copy, four, sizeof(four));
    ck_assert_msg(cl_tpm_quote_parse(copy, sizeof(copy), &q, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(q.selection.bank[0].mask, 1);
    copy[sizeof(copy) - 3] = 1;
    ck_assert_int_eq(cl_tpm_quote_parse(copy, sizeof(copy), &q, &err), CL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST(test_public_areas)
{
    static const enum tpm_world_key good[] = {TPM_RSA, TPM_P256, TPM_P384};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        struct cl_tpm_public p = {0};
        struct cl_err err = {0};
        uint16_t scheme = good[i] == TPM_RSA ? CL_TPM_ALG_RSASSA : CL_TPM_ALG_ECDSA;
        tpm_world_area(good[i], AK_ATTRIBUTES, scheme, CL_TPM_ALG_SHA256, &raw);
        ck_assert_msg(cl_tpm_public_parse(raw.data, raw.len, &p, &err) == CL_OK, "%s", err.msg);
        ck_assert_int_eq(EVP_PKEY_eq(p.key, tpm_world_pkey(good[i])), 1);
        ck_assert_uint_eq(p.attributes, AK_ATTRIBUTES);
        ck_assert_uint_eq(p.name_len, 34);
        uint8_t digest[CL_SHA256_SIZE];
        ck_assert_int_eq(cl_sha256(digest, raw.data, raw.len, NULL), CL_OK);
        ck_assert_mem_eq(p.name + 2, digest, sizeof(digest));
        cl_tpm_public_done(&p);
        for (size_t n = 0; n < raw.len; n++) {
            ck_assert_int_ne(cl_tpm_public_parse(raw.data, n, &p, &err), CL_OK);
        }
        /* The same with its size before it. */
        CL_CLEANUP(cl_buf_done) struct cl_buf sized = {0};
        const uint8_t size[2] = {(uint8_t)(raw.len >> 8), (uint8_t)raw.len};
        ck_assert_int_eq(cl_buf_append(&sized, size, 2, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append(&sized, raw.data, raw.len, NULL), CL_OK);
        ck_assert_int_eq(cl_tpm_public_parse(sized.data, sized.len, &p, &err), CL_OK);
        ck_assert_mem_eq(p.name + 2, digest, sizeof(digest));
        cl_tpm_public_done(&p);
        ck_assert_int_eq(cl_buf_append(&raw, "", 1, NULL), CL_OK);
        ck_assert_int_eq(cl_tpm_public_parse(raw.data, raw.len, &p, &err), CL_ERR_MALFORMED);
    }
}
END_TEST

START_TEST(test_weak_and_damaged_public_areas_are_refused)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf small = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ec = {0};
    struct cl_tpm_public p = {0};
    tpm_world_area(TPM_RSA_1024, AK_ATTRIBUTES, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA256, &small);
    ck_assert_int_eq(cl_tpm_public_parse(small.data, small.len, &p, NULL), CL_ERR_MALFORMED);
    tpm_world_area(TPM_P256, AK_ATTRIBUTES, CL_TPM_ALG_ECDSA, CL_TPM_ALG_SHA256, &ec);
    ec.data[ec.len - 1] ^= 1; /* off the curve */
    ck_assert_int_eq(cl_tpm_public_parse(ec.data, ec.len, &p, NULL), CL_ERR_MALFORMED);
    ec.data[ec.len - 1] ^= 1;
    ec.data[3] = CL_TPM_ALG_SHA1; /* a name by SHA-1 names nothing */
    ck_assert_int_eq(cl_tpm_public_parse(ec.data, ec.len, &p, NULL), CL_ERR_UNSUPPORTED);
    ec.data[3] = CL_TPM_ALG_SHA256;
    ec.data[1] = 8; /* a keyed hash */
    ck_assert_int_eq(cl_tpm_public_parse(ec.data, ec.len, &p, NULL), CL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST(test_registers_and_their_digest)
{
    struct cl_tpm_pcrs p = {0};
    struct cl_tpm_selection s = {.bank_count = 1, .bank = {{CL_TPM_ALG_SHA1, 5}}};
    uint8_t value[CL_TPM_DIGEST_MAX] = {1}, digest[CL_TPM_DIGEST_MAX], want[CL_SHA256_SIZE];
    struct cl_err err = {0};
    ck_assert_int_eq(cl_tpm_pcrs_set(&p, CL_TPM_ALG_SHA1, 0, value, &err), CL_OK);
    ck_assert_int_eq(cl_tpm_pcrs_set(&p, CL_TPM_ALG_SHA1, 0, value, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_tpm_pcrs_set(&p, CL_TPM_ALG_SHA1, 24, value, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_tpm_pcrs_set(&p, CL_TPM_ALG_RSA, 1, value, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_tpm_pcrs_digest(&p, &s, CL_TPM_ALG_SHA256, digest, &err),
                     CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "PCR 2 of sha1: expected a value, got none");
    ck_assert_ptr_null(cl_tpm_pcrs_get(&p, CL_TPM_ALG_SHA1, 2));
    ck_assert_ptr_null(cl_tpm_pcrs_get(&p, CL_TPM_ALG_SHA256, 0));
    ck_assert_int_eq(cl_tpm_pcrs_set(&p, CL_TPM_ALG_SHA1, 2, value, &err), CL_OK);
    ck_assert_int_eq(cl_tpm_pcrs_digest(&p, &s, CL_TPM_ALG_SHA256, digest, &err), CL_OK);
    uint8_t text[40] = {1};
    text[20] = 1;
    ck_assert_int_eq(cl_sha256(want, text, sizeof(text), NULL), CL_OK);
    ck_assert_mem_eq(digest, want, sizeof(want));
}
END_TEST

/* ---- verification ---- */

static struct cl_tpm_ak_id trust(enum tpm_world_key key)
{
    struct cl_tpm_ak_id id = {.len = CL_SHA256_SIZE};
    ck_assert_int_eq(cl_tpm_key_digest(tpm_world_pkey(key), id.id, NULL), CL_OK);
    return id;
}

static struct cl_verify_result *verify_parts(struct cl_vtpm_parts *p,
                                             const struct cl_vtpm_policy *policy)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    struct cl_verify_result *r = NULL;
    struct cl_err err = {0};
    ck_assert_msg(cl_vtpm_evidence_from_parts(p, &ev, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_vtpm_verify(ev, policy, &r, NULL, &err), CL_OK);
    return r;
}

/* Verifies a quote; `failing` is the check that must decide, NULL: accepted as class tpm. */
static void expect(const struct tpm_world_quote *q, const struct cl_vtpm_policy *policy,
                   const char *failing)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tpm_world_parts(q, &p);
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = verify_parts(&p, policy);
    const struct cl_check *c = cl_verify_result_deciding(r);
    if (failing == NULL) {
        ck_assert_msg(c == NULL, "%s: %s, got %s", c->id, c->expected, c->actual);
        ck_assert_int_eq(r->verdict, CL_VERDICT_ACCEPTED);
        ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_TPM);
        ck_assert_int_eq(r->authentic, CL_YES);
    } else {
        ck_assert_int_ne(r->verdict, CL_VERDICT_ACCEPTED);
        ck_assert_msg(c != NULL && strcmp(c->id, failing) == 0, "%s instead of %s",
                      c != NULL ? c->id : "-", failing);
    }
}

/* What a caller that knows its TPM says. */
struct policy_world {
    struct cl_tpm_ak_id ak;
    struct cl_tpm_pcr_value pcr;
    struct cl_vtpm_policy policy;
};

static void policy_init(struct policy_world *w, const struct tpm_world_quote *q)
{
    *w = (struct policy_world){.ak = trust(q->key),
                               .pcr = {.alg = q->selection.bank[0].alg, .index = 4}};
    memset(w->pcr.value, 4, sizeof(w->pcr.value));
    w->policy = (struct cl_vtpm_policy){.time = NOW,
                                        .nonce = (const uint8_t *)"challenge",
                                        .nonce_len = 9,
                                        .aks = &w->ak,
                                        .ak_count = 1,
                                        .pcrs = &w->pcr,
                                        .pcr_count = 1};
}

START_TEST(test_keys_schemes_and_banks_verify)
{
    static const struct {
        enum tpm_world_key key;
        uint16_t scheme, hash;
    } signatures[] = {{TPM_RSA, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA256},
                      {TPM_RSA, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA384},
                      {TPM_RSA, CL_TPM_ALG_RSAPSS, CL_TPM_ALG_SHA256},
                      {TPM_P256, CL_TPM_ALG_ECDSA, CL_TPM_ALG_SHA256},
                      {TPM_P384, CL_TPM_ALG_ECDSA, CL_TPM_ALG_SHA384}};
    static const uint16_t banks[] = {CL_TPM_ALG_SHA1, CL_TPM_ALG_SHA256, CL_TPM_ALG_SHA384,
                                     CL_TPM_ALG_SHA512};
    for (size_t s = 0; s < CL_ARRAY_LEN(signatures); s++) {
        for (size_t b = 0; b < CL_ARRAY_LEN(banks); b++) {
            struct tpm_world_quote q = tpm_world_quote();
            struct policy_world w;
            q.selection.bank_count = q.pcrs.bank_count = 0;
            tpm_world_add_bank(&q, banks[b], 0x00F0F7);
            q.key = signatures[s].key;
            q.scheme = signatures[s].scheme;
            q.hash = signatures[s].hash;
            policy_init(&w, &q);
            expect(&q, &w.policy, NULL);
            w.pcr.index = 3; /* there is a value, but it is not quoted */
            memset(w.pcr.value, 3, sizeof(w.pcr.value));
            expect(&q, &w.policy, "tpm.pcr.values");
        }
    }
}
END_TEST

START_TEST(test_signatures_that_do_not_count)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w, &q);
    q.hash = CL_TPM_ALG_SHA1;
    expect(&q, &w.policy, "tpm.signature");
    q = tpm_world_quote();
    q.key = TPM_P256; /* another hash than the curve's */
    q.scheme = CL_TPM_ALG_ECDSA;
    q.hash = CL_TPM_ALG_SHA384;
    policy_init(&w, &q);
    expect(&q, &w.policy, "tpm.signature");
    q.hash = CL_TPM_ALG_SHA256;
    q.scheme = CL_TPM_ALG_RSASSA; /* says the wrong kind */
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    q.scheme = CL_TPM_ALG_ECDSA;
    tpm_world_parts(&q, &p);
    cl_buf_done(&p.ak_spki);
    tpm_world_spki(TPM_RSA, &p.ak_spki);
    w.ak = trust(TPM_RSA);
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = verify_parts(&p, &w.policy);
    ck_assert_str_eq(cl_verify_result_check(r, "tpm.signature")->actual,
                     "the scheme is of another kind of key");
    ck_assert_int_eq(r->verdict, CL_VERDICT_REJECTED);
}
END_TEST

START_TEST(test_wrong_key_nonce_register_or_bank_is_refused)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w, &q);
    expect(&q, &w.policy, NULL);
    w.ak = trust(TPM_RSA_OTHER);
    expect(&q, &w.policy, "tpm.ak.trusted");
    w.policy.ak_count = 0;
    expect(&q, &w.policy, "tpm.ak.trusted");
    policy_init(&w, &q);
    w.policy.nonce_len = 8; /* the length counts */
    expect(&q, &w.policy, "tpm.quote.nonce");
    w.policy.nonce = (const uint8_t *)"challengf";
    w.policy.nonce_len = 9;
    expect(&q, &w.policy, "tpm.quote.nonce");
    policy_init(&w, &q);
    w.pcr.value[31] ^= 1;
    expect(&q, &w.policy, "tpm.pcr.values");
    policy_init(&w, &q);
    w.pcr.alg = CL_TPM_ALG_SHA1;
    expect(&q, &w.policy, "tpm.pcr.values");
    policy_init(&w, &q);
    w.policy.pcr_count = 0;
    expect(&q, &w.policy, "tpm.pcr.values"); /* undetermined */
    w.policy.authenticity_only = true;
    expect(&q, &w.policy, NULL);
    policy_init(&w, &q);
    w.policy.require_class = CL_TEE_CLASS_AZ_SNP_VTPM;
    expect(&q, &w.policy, "tpm.class");
}
END_TEST

START_TEST(test_what_is_no_quote_is_refused)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w, &q);
    q.magic ^= 1;
    expect(&q, &w.policy, "tpm.quote.magic");
    q = tpm_world_quote();
    q.type = 0x8017; /* certifies a key */
    expect(&q, &w.policy, "tpm.quote.type");
    q = tpm_world_quote();
    q.selection.bank[0].mask = 0;
    expect(&q, &w.policy, "tpm.pcr.selection");
    q = tpm_world_quote();
    q.pcrs.bank[0].value[7][0] ^= 1; /* the digest is made of this, the evidence gets the other */
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tpm_world_parts(&q, &p);
    p.pcrs.bank[0].value[7][0] ^= 1;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = verify_parts(&p, &w.policy);
    ck_assert_int_eq(cl_verify_result_check(r, "tpm.pcr.digest")->status, CL_CHECK_FAIL);
    ck_assert_int_eq(r->authentic, CL_NO);
    ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_NONE);
    /* All checks ran. */
    ck_assert_int_eq(cl_verify_result_check(r, "tpm.quote.nonce")->status, CL_CHECK_PASS);
    ck_assert_int_eq(cl_verify_result_check(r, "tpm.signature")->status, CL_CHECK_PASS);
}
END_TEST

START_TEST(test_required_registers_and_initdata)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    uint8_t initdata[CL_SHA256_SIZE] = {7}, text[64] = {0};
    policy_init(&w, &q);
    w.policy.required = (struct cl_tpm_selection){1, {{CL_TPM_ALG_SHA256, 0x8000FF}}};
    expect(&q, &w.policy, NULL);
    q.selection.bank[0].mask = 0x0000FF;
    expect(&q, &w.policy, "tpm.pcr.required");
    q = tpm_world_quote();
    policy_init(&w, &q);
    w.policy.initdata_digest = initdata;
    expect(&q, &w.policy, "tpm.pcr.initdata");
    memcpy(text + 32, initdata, 32);
    ck_assert_int_eq(cl_sha256(q.pcrs.bank[0].value[8], text, sizeof(text), NULL), CL_OK);
    expect(&q, &w.policy, NULL);
    q.selection.bank[0].mask &= ~(1u << 8); /* there, but not quoted */
    expect(&q, &w.policy, "tpm.pcr.initdata");
    /* Initdata alone does not say what booted. */
    q.selection.bank[0].mask |= 1u << 8;
    w.policy.pcr_count = 0;
    expect(&q, &w.policy, "tpm.pcr.values");
}
END_TEST

/* With the public area: its attributes count, and a name may be what is trusted. */
START_TEST(test_attributes_and_names)
{
    static const struct {
        uint32_t attributes;
        enum tpm_world_key key;
        uint16_t hash;
        bool good;
    } cases[] = {
        {AK_ATTRIBUTES, TPM_RSA, CL_TPM_ALG_SHA256, true},
        {AK_ATTRIBUTES & ~CL_TPM_ATTR_RESTRICTED, TPM_RSA, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES & ~CL_TPM_ATTR_FIXED_TPM, TPM_RSA, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES & ~CL_TPM_ATTR_FIXED_PARENT, TPM_RSA, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES & ~CL_TPM_ATTR_SENSITIVE_DATA_ORIGIN, TPM_RSA, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES & ~CL_TPM_ATTR_SIGN, TPM_RSA, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES | CL_TPM_ATTR_DECRYPT, TPM_RSA, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES, TPM_RSA_OTHER, CL_TPM_ALG_SHA256, false},
        {AK_ATTRIBUTES, TPM_RSA, CL_TPM_ALG_SHA384, false}, /* a key for another scheme */
    };
    struct tpm_world_quote q = tpm_world_quote();
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
        struct policy_world w;
        policy_init(&w, &q);
        tpm_world_parts(&q, &p);
        tpm_world_area(cases[i].key, cases[i].attributes, CL_TPM_ALG_RSASSA, cases[i].hash,
                       &p.ak_area);
        w.ak = (struct cl_tpm_ak_id){.len = 34, .id = {0, 0x0B}}; /* by its name */
        ck_assert_int_eq(cl_sha256(w.ak.id + 2, p.ak_area.data, p.ak_area.len, NULL), CL_OK);
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = verify_parts(&p, &w.policy);
        ck_assert_msg((r->verdict == CL_VERDICT_ACCEPTED) == cases[i].good, "%zu", i);
        ck_assert_int_eq(cl_verify_result_check(r, "tpm.ak.attributes")->status,
                         cases[i].good ? CL_CHECK_PASS : CL_CHECK_FAIL);
        ck_assert_int_eq(cl_verify_result_check(r, "tpm.ak.trusted")->status,
                         cases[i].key == TPM_RSA ? CL_CHECK_PASS : CL_CHECK_FAIL);
    }
}
END_TEST

/* ---- every bit ---- */

/* Flips each bit of one part; nothing may be accepted, whether it parses or not. */
static void flip_all(const struct tpm_world_quote *q, const struct cl_vtpm_policy *policy,
                     size_t offset_of_part)
{
    size_t parsed = 0;
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts good = {0};
    tpm_world_parts(q, &good);
    const struct cl_buf *whole =
        (const struct cl_buf *)(const void *)((uint8_t *)&good + offset_of_part);
    for (size_t bit = 0; bit < 8 * whole->len; bit++) {
        CL_CLEANUP(cl_vtpm_parts_done)
        struct cl_vtpm_parts p = {.kind = good.kind, .pcrs = good.pcrs};
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        ck_assert_int_eq(cl_buf_append(&p.message, good.message.data, good.message.len, NULL), 0);
        ck_assert_int_eq(cl_buf_append(&p.signature, good.signature.data, good.signature.len, NULL),
                         0);
        ck_assert_int_eq(cl_buf_append(&p.ak_spki, good.ak_spki.data, good.ak_spki.len, NULL), 0);
        struct cl_buf *part = (struct cl_buf *)(void *)((uint8_t *)&p + offset_of_part);
        part->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (cl_vtpm_evidence_from_parts(&p, &ev, NULL) != CL_OK) {
            continue;
        }
        parsed++;
        ck_assert_int_eq(cl_vtpm_verify(ev, policy, &r, NULL, NULL), CL_OK);
        ck_assert_msg(r->verdict == CL_VERDICT_REJECTED && r->authentic == CL_NO, "bit %zu", bit);
    }
    ck_assert_uint_gt(parsed, whole->len);
}

START_TEST(test_each_flipped_bit_of_quote_signature_and_key_is_refused)
{
    static const enum tpm_world_key key[] = {TPM_RSA, TPM_P256};
    for (size_t i = 0; i < CL_ARRAY_LEN(key); i++) {
        struct tpm_world_quote q = tpm_world_quote();
        struct policy_world w;
        q.key = key[i];
        q.scheme = key[i] == TPM_RSA ? CL_TPM_ALG_RSASSA : CL_TPM_ALG_ECDSA;
        policy_init(&w, &q);
        expect(&q, &w.policy, NULL);
        flip_all(&q, &w.policy, offsetof(struct cl_vtpm_parts, message));
        flip_all(&q, &w.policy, offsetof(struct cl_vtpm_parts, signature));
    }
    /* Of an RSA key's bits, most are still a key; of a point's, hardly any. */
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w, &q);
    flip_all(&q, &w.policy, offsetof(struct cl_vtpm_parts, ak_spki));
}
END_TEST

/* Every bit of a quoted register; those of registers that are not quoted decide nothing, and no
 * claim and no comparison takes them. */
START_TEST(test_each_flipped_bit_of_a_quoted_register_is_refused)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    q.selection.bank[0].mask = 0xFFFF;
    policy_init(&w, &q);
    for (size_t bit = 0; bit < 24 * 256; bit++) {
        CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
        if (bit == 0) {
            expect(&q, &w.policy, NULL);
        }
        tpm_world_parts(&q, &p);
        p.pcrs.bank[0].value[bit / 256][bit % 256 / 8] ^= (uint8_t)(1u << (bit % 8));
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = verify_parts(&p, &w.policy);
        ck_assert_msg((r->verdict == CL_VERDICT_ACCEPTED) == (bit / 256 >= 16), "bit %zu", bit);
        bit += bit / 256 < 16 ? 0 : 30;
    }
}
END_TEST

/* ---- JSON ---- */

START_TEST(test_json_carries_evidence_unchanged)
{
    struct tpm_world_quote q = tpm_world_quote();
    for (int banks = 1; banks <= 2; banks++) {
        CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *again = NULL;
        CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
        CL_CLEANUP(cl_json_decrefp) json_t *j2 = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        struct policy_world w;
        struct cl_err err = {0};
        policy_init(&w, &q);
        tpm_world_parts(&q, &p);
        tpm_world_area(TPM_RSA, AK_ATTRIBUTES, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA256, &p.ak_area);
        ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
        ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
        ck_assert_int_eq(cl_vtpm_evidence_guess(j), CL_TEE_CLASS_TPM);
        ck_assert_int_eq(json_is_array(json_object_get(json_object_get(j, "tpm_quote"), "pcrs")),
                         banks == 1);
        ck_assert_msg(cl_vtpm_evidence_from_json(j, &again, &err) == CL_OK, "%s", err.msg);
        ck_assert_int_eq(cl_vtpm_evidence_to_json(again, &j2, NULL), CL_OK);
        ck_assert_int_eq(json_equal(j, j2), 1);
        ck_assert_int_eq(cl_vtpm_verify(again, &w.policy, &r, NULL, NULL), CL_OK);
        ck_assert_int_eq(r->verdict, CL_VERDICT_ACCEPTED);
        if (banks == 1) {
            tpm_world_add_bank(&q, CL_TPM_ALG_SHA384, 0x00000F);
        }
    }
}
END_TEST

START_TEST(test_json_of_other_forms_is_refused)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{}", "expected members hcl_report or ak_public"},
        {"{\"ak_public\":1}", "ak_public: expected text"},
        {"{\"ak_public\":\"AA==\"}", "tpm_quote"},
        {"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"message\":\"\",\"signature\":\"\",\"pcrs\":[]}}",
         "pcrs: expected 24 values, got 0"},
        {"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"message\":\"\",\"signature\":\"\",\"pcrs\":{"
         "\"sha256\":{\"24\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}}}}",
         "0 to 23"},
        {"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"message\":\"\",\"signature\":\"\",\"pcrs\":{"
         "\"sha256\":{\"01\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}}}}",
         "0 to 23"},
        {"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"message\":\"\",\"signature\":\"\",\"pcrs\":{"
         "\"sha256\":{\"1\":\"00\"}}}}",
         "expected a digest of 32 bytes, got 1"},
        {"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"message\":\"\",\"signature\":\"\",\"pcrs\":{"
         "\"md5\":{}}}}",
         "expected banks sha1"},
        {"{\"ak_public\":\"AA==\",\"tpm_quote\":{\"message\":\"\",\"signature\":\"\",\"pcrs\":{}}}",
         "TPM quote"},
        {"{\"hcl_report\":\"\",\"version\":3}", "version"},
        {"{\"report\":[256],\"quote\":{\"message\":[],\"signature\":[],\"pcrs\":{}}}",
         "report: expected integers of 0 to 255"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_vtpm_evidence *ev = NULL;
        struct cl_err err = {0};
        ck_assert_int_ne(
            cl_vtpm_evidence_from_json_text(cases[i].text, strlen(cases[i].text), &ev, &err),
            CL_OK);
        ck_assert_msg(strstr(err.msg, cases[i].want) != NULL, "%zu: %s", i, err.msg);
    }
}
END_TEST

int main(void)
{
    tpm_world_init();
    Suite *s = suite_create("tpm_quote");
    TCase *t = tcase_create("quote");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_quote_is_read_field_by_field);
    tcase_add_test(t, test_every_truncation_and_every_trailing_byte_is_refused);
    tcase_add_test(t, test_fields_out_of_range_are_refused);
    tcase_add_test(t, test_a_bank_comes_once_and_ends_at_register_23);
    tcase_add_test(t, test_public_areas);
    tcase_add_test(t, test_weak_and_damaged_public_areas_are_refused);
    tcase_add_test(t, test_registers_and_their_digest);
    tcase_add_test(t, test_keys_schemes_and_banks_verify);
    tcase_add_test(t, test_signatures_that_do_not_count);
    tcase_add_test(t, test_wrong_key_nonce_register_or_bank_is_refused);
    tcase_add_test(t, test_what_is_no_quote_is_refused);
    tcase_add_test(t, test_required_registers_and_initdata);
    tcase_add_test(t, test_attributes_and_names);
    tcase_add_test(t, test_each_flipped_bit_of_quote_signature_and_key_is_refused);
    tcase_add_test(t, test_each_flipped_bit_of_a_quoted_register_is_refused);
    tcase_add_test(t, test_json_carries_evidence_unchanged);
    tcase_add_test(t, test_json_of_other_forms_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
