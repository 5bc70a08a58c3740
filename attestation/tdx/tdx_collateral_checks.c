/* SPDX-License-Identifier: Apache-2.0
 * tdx_collateral_checks.c - collateral beside one quote: is it there, from the same root, in its
 * time, and about this platform? Missing and expired collateral decide nothing: "cannot tell".
 * Trust: what the verifier kept has been signed by some root; which one is asked here.
 * Threads: pure. Memory: none. Spec: tdx.md a.10, step 3.
 */
#include "tdx/tdx_verify_internal.h"

#include "base/encode.h"
#include "base/io.h"

#include <string.h>

void tdx_miss_collateral(struct tdx_ctx *c, const char *id, const char *why, bool given)
{
    if (c->policy->authenticity_only && !given) {
        cl_verdict_skip(c->result, id, why);
    } else {
        cl_verdict_cannot(c->result, id, why);
    }
}

static void copy_checks(struct tdx_ctx *c)
{
    const struct cl_verify_result *from = c->v->checks;
    struct cl_verify_result *to = c->result;
    for (size_t i = 0; i < from->check_count; i++) {
        struct cl_check *k = cl_verdict_add(to, from->checks[i].id, from->checks[i].status);
        *k = from->checks[i];
    }
}

static void check_presence(struct tdx_ctx *c)
{
    const struct cl_tdx_verifier *v = c->v;
    const struct {
        const char *id, *why;
        bool given;
    } pieces[] = {
        {"tdx.tcb_info.signature", "no TCB Info was given", v != NULL && v->tcb_given},
        {"tdx.qe_identity.signature", "no QE Identity was given", v != NULL && v->qe_given},
        {"tdx.pck_crl.signature", "no CRL of the PCK's CA was given",
         v != NULL && v->pck_crl_given},
        {"tdx.root_crl.signature", "no CRL of the root was given", v != NULL && v->root_crl_given},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(pieces); i++) {
        if (!pieces[i].given) {
            tdx_miss_collateral(c, pieces[i].id, pieces[i].why, /* given= */ false);
        }
    }
}

/* All of it comes from the root that vouches for the quote. */
static void check_root(struct tdx_ctx *c)
{
    const struct cl_tdx_verifier *v = c->v;
    const struct tdx_issuer *const issuers[] = {&v->tcb_issuer, &v->qe_issuer, &v->crl_issuer};
    const uint8_t *other = NULL;
    if (c->root_class == CL_TEE_CLASS_NONE) {
        cl_verdict_skip(c->result, "tdx.collateral.root", "no accepted root vouches for the quote");
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(issuers); i++) {
        if (issuers[i]->good &&
            memcmp(issuers[i]->root_spki, c->known.root_spki, CL_TDX_ROOT_SIZE) != 0) {
            other = issuers[i]->root_spki;
        }
    }
    struct cl_check *k = cl_verdict_check(c->result, "tdx.collateral.root", other == NULL);
    cl_check_hex(k, c->known.root_spki, other != NULL ? other : c->known.root_spki,
                 CL_TDX_ROOT_SIZE);
    cl_check_why(k, "SHA-384 of the key of the root under which collateral was signed");
    c->tcb_trusted = other == NULL && v->tcb_info != NULL;
    c->qe_trusted = other == NULL && v->qe_identity != NULL;
}

#define DAY INT64_C(86400)

/* In its time: from <= t <= until, or a little later where the policy says so. */
static void check_window(struct tdx_ctx *c, const char *id, int64_t from, int64_t until)
{
    int64_t t = c->policy->time, grace = c->rules.collateral_grace_days * DAY;
    uint32_t max_days = c->policy->common != NULL ? c->policy->common->max_collateral_age_days : 0;
    char a[21], b[21], now[21];
    bool late = t > until, too_late = late && t - until > grace;
    bool old = max_days != 0 && t >= from && t - from > max_days * DAY;
    bool good = t >= from && !too_late && !old;
    struct cl_check *k = cl_verdict_add(c->result, id, good ? CL_CHECK_PASS : CL_CHECK_UNKNOWN);
    cl_time_format(a, from);
    cl_time_format(b, until);
    cl_time_format(now, t);
    cl_check_expected(k, "from %s to %s", a, b);
    cl_check_actual(k, "%s", now);
    k->warning = good && late;
    if (t < from) {
        cl_check_why(k, "collateral of a later time cannot be used: get what was valid then");
    } else if (too_late) {
        cl_check_why(k, "expired collateral: get newer one");
    } else if (old) {
        cl_check_why(k, "older than the %u days that the policy allows", max_days);
    } else if (late) {
        cl_check_why(k, "expired, within the grace that the policy allows");
    }
    c->tcb.collateral_expires =
        until < c->tcb.collateral_expires ? until : c->tcb.collateral_expires;
}

/* A signed document is usable while its signer is, too. */
static void check_document_window(struct tdx_ctx *c, const char *id, const struct tdx_document *d,
                                  const struct tdx_issuer *i)
{
    check_window(c, id, d->issued > i->facts.from ? d->issued : i->facts.from,
                 d->next_update < i->facts.until - 1 ? d->next_update : i->facts.until - 1);
}

static void check_windows(struct tdx_ctx *c)
{
    const struct cl_tdx_verifier *v = c->v;
    if (v->tcb_info != NULL) {
        check_document_window(c, "tdx.tcb_info.validity", &v->tcb_info->doc, &v->tcb_issuer);
    }
    if (v->qe_identity != NULL) {
        check_document_window(c, "tdx.qe_identity.validity", &v->qe_identity->doc, &v->qe_issuer);
    }
    if (v->pck_crl != NULL) {
        check_window(c, "tdx.pck_crl.validity", v->pck_crl_from, v->pck_crl_until);
    }
    if (v->root_crl != NULL) {
        check_window(c, "tdx.root_crl.validity", v->root_crl_from, v->root_crl_until);
    }
}

static void check_platform(struct tdx_ctx *c)
{
    const char *id = "tdx.tcb_info.platform";
    const struct tdx_tcb_info *info = c->v->tcb_info;
    if (info == NULL || !c->ext_good) {
        cl_verdict_skip(c->result, id, "TCB Info or PCK certificate is not good");
        return;
    }
    char want[2 * CL_TDX_FMSPC_SIZE + 1], want_pce[2 * CL_TDX_PCEID_SIZE + 1];
    char got[2 * CL_TDX_FMSPC_SIZE + 1], got_pce[2 * CL_TDX_PCEID_SIZE + 1];
    bool same = memcmp(info->fmspc, c->known.ext.fmspc, sizeof(info->fmspc)) == 0 &&
                memcmp(info->pceid, c->known.ext.pceid, sizeof(info->pceid)) == 0;
    cl_hex(want, c->known.ext.fmspc, sizeof(c->known.ext.fmspc));
    cl_hex(want_pce, c->known.ext.pceid, sizeof(c->known.ext.pceid));
    cl_hex(got, info->fmspc, sizeof(info->fmspc));
    cl_hex(got_pce, info->pceid, sizeof(info->pceid));
    struct cl_check *k = cl_verdict_check(c->result, id, same);
    cl_check_expected(k, "FMSPC %s, PCEID %s", want, want_pce);
    cl_check_actual(k, "FMSPC %s, PCEID %s", got, got_pce);
    cl_check_why(k, "TCB Info must be about the platform that the PCK certificate names");
    c->tcb_trusted = c->tcb_trusted && same;
}

void tdx_check_collateral(struct tdx_ctx *c)
{
    check_presence(c);
    if (c->v == NULL) {
        return;
    }
    copy_checks(c);
    check_root(c);
    check_windows(c);
    if (c->v->tcb_given) {
        check_platform(c);
    }
}
