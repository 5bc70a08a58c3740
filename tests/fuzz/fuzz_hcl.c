/* SPDX-License-Identifier: Apache-2.0
 * fuzz_hcl.c - the paravisor's report on any bytes, and its runtime data as JSON.
 */
#include "cloister/hcl_report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_hcl_report h;
    struct cl_hcl_claims c = {0};
    uint8_t hash[64], zeros[64] = {0};
    bool bound = false;
    if (cl_hcl_report_parse(data, len, &h, NULL) != CL_OK) {
        if (cl_hcl_claims_parse(data, len, &c, NULL) == CL_OK) { /* seeds of it alone */
            cl_hcl_claims_done(&c);
        }
        return 0;
    }
    if (h.hardware != data + 32 || h.runtime != data + 1236 || h.runtime_len > len - 1236 ||
        cl_hcl_report_binding(&h, zeros, hash, &bound, NULL) != CL_OK || bound) {
        abort();
    }
    if (cl_hcl_claims_parse(h.runtime, h.runtime_len, &c, NULL) == CL_OK) {
        if (c.ak == NULL || memchr(c.vm_id, '\0', sizeof(c.vm_id)) == NULL) {
            abort();
        }
        cl_hcl_claims_done(&c);
    }
    return 0;
}
