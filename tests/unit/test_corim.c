/* SPDX-License-Identifier: Apache-2.0
 * test_corim.c - reference values in a CoRIM: round trips, every truncation and every flipped bit
 * of a signed file, and what a file may not say. CBOR's strictness is tested on the way.
 */
#include "cbor_text.h"
#include "check_main.h"
#include "cloister/corim.h"
#include "cloister/pem.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

#define NOW INT64_C(1767225600)
#define TEXT_SIZE 4096u

static EVP_PKEY *p256, *p384, *ed25519, *other;

static struct cl_corim example(void)
{
    struct cl_corim c = {.id = "cloister:snp:0123",
                         .signer = "build farm",
                         .not_before = NOW - 10,
                         .not_after = NOW + 1000,
                         .count = 2};
    c.references[0].tee_class = CL_TEE_CLASS_SNP;
    c.references[1].tee_class = CL_TEE_CLASS_SIM_TDX;
    for (size_t i = 0; i < CL_CORIM_MEASUREMENT_SIZE; i++) {
        c.references[0].measurement[i] = (uint8_t)i;
        c.references[1].measurement[i] = (uint8_t)(0x80 + i);
        c.references[1].rtmr[1][i] = (uint8_t)(0x40 + i);
        c.references[1].rtmr[3][i] = (uint8_t)(0xC0 + i);
    }
    c.references[1].has_rtmr[1] = c.references[1].has_rtmr[3] = true;
    return c;
}

static void write_example(EVP_PKEY *key, struct cl_buf *out)
{
    struct cl_corim c = example();
    struct cl_err err = {0};
    ck_assert_msg(cl_corim_write(&c, key, out, &err) == CL_OK, "%s", err.msg);
}

static enum cl_status read_at(const struct cl_buf *b, EVP_PKEY *key, int64_t now,
                              struct cl_corim *ret, struct cl_err *err)
{
    return cl_corim_read(b->data, b->len, key, CL_CORIM_SIGNED, now, ret, err);
}

START_TEST(test_round_trip_with_each_kind_of_key)
{
    EVP_PKEY *keys[] = {p256, p384, ed25519};
    struct cl_buf b = {0};
    struct cl_corim c;
    struct cl_err err = {0};
    struct cl_corim want = example();
    write_example(keys[_i], &b);
    ck_assert(cl_corim_looks_like(b.data, b.len));
    ck_assert_msg(read_at(&b, keys[_i], NOW, &c, &err) == CL_OK, "%s", err.msg);
    ck_assert(c.is_signed);
    ck_assert_str_eq(c.id, want.id);
    ck_assert_str_eq(c.signer, want.signer);
    ck_assert_int_eq(c.not_before, want.not_before);
    ck_assert_int_eq(c.not_after, want.not_after);
    ck_assert_uint_eq(c.count, 2);
    ck_assert_mem_eq(c.references, want.references, 2 * sizeof(want.references[0]));
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    struct cl_buf b = {0};
    struct cl_corim c;
    write_example(ed25519, &b);
    for (size_t n = 0; n < b.len; n++) {
        struct cl_err err = {0};
        ck_assert_int_eq(cl_corim_read(b.data, n, ed25519, CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, &err),
                         CL_ERR_TRUNCATED);
    }
    ck_assert(cl_buf_append(&b, "", 1, NULL) == CL_OK);
    struct cl_err err = {0};
    ck_assert_int_eq(read_at(&b, ed25519, NOW, &c, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "CBOR: COSE_Sign1: expected the end, got 1 bytes");
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_every_flipped_bit_is_refused)
{
    EVP_PKEY *keys[] = {p256, p384, ed25519};
    struct cl_buf b = {0};
    struct cl_corim c;
    write_example(keys[_i], &b);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        ck_assert_int_ne(
            cl_corim_read(b.data, b.len, keys[_i], CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, NULL), CL_OK);
        b.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    ck_assert_int_eq(read_at(&b, keys[_i], NOW, &c, NULL), CL_OK);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_only_the_named_key_counts)
{
    struct cl_buf b = {0};
    struct cl_corim c;
    struct cl_err err = {0};
    write_example(p256, &b);
    ck_assert_int_eq(read_at(&b, other, NOW, &c, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "signature does not verify");
    ck_assert_int_eq(read_at(&b, ed25519, NOW, &c, &err), CL_ERR_REJECTED);
    ck_assert_int_eq(read_at(&b, p384, NOW, &c, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "signature: expected 96 bytes (ES384), got 64");
    ck_assert_int_eq(read_at(&b, NULL, NOW, &c, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "signature: expected a key to verify it with, got none");
    /* a permission for unsigned files is none for a signed one that nobody verified */
    ck_assert_int_eq(cl_corim_read(b.data, b.len, NULL, CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, &err),
                     CL_ERR_UNAVAILABLE);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_expiry_is_enforced_to_the_second)
{
    static const struct {
        int64_t now;
        enum cl_status want;
    } cases[] = {{NOW - 11, CL_ERR_UNAVAILABLE},
                 {NOW - 10, CL_OK},
                 {NOW + 1000, CL_OK},
                 {NOW + 1001, CL_ERR_UNAVAILABLE}};
    struct cl_buf b = {0};
    struct cl_corim c;
    write_example(ed25519, &b);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(read_at(&b, ed25519, cases[i].now, &c, NULL), cases[i].want);
    }
    struct cl_err err = {0};
    ck_assert_int_eq(read_at(&b, ed25519, NOW + 1001, &c, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg,
                     "signature: not-after: expected a time to come, got 2026-01-01T00:16:40Z");
    cl_buf_done(&b);
}
END_TEST

#define D48                                                                                        \
    "h000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c"  \
    "0d0e0f"
#define D50 "01234567890123456789012345678901234567890123456789"
#define SNP "M1 0 M3 0 T37 hd05e6d1b9f464ae2a610ce3e6ee7e153 1 'AMD' 2 'SEV-SNP'"
#define GOOD_MEASUREMENT "M2 0 0 1 M1 2 A1 A2 7 " D48
#define COMID(triples) "M2 1 M1 0 'tag' 4 M1 0 " triples
#define VALIDITY "4 M1 1 T1 1800000000"
#define CORIM(comid) "T501 M3 0 'id' 1 A1 T506 < " comid " > " VALIDITY
#define TRIPLE(environment, measurement) "A2 " environment " A1 " measurement
#define ONE(environment, measurement) CORIM(COMID("A1 " TRIPLE(environment, measurement)))

static const struct {
    const char *text;
    enum cl_status want;
    const char *msg; /* NULL: accepted with one reference */
} documents[] = {
    {ONE(SNP, GOOD_MEASUREMENT), CL_OK, NULL},
    {ONE("M1 0 M1 0 T37 hd05e6d1b9f464ae2a610ce3e6ee7e153", GOOD_MEASUREMENT), CL_OK, NULL},
    {ONE(SNP, "M1 1 M1 2 A2 A2 1 h00 A2 7 " D48), CL_OK, NULL},
    /* the same triple under the class's two names, and somebody else's before it */
    {CORIM(COMID(
         "A3 A2 M1 0 M1 1 'Arm' A1 M1 1 M1 1 T552 3 " TRIPLE(SNP, GOOD_MEASUREMENT) " " TRIPLE(
             "M1 0 M1 0 T37 h89a7a1f0e7044faaacbd81c86df8a961", GOOD_MEASUREMENT))),
     CL_OK, NULL},
    {CORIM("M3 1 M1 0 'tag' 3 A1 M2 0 'x' 1 0 4 M2 0 A1 " TRIPLE(SNP, GOOD_MEASUREMENT) " 3 A1 0"),
     CL_OK, NULL},
    /* a class that has no UUID is somebody else's */
    {CORIM(COMID("A2 " TRIPLE("M1 0 M1 0 T111 h00", "M1 0 0") " " TRIPLE(SNP, GOOD_MEASUREMENT))),
     CL_OK, NULL},
    {"T501 M4 0 'id' 1 A1 T506 < " COMID(
         "A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " > " VALIDITY
                                              " 5 A4 xf4 xf6 4294967296 A3 -300 -70000 -4294967298",
     CL_OK, NULL},
    /* demands that we do not compare */
    {ONE("M2 0 M1 0 T37 hd05e6d1b9f464ae2a610ce3e6ee7e153 1 T560 h00", GOOD_MEASUREMENT),
     CL_ERR_UNSUPPORTED,
     "environment: expected the class of AMD SEV-SNP alone, got something narrower"},
    {ONE("M1 0 M2 0 T37 hd05e6d1b9f464ae2a610ce3e6ee7e153 1 'Amd'", GOOD_MEASUREMENT),
     CL_ERR_UNSUPPORTED,
     "environment: expected the class of AMD SEV-SNP alone, got something narrower"},
    {ONE("M1 0 M2 0 T37 hd05e6d1b9f464ae2a610ce3e6ee7e153 2 'SEV'", GOOD_MEASUREMENT),
     CL_ERR_UNSUPPORTED,
     "environment: expected the class of AMD SEV-SNP alone, got something narrower"},
    {ONE("M1 0 M2 0 T37 hd05e6d1b9f464ae2a610ce3e6ee7e153 3 0", GOOD_MEASUREMENT),
     CL_ERR_UNSUPPORTED,
     "environment: expected the class of AMD SEV-SNP alone, got something narrower"},
    {ONE(SNP, "M2 0 1 1 M1 2 A1 A2 7 " D48), CL_ERR_UNSUPPORTED, "mkey: expected 0, got another"},
    {ONE(SNP, "M1 1 M2 1 T552 3 2 A1 A2 7 " D48), CL_ERR_UNSUPPORTED,
     "measurement values: expected only what can be compared, got key 1"},
    {ONE(SNP, "M1 1 M2 2 A1 A2 7 " D48 " -1 0"), CL_ERR_UNSUPPORTED,
     "measurement values: expected only what can be compared, got an extension"},
    {ONE(SNP, "M2 1 M1 2 A1 A2 7 " D48 " 2 A1 0"), CL_ERR_UNSUPPORTED,
     "measurement: expected only what can be compared, got key 2"},
    {CORIM(COMID("A1 A2 " SNP " A2 " GOOD_MEASUREMENT " " GOOD_MEASUREMENT)), CL_ERR_UNSUPPORTED,
     "measurements: expected one in a triple of SEV-SNP, got 2"},
    {ONE(SNP, "M1 1 M2 2 A1 A2 7 " D48 " 14 M1 4 A1 A2 7 " D48), CL_ERR_UNSUPPORTED,
     "measurement values: expected only what can be compared, got key 14"},
    {ONE("M1 0 M1 0 T37 h2f63b10d64954d0a8a57319f8e0ac671",
         "M1 1 M2 2 A1 A2 7 " D48 " 14 M1 4 A1 A2 7 " D48),
     CL_ERR_UNSUPPORTED, "integrity registers: expected only what can be compared, got key 4"},
    {ONE("M1 0 M1 0 T37 h2f63b10d64954d0a8a57319f8e0ac671",
         "M1 1 M2 2 A1 A2 7 " D48 " 14 M1 'pcr' A1 A2 7 " D48),
     CL_ERR_UNSUPPORTED,
     "integrity registers: expected only what can be compared, got an extension"},
    {ONE("M1 0 M1 0 T37 h2f63b10d64954d0a8a57319f8e0ac671", "M1 1 M2 2 A1 A2 7 " D48 " 15 0"),
     CL_ERR_UNSUPPORTED, "measurement values: expected only what can be compared, got key 15"},
    {ONE("M1 0 M1 0 T37 h2f63b10d64954d0a8a57319f8e0ac671", "M1 1 M1 14 M1 0 A1 A2 7 " D48),
     CL_ERR_UNSUPPORTED, "measurement values: expected digests, got none"},
    {"T501 M4 0 'id' 1 A1 T506 < " COMID(
         "A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " > 3 T32 'x' " VALIDITY,
     CL_ERR_UNSUPPORTED, "profile: expected none, got one"},
    /* digests */
    {ONE(SNP, "M1 1 M1 2 A1 A2 1 h00"), CL_ERR_UNSUPPORTED,
     "digests: expected a SHA-384 digest (7), got none"},
    {ONE(SNP, "M1 1 M1 2 A1 A2 7 h00"), CL_ERR_MALFORMED,
     "digests: expected one SHA-384 digest of 48 bytes, got another length"},
    {ONE(SNP, "M1 1 M1 2 A2 A2 7 " D48 " A2 7 " D48), CL_ERR_MALFORMED,
     "digests: expected one SHA-384 digest of 48 bytes, got two"},
    {ONE(SNP, "M1 0 0"), CL_ERR_MALFORMED, "measurement: expected values, got none"},
    {ONE("M1 0 M1 0 T37 h00", GOOD_MEASUREMENT), CL_ERR_MALFORMED,
     "class-id: expected 16 bytes, got 1"},
    /* whole file */
    {"T501 M2 0 'id' 1 A1 T506 < " COMID("A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " >",
     CL_ERR_MALFORMED, "CoRIM: validity with not-after: expected it, got none"},
    {"T501 M3 0 'id' 1 A1 T506 < " COMID("A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " > 4 M1 0 T1 5",
     CL_ERR_MALFORMED, "CoRIM: validity with not-after: expected it, got none"},
    {"T501 M2 1 A1 T506 < " COMID("A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " > " VALIDITY,
     CL_ERR_MALFORMED, "CoRIM: id: expected it, got none"},
    {CORIM(COMID("A1 A2 M1 0 M1 1 'Arm' A1 M1 1 M1 1 T552 3")), CL_ERR_MALFORMED,
     "CoRIM: a reference value of a known class: expected it, got none"},
    {"T501 M2 0 'id' 1 A1 T505 < M1 0 0 > " VALIDITY, CL_ERR_MALFORMED, NULL},
    {CORIM("M1 4 M1 0 A1 " TRIPLE(SNP, GOOD_MEASUREMENT)), CL_ERR_MALFORMED,
     "CoMID: expected a tag identity, got none"},
    {"T501 M1 0 h00", CL_ERR_MALFORMED,
     "id: expected 1 to 128 printable characters, got something else"},
    {"T501 M1 0 ''", CL_ERR_MALFORMED,
     "id: expected 1 to 128 printable characters, got something else"},
    {"T501 M1 0 'a" D50 D50 "bcdefghijklmnopqrstuvwxyz012'", CL_ERR_MALFORMED,
     "id: expected 1 to 128 printable characters, got something else"},
    {"T501 M1 0 x62611f", CL_ERR_MALFORMED,
     "id: expected 1 to 128 printable characters, got something else"},
    {"T501 M1 0 x62617f", CL_ERR_MALFORMED,
     "id: expected 1 to 128 printable characters, got something else"},
    {"T502 M1 0 'id'", CL_ERR_UNSUPPORTED, "CBOR: CoRIM: expected tag 501, got 502"},
    {"T501 M3 0 'id' 1 A1 T506 < " COMID(
         "A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " > 4 M1 1 1800000000",
     CL_ERR_MALFORMED, "CBOR: not-after: expected a tag, got an unsigned integer"},
    {"T501 M2 0 'id' 4 M1 1 T1 0", CL_ERR_MALFORMED,
     "not-after: expected seconds since 1970, got 0"},
    {"T501 M2 0 'id' 4 M1 1 T1 1099511627776", CL_ERR_MALFORMED,
     "not-after: expected seconds since 1970, got 1099511627776"},
    {"T501 M2 0 'id' 4 M1 1 T1 -1", CL_ERR_MALFORMED,
     "CBOR: not-after: expected an unsigned integer, got a negative integer"},
    {"T501 M2 0 'id' 4 M1 2 T1 5", CL_ERR_UNSUPPORTED,
     "validity: expected not-before and not-after, got another key"},
    {"T501 M2 0 'id' 4 M3 0 T1 5 1 T1 6 2 0", CL_ERR_MALFORMED,
     "CBOR: validity: expected 1 to 2 elements, got 3"},
    {"T501 M3 0 'id' 1 A1 T506 < " COMID("A1 " TRIPLE(SNP, GOOD_MEASUREMENT)) " > 4 M1 1 T1 1000",
     CL_ERR_UNAVAILABLE, "CoRIM: not-after: expected a time to come, got 1970-01-01T00:16:40Z"},
    /* encodings that are not deterministic */
    {"T501 M2 1 A0 0 'id'", CL_ERR_MALFORMED, "CBOR: tags: expected 1 to 16 elements, got 0"},
    {"T501 M2 0 'id' 0 'id'", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected keys in order and each once, got another order"},
    {"T501 M2 5 0 0 'id'", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected keys in order and each once, got another order"},
    {"T501 xbf00ff", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected a value of definite length, got an indefinite length"},
    {"T501 M1 x1800 'id'", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected the shortest encoding, got a longer one"},
    {"T501 M1 0 x62c328", CL_ERR_MALFORMED, "CBOR: id: expected UTF-8, got other bytes"},
    {"T501 M1 9 xf93c00", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected a value of definite length, got a float"},
    {"T501 M1 9 xfb3ff0000000000000", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected a value of definite length, got a float"},
    {"T501 M1 9 M1 0 xf7", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected a value of definite length, got undefined"},
    {"T501 M1 9 M1 xf6 0", CL_ERR_MALFORMED, "CBOR: CoRIM: expected an integer or text as key"},
    {"T501 M1 9 xf7", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected a value of definite length, got undefined"},
    {"T501 M1 9 xf0", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected a value of definite length, got a reserved head"},
    {"T501 M1 9 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 A1 0", CL_ERR_MALFORMED,
     "CBOR: CoRIM: expected at most 16 levels"},
    {"T501 M1 h00 0", CL_ERR_MALFORMED, "CBOR: CoRIM: expected an integer or text as key"},
    {"T501 M1 9 A4000000000", CL_ERR_TRUNCATED, "CBOR: CoRIM: expected a value, got the end"},
};

START_TEST(test_what_a_document_may_say)
{
    struct cl_buf b = {0};
    struct cl_corim c;
    struct cl_err err = {0};
    cbor_text(documents[_i].text, &b);
    enum cl_status st =
        cl_corim_read(b.data, b.len, /* key= */ NULL, CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, &err);
    ck_assert_msg(st == documents[_i].want, "%s: got %s: %s", documents[_i].text,
                  cl_status_name(st), err.msg);
    if (st == CL_OK) {
        ck_assert(!c.is_signed);
        ck_assert_uint_eq(c.count, 1);
        ck_assert_int_eq(c.references[0].tee_class, CL_TEE_CLASS_SNP);
        ck_assert_int_eq(cl_corim_read(b.data, b.len, NULL, CL_CORIM_SIGNED, NOW, &c, &err),
                         CL_ERR_REJECTED);
        ck_assert_str_eq(err.msg, "signature: expected a signed CoRIM, got an unsigned one");
        for (size_t n = 0; n < b.len; n++) { /* every truncation of the payload too */
            ck_assert_int_ne(
                cl_corim_read(b.data, n, NULL, CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, NULL), CL_OK);
        }
    } else if (documents[_i].msg != NULL) {
        ck_assert_str_eq(err.msg, documents[_i].msg);
    }
    cl_buf_done(&b);
}
END_TEST

/* ---- the place of each item ---- */

enum change {
    UNDEFINED, /* the item is one that may stand nowhere */
    END,       /* the byte string around it, or the document, ends before it */
};

static const char *next_item(const char *p)
{
    const char *end = *p == '\'' ? strchr(p + 1, '\'') + 1 : p + strcspn(p, " ");
    return end + strspn(end, " ");
}

/* The end of the byte string in which p stands. */
static const char *string_end(const char *p)
{
    for (unsigned depth = 0; *p != '\0'; p = next_item(p)) {
        if (*p == '>' && depth-- == 0) {
            return p;
        }
        depth += *p == '<' ? 1 : 0;
    }
    return p;
}

/* A text of cbor_text.h with its nth item changed; false when there are not so many. */
static bool change_item(const char *text, size_t n, enum change change, char ret[static TEXT_SIZE])
{
    const char *p = text;
    for (; *p == '<' || *p == '>' || (*p != '\0' && n-- > 0); p = next_item(p)) {
    }
    if (*p == '\0') {
        return false;
    }
    int len = snprintf(ret, TEXT_SIZE, "%.*s%s%s", (int)(p - text), text,
                       change == UNDEFINED ? "xf7 " : "",
                       change == UNDEFINED ? next_item(p) : string_end(p));
    ck_assert(len >= 0 && (size_t)len < TEXT_SIZE);
    return true;
}

START_TEST(test_every_item_of_a_document_is_read)
{
    static const enum cl_status want[] = {[UNDEFINED] = CL_ERR_MALFORMED, [END] = CL_ERR_TRUNCATED};
    char text[TEXT_SIZE];
    struct cl_buf b = {0};
    struct cl_corim c;
    for (size_t i = 0; documents[_i].want == CL_OK && i < CL_ARRAY_LEN(want); i++) {
        for (size_t n = 0; change_item(documents[_i].text, n, (enum change)i, text); n++) {
            cbor_text(text, &b);
            enum cl_status st =
                cl_corim_read(b.data, b.len, NULL, CL_CORIM_MAY_BE_UNSIGNED, NOW, &c, NULL);
            ck_assert_msg(st == want[i], "%s: got %s", text, cl_status_name(st));
        }
    }
    cl_buf_done(&b);
}
END_TEST

#define META "8 < M1 0 M1 0 'me' >"
#define TYPE "3 'application/rim+cbor'"
static const struct {
    const char *header, *msg;
    enum cl_status want;
} headers[] = {
    {"M3 1 -8 " TYPE " " META, NULL, CL_OK},
    {"M4 1 -8 " TYPE " 4 h00 " META, NULL, CL_OK}, /* kid */
    {"M3 1 -7 " TYPE " " META, "alg: expected -8, which the key is for, got another",
     CL_ERR_REJECTED},
    {"M3 1 'EdDSA' " TYPE " " META, "alg: expected -8, which the key is for, got another",
     CL_ERR_REJECTED},
    {"M4 1 -8 2 A1 4 " TYPE " " META, "header: label 2 is not supported", CL_ERR_UNSUPPORTED},
    {"M4 1 -8 " TYPE " " META " 15 M1 4 1", "header: label 15 is not supported",
     CL_ERR_UNSUPPORTED},
    {"M3 1 -8 3 'application/cbor' " META,
     "content type: expected application/rim+cbor, got 'application/cbor'", CL_ERR_UNSUPPORTED},
    {"M2 " TYPE " " META, "header: alg: expected it, got none", CL_ERR_MALFORMED},
    {"M2 1 -8 " META, "header: content type: expected it, got none", CL_ERR_MALFORMED},
    {"M2 1 -8 " TYPE, "header: corim-meta: expected it, got none", CL_ERR_MALFORMED},
    {"M3 1 -8 " TYPE " 8 < M2 0 M1 0 'me' 1 M1 1 T1 1000 >",
     "signature: not-after: expected a time to come, got 1970-01-01T00:16:40Z", CL_ERR_UNAVAILABLE},
    {"M3 1 -8 " TYPE " 8 < M1 1 M1 1 T1 1000 >", "corim-meta: expected a signer, got none",
     CL_ERR_MALFORMED},
    {"M3 1 -8 " TYPE " 8 < M1 0 M2 0 'me' 1 T32 'https://example.org' >", NULL, CL_OK},
    {"M3 1 -8 " TYPE " 8 < M2 0 M1 0 'me' 1 M2 0 T1 1000 1 T1 1800000000 >", NULL, CL_OK},
    {"M3 1 -8 " TYPE " 8 < M1 0 M1 1 'me' >", "signer: expected a name, got none",
     CL_ERR_MALFORMED},
    {"M3 1 -8 " TYPE " 8 < M1 0 M1 0 h00 >",
     "signer-name: expected 1 to 128 printable characters, got something else", CL_ERR_MALFORMED},
    {"M3 1 -8 " TYPE " 8 < M2 0 M1 0 'me' 2 0 >",
     "corim-meta: expected signer and validity, got another key", CL_ERR_UNSUPPORTED},
    {"M3 1 -8 " TYPE " 8 < M1 0 M1 0 'me' 0 >", "CBOR: corim-meta: expected the end, got 1 bytes",
     CL_ERR_MALFORMED},
    {"M2 1 -8 3 h00", "content type: expected 1 to 128 printable characters, got something else",
     CL_ERR_MALFORMED},
    {"M3 1 -8 " TYPE " 8 < M1 0 M1 0 'me' > 0", NULL, CL_ERR_MALFORMED},
};

static void sign_text(const char *header, const char *unprotected, const char *payload,
                      struct cl_buf *out)
{
    struct cl_buf tbs = {0};
    char text[TEXT_SIZE];
    uint8_t sig[64];
    size_t sig_len = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    (void)snprintf(text, sizeof(text), "A4 'Signature1' < %s > h < %s >", header, payload);
    cbor_text(text, &tbs);
    ck_assert(EVP_DigestSignInit(ctx, NULL, NULL, NULL, ed25519) == 1);
    ck_assert(EVP_DigestSign(ctx, sig, &sig_len, tbs.data, tbs.len) == 1);
    EVP_MD_CTX_free(ctx);
    (void)snprintf(text, sizeof(text), "T18 A4 < %s > %s < %s >", header, unprotected, payload);
    cbor_text(text, out);
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    cl_cbor_put_bytes(&w, sig, sig_len);
    ck_assert(cl_cbor_writer_check(&w, NULL) == CL_OK);
    cl_buf_done(&tbs);
}

START_TEST(test_what_a_signed_header_may_say)
{
    struct cl_buf b = {0};
    struct cl_corim c;
    struct cl_err err = {0};
    sign_text(headers[_i].header, "M0", ONE(SNP, GOOD_MEASUREMENT), &b);
    enum cl_status st = read_at(&b, ed25519, NOW, &c, &err);
    ck_assert_msg(st == headers[_i].want, "%s: got %s: %s", headers[_i].header, cl_status_name(st),
                  err.msg);
    if (headers[_i].msg != NULL) {
        ck_assert_str_eq(err.msg, headers[_i].msg);
    }
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_every_item_of_a_signed_header_is_read)
{
    static const enum cl_status want[] = {[UNDEFINED] = CL_ERR_MALFORMED, [END] = CL_ERR_TRUNCATED};
    char text[TEXT_SIZE];
    struct cl_buf b = {0};
    struct cl_corim c;
    for (size_t i = 0; headers[_i].want == CL_OK && i < CL_ARRAY_LEN(want); i++) {
        for (size_t n = 0; change_item(headers[_i].header, n, (enum change)i, text); n++) {
            cl_buf_reset(&b);
            sign_text(text, "M0", ONE(SNP, GOOD_MEASUREMENT), &b);
            enum cl_status st = read_at(&b, ed25519, NOW, &c, NULL);
            ck_assert_msg(st == want[i], "%s: got %s", text, cl_status_name(st));
        }
    }
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_nothing_unsigned_beside_a_signature)
{
    struct cl_buf b = {0};
    struct cl_corim c;
    struct cl_err err = {0};
    sign_text(headers[0].header, "M1 99 0", ONE(SNP, GOOD_MEASUREMENT), &b);
    ck_assert_int_eq(read_at(&b, ed25519, NOW, &c, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "unprotected header: expected it empty, got 1 entries");
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_as_many_references_as_the_limit)
{
    static struct cl_corim c, back;
    struct cl_buf b = {0};
    struct cl_err err = {0};
    c = example();
    c.count = CL_CORIM_MAX_REFERENCES;
    for (size_t i = 0; i < c.count; i++) {
        c.references[i] = (struct cl_corim_reference){.tee_class = CL_TEE_CLASS_SIM_SNP};
        c.references[i].measurement[0] = (uint8_t)i;
    }
    ck_assert_msg(cl_corim_write(&c, p384, &b, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(read_at(&b, p384, NOW, &back, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(back.count, c.count);
    cl_buf_done(&b);
    struct cl_buf text = {0}, doc = {0};
    ck_assert(cl_buf_append_str(&text, "T501 M3 0 'id' 1 A1 T506 < M2 1 M1 0 'tag' 4 M1 0 A65 ",
                                NULL) == CL_OK);
    for (size_t i = 0; i < CL_CORIM_MAX_REFERENCES + 1u; i++) {
        ck_assert(cl_buf_printf(&text, NULL, "A2 " SNP " A1 M1 1 M1 2 A1 A2 7 h%02zx%s ", i,
                                &(D48)[3]) == CL_OK);
    }
    ck_assert(cl_buf_append_str(&text, "> " VALIDITY, NULL) == CL_OK);
    cbor_text((const char *)text.data, &doc);
    ck_assert_int_eq(
        cl_corim_read(doc.data, doc.len, NULL, CL_CORIM_MAY_BE_UNSIGNED, NOW, &back, &err),
        CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "reference values: expected at most 64, got more");
    cl_buf_done(&text);
    cl_buf_done(&doc);
}
END_TEST

START_TEST(test_a_file_too_large_is_refused)
{
    static uint8_t big[CL_CORIM_MAX_SIZE + 1];
    struct cl_corim c;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_corim_read(big, sizeof(big), p256, CL_CORIM_SIGNED, NOW, &c, &err),
                     CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "CoRIM: size: expected at most 262144 bytes, got 262145");
}
END_TEST

#define EXPECTED_VALUES                                                                            \
    "CoRIM: expected an id, a signer, reference values and an end after its beginning, got "
static struct cl_corim no_id, no_signer, no_end, no_values, registers, unknown_class;

START_TEST(test_the_writer_refuses_what_would_not_be_read)
{
    static const struct {
        const struct cl_corim *values;
        enum cl_status want;
        const char *msg;
    } cases[] = {
        {&no_id, CL_ERR_MALFORMED, EXPECTED_VALUES "no id"},
        {&no_signer, CL_ERR_MALFORMED, EXPECTED_VALUES "no signer"},
        {&no_end, CL_ERR_MALFORMED, EXPECTED_VALUES "no such end"},
        {&no_values, CL_ERR_MALFORMED, EXPECTED_VALUES "no reference value"},
        {&registers, CL_ERR_UNSUPPORTED, "CoRIM: RTMRs: expected none for SEV-SNP, got some"},
        {&unknown_class, CL_ERR_UNSUPPORTED,
         "CoRIM: reference value: expected one of a known class, got 'none'"},
    };
    struct cl_buf b = {0};
    no_id = no_signer = no_end = no_values = registers = unknown_class = example();
    no_id.id[0] = no_signer.signer[0] = '\0';
    no_end.not_after = no_end.not_before;
    no_values.count = 0;
    registers.references[0].has_rtmr[2] = true; /* SEV-SNP has none */
    unknown_class.references[1].tee_class = CL_TEE_CLASS_NONE;
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_err err = {0};
        ck_assert_int_eq(cl_corim_write(cases[i].values, p256, &b, &err), cases[i].want);
        ck_assert_str_eq(err.msg, cases[i].msg);
    }
    ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(test_keys_of_other_kinds)
{
    struct cl_buf b = {0}, none = {0};
    struct cl_corim c = example();
    struct cl_err err = {0};
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    ck_assert_int_eq(cl_corim_write(&c, rsa, &none, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "key: expected P-256, P-384 or Ed25519, got another kind");
    ck_assert_uint_eq(none.len, 0);
    write_example(p256, &b);
    ck_assert_int_eq(read_at(&b, rsa, NOW, &c, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "key: expected P-256, P-384 or Ed25519, got another kind");
    EVP_PKEY_free(rsa);
    cl_buf_done(&b);
}
END_TEST

START_TEST(test_without_a_beginning)
{
    struct cl_buf b = {0};
    struct cl_corim c = example(), back;
    c.not_before = 0;
    ck_assert_int_eq(cl_corim_write(&c, p256, &b, NULL), CL_OK);
    ck_assert_int_eq(read_at(&b, p256, 1, &back, NULL), CL_OK);
    ck_assert_int_eq(back.not_before, 0);
    cl_buf_done(&b);
}
END_TEST

/* Keys come from files without a passphrase; one that has one is refused, and nobody is asked. */
START_TEST(test_keys_from_files)
{
    char path[] = "/tmp/cl-corim-XXXXXX";
    struct cl_err err = {0};
    EVP_PKEY *key = NULL, *rsa = EVP_RSA_gen(2048);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    const struct {
        EVP_PKEY *key;
        const EVP_CIPHER *cipher;
        enum cl_status want;
    } cases[] = {{p256, NULL, CL_OK},
                 {p384, NULL, CL_OK},
                 {ed25519, NULL, CL_OK},
                 {rsa, NULL, CL_ERR_MALFORMED},
                 {p256, EVP_aes_256_cbc(), CL_ERR_MALFORMED}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        FILE *f = fopen(path, "w");
        unsigned char pass[] = "pass";
        ck_assert(PEM_write_PrivateKey(f, cases[i].key, cases[i].cipher, pass,
                                       cases[i].cipher != NULL ? 4 : 0, NULL, NULL) == 1);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(cl_pem_private_key(path, &key, &err), cases[i].want);
        ck_assert_int_eq(key == NULL, cases[i].want != CL_OK);
        cl_pem_key_freep(&key);
        ck_assert_int_eq(cl_pem_public_key(path, &key, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, "expected a public key in PEM"));
    }
    (void)close(fd);
    (void)unlink(path);
    EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(test_json_is_not_taken_for_a_corim)
{
    ck_assert(!cl_corim_looks_like((const uint8_t *)"{", 1));
    ck_assert(!cl_corim_looks_like((const uint8_t *)"", 0));
}
END_TEST

int main(void)
{
    p256 = EVP_EC_gen("P-256");
    other = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    Suite *s = suite_create("corim");
    TCase *t = tcase_create("corim");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_round_trip_with_each_kind_of_key, 0, 3);
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_loop_test(t, test_every_flipped_bit_is_refused, 0, 3);
    tcase_add_test(t, test_only_the_named_key_counts);
    tcase_add_test(t, test_expiry_is_enforced_to_the_second);
    tcase_add_loop_test(t, test_what_a_document_may_say, 0, (int)CL_ARRAY_LEN(documents));
    tcase_add_loop_test(t, test_every_item_of_a_document_is_read, 0, (int)CL_ARRAY_LEN(documents));
    tcase_add_loop_test(t, test_every_item_of_a_signed_header_is_read, 0,
                        (int)CL_ARRAY_LEN(headers));
    tcase_add_loop_test(t, test_what_a_signed_header_may_say, 0, (int)CL_ARRAY_LEN(headers));
    tcase_add_test(t, test_nothing_unsigned_beside_a_signature);
    tcase_add_test(t, test_as_many_references_as_the_limit);
    tcase_add_test(t, test_a_file_too_large_is_refused);
    tcase_add_test(t, test_the_writer_refuses_what_would_not_be_read);
    tcase_add_test(t, test_keys_of_other_kinds);
    tcase_add_test(t, test_without_a_beginning);
    tcase_add_test(t, test_keys_from_files);
    tcase_add_test(t, test_json_is_not_taken_for_a_corim);
    suite_add_tcase(s, t);
    return run_suite(s);
}
