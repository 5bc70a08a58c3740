/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_idblock.c - an ID block with its authentication information of any bytes: the first 96
 * are the block. Nothing is ever accepted, since the key that is asked for is in no input.
 */
#include "cloister/snp_idblock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t wanted[CL_SNP_ID_DIGEST_SIZE] = {1, 2, 3};
    const struct cl_snp_id_policy policy = {.id_key_digest = wanted};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct cl_snp_id_facts facts;
    struct cl_snp_id_block b;
    uint8_t again[CL_SNP_ID_BLOCK_SIZE];
    size_t n = len < CL_SNP_ID_BLOCK_SIZE ? len : CL_SNP_ID_BLOCK_SIZE;
    if (cl_snp_id_block_decode(data, n, &b, NULL) != CL_OK) {
        return 0;
    }
    cl_snp_id_block_encode(&b, again);
    if (memcmp(again, data, sizeof(again)) != 0) {
        abort();
    }
    if (cl_snp_id_verify(data, n, data + n, len - n, &policy, &facts, &r, NULL) == CL_OK &&
        r->verdict != CL_VERDICT_REJECTED) {
        abort();
    }
    return 0;
}
