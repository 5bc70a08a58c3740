/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure_corim.c - writes what was measured as a signed CoRIM (see cmd_measure_corim.h).
 * Trust: the user's command line and key.
 */
#include "cmd/cmd_measure_corim.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/pem.h"

#include <stdio.h>
#include <time.h>

#define A_YEAR (INT64_C(365) * 24 * 3600)
#define ID_BYTES 16u /* of the measurement, in the id */
#define FILE_MODE 0644

enum cl_status measure_corim_check(struct measure_corim *c, enum cl_tee_class by_default,
                                   enum cl_tee_class own, enum cl_tee_class simulated,
                                   struct cl_err *err)
{
    if (c->file == NULL && c->key == NULL && c->tee_class == CL_TEE_CLASS_NONE && c->expires == 0) {
        return CL_OK;
    }
    if (c->file == NULL || c->key == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected a file beside the other options of --corim, got none",
                          c->file == NULL ? "--corim" : "--corim-key");
    }
    c->tee_class = c->tee_class == CL_TEE_CLASS_NONE ? by_default : c->tee_class;
    if (c->tee_class != own && c->tee_class != simulated) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--corim-class: expected %s or %s, got %s",
                          cl_tee_class_name(own), cl_tee_class_name(simulated),
                          cl_tee_class_name(c->tee_class));
    }
    return CL_OK;
}

enum cl_status measure_corim_write(const struct measure_corim *c,
                                   const struct cl_corim_reference *ref, struct cl_err *err)
{
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    char hex[2 * ID_BYTES + 1];
    if (c->file == NULL) {
        return CL_OK;
    }
    struct cl_corim corim = {.signer = "cloister measure", .count = 1, .references = {*ref}};
    /* No "not before": what files measure to was so when archived evidence was made, too. */
    int64_t now = (int64_t)time(NULL);
    corim.not_after = c->expires != 0 ? c->expires : now + A_YEAR;
    corim.references[0].tee_class = c->tee_class;
    if (corim.not_after <= now) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--corim-expires: expected a time to come, got one that has passed");
    }
    cl_hex(hex, ref->measurement, ID_BYTES);
    (void)snprintf(corim.id, sizeof(corim.id), "cloister:%s:%s", cl_tee_class_name(c->tee_class),
                   hex);
    CL_TRY(cl_pem_private_key(c->key, &key, err));
    enum cl_status st = cl_corim_write(&corim, key, &out, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "CoRIM '%s'", c->file);
    }
    return cl_write_file(c->file, out.data, out.len, FILE_MODE, err);
}
