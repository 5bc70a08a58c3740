/* SPDX-License-Identifier: Apache-2.0
 * vtpm_verify.c - the verification of TPM evidence: first the hardware that vouches for the
 * paravisor, then what binds the quote to it, then the policy. Nothing returns early.
 * Trust: the evidence is hostile, the policy is the caller's. Threads: pure. Memory: the result.
 * Spec: tdx.md e.1 "Steps", e.2.
 */
#include "tpm/vtpm_internal.h"

#include <stdlib.h>
#include <string.h>

/* Was this measurement compared, and equal? */
static bool passed(const struct cl_verify_result *r, const char *id)
{
    const struct cl_check *c = cl_verify_result_check(r, id);
    return c != NULL && c->status == CL_CHECK_PASS;
}

/* What is asked of the platform holds; who the guest is, the references say. At VMPL 0. */
static void snp_rules_of_paravisor(struct cl_snp_policy *p, struct cl_snp_rules *rules)
{
    const struct cl_policy_list any = {0};
    *rules = p->rules != NULL && p->rules->products != 0 ? *p->rules : cl_snp_rules_default();
    rules->measurements = rules->id_keys = rules->author_keys = any;
    rules->family_ids = rules->image_ids = any;
    rules->report_data = rules->host_data = any;
    rules->min_guest_svn = 0;
    rules->vmpls = 1;
    p->rules = p->sim_rules = rules;
}

/* The SNP report of the paravisor: at VMPL 0, its REPORT_DATA not the guest's to choose. References
 * that count for this evidence count under the class that its report has. */
static enum cl_status verify_snp(struct vtpm_ctx *c, struct cl_err *err)
{
    struct cl_snp_policy p = c->policy->snp;
    struct cl_snp_rules rules;
    const struct cl_policy_list *more = c->policy->paravisors;
    size_t more_count = more != NULL ? more->count : 0;
    struct cl_snp_reference *refs = calloc(p.reference_count + more_count + 1, sizeof(*refs));
    size_t n = 0;
    if (refs == NULL) {
        return cl_err_nomem(err, "reference values");
    }
    p.require_class = c->sim_root_count > 0 ? CL_TEE_CLASS_SIM_SNP : CL_TEE_CLASS_SNP;
    for (size_t i = 0; i < p.reference_count; i++) {
        if (p.references[i].tee_class == CL_TEE_CLASS_AZ_SNP_VTPM) {
            refs[n] = p.references[i];
            refs[n++].tee_class = p.require_class;
        }
    }
    for (size_t i = 0; i < more_count; i++) {
        refs[n].tee_class = p.require_class;
        memcpy(refs[n++].measurement, more->data + i * sizeof(refs->measurement),
               sizeof(refs->measurement));
    }
    p.references = refs;
    p.reference_count = n;
    p.time = c->policy->time;
    p.authenticity_only = c->policy->authenticity_only;
    p.report_data = NULL;
    snp_rules_of_paravisor(&p, &rules);
    p.sim_roots = c->sim_roots;
    p.sim_root_count = c->sim_root_count;
    enum cl_status st = cl_snp_verify(c->ev->snp, &p, &c->result, err);
    free(refs);
    CL_TRY(st);
    c->paravisor_known = passed(c->result, "snp.measurement");
    c->report_data = cl_snp_evidence_report(c->ev->snp)->report_data;
    return CL_OK;
}

/* What is asked of the platform holds. Who the TD is, the references say; it has no log, and serves
 * #VE itself, so that SEPT_VE_DISABLE may be 0. */
static void tdx_rules_of_paravisor(struct cl_tdx_policy *p, struct cl_tdx_rules *rules)
{
    const struct cl_policy_list any = {0};
    *rules = p->rules != NULL && p->rules->statuses != 0 ? *p->rules : cl_tdx_rules_default();
    rules->mrtd = rules->mrconfigid = rules->mrowner = rules->mrownerconfig = any;
    rules->report_data = any;
    for (size_t i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        rules->rtmr[i] = any;
    }
    rules->require_event_log = false;
    rules->allow_sept_ve = true;
    p->rules = p->sim_rules = rules;
}

/* The TD quote, the same way. Of the RTMRs nothing is asked: what booted stands in the TPM's
 * registers. */
static enum cl_status verify_tdx(struct vtpm_ctx *c, struct cl_err *err)
{
    struct cl_tdx_policy p = c->policy->tdx;
    struct cl_tdx_rules rules;
    const struct cl_policy_list *more = c->policy->paravisors;
    size_t more_count = more != NULL ? more->count : 0;
    struct cl_tdx_reference *refs = calloc(p.reference_count + more_count + 1, sizeof(*refs));
    size_t n = 0;
    if (refs == NULL) {
        return cl_err_nomem(err, "reference values");
    }
    p.require_class = c->sim_root_count > 0 ? CL_TEE_CLASS_SIM_TDX : CL_TEE_CLASS_TDX;
    for (size_t i = 0; i < p.reference_count; i++) {
        if (p.references[i].tee_class == CL_TEE_CLASS_AZ_TDX_VTPM) {
            refs[n] = p.references[i];
            refs[n++].tee_class = p.require_class;
        }
    }
    for (size_t i = 0; i < more_count; i++) {
        refs[n].tee_class = p.require_class;
        memcpy(refs[n++].mrtd, more->data + i * sizeof(refs->mrtd), sizeof(refs->mrtd));
    }
    p.references = refs;
    p.reference_count = n;
    p.time = c->policy->time;
    p.authenticity_only = c->policy->authenticity_only;
    p.report_data = NULL;
    p.event_log = NULL;
    tdx_rules_of_paravisor(&p, &rules);
    p.sim_roots = c->sim_roots;
    p.sim_root_count = c->sim_root_count;
    enum cl_status st =
        cl_tdx_verify(c->policy->tdx_verifier, c->ev->tdx, &p, &c->result, c->tcb, err);
    free(refs);
    CL_TRY(st);
    c->paravisor_known = passed(c->result, "tdx.mrtd");
    c->report_data = cl_tdx_quote_td(c->ev->tdx)->report_data;
    return CL_OK;
}

static enum cl_status verify_hardware(struct vtpm_ctx *c, struct cl_err *err)
{
    if (c->ev->parts.kind == CL_TEE_CLASS_AZ_SNP_VTPM) {
        return verify_snp(c, err);
    }
    if (c->ev->parts.kind == CL_TEE_CLASS_AZ_TDX_VTPM) {
        return verify_tdx(c, err);
    }
    CL_TRY(cl_verdict_new(c->policy->time, &c->result, err));
    c->result->authentic = CL_YES; /* no hardware: the policy's keys decide */
    c->paravisor_known = true;
    return CL_OK;
}

/* The worst of what the hardware's verification said and the checks from `first` on. */
static enum cl_tristate authentic_from(const struct cl_verify_result *r, size_t first)
{
    enum cl_tristate t = r->authentic;
    for (size_t i = first; i < r->check_count; i++) {
        if (r->checks[i].status == CL_CHECK_FAIL) {
            return CL_NO;
        }
        if (r->checks[i].status == CL_CHECK_UNKNOWN && t == CL_YES) {
            t = CL_UNKNOWN;
        }
    }
    return t;
}

/* Of an authentic result: the class that this root gives to a quote. */
static enum cl_tee_class class_of(enum cl_tee_class kind, enum cl_tee_class hardware)
{
    if (kind == CL_TEE_CLASS_TPM) {
        return CL_TEE_CLASS_TPM;
    }
    switch (hardware) {
    case CL_TEE_CLASS_SNP:
        return CL_TEE_CLASS_AZ_SNP_VTPM;
    case CL_TEE_CLASS_TDX:
        return CL_TEE_CLASS_AZ_TDX_VTPM;
    default:
        return cl_tee_class_is_simulated(hardware) ? hardware : CL_TEE_CLASS_NONE;
    }
}

static void check_class(struct vtpm_ctx *c)
{
    enum cl_tee_class want = c->policy->require_class;
    if (want == CL_TEE_CLASS_NONE) {
        cl_verdict_skip(c->result, "tpm.class", "no class was demanded");
    } else if (c->result->tee_class == CL_TEE_CLASS_NONE) {
        cl_verdict_cannot(c->result, "tpm.class",
                          "nothing that is trusted vouches for the evidence");
    } else {
        struct cl_check *k = cl_verdict_check(c->result, "tpm.class", c->result->tee_class == want);
        cl_check_expected(k, "%s", cl_tee_class_name(want));
        cl_check_actual(k, "%s", cl_tee_class_name(c->result->tee_class));
    }
}

/* A policy that says nothing of a class does not accept it. */
static void check_section(struct vtpm_ctx *c, enum cl_tee_class kind)
{
    struct cl_check *k = cl_verdict_check(c->result, "tpm.policy", !c->policy->class_refused);
    cl_check_expected(k, "a policy with a section %s", cl_tee_class_name(kind));
    cl_check_actual(k, "%s", c->policy->class_refused ? "none" : "the same");
}

static enum cl_status run_checks(struct vtpm_ctx *c, struct cl_err *err)
{
    struct cl_verify_result *r = c->result;
    enum cl_tee_class kind = c->ev->parts.kind;
    enum cl_tee_class hardware = r->tee_class;
    size_t first = r->check_count;
    if (kind == CL_TEE_CLASS_TPM) {
        vtpm_check_ak(c);
    } else {
        vtpm_check_hcl(c);
    }
    vtpm_check_quote(c);
    r->authentic = authentic_from(r, first);
    r->tee_class = r->authentic == CL_YES ? class_of(kind, hardware) : CL_TEE_CLASS_NONE;
    check_class(c);
    check_section(c, kind);
    if (kind != CL_TEE_CLASS_TPM) {
        vtpm_check_hcl_policy(c);
    }
    bool compared = vtpm_check_quote_policy(c) && c->paravisor_known;
    CL_TRY(vtpm_check_event_log(c, err));
    r->appraisal = CL_APPRAISAL_NONE; /* the hardware's alone says nothing of the guest */
    cl_verdict_conclude(r, compared, c->policy->authenticity_only);
    return CL_OK;
}

enum cl_status vtpm_verify_with(const struct cl_vtpm_evidence *ev,
                                const struct cl_vtpm_policy *policy,
                                const uint8_t (*sim_roots)[CL_SNP_ROOT_SIZE], size_t sim_root_count,
                                struct cl_verify_result **ret_result, struct cl_tdx_tcb *ret_tcb,
                                struct cl_err *err)
{
    struct vtpm_ctx c = {.ev = ev,
                         .policy = policy,
                         .sim_roots = sim_roots,
                         .sim_root_count = sim_root_count,
                         .tcb = ret_tcb};
    if (ret_tcb != NULL) {
        *ret_tcb = (struct cl_tdx_tcb){0};
    }
    enum cl_status st = verify_hardware(&c, err);
    if (st == CL_OK) {
        st = run_checks(&c, err);
    }
    cl_hcl_claims_done(&c.hcl);
    if (st != CL_OK) {
        cl_verify_result_free(c.result);
        return st;
    }
    *ret_result = c.result;
    return CL_OK;
}

enum cl_status cl_vtpm_verify(const struct cl_vtpm_evidence *ev,
                              const struct cl_vtpm_policy *policy,
                              struct cl_verify_result **ret_result, struct cl_tdx_tcb *ret_tcb,
                              struct cl_err *err)
{
    return vtpm_verify_with(ev, policy, /* sim_roots= */ NULL, 0, ret_result, ret_tcb, err);
}
