/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_tpm.c - TPM evidence and its verdicts while memory runs out at every point in turn: an
 * error or a verdict that does not accept, and never a crash or a leak.
 */
#include "base/json.h"
#include "check_main.h"
#include "cloister/snp_evidence.h"
#include "cloister/tpm_policy.h"
#include "failing_alloc.h"
#include "policy/policy_section.h"
#include "snp_world.h"
#include "tpm/vtpm_internal.h"
#include "tpm_log_world.h"
#include "tpm_world.h"

#include <string.h>

static uint8_t root[1][CL_SNP_ROOT_SIZE];
static struct cl_buf text[2], ask, ark, rsa_area, ecc_area; /* JSON of tpm and of az-snp-vtpm */
static struct cl_snp_reference reference = {.tee_class = CL_TEE_CLASS_AZ_SNP_VTPM};
static struct cl_tpm_pcr_value pcr = {.alg = CL_TPM_ALG_SHA256, .index = 4};
static struct cl_tpm_ak_id ak = {.len = CL_SHA256_SIZE};
static struct cl_vtpm_policy policy;
static struct cl_tpm_rules rules;
static json_t *section;
static struct tpm_log_world boot;

static enum cl_status read_back_and_write(const struct cl_buf *b)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_vtpm_evidence_from_json_text(b->data, b->len, &ev, NULL));
    return cl_vtpm_evidence_to_json(ev, &j, NULL);
}

static enum cl_status tpm_evidence(void)
{
    return read_back_and_write(&text[0]);
}

static enum cl_status az_evidence(void)
{
    return read_back_and_write(&text[1]);
}

static enum cl_status public_areas(void)
{
    struct cl_tpm_public p = {0};
    CL_TRY(cl_tpm_public_parse(rsa_area.data, rsa_area.len, &p, NULL));
    cl_tpm_public_done(&p);
    CL_TRY(cl_tpm_public_parse(ecc_area.data, ecc_area.len, &p, NULL));
    cl_tpm_public_done(&p);
    return CL_OK;
}

static enum cl_status read_section(void)
{
    policy_section_az_snp_vtpm.set_defaults(&rules);
    enum cl_status st =
        policy_read_fields(section, "section", policy_section_az_snp_vtpm.fields, &rules, NULL);
    policy_free_fields(policy_section_az_snp_vtpm.fields, &rules);
    return st;
}

static enum cl_status event_log(void)
{
    static const uint8_t expected[CL_TPM_DIGEST_MAX];
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = NULL;
    struct cl_tpm_replay r;
    CL_TRY(cl_tpm_event_log_parse(boot.raw.data, boot.raw.len, &log, NULL));
    return cl_tpm_event_log_replay(log, CL_TPM_ALG_SHA256, 4, expected, &r, NULL);
}

static enum cl_status judge(struct cl_vtpm_evidence *ev)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_TRY(
        vtpm_verify_with(ev, &policy, (const uint8_t(*)[CL_SNP_ROOT_SIZE])root, 1, &r, NULL, NULL));
    CL_TRY(cl_vtpm_verify_claims(ev, r, NULL, &claims, NULL));
    /* jansson calls its own want of memory a fault of the text: then nothing is claimed. */
    const json_t *hcl = json_object_get(claims, "hcl");
    bool whole = hcl == NULL || json_is_true(json_object_get(hcl, "secure_boot"));
    return r->verdict == CL_VERDICT_ACCEPTED && whole ? CL_OK : CL_ERR_UNAVAILABLE;
}

static enum cl_status verify_tpm(void)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_TRY(cl_vtpm_evidence_from_json_text(text[0].data, text[0].len, &ev, NULL));
    return judge(ev);
}

static enum cl_status verify_az(void)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_TRY(cl_vtpm_evidence_from_json_text(text[1].data, text[1].len, &ev, NULL));
    CL_TRY(cl_snp_evidence_add_der(cl_vtpm_evidence_snp(ev), CL_SNP_CERT_ASK, ask.data, ask.len,
                                   NULL));
    CL_TRY(cl_snp_evidence_add_der(cl_vtpm_evidence_snp(ev), CL_SNP_CERT_ARK, ark.data, ark.len,
                                   NULL));
    return judge(ev);
}

START_TEST(test_parsers)
{
    failing_alloc_each(tpm_evidence, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(az_evidence, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(public_areas, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(read_section, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(event_log, EVERY_ONE_COUNTS, 1);
}
END_TEST

START_TEST(test_verdicts)
{
    failing_alloc_each(verify_tpm, EVERY_ONE_COUNTS, 7);
    failing_alloc_each(verify_az, EVERY_ONE_COUNTS, 17);
}
END_TEST

static enum cl_status write_json(struct cl_vtpm_parts *p, struct cl_buf *out)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_vtpm_evidence_from_parts(p, &ev, NULL));
    CL_TRY(cl_vtpm_evidence_to_json(ev, &j, NULL));
    return cl_json_compact(j, out, NULL);
}

static enum cl_status make_world(void)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts tpm = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts az = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf runtime = {0};
    struct tpm_world_quote q = tpm_world_quote();
    struct world_cert ask_cert = world_ask(), ark_cert = world_ark();
    world_root(root[0]);
    world_cert_der(&ask_cert, &ask);
    world_cert_der(&ark_cert, &ark);
    tpm_world_runtime(TPM_RSA, "", &runtime);
    tpm_world_az_parts(&q, (const char *)runtime.data, &az);
    CL_TRY(write_json(&az, &text[1]));
    tpm_world_add_bank(&q, CL_TPM_ALG_SHA384, 0x00000F);
    tpm_world_parts(&q, &tpm);
    const uint32_t signing = CL_TPM_ATTR_FIXED_TPM | CL_TPM_ATTR_FIXED_PARENT |
                             CL_TPM_ATTR_SENSITIVE_DATA_ORIGIN | CL_TPM_ATTR_RESTRICTED |
                             CL_TPM_ATTR_SIGN;
    tpm_world_area(TPM_RSA, signing, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA256, &tpm.ak_area);
    tpm_world_area(TPM_RSA, signing, CL_TPM_ALG_RSASSA, CL_TPM_ALG_SHA256, &rsa_area);
    tpm_world_area(TPM_P256, signing, CL_TPM_ALG_ECDSA, CL_TPM_ALG_SHA256, &ecc_area);
    CL_TRY(write_json(&tpm, &text[0]));
    CL_TRY(cl_tpm_key_digest(tpm_world_pkey(TPM_RSA), ak.id, NULL));
    memset(reference.measurement, 0x3E, sizeof(reference.measurement));
    memset(pcr.value, 4, sizeof(pcr.value));
    policy = (struct cl_vtpm_policy){.time = WORLD_TIME,
                                     .nonce = (const uint8_t *)"challenge",
                                     .nonce_len = 9,
                                     .pcrs = &pcr,
                                     .pcr_count = 1,
                                     .aks = &ak,
                                     .ak_count = 1};
    policy.snp.references = &reference;
    policy.snp.reference_count = 1;
    section = json_pack("{s:[s,s]}", "measurements",
                        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324"
                        "25262728292a2b2c2d2e2f",
                        "100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324"
                        "25262728292a2b2c2d2e2f");
    return section != NULL ? CL_OK : CL_ERR_NOMEM;
}

int main(void)
{
    failing_alloc_init();
    world_init();
    tpm_world_init();
    tpm_log_boot(&boot);
    if (make_world() != CL_OK) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("alloc_tpm");
    TCase *t = tcase_create("alloc_tpm");
    tcase_set_timeout(t, 240);
    tcase_add_test(t, test_parsers);
    tcase_add_test(t, test_verdicts);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    json_decref(section);
    for (size_t i = 0; i < CL_ARRAY_LEN(text); i++) {
        cl_buf_done(&text[i]);
    }
    tpm_log_done(&boot);
    cl_buf_done(&ask);
    cl_buf_done(&ark);
    cl_buf_done(&rsa_area);
    cl_buf_done(&ecc_area);
    return rc;
}
