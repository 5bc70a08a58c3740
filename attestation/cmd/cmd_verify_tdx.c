/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_tdx.c - `cloister verify` of TDX evidence: reads quote, event log and collateral,
 * references and simulated roots, and asks the library. Trust: evidence and collateral are hostile;
 * references and roots are the user's word. Threads: one. Memory: bounded by the inputs' limits.
 */
#include "cmd/cmd_verify.h"

#include "base/encode.h"
#include "cloister/collateral.h"
#include "cloister/initdata.h"
#include "cloister/tdx_evidence.h"
#include "cloister/tdx_verify.h"

#include <string.h>

struct inputs { /* what the options came to; zeroed is fine */
    struct cl_tdx_evidence evidence;
    struct cl_collateral *collateral;
    struct cl_tdx_verifier *verifier;
    struct verify_references given;
    struct cl_tdx_reference references[2 * VERIFY_MAX_INPUTS + CL_CORIM_MAX_REFERENCES];
    uint8_t sim_roots[VERIFY_MAX_INPUTS][CL_TDX_ROOT_SIZE];
    uint8_t report_data[CL_TDX_REPORT_DATA_SIZE];
    uint8_t mrconfigid[CL_TDX_MR_SIZE];
    struct cl_tdx_policy policy; /* points into this struct */
};

static void inputs_done(struct inputs *in)
{
    cl_tdx_evidence_done(&in->evidence);
    cl_collateral_free(in->collateral);
    cl_tdx_verifier_free(in->verifier);
    *in = (struct inputs){0};
}

/* A demand that nobody checks must not look like one. */
static enum cl_status refuse_foreign_options(const struct verify_options *o, struct cl_err *err)
{
    const struct {
        const char *name;
        bool given;
    } options[] = {{"--certs", o->cert_count != 0},
                   {"--vmpl", o->vmpl != NULL},
                   {"--allow-masked-chip", o->allow_masked_chip}};
    for (size_t i = 0; i < CL_ARRAY_LEN(options); i++) {
        if (options[i].given) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: expected only beside SNP evidence, got it "
                              "beside a TDX quote",
                              options[i].name);
        }
    }
    return CL_OK;
}

static enum cl_status read_event_log(const struct verify_options *o, struct inputs *in,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_event_log *log = NULL;
    if (o->event_log == NULL) {
        return CL_OK;
    }
    CL_TRY(verify_read_file(o->event_log, CL_TDX_EVENT_LOG_MAX_SIZE, &raw, err));
    enum cl_status st = cl_tdx_event_log_parse(raw.data, raw.len, &log, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "file '%s'", o->event_log);
    }
    cl_tdx_event_log_free(in->evidence.event_log); /* the file takes its place */
    in->evidence.event_log = log;
    return CL_OK;
}

static void add_reference(struct inputs *in, enum cl_tee_class c, const struct verify_reference *v)
{
    struct cl_tdx_reference *r = &in->references[in->policy.reference_count++];
    _Static_assert(sizeof(r->rtmr) == sizeof(v->rtmr), "four RTMRs");
    r->tee_class = c;
    r->rtmr_mask = v->rtmr_mask;
    memcpy(r->mrtd, v->measurement, sizeof(r->mrtd));
    memcpy(r->rtmr, v->rtmr, sizeof(r->rtmr));
}

/* --measurement says no class: it holds for the one asked for, or for both. */
static enum cl_status read_references(const struct verify_options *o, struct inputs *in,
                                      struct cl_err *err)
{
    struct verify_reference ref = {0};
    for (size_t i = 0; i < o->measurement_count; i++) {
        CL_TRY(cl_unhex(ref.measurement, sizeof(ref.measurement), o->measurements[i],
                        "--measurement", err));
        if (o->tee != CL_TEE_CLASS_SIM_TDX) {
            add_reference(in, CL_TEE_CLASS_TDX, &ref);
        }
        if (o->tee != CL_TEE_CLASS_TDX) {
            add_reference(in, CL_TEE_CLASS_SIM_TDX, &ref);
        }
    }
    CL_TRY(verify_read_references(o, &in->given, err));
    for (size_t i = 0; i < in->given.count; i++) { /* one for SNP compares with nothing */
        const struct verify_reference *v = &in->given.values[i];
        if (v->tee_class == CL_TEE_CLASS_TDX || v->tee_class == CL_TEE_CLASS_SIM_TDX) {
            add_reference(in, v->tee_class, v);
        }
    }
    return CL_OK;
}

/* Up to `size` bytes; shorter values are padded with zeros at their end. */
static enum cl_status read_padded(const char *hex, const char *option, uint8_t *ret, size_t size,
                                  struct cl_err *err)
{
    size_t n = strlen(hex) / 2;
    if (n == 0 || n > size) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected 1 to %zu bytes in hex, got %zu characters", option, size,
                          strlen(hex));
    }
    memset(ret, 0, size);
    return cl_unhex(ret, n, hex, option, err);
}

/* MRCONFIGID carries the digest of the initdata, padded. */
static enum cl_status read_mrconfigid(const struct verify_options *o, struct inputs *in,
                                      struct cl_err *err)
{
    if (o->host_data != NULL) {
        CL_TRY(
            read_padded(o->host_data, "--host-data", in->mrconfigid, sizeof(in->mrconfigid), err));
        in->policy.mrconfigid = in->mrconfigid;
    }
    if (o->initdata == NULL) {
        return CL_OK;
    }
    CL_TRY(verify_read_initdata(o, in->mrconfigid, sizeof(in->mrconfigid), err));
    in->policy.mrconfigid = in->mrconfigid;
    return CL_OK;
}

static enum cl_status read_inputs(const struct verify_options *o, struct inputs *in,
                                  struct cl_err *err)
{
    CL_TRY(refuse_foreign_options(o, err));
    CL_TRY(read_event_log(o, in, err));
    CL_TRY(verify_read_tdx_collateral(o, in->evidence.quote, &in->collateral, &in->verifier, err));
    in->policy = (struct cl_tdx_policy){.time = o->time,
                                        .require_class = o->tee,
                                        .authenticity_only = o->authenticity_only,
                                        .event_log = in->evidence.event_log,
                                        .rules = cl_verify_policy_tdx(o->policy),
                                        .sim_rules = cl_verify_policy_sim_tdx(o->policy),
                                        .common = cl_verify_policy_common(o->policy),
                                        .references = in->references,
                                        .sim_roots = (const uint8_t(*)[48])in->sim_roots};
    for (size_t i = 0; i < o->sim_root_count; i++) {
        CL_TRY(
            verify_read_sim_root(o->sim_root_files[i], cl_tdx_root_digest, in->sim_roots[i], err));
        in->policy.sim_root_count++;
    }
    CL_TRY(read_references(o, in, err));
    if (o->report_data != NULL) {
        CL_TRY(read_padded(o->report_data, "--report-data", in->report_data,
                           sizeof(in->report_data), err));
        in->policy.report_data = in->report_data;
    }
    return read_mrconfigid(o, in, err);
}

static enum cl_status run(const struct verify_options *o, const struct cl_buf *evidence,
                          struct verify_answer *ret_answer, struct cl_err *err)
{
    CL_CLEANUP(inputs_done) struct inputs in = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    struct cl_tdx_tcb tcb;
    enum cl_status st =
        cl_tdx_evidence_from_bytes(evidence->data, evidence->len, &in.evidence, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "evidence '%s'", o->evidence);
    }
    CL_TRY(read_inputs(o, &in, err));
    CL_TRY(cl_tdx_verify(in.verifier, in.evidence.quote, &in.policy, &result, &tcb, err));
    verify_note_references(result, &in.given);
    CL_TRY(cl_tdx_verify_claims(in.evidence.quote, &tcb, &ret_answer->claims, err));
    ret_answer->result = CL_TAKE(result);
    return verify_draw_tdx_certs(in.evidence.quote, ret_answer, err);
}

const struct verify_family verify_family_tdx = {
    .classes = 1u << CL_TEE_CLASS_TDX | 1u << CL_TEE_CLASS_SIM_TDX,
    .detect = cl_tdx_evidence_detect,
    .run = run,
};
