/* SPDX-License-Identifier: Apache-2.0
 * cbor_write.c - the writer of deterministic CBOR (see cbor.h): libcbor chooses the shortest heads,
 * the caller puts map keys in order.
 */
#include "cbor/cbor.h"

#include <cbor.h>
#include <string.h>

#define HEAD_MAX 9u
#define MAJOR_SHIFT 5u

struct cl_cbor_writer cl_cbor_writer_init(struct cl_buf *out)
{
    return (struct cl_cbor_writer){.out = out};
}

static void append(struct cl_cbor_writer *w, const void *data, size_t n)
{
    w->failed = w->failed || cl_buf_append(w->out, data, n, /* err= */ NULL) != CL_OK;
}

void cl_cbor_put_head(struct cl_cbor_writer *w, enum cl_cbor_type type, uint64_t u)
{
    uint8_t head[HEAD_MAX];
    size_t n = cbor_encode_uint(u, head, sizeof(head)); /* major type 0: the others differ in it */
    head[0] |= (uint8_t)((unsigned)(type - CL_CBOR_UINT) << MAJOR_SHIFT);
    append(w, head, n);
}

void cl_cbor_put_int(struct cl_cbor_writer *w, int64_t v)
{
    bool negative = v < 0;
    cl_cbor_put_head(w, negative ? CL_CBOR_NEGINT : CL_CBOR_UINT,
                     (uint64_t)(negative ? -1 - v : v));
}

void cl_cbor_put_bytes(struct cl_cbor_writer *w, const void *data, size_t n)
{
    cl_cbor_put_head(w, CL_CBOR_BYTES, n);
    append(w, data, n);
}

void cl_cbor_put_text(struct cl_cbor_writer *w, const char *s)
{
    size_t n = strlen(s);
    cl_cbor_put_head(w, CL_CBOR_TEXT, n);
    append(w, s, n);
}

enum cl_status cl_cbor_writer_check(const struct cl_cbor_writer *w, struct cl_err *err)
{
    return w->failed ? cl_err_nomem(err, "CBOR") : CL_OK;
}
