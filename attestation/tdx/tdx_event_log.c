/* SPDX-License-Identifier: Apache-2.0
 * tdx_event_log.c - the crypto-agile event log of a TD: parsing and replay.
 * Trust: every byte is hostile. Threads: a log is immutable once parsed.
 * Memory: one copy of the log, and its events. Spec: TCG PC Client PFP, 10.2; tdx.md b.5.
 */
#include "cloister/tdx_event_log.h"

#include "base/buf.h"
#include "base/digest.h"
#include "eventlog/tcg_records.h"

#include <stdlib.h>
#include <string.h>

#define ALG_SHA384 0x000Cu
#define MAX_MR 4u

struct cl_tdx_event_log {
    struct cl_buf raw;
    struct cl_tdx_event *events; /* owned */
    size_t count, room;
    size_t size; /* of the records in raw */
};

void cl_tdx_event_log_free(struct cl_tdx_event_log *log)
{
    if (log != NULL) {
        cl_buf_done(&log->raw);
        free(log->events);
        free(log);
    }
}

void cl_tdx_event_log_freep(struct cl_tdx_event_log **log)
{
    cl_tdx_event_log_free(*log);
    *log = NULL;
}

static enum cl_status add_event(struct cl_tdx_event_log *log, const struct cl_tdx_event *e,
                                struct cl_err *err)
{
    struct cl_tdx_event *events =
        tcg_list_room(log->events, &log->room, log->count, sizeof(*events));
    if (events == NULL) {
        return cl_err_nomem(err, "event log");
    }
    log->events = events;
    log->events[log->count++] = *e;
    return CL_OK;
}

static enum cl_status read_event(struct tcg_records *it, struct cl_tdx_event_log *log,
                                 struct cl_err *err)
{
    struct tcg_record rec;
    CL_TRY(tcg_records_next(it, &rec, err));
    const struct tcg_digest *digest = tcg_record_digest(&rec, ALG_SHA384);
    if (digest == NULL) {
        return tcg_records_bad(it, err, CL_ERR_MALFORMED, "digests", "SHA-384 among them");
    }
    if (log->count == CL_TDX_EVENT_LOG_MAX_EVENTS) {
        return tcg_records_bad(it, err, CL_ERR_MALFORMED, "events", "at most 4096");
    }
    struct cl_tdx_event e = {.mr = rec.mr,
                             .type = rec.type,
                             .data = rec.data,
                             .data_len = rec.data_len,
                             .offset = rec.offset};
    memcpy(e.digest, digest->value, sizeof(e.digest));
    return add_event(log, &e, err);
}

static enum cl_status start(struct tcg_records *it, const struct cl_buf *raw, struct cl_err *err)
{
    CL_TRY(tcg_records_start(it, raw->data, raw->len, MAX_MR, /* unregistered= */ false, err));
    for (size_t i = 0; i < it->algorithm_count; i++) {
        if (it->algorithms[i].alg == ALG_SHA384 && it->algorithms[i].size == CL_SHA384_SIZE) {
            return CL_OK;
        }
    }
    return tcg_records_bad(it, err, CL_ERR_UNSUPPORTED, "algorithms", "SHA-384 among them");
}

/* A register of 0xFFFFFFFF ends the log whatever follows it. */
static bool ends_here(const struct tcg_records *it)
{
    return tcg_records_peek(it) == TCG_NO_REGISTER || tcg_records_at_end(it);
}

enum cl_status cl_tdx_event_log_parse(const uint8_t *data, size_t len,
                                      struct cl_tdx_event_log **ret_log, struct cl_err *err)
{
    if (len > CL_TDX_EVENT_LOG_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "event log: size: expected at most %u bytes, got %zu",
                          CL_TDX_EVENT_LOG_MAX_SIZE, len);
    }
    CL_CLEANUP(cl_tdx_event_log_freep)
    struct cl_tdx_event_log *log = calloc(1, sizeof(*log));
    if (log == NULL) {
        return cl_err_nomem(err, "event log");
    }
    CL_TRY(cl_buf_append(&log->raw, data, len, err));
    struct tcg_records it;
    CL_TRY(start(&it, &log->raw, err));
    while (!ends_here(&it)) {
        CL_TRY(read_event(&it, log, err));
    }
    log->size = it.r.pos;
    *ret_log = CL_TAKE(log);
    return CL_OK;
}

size_t cl_tdx_event_log_size(const struct cl_tdx_event_log *log)
{
    return log->size;
}

size_t cl_tdx_event_log_count(const struct cl_tdx_event_log *log)
{
    return log->count;
}

const struct cl_tdx_event *cl_tdx_event_log_event(const struct cl_tdx_event_log *log, size_t i)
{
    return i < log->count ? &log->events[i] : NULL;
}

static bool extends(const struct cl_tdx_event *e, unsigned rtmr)
{
    return e->mr == rtmr + 1 && e->type != CL_TDX_EVENT_NO_ACTION;
}

static enum cl_status extend(uint8_t rtmr[static CL_TDX_MR_SIZE], const struct cl_tdx_event *e,
                             struct cl_err *err)
{
    uint8_t both[2 * CL_TDX_MR_SIZE];
    memcpy(both, rtmr, CL_TDX_MR_SIZE);
    memcpy(both + CL_TDX_MR_SIZE, e->digest, CL_TDX_MR_SIZE);
    return cl_sha384(rtmr, both, sizeof(both), err);
}

enum cl_status cl_tdx_event_log_replay(const struct cl_tdx_event_log *log,
                                       struct cl_tdx_replay *ret_replay, struct cl_err *err)
{
    struct cl_tdx_replay r = {0};
    for (unsigned k = 0; k < CL_TDX_RTMR_COUNT; k++) {
        for (size_t i = 0; i < log->count; i++) {
            if (extends(&log->events[i], k)) {
                CL_TRY(extend(r.rtmr[k], &log->events[i], err));
                r.extended[k]++;
            }
        }
    }
    *ret_replay = r;
    return CL_OK;
}

enum cl_status cl_tdx_event_log_explain(const struct cl_tdx_event_log *log, unsigned rtmr,
                                        const uint8_t value[static CL_TDX_MR_SIZE],
                                        struct cl_tdx_replay_mismatch *ret_m, struct cl_err *err)
{
    uint8_t now[CL_TDX_MR_SIZE] = {0};
    struct cl_tdx_replay_mismatch m = {.event = SIZE_MAX};
    bool right = memcmp(now, value, sizeof(now)) == 0; /* public values */
    bool was_right = right;
    size_t done = 0;
    for (size_t i = 0; i < log->count; i++) {
        if (!extends(&log->events[i], rtmr)) {
            continue;
        }
        if (right) { /* and this event leads away from it */
            m.event = i;
            m.matched = done;
        }
        CL_TRY(extend(now, &log->events[i], err));
        done++;
        right = memcmp(now, value, sizeof(now)) == 0;
        was_right = was_right || right;
    }
    m.mismatch = !right;
    if (right || !was_right) {
        m.event = SIZE_MAX;
        m.matched = right ? done : 0;
    }
    *ret_m = m;
    return CL_OK;
}

const struct cl_tdx_event *cl_tdx_event_log_find(const struct cl_tdx_event_log *log, unsigned rtmr,
                                                 const uint8_t digest[static CL_TDX_MR_SIZE])
{
    for (size_t i = 0; i < log->count; i++) {
        const struct cl_tdx_event *e = &log->events[i];
        if (extends(e, rtmr) && memcmp(e->digest, digest, CL_TDX_MR_SIZE) == 0) {
            return e;
        }
    }
    return NULL;
}
