/* SPDX-License-Identifier: Apache-2.0
 * fetch.c - one item: from the cache while that is fresh, else from the network, else once more
 * from the cache when the server does not answer and the item has not expired. Trust, threads,
 * memory: see fetch.h.
 */
#include "fetch.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/log.h"

#include <string.h>

static const char *const *chain_headers(enum cl_collateral_kind kind)
{
    static const char *const tcb[] = {"TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain", NULL};
    static const char *const qe[] = {"SGX-Enclave-Identity-Issuer-Chain", NULL};
    static const char *const crl[] = {"SGX-PCK-CRL-Issuer-Chain", NULL};
    switch (kind) {
    case CL_COLLATERAL_INTEL_TCB_INFO:
        return tcb;
    case CL_COLLATERAL_INTEL_QE_IDENTITY:
        return qe;
    case CL_COLLATERAL_INTEL_PCK_CRL:
        return crl;
    default:
        return NULL;
    }
}

/* A PCCS gives CRLs as hex of the DER, with no DER in sight: that is turned back. */
static enum cl_status unwrap_hex(enum cl_collateral_kind kind, struct cl_buf *body,
                                 struct cl_err *err)
{
    bool crl = kind == CL_COLLATERAL_INTEL_PCK_CRL || kind == CL_COLLATERAL_INTEL_ROOT_CRL;
    size_t n = body->len / 2;
    if (!crl || n == 0 || strspn((char *)body->data, "0123456789abcdefABCDEF") != body->len) {
        return CL_OK;
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    for (size_t i = 0; i < body->len; i++) {
        char c = (char)body->data[i];
        body->data[i] = (uint8_t)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    }
    CL_TRY(cl_buf_reserve(&der, n, err));
    CL_TRY(cl_unhex(der.data, n, (const char *)body->data, "CRL", err));
    cl_buf_reset(body);
    return cl_buf_append(body, der.data, n, err);
}

static bool is_chip_asked_for(const struct fetch_target *t, const struct cl_collateral_item *it)
{
    bool chip = memcmp(it->hw_id, t->request->chip_id, it->hw_id_len) == 0; /* public */
    return chip && cl_snp_tcb_equal(&it->tcb, &t->request->tcb);
}

/* The response as an item of the kind that was asked for, about what was asked for, signed by the
 * issuer it names, and not expired; then it is added to c. */
static enum cl_status take(const struct fetch_target *t, const struct fetch_response *r,
                           int64_t now, struct cl_collateral *c, struct cl_err *err)
{
    char until[21];
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *one = NULL;
    CL_TRY(cl_collateral_new(&one, err));
    CL_TRY(cl_collateral_add_item(one, t->kind, r->body.data, r->body.len,
                                  (const char *)r->chain.data, r->chain.len, err));
    const struct cl_collateral_item *it = cl_collateral_item(one, 0);
    if (!cl_collateral_matches(it, &t->key) ||
        (t->kind == CL_COLLATERAL_AMD_VCEK && !is_chip_asked_for(t, it))) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "%s: subject: expected what the URL names, got another's",
                          cl_collateral_kind_name(t->kind));
    }
    CL_TRY(cl_collateral_check_issuer(c, it, err));
    if (it->expires <= now) {
        cl_time_format(until, it->expires);
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "expiry: expected a time to come, got %s",
                          until);
    }
    return cl_collateral_add_item(c, t->kind, it->data, it->len, it->chain, it->chain_len, err);
}

static enum cl_status from_network(const struct fetch_options *o, const struct fetch_target *t,
                                   int64_t now, struct cl_collateral *c, struct cl_err *err)
{
    CL_CLEANUP(fetch_response_done) struct fetch_response r = {0};
    CL_TRY(fetch_http_get(o, t->url, chain_headers(t->kind), &r, err));
    enum cl_status st = unwrap_hex(t->kind, &r.body, err);
    st = st == CL_OK ? take(t, &r, now, c, err) : st;
    return st == CL_OK ? fetch_cache_write(o, t->url, &r, now, err)
                       : cl_err_wrap(err, st, "'%s'", t->url);
}

/* Certificates never change; what is issued anew every few weeks may be newer than the copy. */
static bool is_fresh(const struct fetch_options *o, const struct fetch_target *t, int64_t fetched,
                     int64_t now)
{
    bool certificate = t->kind <= CL_COLLATERAL_AMD_VLEK_CHAIN;
    return fetched <= now && (certificate || now - fetched < (int64_t)o->max_age_s);
}

enum cl_status fetch_one(const struct fetch_options *o, const struct fetch_target *t, int64_t now,
                         struct cl_collateral *c, enum fetch_origin *ret_origin, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int lock = -1;
    CL_CLEANUP(fetch_cache_entry_done) struct fetch_cache_entry e = {0};
    CL_TRY(fetch_cache_lock(o, t->url, &lock, err));
    bool cached = fetch_cache_read(o, t->url, &e);
    if (cached && !o->refresh && is_fresh(o, t, e.fetched, now) &&
        take(t, &e.response, now, c, /* err= */ NULL) == CL_OK) {
        *ret_origin = FETCH_CACHE;
        return CL_OK;
    }
    enum cl_status st = from_network(o, t, now, c, err);
    if (st == CL_ERR_UNAVAILABLE && cached &&
        take(t, &e.response, now, c, /* err= */ NULL) == CL_OK) {
        cl_log(CL_LOG_WARN, "collateral.fetch", "%s; using the copy in the cache", err->msg);
        *ret_origin = FETCH_STALE;
        return CL_OK;
    }
    if (st == CL_OK) {
        *ret_origin = FETCH_NETWORK;
    }
    return st;
}
