/* SPDX-License-Identifier: Apache-2.0
 * evidence.c - what collateral a piece of evidence will need.
 * Trust: the evidence is hostile and nothing of it is verified here: at worst the wrong documents
 *        are fetched, which are then of no use to the verifier. Only hex digits and numbers of it
 *        reach a URL.
 * Threads: none of its own. Memory: the file.
 */
#include "fetch.h"

#include "base/bytes.h"
#include "cloister/snp_evidence.h"
#include "x509/x509.h"

#include <ctype.h>
#include <string.h>

#define MAX_EVIDENCE (4u << 20)
#define TDX_TEE_TYPE 0x81u
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"

static enum cl_status from_snp_report(const struct cl_snp_report *r, enum cl_snp_product product,
                                      struct fetch_request *q, struct cl_err *err)
{
    static const uint8_t zero[CL_SNP_CHIP_ID_SIZE];
    q->product =
        r->version >= 3 ? cl_snp_product_from_fms(r->cpuid_fam_id, r->cpuid_mod_id) : product;
    if (q->product == CL_SNP_PRODUCT_UNKNOWN) {
        return cl_err_set(
            err, CL_ERR_UNSUPPORTED,
            "report: product: expected %s, got version %u, family 0x%02x, model 0x%02x",
            "one that the report or --product names", (unsigned)r->version,
            (unsigned)r->cpuid_fam_id, (unsigned)r->cpuid_mod_id);
    }
    q->vlek = (r->key_info >> 2 & 7u) == 1u; /* snp.md a.1 KEY_INFO */
    q->tcb = cl_snp_tcb_decode(r->reported_tcb, q->product == CL_SNP_PRODUCT_TURIN);
    q->has_chip = memcmp(r->chip_id, zero, sizeof(zero)) != 0; /* public */
    memcpy(q->chip_id, r->chip_id, sizeof(q->chip_id));
    return CL_OK;
}

/* FMSPC in the SGX extension of a PCK certificate: its OID, then an OCTET STRING of 6 bytes
 * (tdx.md a.8). A hint is enough here, so the structure around it is not walked. */
static bool find_fmspc(const X509 *x, uint8_t ret[static CL_COLLATERAL_FMSPC_SIZE])
{
    static const uint8_t mark[] = {0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8,
                                   0x4d, 0x01, 0x0d, 0x01, 0x04, 0x04, 0x06};
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        const ASN1_OCTET_STRING *s = X509_EXTENSION_get_data(X509_get_ext(x, i));
        const uint8_t *p = ASN1_STRING_get0_data(s);
        size_t len = (size_t)ASN1_STRING_length(s);
        const uint8_t *at = memmem(p, len, mark, sizeof(mark));
        size_t left = at != NULL ? len - (size_t)(at - p) - sizeof(mark) : 0;
        if (left >= CL_COLLATERAL_FMSPC_SIZE) {
            memcpy(ret, at + sizeof(mark), CL_COLLATERAL_FMSPC_SIZE);
            return true;
        }
    }
    return false;
}

/* A quote brings its PCK chain as PEM text: that names FMSPC and CA. */
static enum cl_status from_quote(const struct cl_buf *raw, struct fetch_request *q,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_x509_chain_done) struct cl_x509_chain chain = {0};
    const uint8_t *pem = memmem(raw->data, raw->len, PEM_BEGIN, sizeof(PEM_BEGIN) - 1);
    char ca[CL_X509_CN_SIZE] = "";
    if (pem == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "quote: PCK chain: expected one in PEM, got none: give --fmspc and --ca");
    }
    CL_TRY(cl_x509_chain_parse(pem, raw->len - (size_t)(pem - raw->data), &chain, err));
    cl_x509_cn(X509_get_issuer_name(chain.certs[0]), ca);
    bool platform = strcmp(ca, "Intel SGX PCK Platform CA") == 0;
    if (!find_fmspc(chain.certs[0], q->fmspc) ||
        (!platform && strcmp(ca, "Intel SGX PCK Processor CA") != 0)) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "quote: PCK certificate: expected an FMSPC and Intel's PCK CA, got issuer "
            "'%s'",
            ca);
    }
    q->intel = true;
    q->ca = platform ? CL_COLLATERAL_PLATFORM : CL_COLLATERAL_PROCESSOR;
    return CL_OK;
}

/* Versions 4 and 5 of TDX (tdx.md a.3). */
static bool is_tdx_quote(const struct cl_buf *raw)
{
    struct cl_reader r = cl_reader_init(raw->data, raw->len);
    uint16_t version = cl_reader_le16(&r, "version");
    uint16_t key_type = cl_reader_le16(&r, "attestation key type");
    uint32_t tee = cl_reader_le32(&r, "TEE type");
    return (version == 4 || version == 5) && key_type == 2 && tee == TDX_TEE_TYPE;
}

static enum cl_status from_snp(const struct cl_buf *raw, enum cl_snp_product product,
                               struct fetch_request *q, struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    size_t first = 0;
    while (first < raw->len && isspace(raw->data[first]) != 0) {
        first++;
    }
    if (first < raw->len && raw->data[first] == '{' && raw->len != CL_SNP_REPORT_SIZE) {
        CL_TRY(cl_snp_evidence_from_json_text(raw->data, raw->len, &ev, err));
    } else {
        CL_TRY(cl_snp_evidence_from_report(raw->data, raw->len, &ev, err));
    }
    return from_snp_report(cl_snp_evidence_report(ev), product, q, err);
}

enum cl_status fetch_request_from_evidence(const char *path, enum cl_snp_product product,
                                           struct fetch_request *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct fetch_request q = {0};
    CL_TRY(cl_buf_read_file(&raw, path, MAX_EVIDENCE, err));
    if (raw.len == 0) {
        return cl_err_at(err, CL_ERR_TRUNCATED, 0, "file '%s': expected contents, got none", path);
    }
    enum cl_status st =
        is_tdx_quote(&raw) ? from_quote(&raw, &q, err) : from_snp(&raw, product, &q, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "evidence '%s'", path);
    }
    *ret = q;
    return CL_OK;
}
