/* SPDX-License-Identifier: Apache-2.0
 * fuzz_vtpm_evidence_json.c - TPM evidence as any text: what is taken is verified without being
 * accepted, and comes out again as evidence that says the same.
 */
#include "base/json.h"
#include "cloister/vtpm_verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *again = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j2 = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    const struct cl_vtpm_policy policy = {.authenticity_only = true};
    if (cl_vtpm_evidence_from_json_text(data, len, &ev, NULL) != CL_OK) {
        return 0;
    }
    if (cl_vtpm_verify(ev, &policy, &r, NULL, NULL) != CL_OK ||
        (r->verdict == CL_VERDICT_ACCEPTED) != (r->authentic == CL_YES) ||
        (r->authentic == CL_YES && cl_vtpm_evidence_kind(ev) == CL_TEE_CLASS_TPM) ||
        cl_vtpm_evidence_to_json(ev, &j, NULL) != CL_OK ||
        cl_vtpm_evidence_from_json(j, &again, NULL) != CL_OK ||
        cl_vtpm_evidence_to_json(again, &j2, NULL) != CL_OK || json_equal(j, j2) != 1) {
        abort();
    }
    return 0;
}
