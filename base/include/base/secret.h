/* SPDX-License-Identifier: Apache-2.0
 * secret.h - secrets with a type of their own: locked, not dumped, wiped; and constant-time
 * helpers. There is deliberately no function that formats a secret.
 */
#ifndef CL_BASE_SECRET_H
#define CL_BASE_SECRET_H

#include "base/err.h"

#include <stdbool.h>

struct cl_secret {
    uint8_t *data; /* owned, in pages of its own: mlock'ed where allowed, MADV_DONTDUMP,
                      MADV_WIPEONFORK */
    size_t len;
    size_t map_size;
};

/* An all-zero secret of len bytes (0 is fine). */
CL_NODISCARD enum cl_status cl_secret_alloc(struct cl_secret *ret_s, size_t len,
                                            struct cl_err *err);
CL_NODISCARD enum cl_status cl_secret_from(struct cl_secret *ret_s, const void *data, size_t len,
                                           struct cl_err *err);
CL_NODISCARD enum cl_status cl_secret_random(struct cl_secret *ret_s, size_t len,
                                             struct cl_err *err);
/* Reads a whole file (at most max bytes). */
CL_NODISCARD enum cl_status cl_secret_read_file(struct cl_secret *ret_s, const char *path,
                                                size_t max, struct cl_err *err);
void cl_secret_done(struct cl_secret *s); /* wipes; NULL and zeroed are fine */

void cl_wipe(void *data, size_t len);                       /* never optimised away */
bool cl_ct_equal(const void *a, const void *b, size_t len); /* constant time in the contents */
/* len random bytes from the kernel. */
CL_NODISCARD enum cl_status cl_random(void *data, size_t len, struct cl_err *err);

#endif
