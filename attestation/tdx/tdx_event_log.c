/* SPDX-License-Identifier: Apache-2.0
 * tdx_event_log.c - the crypto-agile event log of a TD: parsing and replay.
 * Trust: every byte is hostile. Threads: a log is immutable once parsed.
 * Memory: one copy of the log, and its events. Spec: TCG PC Client PFP, 10.2; tdx.md b.5.
 */
#include "cloister/tdx_event_log.h"

#include "base/buf.h"
#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

#define ALG_SHA384 0x000Cu
#define SHA1_SIZE 20u
#define MAX_ALGORITHMS 8u
#define MAX_MR 4u
#define END_OF_LOG 0xFFFFFFFFu

struct algorithm {
    uint16_t id, size;
};

struct cl_tdx_event_log {
    struct cl_buf raw;
    struct algorithm algorithms[MAX_ALGORITHMS];
    size_t algorithm_count;
    struct cl_tdx_event *events; /* owned */
    size_t count, room;
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

static enum cl_status bad(const struct cl_reader *r, struct cl_err *err, enum cl_status st,
                          const char *field, const char *expected)
{
    return cl_err_at(err, st, r->pos, "event log: %s before byte %zu: expected %s", field, r->pos,
                     expected);
}

/* Spec ID Event03: which digests each record has, and how long they are. */
static enum cl_status read_algorithms(struct cl_reader *r, struct cl_tdx_event_log *log,
                                      struct cl_err *err)
{
    static const char signature[16] = "Spec ID Event03";
    const uint8_t *s = cl_reader_bytes(r, sizeof(signature), "signature");
    if (s == NULL || memcmp(s, signature, sizeof(signature)) != 0) {
        return bad(r, err, CL_ERR_UNSUPPORTED, "first event", "Spec ID Event03");
    }
    cl_reader_skip(r, 8, "platform class and version");
    uint32_t n = cl_reader_le32(r, "number of algorithms");
    CL_TRY(cl_reader_check(r, "event log: first event", err));
    if (n == 0 || n > MAX_ALGORITHMS) {
        return bad(r, err, CL_ERR_MALFORMED, "number of algorithms", "1 to 8");
    }
    bool sha384 = false;
    for (size_t i = 0; i < n; i++) {
        log->algorithms[i].id = cl_reader_le16(r, "algorithm");
        log->algorithms[i].size = cl_reader_le16(r, "digest size");
        sha384 = sha384 ||
                 (log->algorithms[i].id == ALG_SHA384 && log->algorithms[i].size == CL_SHA384_SIZE);
    }
    log->algorithm_count = n;
    cl_reader_skip(r, cl_reader_u8(r, "vendor info size"), "vendor info");
    CL_TRY(cl_reader_finish(r, "event log: first event", err));
    return sha384 ? CL_OK : bad(r, err, CL_ERR_UNSUPPORTED, "algorithms", "SHA-384 among them");
}

static enum cl_status read_first(struct cl_reader *r, struct cl_tdx_event_log *log,
                                 struct cl_err *err)
{
    cl_reader_skip(r, 4, "index");
    uint32_t type = cl_reader_le32(r, "type");
    cl_reader_skip(r, SHA1_SIZE, "digest");
    uint32_t size = cl_reader_le32(r, "size");
    CL_TRY(cl_reader_check(r, "event log", err));
    if (type != CL_TDX_EVENT_NO_ACTION) {
        return bad(r, err, CL_ERR_UNSUPPORTED, "first event", "the crypto-agile form");
    }
    struct cl_reader data = cl_reader_sub(r, size, "first event");
    CL_TRY(cl_reader_check(r, "event log", err));
    return read_algorithms(&data, log, err);
}

static size_t digest_size(const struct cl_tdx_event_log *log, uint16_t id)
{
    for (size_t i = 0; i < log->algorithm_count; i++) {
        if (log->algorithms[i].id == id) {
            return log->algorithms[i].size;
        }
    }
    return 0;
}

static enum cl_status read_digests(struct cl_reader *r, const struct cl_tdx_event_log *log,
                                   struct cl_tdx_event *e, struct cl_err *err)
{
    uint32_t n = cl_reader_le32(r, "digest count");
    bool found = false;
    CL_TRY(cl_reader_check(r, "event log", err));
    if (n == 0 || n > MAX_ALGORITHMS) {
        return bad(r, err, CL_ERR_MALFORMED, "digest count", "1 to 8");
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t id = cl_reader_le16(r, "algorithm");
        size_t size = digest_size(log, id);
        CL_TRY(cl_reader_check(r, "event log", err));
        if (size == 0 || (id == ALG_SHA384 && found)) {
            return bad(r, err, CL_ERR_MALFORMED, "algorithm", "one that the log announced, once");
        }
        const uint8_t *digest = cl_reader_bytes(r, size, "digest");
        CL_TRY(cl_reader_check(r, "event log", err));
        if (id == ALG_SHA384) {
            found = true;
            memcpy(e->digest, digest, sizeof(e->digest));
        }
    }
    return found ? CL_OK : bad(r, err, CL_ERR_MALFORMED, "digests", "SHA-384 among them");
}

static enum cl_status add_event(struct cl_tdx_event_log *log, const struct cl_tdx_event *e,
                                struct cl_err *err)
{
    if (log->count == log->room) {
        size_t room = log->room == 0 ? 64 : 2 * log->room;
        struct cl_tdx_event *more = realloc(log->events, room * sizeof(*more));
        if (more == NULL) {
            return cl_err_nomem(err, "event log");
        }
        log->events = more;
        log->room = room;
    }
    log->events[log->count++] = *e;
    return CL_OK;
}

static enum cl_status read_event(struct cl_reader *r, struct cl_tdx_event_log *log,
                                 struct cl_err *err)
{
    struct cl_tdx_event e = {.offset = r->pos};
    e.mr = cl_reader_le32(r, "register");
    e.type = cl_reader_le32(r, "type");
    CL_TRY(cl_reader_check(r, "event log", err));
    if (e.mr > MAX_MR) {
        return bad(r, err, CL_ERR_MALFORMED, "register", "0 to 4");
    }
    CL_TRY(read_digests(r, log, &e, err));
    e.data_len = cl_reader_le32(r, "size");
    e.data = cl_reader_bytes(r, e.data_len, "event");
    CL_TRY(cl_reader_check(r, "event log", err));
    if (log->count == CL_TDX_EVENT_LOG_MAX_EVENTS) {
        return bad(r, err, CL_ERR_MALFORMED, "events", "at most 4096");
    }
    return add_event(log, &e, err);
}

/* The ACPI area is larger than the log: all that is left is of one filler byte. */
static bool at_end(const struct cl_reader *r)
{
    const uint8_t *p = r->data + r->pos;
    size_t left = cl_reader_left(r);
    for (size_t i = 1; i < left; i++) {
        if (p[i] != p[0]) {
            return false;
        }
    }
    return left == 0 || p[0] == 0xFF || p[0] == 0;
}

/* A register of 0xFFFFFFFF ends the log whatever follows it. */
static bool ends_here(const struct cl_reader *r)
{
    struct cl_reader peek = *r;
    return cl_reader_le32(&peek, "register") == END_OF_LOG || at_end(r);
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
    struct cl_reader r = cl_reader_init(log->raw.data, len);
    CL_TRY(read_first(&r, log, err));
    while (!ends_here(&r)) {
        CL_TRY(read_event(&r, log, err));
    }
    *ret_log = CL_TAKE(log);
    return CL_OK;
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
