/* SPDX-License-Identifier: Apache-2.0
 * fuzz_jwe.c - opening hostile JWE with a P-256 key that changes with each process: nothing that
 * was not sealed to it may open.
 */
#include "cloister/jwe.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct cl_jwk *key;
    struct cl_secret plain = {0};
    if (key == NULL && cl_jwk_generate(CL_JWK_P256, &key, NULL) != CL_OK) {
        abort();
    }
    if (cl_jwe_open(key, data, len, &plain, NULL) == CL_OK) {
        abort();
    }
    return 0;
}
