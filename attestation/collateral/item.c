/* SPDX-License-Identifier: Apache-2.0
 * item.c - the kinds of collateral: their words, and which form each has.
 * Trust: hostile bytes. Threads: pure. Memory: none of its own.
 */
#include "collateral/collateral_internal.h"

#include <string.h>

static const struct {
    const char *name;
    bool chain;
    collateral_parse_fn *parse;
} kinds[CL_COLLATERAL_KIND_COUNT] = {
    [CL_COLLATERAL_AMD_VCEK] = {"amd-vcek", false, collateral_parse_endorsement},
    [CL_COLLATERAL_AMD_VLEK] = {"amd-vlek", false, collateral_parse_endorsement},
    [CL_COLLATERAL_AMD_VCEK_CHAIN] = {"amd-vcek-chain", false, collateral_parse_amd_chain},
    [CL_COLLATERAL_AMD_VLEK_CHAIN] = {"amd-vlek-chain", false, collateral_parse_amd_chain},
    [CL_COLLATERAL_AMD_VCEK_CRL] = {"amd-vcek-crl", false, collateral_parse_amd_crl},
    [CL_COLLATERAL_AMD_VLEK_CRL] = {"amd-vlek-crl", false, collateral_parse_amd_crl},
    [CL_COLLATERAL_INTEL_TCB_INFO] = {"intel-tcb-info", true, collateral_parse_tcb_info},
    [CL_COLLATERAL_INTEL_QE_IDENTITY] = {"intel-qe-identity", true, collateral_parse_qe_identity},
    [CL_COLLATERAL_INTEL_PCK_CRL] = {"intel-pck-crl", true, collateral_parse_pck_crl},
    [CL_COLLATERAL_INTEL_ROOT_CRL] = {"intel-root-crl", false, collateral_parse_root_crl},
};

const char *cl_collateral_kind_name(enum cl_collateral_kind kind)
{
    return kind < CL_COLLATERAL_KIND_COUNT ? kinds[kind].name : "unknown";
}

const char *cl_collateral_tee_name(enum cl_collateral_tee tee)
{
    return tee == CL_COLLATERAL_TDX ? "tdx" : "sgx";
}

const char *cl_collateral_ca_name(enum cl_collateral_ca ca)
{
    return ca == CL_COLLATERAL_PLATFORM ? "platform" : "processor";
}

bool collateral_kind_has_chain(enum cl_collateral_kind kind)
{
    return kinds[kind].chain;
}

enum cl_collateral_kind collateral_kind_parse(const char *word, size_t len)
{
    size_t k = 0;
    while (k < CL_COLLATERAL_KIND_COUNT &&
           (strlen(kinds[k].name) != len || strncmp(kinds[k].name, word, len) != 0)) {
        k++;
    }
    return (enum cl_collateral_kind)k;
}

enum cl_status collateral_item_parse(struct cl_collateral_item *it, struct cl_err *err)
{
    CL_TRY(kinds[it->kind].parse(it, err));
    if (it->expires <= it->issued) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "dates: expected an end after the beginning, "
                          "got the reverse");
    }
    return CL_OK;
}

enum cl_status collateral_chain_dates(struct cl_collateral_item *it,
                                      const struct cl_x509_chain *chain, struct cl_err *err)
{
    it->issued = INT64_MIN;
    it->expires = INT64_MAX;
    for (size_t i = 0; i < chain->count; i++) {
        int64_t from = 0, until = 0;
        if (!cl_x509_validity(chain->certs[i], &from, &until)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "certificate: validity: expected two dates, got others");
        }
        it->issued = from > it->issued ? from : it->issued;
        it->expires = until < it->expires ? until : it->expires;
    }
    return CL_OK;
}

enum cl_status collateral_parse_crl(struct cl_collateral_item *it, X509_CRL **ret_crl,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    CL_TRY(cl_x509_crl_parse(it->data, it->len, &crl, err));
    if (!cl_x509_crl_dates(crl, &it->issued, &it->expires)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "CRL: dates: expected thisUpdate and nextUpdate, got others");
    }
    *ret_crl = CL_TAKE(crl);
    return CL_OK;
}
