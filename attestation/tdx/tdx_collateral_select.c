/* SPDX-License-Identifier: Apache-2.0
 * tdx_collateral_select.c - from a store of collateral to what one platform needs.
 * Trust: the store has checked form only; everything is verified later. Threads: pure. Memory:
 * none.
 */
#include "cloister/collateral.h"
#include "cloister/tdx_verify.h"

static struct cl_tdx_signed_json signed_json(const struct cl_collateral *store,
                                             enum cl_collateral_kind kind, const uint8_t *fmspc)
{
    const struct cl_collateral_key key = {.kind = kind, .tee = CL_COLLATERAL_TDX, .fmspc = fmspc};
    const struct cl_collateral_item *it = cl_collateral_find(store, &key);
    if (it == NULL) {
        return (struct cl_tdx_signed_json){0};
    }
    return (struct cl_tdx_signed_json){.body = it->body,
                                       .body_len = it->body_len,
                                       .signature = it->signature,
                                       .chain = it->chain,
                                       .chain_len = it->chain_len};
}

static struct cl_tdx_crl crl(const struct cl_collateral *store, enum cl_collateral_kind kind,
                             enum cl_collateral_ca ca)
{
    const struct cl_collateral_key key = {.kind = kind, .ca = ca};
    const struct cl_collateral_item *it = cl_collateral_find(store, &key);
    if (it == NULL) {
        return (struct cl_tdx_crl){0};
    }
    return (struct cl_tdx_crl){
        .der = it->data, .len = it->len, .chain = it->chain, .chain_len = it->chain_len};
}

void cl_tdx_collateral_select(const struct cl_collateral *store,
                              const struct cl_tdx_platform *platform,
                              struct cl_tdx_collateral *ret_views)
{
    enum cl_collateral_ca ca =
        platform->ca == CL_TDX_PCK_CA_PROCESSOR ? CL_COLLATERAL_PROCESSOR : CL_COLLATERAL_PLATFORM;
    *ret_views = (struct cl_tdx_collateral){
        .tcb_info = signed_json(store, CL_COLLATERAL_INTEL_TCB_INFO, platform->fmspc),
        .qe_identity = signed_json(store, CL_COLLATERAL_INTEL_QE_IDENTITY, platform->fmspc),
        .pck_crl = crl(store, CL_COLLATERAL_INTEL_PCK_CRL, ca),
        .root_crl = crl(store, CL_COLLATERAL_INTEL_ROOT_CRL, ca),
    };
}
