/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_corim.c - a CoRIM as the reference of `cloister verify`, whatever the family.
 * Trust: the file is hostile until the key that the user names verified it. A file that nobody
 *        signed is taken only when the user says so, and the result then says so too.
 */
#include "cmd/cmd_verify.h"

#include "cloister/pem.h"
#include "verdict/verdict.h"

enum cl_status verify_read_corim(const struct verify_options *o, const struct cl_buf *raw,
                                 struct cl_corim *ret_c, struct cl_err *err)
{
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    if (o->corim_key != NULL) {
        CL_TRY(cl_pem_public_key(o->corim_key, &key, err));
    }
    return cl_corim_read(raw->data, raw->len, key,
                         o->allow_unsigned_corim ? CL_CORIM_MAY_BE_UNSIGNED : CL_CORIM_SIGNED,
                         o->time, ret_c, err);
}

void verify_note_corim(struct cl_verify_result *result, const struct cl_corim *c)
{
    static const char id[] = "reference.signature";
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
