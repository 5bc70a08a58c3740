/* SPDX-License-Identifier: Apache-2.0
 * snp_idblock.h - the ID block and ID authentication information of SEV-SNP: who launches a VM
 * states its digest, policy and names, signed by keys of their own; the security processor checks
 * it at launch and puts the keys' digests into every report.
 * Trust: blocks and keys that are decoded or checked are hostile. Private keys stay with the
 *        caller.
 * Threads: pure. Memory: the caller's structs, and OpenSSL's while a function runs.
 * Spec: AMD 56860, SNP_LAUNCH_FINISH, ID_BLOCK, ID_AUTH_INFO; snp.md b.
 */
#ifndef CLOISTER_SNP_IDBLOCK_H
#define CLOISTER_SNP_IDBLOCK_H

#include "cloister/verify.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

#define CL_SNP_ID_BLOCK_SIZE 96u
#define CL_SNP_ID_AUTH_SIZE 4096u
#define CL_SNP_ID_DIGEST_SIZE 48u                  /* SHA-384 of a key as the processor has it */
#define CL_SNP_ID_POLICY_DEFAULT UINT64_C(0x30000) /* docs/interfaces.md I-1.5 */

struct cl_snp_id_block {
    uint8_t measurement[48]; /* the launch digest; there is no wildcard */
    uint8_t family_id[16], image_id[16];
    uint32_t guest_svn;
    uint64_t policy; /* must equal the policy of the launch */
};

void cl_snp_id_block_encode(const struct cl_snp_id_block *b,
                            uint8_t ret[static CL_SNP_ID_BLOCK_SIZE]);
/* Exactly CL_SNP_ID_BLOCK_SIZE bytes of version 1. CL_ERR_TRUNCATED, _MALFORMED, _UNSUPPORTED. */
CL_NODISCARD enum cl_status cl_snp_id_block_decode(const uint8_t *data, size_t len,
                                                   struct cl_snp_id_block *ret_b,
                                                   struct cl_err *err);

/* The digest that a report shows for a P-384 key (its public half counts); CL_ERR_UNSUPPORTED for a
 * key of another kind. */
CL_NODISCARD enum cl_status cl_snp_id_key_digest(struct evp_pkey_st *key,
                                                 uint8_t ret[static CL_SNP_ID_DIGEST_SIZE],
                                                 struct cl_err *err);

/* ID authentication information: the block signed by id_key, and id_key by author_key if there is
 * one (NULL: none). Both are P-384 private keys.
 * Returns CL_OK; what decoding the block returns; CL_ERR_UNSUPPORTED for another kind of key;
 * CL_ERR_MALFORMED for a public key; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status cl_snp_id_auth_sign(const uint8_t block[static CL_SNP_ID_BLOCK_SIZE],
                                                struct evp_pkey_st *id_key,
                                                struct evp_pkey_st *author_key,
                                                uint8_t ret[static CL_SNP_ID_AUTH_SIZE],
                                                struct cl_err *err);

struct cl_snp_id_policy {       /* what to compare with; NULL and false: nothing */
    const uint8_t *measurement; /* 48 bytes */
    const uint8_t *id_key_digest, *author_key_digest; /* 48 bytes */
    bool has_policy;
    uint64_t policy;
};

struct cl_snp_id_facts { /* as far as they could be read */
    struct cl_snp_id_block block;
    uint8_t id_key_digest[CL_SNP_ID_DIGEST_SIZE];
    bool has_author;
    uint8_t author_key_digest[CL_SNP_ID_DIGEST_SIZE];
};

/* Checks what the security processor checks at launch, and compares. The result's verdict is
 * `undetermined` when everything is consistent but nothing was compared: anybody can sign a block.
 * auth: CL_SNP_ID_AUTH_SIZE bytes. ret_facts may be NULL.
 * Returns CL_OK with a result to free, whatever the verdict; CL_ERR_TRUNCATED, _MALFORMED or
 * _UNSUPPORTED for input that is no such structure; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status
cl_snp_id_verify(const uint8_t *block, size_t block_len, const uint8_t *auth, size_t auth_len,
                 const struct cl_snp_id_policy *policy, struct cl_snp_id_facts *ret_facts,
                 struct cl_verify_result **ret_result, struct cl_err *err);

#endif
