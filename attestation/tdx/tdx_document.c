/* SPDX-License-Identifier: Apache-2.0
 * tdx_document.c - what TCB Info and QE Identity have in common: head, dates, levels.
 * Trust: called on bytes that Intel has signed, and as strict as if it had not.
 * Threads: pure. Memory: one JSON document. Spec: tdx.md a.9.
 */
#include "tdx/tdx_tcb.h"

#include "base/encode.h"
#include "base/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[CL_TDX_TCB_STATUS_COUNT] = {
    [CL_TDX_TCB_UNKNOWN] = "unknown",
    [CL_TDX_TCB_UP_TO_DATE] = "UpToDate",
    [CL_TDX_TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [CL_TDX_TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [CL_TDX_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [CL_TDX_TCB_OUT_OF_DATE] = "OutOfDate",
    [CL_TDX_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [CL_TDX_TCB_REVOKED] = "Revoked",
    [CL_TDX_TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [CL_TDX_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
    [CL_TDX_TCB_NOT_SUPPORTED] = "NotSupported",
};

const char *cl_tdx_tcb_status_name(enum cl_tdx_tcb_status s)
{
    return status_names[(unsigned)s < CL_TDX_TCB_STATUS_COUNT ? s : CL_TDX_TCB_UNKNOWN];
}

enum cl_status cl_tdx_tcb_status_parse(const char *name, enum cl_tdx_tcb_status *ret_s,
                                       struct cl_err *err)
{
    for (unsigned i = CL_TDX_TCB_UP_TO_DATE; i < CL_TDX_TCB_NOT_SUPPORTED; i++) {
        if (strcmp(name, status_names[i]) == 0) {
            *ret_s = (enum cl_tdx_tcb_status)i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "TCB status: expected one of Intel's, got '%.48s'",
                      name);
}

enum cl_status tdx_get_hex(const json_t *obj, const char *what, const char *key, uint8_t *ret,
                           size_t n, struct cl_err *err)
{
    const char *hex = NULL;
    char lower[2 * CL_TDX_MR_SIZE + 1];
    CL_TRY(cl_json_get_string(obj, what, key, &hex, err));
    size_t len = strlen(hex);
    if (len != 2 * n || len >= sizeof(lower)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected %zu hex digits, got %zu", what,
                          key, 2 * n, len);
    }
    for (size_t i = 0; i <= len; i++) { /* Intel writes either case */
        lower[i] = (char)tolower((unsigned char)hex[i]);
    }
    enum cl_status st = cl_unhex(ret, n, lower, key, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", what);
}

static enum cl_status check_advisories(const json_t *list, const char *what, struct cl_err *err)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(list, i));
        if (s == NULL || *s == '\0' || strlen(s) >= CL_TDX_ADVISORY_SIZE) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: advisoryIDs: expected short strings, got another value", what);
        }
    }
    if (n > CL_TDX_MAX_ADVISORIES) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: advisoryIDs: expected at most %u, got %zu",
                          what, CL_TDX_MAX_ADVISORIES, n);
    }
    return CL_OK;
}

enum cl_status tdx_get_words(const json_t *level, const char *what, struct tdx_level_words *ret,
                             struct cl_err *err)
{
    const char *status = NULL;
    json_t *list = NULL;
    CL_TRY(cl_json_get_string(level, what, "tcbStatus", &status, err));
    enum cl_status st = cl_tdx_tcb_status_parse(status, &ret->status, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    CL_TRY(cl_json_get_time(level, what, "tcbDate", &ret->date, err));
    ret->advisories = NULL;
    if (json_object_get(level, "advisoryIDs") != NULL) {
        CL_TRY(cl_json_get_array(level, what, "advisoryIDs", &list, err));
        CL_TRY(check_advisories(list, what, err));
        ret->advisories = list;
    }
    return CL_OK;
}

static int by_isvsvn(const void *a, const void *b)
{
    const struct tdx_svn_level *x = a, *y = b;
    return (int)y->isvsvn - (int)x->isvsvn;
}

enum cl_status tdx_get_svn_levels(const json_t *obj, const char *what,
                                  struct tdx_svn_level levels[static TDX_MAX_LEVELS],
                                  size_t *ret_count, struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(obj, what, "tcbLevels", &list, err));
    size_t n = json_array_size(list);
    if (n == 0 || n > TDX_MAX_LEVELS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: tcbLevels: expected 1 to %u, got %zu", what,
                          TDX_MAX_LEVELS, n);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *level = json_array_get(list, i);
        json_t *tcb = NULL;
        int64_t svn = 0;
        CL_TRY(cl_json_get_object(level, what, "tcb", &tcb, err));
        CL_TRY(cl_json_get_int(tcb, what, "isvsvn", 0, UINT16_MAX, &svn, err));
        levels[i].isvsvn = (uint16_t)svn;
        CL_TRY(tdx_get_words(level, what, &levels[i].words, err));
    }
    qsort(levels, n, sizeof(levels[0]), by_isvsvn);
    *ret_count = n;
    return CL_OK;
}

enum cl_status tdx_document_parse(const uint8_t *body, size_t len, const char *what, const char *id,
                                  int64_t version, struct tdx_document *ret_doc, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *got = NULL;
    int64_t number = 0;
    CL_TRY(cl_json_parse(body, len, what, &j, err));
    CL_TRY(cl_json_get_string(j, what, "id", &got, err));
    if (strcmp(got, id) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: id: expected %s, got '%.32s'", what, id,
                          got);
    }
    CL_TRY(cl_json_get_int(j, what, "version", version, version, &number, err));
    CL_TRY(cl_json_get_int(j, what, "tcbEvaluationDataNumber", 0, UINT32_MAX, &number, err));
    ret_doc->evaluation_number = (uint32_t)number;
    CL_TRY(cl_json_get_time(j, what, "issueDate", &ret_doc->issued, err));
    CL_TRY(cl_json_get_time(j, what, "nextUpdate", &ret_doc->next_update, err));
    ret_doc->json = CL_TAKE(j);
    return CL_OK;
}
