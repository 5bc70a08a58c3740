/* SPDX-License-Identifier: Apache-2.0
 * check.c - whether what an item names as its issuer really signed it: for `collateral fetch`,
 * which stores nothing that does not fit together, and for `show`.
 * Trust: hostile items. A good answer says nothing of who stands at the top of the chain: that is
 *        decided where the roots are pinned, in the verification of evidence.
 * Threads: pure. Memory: OpenSSL's, while it runs.
 */
#include "collateral/collateral_internal.h"
#include "token/sign.h"

#include <openssl/err.h>
#include <string.h>

#define MAX_KEY_BITS 4096

static enum cl_status mismatch(const struct cl_collateral_item *it, struct cl_err *err)
{
    ERR_clear_error();
    return cl_err_set(err, CL_ERR_REJECTED, "%s: signature: expected its issuer's, got another",
                      cl_collateral_kind_name(it->kind));
}

/* Each certificate by the next, the last by itself. Keys that could keep us busy are refused. */
static bool chain_holds(const struct cl_x509_chain *chain)
{
    EVP_PKEY *key = NULL;
    for (size_t i = 0; i < chain->count; i++) {
        key = X509_get0_pubkey(chain->certs[i]);
        if (key == NULL || EVP_PKEY_get_bits(key) > MAX_KEY_BITS ||
            (i > 0 && X509_verify(chain->certs[i - 1], key) != 1)) {
            return false;
        }
    }
    return X509_verify(chain->certs[chain->count - 1], key) == 1;
}

static enum cl_status check_crl(const struct cl_collateral_item *it, EVP_PKEY *issuer,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    CL_TRY(cl_x509_crl_parse(it->data, it->len, &crl, err));
    return X509_CRL_verify(crl, issuer) == 1 ? CL_OK : mismatch(it, err);
}

/* AMD's chain that belongs to an item, or NULL. Either of a product's two has its root. */
static const struct cl_collateral_item *amd_chain(const struct cl_collateral *c,
                                                  const struct cl_collateral_item *it)
{
    bool vlek = it->kind == CL_COLLATERAL_AMD_VLEK || it->kind == CL_COLLATERAL_AMD_VLEK_CRL;
    return cl_collateral_find(
        c, &(struct cl_collateral_key){.kind = vlek ? CL_COLLATERAL_AMD_VLEK_CHAIN
                                                    : CL_COLLATERAL_AMD_VCEK_CHAIN,
                                       .product = it->product});
}

static enum cl_status check_amd(const struct cl_collateral *c, const struct cl_collateral_item *it,
                                struct cl_err *err)
{
    bool is_chain =
        it->kind == CL_COLLATERAL_AMD_VCEK_CHAIN || it->kind == CL_COLLATERAL_AMD_VLEK_CHAIN;
    const struct cl_collateral_item *source = is_chain ? it : amd_chain(c, it);
    CL_CLEANUP(cl_x509_chain_done) struct cl_x509_chain chain = {0};
    if (source == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "%s: signature: expected the chain of %s, got none",
                          cl_collateral_kind_name(it->kind), cl_snp_product_name(it->product));
    }
    CL_TRY(cl_x509_chain_parse(source->data, source->len, &chain, err));
    if (!chain_holds(&chain)) {
        return mismatch(source, err);
    }
    if (is_chain) {
        return CL_OK;
    }
    if (it->kind == CL_COLLATERAL_AMD_VCEK_CRL || it->kind == CL_COLLATERAL_AMD_VLEK_CRL) {
        return check_crl(it, X509_get0_pubkey(chain.certs[1]), err);
    }
    CL_CLEANUP(cl_x509_freep) X509 *x = NULL;
    CL_TRY(cl_x509_parse(it->data, it->len, &x, err));
    return X509_verify(x, X509_get0_pubkey(chain.certs[0])) == 1 ? CL_OK : mismatch(it, err);
}

/* A body of JSON, signed with P-256. */
static enum cl_status check_body(const struct cl_collateral_item *it, EVP_PKEY *issuer,
                                 struct cl_err *err)
{
    enum cl_sig_alg alg = CL_SIG_ES384;
    if (!cl_sig_alg_of_key(issuer, &alg) || alg != CL_SIG_ES256 ||
        cl_sig_check(alg, issuer, it->body, it->body_len, it->signature, err) != CL_OK) {
        return mismatch(it, err);
    }
    return CL_OK;
}

static enum cl_status check_intel(const struct cl_collateral *c,
                                  const struct cl_collateral_item *it, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_chain_done) struct cl_x509_chain chain = {0};
    const struct cl_collateral_item *source = it;
    for (size_t i = 0; it->chain == NULL && source == it && i < c->count; i++) {
        source = c->items[i].chain != NULL ? &c->items[i] : source; /* all end in the same root */
    }
    if (source->chain == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "%s: signature: expected a chain to the root, got none",
                          cl_collateral_kind_name(it->kind));
    }
    CL_TRY(cl_x509_chain_parse(source->chain, source->chain_len, &chain, err));
    if (!chain_holds(&chain)) {
        return mismatch(it, err);
    }
    EVP_PKEY *issuer = X509_get0_pubkey(chain.certs[it->chain != NULL ? 0 : chain.count - 1]);
    return it->body != NULL ? check_body(it, issuer, err) : check_crl(it, issuer, err);
}

enum cl_status cl_collateral_check_issuer(const struct cl_collateral *c,
                                          const struct cl_collateral_item *item, struct cl_err *err)
{
    return item->kind < CL_COLLATERAL_INTEL_TCB_INFO ? check_amd(c, item, err)
                                                     : check_intel(c, item, err);
}
