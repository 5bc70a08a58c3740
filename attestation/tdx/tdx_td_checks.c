/* SPDX-License-Identifier: Apache-2.0
 * tdx_td_checks.c - the TD itself: what it may be (not debuggable, made by Intel's module, no bits
 * that nobody knows), and whether it says what was expected of it.
 * Trust: the policy is the caller's. Threads: pure. Memory: none. Spec: tdx.md a.2, a.11.
 */
#include "tdx/tdx_verify_internal.h"

#include "base/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ATTR_DEBUG (UINT64_C(1) << 0)
#define ATTR_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define ATTR_MIGRATABLE (UINT64_C(1) << 29)
#define ATTR_PKS (UINT64_C(1) << 30)
#define ATTR_KL (UINT64_C(1) << 31)
#define ATTR_PERFMON (UINT64_C(1) << 63)
#define ATTR_KNOWN                                                                                 \
    (ATTR_DEBUG | ATTR_SEPT_VE_DISABLE | ATTR_MIGRATABLE | ATTR_PKS | ATTR_KL | ATTR_PERFMON)
#define XFAM_ALWAYS UINT64_C(0x3) /* x87, SSE */
#define XFAM_KNOWN UINT64_C(0x6DBE7)

static const uint8_t qe_vendor_intel[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                            0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static void check_frame(struct tdx_ctx *c)
{
    const struct cl_tdx_header *h = &c->quote->header;
    struct cl_check *k =
        cl_verdict_check(c->result, "tdx.quote.qe_vendor",
                         memcmp(h->qe_vendor_id, qe_vendor_intel, sizeof(qe_vendor_intel)) == 0);
    cl_check_hex(k, qe_vendor_intel, h->qe_vendor_id, sizeof(qe_vendor_intel));
    k = cl_verdict_check(c->result, "tdx.quote.reserved",
                         tdx_all_zero(h->reserved, sizeof(h->reserved)));
    cl_check_expected(k, "zero");
    cl_check_hex(k, NULL, h->reserved, sizeof(h->reserved));
    size_t n = c->quote->trailing;
    k = cl_verdict_check(c->result, "tdx.quote.trailing",
                         n == 0 || !c->rules.forbid_trailing_bytes);
    cl_check_expected(k, "%s", c->rules.forbid_trailing_bytes ? "nothing behind the quote" : "any");
    cl_check_actual(k, "%zu bytes", n);
    cl_check_why(k, "%s", n != 0 ? "bytes behind the quote are not signed; they are ignored" : "");
}

static void check_attributes(struct tdx_ctx *c)
{
    uint64_t a = cl_le64_get(&c->quote->td.td_attributes);
    struct cl_check *k = cl_verdict_check(c->result, "tdx.td.debug", (a & ATTR_DEBUG) == 0);
    cl_check_expected(k, "not a debug TD");
    cl_check_actual(k, "%s", (a & ATTR_DEBUG) == 0 ? "not a debug TD" : "a debug TD");
    if ((a & ATTR_DEBUG) != 0) {
        cl_check_why(k, "the host can read and write the memory of a debug TD");
    }
    k = cl_verdict_check(c->result, "tdx.td.attributes",
                         (a & ~(ATTR_KNOWN | c->rules.attributes_allowed)) == 0);
    cl_check_expected(k, "no reserved bit");
    cl_check_actual(k, "0x%016" PRIx64, a);

    k = cl_verdict_check(c->result, "tdx.td.sept_ve_disable",
                         (a & ATTR_SEPT_VE_DISABLE) != 0 || c->rules.allow_sept_ve);
    cl_check_expected(k, "SEPT_VE_DISABLE set");
    cl_check_actual(k, "%s", (a & ATTR_SEPT_VE_DISABLE) != 0 ? "SEPT_VE_DISABLE set" : "clear");
    cl_check_why(k, "without it the host can inject exceptions by taking pages away");

    k = cl_verdict_check(c->result, "tdx.td.migratable",
                         (a & ATTR_MIGRATABLE & ~c->rules.attributes_allowed) == 0);
    cl_check_expected(k, "not migratable");
    cl_check_actual(k, "%s", (a & ATTR_MIGRATABLE) == 0 ? "not migratable" : "migratable");
}

static void check_xfam(struct tdx_ctx *c)
{
    uint64_t x = cl_le64_get(&c->quote->td.xfam);
    struct cl_check *k = cl_verdict_check(c->result, "tdx.td.xfam",
                                          (x & XFAM_ALWAYS) == XFAM_ALWAYS &&
                                              (x & ~(XFAM_KNOWN | c->rules.xfam_allowed)) == 0);
    cl_check_expected(k, "x87 and SSE, no bit outside 0x%" PRIx64,
                      XFAM_KNOWN | c->rules.xfam_allowed);
    cl_check_actual(k, "0x%" PRIx64, x);
}

/* One of the listed values, where there is a list. */
static void check_listed(struct tdx_ctx *c, const char *id, const struct cl_policy_list *list,
                         const uint8_t *got)
{
    if (list->count == 0) {
        cl_verdict_skip(c->result, id, "no expected value was given");
        return;
    }
    struct cl_check *k = cl_verdict_check(c->result, id, cl_policy_list_has(list, got));
    cl_check_hex(k, NULL, got, list->size);
    if (list->count == 1) {
        cl_check_hex(k, list->data, NULL, list->size);
    } else {
        cl_check_expected(k, "one of %zu values of the policy", list->count);
    }
}

static void check_module(struct tdx_ctx *c)
{
    const struct cl_tdx_td *td = &c->quote->td;
    bool intels = tdx_all_zero(td->mrsignerseam, sizeof(td->mrsignerseam)) &&
                  tdx_all_zero(td->seam_attributes.b, sizeof(td->seam_attributes.b));
    struct cl_check *k = cl_verdict_check(c->result, "tdx.td.seam", intels);
    cl_check_expected(k, "MRSIGNERSEAM and SEAMATTRIBUTES zero: Intel's production module");
    cl_check_actual(k, "%s", intels ? "zero" : "another module");
    check_listed(c, "tdx.mrseam", &c->rules.mrseam, td->mrseam);
}

static void check_service_td(struct tdx_ctx *c)
{
    const struct cl_tdx_td *td = &c->quote->td;
    bool bound = !tdx_all_zero(td->mrservicetd, sizeof(td->mrservicetd));
    struct cl_check *k =
        cl_verdict_check(c->result, "tdx.td.service_td", !bound || c->rules.allow_service_td);
    cl_check_expected(k, "no service TD");
    cl_check_actual(k, "%s", bound ? "one is bound" : "no service TD");
    k->warning = bound && c->rules.allow_service_td;
    if (bound) {
        cl_check_why(k, "a service TD (for migration, say) may act on this one");
    }
}

static void check_class(struct tdx_ctx *c)
{
    enum cl_tee_class want = c->policy->require_class;
    if (want == CL_TEE_CLASS_NONE) {
        cl_verdict_skip(c->result, "tdx.class", "no class was demanded");
    } else if (c->root_class == CL_TEE_CLASS_NONE) {
        cl_verdict_cannot(c->result, "tdx.class", "no accepted root vouches for the evidence");
    } else {
        struct cl_check *k = cl_verdict_check(c->result, "tdx.class", c->root_class == want);
        cl_check_expected(k, "%s", cl_tee_class_name(want));
        cl_check_actual(k, "%s", cl_tee_class_name(c->root_class));
    }
}

/* The caller's own value, else one of the policy's. */
static void check_exact(struct tdx_ctx *c, const char *id, const uint8_t *want,
                        const struct cl_policy_list *list, const uint8_t *got, size_t n)
{
    if (want != NULL) {
        struct cl_check *k = cl_verdict_check(c->result, id, memcmp(want, got, n) == 0);
        cl_check_hex(k, want, got, n);
    }
    if (want == NULL || list->count != 0) {
        check_listed(c, id, list, got);
    }
}

void tdx_check_td(struct tdx_ctx *c)
{
    const struct cl_tdx_policy *p = c->policy;
    const struct cl_tdx_rules *r = &c->rules;
    const struct cl_tdx_td *td = &c->quote->td;
    check_frame(c);
    check_attributes(c);
    check_xfam(c);
    check_module(c);
    check_service_td(c);
    check_class(c);
    check_exact(c, "tdx.report_data", p->report_data, &r->report_data, td->report_data,
                sizeof(td->report_data));
    check_exact(c, "tdx.mrconfigid", p->mrconfigid, &r->mrconfigid, td->mrconfigid,
                sizeof(td->mrconfigid));
    check_listed(c, "tdx.mrowner", &r->mrowner, td->mrowner);
    check_listed(c, "tdx.mrownerconfig", &r->mrownerconfig, td->mrownerconfig);
}

/* How well a reference fits: bit 0 MRTD, bits 1 to 4 the RTMRs (those it does not name fit). */
static unsigned fit(const struct cl_tdx_reference *r, const struct cl_tdx_td *td)
{
    unsigned f = memcmp(r->mrtd, td->mrtd, sizeof(r->mrtd)) == 0 ? 1 : 0; /* public values */
    for (unsigned i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        if ((r->rtmr_mask & 1u << i) == 0 ||
            memcmp(r->rtmr[i], td->rtmr[i], sizeof(r->rtmr[i])) == 0) {
            f |= 2u << i;
        }
    }
    return f;
}

#define FIT_ALL 0x1Fu

/* The RTMRs of the reference whose MRTD fits (a reference is taken or left as a whole; NULL: the
 * policy's list had the MRTD), and those that the policy lists. */
static void check_rtmrs(struct tdx_ctx *c, const struct cl_tdx_reference *r)
{
    static const char *const ids[CL_TDX_RTMR_COUNT] = {"tdx.rtmr0", "tdx.rtmr1", "tdx.rtmr2",
                                                       "tdx.rtmr3"};
    const struct cl_tdx_td *td = &c->quote->td;
    for (unsigned i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        bool named = r != NULL && (r->rtmr_mask & 1u << i) != 0;
        if (named || c->rules.rtmr[i].count != 0) {
            check_exact(c, ids[i], named ? r->rtmr[i] : NULL, &c->rules.rtmr[i], td->rtmr[i],
                        sizeof(td->rtmr[i]));
            continue;
        }
        bool used = !tdx_all_zero(td->rtmr[i], sizeof(td->rtmr[i]));
        struct cl_check *k =
            cl_verdict_add(c->result, ids[i], used ? CL_CHECK_PASS : CL_CHECK_SKIPPED);
        k->warning = used;
        cl_check_why(k, "%s",
                     used ? "nothing names it: what was measured there was not compared"
                          : "zero, and nothing names it");
        cl_check_hex(k, NULL, td->rtmr[i], sizeof(td->rtmr[i]));
    }
}

/* The reference of the class that fits best, or NULL when there is none of that class. */
static const struct cl_tdx_reference *best_reference(const struct tdx_ctx *c)
{
    const struct cl_tdx_td *td = &c->quote->td;
    const struct cl_tdx_reference *best = NULL;
    for (size_t i = 0; i < c->policy->reference_count; i++) {
        const struct cl_tdx_reference *r = &c->policy->references[i];
        if (r->tee_class != c->root_class) {
            continue;
        }
        bool better = best == NULL || (fit(r, td) & 1) > (fit(best, td) & 1) ||
                      (fit(r, td) == FIT_ALL && fit(best, td) != FIT_ALL);
        best = better ? r : best;
    }
    return best;
}

bool tdx_check_measurement(struct tdx_ctx *c)
{
    const char *id = "tdx.mrtd";
    const struct cl_policy_list *list = &c->rules.mrtd;
    if (c->policy->reference_count == 0 && list->count == 0) {
        const char *why = "no trusted measurement was given to compare with";
        if (c->policy->authenticity_only) {
            cl_verdict_skip(c->result, id, why);
        } else {
            cl_verdict_cannot(c->result, id, why);
        }
        return false;
    }
    if (c->root_class == CL_TEE_CLASS_NONE) {
        cl_verdict_cannot(c->result, id, "no accepted root: which references apply is not known");
        return false;
    }
    const uint8_t *mrtd = c->quote->td.mrtd;
    const struct cl_tdx_reference *best = best_reference(c);
    if (best != NULL && (fit(best, &c->quote->td) & 1) == 0 && cl_policy_list_has(list, mrtd)) {
        best = NULL; /* the policy's list knows it, and no reference does */
    }
    bool good = best != NULL ? (fit(best, &c->quote->td) & 1) != 0 : cl_policy_list_has(list, mrtd);
    struct cl_check *k = cl_verdict_check(c->result, id, good);
    cl_check_hex(k, best != NULL ? best->mrtd : NULL, mrtd, CL_TDX_MR_SIZE);
    if (best == NULL) {
        cl_check_expected(k, "a trusted MRTD of class %s", cl_tee_class_name(c->root_class));
    }
    check_rtmrs(c, best);
    return true;
}

static enum cl_status check_register(struct tdx_ctx *c, unsigned i, struct cl_err *err)
{
    static const char *const ids[CL_TDX_RTMR_COUNT] = {
        "tdx.event_log.rtmr0", "tdx.event_log.rtmr1", "tdx.event_log.rtmr2", "tdx.event_log.rtmr3"};
    const struct cl_tdx_event_log *log = c->policy->event_log;
    const uint8_t *value = c->quote->td.rtmr[i];
    struct cl_tdx_replay replay;
    struct cl_tdx_replay_mismatch m;
    CL_TRY(cl_tdx_event_log_replay(log, &replay, err));
    CL_TRY(cl_tdx_event_log_explain(log, i, value, &m, err));
    bool silent = i == 3 && replay.extended[i] == 0 && m.mismatch;
    struct cl_check *k = cl_verdict_check(c->result, ids[i], !m.mismatch || silent);
    cl_check_hex(k, value, replay.rtmr[i], CL_TDX_MR_SIZE);
    k->warning = silent;
    if (silent) { /* firmware logs end before user space extends it */
        cl_check_why(k, "the log does not speak of RTMR3, which user space extends");
    } else if (m.mismatch && m.event != SIZE_MAX) {
        const struct cl_tdx_event *e = cl_tdx_event_log_event(log, m.event);
        cl_check_why(k,
                     "the quote has the value after %zu of its events; event %zu of the log (type "
                     "0x%x, byte %zu) is not in it",
                     m.matched, m.event, e->type, e->offset);
    } else if (m.mismatch) {
        cl_check_why(k,
                     "none of its %zu events leads to the quote's value: an event was changed, "
                     "or some are missing",
                     replay.extended[i]);
    }
    return CL_OK;
}

enum cl_status tdx_check_event_log(struct tdx_ctx *c, struct cl_err *err)
{
    if (c->policy->event_log == NULL) {
        if (c->rules.require_event_log) {
            struct cl_check *k = cl_verdict_check(c->result, "tdx.event_log", /* good= */ false);
            cl_check_expected(k, "an event log");
            cl_check_actual(k, "none");
        } else {
            cl_verdict_skip(c->result, "tdx.event_log", "no event log was given");
        }
        return CL_OK;
    }
    for (unsigned i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        CL_TRY(check_register(c, i, err));
    }
    return CL_OK;
}
