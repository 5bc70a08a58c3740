/* SPDX-License-Identifier: Apache-2.0
 * trust.h - what evidence is judged by, besides itself: the verify policy, collateral and the
 * distrust document that admins set (docs/interfaces.md I-9), kept parsed.
 * Trust: admins' words, except collateral, whose parts AMD and Intel sign: it is only stored here,
 *        and verified with each piece of evidence. The roots of production classes are pinned in
 *        the library; nothing here adds one.
 */
#ifndef CL_BROKER_TRUST_H
#define CL_BROKER_TRUST_H

#include "cloister/collateral.h"
#include "cloister/distrust.h"
#include "cloister/verify_policy.h"
#include "store.h"

#define CL_TRUST_VERIFY_POLICY "verify-policy"
#define CL_TRUST_COLLATERAL "collateral"
#define CL_TRUST_DISTRUST "distrust"

struct cl_trust { /* of one appraisal; everything is borrowed */
    struct cl_store *store;
    int64_t now;
    int64_t version; /* grows with each change: a grant is good under the one that judged it */
    const struct cl_verify_policy *policy;
    const struct cl_collateral *collateral; /* NULL: none */
    const struct cl_buf *distrust_token;    /* empty: none; its signature is checked at each use */
    struct evp_pkey_st *distrust_key;
    const struct cl_distrust *distrust; /* cl_appraise() fills it in */
};

struct cl_trust_state { /* zeroed is fine */
    struct cl_verify_policy *policy;
    struct cl_collateral *collateral; /* NULL: none was set */
    struct cl_buf distrust_token;     /* empty: none was set */
    struct evp_pkey_st *distrust_key;
    int64_t version, policy_version, collateral_version, distrust_version; /* 0: never set */
};
void cl_trust_state_done(struct cl_trust_state *s);
/* Reads everything anew from the store. *s is replaced only on success. */
CL_NODISCARD enum cl_status cl_trust_state_load(struct cl_store *store, struct cl_trust_state *s,
                                                struct cl_err *err);

/* A document of collateral as an admin sends it. Its own period is not looked at. */
CL_NODISCARD enum cl_status cl_trust_parse_collateral(const void *data, size_t len,
                                                      struct cl_collateral **ret_c,
                                                      struct cl_err *err);
/* {"document":"<compact JWS>","key":"PEM"}: verified as of `now`. *ret_key is new. */
CL_NODISCARD enum cl_status cl_trust_parse_distrust(const void *data, size_t len, int64_t now,
                                                    struct cl_buf *ret_token,
                                                    struct evp_pkey_st **ret_key,
                                                    struct cl_distrust **ret_d, struct cl_err *err);

#endif
