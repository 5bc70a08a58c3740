/* SPDX-License-Identifier: Apache-2.0
 * tdx_collateral.c - what Intel would publish for the played platform: TCB info, QE identity and
 * two CRLs, signed by the test PKI, as one JSON object (tdx.md a.6, a.9).
 */
#include "report_tdx.h"
#include "tdx_internal.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM 65536u
#define DAY 86400

struct text {
    char *data;
    size_t len;
    bool full;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->data + t->len, ROOM - t->len, fmt, ap);
    va_end(ap);
    t->full = t->full || n < 0 || (size_t)n >= ROOM - t->len;
    t->len += t->full ? 0 : (size_t)n;
}

static void add_hex(struct text *t, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        add(t, "%02x", data[i]);
    }
}

/* As the value of a JSON string: PEM has newlines, JSON has quotation marks. */
static void add_escaped(struct text *t, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\n') {
            add(t, "\\n");
        } else {
            add(t, *s == '"' ? "\\\"" : "%c", *s);
        }
    }
}

static void add_time(struct text *t, const char *name, int64_t at)
{
    time_t seconds = (time_t)at;
    struct tm tm;
    char out[32];
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &tm);
    add(t, "\"%s\":\"%s\"", name, out);
}

static void add_dates(struct text *t, int64_t now)
{
    add_time(t, "issueDate", now - 3600);
    add(t, ",");
    add_time(t, "nextUpdate", now + 30 * DAY);
}

static const char *status(const char *wanted)
{
    return wanted != NULL ? wanted : "UpToDate";
}

static void add_components(struct text *t, const char *name, const uint8_t svn[16])
{
    add(t, "\"%s\":[", name);
    for (unsigned i = 0; i < 16; i++) {
        add(t, "%s{\"svn\":%u}", i > 0 ? "," : "", svn[i]);
    }
    add(t, "]");
}

static void add_level(struct text *t, const struct model_pki *p, unsigned less, const char *word)
{
    uint8_t sgx[16], tdx[16] = {(uint8_t)(TDX_MODULE_SVN - less), 0, 0};
    memcpy(sgx, p->component_svn, sizeof(sgx));
    sgx[0] = (uint8_t)(sgx[0] - less);
    add(t, "{\"tcb\":{");
    add_components(t, "sgxtcbcomponents", sgx);
    add(t, ",\"pcesvn\":%u,", p->pce_svn);
    add_components(t, "tdxtcbcomponents", tdx);
    add(t, "},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"%s\"%s}", word,
        strcmp(word, "UpToDate") == 0 ? "" : ",\"advisoryIDs\":[\"INTEL-SA-00000\"]");
}

static void tcb_info(struct text *t, const struct model_pki *p, int64_t now,
                     const struct model_collateral_plan *plan)
{
    static const char zero[] = "\"mrsigner\":\"00000000000000000000000000000000000000000000000000"
                               "0000000000000000000000000000000000000000000000\",\"attributes\":"
                               "\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"";
    uint8_t fmspc[6];
    memcpy(fmspc, p->fmspc, sizeof(fmspc));
    fmspc[5] ^= plan->other_fmspc ? 1 : 0;
    add(t, "{\"id\":\"TDX\",\"version\":3,");
    add_dates(t, now);
    add(t, ",\"fmspc\":\"");
    add_hex(t, fmspc, sizeof(fmspc));
    add(t, "\",\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":17,");
    add(t, "\"tdxModule\":{%s},", zero);
    add(t, "\"tdxModuleIdentities\":[{\"id\":\"TDX_%02X\",%s,\"tcbLevels\":[", TDX_MODULE_MAJOR,
        zero);
    add(t,
        "{\"tcb\":{\"isvsvn\":%u},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"%s\"},"
        "{\"tcb\":{\"isvsvn\":2},\"tcbDate\":\"2023-08-09T00:00:00Z\","
        "\"tcbStatus\":\"OutOfDate\"}]}],",
        TDX_MODULE_SVN, status(plan->module_status));
    add(t, "\"tcbLevels\":[");
    add_level(t, p, 0, status(plan->platform_status));
    add(t, ",");
    add_level(t, p, 1, "OutOfDate");
    add(t, "]}");
}

static void qe_identity(struct text *t, const struct model_pki *p, int64_t now,
                        const struct model_collateral_plan *plan)
{
    add(t, "{\"id\":\"TD_QE\",\"version\":2,");
    add_dates(t, now);
    add(t, ",\"tcbEvaluationDataNumber\":17,\"miscselect\":\"00000000\",\"miscselectMask\":"
           "\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\",\"attributesMask\":"
           "\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":"
           "\"DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5\","
           "\"isvprodid\":2,\"tcbLevels\":[");
    add(t, "{\"tcb\":{\"isvsvn\":%u},\"tcbDate\":\"2024-03-13T00:00:00Z\",\"tcbStatus\":\"%s\"}]}",
        p->qe_svn, status(plan->qe_status));
}

/* A list by `key`, with one entry or none, in hexadecimal. */
static bool add_crl(struct text *t, X509 *issuer, EVP_PKEY *key, int64_t now, X509 *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)(now - 3600));
    ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)(now + 30 * DAY));
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509_REVOKED *entry = revoked != NULL ? X509_REVOKED_new() : NULL;
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    X509_EXTENSION *id = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid");
    bool good = crl != NULL && last != NULL && next != NULL && number != NULL && id != NULL &&
                X509_CRL_set_version(crl, 1) == 1 &&
                X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
                X509_CRL_set1_lastUpdate(crl, last) == 1 &&
                X509_CRL_set1_nextUpdate(crl, next) == 1 && ASN1_INTEGER_set(number, 1) == 1 &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1 &&
                X509_CRL_add_ext(crl, id, -1) == 1;
    if (good && revoked != NULL) {
        good = entry != NULL &&
               X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)) == 1 &&
               X509_REVOKED_set_revocationDate(entry, last) == 1 &&
               X509_CRL_add0_revoked(crl, entry) == 1;
        entry = good ? NULL : entry;
    }
    unsigned char *der = NULL;
    int size = good && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, key, EVP_sha256()) > 0
                   ? i2d_X509_CRL(crl, &der)
                   : -1;
    if (size > 0) {
        add_hex(t, der, (size_t)size);
    }
    OPENSSL_free(der);
    X509_REVOKED_free(entry);
    X509_EXTENSION_free(id);
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(next);
    ASN1_TIME_free(last);
    X509_CRL_free(crl);
    return size > 0;
}

/* "name":"<JSON, escaped>","name_signature":"<hex>": signed over the exact bytes (a.6). */
static bool add_signed(struct text *t, const struct model_pki *p, const char *name,
                       const struct text *value, bool spoil)
{
    uint8_t signature[64];
    if (value->full || !tdx_sign(p->tcb_key, (const uint8_t *)value->data, value->len, signature)) {
        return false;
    }
    signature[40] ^= spoil ? 1 : 0;
    add(t, "\"%s\":\"", name);
    add_escaped(t, value->data);
    add(t, "\",\"%s_signature\":\"", name);
    add_hex(t, signature, sizeof(signature));
    add(t, "\"");
    return true;
}

static bool add_chain(struct text *t, const char *name, const struct model_pki *p, bool tcb)
{
    char *pem = model_pki_chain(p, tcb);
    if (pem == NULL) {
        return false;
    }
    const char *from = tcb ? pem : strstr(pem + 1, "-----BEGIN"); /* the CRL's issuer and root */
    add(t, "\"%s\":\"", name);
    add_escaped(t, from != NULL ? from : pem);
    add(t, "\",");
    free(pem);
    return true;
}

char *model_collateral(const struct model_pki *p, int64_t now,
                       const struct model_collateral_plan *plan)
{
    const struct model_collateral_plan none = {0};
    struct text all = {.data = calloc(1, ROOM)}, tcb = {.data = calloc(1, ROOM)};
    struct text qe = {.data = calloc(1, ROOM)};
    plan = plan != NULL ? plan : &none;
    bool good = all.data != NULL && tcb.data != NULL && qe.data != NULL;
    if (good) {
        tcb_info(&tcb, p, now, plan);
        qe_identity(&qe, p, now, plan);
        add(&all, "{");
        good = add_chain(&all, "pck_crl_issuer_chain", p, false);
        add(&all, "\"root_ca_crl\":\"");
        good = good && add_crl(&all, p->root, p->root_key, now, plan->revoke_ca ? p->ca : NULL);
        add(&all, "\",\"pck_crl\":\"");
        good = good && add_crl(&all, p->ca, p->ca_key, now, plan->revoke_pck ? p->pck : NULL);
        add(&all, "\",");
        good = good && add_chain(&all, "tcb_info_issuer_chain", p, true) &&
               add_signed(&all, p, "tcb_info", &tcb, plan->spoil_tcb_info);
        add(&all, ",");
        good = good && add_chain(&all, "qe_identity_issuer_chain", p, true) &&
               add_signed(&all, p, "qe_identity", &qe, plan->spoil_qe_identity);
        add(&all, "}\n");
    }
    free(tcb.data);
    free(qe.data);
    if (!good || all.full) {
        free(all.data);
        return NULL;
    }
    return all.data;
}
