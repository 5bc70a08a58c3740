/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_path.c - our decisions about a chain beside a second path: OpenSSL's X509_verify_cert()
 * over the same bytes, with the one root and the same time. The input changes a good world: what
 * its certificates say, then single bytes of them. Whatever we call authentic, OpenSSL must accept
 * (we refuse much that it accepts: that is meant).
 */
#include "base/bytes.h"
#include "snp/snp_internal.h"
#include "snp_world.h"

#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CERTS 3u
#define DAY INT64_C(86400)

static struct snp_root pinned[2];
static struct cl_buf good[CERTS]; /* the unchanged world in DER */
static uint8_t report[CL_SNP_REPORT_SIZE];

static void init_once(void)
{
    static bool done;
    struct world_chain w = {0};
    struct cl_snp_report r;
    if (done) {
        return;
    }
    done = true;
    world_init();
    w = world_amd(CL_SNP_PRODUCT_GENOA, false);
    world_pinned_root(CL_SNP_PRODUCT_GENOA, pinned);
    world_cert_der(&w.ek, &good[0]);
    world_cert_der(&w.ask, &good[1]);
    world_cert_der(&w.ark, &good[2]);
    world_report_of(&r, CL_SNP_PRODUCT_GENOA, 5, false);
    world_sign(&r, report);
}

/* One thing that a certificate says. */
static void change(struct world_cert *c, struct cl_reader *in)
{
    static const char *const constraints[] = {NULL, "critical,CA:TRUE", "CA:TRUE,pathlen:0",
                                              "critical,CA:FALSE"};
    static const char *const usages[] = {NULL, "critical,keyCertSign", "digitalSignature",
                                         "critical,keyCertSign,cRLSign"};
    static const char *const names[] = {"ARK-Genoa", "SEV-Genoa", "SEV-VCEK", "ARK-Milan"};
    uint8_t what = cl_reader_u8(in, "what"), v = cl_reader_u8(in, "value");
    switch (what % 8) {
    case 0:
        c->basic_constraints = constraints[v % 4];
        break;
    case 1:
        c->key_usage = usages[v % 4];
        break;
    case 2:
        c->cn = names[v % 4];
        break;
    case 3:
        c->issuer_cn = names[v % 4];
        break;
    case 4:
        c->signing = (enum world_signing)(v % 4);
        break;
    case 5:
        c->from = WORLD_TIME + ((int64_t)v - 128) * DAY;
        break;
    case 6:
        c->until = WORLD_TIME + ((int64_t)v - 128) * DAY;
        break;
    default:
        c->issuer_key = v % 2 == 0 ? WORLD_ARK : WORLD_ASK;
        break;
    }
}

static void make_certs(struct cl_reader *in, struct cl_buf der[static CERTS])
{
    struct world_chain w = world_amd(CL_SNP_PRODUCT_GENOA, false);
    struct world_cert *const certs[CERTS] = {&w.ek, &w.ask, &w.ark};
    uint8_t changes = cl_reader_u8(in, "changes") % 4;
    bool changed[CERTS] = {false};
    for (unsigned i = 0; i < changes; i++) {
        size_t k = cl_reader_u8(in, "which") % CERTS;
        change(certs[k], in);
        changed[k] = true;
    }
    for (size_t k = 0; k < CERTS; k++) {
        if (changed[k]) { /* signing is slow */
            world_cert_der(certs[k], &der[k]);
        } else if (cl_buf_append(&der[k], good[k].data, good[k].len, NULL) != CL_OK) {
            abort();
        }
    }
    for (size_t i = 0; i < 4 && cl_reader_left(in) >= 4; i++) {
        size_t k = cl_reader_u8(in, "which") % CERTS;
        size_t at = cl_reader_le16(in, "at") % der[k].len;
        der[k].data[at] ^= cl_reader_u8(in, "bits");
    }
}

static bool ours(const struct cl_buf der[static CERTS], int64_t t)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    const struct cl_snp_policy policy = {.time = t, .authenticity_only = true};
    if (cl_snp_evidence_from_report(report, sizeof(report), &ev, NULL) != CL_OK) {
        abort();
    }
    for (size_t k = 0; k < CERTS; k++) {
        if (cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, der[k].data, der[k].len, NULL) != CL_OK) {
            return false;
        }
    }
    if (cl_snp_chain_new(ev, &chain, NULL) != CL_OK ||
        snp_verify_with_roots(&ev->report, chain, &policy, pinned, &r, NULL) != CL_OK) {
        abort();
    }
    return r->authentic == CL_YES;
}

static bool theirs(const struct cl_buf der[static CERTS], int64_t t)
{
    X509 *x[CERTS] = {NULL};
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    bool good_path = store != NULL && ctx != NULL && untrusted != NULL;
    for (size_t k = 0; k < CERTS; k++) {
        const unsigned char *p = der[k].data;
        x[k] = d2i_X509(NULL, &p, (long)der[k].len);
        good_path = good_path && x[k] != NULL;
    }
    if (good_path && sk_X509_push(untrusted, x[1]) > 0 && X509_STORE_add_cert(store, x[2]) == 1 &&
        X509_STORE_CTX_init(ctx, store, x[0], untrusted) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)t);
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE);
        good_path = X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_free(untrusted);
    for (size_t k = 0; k < CERTS; k++) {
        X509_free(x[k]);
    }
    return good_path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_buf der[CERTS] = {0};
    struct cl_reader in = cl_reader_init(data, len);
    init_once();
    int64_t t = WORLD_TIME + ((int64_t)cl_reader_u8(&in, "time") - 128) * DAY;
    make_certs(&in, der);
    bool we = ours(der, t), they = theirs(der, t);
    if ((we && !they) || (len <= 1 && t == WORLD_TIME && !we)) {
        abort();
    }
    for (size_t k = 0; k < CERTS; k++) {
        cl_buf_done(&der[k]);
    }
    return 0;
}
