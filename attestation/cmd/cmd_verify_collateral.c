/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_collateral.c - what --collateral names, for every family of `cloister verify`, and the
 * certificates that came with evidence, for the page: bundles
 * and documents go through the store of cloister/collateral.h; loose files of AMD, under any name,
 * are read as certificates and revocation lists.
 * Trust: contents are hostile; each item is judged by the family's verifier. A signer that the user
 *        pins must have signed everything. Threads: one. Memory: bounded by the store.
 */
#include "cmd/cmd_verify.h"

#include <sys/stat.h>

static enum cl_status read_store(const struct verify_options *o, const char *path,
                                 struct cl_collateral *store, struct cl_err *err)
{
    struct cl_collateral_options options = {.time = o->time};
    uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];
    if (o->collateral_signer != NULL) {
        CL_TRY(cl_collateral_signer_read(o->collateral_signer, signer, err));
        options.signer = signer;
    }
    return cl_collateral_add_path(store, path, &options, err);
}

enum cl_status verify_read_tdx_collateral(const struct verify_options *o,
                                          const struct cl_tdx_quote *quote,
                                          struct cl_collateral **ret_store,
                                          struct cl_tdx_verifier **ret_verifier, struct cl_err *err)
{
    struct cl_tdx_platform platform;
    struct cl_tdx_collateral views = {0};
    if (o->collateral_count == 0) {
        return CL_OK;
    }
    CL_TRY(cl_collateral_new(ret_store, err));
    for (size_t i = 0; i < o->collateral_count; i++) {
        CL_TRY(read_store(o, o->collateral[i], *ret_store, err));
    }
    /* A platform that cannot be told has none: the verifier says what is wrong with the quote. */
    if (cl_tdx_quote_platform(quote, &platform, /* err= */ NULL) == CL_OK) {
        cl_tdx_collateral_select(*ret_store, &platform, &views);
    }
    return cl_tdx_verifier_new(&views, ret_verifier, err);
}

static enum cl_status add_cert_file(const char *path, void *arg, struct cl_err *err)
{
    struct cl_snp_evidence *ev = arg;
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(verify_read_file(path, CL_SNP_CERT_TABLE_MAX_SIZE, &raw, err));
    enum cl_status st = cl_snp_evidence_add_file_bytes(ev, raw.data, raw.len, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "certificates '%s'", path);
}

/* What AMD signed, out of a bundle; of VCEKs only the one of this chip matters, which the verifier
 * finds by itself. */
static enum cl_status add_store(const struct verify_options *o, const char *path,
                                struct cl_snp_evidence *ev, struct cl_err *err)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *store = NULL;
    CL_TRY(cl_collateral_new(&store, err));
    CL_TRY(read_store(o, path, store, err));
    for (size_t i = 0; i < cl_collateral_count(store); i++) {
        const struct cl_collateral_item *item = cl_collateral_item(store, i);
        if (item->kind <= CL_COLLATERAL_AMD_VLEK_CRL) {
            enum cl_status st = cl_snp_evidence_add_file_bytes(ev, item->data, item->len, err);
            if (st != CL_OK) {
                return cl_err_wrap(err, st, "collateral '%s': %s", path,
                                   cl_collateral_kind_name(item->kind));
            }
        }
    }
    return CL_OK;
}

/* A bundle is JSON; anything else is loose, and must be in a bundle when its signer is pinned. */
static enum cl_status is_bundle(const struct verify_options *o, const char *path, bool *ret,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct stat st;
    *ret = o->collateral_signer != NULL;
    if (*ret || (stat(path, &st) == 0 && S_ISDIR(st.st_mode))) {
        return CL_OK;
    }
    CL_TRY(verify_read_file(path, CL_COLLATERAL_MAX_BUNDLE_SIZE, &raw, err));
    *ret = verify_looks_like_json(raw.data, raw.len);
    return CL_OK;
}

enum cl_status verify_add_snp_certs(const struct verify_options *o, struct cl_snp_evidence *ev,
                                    struct cl_err *err)
{
    for (size_t i = 0; i < o->cert_count; i++) {
        CL_TRY(verify_each_file(o->certs[i], verify_cert_suffixes, add_cert_file, ev, err));
    }
    for (size_t i = 0; i < o->collateral_count; i++) {
        const char *path = o->collateral[i];
        bool bundle = false;
        CL_TRY(is_bundle(o, path, &bundle, err));
        CL_TRY(bundle ? add_store(o, path, ev, err)
                      : verify_each_file(path, verify_cert_suffixes, add_cert_file, ev, err));
    }
    return CL_OK;
}

static enum cl_status copy_snp_certs(const struct cl_snp_evidence *ev, bool signers,
                                     struct verify_answer *a, struct cl_err *err)
{
    for (size_t i = 0; i < cl_snp_evidence_cert_count(ev); i++) {
        enum cl_snp_cert_type type;
        size_t len = 0;
        const uint8_t *der = cl_snp_evidence_cert(ev, i, &type, &len);
        bool signer = type == CL_SNP_CERT_VCEK || type == CL_SNP_CERT_VLEK;
        if (signer == signers && a->cert_count < CL_HTML_MAX_CERTS) {
            CL_TRY(cl_buf_append(&a->certs[a->cert_count++], der, len, err));
        }
    }
    return CL_OK;
}

enum cl_status verify_draw_snp_certs(const struct cl_snp_evidence *ev, struct verify_answer *answer,
                                     struct cl_err *err)
{
    CL_TRY(copy_snp_certs(ev, /* signers= */ true, answer, err));
    return copy_snp_certs(ev, /* signers= */ false, answer, err);
}

enum cl_status verify_draw_tdx_certs(const struct cl_tdx_quote *quote, struct verify_answer *answer,
                                     struct cl_err *err)
{
    _Static_assert(CL_TDX_QUOTE_MAX_CERTS <= CL_HTML_MAX_CERTS, "all of a quote's are drawn");
    enum cl_status st = cl_tdx_quote_certs(quote, answer->certs, &answer->cert_count, err);
    return st == CL_ERR_NOMEM ? st : CL_OK;
}
