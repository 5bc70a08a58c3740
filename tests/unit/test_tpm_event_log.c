/* SPDX-License-Identifier: Apache-2.0
 * test_tpm_event_log.c - event logs of TPMs: what a log leads to, in each bank; each field out of
 * range, each truncation and each changed event shows; and what a quote says of a log beside it.
 */
#include "check_main.h"
#include "tpm/vtpm_internal.h"
#include "tpm_log_world.h"

#include <string.h>

#define HEAD 73u /* bytes of the first record with three banks */
#define SHA1 CL_TPM_ALG_SHA1
#define SHA256 CL_TPM_ALG_SHA256
#define SHA384 CL_TPM_ALG_SHA384

static struct cl_tpm_event_log *parse(const struct tpm_log_world *w)
{
    struct cl_tpm_event_log *log = NULL;
    struct cl_err err = {0};
    ck_assert_msg(cl_tpm_event_log_parse(w->raw.data, w->raw.len, &log, &err) == CL_OK, "%s",
                  err.msg);
    return log;
}

static struct cl_tpm_replay replay(const struct cl_tpm_event_log *log, uint16_t alg, uint32_t pcr,
                                   const uint8_t *expected)
{
    struct cl_tpm_replay r;
    ck_assert_int_eq(cl_tpm_event_log_replay(log, alg, pcr, expected, &r, NULL), CL_OK);
    return r;
}

static void flip(struct tpm_log_world *w, size_t at)
{
    w->raw.data[at] ^= 1;
}

START_TEST(test_a_log_leads_to_its_registers_in_each_bank)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    tpm_log_boot(&w);
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    ck_assert_uint_eq(cl_tpm_event_log_count(log), 9);
    ck_assert_uint_eq(cl_tpm_event_log_locality(log), 3);
    ck_assert_uint_eq(cl_tpm_event_log_banks(log)->bank_count, 3);
    for (size_t b = 0; b < w.bank_count; b++) {
        for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
            struct cl_tpm_replay r = replay(log, w.bank[b], i, w.pcr[b][i]);
            ck_assert_msg(r.equal && r.event == SIZE_MAX && r.undigested == SIZE_MAX, "%zu %u", b,
                          (unsigned)i);
            ck_assert_mem_eq(r.value, w.pcr[b][i], cl_tpm_hash_size(w.bank[b]));
            ck_assert_uint_eq(r.extended, i == 4 ? 3u : i == 0 ? 2u : i == 7 || i == 9 ? 1u : 0u);
            ck_assert_uint_eq(r.matched, r.extended);
        }
    }
    const struct cl_tpm_event *e = cl_tpm_event_log_event(log, 4);
    ck_assert_uint_eq(e->pcr, 7);
    ck_assert_str_eq(cl_tpm_event_type_name(e->type), "EV_EFI_VARIABLE_DRIVER_CONFIG");
    ck_assert_str_eq(cl_tpm_event_type_name(0x1234), "an event");
    ck_assert_ptr_null(cl_tpm_event_log_event(log, 9));
    ck_assert_ptr_nonnull(cl_tpm_event_digest(log, e, SHA384));
    ck_assert_ptr_null(cl_tpm_event_digest(log, e, CL_TPM_ALG_SHA512));
}
END_TEST

/* H(zeros || H("words")), by hand: printf words | sha256sum, and so on. */
START_TEST(test_a_value_that_other_tools_give)
{
    static const uint16_t banks[] = {SHA256};
    static const uint8_t want[] = {0xff, 0xeb, 0xff, 0x1f, 0xbc, 0xef, 0x53, 0x59, 0xb5, 0xae, 0x7a,
                                   0x4c, 0x73, 0x21, 0xbc, 0x84, 0x7f, 0x28, 0x3f, 0x31, 0x37, 0xc8,
                                   0x9b, 0xc0, 0xb1, 0x29, 0x0a, 0x29, 0xdb, 0x1c, 0x93, 0x50};
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    tpm_log_begin(&w, banks, 1);
    tpm_log_event(&w, 5, 4, "words");
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    ck_assert(replay(log, SHA256, 5, want).equal);
}
END_TEST

START_TEST(test_registers_begin_as_after_a_reset)
{
    static const uint16_t banks[] = {SHA256};
    static const uint8_t localities[] = {0, 3, 4};
    for (size_t k = 0; k < CL_ARRAY_LEN(localities); k++) {
        CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
        uint8_t value[32] = {0};
        tpm_log_begin(&w, banks, 1);
        tpm_log_locality(&w, localities[k]);
        CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
        ck_assert(replay(log, SHA256, 1, value).equal);
        ck_assert(replay(log, SHA256, 16, value).equal);
        ck_assert(replay(log, SHA256, 23, value).equal);
        value[31] = localities[k];
        ck_assert(replay(log, SHA256, 0, value).equal);
        memset(value, 0xFF, sizeof(value));
        ck_assert(replay(log, SHA256, 17, value).equal);
        ck_assert(replay(log, SHA256, 22, value).equal);
    }
}
END_TEST

START_TEST(test_a_mismatch_names_the_first_event_that_is_too_much)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    tpm_log_boot(&w);
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    const uint8_t zero[64] = {0}, other[64] = {9};
    uint8_t first[64], after[64];
    struct cl_tpm_replay r;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world shorter;
    tpm_log_begin(&shorter, w.bank, 3);
    tpm_log_event(&shorter, 4, 0x80000003, "loader");
    memcpy(first, shorter.pcr[1][4], sizeof(first));
    memcpy(after, w.pcr[1][4], sizeof(after));
    const struct {
        const uint8_t *value;
        bool equal;
        size_t matched, event;
    } cases[] = {
        {after, true, 3, SIZE_MAX},
        {first, false, 1, 6}, /* the separator is not in it */
        {zero, false, 0, 5},
        {other, false, 0, SIZE_MAX},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        r = replay(log, SHA256, 4, cases[i].value);
        ck_assert(r.equal == cases[i].equal);
        ck_assert_uint_eq(r.matched, cases[i].matched);
        ck_assert_uint_eq(r.event, cases[i].event);
    }
    ck_assert_int_eq(cl_tpm_event_log_replay(log, CL_TPM_ALG_SHA512, 4, zero, &r, NULL),
                     CL_ERR_UNAVAILABLE);
    ck_assert_int_eq(cl_tpm_event_log_replay(log, SHA256, 24, zero, &r, NULL), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_every_truncation_ends_between_events_or_is_refused)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    tpm_log_boot(&w);
    size_t whole = 0;
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    for (size_t n = 0; n < w.raw.len; n++) {
        CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *part = NULL;
        bool boundary = n == HEAD;
        for (size_t i = 0; i < cl_tpm_event_log_count(log); i++) {
            boundary = boundary || cl_tpm_event_log_event(log, i)->offset == n;
        }
        enum cl_status st = cl_tpm_event_log_parse(w.raw.data, n, &part, NULL);
        ck_assert_msg((st == CL_OK) >= boundary, "%zu: %d", n, st);
        if (st == CL_OK && !boundary) { /* zeros of the next record's register look like filler */
            ck_assert_msg(w.raw.data[n - 1] == 0 || w.raw.data[n - 1] == 0xFF, "%zu", n);
        }
        whole += st == CL_OK && boundary ? 1 : 0;
    }
    ck_assert_uint_eq(whole, 9);
}
END_TEST

START_TEST(test_filler_and_records_of_no_register)
{
    static const struct {
        const char *tail;
        size_t len;
        enum cl_status status;
    } cases[] = {
        {"", 0, CL_OK},
        {"\xff\xff\xff", 3, CL_OK},
        {"\0\0\0\0\0\0\0", 7, CL_OK},
        {"\xff\xff\xff\xffrest", 8, CL_ERR_MALFORMED}, /* no end of the log, as it is in CCEL */
        {"\xff\xff\xfe", 3, CL_ERR_TRUNCATED},
        {"\xff\xff\xff\xff\3\0\0\0", 8, CL_ERR_TRUNCATED},
        {"\x18\0\0\0\4\0\0\0", 8, CL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
        CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = NULL;
        struct cl_err err = {0};
        tpm_log_boot(&w);
        ck_assert_int_eq(cl_buf_append(&w.raw, cases[i].tail, cases[i].len, NULL), CL_OK);
        enum cl_status st = cl_tpm_event_log_parse(w.raw.data, w.raw.len, &log, &err);
        ck_assert_msg(st == cases[i].status, "%zu: %d %s", i, st, err.msg);
    }
}
END_TEST

START_TEST(test_fields_out_of_range)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum cl_status status;
        const char *message;
    } cases[] = {
        {4, 4, CL_ERR_UNSUPPORTED, "first event before byte 32: expected the crypto-agile form"},
        {29, 0xFF, CL_ERR_TRUNCATED, "first event"},
        {28, 0xFF, CL_ERR_MALFORMED, "bytes left over"},
        {32, 'X', CL_ERR_UNSUPPORTED, "expected Spec ID Event03"},
        {56, 0, CL_ERR_MALFORMED, "number of algorithms"},
        {56, 9, CL_ERR_MALFORMED, "number of algorithms"},
        {60, 0x0B, CL_ERR_MALFORMED, "algorithms before byte 36: expected each of them once"},
        {62, 21, CL_ERR_MALFORMED, "digest size"},
        {72, 1, CL_ERR_TRUNCATED, "vendor info"},
        {73, 24, CL_ERR_MALFORMED, "register before byte 81: expected 0 to 23"},
        {81, 0, CL_ERR_MALFORMED, "digest count"},
        {81, 9, CL_ERR_MALFORMED, "digest count"},
        {85, 0x12, CL_ERR_MALFORMED, "expected one that the log announced, once"},
        {107, 0x04, CL_ERR_MALFORMED, "expected one that the log announced, once"},
        {194, 0xFF, CL_ERR_TRUNCATED, "event"},
        {211, 1, CL_ERR_MALFORMED, "StartupLocality before byte 212: expected 0, 3 or 4"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
        struct cl_tpm_event_log *log = NULL;
        struct cl_err err = {0};
        tpm_log_boot(&w);
        w.raw.data[cases[i].at] = cases[i].value;
        enum cl_status st = cl_tpm_event_log_parse(w.raw.data, w.raw.len, &log, &err);
        ck_assert_msg(st == cases[i].status && strstr(err.msg, cases[i].message) != NULL,
                      "%zu: %d %s", i, st, err.msg);
    }
}
END_TEST

static void refuse_locality(const struct tpm_log_world *w)
{
    struct cl_tpm_event_log *log = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_tpm_event_log_parse(w->raw.data, w->raw.len, &log, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected it once, before the first event of PCR 0"));
}

START_TEST(test_locality_is_said_once_and_first)
{
    static const uint16_t banks[] = {SHA256};
    CL_CLEANUP(tpm_log_done) struct tpm_log_world twice;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world late;
    tpm_log_begin(&twice, banks, 1);
    tpm_log_locality(&twice, 3);
    tpm_log_locality(&twice, 3);
    refuse_locality(&twice);
    tpm_log_begin(&late, banks, 1);
    tpm_log_event(&late, 0, 8, "version");
    tpm_log_locality(&late, 3);
    refuse_locality(&late);
}
END_TEST

START_TEST(test_maxima)
{
    static const uint16_t banks[] = {SHA256};
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(cl_buf_done) struct cl_buf big = {0};
    struct cl_tpm_event_log *log = NULL;
    struct cl_err err = {0};
    tpm_log_begin(&w, banks, 1);
    for (size_t i = 0; i <= CL_TPM_EVENT_LOG_MAX_EVENTS; i++) {
        tpm_log_event(&w, 1, 4, "x");
    }
    ck_assert_int_eq(cl_tpm_event_log_parse(w.raw.data, w.raw.len, &log, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "at most 4096"));
    ck_assert_int_eq(cl_buf_reserve(&big, CL_TPM_EVENT_LOG_MAX_SIZE + 1, NULL), CL_OK);
    ck_assert_int_eq(cl_tpm_event_log_parse(big.data, CL_TPM_EVENT_LOG_MAX_SIZE + 1, &log, &err),
                     CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "size: expected at most"));
}
END_TEST

/* Hashes that we do not know are stepped over; a log of nothing else is refused. */
START_TEST(test_hashes_of_others)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    struct cl_tpm_event_log *none = NULL;
    struct cl_err err = {0};
    tpm_log_boot(&w);
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *before = parse(&w);
    w.raw.data[64] = 0x12; /* SM3-256, as long as SHA-256 */
    for (size_t i = 0; i < cl_tpm_event_log_count(before); i++) {
        w.raw.data[cl_tpm_event_log_event(before, i)->offset + 12 + 22] = 0x12;
    }
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    ck_assert_uint_eq(cl_tpm_event_log_banks(log)->bank_count, 2);
    ck_assert(replay(log, SHA384, 4, w.pcr[2][4]).equal);
    w.raw.data[60] = 0x13;
    w.raw.data[68] = 0x27;
    ck_assert_int_eq(cl_tpm_event_log_parse(w.raw.data, w.raw.len, &none, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "sha1, sha256, sha384 or sha512 among them"));
}
END_TEST

/* ---- beside a quote ---- */

struct verified { /* zeroed is fine */
    struct cl_tpm_ak_id ak;
    struct cl_tpm_pcr_value pcr;
    struct cl_vtpm_policy policy;
    struct cl_verify_result *result;
};

static void verified_done(struct verified *v)
{
    cl_verify_result_free(v->result);
}

static void judge(struct verified *v, const struct cl_vtpm_evidence *ev)
{
    cl_verify_result_free(v->result);
    v->result = NULL;
    if (cl_vtpm_verify(ev, &v->policy, &v->result, NULL, NULL) != CL_OK || v->result == NULL) {
        abort(); /* which the analyser knows to end here */
    }
}

static void verify(struct verified *v, const struct tpm_log_world *w,
                   const struct tpm_world_quote *q)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(w);
    tpm_world_parts(q, &p);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    v->ak.len = CL_SHA256_SIZE;
    ck_assert_int_eq(cl_tpm_key_digest(tpm_world_pkey(TPM_RSA), v->ak.id, NULL), CL_OK);
    if (v->policy.pcr_count == 0) { /* register 4 as it is */
        const struct cl_tpm_bank *b = &q->pcrs.bank[0];
        v->pcr = (struct cl_tpm_pcr_value){.alg = b->alg, .index = 4};
        memcpy(v->pcr.value, b->value[4], sizeof(v->pcr.value));
    }
    v->policy.pcrs = &v->pcr;
    v->policy.pcr_count = 1;
    v->policy.aks = &v->ak;
    v->policy.ak_count = 1;
    v->policy.event_log = log;
    judge(v, ev);
}

static const struct cl_check *check(const struct verified *v, const char *id)
{
    const struct cl_check *c = cl_verify_result_check(v->result, id);
    ck_assert_msg(c != NULL, "%s", id);
    return c;
}

static void expect_rejected(const struct verified *v, const char *id, const char *why)
{
    const struct cl_check *c = cl_verify_result_deciding(v->result);
    ck_assert_int_eq(v->result->verdict, CL_VERDICT_REJECTED);
    ck_assert_msg(c != NULL && strcmp(c->id, id) == 0, "%s", c != NULL ? c->id : "none");
    ck_assert_msg(strstr(c->why, why) != NULL, "%s", c->why);
}

START_TEST(test_a_log_that_leads_to_the_quote_is_accepted)
{
    for (unsigned mask = 1; mask < 8; mask++) {
        CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
        CL_CLEANUP(verified_done) struct verified v = {0};
        tpm_log_boot(&w);
        struct tpm_world_quote q = tpm_log_quote(&w, mask);
        verify(&v, &w, &q);
        const struct cl_check *c = cl_verify_result_deciding(v.result);
        ck_assert_msg(v.result->verdict == CL_VERDICT_ACCEPTED, "%u: %s: %s", mask, c->id, c->why);
        ck_assert_int_eq(check(&v, "tpm.event_log")->status, CL_CHECK_PASS);
        ck_assert_str_eq(check(&v, "tpm.event_log")->why, "9 events, started from locality 3");
        ck_assert_int_eq(check(&v, "tpm.event_log.pcr00")->status, CL_CHECK_PASS);
        ck_assert_int_eq(check(&v, "tpm.event_log.pcr23")->status, CL_CHECK_PASS);
        ck_assert(!check(&v, "tpm.event_log.pcr23")->warning);
    }
}
END_TEST

/* Each byte of each record that is extended, but those that only name: type and words. */
START_TEST(test_a_changed_digest_is_rejected)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(verified_done) struct verified v = {0};
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    for (size_t i = 0; i < cl_tpm_event_log_count(log); i++) {
        const struct cl_tpm_event *e = cl_tpm_event_log_event(log, i);
        size_t sha256 = e->offset + 12 + 22 + 2;
        if (e->type == CL_TPM_EVENT_NO_ACTION) {
            continue;
        }
        for (size_t at = sha256; at < sha256 + 32; at += 31) {
            char id[32];
            flip(&w, at);
            verify(&v, &w, &q);
            (void)snprintf(id, sizeof(id), "tpm.event_log.pcr%02u", (unsigned)e->pcr);
            expect_rejected(&v, id, "sha256: none of its ");
            flip(&w, at);
        }
    }
    flip(&w, HEAD + 12 + 22 + 34 + 50 + 4 + 16); /* locality 3 becomes 2: refused by the parser */
    struct cl_tpm_event_log *none = NULL;
    ck_assert_int_eq(cl_tpm_event_log_parse(w.raw.data, w.raw.len, &none, NULL), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_events_too_many_and_too_few_are_rejected)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world fewer;
    CL_CLEANUP(verified_done) struct verified v = {0};
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    tpm_log_event(&w, 4, 0x80000003, "more"); /* after the quote */
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.event_log.pcr04",
                    "sha256: the quote has the value after 3 of its 4 events; event 9 of the log "
                    "(EV_EFI_BOOT_SERVICES_APPLICATION, type 0x80000003, byte ");
    tpm_log_begin(&fewer, w.bank, 3);
    verify(&v, &fewer, &q);
    expect_rejected(&v, "tpm.event_log.pcr00", "none of its 0 events");
    ck_assert_int_eq(check(&v, "tpm.event_log.pcr07")->status, CL_CHECK_FAIL);
    /* Of registers from 8 on, firmware's log need not know. */
    ck_assert_int_eq(check(&v, "tpm.event_log.pcr09")->status, CL_CHECK_PASS);
    ck_assert(check(&v, "tpm.event_log.pcr09")->warning);
    ck_assert(!check(&v, "tpm.event_log.pcr10")->warning);
}
END_TEST

START_TEST(test_a_quoted_bank_that_the_log_lacks_is_rejected)
{
    static const uint16_t banks[] = {SHA1, SHA256};
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world two;
    CL_CLEANUP(verified_done) struct verified v = {0};
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 6);
    tpm_log_begin(&two, banks, 2);
    verify(&v, &two, &q);
    expect_rejected(&v, "tpm.event_log", "");
    ck_assert_str_eq(check(&v, "tpm.event_log")->expected, "a log of each quoted bank, sha384");
    ck_assert_str_eq(check(&v, "tpm.event_log")->actual, "sha1, sha256");
    ck_assert_ptr_null(cl_verify_result_check(v.result, "tpm.event_log.pcr00"));
}
END_TEST

/* A record without the quoted bank's digest leads nowhere, even if the others would do. */
START_TEST(test_an_event_without_a_digest_is_rejected)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(cl_buf_done) struct cl_buf cut = {0};
    CL_CLEANUP(verified_done) struct verified v = {0};
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    tpm_log_event(&w, 5, 4, "words");
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(&w);
    size_t at = cl_tpm_event_log_event(log, 9)->offset;
    w.raw.data[at + 8] = 1; /* only SHA-1 is left */
    ck_assert_int_eq(cl_buf_append(&cut, w.raw.data + at + 34 + 34 + 50, 9, NULL), CL_OK);
    memcpy(w.raw.data + at + 34, cut.data, cut.len);
    w.raw.len = at + 34 + cut.len;
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.event_log.pcr05",
                    "sha256: event 9 of the log (EV_SEPARATOR, type 0x4, byte ");
}
END_TEST

/* The log is right and the value is not the trusted one: the first event that differs. */
START_TEST(test_a_trusted_value_on_the_way_names_the_event)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world known;
    CL_CLEANUP(verified_done)
    struct verified v = {.pcr = {.alg = SHA256, .index = 4}, .policy.pcr_count = 1};
    tpm_log_boot(&w);
    tpm_log_begin(&known, w.bank, 3);
    tpm_log_event(&known, 4, 0x80000003, "loader");
    tpm_log_event(&known, 4, 0x00000004, "separator");
    memcpy(v.pcr.value, known.pcr[1][4], sizeof(v.pcr.value));
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.pcr.values", "");
    const struct cl_check *c = check(&v, "tpm.event_log.pcr04");
    ck_assert_int_eq(c->status, CL_CHECK_PASS);
    ck_assert_msg(strstr(c->why, "a trusted value is the one after 2 of its 3 events; event 7 of "
                                 "the log (EV_EFI_BOOT_SERVICES_APPLICATION, ") != NULL,
                  "%s", c->why);
}
END_TEST

/* The events of register 4, as the world has them, listed in a bank. */
static size_t list_events(const struct tpm_log_world *w, uint16_t alg,
                          struct cl_tpm_pcr_value ret[static 4])
{
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = parse(w);
    size_t n = 0;
    for (size_t i = 0; i < cl_tpm_event_log_count(log); i++) {
        const struct cl_tpm_event *e = cl_tpm_event_log_event(log, i);
        if (cl_tpm_event_extends(e, 4)) {
            ck_assert_uint_lt(n, 4);
            ret[n] = (struct cl_tpm_pcr_value){.alg = alg, .index = 4};
            memcpy(ret[n++].value, cl_tpm_event_digest(log, e, alg), cl_tpm_hash_size(alg));
        }
    }
    return n;
}

START_TEST(test_listed_events_are_compared_in_order)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(verified_done) struct verified v = {0};
    struct cl_tpm_pcr_value events[4];
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 6);
    v.policy.events = events;
    v.policy.event_count = list_events(&w, SHA384, events);
    ck_assert_uint_eq(v.policy.event_count, 3);
    verify(&v, &w, &q);
    ck_assert_int_eq(v.result->verdict, CL_VERDICT_ACCEPTED);
    events[1].value[5] ^= 1;
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.event_log.pcr04",
                    "sha384: event 6 of the log (EV_SEPARATOR, type 0x4, byte ");
    events[1].value[5] ^= 1;
    v.policy.event_count = 2;
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.event_log.pcr04",
                    "sha384: event 7 of the log (EV_EFI_BOOT_SERVICES_APPLICATION, ");
    ck_assert_str_eq(check(&v, "tpm.event_log.pcr04")->expected, "no more events");
    events[3] = events[2];
    v.policy.event_count = 4;
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.event_log.pcr04", "the first 3 events are the expected ones");
    ck_assert_str_eq(check(&v, "tpm.event_log.pcr04")->actual, "no more events");
}
END_TEST

START_TEST(test_listed_events_need_a_log_and_a_quote)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(verified_done) struct verified v = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    struct cl_tpm_pcr_value events[4];
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    v.policy.events = events;
    v.policy.event_count = list_events(&w, SHA384, events);
    verify(&v, &w, &q); /* another bank is quoted */
    expect_rejected(&v, "tpm.event_log.pcr04", "sha384: events are listed, and this bank is not");
    v.policy.event_count = list_events(&w, SHA256, events);
    q.selection.bank[0].mask = 0xFFFFEF; /* all but the register */
    verify(&v, &w, &q);
    ck_assert_int_eq(v.result->verdict, CL_VERDICT_REJECTED);
    ck_assert_str_eq(check(&v, "tpm.event_log.pcr04")->actual, "none");
    q.selection.bank[0].mask = 0xFFFFFF;
    tpm_world_parts(&q, &p);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    v.policy.event_log = NULL;
    judge(&v, ev);
    expect_rejected(&v, "tpm.event_log", "");
    ck_assert_str_eq(check(&v, "tpm.event_log")->expected, "an event log, for events are listed");
}
END_TEST

START_TEST(test_a_log_beside_what_is_no_quote)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(verified_done) struct verified v = {0};
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    q.type = 0x8017;
    verify(&v, &w, &q);
    ck_assert_int_eq(check(&v, "tpm.event_log")->status, CL_CHECK_UNKNOWN);
    ck_assert_int_eq(v.result->verdict, CL_VERDICT_REJECTED);
}
END_TEST

/* Values that the evidence keeps back are not replaced by those of the log. */
START_TEST(test_a_log_does_not_stand_in_for_values)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(verified_done) struct verified v = {0};
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    q.pcrs.bank[0].present &= ~(1u << 7);
    verify(&v, &w, &q);
    expect_rejected(&v, "tpm.pcr.digest", "");
    ck_assert_int_eq(check(&v, "tpm.event_log.pcr07")->status, CL_CHECK_FAIL);
    ck_assert_str_eq(check(&v, "tpm.event_log.pcr07")->why,
                     "sha256: the evidence has no value of it");
}
END_TEST

int main(void)
{
    tpm_world_init();
    Suite *s = suite_create("tpm_event_log");
    TCase *t = tcase_create("tpm_event_log");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_a_log_leads_to_its_registers_in_each_bank);
    tcase_add_test(t, test_a_value_that_other_tools_give);
    tcase_add_test(t, test_registers_begin_as_after_a_reset);
    tcase_add_test(t, test_a_mismatch_names_the_first_event_that_is_too_much);
    tcase_add_test(t, test_every_truncation_ends_between_events_or_is_refused);
    tcase_add_test(t, test_filler_and_records_of_no_register);
    tcase_add_test(t, test_fields_out_of_range);
    tcase_add_test(t, test_locality_is_said_once_and_first);
    tcase_add_test(t, test_maxima);
    tcase_add_test(t, test_hashes_of_others);
    tcase_add_test(t, test_a_log_that_leads_to_the_quote_is_accepted);
    tcase_add_test(t, test_a_changed_digest_is_rejected);
    tcase_add_test(t, test_events_too_many_and_too_few_are_rejected);
    tcase_add_test(t, test_a_quoted_bank_that_the_log_lacks_is_rejected);
    tcase_add_test(t, test_an_event_without_a_digest_is_rejected);
    tcase_add_test(t, test_a_trusted_value_on_the_way_names_the_event);
    tcase_add_test(t, test_listed_events_are_compared_in_order);
    tcase_add_test(t, test_listed_events_need_a_log_and_a_quote);
    tcase_add_test(t, test_a_log_beside_what_is_no_quote);
    tcase_add_test(t, test_a_log_does_not_stand_in_for_values);
    suite_add_tcase(s, t);
    return run_suite(s);
}
