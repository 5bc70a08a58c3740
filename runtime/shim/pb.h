/* SPDX-License-Identifier: Apache-2.0
 * pb.h - protobuf-c with our buffers and bounds.
 */
#ifndef SHIM_PB_H
#define SHIM_PB_H

#include "base/buf.h"
#include "wellknown.pb-c.h"

#include <time.h>

#define SHIM_PB_MAX_DECODED (16u << 20) /* bytes of memory that one decoded message may take */

/* For the fields of a message that is only packed: protobuf-c's structs take pointers to what may
 * change. NULL becomes "". */
void *shim_pb_ref(const void *p);
Google__Protobuf__Timestamp shim_pb_time(struct timespec t);
/* Appends. */
CL_NODISCARD enum cl_status shim_pb_pack(const ProtobufCMessage *m, struct cl_buf *out,
                                         struct cl_err *err);
/* NULL when the bytes are none of that message, or it would take more than SHIM_PB_MAX_DECODED.
 * Freed with protobuf_c_message_free_unpacked(m, NULL). */
ProtobufCMessage *shim_pb_unpack(const ProtobufCMessageDescriptor *d, const void *data, size_t len);

#endif
