/* SPDX-License-Identifier: Apache-2.0
 * runtime_log.c - events of the running guest: register first, then record. Trust, threads, memory:
 * agent/runtime_log.h.
 */
#include "agent/runtime_log.h"

#include "agent/evidence.h"
#include "base/bytes.h"
#include "base/secret.h"
#include "cloister/tdx_event_log.h"

#include <stdio.h>
#include <string.h>

#define RTMR 3u
#define ALG_SHA384 0x000Cu
#define EV_EVENT_TAG 6u
#define AAEL 0x4141454Cu /* tag of these events */
#define TEXT_SIZE 160u
#define EVENT_SIZE (8u + TEXT_SIZE)
#define RECORD_SIZE (4u + 4u + 4u + 2u + CL_SHA384_SIZE + 4u + EVENT_SIZE)
#define HEAD_SIZE 65u

void agent_runtime_log_init(struct agent_runtime_log *l)
{
    (void)pthread_mutex_init(&l->lock, NULL);
}

void agent_runtime_log_done(struct agent_runtime_log *l)
{
    cl_buf_done(&l->records);
    (void)pthread_mutex_destroy(&l->lock);
}

struct event {
    uint8_t data[EVENT_SIZE];
    size_t len;
    uint8_t digest[CL_SHA384_SIZE];
};

static enum cl_status make_event(const char *text, struct event *ret_e, struct cl_err *err)
{
    struct event e;
    struct cl_writer w = cl_writer_init(e.data, sizeof(e.data));
    cl_writer_le32(&w, AAEL);
    cl_writer_le32(&w, (uint32_t)strlen(text));
    cl_writer_bytes(&w, text, strlen(text));
    CL_TRY(cl_writer_check(&w, "event", err));
    e.len = w.len;
    CL_TRY(cl_sha384(e.digest, e.data, e.len, err));
    *ret_e = e;
    return CL_OK;
}

static enum cl_status read_register(const struct agent_evidence *e,
                                    uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err)
{
    uint8_t fresh[64];
    struct cl_tdx_td td;
    CL_TRY(cl_random(fresh, sizeof(fresh), err));
    CL_TRY(agent_evidence_td(e, fresh, &td, err));
    memcpy(ret, td.rtmr[RTMR], CL_TDX_MR_SIZE);
    return CL_OK;
}

/* A kernel that says yes and does nothing would have the log tell of what was not measured. */
static enum cl_status extend(const struct agent_evidence *e, const uint8_t digest[static 48],
                             struct cl_err *err)
{
    uint8_t both[2 * CL_TDX_MR_SIZE];
    uint8_t want[CL_TDX_MR_SIZE];
    uint8_t got[CL_TDX_MR_SIZE];
    CL_TRY(read_register(e, both, err));
    memcpy(both + CL_TDX_MR_SIZE, digest, CL_TDX_MR_SIZE);
    CL_TRY(cl_sha384(want, both, sizeof(both), err));
    CL_TRY(cl_tdx_rtmr_extend(e->measurements, e->tdx_guest, RTMR, digest, err));
    CL_TRY(read_register(e, got, err));
    return memcmp(got, want, sizeof(got)) == 0 /* public */
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED,
                            "rtmr3: expected the value of this event, got another");
}

static enum cl_status append(struct agent_runtime_log *l, const struct event *e, struct cl_err *err)
{
    uint8_t record[RECORD_SIZE];
    struct cl_writer w = cl_writer_init(record, sizeof(record));
    cl_writer_le32(&w, RTMR + 1); /* 0 is MRTD */
    cl_writer_le32(&w, EV_EVENT_TAG);
    cl_writer_le32(&w, 1);
    cl_writer_le16(&w, ALG_SHA384);
    cl_writer_bytes(&w, e->digest, sizeof(e->digest));
    cl_writer_le32(&w, (uint32_t)e->len);
    cl_writer_bytes(&w, e->data, e->len);
    CL_TRY(cl_writer_check(&w, "event", err));
    CL_TRY(cl_buf_append(&l->records, record, w.len, err));
    l->count++;
    return CL_OK;
}

enum cl_status agent_runtime_image(struct agent_runtime_log *l, const struct agent_evidence *e,
                                   const uint8_t manifest[static CL_SHA256_SIZE],
                                   struct cl_err *err)
{
    char digest[CL_OCI_DIGEST_SIZE];
    char text[TEXT_SIZE];
    struct event event;
    if (e->tee != AGENT_TEE_TDX) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "rtmr3: expected class tdx, got %s",
                          agent_tee_name(e->tee));
    }
    cl_oci_digest_format(digest, manifest);
    (void)snprintf(text, sizeof(text), "cloister PullImage {\"digest\":\"%s\"}", digest);
    CL_TRY(make_event(text, &event, err));
    (void)pthread_mutex_lock(&l->lock);
    enum cl_status st = CL_OK;
    if (l->count == AGENT_RUNTIME_MAX_EVENTS) {
        st = cl_err_set(err, CL_ERR_REJECTED, "rtmr3: expected at most %u events",
                        AGENT_RUNTIME_MAX_EVENTS);
    }
    st = st == CL_OK ? cl_buf_reserve(&l->records, RECORD_SIZE, err)
                     : st; /* it must not fail after */
    st = st == CL_OK ? extend(e, event.digest, err) : st;
    st = st == CL_OK ? append(l, &event, err) : st;
    (void)pthread_mutex_unlock(&l->lock);
    return st;
}

/* The head of a log that is ours alone. */
static enum cl_status put_head(struct cl_buf *log, struct cl_err *err)
{
    uint8_t head[HEAD_SIZE];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le32(&w, 0);
    cl_writer_le32(&w, CL_TDX_EVENT_NO_ACTION);
    cl_writer_zero(&w, 20);
    cl_writer_le32(&w, 33);
    cl_writer_bytes(&w, "Spec ID Event03", 16);
    cl_writer_zero(&w, 8);
    cl_writer_le32(&w, 1);
    cl_writer_le16(&w, ALG_SHA384);
    cl_writer_le16(&w, CL_SHA384_SIZE);
    cl_writer_u8(&w, 0);
    CL_TRY(cl_writer_check(&w, "event log", err));
    return cl_buf_append(log, head, w.len, err);
}

enum cl_status agent_runtime_log_join(const struct agent_runtime_log *l, struct cl_buf *log,
                                      struct cl_err *err)
{
    static const uint8_t end[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *parsed = NULL;
    if (l->count == 0) {
        return CL_OK;
    }
    if (log->len == 0) {
        CL_TRY(put_head(log, err));
    } else {
        CL_TRY(cl_tdx_event_log_parse(log->data, log->len, &parsed, err));
        log->len = cl_tdx_event_log_size(parsed);
    }
    CL_TRY(cl_buf_append(log, l->records.data, l->records.len, err));
    return cl_buf_append(log, end, sizeof(end), err);
}
