/* SPDX-License-Identifier: Apache-2.0
 * pem.h - signing keys that people keep in files: EC P-256 or P-384, or Ed25519, in PEM.
 * Trust: the files are the user's. A key that needs a passphrase is refused, never asked for.
 */
#ifndef CLOISTER_PEM_H
#define CLOISTER_PEM_H

#include "base/err.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

/* A new key, freed with cl_pem_key_freep(). CL_ERR_SYS when the file cannot be read,
 * CL_ERR_MALFORMED when it does not hold such a key. */
CL_NODISCARD enum cl_status cl_pem_private_key(const char *path, struct evp_pkey_st **ret_key,
                                               struct cl_err *err);
CL_NODISCARD enum cl_status cl_pem_public_key(const char *path, struct evp_pkey_st **ret_key,
                                              struct cl_err *err);
void cl_pem_key_freep(struct evp_pkey_st **key); /* for CL_CLEANUP; NULL is fine */

#endif
