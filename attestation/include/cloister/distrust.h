/* SPDX-License-Identifier: Apache-2.0
 * distrust.h - what the world learned about broken platforms, as data: a signed, dated document
 * (cloister.platform-distrust/1) with a source for each entry.
 *
 * Format: a compact JWS (RFC 7515), ES256 or EdDSA, of a JSON object: schema; iat and exp, seconds
 * since 1970; entries, each with
 *   id, source, reason   texts: what to call it, where it was published, what it means
 *   family               "snp", "tdx", ...: the class of evidence it is about
 *   product, fmspc       "milan"; 12 hex digits
 *   chip_id              hex, as in the evidence
 *   tcb_below            {"snp": 24}: hit when any of these components is lower
 * An entry hits a platform of its family to which everything that it says applies.
 *
 * Trust: the document is hostile until its signature verified, with a key that the user named.
 * Threads: immutable once read. Memory: bounded by CL_JWT_MAX_SIZE.
 */
#ifndef CLOISTER_DISTRUST_H
#define CLOISTER_DISTRUST_H

#include "base/err.h"
#include "cloister/verify.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */
struct cl_distrust; /* opaque */

#define CL_DISTRUST_MAX_ENTRIES 512u
#define CL_DISTRUST_MAX_COMPONENTS 16u
#define CL_DISTRUST_FMSPC_SIZE 6u
#define CL_DISTRUST_CHIP_ID_MAX 64u

/* Verifies and reads. key: P-256 (ES256) or Ed25519 (EdDSA). now: seconds since 1970.
 * CL_ERR_REJECTED for a wrong signature or algorithm; CL_ERR_UNAVAILABLE when it has expired;
 * CL_ERR_MALFORMED or CL_ERR_UNSUPPORTED naming the member; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status cl_distrust_read(const char *token, size_t len, struct evp_pkey_st *key,
                                             int64_t now, struct cl_distrust **ret_distrust,
                                             struct cl_err *err);
void cl_distrust_free(struct cl_distrust *d);   /* NULL is fine */
void cl_distrust_freep(struct cl_distrust **d); /* for CL_CLEANUP */

/* A platform, as far as its evidence tells: borrowed; NULL or zero for what it does not. */
struct cl_distrust_component {
    const char *name;
    unsigned value;
};
struct cl_distrust_platform {
    const char *family;
    const char *product;
    const uint8_t *fmspc; /* CL_DISTRUST_FMSPC_SIZE bytes */
    const uint8_t *chip_id;
    size_t chip_id_len;
    const struct cl_distrust_component *components;
    size_t component_count;
};

struct cl_distrust_hit { /* borrowed from the document */
    const char *id, *source, *reason;
};

/* CL_YES: an entry hits it. CL_UNKNOWN: one would, if what the evidence does not tell were so.
 * *ret_hit is that entry; untouched with CL_NO. */
enum cl_tristate cl_distrust_find(const struct cl_distrust *d,
                                  const struct cl_distrust_platform *platform,
                                  struct cl_distrust_hit *ret_hit);

#endif
