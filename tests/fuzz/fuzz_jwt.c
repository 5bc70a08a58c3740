/* SPDX-License-Identifier: Apache-2.0
 * fuzz_jwt.c - hostile tokens against keys made for this process: none may verify. The times of
 * hostile claims are checked too.
 */
#include "cloister/jwk.h"
#include "cloister/jwt.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct cl_jwk *es256;
    static EVP_PKEY *ed25519;
    json_t *claims = NULL;
    if (es256 == NULL) {
        ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        if (cl_jwk_generate(CL_JWK_P256, &es256, NULL) != CL_OK || ed25519 == NULL) {
            abort();
        }
    }
    const char *text = (const char *)data;
    if (cl_jwt_verify(CL_JWT_ES256, cl_jwk_pkey(es256), text, len, &claims, NULL) == CL_OK ||
        cl_jwt_verify(CL_JWT_EDDSA, ed25519, text, len, &claims, NULL) == CL_OK) {
        abort();
    }
    if (cl_json_parse(data, len, "fuzz", &claims, NULL) == CL_OK) {
        (void)!cl_jwt_check_times(claims, 1000, NULL);
        json_decref(claims);
    }
    return 0;
}
