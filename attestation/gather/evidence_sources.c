/* SPDX-License-Identifier: Apache-2.0
 * evidence_sources.c - see evidence_sources.h. Trust: kernel, devices and TPM are this machine's;
 * whoever verifies decides. Threads: one. Memory: one answer.
 * Spec: kbs-protocol.md 13; tdx.md e.1 (the metadata service).
 */
#include "evidence_sources.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/hcl_report.h"
#include "cloister/snp_report.h"
#include "cloister/tdx_quote.h"
#include "cloister/vtpm_evidence.h"

#include <errno.h>
#include <string.h>

#define USER_DATA_TIMEOUT_MS 15000u

void evidence_request_done(struct evidence_request *r)
{
    cl_buf_done(&r->td_quote);
}

void evidence_found_done(struct evidence_found *f)
{
    json_decref(f->json);
    *f = (struct evidence_found){0};
}

static enum cl_status put_text(json_t *obj, const char *key, const struct cl_buf *text,
                               struct cl_err *err)
{
    return json_object_set_new(obj, key, json_string((const char *)text->data)) == 0
               ? CL_OK
               : cl_err_nomem(err, "evidence");
}

/* ---- from each source; CL_ERR_SYS with ENOENT when there is none ---- */

/* A log that cannot be read is as none: what is written is for people to look at. */
static enum cl_status tdx_to_json(const struct cl_buf *quote, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf log = {0};
    if (cl_ccel_read(CL_CCEL_PATH, &log, /* err= */ NULL) != CL_OK) {
        cl_buf_reset(&log);
    }
    return cl_tdx_gathered_json(quote, &log, ret_j, err);
}

/* So that a stale answer is noticed here, not by whoever verifies. */
static enum cl_status same_data(const struct evidence_request *r, const uint8_t *got,
                                const char *source, struct cl_err *err)
{
    return memcmp(got, r->report_data, sizeof(r->report_data)) == 0 /* public values */
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "%s: report_data: expected what was asked for, got another", source);
}

static enum cl_status snp_to_json(const struct evidence_request *r, const struct cl_buf *report,
                                  const struct cl_buf *certs, const char *source, json_t **ret_j,
                                  struct cl_err *err)
{
    struct cl_snp_report decoded;
    CL_TRY(cl_snp_report_decode(report->data, report->len, &decoded, err));
    CL_TRY(same_data(r, decoded.report_data, source, err));
    return cl_snp_gathered_json(report, certs, ret_j, err);
}

static enum cl_status from_tsm(const struct evidence_request *r, struct evidence_found *f,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report t = {0};
    CL_TRY(cl_tsm_get(CL_TSM_ROOT, r->report_data, &t, err));
    if (strcmp(t.provider, "sev_guest") == 0) {
        return snp_to_json(r, &t.report, &t.certs, "configfs-tsm", &f->json, err);
    }
    if (strcmp(t.provider, "tdx_guest") == 0) {
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *quote = NULL;
        CL_TRY(cl_tdx_quote_parse(t.report.data, t.report.len, &quote, err));
        CL_TRY(same_data(r, cl_tdx_quote_td(quote)->report_data, "configfs-tsm", err));
        return tdx_to_json(&t.report, &f->json, err);
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "configfs-tsm: provider: expected sev_guest or tdx_guest, got '%s'",
                      t.provider);
}

static enum cl_status from_sev_guest(const struct evidence_request *r, struct evidence_found *f,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    CL_TRY(cl_sev_guest_get(CL_SEV_GUEST_DEVICE, r->report_data, &report, &certs, err));
    return snp_to_json(r, &report, &certs, "sev-guest", &f->json, err);
}

/* As the metadata service takes it: without padding. */
static enum cl_status put_tdreport(json_t *obj, const uint8_t *tdreport, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_b64url_encode(&text, tdreport, CL_TDX_REPORT_SIZE, err));
    return put_text(obj, "td_report", &text, err);
}

enum cl_status evidence_of_tdreport(const uint8_t *tdreport, struct evidence_found *ret_f,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const struct cl_buf no_quote = {0};
    CL_TRY(tdx_to_json(&no_quote, &j, err));
    (void)json_object_del(j, "quote");
    CL_TRY(put_tdreport(j, tdreport, err));
    *ret_f = (struct evidence_found){
        .json = CL_TAKE(j),
        .missing = "quote: expected a TDX quote, got only a TDREPORT (td_report in what was "
                   "written), which no other machine can verify",
        .hint = "have the host's quoting service make a quote of td_report, or run a kernel with "
                "configfs-tsm (Linux 6.7)"};
    return CL_OK;
}

static enum cl_status from_tdx_guest(const struct evidence_request *r, struct evidence_found *f,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_TRY(cl_tdx_guest_get(CL_TDX_GUEST_DEVICE, r->report_data, &report, err));
    return evidence_of_tdreport(report.data, f, err);
}

enum cl_status evidence_of_parts(const struct cl_vtpm_parts *p, struct evidence_found *ret_f,
                                 struct cl_err *err)
{
    CL_CLEANUP(evidence_found_done) struct evidence_found f = {0};
    struct cl_hcl_report h;
    CL_TRY(cl_vtpm_parts_to_json(p, &f.json, err));
    if (p->kind == CL_TEE_CLASS_AZ_TDX_VTPM && p->td_quote.len == 0) {
        CL_TRY(cl_hcl_report_parse(p->hcl.data, p->hcl.len, &h, err));
        CL_TRY(put_tdreport(f.json, h.hardware, err));
        f.missing = "td_quote: expected the quote of the paravisor's TDREPORT (td_report in what "
                    "was written), got none: the cloud's metadata service makes it";
        f.hint = "POST {\"report\": td_report} with header Metadata:true to "
                 "http://169.254.169.254/acc/tdquote, then run this again with --td-quote ANSWER";
    }
    *ret_f = f;
    f = (struct evidence_found){0}; /* moved */
    return CL_OK;
}

static enum cl_status from_tpm(const struct evidence_request *r, struct evidence_found *f,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    const struct cl_tpm_request request = {.nonce = r->report_data,
                                           .nonce_len = r->report_data_len,
                                           .user_data_timeout_ms =
                                               r->user_data ? USER_DATA_TIMEOUT_MS : 0,
                                           .td_quote = r->td_quote.len > 0 ? &r->td_quote : NULL};
    CL_TRY(cl_tpm_gather_parts(/* tcti= */ NULL, &request, &p, err));
    return evidence_of_parts(&p, f, err);
}

/* configfs-tsm without a driver behind it says ENXIO. */
static bool is_absent(enum cl_status st, const struct cl_err *err)
{
    return st == CL_ERR_SYS && (err->sys_errno == ENOENT || err->sys_errno == ENXIO);
}

enum cl_status evidence_gather(const struct evidence_request *r, struct evidence_found *ret_f,
                               struct cl_err *err)
{
    enum cl_status (*const sources[])(const struct evidence_request *, struct evidence_found *,
                                      struct cl_err *) = {from_tsm, from_sev_guest, from_tdx_guest,
                                                          from_tpm};
    const size_t count = CL_ARRAY_LEN(sources);
    bool paravisor = r->user_data || r->td_quote.len > 0;
    for (size_t i = paravisor ? count - 1 : 0; i < count; i++) {
        enum cl_status st = sources[i](r, ret_f, err);
        if (!is_absent(st, err)) {
            return st;
        }
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      paravisor ? "evidence: expected " CL_TPM_DEVICE ", got none"
                                : "evidence: expected configfs-tsm, " CL_SEV_GUEST_DEVICE
                                  ", " CL_TDX_GUEST_DEVICE " or " CL_TPM_DEVICE
                                  ", got none of them");
}

static enum cl_status quote_of_json(const struct cl_buf *raw, struct cl_buf *out,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *text = NULL;
    CL_TRY(cl_json_parse(raw->data, raw->len, "TD quote", &j, err));
    CL_TRY(cl_json_get_string(j, "TD quote", "quote", &text, err));
    return cl_b64url_decode(out, text, strcspn(text, "="), "quote", err);
}

enum cl_status evidence_read_td_quote(const char *path, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *quote = NULL;
    CL_TRY(cl_buf_read_file(&raw, path, 2 * CL_TDX_QUOTE_MAX_SIZE, err));
    enum cl_status st = CL_OK;
    if (raw.len == 0) {
        st = cl_err_at(err, CL_ERR_TRUNCATED, 0, "expected contents, got none");
    } else if (raw.data[0] == '{') {
        st = quote_of_json(&raw, out, err);
    } else {
        st = cl_buf_append(out, raw.data, raw.len, err);
    }
    if (st == CL_OK) { /* before the machine is asked for anything */
        st = cl_tdx_quote_parse(out->data, out->len, &quote, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "TD quote '%s'", path);
}
