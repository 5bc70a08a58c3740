/* SPDX-License-Identifier: Apache-2.0
 * vault.h - sealing at rest: AES-256-GCM under keys derived from the master key, which lives in a
 * file of its own outside the database.
 * Trust: sealed bytes may have been changed on disk; a blob opens only under the name it was sealed
 *        for. Rolling back a whole database file is not noticed here.
 */
#ifndef CL_BROKER_VAULT_H
#define CL_BROKER_VAULT_H

#include "base/buf.h"
#include "base/secret.h"

#define CL_MASTER_SIZE 32u
#define CL_VAULT_OVERHEAD 28u /* nonce of 12, tag of 16 */
#define CL_MASTER_ID_SIZE 16u

struct cl_vault {
    struct cl_secret key;          /* derived for sealing */
    uint8_t id[CL_MASTER_ID_SIZE]; /* names the master key without telling it */
};

CL_NODISCARD enum cl_status cl_vault_init(struct cl_vault *ret_v, const struct cl_secret *master,
                                          struct cl_err *err);
void cl_vault_done(struct cl_vault *v);
/* Appends nonce, ciphertext, tag. domain and name together are the AAD. */
CL_NODISCARD enum cl_status cl_vault_seal(const struct cl_vault *v, const char *domain,
                                          const char *name, const void *data, size_t len,
                                          struct cl_buf *out, struct cl_err *err);
/* CL_ERR_REJECTED when the blob does not belong to this key, domain and name. */
CL_NODISCARD enum cl_status cl_vault_open(const struct cl_vault *v, const char *domain,
                                          const char *name, const void *sealed, size_t len,
                                          struct cl_secret *ret_plain, struct cl_err *err);

#endif
