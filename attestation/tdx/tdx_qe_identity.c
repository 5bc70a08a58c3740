/* SPDX-License-Identifier: Apache-2.0
 * tdx_qe_identity.c - QE Identity version 2: which quoting enclave for TDs is Intel's.
 * Trust: called on bytes that Intel has signed, and as strict as if it had not.
 * Threads: pure. Memory: one object and its JSON document. Spec: tdx.md a.9.
 */
#include "tdx/tdx_tcb.h"

#include "base/json.h"

#include <stdlib.h>

#define WHAT "enclaveIdentity"
#define VERSION 2

void tdx_qe_identity_free(struct tdx_qe_identity *id)
{
    if (id != NULL) {
        json_decref(id->doc.json);
        free(id);
    }
}

void tdx_qe_identity_freep(struct tdx_qe_identity **id)
{
    tdx_qe_identity_free(*id);
    *id = NULL;
}

enum cl_status tdx_qe_identity_parse(const uint8_t *body, size_t len,
                                     struct tdx_qe_identity **ret_id, struct cl_err *err)
{
    CL_CLEANUP(tdx_qe_identity_freep) struct tdx_qe_identity *q = calloc(1, sizeof(*q));
    int64_t prodid = 0;
    if (q == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    CL_TRY(tdx_document_parse(body, len, WHAT, "TD_QE", VERSION, &q->doc, err));
    const json_t *j = q->doc.json;
    CL_TRY(tdx_get_hex(j, WHAT, "miscselect", q->miscselect, sizeof(q->miscselect), err));
    CL_TRY(tdx_get_hex(j, WHAT, "miscselectMask", q->miscselect_mask, sizeof(q->miscselect_mask),
                       err));
    CL_TRY(tdx_get_hex(j, WHAT, "attributes", q->attributes, sizeof(q->attributes), err));
    CL_TRY(tdx_get_hex(j, WHAT, "attributesMask", q->attributes_mask, sizeof(q->attributes_mask),
                       err));
    CL_TRY(tdx_get_hex(j, WHAT, "mrsigner", q->mrsigner, sizeof(q->mrsigner), err));
    CL_TRY(cl_json_get_int(j, WHAT, "isvprodid", 0, UINT16_MAX, &prodid, err));
    q->isvprodid = (uint16_t)prodid;
    CL_TRY(tdx_get_svn_levels(j, WHAT, q->levels, &q->level_count, err));
    *ret_id = CL_TAKE(q);
    return CL_OK;
}
