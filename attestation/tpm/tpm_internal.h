/* SPDX-License-Identifier: Apache-2.0
 * tpm_internal.h - what the TPM parsers share.
 */
#ifndef CL_ATTESTATION_TPM_INTERNAL_H
#define CL_ATTESTATION_TPM_INTERNAL_H

#include "base/bytes.h"
#include "cloister/tpm_quote.h"

#include <openssl/evp.h>

/* A TPM2B: 16 bits of size, then as many bytes, at most max. Returns the size; a failure sticks to
 * the reader. */
size_t tpm_read_2b(struct cl_reader *r, uint8_t *dst, size_t max, const char *field);

/* May this key sign quotes? RSA of 2048 to 4096 bits with exponent 65537, or P-256, or P-384. */
bool tpm_key_is_strong(EVP_PKEY *key);

/* An RSA key with exponent 65537, of a big-endian modulus. */
CL_NODISCARD enum cl_status tpm_key_from_rsa(const uint8_t *n, size_t n_len, EVP_PKEY **ret_key,
                                             struct cl_err *err);

#endif
