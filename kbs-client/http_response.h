/* SPDX-License-Identifier: Apache-2.0
 * http_response.h - a strict HTTP/1.1 response parser, for one response at a time.
 * Trust: the bytes are hostile until the pin of TLS said otherwise, and parsed as such after that.
 * Memory: head of at most CL_HTTP_MAX_HEAD, body of at most what the caller allows.
 * Spec: RFC 9112; refused: obs-fold, bare LF, bodies that end with the connection, both or several
 *       lengths, interim responses.
 */
#ifndef CL_KBS_HTTP_RESPONSE_H
#define CL_KBS_HTTP_RESPONSE_H

#include "base/buf.h"

#include <stdbool.h>

#define CL_HTTP_MAX_HEAD (16u << 10)
#define CL_HTTP_MAX_FIELDS 64u
#define CL_HTTP_MAX_COOKIE 128u

struct cl_http_response {
    unsigned status;                     /* 200..599 */
    bool close;                          /* the server ends the connection behind it */
    char cookie[CL_HTTP_MAX_COOKIE + 1]; /* value of kbs-session-id in Set-Cookie; "" if none */
    struct cl_buf body;
};

void cl_http_response_done(struct cl_http_response *r);

/* Parses data from its start. CL_OK: the response is complete and ends at the last byte;
 * CL_ERR_TRUNCATED: good so far, more bytes are needed; CL_ERR_MALFORMED otherwise. */
CL_NODISCARD enum cl_status cl_http_response_parse(const uint8_t *data, size_t len, size_t max_body,
                                                   struct cl_http_response *ret,
                                                   struct cl_err *err);

#endif
