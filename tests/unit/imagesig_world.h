/* SPDX-License-Identifier: Apache-2.0
 * imagesig_world.h - signatures of images made for tests: keys of every kind, cosign's and simple
 * signing's payloads, and a small writer of OpenPGP, in which every field can be made wrong.
 */
#ifndef CL_TEST_IMAGESIG_WORLD_H
#define CL_TEST_IMAGESIG_WORLD_H

#include "base/buf.h"
#include "base/json.h"

#include <openssl/evp.h>
#include <stdbool.h>

#define SIG_DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SIG_REFERENCE "registry.example/team/app:1.0"
#define SIG_TIME 1700000000 /* seconds since 1970: when keys and signatures are made */

/* type: "P-256", "P-384", "RSA" (2048 bits), "Ed25519". */
EVP_PKEY *sig_key(const char *type);
/* PEM of the public key; owned by the caller. */
char *sig_pem(const EVP_PKEY *key);
/* {"critical": ...}; owned by the caller. */
char *sig_payload(const char *type, const char *reference, const char *digest);
#define SIG_COSIGN "cosign container image signature"
#define SIG_SIMPLE "atomic container signature"
/* What cosign writes into the annotation; owned by the caller. */
char *sig_cosign(EVP_PKEY *key, const char *payload);
/* A cosign rule with one key; reference and identity as JSON text. Owned by the caller. */
json_t *sig_cosign_rule(const EVP_PKEY *key, const char *reference, const char *identity);

/* A message or key ring that is wrong in places; zero is all well. */
struct sig_pgp {
    EVP_PKEY *key;
    EVP_PKEY *primary;    /* then `key` is a subkey of it; NULL: it is none */
    EVP_PKEY *signer;     /* NULL: key */
    uint32_t key_expires; /* seconds after SIG_TIME; 0: never */
    uint32_t expires;     /* of the signature */
    uint32_t created;     /* of the signature; 0: SIG_TIME */
    uint8_t hash;         /* 0: SHA-256 */
    uint8_t flags;        /* of the key; 0: it signs and certifies */
    uint8_t version;      /* of the signature; 0: 4 */
    uint8_t type;         /* of the signature */
    uint8_t format;       /* of the literal data; 0: 'b' */
    uint8_t critical;     /* a critical subpacket of this type more */
    uint8_t key_version;  /* 0: 4 */
    bool revoked;         /* the primary key */
    bool subkey_revoked;
    bool subkey_unbound;
    bool partial;           /* literal data in pieces */
    bool nested;            /* another signature is announced */
    bool no_self_signature; /* on the ring */
    uint8_t compress;       /* 1 ZIP, 2 ZLIB; 0: not */
};
/* Appended. */
void sig_pgp_ring(const struct sig_pgp *p, struct cl_buf *out);
void sig_pgp_message(const struct sig_pgp *p, const char *text, struct cl_buf *out);
/* A simple-signing rule. */
json_t *sig_simple_rule(const struct cl_buf *ring, const char *reference, const char *identity);

#endif
