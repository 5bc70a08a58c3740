/* SPDX-License-Identifier: Apache-2.0
 * appraise.c - verification against what the store trusts (see appraise.h).
 * The class follows from the root that verified; reference values count for their own class only.
 */
#include "appraise.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/snp_verify.h"
#include "ear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void freep(void *p)
{
    free(*(void **)p);
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

static enum cl_status deny_revoked(const char *kind, struct cl_denial *d, struct cl_err *err)
{
    char check[32];
    (void)snprintf(check, sizeof(check), "revoked.%s", kind);
    cl_deny(d, check, "revoked", "a %s that was not revoked", kind);
    return rejected(err, d);
}

static enum cl_status check_revoked(struct cl_store *store, const char *kind, const uint8_t *value,
                                    size_t len, struct cl_denial *d, struct cl_err *err)
{
    bool yes = true;
    CL_TRY(cl_store_is_revoked(store, kind, value, len, &yes, err));
    return yes ? deny_revoked(kind, d, err) : CL_OK;
}

static enum cl_status check_reference(struct cl_store *store, const struct cl_grant *g, int64_t now,
                                      struct cl_denial *d, struct cl_err *err)
{
    int64_t expires = 0;
    char hex[2 * CL_SNP_MEASUREMENT_SIZE + 1];
    char when[21];
    cl_hex(hex, g->measurement, sizeof(g->measurement));
    CL_TRY(cl_store_reference_find(store, g->tee_class, g->measurement, &expires, err));
    if (expires > now) {
        return CL_OK;
    }
    if (expires == 0) {
        cl_deny(d, "reference.measurement", hex, "a reference value of class %s",
                cl_tee_class_name(g->tee_class));
    } else {
        cl_time_format(when, expires);
        cl_deny(d, "reference.expired", hex, "a reference value that did not expire at %s", when);
    }
    return rejected(err, d);
}

static enum cl_status check_live(struct cl_store *store, const struct cl_grant *g, int64_t now,
                                 struct cl_denial *d, struct cl_err *err)
{
    CL_TRY(check_reference(store, g, now, d, err));
    CL_TRY(check_revoked(store, "measurement", g->measurement, sizeof(g->measurement), d, err));
    return check_revoked(store, "chip", g->chip_id, sizeof(g->chip_id), d, err);
}

enum cl_status cl_appraise_again(struct cl_store *store, const struct cl_grant *g, int64_t now,
                                 struct cl_denial *d, struct cl_err *err)
{
    if (now > g->expires) {
        cl_deny(d, "token.expired", "expired", "a token that has not expired");
        return rejected(err, d);
    }
    CL_TRY(check_revoked(store, "token", g->token_id, sizeof(g->token_id), d, err));
    return check_live(store, g, now, d, err);
}

/* Runs the library's verification with what the store trusts. The measurement is left to
 * check_reference(), which knows expired values too. */
static enum cl_status verify(struct cl_store *store, const struct cl_snp_evidence *ev,
                             const uint8_t *report_data, const uint8_t *host_data, int64_t now,
                             struct cl_verify_result **ret_result, struct cl_err *err)
{
    CL_CLEANUP(freep) cl_root_digest *roots = NULL;
    size_t root_count = 0;
    CL_TRY(cl_store_root_all(store, &roots, &root_count, err));
    struct cl_snp_policy policy = {.time = now,
                                   .report_data = report_data,
                                   .host_data = host_data,
                                   .sim_roots = (const cl_root_digest *)roots,
                                   .sim_root_count = root_count,
                                   .authenticity_only = true};
    return cl_snp_verify(ev, &policy, ret_result, err);
}

static enum cl_status deny_check(const struct cl_verify_result *result, struct cl_denial *d,
                                 struct cl_err *err)
{
    const struct cl_check *k = cl_verify_result_deciding(result);
    if (k == NULL) {
        cl_deny(d, "snp.verdict", cl_verdict_name(result->verdict), "accepted");
    } else {
        cl_deny(d, k->id, k->actual[0] != '\0' ? k->actual : k->why, "%s",
                k->expected[0] != '\0' ? k->expected : "something to decide by");
    }
    return rejected(err, d);
}

static void fill_grant(const struct cl_snp_report *r, enum cl_tee_class c, struct cl_grant *g)
{
    *g = (struct cl_grant){.tee_class = c};
    memcpy(g->measurement, r->measurement, sizeof(g->measurement));
    memcpy(g->host_data, r->host_data, sizeof(g->host_data));
    memcpy(g->chip_id, r->chip_id, sizeof(g->chip_id));
}

enum cl_status cl_appraise(struct cl_store *store, const struct cl_attest_request *req,
                           const uint8_t *report_data, int64_t now, struct cl_grant *ret_grant,
                           json_t **ret_claims, struct cl_denial *d, bool *ret_authentic,
                           struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    uint8_t host_data[32];
    *ret_authentic = false;
    enum cl_status st = cl_snp_evidence_from_json(req->primary, &ev, err);
    if (st != CL_OK) {
        return malformed(st, "evidence.format", d, err);
    }
    fill_grant(cl_snp_evidence_report(ev), CL_TEE_CLASS_NONE, ret_grant);
    if (req->initdata != NULL) {
        st = cl_initdata_host_data(req->initdata, req->initdata_len, host_data, err);
        if (st != CL_OK) {
            return malformed(st, "initdata.format", d, err);
        }
    }
    CL_TRY(verify(store, ev, report_data, req->initdata != NULL ? host_data : NULL, now, &result,
                  err));
    *ret_authentic = result->authentic == CL_YES;
    ret_grant->tee_class = result->tee_class;
    if (result->verdict != CL_VERDICT_ACCEPTED || result->authentic != CL_YES ||
        result->tee_class == CL_TEE_CLASS_NONE) {
        return deny_check(result, d, err);
    }
    CL_TRY(check_live(store, ret_grant, now, d, err));
    return cl_ear_snp_claims(cl_snp_evidence_report(ev), ret_claims, err);
}

static bool put_hex(json_t *j, const char *key, const uint8_t *data, size_t len)
{
    char hex[2 * CL_SNP_CHIP_ID_SIZE + 1];
    cl_hex(hex, data, len);
    return json_object_set_new(j, key, json_string(hex)) == 0;
}

json_t *cl_grant_summary(const struct cl_grant *g)
{
    json_t *j = json_pack("{s:s}", "class", cl_tee_class_name(g->tee_class));
    static const uint8_t none[CL_JTI_SIZE];
    if (j == NULL || !put_hex(j, "measurement", g->measurement, sizeof(g->measurement)) ||
        !put_hex(j, "host-data", g->host_data, sizeof(g->host_data)) ||
        !put_hex(j, "chip-id", g->chip_id, sizeof(g->chip_id)) ||
        (memcmp(g->token_id, none, sizeof(none)) != 0 &&
         !put_hex(j, "token-id", g->token_id, sizeof(g->token_id)))) {
        json_decref(j);
        return NULL;
    }
    return j;
}
