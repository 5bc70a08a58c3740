/* SPDX-License-Identifier: Apache-2.0
 * client.h - unary gRPC calls over a Unix socket.
 * Trust: the server is hostile in form: sizes, header bytes and time are bounded, and a reply is
 *        nothing before its status and its length fit. What it says is for the caller to judge.
 * Threads: no shared state; a call blocks its own thread. Memory: request, and at most the call's
 *        max_reply with nghttp2's tables (4 KiB each way).
 * Spec: gRPC over HTTP2 (PROTOCOL-HTTP2.md); RFC 9113.
 */
#ifndef CL_GRPC_CLIENT_H
#define CL_GRPC_CLIENT_H

#include "grpc/wire.h"

#define CL_GRPC_MAX_METADATA 8u
#define CL_GRPC_MAX_HEADERS 16384u /* bytes of names and values in all of a reply, 32 for each */
#define CL_GRPC_MAX_REPLY (UINT32_C(4) << 20) /* bytes of a reply's message; gRPC's own default */
#define CL_GRPC_MAX_TIMEOUT_MS 99999999u      /* what a grpc-timeout of eight digits can say */

struct cl_grpc_metadata {
    const char *name;  /* lower case letters, digits, '-', '_', '.'; not "grpc-..." */
    const char *value; /* printable ASCII */
};

struct cl_grpc_call {
    const char *path; /* "/containerd.services.images.v1.Images/Get" */
    struct cl_grpc_metadata metadata[CL_GRPC_MAX_METADATA];
    size_t metadata_count;
    const void *message; /* the request, protobuf; len bytes */
    size_t len;
    size_t max_reply; /* bytes, 1..CL_GRPC_MAX_REPLY */
    unsigned
        timeout_ms; /* from the start of the call to its last byte; 1..CL_GRPC_MAX_TIMEOUT_MS */
};

/* Calls over a new connection to the socket at `path`.
 * ret_code    the gRPC status, when the server gave one; else CL_GRPC_UNKNOWN. May be NULL
 * ret_message the reply's message, appended; untouched unless CL_OK
 * Returns     CL_OK; what cl_grpc_code_status() says of another status, with the server's text;
 *             CL_ERR_UNAVAILABLE when there is no answer within the time, or the connection ended;
 *             CL_ERR_TRUNCATED, CL_ERR_MALFORMED for what is not gRPC; CL_ERR_SYS from connect.
 *             Messages begin "'<path>': <the call's path>: ". */
CL_NODISCARD enum cl_status cl_grpc_unary(const char *path, const struct cl_grpc_call *call,
                                          unsigned *ret_code, struct cl_buf *ret_message,
                                          struct cl_err *err);

#endif
