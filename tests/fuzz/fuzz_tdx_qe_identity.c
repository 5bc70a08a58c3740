/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdx_qe_identity.c - QE Identity of any bytes, as if Intel had signed them: what parses has
 * its levels in order.
 */
#include "tdx/tdx_tcb.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(tdx_qe_identity_freep) struct tdx_qe_identity *id = NULL;
    if (tdx_qe_identity_parse(data, len, &id, NULL) != CL_OK) {
        return 0;
    }
    for (size_t i = 1; i < id->level_count; i++) {
        if (id->levels[i - 1].isvsvn < id->levels[i].isvsvn) {
            abort();
        }
    }
    return 0;
}
