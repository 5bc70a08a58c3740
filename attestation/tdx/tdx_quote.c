/* SPDX-License-Identifier: Apache-2.0
 * tdx_quote.c - the wire layout of TDX quotes 4 and 5.
 * Trust: the bytes are hostile; lengths that a quote states must add up exactly. Threads: pure.
 * Memory: one allocation. Spec: tdx.md a.3 to a.5.
 */
#include "tdx/tdx_internal.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 48u
#define TEE_TDX 0x81u
#define KEY_P256 2u
#define BODY_TD10 2u
#define BODY_TD15 3u
#define TD10_SIZE 584u
#define CERT_PCK_CHAIN 5u
#define CERT_QE_REPORT 6u

_Static_assert(_Alignof(struct cl_tdx_td) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct cl_tdx_td) == 648, "TD report 1.5: size");
_Static_assert(_Alignof(struct tdx_qe_report) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct tdx_qe_report) == TDX_QE_REPORT_SIZE, "SGX report: size");
#define AT(type, field, offset)                                                                    \
    _Static_assert(offsetof(struct type, field) == (offset), "layout: " #field)
AT(cl_tdx_td, mrseam, 16);
AT(cl_tdx_td, mrsignerseam, 64);
AT(cl_tdx_td, seam_attributes, 112);
AT(cl_tdx_td, td_attributes, 120);
AT(cl_tdx_td, xfam, 128);
AT(cl_tdx_td, mrtd, 136);
AT(cl_tdx_td, mrconfigid, 184);
AT(cl_tdx_td, mrowner, 232);
AT(cl_tdx_td, mrownerconfig, 280);
AT(cl_tdx_td, rtmr, 328);
AT(cl_tdx_td, report_data, 520);
AT(cl_tdx_td, tee_tcb_svn2, TD10_SIZE);
AT(cl_tdx_td, mrservicetd, 600);
AT(tdx_qe_report, miscselect, 16);
AT(tdx_qe_report, attributes, 48);
AT(tdx_qe_report, mrenclave, 64);
AT(tdx_qe_report, mrsigner, 128);
AT(tdx_qe_report, isvprodid, 256);
AT(tdx_qe_report, isvsvn, 258);
AT(tdx_qe_report, report_data, 320);
#undef AT

static enum cl_status wrong(const struct cl_reader *r, struct cl_err *err, enum cl_status st,
                            const char *field, const char *expected, unsigned long got)
{
    return cl_err_at(err, st, r->pos, "quote: %s: expected %s, got %lu", field, expected, got);
}

static enum cl_status read_header(struct cl_reader *r, struct cl_tdx_quote *q, struct cl_err *err)
{
    struct cl_tdx_header *h = &q->header;
    h->version = cl_reader_le16(r, "version");
    h->att_key_type = cl_reader_le16(r, "att_key_type");
    h->tee_type = cl_reader_le32(r, "tee_type");
    cl_reader_copy(r, h->reserved, sizeof(h->reserved), "reserved");
    cl_reader_copy(r, h->qe_vendor_id, sizeof(h->qe_vendor_id), "qe_vendor_id");
    cl_reader_copy(r, h->user_data, sizeof(h->user_data), "user_data");
    CL_TRY(cl_reader_check(r, "quote", err));
    if (h->version == 3 || (h->version <= 5 && h->tee_type == 0)) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, 0,
                         "quote: tee_type: expected TDX (version 4 or 5, type 0x81), got an SGX "
                         "quote of version %u: it says nothing of a TD",
                         h->version);
    }
    if (h->version != 4 && h->version != 5) {
        return cl_err_at(
            err, CL_ERR_UNSUPPORTED, 0,
            "quote: version: expected 4 or 5, got %u (upgrade Cloister for newer ones)",
            h->version);
    }
    if (h->tee_type != TEE_TDX) {
        return wrong(r, err, CL_ERR_UNSUPPORTED, "tee_type", "129 (TDX)", h->tee_type);
    }
    if (h->att_key_type != KEY_P256) {
        return wrong(r, err, CL_ERR_UNSUPPORTED, "att_key_type", "2 (ECDSA P-256)",
                     h->att_key_type);
    }
    return CL_OK;
}

/* Version 5 says which body follows; version 4 has only one. */
static enum cl_status read_body(struct cl_reader *r, struct cl_tdx_quote *q, struct cl_err *err)
{
    size_t size = TD10_SIZE;
    if (q->header.version == 5) {
        uint16_t type = cl_reader_le16(r, "body_type");
        uint32_t stated = cl_reader_le32(r, "body_size");
        CL_TRY(cl_reader_check(r, "quote", err));
        if (type != BODY_TD10 && type != BODY_TD15) {
            return wrong(r, err, CL_ERR_UNSUPPORTED, "body_type", "2 or 3 (a TD)", type);
        }
        q->tdx15 = type == BODY_TD15;
        size = q->tdx15 ? sizeof(q->td) : TD10_SIZE;
        if (stated != size) {
            return wrong(r, err, CL_ERR_MALFORMED, "body_size", "the size of its type", stated);
        }
    }
    cl_reader_copy(r, &q->td, size, "body");
    CL_TRY(cl_reader_check(r, "quote", err));
    q->signed_part = (struct tdx_bytes){q->raw, r->pos};
    return CL_OK;
}

/* Certification data of one type: a reader of exactly its bytes. */
static enum cl_status open_cert_data(struct cl_reader *r, unsigned want, const char *expected,
                                     struct cl_reader *ret_inner, struct cl_err *err)
{
    uint16_t type = cl_reader_le16(r, "cert_type");
    uint32_t size = cl_reader_le32(r, "cert_size");
    CL_TRY(cl_reader_check(r, "quote", err));
    if (type != want) {
        return wrong(r, err, CL_ERR_UNSUPPORTED, "cert_type", expected, type);
    }
    *ret_inner = cl_reader_sub(r, size, "cert_data");
    return cl_reader_check(r, "quote", err);
}

static enum cl_status read_qe(struct cl_reader *r, struct cl_tdx_quote *q, struct cl_err *err)
{
    struct cl_reader chain;
    q->qe_report_raw = cl_reader_bytes(r, TDX_QE_REPORT_SIZE, "qe_report");
    q->qe_signature = cl_reader_bytes(r, TDX_SIG_SIZE, "qe_report_signature");
    q->qe_auth.len = cl_reader_le16(r, "qe_auth_size");
    q->qe_auth.data = cl_reader_bytes(r, q->qe_auth.len, "qe_auth");
    CL_TRY(cl_reader_check(r, "quote", err));
    memcpy(&q->qe_report, q->qe_report_raw, sizeof(q->qe_report));
    CL_TRY(open_cert_data(r, CERT_PCK_CHAIN, "5 (the chain of the PCK in PEM)", &chain, err));
    q->pck_chain = (struct tdx_bytes){chain.data, chain.len};
    return cl_reader_finish(r, "quote: qe certification data", err);
}

static enum cl_status read_signature(struct cl_reader *r, struct cl_tdx_quote *q,
                                     struct cl_err *err)
{
    struct cl_reader qe;
    q->signature = cl_reader_bytes(r, TDX_SIG_SIZE, "signature");
    q->att_key = cl_reader_bytes(r, TDX_POINT_SIZE, "attestation_key");
    CL_TRY(cl_reader_check(r, "quote", err));
    CL_TRY(open_cert_data(r, CERT_QE_REPORT, "6 (QE report certification data)", &qe, err));
    CL_TRY(read_qe(&qe, q, err));
    return cl_reader_finish(r, "quote: signature data", err);
}

static enum cl_status parse(struct cl_tdx_quote *q, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(q->raw, q->len);
    CL_TRY(read_header(&r, q, err));
    CL_TRY(read_body(&r, q, err));
    uint32_t size = cl_reader_le32(&r, "signature_size");
    struct cl_reader sig = cl_reader_sub(&r, size, "signature_data");
    CL_TRY(cl_reader_check(&r, "quote", err));
    q->trailing = cl_reader_left(&r);
    return read_signature(&sig, q, err);
}

enum cl_status cl_tdx_quote_parse(const uint8_t *data, size_t len, struct cl_tdx_quote **ret_quote,
                                  struct cl_err *err)
{
    if (len > CL_TDX_QUOTE_MAX_SIZE) {
        return cl_err_at(err, CL_ERR_MALFORMED, CL_TDX_QUOTE_MAX_SIZE,
                         "quote: size: expected at most %u bytes, got %zu", CL_TDX_QUOTE_MAX_SIZE,
                         len);
    }
    CL_CLEANUP(cl_tdx_quote_freep)
    struct cl_tdx_quote *q = malloc(sizeof(*q) + len);
    if (q == NULL) {
        return cl_err_nomem(err, "quote");
    }
    *q = (struct cl_tdx_quote){.len = len};
    memcpy(q->raw, data, len);
    CL_TRY(parse(q, err));
    *ret_quote = CL_TAKE(q);
    return CL_OK;
}

void cl_tdx_quote_free(struct cl_tdx_quote *quote)
{
    free(quote);
}

void cl_tdx_quote_freep(struct cl_tdx_quote **quote)
{
    cl_tdx_quote_free(*quote);
    *quote = NULL;
}

const struct cl_tdx_header *cl_tdx_quote_header(const struct cl_tdx_quote *quote)
{
    return &quote->header;
}

const struct cl_tdx_td *cl_tdx_quote_td(const struct cl_tdx_quote *quote)
{
    return &quote->td;
}

bool cl_tdx_quote_is_tdx15(const struct cl_tdx_quote *quote)
{
    return quote->tdx15;
}

size_t cl_tdx_quote_trailing(const struct cl_tdx_quote *quote)
{
    return quote->trailing;
}

bool cl_tdx_quote_detect(const uint8_t *data, size_t len)
{
    struct cl_reader r = cl_reader_init(data, len);
    uint16_t version = cl_reader_le16(&r, "version");
    uint16_t key_type = cl_reader_le16(&r, "att_key_type");
    uint32_t tee_type = cl_reader_le32(&r, "tee_type");
    bool sgx = version == 3 || tee_type == 0;
    return len > HEADER_SIZE && version >= 3 && version <= 5 && (key_type == 2 || key_type == 3) &&
           (sgx || tee_type == TEE_TDX);
}

bool tdx_all_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++) {
        if (b[i] != 0) {
            return false;
        }
    }
    return true;
}
