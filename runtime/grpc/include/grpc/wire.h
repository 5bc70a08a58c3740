/* SPDX-License-Identifier: Apache-2.0
 * wire.h - the parts of gRPC's form that are not HTTP/2: a message's prefix, codes, texts.
 * Trust: hostile bytes. Threads, memory: none.
 * Spec: gRPC over HTTP2 (PROTOCOL-HTTP2.md): Length-Prefixed-Message, Content-Type,
 *       Timeout, Status, Status-Message.
 */
#ifndef CL_GRPC_WIRE_H
#define CL_GRPC_WIRE_H

#include "base/buf.h"

#include <stdbool.h>

#define CL_GRPC_PREFIX_SIZE 5u
#define CL_GRPC_TEXT_SIZE 512u

enum cl_grpc_code {
    CL_GRPC_OK = 0,
    CL_GRPC_CANCELLED = 1,
    CL_GRPC_UNKNOWN = 2,
    CL_GRPC_INVALID_ARGUMENT = 3,
    CL_GRPC_DEADLINE_EXCEEDED = 4,
    CL_GRPC_NOT_FOUND = 5,
    CL_GRPC_ALREADY_EXISTS = 6,
    CL_GRPC_PERMISSION_DENIED = 7,
    CL_GRPC_RESOURCE_EXHAUSTED = 8,
    CL_GRPC_FAILED_PRECONDITION = 9,
    CL_GRPC_ABORTED = 10,
    CL_GRPC_OUT_OF_RANGE = 11,
    CL_GRPC_UNIMPLEMENTED = 12,
    CL_GRPC_INTERNAL = 13,
    CL_GRPC_UNAVAILABLE = 14,
    CL_GRPC_DATA_LOSS = 15,
    CL_GRPC_UNAUTHENTICATED = 16,
};

/* "NotFound"; "code 99" is "Unknown". */
const char *cl_grpc_code_name(unsigned code);
/* What a code means here: CL_ERR_REJECTED when the answer is no (not found, denied, bad request),
 * CL_ERR_UNSUPPORTED for what the other side does not have, CL_ERR_UNAVAILABLE when it cannot tell.
 */
enum cl_status cl_grpc_code_status(unsigned code);

/* Appends one uncompressed message with its prefix. */
CL_NODISCARD enum cl_status cl_grpc_message_encode(const void *data, size_t len, struct cl_buf *out,
                                                   struct cl_err *err);
/* The one message that a unary body is; borrowed from it. CL_ERR_TRUNCATED, CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status cl_grpc_message_parse(const void *body, size_t len,
                                                  const uint8_t **ret_data, size_t *ret_len,
                                                  struct cl_err *err);
/* What the prefix of a body that is still coming says of its message; 0 while it is incomplete. */
uint32_t cl_grpc_prefix_length(const uint8_t *body, size_t len);
/* "application/grpc", or that with "+..." or ";..." behind it. */
bool cl_grpc_is_content_type(const char *value);
/* grpc-timeout: one to eight digits and a unit of "HMSmun". CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status cl_grpc_timeout_parse(const char *text, uint64_t *ret_us,
                                                  struct cl_err *err);
/* Percent-codes what is not printable ASCII, and '%'. */
void cl_grpc_text_encode(const char *text, char ret[static 3 * CL_GRPC_TEXT_SIZE]);
/* A percent-coded text, cut to fit. What is not well coded stays as it is; so does %00. */
void cl_grpc_text_decode(const char *text, char ret[static CL_GRPC_TEXT_SIZE]);

#endif
