/* SPDX-License-Identifier: Apache-2.0
 * tpm_gather.c - the evidence of a TPM: registers and a quote that belong together, and what
 * vouches for the key. Trust: see gather.h. Threads: one. Memory: the parts.
 * Spec: tdx.md e.1 (Azure's handles), e.3.
 */
#include "tpm_session.h"

#include "cloister/hcl_report.h"
#include "cloister/vtpm_evidence.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#define AZ_REPORT_INDEX 0x01400001u
#define AZ_USER_DATA_INDEX 0x01400002u
#define AZ_KEY_HANDLE 0x81000003u
#define POLL_MS 250u /* the paravisor takes some three seconds */
#define QUOTE_TRIES 5

/* The registers may change between reading and quoting: then the digests differ, and both are asked
 * for again. */
static enum cl_status quote(struct tpm_session *s, const struct cl_tpm_request *request,
                            struct cl_vtpm_parts *p, struct cl_err *err)
{
    for (int i = 0; i < QUOTE_TRIES; i++) {
        struct cl_tpm_quote q;
        struct cl_tpm_signature sig;
        uint8_t digest[CL_TPM_DIGEST_MAX];
        CL_TRY(tpm_session_read_pcrs(s, &request->selection, &p->pcrs, err));
        CL_TRY(tpm_session_quote(s, request, &p->message, &p->signature, err));
        CL_TRY(cl_tpm_quote_parse(p->message.data, p->message.len, &q, err));
        CL_TRY(cl_tpm_signature_parse(p->signature.data, p->signature.len, &sig, err));
        CL_TRY(cl_tpm_pcrs_digest(&p->pcrs, &q.selection, sig.hash, digest, err));
        if (q.pcr_digest_len == cl_tpm_hash_size(sig.hash) &&
            memcmp(digest, q.pcr_digest, q.pcr_digest_len) == 0) { /* public values */
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      "TPM: registers: expected them still while they are quoted, got changes in "
                      "each of %d tries",
                      QUOTE_TRIES);
}

static enum cl_status spki_of(const struct cl_buf *area, struct cl_buf *out, struct cl_err *err)
{
    struct cl_tpm_public pub = {0};
    unsigned char *der = NULL;
    CL_TRY(cl_tpm_public_parse(area->data, area->len, &pub, err));
    int n = i2d_PUBKEY(pub.key, &der);
    enum cl_status st =
        n > 0 ? cl_buf_append(out, der, (size_t)n, err) : cl_err_nomem(err, "attestation key");
    OPENSSL_free(der);
    cl_tpm_public_done(&pub);
    return st;
}

static enum cl_status gather_generic(struct tpm_session *s, const struct cl_tpm_request *request,
                                     struct cl_vtpm_parts *p, struct cl_err *err)
{
    p->kind = CL_TEE_CLASS_TPM;
    CL_TRY(tpm_session_make_key(s, request->key, err));
    CL_TRY(tpm_session_key_area(s, &p->ak_area, err));
    CL_TRY(spki_of(&p->ak_area, &p->ak_spki, err));
    return quote(s, request, p, err);
}

/* The az forms carry the bare RSASSA-SHA256 value. */
static enum cl_status strip_signature(struct cl_buf *signature, struct cl_err *err)
{
    struct cl_tpm_signature sig;
    CL_TRY(cl_tpm_signature_parse(signature->data, signature->len, &sig, err));
    if (sig.scheme != CL_TPM_ALG_RSASSA || sig.hash != CL_TPM_ALG_SHA256) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "TPM: signature: expected rsassa with sha256, got %s with %s",
                          cl_tpm_alg_name(sig.scheme), cl_tpm_alg_name(sig.hash));
    }
    cl_buf_reset(signature);
    return cl_buf_append(signature, sig.a, sig.a_len, err);
}

static enum cl_status read_report(struct tpm_session *s, ESYS_TR index, struct cl_buf *out,
                                  struct cl_hcl_report *ret_h, struct cl_err *err)
{
    cl_buf_reset(out);
    CL_TRY(tpm_session_read_nv(s, index, CL_HCL_MAX_SIZE, out, err));
    return cl_hcl_report_parse(out->data, out->len, ret_h, err);
}

static enum cl_status has_user_data(const struct cl_hcl_report *h,
                                    const uint8_t want[static CL_HCL_USER_DATA_SIZE], bool *ret_has,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_hcl_claims_done) struct cl_hcl_claims c = {0};
    CL_TRY(cl_hcl_claims_parse(h->runtime, h->runtime_len, &c, err));
    *ret_has = c.has_user_data && memcmp(c.user_data, want, sizeof(c.user_data)) == 0; /* public */
    return CL_OK;
}

/* tdx.md e.1: the paravisor makes a new report some time after the index was written. One that has
 * the data already is left as it is: a TD quote may have been made of it. */
static enum cl_status bind_user_data(struct tpm_session *s, ESYS_TR index,
                                     const struct cl_tpm_request *request, struct cl_buf *hcl,
                                     struct cl_hcl_report *h, struct cl_err *err)
{
    uint8_t want[CL_HCL_USER_DATA_SIZE] = {0};
    bool has = false;
    if (request->nonce_len > 0) {
        memcpy(want, request->nonce, request->nonce_len);
    }
    CL_TRY(has_user_data(h, want, &has, err));
    if (!has) {
        CL_TRY(tpm_session_write_nv(s, AZ_USER_DATA_INDEX, want, sizeof(want), err));
    }
    for (unsigned waited = 0; !has; waited += POLL_MS) {
        const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        if (waited >= request->user_data_timeout_ms) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE,
                              "TPM: paravisor's report: user-data: expected what was written, got "
                              "none or another for %u ms",
                              request->user_data_timeout_ms);
        }
        (void)nanosleep(&pause, NULL);
        CL_TRY(read_report(s, index, hcl, h, err));
        CL_TRY(has_user_data(h, want, &has, err));
    }
    return CL_OK;
}

/* The verifier would find out, too, but not say that the report is a newer one. */
static enum cl_status take_td_quote(const struct cl_hcl_report *h, const struct cl_buf *td_quote,
                                    struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *quote = NULL;
    struct cl_tdx_td td;
    bool tdx15 = false;
    CL_TRY(cl_tdx_quote_parse(td_quote->data, td_quote->len, &quote, err));
    CL_TRY(cl_tdx_report_decode(h->hardware, CL_HCL_TDREPORT_SIZE, &td, &tdx15, err));
    bool same = memcmp(cl_tdx_quote_td(quote)->report_data, td.report_data, /* public values */
                       sizeof(td.report_data)) == 0;
    if (!same) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "TD quote: report_data: expected that of the paravisor's report, got "
                          "another");
    }
    return cl_buf_append(out, td_quote->data, td_quote->len, err);
}

static enum cl_status gather_az(struct tpm_session *s, ESYS_TR report,
                                const struct cl_tpm_request *request, struct cl_vtpm_parts *p,
                                struct cl_err *err)
{
    struct cl_hcl_report h;
    CL_TRY(read_report(s, report, &p->hcl, &h, err));
    p->version = 1;
    if (request->user_data_timeout_ms != 0) {
        p->version = 2;
        CL_TRY(bind_user_data(s, report, request, &p->hcl, &h, err));
    }
    bool snp = h.hardware_type == CL_HCL_SNP;
    p->kind = snp ? CL_TEE_CLASS_AZ_SNP_VTPM : CL_TEE_CLASS_AZ_TDX_VTPM;
    if (!snp && request->td_quote != NULL) {
        CL_TRY(take_td_quote(&h, request->td_quote, &p->td_quote, err));
    }
    s->key = tpm_session_find(s, AZ_KEY_HANDLE);
    if (s->key == ESYS_TR_NONE) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "TPM: attestation key: expected handle 0x%08x, got none", AZ_KEY_HANDLE);
    }
    CL_TRY(quote(s, request, p, err));
    return strip_signature(&p->signature, err);
}

/* What was asked for by name must not seem to be there. */
static enum cl_status refuse_paravisors(const struct cl_tpm_request *r, bool snp,
                                        struct cl_err *err)
{
    if (r->td_quote != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TPM: TD quote: expected none beside %s, got one",
                          snp ? "a paravisor's report of SNP"
                              : "a TPM without a paravisor's report");
    }
    return r->user_data_timeout_ms == 0 || snp
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNAVAILABLE,
                            "TPM: user-data: expected a paravisor that takes it, got none");
}

enum cl_status cl_tpm_gather_parts(TSS2_TCTI_CONTEXT *tcti, const struct cl_tpm_request *request,
                                   struct cl_vtpm_parts *ret_parts, struct cl_err *err)
{
    CL_CLEANUP(tpm_session_done) struct tpm_session s = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    struct cl_tpm_request r = *request;
    if (r.nonce_len > CL_REPORT_DATA_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TPM: nonce: expected at most %u bytes, got %zu",
                          CL_REPORT_DATA_SIZE, r.nonce_len);
    }
    if (r.selection.bank_count == 0) {
        r.selection = (struct cl_tpm_selection){
            .bank_count = 1, .bank = {{CL_TPM_ALG_SHA256, (1u << CL_TPM_PCR_COUNT) - 1}}};
    }
    CL_TRY(tpm_session_open(&s, tcti, err));
    ESYS_TR report = tpm_session_find(&s, AZ_REPORT_INDEX);
    CL_TRY(report != ESYS_TR_NONE ? gather_az(&s, report, &r, &p, err)
                                  : gather_generic(&s, &r, &p, err));
    if (p.kind != CL_TEE_CLASS_AZ_TDX_VTPM) {
        CL_TRY(refuse_paravisors(&r, p.kind == CL_TEE_CLASS_AZ_SNP_VTPM, err));
    }
    *ret_parts = p;
    p = (struct cl_vtpm_parts){0}; /* moved */
    return CL_OK;
}

enum cl_status cl_tpm_gather(TSS2_TCTI_CONTEXT *tcti, const struct cl_tpm_request *request,
                             struct cl_vtpm_evidence **ret_ev, struct cl_err *err)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_TRY(cl_tpm_gather_parts(tcti, request, &p, err));
    if (p.kind == CL_TEE_CLASS_AZ_TDX_VTPM && p.td_quote.len == 0) {
        return cl_err_set(
            err, CL_ERR_UNAVAILABLE,
            "TPM: td_quote: expected the quote of the paravisor's TDREPORT, got none: "
            "the cloud's metadata service makes it");
    }
    return cl_vtpm_evidence_from_parts(&p, ret_ev, err);
}
