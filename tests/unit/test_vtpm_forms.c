/* SPDX-License-Identifier: Apache-2.0
 * test_vtpm_forms.c - the forms of TPM evidence that are seldom seen: version 0 with a certificate
 * in PEM, TDX behind a paravisor in a world of our own, keys and signatures of odd sizes, and
 * policies as large as they may be.
 */
#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/tpm_policy.h"
#include "edit.h"
#include "snp_world.h"
#include "tdx_world.h"
#include "tpm/vtpm_internal.h"
#include "tpm_world.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define SIGNING                                                                                    \
    (CL_TPM_ATTR_FIXED_TPM | CL_TPM_ATTR_FIXED_PARENT | CL_TPM_ATTR_SENSITIVE_DATA_ORIGIN |        \
     CL_TPM_ATTR_RESTRICTED | CL_TPM_ATTR_SIGN)

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static struct cl_buf runtime_text;

/* ---- TDX behind a paravisor ---- */

static struct tw w;
static uint8_t sim_root[1][CL_TDX_ROOT_SIZE];
static struct cl_tdx_reference reference;
static struct cl_tpm_pcr_value pcr;
static struct cl_vtpm_policy policy;
static struct tdx_material material;

static void tdx_policy(void)
{
    tw_root_digest(&w, sim_root[0]);
    reference = (struct cl_tdx_reference){.tee_class = CL_TEE_CLASS_AZ_TDX_VTPM};
    memcpy(reference.mrtd, w.td.mrtd, sizeof(reference.mrtd));
    pcr = (struct cl_tpm_pcr_value){.alg = CL_TPM_ALG_SHA256, .index = 4};
    memset(pcr.value, 4, sizeof(pcr.value));
    policy = (struct cl_vtpm_policy){.time = TW_TIME,
                                     .nonce = (const uint8_t *)"challenge",
                                     .nonce_len = 9,
                                     .pcrs = &pcr,
                                     .pcr_count = 1};
    policy.tdx.references = &reference;
    policy.tdx.reference_count = 1;
}

static void tdx_parts_with(const char *runtime, struct cl_vtpm_parts *ret_p)
{
    uint8_t raw[1184];
    struct tpm_world_quote q = tpm_world_quote();
    struct tpm_world_hcl h = {
        .version = 2, .type = 4, .hash_type = 1, .hardware = raw, .runtime = runtime};
    *ret_p = (struct cl_vtpm_parts){.kind = CL_TEE_CLASS_AZ_TDX_VTPM, .version = 1, .pcrs = q.pcrs};
    tpm_world_message(&q, &ret_p->message);
    tpm_world_sign(&q, &ret_p->message, /* bare= */ true, &ret_p->signature);
    tw_default(&w);
    memset(w.td.report_data, 0, sizeof(w.td.report_data));
    ck_assert_int_eq(cl_sha256(w.td.report_data, h.runtime, strlen(h.runtime), NULL), CL_OK);
    memset(raw, 0, sizeof(raw));
    tw_tdreport(&w.td, raw);
    tpm_world_hcl(&h, &ret_p->hcl);
    tw_quote_bytes(&w, &ret_p->td_quote);
}

static void tdx_parts(struct cl_vtpm_parts *ret_p)
{
    tdx_parts_with((const char *)runtime_text.data, ret_p);
}

static void expect_tdx(struct cl_vtpm_parts *p, enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    struct cl_tdx_tcb tcb;
    tw_material(&w, &material);
    struct cl_tdx_collateral views = tdx_views(&material);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    policy.tdx_verifier = v;
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(p, &ev, NULL), CL_OK);
    ck_assert_int_eq(vtpm_verify_with(ev, &policy, (const uint8_t(*)[CL_SNP_ROOT_SIZE])sim_root, 1,
                                      &r, &tcb, NULL),
                     CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == verdict &&
                      (deciding == NULL ? c == NULL : c != NULL && strcmp(c->id, deciding) == 0),
                  "%s by %s: %s", cl_verdict_name(r->verdict), c != NULL ? c->id : "-",
                  c != NULL ? c->actual : "");
    ck_assert_int_eq(cl_vtpm_verify_claims(ev, r, &tcb, &claims, NULL), CL_OK);
    ck_assert_ptr_nonnull(json_object_get(claims, "mrtd"));
    ck_assert_ptr_nonnull(json_object_get(claims, "hcl"));
}

START_TEST(test_tdx_behind_a_paravisor)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tdx_parts(&p);
    tdx_policy();
    expect_tdx(&p, CL_VERDICT_ACCEPTED, NULL);
    tdx_parts(&p); /* the policy's list instead of a reference */
    struct cl_policy_list list = {w.td.mrtd, 1, sizeof(w.td.mrtd)};
    policy.tdx.reference_count = 0;
    policy.paravisors = &list;
    expect_tdx(&p, CL_VERDICT_ACCEPTED, NULL);
    tdx_parts(&p);
    policy.paravisors = NULL;
    policy.tdx.reference_count = 1;
    reference.tee_class = CL_TEE_CLASS_TDX; /* a guest's reference is none of a paravisor */
    expect_tdx(&p, CL_VERDICT_UNDETERMINED, "tdx.mrtd");
    tdx_parts(&p);
    tdx_policy();
    reference.mrtd[0] ^= 1;
    expect_tdx(&p, CL_VERDICT_REJECTED, "tdx.mrtd");
}
END_TEST

/* A policy's section tdx speaks of guests: only what it asks of the platform holds here. */
START_TEST(test_rules_of_a_platform_hold_and_those_of_a_guest_do_not)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    struct cl_tdx_rules rules = cl_tdx_rules_default();
    uint8_t other[48] = {9};
    tdx_parts(&p);
    tdx_policy();
    policy.tdx.rules = &rules;
    rules.mrtd = rules.rtmr[0] = (struct cl_policy_list){other, 1, sizeof(other)};
    rules.require_event_log = true;
    expect_tdx(&p, CL_VERDICT_ACCEPTED, NULL);
    tdx_parts(&p);
    rules.min_evaluation_number = 1000;
    expect_tdx(&p, CL_VERDICT_REJECTED, "tdx.tcb.evaluation_number");
}
END_TEST

START_TEST(test_a_report_of_another_td_is_refused)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tdx_parts(&p);
    tdx_policy();
    p.hcl.data[32 + 528] ^= 1; /* MRTD in the TDREPORT, whose MAC nobody here can check */
    expect_tdx(&p, CL_VERDICT_REJECTED, "hcl.tdreport");
    tdx_parts(&p);
    p.hcl.data[32] = 0; /* no TDREPORT at all */
    expect_tdx(&p, CL_VERDICT_REJECTED, "hcl.tdreport");
}
END_TEST

/* What the paravisor says of secure boot and of the guest's data, and what it leaves out. */
START_TEST(test_what_a_paravisor_may_leave_out)
{
    static uint8_t long_nonce[66];
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    tdx_parts(&p);
    tdx_policy();
    policy.require_user_data = true;
    expect_tdx(&p, CL_VERDICT_REJECTED, "hcl.user_data"); /* none */
    tdx_parts(&p);
    p.version = 2;
    policy.nonce = NULL; /* nothing to compare with */
    expect_tdx(&p, CL_VERDICT_ACCEPTED, NULL);
    tdx_parts(&p);
    policy.nonce = long_nonce; /* longer than either member: both are compared */
    policy.nonce_len = sizeof(long_nonce);
    expect_tdx(&p, CL_VERDICT_REJECTED, "hcl.user_data");
    ck_assert_int_eq(cl_buf_append(&text, runtime_text.data, runtime_text.len, NULL), CL_OK);
    char *on = strstr((char *)text.data, "\"secure-boot\":true");
    memcpy(on, "\"secure-boot\":null", 18);
    tdx_parts_with((const char *)text.data, &p);
    tdx_policy();
    policy.require_secure_boot = true;
    expect_tdx(&p, CL_VERDICT_REJECTED, "hcl.secure_boot");
    char *off =
        edit((const char *)runtime_text.data, "\"secure-boot\":true", "\"secure-boot\":false");
    tdx_parts_with(off, &p);
    expect_tdx(&p, CL_VERDICT_REJECTED, "hcl.secure_boot");
    free(off);
}
END_TEST

START_TEST(test_members_of_the_runtime_data)
{
    static const struct {
        const char *from, *to;
        const char *want; /* NULL: fine */
    } cases[] = {
        {"6332533D-5649", "not an id", NULL}, /* passed over */
        {"\"6332533D-5649\"", "7", NULL},
        {"6332533D-5649",
         "63325-63325-63325-63325-63325-63325-63325-63325-63325-63325-63325-63325-63325", NULL},
        {"\"vm-configuration\":{", "\"vm-configuration\":[{", "not JSON"},
        {"\"keys\":[{", "\"user-data\":7,\"keys\":[{", "user-data: expected string"},
        {"\"keys\":[{", "\"user-data\":\"00\",\"keys\":[{", "expected 128 digits, got 2"},
        {"\"keys\":[{", "\"user-data\":\"" ZEROS "g" ZEROS "\",\"keys\":[{", "expected 128 digits"},
        {"\"keys\":[{", "\"user-data\":\"G" ZEROS ZEROS "\",\"keys\":[{", "expected 128 digits"},
        {"\"keys\":[{", "\"keys\":[{},{", "kid: expected string"},
        {"\"keys\":[{", "\"keys\":[7,{", "kid"},
        {"\"kty\":\"RSA\"", "\"kty\":\"EC\"", "got another kind"},
        {"AQAB", "Aw", "got another kind"},
        {"\"kty\":\"RSA\",", "", "kty: expected string"},
        {"\"e\":\"AQAB\",", "", "e: expected string"},
        {"\"n\":\"", "\"n\":\"!", "n: "},
        {"\"n\":\"", "\"N\":\"", "n: expected string"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_hcl_claims c = {0};
        struct cl_err err = {0};
        char *text = edit((const char *)runtime_text.data, cases[i].from, cases[i].to);
        enum cl_status st = cl_hcl_claims_parse((const uint8_t *)text, strlen(text), &c, &err);
        if (cases[i].want == NULL) {
            ck_assert_msg(st == CL_OK, "%zu: %s", i, err.msg);
            ck_assert_str_eq(c.vm_id, "");
        } else {
            ck_assert_msg(st != CL_OK && strstr(err.msg, cases[i].want) != NULL, "%zu: %s", i,
                          err.msg);
            ck_assert_ptr_null(c.ak);
        }
        cl_hcl_claims_done(&c);
        free(text);
    }
}
END_TEST

START_TEST(test_only_so_many_keys_of_a_paravisor)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_hcl_claims c = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_buf_append_str(&text, "{\"keys\":[{\"kid\":\"x\"}", NULL), CL_OK);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(cl_buf_append_str(&text, ",{\"kid\":\"x\"}", NULL), CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&text, "]}", NULL), CL_OK);
    ck_assert_int_eq(cl_hcl_claims_parse(text.data, text.len, &c, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "keys: expected at most"));
    static const uint8_t large[CL_HCL_MAX_SIZE + 1];
    struct cl_hcl_report r;
    ck_assert_int_eq(cl_hcl_report_parse(large, sizeof(large), &r, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "HCL report: size: expected at most"));
}
END_TEST

START_TEST(test_registers_of_banks_that_are_not_there)
{
    struct cl_tpm_pcrs p = {0};
    struct cl_tpm_selection s = {.bank_count = 1, .bank = {{CL_TPM_ALG_SHA256, 1}}};
    uint8_t value[CL_TPM_DIGEST_MAX] = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_tpm_pcrs_set(&p, CL_TPM_ALG_SHA256, 0, value, &err), CL_OK);
    ck_assert_int_ne(cl_tpm_pcrs_digest(&p, &s, /* hash= */ 0, value, &err), CL_OK);
    ck_assert_ptr_null(cl_tpm_pcrs_get(&p, CL_TPM_ALG_SHA256, CL_TPM_PCR_COUNT));
    ck_assert(!cl_tpm_selection_has(&s, CL_TPM_ALG_SHA256, CL_TPM_PCR_COUNT));
    ck_assert(!cl_tpm_selection_has(&s, CL_TPM_ALG_SHA1, 0));
    ck_assert(cl_tpm_selection_has(&s, CL_TPM_ALG_SHA256, 0));
}
END_TEST

START_TEST(test_kinds_and_hardware_must_agree)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    struct cl_vtpm_evidence *ev = NULL;
    struct cl_err err = {0};
    tdx_parts(&p);
    p.kind = CL_TEE_CLASS_AZ_SNP_VTPM;
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "HCL report: report_type: expected 2 for az-snp-vtpm, got 4");
    cl_vtpm_parts_done(&p);
    struct tpm_world_quote q = tpm_world_quote();
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
    p.kind = CL_TEE_CLASS_AZ_TDX_VTPM;
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "HCL report: report_type: expected 4 for az-tdx-vtpm, got 2");
    p.kind = CL_TEE_CLASS_AZ_SNP_VTPM;
    cl_buf_reset(&p.signature);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "TPM signature: size: expected 1 to 512 bytes, got 0");
    static const uint8_t long_one[513];
    ck_assert_int_eq(cl_buf_append(&p.signature, long_one, sizeof(long_one), NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_null(ev);
}
END_TEST

START_TEST(test_the_key_of_evidence_is_named)
{
    uint8_t want[CL_SHA256_SIZE], got[CL_SHA256_SIZE];
    struct tpm_world_quote q = tpm_world_quote();
    ck_assert_int_eq(cl_tpm_key_digest(tpm_world_pkey(TPM_RSA), want, NULL), CL_OK);
    for (int az = 0; az < 2; az++) {
        CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
        if (az == 1) {
            tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
        } else {
            tpm_world_parts(&q, &p);
        }
        ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
        ck_assert_int_eq(cl_vtpm_evidence_ak(ev, got, NULL), CL_OK);
        ck_assert_mem_eq(got, want, sizeof(want));
    }
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    tpm_world_az_parts(&q, "{\"keys\":[]}", &p);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_ak(ev, got, NULL), CL_ERR_MALFORMED);
}
END_TEST

/* ---- JSON ---- */

static json_t *integers(const struct cl_buf *b)
{
    json_t *a = json_array();
    for (size_t i = 0; i < b->len; i++) {
        ck_assert_int_eq(json_array_append_new(a, json_integer(b->data[i])), 0);
    }
    return a;
}

/* Version 0 of `p`, with this value as its VCEK. */
static json_t *version_0(const struct cl_vtpm_parts *p, json_t *vcek)
{
    json_t *pcrs = json_array();
    for (size_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        struct cl_buf value = {.data = (uint8_t *)(uintptr_t)p->pcrs.bank[0].value[i], .len = 32};
        ck_assert_int_eq(json_array_append_new(pcrs, integers(&value)), 0);
    }
    json_t *j = json_pack("{s:{s:o,s:o,s:o},s:o,s:o}", "quote", "signature",
                          integers(&p->signature), "message", integers(&p->message), "pcrs", pcrs,
                          "report", integers(&p->hcl), "vcek", vcek);
    ck_assert_ptr_nonnull(j);
    return j;
}

static json_t *pem_of(const struct cl_buf *der)
{
    const unsigned char *at = der->data;
    char *text = NULL;
    X509 *x = d2i_X509(NULL, &at, (long)der->len);
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_X509(bio, x), 1);
    long n = BIO_get_mem_data(bio, &text);
    json_t *j = json_stringn(text, (size_t)n);
    BIO_free(bio);
    X509_free(x);
    return j;
}

START_TEST(test_version_0_has_its_certificate_in_pem)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct cl_err err = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
    CL_CLEANUP(cl_json_decrefp) json_t *good = version_0(&p, pem_of(&p.vcek));
    ck_assert_msg(cl_vtpm_evidence_from_json(good, &ev, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(ev->parts.vcek.len, p.vcek.len);
    ck_assert_mem_eq(ev->parts.vcek.data, p.vcek.data, p.vcek.len);
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *none = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *without = version_0(&p, json_null());
    ck_assert_int_eq(cl_vtpm_evidence_from_json(without, &none, &err), CL_OK);
    ck_assert_uint_eq(none->parts.vcek.len, 0);
    struct cl_vtpm_evidence *bad = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *text = version_0(&p, json_string("-----BEGIN"));
    ck_assert_int_eq(cl_vtpm_evidence_from_json(text, &bad, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "TPM evidence: vcek: expected a certificate in PEM, got something else");
    CL_CLEANUP(cl_json_decrefp) json_t *number = version_0(&p, json_integer(1));
    ck_assert_int_eq(cl_vtpm_evidence_from_json(number, &bad, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "TPM evidence: vcek: expected string, got integer");
}
END_TEST

/* Each change of good evidence is refused, with words that name its member. */
START_TEST(test_members_of_other_shapes_are_refused)
{
    static const struct {
        const char *path[2], *value; /* value: JSON */
        const char *want;
    } cases[] = {
        {{"tpm_quote", "message"}, "\"0g\"", "message: expected lower-case hex"},
        {{"tpm_quote", "message"}, "\"000\"", "message"},
        {{"tpm_quote", "message"}, "\"a\\u0000\"", "message: expected text"},
        {{"tpm_quote", "message"}, "[-1]", "message: expected integers of 0 to 255"},
        {{"tpm_quote", "message"}, "[1.5]", "message: expected integers of 0 to 255"},
        {{"tpm_quote", "signature"}, "null", "signature: expected text"},
        {{"tpm_quote", "pcrs"}, "1", "pcrs"},
        {{"tpm_quote", "pcrs"}, "{\"sha256\":[]}", "pcrs: expected banks sha1"},
        {{"tpm_quote", "pcrs"}, "{\"sha256\":{\"x\":\"" ZEROS "\"}}", "0 to 23"},
        {{"tpm_quote", "pcrs"}, "{\"sha256\":{\"1\":7}}", "pcrs: expected text"},
        {{"hcl_report", NULL}, "\"!\"", "hcl_report"},
        {{"hcl_report", NULL}, "\"AA==\"", "HCL report"},
        {{"vcek", NULL}, "7", "vcek: expected text"},
        {{"vcek", NULL}, "\"AA\"", "certificate"},
        {{"version", NULL}, "3", "version"},
        {{"version", NULL}, "\"1\"", "version"},
    };
    struct tpm_world_quote q = tpm_world_quote();
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *good = NULL;
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &good, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_vtpm_evidence *bad = NULL;
        struct cl_err err = {0};
        CL_CLEANUP(cl_json_decrefp) json_t *j = json_deep_copy(good);
        json_t *at = cases[i].path[1] != NULL ? json_object_get(j, cases[i].path[0]) : j;
        const char *key = cases[i].path[1] != NULL ? cases[i].path[1] : cases[i].path[0];
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        ck_assert_int_eq(json_object_set_new(at, key, value), 0);
        ck_assert_msg(cl_vtpm_evidence_from_json(j, &bad, &err) != CL_OK, "%zu", i);
        ck_assert_msg(strstr(err.msg, cases[i].want) != NULL, "%zu: %s", i, err.msg);
    }
}
END_TEST

/* ---- keys and signatures ---- */

static void expect_public(struct cl_buf *area, size_t at, uint8_t value, const char *want)
{
    struct cl_tpm_public p = {0};
    struct cl_err err = {0};
    uint8_t old = area->data[at];
    area->data[at] = value;
    enum cl_status st = cl_tpm_public_parse(area->data, area->len, &p, &err);
    ck_assert_msg(st != CL_OK && strstr(err.msg, want) != NULL, "%zu: %s", at, err.msg);
    area->data[at] = old;
}

/* Offsets of an area whose authPolicy is empty. */
START_TEST(test_each_field_of_a_public_area)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf rsa = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ecc = {0};
    tpm_world_area(TPM_RSA, SIGNING, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA256, &rsa);
    expect_public(&rsa, 11, 0x06, "expected a signing key"); /* symmetric: AES */
    expect_public(&rsa, 13, 0x01, "scheme");
    expect_public(&rsa, 16, 0x10, "a modulus of keyBits"); /* 4096 bits said, 2048 there */
    expect_public(&rsa, 21, 0x03, "exponent: expected 65537");
    expect_public(&rsa, 24, 0x00, "modulus: expected an odd number");
    expect_public(&rsa, rsa.len - 1, 0x00, "modulus: expected an odd number");
    tpm_world_area(TPM_P256, SIGNING, CL_TPM_ALG_ECDSA, CL_TPM_ALG_SHA256, &ecc);
    expect_public(&ecc, 17, 0x05, "curveID: expected P-256 or P-384");
    expect_public(&ecc, 17, 0x04, "curveID: expected P-256 or P-384 with whole coordinates");
    expect_public(&ecc, 19, 0x20, "curveID: expected P-256 or P-384");
    CL_CLEANUP(cl_buf_done) struct cl_buf plain = {0};
    tpm_world_area(TPM_RSA, SIGNING, CL_TPM_ALG_NULL, 0, &plain);
    struct cl_tpm_public p = {0};
    ck_assert_int_eq(cl_tpm_public_parse(plain.data, plain.len, &p, NULL), CL_OK);
    ck_assert_uint_eq(p.scheme_hash, 0);
    cl_tpm_public_done(&p);
}
END_TEST

static EVP_PKEY *odd_key(int i)
{
    EVP_PKEY *key = NULL;
    BIGNUM *e = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    switch (i) {
    case 0:
        return EVP_EC_gen("P-521");
    case 1:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case 2:
        return EVP_RSA_gen(1024);
    case 3: /* e = 3 */
        ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
        ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 0);
        ck_assert_int_eq(BN_dec2bn(&e, "3"), 1);
        ck_assert_int_gt(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 0);
        ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
        BN_free(e);
        break;
    case 4:
        return EVP_RSA_gen(2052); /* not whole bytes */
    default:                      /* P-256 by its parameters: they could describe another curve */
        ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
        ck_assert_int_gt(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1), 0);
        ck_assert_int_gt(EVP_PKEY_CTX_set_ec_param_enc(ctx, 0), 0);
        ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

START_TEST(test_keys_that_may_not_sign_quotes)
{
    unsigned char *der = NULL;
    const char *why = NULL;
    struct cl_err err = {0};
    EVP_PKEY *key = odd_key(_i), *got = NULL;
    struct cl_tpm_signature s = {.scheme = CL_TPM_ALG_RSASSA, .hash = CL_TPM_ALG_SHA256};
    int n = i2d_PUBKEY(key, &der);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(cl_tpm_key_from_spki(der, (size_t)n, &got, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected a SubjectPublicKeyInfo"));
    ck_assert(!cl_tpm_signature_verify(&s, key, der, (size_t)n, &why));
    ck_assert_ptr_nonnull(strstr(why, "neither RSA of 2048 to 4096 bits"));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_a_key_larger_than_any_is_not_looked_at)
{
    static const uint8_t big[CL_TPM_QUOTE_MAX_SIZE + 1] = {0x30};
    EVP_PKEY *got = NULL;
    ck_assert_int_eq(cl_tpm_key_from_spki(big, sizeof(big), &got, NULL), CL_ERR_MALFORMED);
    ck_assert_ptr_null(got);
}
END_TEST

START_TEST(test_signatures_of_odd_sizes)
{
    static const uint8_t data[] = "data";
    const char *why = NULL;
    struct cl_tpm_signature s = {
        .scheme = CL_TPM_ALG_RSASSA, .hash = CL_TPM_ALG_SHA256, .a_len = 255};
    ck_assert(!cl_tpm_signature_verify(&s, tpm_world_pkey(TPM_RSA), data, sizeof(data), &why));
    ck_assert_str_eq(why, "the signature is not as long as the modulus");
    s = (struct cl_tpm_signature){
        .scheme = CL_TPM_ALG_ECDSA, .hash = CL_TPM_ALG_SHA256, .a_len = 33, .b_len = 32};
    ck_assert(!cl_tpm_signature_verify(&s, tpm_world_pkey(TPM_P256), data, sizeof(data), &why));
    ck_assert_str_eq(why, "R or S is longer than the curve's field");
    s.a_len = 32;
    s.b_len = 33;
    ck_assert(!cl_tpm_signature_verify(&s, tpm_world_pkey(TPM_P256), data, sizeof(data), &why));
    ck_assert_str_eq(why, "R or S is longer than the curve's field");
    s.a_len = s.b_len = 0; /* zero is no R */
    ck_assert(!cl_tpm_signature_verify(&s, tpm_world_pkey(TPM_P256), data, sizeof(data), &why));
    ck_assert_str_eq(why, "the signature does not verify");
}
END_TEST

/* ---- policies ---- */

static enum cl_status parse_policy(json_t *section, struct cl_verify_policy **ret,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s,s:o}", "schema", "cloister.verify-policy/1", "tpm", section);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    return cl_verify_policy_parse(text.data, text.len, ret, err);
}

static json_t *values(size_t count, size_t size)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        char hex[2 * CL_TPM_DIGEST_MAX + 1];
        uint8_t v[CL_TPM_DIGEST_MAX] = {(uint8_t)i, (uint8_t)(i >> 8)};
        cl_hex(hex, v, size);
        ck_assert_int_eq(json_array_append_new(list, json_string(hex)), 0);
    }
    return list;
}

START_TEST(test_a_policy_holds_as_many_values_as_the_limit)
{
    struct cl_err err = {0};
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    struct cl_verify_policy *none = NULL;
    json_t *most =
        json_pack("{s:{s:{s:o}},s:{s:o}}", "pcrs", "sha256", "4", values(CL_TPM_RULES_PCRS_MAX, 32),
                  "aks", "keys", values(CL_TPM_RULES_AKS_MAX, 32));
    ck_assert_msg(parse_policy(most, &p, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(cl_verify_policy_tpm(p, CL_TEE_CLASS_TPM)->pcr_count, CL_TPM_RULES_PCRS_MAX);
    ck_assert_uint_eq(cl_verify_policy_tpm(p, CL_TEE_CLASS_TPM)->ak_count, CL_TPM_RULES_AKS_MAX);
    ck_assert(!cl_verify_policy_tpm(p, CL_TEE_CLASS_AZ_SNP_VTPM)->accepted); /* no such section */
    ck_assert(!cl_verify_policy_tpm(p, CL_TEE_CLASS_AZ_TDX_VTPM)->accepted);
    json_t *pcrs =
        json_pack("{s:{s:{s:o}}}", "pcrs", "sha1", "0", values(CL_TPM_RULES_PCRS_MAX + 1, 20));
    ck_assert_int_eq(parse_policy(pcrs, &none, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected at most 256 digests in hex, got more"));
    json_t *aks = json_pack("{s:{s:o,s:o}}", "aks", "keys", values(CL_TPM_RULES_AKS_MAX, 32),
                            "names", values(1, 34));
    ck_assert_int_eq(parse_policy(aks, &none, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "names: expected at most 64 values, got more"));
    json_t *large = json_pack("{s:{s:[I]}}", "required_pcrs", "sha256", (json_int_t)1 << 40);
    ck_assert_int_eq(parse_policy(large, &none, &err), CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    world_init();
    tpm_world_init();
    tw_init();
    tpm_world_runtime(TPM_RSA, "", &runtime_text);
    Suite *s = suite_create("vtpm_forms");
    TCase *t = tcase_create("forms");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_tdx_behind_a_paravisor);
    tcase_add_test(t, test_rules_of_a_platform_hold_and_those_of_a_guest_do_not);
    tcase_add_test(t, test_a_report_of_another_td_is_refused);
    tcase_add_test(t, test_what_a_paravisor_may_leave_out);
    tcase_add_test(t, test_members_of_the_runtime_data);
    tcase_add_test(t, test_only_so_many_keys_of_a_paravisor);
    tcase_add_test(t, test_registers_of_banks_that_are_not_there);
    tcase_add_test(t, test_kinds_and_hardware_must_agree);
    tcase_add_test(t, test_the_key_of_evidence_is_named);
    tcase_add_test(t, test_version_0_has_its_certificate_in_pem);
    tcase_add_test(t, test_members_of_other_shapes_are_refused);
    tcase_add_test(t, test_each_field_of_a_public_area);
    tcase_add_loop_test(t, test_keys_that_may_not_sign_quotes, 0, 6);
    tcase_add_test(t, test_a_key_larger_than_any_is_not_looked_at);
    tcase_add_test(t, test_signatures_of_odd_sizes);
    tcase_add_test(t, test_a_policy_holds_as_many_values_as_the_limit);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    cl_buf_done(&runtime_text);
    return rc;
}
