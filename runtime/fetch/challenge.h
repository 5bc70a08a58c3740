/* SPDX-License-Identifier: Apache-2.0
 * challenge.h - what a registry asks for with a 401, and what a token server answers.
 * Trust: both are hostile. Threads, memory: plain values.
 * Spec: RFC 7235 4.1 (as far as registries use it), the distribution project's token specification.
 */
#ifndef FETCH_CHALLENGE_H
#define FETCH_CHALLENGE_H

#include "base/buf.h"

#include <stdbool.h>

#define FETCH_TOKEN_MAX_SIZE 65536u /* bytes of a token server's answer */
#define FETCH_TOKEN_MAX 32768u      /* and of the token in it */

struct fetch_challenge {
    bool bearer; /* else basic */
    char realm[1024];
    char service[256];
    char scope[512]; /* empty: none given */
};

/* The value of a WWW-Authenticate header. CL_ERR_UNSUPPORTED for another scheme; CL_ERR_MALFORMED.
 */
CL_NODISCARD enum cl_status fetch_challenge_parse(const char *text, struct fetch_challenge *ret,
                                                  struct cl_err *err);
/* Appends "<realm>?service=...&scope=...", all of it escaped. scope: when the challenge has none.
 */
CL_NODISCARD enum cl_status fetch_challenge_url(const struct fetch_challenge *c, const char *scope,
                                                struct cl_buf *out, struct cl_err *err);
/* Appends "Authorization: Bearer <token>" from {"token": ...} or {"access_token": ...}. */
CL_NODISCARD enum cl_status fetch_token_parse(const void *text, size_t len, struct cl_buf *out,
                                              struct cl_err *err);
/* Appends what is escaped for a query or a form (RFC 3986 2.3 stays as it is). */
CL_NODISCARD enum cl_status fetch_escape(const char *text, struct cl_buf *out, struct cl_err *err);

#endif
