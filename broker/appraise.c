/* SPDX-License-Identifier: Apache-2.0
 * appraise.c - verification against what the store trusts (see appraise.h).
 * The class follows from the root that verified; reference values count for their own class only.
 */
#include "appraise.h"

#include "base/encode.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>

#define NOT_ALL_RECOGNISED 33 /* AR4SI, executables: only a recognised part was approved */

void cl_appraisal_answer_done(struct cl_appraisal_answer *a)
{
    if (a != NULL) {
        cl_grant_done(&a->grant);
        json_decref(a->claims);
        *a = (struct cl_appraisal_answer){0};
    }
}

static enum cl_status rejected(struct cl_err *err, const struct cl_denial *d)
{
    return cl_err_set(err, CL_ERR_REJECTED, "%s: expected %s, got %s", d->check, d->expected,
                      d->actual);
}

/* Everything that is not our own failure is the client's: a denial that names the message. */
static enum cl_status malformed(enum cl_status st, const char *check, struct cl_denial *d,
                                struct cl_err *err)
{
    if (st == CL_ERR_NOMEM || st == CL_ERR_SYS) {
        return st;
    }
    cl_deny(d, check, err->msg, "well-formed input");
    return CL_ERR_REJECTED;
}

static enum cl_status check_revoked(struct cl_store *store, const char *kind, const uint8_t *value,
                                    size_t len, struct cl_denial *d, struct cl_err *err)
{
    char check[32];
    bool yes = true;
    CL_TRY(cl_store_is_revoked(store, kind, value, len, &yes, err));
    if (!yes) {
        return CL_OK;
    }
    (void)snprintf(check, sizeof(check), "revoked.%s", kind);
    cl_deny(d, check, "revoked", "a %s that was not revoked", kind);
    return rejected(err, d);
}

static enum cl_status check_revocations(const struct cl_trust *t, const struct cl_grant *g,
                                        struct cl_denial *d, struct cl_err *err)
{
    for (size_t i = 0; i < g->value_count; i++) {
        const struct cl_value *v = &g->values[i];
        CL_TRY(check_revoked(t->store, cl_value_revocation(v->name), v->data, v->size, d, err));
    }
    return CL_OK;
}

static void deny_expired(const char *id, int64_t expires, struct cl_denial *d)
{
    char when[21];
    cl_time_format(when, expires);
    cl_deny(d, "reference.expired", id, "a reference value that did not expire at %s", when);
}

enum cl_status cl_appraise_again(const struct cl_trust *t, const struct cl_grant *g,
                                 struct cl_denial *d, struct cl_err *err)
{
    int64_t expires = 0;
    char check[48];
    if (t->now > g->expires) {
        cl_deny(d, "token.expired", "expired", "a token that has not expired");
        return rejected(err, d);
    }
    if (g->trust != t->version) { /* what judged it is no longer what judges */
        cl_deny(d, "trust.changed", "evidence judged before",
                "evidence judged by the verify policy "
                "and collateral of now");
        return rejected(err, d);
    }
    CL_TRY(check_revoked(t->store, "token", g->token_id, sizeof(g->token_id), d, err));
    CL_TRY(cl_store_reference_expires(t->store, g->tee_class, g->reference, &expires, err));
    if (expires == 0) {
        (void)snprintf(check, sizeof(check), "reference.%s", cl_reference_anchor(g->tee_class));
        cl_deny(d, check, g->reference, "a reference value of class %s",
                cl_tee_class_name(g->tee_class));
        return rejected(err, d);
    }
    if (expires <= t->now) {
        deny_expired(g->reference, expires, d);
        return rejected(err, d);
    }
    return check_revocations(t, g, d, err);
}

/* Everything but the registers of a TPM, which are compared once and not revoked. */
static enum cl_status fill_grant(const struct cl_appraised *ap, struct cl_grant *g,
                                 struct cl_err *err)
{
    *g = (struct cl_grant){0};
    for (size_t i = 0; i < ap->values.count; i++) {
        if (cl_value_revocation(ap->values.list[i].name) == NULL) {
            continue;
        }
        if (g->value_count >= CL_GRANT_MAX_VALUES) {
            return cl_err_set(err, CL_ERR_SYS, "grant: more values than it has room for");
        }
        g->values[g->value_count++] = ap->values.list[i];
    }
    memcpy(g->initdata, ap->initdata, sizeof(g->initdata));
    return CL_OK;
}

static enum cl_status deny_verdict(const struct cl_verify_result *result, struct cl_denial *d,
                                   struct cl_err *err)
{
    const struct cl_check *k = cl_verify_result_deciding(result);
    if (k == NULL) {
        cl_deny(d, "evidence.verdict", cl_verdict_name(result->verdict), "accepted");
    } else {
        char actual[CL_CHECK_TEXT_SIZE + CL_CHECK_WHY_SIZE + 2];
        const char *join = k->actual[0] != '\0' && k->why[0] != '\0' ? ": " : "";
        (void)snprintf(actual, sizeof(actual), "%s%s%s", k->actual, join, k->why);
        cl_deny(d, k->id, actual, "%s",
                k->expected[0] != '\0' ? k->expected : "something to decide by");
    }
    return rejected(err, d);
}

/* Of two lists of digests the first place where they part. */
static size_t first_difference(const json_t *want, const json_t *got)
{
    size_t i = 0;
    while (i < json_array_size(want) && i < json_array_size(got) &&
           json_equal(json_array_get(want, i), json_array_get(got, i)) != 0) {
        i++;
    }
    return i;
}

static const char *event_text(const json_t *list, size_t i)
{
    const char *hex = json_string_value(json_array_get(list, i));
    return hex != NULL ? hex : "no event";
}

/* A value that is not the reference's: which one, and for a register the event that parts them. */
static void deny_value(const struct cl_reference_answer *ref, const struct cl_appraised *ap,
                       struct cl_denial *d)
{
    char check[48];
    char want_hex[2 * CL_VALUE_MAX_SIZE + 1];
    char got_hex[2 * CL_VALUE_MAX_SIZE + 1] = "none";
    const struct cl_value *want = cl_values_find(&ref->nearest.values, ref->differs);
    const struct cl_value *got = cl_values_find(&ap->values, ref->differs);
    const json_t *want_events = json_object_get(ref->nearest.events, ref->differs);
    const json_t *got_events = json_object_get(ap->events, ref->differs);
    (void)snprintf(check, sizeof(check), "reference.%s", ref->differs);
    if (want_events != NULL && got_events != NULL) {
        size_t i = first_difference(want_events, got_events);
        char actual[160];
        (void)snprintf(actual, sizeof(actual), "%s event %zu %s", ref->differs, i,
                       event_text(got_events, i));
        cl_deny(d, check, actual, "%s event %zu %s", ref->differs, i, event_text(want_events, i));
        return;
    }
    cl_hex(want_hex, want->data, want->size);
    if (got != NULL) {
        cl_hex(got_hex, got->data, got->size);
    }
    cl_deny(d, check, got_hex, "%s", want_hex);
}

/* True when something was measured into a register that the reference does not speak of. */
static bool measured_more(const struct cl_appraised *ap, const struct cl_reference *ref)
{
    static const uint8_t zero[CL_VALUE_MAX_SIZE];
    for (size_t i = 0; i < ap->values.count; i++) {
        const struct cl_value *v = &ap->values.list[i];
        if (strncmp(v->name, "rtmr", 4) == 0 && memcmp(v->data, zero, v->size) != 0 &&
            cl_values_find(&ref->values, v->name) == NULL) {
            return true;
        }
    }
    return false;
}

/* An approved guest's vector, made worse where a check of its evidence only just passed. */
static struct cl_ar4si vector_of(const struct cl_appraised *ap, const struct cl_reference *ref)
{
    struct cl_ar4si v = cl_ar4si_approved(ap->result->tee_class);
    struct cl_ar4si seen = cl_ar4si_of_result(ap->result);
    if (measured_more(ap, ref)) {
        v.value[CL_AR4SI_EXECUTABLES] = NOT_ALL_RECOGNISED;
    }
    for (int c = 0; c < CL_AR4SI_COUNT; c++) {
        struct cl_ar4si one = {.value = {[0] = v.value[c]}};
        struct cl_ar4si other = {.value = {[0] = seen.value[c]}};
        if (cl_ar4si_tier(&other) > cl_ar4si_tier(&one)) {
            v.value[c] = seen.value[c];
        }
    }
    return v;
}

static enum cl_status check_reference(const struct cl_trust *t, enum cl_tee_class c,
                                      const struct cl_appraised *ap, struct cl_appraisal_answer *a,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_reference_answer_done) struct cl_reference_answer ref = {0};
    char check[48];
    char hex[2 * CL_VALUE_MAX_SIZE + 1] = "none";
    CL_TRY(cl_store_reference_find(t->store, c, &ap->values, t->now, &ref, err));
    if (ref.matches && ref.nearest.expires > t->now) {
        a->vector = vector_of(ap, &ref.nearest);
        (void)snprintf(a->grant.reference, sizeof(a->grant.reference), "%s", ref.nearest.id);
        return CL_OK;
    }
    if (ref.matches) {
        deny_expired(ref.nearest.id, ref.nearest.expires, &a->denial);
    } else if (ref.known) {
        deny_value(&ref, ap, &a->denial);
    } else {
        const struct cl_value *v = cl_values_find(&ap->values, cl_reference_anchor(c));
        if (v != NULL) {
            cl_hex(hex, v->data, v->size);
        }
        (void)snprintf(check, sizeof(check), "reference.%s", cl_reference_anchor(c));
        cl_deny(&a->denial, check, hex, "a reference value of class %s", cl_tee_class_name(c));
    }
    return rejected(err, &a->denial);
}

static enum cl_status judge(const struct cl_trust *t, const struct cl_family *family,
                            struct cl_appraised *ap, struct cl_appraisal_answer *a,
                            struct cl_err *err)
{
    const struct cl_verify_result *r = ap->result;
    a->authentic = r->authentic == CL_YES;
    a->grant.tee_class = r->tee_class;
    if (r->verdict != CL_VERDICT_ACCEPTED || r->authentic != CL_YES ||
        (family->classes & 1u << r->tee_class) == 0) {
        return deny_verdict(r, &a->denial, err);
    }
    CL_TRY(check_reference(t, r->tee_class, ap, a, err));
    CL_TRY(check_revocations(t, &a->grant, &a->denial, err));
    a->grant.trust = t->version;
    a->claims = CL_TAKE(ap->claims);
    return CL_OK;
}

static enum cl_status deny_old(const char *check, int64_t expires, struct cl_denial *d,
                               struct cl_err *err)
{
    char when[21] = "its end";
    if (expires != 0) {
        cl_time_format(when, expires);
    }
    cl_deny(d, check, when, "one that has not expired");
    return rejected(err, d);
}

/* What an admin set and let expire is not the same as never set: it decides nothing any more. */
static enum cl_status check_documents(const struct cl_trust *t, struct cl_distrust **ret_distrust,
                                      struct cl_denial *d, struct cl_err *err)
{
    const struct cl_collateral_bundle *bundle =
        t->collateral != NULL ? cl_collateral_bundle(t->collateral) : NULL;
    if (bundle != NULL && bundle->present && bundle->expires <= t->now) {
        return deny_old("collateral.expired", bundle->expires, d, err);
    }
    if (t->distrust_token->len == 0) {
        return CL_OK;
    }
    enum cl_status st =
        cl_distrust_read((const char *)t->distrust_token->data, t->distrust_token->len,
                         t->distrust_key, t->now, ret_distrust, err);
    return st == CL_ERR_UNAVAILABLE ? deny_old("distrust.expired", 0, d, err) : st;
}

static enum cl_status appraise(const struct cl_trust *t, const struct cl_family *family,
                               const struct cl_attest_request *req, struct cl_binding *b,
                               struct cl_appraisal_answer *a, struct cl_err *err)
{
    CL_CLEANUP(cl_appraised_done) struct cl_appraised ap = {0};
    uint8_t digest[CL_INITDATA_DIGEST_MAX];
    if (req->initdata != NULL) {
        enum cl_status st = cl_initdata_text_digest(req->initdata, req->initdata_len, digest,
                                                    &b->initdata_len, err);
        if (st != CL_OK) {
            return malformed(st, "initdata.format", &a->denial, err);
        }
        if (family->initdata_size != 0 && b->initdata_len != family->initdata_size) {
            char got[32];
            (void)snprintf(got, sizeof(got), "%zu bytes", b->initdata_len);
            cl_deny(&a->denial, "initdata.format", got, "a digest of %zu bytes (sha256)",
                    family->initdata_size);
            return rejected(err, &a->denial);
        }
        b->initdata = digest;
    }
    enum cl_status st = family->verify(t, req->primary, b, &ap, err);
    CL_TRY(fill_grant(&ap, &a->grant, st == CL_OK ? err : NULL));
    return st == CL_OK ? judge(t, family, &ap, a, err)
                       : malformed(st, "evidence.format", &a->denial, err);
}

enum cl_status cl_appraise(const struct cl_trust *trust, const struct cl_family *family,
                           const struct cl_attest_request *req, const uint8_t *report_data,
                           struct cl_appraisal_answer *a, struct cl_err *err)
{
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *distrust = NULL;
    struct cl_trust t = *trust;
    struct cl_binding b = {.report_data = report_data};
    CL_TRY(check_documents(&t, &distrust, &a->denial, err));
    t.distrust = distrust;
    return appraise(&t, family, req, &b, a, err);
}

/* Where initdata is bound, by the name of the field. */
static bool put_initdata(json_t *j, const struct cl_grant *g)
{
    switch (g->tee_class) {
    case CL_TEE_CLASS_TDX:
    case CL_TEE_CLASS_SIM_TDX:
        return cl_value_put_hex(j, "mrconfigid", g->initdata, 48);
    case CL_TEE_CLASS_AZ_SNP_VTPM:
    case CL_TEE_CLASS_AZ_TDX_VTPM:
    case CL_TEE_CLASS_TPM:
        return cl_value_put_hex(j, "initdata", g->initdata, 32);
    default:
        return cl_value_put_hex(j, "host-data", g->initdata, 32);
    }
}

json_t *cl_grant_summary(const struct cl_grant *g)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s}", "class", cl_tee_class_name(g->tee_class));
    static const uint8_t none[CL_JTI_SIZE];
    bool good = j != NULL;
    for (size_t i = 0; i < g->value_count && good; i++) {
        good = cl_value_put_hex(j, g->values[i].name, g->values[i].data, g->values[i].size);
    }
    good = good && put_initdata(j, g);
    good = good && (memcmp(g->token_id, none, sizeof(none)) == 0 ||
                    cl_value_put_hex(j, "token-id", g->token_id, sizeof(g->token_id)));
    return good ? CL_TAKE(j) : NULL;
}
