/* SPDX-License-Identifier: Apache-2.0
 * event_log.c - the log of what was measured, in one page that Linux shows as CCEL data (TCG PC
 * Client Platform Firmware Profile 10, crypto-agile; tdx.md b.5). Trust: it is replayed against the
 * registers by whoever reads it. Memory: STAGE0_EVENT_LOG_GPA.
 */
#include "tdx.h"

#include <string.h>

#define ALG_SHA384 0x000Cu
#define EV_NO_ACTION 3u
#define SHA1_SIZE 20u
#define SPEC_ID_SIZE 33u
#define FILLER 0xFF /* ends the log for whoever reads on */

static struct cl_writer log_writer(const struct s0_tdx *tdx)
{
    struct cl_writer w =
        cl_writer_init((uint8_t *)(tdx->memory + STAGE0_EVENT_LOG_GPA), STAGE0_EVENT_LOG_SIZE);
    w.len = tdx->log_len;
    return w;
}

void s0_log_start(struct s0_tdx *tdx)
{
    memset((uint8_t *)(tdx->memory + STAGE0_EVENT_LOG_GPA), FILLER, STAGE0_EVENT_LOG_SIZE);
    tdx->log_len = 0;
    struct cl_writer w = log_writer(tdx);
    cl_writer_le32(&w, 1);
    cl_writer_le32(&w, EV_NO_ACTION);
    cl_writer_zero(&w, SHA1_SIZE);
    cl_writer_le32(&w, SPEC_ID_SIZE);
    cl_writer_bytes(&w, "Spec ID Event03", 16);
    cl_writer_le32(&w, 0); /* platform class: client */
    cl_writer_u8(&w, 0);   /* minor version */
    cl_writer_u8(&w, 2);   /* major */
    cl_writer_u8(&w, 0);   /* errata */
    cl_writer_u8(&w, 2);   /* size of UINTN in UINT32 */
    cl_writer_le32(&w, 1); /* algorithms */
    cl_writer_le16(&w, ALG_SHA384);
    cl_writer_le16(&w, S0_SHA384_SIZE);
    cl_writer_u8(&w, 0); /* vendor information */
    tdx->log_len = w.len;
}

enum stage0_reason s0_log_add(struct s0_tdx *tdx, uint32_t rtmr, enum s0_event type,
                              const void *data, size_t len)
{
    struct cl_writer w = log_writer(tdx);
    cl_writer_le32(&w, rtmr + 1); /* in logs 0 is MRTD */
    cl_writer_le32(&w, type);
    cl_writer_le32(&w, 1); /* digests */
    cl_writer_le16(&w, ALG_SHA384);
    cl_writer_bytes(&w, tdx->digest, S0_SHA384_SIZE);
    cl_writer_le32(&w, (uint32_t)len);
    cl_writer_bytes(&w, data, len);
    if (w.overflow) {
        return STAGE0_R_INTERNAL;
    }
    tdx->log_len = w.len;
    return STAGE0_R_OK;
}
