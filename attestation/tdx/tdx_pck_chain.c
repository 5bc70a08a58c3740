/* SPDX-License-Identifier: Apache-2.0
 * tdx_pck_chain.c - the chain in a quote: PCK certificate, its CA, the root, which must be one that
 * is pinned or that the policy names as simulated; and whether any of it was revoked.
 * Trust: every certificate is hostile. Threads: pure. Memory: the certificates, while it runs.
 * Spec: tdx.md a.7, a.8; a.10, step 2.
 */
#include "tdx/tdx_verify_internal.h"

#include "base/io.h"

#include <string.h>

static const char *const chain_ids[] = {
    "tdx.pck.root",        "tdx.pck.names",    "tdx.pck.algorithms", "tdx.pck.signatures",
    "tdx.pck.constraints", "tdx.pck.validity", "tdx.pck.extension"};

static enum cl_status open_chain(struct tdx_ctx *c, struct cl_err *err)
{
    static const enum tdx_cert_role roles[] = {TDX_CERT_LEAF, TDX_CERT_CA, TDX_CERT_ROOT};
    struct tdx_chain_der chain;
    struct tdx_known *k = &c->known;
    CL_TRY(tdx_pem_decode(c->quote->pck_chain.data, c->quote->pck_chain.len, &chain, err));
    if (chain.count != CL_ARRAY_LEN(roles)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "quote: PCK chain: expected 3 certificates, got %zu", chain.count);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(roles); i++) {
        CL_TRY(cl_x509_parse(chain.der[i], chain.len[i], &k->certs[i], err));
    }
    CL_TRY(cl_x509_spki_sha384(k->certs[2], k->root_spki, err));
    k->facts = tdx_chain_facts_init();
    for (size_t i = 0; i < CL_ARRAY_LEN(roles); i++) {
        tdx_chain_link(k->certs[i], k->certs[i < 2 ? i + 1 : i], roles[i], &k->facts);
    }
    return CL_OK;
}

static void check_root(struct tdx_ctx *c)
{
    const uint8_t *want = tdx_pinned_root();
    if (memcmp(want, c->known.root_spki, CL_TDX_ROOT_SIZE) == 0) { /* public values */
        c->root_class = CL_TEE_CLASS_TDX;
    }
    for (size_t i = 0; c->root_class == CL_TEE_CLASS_NONE && i < c->policy->sim_root_count; i++) {
        if (memcmp(c->policy->sim_roots[i], c->known.root_spki, CL_TDX_ROOT_SIZE) == 0) {
            c->root_class = CL_TEE_CLASS_SIM_TDX;
            want = c->policy->sim_roots[i];
        }
    }
    struct cl_check *k =
        cl_verdict_check(c->result, chain_ids[0], c->root_class != CL_TEE_CLASS_NONE);
    cl_check_hex(k, want, c->known.root_spki, CL_TDX_ROOT_SIZE);
    if (c->root_class == CL_TEE_CLASS_SIM_TDX) {
        cl_check_why(k, "a simulated root that the policy names: memory is not protected");
        k->warning = true;
    } else if (c->root_class == CL_TEE_CLASS_NONE) {
        cl_check_why(k, "SHA-384 of the root's public key: not Intel's, nor named by the policy");
    }
}

static void check_names(struct tdx_ctx *c)
{
    char leaf[CL_X509_CN_SIZE], ca[CL_X509_CN_SIZE], root[CL_X509_CN_SIZE];
    cl_x509_cn(X509_get_subject_name(c->known.certs[0]), leaf);
    cl_x509_cn(X509_get_subject_name(c->known.certs[1]), ca);
    cl_x509_cn(X509_get_subject_name(c->known.certs[2]), root);
    bool good = strcmp(leaf, "Intel SGX PCK Certificate") == 0 &&
                tdx_pck_ca_of(c->known.certs[0]) != CL_TDX_PCK_CA_UNKNOWN &&
                X509_NAME_cmp(X509_get_issuer_name(c->known.certs[0]),
                              X509_get_subject_name(c->known.certs[1])) == 0 &&
                strcmp(root, "Intel SGX Root CA") == 0;
    struct cl_check *k = cl_verdict_check(c->result, chain_ids[1], good);
    cl_check_expected(k, "Intel SGX PCK Certificate < Intel SGX PCK Platform or Processor CA < "
                         "Intel SGX Root CA");
    cl_check_actual(k, "%s < %s < %s", leaf, ca, root);
}

static void check_fact(struct tdx_ctx *c, const char *id, bool good, const char *expected)
{
    struct cl_check *k = cl_verdict_check(c->result, id, good);
    cl_check_expected(k, "%s", expected);
    cl_check_actual(k, "%s", good ? "the same" : "something else");
}

static void check_validity(struct tdx_ctx *c)
{
    int64_t t = c->policy->time;
    char from[21], until[21], now[21];
    cl_time_format(from, c->known.facts.from);
    cl_time_format(until, c->known.facts.until);
    cl_time_format(now, t);
    struct cl_check *k = cl_verdict_check(c->result, chain_ids[5],
                                          t >= c->known.facts.from && t < c->known.facts.until);
    cl_check_expected(k, "from %s, before %s", from, until); /* as OpenSSL has it */
    cl_check_actual(k, "%s", now);
}

static void check_extension(struct tdx_ctx *c)
{
    struct cl_err e = {0};
    c->ext_good = c->met || tdx_pck_extension_parse(c->known.certs[0], &c->known.ext, &e) == CL_OK;
    struct cl_check *k = cl_verdict_check(c->result, chain_ids[6], c->ext_good);
    cl_check_expected(k, "Intel's SGX extension, each member once and well-formed");
    cl_check_actual(k, "%s", c->ext_good ? "the same" : e.msg);
    if (c->ext_good) {
        c->tcb.platform_known = true;
        c->tcb.pck.ca = tdx_pck_ca_of(c->known.certs[0]);
        memcpy(c->tcb.pck.fmspc, c->known.ext.fmspc, sizeof(c->tcb.pck.fmspc));
        memcpy(c->tcb.pck.pceid, c->known.ext.pceid, sizeof(c->tcb.pck.pceid));
    }
}

enum cl_status tdx_check_pck_chain(struct tdx_ctx *c, struct cl_err *err)
{
    struct cl_err e = {0};
    c->met = c->v != NULL && tdx_platforms_find(c->v->platforms, c->quote, &c->known);
    enum cl_status st = c->met ? CL_OK : open_chain(c, &e);
    if (st == CL_ERR_NOMEM || st == CL_ERR_SYS) {
        return cl_err_wrap(err, st, "PCK chain");
    }
    struct cl_check *k = cl_verdict_check(c->result, "tdx.pck.chain", st == CL_OK);
    cl_check_expected(k, "three certificates in strict PEM: PCK, its CA, the root");
    cl_check_actual(k, "%s", st == CL_OK ? "the same" : e.msg);
    if (st != CL_OK) {
        tdx_known_done(&c->known);
        for (size_t i = 0; i < CL_ARRAY_LEN(chain_ids); i++) {
            cl_verdict_skip(c->result, chain_ids[i], "the chain cannot be read");
        }
        return CL_OK;
    }
    check_root(c);
    check_names(c);
    check_fact(c, chain_ids[2], c->known.facts.algorithms, "keys on P-256, ECDSA with SHA-256");
    check_fact(c, chain_ids[3], c->known.facts.signatures,
               "each signed by the next, the root by itself");
    check_fact(c, chain_ids[4], c->known.facts.constraints,
               "X.509 v3: a leaf that signs under two CAs, no unknown critical extension");
    check_validity(c);
    check_extension(c);
    return CL_OK;
}

/* The CRL speaks of a certificate when name and key of its issuer are those of the certificate's.
 */
static bool crl_applies(const struct tdx_ctx *c, const X509 *issuer, const X509 *crl_issuer)
{
    return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_subject_name(crl_issuer)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(issuer), X509_get0_pubkey(crl_issuer)) == 1 &&
           c->known.facts.signatures;
}

static void check_not_revoked(struct tdx_ctx *c, const char *id, const X509_CRL *crl, const X509 *x)
{
    bool revoked = cl_x509_crl_has(crl, x);
    struct cl_check *k = cl_verdict_check(c->result, id, !revoked);
    cl_check_expected(k, "not on the revocation list of its issuer");
    cl_check_actual(k, "%s", revoked ? "revoked" : "not on it");
}

static void check_leaf_revocation(struct tdx_ctx *c)
{
    const struct cl_tdx_verifier *v = c->v;
    const char *id = "tdx.pck.revocation";
    bool given = v != NULL && v->pck_crl_given;
    if (!given || v->pck_crl == NULL) {
        tdx_miss_collateral(c, id, "there is no good CRL of the PCK's CA", given);
    } else if (c->known.certs[0] == NULL ||
               !crl_applies(c, c->known.certs[1], v->crl_issuer.chain.certs[0])) {
        cl_verdict_cannot(c->result, id, "the CRL is of another CA than the PCK certificate");
    } else {
        check_not_revoked(c, id, v->pck_crl, c->known.certs[0]);
    }
}

/* Whether the root's CRL names one of the certificates right under the root. */
static void check_root_crl(struct tdx_ctx *c)
{
    const struct cl_tdx_verifier *v = c->v;
    static const char *const ids[] = {"tdx.pck.ca_revocation", "tdx.collateral.revocation"};
    bool given = v != NULL && v->root_crl_given;
    if (!given || v->root_crl == NULL || c->known.certs[2] == NULL ||
        memcmp(v->root_crl_spki, c->known.root_spki, CL_TDX_ROOT_SIZE) != 0) {
        tdx_miss_collateral(c, ids[0], "there is no good CRL of the root", given);
        tdx_miss_collateral(c, ids[1], "there is no good CRL of the root", given);
        return;
    }
    check_not_revoked(c, ids[0], v->root_crl, c->known.certs[1]);
    const struct tdx_issuer *const issuers[] = {&v->tcb_issuer, &v->qe_issuer, &v->crl_issuer};
    const X509 *revoked = NULL;
    for (size_t i = 0; i < CL_ARRAY_LEN(issuers); i++) {
        const X509 *x = issuers[i]->good ? issuers[i]->chain.certs[0] : NULL;
        revoked = x != NULL && cl_x509_crl_has(v->root_crl, x) ? x : revoked;
    }
    char cn[CL_X509_CN_SIZE] = "";
    struct cl_check *k = cl_verdict_check(c->result, ids[1], revoked == NULL);
    cl_check_expected(k, "no issuer of collateral on the root's revocation list");
    if (revoked != NULL) {
        cl_x509_cn(X509_get_subject_name(revoked), cn);
    }
    cl_check_actual(k, "%s", revoked != NULL ? cn : "none on it");
}

void tdx_check_pck_revocation(struct tdx_ctx *c)
{
    check_leaf_revocation(c);
    check_root_crl(c);
}
