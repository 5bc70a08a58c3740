/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_report.c - a report of any bytes: decoding, encoding, claims, and verification without
 * certificates, which must never accept.
 */
#include "base/json.h"
#include "cloister/snp_verify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *claims = NULL;
    const struct cl_snp_policy policy = {.authenticity_only = true};
    uint8_t again[CL_SNP_REPORT_SIZE];
    size_t at = 0;
    if (cl_snp_evidence_from_report(data, len, &ev, NULL) != CL_OK) {
        return 0;
    }
    const struct cl_snp_report *r = cl_snp_evidence_report(ev);
    cl_snp_report_encode(r, again);
    if (!cl_snp_report_reserved_set(r, &at) && r->version >= 5 &&
        memcmp(again, data, sizeof(again)) != 0) {
        abort(); /* without reserved bytes nothing may get lost */
    }
    if (cl_snp_verify(ev, &policy, &result, NULL) != CL_OK ||
        result->verdict == CL_VERDICT_ACCEPTED || result->authentic == CL_YES ||
        cl_snp_verify_claims(ev, result, &claims, NULL) != CL_OK ||
        cl_verify_result_to_json(result, claims, &j, NULL) != CL_OK) {
        abort();
    }
    return 0;
}
