/* SPDX-License-Identifier: Apache-2.0
 * fuzz_ear_token.c - hostile attestation tokens: none may open under a key of this process. Hostile
 * claims, signed here, may be refused or opened, and what is opened has its frame.
 */
#include "base/json.h"
#include "cloister/ear.h"
#include "cloister/jwt.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static EVP_PKEY *key;
    json_t *claims = NULL, *read = NULL, *cpu0 = NULL, *annotated = NULL;
    struct cl_buf token = {0};
    if (key == NULL) {
        key = EVP_EC_gen("P-256");
    }
    if (cl_ear_token_open(key, (const char *)data, len, NOW, &read, &cpu0, &annotated, NULL) ==
        CL_OK) {
        abort();
    }
    if (cl_json_parse(data, len, "fuzz", &claims, NULL) != CL_OK) {
        return 0;
    }
    if (cl_jwt_sign(CL_JWT_ES256, key, NULL, claims, &token, NULL) == CL_OK &&
        cl_ear_token_open(key, (const char *)token.data, token.len, NOW, &read, &cpu0, &annotated,
                          NULL) == CL_OK) {
        if (!json_is_object(cpu0) || !json_is_object(annotated)) {
            abort();
        }
        json_decref(read);
    }
    json_decref(claims);
    cl_buf_done(&token);
    return 0;
}
