/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_certs.c - certificates of any bytes: as a table, as a file, as DER; then the whole chain
 * step over whatever was taken. No root of the input's own may ever be believed.
 */
#include "cloister/snp_verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t report[CL_SNP_REPORT_SIZE] = {
        3, [10] = 3, [0x34] = 1, [0x188] = 0x19, [0x189] = 1, [0x2A0] = 1, [0x2E8] = 1};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    const struct cl_snp_policy policy = {.time = INT64_C(1767225600), .authenticity_only = true};
    if (len == 0 || cl_snp_evidence_from_report(report, sizeof(report), &ev, NULL) != CL_OK) {
        return 0;
    }
    uint8_t form = data[0];
    data++;
    len--;
    enum cl_status st = form == 0 ? cl_snp_evidence_add_table(ev, data, len, NULL)
                        : form == 1
                            ? cl_snp_evidence_add_file_bytes(ev, data, len, NULL)
                            : cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, data, len, NULL);
    (void)st; /* what was taken before a refusal is looked at all the same */
    if (cl_snp_verify(ev, &policy, &result, NULL) != CL_OK ||
        result->verdict == CL_VERDICT_ACCEPTED || result->authentic == CL_YES) {
        abort();
    }
    return 0;
}
