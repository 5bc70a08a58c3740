/* SPDX-License-Identifier: Apache-2.0
 * tdx_quote.c - the quoting enclave: a TDREPORT of this machine becomes a quote of version 4
 * (tdx.md a.3 to a.6); and the service around it, with QGS's messages (tdx.md c).
 */
#include "report_tdx.h"
#include "tdx_internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 48u
#define BODY 584u
#define QE_REPORT 384u
#define QE_AUTH 32u
#define QGS_HEADER 16u
#define QGS_MAX_IN 65536u

enum qgs_error {
    QGS_PARAM = 0x12003,
    QGS_VERSION = 0x12004,
    QGS_TYPE = 0x12005,
    QGS_SIZE = 0x12006,
    QGS_UNEXPECTED = 0x12001,
};

bool model_tdreport(const struct model_vm *vm, const uint8_t data[static 64],
                    uint8_t ret_report[static MODEL_TDREPORT_SIZE])
{
    return tdx_report(vm, data, ret_report);
}

bool tdx_sign(EVP_PKEY *key, const uint8_t *data, size_t size, uint8_t ret[static 64])
{
    uint8_t der[80];
    size_t len = sizeof(der);
    const uint8_t *p = der;
    ECDSA_SIG *sig = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, der, &len, data, size) == 1 &&
                (sig = d2i_ECDSA_SIG(NULL, &p, (long)len)) != NULL &&
                BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool public_key(EVP_PKEY *key, uint8_t ret[static 64])
{
    uint8_t point[65];
    size_t size = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
                                        sizeof(point), &size) != 1 ||
        size != sizeof(point) || point[0] != 4) {
        return false;
    }
    memcpy(ret, point + 1, 64);
    return true;
}

static void header(uint8_t *q)
{
    const uint8_t vendor[16] = {0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9,
                                0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07};
    model_put_le(q, 2, 4);
    model_put_le(q + 2, 2, 2); /* ECDSA P-256 */
    model_put_le(q + 4, 4, 0x81);
    memcpy(q + 12, vendor, sizeof(vendor));
    memset(q + 28, 0x1D, 16); /* which quoting enclave */
}

/* a.4: the report's members in the body's order. */
static void body(const uint8_t *report, uint8_t *b)
{
    const uint8_t *tcb = report + 256, *info = report + 512;
    memcpy(b, tcb + 8, 16);            /* TEE_TCB_SVN */
    memcpy(b + 16, tcb + 24, 48 + 48); /* MRSEAM, MRSIGNERSEAM */
    memcpy(b + 112, tcb + 120, 8);     /* SEAMATTRIBUTES */
    memcpy(b + 120, info, 400);        /* ATTRIBUTES to RTMR3 */
    memcpy(b + 520, report + 128, 64); /* REPORTDATA */
}

/* a.4, a.6: the enclave's own report, which binds the attestation key. */
static bool qe_report(const struct model_pki *p, const uint8_t *key, const uint8_t *auth,
                      uint8_t r[static QE_REPORT])
{
    const uint8_t signer[32] = {0xDC, 0x9E, 0x2A, 0x7C, 0x6F, 0x94, 0x8F, 0x17, 0x47, 0x4E, 0x34,
                                0xA7, 0xFC, 0x43, 0xED, 0x03, 0x0F, 0x7C, 0x15, 0x63, 0xF1, 0xBA,
                                0xBD, 0xDF, 0x63, 0x40, 0xC8, 0x2E, 0x0E, 0x54, 0xA8, 0xC5};
    uint8_t bound[64 + QE_AUTH];
    memset(r, 0, QE_REPORT);
    memcpy(r, p->component_svn, 16);
    r[48] = 0x11; /* initialised, provision key */
    r[56] = 0xE7;
    memset(r + 64, 0xE5, 32); /* MRENCLAVE */
    memcpy(r + 128, signer, sizeof(signer));
    model_put_le(r + 256, 2, 2); /* a.9: the TD's quoting enclave */
    model_put_le(r + 258, 2, p->qe_svn);
    memcpy(bound, key, 64);
    memcpy(bound + 64, auth, QE_AUTH);
    return EVP_Digest(bound, sizeof(bound), r + 320, NULL, EVP_sha256(), NULL) == 1;
}

/* a.5: everything after the body. Its size, or 0. */
static size_t signature_data(const struct model_pki *p, const uint8_t *quote, uint8_t *ret,
                             size_t room)
{
    uint8_t auth[QE_AUTH];
    char *chain = model_pki_chain(p, false);
    size_t chain_size = chain != NULL ? strlen(chain) + 1 : 0; /* NUL-terminated, as QGS's */
    size_t inner = QE_REPORT + 64 + 2 + QE_AUTH + 6 + chain_size;
    size_t all = 64 + 64 + 6 + inner;
    memset(auth, 0xA0, sizeof(auth));
    uint8_t *qe = ret + 4 + 134, *certificate = qe + QE_REPORT + 64 + 2 + QE_AUTH;
    bool good = chain != NULL && all + 4 <= room &&
                tdx_sign(p->attestation_key, quote, HEADER + BODY, ret + 4) &&
                public_key(p->attestation_key, ret + 4 + 64) &&
                qe_report(p, ret + 4 + 64, auth, qe) &&
                tdx_sign(p->pck_key, qe, QE_REPORT, qe + QE_REPORT);
    if (good) {
        model_put_le(ret, 4, all);
        model_put_le(ret + 4 + 128, 2, 6);
        model_put_le(ret + 4 + 130, 4, inner);
        model_put_le(qe + QE_REPORT + 64, 2, QE_AUTH);
        memcpy(qe + QE_REPORT + 64 + 2, auth, QE_AUTH);
        model_put_le(certificate, 2, 5);
        model_put_le(certificate + 2, 4, chain_size);
        memcpy(certificate + 6, chain, chain_size);
    }
    free(chain);
    return good ? all + 4 : 0;
}

size_t model_quote(const struct model_vm *vm, const struct model_pki *pki,
                   const uint8_t report[static MODEL_TDREPORT_SIZE],
                   uint8_t ret_quote[static MODEL_QUOTE_MAX])
{
    uint8_t *q = ret_quote;
    if (!tdx_report_genuine(vm, report)) {
        return 0;
    }
    memset(q, 0, MODEL_QUOTE_MAX);
    header(q);
    body(report, q + HEADER);
    size_t rest = signature_data(pki, q, q + HEADER + BODY, MODEL_QUOTE_MAX - HEADER - BODY);
    return rest != 0 ? HEADER + BODY + rest : 0;
}

/* ---- QGS ---- */

static void put_be32(uint8_t *p, size_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

/* The answer's length and header; `size` of what follows the header. */
static size_t answer(uint8_t *a, uint32_t type, uint32_t error, size_t size)
{
    put_be32(a, QGS_HEADER + size);
    model_put_le(a + 4, 2, 1);
    model_put_le(a + 6, 2, 1);
    model_put_le(a + 8, 4, type);
    model_put_le(a + 12, 4, QGS_HEADER + size);
    model_put_le(a + 16, 4, error);
    return 4 + QGS_HEADER + size;
}

/* What is wrong with a request for a quote; 0: nothing. */
static uint32_t request_error(const uint8_t *r, size_t size)
{
    size_t length = 0;
    for (unsigned i = 0; i < 4 && size >= 4; i++) {
        length = length << 8 | r[i]; /* c: big endian, alone among all */
    }
    if (size < 4 + QGS_HEADER || length != size - 4 || length > QGS_MAX_IN ||
        model_le(r + 12, 4) != length) {
        return QGS_SIZE;
    }
    if (model_le(r + 4, 2) != 1 || model_le(r + 6, 2) > 1) {
        return QGS_VERSION;
    }
    if (model_le(r + 8, 4) != 0) {
        return QGS_TYPE;
    }
    if (length < QGS_HEADER + 8 || model_le(r + 20, 4) != MODEL_TDREPORT_SIZE ||
        length != QGS_HEADER + 8 + MODEL_TDREPORT_SIZE + model_le(r + 24, 4) ||
        model_le(r + 16, 4) != 0) {
        return QGS_PARAM;
    }
    return 0;
}

size_t model_qgs(const struct model_vm *vm, const struct model_pki *pki, const uint8_t *request,
                 size_t size, uint8_t ret_answer[static MODEL_QGS_MAX])
{
    uint8_t report[MODEL_TDREPORT_SIZE];
    uint32_t error = request_error(request, size);
    if (error != 0) {
        return answer(ret_answer, 1, error, 0);
    }
    memcpy(report, request + 4 + QGS_HEADER + 8, sizeof(report));
    uint8_t *quote = malloc(MODEL_QUOTE_MAX);
    size_t quote_size = quote != NULL ? model_quote(vm, pki, report, quote) : 0;
    if (quote_size == 0) {
        free(quote);
        return answer(ret_answer, 1, QGS_UNEXPECTED, 0);
    }
    model_put_le(ret_answer + 4 + QGS_HEADER, 4, 0); /* selected id */
    model_put_le(ret_answer + 8 + QGS_HEADER, 4, quote_size);
    memcpy(ret_answer + 12 + QGS_HEADER, quote, quote_size);
    free(quote);
    return answer(ret_answer, 1, 0, 8 + quote_size);
}
