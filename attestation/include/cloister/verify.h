/* SPDX-License-Identifier: Apache-2.0
 * verify.h - what verification of evidence answers, whatever the TEE: a verdict, and every named
 * check with what it expected, what it saw and why.
 * Trust: the strings of a check may hold hostile text, already escaped to printable ASCII.
 * Threads: a result is immutable once returned. Memory: one allocation, see CL_CHECK_MAX.
 */
#ifndef CLOISTER_VERIFY_H
#define CLOISTER_VERIFY_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Derived from the root that verified, never from what evidence or host say. */
enum cl_tee_class {
    CL_TEE_CLASS_NONE = 0, /* no accepted root verified */
    CL_TEE_CLASS_SNP,
    CL_TEE_CLASS_SIM_SNP,
    CL_TEE_CLASS_TDX,
    CL_TEE_CLASS_SIM_TDX,
    CL_TEE_CLASS_AZ_SNP_VTPM, /* a TPM quote that an SNP report vouches for */
    CL_TEE_CLASS_AZ_TDX_VTPM, /* a TPM quote that a TDX quote vouches for */
    CL_TEE_CLASS_TPM,         /* a TPM alone: says nothing of encrypted memory */
    CL_TEE_CLASS_COUNT,
};

enum cl_verdict {
    CL_VERDICT_UNDETERMINED = 0, /* cannot tell; never releases anything */
    CL_VERDICT_ACCEPTED,
    CL_VERDICT_REJECTED,
};

enum cl_tristate { CL_UNKNOWN = 0, CL_YES, CL_NO };

enum cl_appraisal { /* words of AR4SI */
                    CL_APPRAISAL_NONE = 0,
                    CL_APPRAISAL_AFFIRMING,
                    CL_APPRAISAL_WARNING,
                    CL_APPRAISAL_CONTRAINDICATED,
};

enum cl_check_status {
    CL_CHECK_UNKNOWN = 0, /* needed, but something to decide it is missing */
    CL_CHECK_PASS,
    CL_CHECK_FAIL,
    CL_CHECK_SKIPPED, /* not asked for, or does not apply; `why` says which */
};

#define CL_CHECK_TEXT_SIZE 160u
#define CL_CHECK_WHY_SIZE 256u
#define CL_CHECK_MAX 128u

struct cl_check {
    const char *id; /* "snp.signature"; static, stable: audit logs and scripts quote it */
    enum cl_check_status status;
    bool warning; /* passed, but a person should know `why` */
    char expected[CL_CHECK_TEXT_SIZE];
    char actual[CL_CHECK_TEXT_SIZE];
    char why[CL_CHECK_WHY_SIZE];
};

struct cl_verify_result {
    enum cl_verdict verdict;
    enum cl_tristate authentic; /* signature, and chain up to an accepted root */
    enum cl_appraisal appraisal;
    enum cl_tee_class tee_class;
    const char *product; /* "milan", "genoa", "turin"; NULL when unknown; static */
    int64_t time;        /* the time verified at, seconds since 1970 */
    size_t check_count;
    struct cl_check checks[CL_CHECK_MAX]; /* in the order they ran */
};

void cl_verify_result_free(struct cl_verify_result *result);   /* NULL is fine */
void cl_verify_result_freep(struct cl_verify_result **result); /* for CL_CLEANUP */

/* The check that decides a verdict that is not `accepted`: the first failed one, else the first
 * unknown one. NULL when accepted. Borrowed. */
const struct cl_check *cl_verify_result_deciding(const struct cl_verify_result *result);

/* The check of that id, or NULL. Borrowed. */
const struct cl_check *cl_verify_result_check(const struct cl_verify_result *result,
                                              const char *id);

/* CL_OK for accepted; CL_ERR_REJECTED or CL_ERR_UNAVAILABLE with the deciding check in the message:
 * "rejected: snp.vmpl: expected 0, got 1". */
CL_NODISCARD enum cl_status cl_verify_result_status(const struct cl_verify_result *result,
                                                    struct cl_err *err);

const char *cl_tee_class_name(enum cl_tee_class c);       /* "snp", "az-tdx-vtpm", "none" */
const char *cl_verdict_name(enum cl_verdict v);           /* "accepted", ... */
const char *cl_appraisal_name(enum cl_appraisal a);       /* "affirming", ... */
const char *cl_check_status_name(enum cl_check_status s); /* "pass", "fail", "unknown", "skipped" */
bool cl_tee_class_is_simulated(enum cl_tee_class c);      /* "sim-..." */
/* CL_ERR_MALFORMED for a word that is not a class that evidence can have. */
CL_NODISCARD enum cl_status cl_tee_class_parse(const char *name, enum cl_tee_class *ret_c,
                                               struct cl_err *err);

/* The document of `verify --json` (schema cloister.verify/1). `claims` is stolen (json_decref'd on
 * failure too); NULL gives an empty object. */
CL_NODISCARD enum cl_status cl_verify_result_to_json(const struct cl_verify_result *result,
                                                     json_t *claims, json_t **ret_j,
                                                     struct cl_err *err);

#endif
