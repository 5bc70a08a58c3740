/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_reference.c - a reference value (cloister.reference/1) for `cloister verify`: a
 * measurement that somebody trusts until it expires, for one class of evidence.
 * Trust: the user's word, but its bytes may be anything. Threads: one. Memory: one document.
 */
#include "cmd/cmd_verify.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <string.h>

#define MAX_REFERENCE (64u << 10)
#define WHAT "reference"

static enum cl_status parse_rtmrs(const json_t *j, struct verify_reference *ref, struct cl_err *err)
{
    static const char *const names[VERIFY_RTMR_COUNT] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    for (unsigned i = 0; i < VERIFY_RTMR_COUNT; i++) {
        const char *hex = NULL;
        if (json_object_get(j, names[i]) == NULL) {
            continue;
        }
        CL_TRY(cl_json_get_string(j, WHAT, names[i], &hex, err));
        CL_TRY(cl_unhex(ref->rtmr[i], sizeof(ref->rtmr[i]), hex, names[i], err));
        ref->rtmr_mask |= 1u << i;
    }
    return CL_OK;
}

static enum cl_status parse(const json_t *j, int64_t now, struct verify_reference *ret,
                            struct cl_err *err)
{
    static const char *const keys[] = {"schema", "class", "measurement", "rtmr0", "rtmr1",
                                       "rtmr2",  "rtmr3", "expires",     "note",  NULL};
    const char *schema = NULL, *name = NULL, *hex = NULL, *expires = NULL;
    struct verify_reference ref = {0};
    int64_t until = 0;
    CL_TRY(cl_json_only_keys(j, WHAT, keys, err));
    CL_TRY(cl_json_get_string(j, WHAT, "schema", &schema, err));
    if (strcmp(schema, "cloister.reference/1") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "schema: expected cloister.reference/1, got '%.40s'", schema);
    }
    CL_TRY(cl_json_get_string(j, WHAT, "class", &name, err));
    CL_TRY(cl_tee_class_parse(name, &ref.tee_class, err));
    CL_TRY(cl_json_get_string(j, WHAT, "measurement", &hex, err));
    CL_TRY(cl_unhex(ref.measurement, sizeof(ref.measurement), hex, "measurement", err));
    CL_TRY(parse_rtmrs(j, &ref, err));
    CL_TRY(cl_json_get_string(j, WHAT, "expires", &expires, err));
    CL_TRY(cl_time_parse(expires, &until, err));
    if (now > until) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "expires: expected a time to come, got %.20s",
                          expires);
    }
    *ret = ref;
    return CL_OK;
}

enum cl_status verify_read_reference(const char *path, int64_t now, struct verify_reference *ret,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(verify_read_file(path, MAX_REFERENCE, &raw, err));
    enum cl_status st = cl_json_parse(raw.data, raw.len, WHAT, &j, err);
    if (st == CL_OK) {
        st = parse(j, now, ret, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "reference '%s'", path);
}
