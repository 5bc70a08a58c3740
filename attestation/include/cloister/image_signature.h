/* SPDX-License-Identifier: Apache-2.0
 * image_signature.h - whether a signature says that an image is the one that a policy means: cosign
 * signatures by key, and simple signing (OpenPGP), with the identity rules of
 * containers-policy.json.
 * Trust: a rule comes from a measured policy and is read strictly all the same. Signatures and what
 *        they sign are hostile until they verify; the reference that an identity is compared with
 *        is the rule's, never the host's.
 * Threads: no shared state; a parsed rule is not changed. Memory: bounded by the maxima below.
 * Spec: docs/interfaces.md I-4.6 and I-11; coco-guest.md 5; containers-policy.json(5),
 *       containers-signature(5); RFC 4880 (version 4), RFC 6637, EdDSA as GnuPG writes it.
 */
#ifndef CLOISTER_IMAGE_SIGNATURE_H
#define CLOISTER_IMAGE_SIGNATURE_H

#include "base/digest.h"
#include "base/json.h"

#include <stdbool.h>

#define CL_IMAGE_SIG_MAX_MANIFEST (1u << 20)  /* bytes of a cosign signature's manifest */
#define CL_IMAGE_SIG_MAX_LAYERS 64u           /* signatures in it */
#define CL_IMAGE_SIG_MAX_PAYLOAD (64u << 10)  /* bytes of what is signed */
#define CL_IMAGE_SIG_MAX_TEXT 2048u           /* bytes of a cosign signature in base64 */
#define CL_IMAGE_SIG_MAX_SIMPLE (128u << 10)  /* bytes of a simple-signing signature */
#define CL_IMAGE_SIG_MAX_COUNT 16u            /* simple-signing signatures of an image */
#define CL_IMAGE_SIG_MAX_KEYS 16u             /* of a rule */
#define CL_IMAGE_SIG_MAX_PEM 16384u           /* bytes of one public key */
#define CL_IMAGE_SIG_MAX_KEYRING (256u << 10) /* bytes of an OpenPGP key ring */
#define CL_IMAGE_SIG_MAX_REFERENCE 512u       /* bytes of an image's reference */

enum cl_image_sig_type {
    CL_IMAGE_SIG_COSIGN, /* "cosign" */
    CL_IMAGE_SIG_SIMPLE, /* "simple" */
};
const char *cl_image_sig_type_name(enum cl_image_sig_type type);

struct cl_image_rule; /* opaque */

/* Reads a rule:
 * {"type": "cosign", "keys": ["<PEM>", ...], "reference": "host/name:tag", "identity": {...}}
 * {"type": "simple", "keyring": "<base64>", "reference": ..., "identity": {...}}
 * identity: {"type": "matchExact" | "matchRepoDigestOrExact" | "matchRepository"},
 * {"type": "exactReference", "dockerReference": R}, {"type": "exactRepository",
 * "dockerRepository": R}, {"type": "remapIdentity", "prefix": P, "signedPrefix": P}.
 * what     names the object in errors: "<what>: <member>: expected <x>, got <y>"
 * Returns  CL_OK; CL_ERR_MALFORMED; CL_ERR_UNSUPPORTED for a kind of key that we do not verify
 *          with; CL_ERR_NOMEM. *ret_rule is freed with cl_image_rule_free(). */
CL_NODISCARD enum cl_status cl_image_rule_parse(const json_t *j, const char *what,
                                                struct cl_image_rule **ret_rule,
                                                struct cl_err *err);
void cl_image_rule_free(struct cl_image_rule *rule); /* NULL is fine */
void cl_image_rule_freep(struct cl_image_rule **rule);

enum cl_image_sig_type cl_image_rule_type(const struct cl_image_rule *rule);
const char *cl_image_rule_reference(const struct cl_image_rule *rule); /* as the rule has it */
/* The rule as a document for people: type, reference, identity, and for keys their fingerprints
 * (SHA-256 of the SubjectPublicKeyInfo; of OpenPGP keys their own). New; NULL: no memory. */
json_t *cl_image_rule_describe(const struct cl_image_rule *rule);

/* What a good signature says. */
struct cl_image_signed {
    bool verified;                  /* a key of the rule made the signature: set on failure, too */
    uint8_t digest[CL_SHA256_SIZE]; /* of a manifest, or of an index that names it */
};

/* Holds one signature against a rule of its type: key, form of what is signed, identity.
 * Returns CL_OK; else one line "signature.<check>: expected <x>, got <y>" with
 *         CL_ERR_REJECTED (a key, an identity, a time), CL_ERR_MALFORMED and CL_ERR_TRUNCATED,
 *         CL_ERR_UNSUPPORTED (an algorithm, a packet), CL_ERR_NOMEM. None of them is a yes. */
CL_NODISCARD enum cl_status cl_image_rule_cosign(const struct cl_image_rule *rule,
                                                 const void *payload, size_t len,
                                                 const char *signature, struct cl_image_signed *ret,
                                                 struct cl_err *err);
/* now: seconds since 1970, for signatures and keys that expire. */
CL_NODISCARD enum cl_status cl_image_rule_simple(const struct cl_image_rule *rule, const void *data,
                                                 size_t len, int64_t now,
                                                 struct cl_image_signed *ret, struct cl_err *err);

/* --- the manifest that holds cosign's signatures of an image ----------------------------------
 */

struct cl_cosign_layer {
    uint8_t digest[CL_SHA256_SIZE]; /* of the payload */
    size_t size;                    /* bytes, 1..CL_IMAGE_SIG_MAX_PAYLOAD */
    char *signature;                /* owned; base64 */
};

struct cl_cosign_manifest {
    struct cl_cosign_layer *layers; /* owned; in order */
    size_t count;                   /* 0..CL_IMAGE_SIG_MAX_LAYERS */
};

/* Layers of other types are passed over. CL_ERR_MALFORMED, CL_ERR_UNSUPPORTED (no OCI manifest). */
CL_NODISCARD enum cl_status cl_cosign_manifest_parse(const void *data, size_t len,
                                                     struct cl_cosign_manifest *ret,
                                                     struct cl_err *err);
void cl_cosign_manifest_done(struct cl_cosign_manifest *m); /* zeroed is fine */

#endif
