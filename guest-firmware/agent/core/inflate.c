/* SPDX-License-Identifier: Apache-2.0
 * inflate.c - gzip (any number of members) through zlib, zstd (any number of frames) through
 * libzstd.
 */
#include "inflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_ONLY (15 + 16)
#define ZSTD_WINDOW_LOG_MAX 23 /* 8 MiB, what RFC 8878 asks of every decoder */

struct agent_inflate {
    enum cl_oci_compression how;
    bool inside; /* in a member or frame that has not ended */
    bool seen;   /* some member or frame began */
    z_stream z;
    ZSTD_DStream *zstd;
};

enum cl_status agent_inflate_new(enum cl_oci_compression how, struct agent_inflate **ret_i,
                                 struct cl_err *err)
{
    struct agent_inflate *i = calloc(1, sizeof(*i));
    if (i == NULL) {
        return cl_err_nomem(err, "decompressor");
    }
    i->how = how;
    bool good = true;
    if (how == CL_OCI_GZIP) {
        good = inflateInit2(&i->z, GZIP_ONLY) == Z_OK;
    } else if (how == CL_OCI_ZSTD) {
        i->zstd = ZSTD_createDStream();
        good = i->zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(i->zstd, ZSTD_d_windowLogMax,
                                                                       ZSTD_WINDOW_LOG_MAX));
    }
    if (!good) {
        agent_inflate_free(i);
        return cl_err_nomem(err, "decompressor");
    }
    *ret_i = i;
    return CL_OK;
}

void agent_inflate_free(struct agent_inflate *i)
{
    if (i == NULL) {
        return;
    }
    if (i->how == CL_OCI_GZIP) {
        (void)inflateEnd(&i->z);
    }
    (void)ZSTD_freeDStream(i->zstd);
    free(i);
}

static enum cl_status run_gzip(struct agent_inflate *i, const uint8_t **in, size_t *in_len,
                               uint8_t *out, size_t out_size, size_t *ret_len, struct cl_err *err)
{
    if (!i->inside && *in_len > 0 && i->seen && inflateReset(&i->z) != Z_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "gzip: cannot begin another member");
    }
    union {
        const uint8_t *c;
        uint8_t *v;
    } next = {.c = *in};
    i->z.next_in = next.v;
    i->z.avail_in = (uInt)*in_len;
    i->z.next_out = out;
    i->z.avail_out = (uInt)out_size;
    int rc = inflate(&i->z, Z_NO_FLUSH);
    *ret_len = out_size - i->z.avail_out;
    i->seen = i->seen || i->z.avail_in < *in_len;
    *in += *in_len - i->z.avail_in;
    *in_len = i->z.avail_in;
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        return cl_err_set(err, CL_ERR_MALFORMED, "gzip: %s",
                          i->z.msg != NULL ? i->z.msg : "cannot be decompressed");
    }
    i->inside = rc != Z_STREAM_END;
    return CL_OK;
}

static enum cl_status run_zstd(struct agent_inflate *i, const uint8_t **in, size_t *in_len,
                               uint8_t *out, size_t out_size, size_t *ret_len, struct cl_err *err)
{
    ZSTD_inBuffer ib = {.src = *in, .size = *in_len};
    ZSTD_outBuffer ob = {.dst = out, .size = out_size};
    size_t rc = ZSTD_decompressStream(i->zstd, &ob, &ib);
    if (ZSTD_isError(rc)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "zstd: %s", ZSTD_getErrorName(rc));
    }
    i->seen = i->seen || ib.pos > 0;
    i->inside = rc != 0;
    *in += ib.pos;
    *in_len -= ib.pos;
    *ret_len = ob.pos;
    return CL_OK;
}

enum cl_status agent_inflate_run(struct agent_inflate *i, const uint8_t **in, size_t *in_len,
                                 uint8_t *out, size_t out_size, size_t *ret_len, struct cl_err *err)
{
    if (*in_len == 0 && !i->inside) { /* nothing is held back between members */
        *ret_len = 0;
        return CL_OK;
    }
    if (i->how == CL_OCI_GZIP) {
        return run_gzip(i, in, in_len, out, out_size, ret_len, err);
    }
    if (i->how == CL_OCI_ZSTD) {
        return run_zstd(i, in, in_len, out, out_size, ret_len, err);
    }
    size_t n = *in_len < out_size ? *in_len : out_size;
    memcpy(out, *in, n);
    *in += n;
    *in_len -= n;
    *ret_len = n;
    return CL_OK;
}

enum cl_status agent_inflate_end(const struct agent_inflate *i, struct cl_err *err)
{
    if (i->how != CL_OCI_PLAIN && (i->inside || !i->seen)) {
        return cl_err_set(err, CL_ERR_TRUNCATED, "%s: the compressed stream has no end",
                          i->how == CL_OCI_GZIP ? "gzip" : "zstd");
    }
    return CL_OK;
}
