/* SPDX-License-Identifier: Apache-2.0
 * jwk.h - the JSON Web Keys of the RCAR protocol (RFC 7517, 7518; kbs-protocol.md 5 and 10).
 * Kinds: EC P-256, EC P-521, RSA (2048 to 4096 bits, e = 65537).
 * Trust: the JSON is hostile. The member `alg` must be the one that kind and use demand: nothing is
 *        chosen by the wire. Unknown members are dropped, as Trustee drops them before hashing.
 * Threads: a key is immutable once made. Memory: private halves stay inside OpenSSL, which wipes
 *          them when the key is freed.
 */
#ifndef CLOISTER_JWK_H
#define CLOISTER_JWK_H

#include "base/json.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct cl_jwk;      /* opaque */

enum cl_jwk_kind { CL_JWK_P256, CL_JWK_P521, CL_JWK_RSA };

/* What the key is for decides its `alg`: ECDH-ES+A256KW or RSA-OAEP-256 to wrap, ES256 to sign. */
enum cl_jwk_use { CL_JWK_WRAP, CL_JWK_ES256 };

/* Parses a public key; members that would make it private are dropped with the other unknown ones.
 * `what` names it in errors. CL_ERR_UNSUPPORTED for a kty, crv or alg that we do not serve. */
CL_NODISCARD enum cl_status cl_jwk_parse(const json_t *j, const char *what, enum cl_jwk_use use,
                                         struct cl_jwk **ret_k, struct cl_err *err);
/* The public members, in the order kty, crv, alg, x, y or kty, alg, n, e. */
CL_NODISCARD enum cl_status cl_jwk_emit(const struct cl_jwk *k, enum cl_jwk_use use, json_t **ret_j,
                                        struct cl_err *err);
/* A fresh private key of an EC kind. */
CL_NODISCARD enum cl_status cl_jwk_generate(enum cl_jwk_kind kind, struct cl_jwk **ret_k,
                                            struct cl_err *err);
/* Takes one more reference on pkey (public or private). CL_ERR_UNSUPPORTED for other kinds. */
CL_NODISCARD enum cl_status cl_jwk_from_pkey(struct evp_pkey_st *pkey, struct cl_jwk **ret_k,
                                             struct cl_err *err);
enum cl_jwk_kind cl_jwk_kind(const struct cl_jwk *k);
struct evp_pkey_st *cl_jwk_pkey(const struct cl_jwk *k); /* borrowed */
void cl_jwk_free(struct cl_jwk *k);
void cl_jwk_freep(struct cl_jwk **k);

#endif
