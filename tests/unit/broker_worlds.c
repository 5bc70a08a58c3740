/* SPDX-License-Identifier: Apache-2.0
 * broker_worlds.c - guests of each kind of TEE (see broker_worlds.h).
 */
#include "broker_worlds.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"
#include "cloister/collateral.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY INT64_C(86400)
#define AZ_NONCE 48u
#define TPM_NONCE 32u

static void must(bool good)
{
    if (!good) {
        abort();
    }
}

void bw_init(void)
{
    world_init();
    tw_init();
    tpm_world_init();
}

static uint8_t bw_digest_byte(const struct bw_guest *g, int i)
{
    return g->kernel_events[i];
}

static void extend(uint8_t rtmr[static 48], const uint8_t digest[static 48])
{
    uint8_t both[96];
    memcpy(both, rtmr, 48);
    memcpy(both + 48, digest, 48);
    must(cl_sha384(rtmr, both, sizeof(both), NULL) == CL_OK);
}

/* RTMR1: two events; RTMR0 and RTMR2: one each; RTMR3: as it is. */
static void set_registers(struct bw_guest *g)
{
    uint8_t digest[48];
    memset(g->td.td.rtmr, 0, sizeof(g->td.td.rtmr));
    memset(digest, 0x10, sizeof(digest));
    extend(g->td.td.rtmr[0], digest);
    for (int i = 0; i < 2; i++) {
        memset(digest, bw_digest_byte(g, i), sizeof(digest));
        extend(g->td.td.rtmr[1], digest);
    }
    memset(digest, 0x30, sizeof(digest));
    extend(g->td.td.rtmr[2], digest);
    memcpy(g->td.td.rtmr[3], g->rtmr3, sizeof(g->rtmr3));
}

void bw_guest_init(struct bw_guest *g, enum bw_kind kind, const char *initdata)
{
    static const char *const names[] = {"snp", "tdx", "az-snp-vtpm", "az-tdx-vtpm", "tpm"};
    *g = (struct bw_guest){.kind = kind,
                           .tee = names[kind],
                           .tee_class = names[kind],
                           .chain = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ false),
                           .kernel_events = {0x21, 0x22},
                           .pcr4 = 4};
    must(cl_sha256(g->initdata, initdata, strlen(initdata), NULL) == CL_OK);
    world_report_of(&g->report, CL_SNP_PRODUCT_MILAN, 3, /* vlek= */ false);
    memcpy(g->report.host_data, g->initdata, sizeof(g->initdata));
    tw_default(&g->td);
    memset(g->td.td.mrconfigid, 0, sizeof(g->td.td.mrconfigid));
    memcpy(g->td.td.mrconfigid, g->initdata, sizeof(g->initdata));
}

/* ---- snp ---- */

struct cl_snp_evidence *bw_snp(const struct bw_guest *g, const uint8_t report_data[64],
                               uint8_t ret_raw[static CL_SNP_REPORT_SIZE])
{
    struct cl_snp_report r = g->report;
    memcpy(r.report_data, report_data, 64);
    world_sign(&r, ret_raw);
    return world_evidence(&r, &g->chain.ek, &g->chain.ask, &g->chain.ark);
}

static void snp_json(const struct bw_guest *g, const uint8_t report_data[64], json_t **ret_j)
{
    uint8_t raw[CL_SNP_REPORT_SIZE];
    struct cl_snp_evidence *ev = bw_snp(g, report_data, raw);
    must(cl_snp_evidence_to_json(ev, ret_j, NULL) == CL_OK);
    cl_snp_evidence_free(ev);
}

/* ---- tdx ---- */

static void event(struct cl_writer *w, uint32_t mr, uint8_t fill)
{
    uint8_t digest[48];
    memset(digest, fill, sizeof(digest));
    cl_writer_le32(w, mr);
    cl_writer_le32(w, 4);
    cl_writer_le32(w, 1);
    cl_writer_le16(w, 0x000C);
    cl_writer_bytes(w, digest, sizeof(digest));
    cl_writer_le32(w, 5);
    cl_writer_bytes(w, "words", 5);
}

size_t bw_event_log(const struct bw_guest *g, uint8_t *raw, size_t size)
{
    struct cl_writer w = cl_writer_init(raw, size);
    cl_writer_le32(&w, 1);
    cl_writer_le32(&w, 3);
    cl_writer_zero(&w, 20);
    cl_writer_le32(&w, 33);
    cl_writer_bytes(&w, "Spec ID Event03", 16);
    cl_writer_zero(&w, 8);
    cl_writer_le32(&w, 1);
    cl_writer_le16(&w, 0x000C);
    cl_writer_le16(&w, 48);
    cl_writer_u8(&w, 0);
    event(&w, 1, 0x10);
    event(&w, 2, bw_digest_byte(g, 0));
    event(&w, 2, (uint8_t)(bw_digest_byte(g, 1) ^ (g->log_differs ? 1 : 0)));
    event(&w, 3, 0x30);
    must(!w.overflow);
    return w.len;
}

static json_t *b64(const void *data, size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    must(cl_b64_encode(&text, data, len, NULL) == CL_OK);
    return json_string((const char *)text.data);
}

const struct cl_tdx_td *bw_td(struct bw_guest *g, const uint8_t report_data[64])
{
    set_registers(g);
    memcpy(g->td.td.report_data, report_data, 64);
    return &g->td.td;
}

static void tdx_json(struct bw_guest *g, const uint8_t report_data[64], json_t **ret_j)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf quote = {0};
    uint8_t log[1024];
    size_t log_len = bw_event_log(g, log, sizeof(log));
    (void)bw_td(g, report_data);
    tw_quote_bytes(&g->td, &quote);
    *ret_j = json_pack("{s:o, s:o}", "quote", b64(quote.data, quote.len), "cc_eventlog",
                       g->no_event_log ? json_null() : b64(log, log_len));
}

/* ---- TPM ---- */

static struct tpm_world_quote quote_of(const struct bw_guest *g, char nonce[static 64])
{
    struct tpm_world_quote q = tpm_world_quote();
    uint8_t both[64] = {0};
    memset(nonce, 'n', 63); /* as long as the real one, which may hold zeros */
    nonce[g->kind == BW_TPM ? TPM_NONCE : AZ_NONCE] = '\0';
    q.nonce = nonce;
    q.key = g->ak;
    memset(q.pcrs.bank[0].value[4], g->pcr4, 32);
    memcpy(both + 32, g->initdata, 32);
    both[63] ^= g->wrong_initdata ? 1 : 0;
    must(cl_sha256(q.pcrs.bank[0].value[8], both, sizeof(both), NULL) == CL_OK);
    return q;
}

/* The message with the real nonce, signed. */
static void sign_quote(const struct bw_guest *g, const struct tpm_world_quote *q,
                       const uint8_t report_data[64], struct cl_vtpm_parts *p)
{
    bool bare = g->kind != BW_TPM;
    tpm_world_message(q, &p->message);
    uint8_t *at = memmem(p->message.data, p->message.len, "nnnnnnnn", 8);
    must(at != NULL);
    memcpy(at, report_data, strlen(q->nonce));
    at[0] ^= g->wrong_nonce ? 1 : 0;
    tpm_world_sign(q, &p->message, bare, &p->signature);
}

static void put_hardware(struct bw_guest *g, const char *runtime, struct cl_vtpm_parts *p)
{
    uint8_t raw[1184] = {0};
    uint8_t bound[64] = {0};
    struct tpm_world_hcl h = {.version = 2, .hash_type = 1, .hardware = raw, .runtime = runtime};
    must(cl_sha256(bound, runtime, strlen(runtime), NULL) == CL_OK);
    if (g->kind == BW_AZ_SNP) {
        struct cl_snp_report r = g->report;
        memcpy(r.report_data, bound, sizeof(bound));
        world_sign(&r, raw);
        world_cert_der(&g->chain.ek, &p->vcek);
        h.type = 2;
    } else {
        memcpy(g->td.td.report_data, bound, sizeof(bound));
        memset(g->td.td.tee_tcb_svn2, 0, sizeof(g->td.td.tee_tcb_svn2));
        tw_tdreport(&g->td.td, raw);
        tw_quote_bytes(&g->td, &p->td_quote);
        h.type = 4;
    }
    tpm_world_hcl(&h, &p->hcl);
}

static void vtpm_json(struct bw_guest *g, const uint8_t report_data[64], json_t **ret_j)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf runtime = {0};
    char nonce[64];
    char hex[129];
    char more[160];
    struct tpm_world_quote q = quote_of(g, nonce);
    cl_hex(hex, report_data, 64);
    hex[0] = (char)(g->wrong_user_data ? (hex[0] == '0' ? '1' : '0') : hex[0]);
    (void)snprintf(more, sizeof(more), ",\"user-data\":\"%s\"", hex);
    p.kind = g->kind == BW_TPM      ? CL_TEE_CLASS_TPM
             : g->kind == BW_AZ_SNP ? CL_TEE_CLASS_AZ_SNP_VTPM
                                    : CL_TEE_CLASS_AZ_TDX_VTPM;
    p.pcrs = q.pcrs;
    sign_quote(g, &q, report_data, &p);
    if (g->kind == BW_TPM) {
        tpm_world_spki(g->ak, &p.ak_spki);
    } else {
        p.version = 2;
        tpm_world_runtime(TPM_RSA, more, &runtime);
        put_hardware(g, (const char *)runtime.data, &p);
    }
    struct cl_err err = {0};
    if (cl_vtpm_evidence_from_parts(&p, &ev, &err) != CL_OK ||
        cl_vtpm_evidence_to_json(ev, ret_j, &err) != CL_OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        abort();
    }
}

enum cl_status bw_evidence(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                           struct cl_err *err)
{
    struct bw_guest *g = ctx;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (g->kind == BW_SNP) {
        snp_json(g, report_data, &j);
    } else if (g->kind == BW_TDX) {
        tdx_json(g, report_data, &j);
    } else {
        vtpm_json(g, report_data, &j);
    }
    if (g->tamper != NULL) {
        g->tamper(j);
    }
    return cl_json_compact(j, out, err);
}

static json_t *hex_of(const void *data, size_t len)
{
    char text[2 * 64 + 1];
    cl_hex(text, data, len);
    return json_string(text);
}

static json_t *hex_fill(uint8_t fill, size_t len)
{
    uint8_t data[64];
    memset(data, fill, sizeof(data));
    return hex_of(data, len);
}

static json_t *ak_hex(const struct bw_guest *g)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf spki = {0};
    uint8_t digest[32];
    tpm_world_spki(g->ak, &spki);
    must(cl_sha256(digest, spki.data, spki.len, NULL) == CL_OK);
    return hex_of(digest, sizeof(digest));
}

void bw_reference(const struct bw_guest *g, const char *expires, struct cl_buf *out)
{
    struct bw_guest copy = *g;
    json_t *j = json_pack("{s:s, s:s, s:s}", "schema", "cloister.reference/1", "class",
                          g->tee_class, "expires", expires);
    set_registers(&copy);
    if (g->kind == BW_SNP || g->kind == BW_AZ_SNP) {
        json_object_set_new(j, "measurement", hex_of(g->report.measurement, 48));
    } else if (g->kind != BW_TPM) {
        json_object_set_new(j, "mrtd", hex_of(g->td.td.mrtd, 48));
    } else {
        json_object_set_new(j, "ak", ak_hex(g));
    }
    if (g->kind == BW_TDX) {
        if (!g->rtmr0_unnamed) {
            json_object_set_new(j, "rtmr0", hex_of(copy.td.td.rtmr[0], 48));
        }
        if (g->rtmr3_named) {
            json_object_set_new(j, "rtmr3", hex_of(copy.td.td.rtmr[3], 48));
        }
        json_object_set_new(j, "rtmr1", hex_of(copy.td.td.rtmr[1], 48));
        json_object_set_new(j, "rtmr2", hex_of(copy.td.td.rtmr[2], 48));
        json_object_set_new(j, "events",
                            json_pack("{s:[o,o]}", "rtmr1", hex_fill(g->kernel_events[0], 48),
                                      hex_fill(g->kernel_events[1], 48)));
    } else if (g->kind != BW_SNP) {
        json_object_set_new(j, "pcrs",
                            json_pack("{s:{s:o}}", "sha256", "4", hex_fill(g->pcr4, 32)));
    }
    must(cl_json_compact(j, out, NULL) == CL_OK);
    json_decref(j);
}

/* ---- collateral ---- */

void bw_collateral_init(struct bw_collateral *c)
{
    *c = (struct bw_collateral){.chain = world_amd(CL_SNP_PRODUCT_MILAN, /* vlek= */ false),
                                .amd_crl = world_crl(),
                                .expires = WORLD_TIME + 10 * DAY};
    c->amd_crl.issuer_cn = "ARK-Milan";
    tw_default(&c->td);
}

static void add(struct cl_collateral *c, enum cl_collateral_kind kind, const struct cl_buf *data,
                const struct cl_buf *chain)
{
    struct cl_err err = {0};
    if (cl_collateral_add_item(c, kind, data->data, data->len,
                               chain != NULL ? (const char *)chain->data : NULL,
                               chain != NULL ? chain->len : 0, &err) != CL_OK) {
        (void)fprintf(stderr, "%s: %s\n", cl_collateral_kind_name(kind), err.msg);
        abort();
    }
}

static void add_pem(const struct world_cert *cert, struct cl_buf *out)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_cert_der(cert, &der);
    const unsigned char *p = der.data;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    must(x != NULL && PEM_write_bio_X509(bio, x) == 1);
    long n = BIO_get_mem_data(bio, &text);
    must(cl_buf_append(out, text, (size_t)n, NULL) == CL_OK);
    BIO_free(bio);
    X509_free(x);
}

static void add_amd(const struct bw_collateral *in, struct cl_collateral *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf crl = {0};
    add_pem(&in->chain.ask, &pem);
    add_pem(&in->chain.ark, &pem);
    add(c, CL_COLLATERAL_AMD_VCEK_CHAIN, &pem, NULL);
    if (!in->no_amd_crl) {
        world_crl_der(&in->amd_crl, &crl);
        add(c, CL_COLLATERAL_AMD_VCEK_CRL, &crl, NULL);
    }
}

/* {"<name>":<the exact bytes that are signed>,"signature":"<hex>"} */
static void signed_document(const char *name, const struct cl_buf *body,
                            const uint8_t signature[static 64], struct cl_buf *out)
{
    char hex[129];
    cl_hex(hex, signature, 64);
    must(cl_buf_printf(out, NULL, "{\"%s\":%.*s,\"signature\":\"%s\"}", name, (int)body->len,
                       (const char *)body->data, hex) == CL_OK);
}

static void add_intel(const struct bw_collateral *in, struct cl_collateral *c)
{
    struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf tcb = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf qe = {0};
    tw_material(&in->td, &m);
    signed_document("tcbInfo", &m.tcb_info, m.tcb_signature, &tcb);
    signed_document("enclaveIdentity", &m.qe_identity, m.qe_signature, &qe);
    if (!in->no_tcb_info) {
        add(c, CL_COLLATERAL_INTEL_TCB_INFO, &tcb, &m.tcb_chain);
    }
    add(c, CL_COLLATERAL_INTEL_QE_IDENTITY, &qe, &m.qe_chain);
    add(c, CL_COLLATERAL_INTEL_PCK_CRL, &m.pck_crl, &m.pck_chain);
    add(c, CL_COLLATERAL_INTEL_ROOT_CRL, &m.root_crl, NULL);
    tdx_material_done(&m);
}

void bw_bundle(const struct bw_collateral *in, struct cl_buf *out)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    must(cl_collateral_new(&c, NULL) == CL_OK);
    add_amd(in, c);
    add_intel(in, c);
    must(cl_collateral_write_bundle(c, WORLD_TIME - DAY, in->expires, /* key= */ NULL, out, NULL) ==
         CL_OK);
}
