/* SPDX-License-Identifier: Apache-2.0
 * tdx_verify.c - the verification algorithm of TDX quotes, step by step, each a named check. First
 * whether it is authentic (chain, signatures), then what collateral says of the platform, then what
 * the policy says of the TD. Nothing returns early: one look shows everything that is wrong.
 * Trust: the quote is hostile, the policy is the caller's. Threads: pure. Memory: the result.
 * Spec: tdx.md a.10, a.11.
 */
#include "tdx/tdx_verify_internal.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <string.h>

static void ctx_done(struct tdx_ctx *c)
{
    tdx_known_done(&c->known);
    cl_verify_result_free(c->result);
}

static void conclude_platform(struct tdx_ctx *c)
{
    if (c->tcb.status == CL_TDX_TCB_UNKNOWN) { /* no level was looked at */
        c->tcb.date = 0;
    }
    if (c->tcb.collateral_expires == INT64_MAX) {
        c->tcb.collateral_expires = 0;
    }
}

static void pick_rules(struct tdx_ctx *c)
{
    const struct cl_tdx_policy *p = c->policy;
    const struct cl_tdx_rules *r = c->root_class == CL_TEE_CLASS_SIM_TDX ? p->sim_rules : p->rules;
    c->rules = r != NULL ? *r : cl_tdx_rules_default();
}

static enum cl_status verify(struct tdx_ctx *c, struct cl_err *err)
{
    c->tcb.date = c->lapsed = INT64_MAX;
    c->tcb.collateral_expires = INT64_MAX;
    CL_TRY(tdx_check_pck_chain(c, err));
    pick_rules(c);
    CL_TRY(tdx_check_signatures(c, err));
    enum cl_tristate chain = cl_verdict_so_far(c->result);
    tdx_check_collateral(c);
    tdx_check_qe_identity(c);
    bool qe = c->result->checks[c->result->check_count - 1].status == CL_CHECK_PASS;
    c->result->authentic = qe ? chain : CL_NO;
    c->result->tee_class = c->result->authentic == CL_YES ? c->root_class : CL_TEE_CLASS_NONE;
    if (c->result->authentic == CL_YES && c->v != NULL && !c->met) {
        tdx_platforms_add(c->v->platforms, c->quote, &c->known);
    }
    tdx_check_pck_revocation(c);
    tdx_check_tcb(c);
    tdx_check_td(c);
    bool compared = tdx_check_measurement(c);
    CL_TRY(tdx_check_event_log(c, err));
    conclude_platform(c);
    cl_verdict_conclude(c->result, compared, c->policy->authenticity_only);
    return CL_OK;
}

enum cl_status cl_tdx_verify(const struct cl_tdx_verifier *v, const struct cl_tdx_quote *quote,
                             const struct cl_tdx_policy *policy,
                             struct cl_verify_result **ret_result, struct cl_tdx_tcb *ret_tcb,
                             struct cl_err *err)
{
    CL_CLEANUP(ctx_done) struct tdx_ctx c = {.v = v, .quote = quote, .policy = policy};
    CL_TRY(cl_verdict_new(policy->time, &c.result, err));
    CL_TRY(verify(&c, err));
    if (ret_tcb != NULL) {
        *ret_tcb = c.tcb;
    }
    *ret_result = CL_TAKE(c.result);
    return CL_OK;
}

static json_t *advisories_to_json(const struct cl_tdx_tcb *tcb)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < tcb->advisory_count; i++) {
        if (json_array_append_new(list, json_string(tcb->advisory_ids[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static bool set(json_t *out, const char *key, json_t *value)
{
    return json_object_set_new(out, key, value) == 0;
}

static bool add_platform(json_t *out, const struct cl_tdx_platform *p)
{
    char fmspc[2 * CL_TDX_FMSPC_SIZE + 1], pceid[2 * CL_TDX_PCEID_SIZE + 1];
    cl_hex(fmspc, p->fmspc, sizeof(p->fmspc));
    cl_hex(pceid, p->pceid, sizeof(p->pceid));
    return set(out, "fmspc", json_string(fmspc)) && set(out, "pceid", json_string(pceid)) &&
           set(out, "pck_ca", json_string(cl_tdx_pck_ca_name(p->ca)));
}

static bool add_tcb(json_t *out, const struct cl_tdx_tcb *tcb)
{
    char date[21], expires[21];
    cl_time_format(date, tcb->date);
    cl_time_format(expires, tcb->collateral_expires);
    return set(out, "tcb_status", json_string(cl_tdx_tcb_status_name(tcb->status))) &&
           set(out, "platform_tcb_status", json_string(cl_tdx_tcb_status_name(tcb->platform))) &&
           set(out, "module_tcb_status", json_string(cl_tdx_tcb_status_name(tcb->module))) &&
           set(out, "qe_tcb_status", json_string(cl_tdx_tcb_status_name(tcb->qe))) &&
           set(out, "advisory_ids", advisories_to_json(tcb)) &&
           set(out, "tcb_evaluation_data_number", json_integer(tcb->evaluation_number)) &&
           (tcb->date == 0 || set(out, "tcb_date", json_string(date))) &&
           (tcb->collateral_expires == 0 || set(out, "collateral_expires", json_string(expires)));
}

enum cl_status cl_tdx_verify_claims(const struct cl_tdx_quote *quote, const struct cl_tdx_tcb *tcb,
                                    json_t **ret_claims, struct cl_err *err)
{
    char user_data[2 * sizeof(quote->header.user_data) + 1];
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    cl_hex(user_data, quote->header.user_data, sizeof(quote->header.user_data));
    if (out == NULL || !set(out, "quote_version", json_integer(quote->header.version)) ||
        !set(out, "qe_svn", json_integer(cl_le16_get(&quote->qe_report.isvsvn))) ||
        !set(out, "quote_user_data", json_string(user_data)) ||
        !set(out, "trailing_bytes", json_integer((json_int_t)quote->trailing))) {
        return cl_err_nomem(err, "claims");
    }
    CL_TRY(cl_tdx_td_claims(&quote->td, quote->tdx15, out, err));
    if ((tcb->platform_known && !add_platform(out, &tcb->pck)) || !add_tcb(out, tcb)) {
        return cl_err_nomem(err, "claims");
    }
    *ret_claims = CL_TAKE(out);
    return CL_OK;
}
