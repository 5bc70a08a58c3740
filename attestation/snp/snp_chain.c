/* SPDX-License-Identifier: Apache-2.0
 * snp_chain.c - endorsement key, intermediate and root: picked out of whatever certificates came,
 * and examined once: signatures, algorithms, constraints, and the whole path by OpenSSL as a second
 * opinion. What that came to is kept as facts; snp_chain_check.c decides by them, for each report
 * anew. Trust: all certificates are hostile; nothing here is a decision.
 * Threads: a chain is immutable once made. Memory: the certificates, and one X509_STORE meanwhile.
 * Spec: snp.md a.6, a.7, a.10 step 3.
 */
#include "snp/snp_chain.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum snp_signing_key snp_signing_key(const struct cl_snp_report *r)
{
    return (enum snp_signing_key)((r->key_info >> 2) & 7u);
}

/* How well a certificate suits the report; the best one is judged. */
static int suits(const struct cl_snp_report *r, const X509 *x)
{
    struct snp_extensions e;
    if (snp_extensions_parse(x, &e, /* err= */ NULL) != CL_OK) {
        return 1;
    }
    if (e.has_hw_id != (snp_signing_key(r) == SNP_KEY_VCEK)) {
        return 2;
    }
    struct cl_snp_tcb reported = cl_snp_tcb_decode(r->reported_tcb, e.struct_version == 1);
    int score = 3;
    score += !e.has_hw_id || memcmp(e.hw_id, r->chip_id, e.hw_id_len) == 0 ? 2 : 0;
    score += cl_snp_tcb_equal(&reported, &e.tcb) ? 1 : 0;
    return score;
}

static X509 *pick_ek(const struct cl_snp_evidence *ev)
{
    X509 *ek = NULL;
    int best = 0;
    for (size_t i = 0; i < ev->cert_count; i++) {
        X509 *x = ev->certs[i].x509;
        EVP_PKEY *key = x != NULL ? X509_get0_pubkey(x) : NULL;
        if (x == NULL || (key != NULL && EVP_PKEY_is_a(key, "RSA"))) {
            continue; /* intermediates and roots have RSA keys */
        }
        int score = suits(&ev->report, x);
        if (score > best) {
            best = score;
            ek = x;
        }
    }
    return ek;
}

/* Only with keys as AMD's: verifying with a huge modulus or exponent would be a hostile host's way
 * to keep us busy. */
bool snp_chain_signed_by(const X509 *x, const X509 *issuer)
{
    bool good = cl_x509_key_is_rsa4096(issuer) &&
                X509_verify((X509 *)(uintptr_t)x, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return good;
}

static bool self_issued(const X509 *x)
{
    return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

/* The certificate of x's issuer: one with that name that signed x, else one with that name, else
 * one that stands where the issuer should (an intermediate, or a root when `root`): the checks then
 * say what is wrong with it. NULL when none was given: that cannot be decided. */
static X509 *pick_issuer(const struct cl_snp_evidence *ev, const X509 *x, bool root)
{
    X509 *named = NULL, *stranger = NULL;
    for (size_t i = 0; i < ev->cert_count; i++) {
        X509 *y = ev->certs[i].x509;
        EVP_PKEY *key = y != NULL ? X509_get0_pubkey(y) : NULL;
        if (key == NULL || !EVP_PKEY_is_a(key, "RSA")) {
            continue;
        }
        if (X509_NAME_cmp(X509_get_subject_name(y), X509_get_issuer_name(x)) != 0) {
            stranger = stranger == NULL && self_issued(y) == root ? y : stranger;
        } else if (snp_chain_signed_by(x, y)) {
            return y;
        } else {
            named = named != NULL ? named : y;
        }
    }
    return named != NULL ? named : stranger;
}

static bool is_ca(const X509 *x)
{
    X509 *y = (X509 *)(uintptr_t)x; /* OpenSSL caches decoded extensions, under its own lock */
    uint32_t usage = X509_get_key_usage(y);
    return X509_check_ca(y) == 1 && (usage & X509v3_KU_KEY_CERT_SIGN) != 0;
}

static bool constraints_good(const struct cl_snp_chain *c)
{
    const X509 *ask = c->certs[SNP_CHAIN_ASK], *ark = c->certs[SNP_CHAIN_ARK];
    return is_ca(ask) && is_ca(ark) && X509_check_ca(c->certs[SNP_CHAIN_EK]) == 0 &&
           cl_x509_no_unknown_critical(c->certs[SNP_CHAIN_EK]) &&
           cl_x509_no_unknown_critical(ask) && cl_x509_no_unknown_critical(ark);
}

static void examine_dates(struct cl_snp_chain *c)
{
    int64_t from = 0, until = 0;
    c->from = INT64_MIN;
    c->until = INT64_MAX;
    c->dates_good = true;
    for (size_t i = 0; i < SNP_CHAIN_LEVELS; i++) {
        c->dates_good = cl_x509_validity(c->certs[i], &from, &until) && c->dates_good;
        c->from = from > c->from ? from : c->from;
        c->until = until < c->until ? until : c->until;
    }
}

/* OpenSSL's own path validation, with the one root as its only anchor: a second opinion on what the
 * steps decide one by one. Not on the time, which comes with each verification. */
static int path_error(const struct cl_snp_chain *c)
{
    int e = X509_V_ERR_OUT_OF_MEM;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    if (store != NULL && ctx != NULL && untrusted != NULL &&
        sk_X509_push(untrusted, c->certs[SNP_CHAIN_ASK]) > 0 &&
        X509_STORE_add_cert(store, c->certs[SNP_CHAIN_ARK]) == 1 &&
        X509_STORE_CTX_init(ctx, store, c->certs[SNP_CHAIN_EK], untrusted) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_depth(param, 1); /* one intermediate */
        X509_VERIFY_PARAM_set_auth_level(param, 3);
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE |
                                                     X509_V_FLAG_NO_CHECK_TIME);
        bool good = X509_verify_cert(ctx) == 1;
        e = X509_STORE_CTX_get_error(ctx);
        e = !good && e == X509_V_OK ? X509_V_ERR_UNSPECIFIED : e;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return e;
}

static void examine_ek(struct cl_snp_chain *c)
{
    struct cl_err err = {0};
    const X509 *ek = c->certs[SNP_CHAIN_EK];
    c->ek_key_good = cl_x509_key_is_p384(ek);
    c->ext_good = snp_extensions_parse(ek, &c->ext, &err) == CL_OK;
    memcpy(c->ext_error, err.msg, sizeof(c->ext_error));
}

static void examine_chain(struct cl_snp_chain *c)
{
    const X509 *ark = c->certs[SNP_CHAIN_ARK];
    c->complete = true;
    c->root_key_known = cl_x509_spki_sha384(ark, c->root_spki, /* err= */ NULL) == CL_OK;
    c->root_self_issued = self_issued(ark);
    for (size_t i = 0; i < SNP_CHAIN_LEVELS; i++) {
        const X509 *x = c->certs[i];
        const X509 *issuer = c->certs[i + 1 < SNP_CHAIN_LEVELS ? i + 1 : i];
        cl_x509_cn(X509_get_subject_name(x), c->cn[i]);
        c->algorithm_good[i] =
            cl_x509_signed_with_pss_sha384(x) && (i == SNP_CHAIN_EK || cl_x509_key_is_rsa4096(x));
        c->signature_good[i] = snp_chain_signed_by(x, issuer);
    }
    c->constraints_good = constraints_good(c);
    examine_dates(c);
    c->path_possible =
        cl_x509_key_is_rsa4096(c->certs[SNP_CHAIN_ASK]) && cl_x509_key_is_rsa4096(ark);
    c->path_error = c->path_possible ? path_error(c) : X509_V_ERR_UNSPECIFIED;
}

enum cl_status cl_snp_chain_new(const struct cl_snp_evidence *ev, struct cl_snp_chain **ret_chain,
                                struct cl_err *err)
{
    struct cl_snp_chain *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return cl_err_nomem(err, "certificate chain");
    }
    X509 *ek = pick_ek(ev);
    X509 *ask = ek != NULL ? pick_issuer(ev, ek, /* root= */ false) : NULL;
    X509 *ark = ask != NULL ? pick_issuer(ev, ask, /* root= */ true) : NULL;
    X509 *const found[SNP_CHAIN_LEVELS] = {ek, ask, ark};
    for (size_t i = 0; i < SNP_CHAIN_LEVELS && found[i] != NULL; i++) {
        (void)X509_up_ref(found[i]); /* the evidence may go before the chain */
        c->certs[i] = found[i];
    }
    if (ek != NULL) {
        examine_ek(c);
    }
    if (ark != NULL) {
        examine_chain(c);
        snp_crl_examine(c, ev);
    }
    *ret_chain = c;
    return CL_OK;
}

void cl_snp_chain_free(struct cl_snp_chain *chain)
{
    for (size_t i = 0; chain != NULL && i < SNP_CHAIN_LEVELS; i++) {
        X509_free(chain->certs[i]);
    }
    free(chain);
}

void cl_snp_chain_freep(struct cl_snp_chain **chain)
{
    cl_snp_chain_free(*chain);
    *chain = NULL;
}

enum cl_status cl_snp_root_digest(const uint8_t *cert, size_t len,
                                  uint8_t ret[static CL_SNP_ROOT_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    CL_TRY(snp_evidence_new(&ev, err)); /* its reader of files does the rest */
    CL_TRY(cl_snp_evidence_add_file_bytes(ev, cert, len, err));
    if (ev->cert_count != 1 || ev->certs[0].x509 == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "root: expected one certificate, got %zu",
                          ev->cert_count);
    }
    return cl_x509_spki_sha384(ev->certs[0].x509, ret, err);
}
