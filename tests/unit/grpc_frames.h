/* SPDX-License-Identifier: Apache-2.0
 * grpc_frames.h - a gRPC server's bytes, frame by frame, so that each of them can be wrong: HTTP/2
 * frames (RFC 9113, 4.1) whose headers are literals without indexing (RFC 7541, 6.2.2).
 */
#ifndef CL_TEST_GRPC_FRAMES_H
#define CL_TEST_GRPC_FRAMES_H

#include "base/buf.h"
#include "check_main.h"

#include <string.h>

enum {
    H2_DATA = 0,
    H2_HEADERS = 1,
    H2_RST = 3,
    H2_SETTINGS = 4,
    H2_PUSH = 5,
    H2_PING = 6,
    H2_GOAWAY = 7,
    H2_WINDOW = 8,
    H2_CONTINUATION = 9
};
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4 };

static inline void put_bytes(struct cl_buf *b, const void *data, size_t len)
{
    ck_assert_int_eq(cl_buf_append(b, data, len, NULL), CL_OK);
}

static inline void put_frame(struct cl_buf *b, int type, int flags, unsigned stream,
                             const void *data, size_t len)
{
    const uint8_t head[9] = {(uint8_t)(len >> 16),
                             (uint8_t)(len >> 8),
                             (uint8_t)len,
                             (uint8_t)type,
                             (uint8_t)flags,
                             0,
                             0,
                             (uint8_t)(stream >> 8),
                             (uint8_t)stream};
    put_bytes(b, head, sizeof(head));
    if (len > 0) {
        put_bytes(b, data, len);
    }
}

/* A length with a prefix of 7 bits, no Huffman. */
static inline void put_text(struct cl_buf *b, const char *s)
{
    size_t len = strlen(s);
    uint8_t first = len < 127 ? (uint8_t)len : 127;
    put_bytes(b, &first, 1);
    for (size_t rest = len - 127; len >= 127; rest >>= 7) {
        uint8_t byte = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
        put_bytes(b, &byte, 1);
        if (rest <= 127) {
            break;
        }
    }
    put_bytes(b, s, len);
}

/* "name", "value", ..., NULL as a header block. */
static inline void put_block(struct cl_buf *b, const char *const *nv)
{
    for (size_t i = 0; nv[i] != NULL; i += 2) {
        put_bytes(b, "", 1);
        put_text(b, nv[i]);
        put_text(b, nv[i + 1]);
    }
}

static inline void put_headers(struct cl_buf *b, int flags, const char *const *nv)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf block = {0};
    put_block(&block, nv);
    put_frame(b, H2_HEADERS, H2_END_HEADERS | flags, 1, block.data, block.len);
}

static const char *const good_head[] = {":status", "200", "content-type", "application/grpc", NULL};
static const char *const good_trailer[] = {"grpc-status", "0", "grpc-message", "", NULL};

/* SETTINGS, response headers, one message "abc", trailers. */
static inline void put_good_reply(struct cl_buf *b)
{
    put_frame(b, H2_SETTINGS, 0, 0, NULL, 0);
    put_headers(b, 0, good_head);
    put_frame(b, H2_DATA, 0, 1, "\0\0\0\0\3abc", 8);
    put_headers(b, H2_END_STREAM, good_trailer);
}

#endif
