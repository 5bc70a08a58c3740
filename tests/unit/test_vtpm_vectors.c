/* SPDX-License-Identifier: Apache-2.0
 * test_vtpm_vectors.c - published TPM evidence: each gives the outcome that the vectors' INDEX
 * states.
 */
#include "tpm/vtpm_internal.h"

#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/ear.h"
#include "cloister/snp_evidence.h"
#include "shared_vectors.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

struct policy_world {
    struct cl_vtpm_policy policy;
};

/* The nonce of all of them; nothing to compare with. */
static void policy_init(struct policy_world *w)
{
    w->policy = (struct cl_vtpm_policy){
        .time = INT64_C(1717200000), .nonce = (const uint8_t *)"challenge", .nonce_len = 9};
}

/* ---- published vectors ---- */

static void vector(const char *name, struct cl_buf *out)
{
    char path[1024];
    shared_path(path, "vtpm/%s", name);
    read_whole(path, out);
}

static void from_hex(const json_t *j, const char *key, struct cl_buf *out)
{
    const char *hex = json_string_value(json_object_get(j, key));
    size_t n = strlen(hex) / 2;
    ck_assert_int_eq(cl_buf_reserve(out, n + 1, NULL), CL_OK);
    ck_assert_int_eq(cl_unhex(out->data, n, hex, key, NULL), CL_OK);
    out->len = n;
}

static void load_az_tdx(struct cl_vtpm_parts *p)
{
    CL_CLEANUP(cl_json_decrefp) json_t *q = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    *p = (struct cl_vtpm_parts){.kind = CL_TEE_CLASS_AZ_TDX_VTPM, .version = 1};
    vector("az_tdx_hcl_report.bin", &p->hcl);
    vector("az_tdx_td_quote.bin", &p->td_quote);
    vector("az_tdx_tpm_quote.json", &text);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "quote", &q, NULL), CL_OK);
    from_hex(q, "signature", &p->signature);
    from_hex(q, "message", &p->message);
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        uint8_t value[CL_SHA256_SIZE];
        const char *hex = json_string_value(json_array_get(json_object_get(q, "pcrs"), i));
        ck_assert_int_eq(cl_unhex(value, sizeof(value), hex, "pcr", NULL), CL_OK);
        ck_assert_int_eq(cl_tpm_pcrs_set(&p->pcrs, CL_TPM_ALG_SHA256, i, value, NULL), CL_OK);
    }
}

static enum cl_check_status status_of(const struct cl_verify_result *r, const char *id)
{
    const struct cl_check *c = cl_verify_result_check(r, id);
    ck_assert_msg(c != NULL, "no check %s", id);
    return c->status;
}

START_TEST(test_published_tdx_quote_of_the_tpm)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct policy_world w;
    if (!shared_available("vtpm")) {
        return;
    }
    policy_init(&w);
    load_az_tdx(&p);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_uint_eq(ev->hcl.version, 2);
    ck_assert_uint_eq(ev->hcl.runtime_len, 1201);
    ck_assert_int_eq(cl_vtpm_verify(ev, &w.policy, &r, NULL, NULL), CL_OK);
    ck_assert_int_eq(status_of(r, "hcl.runtime_data"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(r, "tpm.signature"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(r, "tpm.pcr.digest"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(r, "tpm.quote.nonce"), CL_CHECK_PASS);
    uint8_t want[64];
    bool bound = false;
    /* REPORTDATA of the TDREPORT stands at 128. */
    ck_assert_int_eq(cl_hcl_report_binding(&ev->hcl, ev->hcl.hardware + 128, want, &bound, NULL),
                     CL_OK);
    ck_assert(bound);
}
END_TEST

/* The published evidence, whole, through the public function: a paravisor on TDX. */
static struct cl_vtpm_policy az_tdx_policy(void)
{
    return (struct cl_vtpm_policy){.time = INT64_C(1717200000), /* 2024-06-01 */
                                   .nonce = (const uint8_t *)"challenge",
                                   .nonce_len = 9,
                                   .authenticity_only = true};
}

START_TEST(test_published_az_tdx_evidence_is_authentic)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *again = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    struct cl_vtpm_policy policy = az_tdx_policy();
    struct cl_tdx_tcb tcb;
    if (!shared_available("vtpm")) {
        return;
    }
    load_az_tdx(&p);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_from_json(j, &again, NULL), CL_OK);
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_vtpm_verify(again, &policy, &r, &tcb, NULL), CL_OK);
    ck_assert_int_eq(r->verdict, CL_VERDICT_ACCEPTED);
    ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_AZ_TDX_VTPM);
    ck_assert_int_eq(status_of(r, "hcl.tdreport"), CL_CHECK_PASS);
    struct cl_ar4si v = cl_ar4si_of_result(r);
    ck_assert_int_eq(v.value[CL_AR4SI_HARDWARE], 2);
    ck_assert_int_eq(v.value[CL_AR4SI_CONFIGURATION], 3);
    ck_assert_int_eq(v.value[CL_AR4SI_EXECUTABLES], 0); /* compared with nothing */
    ck_assert_int_eq(cl_vtpm_verify_claims(again, r, &tcb, &claims, NULL), CL_OK);
    ck_assert_int_eq(strncmp(json_string_value(json_object_get(claims, "mrtd")), "024a32b0", 8), 0);
    /* Compared with the paravisor's measurement and a register, but without collateral. */
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *strict = NULL;
    struct cl_tdx_reference ref = {.tee_class = CL_TEE_CLASS_AZ_TDX_VTPM};
    struct cl_tpm_pcr_value pcr = {.alg = CL_TPM_ALG_SHA256, .index = 7};
    memcpy(ref.mrtd, cl_tdx_quote_td(again->tdx)->mrtd, sizeof(ref.mrtd));
    memcpy(pcr.value, cl_tpm_pcrs_get(&again->parts.pcrs, pcr.alg, 7), CL_SHA256_SIZE);
    policy.authenticity_only = false;
    policy.tdx.references = &ref;
    policy.tdx.reference_count = 1;
    policy.pcrs = &pcr;
    policy.pcr_count = 1;
    ck_assert_int_eq(cl_vtpm_verify(again, &policy, &strict, NULL, NULL), CL_OK);
    ck_assert_int_eq(strict->verdict, CL_VERDICT_UNDETERMINED);
    ck_assert_int_eq(status_of(strict, "tdx.mrtd"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(strict, "tpm.pcr.values"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(strict, "tdx.tcb.status"), CL_CHECK_UNKNOWN);
}
END_TEST

/* Offsets in the report of what decides nothing: of the TDREPORT, CPUSVN and MAC. No quote carries
 * them, and the MAC can be checked on its own platform only. */
static bool decides_nothing(size_t at)
{
    size_t in_tdreport = at - 32; /* huge before it */
    return (in_tdreport >= 16 && in_tdreport < 32) || (in_tdreport >= 224 && in_tdreport < 256);
}

START_TEST(test_flipped_bits_of_the_published_hcl_report_are_refused)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts good = {0};
    struct cl_vtpm_policy policy = az_tdx_policy();
    size_t accepted = 0;
    if (!shared_available("vtpm")) {
        return;
    }
    load_az_tdx(&good);
    for (size_t bit = (size_t)_i; bit < 8 * good.hcl.len; bit += 8) {
        size_t at = bit / 8;
        CL_CLEANUP(cl_vtpm_parts_done)
        struct cl_vtpm_parts p = {.kind = good.kind, .version = 1, .pcrs = good.pcrs};
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        if (at >= 32 && at % 8 != bit % 8) { /* one bit of each byte */
            continue;
        }
        ck_assert_int_eq(cl_buf_append(&p.message, good.message.data, good.message.len, NULL), 0);
        ck_assert_int_eq(cl_buf_append(&p.signature, good.signature.data, good.signature.len, NULL),
                         0);
        ck_assert_int_eq(cl_buf_append(&p.hcl, good.hcl.data, good.hcl.len, NULL), 0);
        ck_assert_int_eq(cl_buf_append(&p.td_quote, good.td_quote.data, good.td_quote.len, NULL),
                         0);
        p.hcl.data[at] ^= (uint8_t)(1u << (bit % 8));
        if (cl_vtpm_evidence_from_parts(&p, &ev, NULL) != CL_OK) {
            continue;
        }
        ck_assert_int_eq(cl_vtpm_verify(ev, &policy, &r, NULL, NULL), CL_OK);
        ck_assert_msg((r->verdict == CL_VERDICT_ACCEPTED) == decides_nothing(at), "bit %zu", bit);
        accepted += r->verdict == CL_VERDICT_ACCEPTED ? 1 : 0;
    }
    ck_assert_uint_eq(accepted, (16 + 32) / 8);
}
END_TEST

START_TEST(test_published_snp_report_is_bound_and_of_another_chip)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    struct policy_world w;
    if (!shared_available("vtpm")) {
        return;
    }
    policy_init(&w);
    load_az_tdx(&p); /* its quote, to have one */
    cl_buf_done(&p.hcl);
    vector("az_snp_hcl_report_v1.bin", &p.hcl);
    vector("az_snp_certs_milan.pem", &certs);
    p.kind = CL_TEE_CLASS_AZ_SNP_VTPM;
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(
        cl_snp_evidence_add_file_bytes(cl_vtpm_evidence_snp(ev), certs.data, certs.len, NULL),
        CL_OK);
    w.policy.time = INT64_C(1704067200);
    ck_assert_int_eq(cl_vtpm_verify(ev, &w.policy, &r, NULL, NULL), CL_OK);
    ck_assert_int_eq(status_of(r, "hcl.binding"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(r, "hcl.runtime_data"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(r, "snp.chain.path"), CL_CHECK_PASS);
    ck_assert_int_eq(status_of(r, "snp.signature"), CL_CHECK_FAIL);
    ck_assert_int_eq(status_of(r, "tpm.signature"), CL_CHECK_FAIL);
    ck_assert_int_eq(r->verdict, CL_VERDICT_REJECTED);
    const char *hash = cl_verify_result_check(r, "hcl.binding")->expected;
    ck_assert_int_eq(strncmp(hash, "1d0a466a", 8), 0);
    ck_assert_int_eq(strncmp(hash + 60, "bd7d0000", 8), 0);
}
END_TEST

/* bincode: lengths of 64 bits, little-endian, before signature, message and list of registers. */
static void load_kinvolk(struct cl_vtpm_parts *p, bool reversed)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    static const uint8_t head[] = {0, 0x14, 0, 0x0B, 1, 0};
    uint8_t sig[256];
    *p = (struct cl_vtpm_parts){.kind = CL_TEE_CLASS_TPM};
    vector("kinvolk_tpm_quote.bin", &raw);
    vector("kinvolk_akpub.pem", &pem);
    struct cl_reader r = cl_reader_init(raw.data, raw.len);
    ck_assert_uint_eq(cl_reader_le64(&r, "n"), sizeof(sig));
    cl_reader_copy(&r, sig, sizeof(sig), "signature");
    for (size_t i = 0; reversed && i < sizeof(sig) / 2; i++) {
        uint8_t t = sig[i];
        sig[i] = sig[sizeof(sig) - 1 - i];
        sig[sizeof(sig) - 1 - i] = t;
    }
    ck_assert_int_eq(cl_buf_append(&p->signature, head, sizeof(head), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&p->signature, sig, sizeof(sig), NULL), CL_OK);
    size_t n = (size_t)cl_reader_le64(&r, "n");
    ck_assert_uint_eq(n, 122);
    ck_assert_int_eq(cl_buf_append(&p->message, cl_reader_bytes(&r, n, "message"), n, NULL), CL_OK);
    ck_assert_uint_eq(cl_reader_le64(&r, "n"), CL_TPM_PCR_COUNT);
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        ck_assert_int_eq(
            cl_tpm_pcrs_set(&p->pcrs, CL_TPM_ALG_SHA256, i, cl_reader_bytes(&r, 32, "pcr"), NULL),
            CL_OK);
    }
    ck_assert_int_eq(cl_reader_finish(&r, "quote", NULL), CL_OK);
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    ck_assert_int_eq(cl_buf_append(&p->ak_spki, der, (size_t)len, NULL), CL_OK);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

START_TEST(test_published_quote_of_a_tpm)
{
    if (!shared_available("vtpm")) {
        return;
    }
    for (int reversed = 0; reversed < 2; reversed++) {
        CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *wrong = NULL;
        struct cl_tpm_ak_id ak = {.len = CL_SHA256_SIZE};
        struct policy_world w;
        policy_init(&w);
        load_kinvolk(&p, reversed == 1);
        ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
        ck_assert_int_eq(cl_tpm_key_digest(ev->ak, ak.id, NULL), CL_OK);
        w.policy.aks = &ak;
        w.policy.ak_count = 1;
        w.policy.pcr_count = 0;
        w.policy.authenticity_only = true;
        ck_assert_int_eq(cl_vtpm_verify(ev, &w.policy, &r, NULL, NULL), CL_OK);
        ck_assert_int_eq(r->verdict, reversed == 0 ? CL_VERDICT_ACCEPTED : CL_VERDICT_REJECTED);
        ck_assert_int_eq(status_of(r, "tpm.pcr.digest"), CL_CHECK_PASS);
        w.policy.nonce = (const uint8_t *)"wrong";
        w.policy.nonce_len = 5;
        ck_assert_int_eq(cl_vtpm_verify(ev, &w.policy, &wrong, NULL, NULL), CL_OK);
        ck_assert_int_eq(wrong->verdict, CL_VERDICT_REJECTED);
        ck_assert_int_eq(status_of(wrong, "tpm.quote.nonce"), CL_CHECK_FAIL);
    }
}
END_TEST

START_TEST(test_published_runtime_data)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_hcl_claims c = {0};
    struct cl_err err = {0};
    if (!shared_available("vtpm")) {
        return;
    }
    vector("kinvolk_var_data.bin", &raw);
    ck_assert_msg(cl_hcl_claims_parse(raw.data, raw.len, &c, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(EVP_PKEY_get_bits(c.ak), 2048);
    cl_hcl_claims_done(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vtpm_vectors");
    TCase *t = tcase_create("vectors");
    tcase_set_timeout(t, 240);
    tcase_add_test(t, test_published_tdx_quote_of_the_tpm);
    tcase_add_test(t, test_published_az_tdx_evidence_is_authentic);
    tcase_add_loop_test(t, test_flipped_bits_of_the_published_hcl_report_are_refused, 0, 8);
    tcase_add_test(t, test_published_snp_report_is_bound_and_of_another_chip);
    tcase_add_test(t, test_published_quote_of_a_tpm);
    tcase_add_test(t, test_published_runtime_data);
    suite_add_tcase(s, t);
    return run_suite(s);
}
