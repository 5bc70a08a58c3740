/* SPDX-License-Identifier: Apache-2.0
 * server.h - a gRPC server over Unix sockets, for services that answer at once.
 * Trust: clients are hostile in form: connections, streams, header bytes, message bytes and time
 * are bounded, and a service sees a request only when it is complete and well formed. What it says
 * is for the service to judge. Threads: one; the service is called from inside cl_grpc_serve().
 * Memory: at most CL_GRPC_SERVER_MAX_PENDING of requests that are under way, and for each of at
 * most CL_GRPC_SERVER_MAX_CONNECTIONS nghttp2's session. Spec: gRPC over HTTP2 (PROTOCOL-HTTP2.md);
 * RFC 9113.
 */
#ifndef CL_GRPC_SERVER_H
#define CL_GRPC_SERVER_H

#include "grpc/wire.h"

#define CL_GRPC_SERVER_MAX_CONNECTIONS 64u
#define CL_GRPC_SERVER_MAX_STREAMS 64u                  /* of one connection at a time */
#define CL_GRPC_SERVER_MAX_HEADERS 16384u               /* bytes of a request's, 32 for each */
#define CL_GRPC_SERVER_MAX_PATH 200u                    /* characters of "/service/Method" */
#define CL_GRPC_SERVER_MAX_REQUEST (UINT32_C(4) << 20)  /* bytes of a message */
#define CL_GRPC_SERVER_MAX_PENDING (UINT32_C(16) << 20) /* bytes of all requests under way */
/* A call that is not over after this is ended; a grpc-timeout may say less. */
#define CL_GRPC_SERVER_MAX_CALL_MS 60000u

struct cl_grpc_answer {
    unsigned code;                /* enum cl_grpc_code */
    char text[CL_GRPC_TEXT_SIZE]; /* why, when code is not CL_GRPC_OK */
    struct cl_buf messages;       /* none, one or many, each by cl_grpc_message_encode() */
};

struct cl_grpc_service {
    /* Fills *answer, which begins as CL_GRPC_OK without messages. `path`: "/service/Method";
     * message: borrowed for the call. Must not block. */
    void (*call)(void *ctx, const char *path, const uint8_t *message, size_t len,
                 struct cl_grpc_answer *answer);
    void *ctx;
};

/* Sets code and text. */
CL_PRINTF(3, 4)
void cl_grpc_refuse(struct cl_grpc_answer *answer, unsigned code, const char *fmt, ...);

/* Serves until stop_fd is readable.
 * listen_fd, stop_fd  borrowed; listen_fd a listening stream socket, made non-blocking here
 * Returns             CL_OK when stopped; CL_ERR_SYS when there is no going on. What a client does
 *                     wrong ends its call or its connection, nothing else. */
CL_NODISCARD enum cl_status cl_grpc_serve(const struct cl_grpc_service *service, int listen_fd,
                                          int stop_fd, struct cl_err *err);

#endif
