/* SPDX-License-Identifier: Apache-2.0
 * idblock.c - the ID block both ways, and signing it.
 * Trust: a block that is decoded is hostile. Threads: pure. Memory: the caller's.
 * Spec: AMD 56860, ID_BLOCK, ID_AUTH_INFO; snp.md b.
 */
#include "snp/idblock/idblock.h"

#include <string.h>

#define ID_BLOCK_VERSION 1u

enum cl_status id_check_size(const char *what, size_t len, size_t size, struct cl_err *err)
{
    return len == size ? CL_OK
                       : cl_err_at(err, len < size ? CL_ERR_TRUNCATED : CL_ERR_MALFORMED,
                                   len < size ? len : size, "%s: size: expected %zu bytes, got %zu",
                                   what, size, len);
}

void cl_snp_id_block_encode(const struct cl_snp_id_block *b,
                            uint8_t ret[static CL_SNP_ID_BLOCK_SIZE])
{
    struct id_block_wire w = {0};
    memcpy(w.measurement, b->measurement, sizeof(w.measurement));
    memcpy(w.family_id, b->family_id, sizeof(w.family_id));
    memcpy(w.image_id, b->image_id, sizeof(w.image_id));
    cl_le32_put(&w.version, ID_BLOCK_VERSION);
    cl_le32_put(&w.guest_svn, b->guest_svn);
    cl_le64_put(&w.policy, b->policy);
    memcpy(ret, &w, sizeof(w));
}

enum cl_status cl_snp_id_block_decode(const uint8_t *data, size_t len,
                                      struct cl_snp_id_block *ret_b, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    struct cl_snp_id_block b;
    CL_TRY(id_check_size("ID block", len, CL_SNP_ID_BLOCK_SIZE, err));
    cl_reader_copy(&r, b.measurement, sizeof(b.measurement), "LD");
    cl_reader_copy(&r, b.family_id, sizeof(b.family_id), "FAMILY_ID");
    cl_reader_copy(&r, b.image_id, sizeof(b.image_id), "IMAGE_ID");
    uint32_t version = cl_reader_le32(&r, "VERSION");
    b.guest_svn = cl_reader_le32(&r, "GUEST_SVN");
    b.policy = cl_reader_le64(&r, "POLICY");
    CL_TRY(cl_reader_finish(&r, "ID block", err));
    if (version != ID_BLOCK_VERSION) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, offsetof(struct id_block_wire, version),
                         "ID block: version: expected %u, got %u", ID_BLOCK_VERSION, version);
    }
    *ret_b = b;
    return CL_OK;
}

enum cl_status cl_snp_id_auth_sign(const uint8_t block[static CL_SNP_ID_BLOCK_SIZE],
                                   EVP_PKEY *id_key, EVP_PKEY *author_key,
                                   uint8_t ret[static CL_SNP_ID_AUTH_SIZE], struct cl_err *err)
{
    struct cl_snp_id_block b;
    struct id_auth_wire w = {0};
    CL_TRY(cl_snp_id_block_decode(block, CL_SNP_ID_BLOCK_SIZE, &b, err));
    cl_le32_put(&w.id_key_algo, ID_ALGO_P384_SHA384);
    CL_TRY(id_key_encode(id_key, &w.id_key, err));
    CL_TRY(id_sign(id_key, block, CL_SNP_ID_BLOCK_SIZE, &w.block_signature, err));
    if (author_key != NULL) {
        cl_le32_put(&w.author_key_algo, ID_ALGO_P384_SHA384);
        CL_TRY(id_key_encode(author_key, &w.author_key, err));
        CL_TRY(id_sign(author_key, &w.id_key, sizeof(w.id_key), &w.id_key_signature, err));
    }
    memcpy(ret, &w, sizeof(w));
    return CL_OK;
}
