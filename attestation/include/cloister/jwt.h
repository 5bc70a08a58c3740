/* SPDX-License-Identifier: Apache-2.0
 * jwt.h - compact JWS carrying JSON claims (RFC 7515, 7519), with the algorithm fixed by the
 * caller: ES256 for attestation tokens, EdDSA (Ed25519) for the broker's admins.
 * Trust: the token is hostile. `alg` must equal the caller's; keys named in the header (jwk, jku,
 *        kid, x5c) are never used; `crit` is refused.
 */
#ifndef CLOISTER_JWT_H
#define CLOISTER_JWT_H

#include "base/json.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

#define CL_JWT_MAX_SIZE (64u << 10)
#define CL_JWT_LEEWAY_SECONDS 60

enum cl_jwt_alg { CL_JWT_ES256, CL_JWT_EDDSA };

/* Appends the token. extra_header: members added behind typ and alg, or NULL. */
CL_NODISCARD enum cl_status cl_jwt_sign(enum cl_jwt_alg alg, struct evp_pkey_st *key,
                                        json_t *extra_header, const json_t *claims,
                                        struct cl_buf *out, struct cl_err *err);
/* Signature and form only; follow with cl_jwt_check_times(). CL_ERR_REJECTED for a wrong signature
 * or a wrong `alg`. */
CL_NODISCARD enum cl_status cl_jwt_verify(enum cl_jwt_alg alg, struct evp_pkey_st *key,
                                          const char *token, size_t len, json_t **ret_claims,
                                          struct cl_err *err);
/* `exp` is required, `nbf` and `iat` are checked when there; leeway as above. now in seconds since
 * 1970. CL_ERR_REJECTED naming the claim. */
CL_NODISCARD enum cl_status cl_jwt_check_times(const json_t *claims, int64_t now,
                                               struct cl_err *err);

#endif
