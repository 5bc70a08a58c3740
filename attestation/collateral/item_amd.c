/* SPDX-License-Identifier: Apache-2.0
 * item_amd.c - what AMD's key distribution service serves: endorsement certificates, the chain
 * above them, CRLs.
 * Trust: hostile bytes; names and extensions count only after cl_snp_verify(). Threads: pure.
 * Memory: OpenSSL's, while it runs.
 * Spec: snp.md a.6, a.7, a.8.
 */
#include "collateral/collateral_internal.h"
#include "snp/snp_internal.h"

#include <string.h>

/* `prefix` and a product's name: MILAN for "SEV-Milan" with "SEV-". */
static enum cl_snp_product product_of(const X509_NAME *name, const char *prefix)
{
    static const char *const products[] = {[CL_SNP_PRODUCT_MILAN] = "Milan",
                                           [CL_SNP_PRODUCT_GENOA] = "Genoa",
                                           [CL_SNP_PRODUCT_TURIN] = "Turin"};
    char cn[CL_X509_CN_SIZE];
    size_t n = strlen(prefix);
    cl_x509_cn(name, cn);
    for (size_t p = CL_SNP_PRODUCT_MILAN; p < CL_ARRAY_LEN(products); p++) {
        if (strncmp(cn, prefix, n) == 0 && strcmp(cn + n, products[p]) == 0) {
            return (enum cl_snp_product)p;
        }
    }
    return CL_SNP_PRODUCT_UNKNOWN;
}

static enum cl_status wrong_name(const X509_NAME *name, const char *who, const char *prefix,
                                 struct cl_err *err)
{
    char cn[CL_X509_CN_SIZE];
    cl_x509_cn(name, cn);
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %s and a known product, got '%s'", who,
                      prefix, cn);
}

static const char *ca_prefix(bool vlek)
{
    return vlek ? "SEV-VLEK-" : "SEV-";
}

enum cl_status collateral_parse_endorsement(struct cl_collateral_item *it, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_freep) X509 *x = NULL;
    struct snp_extensions ext;
    bool vlek = it->kind == CL_COLLATERAL_AMD_VLEK;
    CL_TRY(cl_x509_parse(it->data, it->len, &x, err));
    CL_TRY(snp_extensions_parse(x, &ext, err));
    it->product = product_of(X509_get_issuer_name(x), ca_prefix(vlek));
    if (it->product == CL_SNP_PRODUCT_UNKNOWN) {
        return wrong_name(X509_get_issuer_name(x), "issuer", ca_prefix(vlek), err);
    }
    if (snp_extensions_product(&ext) != it->product || ext.has_hw_id == vlek) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "certificate: extensions: expected productName of the issuer and %s, got "
                          "others",
                          vlek ? "cspID" : "hwID");
    }
    memcpy(it->hw_id, ext.hw_id, ext.hw_id_len);
    it->hw_id_len = ext.hw_id_len;
    it->tcb = ext.tcb;
    struct cl_x509_chain one = {.certs = {x}, .count = 1};
    return collateral_chain_dates(it, &one, err);
}

enum cl_status collateral_parse_amd_chain(struct cl_collateral_item *it, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_chain_done) struct cl_x509_chain chain = {0};
    const char *prefix = ca_prefix(it->kind == CL_COLLATERAL_AMD_VLEK_CHAIN);
    CL_TRY(cl_x509_chain_parse(it->data, it->len, &chain, err));
    if (chain.count != 2) {
        return cl_err_set(err, CL_ERR_MALFORMED, "chain: expected 2 certificates, got %zu",
                          chain.count);
    }
    const X509_NAME *ca = X509_get_subject_name(chain.certs[0]);
    const X509_NAME *root = X509_get_subject_name(chain.certs[1]);
    it->product = product_of(ca, prefix);
    if (it->product == CL_SNP_PRODUCT_UNKNOWN) {
        return wrong_name(ca, "intermediate", prefix, err);
    }
    if (product_of(root, "ARK-") != it->product) {
        return wrong_name(root, "root", "ARK-", err);
    }
    return collateral_chain_dates(it, &chain, err);
}

enum cl_status collateral_parse_amd_crl(struct cl_collateral_item *it, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    CL_TRY(collateral_parse_crl(it, &crl, err));
    it->product = product_of(X509_CRL_get_issuer(crl), "ARK-");
    if (it->product == CL_SNP_PRODUCT_UNKNOWN) {
        return wrong_name(X509_CRL_get_issuer(crl), "issuer", "ARK-", err);
    }
    return CL_OK;
}
