/* SPDX-License-Identifier: Apache-2.0
 * tdx_verifier.c - collateral, looked at once: each piece's form, its issuer's chain, its
 * signature. What depends on the time, the root or the quote is asked of each quote again.
 * Trust: hostile bytes. Nothing of a piece is kept whose signature does not verify.
 * Threads: immutable once made, but for the platforms it has met (tdx_platforms.c). Memory: parsed
 * pieces. Spec: tdx.md a.10, steps 2 and 3.
 */
#include "tdx/tdx_verify_internal.h"

#include <stdlib.h>
#include <string.h>

static const char tcb_signer[] = "Intel SGX TCB Signing";
static const char root_name[] = "Intel SGX Root CA";

static void issuer_done(struct tdx_issuer *i)
{
    cl_x509_chain_done(&i->chain);
}

void cl_tdx_verifier_free(struct cl_tdx_verifier *v)
{
    if (v == NULL) {
        return;
    }
    cl_verify_result_free(v->checks);
    issuer_done(&v->tcb_issuer);
    issuer_done(&v->qe_issuer);
    issuer_done(&v->crl_issuer);
    tdx_tcb_info_free(v->tcb_info);
    tdx_qe_identity_free(v->qe_identity);
    X509_CRL_free(v->pck_crl);
    X509_CRL_free(v->root_crl);
    tdx_platforms_free(v->platforms);
    free(v);
}

void cl_tdx_verifier_freep(struct cl_tdx_verifier **v)
{
    cl_tdx_verifier_free(*v);
    *v = NULL;
}

/* Adds a check of a form: what the error says, or that it is good. */
static void check_form(struct cl_verify_result *r, const char *id, const char *expected,
                       enum cl_status st, const struct cl_err *e)
{
    struct cl_check *k = cl_verdict_check(r, id, st == CL_OK);
    cl_check_expected(k, "%s", expected);
    cl_check_actual(k, "%s", st == CL_OK ? "the same" : e->msg);
}

/* Only failures that say nothing about the input. */
static bool is_ours(enum cl_status st)
{
    return st == CL_ERR_NOMEM || st == CL_ERR_SYS;
}

static bool names_are(const struct cl_x509_chain *chain, const char *const *issuers)
{
    char first[CL_X509_CN_SIZE], second[CL_X509_CN_SIZE];
    if (chain->count != 2) {
        return false;
    }
    cl_x509_cn(X509_get_subject_name(chain->certs[0]), first);
    cl_x509_cn(X509_get_subject_name(chain->certs[1]), second);
    for (; *issuers != NULL; issuers++) {
        if (strcmp(first, *issuers) == 0) {
            return strcmp(second, root_name) == 0;
        }
    }
    return false;
}

static const char *examine(struct tdx_issuer *i, const char *const *names, enum tdx_cert_role role)
{
    if (!names_are(&i->chain, names)) {
        return "other names";
    }
    const X509 *issuer = i->chain.certs[0], *root = i->chain.certs[1];
    i->facts = tdx_chain_facts_init();
    tdx_chain_link(issuer, root, role, &i->facts);
    tdx_chain_link(root, root, TDX_CERT_ROOT, &i->facts);
    return tdx_chain_broken(&i->facts);
}

static enum cl_status add_issuer(struct cl_tdx_verifier *v, struct tdx_issuer *i, const char *id,
                                 const char *pem, size_t len, const char *const *names,
                                 enum tdx_cert_role role, struct cl_err *err)
{
    struct cl_err e = {0};
    enum cl_status st = pem != NULL ? cl_x509_chain_parse(pem, len, &i->chain, &e)
                                    : cl_err_set(&e, CL_ERR_MALFORMED, "no issuer chain");
    if (is_ours(st)) {
        return cl_err_wrap(err, st, "collateral");
    }
    const char *broken = st != CL_OK ? e.msg : examine(i, names, role);
    i->good = broken == NULL;
    struct cl_check *k = cl_verdict_check(v->checks, id, i->good);
    cl_check_expected(k, "%s under %s, with ECDSA P-256 and SHA-256", names[0], root_name);
    cl_check_actual(k, "%s", i->good ? "the same" : broken);
    return i->good ? cl_x509_spki_sha384(i->chain.certs[1], i->root_spki, err) : CL_OK;
}

/* The signature over exactly these bytes, by the first certificate of the chain. */
static bool check_body(struct cl_tdx_verifier *v, const char *id, const struct tdx_issuer *i,
                       const struct cl_tdx_signed_json *j)
{
    if (!i->good) {
        cl_verdict_skip(v->checks, id, "its issuer's chain is not good");
        return false;
    }
    bool sized = j->body_len > 0 && j->body_len <= CL_TDX_COLLATERAL_MAX && j->signature != NULL;
    bool good = sized && tdx_signed_by(X509_get0_pubkey(i->chain.certs[0]), j->body, j->body_len,
                                       j->signature);
    struct cl_check *k = cl_verdict_check(v->checks, id, good);
    cl_check_expected(k, "ECDSA P-256 with SHA-256 over the bytes as they were served");
    cl_check_actual(k, "%s", good ? "the same" : "a signature that does not verify");
    return good;
}

static enum cl_status add_tcb_info(struct cl_tdx_verifier *v, const struct cl_tdx_signed_json *j,
                                   struct cl_err *err)
{
    static const char *const names[] = {tcb_signer, NULL};
    struct cl_err e = {0};
    v->tcb_given = j->body != NULL;
    if (!v->tcb_given) {
        return CL_OK;
    }
    CL_TRY(add_issuer(v, &v->tcb_issuer, "tdx.tcb_info.chain", j->chain, j->chain_len, names,
                      TDX_CERT_LEAF, err));
    if (!check_body(v, "tdx.tcb_info.signature", &v->tcb_issuer, j)) {
        cl_verdict_skip(v->checks, "tdx.tcb_info.contents", "nobody known has signed it");
        return CL_OK;
    }
    enum cl_status st = tdx_tcb_info_parse(j->body, j->body_len, &v->tcb_info, &e);
    check_form(v->checks, "tdx.tcb_info.contents", "TCB Info version 3 of id TDX", st, &e);
    return is_ours(st) ? cl_err_wrap(err, st, "TCB info") : CL_OK;
}

static enum cl_status add_qe_identity(struct cl_tdx_verifier *v, const struct cl_tdx_signed_json *j,
                                      struct cl_err *err)
{
    static const char *const names[] = {tcb_signer, NULL};
    struct cl_err e = {0};
    v->qe_given = j->body != NULL;
    if (!v->qe_given) {
        return CL_OK;
    }
    CL_TRY(add_issuer(v, &v->qe_issuer, "tdx.qe_identity.chain", j->chain, j->chain_len, names,
                      TDX_CERT_LEAF, err));
    if (!check_body(v, "tdx.qe_identity.signature", &v->qe_issuer, j)) {
        cl_verdict_skip(v->checks, "tdx.qe_identity.contents", "nobody known has signed it");
        return CL_OK;
    }
    enum cl_status st = tdx_qe_identity_parse(j->body, j->body_len, &v->qe_identity, &e);
    check_form(v->checks, "tdx.qe_identity.contents", "QE Identity version 2 of id TD_QE", st, &e);
    return is_ours(st) ? cl_err_wrap(err, st, "QE identity") : CL_OK;
}

/* A CRL of that issuer; NULL issuer: its issuer is not known. Kept only when good. */
static enum cl_status add_crl(struct cl_tdx_verifier *v, const char *id,
                              const struct cl_tdx_crl *view, const X509 *issuer, X509_CRL **ret_crl,
                              int64_t *ret_from, int64_t *ret_until, struct cl_err *err)
{
    struct cl_err e = {0};
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    if (issuer == NULL) {
        cl_verdict_cannot(v->checks, id, "there is no good chain of its issuer");
        return CL_OK;
    }
    enum cl_status st = view->len <= CL_TDX_COLLATERAL_MAX
                            ? cl_x509_crl_parse(view->der, view->len, &crl, &e)
                            : cl_err_set(&e, CL_ERR_MALFORMED, "CRL: too large");
    if (is_ours(st)) {
        return cl_err_wrap(err, st, "collateral");
    }
    bool good = st == CL_OK && cl_x509_crl_dates(crl, ret_from, ret_until) &&
                cl_x509_crl_signed_by_p256(crl, issuer);
    struct cl_check *k = cl_verdict_check(v->checks, id, good);
    cl_check_expected(k, "a whole CRL by its issuer, with ECDSA P-256 and SHA-256, and dates");
    cl_check_actual(k, "%s",
                    good          ? "the same"
                    : st != CL_OK ? e.msg
                                  : "another issuer, signature or form");
    if (good) {
        (void)cl_x509_crl_has(crl, issuer); /* sorts its entries now, not while threads share it */
        *ret_crl = CL_TAKE(crl);
    }
    return CL_OK;
}

static enum cl_status add_pck_crl(struct cl_tdx_verifier *v, const struct cl_tdx_crl *view,
                                  struct cl_err *err)
{
    static const char *const names[] = {"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA",
                                        NULL};
    v->pck_crl_given = view->der != NULL;
    if (!v->pck_crl_given) {
        return CL_OK;
    }
    CL_TRY(add_issuer(v, &v->crl_issuer, "tdx.pck_crl.chain", view->chain, view->chain_len, names,
                      TDX_CERT_CA, err));
    return add_crl(v, "tdx.pck_crl.signature", view,
                   v->crl_issuer.good ? v->crl_issuer.chain.certs[0] : NULL, &v->pck_crl,
                   &v->pck_crl_from, &v->pck_crl_until, err);
}

/* The root's CRL is signed by a root that one of the chains has brought. */
static enum cl_status add_root_crl(struct cl_tdx_verifier *v, const struct cl_tdx_crl *view,
                                   struct cl_err *err)
{
    const struct tdx_issuer *const issuers[] = {&v->crl_issuer, &v->tcb_issuer, &v->qe_issuer};
    const struct tdx_issuer *from = NULL;
    v->root_crl_given = view->der != NULL;
    if (!v->root_crl_given) {
        return CL_OK;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(issuers) && from == NULL; i++) {
        from = issuers[i]->good ? issuers[i] : NULL;
    }
    if (from != NULL) {
        memcpy(v->root_crl_spki, from->root_spki, sizeof(v->root_crl_spki));
    }
    return add_crl(v, "tdx.root_crl.signature", view, from != NULL ? from->chain.certs[1] : NULL,
                   &v->root_crl, &v->root_crl_from, &v->root_crl_until, err);
}

enum cl_status cl_tdx_verifier_new(const struct cl_tdx_collateral *views,
                                   struct cl_tdx_verifier **ret_v, struct cl_err *err)
{
    static const struct cl_tdx_collateral nothing;
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return cl_err_nomem(err, "verifier");
    }
    views = views != NULL ? views : &nothing;
    CL_TRY(cl_verdict_new(/* t= */ 0, &v->checks, err));
    CL_TRY(tdx_platforms_new(&v->platforms, err));
    CL_TRY(add_tcb_info(v, &views->tcb_info, err));
    CL_TRY(add_qe_identity(v, &views->qe_identity, err));
    CL_TRY(add_pck_crl(v, &views->pck_crl, err));
    CL_TRY(add_root_crl(v, &views->root_crl, err));
    *ret_v = CL_TAKE(v);
    return CL_OK;
}
