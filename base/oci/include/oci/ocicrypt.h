/* SPDX-License-Identifier: Apache-2.0
 * ocicrypt.h - encrypted OCI layers as ocicrypt and CoCo write them: the key packet in the layer's
 * annotation, the options inside it, and the stream cipher (AES-256-CTR, HMAC-SHA256 over the
 * ciphertext), all in both directions.
 * Trust: annotations and ciphertext are hostile. The plaintext of cl_ocicrypt_update() is not to be
 *        believed, shown or executed before cl_ocicrypt_decrypt_final() returned CL_OK *and* the
 *        plain digest of the private options was found over it.
 * Threads: an object belongs to one thread. Memory: fixed per cipher; keys in struct cl_secret.
 * Spec: coco-guest.md 4.
 */
#ifndef CL_OCI_OCICRYPT_H
#define CL_OCI_OCICRYPT_H

#include "base/buf.h"
#include "base/secret.h"

#include <stdbool.h>

#define CL_OCICRYPT_KEY_SIZE 32u
#define CL_OCICRYPT_NONCE_SIZE 16u
#define CL_OCICRYPT_HMAC_SIZE 32u
#define CL_OCICRYPT_IV_SIZE 12u
#define CL_OCICRYPT_TAG_SIZE 16u
#define CL_OCICRYPT_MAX_KID 256u      /* bytes of a key id, with its NUL */
#define CL_OCICRYPT_MAX_PATH 200u     /* "repository/type/tag", with its NUL */
#define CL_OCICRYPT_MAX_OPTS 4096u    /* bytes of private options, plain */
#define CL_OCICRYPT_MAX_PACKET 16384u /* bytes of one packet's JSON */
#define CL_OCICRYPT_MAX_PACKETS 8u    /* per layer */

#define CL_OCICRYPT_PUBOPTS "org.opencontainers.image.enc.pubopts"
#define CL_OCICRYPT_PROVIDER_PREFIX "org.opencontainers.image.enc.keys.provider."
#define CL_OCICRYPT_PROVIDER "attestation-agent"

/* --- key ids ------------------------------------------------------------------------------- */

/* "kbs:///r/t/g", "kbs://host/r/t/g", "host/r/t/g", "/r/t/g" or "r/t/g" -> "r/t/g". The host is
 * dropped: the broker asked is always the one that initdata pins. Each segment is
 * [A-Za-z0-9_-][A-Za-z0-9_.-]* ; anything else is CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status cl_ocicrypt_kid_path(const char *kid,
                                                 char ret_path[static CL_OCICRYPT_MAX_PATH],
                                                 struct cl_err *err);

/* --- public options ------------------------------------------------------------------------ */

struct cl_ocicrypt_public {
    uint8_t hmac[CL_OCICRYPT_HMAC_SIZE]; /* over the ciphertext */
};

/* b64: the annotation's value. Only AES_256_CTR_HMAC_SHA256 (else CL_ERR_UNSUPPORTED). */
CL_NODISCARD enum cl_status
cl_ocicrypt_public_parse(const char *b64, struct cl_ocicrypt_public *ret, struct cl_err *err);
/* Appends the annotation's value (base64). */
CL_NODISCARD enum cl_status cl_ocicrypt_public_make(const struct cl_ocicrypt_public *p,
                                                    struct cl_buf *out, struct cl_err *err);

/* --- private options: what a key packet protects -------------------------------------------- */

struct cl_ocicrypt_private {
    struct cl_secret key; /* 32 bytes */
    uint8_t nonce[CL_OCICRYPT_NONCE_SIZE];
    uint8_t plain_digest[32]; /* SHA-256 of the layer before encryption (still compressed) */
};

void cl_ocicrypt_private_done(struct cl_ocicrypt_private *p); /* wipes; zeroed is fine */
CL_NODISCARD enum cl_status cl_ocicrypt_private_parse(const uint8_t *json, size_t len,
                                                      struct cl_ocicrypt_private *ret,
                                                      struct cl_err *err);
/* ret_json: the JSON text, as ocicrypt writes it. */
CL_NODISCARD enum cl_status cl_ocicrypt_private_make(const struct cl_ocicrypt_private *p,
                                                     struct cl_secret *ret_json,
                                                     struct cl_err *err);

/* --- CoCo's annotation packet ---------------------------------------------------------------- */

struct cl_ocicrypt_packet {
    char kid[CL_OCICRYPT_MAX_KID];
    uint8_t iv[CL_OCICRYPT_IV_SIZE];
    uint8_t *wrapped; /* owned: ciphertext with the tag behind it */
    size_t wrapped_len;
};

void cl_ocicrypt_packet_done(struct cl_ocicrypt_packet *p);
/* The packet's JSON (inside the annotation's base64). Version 1, and 2 with provider "kbs"; another
 * provider or wrap_type is CL_ERR_UNSUPPORTED. */
CL_NODISCARD enum cl_status cl_ocicrypt_packet_parse(const uint8_t *json, size_t len,
                                                     struct cl_ocicrypt_packet *ret,
                                                     struct cl_err *err);
/* Version 1 JSON. */
CL_NODISCARD enum cl_status cl_ocicrypt_packet_make(const struct cl_ocicrypt_packet *p,
                                                    struct cl_buf *out, struct cl_err *err);
/* AES-256-GCM under a key-encryption key of exactly 32 bytes (the broker's resource as it is).
 * unwrap: CL_ERR_REJECTED when key or packet is not the right one. wrap takes a random IV. */
CL_NODISCARD enum cl_status cl_ocicrypt_packet_unwrap(const struct cl_ocicrypt_packet *p,
                                                      const struct cl_secret *kek,
                                                      struct cl_secret *ret_json,
                                                      struct cl_err *err);
CL_NODISCARD enum cl_status cl_ocicrypt_packet_wrap(const char *kid, const struct cl_secret *kek,
                                                    const uint8_t *json, size_t json_len,
                                                    struct cl_ocicrypt_packet *ret,
                                                    struct cl_err *err);
/* An annotation's value: base64 packets joined by commas. packets: an array the caller frees with
 * cl_ocicrypt_packets_free(). */
CL_NODISCARD enum cl_status cl_ocicrypt_packets_parse(const char *value,
                                                      struct cl_ocicrypt_packet **ret_packets,
                                                      size_t *ret_count, struct cl_err *err);
void cl_ocicrypt_packets_free(struct cl_ocicrypt_packet *packets, size_t count);

/* --- the stream cipher ------------------------------------------------------------------------ */

struct cl_ocicrypt_cipher; /* opaque */

CL_NODISCARD enum cl_status cl_ocicrypt_encrypt_new(const struct cl_secret *key,
                                                    const uint8_t nonce[static 16],
                                                    struct cl_ocicrypt_cipher **ret_c,
                                                    struct cl_err *err);
CL_NODISCARD enum cl_status cl_ocicrypt_decrypt_new(const struct cl_secret *key,
                                                    const uint8_t nonce[static 16],
                                                    struct cl_ocicrypt_cipher **ret_c,
                                                    struct cl_err *err);
/* len bytes from src to dst; dst may be src. */
CL_NODISCARD enum cl_status cl_ocicrypt_update(struct cl_ocicrypt_cipher *c, uint8_t *dst,
                                               const uint8_t *src, size_t len, struct cl_err *err);
CL_NODISCARD enum cl_status cl_ocicrypt_encrypt_final(struct cl_ocicrypt_cipher *c,
                                                      uint8_t ret_hmac[static 32],
                                                      struct cl_err *err);
/* CL_ERR_REJECTED when the HMAC over all ciphertext seen differs (compared in constant time). */
CL_NODISCARD enum cl_status cl_ocicrypt_decrypt_final(struct cl_ocicrypt_cipher *c,
                                                      const uint8_t expected_hmac[static 32],
                                                      struct cl_err *err);
void cl_ocicrypt_free(struct cl_ocicrypt_cipher *c);
void cl_ocicrypt_freep(struct cl_ocicrypt_cipher **c);

#endif
