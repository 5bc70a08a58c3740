/* SPDX-License-Identifier: Apache-2.0
 * tdx_measure.c - what goes into the registers of a TD (docs/interfaces.md I-1.7): each thing
 * before it is used, from private memory, and into the log. Trust, spec: see tdx.h.
 */
#include "tdx.h"

#include <string.h>

enum { RTMR_MACHINE = 0, RTMR_KERNEL = 1, RTMR_REST = 2 };

/* The largest log there can be: head, six records, hand-off blocks, command line, two names. */
_Static_assert(65 + 6 * 66 + S0_HOB_MAX + 4 + STAGE0_CMDLINE_SIZE_MAX + 2 * 8 <=
                   STAGE0_EVENT_LOG_SIZE,
               "log fits");

/* Extends the digest of `len` bytes; the log has `note` with it. */
static enum stage0_reason measure(struct s0_tdx *tdx, uint32_t rtmr, enum s0_event type,
                                  const void *data, size_t len, const void *note, size_t note_len)
{
    s0_sha384(tdx->digest, (const uint8_t *)data, len);
    enum stage0_reason reason = s0_tdx_extend(tdx, rtmr);
    return reason == STAGE0_R_OK ? s0_log_add(tdx, rtmr, type, note, note_len) : reason;
}

enum stage0_reason s0_tdx_measure_machine(struct s0_tdx *tdx, const struct s0_payload *payload)
{
    struct s0_tdx_info info;
    enum stage0_reason reason = s0_tdx_info(tdx, &info);
    if (reason != STAGE0_R_OK) {
        return reason;
    }
    if (info.cpu_count != payload->cpu_count) {
        return STAGE0_R_TDX_CPU_COUNT;
    }
    uint8_t *given = (uint8_t *)(tdx->memory + STAGE0_TD_HOB_GPA);
    uint8_t right[S0_HOB_MAX];
    size_t len = s0_hob_build(payload->ram_size, right);
    if (memcmp(given, right, len) != 0) {
        return STAGE0_R_TDX_HOB;
    }
    memset(given, 0, STAGE0_TD_HOB_SIZE); /* Linux gets these pages as RAM */
    len -= S0_HOB_END_SIZE;
    s0_log_start(tdx);
    return measure(tdx, RTMR_MACHINE, S0_EVENT_PLATFORM_CONFIG, right, len, right, len);
}

enum stage0_reason s0_tdx_measure_payload(struct s0_tdx *tdx, const struct s0_layout *l)
{
    static const uint8_t separator[4] = {0};
    const uint8_t *kernel = (const uint8_t *)(tdx->memory + l->kernel_file_gpa);
    const uint8_t *cmdline = (const uint8_t *)(tdx->memory + STAGE0_CMDLINE_GPA);
    const uint8_t *initrd = (const uint8_t *)(tdx->memory + l->initrd_gpa);
    enum stage0_reason reason =
        measure(tdx, RTMR_KERNEL, S0_EVENT_IPL, kernel, l->kernel_size, "kernel", 7);
    if (reason == STAGE0_R_OK) {
        reason = measure(tdx, RTMR_KERNEL, S0_EVENT_SEPARATOR, separator, sizeof(separator),
                         separator, sizeof(separator));
    }
    if (reason == STAGE0_R_OK) {
        reason = measure(tdx, RTMR_REST, S0_EVENT_TAG, cmdline, l->cmdline_size, cmdline,
                         l->cmdline_size);
    }
    if (reason == STAGE0_R_OK) {
        reason = measure(tdx, RTMR_REST, S0_EVENT_IPL, initrd, l->initrd_size, "initrd", 7);
    }
    return reason;
}
