/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdx_quote.c - TDX evidence of any bytes, in each of its forms: decoding, claims, and
 * verification without collateral, which must never accept.
 */
#include "base/json.h"
#include "cloister/tdx_evidence.h"
#include "cloister/tdx_verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *claims = NULL;
    struct cl_tdx_platform platform;
    struct cl_tdx_tcb tcb;
    const struct cl_tdx_policy policy = {.authenticity_only = true};
    (void)cl_tdx_evidence_detect(data, len);
    if (cl_tdx_evidence_from_bytes(data, len, &ev, NULL) != CL_OK) {
        return 0;
    }
    bool readable = cl_tdx_quote_platform(ev.quote, &platform, NULL) == CL_OK;
    if (cl_tdx_verify(/* v= */ NULL, ev.quote, &policy, &result, &tcb, NULL) != CL_OK ||
        result->verdict == CL_VERDICT_ACCEPTED || result->authentic == CL_YES ||
        (tcb.platform_known && !readable) ||
        cl_tdx_verify_claims(ev.quote, &tcb, &claims, NULL) != CL_OK ||
        cl_verify_result_to_json(result, claims, &j, NULL) != CL_OK) {
        abort();
    }
    return 0;
}
