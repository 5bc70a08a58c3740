/* SPDX-License-Identifier: Apache-2.0
 * tdx_pem.c - the PEM chain inside a quote. OpenSSL's reader forgives much (other blocks, spaces,
 * text between them); here each byte counts, so that evidence has no bytes that anybody may change.
 * Trust: hostile text. Threads: pure. Memory: the caller's struct. Spec: RFC 7468 strict form, 64
 * columns.
 */
#include "tdx/tdx_internal.h"

#include "base/encode.h"

#include <string.h>

#define LINE_SIZE 64u
#define MAX_LINES ((TDX_CERT_MAX_SIZE + 2) / 3 * 4 / LINE_SIZE)

static const char head[] = "-----BEGIN CERTIFICATE-----\n";
static const char foot[] = "-----END CERTIFICATE-----";

static enum cl_status bad(size_t at, const char *expected, struct cl_err *err)
{
    return cl_err_at(err, CL_ERR_MALFORMED, at, "quote: PCK chain at byte %zu: expected %s", at,
                     expected);
}

static bool take(struct cl_reader *r, const char *word, size_t n)
{
    if (cl_reader_left(r) < n || memcmp(r->data + r->pos, word, n) != 0) {
        return false;
    }
    r->pos += n;
    return true;
}

/* The base64 text of one block without its line feeds; each line but the last is full. */
static enum cl_status take_lines(struct cl_reader *r, char *text, size_t *ret_len,
                                 struct cl_err *err)
{
    size_t len = 0;
    for (size_t line = 0; line < MAX_LINES; line++) {
        const char *at = (const char *)r->data + r->pos;
        size_t left = cl_reader_left(r);
        const char *end = memchr(at, '\n', left < LINE_SIZE + 1 ? left : LINE_SIZE + 1);
        if (end == NULL || end == at) {
            return bad(r->pos, "a line of base64", err);
        }
        size_t n = (size_t)(end - at);
        memcpy(text + len, at, n);
        len += n;
        r->pos += n + 1;
        if (take(r, foot, sizeof(foot) - 1)) {
            *ret_len = len;
            return CL_OK;
        }
        if (n != LINE_SIZE) {
            return bad(r->pos, "the end of the certificate", err);
        }
    }
    return bad(r->pos, "a shorter certificate", err);
}

static enum cl_status take_block(struct cl_reader *r, struct tdx_chain_der *chain,
                                 struct cl_err *err)
{
    char text[MAX_LINES * LINE_SIZE];
    size_t text_len = 0;
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    if (!take(r, head, sizeof(head) - 1)) {
        return bad(r->pos, "BEGIN CERTIFICATE", err);
    }
    if (chain->count == CL_TDX_QUOTE_MAX_CERTS) {
        return bad(r->pos, "at most 4 certificates", err);
    }
    CL_TRY(take_lines(r, text, &text_len, err));
    CL_TRY(cl_b64_decode(&der, text, text_len, "PCK chain", err));
    if (der.len > TDX_CERT_MAX_SIZE) {
        return bad(r->pos, "a shorter certificate", err);
    }
    memcpy(chain->der[chain->count], der.data, der.len);
    chain->len[chain->count++] = der.len;
    return CL_OK;
}

enum cl_status tdx_pem_decode(const uint8_t *text, size_t len, struct tdx_chain_der *ret_chain,
                              struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(text, len);
    ret_chain->count = 0;
    do {
        CL_TRY(take_block(&r, ret_chain, err));
    } while (take(&r, "\n", 1) && cl_reader_left(&r) > 1);
    (void)take(&r, "\0", 1);
    return cl_reader_left(&r) == 0 ? CL_OK : bad(r.pos, "the end", err);
}
