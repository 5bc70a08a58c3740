/* SPDX-License-Identifier: Apache-2.0
 * creds.h - credentials for registries, out of a file of the form of docker's config.json.
 * Trust: the node operator's file; other keys of docker's are passed over. Programs that keep
 *        credentials (credHelpers, credsStore) are not run.
 * Threads: plain values. Memory: wiped when done; the document itself passes through jansson's
 *        memory, so the program is one-shot, and not dumpable.
 */
#ifndef FETCH_CREDS_H
#define FETCH_CREDS_H

#include "base/buf.h"

#define FETCH_CREDS_MAX_SIZE (1u << 20) /* bytes of a file */
#define FETCH_CREDS_MAX_TEXT 16384u     /* bytes of a user, a password, a token */

struct fetch_creds {       /* each NULL when there is none; owned */
    char *user, *password; /* together */
    char *identity;        /* identitytoken: gets access tokens */
    char *registry_token;  /* registrytoken: is one */
};

/* What the document has for a repository ("library/alpine") of a host ("docker.io",
 * "registry.example:5000"): the entry with the longest path that fits, all NULL for none.
 * CL_ERR_MALFORMED "'<what>': auths.<key>: auth: ..."; nothing of a secret is in a message. */
CL_NODISCARD enum cl_status fetch_creds_parse(const void *text, size_t len, const char *what,
                                              const char *host, const char *repository,
                                              struct fetch_creds *ret, struct cl_err *err);
CL_NODISCARD enum cl_status fetch_creds_read(const char *path, const char *host,
                                             const char *repository, struct fetch_creds *ret,
                                             struct cl_err *err);
void fetch_creds_done(struct fetch_creds *c);

#endif
