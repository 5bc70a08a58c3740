/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tpm_event_log.c - an event log of any bytes: what parses replays, and leads to the values
 * that it leads to.
 */
#include "cloister/tpm_event_log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct cl_tpm_replay replay(const struct cl_tpm_event_log *log, uint16_t alg, uint32_t pcr,
                                   const uint8_t *expected)
{
    struct cl_tpm_replay r;
    if (cl_tpm_event_log_replay(log, alg, pcr, expected, &r, NULL) != CL_OK) {
        abort();
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = NULL;
    static const uint8_t zeros[CL_TPM_DIGEST_MAX];
    if (cl_tpm_event_log_parse(data, len, &log, NULL) != CL_OK) {
        return 0;
    }
    const struct cl_tpm_selection *banks = cl_tpm_event_log_banks(log);
    size_t count = cl_tpm_event_log_count(log), extended = 0, extending = 0;
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        struct cl_tpm_replay r = replay(log, banks->bank[0].alg, i, zeros);
        struct cl_tpm_replay again = replay(log, banks->bank[0].alg, i, r.value);
        bool whole = r.undigested == SIZE_MAX;
        if (again.equal != whole || (whole && again.matched != r.extended) ||
            (r.event != SIZE_MAX && r.event >= count)) {
            abort();
        }
        extended += r.extended;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cl_tpm_event *e = cl_tpm_event_log_event(log, i);
        if (e->pcr != CL_TPM_NO_PCR && e->type != CL_TPM_EVENT_NO_ACTION) {
            extending++;
        }
        if (cl_tpm_event_type_name(e->type) == NULL || e->data_len > len) {
            abort();
        }
    }
    if (extended != extending) {
        abort();
    }
    return 0;
}
