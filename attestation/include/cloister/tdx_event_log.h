/* SPDX-License-Identifier: Apache-2.0
 * tdx_event_log.h - the confidential-computing event log (ACPI CCEL) of a TD: what was measured
 * into which RTMR, in order. Replayed, it must give the RTMRs of the quote; then its digests are as
 * trustworthy as the quote, and its words are not: they are only what the guest called them.
 * Trust: every byte is hostile. Threads: a log is immutable once parsed.
 * Memory: a copy of the log, at most CL_TDX_EVENT_LOG_MAX_SIZE, and one entry an event.
 * Spec: TCG PC Client Platform Firmware Profile 10 (crypto-agile log); tdx.md b.5.
 */
#ifndef CLOISTER_TDX_EVENT_LOG_H
#define CLOISTER_TDX_EVENT_LOG_H

#include "cloister/tdx_quote.h"

#define CL_TDX_EVENT_LOG_MAX_SIZE (1u << 20) /* bytes */
#define CL_TDX_EVENT_LOG_MAX_EVENTS 4096u
#define CL_TDX_EVENT_NO_ACTION 3u /* not extended into any register */

struct cl_tdx_event { /* data is borrowed from the log */
    uint32_t mr;      /* 0: MRTD, 1 to 4: RTMR0 to RTMR3 */
    uint32_t type;
    uint8_t digest[CL_TDX_MR_SIZE]; /* SHA-384 */
    const uint8_t *data;
    size_t data_len;
    size_t offset; /* of the record in the log */
};

struct cl_tdx_event_log; /* opaque */

/* data, len   the log with or without the filler (0xFF or zeros) of its ACPI area; borrowed for the
 *             call; 1..CL_TDX_EVENT_LOG_MAX_SIZE bytes
 * Returns     CL_OK; CL_ERR_TRUNCATED or CL_ERR_MALFORMED with err->offset; CL_ERR_UNSUPPORTED (not
 *             crypto-agile, or no SHA-384); CL_ERR_NOMEM */
CL_NODISCARD enum cl_status cl_tdx_event_log_parse(const uint8_t *data, size_t len,
                                                   struct cl_tdx_event_log **ret_log,
                                                   struct cl_err *err);
void cl_tdx_event_log_free(struct cl_tdx_event_log *log); /* NULL is fine */
void cl_tdx_event_log_freep(struct cl_tdx_event_log **log);

/* Bytes of its records, without what fills the area behind them. */
size_t cl_tdx_event_log_size(const struct cl_tdx_event_log *log);
size_t cl_tdx_event_log_count(const struct cl_tdx_event_log *log);
const struct cl_tdx_event *cl_tdx_event_log_event(const struct cl_tdx_event_log *log, size_t i);

struct cl_tdx_replay {
    uint8_t rtmr[CL_TDX_RTMR_COUNT][CL_TDX_MR_SIZE]; /* after the last event */
    size_t extended[CL_TDX_RTMR_COUNT];              /* events of each */
};
/* RTMR' = SHA-384(RTMR || digest), from zeros. */
CL_NODISCARD enum cl_status cl_tdx_event_log_replay(const struct cl_tdx_event_log *log,
                                                    struct cl_tdx_replay *ret_replay,
                                                    struct cl_err *err);

/* Whether the log explains a register of that value, and if not, where it parts from it: after
 * `matched` of that register's events the value was right (0 when it never was), and `event` is the
 * index of the first one that is too much (SIZE_MAX: none is; events are missing or changed). */
struct cl_tdx_replay_mismatch {
    bool mismatch;
    size_t matched, event;
};
CL_NODISCARD enum cl_status cl_tdx_event_log_explain(const struct cl_tdx_event_log *log,
                                                     unsigned rtmr,
                                                     const uint8_t value[static CL_TDX_MR_SIZE],
                                                     struct cl_tdx_replay_mismatch *ret_m,
                                                     struct cl_err *err);
/* The first event of that register with that digest, or NULL: how a broker asks whether the kernel,
 * the initrd or the command line that it knows were measured. */
const struct cl_tdx_event *cl_tdx_event_log_find(const struct cl_tdx_event_log *log, unsigned rtmr,
                                                 const uint8_t digest[static CL_TDX_MR_SIZE]);

#endif
