/* SPDX-License-Identifier: Apache-2.0
 * verdict.c - results: building them, concluding from them, printing them.
 * Trust: check texts may quote hostile input; they are escaped before they are kept.
 * Threads: a result belongs to one thread until it is returned. Memory: one allocation each.
 */
#include "verdict/verdict.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cl_status cl_verdict_new(int64_t t, struct cl_verify_result **ret_result, struct cl_err *err)
{
    struct cl_verify_result *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return cl_err_nomem(err, "verification result");
    }
    r->time = t;
    *ret_result = r;
    return CL_OK;
}

void cl_verify_result_free(struct cl_verify_result *result)
{
    free(result);
}

void cl_verify_result_freep(struct cl_verify_result **result)
{
    cl_verify_result_free(*result);
    *result = NULL;
}

struct cl_check *cl_verdict_add(struct cl_verify_result *result, const char *id,
                                enum cl_check_status status)
{
    assert(result->check_count < CL_CHECK_MAX);
    struct cl_check *c = &result->checks[result->check_count++];
    c->id = id;
    c->status = status;
    return c;
}

struct cl_check *cl_verdict_check(struct cl_verify_result *result, const char *id, bool good)
{
    return cl_verdict_add(result, id, good ? CL_CHECK_PASS : CL_CHECK_FAIL);
}

void cl_verdict_cannot(struct cl_verify_result *result, const char *id, const char *why)
{
    cl_check_why(cl_verdict_add(result, id, CL_CHECK_UNKNOWN), "%s", why);
}

void cl_verdict_skip(struct cl_verify_result *result, const char *id, const char *why)
{
    cl_check_why(cl_verdict_add(result, id, CL_CHECK_SKIPPED), "%s", why);
}

enum cl_tristate cl_verdict_so_far(const struct cl_verify_result *result)
{
    enum cl_tristate t = CL_YES;
    for (size_t i = 0; i < result->check_count; i++) {
        if (result->checks[i].status == CL_CHECK_FAIL) {
            return CL_NO;
        }
        if (result->checks[i].status == CL_CHECK_UNKNOWN) {
            t = CL_UNKNOWN;
        }
    }
    return t;
}

/* vsnprintf, then every byte that is not printable ASCII becomes '?'. */
static void put_text(char *dst, size_t size, const char *fmt, va_list ap)
{
    (void)vsnprintf(dst, size, fmt, ap);
    for (char *p = dst; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7E) {
            *p = '?';
        }
    }
}

void cl_check_expected(struct cl_check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_text(c->expected, sizeof(c->expected), fmt, ap);
    va_end(ap);
}

void cl_check_actual(struct cl_check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_text(c->actual, sizeof(c->actual), fmt, ap);
    va_end(ap);
}

void cl_check_why(struct cl_check *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_text(c->why, sizeof(c->why), fmt, ap);
    va_end(ap);
}

void cl_check_hex(struct cl_check *c, const void *expected, const void *actual, size_t n)
{
    size_t room = (CL_CHECK_TEXT_SIZE - 1) / 2;
    size_t shown = n < room ? n : room;
    if (expected != NULL) {
        cl_hex(c->expected, expected, shown);
    }
    if (actual != NULL) {
        cl_hex(c->actual, actual, shown);
    }
}

void cl_verdict_conclude(struct cl_verify_result *result, bool compared, bool authenticity_only)
{
    bool failed = false, unknown = false, warned = false;
    for (size_t i = 0; i < result->check_count; i++) {
        failed = failed || result->checks[i].status == CL_CHECK_FAIL;
        unknown = unknown || result->checks[i].status == CL_CHECK_UNKNOWN;
        warned = warned || result->checks[i].warning;
    }
    if (failed) {
        result->verdict = CL_VERDICT_REJECTED;
        result->appraisal = CL_APPRAISAL_CONTRAINDICATED;
        return;
    }
    bool enough = compared || authenticity_only;
    result->verdict = result->authentic == CL_YES && !unknown && enough ? CL_VERDICT_ACCEPTED
                                                                        : CL_VERDICT_UNDETERMINED;
    if (result->verdict == CL_VERDICT_ACCEPTED && compared) {
        result->appraisal = warned ? CL_APPRAISAL_WARNING : CL_APPRAISAL_AFFIRMING;
    }
}

struct cl_check *cl_verdict_warn(struct cl_verify_result *result, const char *id)
{
    struct cl_check *c = cl_verdict_add(result, id, CL_CHECK_PASS);
    c->warning = true;
    if (result->appraisal == CL_APPRAISAL_AFFIRMING) {
        result->appraisal = CL_APPRAISAL_WARNING;
    }
    return c;
}

const struct cl_check *cl_verify_result_deciding(const struct cl_verify_result *result)
{
    if (result->verdict == CL_VERDICT_ACCEPTED) {
        return NULL;
    }
    enum cl_check_status wanted =
        result->verdict == CL_VERDICT_REJECTED ? CL_CHECK_FAIL : CL_CHECK_UNKNOWN;
    for (size_t i = 0; i < result->check_count; i++) {
        if (result->checks[i].status == wanted) {
            return &result->checks[i];
        }
    }
    return NULL;
}

const struct cl_check *cl_verify_result_check(const struct cl_verify_result *result, const char *id)
{
    for (size_t i = 0; i < result->check_count; i++) {
        if (strcmp(result->checks[i].id, id) == 0) {
            return &result->checks[i];
        }
    }
    return NULL;
}

enum cl_status cl_verify_result_status(const struct cl_verify_result *result, struct cl_err *err)
{
    if (result->verdict == CL_VERDICT_ACCEPTED) {
        return CL_OK;
    }
    enum cl_status st =
        result->verdict == CL_VERDICT_REJECTED ? CL_ERR_REJECTED : CL_ERR_UNAVAILABLE;
    const struct cl_check *c = cl_verify_result_deciding(result);
    if (c == NULL) {
        return cl_err_set(err, st, "%s: nothing trusted to compare the evidence with",
                          cl_verdict_name(result->verdict));
    }
    if (c->expected[0] == '\0' && c->actual[0] == '\0') {
        return cl_err_set(err, st, "%s: %s: %s", cl_verdict_name(result->verdict), c->id, c->why);
    }
    return cl_err_set(err, st, "%s: %s: expected %s, got %s", cl_verdict_name(result->verdict),
                      c->id, c->expected, c->actual);
}

static const char *const class_names[CL_TEE_CLASS_COUNT] = {
    [CL_TEE_CLASS_NONE] = "none",
    [CL_TEE_CLASS_SNP] = "snp",
    [CL_TEE_CLASS_SIM_SNP] = "sim-snp",
    [CL_TEE_CLASS_TDX] = "tdx",
    [CL_TEE_CLASS_SIM_TDX] = "sim-tdx",
    [CL_TEE_CLASS_AZ_SNP_VTPM] = "az-snp-vtpm",
    [CL_TEE_CLASS_AZ_TDX_VTPM] = "az-tdx-vtpm",
    [CL_TEE_CLASS_TPM] = "tpm",
};

const char *cl_tee_class_name(enum cl_tee_class c)
{
    return (unsigned)c < CL_TEE_CLASS_COUNT ? class_names[c] : "none";
}

enum cl_status cl_tee_class_parse(const char *name, enum cl_tee_class *ret_c, struct cl_err *err)
{
    for (unsigned i = CL_TEE_CLASS_NONE + 1; i < CL_TEE_CLASS_COUNT; i++) {
        if (strcmp(name, class_names[i]) == 0) {
            *ret_c = (enum cl_tee_class)i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "class: expected one of snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm, sim-snp, "
                      "sim-tdx, got '%.40s'",
                      name);
}

bool cl_tee_class_is_simulated(enum cl_tee_class c)
{
    return c == CL_TEE_CLASS_SIM_SNP || c == CL_TEE_CLASS_SIM_TDX;
}

const char *cl_verdict_name(enum cl_verdict v)
{
    switch (v) {
    case CL_VERDICT_ACCEPTED:
        return "accepted";
    case CL_VERDICT_REJECTED:
        return "rejected";
    case CL_VERDICT_UNDETERMINED:
        break;
    }
    return "undetermined";
}

const char *cl_appraisal_name(enum cl_appraisal a)
{
    switch (a) {
    case CL_APPRAISAL_AFFIRMING:
        return "affirming";
    case CL_APPRAISAL_WARNING:
        return "warning";
    case CL_APPRAISAL_CONTRAINDICATED:
        return "contraindicated";
    case CL_APPRAISAL_NONE:
        break;
    }
    return "none";
}

const char *cl_check_status_name(enum cl_check_status s)
{
    switch (s) {
    case CL_CHECK_PASS:
        return "pass";
    case CL_CHECK_FAIL:
        return "fail";
    case CL_CHECK_SKIPPED:
        return "skipped";
    case CL_CHECK_UNKNOWN:
        break;
    }
    return "unknown";
}

static json_t *check_to_json(const struct cl_check *c)
{
    json_t *j =
        json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", c->id, "status", cl_check_status_name(c->status),
                  "expected", c->expected, "actual", c->actual, "why", c->why);
    if (j != NULL && c->warning && json_object_set_new(j, "warning", json_true()) != 0) {
        json_decref(j);
        return NULL;
    }
    return j;
}

static json_t *tristate_to_json(enum cl_tristate t)
{
    return t == CL_UNKNOWN ? json_null() : json_boolean(t == CL_YES);
}

enum cl_status cl_verify_result_to_json(const struct cl_verify_result *result, json_t *claims,
                                        json_t **ret_j, struct cl_err *err)
{
    char when[21];
    cl_time_format(when, result->time);
    json_t *checks = json_array();
    for (size_t i = 0; checks != NULL && i < result->check_count; i++) {
        if (json_array_append_new(checks, check_to_json(&result->checks[i])) != 0) {
            json_decref(checks);
            checks = NULL;
        }
    }
    if (checks == NULL) {
        json_decref(claims);
        return cl_err_nomem(err, "verification result as JSON");
    }
    /* json_pack steals checks and claims also when it fails. */
    json_t *j = json_pack(
        "{s:s,s:s,s:o,s:s,s:s,s:s?,s:s,s:o,s:o}", "schema", "cloister.verify/1", "verdict",
        cl_verdict_name(result->verdict), "authentic", tristate_to_json(result->authentic),
        "appraisal", cl_appraisal_name(result->appraisal), "tee",
        cl_tee_class_name(result->tee_class), "product", result->product, "time", when, "checks",
        checks, "claims", claims != NULL ? claims : json_object());
    if (j == NULL) {
        return cl_err_nomem(err, "verification result as JSON");
    }
    *ret_j = j;
    return CL_OK;
}
