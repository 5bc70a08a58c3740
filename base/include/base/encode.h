/* SPDX-License-Identifier: Apache-2.0
 * encode.h - hex, base64 (RFC 4648, padded) and base64url (unpadded), strict in both directions.
 */
#ifndef CL_BASE_ENCODE_H
#define CL_BASE_ENCODE_H

#include "base/buf.h"

/* Lower-case hex of n bytes and a NUL; ret holds 2 * n + 1 bytes. */
void cl_hex(char *ret, const void *data, size_t n);
/* Exactly n bytes from exactly 2 * n lower-case hex digits; `field` names the value in errors. */
CL_NODISCARD enum cl_status cl_unhex(void *ret, size_t n, const char *hex, const char *field,
                                     struct cl_err *err);

/* Encoders append to out. Decoders append to out and refuse white space, wrong padding and non-zero
 * trailing bits. */
CL_NODISCARD enum cl_status cl_b64_encode(struct cl_buf *out, const void *data, size_t n,
                                          struct cl_err *err);
CL_NODISCARD enum cl_status cl_b64_decode(struct cl_buf *out, const char *text, size_t len,
                                          const char *field, struct cl_err *err);
CL_NODISCARD enum cl_status cl_b64url_encode(struct cl_buf *out, const void *data, size_t n,
                                             struct cl_err *err);
CL_NODISCARD enum cl_status cl_b64url_decode(struct cl_buf *out, const char *text, size_t len,
                                             const char *field, struct cl_err *err);

#endif
