/* SPDX-License-Identifier: Apache-2.0
 * sign.h - the signatures of JOSE and COSE: ES256, ES384 (r || s, RFC 7518 3.4) and EdDSA with
 * Ed25519. The algorithm is always the one that the caller's key is for.
 */
#ifndef CL_TOKEN_SIGN_H
#define CL_TOKEN_SIGN_H

#include "base/buf.h"

#include <openssl/evp.h>
#include <stdbool.h>

#define CL_SIG_MAX_SIZE 96u

enum cl_sig_alg { CL_SIG_ES256, CL_SIG_ES384, CL_SIG_EDDSA };

const char *cl_sig_alg_name(enum cl_sig_alg alg); /* "ES256", "ES384", "EdDSA" */
size_t cl_sig_size(enum cl_sig_alg alg);          /* bytes of a signature */
/* The algorithm of a P-256, P-384 or Ed25519 key; false for any other key. */
bool cl_sig_alg_of_key(const EVP_PKEY *key, enum cl_sig_alg *ret_alg);

/* CL_ERR_UNSUPPORTED when the key is not of the kind that alg needs. */
CL_NODISCARD enum cl_status cl_sig_check_key(enum cl_sig_alg alg, const EVP_PKEY *key,
                                             struct cl_err *err);

/* The key must fit alg. ret holds cl_sig_size(alg) bytes. */
CL_NODISCARD enum cl_status cl_sig_make(enum cl_sig_alg alg, EVP_PKEY *key, const void *data,
                                        size_t len, uint8_t ret[static CL_SIG_MAX_SIZE],
                                        struct cl_err *err);
/* sig: cl_sig_size(alg) bytes. CL_ERR_REJECTED when it is not a signature of the data. */
CL_NODISCARD enum cl_status cl_sig_check(enum cl_sig_alg alg, EVP_PKEY *key, const void *data,
                                         size_t len, const uint8_t *sig, struct cl_err *err);

#endif
