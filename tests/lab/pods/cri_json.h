/* SPDX-License-Identifier: Apache-2.0
 * cri_json.h - CRI messages (cri.proto) from and to JSON, field by field as their descriptors have
 * them: names as in the .proto, which crictl's files use too; a map is an object; an enum is its
 * name (or, read, its number).
 */
#ifndef CRI_JSON_H
#define CRI_JSON_H

#include "base/json.h"

#include <protobuf-c/protobuf-c.h>

#define CRI_JSON_MAX_DEPTH 16u

/* A member that the message does not have, or of another type, is CL_ERR_MALFORMED and named.
 * ret_m is freed with protobuf_c_message_free_unpacked(). */
CL_NODISCARD enum cl_status cri_from_json(const ProtobufCMessageDescriptor *type, const json_t *j,
                                          ProtobufCMessage **ret_m, struct cl_err *err);
/* All members, also those that have their default; absent messages are left out. CL_ERR_MALFORMED
 * for text that is not UTF-8. */
CL_NODISCARD enum cl_status cri_to_json(const ProtobufCMessage *m, json_t **ret_j,
                                        struct cl_err *err);

#endif
