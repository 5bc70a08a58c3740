/* SPDX-License-Identifier: Apache-2.0
 * fuzz_collateral.c - one item of any kind, or a document. First byte: the kind, or a document that
 * is loaded without and with a demanded signer; for an item, then the length of its issuer chain
 * (16 bits, little-endian) and the chain. What is accepted must survive a bundle unchanged, and no
 * document can be signed by the key that is demanded.
 */
#include "base/bytes.h"
#include "cloister/collateral.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct cl_collateral *fresh(void)
{
    struct cl_collateral *c = NULL;
    if (cl_collateral_new(&c, NULL) != CL_OK) {
        abort();
    }
    return c;
}

static void check_same(const struct cl_collateral *a, const struct cl_collateral *b)
{
    if (cl_collateral_count(a) != cl_collateral_count(b)) {
        abort();
    }
    for (size_t i = 0; i < cl_collateral_count(a); i++) {
        const struct cl_collateral_item *x = cl_collateral_item(a, i);
        const struct cl_collateral_item *y = cl_collateral_item(b, i);
        if (x->kind != y->kind || x->len != y->len || memcmp(x->data, y->data, x->len) != 0 ||
            x->chain_len != y->chain_len) {
            abort();
        }
        if (x->body != NULL &&
            (x->body < x->data || x->body + x->body_len > x->data + x->len || x->body[0] != '{')) {
            abort();
        }
    }
}

/* Everything that is done with items that were accepted. */
static void use(const struct cl_collateral *c, const struct cl_collateral_options *o)
{
    struct cl_buf text = {0};
    struct cl_collateral *again = fresh();
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        const struct cl_collateral_item *it = cl_collateral_item(c, i);
        struct cl_collateral_key key = {.kind = it->kind,
                                        .product = it->product,
                                        .tee = it->tee,
                                        .fmspc = it->fmspc,
                                        .ca = it->ca};
        if (cl_collateral_find(c, &key) == NULL) {
            abort();
        }
        (void)!cl_collateral_check_issuer(c, it, NULL);
    }
    if (cl_collateral_write_bundle(c, 1, INT64_C(4000000000), NULL, &text, NULL) != CL_OK ||
        cl_collateral_add_document(again, text.data, text.len, o, NULL) != CL_OK) {
        abort();
    }
    check_same(c, again);
    cl_buf_done(&text);
    cl_collateral_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t nobody[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_reader r = cl_reader_init(data, len);
    struct cl_collateral_options o = {.time = INT64_C(1790000000)};
    struct cl_collateral *c = fresh();
    unsigned what = cl_reader_u8(&r, "what") % (CL_COLLATERAL_KIND_COUNT + 1u);
    enum cl_status st = CL_ERR_MALFORMED;
    if (what == CL_COLLATERAL_KIND_COUNT) {
        struct cl_collateral_options pinned = {.time = o.time, .signer = nobody};
        struct cl_collateral *d = fresh();
        const uint8_t *text = cl_reader_bytes(&r, cl_reader_left(&r), "document");
        if (text != NULL && cl_collateral_add_document(d, text, len - 1, &pinned, NULL) == CL_OK) {
            abort();
        }
        st = text != NULL ? cl_collateral_add_document(c, text, len - 1, &o, NULL) : st;
        cl_collateral_free(d);
    } else {
        size_t chain_len = cl_reader_le16(&r, "chain length");
        const uint8_t *chain = cl_reader_bytes(&r, chain_len, "chain");
        size_t n = cl_reader_left(&r);
        const uint8_t *item = cl_reader_bytes(&r, n, "item");
        if (cl_reader_finish(&r, "input", NULL) == CL_OK) {
            st = cl_collateral_add_item(c, (enum cl_collateral_kind)what, item, n,
                                        (const char *)chain, chain_len, NULL);
        }
    }
    if (st == CL_OK) {
        use(c, &o);
    }
    cl_collateral_free(c);
    return 0;
}
