/* SPDX-License-Identifier: Apache-2.0
 * imagesig_internal.h - what the files of this folder share.
 */
#ifndef CL_IMAGESIG_INTERNAL_H
#define CL_IMAGESIG_INTERNAL_H

#include "cloister/image_signature.h"

#include "base/buf.h"
#include "base/bytes.h"

#include <openssl/evp.h>

/* --- reference.c ------------------------------------------------------------------------------ */

/* A reference as Docker completes it: "docker.io/library/x" for "x". */
struct imagesig_reference {
    char name[CL_IMAGE_SIG_MAX_REFERENCE + 24]; /* host and repository */
    char tag[129];                              /* empty: none */
    char digest[CL_OCI_DIGEST_SIZE];            /* empty: none */
};
/* CL_ERR_MALFORMED "<what>: expected a reference of an image, got '<text>'" */
CL_NODISCARD enum cl_status imagesig_reference_parse(const char *text, const char *what,
                                                     struct imagesig_reference *ret,
                                                     struct cl_err *err);

enum imagesig_match {
    IMAGESIG_EXACT,
    IMAGESIG_REPO_DIGEST_OR_EXACT,
    IMAGESIG_REPOSITORY,
    IMAGESIG_EXACT_REFERENCE,
    IMAGESIG_EXACT_REPOSITORY,
    IMAGESIG_REMAP,
};
struct imagesig_identity {
    enum imagesig_match match;
    struct imagesig_reference other; /* of exactReference, exactRepository */
    char *prefix;                    /* owned; of remapIdentity */
    char *signed_prefix;             /* owned */
};
const char *imagesig_match_name(enum imagesig_match match);
/* j: the member "identity" of a rule. ours: the rule's reference, which must be one that the
 * identity can be compared with. */
CL_NODISCARD enum cl_status imagesig_identity_parse(const json_t *j, const char *what,
                                                    const struct imagesig_reference *ours,
                                                    struct imagesig_identity *ret,
                                                    struct cl_err *err);
void imagesig_identity_done(struct imagesig_identity *i);
/* theirs: docker-reference of what is signed. CL_ERR_REJECTED "signature.identity: ..." */
CL_NODISCARD enum cl_status imagesig_identity_check(const struct imagesig_identity *i,
                                                    const struct imagesig_reference *ours,
                                                    const char *theirs, struct cl_err *err);

/* --- payload.c: what is signed. `type` is critical.type. -------------------------------------- */

struct imagesig_claims {
    char reference[CL_IMAGE_SIG_MAX_REFERENCE + 1];
    uint8_t digest[CL_SHA256_SIZE];
};
CL_NODISCARD enum cl_status imagesig_payload_parse(const void *data, size_t len, const char *type,
                                                   struct imagesig_claims *ret, struct cl_err *err);

/* --- keys.c: public keys and their signatures ------------------------------------------------- */

enum imagesig_key_kind { IMAGESIG_P256, IMAGESIG_RSA, IMAGESIG_ED25519 };

#define IMAGESIG_MAX_SIGNATURE 1024u /* bytes */
#define IMAGESIG_MIN_RSA_BITS 2048
#define IMAGESIG_MAX_RSA_BITS 8192

/* The kind of a key; CL_ERR_UNSUPPORTED "<what>: expected ..., got ..." for others. */
CL_NODISCARD enum cl_status imagesig_key_kind(const EVP_PKEY *key, const char *what,
                                              enum imagesig_key_kind *ret, struct cl_err *err);
/* Exactly one PEM block PUBLIC KEY. */
CL_NODISCARD enum cl_status imagesig_key_from_pem(const char *pem, size_t len, const char *what,
                                                  EVP_PKEY **ret, struct cl_err *err);
CL_NODISCARD enum cl_status imagesig_key_from_rsa(const uint8_t *n, size_t n_len, const uint8_t *e,
                                                  size_t e_len, EVP_PKEY **ret, struct cl_err *err);
/* An uncompressed point of P-256. */
CL_NODISCARD enum cl_status imagesig_key_from_p256(const uint8_t *point, size_t len, EVP_PKEY **ret,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status imagesig_key_from_ed25519(const uint8_t *point, size_t len,
                                                      EVP_PKEY **ret, struct cl_err *err);
/* Whether sig (RSA: PKCS#1 v1.5; P-256: DER; Ed25519: 64 bytes) was made by key over what `md`
 * gave as `hash`; with Ed25519 `hash` is the message itself. */
bool imagesig_key_verifies(EVP_PKEY *key, const EVP_MD *md, const uint8_t *hash, size_t hash_len,
                           const uint8_t *sig, size_t sig_len);
/* DER out of two big-endian numbers; false when it cannot be. */
bool imagesig_ecdsa_der(const uint8_t *r, size_t r_len, const uint8_t *s, size_t s_len,
                        uint8_t ret[static IMAGESIG_MAX_SIGNATURE], size_t *ret_len);

/* --- openpgp_*.c ------------------------------------------------------------------------------ */

#define OPENPGP_FINGERPRINT_SIZE 20u
#define OPENPGP_KEY_ID_SIZE 8u
#define OPENPGP_MAX_KEYS 64u             /* of a ring, subkeys included */
#define OPENPGP_MAX_MESSAGE (256u << 10) /* bytes, inflated */

enum openpgp_tag { /* RFC 4880 4.3 */
                   OPENPGP_SIGNATURE = 2,
                   OPENPGP_ONE_PASS = 4,
                   OPENPGP_KEY = 6,
                   OPENPGP_COMPRESSED = 8,
                   OPENPGP_LITERAL = 11,
                   OPENPGP_TRUST = 12,
                   OPENPGP_USER_ID = 13,
                   OPENPGP_SUBKEY = 14,
                   OPENPGP_USER_ATTRIBUTE = 17,
};

struct openpgp_packet {
    unsigned tag;
    struct cl_reader body;
};
/* The next packet of r. joined: where a body in pieces is put together; its memory has to live as
 * long as the body is read. */
CL_NODISCARD enum cl_status openpgp_next(struct cl_reader *r, struct cl_buf *joined,
                                         struct openpgp_packet *ret, struct cl_err *err);
/* A number: its bytes without leading zeros, borrowed; NULL when it is not there or malformed. */
const uint8_t *openpgp_mpi(struct cl_reader *r, size_t max, size_t *ret_len, const char *field);

struct openpgp_signature {
    uint8_t type;
    uint8_t key_algorithm;
    uint8_t hash_algorithm;
    int64_t created;            /* seconds since 1970; -1: not said */
    uint32_t expires_after;     /* seconds; 0: never */
    uint32_t key_expires_after; /* of the key that it certifies; 0: never */
    bool has_flags;
    uint8_t flags; /* of that key */
    bool has_issuer;
    uint8_t issuer[OPENPGP_KEY_ID_SIZE];
    const uint8_t *hashed; /* borrowed: from the version to the end of the hashed subpackets */
    size_t hashed_len;
    uint8_t left[2];       /* first bytes of the hash */
    struct cl_reader mpis; /* what is left of the packet */
};
CL_NODISCARD enum cl_status
openpgp_signature_parse(struct cl_reader body, struct openpgp_signature *ret, struct cl_err *err);

struct openpgp_key {
    uint8_t fingerprint[OPENPGP_FINGERPRINT_SIZE];
    enum imagesig_key_kind kind;
    EVP_PKEY *key; /* owned; NULL: of a kind that only encrypts */
    int64_t created;
    int64_t expires; /* seconds since 1970; 0: never */
    bool subkey;
    size_t primary; /* place in the ring of the key that it belongs to; its own when it is none */
    bool revoked;
    bool signs;        /* its flags allow it to */
    int64_t certified; /* when the signature that says so was made */
};
struct openpgp_ring {
    struct openpgp_key *keys; /* owned */
    size_t count;
};
CL_NODISCARD enum cl_status openpgp_ring_parse(const void *data, size_t len, const char *what,
                                               struct openpgp_ring *ret, struct cl_err *err);
void openpgp_ring_done(struct openpgp_ring *ring);

/* Verifies a signed message. content: what it says, appended; not to be believed unless CL_OK. */
CL_NODISCARD enum cl_status openpgp_message_verify(const struct openpgp_ring *ring,
                                                   const void *data, size_t len, int64_t now,
                                                   struct cl_buf *content, struct cl_err *err);
CL_NODISCARD enum cl_status openpgp_inflate(struct cl_reader in, bool zlib_header,
                                            struct cl_buf *out, struct cl_err *err);

#endif
