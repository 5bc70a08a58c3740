/* SPDX-License-Identifier: Apache-2.0
 * vtpm_evidence.c - the parts of TPM evidence, parsed together.
 * Trust: hostile bytes; well-formed, and nothing more is believed. Threads: none of its own.
 * Memory: the parts, a key or two. Spec: kbs-protocol.md 13.
 */
#include "tpm/vtpm_internal.h"

#include <stdlib.h>
#include <string.h>

void cl_vtpm_parts_done(struct cl_vtpm_parts *p)
{
    cl_buf_done(&p->message);
    cl_buf_done(&p->signature);
    cl_buf_done(&p->hcl);
    cl_buf_done(&p->vcek);
    cl_buf_done(&p->td_quote);
    cl_buf_done(&p->ak_spki);
    cl_buf_done(&p->ak_area);
    *p = (struct cl_vtpm_parts){0};
}

void cl_vtpm_evidence_free(struct cl_vtpm_evidence *ev)
{
    if (ev == NULL) {
        return;
    }
    cl_vtpm_parts_done(&ev->parts);
    cl_snp_evidence_free(ev->snp);
    cl_tdx_quote_free(ev->tdx);
    EVP_PKEY_free(ev->ak);
    cl_tpm_public_done(&ev->area);
    free(ev);
}

void cl_vtpm_evidence_freep(struct cl_vtpm_evidence **ev)
{
    cl_vtpm_evidence_free(*ev);
    *ev = NULL;
}

enum cl_tee_class cl_vtpm_evidence_kind(const struct cl_vtpm_evidence *ev)
{
    return ev->parts.kind;
}

struct cl_snp_evidence *cl_vtpm_evidence_snp(struct cl_vtpm_evidence *ev)
{
    return ev->snp;
}

const struct cl_tpm_quote *cl_vtpm_evidence_quote(const struct cl_vtpm_evidence *ev)
{
    return &ev->quote;
}

const struct cl_tpm_pcrs *cl_vtpm_evidence_pcrs(const struct cl_vtpm_evidence *ev)
{
    return &ev->parts.pcrs;
}

enum cl_status cl_vtpm_evidence_ak(const struct cl_vtpm_evidence *ev, uint8_t ret[static 32],
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_hcl_claims_done) struct cl_hcl_claims c = {0};
    if (ev->ak != NULL) {
        return cl_tpm_key_digest(ev->ak, ret, err);
    }
    CL_TRY(cl_hcl_claims_parse(ev->hcl.runtime, ev->hcl.runtime_len, &c, err));
    return cl_tpm_key_digest(c.ak, ret, err);
}

const struct cl_tdx_quote *cl_vtpm_evidence_tdx(const struct cl_vtpm_evidence *ev)
{
    return ev->tdx;
}

static enum cl_status parse_hcl(struct cl_vtpm_evidence *ev, struct cl_err *err)
{
    const struct cl_vtpm_parts *p = &ev->parts;
    bool snp = p->kind == CL_TEE_CLASS_AZ_SNP_VTPM;
    CL_TRY(cl_hcl_report_parse(p->hcl.data, p->hcl.len, &ev->hcl, err));
    if ((ev->hcl.hardware_type == CL_HCL_SNP) != snp) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "HCL report: report_type: expected %u for %s, got %u",
                          snp ? CL_HCL_SNP : CL_HCL_TDX, cl_tee_class_name(p->kind),
                          (unsigned)ev->hcl.hardware_type);
    }
    if (!snp) {
        return cl_tdx_quote_parse(p->td_quote.data, p->td_quote.len, &ev->tdx, err);
    }
    CL_TRY(cl_snp_evidence_from_report(ev->hcl.hardware, CL_HCL_HARDWARE_SIZE, &ev->snp, err));
    return p->vcek.len == 0
               ? CL_OK
               : cl_snp_evidence_add_der(ev->snp, CL_SNP_CERT_VCEK, p->vcek.data, p->vcek.len, err);
}

/* A generic TPM's: TPMT_SIGNATURE, and its key in one form or two. */
static enum cl_status parse_generic(struct cl_vtpm_evidence *ev, struct cl_err *err)
{
    const struct cl_vtpm_parts *p = &ev->parts;
    CL_TRY(cl_tpm_signature_parse(p->signature.data, p->signature.len, &ev->signature, err));
    CL_TRY(cl_tpm_key_from_spki(p->ak_spki.data, p->ak_spki.len, &ev->ak, err));
    if (p->ak_area.len > 0) {
        CL_TRY(cl_tpm_public_parse(p->ak_area.data, p->ak_area.len, &ev->area, err));
    }
    return CL_OK;
}

/* Of the az forms: the value alone, RSASSA with SHA-256. */
static enum cl_status parse_bare_signature(struct cl_vtpm_evidence *ev, struct cl_err *err)
{
    const struct cl_buf *s = &ev->parts.signature;
    ev->signature =
        (struct cl_tpm_signature){.scheme = CL_TPM_ALG_RSASSA, .hash = CL_TPM_ALG_SHA256};
    if (s->len == 0 || s->len > sizeof(ev->signature.a)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM signature: size: expected 1 to %zu bytes, got %zu",
                          sizeof(ev->signature.a), s->len);
    }
    memcpy(ev->signature.a, s->data, s->len);
    ev->signature.a_len = s->len;
    return CL_OK;
}

static enum cl_status parse_parts(struct cl_vtpm_evidence *ev, struct cl_err *err)
{
    const struct cl_vtpm_parts *p = &ev->parts;
    CL_TRY(cl_tpm_quote_parse(p->message.data, p->message.len, &ev->quote, err));
    if (p->kind == CL_TEE_CLASS_TPM) {
        return parse_generic(ev, err);
    }
    CL_TRY(parse_bare_signature(ev, err));
    return parse_hcl(ev, err);
}

enum cl_status cl_vtpm_evidence_from_parts(struct cl_vtpm_parts *parts,
                                           struct cl_vtpm_evidence **ret_ev, struct cl_err *err)
{
    struct cl_vtpm_evidence *ev = calloc(1, sizeof(*ev));
    if (ev == NULL) {
        return cl_err_nomem(err, "TPM evidence");
    }
    ev->parts = *parts;
    enum cl_status st = parse_parts(ev, err);
    if (st != CL_OK) {
        ev->parts = (struct cl_vtpm_parts){0}; /* they stay the caller's */
        cl_vtpm_evidence_free(ev);
        return st;
    }
    *parts = (struct cl_vtpm_parts){0};
    *ret_ev = ev;
    return CL_OK;
}
