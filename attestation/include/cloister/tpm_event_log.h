/* SPDX-License-Identifier: Apache-2.0
 * tpm_event_log.h - the event log of a TPM (Linux: binary_bios_measurements): what firmware and
 * boot loaders measured into which PCR, in order. Replayed, it must give the registers of a quote;
 * then its digests are as trustworthy as the quote, and its words are not: they are only what the
 * software called them.
 * Trust: every byte is hostile. Threads: a log is immutable once parsed.
 * Memory: a copy of the log, at most CL_TPM_EVENT_LOG_MAX_SIZE, and one entry an event.
 * Spec: TCG PC Client Platform Firmware Profile 10.2 (crypto-agile log), 10.4.5.3 (locality).
 */
#ifndef CLOISTER_TPM_EVENT_LOG_H
#define CLOISTER_TPM_EVENT_LOG_H

#include "cloister/tpm_quote.h"

#define CL_TPM_EVENT_LOG_MAX_SIZE (1u << 20) /* bytes */
#define CL_TPM_EVENT_LOG_MAX_EVENTS 4096u
#define CL_TPM_EVENT_NO_ACTION 3u /* not extended into any register */
#define CL_TPM_NO_PCR 0xFFFFFFFFu /* of an event without a register, never extended */

struct cl_tpm_event { /* pointers are borrowed from the log */
    uint32_t pcr;
    uint32_t type;
    const uint8_t *digest[CL_TPM_BANKS_MAX]; /* in the order of the log's banks; NULL: none */
    const uint8_t *data;
    size_t data_len;
    size_t offset; /* of the record in the log */
};

struct cl_tpm_event_log; /* opaque */

/* data, len   the log with or without filler (0xFF or zeros) behind it; borrowed for the call;
 *             1..CL_TPM_EVENT_LOG_MAX_SIZE bytes
 * Returns     CL_OK; CL_ERR_TRUNCATED or CL_ERR_MALFORMED with err->offset; CL_ERR_UNSUPPORTED (not
 *             crypto-agile, or of no hash that we know); CL_ERR_NOMEM */
CL_NODISCARD enum cl_status cl_tpm_event_log_parse(const uint8_t *data, size_t len,
                                                   struct cl_tpm_event_log **ret_log,
                                                   struct cl_err *err);
void cl_tpm_event_log_free(struct cl_tpm_event_log *log); /* NULL is fine */
void cl_tpm_event_log_freep(struct cl_tpm_event_log **log);

size_t cl_tpm_event_log_count(const struct cl_tpm_event_log *log);
const struct cl_tpm_event *cl_tpm_event_log_event(const struct cl_tpm_event_log *log, size_t i);
/* The banks whose digests the log has, as far as we know their hashes; masks are zero. */
const struct cl_tpm_selection *cl_tpm_event_log_banks(const struct cl_tpm_event_log *log);
/* Where the TPM was started from (0, 3 or 4), which PCR 0 begins with. */
uint8_t cl_tpm_event_log_locality(const struct cl_tpm_event_log *log);
/* The event's digest of that bank, cl_tpm_hash_size(alg) bytes, borrowed; NULL when it has none. */
const uint8_t *cl_tpm_event_digest(const struct cl_tpm_event_log *log, const struct cl_tpm_event *e,
                                   uint16_t alg);
/* Is the event extended into that register? */
bool cl_tpm_event_extends(const struct cl_tpm_event *e, uint32_t pcr);
/* "EV_SEPARATOR"; "an event" for a type that the profile does not name. */
const char *cl_tpm_event_type_name(uint32_t type);

/* What the log says of one register, and whether it leads to a value; if not, where it parts from
 * it: after `matched` of that register's events the value was right (0 when it never was), and
 * `event` is the index of the first one that is too much (SIZE_MAX: none is; events are missing or
 * changed). */
struct cl_tpm_replay {
    uint8_t value[CL_TPM_DIGEST_MAX]; /* after the last event; cl_tpm_hash_size(alg) bytes */
    size_t extended;                  /* events of this register */
    size_t undigested;                /* index of its first event without a digest of this bank, */
                                      /* which leads nowhere; SIZE_MAX: none */
    bool equal;                       /* value is the expected one */
    size_t matched, event;
};
/* Replays one register of one bank: PCR' = H(PCR || digest), from zeros; from ones for PCR 17 to
 * 22; PCR 0 from the locality.
 * expected  cl_tpm_hash_size(alg) bytes, borrowed
 * Returns   CL_OK; CL_ERR_UNAVAILABLE when the log has no such bank; CL_ERR_MALFORMED for a
 *           register past the last; CL_ERR_NOMEM, CL_ERR_SYS */
CL_NODISCARD enum cl_status
cl_tpm_event_log_replay(const struct cl_tpm_event_log *log, uint16_t alg, uint32_t pcr,
                        const uint8_t *expected, struct cl_tpm_replay *ret_r, struct cl_err *err);

#endif
