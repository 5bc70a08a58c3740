/* SPDX-License-Identifier: Apache-2.0
 * header.h - headers for nghttp2, which copies what it is given but does not say so in its type.
 */
#ifndef GRPC_HEADER_H
#define GRPC_HEADER_H

#include <nghttp2/nghttp2.h>
#include <string.h>

#define GRPC_HEADER_OVERHEAD 32u /* a header counts for its bytes and these: RFC 9113, 6.5.2 */

static inline uint8_t *grpc_header_bytes(const char *s)
{
    union {
        const char *c;
        uint8_t *u;
    } p = {.c = s};
    return p.u;
}

static inline nghttp2_nv grpc_header(const char *name, const char *value)
{
    return (nghttp2_nv){.name = grpc_header_bytes(name),
                        .value = grpc_header_bytes(value),
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

#endif
