/* SPDX-License-Identifier: Apache-2.0
 * fuzz_jwk.c - public keys from hostile JSON: what is accepted is emitted and accepted again,
 * equal.
 */
#include "cloister/jwk.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *one = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *two = NULL;
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *k = NULL;
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *again = NULL;
    if (cl_json_parse(data, len, "fuzz", &j, NULL) != CL_OK ||
        cl_jwk_parse(j, "fuzz", CL_JWK_WRAP, &k, NULL) != CL_OK) {
        return 0;
    }
    if (cl_jwk_emit(k, CL_JWK_WRAP, &one, NULL) != CL_OK ||
        cl_jwk_parse(one, "again", CL_JWK_WRAP, &again, NULL) != CL_OK ||
        cl_jwk_emit(again, CL_JWK_WRAP, &two, NULL) != CL_OK || json_equal(one, two) != 1) {
        abort();
    }
    return 0;
}
