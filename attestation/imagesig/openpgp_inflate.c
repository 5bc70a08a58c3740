/* SPDX-License-Identifier: Apache-2.0
 * openpgp_inflate.c - compressed data of a message (RFC 4880 5.6), in whole and bounded: GnuPG
 * compresses what it signs unless it is told not to.
 */
#include "imagesig_internal.h"

#include <string.h>
#include <zlib.h>

#define STEP 4096u
#define WINDOW 15

static enum cl_status run(z_stream *z, struct cl_buf *out, struct cl_err *err)
{
    int rc = Z_OK;
    while (rc == Z_OK) {
        if (out->len > OPENPGP_MAX_MESSAGE) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "signature.format: expected at most %u bytes inflated, got more",
                              OPENPGP_MAX_MESSAGE);
        }
        CL_TRY(cl_buf_reserve(out, STEP, err));
        z->next_out = out->data + out->len;
        z->avail_out = STEP;
        rc = inflate(z, Z_NO_FLUSH);
        out->len += STEP - z->avail_out;
        out->data[out->len] = 0;
    }
    if (rc == Z_BUF_ERROR) {
        return cl_err_set(err, CL_ERR_TRUNCATED,
                          "signature.format: compressed data: expected its end, got none");
    }
    return rc == Z_STREAM_END && z->avail_in == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "signature.format: compressed data: expected %s",
                            rc == Z_STREAM_END ? "nothing behind it, got more"
                                               : "a deflate stream, got another");
}

enum cl_status openpgp_inflate(struct cl_reader in, bool zlib_header, struct cl_buf *out,
                               struct cl_err *err)
{
    z_stream z = {0};
    size_t len = cl_reader_left(&in);
    if (len > OPENPGP_MAX_MESSAGE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "signature.format: expected at most %u bytes, got %zu",
                          OPENPGP_MAX_MESSAGE, len);
    }
    /* zlib does not write there; its member has no const. */
    z.next_in = (Bytef *)(uintptr_t)(in.data + in.pos);
    z.avail_in = (uInt)len;
    if (inflateInit2(&z, zlib_header ? WINDOW : -WINDOW) != Z_OK) {
        return cl_err_nomem(err, "compressed data");
    }
    enum cl_status st = run(&z, out, err);
    (void)inflateEnd(&z);
    return st;
}
