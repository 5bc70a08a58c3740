/* SPDX-License-Identifier: Apache-2.0
 * rpc_internal.h - what rpc.c (bytes and frames) and rpc_calls.c (requests and calls) share.
 */
#ifndef SHIM_RPC_INTERNAL_H
#define SHIM_RPC_INTERNAL_H

#include "base/buf.h"
#include "rpc.h"
#include "rpc/ttrpc.h"

#include <stdbool.h>
#include <sys/queue.h>

struct shim_rpc_call { /* the peer asks */
    LIST_ENTRY(shim_rpc_call) link;
    struct shim_rpc *rpc;   /* NULL: the connection has ended */
    struct event *deadline; /* NULL: none */
    uint32_t stream;
    bool told; /* answered in the place of its taker, who has not answered yet */
};

struct rpc_invocation { /* we ask */
    LIST_ENTRY(rpc_invocation) link;
    struct shim_rpc *rpc;
    struct event *deadline; /* NULL: none */
    uint32_t stream;
    shim_rpc_done done;
    void *ctx;
};

struct shim_rpc {
    struct event_base *base;
    int fd; /* -1: ended */
    struct shim_rpc_callbacks cb;
    struct event *readable;
    struct event *writable;
    bool ended;     /* nothing comes or goes any more */
    bool released;  /* _free was called */
    bool broken;    /* a frame could not be queued */
    bool paused;    /* not reading until the peer has read */
    unsigned depth; /* functions of ours on the stack that use the object after a callback */

    uint8_t header[CL_TTRPC_HEADER_SIZE];
    size_t header_len;
    struct cl_ttrpc_header h;
    uint32_t left; /* bytes of the body still to come */
    bool draining;
    struct cl_buf frame; /* the body so far */
    struct cl_buf rest;  /* read, but not looked at while paused; at most one read */

    struct cl_buf out;
    size_t out_pos; /* what lies before it is sent */

    LIST_HEAD(, shim_rpc_call) requests;
    size_t request_count; /* with those that were told: the takers still have them */
    uint32_t last_stream; /* the peer's newest */
    LIST_HEAD(, rpc_invocation) calls;
    size_t call_count;
    uint32_t next_stream; /* ours */
};

/* Around each use of callbacks: the last one out frees what was released. */
void rpc_enter(struct shim_rpc *rpc);
void rpc_leave(struct shim_rpc *rpc);

/* Queues one frame. When there is no memory for it the connection ends, from the loop. */
void rpc_send(struct shim_rpc *rpc, uint32_t stream, enum cl_ttrpc_type type,
              const struct cl_buf *message);
bool rpc_congested(const struct shim_rpc *rpc);

/* A complete frame; the header of one that is too large. */
void rpc_frame(struct shim_rpc *rpc, const struct cl_ttrpc_header *h, const struct cl_buf *body);
void rpc_frame_too_large(struct shim_rpc *rpc, const struct cl_ttrpc_header *h);
/* Calls are answered with SHIM_CODE_UNAVAILABLE, requests lose their asker. */
void rpc_calls_end(struct shim_rpc *rpc);

#endif
