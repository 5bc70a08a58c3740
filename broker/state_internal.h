/* SPDX-License-Identifier: Apache-2.0
 * state_internal.h - what the files about the state directory share.
 */
#ifndef CL_BROKER_STATE_INTERNAL_H
#define CL_BROKER_STATE_INTERNAL_H

#include "state.h"

#include <limits.h>

#define CL_DOMAIN_RESOURCE "resource"
#define CL_DOMAIN_IDENTITY "identity"
#define CL_DOMAIN_BACKUP "backup"
#define CL_META_MASTER_ID "master-id"

/* dir/name; CL_ERR_MALFORMED when it does not fit. */
CL_NODISCARD enum cl_status cl_state_path(char ret[static PATH_MAX], const char *dir,
                                          const char *name, struct cl_err *err);
/* Removes what init or restore made when they could not finish. The caller holds the lock. */
void cl_state_clear(const char *dir);

/* Exclusive lock on dir/lock. */
CL_NODISCARD enum cl_status cl_state_lock(const char *dir, int *ret_fd, struct cl_err *err);
CL_NODISCARD enum cl_status cl_state_read_master(const char *path, struct cl_secret *ret,
                                                 struct cl_err *err);

/* The sealed keys: names in `meta`, ended by NULL. */
extern const char *const cl_identity_names[];
/* Fresh keys and certificate, into an empty database. ret_admin_pem: the admin's private key. */
CL_NODISCARD enum cl_status cl_identity_make(struct cl_store *store, const struct cl_vault *vault,
                                             const char *const *sans,
                                             struct cl_secret *ret_admin_pem, struct cl_err *err);
CL_NODISCARD enum cl_status cl_identity_load(struct cl_state *s, struct cl_err *err);
/* The certificate in PEM. */
CL_NODISCARD enum cl_status cl_identity_cert_pem(struct cl_store *store, struct cl_buf *out,
                                                 struct cl_err *err);

#endif
