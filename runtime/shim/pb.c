/* SPDX-License-Identifier: Apache-2.0
 * pb.c - protobuf-c with our buffers and bounds.
 */
#include "pb.h"

#include <stdlib.h>

void *shim_pb_ref(const void *p)
{
    union {
        const void *c;
        void *v;
    } u = {.c = p != NULL ? p : ""};
    return u.v;
}

Google__Protobuf__Timestamp shim_pb_time(struct timespec t)
{
    Google__Protobuf__Timestamp ts;
    google__protobuf__timestamp__init(&ts);
    ts.seconds = t.tv_sec;
    ts.nanos = (int32_t)t.tv_nsec;
    return ts;
}

enum cl_status shim_pb_pack(const ProtobufCMessage *m, struct cl_buf *out, struct cl_err *err)
{
    CL_TRY(cl_buf_reserve(out, protobuf_c_message_get_packed_size(m), err));
    out->len += protobuf_c_message_pack(m, out->data + out->len);
    out->data[out->len] = 0;
    return CL_OK;
}

/* A decoded message is larger than its bytes. */
static void *bounded_alloc(void *left, size_t size)
{
    size_t *l = left;
    if (size > *l) {
        return NULL;
    }
    *l -= size;
    return malloc(size);
}

static void bounded_free(void *left, void *p)
{
    (void)left;
    free(p);
}

ProtobufCMessage *shim_pb_unpack(const ProtobufCMessageDescriptor *d, const void *data, size_t len)
{
    size_t left = SHIM_PB_MAX_DECODED;
    ProtobufCAllocator a = {.alloc = bounded_alloc, .free = bounded_free, .allocator_data = &left};
    return protobuf_c_message_unpack(d, &a, len, data);
}
