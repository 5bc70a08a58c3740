/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_snp.c - `cloister verify` of SEV-SNP evidence: reads it in its forms, certificates
 * from files and folders, references, simulated roots, and asks the library. Trust: evidence and
 * certificates are hostile; references and roots are the user's word. Threads: one. Memory: one
 * input file at a time.
 */
#include "cmd/cmd_verify.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/initdata.h"
#include "cloister/snp_verify.h"

#include <string.h>

struct verify_inputs { /* what the options came to; zeroed is fine */
    struct cl_snp_evidence *evidence;
    struct cl_snp_reference references[2 * VERIFY_MAX_INPUTS + CL_CORIM_MAX_REFERENCES];
    struct verify_references given;
    uint8_t sim_roots[VERIFY_MAX_INPUTS][CL_SNP_ROOT_SIZE];
    uint8_t report_data[CL_SNP_REPORT_DATA_SIZE];
    uint8_t host_data[CL_SNP_HOST_DATA_SIZE];
    struct cl_snp_rules rules,
        sim_rules;               /* the policy's, with what the options change; its lists */
    struct cl_snp_policy policy; /* points into this struct */
};

static void verify_inputs_done(struct verify_inputs *in)
{
    cl_snp_evidence_free(in->evidence);
    *in = (struct verify_inputs){0};
}

static bool detect(const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    return true;
}

static enum cl_status parse_evidence(const struct verify_options *o, const struct cl_buf *raw,
                                     struct cl_snp_evidence **ret_ev, struct cl_err *err)
{
    bool json = raw->len != CL_SNP_REPORT_SIZE && verify_looks_like_json(raw->data, raw->len);
    enum cl_status st = json ? cl_snp_evidence_from_json_text(raw->data, raw->len, ret_ev, err)
                             : cl_snp_evidence_from_report(raw->data, raw->len, ret_ev, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "evidence '%s'", o->evidence);
}

static void add_reference(struct verify_inputs *in, enum cl_tee_class c,
                          const uint8_t measurement[static CL_SNP_MEASUREMENT_SIZE])
{
    struct cl_snp_reference *r = &in->references[in->policy.reference_count++];
    r->tee_class = c;
    memcpy(r->measurement, measurement, sizeof(r->measurement));
}

/* --measurement says no class: it holds for the one asked for, or for both. */
static enum cl_status read_measurements(const struct verify_options *o, struct verify_inputs *in,
                                        struct cl_err *err)
{
    for (size_t i = 0; i < o->measurement_count; i++) {
        uint8_t m[CL_SNP_MEASUREMENT_SIZE];
        CL_TRY(cl_unhex(m, sizeof(m), o->measurements[i], "--measurement", err));
        if (o->tee != CL_TEE_CLASS_SIM_SNP) {
            add_reference(in, CL_TEE_CLASS_SNP, m);
        }
        if (o->tee != CL_TEE_CLASS_SNP) {
            add_reference(in, CL_TEE_CLASS_SIM_SNP, m);
        }
    }
    return CL_OK;
}

/* Those that hold for SNP's classes; one for a TDX guest alone compares with nothing. */
static enum cl_status read_references(const struct verify_options *o, struct verify_inputs *in,
                                      struct cl_err *err)
{
    CL_TRY(read_measurements(o, in, err));
    CL_TRY(verify_read_references(o, &in->given, err));
    for (size_t i = 0; i < in->given.count; i++) {
        const struct verify_reference *ref = &in->given.values[i];
        if (ref->tee_class == CL_TEE_CLASS_SNP || ref->tee_class == CL_TEE_CLASS_SIM_SNP) {
            add_reference(in, ref->tee_class, ref->measurement);
        }
    }
    return CL_OK;
}

/* Up to 64 bytes; shorter values are padded with zeros, as those who ask for reports do. */
static enum cl_status read_report_data(const char *hex, struct verify_inputs *in,
                                       struct cl_err *err)
{
    size_t n = strlen(hex) / 2;
    if (n == 0 || n > sizeof(in->report_data)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--report-data: expected 1 to 64 bytes in hex, got %zu characters",
                          strlen(hex));
    }
    memset(in->report_data, 0, sizeof(in->report_data));
    CL_TRY(cl_unhex(in->report_data, n, hex, "--report-data", err));
    in->policy.report_data = in->report_data;
    return CL_OK;
}

static enum cl_status read_host_data(const struct verify_options *o, struct verify_inputs *in,
                                     struct cl_err *err)
{
    if (o->host_data != NULL) {
        CL_TRY(cl_unhex(in->host_data, sizeof(in->host_data), o->host_data, "--host-data", err));
        in->policy.host_data = in->host_data;
    }
    if (o->initdata == NULL) {
        return CL_OK;
    }
    CL_TRY(verify_read_initdata(o, in->host_data, sizeof(in->host_data), err));
    in->policy.host_data = in->host_data;
    return CL_OK;
}

/* --vmpl and --allow-masked-chip go over what the policy says. */
static enum cl_status read_rules(const struct verify_options *o, struct verify_inputs *in,
                                 struct cl_err *err)
{
    struct cl_snp_rules *const both[] = {&in->rules, &in->sim_rules};
    uint64_t vmpl = 0;
    if (o->vmpl != NULL) {
        CL_TRY(cl_uint_parse(o->vmpl, "--vmpl", 0, 3, &vmpl, err));
    }
    in->rules = *cl_verify_policy_snp(o->policy);
    in->sim_rules = *cl_verify_policy_sim_snp(o->policy);
    for (size_t i = 0; i < CL_ARRAY_LEN(both); i++) {
        both[i]->vmpls = o->vmpl != NULL ? UINT64_C(1) << vmpl : both[i]->vmpls;
        both[i]->allow_masked_chip = both[i]->allow_masked_chip || o->allow_masked_chip;
    }
    return CL_OK;
}

static enum cl_status read_inputs(const struct verify_options *o, struct verify_inputs *in,
                                  struct cl_err *err)
{
    in->policy = (struct cl_snp_policy){.time = o->time,
                                        .require_class = o->tee,
                                        .rules = &in->rules,
                                        .sim_rules = &in->sim_rules,
                                        .common = cl_verify_policy_common(o->policy),
                                        .distrust = o->distrust,
                                        .authenticity_only = o->authenticity_only,
                                        .references = in->references,
                                        .sim_roots = (const uint8_t(*)[48])in->sim_roots};
    CL_TRY(read_rules(o, in, err));
    CL_TRY(verify_add_snp_certs(o, in->evidence, err));
    for (size_t i = 0; i < o->sim_root_count; i++) {
        CL_TRY(
            verify_read_sim_root(o->sim_root_files[i], cl_snp_root_digest, in->sim_roots[i], err));
        in->policy.sim_root_count++;
    }
    CL_TRY(read_references(o, in, err));
    if (o->report_data != NULL) {
        CL_TRY(read_report_data(o->report_data, in, err));
    }
    return read_host_data(o, in, err);
}

static enum cl_status run(const struct verify_options *o, const struct cl_buf *evidence,
                          struct verify_answer *ret_answer, struct cl_err *err)
{
    CL_CLEANUP(verify_inputs_done) struct verify_inputs in = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    CL_TRY(parse_evidence(o, evidence, &in.evidence, err));
    CL_TRY(read_inputs(o, &in, err));
    CL_TRY(cl_snp_verify(in.evidence, &in.policy, &result, err));
    verify_note_references(result, &in.given);
    CL_TRY(cl_snp_verify_claims(in.evidence, result, &ret_answer->claims, err));
    ret_answer->result = CL_TAKE(result);
    return verify_draw_snp_certs(in.evidence, ret_answer, err);
}

const struct verify_family verify_family_snp = {
    .classes = 1u << CL_TEE_CLASS_SNP | 1u << CL_TEE_CLASS_SIM_SNP,
    .detect = detect,
    .run = run,
};
