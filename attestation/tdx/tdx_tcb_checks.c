/* SPDX-License-Identifier: Apache-2.0
 * tdx_tcb_checks.c - what the judgement of a platform means under a policy.
 * Trust: uses collateral only when it is genuine and about this platform. Threads: pure.
 * Memory: none. Spec: tdx.md a.10, steps 4 and 7 to 12.
 */
#include "tdx/tdx_verify_internal.h"

#include "base/io.h"

#include <string.h>

static const char *const tcb_ids[] = {
    "tdx.module.identity", "tdx.tcb.platform",   "tdx.tcb.module",           "tdx.tcb.qe",
    "tdx.tcb.status",      "tdx.tcb.advisories", "tdx.tcb.evaluation_number"};

/* Step 4. */
static void check_module(struct tdx_ctx *c, const struct tdx_module *m)
{
    const struct cl_tdx_td *td = &c->quote->td;
    const uint8_t *attributes = td->seam_attributes.b;
    bool attributes_good = m != NULL;
    for (size_t i = 0; m != NULL && i < sizeof(m->attributes); i++) {
        attributes_good =
            attributes_good && (attributes[i] & m->attributes_mask[i]) == m->attributes[i];
    }
    bool signer_good = m != NULL && memcmp(m->mrsigner, td->mrsignerseam, sizeof(m->mrsigner)) == 0;
    struct cl_check *k = cl_verdict_check(c->result, tcb_ids[0], signer_good && attributes_good);
    cl_check_expected(k, "a TDX module of version %u that TCB Info knows", td->tee_tcb_svn[1]);
    cl_check_actual(k, "%s",
                    m == NULL          ? "no identity for that version"
                    : !signer_good     ? "another MRSIGNERSEAM"
                    : !attributes_good ? "other SEAMATTRIBUTES"
                                       : "the same");
}

static void check_level(struct tdx_ctx *c, const char *id, const struct tdx_level_words *w,
                        enum cl_tdx_tcb_status *ret)
{
    char date[21] = "";
    struct cl_check *k = cl_verdict_check(c->result, id, w != NULL);
    cl_check_expected(k, "a TCB level that it reaches");
    *ret = w != NULL ? w->status : CL_TDX_TCB_NOT_SUPPORTED;
    if (w == NULL) {
        cl_check_actual(k, "below every level: not supported");
        return;
    }
    cl_time_format(date, w->date);
    cl_check_actual(k, "%s, level of %.10s", cl_tdx_tcb_status_name(w->status), date);
    c->tcb.date = w->date < c->tcb.date ? w->date : c->tcb.date;
    if (w->status != CL_TDX_TCB_UP_TO_DATE) {
        c->lapsed = w->date < c->lapsed ? w->date : c->lapsed;
    }
}

static void add_advisories(struct cl_tdx_tcb *t, const struct tdx_level_words *w)
{
    size_t n = w != NULL ? json_array_size(w->advisories) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_array_get(w->advisories, i));
        bool known = false;
        for (size_t k = 0; k < t->advisory_count; k++) {
            known = known || strcmp(t->advisory_ids[k], id) == 0;
        }
        if (!known && t->advisory_count < CL_ARRAY_LEN(t->advisory_ids)) {
            memccpy(t->advisory_ids[t->advisory_count++], id, '\0', CL_TDX_ADVISORY_SIZE);
        }
    }
}

static void check_levels(struct tdx_ctx *c, const struct tdx_judgement *j)
{
    const struct tdx_level_words *platform = j->platform != NULL ? &j->platform->words : NULL;
    const struct tdx_level_words *module = j->module_level != NULL ? &j->module_level->words : NULL;
    const struct tdx_level_words *qe = j->qe_level != NULL ? &j->qe_level->words : NULL;
    check_level(c, tcb_ids[1], platform, &c->tcb.platform);
    if (c->quote->td.tee_tcb_svn[1] == 0) {
        cl_verdict_skip(c->result, tcb_ids[2], "modules of version 0 are judged with the platform");
        c->tcb.module = CL_TDX_TCB_UP_TO_DATE;
    } else {
        check_level(c, tcb_ids[2], module, &c->tcb.module);
    }
    if (c->qe_trusted) {
        check_level(c, tcb_ids[3], qe, &c->tcb.qe);
    } else {
        tdx_miss_collateral(c, tcb_ids[3], "no good QE Identity says how old the QE is",
                            c->v->qe_given);
    }
    add_advisories(&c->tcb, platform); /* step 12 */
    add_advisories(&c->tcb, module);
    add_advisories(&c->tcb, qe);
}

#define DAY INT64_C(86400)

/* Those that the policy lists, until their grace has run out. */
static void check_status(struct tdx_ctx *c)
{
    enum cl_tdx_tcb_status s = c->tcb.status;
    int64_t grace = c->rules.grace_days[s] * DAY;
    bool best = s == CL_TDX_TCB_UP_TO_DATE;
    bool never = s == CL_TDX_TCB_REVOKED || s == CL_TDX_TCB_NOT_SUPPORTED;
    bool accepted = !never && (c->rules.statuses & UINT64_C(1) << s) != 0;
    bool over = grace != 0 && c->lapsed != INT64_MAX && c->policy->time - c->lapsed > grace;
    struct cl_check *k = cl_verdict_check(c->result, tcb_ids[4], accepted && !over);
    if (c->rules.statuses == 0) { /* no status at all: the policy has no such section */
        cl_check_expected(k, "a policy with a section for this class");
    } else {
        cl_check_expected(k, "UpToDate%s", best ? "" : ", or another that the policy accepts");
    }
    cl_check_actual(k, "%s", cl_tdx_tcb_status_name(s));
    k->warning = accepted && !over && !best;
    if (accepted && over) {
        char date[21];
        cl_time_format(date, c->lapsed);
        cl_check_why(k, "accepted only until %u days after its level of %.10s",
                     c->rules.grace_days[s], date);
    } else if (k->warning) {
        cl_check_why(k, "the policy accepts this status");
    }
}

static void check_advisories(struct tdx_ctx *c)
{
    const struct cl_tdx_rules *r = &c->rules;
    const char *bad = NULL;
    for (size_t i = 0; bad == NULL && i < c->tcb.advisory_count; i++) {
        const char *id = c->tcb.advisory_ids[i]; /* padded with zeros, as the lists are */
        bool allowed =
            r->allowed_advisories.count == 0 || cl_policy_list_has(&r->allowed_advisories, id);
        bad = !allowed || cl_policy_list_has(&r->denied_advisories, id) ? id : NULL;
    }
    struct cl_check *k = cl_verdict_check(c->result, tcb_ids[5], bad == NULL);
    cl_check_expected(k, "no security advisory that the policy does not allow");
    cl_check_actual(k, "%s", bad != NULL ? bad : c->tcb.advisory_count == 0 ? "none" : "allowed");
}

static void check_evaluation_number(struct tdx_ctx *c)
{
    uint32_t tcb = c->v->tcb_info->doc.evaluation_number;
    uint32_t qe = c->qe_trusted ? c->v->qe_identity->doc.evaluation_number : tcb;
    uint32_t least = c->rules.min_evaluation_number;
    c->tcb.evaluation_number = qe < tcb ? qe : tcb;
    if (least == 0) {
        cl_verdict_skip(c->result, tcb_ids[6], "no minimum was given");
        return;
    }
    struct cl_check *k = cl_verdict_check(c->result, tcb_ids[6], c->tcb.evaluation_number >= least);
    cl_check_expected(k, "tcbEvaluationDataNumber of at least %u", least);
    cl_check_actual(k, "%u", c->tcb.evaluation_number);
    cl_check_why(k, "older TCB Info is genuine too, and forgives what has been found out since");
}

void tdx_check_tcb(struct tdx_ctx *c)
{
    if (!c->tcb_trusted || !c->ext_good) {
        for (size_t i = 0; i < CL_ARRAY_LEN(tcb_ids); i++) {
            tdx_miss_collateral(c, tcb_ids[i], "no good TCB Info speaks of this platform",
                                c->v != NULL && c->v->tcb_given);
        }
        return;
    }
    struct tdx_judgement j;
    struct tdx_svns s = {.pcesvn = c->known.ext.pcesvn,
                         .tdx15 = c->quote->tdx15,
                         .qe_isvsvn = cl_le16_get(&c->quote->qe_report.isvsvn)};
    memcpy(s.comp_svn, c->known.ext.comp_svn, sizeof(s.comp_svn));
    memcpy(s.tee_tcb_svn, c->quote->td.tee_tcb_svn, sizeof(s.tee_tcb_svn));
    memcpy(s.tee_tcb_svn2, c->quote->td.tee_tcb_svn2, sizeof(s.tee_tcb_svn2));
    tdx_judge(c->v->tcb_info, c->qe_trusted ? c->v->qe_identity : NULL, &s, &j);
    c->tcb.status = j.status;
    check_module(c, j.module);
    check_levels(c, &j);
    check_status(c);
    check_advisories(c);
    check_evaluation_number(c);
}
