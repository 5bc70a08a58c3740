/* SPDX-License-Identifier: Apache-2.0
 * collateral.c - the items that verification may need, and how they are found.
 * Trust: items are hostile until the verifier of evidence has checked who signed them.
 * Threads: see cloister/collateral.h. Memory: bounded by CL_COLLATERAL_MAX_TOTAL.
 */
#include "collateral/collateral_internal.h"

#include <stdlib.h>
#include <string.h>

enum cl_status cl_collateral_new(struct cl_collateral **ret_c, struct cl_err *err)
{
    struct cl_collateral *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return cl_err_nomem(err, "collateral");
    }
    *ret_c = c;
    return CL_OK;
}

static void item_done(struct cl_collateral_item *it)
{
    free((uint8_t *)(uintptr_t)it->data);
    free((char *)(uintptr_t)it->chain);
    *it = (struct cl_collateral_item){0};
}

void cl_collateral_free(struct cl_collateral *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->count; i++) {
        item_done(&c->items[i]);
    }
    free(c);
}

void cl_collateral_freep(struct cl_collateral **c)
{
    cl_collateral_free(*c);
    *c = NULL;
}

static bool same(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0; /* public values */
}

static bool is_there(const struct cl_collateral *c, const struct cl_collateral_item *it)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct cl_collateral_item *x = &c->items[i];
        if (x->kind == it->kind && x->len == it->len && x->chain_len == it->chain_len &&
            same(x->data, it->data, it->len) &&
            (it->chain_len == 0 || same(x->chain, it->chain, it->chain_len))) {
            return true;
        }
    }
    return false;
}

static enum cl_status check_sizes(const struct cl_collateral *c, enum cl_collateral_kind kind,
                                  size_t len, size_t chain_len, struct cl_err *err)
{
    const char *name = cl_collateral_kind_name(kind);
    if (len == 0 || len > CL_COLLATERAL_MAX_DATA) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: size: expected 1 to %u bytes, got %zu", name,
                          CL_COLLATERAL_MAX_DATA, len);
    }
    if (chain_len > CL_COLLATERAL_MAX_CHAIN) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: issuer chain: expected at most %u bytes, got %zu", name,
                          CL_COLLATERAL_MAX_CHAIN, chain_len);
    }
    if (collateral_kind_has_chain(kind) != (chain_len != 0)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: issuer chain: expected %s, got %s", name,
                          chain_len == 0 ? "one" : "none", chain_len == 0 ? "none" : "one");
    }
    if (c->count == CL_COLLATERAL_MAX_ITEMS ||
        len + chain_len > CL_COLLATERAL_MAX_TOTAL - c->total) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "collateral: expected at most %u items of %u bytes together, got more",
                          CL_COLLATERAL_MAX_ITEMS, CL_COLLATERAL_MAX_TOTAL);
    }
    return CL_OK;
}

/* One more byte, so that text is a C string too. */
static void *copy_bytes(const void *data, size_t len)
{
    uint8_t *p = malloc(len + 1);
    if (p != NULL) {
        memcpy(p, data, len);
        p[len] = 0;
    }
    return p;
}

enum cl_status cl_collateral_add_item(struct cl_collateral *c, enum cl_collateral_kind kind,
                                      const uint8_t *data, size_t len, const char *chain,
                                      size_t chain_len, struct cl_err *err)
{
    CL_TRY(check_sizes(c, kind, len, chain_len, err));
    CL_CLEANUP(item_done) struct cl_collateral_item it = {.kind = kind};
    it.data = copy_bytes(data, len);
    it.len = len;
    if (chain_len > 0) {
        it.chain = copy_bytes(chain, chain_len);
        it.chain_len = chain_len;
    }
    if (it.data == NULL || (chain_len > 0 && it.chain == NULL)) {
        return cl_err_nomem(err, "collateral");
    }
    enum cl_status st = collateral_item_parse(&it, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", cl_collateral_kind_name(kind));
    }
    if (!is_there(c, &it)) {
        c->items[c->count++] = it;
        c->total += len + chain_len;
        it = (struct cl_collateral_item){0}; /* moved */
    }
    return CL_OK;
}

enum cl_status cl_collateral_add_document(struct cl_collateral *c, const void *data, size_t len,
                                          const struct cl_collateral_options *options,
                                          struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *doc = NULL;
    if (len > CL_COLLATERAL_MAX_BUNDLE_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "collateral: size: expected at most %u bytes, got more",
                          CL_COLLATERAL_MAX_BUNDLE_SIZE);
    }
    CL_TRY(cl_json_parse(data, len, "collateral", &doc, err));
    if (json_object_get(doc, "schema") != NULL) {
        return collateral_read_bundle(c, doc, options, err);
    }
    if (json_object_get(doc, "tcb_info") == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "collateral: contents: expected a bundle (schema) or the collateral of a "
                          "quote (tcb_info), got another document");
    }
    if (options->signer != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "collateral: signature: expected a signed bundle, got a document that "
                          "has none");
    }
    return collateral_read_quote_collateral(c, doc, err);
}

size_t cl_collateral_count(const struct cl_collateral *c)
{
    return c->count;
}

const struct cl_collateral_item *cl_collateral_item(const struct cl_collateral *c, size_t i)
{
    return &c->items[i];
}

const struct cl_collateral_bundle *cl_collateral_bundle(const struct cl_collateral *c)
{
    return &c->bundle;
}

bool cl_collateral_matches(const struct cl_collateral_item *item,
                           const struct cl_collateral_key *key)
{
    if (item->kind != key->kind) {
        return false;
    }
    switch (key->kind) {
    case CL_COLLATERAL_AMD_VCEK:
    case CL_COLLATERAL_AMD_VLEK:
    case CL_COLLATERAL_AMD_VCEK_CHAIN:
    case CL_COLLATERAL_AMD_VLEK_CHAIN:
    case CL_COLLATERAL_AMD_VCEK_CRL:
    case CL_COLLATERAL_AMD_VLEK_CRL:
        return item->product == key->product;
    case CL_COLLATERAL_INTEL_TCB_INFO:
        return item->tee == key->tee && key->fmspc != NULL &&
               same(item->fmspc, key->fmspc, CL_COLLATERAL_FMSPC_SIZE);
    case CL_COLLATERAL_INTEL_QE_IDENTITY:
        return item->tee == key->tee;
    case CL_COLLATERAL_INTEL_PCK_CRL:
        return item->ca == key->ca;
    case CL_COLLATERAL_INTEL_ROOT_CRL: /* there is one root */
    case CL_COLLATERAL_KIND_COUNT:     /* no item is of that kind */
        break;
    }
    return true;
}

static bool is_newer(const struct cl_collateral_item *a, const struct cl_collateral_item *b)
{
    return a->tcb_evaluation_number != b->tcb_evaluation_number
               ? a->tcb_evaluation_number > b->tcb_evaluation_number
               : a->issued > b->issued;
}

const struct cl_collateral_item *cl_collateral_find(const struct cl_collateral *c,
                                                    const struct cl_collateral_key *key)
{
    const struct cl_collateral_item *best = NULL;
    for (size_t i = 0; i < c->count; i++) {
        const struct cl_collateral_item *it = &c->items[i];
        if (cl_collateral_matches(it, key) && (best == NULL || is_newer(it, best))) {
            best = it;
        }
    }
    return best;
}
