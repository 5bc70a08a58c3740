/* SPDX-License-Identifier: Apache-2.0
 * fuzz_rcar_attest.c - bodies of /attest, as far as they are parsed before the evidence is
 * verified: key, nonce, init-data, evidence.
 */
#include "cloister/snp_evidence.h"
#include "rcar_msg.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_attest_request_done) struct cl_attest_request r = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    uint8_t report_data[CL_RCAR_REPORT_DATA_SIZE];
    uint8_t digest[CL_INITDATA_DIGEST_MAX];
    size_t digest_len = 0;
    if (cl_attest_request_parse(data, len, &r, NULL) != CL_OK) {
        return 0;
    }
    if (r.tee_key == NULL || r.primary == NULL || r.additional == NULL) {
        abort();
    }
    (void)!cl_rcar_report_data(r.version, r.nonce != NULL ? r.nonce : "", r.tee_key, r.additional,
                               report_data, NULL);
    if (r.initdata != NULL) {
        (void)!cl_initdata_text_digest(r.initdata, r.initdata_len, digest, &digest_len, NULL);
    }
    (void)!cl_snp_evidence_from_json(r.primary, &ev, NULL);
    return 0;
}
