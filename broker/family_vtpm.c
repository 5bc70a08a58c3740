/* SPDX-License-Identifier: Apache-2.0
 * family_vtpm.c - TPM quotes: classes az-snp-vtpm and az-tdx-vtpm, where a hardware report vouches
 * for the key, and tpm, where nothing but a reference value does (kbs-protocol.md 13). What booted
 * stands in the registers, which every reference value of these classes names.
 */
#include "family.h"

#include "base/encode.h"
#include "cloister/tpm_policy.h"
#include "ear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AZ_NONCE_SIZE 48u  /* kbs-protocol.md 5, widths by TEE */
#define TPM_NONCE_SIZE 32u /* a TPM takes no more as qualifying data of SHA-256 */

/* Where the policy does not say which values are good, the guest is compared with its own in the
 * library: what is known of them is asked by appraise.c (see family_tdx.c). */
struct inputs { /* zeroed is fine */
    struct cl_vtpm_evidence *ev;
    struct cl_tdx_verifier *verifier;
    struct cl_snp_reference snp;
    struct cl_tdx_reference tdx;
    struct cl_tpm_pcr_value pcrs[CL_VALUES_MAX + CL_TPM_RULES_PCRS_MAX];
    struct cl_tpm_ak_id ak;
    struct cl_vtpm_policy policy; /* points into this struct */
};

static void inputs_done(struct inputs *in)
{
    cl_vtpm_evidence_free(in->ev);
    cl_tdx_verifier_free(in->verifier);
    *in = (struct inputs){0};
}

static bool is_listed(const struct cl_vtpm_policy *p, uint16_t alg, uint32_t index)
{
    for (size_t i = 0; i < p->pcr_count; i++) {
        if (p->pcrs[i].alg == alg && p->pcrs[i].index == index) {
            return true;
        }
    }
    return false;
}

/* The section of the policy for this kind. Its values are copied, for more are put beside them. */
static void read_rules(const struct cl_trust *t, enum cl_tee_class kind, struct inputs *in)
{
    cl_tpm_rules_apply(cl_verify_policy_tpm(t->policy, kind), &in->policy);
    memcpy(in->pcrs, in->policy.pcrs, in->policy.pcr_count * sizeof(in->pcrs[0]));
    in->policy.pcrs = in->pcrs;
}

/* Registers that the quote selects, of the banks whose hash is worth something. */
static enum cl_status read_registers(struct inputs *in, struct cl_values *v, struct cl_err *err)
{
    static const uint16_t banks[] = {CL_TPM_ALG_SHA256, CL_TPM_ALG_SHA384};
    const struct cl_tpm_selection *s = &cl_vtpm_evidence_quote(in->ev)->selection;
    for (size_t b = 0; b < CL_ARRAY_LEN(banks); b++) {
        size_t size = cl_tpm_hash_size(banks[b]);
        for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
            char name[CL_VALUE_NAME_SIZE];
            const uint8_t *data = cl_tpm_pcrs_get(cl_vtpm_evidence_pcrs(in->ev), banks[b], i);
            if (data == NULL || !cl_tpm_selection_has(s, banks[b], i)) {
                continue;
            }
            (void)snprintf(name, sizeof(name), "%s:%u", cl_tpm_alg_name(banks[b]), (unsigned)i);
            CL_TRY(cl_values_add(v, name, data, size, err));
            if (!is_listed(&in->policy, banks[b], i)) {
                struct cl_tpm_pcr_value *p = &in->pcrs[in->policy.pcr_count++];
                *p = (struct cl_tpm_pcr_value){.alg = banks[b], .index = i};
                memcpy(p->value, data, size);
            }
        }
    }
    return CL_OK;
}

/* What vouches for the key: the paravisor's measurement, or nothing. */
static enum cl_status read_hardware(const struct cl_trust *t, struct inputs *in,
                                    struct cl_values *v, struct cl_err *err)
{
    struct cl_snp_evidence *snp = cl_vtpm_evidence_snp(in->ev);
    const struct cl_tdx_quote *tdx = cl_vtpm_evidence_tdx(in->ev);
    if (snp != NULL) {
        const struct cl_snp_report *r = cl_snp_evidence_report(snp);
        in->snp.tee_class = CL_TEE_CLASS_AZ_SNP_VTPM;
        memcpy(in->snp.measurement, r->measurement, sizeof(in->snp.measurement));
        CL_TRY(cl_values_add(v, "measurement", r->measurement, sizeof(r->measurement), err));
        CL_TRY(cl_values_add(v, "chip-id", r->chip_id, sizeof(r->chip_id), err));
        CL_TRY(cl_family_add_amd_collateral(t, snp, err));
    }
    if (tdx != NULL) {
        in->tdx.tee_class = CL_TEE_CLASS_AZ_TDX_VTPM;
        cl_family_td_as_reference(tdx, &in->tdx);
        CL_TRY(cl_family_add_td(tdx, v, err));
        CL_TRY(cl_family_tdx_verifier(t, tdx, &in->verifier, err));
    }
    bool own = in->policy.paravisors == NULL || in->policy.paravisors->count == 0;
    in->policy.snp = (struct cl_snp_policy){.references = &in->snp,
                                            .reference_count = own && snp != NULL ? 1 : 0,
                                            .rules = cl_verify_policy_snp(t->policy),
                                            .common = cl_verify_policy_common(t->policy),
                                            .distrust = t->distrust};
    cl_family_tdx_policy(t, &in->policy.tdx);
    in->policy.tdx.references = &in->tdx;
    in->policy.tdx.reference_count = own && tdx != NULL ? 1 : 0;
    in->policy.tdx_verifier = in->verifier;
    return CL_OK;
}

/* A key of class tpm is trusted because a reference value names it; whether the registers fit, and
 * whether it has expired, is asked later. */
static enum cl_status read_key(const struct cl_trust *t, struct inputs *in, struct cl_values *v,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_reference_answer_done) struct cl_reference_answer ref = {0};
    struct cl_err why = {0};
    enum cl_status st = cl_vtpm_evidence_ak(in->ev, in->ak.id, &why);
    if (st == CL_ERR_MALFORMED || st == CL_ERR_UNSUPPORTED || st == CL_ERR_TRUNCATED) {
        return CL_OK; /* the verification names it */
    }
    if (st != CL_OK) {
        return cl_err_set(err, st, "%s", why.msg);
    }
    in->ak.len = CL_SHA256_SIZE;
    CL_TRY(cl_values_add(v, "ak", in->ak.id, CL_SHA256_SIZE, err));
    CL_TRY(cl_store_reference_find(t->store, CL_TEE_CLASS_TPM, v, t->now, &ref, err));
    if (in->policy.ak_count == 0) {
        in->policy.aks = &in->ak;
        in->policy.ak_count = ref.known ? 1 : 0;
    }
    return CL_OK;
}

static void set_binding(const struct cl_binding *b, enum cl_tee_class kind, struct inputs *in,
                        struct cl_appraised *ret)
{
    in->policy.nonce = b->report_data;
    in->policy.nonce_len = kind == CL_TEE_CLASS_TPM ? TPM_NONCE_SIZE : AZ_NONCE_SIZE;
    in->policy.initdata_digest = b->initdata; /* 32 bytes: the family says so */
    if (b->initdata != NULL) {
        cl_initdata_fit(ret->initdata, sizeof(ret->initdata), b->initdata, b->initdata_len);
    }
}

static enum cl_status verify_kind(const struct cl_trust *t, const json_t *evidence,
                                  const struct cl_binding *b, enum cl_tee_class kind,
                                  struct cl_appraised *ret, struct cl_err *err)
{
    CL_CLEANUP(inputs_done) struct inputs in = {0};
    CL_TRY(cl_vtpm_evidence_from_json(evidence, &in.ev, err));
    if (cl_vtpm_evidence_kind(in.ev) != kind) {
        return cl_err_set(err, CL_ERR_MALFORMED, "evidence: kind: expected %s, got %s",
                          cl_tee_class_name(kind), cl_tee_class_name(cl_vtpm_evidence_kind(in.ev)));
    }
    in.policy.time = t->now;
    in.policy.require_class = kind;
    read_rules(t, kind, &in);
    CL_TRY(read_hardware(t, &in, &ret->values, err));
    CL_TRY(read_key(t, &in, &ret->values, err));
    CL_TRY(read_registers(&in, &ret->values, err));
    set_binding(b, kind, &in, ret);
    struct cl_tdx_tcb tcb;
    CL_TRY(cl_vtpm_verify(in.ev, &in.policy, &ret->result, &tcb, err));
    return ret->result->verdict == CL_VERDICT_ACCEPTED
               ? cl_ear_vtpm_claims(in.ev, &tcb, &ret->claims, err)
               : CL_OK;
}

static enum cl_status verify_az_snp(const struct cl_trust *t, const json_t *evidence,
                                    const struct cl_binding *b, struct cl_appraised *ret,
                                    struct cl_err *err)
{
    return verify_kind(t, evidence, b, CL_TEE_CLASS_AZ_SNP_VTPM, ret, err);
}

static enum cl_status verify_az_tdx(const struct cl_trust *t, const json_t *evidence,
                                    const struct cl_binding *b, struct cl_appraised *ret,
                                    struct cl_err *err)
{
    return verify_kind(t, evidence, b, CL_TEE_CLASS_AZ_TDX_VTPM, ret, err);
}

static enum cl_status verify_tpm(const struct cl_trust *t, const json_t *evidence,
                                 const struct cl_binding *b, struct cl_appraised *ret,
                                 struct cl_err *err)
{
    return verify_kind(t, evidence, b, CL_TEE_CLASS_TPM, ret, err);
}

const struct cl_family cl_family_az_snp_vtpm = {
    .tee = "az-snp-vtpm",
    .alias = "azsnpvtpm",
    .classes = 1u << CL_TEE_CLASS_AZ_SNP_VTPM,
    .initdata_size = CL_SHA256_SIZE,
    .verify = verify_az_snp,
};
const struct cl_family cl_family_az_tdx_vtpm = {
    .tee = "az-tdx-vtpm",
    .alias = "aztdxvtpm",
    .classes = 1u << CL_TEE_CLASS_AZ_TDX_VTPM,
    .initdata_size = CL_SHA256_SIZE,
    .verify = verify_az_tdx,
};
const struct cl_family cl_family_tpm = {
    .tee = "tpm",
    .classes = 1u << CL_TEE_CLASS_TPM,
    .initdata_size = CL_SHA256_SIZE,
    .verify = verify_tpm,
};
