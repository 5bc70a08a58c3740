/* SPDX-License-Identifier: Apache-2.0
 * state.h - the broker's state directory: master key file, database, identity; made by `init`,
 * moved by `backup` and `restore`, re-sealed by `rotate-key`.
 *   master.key   32 random bytes, 0600: everything else is sealed under it. Keep a copy elsewhere.
 *   broker.db    the database; the keys of TLS and tokens are in it, sealed
 *   tls.crt      the TLS certificate, for clients to pin (a copy of what the database holds)
 *   admin.key    Ed25519 private key of the first admin, 0600; move it to the admin's machine
 *   lock         held by the running broker
 */
#ifndef CL_BROKER_STATE_H
#define CL_BROKER_STATE_H

#include "store.h"
#include "vault.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

struct cl_state {
    struct cl_store *store;
    struct cl_vault vault;
    int lock_fd;
    EVP_PKEY *tls_key;
    X509 *tls_cert;
    EVP_PKEY *token_key; /* P-256, signs attestation tokens */
    EVP_PKEY *admin_pub; /* Ed25519, verifies admins */
};

/* Makes dir (0700) and everything in it; refuses when there is a database already. sans: DNS names
 * and addresses of the certificate, ended by NULL. */
CL_NODISCARD enum cl_status cl_state_init(const char *dir, const char *const *sans,
                                          struct cl_err *err);
/* Opens for serving (and for rotate): takes the lock, finishes an interrupted rotation. */
CL_NODISCARD enum cl_status cl_state_open(const char *dir, struct cl_state *ret_s,
                                          struct cl_err *err);
void cl_state_done(struct cl_state *s);

/* One sealed file with everything but the master key. Works beside a running broker. */
CL_NODISCARD enum cl_status cl_state_backup(const char *dir, const char *file, struct cl_err *err);
/* Into a directory without a database. master_file: the master key the backup was sealed under. */
CL_NODISCARD enum cl_status cl_state_restore(const char *dir, const char *file,
                                             const char *master_file, struct cl_err *err);
/* New master key, everything sealed anew; the broker must not run. */
CL_NODISCARD enum cl_status cl_state_rotate(const char *dir, struct cl_err *err);

#endif
