/* SPDX-License-Identifier: Apache-2.0
 * pb.h - protobuf-c with our buffers and bounds, for messages whose texts are `bytes`.
 * Trust: bytes to decode are hostile. Protobuf-c makes a struct out of as little as two bytes, so
 *        what decoding may take is bounded apart. Threads: no shared state.
 */
#ifndef CL_GRPC_PB_H
#define CL_GRPC_PB_H

#include "base/buf.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* max   bytes that the message may have; decoded it may take four times as many
 * ret   freed with cl_pb_freep(). Returns CL_OK; CL_ERR_MALFORMED, memory that is not there
 *       included. */
CL_NODISCARD enum cl_status cl_pb_unpack(const ProtobufCMessageDescriptor *d, const void *data,
                                         size_t len, size_t max, ProtobufCMessage **ret,
                                         struct cl_err *err);
void cl_pb_freep(ProtobufCMessage **m); /* of cl_pb_unpack(); for CL_CLEANUP */
/* Appends. */
CL_NODISCARD enum cl_status cl_pb_pack(const ProtobufCMessage *m, struct cl_buf *out,
                                       struct cl_err *err);
/* For the fields of a message that is only packed: borrowed from s. */
ProtobufCBinaryData cl_pb_data(const char *s);
/* The same bytes as the C string s. */
bool cl_pb_equals(const ProtobufCBinaryData *b, const char *s);

#endif
