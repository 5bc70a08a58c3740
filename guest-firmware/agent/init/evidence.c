/* SPDX-License-Identifier: Apache-2.0
 * evidence.c - attestation reports: from the kernel's configfs-tsm on SNP, from the simulated
 * processor in class sim. Trust: what comes back is checked by whoever verifies the signature; here
 * only its form, and that it carries the report_data that was asked for, so that a stale one is
 * noticed early.
 */
#include "agent.h"

#include "base/bytes.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/gather.h"
#include "cloister/snp_evidence.h"
#include "cloister/snp_report.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#define PSP_REPORT_REQ 16u
#define PSP_MAX_BODY (1u << 20)
#define REPORT_REQ_SIZE 96u
#define CONFIGFS "/sys/kernel/config"

/* --- I-3.2 over vsock ------------------------------------------------------------------------- */

static enum cl_status sim_ask(int fd, const uint8_t report_data[64], struct cl_err *err)
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

static enum cl_status sim_parse(const struct cl_buf *body, struct cl_buf *ret_report,
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

static enum cl_status sim_get(const uint8_t report_data[64], struct cl_buf *ret_report,
                              struct cl_buf *ret_certs, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    uint8_t head[8];
    CL_TRY(agent_dial(AGENT_PORT_PSP, /* patient= */ false, &fd, err));
    CL_TRY(sim_ask(fd, report_data, err));
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
    return sim_parse(&body, ret_report, ret_certs, err);
}

/* --- configfs-tsm ----------------------------------------------------------------------------- */

static enum cl_status tsm_get(const uint8_t report_data[64], struct cl_buf *ret_report,
                              struct cl_buf *ret_certs, struct cl_err *err)
{
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    if (mount("configfs", CONFIGFS, "configfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) != 0 &&
        errno != EBUSY) {
        return cl_err_sys(err, errno, "mount '" CONFIGFS "'");
    }
    CL_TRY(cl_tsm_get(CL_TSM_ROOT, report_data, &r, err));
    CL_TRY(cl_buf_append(ret_report, r.report.data, r.report.len, err));
    return cl_buf_append(ret_certs, r.certs.data, r.certs.len, err);
}

/* --- both ------------------------------------------------------------------------------------- */

enum cl_status agent_evidence_get(enum agent_tee tee, const uint8_t report_data[64],
                                  struct cl_buf *ret_report, struct cl_buf *ret_certs,
                                  struct cl_err *err)
{
    struct cl_snp_report r;
    if (tee == AGENT_TEE_SIM) {
        CL_TRY(sim_get(report_data, ret_report, ret_certs, err));
    } else if (tee == AGENT_TEE_SNP) {
        CL_TRY(tsm_get(report_data, ret_report, ret_certs, err));
    } else {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "evidence: expected snp or sim, got '%s'",
                          agent_tee_name(tee));
    }
    CL_TRY(cl_snp_report_decode(ret_report->data, ret_report->len, &r, err));
    if (memcmp(r.report_data, report_data, sizeof(r.report_data)) != 0) { /* public */
        return cl_err_set(err, CL_ERR_REJECTED,
                          "report: report_data: expected what was asked for, got another value");
    }
    return CL_OK;
}

enum cl_status agent_evidence_json(enum agent_tee tee, const uint8_t report_data[64],
                                   struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(agent_evidence_get(tee, report_data, &report, &certs, err));
    CL_TRY(cl_snp_evidence_from_report(report.data, report.len, &ev, err));
    CL_TRY(cl_snp_evidence_add_table(ev, certs.data, certs.len, err));
    CL_TRY(cl_snp_evidence_to_json(ev, &j, err));
    return cl_json_compact(j, out, err);
}
