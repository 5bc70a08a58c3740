/* SPDX-License-Identifier: Apache-2.0
 * corim.h - reference values in a CoRIM (draft-ietf-rats-corim): the signed, expiring file by which
 * whoever built a guest says which measurements are good, written by `measure` and read by `verify`
 * and the broker.
 *
 *   CL_TRY(cl_corim_read(data, len, key, CL_CORIM_SIGNED, now, &corim, err));
 *   use corim.references[0 .. corim.count - 1], each for evidence of its own class only
 *
 * Form: COSE_Sign1 (tag 18) over a corim-map (tag 501) of CoMID tags (506) with reference triples.
 *       A triple's class-id names one of our TEE classes; its digest is SHA-384 (7); integrity
 *       registers 0 to 3 are RTMRs, of TDX's classes only. Triples of other classes are stepped
 * over. What such a triple demands beyond what we compare (SVN, flags, instance, ...) is refused,
 * never dropped. Trust: the bytes are hostile until their signature verified under the caller's
 * key; the algorithm is the one that key is for (ES256, ES384, EdDSA). The encoding must be
 * deterministic. Threads: pure. Memory: the caller's struct.
 */
#ifndef CLOISTER_CORIM_H
#define CLOISTER_CORIM_H

#include "base/buf.h"
#include "cloister/verify.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

#define CL_CORIM_MAX_SIZE (256u << 10)
#define CL_CORIM_MAX_REFERENCES 64u
#define CL_CORIM_MEASUREMENT_SIZE 48u
#define CL_CORIM_RTMR_COUNT 4u
#define CL_CORIM_TEXT_SIZE 129u

struct cl_corim_reference {
    enum cl_tee_class tee_class;
    uint8_t measurement[CL_CORIM_MEASUREMENT_SIZE]; /* launch digest, or MRTD */
    bool has_rtmr[CL_CORIM_RTMR_COUNT];             /* each that is there must be compared */
    uint8_t rtmr[CL_CORIM_RTMR_COUNT][CL_CORIM_MEASUREMENT_SIZE];
};

struct cl_corim {
    char id[CL_CORIM_TEXT_SIZE];     /* printable ASCII */
    char signer[CL_CORIM_TEXT_SIZE]; /* the name in the signed header; empty when unsigned */
    bool is_signed;
    int64_t not_before, not_after; /* seconds since 1970; not_before is 0 when not given */
    size_t count;
    struct cl_corim_reference references[CL_CORIM_MAX_REFERENCES];
};

enum cl_corim_need {
    CL_CORIM_SIGNED,         /* the safe one */
    CL_CORIM_MAY_BE_UNSIGNED /* an unsigned file is the caller's own word; a signed one must verify
                              */
};

/* True for bytes that cannot be JSON and may be a CoRIM: they begin with its tag. */
bool cl_corim_looks_like(const uint8_t *data, size_t len);

/* Reads and checks one file as of `now`. key: public key to verify with, or NULL for none.
 * CL_ERR_TRUNCATED, CL_ERR_MALFORMED; CL_ERR_UNSUPPORTED for what we cannot compare;
 * CL_ERR_REJECTED for a signature that does not verify, or none; CL_ERR_UNAVAILABLE when the file
 * is expired, not yet valid, or no key was given to verify it with. */
CL_NODISCARD enum cl_status cl_corim_read(const uint8_t *data, size_t len, struct evp_pkey_st *key,
                                          enum cl_corim_need need, int64_t now,
                                          struct cl_corim *ret_c, struct cl_err *err);

/* Writes and signs. Of `c` are read id, signer, not_before, not_after, count and references, which
 * may be of several classes. CL_ERR_MALFORMED for an empty or endless one, CL_ERR_UNSUPPORTED for a
 * class that has no name in CoRIMs, for registers where it has none, and for another kind of key.
 * Appends to out. */
CL_NODISCARD enum cl_status cl_corim_write(const struct cl_corim *c, struct evp_pkey_st *key,
                                           struct cl_buf *out, struct cl_err *err);

#endif
