/* SPDX-License-Identifier: Apache-2.0
 * family_snp.c - SEV-SNP reports: classes snp and sim-snp (kbs-protocol.md 13, snp).
 */
#include "family.h"

#include "cloister/snp_policy.h"
#include "cloister/snp_verify.h"
#include "ear.h"

#include <string.h>

static enum cl_status read_report(const struct cl_snp_report *r, struct cl_appraised *ret,
                                  struct cl_err *err)
{
    CL_TRY(cl_values_add(&ret->values, "measurement", r->measurement, sizeof(r->measurement), err));
    CL_TRY(cl_values_add(&ret->values, "chip-id", r->chip_id, sizeof(r->chip_id), err));
    cl_initdata_fit(ret->initdata, sizeof(ret->initdata), r->host_data, sizeof(r->host_data));
    return CL_OK;
}

/* AMD's part of the collateral that an admin set: revocation lists and the certificates between
 * root and key, for the product of the report; and the key's own certificate, of this chip. */
static bool wanted(const struct cl_collateral_item *item, const struct cl_snp_report *r)
{
    enum cl_snp_product p = cl_snp_product_from_fms(r->cpuid_fam_id, r->cpuid_mod_id);
    switch (item->kind) {
    case CL_COLLATERAL_AMD_VCEK:
        return memcmp(item->hw_id, r->chip_id, item->hw_id_len) == 0;
    case CL_COLLATERAL_AMD_VCEK_CHAIN:
    case CL_COLLATERAL_AMD_VLEK_CHAIN:
    case CL_COLLATERAL_AMD_VCEK_CRL:
    case CL_COLLATERAL_AMD_VLEK_CRL: /* a report of version 2 does not say which product */
        return r->version < 3 || p == CL_SNP_PRODUCT_UNKNOWN || item->product == p;
    default:
        return false;
    }
}

enum cl_status cl_family_add_amd_collateral(const struct cl_trust *t, struct cl_snp_evidence *ev,
                                            struct cl_err *err)
{
    size_t n = t->collateral != NULL ? cl_collateral_count(t->collateral) : 0;
    for (size_t i = 0; i < n; i++) {
        const struct cl_collateral_item *item = cl_collateral_item(t->collateral, i);
        if (wanted(item, cl_snp_evidence_report(ev))) {
            CL_TRY(cl_snp_evidence_add_file_bytes(ev, item->data, item->len, err));
        }
    }
    return CL_OK;
}

/* authenticity_only: whether the measurement is known is asked by appraise.c, which knows expired
 * references too, of what was verified here. A policy that lists some is asked here as well. */
static enum cl_status verify(const struct cl_trust *t, const json_t *evidence,
                             const struct cl_binding *b, struct cl_appraised *ret,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_root_digests_freep) cl_root_digest *roots = NULL;
    uint8_t host_data[CL_SNP_HOST_DATA_SIZE];
    struct cl_snp_policy policy = {.time = t->now,
                                   .report_data = b->report_data,
                                   .rules = cl_verify_policy_snp(t->policy),
                                   .sim_rules = cl_verify_policy_sim_snp(t->policy),
                                   .common = cl_verify_policy_common(t->policy),
                                   .distrust = t->distrust,
                                   .authenticity_only = true};
    CL_TRY(cl_snp_evidence_from_json(evidence, &ev, err));
    CL_TRY(read_report(cl_snp_evidence_report(ev), ret, err));
    CL_TRY(cl_family_add_amd_collateral(t, ev, err));
    if (b->initdata != NULL) {
        cl_initdata_fit(host_data, sizeof(host_data), b->initdata, b->initdata_len);
        policy.host_data = host_data;
    }
    CL_TRY(cl_store_root_all(t->store, &roots, &policy.sim_root_count, err));
    policy.sim_roots = (const cl_root_digest *)roots;
    CL_TRY(cl_snp_verify(ev, &policy, &ret->result, err));
    return ret->result->verdict == CL_VERDICT_ACCEPTED
               ? cl_ear_snp_claims(cl_snp_evidence_report(ev), &ret->claims, err)
               : CL_OK;
}

const struct cl_family cl_family_snp = {
    .tee = "snp",
    .classes = 1u << CL_TEE_CLASS_SNP | 1u << CL_TEE_CLASS_SIM_SNP,
    .verify = verify,
};
