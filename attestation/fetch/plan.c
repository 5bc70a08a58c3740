/* SPDX-License-Identifier: Apache-2.0
 * plan.c - which URLs hold what a request needs.
 * Trust: the request may come from hostile evidence: only hex digits and numbers of it get into a
 *        URL. Threads: pure. Memory: the caller's.
 * Spec: snp.md a.8; tdx.md a.9.
 */
#include "fetch.h"

#include "base/encode.h"

#include <stdio.h>
#include <string.h>

struct plan {
    const struct fetch_options *o;
    const struct fetch_request *r;
    struct fetch_target *targets;
    size_t count;
    bool too_long;
};

/* The next target; its URL is still to be written. */
static char *add(struct plan *p, enum cl_collateral_kind kind)
{
    struct fetch_target *t = &p->targets[p->count++]; /* FETCH_MAX_TARGETS is more than all kinds */
    *t = (struct fetch_target){.kind = kind, .request = p->r};
    t->key = (struct cl_collateral_key){.kind = kind,
                                        .product = p->r->product,
                                        .tee = p->r->tee,
                                        .fmspc = p->r->fmspc,
                                        .ca = p->r->ca};
    return t->url;
}

/* n: what snprintf() returned for the URL. */
static void wrote(struct plan *p, int n)
{
    p->too_long = p->too_long || n < 0 || (size_t)n >= FETCH_URL_SIZE;
}

static void plan_vcek(struct plan *p, const char *product)
{
    const struct fetch_request *r = p->r;
    char hex[2 * CL_SNP_CHIP_ID_SIZE + 1];
    char fmc[16] = "";
    cl_hex(hex, r->chip_id, r->tcb.has_fmc ? 8 : CL_SNP_CHIP_ID_SIZE);
    if (r->tcb.has_fmc) {
        (void)snprintf(fmc, sizeof(fmc), "fmcSPL=%02u&", (unsigned)r->tcb.fmc);
    }
    char *url = add(p, CL_COLLATERAL_AMD_VCEK);
    wrote(p, snprintf(url, FETCH_URL_SIZE,
                      "%s/vcek/v1/%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u",
                      p->o->kds_url, product, hex, fmc, (unsigned)r->tcb.bootloader,
                      (unsigned)r->tcb.tee, (unsigned)r->tcb.snp, (unsigned)r->tcb.microcode));
}

static void plan_amd(struct plan *p)
{
    static const char *const products[] = {[CL_SNP_PRODUCT_MILAN] = "Milan",
                                           [CL_SNP_PRODUCT_GENOA] = "Genoa",
                                           [CL_SNP_PRODUCT_TURIN] = "Turin"};
    const char *product = products[p->r->product];
    bool vlek = p->r->vlek;
    const char *key = vlek ? "vlek" : "vcek";
    wrote(p, snprintf(add(p, vlek ? CL_COLLATERAL_AMD_VLEK_CHAIN : CL_COLLATERAL_AMD_VCEK_CHAIN),
                      FETCH_URL_SIZE, "%s/%s/v1/%s/cert_chain", p->o->kds_url, key, product));
    wrote(p, snprintf(add(p, vlek ? CL_COLLATERAL_AMD_VLEK_CRL : CL_COLLATERAL_AMD_VCEK_CRL),
                      FETCH_URL_SIZE, "%s/%s/v1/%s/crl", p->o->kds_url, key, product));
    if (p->r->has_chip && !vlek) {
        plan_vcek(p, product);
    }
}

static void plan_intel(struct plan *p)
{
    const char *pcs = p->o->pcs_url;
    const char *tee = cl_collateral_tee_name(p->r->tee);
    char fmspc[2 * CL_COLLATERAL_FMSPC_SIZE + 1];
    cl_hex(fmspc, p->r->fmspc, sizeof(p->r->fmspc));
    wrote(p, snprintf(add(p, CL_COLLATERAL_INTEL_TCB_INFO), FETCH_URL_SIZE,
                      "%s/%s/certification/v4/tcb?fmspc=%s", pcs, tee, fmspc));
    wrote(p, snprintf(add(p, CL_COLLATERAL_INTEL_QE_IDENTITY), FETCH_URL_SIZE,
                      "%s/%s/certification/v4/qe/identity", pcs, tee));
    wrote(p, snprintf(add(p, CL_COLLATERAL_INTEL_PCK_CRL), FETCH_URL_SIZE,
                      "%s/sgx/certification/v4/pckcrl?ca=%s&encoding=der", pcs,
                      cl_collateral_ca_name(p->r->ca)));
    if (p->o->root_crl_url != NULL) {
        wrote(p, snprintf(add(p, CL_COLLATERAL_INTEL_ROOT_CRL), FETCH_URL_SIZE, "%s",
                          p->o->root_crl_url));
    } else {
        wrote(p, snprintf(add(p, CL_COLLATERAL_INTEL_ROOT_CRL), FETCH_URL_SIZE,
                          "%s/sgx/certification/v4/rootcacrl", pcs));
    }
}

enum cl_status fetch_plan(const struct fetch_options *o, const struct fetch_request *r,
                          struct fetch_target ret[static FETCH_MAX_TARGETS], size_t *ret_count,
                          struct cl_err *err)
{
    struct plan p = {.o = o, .r = r, .targets = ret};
    if (r->product != CL_SNP_PRODUCT_UNKNOWN) {
        plan_amd(&p);
    }
    if (r->intel) {
        plan_intel(&p);
    }
    if (p.too_long) {
        return cl_err_set(err, CL_ERR_MALFORMED, "URL: expected fewer than %u bytes, got more",
                          FETCH_URL_SIZE);
    }
    *ret_count = p.count;
    return CL_OK;
}
