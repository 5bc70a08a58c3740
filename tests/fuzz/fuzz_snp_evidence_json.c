/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_evidence_json.c - Trustee's JSON of any text; what is taken comes out again as it was.
 */
#include "base/json.h"
#include "cloister/snp_evidence.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *again = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (cl_snp_evidence_from_json_text(data, len, &ev, NULL) != CL_OK) {
        return 0;
    }
    if (cl_snp_evidence_to_json(ev, &j, NULL) != CL_OK ||
        cl_snp_evidence_from_json(j, &again, NULL) != CL_OK ||
        memcmp(cl_snp_evidence_report(ev)->raw, cl_snp_evidence_report(again)->raw,
               CL_SNP_REPORT_SIZE) != 0 ||
        cl_snp_evidence_cert_count(ev) != cl_snp_evidence_cert_count(again)) {
        abort();
    }
    return 0;
}
