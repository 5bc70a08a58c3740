/* SPDX-License-Identifier: Apache-2.0
 * jwe.h - flattened JSON Web Encryption as RCAR carries resources (RFC 7516 7.2.2;
 * kbs-protocol.md 7). Content is always A256GCM. The key management algorithm follows from the
 * key: ECDH-ES+A256KW for EC, RSA-OAEP-256 for RSA.
 * Trust: the text given to cl_jwe_open() is hostile. Its header must say exactly what the key
 *        implies, else it is refused. Keys in use live in struct cl_secret.
 */
#ifndef CLOISTER_JWE_H
#define CLOISTER_JWE_H

#include "base/secret.h"
#include "cloister/jwk.h"

#define CL_JWE_MAX_PLAIN (2u << 20)
#define CL_JWE_MAX_TEXT (4u << 20)

/* Appends the JSON text to out. The header's text is byte for byte the one that CoCo's client
 * rebuilds as AAD. */
CL_NODISCARD enum cl_status cl_jwe_seal(const struct cl_jwk *to, const void *plain, size_t len,
                                        struct cl_buf *out, struct cl_err *err);
/* Opens with a private key. CL_ERR_REJECTED when it does not authenticate under this key. */
CL_NODISCARD enum cl_status cl_jwe_open(const struct cl_jwk *key, const void *text, size_t len,
                                        struct cl_secret *ret_plain, struct cl_err *err);

#endif
