/* SPDX-License-Identifier: Apache-2.0
 * kbs_attest.c - `cloister kbs attest`: what a guest does, from the command line, with evidence of
 * the simulated processor (docs/interfaces.md I-3.2).
 * Trust: the processor's answer is hostile bytes here: lengths are checked before use.
 */
#include "cmd_kbs.h"

#include "base/bytes.h"
#include "base/io.h"
#include "cloister/snp_evidence.h"

#include <string.h>

#define OP_REPORT_REQ 16u
#define REQ_SIZE 96u
#define MAX_ANSWER (1u << 20)

static enum cl_status ask(const char *socket_path, const uint8_t report_data[64],
                          struct cl_buf *ret_body, struct cl_err *err)
{
    uint8_t request[8 + REQ_SIZE] = {0};
    uint8_t head[8];
    struct cl_writer w = cl_writer_init(request, sizeof(request));
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    cl_writer_le32(&w, OP_REPORT_REQ);
    cl_writer_le32(&w, REQ_SIZE);
    cl_writer_bytes(&w, report_data, 64);
    CL_TRY(cl_unix_connect(socket_path, &fd, err));
    CL_TRY(cl_write_all(fd, request, sizeof(request), "report request", err));
    CL_TRY(cl_read_all(fd, head, sizeof(head), "report answer", err));
    struct cl_reader r = cl_reader_init(head, sizeof(head));
    uint32_t op = cl_reader_le32(&r, "op");
    uint32_t len = cl_reader_le32(&r, "len");
    if (op != OP_REPORT_REQ || len > MAX_ANSWER) {
        return cl_err_set(err, CL_ERR_MALFORMED, "report answer: op %u of %u bytes", op, len);
    }
    CL_TRY(cl_buf_reserve(ret_body, (size_t)len + 1, err));
    CL_TRY(cl_read_all(fd, ret_body->data, len, "report answer", err));
    ret_body->len = len;
    return CL_OK;
}

static enum cl_status sim_evidence(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                                   struct cl_err *err)
{
    const struct kbs_options *o = ctx;
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(ask(o->psp_socket, report_data, &body, err));
    struct cl_reader r = cl_reader_init(body.data, body.len);
    uint32_t status = cl_reader_le32(&r, "status");
    if (status != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "report: the processor refuses with status %u",
                          status);
    }
    uint32_t report_len = cl_reader_le32(&r, "report_len");
    uint32_t certs_len = cl_reader_le32(&r, "certs_len");
    const uint8_t *report = cl_reader_bytes(&r, report_len, "report");
    const uint8_t *certs = cl_reader_bytes(&r, certs_len, "certificates");
    CL_TRY(cl_reader_finish(&r, "report answer", err));
    CL_TRY(cl_snp_evidence_from_report(report, report_len, &ev, err));
    CL_TRY(cl_snp_evidence_add_table(ev, certs, certs_len, err));
    CL_TRY(cl_snp_evidence_to_json(ev, &j, err));
    return cl_json_compact(j, out, err);
}

static enum cl_status check_options(const struct kbs_options *o, struct cl_err *err)
{
    if (o->tee == NULL || (strcmp(o->tee, "sim") != 0 && strcmp(o->tee, "sim-snp") != 0)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "--tee: expected sim, got %s",
                          o->tee != NULL ? o->tee : "none");
    }
    if (o->psp_socket == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--psp-socket: expected a path, got none");
    }
    return kbs_need_broker(o, err);
}

enum cl_status kbs_attest(const struct kbs_options *o, struct cl_err *err)
{
    struct kbs_options copy = *o;
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf initdata = {0};
    CL_CLEANUP(cl_kbs_freep) struct cl_kbs *k = NULL;
    CL_CLEANUP(cl_secret_done) struct cl_secret secret = {0};
    CL_TRY(check_options(o, err));
    CL_TRY(kbs_read_cert(o, &cert, err));
    if (o->initdata != NULL) {
        CL_TRY(cl_buf_read_file(&initdata, o->initdata, CL_KBS_MAX_INITDATA, err));
        if (initdata.len == 0) { /* the broker would take none at all for it */
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "'%s': expected an initdata document, got an empty file",
                              o->initdata);
        }
    }
    struct cl_kbs_config cfg = {.url = o->url,
                                .cert_pem = (const char *)cert.data,
                                .initdata = initdata.data,
                                .initdata_len = initdata.len,
                                .transport = {.dial = cl_kbs_dial_tcp},
                                .evidence = {.ctx = &copy, .tee = "snp", .get = sim_evidence}};
    CL_TRY(cl_kbs_new(&cfg, &k, err));
    CL_TRY(cl_kbs_attest(k, err));
    if (o->resource == NULL) { /* the token is what there is to see */
        CL_CLEANUP(cl_buf_done) struct cl_buf line = {0};
        CL_TRY(cl_buf_printf(&line, err, "%s\n", cl_kbs_token(k)));
        return kbs_write_out(o, line.data, line.len, err);
    }
    CL_TRY(cl_kbs_get_resource(k, o->resource, &secret, err));
    return kbs_write_out(o, secret.data, secret.len, err);
}
