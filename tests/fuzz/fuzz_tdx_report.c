/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdx_report.c - a TDREPORT of any bytes: what decodes has good digests, and gives claims.
 */
#include "base/json.h"
#include "cloister/tdx_quote.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_tdx_td td;
    bool tdx15 = false;
    if (cl_tdx_report_decode(data, len, &td, &tdx15, NULL) == CL_OK) {
        CL_CLEANUP(cl_json_decrefp) json_t *claims = json_object();
        if (cl_tdx_td_claims(&td, tdx15, claims, NULL) != CL_OK) {
            abort();
        }
    }
    return 0;
}
