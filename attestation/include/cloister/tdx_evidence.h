/* SPDX-License-Identifier: Apache-2.0
 * tdx_evidence.h - TDX evidence in the forms in which it travels: a quote alone, or with the event
 * log of its TD.
 * Trust: every byte is hostile. Threads: immutable once parsed.
 * Memory: bounded by the limits of quote and event log.
 * Spec: kbs-protocol.md 13 (tdx).
 */
#ifndef CLOISTER_TDX_EVIDENCE_H
#define CLOISTER_TDX_EVIDENCE_H

#include "cloister/tdx_event_log.h"
#include "cloister/tdx_quote.h"

struct cl_tdx_evidence {
    struct cl_tdx_quote *quote;         /* owned */
    struct cl_tdx_event_log *event_log; /* owned; NULL: there is none */
};
void cl_tdx_evidence_done(struct cl_tdx_evidence *ev); /* zeroed is fine */

/* {"quote": base64, "cc_eventlog": base64 or null}, as Trustee's guests send it. */
CL_NODISCARD enum cl_status
cl_tdx_evidence_from_json(const json_t *j, struct cl_tdx_evidence *ret_ev, struct cl_err *err);
/* A file: a quote, the same in hex (0x may stand before it), or JSON as above. In JSON the quote
 * may be in hex too, and other members are passed over: only what the quote signs counts. */
CL_NODISCARD enum cl_status cl_tdx_evidence_from_bytes(const uint8_t *data, size_t len,
                                                       struct cl_tdx_evidence *ret_ev,
                                                       struct cl_err *err);
/* A first guess: may these bytes be such evidence? */
bool cl_tdx_evidence_detect(const uint8_t *data, size_t len);

#endif
