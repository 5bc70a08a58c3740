/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdx_event_log.c - an event log of any bytes: what parses replays, and explains its own
 * registers.
 */
#include "cloister/tdx_event_log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = NULL;
    struct cl_tdx_replay replay;
    if (cl_tdx_event_log_parse(data, len, &log, NULL) != CL_OK) {
        return 0;
    }
    if (cl_tdx_event_log_replay(log, &replay, NULL) != CL_OK) {
        abort();
    }
    for (unsigned i = 0; i < CL_TDX_RTMR_COUNT; i++) {
        struct cl_tdx_replay_mismatch m;
        if (cl_tdx_event_log_explain(log, i, replay.rtmr[i], &m, NULL) != CL_OK || m.mismatch ||
            m.matched != replay.extended[i]) {
            abort();
        }
    }
    for (size_t i = 0; i < cl_tdx_event_log_count(log); i++) {
        const struct cl_tdx_event *e = cl_tdx_event_log_event(log, i);
        if (e->mr > 0 && e->type != CL_TDX_EVENT_NO_ACTION &&
            cl_tdx_event_log_find(log, e->mr - 1, e->digest) == NULL) {
            abort();
        }
    }
    return 0;
}
