/* SPDX-License-Identifier: Apache-2.0
 * evidence_sim.c - a report of the simulated security processor, which the host serves.
 * Trust: agent/evidence.h; lengths are bounded here. Threads: none. Memory: PSP_MAX_BODY.
 * Spec: docs/interfaces.md I-3.2.
 */
#include "agent/evidence.h"

#include "base/bytes.h"
#include "base/io.h"

#define PSP_REPORT_REQ 16u
#define PSP_MAX_BODY (1u << 20)
#define REPORT_REQ_SIZE 96u

static enum cl_status ask(int fd, const uint8_t report_data[64], struct cl_err *err)
{
    uint8_t msg[8 + REPORT_REQ_SIZE];
    struct cl_writer w = cl_writer_init(msg, sizeof(msg));
    cl_writer_le32(&w, PSP_REPORT_REQ);
    cl_writer_le32(&w, REPORT_REQ_SIZE);
    cl_writer_bytes(&w, report_data, 64);
    cl_writer_le32(&w, 0); /* VMPL */
    cl_writer_zero(&w, REPORT_REQ_SIZE - 68);
    CL_TRY(cl_writer_check(&w, "report request", err));
    return cl_write_all(fd, msg, sizeof(msg), "report request", err);
}

static enum cl_status parse(const struct cl_buf *body, struct cl_buf *ret_report,
                            struct cl_buf *ret_certs, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(body->data, body->len);
    uint32_t status = cl_reader_le32(&r, "status");
    uint32_t report_len = cl_reader_le32(&r, "report_len");
    uint32_t certs_len = cl_reader_le32(&r, "certs_len");
    CL_TRY(cl_reader_check(&r, "report answer", err));
    if (status != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "report answer: status: expected 0, got %u",
                          (unsigned)status);
    }
    const uint8_t *report = cl_reader_bytes(&r, report_len, "report");
    const uint8_t *certs = cl_reader_bytes(&r, certs_len, "certs");
    CL_TRY(cl_reader_finish(&r, "report answer", err));
    CL_TRY(cl_buf_append(ret_report, report, report_len, err));
    return cl_buf_append(ret_certs, certs, certs_len, err);
}

enum cl_status agent_evidence_sim(const struct agent_evidence *e,
                                  const uint8_t report_data[static 64], struct cl_buf *ret_report,
                                  struct cl_buf *ret_certs, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    uint8_t head[8];
    CL_TRY(e->dial_sim(e->ctx, &fd, err));
    CL_TRY(ask(fd, report_data, err));
    CL_TRY(cl_read_all(fd, head, sizeof(head), "report answer", err));
    struct cl_reader r = cl_reader_init(head, sizeof(head));
    uint32_t op = cl_reader_le32(&r, "op");
    uint32_t len = cl_reader_le32(&r, "len");
    CL_TRY(cl_reader_finish(&r, "report answer", err));
    if (op != PSP_REPORT_REQ || len > PSP_MAX_BODY) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "report answer: header: expected op %u, at most %u bytes, got op %u, %u "
                          "bytes",
                          PSP_REPORT_REQ, PSP_MAX_BODY, (unsigned)op, (unsigned)len);
    }
    CL_TRY(cl_buf_reserve(&body, len, err));
    CL_TRY(cl_read_all(fd, body.data, len, "report answer", err));
    body.len = len;
    return parse(&body, ret_report, ret_certs, err);
}
