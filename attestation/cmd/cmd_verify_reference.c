/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_reference.c - reference values for `cloister verify`, whatever the family: one
 * (cloister.reference/1), or a CoRIM of many.
 * Trust: the document is the user's word, but its bytes may be anything. A CoRIM is hostile until
 *        the key that the user names verified it; one that nobody signed is taken only when the
 *        user says so, and the result then says so too. Threads: one. Memory: one document.
 */
#include "cmd/cmd_verify.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/pem.h"
#include "verdict/verdict.h"

#include <string.h>

#define WHAT "reference"

static enum cl_status parse_rtmrs(const json_t *j, struct verify_reference *ref, struct cl_err *err)
{
    static const char *const names[VERIFY_RTMR_COUNT] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    for (unsigned i = 0; i < VERIFY_RTMR_COUNT; i++) {
        const char *hex = NULL;
        if (json_object_get(j, names[i]) == NULL) {
            continue;
        }
        if (ref->tee_class != CL_TEE_CLASS_TDX && ref->tee_class != CL_TEE_CLASS_SIM_TDX) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected only beside class tdx, got %s",
                              names[i], cl_tee_class_name(ref->tee_class));
        }
        CL_TRY(cl_json_get_string(j, WHAT, names[i], &hex, err));
        CL_TRY(cl_unhex(ref->rtmr[i], sizeof(ref->rtmr[i]), hex, names[i], err));
        ref->rtmr_mask |= 1u << i;
    }
    return CL_OK;
}

/* Of a TD it may be called mrtd, as brokers call it. */
static enum cl_status parse_measurement(const json_t *j, struct verify_reference *ref,
                                        struct cl_err *err)
{
    const char *key = json_object_get(j, "mrtd") != NULL ? "mrtd" : "measurement";
    const char *hex = NULL;
    if (json_object_get(j, "mrtd") != NULL && json_object_get(j, "measurement") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "measurement: expected it or mrtd, got both");
    }
    CL_TRY(cl_json_get_string(j, WHAT, key, &hex, err));
    return cl_unhex(ref->measurement, sizeof(ref->measurement), hex, key, err);
}

static enum cl_status parse(const json_t *j, int64_t now, struct verify_reference *ret,
                            struct cl_err *err)
{
    /* "events" are what a broker replays to say which one parts; the registers decide. */
    static const char *const keys[] = {"schema", "class",   "measurement", "mrtd",
                                       "rtmr0",  "rtmr1",   "rtmr2",       "rtmr3",
                                       "events", "expires", "note",        NULL};
    const char *schema = NULL, *name = NULL, *expires = NULL;
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
    CL_TRY(parse_measurement(j, &ref, err));
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

static enum cl_status read_corim(const struct verify_options *o, const struct cl_buf *raw,
                                 struct verify_references *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    if (o->corim_key != NULL) {
        CL_TRY(cl_pem_public_key(o->corim_key, &key, err));
    }
    CL_TRY(cl_corim_read(raw->data, raw->len, key,
                         o->allow_unsigned_corim ? CL_CORIM_MAY_BE_UNSIGNED : CL_CORIM_SIGNED,
                         o->time, &ret->corim, err));
    for (ret->count = 0; ret->count < ret->corim.count; ret->count++) {
        const struct cl_corim_reference *from = &ret->corim.references[ret->count];
        struct verify_reference *to = &ret->values[ret->count];
        *to = (struct verify_reference){.tee_class = from->tee_class};
        memcpy(to->measurement, from->measurement, sizeof(to->measurement));
        for (unsigned i = 0; i < VERIFY_RTMR_COUNT; i++) {
            to->rtmr_mask |= from->has_rtmr[i] ? 1u << i : 0;
            memcpy(to->rtmr[i], from->rtmr[i], sizeof(to->rtmr[i]));
        }
    }
    return CL_OK;
}

enum cl_status verify_read_references(const struct verify_options *o, struct verify_references *ret,
                                      struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ret->count = ret->corim.count = 0;
    if (o->reference == NULL) {
        return CL_OK;
    }
    CL_TRY(verify_read_file(o->reference, CL_CORIM_MAX_SIZE, &raw, err));
    enum cl_status st = CL_OK;
    if (cl_corim_looks_like(raw.data, raw.len)) {
        st = read_corim(o, &raw, ret, err);
    } else {
        st = cl_json_parse(raw.data, raw.len, WHAT, &j, err);
        st = st == CL_OK ? parse(j, o->time, &ret->values[0], err) : st;
        ret->count = st == CL_OK ? 1 : 0;
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "reference '%s'", o->reference);
}

void verify_note_references(struct cl_verify_result *result, const struct verify_references *refs)
{
    static const char id[] = "reference.signature";
    const struct cl_corim *c = &refs->corim;
    if (c->count == 0) {
        return;
    }
    struct cl_check *k =
        c->is_signed ? cl_verdict_add(result, id, CL_CHECK_PASS) : cl_verdict_warn(result, id);
    cl_check_expected(k, "signed with the key that was named");
    if (c->is_signed) {
        cl_check_actual(k, "signed by '%s'", c->signer);
    } else {
        cl_check_actual(k, "unsigned");
        cl_check_why(k, "CoRIM '%s' was taken on the word of --allow-unsigned-corim alone", c->id);
    }
}
