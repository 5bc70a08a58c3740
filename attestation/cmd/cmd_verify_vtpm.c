/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_vtpm.c - `cloister verify` of TPM quotes: reads the JSON evidence, the values that
 * registers must hold and the keys to trust, and asks the library. Trust: evidence and certificates
 * are hostile; values, keys and references are the user's word. Threads: one. Memory: one input
 * file at a time.
 */
#include "cmd/cmd_verify.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/collateral.h"
#include "cloister/initdata.h"
#include "cloister/tpm_policy.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define MAX_KEY_FILE 16384u

struct vtpm_inputs { /* what the options came to; zeroed is fine */
    struct cl_vtpm_evidence *evidence;
    struct cl_collateral *collateral;
    struct cl_tdx_verifier *verifier;
    struct cl_tpm_event_log *event_log;
    struct verify_references given;
    struct cl_snp_reference snp_references[VERIFY_MAX_INPUTS + CL_CORIM_MAX_REFERENCES];
    struct cl_tdx_reference tdx_references[VERIFY_MAX_INPUTS + CL_CORIM_MAX_REFERENCES];
    struct cl_snp_rules snp_rules;
    struct cl_tpm_pcr_value pcrs[CL_TPM_RULES_PCRS_MAX + VERIFY_MAX_INPUTS];
    struct cl_tpm_ak_id aks[CL_TPM_RULES_AKS_MAX + VERIFY_MAX_INPUTS];
    uint8_t nonce[CL_SNP_REPORT_DATA_SIZE];
    uint8_t host_data[CL_SNP_HOST_DATA_SIZE];
    uint8_t initdata[CL_SHA256_SIZE];
    struct cl_vtpm_policy policy; /* points into this struct */
};

static void vtpm_inputs_done(struct vtpm_inputs *in)
{
    cl_vtpm_evidence_free(in->evidence);
    cl_collateral_free(in->collateral);
    cl_tdx_verifier_free(in->verifier);
    cl_tpm_event_log_free(in->event_log);
    *in = (struct vtpm_inputs){0};
}

static bool looks_like_hcl(const uint8_t *data, size_t len)
{
    return len >= 4 && memcmp(data, "HCLA", 4) == 0;
}

static bool detect(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (looks_like_hcl(data, len)) {
        return true;
    }
    return verify_looks_like_json(data, len) &&
           cl_json_parse(data, len, "evidence", &j, /* err= */ NULL) == CL_OK &&
           cl_vtpm_evidence_guess(j) != CL_TEE_CLASS_NONE;
}

static enum cl_status parse_evidence(const struct verify_options *o, const struct cl_buf *raw,
                                     struct cl_vtpm_evidence **ret_ev, struct cl_err *err)
{
    enum cl_status st =
        looks_like_hcl(raw->data, raw->len)
            ? cl_err_set(err, CL_ERR_UNSUPPORTED,
                         "contents: expected JSON with hcl_report and tpm_quote, got a bare HCL "
                         "report")
            : cl_vtpm_evidence_from_json_text(raw->data, raw->len, ret_ev, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "evidence '%s'", o->evidence);
}

/* [BANK:]INDEX=HEX */
static enum cl_status read_pcr(const char *text, struct cl_tpm_pcr_value *ret_v, struct cl_err *err)
{
    char bank[8] = "sha256", index[4] = "";
    const char *colon = strchr(text, ':'), *equals = strchr(text, '=');
    const char *number = colon != NULL ? colon + 1 : text;
    uint64_t n = 0;
    struct cl_tpm_pcr_value v = {0};
    if (equals == NULL || equals < number || (size_t)(equals - number) >= sizeof(index) ||
        (colon != NULL && (size_t)(colon - text) >= sizeof(bank))) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--pcr: expected [BANK:]INDEX=HEX, got '%.40s'",
                          text);
    }
    if (colon != NULL) {
        memcpy(bank, text, (size_t)(colon - text));
        bank[colon - text] = '\0';
    }
    memcpy(index, number, (size_t)(equals - number));
    v.alg = cl_tpm_hash_by_name(bank);
    if (v.alg == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--pcr: expected bank sha1, sha256, sha384 or sha512, got '%s'", bank);
    }
    CL_TRY(cl_uint_parse(index, "--pcr", 0, CL_TPM_PCR_COUNT - 1, &n, err));
    v.index = (uint32_t)n;
    CL_TRY(cl_unhex(v.value, cl_tpm_hash_size(v.alg), equals + 1, "--pcr", err));
    *ret_v = v;
    return CL_OK;
}

static EVP_PKEY *key_from_pem(const struct cl_buf *raw)
{
    BIO *bio = BIO_new_mem_buf(raw->data, (int)raw->len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* A key in PEM or DER: by its digest. */
static enum cl_status ak_from_key(const struct cl_buf *raw, struct cl_tpm_ak_id *ret_id,
                                  struct cl_err *err)
{
    EVP_PKEY *key = key_from_pem(raw);
    if (key == NULL) {
        CL_TRY(cl_tpm_key_from_spki(raw->data, raw->len, &key, err));
    }
    enum cl_status st = cl_tpm_key_digest(key, ret_id->id, err);
    ret_id->len = CL_SHA256_SIZE;
    EVP_PKEY_free(key);
    return st;
}

/* A key, the 64 hex digits of its digest, or the 68 and more of its TPM name. */
static enum cl_status read_ak(const char *path, struct cl_tpm_ak_id *ret_id, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(verify_read_file(path, MAX_KEY_FILE, &raw, err));
    size_t len = raw.len, digits = 0;
    while (len > 0 && isspace(raw.data[len - 1]) != 0) {
        len--;
    }
    while (digits < len && isxdigit(raw.data[digits]) != 0) {
        digits++;
    }
    enum cl_status st = CL_OK;
    if (digits == len && len / 2 >= CL_SHA256_SIZE && len / 2 <= sizeof(ret_id->id)) {
        raw.data[len] = '\0';
        ret_id->len = len / 2;
        st = cl_unhex(ret_id->id, ret_id->len, (const char *)raw.data, "key", err);
    } else {
        st = ak_from_key(&raw, ret_id, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "attestation key '%s'", path);
}

/* Exactly these bytes are the quote's qualifying data: nothing is padded. */
static enum cl_status read_nonce(const char *hex, struct vtpm_inputs *in, struct cl_err *err)
{
    size_t n = strlen(hex) / 2;
    if (n == 0 || n > sizeof(in->nonce)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--report-data: expected 1 to 64 bytes in hex, got %zu characters",
                          strlen(hex));
    }
    CL_TRY(cl_unhex(in->nonce, n, hex, "--report-data", err));
    in->policy.nonce = in->nonce;
    in->policy.nonce_len = n;
    return CL_OK;
}

/* Options that say nothing about this evidence must not seem to be heeded. */
static enum cl_status refuse_others(const struct verify_options *o, enum cl_tee_class kind,
                                    struct cl_err *err)
{
    bool snp = kind == CL_TEE_CLASS_AZ_SNP_VTPM, tdx = kind == CL_TEE_CLASS_AZ_TDX_VTPM;
    const struct {
        const char *name;
        bool given, fits;
    } options[] = {{"--sim-root", o->sim_root_count != 0, false},
                   {"--vmpl", o->vmpl != NULL, false},
                   {"--certs", o->cert_count != 0, snp},
                   {"--host-data", o->host_data != NULL, snp},
                   {"--allow-masked-chip", o->allow_masked_chip, snp},
                   {"--measurement", o->measurement_count != 0, snp || tdx},
                   {"--reference", o->reference != NULL, snp || tdx},
                   {"--tpm-ak", o->ak_count != 0, !snp && !tdx}};
    for (size_t i = 0; i < CL_ARRAY_LEN(options); i++) {
        if (options[i].given && !options[i].fits) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: expected only beside evidence that it is about, got it beside "
                              "%s evidence",
                              options[i].name, cl_tee_class_name(kind));
        }
    }
    return CL_OK;
}

/* Under its own class; only one of the two lists is looked at. */
static void add_reference(struct vtpm_inputs *in, const struct verify_reference *v)
{
    struct cl_snp_reference *snp = &in->snp_references[in->policy.snp.reference_count++];
    struct cl_tdx_reference *tdx = &in->tdx_references[in->policy.tdx.reference_count++];
    snp->tee_class = tdx->tee_class = v->tee_class;
    memcpy(snp->measurement, v->measurement, sizeof(snp->measurement));
    memcpy(tdx->mrtd, v->measurement, sizeof(tdx->mrtd));
    memcpy(tdx->rtmr, v->rtmr, sizeof(tdx->rtmr));
    tdx->rtmr_mask = v->rtmr_mask;
}

static enum cl_status read_references(const struct verify_options *o, struct vtpm_inputs *in,
                                      struct cl_err *err)
{
    struct verify_reference ref = {.tee_class = cl_vtpm_evidence_kind(in->evidence)};
    in->policy.snp.references = in->snp_references;
    in->policy.tdx.references = in->tdx_references;
    for (size_t i = 0; i < o->measurement_count; i++) {
        CL_TRY(cl_unhex(ref.measurement, sizeof(ref.measurement), o->measurements[i],
                        "--measurement", err));
        add_reference(in, &ref);
    }
    CL_TRY(verify_read_references(o, &in->given, err));
    for (size_t i = 0; i < in->given.count; i++) {
        add_reference(in, &in->given.values[i]);
    }
    return CL_OK;
}

/* What the hardware's report must show, and what it takes to verify it. */
static enum cl_status read_hardware(const struct verify_options *o, struct vtpm_inputs *in,
                                    struct cl_err *err)
{
    struct cl_snp_evidence *snp = cl_vtpm_evidence_snp(in->evidence);
    const struct cl_tdx_quote *tdx = cl_vtpm_evidence_tdx(in->evidence);
    CL_TRY(read_references(o, in, err));
    in->snp_rules = *cl_verify_policy_snp(o->policy);
    in->snp_rules.allow_masked_chip = in->snp_rules.allow_masked_chip || o->allow_masked_chip;
    in->policy.snp.rules = &in->snp_rules;
    in->policy.tdx.rules = cl_verify_policy_tdx(o->policy);
    in->policy.snp.common = in->policy.tdx.common = cl_verify_policy_common(o->policy);
    in->policy.snp.distrust = o->distrust;
    if (o->host_data != NULL) {
        CL_TRY(cl_unhex(in->host_data, sizeof(in->host_data), o->host_data, "--host-data", err));
        in->policy.snp.host_data = in->host_data;
    }
    if (snp != NULL) {
        CL_TRY(verify_add_snp_certs(o, snp, err));
    }
    if (tdx != NULL) {
        CL_TRY(verify_read_tdx_collateral(o, tdx, &in->collateral, &in->verifier, err));
        in->policy.tdx_verifier = in->verifier;
    }
    return CL_OK;
}

static enum cl_status read_event_log(const struct verify_options *o, struct vtpm_inputs *in,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    if (o->event_log == NULL) {
        return CL_OK;
    }
    CL_TRY(verify_read_file(o->event_log, CL_TPM_EVENT_LOG_MAX_SIZE, &raw, err));
    enum cl_status st = cl_tpm_event_log_parse(raw.data, raw.len, &in->event_log, err);
    in->policy.event_log = in->event_log;
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "file '%s'", o->event_log);
}

/* What the policy's section says, and the registers and keys of the command line besides. */
static enum cl_status read_rules(const struct verify_options *o, struct vtpm_inputs *in,
                                 struct cl_err *err)
{
    const struct cl_tpm_rules *rules =
        cl_verify_policy_tpm(o->policy, cl_vtpm_evidence_kind(in->evidence));
    cl_tpm_rules_apply(rules, &in->policy);
    memcpy(in->pcrs, rules->pcrs, sizeof(rules->pcrs));
    memcpy(in->aks, rules->aks, sizeof(rules->aks));
    in->policy.pcrs = in->pcrs;
    in->policy.aks = in->aks;
    for (size_t i = 0; i < o->pcr_count; i++) {
        CL_TRY(read_pcr(o->pcrs[i], &in->pcrs[in->policy.pcr_count++], err));
    }
    for (size_t i = 0; i < o->ak_count; i++) {
        CL_TRY(read_ak(o->aks[i], &in->aks[in->policy.ak_count++], err));
    }
    return CL_OK;
}

static enum cl_status read_inputs(const struct verify_options *o, struct vtpm_inputs *in,
                                  struct cl_err *err)
{
    in->policy = (struct cl_vtpm_policy){
        .time = o->time, .require_class = o->tee, .authenticity_only = o->authenticity_only};
    CL_TRY(refuse_others(o, cl_vtpm_evidence_kind(in->evidence), err));
    CL_TRY(read_rules(o, in, err));
    CL_TRY(read_event_log(o, in, err));
    if (o->report_data != NULL) {
        CL_TRY(read_nonce(o->report_data, in, err));
    }
    if (o->initdata != NULL) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        CL_TRY(verify_read_file(o->initdata, CL_INITDATA_MAX_SIZE, &raw, err));
        CL_TRY(cl_initdata_digest(raw.data, raw.len, in->initdata, err));
        in->policy.initdata_digest = in->initdata;
    }
    return read_hardware(o, in, err);
}

/* Those of the hardware that vouches for the paravisor; a plain TPM brings none. */
static enum cl_status draw_certs(struct cl_vtpm_evidence *ev, struct verify_answer *a,
                                 struct cl_err *err)
{
    if (cl_vtpm_evidence_snp(ev) != NULL) {
        return verify_draw_snp_certs(cl_vtpm_evidence_snp(ev), a, err);
    }
    return cl_vtpm_evidence_tdx(ev) != NULL
               ? verify_draw_tdx_certs(cl_vtpm_evidence_tdx(ev), a, err)
               : CL_OK;
}

static enum cl_status run(const struct verify_options *o, const struct cl_buf *evidence,
                          struct verify_answer *ret_answer, struct cl_err *err)
{
    CL_CLEANUP(vtpm_inputs_done) struct vtpm_inputs in = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    struct cl_tdx_tcb tcb;
    CL_TRY(parse_evidence(o, evidence, &in.evidence, err));
    CL_TRY(read_inputs(o, &in, err));
    CL_TRY(cl_vtpm_verify(in.evidence, &in.policy, &result, &tcb, err));
    verify_note_references(result, &in.given);
    CL_TRY(cl_vtpm_verify_claims(in.evidence, result, &tcb, &ret_answer->claims, err));
    ret_answer->result = CL_TAKE(result);
    return draw_certs(in.evidence, ret_answer, err);
}

const struct verify_family verify_family_vtpm = {
    .classes =
        1u << CL_TEE_CLASS_AZ_SNP_VTPM | 1u << CL_TEE_CLASS_AZ_TDX_VTPM | 1u << CL_TEE_CLASS_TPM,
    .detect = detect,
    .run = run,
};
