/* SPDX-License-Identifier: Apache-2.0
 * pb.c - protobuf-c with our buffers and bounds. Trust, memory: grpc/pb.h.
 */
#include "grpc/pb.h"

#include <stdlib.h>
#include <string.h>

static void *take(void *ctx, size_t size)
{
    size_t *left = ctx;
    if (size > *left) {
        return NULL;
    }
    *left -= size;
    return malloc(size);
}

static void give_back(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

enum cl_status cl_pb_unpack(const ProtobufCMessageDescriptor *d, const void *data, size_t len,
                            size_t max, ProtobufCMessage **ret, struct cl_err *err)
{
    size_t left = max * 4;
    ProtobufCAllocator a = {.alloc = take, .free = give_back, .allocator_data = &left};
    ProtobufCMessage *m = len > max ? NULL : protobuf_c_message_unpack(d, &a, len, data);
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a protobuf message, got none",
                          d->short_name);
    }
    *ret = m;
    return CL_OK;
}

void cl_pb_freep(ProtobufCMessage **m)
{
    if (*m != NULL) {
        protobuf_c_message_free_unpacked(*m, NULL); /* malloc's, see give_back() */
    }
}

enum cl_status cl_pb_pack(const ProtobufCMessage *m, struct cl_buf *out, struct cl_err *err)
{
    size_t size = protobuf_c_message_get_packed_size(m);
    CL_TRY(cl_buf_reserve(out, size + 1, err));
    out->len += protobuf_c_message_pack(m, out->data + out->len);
    out->data[out->len] = 0;
    return CL_OK;
}

ProtobufCBinaryData cl_pb_data(const char *s)
{
    union {
        const char *c;
        uint8_t *u;
    } p = {.c = s};
    return (ProtobufCBinaryData){.len = strlen(s), .data = p.u};
}

bool cl_pb_equals(const ProtobufCBinaryData *b, const char *s)
{
    return b->len == strlen(s) && (b->len == 0 || memcmp(b->data, s, b->len) == 0);
}
