/* SPDX-License-Identifier: Apache-2.0
 * grant.h - what a verified attestation established, and the bounded table of sessions that hold
 * one. A session's cookie is also the record that its nonce was spent.
 */
#ifndef CL_BROKER_GRANT_H
#define CL_BROKER_GRANT_H

#include "challenge.h"
#include "cloister/jwk.h"
#include "cloister/verify.h"
#include "family.h"

#define CL_JTI_SIZE 16u

#define CL_GRANT_MAX_VALUES 8u

struct cl_grant {
    enum cl_tee_class tee_class;
    /* Who attested, without the registers of a TPM: what a revocation can name. */
    size_t value_count;
    struct cl_value values[CL_GRANT_MAX_VALUES];
    char reference[CL_REFERENCE_ID_TEXT]; /* the reference value that it matched */
    uint8_t initdata[CL_INITDATA_SIZE];
    int64_t trust; /* version of the verify policy and collateral that judged it */
    uint8_t token_id[CL_JTI_SIZE];
    int64_t expires;
    struct cl_jwk *tee_key; /* owned */
};
void cl_grant_done(struct cl_grant *g);

struct cl_sessions; /* opaque */

CL_NODISCARD enum cl_status cl_sessions_new(uint32_t max, struct cl_sessions **ret_s,
                                            struct cl_err *err);
void cl_sessions_free(struct cl_sessions *s);

/* Takes the grant. until: neither cookie nor grant outlives it. CL_ERR_REJECTED when this nonce was
 * spent; CL_ERR_UNAVAILABLE when the table is full of sessions that have not ended: it never
 * forgets one to make room. */
CL_NODISCARD enum cl_status cl_sessions_add(struct cl_sessions *s,
                                            const uint8_t cookie[static CL_COOKIE_SIZE],
                                            int64_t until, int64_t now, struct cl_grant *grant,
                                            struct cl_err *err);
/* Borrowed until the next _add; NULL when there is none. */
const struct cl_grant *cl_sessions_get(const struct cl_sessions *s,
                                       const uint8_t cookie[static CL_COOKIE_SIZE]);
bool cl_sessions_full(struct cl_sessions *s, int64_t now);

#endif
