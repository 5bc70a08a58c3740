/* SPDX-License-Identifier: Apache-2.0
 * snp_chain.c - endorsement key, intermediate and root: picked out of whatever certificates came,
 * then checked step by step, and once more as a whole by OpenSSL's path validation.
 * Trust: all certificates are hostile. The root counts only when the SHA-384 of its key is pinned
 *        for the report's product (class snp) or named by the policy (class sim-snp).
 * Threads: pure. Memory: one X509_STORE while it runs.
 * Spec: snp.md a.6, a.7, a.10 step 3.
 */
#include "snp/snp_internal.h"

#include "base/io.h"
#include "x509/x509.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* How well a certificate suits the report; the best one is judged. */
static int suits(const struct snp_ctx *c, const X509 *x)
{
    struct snp_extensions e;
    if (snp_extensions_parse(x, &e, /* err= */ NULL) != CL_OK) {
        return 1;
    }
    if (e.has_hw_id != (c->signing_key == SNP_KEY_VCEK)) {
        return 2;
    }
    struct cl_snp_tcb reported = cl_snp_tcb_decode(c->report->reported_tcb, e.struct_version == 1);
    int score = 3;
    score += !e.has_hw_id || memcmp(e.hw_id, c->report->chip_id, e.hw_id_len) == 0 ? 2 : 0;
    score += cl_snp_tcb_equal(&reported, &e.tcb) ? 1 : 0;
    return score;
}

void snp_chain_pick_ek(struct snp_ctx *c)
{
    int best = 0;
    for (size_t i = 0; i < c->ev->cert_count; i++) {
        const X509 *x = c->ev->certs[i].x509;
        EVP_PKEY *key = x != NULL ? X509_get0_pubkey(x) : NULL;
        if (x == NULL || (key != NULL && EVP_PKEY_is_a(key, "RSA"))) {
            continue; /* intermediates and roots have RSA keys */
        }
        int score = suits(c, x);
        if (score > best) {
            best = score;
            c->ek = x;
        }
    }
}

/* Only with keys as AMD's: verifying with a huge modulus or exponent would be a hostile host's way
 * to keep us busy. */
static bool signed_by(const X509 *x, const X509 *issuer)
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
static const X509 *pick_issuer(const struct snp_ctx *c, const X509 *x, bool root)
{
    const X509 *named = NULL, *stranger = NULL;
    for (size_t i = 0; i < c->ev->cert_count; i++) {
        const X509 *y = c->ev->certs[i].x509;
        EVP_PKEY *key = y != NULL ? X509_get0_pubkey(y) : NULL;
        if (key == NULL || !EVP_PKEY_is_a(key, "RSA")) {
            continue;
        }
        if (X509_NAME_cmp(X509_get_subject_name(y), X509_get_issuer_name(x)) != 0) {
            stranger = stranger == NULL && self_issued(y) == root ? y : stranger;
        } else if (signed_by(x, y)) {
            return y;
        } else {
            named = named != NULL ? named : y;
        }
    }
    return named != NULL ? named : stranger;
}

static void check_root(struct snp_ctx *c)
{
    uint8_t spki[CL_SNP_ROOT_SIZE];
    if (cl_x509_spki_sha384(c->ark, spki, /* err= */ NULL) != CL_OK) {
        snp_cannot(c, "snp.chain.root", "the root's key could not be read");
        return;
    }
    const uint8_t *pinned = snp_root_of(c->product);
    enum cl_snp_product owner = snp_root_product(spki);
    if (owner != CL_SNP_PRODUCT_UNKNOWN && owner == c->product) {
        c->root_class = CL_TEE_CLASS_SNP;
    }
    for (size_t i = 0; owner == CL_SNP_PRODUCT_UNKNOWN && i < c->policy->sim_root_count; i++) {
        if (memcmp(c->policy->sim_roots[i], spki, sizeof(spki)) == 0) {
            c->root_class = CL_TEE_CLASS_SIM_SNP;
            pinned = spki;
        }
    }
    struct cl_check *k = snp_check(c, "snp.chain.root", c->root_class != CL_TEE_CLASS_NONE);
    cl_check_hex(k, pinned, spki, sizeof(spki));
    if (pinned == NULL) {
        cl_check_expected(k, "a pinned root of a known product");
    }
    if (c->root_class == CL_TEE_CLASS_SIM_SNP) {
        cl_check_why(k, "a simulated root that the policy names: memory is not protected");
        k->warning = true;
    } else if (c->root_class == CL_TEE_CLASS_NONE) {
        cl_check_why(k, "SHA-384 of the root's public key: %s",
                     owner != CL_SNP_PRODUCT_UNKNOWN ? "this is the root of another product line"
                                                     : "neither pinned nor named by the policy");
    }
}

struct names {
    char ek[CL_X509_CN_SIZE], ask[CL_X509_CN_SIZE], ark[CL_X509_CN_SIZE];
};

static void expected_names(const struct snp_ctx *c, struct names *n)
{
    static const char *const products[] = {"?", "Milan", "Genoa", "Turin"};
    if (c->root_class == CL_TEE_CLASS_SIM_SNP) {
        *n = (struct names){"Cloister simulated VCEK", "Cloister simulated ASK",
                            "Cloister simulated ARK"};
        return;
    }
    bool vlek = c->signing_key == SNP_KEY_VLEK;
    const char *product = products[c->product];
    (void)snprintf(n->ek, sizeof(n->ek), "SEV-%s", vlek ? "VLEK" : "VCEK");
    (void)snprintf(n->ask, sizeof(n->ask), "SEV-%s%s", vlek ? "VLEK-" : "", product);
    (void)snprintf(n->ark, sizeof(n->ark), "ARK-%s", product);
}

static void check_names(struct snp_ctx *c)
{
    struct names want, got;
    expected_names(c, &want);
    cl_x509_cn(X509_get_subject_name(c->ek), got.ek);
    cl_x509_cn(X509_get_subject_name(c->ask), got.ask);
    cl_x509_cn(X509_get_subject_name(c->ark), got.ark);
    bool good = strcmp(want.ek, got.ek) == 0 && strcmp(want.ask, got.ask) == 0 &&
                strcmp(want.ark, got.ark) == 0 &&
                X509_NAME_cmp(X509_get_subject_name(c->ark), X509_get_issuer_name(c->ark)) == 0;
    struct cl_check *k = snp_check(c, "snp.chain.names", good);
    cl_check_expected(k, "%s < %s < %s", want.ek, want.ask, want.ark);
    cl_check_actual(k, "%s < %s < %s", got.ek, got.ask, got.ark);
}

static void check_algorithms(struct snp_ctx *c)
{
    const X509 *all[] = {c->ek, c->ask, c->ark};
    const char *which = "all three";
    bool good = true;
    static const char *const words[] = {"the endorsement key's certificate",
                                        "the intermediate's certificate", "the root's certificate"};
    for (size_t i = 0; good && i < CL_ARRAY_LEN(all); i++) {
        good = cl_x509_signed_with_pss_sha384(all[i]) && (i == 0 || cl_x509_key_is_rsa4096(all[i]));
        which = good ? which : words[i];
    }
    struct cl_check *k = snp_check(c, "snp.chain.algorithms", good);
    cl_check_expected(k, "RSA-4096 PSS, SHA-384, MGF1 SHA-384, salt 48");
    cl_check_actual(k, "%s", good ? "the same" : "something else");
    cl_check_why(k, "%s", which);
}

static void check_signatures(struct snp_ctx *c)
{
    bool ek = signed_by(c->ek, c->ask);
    bool ask = signed_by(c->ask, c->ark);
    bool ark = signed_by(c->ark, c->ark);
    struct cl_check *k = snp_check(c, "snp.chain.signatures", ek && ask && ark);
    cl_check_expected(k, "endorsement key good, intermediate good, root good");
    cl_check_actual(k, "endorsement key %s, intermediate %s, root %s", ek ? "good" : "bad",
                    ask ? "good" : "bad", ark ? "good" : "bad");
}

static bool is_ca(const X509 *x)
{
    X509 *y = (X509 *)(uintptr_t)x; /* OpenSSL caches decoded extensions, under its own lock */
    uint32_t usage = X509_get_key_usage(y);
    return X509_check_ca(y) == 1 && (usage & X509v3_KU_KEY_CERT_SIGN) != 0;
}

static void check_constraints(struct snp_ctx *c)
{
    bool good = is_ca(c->ask) && is_ca(c->ark) && X509_check_ca((X509 *)(uintptr_t)c->ek) == 0 &&
                cl_x509_no_unknown_critical(c->ek) && cl_x509_no_unknown_critical(c->ask) &&
                cl_x509_no_unknown_critical(c->ark);
    struct cl_check *k = snp_check(c, "snp.chain.constraints", good);
    cl_check_expected(k, "X.509 v3: a leaf under two CAs that may sign certificates, no unknown "
                         "critical extension");
    cl_check_actual(k, "%s", good ? "the same" : "something else");
}

static void check_validity(struct snp_ctx *c)
{
    int64_t latest_from = INT64_MIN, earliest_until = INT64_MAX, from = 0, until = 0;
    const X509 *all[] = {c->ek, c->ask, c->ark};
    bool good = true;
    for (size_t i = 0; i < CL_ARRAY_LEN(all); i++) {
        good = cl_x509_validity(all[i], &from, &until) && good;
        latest_from = from > latest_from ? from : latest_from;
        earliest_until = until < earliest_until ? until : earliest_until;
    }
    int64_t t = c->policy->time;
    char a[21], b[21], now[21];
    cl_time_format(a, latest_from);
    cl_time_format(b, earliest_until);
    cl_time_format(now, t);
    struct cl_check *k =
        snp_check(c, "snp.chain.validity", good && t >= latest_from && t < earliest_until);
    cl_check_expected(k, "from %s, before %s", a, b); /* as OpenSSL has it */
    cl_check_actual(k, "%s", now);
    cl_check_why(k, "the time at which all three certificates are valid");
}

/* OpenSSL's own path validation, with the one root as its only anchor: a second opinion on what the
 * steps above decided one by one. */
static int path_error(struct snp_ctx *c)
{
    int e = X509_V_ERR_OUT_OF_MEM;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    X509 *ek = (X509 *)(uintptr_t)c->ek, *ask = (X509 *)(uintptr_t)c->ask;
    if (store != NULL && ctx != NULL && untrusted != NULL && sk_X509_push(untrusted, ask) > 0 &&
        X509_STORE_add_cert(store, (X509 *)(uintptr_t)c->ark) == 1 &&
        X509_STORE_CTX_init(ctx, store, ek, untrusted) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)c->policy->time);
        X509_VERIFY_PARAM_set_depth(param, 1); /* one intermediate */
        X509_VERIFY_PARAM_set_auth_level(param, 3);
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CHECK_SS_SIGNATURE);
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

static void check_path(struct snp_ctx *c)
{
    if (c->root_class == CL_TEE_CLASS_NONE) {
        snp_skip(c, "snp.chain.path", "no accepted root to build a path to");
        return;
    }
    if (!cl_x509_key_is_rsa4096(c->ask)) {
        snp_skip(c, "snp.chain.path", "the intermediate's key is of another kind");
        return;
    }
    int e = path_error(c);
    struct cl_check *k = snp_check(c, "snp.chain.path", e == X509_V_OK);
    cl_check_expected(k, "a valid path to the root");
    cl_check_actual(k, "%s",
                    e == X509_V_OK ? "a valid path to the root" : X509_verify_cert_error_string(e));
}

void snp_chain_check(struct snp_ctx *c)
{
    static const char *const ids[] = {"snp.chain.root",        "snp.chain.names",
                                      "snp.chain.algorithms",  "snp.chain.signatures",
                                      "snp.chain.constraints", "snp.chain.validity",
                                      "snp.chain.path"};
    c->ask = c->ek != NULL ? pick_issuer(c, c->ek, /* root= */ false) : NULL;
    c->ark = c->ask != NULL ? pick_issuer(c, c->ask, /* root= */ true) : NULL;
    if (c->ark == NULL) {
        const char *why = c->ek == NULL    ? "no VCEK or VLEK certificate was given"
                          : c->ask == NULL ? "the certificate of the intermediate (ASK or ASVK) "
                                             "was not given"
                                           : "the certificate of the root (ARK) was not given";
        for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
            snp_cannot(c, ids[i], why);
        }
        return;
    }
    check_root(c);
    check_names(c);
    check_algorithms(c);
    check_signatures(c);
    check_constraints(c);
    check_validity(c);
    check_path(c);
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
