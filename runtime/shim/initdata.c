/* SPDX-License-Identifier: Apache-2.0
 * initdata.c - the pod's initdata as an annotation has it.
 */
#include "initdata.h"

#include "base/encode.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib: expect a gzip header */

static enum cl_status malformed(struct cl_err *err, const char *got)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "initdata: expected base64 of 1 to %u bytes, plain or gzip, got %s",
                      SHIM_INITDATA_MAX, got);
}

/* All of the gzip at once: the result is bounded, and so is its memory. */
static enum cl_status inflate_all(const struct cl_buf *packed, struct cl_buf *ret,
                                  struct cl_err *err)
{
    z_stream z = {0};
    CL_TRY(cl_buf_reserve(ret, SHIM_INITDATA_MAX, err));
    z.next_in = packed->data;
    z.avail_in = (uInt)packed->len;
    z.next_out = ret->data;
    z.avail_out = SHIM_INITDATA_MAX;
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
        return cl_err_nomem(err, "initdata");
    }
    int end = inflate(&z, Z_FINISH);
    ret->len = SHIM_INITDATA_MAX - z.avail_out;
    bool whole = end == Z_STREAM_END && z.avail_in == 0;
    (void)inflateEnd(&z);
    return whole ? CL_OK : malformed(err, "a gzip that is not whole, or too long");
}

enum cl_status shim_initdata_decode(const char *text, struct cl_buf *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    size_t len = strlen(text);
    if (len > 2 * (size_t)SHIM_INITDATA_MAX) {
        return malformed(err, "more");
    }
    CL_TRY(cl_b64_decode(&raw, text, len, "initdata", err));
    if (raw.len >= 2 && raw.data[0] == 0x1f && raw.data[1] == 0x8b) {
        CL_TRY(inflate_all(&raw, ret, err));
    } else if (raw.len <= SHIM_INITDATA_MAX) {
        CL_TRY(cl_buf_append(ret, raw.data, raw.len, err));
    } else {
        return malformed(err, "more");
    }
    return ret->len > 0 ? CL_OK : malformed(err, "nothing");
}
