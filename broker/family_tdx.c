/* SPDX-License-Identifier: Apache-2.0
 * family_tdx.c - TDX quotes with the event log of their TD: classes tdx and sim-tdx
 * (kbs-protocol.md 13, tdx). The log is demanded: kernel, initrd and command line are bound by
 * RTMR1 and RTMR2, which every reference value of these classes names.
 */
#include "family.h"

#include "cloister/tdx_evidence.h"
#include "cloister/tdx_verify.h"
#include "ear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cl_status cl_family_add_td(const struct cl_tdx_quote *quote, struct cl_values *v,
                                struct cl_err *err)
{
    struct cl_tdx_platform platform;
    CL_TRY(cl_values_add(v, "mrtd", cl_tdx_quote_td(quote)->mrtd, CL_TDX_MR_SIZE, err));
    if (cl_tdx_quote_platform(quote, &platform, /* err= */ NULL) == CL_OK &&
        platform.has_instance) {
        return cl_values_add(v, "platform-instance-id", platform.instance,
                             sizeof(platform.instance), err);
    }
    return CL_OK;
}

/* {"rtmr1":["<96 hex>",...],...}: in order, what the log says was measured into each register. */
static enum cl_status list_events(const struct cl_tdx_event_log *log, json_t **ret_j,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_object();
    for (size_t i = 0; j != NULL && i < cl_tdx_event_log_count(log); i++) {
        const struct cl_tdx_event *e = cl_tdx_event_log_event(log, i);
        char name[8];
        if (e->type == CL_TDX_EVENT_NO_ACTION || e->mr < 1 || e->mr > CL_TDX_RTMR_COUNT) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "rtmr%u", (unsigned)e->mr - 1);
        json_t *list = json_object_get(j, name);
        if (list == NULL) {
            list = json_array();
            if (json_object_set_new(j, name, list) != 0) {
                return cl_err_nomem(err, "events");
            }
        }
        if (!cl_value_append_hex(list, e->digest, sizeof(e->digest))) {
            return cl_err_nomem(err, "events");
        }
    }
    *ret_j = CL_TAKE(j);
    return *ret_j != NULL ? CL_OK : cl_err_nomem(err, "events");
}

static enum cl_status read_td(const struct cl_tdx_evidence *ev, struct cl_appraised *ret,
                              struct cl_err *err)
{
    const struct cl_tdx_td *td = cl_tdx_quote_td(ev->quote);
    CL_TRY(cl_family_add_td(ev->quote, &ret->values, err));
    for (unsigned i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "rtmr%u", i);
        CL_TRY(cl_values_add(&ret->values, name, td->rtmr[i], sizeof(td->rtmr[i]), err));
    }
    cl_initdata_fit(ret->initdata, sizeof(ret->initdata), td->mrconfigid, sizeof(td->mrconfigid));
    return ev->event_log != NULL ? list_events(ev->event_log, &ret->events, err) : CL_OK;
}

enum cl_status cl_family_tdx_verifier(const struct cl_trust *t, const struct cl_tdx_quote *quote,
                                      struct cl_tdx_verifier **ret_v, struct cl_err *err)
{
    struct cl_tdx_platform platform;
    struct cl_tdx_collateral views = {0};
    /* A platform that cannot be told has none: the verifier says what is wrong with the quote. */
    if (t->collateral != NULL &&
        cl_tdx_quote_platform(quote, &platform, /* err= */ NULL) == CL_OK) {
        cl_tdx_collateral_select(t->collateral, &platform, &views);
    }
    return cl_tdx_verifier_new(&views, ret_v, err);
}

void cl_family_td_as_reference(const struct cl_tdx_quote *quote, struct cl_tdx_reference *ret_r)
{
    const struct cl_tdx_td *td = cl_tdx_quote_td(quote);
    memcpy(ret_r->mrtd, td->mrtd, sizeof(ret_r->mrtd));
    memcpy(ret_r->rtmr, td->rtmr, sizeof(ret_r->rtmr));
    ret_r->rtmr_mask = (1u << CL_TDX_RTMR_COUNT) - 1;
}

void cl_family_tdx_policy(const struct cl_trust *t, struct cl_tdx_policy *ret_p)
{
    *ret_p = (struct cl_tdx_policy){.time = t->now,
                                    .rules = cl_verify_policy_tdx(t->policy),
                                    .sim_rules = cl_verify_policy_sim_tdx(t->policy),
                                    .common = cl_verify_policy_common(t->policy)};
}

/* The guest is compared with itself here: whether its measurements are known is asked by appraise.c
 * of what was verified, which knows expired references too. (Not authenticity_only, with which
 * collateral would not be missed. What the policy lists must hold besides.) */
static enum cl_status verify(const struct cl_trust *t, const json_t *evidence,
                             const struct cl_binding *b, struct cl_appraised *ret,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *verifier = NULL;
    CL_CLEANUP(cl_root_digests_freep) cl_root_digest *roots = NULL;
    struct cl_tdx_reference self[2] = {{.tee_class = CL_TEE_CLASS_TDX},
                                       {.tee_class = CL_TEE_CLASS_SIM_TDX}};
    struct cl_tdx_policy policy;
    struct cl_tdx_tcb tcb;
    uint8_t mrconfigid[CL_TDX_MR_SIZE];
    CL_TRY(cl_tdx_evidence_from_json(evidence, &ev, err));
    CL_TRY(read_td(&ev, ret, err));
    CL_TRY(cl_family_tdx_verifier(t, ev.quote, &verifier, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(self); i++) {
        cl_family_td_as_reference(ev.quote, &self[i]);
    }
    cl_family_tdx_policy(t, &policy);
    policy.references = self;
    policy.reference_count = CL_ARRAY_LEN(self);
    policy.report_data = b->report_data;
    policy.event_log = ev.event_log;
    struct cl_tdx_rules rules = *policy.rules, sim_rules = *policy.sim_rules;
    rules.require_event_log = sim_rules.require_event_log = true;
    policy.rules = &rules;
    policy.sim_rules = &sim_rules;
    if (b->initdata != NULL) {
        cl_initdata_fit(mrconfigid, sizeof(mrconfigid), b->initdata, b->initdata_len);
        policy.mrconfigid = mrconfigid;
    }
    CL_TRY(cl_store_root_all(t->store, &roots, &policy.sim_root_count, err));
    policy.sim_roots = (const cl_root_digest *)roots;
    CL_TRY(cl_tdx_verify(verifier, ev.quote, &policy, &ret->result, &tcb, err));
    return ret->result->verdict == CL_VERDICT_ACCEPTED
               ? cl_ear_tdx_claims(ev.quote, &tcb, &ret->claims, err)
               : CL_OK;
}

const struct cl_family cl_family_tdx = {
    .tee = "tdx",
    .classes = 1u << CL_TEE_CLASS_TDX | 1u << CL_TEE_CLASS_SIM_TDX,
    .verify = verify,
};
