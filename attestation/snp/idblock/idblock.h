/* SPDX-License-Identifier: Apache-2.0
 * idblock.h - wire layouts of ID block and ID authentication information, and keys in them.
 * Trust: what is in them is hostile. Spec: AMD 56860, ID_BLOCK, ID_AUTH_INFO; snp.md b.
 */
#ifndef CL_ATTESTATION_SNP_IDBLOCK_H
#define CL_ATTESTATION_SNP_IDBLOCK_H

#include "cloister/snp_idblock.h"

#include "base/bytes.h"

#include <openssl/evp.h>

#define ID_ALGO_P384_SHA384 1u
#define ID_CURVE_P384 2u
#define ID_NUMBER_SIZE 72u /* little-endian */

struct id_block_wire {
    uint8_t measurement[48];
    uint8_t family_id[16];
    uint8_t image_id[16];
    cl_le32 version;
    cl_le32 guest_svn;
    cl_le64 policy;
};
_Static_assert(sizeof(struct id_block_wire) == CL_SNP_ID_BLOCK_SIZE, "ID block: size");
_Static_assert(offsetof(struct id_block_wire, family_id) == 0x30, "ID block: FAMILY_ID");
_Static_assert(offsetof(struct id_block_wire, version) == 0x50, "ID block: VERSION");
_Static_assert(offsetof(struct id_block_wire, policy) == 0x58, "ID block: POLICY");

struct id_key_wire {
    cl_le32 curve;
    uint8_t qx[ID_NUMBER_SIZE];
    uint8_t qy[ID_NUMBER_SIZE];
    uint8_t zero[880];
};
_Static_assert(sizeof(struct id_key_wire) == 0x404, "ECDSA public key: size");

struct id_signature_wire {
    uint8_t r[ID_NUMBER_SIZE];
    uint8_t s[ID_NUMBER_SIZE];
    uint8_t zero[368];
};
_Static_assert(sizeof(struct id_signature_wire) == 512, "ECDSA signature: size");

struct id_auth_wire {
    cl_le32 id_key_algo;
    cl_le32 author_key_algo;
    uint8_t zero0[56];
    struct id_signature_wire block_signature;
    struct id_key_wire id_key;
    uint8_t zero1[60];
    struct id_signature_wire id_key_signature;
    struct id_key_wire author_key;
    uint8_t zero2[892];
};
_Static_assert(_Alignof(struct id_auth_wire) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct id_auth_wire) == CL_SNP_ID_AUTH_SIZE, "ID auth: size");
_Static_assert(offsetof(struct id_auth_wire, block_signature) == 0x040, "ID auth: ID_BLOCK_SIG");
_Static_assert(offsetof(struct id_auth_wire, id_key) == 0x240, "ID auth: ID_KEY");
_Static_assert(offsetof(struct id_auth_wire, id_key_signature) == 0x680, "ID auth: ID_KEY_SIG");
_Static_assert(offsetof(struct id_auth_wire, author_key) == 0x880, "ID auth: AUTHOR_KEY");

/* The public half of a P-384 key; CL_ERR_UNSUPPORTED for another kind. */
CL_NODISCARD enum cl_status id_key_encode(EVP_PKEY *key, struct id_key_wire *ret_w,
                                          struct cl_err *err);
/* The key, owned by the caller; NULL unless it is a point of P-384 with zeroes behind it. */
EVP_PKEY *id_key_decode(const struct id_key_wire *w);
CL_NODISCARD enum cl_status id_sign(EVP_PKEY *key, const void *data, size_t n,
                                    struct id_signature_wire *ret_w, struct cl_err *err);
/* False for anything but a good signature by a good key. */
bool id_signature_good(const struct id_signature_wire *w, const struct id_key_wire *key,
                       const void *data, size_t n);
/* CL_ERR_TRUNCATED or CL_ERR_MALFORMED unless len is `size`. */
CL_NODISCARD enum cl_status id_check_size(const char *what, size_t len, size_t size,
                                          struct cl_err *err);
bool id_all_zero(const void *data, size_t n);

#endif
