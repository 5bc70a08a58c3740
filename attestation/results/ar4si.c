/* SPDX-License-Identifier: Apache-2.0
 * ar4si.c - the trustworthiness vector of AR4SI out of named checks (see cloister/ear.h).
 * Values: draft-ietf-rats-ar4si 2.3. A failed check takes a value of the contraindicated tier also
 * where a milder word exists (33, "not recognised"), so that who reads the vector alone is not
 * reassured.
 */
#include "results/meaning.h"

#define CRYPTO_FAILED 99
#define HARDWARE_NOT_RECOGNISED 97

static const struct {
    int8_t good, warned, failed;
} values[CL_AR4SI_COUNT] = {
    [CL_AR4SI_INSTANCE_IDENTITY] = {2, 32, 97}, [CL_AR4SI_CONFIGURATION] = {3, 32, 96},
    [CL_AR4SI_EXECUTABLES] = {3, 32, 96},       [CL_AR4SI_FILE_SYSTEM] = {2, 32, 96},
    [CL_AR4SI_HARDWARE] = {2, 32, 97},          [CL_AR4SI_RUNTIME_OPAQUE] = {2, 32, 96},
    [CL_AR4SI_STORAGE_OPAQUE] = {2, 32, 96},    [CL_AR4SI_SOURCED_DATA] = {2, 32, 96},
};

struct cl_ar4si cl_ar4si_approved(enum cl_tee_class c)
{
    struct cl_ar4si v = {{0}};
    v.value[CL_AR4SI_CONFIGURATION] = values[CL_AR4SI_CONFIGURATION].good;
    v.value[CL_AR4SI_EXECUTABLES] = values[CL_AR4SI_EXECUTABLES].good;
    v.value[CL_AR4SI_HARDWARE] = cl_tee_class_is_simulated(c) || c == CL_TEE_CLASS_NONE
                                     ? HARDWARE_NOT_RECOGNISED
                                     : values[CL_AR4SI_HARDWARE].good;
    return v;
}

struct seen { /* the checks of one claim */
    bool passed, warned, unknown, failed;
};

static int8_t claim_value(enum cl_ar4si_claim c, const struct seen *s)
{
    if (s->failed) {
        return values[c].failed;
    }
    if (s->unknown) { /* no claim: not enough was known */
        return 0;
    }
    return s->warned ? values[c].warned : s->passed ? values[c].good : 0;
}

struct cl_ar4si cl_ar4si_of_result(const struct cl_verify_result *result)
{
    struct seen seen[CL_AR4SI_COUNT] = {{0}};
    struct cl_ar4si v = {{0}};
    for (size_t i = 0; i < result->check_count; i++) {
        const struct cl_check *k = &result->checks[i];
        struct seen *s = &seen[check_meaning(k->id)->claim];
        s->passed = s->passed || k->status == CL_CHECK_PASS;
        s->warned = s->warned || (k->status == CL_CHECK_PASS && k->warning);
        s->unknown = s->unknown || k->status == CL_CHECK_UNKNOWN;
        s->failed = s->failed || k->status == CL_CHECK_FAIL;
    }
    for (int c = 0; c < CL_AR4SI_COUNT; c++) {
        v.value[c] = claim_value((enum cl_ar4si_claim)c, &seen[c]);
        if (result->authentic == CL_NO && (seen[c].passed || seen[c].failed)) {
            v.value[c] = CRYPTO_FAILED;
        }
    }
    /* Whatever else fits together (an event log, say): what runs was compared with nothing. */
    if (result->verdict == CL_VERDICT_ACCEPTED && result->appraisal == CL_APPRAISAL_NONE) {
        v.value[CL_AR4SI_EXECUTABLES] = 0;
    }
    if (cl_tee_class_is_simulated(result->tee_class)) {
        v.value[CL_AR4SI_HARDWARE] = HARDWARE_NOT_RECOGNISED;
    }
    return v;
}

static enum cl_appraisal tier(int8_t v)
{
    if (v >= -1 && v <= 1) {
        return CL_APPRAISAL_NONE;
    }
    if (v >= -32 && v <= 31) {
        return CL_APPRAISAL_AFFIRMING;
    }
    return v >= -96 && v <= 95 ? CL_APPRAISAL_WARNING : CL_APPRAISAL_CONTRAINDICATED;
}

enum cl_appraisal cl_ar4si_tier(const struct cl_ar4si *v)
{
    enum cl_appraisal worst = CL_APPRAISAL_NONE;
    for (size_t i = 0; i < CL_AR4SI_COUNT; i++) {
        enum cl_appraisal t = tier(v->value[i]);
        worst = t > worst ? t : worst;
    }
    return worst;
}

enum cl_appraisal cl_ear_status(const struct cl_verify_result *result)
{
    struct cl_ar4si v = cl_ar4si_of_result(result);
    enum cl_appraisal worst = cl_ar4si_tier(&v);
    if (result->verdict == CL_VERDICT_REJECTED || worst == CL_APPRAISAL_CONTRAINDICATED) {
        return CL_APPRAISAL_CONTRAINDICATED;
    }
    if (result->verdict != CL_VERDICT_ACCEPTED || result->appraisal == CL_APPRAISAL_NONE) {
        return CL_APPRAISAL_NONE; /* cannot tell, or compared with nothing */
    }
    return result->appraisal > worst ? result->appraisal : worst;
}
