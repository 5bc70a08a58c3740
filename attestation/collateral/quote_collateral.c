/* SPDX-License-Identifier: Apache-2.0
 * quote_collateral.c - QuoteCollateralV3 as JSON: how tools around Intel's quote provider library
 * write down what they fetched. Signed bodies travel in it as strings, so their exact bytes
 * survive; the text around a body is put back as Intel serves it. Trust: hostile bytes. Threads:
 * pure. Memory: one item at a time. Spec: tdx.md a.9. pck_certificate_chain and version numbers,
 * which some tools add, are ignored: a quote brings its own PCK chain.
 */
#include "collateral/collateral_internal.h"

#include "base/encode.h"

#include <string.h>

#define WHAT "collateral"

static enum cl_status text_member(const json_t *doc, const char *key, struct cl_buf *out,
                                  struct cl_err *err)
{
    const char *s = NULL;
    CL_TRY(cl_json_get_string(doc, WHAT, key, &s, err));
    return cl_buf_append_str(out, s, err);
}

static enum cl_status hex_member(const json_t *doc, const char *key, struct cl_buf *out,
                                 struct cl_err *err)
{
    const char *hex = NULL;
    CL_TRY(cl_json_get_string(doc, WHAT, key, &hex, err));
    size_t n = strlen(hex) / 2;
    CL_TRY(cl_buf_reserve(out, n + 1, err));
    CL_TRY(cl_unhex(out->data, n, hex, key, err));
    out->len = n;
    return CL_OK;
}

static enum cl_status add_crl(struct cl_collateral *c, const json_t *doc,
                              enum cl_collateral_kind kind, const char *key, const char *chain_key,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf crl = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf chain = {0};
    CL_TRY(hex_member(doc, key, &crl, err));
    if (chain_key != NULL) {
        CL_TRY(text_member(doc, chain_key, &chain, err));
    }
    return cl_collateral_add_item(c, kind, crl.data, crl.len, (const char *)chain.data, chain.len,
                                  err);
}

/* names: the members with the body, its signature and its chain, and the member it is served as. */
static enum cl_status add_signed(struct cl_collateral *c, const json_t *doc,
                                 enum cl_collateral_kind kind, const char *const names[static 4],
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf chain = {0};
    const char *body = NULL, *signature = NULL;
    CL_TRY(cl_json_get_string(doc, WHAT, names[0], &body, err));
    CL_TRY(cl_json_get_string(doc, WHAT, names[1], &signature, err));
    CL_TRY(text_member(doc, names[2], &chain, err));
    uint8_t unused[CL_COLLATERAL_SIGNATURE_SIZE]; /* hex, so that it cannot end the string early */
    CL_TRY(collateral_unhex(unused, sizeof(unused), signature, names[1], err));
    CL_TRY(
        cl_buf_printf(&data, err, "{\"%s\":%s,\"signature\":\"%s\"}", names[3], body, signature));
    return cl_collateral_add_item(c, kind, data.data, data.len, (const char *)chain.data, chain.len,
                                  err);
}

enum cl_status collateral_read_quote_collateral(struct cl_collateral *c, const json_t *doc,
                                                struct cl_err *err)
{
    static const char *const tcb[] = {"tcb_info", "tcb_info_signature", "tcb_info_issuer_chain",
                                      "tcbInfo"};
    static const char *const qe[] = {"qe_identity", "qe_identity_signature",
                                     "qe_identity_issuer_chain", "enclaveIdentity"};
    CL_TRY(add_signed(c, doc, CL_COLLATERAL_INTEL_TCB_INFO, tcb, err));
    CL_TRY(add_signed(c, doc, CL_COLLATERAL_INTEL_QE_IDENTITY, qe, err));
    CL_TRY(add_crl(c, doc, CL_COLLATERAL_INTEL_PCK_CRL, "pck_crl", "pck_crl_issuer_chain", err));
    return add_crl(c, doc, CL_COLLATERAL_INTEL_ROOT_CRL, "root_ca_crl", /* chain_key= */ NULL, err);
}
