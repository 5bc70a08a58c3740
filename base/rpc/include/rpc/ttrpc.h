/* SPDX-License-Identifier: Apache-2.0
 * ttrpc.h - ttrpc over a stream socket: frames, and unary requests and responses.
 * Trust: the peer is hostile. A frame's length is checked before memory is taken for it; whoever
 * breaks the framing loses the connection. Threads: reading belongs to one thread; the senders take
 * care of each other with their own lock. Memory: one frame, at most CL_TTRPC_MAX_FRAME bytes, and
 * its decoded form.
 */
#ifndef CL_RPC_TTRPC_H
#define CL_RPC_TTRPC_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define CL_TTRPC_HEADER_SIZE 10u
#define CL_TTRPC_MAX_FRAME (256u << 10) /* bytes behind the header; both directions */
#define CL_TTRPC_MAX_MESSAGE (4u << 20) /* of the inner messages, for who has larger frames */

enum cl_ttrpc_type { CL_TTRPC_REQUEST = 1, CL_TTRPC_RESPONSE = 2 };

/* gRPC codes that we send or look at. */
enum cl_ttrpc_code {
    CL_TTRPC_OK = 0,
    CL_TTRPC_INVALID_ARGUMENT = 3,
    CL_TTRPC_NOT_FOUND = 5,
    CL_TTRPC_ALREADY_EXISTS = 6,
    CL_TTRPC_PERMISSION_DENIED = 7,
    CL_TTRPC_RESOURCE_EXHAUSTED = 8,
    CL_TTRPC_FAILED_PRECONDITION = 9,
    CL_TTRPC_UNIMPLEMENTED = 12,
    CL_TTRPC_INTERNAL = 13,
    CL_TTRPC_UNAVAILABLE = 14,
};

struct cl_ttrpc_header {
    uint32_t data_len;
    uint32_t stream;
    uint8_t type;
    uint8_t flags;
};

/* Checks length and type; streams are odd (the client opens them all). */
CL_NODISCARD enum cl_status cl_ttrpc_header_parse(const uint8_t data[static CL_TTRPC_HEADER_SIZE],
                                                  struct cl_ttrpc_header *ret, struct cl_err *err);

/* Reads one frame; `data` is replaced. *ret_eof is true, and nothing else is set, when the stream
 * ended between two frames. CL_ERR_TRUNCATED when it ended inside one. */
CL_NODISCARD enum cl_status cl_ttrpc_read(int fd, struct cl_ttrpc_header *ret_h,
                                          struct cl_buf *data, bool *ret_eof, struct cl_err *err);
/* Writes one frame; never raises SIGPIPE. */
CL_NODISCARD enum cl_status cl_ttrpc_write(int fd, uint32_t stream, enum cl_ttrpc_type type,
                                           const void *data, size_t len, struct cl_err *err);

/* The inner messages. Strings and payload are owned and freed with _done. */
struct cl_ttrpc_request {
    char *service;
    char *method;
    uint8_t *payload;
    size_t payload_len;
    int64_t timeout_ns; /* 0: none; less: it has passed */
};
struct cl_ttrpc_response {
    int32_t code; /* enum cl_ttrpc_code; any other value is an error too */
    char *message;
    uint8_t *payload;
    size_t payload_len;
};

CL_NODISCARD enum cl_status cl_ttrpc_request_parse(const void *data, size_t len,
                                                   struct cl_ttrpc_request *ret,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status cl_ttrpc_request_encode(const char *service, const char *method,
                                                    const void *payload, size_t payload_len,
                                                    struct cl_buf *out, struct cl_err *err);
void cl_ttrpc_request_done(struct cl_ttrpc_request *r);
CL_NODISCARD enum cl_status cl_ttrpc_response_parse(const void *data, size_t len,
                                                    struct cl_ttrpc_response *ret,
                                                    struct cl_err *err);
CL_NODISCARD enum cl_status cl_ttrpc_response_encode(enum cl_ttrpc_code code, const char *message,
                                                     const void *payload, size_t payload_len,
                                                     struct cl_buf *out, struct cl_err *err);
void cl_ttrpc_response_done(struct cl_ttrpc_response *r);

#endif
