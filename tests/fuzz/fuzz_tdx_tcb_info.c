/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdx_tcb_info.c - TCB Info of any bytes, as if Intel had signed them: what parses can be
 * judged by, and never gives more than its levels say.
 */
#include "tdx/tdx_tcb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(tdx_tcb_info_freep) struct tdx_tcb_info *info = NULL;
    if (tdx_tcb_info_parse(data, len, &info, NULL) != CL_OK) {
        return 0;
    }
    for (unsigned version = 0; version < 4; version++) {
        for (unsigned svn = 0; svn < 256; svn += 51) {
            struct tdx_svns s = {.pcesvn = (uint16_t)svn, .tdx15 = true};
            struct tdx_judgement j;
            memset(s.comp_svn, (int)svn, sizeof(s.comp_svn));
            memset(s.tee_tcb_svn, (int)svn, sizeof(s.tee_tcb_svn));
            memset(s.tee_tcb_svn2, 0xFF, sizeof(s.tee_tcb_svn2));
            s.tee_tcb_svn[1] = (uint8_t)version;
            tdx_judge(info, NULL, &s, &j);
            if (j.status == CL_TDX_TCB_UP_TO_DATE &&
                (j.platform == NULL || j.platform->words.status != CL_TDX_TCB_UP_TO_DATE)) {
                abort();
            }
        }
    }
    return 0;
}
