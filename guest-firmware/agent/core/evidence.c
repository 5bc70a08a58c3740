/* SPDX-License-Identifier: Apache-2.0
 * evidence.c - evidence of each class, asked for, held against what was asked, and written.
 * Trust, threads, memory: agent/evidence.h.
 */
#include "agent/evidence.h"

#include "base/io.h"
#include "base/json.h"
#include "base/secret.h"
#include "cloister/snp_report.h"
#include "cloister/tdx_quote.h"

#include <errno.h>
#include <string.h>

const char *agent_evidence_form(enum agent_tee tee)
{
    return tee == AGENT_TEE_TDX ? "tdx" : "snp";
}

static enum cl_status stale(const char *what, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_REJECTED,
                      "%s: report_data: expected what was asked for, got another value", what);
}

/* The kernel names the driver that answered: one of another class is nobody's evidence. */
static enum cl_status from_tsm(const struct agent_evidence *e, const char *provider,
                               const uint8_t report_data[static 64], struct cl_tsm_report *ret_r,
                               struct cl_err *err)
{
    CL_TRY(cl_tsm_get(e->tsm_root, report_data, ret_r, err));
    return strcmp(ret_r->provider, provider) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "configfs-tsm: provider: expected %s, got '%s'",
                            provider, ret_r->provider);
}

/* ---- SEV-SNP, and class sim ---- */

/* A kernel without configfs-tsm, or with nobody behind it. */
static bool is_absent(enum cl_status st, const struct cl_err *err)
{
    return st == CL_ERR_SYS && (err->sys_errno == ENOENT || err->sys_errno == ENXIO);
}

static enum cl_status ask_snp(const struct agent_evidence *e, const uint8_t report_data[static 64],
                              struct cl_buf *ret_report, struct cl_buf *ret_certs,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    struct cl_err why = {0};
    enum cl_status st = from_tsm(e, "sev_guest", report_data, &r, &why);
    if (is_absent(st, &why)) {
        return cl_sev_guest_get(e->sev_guest, report_data, ret_report, ret_certs, err);
    }
    if (st != CL_OK) {
        return cl_err_set(err, st, "%s", why.msg);
    }
    CL_TRY(cl_buf_append(ret_report, r.report.data, r.report.len, err));
    return cl_buf_append(ret_certs, r.certs.data, r.certs.len, err);
}

static enum cl_status get_snp(const struct agent_evidence *e, const uint8_t report_data[static 64],
                              struct cl_buf *ret_report, struct cl_buf *ret_certs,
                              struct cl_snp_report *ret_r, struct cl_err *err)
{
    CL_TRY(e->tee == AGENT_TEE_SIM ? agent_evidence_sim(e, report_data, ret_report, ret_certs, err)
                                   : ask_snp(e, report_data, ret_report, ret_certs, err));
    CL_TRY(cl_snp_report_decode(ret_report->data, ret_report->len, ret_r, err));
    return memcmp(ret_r->report_data, report_data, 64) == 0 ? CL_OK /* public */
                                                            : stale("report", err);
}

static enum cl_status snp_field(const struct agent_evidence *e, const uint8_t fresh[static 64],
                                uint8_t *ret_field, size_t *ret_size, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    struct cl_snp_report r;
    CL_TRY(get_snp(e, fresh, &report, &certs, &r, err));
    memcpy(ret_field, r.host_data, sizeof(r.host_data));
    *ret_size = sizeof(r.host_data);
    return CL_OK;
}

static enum cl_status snp_json(const struct agent_evidence *e, const uint8_t report_data[static 64],
                               json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    struct cl_snp_report r;
    CL_TRY(get_snp(e, report_data, &report, &certs, &r, err));
    return cl_snp_gathered_json(&report, &certs, ret_j, err);
}

/* ---- TDX ---- */

enum cl_status agent_evidence_td(const struct agent_evidence *e,
                                 const uint8_t report_data[static 64], struct cl_tdx_td *ret_td,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    bool tdx15 = false;
    CL_TRY(cl_tdx_guest_get(e->tdx_guest, report_data, &report, err));
    return cl_tdx_report_decode(report.data, report.len, ret_td, &tdx15, err);
}

static enum cl_status tdx_field(const struct agent_evidence *e, const uint8_t fresh[static 64],
                                uint8_t *ret_field, size_t *ret_size, struct cl_err *err)
{
    struct cl_tdx_td td;
    CL_TRY(agent_evidence_td(e, fresh, &td, err));
    memcpy(ret_field, td.mrconfigid, sizeof(td.mrconfigid));
    *ret_size = sizeof(td.mrconfigid);
    return CL_OK;
}

/* What a quote says of the TD itself; its platform may be updated between two reports. */
#define TD_OWN_FROM offsetof(struct cl_tdx_td, td_attributes)
#define TD_OWN_TO offsetof(struct cl_tdx_td, report_data)

static enum cl_status check_quote(const struct agent_evidence *e, const struct cl_buf *raw,
                                  const uint8_t report_data[static 64], struct cl_err *err)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *quote = NULL;
    struct cl_tdx_td own;
    CL_TRY(cl_tdx_quote_parse(raw->data, raw->len, &quote, err));
    const struct cl_tdx_td *td = cl_tdx_quote_td(quote);
    if (memcmp(td->report_data, report_data, sizeof(td->report_data)) != 0) { /* public */
        return stale("quote", err);
    }
    CL_TRY(agent_evidence_td(e, report_data, &own, err));
    const uint8_t *said = (const uint8_t *)td + TD_OWN_FROM;
    const uint8_t *is = (const uint8_t *)&own + TD_OWN_FROM;
    return memcmp(said, is, TD_OWN_TO - TD_OWN_FROM) == 0 /* public */
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED,
                            "quote: TD: expected this one (attributes, MRTD, MRCONFIGID, owners, "
                            "RTMRs), got another");
}

static enum cl_status quote_and_log(const struct agent_evidence *e,
                                    const uint8_t report_data[static 64], struct cl_tsm_report *r,
                                    struct cl_buf *log, struct cl_err *err)
{
    CL_TRY(from_tsm(e, "tdx_guest", report_data, r, err));
    CL_TRY(check_quote(e, &r->report, report_data, err));
    CL_TRY(cl_ccel_read(e->ccel, log, err));
    return e->runtime != NULL ? agent_runtime_log_join(e->runtime, log, err) : CL_OK;
}

static enum cl_status tdx_json(const struct agent_evidence *e, const uint8_t report_data[static 64],
                               json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf log = {0};
    if (e->runtime != NULL) {
        (void)pthread_mutex_lock(&e->runtime->lock);
    }
    enum cl_status st = quote_and_log(e, report_data, &r, &log, err);
    if (e->runtime != NULL) {
        (void)pthread_mutex_unlock(&e->runtime->lock);
    }
    CL_TRY(st);
    return cl_tdx_gathered_json(&r.report, &log, ret_j, err);
}

/* ---- all ---- */

static enum cl_status no_class(struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_REJECTED, "evidence: class: expected snp, tdx or sim, got none");
}

enum cl_status agent_evidence_launch_field(const struct agent_evidence *e,
                                           uint8_t ret_field[static AGENT_LAUNCH_FIELD_MAX],
                                           size_t *ret_size, struct cl_err *err)
{
    uint8_t fresh[64];
    CL_TRY(cl_random(fresh, sizeof(fresh), err));
    switch (e->tee) {
    case AGENT_TEE_SNP:
    case AGENT_TEE_SIM:
        return snp_field(e, fresh, ret_field, ret_size, err);
    case AGENT_TEE_TDX:
        return tdx_field(e, fresh, ret_field, ret_size, err);
    case AGENT_TEE_NONE:
        break;
    }
    return no_class(err);
}

enum cl_status agent_evidence_json(const struct agent_evidence *e,
                                   const uint8_t report_data[static 64], struct cl_buf *out,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    switch (e->tee) {
    case AGENT_TEE_SNP:
    case AGENT_TEE_SIM:
        CL_TRY(snp_json(e, report_data, &j, err));
        break;
    case AGENT_TEE_TDX:
        CL_TRY(tdx_json(e, report_data, &j, err));
        break;
    case AGENT_TEE_NONE:
        return no_class(err);
    }
    return cl_json_compact(j, out, err);
}
