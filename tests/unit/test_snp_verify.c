/* SPDX-License-Identifier: Apache-2.0
 * test_snp_verify.c - every check of SNP verification, each made to fail alone in a world of the
 * test's own, beside a control that passes.
 */
#include "cloister/snp_verify.h"

#include "base/json.h"
#include "check_main.h"
#include "snp_world.h"

#include <string.h>

static uint8_t roots[1][CL_SNP_ROOT_SIZE];
static struct cl_snp_reference reference;
static struct cl_snp_rules rules; /* of class sim-snp; default_policy() sets them anew */

static struct cl_snp_policy default_policy(void)
{
    rules = cl_snp_rules_default();
    return (struct cl_snp_policy){.time = WORLD_TIME,
                                  .sim_rules = &rules,
                                  .references = &reference,
                                  .reference_count = 1,
                                  .sim_roots = (const uint8_t(*)[CL_SNP_ROOT_SIZE])roots,
                                  .sim_root_count = 1};
}

/* Verifies ev (and frees it). Asserts the verdict and which check decides it (NULL: none). */
static void expect_ev(struct cl_snp_evidence *ev, const struct cl_snp_policy *policy,
                      enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_snp_verify(ev, policy, &r, NULL), CL_OK);
    cl_snp_evidence_free(ev);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == verdict, "%s by %s: expected %s, got %s",
                  cl_verdict_name(r->verdict), c != NULL ? c->id : "-",
                  c != NULL ? c->expected : "", c != NULL ? c->actual : "");
    if (deciding != NULL) {
        ck_assert_ptr_nonnull(c);
        ck_assert_str_eq(c->id, deciding);
    }
    enum cl_status want = verdict == CL_VERDICT_ACCEPTED   ? CL_OK
                          : verdict == CL_VERDICT_REJECTED ? CL_ERR_REJECTED
                                                           : CL_ERR_UNAVAILABLE;
    ck_assert_int_eq(cl_verify_result_status(r, NULL), want);
}

static void expect(const struct cl_snp_report *r, const struct world_cert *ek,
                   const struct world_cert *ask, const struct world_cert *ark,
                   const struct cl_snp_policy *policy, enum cl_verdict verdict,
                   const char *deciding)
{
    expect_ev(world_evidence(r, ek, ask, ark), policy, verdict, deciding);
}

/* One changed report under an otherwise good world. */
static void expect_report(const struct cl_snp_report *r, const char *deciding)
{
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    expect(r, &ek, &ask, &ark, &policy,
           deciding == NULL ? CL_VERDICT_ACCEPTED : CL_VERDICT_REJECTED, deciding);
}

/* One changed endorsement certificate. */
static void expect_ek(const struct world_cert *ek, const char *deciding)
{
    struct cl_snp_report r;
    struct world_cert ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    expect(&r, ek, &ask, &ark, &policy,
           deciding == NULL ? CL_VERDICT_ACCEPTED : CL_VERDICT_REJECTED, deciding);
}

START_TEST(test_control_is_accepted_as_sim_snp_with_a_warning)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    world_report(&r);
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *ev = world_evidence(&r, &ek, &ask, &ark);
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &res, NULL), CL_OK);
    ck_assert_int_eq(res->verdict, CL_VERDICT_ACCEPTED);
    ck_assert_int_eq(res->authentic, CL_YES);
    ck_assert_int_eq(res->tee_class, CL_TEE_CLASS_SIM_SNP);
    ck_assert_int_eq(res->appraisal, CL_APPRAISAL_WARNING); /* simulated is never affirming */
    ck_assert_ptr_null(cl_verify_result_deciding(res));
    json_t *decoded = NULL;
    ck_assert_int_eq(cl_snp_verify_claims(ev, res, &decoded, NULL), CL_OK);
    ck_assert_int_eq(cl_verify_result_to_json(res, decoded, &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.verify/1");
    ck_assert_str_eq(json_string_value(json_object_get(j, "tee")), "sim-snp");
    ck_assert_str_eq(json_string_value(json_object_get(j, "product")), "milan");
    ck_assert_str_eq(json_string_value(json_object_get(j, "time")), "2026-01-01T00:00:00Z");
    ck_assert(json_is_true(json_object_get(j, "authentic")));
    ck_assert_uint_eq(json_array_size(json_object_get(j, "checks")), res->check_count);
    const json_t *claims = json_object_get(j, "claims");
    ck_assert_int_eq(json_integer_value(json_object_get(claims, "version")), 3);
    ck_assert_str_eq(json_string_value(json_object_get(claims, "policy")), "0000000000030000");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(claims, "reported_tcb"), "microcode")),
        219);
}
END_TEST

START_TEST(test_each_flipped_byte_is_rejected)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    uint8_t raw[CL_SNP_REPORT_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
    world_report(&r);
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *good = world_evidence(&r, &ek, &ask, &ark);
    ck_assert_int_eq(cl_snp_evidence_table(good, &table, NULL), CL_OK);
    memcpy(raw, cl_snp_evidence_report(good)->raw, sizeof(raw));
    policy.references = NULL; /* so that nothing but authenticity is asked */
    policy.reference_count = 0;
    policy.authenticity_only = true;
    for (size_t at = 0; at < sizeof(raw); at++) {
        struct cl_snp_evidence *ev = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
        raw[at] ^= (uint8_t)(1u << (at % 8));
        ck_assert_int_eq(cl_snp_evidence_from_report(raw, sizeof(raw), &ev, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_evidence_add_table(ev, table.data, table.len, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_verify(ev, &policy, &res, NULL), CL_OK);
        ck_assert_msg(res->verdict == CL_VERDICT_REJECTED, "byte 0x%03zx", at);
        ck_assert_int_eq(res->authentic, CL_NO);
        ck_assert_int_eq(res->tee_class, CL_TEE_CLASS_NONE);
        if (at < 0x330) {
            ck_assert_int_eq(cl_verify_result_check(res, "snp.signature")->status, CL_CHECK_FAIL);
        }
        cl_snp_evidence_free(ev);
        raw[at] ^= (uint8_t)(1u << (at % 8));
    }
}
END_TEST

START_TEST(test_flipped_certificate_bytes_are_never_accepted)
{
    struct cl_snp_report r;
    struct world_cert certs[3] = {world_vcek(), world_ask(), world_ark()};
    struct cl_snp_policy policy = default_policy();
    uint8_t raw[CL_SNP_REPORT_SIZE];
    struct cl_buf der[3] = {{0}, {0}, {0}};
    world_report(&r);
    world_sign(&r, raw);
    for (size_t i = 0; i < 3; i++) {
        world_cert_der(&certs[i], &der[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        for (size_t at = 0; at < der[i].len; at += 3) {
            CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
            CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
            enum cl_status st = CL_OK;
            ck_assert_int_eq(cl_snp_evidence_from_report(raw, sizeof(raw), &ev, NULL), CL_OK);
            der[i].data[at] ^= (uint8_t)(1u << (at % 8));
            for (size_t k = 0; st == CL_OK && k < 3; k++) {
                st = cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, der[k].data, der[k].len, NULL);
            }
            der[i].data[at] ^= (uint8_t)(1u << (at % 8));
            if (st != CL_OK) {
                continue; /* not a certificate any more */
            }
            ck_assert_int_eq(cl_snp_verify(ev, &policy, &res, NULL), CL_OK);
            ck_assert_msg(res->verdict != CL_VERDICT_ACCEPTED, "certificate %zu, byte %zu", i, at);
            ck_assert_int_ne(res->authentic, CL_YES);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        cl_buf_done(&der[i]);
    }
}
END_TEST

START_TEST(test_format_checks)
{
    struct cl_snp_report good, r;
    world_report(&good);
    expect_report(&good, NULL);
    for (uint32_t v = 0; v <= 7; v++) {
        r = good;
        r.version = v;
        if (v == 2) {
            r.cpuid_fam_id = r.cpuid_mod_id = r.cpuid_step = 0;
        }
        expect_report(&r, v < 2 || v > 5 ? "snp.report.version" : NULL);
    }
    r = good;
    r.version = 2; /* the three CPUID bytes were reserved then */
    expect_report(&r, "snp.report.reserved");
    r = good;
    r.launch_mit_vector = 1;
    expect_report(&r, "snp.report.reserved"); /* reserved before version 5 */
    r.version = 5;
    expect_report(&r, NULL);
    r = good;
    r.signature_algo = 2;
    expect_report(&r, "snp.report.signature_algo");
    static const uint32_t bad_key_info[] = {2, 7u << 2, 2u << 2, 1u << 5, 1u << 31};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad_key_info); i++) {
        r = good;
        r.key_info = bad_key_info[i];
        expect_report(&r, "snp.report.key_info");
    }
    r = good;
    r.key_info = 1; /* AUTHOR_KEY_EN alone */
    expect_report(&r, NULL);
    r = good;
    r.policy = 0x10000;
    expect_report(&r, "snp.report.policy");
    r.policy = 0x30000 | UINT64_C(1) << 26;
    expect_report(&r, "snp.report.policy");
    r.policy = 0x30000 | UINT64_C(1) << 25;
    expect_report(&r, NULL);
}
END_TEST

START_TEST(test_signature_range)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    uint8_t raw[CL_SNP_REPORT_SIZE];
    for (int kind = 0; kind < 4; kind++) {
        struct cl_snp_evidence *ev = NULL;
        CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
        world_report(&r);
        CL_CLEANUP(cl_snp_evidence_freep)
        struct cl_snp_evidence *good = world_evidence(&r, &ek, &ask, &ark);
        ck_assert_int_eq(cl_snp_evidence_table(good, &table, NULL), CL_OK);
        memcpy(raw, cl_snp_evidence_report(good)->raw, sizeof(raw));
        if (kind == 0) {
            memset(raw + 0x2A0, 0, 72); /* R = 0 */
        } else if (kind == 1) {
            memset(raw + 0x2E8, 0xFF, 48); /* S above the order */
        } else if (kind == 2) {
            raw[0x2D0] = 1; /* bits above 384 */
        } else {
            memset(raw + 0x2E8, 0, 72);
        }
        ck_assert_int_eq(cl_snp_evidence_from_report(raw, sizeof(raw), &ev, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_evidence_add_table(ev, table.data, table.len, NULL), CL_OK);
        expect_ev(ev, &policy, CL_VERDICT_REJECTED, "snp.report.signature_range");
    }
}
END_TEST

START_TEST(test_product)
{
    struct cl_snp_report r;
    world_report(&r);
    r.cpuid_mod_id = 0x20;
    expect_report(&r, "snp.product");
    world_report(&r);
    r.cpuid_mod_id = 0x11; /* Genoa */
    expect_report(&r, "snp.ek.product");
    world_report(&r);
    r.cpuid_fam_id = 0x1A; /* Turin */
    expect_report(&r, "snp.ek.product");
    struct world_cert ek = world_vcek();
    size_t at = world_ext_at(&ek, "2");
    memcpy(ek.ext[at].value, "\x16\x05Genoa", 7);
    ek.ext[at].len = 7;
    expect_ek(&ek, "snp.ek.product");
    memcpy(ek.ext[at].value, "\x16\x05Milan", 7); /* without a stepping, and with another one */
    expect_ek(&ek, NULL);
    memcpy(ek.ext[at].value, "\x16\x08Milan-Z9", 10);
    ek.ext[at].len = 10;
    expect_ek(&ek, NULL);
    memcpy(ek.ext[at].value, "\x16\x08Milano-1", 10);
    expect_ek(&ek, "snp.ek.product");
}
END_TEST

START_TEST(test_missing_and_duplicate_extensions)
{
    struct world_cert all = world_vcek();
    for (size_t i = 0; i < all.ext_count; i++) {
        struct world_cert ek = world_vcek();
        world_drop_ext(&ek, all.ext[i].oid);
        expect_ek(&ek, "snp.ek.extensions");
        ek = world_vcek();
        world_add_ext(&ek, all.ext[i].oid, all.ext[i].value, all.ext[i].len);
        expect_ek(&ek, "snp.ek.extensions");
    }
}
END_TEST

START_TEST(test_extra_extensions)
{
    struct world_cert ek = world_vcek();
    world_add_ext(&ek, "6", "\x02\x01\x00", 3); /* unknown under AMD's arc */
    expect_ek(&ek, "snp.ek.extensions");
    ek = world_vcek();
    world_add_ext(&ek, "3.9", "\x02\x01\x00", 3); /* fmcSPL is Turin's */
    expect_ek(&ek, "snp.ek.extensions");
    ek = world_vcek();
    world_add_ext(&ek, "5", "\x16\x01x", 3); /* hwID and cspID */
    expect_ek(&ek, "snp.ek.extensions");
    ek = world_vcek();
    world_add_ext(&ek, "=1.2.3.4", "\x05\x00", 2); /* other people's, not critical */
    expect_ek(&ek, NULL);
    ek.ext[ek.ext_count - 1].critical = true;
    expect_ek(&ek, "snp.chain.constraints");
}
END_TEST

START_TEST(test_malformed_extension_values)
{
    static const struct {
        const char *oid;
        const char *value;
        size_t len;
    } bad[] = {
        {"1", "\x02\x01\x02", 3},       /* a newer structure */
        {"1", "\x02\x02\x00\x00", 4},   /* not the shortest form */
        {"3.1", "\x04\x01\x04", 3},     /* another tag */
        {"3.1", "\x02\x01\x04\x00", 4}, /* trailing byte */
        {"3.1", "\x02\x01", 2},         /* cut */
        {"3.8", "\x02\x01\xdb", 3},     /* negative */
        {"3.8", "\x02\x02\x01\x00", 4}, /* above 255 */
        {"3.4", "\x02\x01\x01", 3},     /* reserved component */
        {"2", "\x0c\x05Milan", 7},      /* UTF8String */
        {"2", "\x16\x06Milan", 7},      /* wrong length */
        {"2", "\x16\x05Mil\x01n", 7},   /* not printable */
        {"4", "\xC1", 1},               /* short chip id */
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct world_cert ek = world_vcek();
        size_t at = world_ext_at(&ek, bad[i].oid);
        memcpy(ek.ext[at].value, bad[i].value, bad[i].len);
        ek.ext[at].len = bad[i].len;
        expect_ek(&ek, "snp.ek.extensions");
    }
    /* The chip id in an OCTET STRING is fine, and so is a raw one that looks like DER. */
    struct world_cert ek = world_vcek();
    size_t at = world_ext_at(&ek, "4");
    memmove(ek.ext[at].value + 2, ek.ext[at].value, 64);
    ek.ext[at].value[0] = 0x04;
    ek.ext[at].value[1] = 64;
    ek.ext[at].len = 66;
    expect_ek(&ek, NULL);
    ek = world_vcek();
    ek.ext[at].value[0] = 0x04;
    ek.ext[at].value[1] = 62;
    struct cl_snp_report r;
    struct world_cert ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    r.chip_id[0] = 0x04;
    r.chip_id[1] = 62;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_kind_of_key)
{
    struct cl_snp_report r;
    world_report(&r);
    r.key_info = 1u << 2; /* says VLEK */
    expect_report(&r, "snp.ek.kind");
    struct world_cert ek = world_vcek();
    world_drop_ext(&ek, "4");
    world_add_ext(&ek, "5", "\x16\x04test", 6);
    expect_ek(&ek, "snp.ek.kind");
    /* Both say VLEK: the simulated world has none, its names do not fit a VCEK's class only. */
    struct world_cert ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_leaf_key_must_be_p384)
{
    struct world_cert ek = world_vcek();
    ek.key = WORLD_P256;
    expect_ek(&ek, "snp.ek.key");
}
END_TEST

START_TEST(test_roots)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    policy.sim_root_count = 0;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.root");
    /* A forged world that calls itself AMD's, with everything else perfect. */
    ek.cn = "SEV-VCEK";
    ek.issuer_cn = ask.cn = "SEV-Milan";
    ask.issuer_cn = ark.cn = ark.issuer_cn = "ARK-Milan";
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.root");
    /* Even an operator who names its root as simulated gets refused: the names are AMD's. */
    policy = default_policy();
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.names");
    /* The right names under another root of the same name. */
    ek = world_vcek();
    ask = world_ask();
    ark = world_ark();
    ark.key = ark.issuer_key = ask.issuer_key = WORLD_OTHER_RSA;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.root");
}
END_TEST

START_TEST(test_chain_shapes)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    /* The trusted root's certificate beside an intermediate that it never signed. */
    ask.issuer_key = WORLD_ASK;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.signatures");
    /* A leaf that the intermediate never signed. */
    ask = world_ask();
    ek.issuer_key = WORLD_ARK;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.signatures");
    /* A leaf straight under the root. */
    ek = world_vcek();
    ek.issuer_cn = ark.cn;
    ek.issuer_key = WORLD_ARK;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.names");
    ek = world_vcek();
    /* An intermediate that is no CA, or may not sign. */
    ask.basic_constraints = "critical,CA:FALSE";
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.constraints");
    ask = world_ask();
    ask.basic_constraints = NULL;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.constraints");
    ask = world_ask();
    ask.key_usage = "critical,digitalSignature";
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.constraints");
    /* A leaf that is a CA. */
    ask = world_ask();
    ek.basic_constraints = "critical,CA:TRUE";
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.constraints");
    /* An intermediate with a small key. */
    ek = world_vcek();
    ask.key = ek.issuer_key = WORLD_OTHER_RSA;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.algorithms");
}
END_TEST

START_TEST(test_signature_algorithms_are_exact)
{
    static const enum world_signing bad[] = {WORLD_PSS_256, WORLD_PSS_SALT_32, WORLD_PKCS1};
    struct cl_snp_report r;
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        for (size_t which = 0; which < 3; which++) {
            struct world_cert c[3] = {world_vcek(), world_ask(), world_ark()};
            c[which].signing = bad[i];
            expect(&r, &c[0], &c[1], &c[2], &policy, CL_VERDICT_REJECTED, "snp.chain.algorithms");
        }
    }
}
END_TEST

START_TEST(test_validity_to_the_second)
{
    struct cl_snp_report r;
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    for (size_t which = 0; which < 3; which++) {
        struct world_cert c[3] = {world_vcek(), world_ask(), world_ark()};
        c[which].from = WORLD_TIME - 10;
        c[which].until = WORLD_TIME + 10;
        static const struct {
            int64_t offset;
            bool good;
        } times[] = {{-11, false}, {-10, true}, {9, true}, {10, false}};
        for (size_t i = 0; i < CL_ARRAY_LEN(times); i++) {
            policy.time = WORLD_TIME + times[i].offset;
            /* OpenSSL calls the very last second expired; so do we. */
            expect(&r, &c[0], &c[1], &c[2], &policy,
                   times[i].good ? CL_VERDICT_ACCEPTED : CL_VERDICT_REJECTED,
                   times[i].good ? NULL : "snp.chain.validity");
        }
    }
}
END_TEST

START_TEST(test_missing_certificates_are_undetermined)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    expect(&r, NULL, &ask, &ark, &policy, CL_VERDICT_UNDETERMINED, "snp.ek.key");
    expect(&r, &ek, NULL, &ark, &policy, CL_VERDICT_UNDETERMINED, "snp.chain.root");
    expect(&r, &ek, &ask, NULL, &policy, CL_VERDICT_UNDETERMINED, "snp.chain.root");
    policy.authenticity_only = true;
    expect(&r, NULL, NULL, NULL, &policy, CL_VERDICT_UNDETERMINED, "snp.ek.key");
    /* What can fail still fails: all checks that can run do run. */
    r.vmpl = 1;
    expect(&r, NULL, NULL, NULL, &policy, CL_VERDICT_REJECTED, "snp.vmpl");
}
END_TEST

START_TEST(test_tcb)
{
    struct cl_snp_report r;
    static const size_t components[] = {0, 1, 6, 7}, reserved[] = {2, 3, 4, 5};
    for (size_t i = 0; i < CL_ARRAY_LEN(components); i++) {
        world_report(&r);
        r.reported_tcb[components[i]]++; /* not what the certificate says */
        r.current_tcb[components[i]]++;
        expect_report(&r, "snp.tcb.certificate");
        world_report(&r);
        r.committed_tcb[components[i]]++; /* newer than what runs */
        expect_report(&r, "snp.tcb.order");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(reserved); i++) {
        world_report(&r);
        r.reported_tcb[reserved[i]] = 1;
        expect_report(&r, "snp.tcb.certificate");
    }
    /* Provisional firmware: a warning, or a refusal when asked to be strict. */
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    r.current_tcb[7]++;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
    rules.refuse_provisional_firmware = true;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.tcb.provisional");
    world_report(&r);
    r.current.build++;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.tcb.provisional");
}
END_TEST

START_TEST(test_minimum_tcb_is_compared_by_component)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    const struct cl_snp_tcb have = {.bootloader = 4, .snp = 24, .microcode = 219};
    struct cl_snp_tcb *min = &rules.min_tcb[CL_SNP_PRODUCT_MILAN];
    *min = have;
    rules.min_tcb_given = UINT64_C(1) << CL_SNP_PRODUCT_MILAN;
    world_report(&r);
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
    for (int i = 0; i < 4; i++) {
        *min = (struct cl_snp_tcb){0}; /* a comparison as one number would hide the lower ones */
        *(i == 0   ? &min->bootloader
          : i == 1 ? &min->tee
          : i == 2 ? &min->snp
                   : &min->microcode) = (uint8_t)(i == 0   ? 5
                                                  : i == 1 ? 1
                                                  : i == 2 ? 25
                                                           : 220);
        expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.tcb.minimum");
    }
    *min = have;
    r.committed_tcb[6] = 23; /* could still be rolled back below the minimum */
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.tcb.minimum");
    *min = (struct cl_snp_tcb){.has_fmc = true}; /* a minimum for another product's layout */
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.tcb.minimum");
}
END_TEST

START_TEST(test_chip_id)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    r.chip_id[63] ^= 1;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chip_id");
    memset(r.chip_id, 0, sizeof(r.chip_id));
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_UNDETERMINED, "snp.chip_id");
    rules.allow_masked_chip = true;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_guest_policy_and_vmpl)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    world_report(&r);
    r.policy |= UINT64_C(1) << 19;
    expect_report(&r, "snp.policy.debug");
    policy.authenticity_only = true; /* rejected in every mode */
    policy.reference_count = 0;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.policy.debug");
    world_report(&r);
    r.policy |= UINT64_C(1) << 18;
    expect_report(&r, "snp.policy.migrate_ma");
    world_report(&r);
    r.vmpl = 1;
    expect_report(&r, "snp.vmpl");
    policy = default_policy();
    rules.vmpls = 2;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
    r.vmpl = 0; /* exactly what was expected, not merely no more */
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.vmpl");
    r.vmpl = UINT32_MAX;
    expect_report(&r, "snp.vmpl");
    world_report(&r);
    r.platform_info = 0x67 | UINT64_C(1) << 40; /* unknown bits do not refuse */
    expect_report(&r, NULL);
}
END_TEST

START_TEST(test_data_must_be_exact)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    uint8_t data[64], host[32];
    memset(data, 0xDA, sizeof(data));
    memset(host, 0x40, sizeof(host));
    policy.report_data = data;
    policy.host_data = host;
    world_report(&r);
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
    data[63] ^= 0x80;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.report_data");
    data[63] ^= 0x80;
    host[0] ^= 1;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.host_data");
}
END_TEST

START_TEST(test_measurement_counts_by_class)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    struct cl_snp_reference refs[3] = {reference, reference, reference};
    world_report(&r);
    refs[0].measurement[0] ^= 1;
    refs[1].tee_class = CL_TEE_CLASS_SNP;
    policy.references = refs;
    policy.reference_count = 2; /* another value, and the right one of the wrong class */
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.measurement");
    policy.reference_count = 3;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
    policy.reference_count = 0;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_UNDETERMINED, "snp.measurement");
    policy.authenticity_only = true;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_ACCEPTED, NULL);
    policy.require_class = CL_TEE_CLASS_SNP;
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.class");
}
END_TEST

START_TEST(test_the_zero_policy_accepts_nothing)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = {0};
    world_report(&r);
    expect(&r, &ek, &ask, &ark, &policy, CL_VERDICT_REJECTED, "snp.chain.root");
}
END_TEST

START_TEST(test_all_checks_run_after_a_failure)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_policy policy = default_policy();
    static const char *const failing[] = {
        "snp.report.policy", "snp.chain.validity", "snp.tcb.certificate",
        "snp.policy.debug",  "snp.vmpl",           "snp.measurement"};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
    struct cl_err err = {0};
    world_report(&r);
    r.policy = 1u << 19;
    r.vmpl = 2;
    r.measurement[5] ^= 1;
    r.reported_tcb[0] = 3;
    policy.time += 5 * 365 * INT64_C(86400);
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *ev = world_evidence(&r, &ek, &ask, &ark);
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &res, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(failing); i++) {
        ck_assert_int_eq(cl_verify_result_check(res, failing[i])->status, CL_CHECK_FAIL);
    }
    ck_assert_int_eq(cl_verify_result_status(res, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "rejected: snp.report.policy: expected bit 17 set, bits 26 to 63 "
                              "clear, got 0x80000");
    ck_assert_int_eq(res->appraisal, CL_APPRAISAL_CONTRAINDICATED);
}
END_TEST

START_TEST(test_several_certificates_pick_the_fitting_ones)
{
    struct cl_snp_report r;
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct world_cert other = world_vcek(), old_ask = world_ask();
    struct cl_snp_policy policy = default_policy();
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_report(&r);
    other.ext[world_ext_at(&other, "4")].value[0] ^=
        1; /* another chip's, and an ASK of that name */
    old_ask.key = WORLD_ARK;
    struct cl_snp_evidence *ev = world_evidence(&r, &other, &old_ask, &ark);
    world_cert_der(&ek, &der);
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, der.data, der.len, NULL), CL_OK);
    cl_buf_reset(&der);
    world_cert_der(&ask, &der);
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, der.data, der.len, NULL), CL_OK);
    expect_ev(ev, &policy, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

int main(void)
{
    world_init();
    world_root(roots[0]);
    reference.tee_class = CL_TEE_CLASS_SIM_SNP;
    memset(reference.measurement, 0x3E, sizeof(reference.measurement));
    Suite *s = suite_create("snp_verify");
    TCase *t = tcase_create("verify");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_control_is_accepted_as_sim_snp_with_a_warning);
    tcase_add_test(t, test_each_flipped_byte_is_rejected);
    tcase_add_test(t, test_flipped_certificate_bytes_are_never_accepted);
    tcase_add_test(t, test_format_checks);
    tcase_add_test(t, test_signature_range);
    tcase_add_test(t, test_product);
    tcase_add_test(t, test_missing_and_duplicate_extensions);
    tcase_add_test(t, test_extra_extensions);
    tcase_add_test(t, test_malformed_extension_values);
    tcase_add_test(t, test_kind_of_key);
    tcase_add_test(t, test_leaf_key_must_be_p384);
    tcase_add_test(t, test_roots);
    tcase_add_test(t, test_chain_shapes);
    tcase_add_test(t, test_signature_algorithms_are_exact);
    tcase_add_test(t, test_validity_to_the_second);
    tcase_add_test(t, test_missing_certificates_are_undetermined);
    tcase_add_test(t, test_tcb);
    tcase_add_test(t, test_minimum_tcb_is_compared_by_component);
    tcase_add_test(t, test_chip_id);
    tcase_add_test(t, test_guest_policy_and_vmpl);
    tcase_add_test(t, test_data_must_be_exact);
    tcase_add_test(t, test_measurement_counts_by_class);
    tcase_add_test(t, test_the_zero_policy_accepts_nothing);
    tcase_add_test(t, test_all_checks_run_after_a_failure);
    tcase_add_test(t, test_several_certificates_pick_the_fitting_ones);
    suite_add_tcase(s, t);
    return run_suite(s);
}
