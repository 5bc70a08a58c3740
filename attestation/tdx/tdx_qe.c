/* SPDX-License-Identifier: Apache-2.0
 * tdx_qe.c - the quoting enclave: the PCK signs its report, its report names the attestation key,
 * that key signs the quote; and it is Intel's enclave for TDs and no other.
 * Trust: the quote is hostile. Threads: pure. Memory: one public key, while it runs.
 * Spec: tdx.md a.6; a.10, steps 5 and 6.
 */
#include "tdx/tdx_verify_internal.h"

#include "base/digest.h"
#include "base/encode.h"

#include <string.h>

#define QE_DEBUG 0x02u /* ATTRIBUTES, byte 0 */
#define TD_QE_PRODID 2u

/* Intel's signer of the TD quoting enclave: what is demanded when no QE Identity says more. Without
 * it any enclave that the platform certifies could pass for the quoting enclave. */
static const uint8_t td_qe_mrsigner[32] = {
    0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
    0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};

static void check_qe_signature(struct tdx_ctx *c)
{
    const char *id = "tdx.qe.signature";
    if (c->known.certs[0] == NULL || !cl_x509_key_is_p256(c->known.certs[0])) {
        cl_verdict_skip(c->result, id, "there is no PCK certificate with a key on P-256");
        return;
    }
    bool good = tdx_signed_by(X509_get0_pubkey(c->known.certs[0]), c->quote->qe_report_raw,
                              TDX_QE_REPORT_SIZE, c->quote->qe_signature);
    struct cl_check *k = cl_verdict_check(c->result, id, good);
    cl_check_expected(k, "ECDSA P-256 with SHA-256 over the QE's report, by the PCK");
    cl_check_actual(k, "%s", good ? "the same" : "a signature that does not verify");
}

/* REPORTDATA of the QE is the SHA-256 of attestation key and authentication data, then zeros. */
static enum cl_status check_binding(struct tdx_ctx *c, struct cl_err *err)
{
    const struct cl_tdx_quote *q = c->quote;
    uint8_t want[sizeof(q->qe_report.report_data)] = {0};
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *sha = NULL;
    CL_TRY(cl_sha256_new(&sha, err));
    CL_TRY(cl_sha256_update(sha, q->att_key, TDX_POINT_SIZE, err));
    CL_TRY(cl_sha256_update(sha, q->qe_auth.data, q->qe_auth.len, err));
    CL_TRY(cl_sha256_final(sha, want, err));
    struct cl_check *k = cl_verdict_check(
        c->result, "tdx.qe.binding", memcmp(want, q->qe_report.report_data, sizeof(want)) == 0);
    cl_check_hex(k, want, q->qe_report.report_data, sizeof(want));
    cl_check_why(k, "SHA-256 of attestation key and QE authentication data, in the QE's report");
    return CL_OK;
}

static enum cl_status check_quote_signature(struct tdx_ctx *c, struct cl_err *err)
{
    const struct cl_tdx_quote *q = c->quote;
    struct cl_err e = {0};
    enum cl_status st = c->met ? CL_OK : cl_x509_p256_key(q->att_key, &c->known.att_pkey, &e);
    if (st == CL_ERR_NOMEM) {
        return cl_err_wrap(err, st, "attestation key");
    }
    memcpy(c->known.att_key, q->att_key, sizeof(c->known.att_key));
    bool good = st == CL_OK && tdx_signed_by(c->known.att_pkey, q->signed_part.data,
                                             q->signed_part.len, q->signature);
    struct cl_check *k = cl_verdict_check(c->result, "tdx.quote.signature", good);
    cl_check_expected(k, "ECDSA P-256 with SHA-256 over header and body, by the attestation key");
    cl_check_actual(k, "%s",
                    good          ? "the same"
                    : st != CL_OK ? "a key that is no point of the curve"
                                  : "a signature that does not verify");
    return CL_OK;
}

enum cl_status tdx_check_signatures(struct tdx_ctx *c, struct cl_err *err)
{
    check_qe_signature(c);
    CL_TRY(check_binding(c, err));
    return check_quote_signature(c, err);
}

static bool masked_equal(const uint8_t *got, const uint8_t *mask, const uint8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((got[i] & mask[i]) != want[i]) {
            return false;
        }
    }
    return true;
}

/* The first part of the identity that is not as it should be; NULL when all is. */
static const char *qe_mismatch(const struct tdx_qe_report *r, const struct tdx_qe_identity *id)
{
    const uint8_t *mrsigner = id != NULL ? id->mrsigner : td_qe_mrsigner;
    unsigned prodid = id != NULL ? id->isvprodid : TD_QE_PRODID;
    if ((r->attributes[0] & QE_DEBUG) != 0) {
        return "a debug enclave";
    }
    if (memcmp(r->mrsigner, mrsigner, sizeof(r->mrsigner)) != 0) {
        return "another MRSIGNER";
    }
    if (cl_le16_get(&r->isvprodid) != prodid) {
        return "another ISVPRODID";
    }
    if (id != NULL && !masked_equal(r->miscselect.b, id->miscselect_mask, id->miscselect,
                                    sizeof(r->miscselect))) {
        return "another MISCSELECT";
    }
    if (id != NULL &&
        !masked_equal(r->attributes, id->attributes_mask, id->attributes, sizeof(r->attributes))) {
        return "other ATTRIBUTES";
    }
    return NULL;
}

void tdx_check_qe_identity(struct tdx_ctx *c)
{
    const struct tdx_qe_identity *id = c->qe_trusted ? c->v->qe_identity : NULL;
    const char *bad = qe_mismatch(&c->quote->qe_report, id);
    char signer[2 * sizeof(td_qe_mrsigner) + 1];
    cl_hex(signer, id != NULL ? id->mrsigner : td_qe_mrsigner, sizeof(td_qe_mrsigner));
    struct cl_check *k = cl_verdict_check(c->result, "tdx.qe.identity", bad == NULL);
    cl_check_expected(k, "the TD quoting enclave, MRSIGNER %s", signer);
    cl_check_actual(k, "%s", bad == NULL ? "the same" : bad);
    if (id == NULL) {
        cl_check_why(k,
                     "compared with the signer known to this version, for want of a QE Identity");
    }
}
