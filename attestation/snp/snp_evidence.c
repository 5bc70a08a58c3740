/* SPDX-License-Identifier: Apache-2.0
 * snp_evidence.c - a report and its certificates, and the file forms certificates come in.
 * Trust: hostile bytes; certificates must be well-formed DER, and nothing more is believed.
 * Threads: none of its own. Memory: bounded by CL_SNP_CERTS_MAX * CL_SNP_CERT_MAX_SIZE.
 */
#include "snp/snp_evidence.h"

#include "base/encode.h"
#include "x509/x509.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cl_status snp_evidence_new(struct cl_snp_evidence **ret_ev, struct cl_err *err)
{
    struct cl_snp_evidence *ev = calloc(1, sizeof(*ev));
    if (ev == NULL) {
        return cl_err_nomem(err, "SNP evidence");
    }
    *ret_ev = ev;
    return CL_OK;
}

void cl_snp_evidence_free(struct cl_snp_evidence *ev)
{
    if (ev == NULL) {
        return;
    }
    for (size_t i = 0; i < ev->cert_count; i++) {
        free(ev->certs[i].der);
        X509_free(ev->certs[i].x509);
    }
    free(ev);
}

void cl_snp_evidence_freep(struct cl_snp_evidence **ev)
{
    cl_snp_evidence_free(*ev);
    *ev = NULL;
}

enum cl_status cl_snp_evidence_from_report(const uint8_t *data, size_t len,
                                           struct cl_snp_evidence **ret_ev, struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_TRY(snp_evidence_new(&ev, err));
    CL_TRY(cl_snp_report_decode(data, len, &ev->report, err));
    *ret_ev = CL_TAKE(ev);
    return CL_OK;
}

enum cl_status snp_evidence_add(struct cl_snp_evidence *ev, enum cl_snp_cert_type type,
                                const uint8_t *guid, const uint8_t *data, size_t len,
                                struct cl_err *err)
{
    if (ev->cert_count == CL_SNP_CERTS_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "certificates: expected at most %u, got more",
                          CL_SNP_CERTS_MAX);
    }
    if (len == 0 || len > CL_SNP_CERT_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "certificate: size: expected 1 to %u bytes, got %zu",
                          CL_SNP_CERT_MAX_SIZE, len);
    }
    struct snp_cert c = {.type = type, .len = len};
    if (type != CL_SNP_CERT_OTHER && type != CL_SNP_CERT_CRL) {
        CL_TRY(cl_x509_parse(data, len, &c.x509, err));
    }
    if (guid != NULL) {
        memcpy(c.other_guid, guid, sizeof(c.other_guid));
    }
    c.der = malloc(len);
    if (c.der == NULL) {
        X509_free(c.x509);
        return cl_err_nomem(err, "certificate");
    }
    memcpy(c.der, data, len);
    ev->certs[ev->cert_count++] = c;
    return CL_OK;
}

enum cl_status cl_snp_evidence_add_der(struct cl_snp_evidence *ev, enum cl_snp_cert_type type,
                                       const uint8_t *der, size_t len, struct cl_err *err)
{
    return snp_evidence_add(ev, type, /* guid= */ NULL, der, len, err);
}

/* What a certificate from a file is called: by its key, and by who issued it. */
static enum cl_snp_cert_type guess_type(const X509 *x)
{
    if (!cl_x509_key_is_p384(x)) {
        return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0
                   ? CL_SNP_CERT_ARK
                   : CL_SNP_CERT_ASK;
    }
    char cn[CL_X509_CN_SIZE];
    cl_x509_cn(X509_get_subject_name(x), cn);
    return strcmp(cn, "SEV-VLEK") == 0 ? CL_SNP_CERT_VLEK : CL_SNP_CERT_VCEK;
}

static enum cl_status add_guessed(void *ctx, const uint8_t *der, size_t len, struct cl_err *err)
{
    struct cl_snp_evidence *ev = ctx;
    CL_TRY(snp_evidence_add(ev, CL_SNP_CERT_VCEK, /* guid= */ NULL, der, len, err));
    struct snp_cert *c = &ev->certs[ev->cert_count - 1];
    c->type = guess_type(c->x509);
    return CL_OK;
}

enum cl_status cl_snp_evidence_add_file_bytes(struct cl_snp_evidence *ev, const uint8_t *data,
                                              size_t len, struct cl_err *err)
{
    static const char pem[] = "-----BEGIN ";
    if (len == 0) {
        return cl_err_at(err, CL_ERR_TRUNCATED, 0, "certificates: expected some, got nothing");
    }
    if (len > CL_SNP_CERT_TABLE_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "certificates: size: expected at most %u bytes, got %zu",
                          CL_SNP_CERT_TABLE_MAX_SIZE, len);
    }
    if (memmem(data, len, pem, sizeof(pem) - 1) != NULL) {
        return cl_x509_pem_each(data, len, add_guessed, ev, err);
    }
    if (data[0] == 0x30) {
        return add_guessed(ev, data, len, err);
    }
    return cl_snp_evidence_add_table(ev, data, len, err);
}

const struct cl_snp_report *cl_snp_evidence_report(const struct cl_snp_evidence *ev)
{
    return &ev->report;
}

size_t cl_snp_evidence_cert_count(const struct cl_snp_evidence *ev)
{
    return ev->cert_count;
}

const uint8_t *cl_snp_evidence_cert(const struct cl_snp_evidence *ev, size_t i,
                                    enum cl_snp_cert_type *ret_type, size_t *ret_len)
{
    *ret_type = ev->certs[i].type;
    *ret_len = ev->certs[i].len;
    return ev->certs[i].der;
}

/* Hex digits of each group of a GUID's text. */
static const uint8_t guid_groups[] = {4, 2, 2, 2, 6};

void snp_guid_format(const uint8_t guid[static 16], char ret[static SNP_GUID_TEXT_SIZE])
{
    char *p = ret;
    for (size_t g = 0; g < sizeof(guid_groups); g++) {
        if (g > 0) {
            *p++ = '-';
        }
        cl_hex(p, guid, guid_groups[g]);
        guid += guid_groups[g];
        p += 2 * (size_t)guid_groups[g];
    }
}

enum cl_status snp_guid_parse(const char *text, uint8_t ret[static 16], struct cl_err *err)
{
    char digits[33];
    size_t n = 0;
    bool good = strlen(text) == SNP_GUID_TEXT_SIZE - 1;
    for (size_t i = 0; good && i < SNP_GUID_TEXT_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        good = dash == (text[i] == '-');
        if (good && !dash) {
            digits[n++] = text[i];
        }
    }
    digits[n] = '\0';
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED, "GUID: expected 8-4-4-4-12 digits, got '%.40s'",
                          text);
    }
    return cl_unhex(ret, 16, digits, "GUID", err);
}
