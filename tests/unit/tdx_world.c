/* SPDX-License-Identifier: Apache-2.0
 * tdx_world.c - see tdx_world.h.
 */
#include "tdx_world.h"

#include "base/digest.h"
#include "base/json.h"

#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEAR (365 * TW_DAY)
#define ZEROS96                                                                                    \
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
    "0000"

/* Not Check's assertions: the world is also made before any test runs. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "tdx_world.c:%d: %s\n", __LINE__, #condition);                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static EVP_PKEY *keys[TW_KEY_COUNT];

static const uint8_t intel_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                         0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
static const uint8_t qe_mrsigner[32] = {
    0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
    0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};

void tw_init(void)
{
    for (int i = 0; i < TW_KEY_COUNT; i++) {
        keys[i] = EVP_EC_gen(i == TW_P384 ? "P-384" : "P-256");
        MUST(keys[i] != NULL);
    }
}

static const char names[4][32] = {"Intel SGX Root CA", "Intel SGX PCK Platform CA",
                                  "Intel SGX PCK Certificate", "Intel SGX TCB Signing"};

static struct tw_cert cert(int name, int issuer, enum tw_key key, enum tw_key issuer_key)
{
    bool ca = name < 2;
    return (struct tw_cert){.cn = names[name],
                            .issuer_cn = names[issuer],
                            .key = key,
                            .issuer_key = issuer_key,
                            .serial = 100 + name,
                            .from = TW_TIME - YEAR,
                            .until = TW_TIME + 20 * YEAR,
                            .basic_constraints = name == 0   ? "critical,CA:TRUE,pathlen:1"
                                                 : name == 1 ? "critical,CA:TRUE,pathlen:0"
                                                             : "critical,CA:FALSE",
                            .key_usage = ca ? "critical,keyCertSign,cRLSign"
                                            : "critical,digitalSignature,nonRepudiation"};
}

static void default_td(struct tw *w)
{
    w->version = 4;
    w->td.tee_tcb_svn[0] = 5;
    w->td.tee_tcb_svn[1] = 1;
    w->td.tee_tcb_svn[2] = 2;
    memset(w->td.mrseam, 0x5E, sizeof(w->td.mrseam));
    cl_le64_put(&w->td.td_attributes, UINT64_C(1) << 28);
    cl_le64_put(&w->td.xfam, 0x602E7);
    memset(w->td.mrtd, 0x3E, sizeof(w->td.mrtd));
    memset(w->td.mrconfigid, 0x40, sizeof(w->td.mrconfigid));
    for (int i = 0; i < 3; i++) {
        memset(w->td.rtmr[i], 0xA0 + i, sizeof(w->td.rtmr[i]));
    }
    memset(w->td.report_data, 0xDA, sizeof(w->td.report_data));
    w->td.tee_tcb_svn2[0] = 5;
    w->td.tee_tcb_svn2[1] = 1;
    w->td.tee_tcb_svn2[2] = 2;
    memcpy(w->qe.mrsigner, qe_mrsigner, sizeof(qe_mrsigner));
    w->qe.attributes[0] = 0x15; /* INITTED, MODE64BIT, PROVISIONKEY */
    cl_le16_put(&w->qe.isvprodid, 2);
    cl_le16_put(&w->qe.isvsvn, 6);
}

static void default_collateral(struct tw *w)
{
    static const struct tw_words good = {.status = "UpToDate", .date = "2025-08-13T00:00:00Z"};
    static const struct tw_words old = {.status = "OutOfDate",
                                        .date = "2024-03-13T00:00:00Z",
                                        .advisories = {"INTEL-SA-00001", "INTEL-SA-00002"}};
    static const uint8_t fmspc[6] = {0xB0, 0xC0, 0x6F, 0, 0, 0};
    w->tcb_issued = w->qe_issued = "2025-12-15T00:00:00Z";
    w->tcb_next = w->qe_next = "2026-01-15T00:00:00Z";
    w->module_id = "TDX_01";
    w->evaluation_number = 18;
    memcpy(w->fmspc, fmspc, sizeof(fmspc));
    memcpy(w->sgx.fmspc, fmspc, sizeof(fmspc));
    memset(w->sgx.comp_svn, 3, sizeof(w->sgx.comp_svn));
    w->sgx.pcesvn = 13;
    w->level_count = w->module_level_count = w->qe_level_count = 2;
    for (int i = 0; i < 2; i++) {
        memset(w->levels[i].sgx, 3 - i, 16);
        w->levels[i].pcesvn = 13;
        w->levels[i].tdx[0] = 5;
        w->levels[i].tdx[2] = (uint8_t)(2 - i);
        w->levels[i].words = i == 0 ? good : old;
        w->module_levels[i] =
            (struct tw_svn_level){.isvsvn = (uint16_t)(5 - i), .words = i == 0 ? good : old};
        w->qe_levels[i] =
            (struct tw_svn_level){.isvsvn = (uint16_t)(6 - i), .words = i == 0 ? good : old};
    }
    w->pck_crl = (struct tw_crl){.key = TW_CA,
                                 .issuer_cn = names[1],
                                 .from = TW_TIME - 10 * TW_DAY,
                                 .until = TW_TIME + 20 * TW_DAY};
    w->root_crl = (struct tw_crl){.key = TW_ROOT,
                                  .issuer_cn = names[0],
                                  .from = TW_TIME - 100 * TW_DAY,
                                  .until = TW_TIME + 200 * TW_DAY};
}

void tw_default(struct tw *w)
{
    *w = (struct tw){.root = cert(0, 0, TW_ROOT, TW_ROOT),
                     .ca = cert(1, 0, TW_CA, TW_ROOT),
                     .pck = cert(2, 1, TW_PCK, TW_CA),
                     .signer = cert(3, 0, TW_SIGNER, TW_ROOT)};
    w->pck.sgx = true;
    default_td(w);
    default_collateral(w);
}

/* --- the SGX extension, in DER */

static void der(struct cl_buf *out, uint8_t tag, const void *value, size_t len)
{
    uint8_t head[4] = {tag, (uint8_t)len};
    size_t n = 2;
    if (len >= 256) {
        head[1] = 0x82;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        n = 4;
    } else if (len >= 128) {
        head[1] = 0x81;
        head[2] = (uint8_t)len;
        n = 3;
    }
    MUST(cl_buf_append(out, head, n, NULL) == CL_OK);
    MUST(cl_buf_append(out, value, len, NULL) == CL_OK);
}

static void der_uint(struct cl_buf *out, uint8_t tag, unsigned v)
{
    uint8_t b[3] = {(uint8_t)(v >> 8), (uint8_t)v};
    size_t skip = v < 128 || (v < 256 && false) ? 1 : 0;
    if (v >= 128 && v < 256) {
        b[0] = 0;
        skip = 0;
    }
    der(out, tag, b + skip, 2 - skip);
}

static bool is(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

/* {OID, value} of the member called `name`, as often and as broken as the world wants it. */
static void add_member(const struct tw_sgx *s, struct cl_buf *out, const char *name,
                       const struct cl_buf *value)
{
    uint8_t oid[12] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
    size_t n = 9;
    char text[16];
    (void)snprintf(text, sizeof(text), "%s", name);
    for (char *save = NULL, *part = strtok_r(text, ".", &save); part != NULL;
         part = strtok_r(NULL, ".", &save)) {
        oid[n++] = (uint8_t)strtoul(part, NULL, 10);
    }
    if (is(s->unknown, name)) {
        oid[n - 1] = 99;
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf pair = {0};
    der(&pair, 0x06, oid, n);
    MUST(cl_buf_append(&pair, value->data, value->len, NULL) == CL_OK);
    if (is(s->damaged, name)) {
        pair.data[2 + n] ^= 0x40; /* the tag of the value */
    }
    for (int times = is(s->drop, name) ? 0 : is(s->twice, name) ? 2 : 1; times > 0; times--) {
        der(out, 0x30, pair.data, pair.len);
    }
}

static void add_octets(const struct tw_sgx *s, struct cl_buf *out, const char *name, const void *v,
                       size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf value = {0};
    der(&value, 0x04, v, len);
    add_member(s, out, name, &value);
}

static void add_uint(const struct tw_sgx *s, struct cl_buf *out, const char *name, uint8_t tag,
                     unsigned v)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf value = {0};
    der_uint(&value, tag, v);
    add_member(s, out, name, &value);
}

static void sgx_extension(const struct tw_sgx *s, struct cl_buf *out)
{
    static const uint8_t zeros[16];
    static const uint8_t yes = 0xFF;
    CL_CLEANUP(cl_buf_done) struct cl_buf members = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf tcb = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf config = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf nested = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf flag = {0};
    char name[8];
    for (unsigned i = 0; i < 16; i++) {
        (void)snprintf(name, sizeof(name), "2.%u", i + 1);
        add_uint(s, &tcb, name, 0x02, s->comp_svn[i]);
    }
    add_uint(s, &tcb, "2.17", 0x02, s->pcesvn);
    add_octets(s, &tcb, "2.18", s->comp_svn, 16);
    add_octets(s, &members, "1", zeros, 16);
    der(&nested, 0x30, tcb.data, tcb.len);
    add_member(s, &members, "2", &nested);
    add_octets(s, &members, "3", s->pceid, 2);
    add_octets(s, &members, "4", s->fmspc, 6);
    add_uint(s, &members, "5", 0x0A, 1);
    add_octets(s, &members, "6", zeros, 16);
    der(&flag, 0x01, &yes, 1);
    add_member(s, &config, "7.1", &flag);
    add_member(s, &config, "7.2", &flag);
    cl_buf_reset(&nested);
    der(&nested, 0x30, config.data, config.len);
    add_member(s, &members, "7", &nested);
    der(out, 0x30, members.data, members.len);
}

/* --- certificates and CRLs */

static void set_name(X509_NAME *n, const char *cn)
{
    MUST(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0) ==
         1);
    MUST(X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC, (const unsigned char *)"Intel", -1, -1,
                                    0) == 1);
}

static void add_v3(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = value != NULL ? X509V3_EXT_conf_nid(NULL, &ctx, nid, value) : NULL;
    if (e != NULL) {
        MUST(X509_add_ext(x, e, -1) == 1);
    }
    X509_EXTENSION_free(e);
}

static X509_EXTENSION *raw_extension(const char *oid, bool critical, const void *data, size_t len)
{
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    MUST(ASN1_OCTET_STRING_set(value, data, (int)len) == 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, obj, critical, value);
    MUST(e != NULL);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(obj);
    return e;
}

static void add_raw(X509 *x, const char *oid, bool critical, const void *data, size_t len)
{
    X509_EXTENSION *e = raw_extension(oid, critical, data, len);
    MUST(X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

void tw_cert_pem(const struct tw *w, const struct tw_cert *c, struct cl_buf *out)
{
    X509 *x = X509_new();
    MUST(X509_set_version(x, X509_VERSION_3) == 1);
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x), c->serial) == 1);
    set_name(X509_get_subject_name(x), c->cn);
    set_name(X509_get_issuer_name(x), c->issuer_cn);
    MUST(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)c->from) != NULL);
    MUST(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)c->until) != NULL);
    MUST(X509_set_pubkey(x, keys[c->key]) == 1);
    add_v3(x, NID_basic_constraints, c->basic_constraints);
    add_v3(x, NID_key_usage, c->key_usage);
    if (c->unknown_critical) {
        add_raw(x, "1.2.3.4", true, "\x05\x00", 2);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf ext = {0};
    sgx_extension(&w->sgx, &ext);
    for (int n = !c->sgx || w->sgx.none ? 0 : w->sgx.two_extensions ? 2 : 1; n > 0; n--) {
        add_raw(x, "1.2.840.113741.1.13.1", false, ext.data, ext.len);
    }
    MUST(X509_sign(x, keys[c->issuer_key], c->sha384 ? EVP_sha384() : EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    MUST(PEM_write_bio_X509(bio, x) == 1);
    long len = BIO_get_mem_data(bio, &text);
    MUST(cl_buf_append(out, text, (size_t)len, NULL) == CL_OK);
    BIO_free(bio);
    X509_free(x);
}

static void chain(const struct tw *w, const struct tw_cert *a, const struct tw_cert *b,
                  struct cl_buf *out)
{
    cl_buf_done(out);
    tw_cert_pem(w, a, out);
    if (b != NULL) {
        tw_cert_pem(w, b, out);
    }
    tw_cert_pem(w, &w->root, out);
}

static void crl_der(const struct tw_crl *c, struct cl_buf *out)
{
    X509_CRL *crl = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *t = ASN1_TIME_new();
    MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
    set_name(name, c->issuer_cn);
    MUST(X509_CRL_set_issuer_name(crl, name) == 1);
    MUST(ASN1_TIME_set(t, (time_t)c->from) != NULL && X509_CRL_set1_lastUpdate(crl, t) == 1);
    MUST(ASN1_TIME_set(t, (time_t)c->until) != NULL && X509_CRL_set1_nextUpdate(crl, t) == 1);
    if (c->revoked != 0) {
        X509_REVOKED *r = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        MUST(ASN1_INTEGER_set(serial, c->revoked) == 1);
        MUST(X509_REVOKED_set_serialNumber(r, serial) == 1);
        MUST(X509_REVOKED_set_revocationDate(r, t) == 1);
        MUST(X509_CRL_add0_revoked(crl, r) == 1);
        ASN1_INTEGER_free(serial);
    }
    if (c->critical) {
        X509_EXTENSION *e = raw_extension("2.5.29.28", true, "\x30\x03\x84\x01\xff", 5);
        MUST(X509_CRL_add_ext(crl, e, -1) == 1);
        X509_EXTENSION_free(e);
    }
    MUST(X509_CRL_sort(crl) == 1);
    MUST(X509_CRL_sign(crl, keys[c->key], EVP_sha256()) > 0);
    unsigned char *bytes = NULL;
    int len = i2d_X509_CRL(crl, &bytes);
    MUST(len > 0);
    tdx_put(out, bytes, (size_t)len);
    OPENSSL_free(bytes);
    ASN1_TIME_free(t);
    X509_NAME_free(name);
    X509_CRL_free(crl);
}

/* --- signed JSON */

void tw_sign(enum tw_key key, const void *data, size_t len, uint8_t ret[static 64])
{
    unsigned char sig[128];
    const unsigned char *p = sig;
    size_t n = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    MUST(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, keys[key]) == 1);
    MUST(EVP_DigestSign(ctx, sig, &n, data, len) == 1);
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)n);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_r(s), ret, 32) == 32);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_s(s), ret + 32, 32) == 32);
    ECDSA_SIG_free(s);
    EVP_MD_CTX_free(ctx);
}

static json_t *hex(const void *data, size_t n)
{
    char text[2 * 64 + 1];
    cl_hex(text, data, n);
    return json_string(text);
}

static json_t *put_words(json_t *level, const struct tw_words *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < 3 && w->advisories[i] != NULL; i++) {
        MUST(json_array_append_new(list, json_string(w->advisories[i])) == 0);
    }
    MUST(json_object_set_new(level, "tcbDate", json_string(w->date)) == 0);
    MUST(json_object_set_new(level, "tcbStatus", json_string(w->status)) == 0);
    MUST(json_object_set_new(level, "advisoryIDs", list) == 0);
    return level;
}

static json_t *components(const uint8_t svn[static 16])
{
    json_t *list = json_array();
    for (size_t i = 0; i < 16; i++) {
        MUST(json_array_append_new(list, json_pack("{s:i}", "svn", svn[i])) == 0);
    }
    return list;
}

static json_t *svn_levels(const struct tw_svn_level *levels, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *j = json_pack("{s:{s:i}}", "tcb", "isvsvn", levels[i].isvsvn);
        MUST(json_array_append_new(list, put_words(j, &levels[i].words)) == 0);
    }
    return list;
}

static json_t *platform_levels(const struct tw *w)
{
    json_t *list = json_array();
    for (size_t i = w->level_count; i > 0; i--) { /* lowest first: the reader sorts */
        const struct tw_level *l = &w->levels[i - 1];
        json_t *j = json_pack("{s:{s:o,s:i,s:o}}", "tcb", "sgxtcbcomponents", components(l->sgx),
                              "pcesvn", l->pcesvn, "tdxtcbcomponents", components(l->tdx));
        MUST(json_array_append_new(list, put_words(j, &l->words)) == 0);
    }
    return list;
}

static void sign_json(json_t *j, struct cl_buf *body, uint8_t signature[static 64])
{
    cl_buf_done(body);
    MUST(j != NULL && cl_json_compact(j, body, NULL) == CL_OK);
    json_decref(j);
    tw_sign(TW_SIGNER, body->data, body->len, signature);
}

static json_t *tcb_info(const struct tw *w)
{
    json_t *module = json_pack("{s:s,s:s,s:s}", "mrsigner", ZEROS96, "attributes",
                               "0000000000000000", "attributesMask", "FFFFFFFFFFFFFFFF");
    json_t *identity = json_deep_copy(module);
    MUST(json_object_set_new(identity, "id", json_string(w->module_id)) == 0);
    MUST(json_object_set_new(identity, "tcbLevels",
                             svn_levels(w->module_levels, w->module_level_count)) == 0);
    return json_pack("{s:s,s:i,s:s,s:s,s:o,s:o,s:i,s:I,s:o,s:[o],s:o}", "id", "TDX", "version", 3,
                     "issueDate", w->tcb_issued, "nextUpdate", w->tcb_next, "fmspc",
                     hex(w->fmspc, 6), "pceId", hex(w->pceid, 2), "tcbType", 0,
                     "tcbEvaluationDataNumber", (json_int_t)w->evaluation_number, "tdxModule",
                     module, "tdxModuleIdentities", identity, "tcbLevels", platform_levels(w));
}

static json_t *qe_identity(const struct tw *w)
{
    return json_pack(
        "{s:s,s:i,s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:o,s:i,s:o}", "id", "TD_QE", "version", 2,
        "issueDate", w->qe_issued, "nextUpdate", w->qe_next, "tcbEvaluationDataNumber",
        (json_int_t)w->evaluation_number, "miscselect", "00000000", "miscselectMask", "FFFFFFFF",
        "attributes", "11000000000000000000000000000000", "attributesMask",
        "FBFFFFFFFFFFFFFF0000000000000000", "mrsigner", hex(qe_mrsigner, sizeof(qe_mrsigner)),
        "isvprodid", 2, "tcbLevels", svn_levels(w->qe_levels, w->qe_level_count));
}

void tw_material(const struct tw *w, struct tdx_material *out)
{
    sign_json(tcb_info(w), &out->tcb_info, out->tcb_signature);
    sign_json(qe_identity(w), &out->qe_identity, out->qe_signature);
    chain(w, &w->signer, NULL, &out->tcb_chain);
    chain(w, &w->signer, NULL, &out->qe_chain);
    chain(w, &w->ca, NULL, &out->pck_chain);
    crl_der(&w->pck_crl, &out->pck_crl);
    crl_der(&w->root_crl, &out->root_crl);
}

/* --- the quote */

static void put(struct cl_buf *out, const void *data, size_t len)
{
    MUST(cl_buf_append(out, data, len, NULL) == CL_OK);
}

static void put_le(struct cl_buf *out, uint64_t v, size_t n)
{
    uint8_t b[8];
    for (size_t i = 0; i < n; i++) {
        b[i] = (uint8_t)(v >> (8 * i));
    }
    put(out, b, n);
}

static void raw_point(enum tw_key key, uint8_t ret[static 64])
{
    uint8_t point[65];
    size_t n = 0;
    MUST(EVP_PKEY_get_octet_string_param(keys[key], "pub", point, sizeof(point), &n) == 1);
    MUST(n == 65);
    memcpy(ret, point + 1, 64);
}

void tw_quote_with_chain(const struct tw *w, const struct cl_buf *pem, struct cl_buf *out)
{
    static const uint8_t zeros[20];
    static const uint8_t auth[32] = {1, 2, 3};
    uint8_t signature[64], point[64], both[64 + sizeof(auth)];
    struct tdx_qe_report qe = w->qe;
    CL_CLEANUP(cl_buf_done) struct cl_buf inner = {0};
    cl_buf_done(out);
    put_le(out, w->version, 2);
    put_le(out, 2, 2);
    put_le(out, 0x81, 4);
    put(out, zeros, 4);
    put(out, intel_vendor, 16);
    put(out, zeros, 20);
    if (w->version == 5) {
        put_le(out, 3, 2);
        put_le(out, sizeof(w->td), 4);
    }
    put(out, &w->td, w->version == 5 ? sizeof(w->td) : 584);
    tw_sign(TW_ATT, out->data, out->len, signature);

    raw_point(TW_ATT, point);
    memcpy(both, point, 64);
    memcpy(both + 64, auth, sizeof(auth));
    MUST(cl_sha256(qe.report_data, both, sizeof(both), NULL) == CL_OK);
    put(&inner, &qe, sizeof(qe));
    uint8_t qe_signature[64];
    tw_sign(TW_PCK, &qe, sizeof(qe), qe_signature);
    put(&inner, qe_signature, 64);
    put_le(&inner, sizeof(auth), 2);
    put(&inner, auth, sizeof(auth));
    put_le(&inner, 5, 2);
    put_le(&inner, pem->len + 1, 4);
    put(&inner, pem->data, pem->len);
    put_le(&inner, 0, 1);
    put_le(out, 64 + 64 + 6 + inner.len, 4);
    put(out, signature, 64);
    put(out, point, 64);
    put_le(out, 6, 2);
    put_le(out, inner.len, 4);
    put(out, inner.data, inner.len);
}

/* As Intel serves it: {"<member>": <the exact bytes that are signed>, "signature": "<hex>"}. */
static void store_json(struct cl_collateral *c, enum cl_collateral_kind kind, const char *member,
                       const struct cl_tdx_signed_json *part)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char hex[2 * CL_TDX_SIGNATURE_SIZE + 1];
    cl_hex(hex, part->signature, CL_TDX_SIGNATURE_SIZE);
    MUST(cl_buf_printf(&text, NULL, "{\"%s\":%.*s,\"signature\":\"%s\"}", member,
                       (int)part->body_len, (const char *)part->body, hex) == CL_OK);
    MUST(cl_collateral_add_item(c, kind, text.data, text.len, part->chain, part->chain_len, NULL) ==
         CL_OK);
}

void tw_store(const struct tdx_material *m, bool tcb_info, struct cl_collateral *c)
{
    struct cl_tdx_collateral v = tdx_views(m);
    if (tcb_info) {
        store_json(c, CL_COLLATERAL_INTEL_TCB_INFO, "tcbInfo", &v.tcb_info);
    }
    store_json(c, CL_COLLATERAL_INTEL_QE_IDENTITY, "enclaveIdentity", &v.qe_identity);
    MUST(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_PCK_CRL, v.pck_crl.der, v.pck_crl.len,
                                v.pck_crl.chain, v.pck_crl.chain_len, NULL) == CL_OK);
    MUST(cl_collateral_add_item(c, CL_COLLATERAL_INTEL_ROOT_CRL, v.root_crl.der, v.root_crl.len,
                                NULL, 0, NULL) == CL_OK);
}

void tw_quote_bytes(const struct tw *w, struct cl_buf *out)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    chain(w, &w->pck, &w->ca, &pem);
    tw_quote_with_chain(w, &pem, out);
}

struct cl_tdx_quote *tw_quote(const struct tw *w)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_quote *q = NULL;
    tw_quote_bytes(w, &raw);
    MUST(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL) == CL_OK);
    return q;
}

void tw_root_digest(const struct tw *w, uint8_t ret[static CL_TDX_ROOT_SIZE])
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    tw_cert_pem(w, &w->root, &pem);
    MUST(cl_tdx_root_digest(pem.data, pem.len, ret, NULL) == CL_OK);
}

void tw_tdreport(const struct cl_tdx_td *td, uint8_t ret[static CL_TDX_REPORT_SIZE])
{
    memset(ret, 0, CL_TDX_REPORT_SIZE);
    ret[0] = 0x81;
    memcpy(ret + 128, td->report_data, 64);
    memcpy(ret + 264, td->tee_tcb_svn, 16);
    memcpy(ret + 280, td->mrseam, 48);
    memcpy(ret + 328, td->mrsignerseam, 48);
    memcpy(ret + 376, &td->seam_attributes, 8);
    memcpy(ret + 512, &td->td_attributes, 8);
    memcpy(ret + 520, &td->xfam, 8);
    memcpy(ret + 528, td->mrtd, 48);
    memcpy(ret + 576, td->mrconfigid, 48);
    memcpy(ret + 624, td->mrowner, 48);
    memcpy(ret + 672, td->mrownerconfig, 48);
    memcpy(ret + 720, td->rtmr, sizeof(td->rtmr));
    MUST(cl_sha384(ret + 32, ret + 256, 239, NULL) == CL_OK);
    MUST(cl_sha384(ret + 80, ret + 512, 512, NULL) == CL_OK);
}
