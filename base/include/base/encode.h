/* SPDX-License-Identifier: Apache-2.0
 * encode.h - hex, hardware addresses, base64 (RFC 4648, padded) and base64url (unpadded), strict in
 * both directions.
 */
#ifndef CL_BASE_ENCODE_H
#define CL_BASE_ENCODE_H

#include "base/buf.h"

/* Lower-case hex of n bytes and a NUL; ret holds 2 * n + 1 bytes. */
void cl_hex(char *ret, const void *data, size_t n);
/* Exactly n bytes from exactly 2 * n lower-case hex digits; `field` names the value in errors. */
CL_NODISCARD enum cl_status cl_unhex(void *ret, size_t n, const char *hex, const char *field,
                                     struct cl_err *err);

#define CL_MAC_SIZE 6u
#define CL_MAC_TEXT_SIZE 18u
/* "02:00:5e:10:00:01", lower case and a NUL. */
void cl_mac_format(char ret[static CL_MAC_TEXT_SIZE], const uint8_t mac[static CL_MAC_SIZE]);
/* The same, in either case. CL_ERR_MALFORMED "<field>: expected six pairs of hex digits, got ...".
 * *ret is written on success only. */
CL_NODISCARD enum cl_status cl_mac_parse(const char *text, const char *field,
                                         uint8_t ret[static CL_MAC_SIZE], struct cl_err *err);

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
