/* SPDX-License-Identifier: Apache-2.0
 * ear_claims.c - what evidence says, in Trustee's words (kbs-protocol.md 13): a policy that was
 * written for its tokens reads ours. (Where Trustee writes the Azure kinds' numbers as strings, we
 * write them as for the bare hardware.) Only verified evidence is described.
 */
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/tdx_verify.h"
#include "cloister/vtpm_verify.h"
#include "ear.h"
#include "value.h"

#include <stdio.h>

static json_t *hex(const void *data, size_t size)
{
    char text[2 * CL_VALUE_MAX_SIZE + 1];
    cl_hex(text, data, size < CL_VALUE_MAX_SIZE ? size : CL_VALUE_MAX_SIZE);
    return json_string(text);
}

/* Raw bytes of a little-endian number, as they stand in the quote. */
static json_t *hex_le(uint32_t x, size_t size)
{
    uint8_t b[4];
    for (size_t i = 0; i < sizeof(b); i++) {
        b[i] = (uint8_t)(x >> (8 * i));
    }
    return hex(b, size);
}

static json_t *header_json(const struct cl_tdx_header *h)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "version", hex_le(h->version, 2),
                     "att_key_type", hex_le(h->att_key_type, 2), "tee_type", hex_le(h->tee_type, 4),
                     "reserved", hex(h->reserved, sizeof(h->reserved)), "vendor_id",
                     hex(h->qe_vendor_id, sizeof(h->qe_vendor_id)), "user_data",
                     hex(h->user_data, sizeof(h->user_data)));
}

static json_t *body_json(const struct cl_tdx_quote *quote)
{
    const struct cl_tdx_td *td = cl_tdx_quote_td(quote);
    const struct {
        const char *name;
        const void *data;
        size_t size;
    } members[] = {
        {"tcb_svn", td->tee_tcb_svn, sizeof(td->tee_tcb_svn)},
        {"mr_seam", td->mrseam, sizeof(td->mrseam)},
        {"mrsigner_seam", td->mrsignerseam, sizeof(td->mrsignerseam)},
        {"seam_attributes", &td->seam_attributes, sizeof(td->seam_attributes)},
        {"td_attributes", &td->td_attributes, sizeof(td->td_attributes)},
        {"xfam", &td->xfam, sizeof(td->xfam)},
        {"mr_td", td->mrtd, sizeof(td->mrtd)},
        {"mr_config_id", td->mrconfigid, sizeof(td->mrconfigid)},
        {"mr_owner", td->mrowner, sizeof(td->mrowner)},
        {"mr_owner_config", td->mrownerconfig, sizeof(td->mrownerconfig)},
        {"rtmr_0", td->rtmr[0], sizeof(td->rtmr[0])},
        {"rtmr_1", td->rtmr[1], sizeof(td->rtmr[1])},
        {"rtmr_2", td->rtmr[2], sizeof(td->rtmr[2])},
        {"rtmr_3", td->rtmr[3], sizeof(td->rtmr[3])},
        {"report_data", td->report_data, sizeof(td->report_data)},
        {"tee_tcb_svn2", td->tee_tcb_svn2, sizeof(td->tee_tcb_svn2)},
        {"mr_servicetd", td->mrservicetd, sizeof(td->mrservicetd)},
    };
    size_t n = CL_ARRAY_LEN(members) - (cl_tdx_quote_is_tdx15(quote) ? 0 : 2);
    json_t *j = json_object();
    for (size_t i = 0; i < n; i++) {
        if (!cl_value_put_hex(j, members[i].name, members[i].data, members[i].size)) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

static json_t *attributes_json(const struct cl_tdx_td *td)
{
    uint64_t a = cl_le64_get(&td->td_attributes);
    return json_pack("{s:b, s:b, s:b, s:b, s:b}", "debug", (int)(a & 1), "septve_disable",
                     (int)(a >> 28 & 1), "protection_keys", (int)(a >> 30 & 1), "key_locker",
                     (int)(a >> 31 & 1), "perfmon", (int)(a >> 63 & 1));
}

static json_t *advisories_json(const struct cl_tdx_tcb *tcb)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tcb->advisory_count; i++) {
        if (json_array_append_new(list, json_string(tcb->advisory_ids[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

enum cl_status cl_ear_tdx_claims(const struct cl_tdx_quote *quote, const struct cl_tdx_tcb *tcb,
                                 json_t **ret_j, struct cl_err *err)
{
    char date[21];
    struct cl_tdx_platform platform;
    cl_time_format(date, tcb->date);
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:{s:o, s:o}, s:o, s:s, s:o, s:s, s:s}", "quote", "header",
                          header_json(cl_tdx_quote_header(quote)), "body", body_json(quote),
                          "td_attributes", attributes_json(cl_tdx_quote_td(quote)), "tcb_status",
                          cl_tdx_tcb_status_name(tcb->status), "advisory_ids", advisories_json(tcb),
                          "collateral_expiration_status", "0", "tcb_date", date);
    bool good = j != NULL;
    if (good && cl_tdx_quote_platform(quote, &platform, /* err= */ NULL) == CL_OK &&
        platform.has_instance) {
        good = cl_value_put_hex(j, "platform_instance_id", platform.instance,
                                sizeof(platform.instance));
    }
    if (!good) {
        return cl_err_nomem(err, "claims");
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

/* {"pcr00":"<hex>",...}: of bank sha256, what the quote covers. */
static json_t *registers_json(const struct cl_vtpm_evidence *ev)
{
    const struct cl_tpm_selection *s = &cl_vtpm_evidence_quote(ev)->selection;
    json_t *j = json_object();
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        char name[8];
        const uint8_t *v = cl_tpm_pcrs_get(cl_vtpm_evidence_pcrs(ev), CL_TPM_ALG_SHA256, i);
        (void)snprintf(name, sizeof(name), "pcr%02u", (unsigned)i);
        if (v != NULL && cl_tpm_selection_has(s, CL_TPM_ALG_SHA256, i) &&
            !cl_value_put_hex(j, name, v, 32)) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

enum cl_status cl_ear_vtpm_claims(struct cl_vtpm_evidence *ev, const struct cl_tdx_tcb *tcb,
                                  json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const struct cl_snp_evidence *snp = cl_vtpm_evidence_snp(ev);
    const struct cl_tdx_quote *tdx = cl_vtpm_evidence_tdx(ev);
    uint8_t ak[32];
    if (snp != NULL) {
        CL_TRY(cl_ear_snp_claims(cl_snp_evidence_report(snp), &j, err));
    } else if (tdx != NULL) {
        CL_TRY(cl_ear_tdx_claims(tdx, tcb, &j, err));
    } else {
        j = json_object();
    }
    CL_TRY(cl_vtpm_evidence_ak(ev, ak, err));
    if (j == NULL || json_object_set_new(j, "tpm", registers_json(ev)) != 0 ||
        !cl_value_put_hex(j, "ak", ak, sizeof(ak))) {
        return cl_err_nomem(err, "claims");
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}
