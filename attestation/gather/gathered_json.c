/* SPDX-License-Identifier: Apache-2.0
 * gathered_json.c - what kernel and firmware gave, in the JSON that brokers take.
 * Trust: see gather.h. Threads: none of its own. Memory: the JSON.
 * Spec: kbs-protocol.md 13.
 */
#include "cloister/gather.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/snp_evidence.h"
#include "cloister/tdx_event_log.h"

#include <errno.h>

enum cl_status cl_ccel_read(const char *path, struct cl_buf *out, struct cl_err *err)
{
    struct cl_err why = {0};
    enum cl_status st = cl_buf_read_file(out, path, CL_TDX_EVENT_LOG_MAX_SIZE, &why);
    if (st == CL_OK || (st == CL_ERR_SYS && why.sys_errno == ENOENT)) {
        return CL_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return st;
}

enum cl_status cl_snp_gathered_json(const struct cl_buf *report, const struct cl_buf *certs,
                                    json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_TRY(cl_snp_evidence_from_report(report->data, report->len, &ev, err));
    CL_TRY(cl_snp_evidence_add_table(ev, certs->data, certs->len, err));
    return cl_snp_evidence_to_json(ev, ret_j, err);
}

/* An empty buffer is null. */
static enum cl_status put_b64(json_t *obj, const char *key, const struct cl_buf *data,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_b64_encode(&text, data->data, data->len, err));
    json_t *value = data->len > 0 ? json_string((const char *)text.data) : json_null();
    return json_object_set_new(obj, key, value) == 0 ? CL_OK : cl_err_nomem(err, "evidence");
}

enum cl_status cl_tdx_gathered_json(const struct cl_buf *quote, const struct cl_buf *log,
                                    json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_object();
    CL_TRY(put_b64(j, "cc_eventlog", log, err));
    CL_TRY(put_b64(j, "quote", quote, err));
    *ret_j = CL_TAKE(j);
    return CL_OK;
}
