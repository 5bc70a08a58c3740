/* SPDX-License-Identifier: Apache-2.0
 * item_intel.c - what Intel's provisioning certification service serves: TCB info, QE identity,
 * CRLs, each with the chain of its issuer.
 * Trust: hostile bytes; members count only after the TDX verifier has checked the signature.
 * Threads: pure. Memory: OpenSSL's and one JSON document, while it runs.
 * Spec: tdx.md a.9.
 */
#include "collateral/collateral_internal.h"

#include <string.h>

/* Intel's chains: the issuer first. Only names are compared here. */
static enum cl_status issuer_chain(const struct cl_collateral_item *it, const X509_NAME *issuer,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_x509_chain_done) struct cl_x509_chain chain = {0};
    enum cl_status st = cl_x509_chain_parse(it->chain, it->chain_len, &chain, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "issuer chain");
    }
    const X509_NAME *first = X509_get_subject_name(chain.certs[0]);
    char cn[CL_X509_CN_SIZE];
    cl_x509_cn(first, cn);
    if (issuer != NULL ? X509_NAME_cmp(first, issuer) != 0
                       : strcmp(cn, "Intel SGX TCB Signing") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "issuer chain: first certificate: expected %s, got '%s'",
                          issuer != NULL ? "the CRL's issuer" : "Intel SGX TCB Signing", cn);
    }
    return CL_OK;
}

static enum cl_status common_members(struct cl_collateral_item *it, const json_t *j,
                                     const char *what, const char *const ids[static 2],
                                     struct cl_err *err)
{
    const char *id = NULL;
    int64_t number = 0;
    CL_TRY(cl_json_get_string(j, what, "id", &id, err));
    if (strcmp(id, ids[CL_COLLATERAL_TDX]) != 0 && strcmp(id, ids[CL_COLLATERAL_SGX]) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: id: expected %s or %s, got '%.32s'", what,
                          ids[CL_COLLATERAL_TDX], ids[CL_COLLATERAL_SGX], id);
    }
    it->tee = strcmp(id, ids[CL_COLLATERAL_TDX]) == 0 ? CL_COLLATERAL_TDX : CL_COLLATERAL_SGX;
    CL_TRY(cl_json_get_time(j, what, "issueDate", &it->issued, err));
    CL_TRY(cl_json_get_time(j, what, "nextUpdate", &it->expires, err));
    CL_TRY(cl_json_get_int(j, what, "tcbEvaluationDataNumber", 0, UINT32_MAX, &number, err));
    it->tcb_evaluation_number = (uint32_t)number;
    return issuer_chain(it, /* issuer= */ NULL, err);
}

enum cl_status collateral_parse_tcb_info(struct cl_collateral_item *it, struct cl_err *err)
{
    static const char *const ids[] = {[CL_COLLATERAL_TDX] = "TDX", [CL_COLLATERAL_SGX] = "SGX"};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *fmspc = NULL;
    CL_TRY(collateral_signed_json(it, "tcbInfo", &j, err));
    CL_TRY(cl_json_get_string(j, "tcbInfo", "fmspc", &fmspc, err));
    CL_TRY(collateral_unhex(it->fmspc, sizeof(it->fmspc), fmspc, "tcbInfo: fmspc", err));
    return common_members(it, j, "tcbInfo", ids, err);
}

enum cl_status collateral_parse_qe_identity(struct cl_collateral_item *it, struct cl_err *err)
{
    static const char *const ids[] = {[CL_COLLATERAL_TDX] = "TD_QE", [CL_COLLATERAL_SGX] = "QE"};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(collateral_signed_json(it, "enclaveIdentity", &j, err));
    return common_members(it, j, "enclaveIdentity", ids, err);
}

enum cl_status collateral_parse_pck_crl(struct cl_collateral_item *it, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    char cn[CL_X509_CN_SIZE];
    CL_TRY(collateral_parse_crl(it, &crl, err));
    cl_x509_cn(X509_CRL_get_issuer(crl), cn);
    if (strcmp(cn, "Intel SGX PCK Platform CA") == 0) {
        it->ca = CL_COLLATERAL_PLATFORM;
    } else if (strcmp(cn, "Intel SGX PCK Processor CA") == 0) {
        it->ca = CL_COLLATERAL_PROCESSOR;
    } else {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "CRL: issuer: expected Intel SGX PCK Platform or Processor CA, got '%s'",
                          cn);
    }
    return issuer_chain(it, X509_CRL_get_issuer(crl), err);
}

enum cl_status collateral_parse_root_crl(struct cl_collateral_item *it, struct cl_err *err)
{
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    char cn[CL_X509_CN_SIZE];
    CL_TRY(collateral_parse_crl(it, &crl, err));
    cl_x509_cn(X509_CRL_get_issuer(crl), cn);
    return strcmp(cn, "Intel SGX Root CA") == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "CRL: issuer: expected Intel SGX Root CA, got '%s'", cn);
}
