/* SPDX-License-Identifier: Apache-2.0
 * cbor_write.c - the writer of deterministic CBOR (see cbor.h): libcbor chooses the shortest heads,
 * the caller puts map keys in order.
 */
#include "cbor/cbor.h"

#include <cbor.h>
#include <string.h>

#define HEAD_MAX 9u

enum cl_status cl_cbor_put_head(struct cl_buf *out, enum cl_cbor_type type, uint64_t u,
                                struct cl_err *err)
{
    uint8_t head[HEAD_MAX];
    size_t n = 0;
    switch (type) {
    case CL_CBOR_UINT:
        n = cbor_encode_uint(u, head, sizeof(head));
        break;
    case CL_CBOR_NEGINT:
        n = cbor_encode_negint(u, head, sizeof(head));
        break;
    case CL_CBOR_BYTES:
        n = cbor_encode_bytestring_start((size_t)u, head, sizeof(head));
        break;
    case CL_CBOR_TEXT:
        n = cbor_encode_string_start((size_t)u, head, sizeof(head));
        break;
    case CL_CBOR_ARRAY:
        n = cbor_encode_array_start((size_t)u, head, sizeof(head));
        break;
    case CL_CBOR_MAP:
        n = cbor_encode_map_start((size_t)u, head, sizeof(head));
        break;
    case CL_CBOR_TAG:
        n = cbor_encode_tag(u, head, sizeof(head));
        break;
    case CL_CBOR_BOOL:
        n = cbor_encode_bool(u != 0, head, sizeof(head));
        break;
    case CL_CBOR_NULL:
        n = cbor_encode_null(head, sizeof(head));
        break;
    case CL_CBOR_NONE:
        break;
    }
    return n > 0 ? cl_buf_append(out, head, n, err) : cl_err_nomem(err, "CBOR");
}

enum cl_status cl_cbor_put_int(struct cl_buf *out, int64_t v, struct cl_err *err)
{
    return v >= 0 ? cl_cbor_put_head(out, CL_CBOR_UINT, (uint64_t)v, err)
                  : cl_cbor_put_head(out, CL_CBOR_NEGINT, (uint64_t)(-1 - v), err);
}

enum cl_status cl_cbor_put_bytes(struct cl_buf *out, const void *data, size_t n, struct cl_err *err)
{
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_BYTES, n, err));
    return cl_buf_append(out, data, n, err);
}

enum cl_status cl_cbor_put_text(struct cl_buf *out, const char *s, struct cl_err *err)
{
    size_t n = strlen(s);
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_TEXT, n, err));
    return cl_buf_append(out, s, n, err);
}
